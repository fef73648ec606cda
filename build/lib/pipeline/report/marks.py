"""What the figures have in common: colours, style, and points with intervals."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

WIDTH_INCHES = 7.2
# Okabe and Ito's colours, told apart by most colour-blind readers; each series has a marker of its own as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "os^Dv*"
INK = "#1a1a1a"  # of text and axes; the page puts its own ink in its place
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
}


def plot_shares(
    axes: Axes,
    places: Sequence[float],
    rows: Sequence[Any],
    number: int,
    label: str,
    *,
    is_upright: bool = False,
    is_hollow: bool = False,
) -> None:
    """Plots points with their intervals along the places; a row has share or value, and may have low and high."""
    known = [(place, row, value) for place, row in zip(places, rows, strict=True) if (value := _point(row)) is not None]
    points = [100 * value for _, _, value in known]
    below = [max(100 * (value - row.get("low", value)), 0) for _, row, value in known]
    above = [max(100 * (row.get("high", value) - value), 0) for _, row, value in known]
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
