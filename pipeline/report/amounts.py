"""How many documents there are, by year and scope, and how many of them a list of phrases misses."""

from typing import Any

import pandas as pd

from pipeline.report.content import Content

RECALL_KEY = ("frame", "part", "year", "denominator", "definition")
TOTAL_KEY = ("frame", "year", "denominator", "definition")


def fill_amounts(content: Content) -> dict[str, Any]:
    """Returns the values that the templates use: `amounts`, `scopes` and `missed`; empty without the tables."""
    totals, recall = (content.extras.get(name, pd.DataFrame()) for name in ("totals", "recall"))
    scopes = _list_scopes(content)
    if recall.empty or totals.empty:
        return {"amounts": [], "scopes": scopes, "missed": []}
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
    wanted = ("", *content.settings.headline_definitions)
    is_shown = (recall["denominator"] == content.settings.denominator) & recall["definition"].isin(wanted)
    missed = [_keyed(row, RECALL_KEY) for row in recall[is_shown].to_dict("records")]
    return {"amounts": amounts, "scopes": scopes, "missed": missed}


def _list_scopes(content: Content) -> dict[str, str]:
    """Returns the first denominator of each scope, with what it is."""
    first: dict[str, str] = {}
    for name, denominator in content.codebook.denominators.items():
        if denominator.scope:
            first.setdefault(denominator.scope, name)
    return {name: content.codebook.denominators[name].title for name in first.values()}


def _keyed(row: dict[Any, Any], key: tuple[str, ...]) -> dict[str, Any]:
    return {**row, "key": "|".join(str(row[name]) for name in key)}
