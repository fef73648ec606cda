"""The figures: shares by definition and by year, as SVG that is the same bytes for the same numbers."""

import io
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.content import Content

# Okabe and Ito's colours, told apart by most colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "alignment-census",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw_figures(content: Content) -> dict[str, str]:
    """Returns each figure's name and SVG."""
    with mpl.rc_context(STYLE):
        return {"definitions": draw_definitions(content), "years": draw_years(content)}


def draw_definitions(content: Content) -> str:
    """Draws the share under every definition, with its interval, for each frame that may be quoted."""
    definitions = content.codebook.definitions
    figure = Figure(figsize=(7.2, 0.42 * len(definitions) + 1.3), layout="constrained")
    axes = figure.add_subplot()
    frames = [name for name, frame in content.frames.items() if frame.is_quotable]
    for number, frame in enumerate(frames):
        shares = [content.share_of(frame, definition.id) for definition in definitions]
        rows = [place + (number - (len(frames) - 1) / 2) * 0.24 for place in range(len(definitions))]
        points = [100 * row["share"] for row in shares]
        errors = [
            [100 * (row["share"] - row["low"]) for row in shares],
            [100 * (row["high"] - row["share"]) for row in shares],
        ]
        axes.errorbar(
            points,
            rows,
            xerr=errors,
            fmt="os^D"[number % 4],
            color=COLOURS[number],
            label=content.frames[frame].title,
            capsize=3,
            markersize=5,
        )
    axes.set_yticks(range(len(definitions)), [definition.id.replace("_", " ") for definition in definitions])
    axes.invert_yaxis()
    _finish(axes, "% of safety output")
    return _to_svg(figure, "Share under each definition, with 95% intervals")


def draw_years(content: Content) -> str:
    """Draws the headline frame's share per year under each headline definition."""
    frame = content.settings.headline_frame
    years = content.years_of(frame)
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for number, definition in enumerate(content.settings.headline_definitions):
        shares = [content.share_of(frame, definition, year) for year in years]
        places = [int(year) + (number - 1) * 0.12 for year in years]
        points = [100 * row["share"] for row in shares]
        errors = [
            [100 * (row["share"] - row["low"]) for row in shares],
            [100 * (row["high"] - row["share"]) for row in shares],
        ]
        axes.errorbar(
            places,
            points,
            yerr=errors,
            fmt="os^D"[number % 4] + "-",
            color=COLOURS[number],
            label=definition.replace("_", " "),
            capsize=3,
            markersize=5,
            linewidth=1,
        )
    axes.set_xticks([int(year) for year in years], years)
    axes.set_ylim(0, 100)
    axes.set_ylabel("% of safety output")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, loc="best")
    return _to_svg(figure, f"{content.frames[frame].title}: share per year of publication, with 95% intervals")


def _finish(axes: Axes, label: str) -> None:
    axes.set_xlim(0, 100)
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(frameon=False, loc="best")


def _to_svg(figure: Figure, title: str) -> str:
    """Returns the figure as an SVG element with a title for screen readers, without a date."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
