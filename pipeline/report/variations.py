"""Figures of how far the answer moves: over every way of drawing the lines, and over ways of estimating."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.report.colours import COLOURS
from pipeline.report.findings import WRONG, list_variants
from pipeline.report.marks import WIDTH_INCHES, Sheet, finish_axes, plot_shares
from pipeline.report.results import Results

NAME_LETTERS = 44  # of a line's name that stand beside its mark


def plot_curve(content: Results) -> tuple[Figure, str]:
    """Plots the sorted shares of all specifications, and what each contested line does to them."""
    quotable = [name for name, frame in content.frames.items() if frame.is_quotable]
    curve, toggles = (_of_headline(content, name) for name in ("curve", "toggles"))
    figure = Sheet(figsize=(WIDTH_INCHES, 7.2), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[1, 1.5])
    for number, frame in enumerate(quotable):
        rows = curve[curve["frame"] == frame].sort_values("rank")
        place = 100 * rows["rank"] / max(int(rows["n_specifications"].max()) - 1, 1)
        above.fill_between(place, 100 * rows["low"], 100 * rows["high"], color=COLOURS[number], alpha=0.25, linewidth=0)
        style = ("-", "--", ":")[number % 3]
        above.plot(place, 100 * rows["share"], style, color=COLOURS[number], label=content.frames[frame].title)
    above.set(
        xlim=(0, 100),
        ylim=(0, 100),
        xlabel="specifications, sorted (% of all)",
        ylabel=f"% of {content.codebook.study.output}",
    )
    above.grid()
    above.legend(loc="best")
    order = toggles[toggles["frame"] == quotable[0]].sort_values("mean_effect", ascending=False)["toggle"].tolist()
    for number, frame in enumerate(quotable):
        effects = toggles[toggles["frame"] == frame].set_index("toggle").loc[order]
        marks = [
            {"share": row["mean_effect"], "low": row["least_effect"], "high": row["greatest_effect"]}
            for row in effects.to_dict("records")
        ]
        plot_shares(below, (np.arange(len(order)) + 0.24 * (number - 0.5)).tolist(), marks, number, frame)
    below.set_yticks(range(len(order)), [_name_line(content, line) for line in order], fontsize=8)
    below.invert_yaxis()
    finish_axes(below, "points that counting the line adds: mean, and range")
    below.set_xlim(left=-1, right=None, auto=True)
    below.autoscale(axis="x")
    count = int(curve["n_specifications"].max())
    return figure, f"Share under all {count:,} ways of drawing the contested lines, and what each line adds"


def _name_line(content: Results, line: str) -> str:
    """Returns a contested line with its name; several that move together by their codes."""
    title = content.codebook.name_toggle(line).replace("*", "")
    return textwrap.shorten(f"{line} {title}", NAME_LETTERS, placeholder=" …") if title else f"together: {line}"


def plot_robustness(content: Results) -> tuple[Figure, str]:
    """Plots the headline frame's share under every variant of the estimate, for each headline definition."""
    rows = content.extras["robustness"]
    rows = rows[rows["frame"] == content.settings.headline_frame]
    variants = list_variants(content)
    definitions = content.settings.headline_definitions
    figure = Sheet(figsize=(WIDTH_INCHES, 0.27 * len(variants) + 1.2), layout="constrained")
    panels = figure.subplots(1, len(definitions), sharey=True, squeeze=False).flatten()
    for panel, definition in zip(panels, definitions, strict=True):
        own = rows[rows["definition"] == definition].set_index("variant").reindex(variants)
        marks = [{key: cell for key, cell in row.items() if cell == cell} for row in own.to_dict("records")]
        is_wrong = np.array([variant.startswith(WRONG) for variant in variants])
        for number, chosen in ((0, ~is_wrong), (1, is_wrong)):
            places = np.flatnonzero(chosen)
            plot_shares(panel, places.tolist(), [marks[place] for place in places], number, "", is_hollow=bool(number))
        headline = own.loc["headline"]
        panel.axvspan(100 * headline["low"], 100 * headline["high"], color=COLOURS[0], alpha=0.15, linewidth=0)
        panel.set_title(definition.replace("_", " "), fontsize=10)
        finish_axes(panel, f"% of {content.codebook.study.output}" if panel is panels[len(panels) // 2] else "")
    panels[0].set_yticks(range(len(variants)), variants)
    panels[0].invert_yaxis()
    title = content.frames[content.settings.headline_frame].title
    return figure, f"{title}: the headline shares estimated otherwise; the band is the headline's interval"


def _of_headline(content: Results, table: str) -> pd.DataFrame:
    rows = content.extras[table]
    return rows[rows["denominator"] == content.settings.denominator]
