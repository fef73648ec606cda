"""Then and now: what of a share's change comes from new documents, new codes, new predictions, and anything else.

The codes of two versions are each a weighted sample. Giving the documents of the older one, with their old weights,
the codes that they have now changes the codes alone; going from there to the newer sample changes the documents alone.
Both steps are differences of plain weighted shares (Horvitz and Thompson 1952, Hajek's ratio), which no prediction can
move. Each version also publishes its share as it is without predictions: what they add to it, now less then, is what
new predictions moved, those that unrelated documents brought among them. What is left comes from the rest: the
corrections of adjudication, the estimator.
"""

import contextlib
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_query
from pipeline.coding.queries import Query
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
    old, new = fill_assumed(old, codebook), fill_assumed(new, codebook)
    kept = old.set_index("doc_id", drop=False)
    now = new.set_index("doc_id", drop=False)
    both = kept.index.intersection(now.index)
    recoded = kept.copy()
    columns = [name for name in now.columns if name in kept.columns and name not in FIXED]
    recoded.loc[both, columns] = now.loc[both, columns].to_numpy()
    windows = set(zip(shares["frame"].astype(str), shares["year"].astype(str), strict=True))
    tables = [_ask(_with_year(rows), windows, codebook) for rows in (kept, recoded, now)]
    known = {each.id for each in codebook.definitions}
    found = []
    for row in shares.to_dict("records"):
        if row["weight"] != "documents" or row["definition"] not in known:
            found.append(dict.fromkeys(PARTS, np.nan))
            continue
        counts = (row["n_read_old"], row["n_read_old"], row["n_read_new"])
        then, same, today = (_share(asked, row, int(count)) for asked, count in zip(tables, counts, strict=True))
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


@dataclass(frozen=True)
class _Asked:
    """What queries say of the codes of one version: a few queries of a few windows make thousands of shares.

    Attributes:
        weights: float (n_read,).
        windows: the places of the documents of each frame and year (empty: of all years), int (n_within,).
        counted: which documents each definition counts, bool (n_read,); none that asks for an axis the codes have not.
        inside: which are in each denominator.
    """

    weights: np.ndarray
    windows: Mapping[tuple[str, str], np.ndarray]
    counted: Mapping[str, np.ndarray]
    inside: Mapping[str, np.ndarray]


def _ask(rows: pd.DataFrame, windows: Collection[tuple[str, str]], codebook: Codebook) -> _Asked:
    """Asks published codes, a year among their columns, every query of the codebook."""
    frames, years = rows["frame"].to_numpy(dtype=object), rows["year"].to_numpy(dtype=object)
    within = {
        (frame, year): np.flatnonzero((frames == frame) & ((years == year) | (year == ""))) for frame, year in windows
    }
    definitions = {each.id: each for each in codebook.definitions}
    weights = 1 / rows["inclusion_probability"].to_numpy(dtype=float)
    return _Asked(weights, within, _match_all(definitions, rows), _match_all(codebook.denominators, rows))


def _match_all(queries: Mapping[str, Query], rows: pd.DataFrame) -> dict[str, np.ndarray]:
    found = {}
    for name, query in queries.items():
        with contextlib.suppress(KeyError, CodebookError):  # an axis that the older version did not ask for
            found[name] = match_query(query, rows)
    return found


def _share(asked: _Asked, row: Mapping[Hashable, object], n_read: int) -> float:
    """Returns a plain weighted share; not a number where these codes cannot tell it."""
    part = asked.windows[str(row["frame"]), str(row["year"])]
    inside, counted = asked.inside.get(str(row["denominator"])), asked.counted.get(str(row["definition"]))
    if len(part) != n_read or inside is None or counted is None:  # or it was read through documents of other frames
        return float("nan")
    weight = asked.weights[part]
    base = float((weight * inside[part]).sum())
    return float((weight * (counted & inside)[part]).sum()) / base if base else float("nan")
