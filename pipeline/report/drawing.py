"""Everything that matplotlib draws for a report: the figures, and the pictures of named positions."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl

from pipeline.report.cards import FOLDER, list_cards
from pipeline.report.figures import draw_figures, draw_pictures, plot_figures
from pipeline.report.marks import STYLE, Sheet, plot_shares, put_words
from pipeline.report.results import Results
from pipeline.report.words import tell_source

INCHES, DPI = (7.5, 2.4), 160  # 1,200 pixels wide, as previews want it


def draw_all(content: Results) -> Iterator[dict[str, Any]]:
    """Yields the figures as SVG by name, for which the page waits, then every picture as PNG by its path."""
    plotted = plot_figures(content)
    yield draw_figures(content, plotted)
    pictures = {f"figures/{name}": picture for name, picture in draw_pictures(content, plotted).items()}
    cards = draw_cards(content, list_cards(content))
    yield pictures | {f"{FOLDER}/{name}": picture for name, picture in cards.items()}


def draw_cards(content: Results, cards: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """Returns the picture of each card as PNG, by the position's id: its share by year, with intervals."""
    pictures = {}
    with mpl.rc_context(STYLE):
        for card in cards:
            figure = Sheet(figsize=INCHES, layout="constrained")
            axes = figure.subplots()
            places = list(range(len(card["rows"])))
            plot_shares(axes, places, card["rows"], 0, "", is_upright=True)
            axes.set_xticks(places, [row["year"] or "all years" for row in card["rows"]])
            axes.set_xlim(-0.5, len(places) - 0.5)
            axes.set_ylim(0, 100)
            axes.set_ylabel(f"% of {content.codebook.study.output}")
            axes.grid(axis="y")
            put_words(figure, card["title"], f"{card['finding']}.", tell_source(content))
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
            pictures[card["id"]] = buffer.getvalue()
    return pictures
