"""What a read document may be coded as: one code where it is settled, else what its adjudication might still say.

An adjudicator kept the readers' leaf on nearly every agreement, and overturned it mostly where the classifier, which
never saw the document's codes, gave that leaf a low chance. So the chance of being overturned is learnt by surprise and
window from the agreements that were drawn for adjudication; what a document is then coded as follows the rulings that
overturned such a leaf before, backed by the classifier. What its axes say follows what adjudication did to drawn
agreements whose readers' axes said the same (hot deck: Andridge and Little 2010).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.code_columns import CodeColumns
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.queries import Denominator, Query
from pipeline.coding.sample import Sample
from pipeline.estimate.axis_donors import GOLDEN, draw_kept
from pipeline.estimate.code_numbers import CodeNumbers
from pipeline.estimate.flips import FlipModel, aim_flips
from pipeline.estimate.told import Told, number_codes, tabulate_chances

MORE_THAN_HALF = 0.5 + 1e-5  # no other codes together reach a half beside it


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
        told: what they were made from, for others of the same sample.
    """

    records: pd.DataFrame
    kept: sparse.csr_array
    changed: sparse.csr_array
    change: np.ndarray
    kept_drawn: np.ndarray
    change_drawn: np.ndarray
    is_settled: np.ndarray
    told: Told | None = None

    @cached_property
    def chance(self) -> sparse.csr_array:
        """Chance of each code, all told: (n, n_records)."""
        return sparse.csr_array(
            sparse.diags_array(1 - self.change) @ self.kept + sparse.diags_array(self.change) @ self.changed
        )

    @cached_property
    def columns(self) -> CodeColumns:
        """The records, for many queries."""
        return CodeColumns(self.records)

    @cached_property
    def matches(self) -> dict[int, tuple[Query, np.ndarray]]:
        """Which codes a query holds, of those asked before: by the identity of the query, which is held here too."""
        return {}

    def match(self, query: Query) -> np.ndarray:
        """Returns which codes a definition or a denominator holds: bool (n_records,), not to be written to."""
        known = self.matches.get(id(query))
        if known is None:
            if isinstance(query, Denominator):
                match = match_denominator(query, self.columns)
            else:
                match = match_definition(query, self.columns)
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
    told: Told | None = None,
) -> CodeChances:
    """Returns what each read document may be coded as, and how that varies over the replicates.

    Args:
        sample: the read documents.
        codebook: its leaves and axes.
        leaf_probability: float (n, n_leaves), the classifier's, cross-fitted; None without one.
        multiplicity: float (n_replicates, n), how often each document is drawn in each replicate (`bootstrap`).
        rng: of the replicates.
        told: of the same sample and codebook, where it is known already.
    """
    told = number_codes(sample, codebook) if told is None else told
    said, ruled, is_fixed = told.said, told.ruled, told.is_settled | told.is_split
    n_leaves = len(codebook.leaves)
    probability = np.full((len(ruled), n_leaves), 1 / n_leaves) if leaf_probability is None else leaf_probability
    model = FlipModel.of(sample, said, ruled, told.is_settled, probability, leaf_probability is not None, told.version)
    groups = [codebook.group_of[leaf] for leaf in codebook.leaves]
    is_read = told.is_settled & ~told.is_screened  # a screener's mark is no reading
    aims = aim_flips(said, ruled, is_read, model.is_drawn & is_read, probability, groups)[told.open_rows]
    each = (len(told.marks), 1)
    missed = (told.screened_rows, np.tile(told.likes, each), np.tile(told.worth, each))
    changed = tabulate_chances([*told.fixed, (told.open_rows, told.moves, aims), missed], told.kept.shape)
    drawn = _draw_codes(told, multiplicity, rng)  # before the rates: both take random numbers
    rates = np.array([model.draw(times, rng) for times in multiplicity]).reshape(len(multiplicity), len(ruled))
    return CodeChances(
        told.records,
        told.kept,
        changed,
        np.where(is_fixed, 0.0, model.chance),
        drawn,
        np.where(is_fixed, 0.0, rates),
        told.is_settled,
        told,
    )


def settle_as(reader: pd.DataFrame, codebook: Codebook, count: int) -> CodeChances:
    """Returns one reader's codes taken for the truth: every document is settled, in each of `count` replicates."""
    coder = CodeNumbers.of(codebook, [reader])
    known, code = np.unique(coder.join_rows(coder.encode(reader)), return_inverse=True)
    sure = sparse.csr_array((np.ones(len(code)), (np.arange(len(code)), code)))
    drawn = np.broadcast_to(code, (count, len(code)))
    none = np.zeros(drawn.shape)
    return CodeChances(coder.decode(known), sure, sure, none[0], drawn, none, np.ones(len(code), dtype=bool))


def _draw_codes(told: Told, multiplicity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the code of each document in each replicate if its leaf is kept: int (n_replicates, n)."""
    drawn = np.zeros((len(multiplicity), len(told.ruled)), dtype=np.int64)
    drawn[:, told.own_rows], drawn[:, told.screened_rows] = told.own, told.marks
    start = rng.random(len(multiplicity))
    turn = np.arange(len(told.split_rows))
    for number, times in enumerate(multiplicity):
        drawn[number, told.open_rows] = draw_kept(told.patterns, times, told.stays, start[number])
        reader = (len(told.said) * ((start[number] + turn * GOLDEN) % 1.0)).astype(int)
        drawn[number, told.split_rows] = told.votes[turn, reader]
    return drawn
