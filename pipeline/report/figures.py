"""The figures, as SVG and PNG that are the same bytes for the same numbers."""

import io
import re
import textwrap
from collections.abc import Callable, Mapping

import matplotlib as mpl
from markupsafe import escape
from matplotlib.figure import Figure

from pipeline.report.findings import MIN_YEARS, Finding, find, list_figures
from pipeline.report.marks import (
    STYLE,
    WIDTH_INCHES,
    Sheet,
    finish_axes,
    plot_shares,
    put_words,
)
from pipeline.report.results import Results
from pipeline.report.variations import plot_curve, plot_robustness
from pipeline.report.words import tell_source

PNG_DPI = 200  # 1,440 pixels wide: sharp on a slide
LEGEND_COLUMNS = 3  # titles of frames that stand beside each other in a figure


Plotted = Mapping[str, tuple[Figure, Finding]]


def draw_figures(content: Results, plotted: Plotted | None = None) -> dict[str, str]:
    """Returns each figure's name and SVG, as the page takes it: without a ground, ink and series in its own colours."""
    return {
        name: _to_svg(figure, finding.alt) for name, (figure, finding) in (plotted or plot_figures(content)).items()
    }


def draw_pictures(content: Results, plotted: Plotted | None = None) -> dict[str, bytes]:
    """Returns each figure's name and PNG, on white, for slides."""
    return {name: _to_png(figure) for name, (figure, _) in (plotted or plot_figures(content)).items()}


def plot_figures(content: Results) -> dict[str, tuple[Figure, Finding]]:
    """Returns each figure, its words in it, with these words."""
    with mpl.rc_context(STYLE):
        drawn = {name: (PLOTS[name](content)[0], find(content, name)) for name in list_figures(content)}
        for figure, finding in drawn.values():
            put_words(figure, finding.title, finding.subtitle, tell_source(content))
        return drawn


def plot_trend(content: Results) -> tuple[Figure, str]:
    """Plots share and number by year under the first headline definition, a column for each frame to be quoted."""
    settings, definition = content.settings, content.settings.headline_definitions[0]
    frames = [name for name, frame in content.frames.items() if frame.is_quotable]
    years = {name: content.years_of(name) if len(content.years_of(name)) >= MIN_YEARS else [""] for name in frames}
    own = content.extras["totals"]
    own = own[(own["definition"] == definition) & (own["denominator"] == settings.denominator)]
    totals = {(row["frame"], row["year"]): row for row in own.to_dict("records")}
    figure = Sheet(figsize=(WIDTH_INCHES, 4.6), layout="constrained")
    ratios = [min(max(len(years[name]), 3), 10) for name in frames]
    panels = figure.subplots(2, len(frames), squeeze=False, sharex="col", height_ratios=[1.4, 1], width_ratios=ratios)
    for column, name in enumerate(frames):
        places = list(range(len(years[name])))
        shares = [content.share_of(name, definition, year) for year in years[name]]
        counts = [totals[name, year] for year in years[name]]
        plot_shares(panels[0][column], places, shares, column, "", is_upright=True)
        numbers = [{"share": row["count"], "low": row["low"], "high": row["high"]} for row in counts]
        plot_shares(panels[1][column], places, numbers, column, "", is_upright=True, scale=1)
        title = textwrap.fill(content.frames[name].title, 2 + 4 * ratios[column])  # as wide as its panel
        panels[0][column].set_title(title, fontsize=10)
        panels[0][column].set_ylim(0, 100)
        panels[1][column].set_ylim(bottom=0)
        step = 1 if len(places) < 8 or len(frames) < 3 else 3
        labels = [f"’{year[2:]}" if year else "all" for year in years[name]]
        panels[1][column].set_xticks(places[::step], labels[::step])
        panels[1][column].set_xlim(-0.5, len(places) - 0.5)
        for row in (0, 1):
            panels[row][column].grid(axis="y")
    panels[0][0].set_ylabel(f"% of {content.codebook.study.output}")
    panels[1][0].set_ylabel("documents")
    return figure, ""


def plot_definitions(content: Results) -> tuple[Figure, str]:
    """Plots the share under every definition, with its interval, for each frame that may be quoted."""
    definitions = content.codebook.definitions
    figure = Sheet(figsize=(WIDTH_INCHES, 0.42 * len(definitions) + 1.3), layout="constrained")
    axes = figure.add_subplot()
    frames = [name for name, frame in content.frames.items() if frame.is_quotable]
    step = min(0.24, 0.6 / max(len(frames), 1))  # marks of one definition stay nearer to its name than to the next
    for number, frame in enumerate(frames):
        shares = [content.share_of(frame, definition.id) for definition in definitions]
        rows = [place + (number - (len(frames) - 1) / 2) * step for place in range(len(definitions))]
        plot_shares(axes, rows, shares, number, content.frames[frame].title)
    axes.set_yticks(range(len(definitions)), [definition.id.replace("_", " ") for definition in definitions])
    axes.invert_yaxis()
    finish_axes(axes, f"% of {content.codebook.study.output}")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=min(len(frames), LEGEND_COLUMNS))
    return figure, f"Share under each definition in each quotable frame, with {content.level:.0%} intervals"


def plot_years(content: Results) -> tuple[Figure, str]:
    """Plots the share per year, one panel for each nested definition, for each frame with years."""
    definitions = [definition for definition in content.codebook.definitions if definition.nested]
    frames = [name for name in content.frames if len(content.years_of(name)) >= MIN_YEARS]
    columns = 3
    lines = -(-len(definitions) // columns)
    figure = Sheet(figsize=(WIDTH_INCHES, 1.9 * lines + 0.3), layout="constrained")
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flatten()
    for panel, definition in zip(panels, definitions, strict=False):
        for number, frame in enumerate(frames):
            years = [int(year) for year in content.years_of(frame)]
            shares = [content.share_of(frame, definition.id, str(year)) for year in years]
            plot_shares(panel, years, shares, number, content.frames[frame].title, is_upright=True)
        panel.set_title(definition.id.replace("_", " "), fontsize=10)
        panel.set_ylim(-2, 102)  # room for the markers at the ends
        panel.grid(axis="y")
    for panel in panels[len(definitions) :]:
        panel.set_visible(False)
    ticks = sorted({int(year) for frame in frames for year in content.years_of(frame)})
    if ticks:
        panels[0].set_xticks(ticks[::3], [f"’{year % 100:02d}" for year in ticks[::3]])
    figure.supylabel(f"% of {content.codebook.study.output}")
    titles = " and ".join(content.frames[frame].title for frame in frames)
    return figure, f"{titles}: share per year of publication under each definition, with {content.level:.0%} intervals"


def plot_published(content: Results) -> tuple[Figure, str]:
    """Plots the headline frame's shares beside the figures that others published."""
    rows = [row for row in content.published if row.get("definition")]
    definitions = [
        item.id for item in content.codebook.definitions if any(row["definition"] == item.id for row in rows)
    ]
    figure = Sheet(figsize=(WIDTH_INCHES, 0.62 * len(definitions) + 1.3), layout="constrained")
    axes = figure.add_subplot()
    quotable = [name for name, frame in content.frames.items() if frame.is_quotable]
    sources = sorted({_short_source(row) for row in rows})
    step = 0.8 / (len(quotable) + len(sources))
    for number, frame in enumerate(quotable):
        shares = [content.share_of(frame, name) for name in definitions]
        plot_shares(
            axes,
            [p - 0.3 + step * number for p in range(len(definitions))],
            shares,
            number,
            content.frames[frame].title,
        )
    for number, source in enumerate(sources, len(quotable)):
        points = [row for row in rows if _short_source(row) == source]
        places = [definitions.index(row["definition"]) - 0.3 + step * number for row in points]
        plot_shares(axes, places, points, number, source, is_hollow=True)
    axes.set_yticks(range(len(definitions)), [name.replace("_", " ") for name in definitions])
    axes.invert_yaxis()
    finish_axes(axes, f"% (of {content.codebook.study.output}; of documents, or of people where it says so)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure, "This census (filled) beside published figures (hollow) under the nearest definition"


PLOTS: Mapping[str, Callable[[Results], tuple[Figure, str]]] = {
    "trend": plot_trend,
    "definitions": plot_definitions,
    "years": plot_years,
    "curve": plot_curve,
    "robustness": plot_robustness,
    "published": plot_published,
}


def _short_source(row: Mapping[str, str]) -> str:
    return row.get("short") or row["source"].split(",")[0]


def _to_svg(figure: Figure, title: str) -> str:
    """Returns the figure as an SVG element with a title for screen readers, without a date."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Title": title})
    text = buffer.getvalue()
    # Names of clip paths hang on the last bit of a rectangle's side, which two drawings may round apart.
    for number, name in enumerate(dict.fromkeys(re.findall(r"url\(#(p[0-9a-f]{10})\)", text)), 1):
        text = text.replace(name, f"clip_{number}")
    return text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)


def _to_png(figure: Figure) -> bytes:
    """Returns the figure as PNG on white, without a date or the name of a program."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=PNG_DPI, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
