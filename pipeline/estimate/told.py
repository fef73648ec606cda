"""What readers and rulings say of a sample, as numbers: of which nothing hangs on predictions or on replicates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.codebook import ASSUMED, Codebook
from pipeline.coding.sample import SCREENED, Sample
from pipeline.estimate.axis_donors import AxisDonors, read_axes
from pipeline.estimate.code_numbers import CodeNumbers
from pipeline.estimate.flips import is_drawn_by_chance

CHANCE_DECIMALS = 9
LIKE_WORTH = 1.0  # checked documents with a wrong mark that those of the next mark count for, all together
Chances = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows, their codes (n, k), the chances of these (n, k)


@dataclass(frozen=True)
class Told:
    """Read documents by what is known of their codes, and the codes that each may have.

    Attributes:
        said: int (n_readers, n, n_columns). ruled: int (n, n_columns), the rulings, else what the first reader said.
        version: int (n,), the codebook that each was read under.
        is_settled, is_screened, is_split: bool (n,), ruled on; only marked by a screener; readers differ for good.
        patterns: what may become of the axes of open agreements.
        records: the distinct codes.
        own_rows, open_rows, split_rows, screened_rows: settled documents, open agreements, splits, marks.
        own, stays, moves, votes, marks: int, the codes of these: as ruled (n_own,), if the leaf is kept
            (n_open, n_donors) or changed (n_open, n_leaves), of each reader (n_split, n_readers), as marked (n_marks,).
        likes, worth: (k,), codes and chances of a document whose mark is wrong.
        fixed: chances of settled and split documents. kept: (n, n_records), of all if no leaf is changed.
    """

    said: np.ndarray
    ruled: np.ndarray
    version: np.ndarray
    is_settled: np.ndarray
    is_screened: np.ndarray
    is_split: np.ndarray
    patterns: AxisDonors
    records: pd.DataFrame
    own_rows: np.ndarray
    open_rows: np.ndarray
    split_rows: np.ndarray
    screened_rows: np.ndarray
    own: np.ndarray
    stays: np.ndarray
    moves: np.ndarray
    votes: np.ndarray
    marks: np.ndarray
    likes: np.ndarray
    worth: np.ndarray
    fixed: tuple[Chances, Chances]
    kept: sparse.csr_array


def number_codes(sample: Sample, codebook: Codebook) -> Told:
    """Returns what is said of the documents of a sample."""
    coder = CodeNumbers.of(codebook, [*sample.readers, sample.adjudicator])
    said = np.stack([coder.encode(reader) for reader in sample.readers])
    is_settled = sample.units["is_adjudicated"].to_numpy(dtype=bool)
    ruled = said[0].copy()
    ruled[sample.units.index.get_indexer(sample.adjudicator.index)] = coder.encode(sample.adjudicator)
    version = _versions(sample.readers[0])
    settled_codes = coder.decode(coder.join_rows(ruled))
    meant, scope = read_axes(codebook, [*(coder.decode(coder.join_rows(codes)) for codes in said), settled_codes])
    is_screened = (sample.units["phase2_stratum"] == SCREENED).to_numpy()
    is_split = _find_splits(sample.units, said, meant[:-1]) & ~is_screened
    open_rows = np.flatnonzero(~is_settled & ~is_screened & ~is_split)
    is_drawn = is_drawn_by_chance(sample.units, is_settled) & ~is_screened
    patterns = AxisDonors.of(said, ruled, open_rows, is_drawn, meant, scope, version)
    own_rows, split_rows, screened_rows = (
        np.flatnonzero(rows) for rows in (is_settled, is_split & ~is_settled, is_screened & ~is_settled)
    )
    like, worth = _find_likened(sample, said, ruled, is_screened & is_settled)
    known, (own, stays, moves, votes, marks, likes) = _number_parts(
        [
            coder.join_rows(ruled[own_rows]),
            coder.join(said[0][open_rows][:, None, :1], patterns.codes),
            coder.join_leaves(said[0][open_rows], _is_assumed(sample.readers[0])[open_rows]),
            coder.join_rows(said[:, split_rows]).T,
            coder.join_rows(said[0][screened_rows]),
            coder.join_rows(like),
        ]
    )
    even = patterns.likeness / patterns.likeness.sum(axis=1, keepdims=True)
    sure, halves = (own_rows, own[:, None], np.ones((len(own), 1))), np.full(votes.shape, 1 / len(said))
    fixed = sure, (split_rows, votes, halves)
    marked = (screened_rows, marks[:, None], np.ones((len(marks), 1)))
    kept = tabulate_chances([*fixed, (open_rows, stays, even), marked], (len(ruled), len(known)))
    return Told(
        said, ruled, version, is_settled, is_screened, is_split, patterns, coder.decode(known),
        own_rows, open_rows, split_rows, screened_rows, own, stays, moves, votes, marks, likes, worth, fixed, kept,
    )  # fmt: skip


def _number_parts(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Returns the distinct values of some arrays, rising, and the place of each value among them, array by array."""
    known, places = np.unique(np.concatenate([part.reshape(-1) for part in parts]), return_inverse=True)
    edges = np.cumsum([0, *(part.size for part in parts)])
    pieces = zip(parts, edges, edges[1:], strict=False)
    return known, [places[start:end].reshape(part.shape) for part, start, end in pieces]


def _versions(reader: pd.DataFrame) -> np.ndarray:
    """Returns which codebook each document was read under, as far as codes tell: int (n,)."""
    if ASSUMED not in reader:
        return np.zeros(len(reader), dtype=int)
    return pd.factorize(reader[ASSUMED], sort=True)[0]


def _is_assumed(reader: pd.DataFrame) -> np.ndarray:
    """Returns whose axes follow from the leaf: bool (n,)."""
    return (reader[ASSUMED] != "").to_numpy() if ASSUMED in reader else np.zeros(len(reader), dtype=bool)


def _find_splits(units: pd.DataFrame, said: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """Returns on which documents readers differ and no ruling was ever to be drawn: each reader's code counts in part.

    Args:
        units: of the sample.
        said: int (n_readers, n, n_columns).
        meant: int (n_readers, n), what their axes say under the definitions.
    """
    differ = (said[:, :, 0] != said[0][:, 0]).any(axis=0) | (meant != meant[0]).any(axis=0)
    return differ & (units["phase2_probability"] == 0).to_numpy() & ~units["is_adjudicated"].to_numpy(dtype=bool)


def _find_likened(
    sample: Sample, said: np.ndarray, ruled: np.ndarray, is_checked: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what a document is coded as whose screener's mark is wrong: codes int (k, n_columns) and chances (k,).

    Those of checked documents whose mark was wrong, and, as one more of them, those that readers gave to documents of
    the mark next to it.
    """
    leaf = said[0][:, 0]
    wrong = ruled[is_checked & (ruled[:, 0] != leaf)]
    marked = set(said[0][is_checked][:, 0].tolist())
    near = sample.units.index.isin(list(sample.likened)) & ~is_checked
    told = said[:, near].reshape(-1, said.shape[2])
    told = told[~np.isin(told[:, 0], list(marked))]
    codes = np.concatenate([wrong, told]) if len(wrong) + len(told) else ruled[:1]
    worth = np.concatenate([np.ones(len(wrong)), np.full(len(told), LIKE_WORTH / max(len(told), 1))])
    return codes, (worth if len(worth) else np.ones(1)) / max(worth.sum(), 1e-9 if len(worth) else 1.0)


def tabulate_chances(
    parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], size: tuple[int, int]
) -> sparse.csr_array:
    """Returns chances as a table: rows, their codes (n, k) and chances (n, k), of nine decimals that sum to one."""
    rows = np.concatenate([np.repeat(rows, codes.shape[1]) for rows, codes, _ in parts])
    codes = np.concatenate([codes.reshape(-1) for _, codes, _ in parts])
    chances = np.concatenate([chances.reshape(-1) for _, _, chances in parts])
    table = sparse.coo_array((chances, (rows, codes)), shape=size).tocsr()
    table.data = np.round(table.data, CHANCE_DECIMALS)
    table.eliminate_zeros()
    table.sort_indices()
    count = np.diff(table.indptr)
    table.data[table.indptr[:-1][count == 1]] = 1.0
    for number in np.unique(count[count > 1]):
        places = table.indptr[:-1][count == number, None] + np.arange(number)
        chances = table.data[places]
        top = np.arange(len(places)), chances.argmax(axis=1)  # the likeliest code takes what rounding leaves
        chances[top] = 0.0
        table.data[places[top]] = 1 - chances.sum(axis=1)
    return sparse.csr_array(table)
