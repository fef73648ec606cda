"""What a read document may be coded as: one code where it is settled, else what its adjudication might still say.

An adjudicator kept the readers' leaf on nearly every agreement, and overturned it mostly where the classifier, which
never saw the document's codes, gave that leaf a low chance. So the chance of being overturned is learnt by surprise and
window from the agreements that were drawn for adjudication; what a document is then coded as follows the rulings that
overturned such a leaf before, backed by the classifier. What its axes say follows what adjudication did to drawn
agreements whose readers' axes said the same (hot deck: Andridge and Little 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.codebook import CONFIDENCE, Codebook, Query
from pipeline.coding.definitions import match_definition
from pipeline.coding.sample import Sample
from pipeline.coding.sheets import code_columns_of

SURPRISE = (
    0.08  # chance of the readers' leaf under which agreeing on it surprises; of 125 rulings, all 5 flips lie there
)
READERS_WORTH = 0.5  # adjudicated agreements that the readers' own word counts for
GROUP_WORTH = 4.0  # adjudicated agreements on a group that weigh as much as those on all groups
WINDOW_WORTH = 15.0  # adjudicated agreements of a window that weigh as much as what is known without it
PSEUDO = 0.5  # of each outcome in the replicates (Jeffreys 1946): none in a hundred proves no zero
GOLDEN = (5**0.5 - 1) / 2
CHANCE_DECIMALS = 9
LEAF_WORTH = 5.0  # overturned rulings of a leaf that weigh as much as those of its group, and those as the classifier


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

    @property
    def chance(self) -> sparse.csr_array:
        """Chance of each code, all told: (n, n_records)."""
        return sparse.csr_array(
            sparse.diags_array(1 - self.change) @ self.kept + sparse.diags_array(self.change) @ self.changed
        )


def tidy_records(records: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Returns codes with numbers for confidences, and the groups of their leaves."""
    groups = {"": "", **codebook.group_of}
    confidence = pd.to_numeric(records[CONFIDENCE]).fillna(codebook.confidences[-1]).astype(int)
    return records.assign(
        confidence=confidence, group=records["leaf"].map(groups), group2=records["leaf2"].map(groups).fillna("")
    )


def is_surprising(leaf_chance: np.ndarray) -> np.ndarray:
    """Returns where the classifier gave the readers' leaf a low chance: bool (n,)."""
    return leaf_chance < SURPRISE


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
    coder = _Coder.of(codebook, [*sample.readers, sample.adjudicator])
    said = np.stack([coder.encode(reader) for reader in sample.readers])
    is_settled = sample.units["is_adjudicated"].to_numpy(dtype=bool)
    ruled = said[0].copy()
    ruled[sample.units.index.get_indexer(sample.adjudicator.index)] = coder.encode(sample.adjudicator)
    n_leaves = len(codebook.leaves)
    probability = np.full((len(ruled), n_leaves), 1 / n_leaves) if leaf_probability is None else leaf_probability
    model = _FlipModel.of(sample, said, ruled, is_settled, probability, leaf_probability is not None)
    is_open = np.flatnonzero(~is_settled)
    settled_codes = coder.decode(coder.join_rows(ruled))
    meant = _read_axes(codebook, [*(coder.decode(coder.join_rows(codes)) for codes in said), settled_codes])
    patterns = _Patterns.of(said, ruled, is_open, model.is_drawn, meant)
    aims = aim_flips(said, ruled, is_settled, probability, [codebook.group_of[leaf] for leaf in codebook.leaves])[
        is_open
    ]
    known, places = np.unique(
        np.concatenate(
            [
                coder.join_rows(ruled[is_settled]),
                coder.join(said[0][is_open][:, None, :1], patterns.codes).reshape(-1),
                coder.join_leaves(said[0][is_open], n_leaves).reshape(-1),
            ]
        ),
        return_inverse=True,
    )
    n_settled, n_donors = int(is_settled.sum()), patterns.likeness.shape[1]
    own = places[:n_settled]
    stays = places[n_settled : n_settled + len(is_open) * n_donors].reshape(len(is_open), n_donors)
    moves = places[n_settled + len(is_open) * n_donors :].reshape(len(is_open), n_leaves)
    drawn = np.zeros((len(multiplicity), len(ruled)), dtype=np.int64)
    drawn[:, is_settled] = own
    start = rng.random(len(multiplicity))
    for number, times in enumerate(multiplicity):
        drawn[number, is_open] = _draw_kept(patterns, times, stays, start[number])
    rates = np.array([model.draw(times, rng) for times in multiplicity]).reshape(len(multiplicity), len(ruled))
    even = patterns.likeness / patterns.likeness.sum(axis=1, keepdims=True)
    size = (len(ruled), len(known))
    settled_rows = np.flatnonzero(is_settled)
    return CodeChances(
        coder.decode(known),
        _table([(settled_rows, own[:, None], np.ones((n_settled, 1))), (is_open, stays, even)], size),
        _table([(settled_rows, own[:, None], np.ones((n_settled, 1))), (is_open, moves, aims)], size),
        np.where(is_settled, 0.0, model.chance),
        drawn,
        np.where(is_settled, 0.0, rates),
        is_settled,
    )


def _table(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], size: tuple[int, int]) -> sparse.csr_array:
    """Returns chances as a table: rows, their codes (n, k) and chances (n, k), of nine decimals that sum to one."""
    rows = np.concatenate([np.repeat(rows, codes.shape[1]) for rows, codes, _ in parts])
    codes = np.concatenate([codes.reshape(-1) for _, codes, _ in parts])
    chances = np.concatenate([chances.reshape(-1) for _, _, chances in parts])
    table = sparse.coo_array((chances, (rows, codes)), shape=size).tocsr()
    table.data = np.round(table.data, CHANCE_DECIMALS)
    table.eliminate_zeros()
    table.sort_indices()
    for row in range(size[0]):
        part = slice(table.indptr[row], table.indptr[row + 1])
        if part.start == part.stop:
            continue
        top = part.start + int(table.data[part].argmax())
        table.data[top] = 0.0
        table.data[top] = 1 - table.data[part].sum()
    return sparse.csr_array(table)


def aim_flips(
    said: np.ndarray, ruled: np.ndarray, is_settled: np.ndarray, probability: np.ndarray, groups: Sequence[str]
) -> np.ndarray:
    """Returns what an overturned document is coded as: float (n, n_leaves), rows sum to one, never the readers' leaf.

    Learnt from every ruling that overturned a reader's leaf, disagreements and doubtful ones included.
    """
    count = len(groups)
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    moved = np.zeros((count, count))
    for reader in said:
        is_moved = is_settled & (reader[:, 0] != ruled[:, 0])
        np.add.at(moved, (reader[is_moved, 0], ruled[is_moved, 0]), 1 / len(said))
    by_group = np.zeros((group.max() + 1, count))
    np.add.at(by_group, group, moved)
    first = said[0][:, 0]
    base = (by_group[group[first]] + LEAF_WORTH * probability) / (
        by_group[group[first]].sum(axis=1, keepdims=True) + LEAF_WORTH
    )
    aims = (moved[first] + LEAF_WORTH * base) / (moved[first].sum(axis=1, keepdims=True) + LEAF_WORTH)
    for reader in said:
        aims[np.arange(len(first)), reader[:, 0]] = 0.0
    total = aims.sum(axis=1, keepdims=True)
    even = np.ones_like(aims)
    even[np.arange(len(first)), first] = 0.0
    return np.where(total > 1e-9, aims / np.where(total > 1e-9, total, 1), even / max(count - 1, 1))


@dataclass(frozen=True)
class _Coder:
    """Numbers codes: each column's values, and whole codes in mixed radix."""

    codebook: Codebook
    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, codebook: Codebook, tables: Sequence[pd.DataFrame]) -> "_Coder":
        names = tuple(code_columns_of(codebook))
        values = [tuple(codebook.leaves)]
        for name in names[1:]:
            seen = {str(value) for table in tables if name in table for value in table[name].fillna("").unique()}
            values.append(tuple(sorted({*seen, ""})))
        return cls(codebook, names, tuple(values))

    def encode(self, table: pd.DataFrame) -> np.ndarray:
        """Returns int (n, n_columns)."""
        columns = []
        for name, values in zip(self.names, self.values, strict=True):
            cells = table[name].fillna("").astype(str) if name in table else pd.Series("", index=table.index)
            columns.append(pd.Index(values).get_indexer(pd.Index(cells)))
        return np.stack(columns, axis=1)

    def join_rows(self, rows: np.ndarray) -> np.ndarray:
        """Returns one number a code: int (...,)."""
        key = rows[..., 0].astype(np.int64)
        for place, values in enumerate(self.values[1:], start=1):
            key = key * len(values) + rows[..., place]
        return key

    def join(self, leaf: np.ndarray, axes: np.ndarray) -> np.ndarray:
        """Returns the numbers of one leaf with many axes: int (n, k)."""
        return self.join_rows(np.concatenate([np.broadcast_to(leaf, (*axes.shape[:2], 1)), axes], axis=2))

    def join_leaves(self, rows: np.ndarray, count: int) -> np.ndarray:
        """Returns the numbers of every leaf with a document's axes: int (n, count)."""
        many = np.repeat(rows[:, None, :], count, axis=1)
        many[:, :, 0] = np.arange(count)
        return self.join_rows(many)

    def decode(self, keys: np.ndarray) -> pd.DataFrame:
        """Returns the codes as a table."""
        columns: dict[str, object] = {}
        rest = keys.copy()
        for name, values in reversed(list(zip(self.names, self.values, strict=True))):
            columns[name] = np.array(values, dtype=object)[rest % len(values)]
            rest //= len(values)
        table = pd.DataFrame({name: columns[name] for name in self.names})
        return tidy_records(table, self.codebook)


@dataclass(frozen=True)
class _FlipModel:
    """The chance that adjudication changes an agreement's leaf, by surprise and window.

    Attributes:
        cell: int (n,), 1 where the readers' leaf surprises.
        group, window: int (n,), group of the readers' leaf, and stratum.
        is_drawn, is_flipped: bool (n,), documents drawn for adjudication by chance, which speak for others (those of a
            stratum settled in full speak for none); rulings that change the leaf.
    """

    cell: np.ndarray
    group: np.ndarray
    window: np.ndarray
    is_drawn: np.ndarray
    is_flipped: np.ndarray

    @classmethod
    def of(
        cls,
        sample: Sample,
        said: np.ndarray,
        ruled: np.ndarray,
        is_settled: np.ndarray,
        probability: np.ndarray,
        has_classifier: bool,
    ) -> "_FlipModel":
        units = sample.units
        window = pd.factorize(units["stratum"], sort=True)[0]
        group = pd.factorize(sample.readers[0]["group"], sort=True)[0]
        own = probability[np.arange(len(ruled)), said[0][:, 0]]
        cell = is_surprising(own).astype(int) if has_classifier else np.zeros(len(ruled), dtype=int)
        is_drawn = is_settled & units["phase2_probability"].between(0, 1, inclusive="neither").to_numpy()
        is_flipped = (said[:, :, 0] != ruled[None, :, 0]).all(axis=0)
        return cls(cell, group, window, is_drawn, is_flipped)

    @property
    def chance(self) -> np.ndarray:
        """The estimate for each document: float (n,)."""
        return self._estimate(np.ones(len(self.cell)), 0.0, READERS_WORTH)

    def draw(self, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Returns the estimate from resampled rulings, with what so few leave open: float (n,).

        Args:
            times: float (n,), how often each document is drawn.
            rng: of what the rulings leave open: a gamma-weighted pseudo-ruling of each outcome (Rubin 1981).
        """
        extra = rng.gamma(PSEUDO, size=(2, 2))
        return self._estimate(times, extra[0], extra.sum(axis=0))

    def _estimate(
        self, times: np.ndarray, more_flipped: np.ndarray | float, more_seen: np.ndarray | float
    ) -> np.ndarray:
        """Returns rates by surprise; those of a group and of a window are drawn to the wider ones: float (n,)."""
        drawn = np.flatnonzero(self.is_drawn)
        counts = times[drawn], times[drawn] * self.is_flipped[drawn]
        seen, flipped = (np.bincount(self.cell[drawn], count, 2) for count in counts)
        rate = ((flipped + more_flipped) / (seen + more_seen))[self.cell]
        for part, worth in ((self.group, GROUP_WORTH), (self.window, WINDOW_WORTH)):
            place = 2 * part + self.cell
            seen, flipped = (np.bincount(place[drawn], count, int(place.max(initial=0)) + 1) for count in counts)
            rate = (flipped[place] + worth * rate) / (seen[place] + worth)
        return rate


@dataclass(frozen=True)
class _Patterns:
    """What adjudication did to what the readers' axes say, and which drawn agreements speak for which open document.

    Attributes:
        donors: int (n_donors - 1,), the drawn agreements whose leaf was kept; the last donor is none of them: one
            whose readers' word was kept.
        codes: int (n_open, n_donors, n_axes), the axes of each open document after each donor's ruling: its own
            readers' where the donor's were upheld, else the donor's ruling.
        likeness: float (n_open, n_donors), 1 where the readers' axes say the same under every definition.
        order: int (n_open,), place of each document among those whose readers said the same.
    """

    donors: np.ndarray
    codes: np.ndarray
    likeness: np.ndarray
    order: np.ndarray

    @classmethod
    def of(
        cls, said: np.ndarray, ruled: np.ndarray, is_open: np.ndarray, is_drawn: np.ndarray, meant: np.ndarray
    ) -> "_Patterns":
        """Finds the donors.

        Args:
            said: int (n_readers, n, 1 + n_axes). ruled: int (n, 1 + n_axes).
            is_open: rows that are not settled. is_drawn: bool (n,), drawn for adjudication by chance.
            meant: int (n_readers + 1, n), what each reader's axes, and last the ruling's, say under the definitions.
        """
        donors = np.flatnonzero(is_drawn & (said[:, :, 0] == ruled[None, :, 0]).any(axis=0))
        codes = np.repeat(said[0][is_open][:, None, 1:], len(donors) + 1, axis=1)
        is_upheld = meant[:-1, donors] == meant[-1, donors]  # (n_readers, n_donors - 1)
        kept = np.where(is_upheld.any(axis=0), is_upheld.argmax(axis=0), -1)
        for number, reader in enumerate(said):
            codes[:, :-1] = np.where((kept == number)[None, :, None], reader[is_open][:, None, 1:], codes[:, :-1])
        codes[:, :-1] = np.where((kept < 0)[None, :, None], ruled[donors, 1:][None], codes[:, :-1])
        likeness = np.full((len(is_open), len(donors) + 1), READERS_WORTH)
        likeness[:, :-1] = (meant[:-1][:, is_open, None] == meant[:-1][:, None, donors]).all(axis=0)
        alike = np.unique(meant[:-1][:, is_open], axis=1, return_inverse=True)[1].reshape(-1)
        order = pd.Series(alike).groupby(alike).cumcount().to_numpy() if len(alike) else alike
        return cls(donors, codes, likeness, order)


def _without_leaves(query: Query) -> Query:
    parts = tuple(_without_leaves(part) for part in query.any_of)
    return replace(query, groups=(), leaves=(), without_leaves=(), any_of=parts)


def _read_axes(codebook: Codebook, tables: Sequence[pd.DataFrame]) -> np.ndarray:
    """Returns what the axes alone say under the definitions: int (n_tables, n), one number for one meaning."""
    queries = [_without_leaves(query) for query in (*codebook.definitions, *codebook.denominators.values())]
    number = np.zeros((len(tables), len(tables[0])), dtype=np.int64)
    for query in queries:
        number = 2 * number + np.array([match_definition(query, table) for table in tables])
    return number


def _draw_kept(patterns: _Patterns, times: np.ndarray, places: np.ndarray, start: float) -> np.ndarray:
    """Draws a donor for each open document, as often as it is drawn in the replicate: the code it leads to.

    What a donor stands for is uncertain, not which document takes after it: documents alike in what their readers
    said take evenly spread places among the donors (a golden-ratio sequence), so that no chance is added.
    """
    weight = patterns.likeness.copy()
    weight[:, :-1] *= times[patterns.donors]
    cumulated = np.cumsum(weight, axis=1)
    cumulated /= cumulated[:, -1:]
    place = (start + patterns.order * GOLDEN) % 1.0
    column = (np.round(cumulated, 12) < place[:, None]).sum(axis=1)
    return places[np.arange(len(places)), np.minimum(column, places.shape[1] - 1)]
