"""A page and a picture for each named position: what a link to it shows where links are shown with a preview."""

import io
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import matplotlib as mpl

from pipeline.coding.positions import Position
from pipeline.report.content import Content, has_rows
from pipeline.report.marks import STYLE, Sheet, plot_shares, put_words
from pipeline.report.words import format_interval, format_percent, tell_source

FOLDER = "positions"
MIN_YEARS = 2  # a trend needs two points
INCHES, DPI = (7.5, 2.4), 160  # 1,200 pixels wide, as previews want it
NOTHING = "none"  # as state.js calls a position that starts from no definition


def list_cards(content: Content) -> list[dict[str, Any]]:
    """Returns, for each named position: id, title, finding, says, link (into the report) and rows (of its windows).

    None without the table `positions`. Rows are of the headline's frame and denominator, by year where there are years.
    """
    if not has_rows(content, "positions"):
        return []
    table, settings = content.extras["positions"], content.settings
    own = table[(table["frame"] == settings.headline_frame) & (table["denominator"] == settings.denominator)]
    cards = []
    for position in content.positions:
        rows = own[(own["position"] == position.id) & own["share"].notna()].sort_values("year").to_dict("records")
        whole = [row for row in rows if not row["year"]]
        if whole:
            years = [row for row in rows if row["year"]]
            cards.append(
                {
                    "id": position.id,
                    "title": position.title,
                    "says": f"{position.who}: {position.says}",
                    "finding": _tell(whole[0], years, content),
                    "link": _link(position, content),
                    "rows": years or whole,
                }
            )
    return cards


def draw_cards(content: Content, cards: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
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


def _tell(whole: dict[Any, Any], years: Sequence[dict[Any, Any]], content: Content) -> str:
    frame = content.frames[content.settings.headline_frame].title
    start = f"{format_percent(whole['share'])} ({format_interval(whole)}) of {content.codebook.study.output} on {frame}"
    if len(years) < MIN_YEARS:
        return start
    first, last = years[0], years[-1]
    shares = [f"{format_percent(row['share'])} in {row['year']}" for row in (first, last)]
    return f"{start}: {shares[0]}, {shares[1]}"


def _link(position: Position, content: Content) -> str:
    state = {
        "frame": content.settings.headline_frame,
        "def": position.definition or NOTHING,
        "in": ",".join(sorted(position.include)),
        "out": ",".join(sorted(position.exclude)),
    }
    return "../index.html#" + urlencode({key: value for key, value in state.items() if value}, safe=",")
