"""What the figures have in common: style, and points with intervals."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pipeline.report.colours import COLOURS, INK

WIDTH_INCHES = 7.2
MARKERS = "os^Dv*"
TITLE_LETTERS, SUBTITLE_LETTERS, SOURCE_LETTERS = 68, 98, 120  # that fit a line of each size
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "alignment-census",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#808080",
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar in a title is a dollar
}


class Sheet(Figure):
    """A figure that is drawn once when it is saved: matplotlib draws it unseen before that, only to lay it out."""

    def draw(self, renderer: RendererBase) -> None:
        """Lays the figure out where that is still to be done, else draws it."""
        engine = self.get_layout_engine()
        if isinstance(engine, ConstrainedLayoutEngine):
            engine.execute(self)
        else:
            super().draw(renderer)


def plot_shares(
    axes: Axes,
    places: Sequence[float],
    rows: Sequence[Any],
    number: int,
    label: str,
    *,
    is_upright: bool = False,
    is_hollow: bool = False,
    scale: float = 100,
) -> None:
    """Plots points with their intervals along the places; a row has share or value, and may have low and high.

    Shares are drawn in percent; `scale` is 1 for numbers.
    """
    known = [(place, row, value) for place, row in zip(places, rows, strict=True) if (value := _point(row)) is not None]
    points = [scale * value for _, _, value in known]
    below = [max(scale * (value - row.get("low", value)), 0) for _, row, value in known]
    above = [max(scale * (row.get("high", value) - value), 0) for _, row, value in known]
    at = [place for place, _, _ in known]
    axes.errorbar(
        at if is_upright else points,
        points if is_upright else at,
        yerr=[below, above] if is_upright else None,
        xerr=None if is_upright else [below, above],
        fmt=MARKERS[number % len(MARKERS)] + ("-" if is_upright else ""),
        color=COLOURS[number % len(COLOURS)],
        markerfacecolor="none" if is_hollow else None,
        label=label,
        capsize=2 if is_upright else 3,
        markersize=4 if is_upright else 5,
        linewidth=1,
    )


def _point(row: Any) -> float | None:
    value = row.get("share", row.get("value"))
    return None if value is None or math.isnan(value) else float(value)


def finish_axes(axes: Axes, label: str) -> None:
    """Makes the horizontal axis one of percentages."""
    axes.set_xlim(0, 100)
    axes.set_xlabel(label)
    axes.grid(axis="x")


def put_words(figure: Figure, title: str, subtitle: str, source: str) -> None:
    """Puts title, subtitle and source into a figure, which grows by what they take."""
    lines = textwrap.wrap(title, TITLE_LETTERS)
    below = textwrap.wrap(subtitle, SUBTITLE_LETTERS)
    head = 0.21 * len(lines) + 0.17 * len(below) + 0.14  # inches
    foot = 0.15 * len(textwrap.wrap(source, SOURCE_LETTERS)) + 0.05
    width, height = figure.get_size_inches()
    whole = height + head + foot
    figure.set_size_inches(width, whole)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, foot / whole, 1, height / whole))
    left = 0.08 / width
    figure.text(left, 1 - 0.06 / whole, "\n".join(lines), fontsize=12, fontweight="bold", va="top")
    place = 1 - (0.1 + 0.21 * len(lines)) / whole
    figure.text(left, place, "\n".join(below), fontsize=9, va="top")
    figure.text(left, 0.05 / whole, textwrap.fill(source, SOURCE_LETTERS), fontsize=7.5, va="bottom")
