"""Labels that others published of documents in the census, and which leaves of the codebook each of them allows.

A label of another scheme seldom is a leaf of ours: the crosswalk gives the set of leaves that it may mean. It decides a
question (does the document count? is it in the denominator?) only where all leaves of the set give one answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.sheets import read_csv_rows
from pipeline.errors import SheetError

LABELS, CROSSWALK = "labels.csv", "crosswalk.csv"
SCHEME_COLUMNS = ["doc_id", "label_scheme", "label"]
UNDECIDED = -1


@dataclass(frozen=True)
class Allowed:
    """What the labels of each document leave open.

    Attributes:
        labels: index doc_id; columns label_scheme and label, joined where a document has several.
        leaves: bool (n_documents, n_leaves), in the codebook's order: the leaves that all labels of a document allow;
            where no leaf fits all of them, those that one of them allows, so that only what they agree on is decided.
    """

    labels: pd.DataFrame
    leaves: np.ndarray


def decide(allowed: np.ndarray, is_in: np.ndarray) -> np.ndarray:
    """Returns what sets of leaves say to a question: int8 (n,), 1 yes, 0 no, -1 where they leave it open.

    Args:
        allowed: bool (n, n_leaves).
        is_in: bool (n_leaves,), the leaves for which the answer is yes; (n, n_leaves) where it hangs on the document.
    """
    some_in, some_out = (allowed & is_in).any(axis=1), (allowed & ~is_in).any(axis=1)
    return np.where(some_in & some_out, UNDECIDED, some_in.astype(int)).astype(np.int8)


def read_labels(folder: Path, codebook: Codebook) -> pd.DataFrame:
    """Returns the outside labels that the crosswalk knows: columns doc_id, label_scheme, label and leaves (a tuple).

    Labels without a line in the crosswalk mean nothing here and are left out.

    Args:
        folder: with labels.csv and crosswalk.csv; without the first there are no labels.
        codebook: whose leaves the crosswalk names.

    Raises:
        SheetError: a file is malformed, a label stands twice in the crosswalk, or a leaf is not in the codebook.
    """
    if not (folder / LABELS).exists():
        return pd.DataFrame(columns=[*SCHEME_COLUMNS, "leaves"])
    meaning = _read_crosswalk(folder / CROSSWALK, codebook)
    rows = [
        {**{name: row[name] for name in SCHEME_COLUMNS}, "leaves": meaning[row["label_scheme"], row["label"]]}
        for _, row in read_csv_rows(folder / LABELS, SCHEME_COLUMNS)
        if (row["label_scheme"], row["label"]) in meaning
    ]
    found = pd.DataFrame(rows, columns=[*SCHEME_COLUMNS, "leaves"]).drop_duplicates()
    return found.sort_values(SCHEME_COLUMNS, ignore_index=True)


def allow_leaves(labels: pd.DataFrame, codebook: Codebook) -> Allowed:
    """Returns the leaves that the labels of each document allow.

    Args:
        labels: rows of `read_labels`.
        codebook: whose leaves they name.
    """
    leaves = np.array(list(codebook.leaves))
    ids, place = np.unique(labels["doc_id"].to_numpy(dtype=str), return_inverse=True)
    all_allow = np.ones((len(ids), len(leaves)), dtype=bool)
    one_allows = np.zeros_like(all_allow)
    for row, wanted in zip(place, labels["leaves"], strict=True):
        is_allowed = np.isin(leaves, wanted)
        all_allow[row] &= is_allowed
        one_allows[row] |= is_allowed
    has_common = all_allow.any(axis=1, keepdims=True)
    named = labels.groupby("doc_id", sort=True)[["label_scheme", "label"]].agg(_join)
    return Allowed(named.reindex(ids), np.where(has_common, all_allow, one_allows))


def group_sources(sources: pd.Series, groups: Mapping[str, Sequence[str]]) -> pd.Series:
    """Returns the group that each source belongs to: its own name, where no group names it.

    Args:
        sources: of documents.
        groups: sources by the name of their group ([estimate.reader_sources]).
    """
    group_of = {source: group for group, members in groups.items() for source in members}
    return sources.astype(str).map(lambda source: group_of.get(source, source))


def _join(cells: pd.Series) -> str:
    return "; ".join(dict.fromkeys(cells))


def _read_crosswalk(path: Path, codebook: Codebook) -> dict[tuple[str, str], tuple[str, ...]]:
    meaning: dict[tuple[str, str], tuple[str, ...]] = {}
    for line, row in read_csv_rows(path, ("label_scheme", "label", "leaves")):
        where, key = f"{path}:{line}", (row["label_scheme"], row["label"])
        if key in meaning:
            raise SheetError(f"label {row['label']!r} stands twice", where=where, do="keep one of the two lines")
        leaves = tuple(row["leaves"].split())
        unknown = [leaf for leaf in leaves if leaf not in codebook.leaves]
        if unknown or not leaves:
            problem = (
                f"leaf {unknown[0]!r} is not in the codebook" if unknown else f"label {row['label']!r} allows no leaf"
            )
            raise SheetError(
                problem, where=where, do="name leaves of the codebook, with blanks between, or remove the line"
            )
        meaning[key] = leaves
    return meaning
