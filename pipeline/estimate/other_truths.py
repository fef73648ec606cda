"""Shares if something else were taken for the truth: majorities, latent classes, and doubtful codes either way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.code_columns import CodeColumns
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.queries import Definition, Denominator
from pipeline.estimate.domains import Domain
from pipeline.estimate.rulings import MORE_THAN_HALF
from pipeline.estimate.shares import Part, Shares, count_degrees, estimate_shares
from pipeline.estimate.survey import Survey
from pipeline.estimate.weights import Weights

ROUNDS_OF_EM = 200  # far beyond convergence for 1,090 documents


@dataclass(frozen=True)
class Case:
    """One definition, with what the variants need: both leaves of the settled codes, and each layer's clusters."""

    survey: Survey
    plain: Weights
    definition: Definition
    denominator: Denominator
    codes: tuple[pd.DataFrame, pd.DataFrame, np.ndarray]
    clusters: Mapping[str, np.ndarray]
    columns: dict[int, CodeColumns] = field(default_factory=dict)  # by id of the codes, for all definitions
    known: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)  # by id of the codes

    def match(self, codes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Returns y and denominator of codes, float (n,)."""
        if id(codes) not in self.known:
            columns = self.columns.setdefault(id(codes), CodeColumns(codes))
            inside = match_denominator(self.denominator, columns).astype(float)
            self.known[id(codes)] = (match_definition(self.definition, columns) * inside, inside)
        return self.known[id(codes)]

    def take(self, y: np.ndarray, inside: np.ndarray) -> "Taken":
        """Returns chances taken for the truth, with weights without predictions; y and inside float (n,)."""
        table = np.stack([y, np.maximum(inside - y, 0.0), 1 - inside], axis=1)
        is_settled = ((y == 0) | (y == 1)) & ((inside == 0) | (inside == 1))
        return Taken(self, table, is_settled)

    @cached_property
    def all_weights(self) -> np.ndarray:
        """The weights without predictions, and then their replicates: float (n, 1 + n_replicates)."""
        return np.ascontiguousarray(np.vstack([self.plain.weight, self.plain.replicates]).T)

    @cached_property
    def leverage(self) -> np.ndarray:
        """What each document adds to the leverage of its code: float (n,)."""
        return self.plain.weight**2 * (1 - self.plain.units["inclusion_probability"].to_numpy(dtype=float))


@dataclass(frozen=True)
class Taken:
    """What is taken for the truth.

    Attributes:
        case: with the weights.
        table: float (n, 3), chances: counts, in the denominator only, outside.
        is_settled: bool (n,), where no chance is left.
    """

    case: Case
    table: np.ndarray
    is_settled: np.ndarray

    def settle(self, domain: Domain) -> tuple[float, float, float] | None:
        """Estimates a domain; None where nothing is inside."""
        rows, table = domain.rows, self.table
        if not (table[rows, 2] < 1).any():
            return None
        is_sure = table.max(axis=1) > MORE_THAN_HALF
        part = Part(
            # Sparse: the same sums on every processor, for some of these shares lie half-way between two digits.
            np.ascontiguousarray((sparse.csr_array(table * rows[:, None]).T @ self.case.all_weights).T),
            table[rows & self.is_settled].sum(axis=0),
            np.bincount(table[rows & is_sure].argmax(axis=1), minlength=3).astype(float),
            sparse.csr_array(table[rows & ~is_sure]),
            (self.case.leverage * rows) @ table,
            float(domain.n_population),
            *count_degrees(self.case.plain, rows),
        )
        shares = estimate_shares(
            part, np.array([[True, False, False]]), np.array([True, True, False]), self.case.survey.level
        )
        return numbers_of(shares, 0)


def numbers_of(shares: Shares, number: int) -> tuple[float, float, float]:
    """Returns a query's share with the ends of its interval."""
    return float(shares.share[number]), float(shares.low[number]), float(shares.high[number])


def count_votes(case: Case) -> list[tuple[str, Taken, str]]:
    """Returns, by way of counting votes, the weights that take its chances for the truth, and a note."""
    sample = case.survey.sample
    codes = [case.match(reader) for reader in sample.readers]
    votes = np.array([y + inside for y, inside in codes])  # 2 counts, 1 in the denominator only, 0 outside
    third = np.full(votes.shape[1], -1.0)
    y, inside = case.match(sample.adjudicator)
    third[sample.units.index.get_indexer(sample.adjudicator.index)] = y + inside
    votes = np.vstack([votes, third]).astype(int)
    majority = np.stack([(votes == label).sum(axis=0) for label in range(3)], axis=1).astype(float)
    most = (majority == majority.max(axis=1, keepdims=True)).astype(float)
    ways = [
        ("majority of readers", most / most.sum(axis=1, keepdims=True), "the adjudicator votes where they read"),
        ("Dawid-Skene", dawid_skene(votes, 3), "latent classes from the same votes (Dawid and Skene 1979)"),
    ]
    return [(name, case.take(chance[:, 2], chance[:, 1] + chance[:, 2]), note) for name, chance, note in ways]


def dawid_skene(votes: np.ndarray, n_classes: int) -> np.ndarray:
    """Returns the chance of each class for each document: float (n, n_classes), by expectation-maximisation.

    Args:
        votes: int (n_coders, n), classes; -1 where a coder did not read.
        n_classes: number of classes.
    """
    alike, place, times = np.unique(votes, axis=1, return_inverse=True, return_counts=True)
    seen = np.stack([alike == label for label in range(n_classes)], axis=2).astype(float)
    chance = seen.sum(axis=0) / seen.sum(axis=(0, 2))[:, None]
    for _ in range(ROUNDS_OF_EM):
        weighed = chance * times[:, None]
        prior = weighed.sum(axis=0) / times.sum()
        confusion = np.einsum("nt,cnl->ctl", weighed, seen) + 0.01  # never quite certain
        confusion /= confusion.sum(axis=2, keepdims=True)
        logarithm = np.log(np.maximum(prior, 1e-12)) + np.einsum("cnl,ctl->nt", seen, np.log(confusion))
        chance = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
    return chance[place.reshape(-1)]


def list_doubts(case: Case) -> list[tuple[str, Taken, np.ndarray]]:
    """Pushes every coin-flip code either way, then only those about scope: bounds, not intervals.

    Returns:
        by variant the weights, and which documents are open to doubt: bool (n,).
    """
    first, second, is_doubtful = case.codes
    plain, other = case.match(first), case.match(second)
    is_scope = is_doubtful & (plain[1] != other[1])
    choices = [
        ("every doubtful code out", is_doubtful & _take_low(plain, other)),
        ("every doubtful code in", is_doubtful & _take_high(plain, other)),
        ("doubtful scope out", is_scope & (np.minimum(plain[1], other[1]) == other[1])),
        ("doubtful scope in", is_scope & (np.maximum(plain[1], other[1]) == other[1])),
    ]
    found = []
    for variant, swap in choices:
        y, inside = (np.where(swap, there, here) for here, there in zip(plain, other, strict=True))
        found.append((variant, case.take(y, inside), is_scope if "scope" in variant else is_doubtful))
    return found


def _take_low(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Where the second code makes the share smaller: it stops counting, or joins the denominator without counting."""
    return (second[0] < first[0]) | ((second[0] == first[0]) & (first[0] == 0) & (second[1] > first[1]))


def _take_high(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return (second[0] > first[0]) | ((second[0] == first[0]) & (first[0] == 0) & (second[1] < first[1]))
