"""How many documents there are, by year and scope, and how many of them a list of phrases misses."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from pipeline.report.content import Content

RECALL_KEY = ("frame", "part", "year", "denominator", "definition")
GROWTH_KEY = ("frame", "denominator", "definition", "kind", "from_year", "to_year")
TOTAL_KEY = ("frame", "year", "denominator", "definition")


UNCLEAR = " °"  # beside a change whose interval holds none


def fill_amounts(content: Content) -> dict[str, Any]:
    """Returns the values that the templates use: `amounts`, `scopes` and `missed`; empty without the tables."""
    totals, recall = (content.extras.get(name, pd.DataFrame()) for name in ("totals", "recall"))
    scopes = _list_scopes(content)
    needs = content.extras.get("needs", pd.DataFrame()).to_dict("records")
    if recall.empty or totals.empty:
        return {"amounts": [], "scopes": scopes, "missed": [], "grown": [], "needs": needs}
    known = {tuple(str(row[key]) for key in TOTAL_KEY): row for row in totals.to_dict("records")}
    amounts = [
        {
            "frame": frame,
            "year": year,
            "n_population": known[frame, year, next(iter(scopes)), ""]["n_population"],
            "counts": [_keyed(known[frame, year, name, ""], TOTAL_KEY) for name in scopes],
            "direct": [
                _keyed(known[frame, year, content.settings.denominator, definition], TOTAL_KEY)
                for definition in content.settings.headline_definitions
            ],
        }
        for frame in dict.fromkeys(recall["frame"])
        for year in [*content.years_of(frame), ""]
    ]
    grown = _list_growth(content, set(recall["frame"]))
    wanted = ("", *content.settings.headline_definitions)
    is_shown = (recall["denominator"] == content.settings.denominator) & recall["definition"].isin(wanted)
    missed = [_keyed(row, RECALL_KEY) for row in recall[is_shown].to_dict("records")]
    return {"amounts": amounts, "scopes": scopes, "missed": missed, "grown": grown, "needs": needs}


def _list_growth(content: Content, frames: Collection[str]) -> list[dict[str, Any]]:
    """Returns growth of totals of the headline's denominator: a row for each frame and step."""
    table = content.extras.get("total_growth", pd.DataFrame(columns=list(GROWTH_KEY)))
    table = table[table["frame"].isin(frames) & (table["denominator"] == content.settings.denominator)]
    known = {tuple(str(row[key]) for key in GROWTH_KEY): row for row in table.to_dict("records")}
    steps = dict.fromkeys((frame, *step) for frame, _, _, *step in known)
    rows = []
    for frame, kind, from_year, to_year in steps:
        own = [
            known[frame, content.settings.denominator, definition, kind, from_year, to_year]
            for definition in ("", *content.settings.headline_definitions)
        ]
        shown = {"frame": frame, "from_year": from_year, "to_year": to_year, "whole_ratio": own[0]["whole_ratio"]}
        rows.append({**shown, "all": own[0], "direct": own[1:]})
    return rows


def write_growth(row: Mapping[str, float], what: str = "ratio") -> Markup:
    """Returns a growth factor with its interval, in words of a table cell."""
    low, high = ("low", "high") if what == "ratio" else (f"{what}_low", f"{what}_high")
    if pd.isna(row[what]):
        return Markup("–")
    ends = "any" if pd.isna(row[high]) else f"{row[high]:.2g}" if row[high] >= 10 else f"{row[high]:.2f}"
    mark = mark_unclear(row[low], row[high], 1)
    return Markup(f"×{row[what]:.2f} [{row[low]:.2f}–{ends}]{mark}")  # numbers alone: nothing to escape


def mark_unclear(low: float, high: float, nothing: float = 0) -> str:
    """Returns a mark where an interval holds the number that means no change; an unknown end may lie anywhere."""
    return "" if low > nothing or high < nothing else UNCLEAR


def _list_scopes(content: Content) -> dict[str, str]:
    """Returns the first denominator of each scope, with what it is."""
    first: dict[str, str] = {}
    for name, denominator in content.codebook.denominators.items():
        if denominator.scope:
            first.setdefault(denominator.scope, name)
    return {name: content.codebook.denominators[name].title for name in first.values()}


def _keyed(row: dict[Any, Any], key: tuple[str, ...]) -> dict[str, Any]:
    return {**row, "key": "|".join(str(row[name]) for name in key)}
