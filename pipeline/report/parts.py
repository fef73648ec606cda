"""Then and now: what of a share's change comes from new documents, new codes, new predictions, and anything else.

The codes of two versions are each a weighted sample. Giving the documents of the older one, with their old weights,
the codes that they have now changes the codes alone; going from there to the newer sample changes the documents alone.
Both steps are differences of plain weighted shares (Horvitz and Thompson 1952, Hajek's ratio), which no prediction can
move. Each version also publishes its share as it is without predictions: what they add to it, now less then, is what
new predictions moved, those that unrelated documents brought among them. What is left comes from the rest: the
corrections of adjudication, the estimator.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook, Denominator, Query
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.errors import CodebookError

PARTS = ("from_documents", "from_codes", "from_predictions", "from_rest")


def split_changes(shares: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Returns the rows of `compare_shares` with the parts of each change; empty where a part cannot be told.

    Args:
        shares: from `compare_shares`.
        old: the published codes of the older version: columns of `codes`, frame.
        new: the same of the newer one.
        codebook: the definitions of today, which both are asked.
    """
    denominators, definitions = codebook.denominators, {each.id: each for each in codebook.definitions}
    old, new = fill_assumed(old, codebook), fill_assumed(new, codebook)
    kept = old.set_index("doc_id", drop=False)
    now = new.set_index("doc_id", drop=False)
    both = kept.index.intersection(now.index)
    recoded = kept.copy()
    columns = [name for name in now.columns if name in kept.columns and name not in FIXED]
    recoded.loc[both, columns] = now.loc[both, columns].to_numpy()
    tables = [_with_year(rows) for rows in (kept, recoded, now)]
    found = []
    for row in shares.to_dict("records"):
        query, whole = definitions.get(str(row["definition"])), denominators.get(str(row["denominator"]))
        if row["weight"] != "documents" or query is None or whole is None:
            found.append(dict.fromkeys(PARTS, np.nan))
            continue
        counts = (row["n_read_old"], row["n_read_old"], row["n_read_new"])
        then, same, today = (
            _share(rows, str(row["frame"]), str(row["year"]), query, whole, int(count))
            for rows, count in zip(tables, counts, strict=True)
        )
        documents, codes = today - same, same - then
        predictions = row["change_share"] - (row["share_unpredicted_new"] - row["share_unpredicted_old"])
        told = documents + codes + (0.0 if np.isnan(predictions) else predictions)
        found.append(dict(zip(PARTS, (documents, codes, predictions, row["change_share"] - told), strict=True)))
    return pd.concat([shares, pd.DataFrame(found, columns=list(PARTS), index=shares.index)], axis=1)


FIXED = (
    "doc_id",
    "frame",
    "stratum",
    "inclusion_probability",
    "phase2_stratum",
    "phase2_probability",
    "published_date",
)


def rename(rows: pd.DataFrame, aliases: Mapping[str, str]) -> pd.DataFrame:
    """Returns a published table with its frames under the names that they have now."""
    return rows.assign(frame=rows["frame"].replace(dict(aliases))) if aliases and "frame" in rows else rows


def fill_assumed(codes: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Returns published codes with each axis that their codebook had not: what a code of it stands for today."""
    groups = codes["leaf"].map(codebook.group_of)
    late = {axis: by_group for axis, by_group in codebook.assumed.items() if axis not in codes}
    return codes.assign(**{axis: groups.map(by_group) for axis, by_group in late.items()})


def _with_year(rows: pd.DataFrame) -> pd.DataFrame:
    """Adds the year that each document was drawn in, else that of its date."""
    drawn = rows["stratum"].astype(str).str.extract(r"^[^/]+/(\d{4})(?:-Q[1-4])?(?:$|[/+@ ])", expand=False)
    dated = rows["published_date"].astype(str).str[:4]
    return rows.assign(year=drawn.fillna(dated))


def _share(rows: pd.DataFrame, frame: str, year: str, query: Query, whole: Denominator, n_read: int) -> float:
    part = rows[(rows["frame"] == frame) & ((rows["year"] == year) | (year == ""))]
    if len(part) != n_read:  # it was read through documents of other frames too
        return float("nan")
    try:
        inside = match_denominator(whole, part)
        counted = match_definition(query, part) & inside
    except (KeyError, CodebookError):  # an axis that the older version did not ask for
        return float("nan")
    weight = 1 / part["inclusion_probability"].to_numpy(dtype=float)
    base = float((weight * inside).sum())
    return float((weight * counted).sum()) / base if base else float("nan")
