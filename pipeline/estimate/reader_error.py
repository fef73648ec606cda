"""How often people put a document elsewhere than its settled code does, both ways, with what so few labels leave open.

A settled code puts a document into one of three states: it counts, it is in the denominator without counting, or it is
outside. Of each state some people's labels decide whether the document counts, and whether it is in the denominator.
Two bases: labels of outside schemes, through the crosswalk (`pipeline.coding.outside`), which mix errors of readers
with differences of schemes and were given to documents that somebody chose; and gold, people's codes of settled
documents drawn at random (`pipeline.coding.gold`), which do neither.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import special

from pipeline.coding.code_columns import CodeColumns
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_query
from pipeline.coding.outside import UNDECIDED, allow_leaves
from pipeline.coding.queries import Definition, Query
from pipeline.estimate.leaf_answers import Opened, answer_by_leaf, kept_axes

STATES = ("counts", "denominator only", "outside")
COUNTS, ONLY_INSIDE, OUTSIDE = range(3)
ASKED = ("counts", "denominator")
OUTSIDE_LABELS, GOLD = "outside labels", "gold"
AS_SETTLED = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])  # what the settled code answers, by `STATES` and `ASKED`
PRIOR = 0.5  # of either answer (Jeffreys 1946): none in thirty proves no zero, and no label says nothing


@dataclass(frozen=True)
class Verdict:
    """What people say of documents with settled codes, under one definition and denominator.

    Attributes:
        state: int (n,), of the settled code: a place in `STATES`.
        counts, inside: int8 (n,), whether people count it, and put it into the denominator: 1, 0, or -1 where open.
        weight: float (n,), documents that each one speaks for.
        as_read: axes that no label tells and that stand as the readers gave them.
    """

    state: np.ndarray
    counts: np.ndarray
    inside: np.ndarray
    weight: np.ndarray
    as_read: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tally:
    """Answers by state and question, as if from a simple random sample: float (3, 2) each.

    Attributes:
        n: decided documents (effective number: Kish 1965), by `STATES` and `ASKED`.
        yes: of them, those that count, or are in the denominator.
        n_decided: decided documents, plainly counted.
        n_yes: of them, with yes.
    """

    n: np.ndarray
    yes: np.ndarray
    n_decided: np.ndarray
    n_yes: np.ndarray

    @property
    def rate(self) -> np.ndarray:
        """Share of yes, as it is seen; as the settled code says, where nothing is decided."""
        return np.where(self.n > 0, self.yes / np.where(self.n > 0, self.n, 1.0), AS_SETTLED)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Returns rates that the answers leave possible: float (count, 3, 2)."""
        return rng.beta(self.yes + PRIOR, self.n - self.yes + PRIOR, size=(count, *self.n.shape))

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ends of each rate's interval (Jeffreys; closed at a rate of 0 or 1): float (3, 2) each."""
        tail = (1 - level) / 2
        low, high = (special.betaincinv(self.yes + PRIOR, self.n - self.yes + PRIOR, q) for q in (tail, 1 - tail))
        return np.where(self.yes > 0, low, 0.0), np.where(self.yes < self.n, high, 1.0)


def tally(verdict: Verdict, rows: np.ndarray | None = None) -> Tally:
    """Returns the answers counted, of some documents.

    Args:
        verdict: of people.
        rows: bool (n,); None: all.
    """
    numbers = np.zeros((4, len(STATES), len(ASKED)))
    here = np.ones(len(verdict.state), dtype=bool) if rows is None else rows
    for question, answer in enumerate((verdict.counts, verdict.inside)):
        for state in range(len(STATES)):
            chosen = here & (verdict.state == state) & (answer != UNDECIDED)
            weight, is_yes = verdict.weight[chosen], answer[chosen] == 1
            effective = float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0
            share = float(weight[is_yes].sum() / weight.sum()) if len(weight) else 0.0
            numbers[:, state, question] = effective, effective * share, chosen.sum(), is_yes.sum()
    return Tally(*numbers)


@dataclass(frozen=True)
class Evidence:
    """What people said of documents whose settled code is known, on one basis.

    Attributes:
        basis: `OUTSIDE_LABELS` or `GOLD`.
        source: group of sources of each document: text (n,).
        settled: codes of the readers, people's left out; n rows.
        people: codes of people, n rows; or None, where
        allowed: bool (n, n_leaves) says which leaves people's labels allow.
        weight: float (n,).
        doc_ids: text (n,).
        follows: bool (n,), whose late axes follow from the leaf; None: nobody's.
        verdicts: those that were asked for before, by definition and denominator.
        opened: what they have in common.
    """

    basis: str
    source: np.ndarray
    settled: pd.DataFrame
    people: pd.DataFrame | None
    allowed: np.ndarray | None
    weight: np.ndarray
    doc_ids: np.ndarray
    follows: np.ndarray | None = None
    verdicts: dict[str, Verdict | None] = field(default_factory=dict, repr=False, compare=False)
    opened: Opened = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def settled_columns(self) -> CodeColumns:
        """The settled codes, for many queries."""
        return CodeColumns(self.settled)

    def judge(self, definition: Query, denominator: Query, codebook: Codebook) -> Verdict | None:
        """Returns the verdict under a definition and denominator; None where labels of leaves cannot decide it."""
        key = f"{definition} / {denominator}"
        if key not in self.verdicts:
            self.verdicts[key] = self._judge(definition, denominator, codebook)
        return self.verdicts[key]

    def _judge(self, definition: Query, denominator: Query, codebook: Codebook) -> Verdict | None:
        inside = match_query(denominator, self.settled_columns)
        counts = match_query(definition, self.settled_columns) & inside
        state = np.where(counts, COUNTS, np.where(inside, ONLY_INSIDE, OUTSIDE))
        if self.people is not None:
            is_inside = match_query(denominator, self.people)
            is_counted = match_query(definition, self.people) & is_inside
            return Verdict(state, is_counted.astype(np.int8), is_inside.astype(np.int8), self.weight)
        axes = kept_axes((definition, denominator), codebook)
        if self.allowed is None or axes is None:
            return None
        follows = np.zeros(len(state), dtype=bool) if self.follows is None else self.follows
        told = answer_by_leaf(self.allowed, definition, denominator, self.settled, follows, axes, codebook, self.opened)
        return Verdict(state, *told, self.weight, axes)


def gather_outside(
    labels: pd.DataFrame,
    settled: pd.DataFrame,
    groups: pd.Series,
    codebook: Codebook,
    follows: pd.Series | None = None,
) -> Evidence:
    """Returns the outside labels of documents with settled codes.

    Args:
        labels: rows of `read_labels`.
        settled: codes of the readers, by doc_id.
        groups: group of sources, by doc_id.
        codebook: its leaves.
        follows: whose late axes follow from the leaf, by doc_id; None: nobody's.
    """
    found = allow_leaves(labels[labels["doc_id"].isin(settled.index)], codebook)
    ids = found.labels.index
    return Evidence(
        OUTSIDE_LABELS,
        groups.reindex(ids).to_numpy(dtype=str),
        settled.loc[ids],
        None,
        found.leaves,
        np.ones(len(ids)),
        ids.to_numpy(dtype=str),
        None if follows is None else follows.loc[ids].to_numpy(dtype=bool),
    )


def tabulate_errors(evidence: Sequence[Evidence], codebook: Codebook, level: float) -> pd.DataFrame:
    """Returns the rows of the table `reader_error`: every basis, source, definition and denominator, both ways."""
    rows: list[dict[str, object]] = []
    for each, name, definition in _questions(evidence, codebook):
        verdict = each.judge(definition, codebook.denominators[name], codebook)
        if verdict is None:
            continue
        for source in sorted(set(each.source)):
            place = {
                "basis": name_basis(each, verdict),
                "source": source,
                "definition": definition.id,
                "denominator": name,
            }
            rows += [
                {**place, "level": level, **row} for row in _list_cells(tally(verdict, each.source == source), level)
            ]
    return pd.DataFrame(rows)


def name_basis(evidence: Evidence, verdict: Verdict) -> str:
    """Returns what a verdict rests on, and what it supposes."""
    return evidence.basis + "".join(f", {axis} as read" for axis in verdict.as_read)


def _questions(evidence: Sequence[Evidence], codebook: Codebook) -> Iterator[tuple[Evidence, str, Definition]]:
    for each in evidence:
        for name in codebook.denominators:
            for definition in codebook.definitions:
                yield each, name, definition


def _list_cells(counted: Tally, level: float) -> Iterator[dict[str, object]]:
    """Yields a row for each state and question: how many were decided, and how many of them people put elsewhere."""
    low, high = counted.interval(level)
    for state, settled in enumerate(STATES):
        for question, asked in enumerate(ASKED):
            cell = (state, question)
            is_yes = AS_SETTLED[cell] == 1
            n_decided, n_yes = int(counted.n_decided[cell]), int(counted.n_yes[cell])
            rate = counted.rate[cell]
            change = (1 - rate, 1 - high[cell], 1 - low[cell]) if is_yes else (rate, low[cell], high[cell])
            yield {
                "settled": settled,
                "asked": asked,
                "n_decided": n_decided,
                "n_changed": n_decided - n_yes if is_yes else n_yes,
                "change_chance": float(change[0]) if n_decided else None,
                "low": float(change[1]),
                "high": float(change[2]),
            }
