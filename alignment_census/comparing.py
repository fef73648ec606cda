"""What changed between two versions of the census, as whoever uses it sees it."""

import pandas as pd

from alignment_census.loading import Census, load_census
from pipeline.release.differences import compare_rows

__all__ = ["compare_censuses"]

KEYS = {"codes": ["doc_id"], "shares": ["frame", "year", "denominator", "definition", "weight"]}
TOLERANCE = 5e-7  # half of the sixth decimal, to which shares are published


def compare_censuses(old: Census | str, new: Census | str | None = None) -> pd.DataFrame:
    """Returns every difference between two versions: documents, codes and shares.

    Args:
        old: a census, its folder, or its version.
        new: likewise; the newest by default.

    Returns:
        one row a difference: `what` ("document", "code" or "share"), `key` (a doc_id; of a share its frame, year,
        denominator, definition and way of counting), `change` ("added", "changed" or "gone"), `columns` (a list of the
        names of what differs), `before` and `after` (lists of texts, one a column). Codes and shares are compared
        where both versions have them.

    Raises:
        CensusError: there is no such census or one is damaged.

    Source: the tables `documents`, `codes` and `shares` of both; `changes.parquet` of the newer has the documents'
        rows against the version before it.

    Example:
        >>> len(compare_censuses(load_census(), load_census()))
        0
    """
    before = old if isinstance(old, Census) else load_census(old)
    after = new if isinstance(new, Census) else load_census(new)
    parts = [compare_rows(before.documents, after.documents, ["doc_id"]).assign(what="document")]
    for name, key in KEYS.items():
        if all(f"{name}.parquet" in census.manifest["files"] for census in (before, after)):
            rows = compare_rows(before.table(name), after.table(name), key, tolerance=TOLERANCE)
            parts.append(rows.assign(what=name.removesuffix("s")))
    found = pd.concat(parts, ignore_index=True)
    return found[["what", "key", "change", "columns", "before", "after"]]
