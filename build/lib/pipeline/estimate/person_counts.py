"""How many of the documents behind each number a person has read."""

from collections.abc import Mapping

import pandas as pd

from pipeline.coding.sample import Sample


def add_person_counts(tables: Mapping[str, pd.DataFrame], sample: Sample) -> dict[str, pd.DataFrame]:
    """Adds `n_person` to every table of estimates about a frame, or about years of one.

    A row's years are those it names in year, in from_year and to_year, or in early_years and late_years; a row that
    names none is about the whole frame.
    """
    units = sample.units.reset_index()
    units = units[units["n_person"] > 0]
    return {name: _count(rows, units) if _is_about_reads(rows) else rows for name, rows in tables.items()}


def _is_about_reads(rows: pd.DataFrame) -> bool:
    return "frame" in rows and ("low" in rows or "mean_effect" in rows)


def _count(rows: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    spans = [_spans(row) for row in rows.to_dict("records")]
    counts = []
    for frame, years in zip(rows["frame"], spans, strict=True):
        here = units[units["frame"] == frame]
        counts.append(sum(_is_within(str(year), years) for year in here["year"]))
    return rows.assign(n_person=counts)


def _spans(row: Mapping[object, object]) -> list[tuple[str, str]]:
    """Returns the first and last year of each span that a row is about; none: all years."""
    if row.get("from_year"):
        return [(str(row["from_year"]), str(row["to_year"]))]
    named = [str(row[key]) for key in ("year", "early_years", "late_years") if row.get(key)]
    return [(span.split("–")[0], span.split("–")[-1]) for span in named]


def _is_within(year: str, spans: list[tuple[str, str]]) -> bool:
    return not spans or any(first <= year <= last for first, last in spans)
