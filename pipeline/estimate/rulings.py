"""What a read document may be coded as: one code where it is settled, else what its adjudication might still say.

An adjudicator kept the readers' leaf on nearly every agreement, and overturned it mostly where the classifier, which
never saw the document's codes, gave that leaf a low chance. So the chance of being overturned is learnt by surprise and
window from the agreements that were drawn for adjudication; what a document is then coded as follows the rulings that
overturned such a leaf before, backed by the classifier. What its axes say follows what adjudication did to drawn
agreements whose readers' axes said the same (hot deck: Andridge and Little 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.codebook import ASSUMED, Codebook
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.queries import Denominator, Query
from pipeline.coding.sample import SCREENED, Sample
from pipeline.estimate.axis_donors import GOLDEN, AxisDonors, draw_kept, read_axes
from pipeline.estimate.code_numbers import CodeNumbers
from pipeline.estimate.flips import FlipModel, aim_flips

MORE_THAN_HALF = 0.5 + 1e-5  # no other codes together reach a half beside it
CHANCE_DECIMALS = 9
LIKE_WORTH = 1.0  # checked documents with a wrong mark that those of the next mark count for, all together


@dataclass(frozen=True)
class CodeChances:
    """What each read document may be coded as: kept by adjudication as its readers coded it, or changed.

    Attributes:
        records: the distinct codes: columns leaf, leaf2, the axes of the codebook, confidence, group and group2.
        kept, changed: (n, n_records), chances if the leaf is kept, and if it is changed; rows sum to one.
        change: float (n,), chance that adjudication would change the leaf; 0 where settled.
        kept_drawn: int (n_replicates, n), the code of each document in each replicate if its leaf is kept.
        change_drawn: float (n_replicates, n), the chance of change in each replicate.
        is_settled: bool (n,).
    """

    records: pd.DataFrame
    kept: sparse.csr_array
    changed: sparse.csr_array
    change: np.ndarray
    kept_drawn: np.ndarray
    change_drawn: np.ndarray
    is_settled: np.ndarray

    @cached_property
    def chance(self) -> sparse.csr_array:
        """Chance of each code, all told: (n, n_records)."""
        return sparse.csr_array(
            sparse.diags_array(1 - self.change) @ self.kept + sparse.diags_array(self.change) @ self.changed
        )

    @cached_property
    def matches(self) -> dict[int, tuple[Query, np.ndarray]]:
        """Which codes a query holds, of those asked before: by the identity of the query, which is held here too."""
        return {}

    def match(self, query: Query) -> np.ndarray:
        """Returns which codes a definition or a denominator holds: bool (n_records,), not to be written to."""
        known = self.matches.get(id(query))
        if known is None:
            if isinstance(query, Denominator):
                match = match_denominator(query, self.records)
            else:
                match = match_definition(query, self.records)
            known = self.matches[id(query)] = (query, match)
            known[1].setflags(write=False)
        return known[1]

    @cached_property
    def likeliest(self) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest code of each document, int (n,), and whether it alone outweighs all others, bool (n,)."""
        chance = self.chance
        rows = np.repeat(np.arange(chance.shape[0]), np.diff(chance.indptr))
        order = np.lexsort((chance.indices, -chance.data, rows))
        first = order[np.minimum(chance.indptr[:-1], len(order) - 1)]
        return chance.indices[first].astype(np.int64), chance.data[first] > MORE_THAN_HALF


def spread_codes(
    sample: Sample,
    codebook: Codebook,
    leaf_probability: np.ndarray | None,
    multiplicity: np.ndarray,
    rng: np.random.Generator,
) -> CodeChances:
    """Returns what each read document may be coded as, and how that varies over the replicates.

    Args:
        sample: the read documents.
        codebook: its leaves and axes.
        leaf_probability: float (n, n_leaves), the classifier's, cross-fitted; None without one.
        multiplicity: float (n_replicates, n), how often each document is drawn in each replicate (`bootstrap`).
        rng: of the replicates.
    """
    coder = CodeNumbers.of(codebook, [*sample.readers, sample.adjudicator])
    said = np.stack([coder.encode(reader) for reader in sample.readers])
    is_settled = sample.units["is_adjudicated"].to_numpy(dtype=bool)
    ruled = said[0].copy()
    ruled[sample.units.index.get_indexer(sample.adjudicator.index)] = coder.encode(sample.adjudicator)
    n_leaves = len(codebook.leaves)
    probability = np.full((len(ruled), n_leaves), 1 / n_leaves) if leaf_probability is None else leaf_probability
    version = _versions(sample.readers[0])
    model = FlipModel.of(sample, said, ruled, is_settled, probability, leaf_probability is not None, version)
    settled_codes = coder.decode(coder.join_rows(ruled))
    meant = read_axes(codebook, [*(coder.decode(coder.join_rows(codes)) for codes in said), settled_codes])
    is_screened = (sample.units["phase2_stratum"] == SCREENED).to_numpy()
    is_split = _find_splits(sample.units, said, meant[:-1]) & ~is_screened
    is_plain = ~is_settled & ~is_screened & ~is_split
    is_open = np.flatnonzero(is_plain)
    patterns = AxisDonors.of(said, ruled, is_open, model.is_drawn & ~is_screened, meant, version)
    groups = [codebook.group_of[leaf] for leaf in codebook.leaves]
    is_read = is_settled & ~is_screened  # a screener's mark is no reading
    aims = aim_flips(said, ruled, is_read, model.is_drawn & is_read, probability, groups)[is_open]
    is_assumed = _is_assumed(sample.readers[0])[is_open]
    own_rows, split_rows, screened_rows = (
        np.flatnonzero(rows) for rows in (is_settled, is_split & ~is_settled, is_screened & ~is_settled)
    )
    like, worth = _find_likened(sample, said, ruled, is_screened & is_settled)
    parts: list[np.ndarray] = [
        coder.join_rows(ruled[own_rows]),
        coder.join(said[0][is_open][:, None, :1], patterns.codes),
        coder.join_leaves(said[0][is_open], is_assumed),
        coder.join_rows(said[:, split_rows]).T,
        coder.join_rows(said[0][screened_rows]),
        coder.join_rows(like),
    ]
    known, places = np.unique(np.concatenate([part.reshape(-1) for part in parts]), return_inverse=True)
    edges = np.cumsum([0, *(part.size for part in parts)])
    own, stays, moves, votes, marks, likes = (
        places[start:end].reshape(part.shape) for part, start, end in zip(parts, edges, edges[1:], strict=False)
    )
    drawn = np.zeros((len(multiplicity), len(ruled)), dtype=np.int64)
    drawn[:, own_rows], drawn[:, screened_rows] = own, marks
    start = rng.random(len(multiplicity))
    turn = np.arange(len(split_rows))
    for number, times in enumerate(multiplicity):
        drawn[number, is_open] = draw_kept(patterns, times, stays, start[number])
        reader = (len(said) * ((start[number] + turn * GOLDEN) % 1.0)).astype(int)
        drawn[number, split_rows] = votes[turn, reader]
    rates = np.array([model.draw(times, rng) for times in multiplicity]).reshape(len(multiplicity), len(ruled))
    even = patterns.likeness / patterns.likeness.sum(axis=1, keepdims=True)
    size, sure = (len(ruled), len(known)), (own_rows, own[:, None], np.ones((len(own), 1)))
    halves = (split_rows, votes, np.full(votes.shape, 1 / len(said)))
    is_fixed = is_settled | is_split
    missed = (screened_rows, np.tile(likes, (len(marks), 1)), np.tile(worth, (len(marks), 1)))
    return CodeChances(
        coder.decode(known),
        _table([sure, halves, (is_open, stays, even), (screened_rows, marks[:, None], np.ones((len(marks), 1)))], size),
        _table([sure, halves, (is_open, moves, aims), missed], size),
        np.where(is_fixed, 0.0, model.chance),
        drawn,
        np.where(is_fixed, 0.0, rates),
        is_settled,
    )


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


def _table(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], size: tuple[int, int]) -> sparse.csr_array:
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
    for row in np.flatnonzero(count > 1):
        part = slice(table.indptr[row], table.indptr[row + 1])
        top = part.start + int(table.data[part].argmax())
        table.data[top] = 0.0
        table.data[top] = 1 - table.data[part].sum()
    return sparse.csr_array(table)
