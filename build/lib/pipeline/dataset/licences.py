"""Licences: which texts may be passed on."""

import pandas as pd

CC0 = "CC0-1.0"
CC_BY = "CC-BY-4.0"
EA_FORUM_FREE_FROM = "2022-12-01"  # posts from this day are CC BY 4.0 by the terms of the EA Forum


def licence_of_texts(documents: pd.DataFrame) -> pd.Series:
    """Returns the licence of each document's text: string (n,), null where it may not be passed on.

    A date that is not known to the day counts only if all of it is late enough. Abstracts on arXiv are metadata
    (CC0); papers are not, so only the text kind `abstract` is free there.
    """
    licences = pd.Series(None, index=documents.index, dtype="str")
    licences[(documents["source"] == "arxiv") & (documents["text_kind"] == "abstract")] = CC0
    earliest = documents["published_date"].fillna("0000").map(_earliest_day)
    is_free_post = (documents["source"] == "eaforum") & (earliest >= EA_FORUM_FREE_FROM)
    licences[is_free_post & documents["text_kind"].isin(["full", "opening"])] = CC_BY
    return licences


def _earliest_day(date: str) -> str:
    return f"{date}-01-01"[:10] if len(date) == len("YYYY") else f"{date}-01"[:10]
