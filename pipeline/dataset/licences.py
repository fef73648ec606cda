"""Licences: which texts may be passed on, by the rules of the study's configuration."""

from collections.abc import Sequence

import pandas as pd

from pipeline.settings import Licence


def licence_of_texts(documents: pd.DataFrame, rules: Sequence[Licence]) -> pd.Series:
    """Returns the licence of each document's text: string (n,), null where it may not be passed on.

    A date that is not known to the day counts only if all of it is late enough. Of several rules the first holds.

    Args:
        documents: columns source, text_kind and published_date; n rows.
        rules: `[[dataset.licences]]`.
    """
    licences = pd.Series(None, index=documents.index, dtype="str")
    earliest = documents["published_date"].fillna("0000").map(_earliest_day)
    for rule in reversed(rules):
        is_covered = (documents["source"] == rule.source) & documents["text_kind"].isin(rule.text_kinds)
        licences[is_covered & (earliest >= rule.from_date)] = rule.licence
    return licences


def _earliest_day(date: str) -> str:
    return f"{date}-01-01"[:10] if len(date) == len("YYYY") else f"{date}-01"[:10]
