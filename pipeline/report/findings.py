"""What each figure finds, of what, and the rows behind it: a picture that can stand alone says all three."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.coding.definitions import is_set_of_leaves
from pipeline.coding.queries import Definition
from pipeline.report.results import Results, has_rows
from pipeline.report.words import format_number, format_percent, tell_trend

MIN_YEARS = 2  # a trend needs two points
WRONG = "WRONG"  # how the table of variants marks one that is shown in order to be avoided


@dataclass(frozen=True)
class Finding:
    """The words of a figure.

    Attributes:
        title: what it finds, with its numbers.
        subtitle: definition, frame and denominator of what is drawn.
        rows: the numbers, as in the tables of the report.
    """

    title: str
    subtitle: str
    rows: pd.DataFrame

    @property
    def alt(self) -> str:
        """What somebody who does not see the picture is told."""
        return f"{self.title}. {self.subtitle}."


def list_figures(content: Results) -> list[str]:
    """Returns the names of the figures whose tables exist."""
    is_there = {
        "trend": has_rows(content, "totals"),
        "years": any(len(content.years_of(name)) >= MIN_YEARS for name in content.frames),
        "published": any(row.get("definition") for row in content.published),
        "curve": bool(content.codebook.toggles.leaves) and has_rows(content, "curve") and has_rows(content, "toggles"),
        "robustness": has_rows(content, "robustness"),
    }
    return [name for name in FINDERS if is_there.get(name, True)]


def list_variants(content: Results) -> list[str]:
    """Returns the variants of the robustness table: the headline first, the wrong ways last."""
    names = set(content.extras["robustness"]["variant"])
    return sorted(names, key=lambda name: (name != "headline", name.startswith(WRONG), name))


def find(content: Results, name: str) -> Finding:
    """Returns the words and rows of a figure."""
    return FINDERS[name](content)


def _is_rung(definition: Definition) -> bool:
    """Whether it is on the ladder, and no bound: leaves alone say what counts."""
    return definition.nested and is_set_of_leaves(definition)


def _of(content: Results) -> str:
    return (
        f"share of {content.codebook.denominators[content.settings.denominator].title}, {content.level:.0%} intervals"
    )


def _quotable(content: Results) -> list[str]:
    return [name for name, frame in content.frames.items() if frame.is_quotable]


def _shares(content: Results, definitions: list[str], *, years: bool) -> pd.DataFrame:
    rows = content.shares.reset_index(drop=True)
    kept = (
        rows["frame"].isin(_quotable(content)) & rows["definition"].isin(definitions) & (rows["weight"] == "documents")
    )
    rows = rows[kept & (rows["denominator"] == content.settings.denominator)]
    return rows if years else rows[rows["year"] == ""]


def _find_trend(content: Results) -> Finding:
    settings, definition = content.settings, content.settings.headline_definitions[0]
    shares = _shares(content, [definition], years=True)
    rows = shares[["frame", "year", "definition", "denominator", "share", "low", "high"]]
    title = tell_trend(content, settings.headline_frame, definition)
    totals = content.extras.get("totals")
    if totals is not None:
        columns = ["frame", "year", "definition", "denominator"]
        counts = totals.rename(columns={"low": "count_low", "high": "count_high"})
        rows = rows.merge(counts[[*columns, "count", "count_low", "count_high"]], on=columns, how="left")
        own = rows[(rows["frame"] == settings.headline_frame) & (rows["year"] != "")].sort_values("year")
        if len(own) > 1:
            first, best = own.iloc[0], own.sort_values("count").iloc[-1]
            title += (
                f"; about {format_number(round(first['count']))} documents in {first['year']}, "
                f"at most {format_number(round(best['count']))} a year ({best['year']})"
            )
    named = next(item.title for item in content.codebook.definitions if item.id == definition)
    return Finding(title, f"{named}; {_of(content)}; below, the number of documents that count", rows)


def _find_definitions(content: Results) -> Finding:
    names = [definition.id for definition in content.codebook.definitions]
    rows = _shares(content, names, years=False)
    by_line = [definition.id for definition in content.codebook.definitions if _is_rung(definition)]
    own = rows[(rows["frame"] == content.settings.headline_frame) & rows["definition"].isin(by_line)]["share"]
    title = (
        f"{content.frames[content.settings.headline_frame].title}: from {format_percent(own.min())} to "
        f"{format_percent(own.max())}, depending on what is called {content.codebook.study.direct}"
    )
    return Finding(title, f"Every definition of the codebook in each frame that may be quoted; {_of(content)}", rows)


def _find_years(content: Results) -> Finding:
    nested = [definition.id for definition in content.codebook.definitions if definition.nested]
    frame = content.settings.headline_frame
    title = f"{content.frames[frame].title}: the share by year under each definition"
    trends = content.extras.get("trends")
    if trends is not None:
        kept = (trends["frame"] == frame) & (trends["denominator"] == content.settings.denominator)
        rows = trends[kept & (trends["kind"] == "change") & trends["definition"].isin(nested)]
        if len(rows):
            fell = int((rows["high"] < 0).sum())
            title = (
                f"{content.frames[frame].title}: the share fell from {rows['from_year'].min()} to "
                f"{rows['to_year'].max()} under {fell} of {len(rows)} definitions"
            )
    return Finding(title, f"A panel for each nested definition; {_of(content)}", _shares(content, nested, years=True))


def _find_curve(content: Results) -> Finding:
    curve = content.extras["curve"]
    rows = curve[(curve["denominator"] == content.settings.denominator) & curve["frame"].isin(_quotable(content))]
    own = rows[rows["frame"] == content.settings.headline_frame]["share"]
    count = format_number(rows["n_specifications"].max())
    title = (
        f"{content.frames[content.settings.headline_frame].title}: over {count} ways to draw the contested lines, "
        f"from {format_percent(own.min())} to {format_percent(own.max())}"
    )
    return Finding(title, f"Above, every combination, sorted; below, what counting a line adds; {_of(content)}", rows)


def _find_robustness(content: Results) -> Finding:
    frame, definition = content.settings.headline_frame, content.settings.headline_definitions[0]
    rows = content.extras["robustness"]
    own = rows[(rows["frame"] == frame) & (rows["definition"] == definition)]
    sound = own[~own["variant"].astype(str).str.startswith(WRONG)]["share"]
    named = definition.replace("_", " ")
    title = (
        f"{content.frames[frame].title}: estimated otherwise, {named} stays between {format_percent(sound.min())} "
        f"and {format_percent(sound.max())}"
    )
    return Finding(title, f"The headline definitions; the band is the headline's interval; {_of(content)}", rows)


def _find_published(content: Results) -> Finding:
    rows = pd.DataFrame([dict(row) for row in content.published if row.get("definition")])
    subtitle = f"Ours filled, of {content.codebook.study.output}; theirs hollow, of what each counted"
    return Finding("This census beside figures of others, under the nearest definition", subtitle, rows)


FINDERS: Mapping[str, Callable[[Results], Finding]] = {
    "trend": _find_trend,
    "definitions": _find_definitions,
    "years": _find_years,
    "curve": _find_curve,
    "robustness": _find_robustness,
    "published": _find_published,
}
