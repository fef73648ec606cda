"""Approximate neighbours where the exact search would take hours: rows are put into cells, and near cells searched.

The exact search costs as much as the square of the number of documents (see reports/bench/clusters.md). Here each row
is compared with the rows of the cells whose centres are nearest to it only: an inverted file (Sivic and Zisserman 2003;
Jégou, Douze and Schmid 2011). Many small cells find more than few large ones for as many comparisons. Libraries offer
faster ones, but none whose answer is the same bits on every processor: here centres lie on a grid and values are
float16, so that every product and sum is exact in float64 (see `layers`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.cluster.layers import CENTRE_GRID, find_centres
from pipeline.cluster.neighbours import ROUGH_ERROR, find_neighbours_among, measure_pairs, pick_best

ROWS_PER_CELL = 250
# Cells searched for each row are so many times the cube root of all cells, so that recall falls little as documents
# become more: 35 of 200, 56 of 823. Recall on real vectors is in reports/bench/scale.md.
SEARCH_FACTOR = 6
NEAR_CELLS = 6  # searched first of these: what they offer sets the bar for the others
SAMPLE_PER_CELL = 40  # rows from which the centres are learnt
ROUNDS = 4  # of Lloyd's algorithm; the cells need not be good, only not lopsided
BLOCK_ROWS = 1_024
PIECE_ROWS = 16_384  # rows whose neighbours are looked for together
Map = Callable[[Callable[[int], tuple[np.ndarray, np.ndarray]], Iterable[int]], Iterable[tuple[np.ndarray, np.ndarray]]]


@dataclass(frozen=True)
class Cells:
    """Rows put into cells.

    Attributes:
        numbers: the cell of each row, int64 (n,).
        centres: of the cells, unit rows, float64 (n_cells, n_dims).
    """

    numbers: np.ndarray
    centres: np.ndarray


def put_into_cells(vectors: np.ndarray, seed: int) -> Cells:
    """Puts rows, float16 (n, n_dims), into cells that are learnt from some of them."""
    centres = learn_centres(vectors, max(1, len(vectors) // ROWS_PER_CELL), seed)
    return Cells(assign_cells(vectors, centres), centres)


def find_near_neighbours(
    vectors: np.ndarray, count: int, cells: Cells, searched: int = 0, spread: Map = map
) -> tuple[np.ndarray, np.ndarray]:
    """Returns most of the nearest neighbours of every row, the same on every processor.

    Args:
        vectors: float16 (n, n_dims), unit rows.
        count: neighbours per row; below n.
        cells: what `put_into_cells` makes of them.
        searched: cells that a row is compared with; more find more of the nearest neighbours. 0 for the usual.
        spread: does the work for each piece of the rows, here or elsewhere.

    Returns:
        neighbours int64 (n, count), most similar first, and their similarities float64 (n, count). A row whose cells
        hold fewer other rows than `count` is compared with every row.
    """
    searched = searched or round(SEARCH_FACTOR * float(np.cbrt(len(cells.centres))))
    search = CellSearch(vectors, cells, min(searched, len(cells.centres)), count)
    rows, similarities = np.empty((len(vectors), count), dtype=np.int64), np.empty((len(vectors), count))
    pieces = range(0, len(vectors), PIECE_ROWS)
    for start, found in zip(pieces, spread(search, pieces), strict=True):
        rows[start : start + PIECE_ROWS], similarities[start : start + PIECE_ROWS] = found
    return rows, similarities


@dataclass(frozen=True)
class CellSearch:
    """Looks for the neighbours of one piece of the rows after the other.

    Attributes:
        vectors: float16 (n, n_dims), unit rows.
        cells: of these rows.
        searched: cells that a row is compared with.
        count: neighbours per row.
    """

    vectors: np.ndarray
    cells: Cells
    searched: int
    count: int

    def __call__(self, start: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the neighbours of the rows of a piece and their similarities, as `find_near_neighbours` does."""
        best = _Best(start, min(PIECE_ROWS, len(self.vectors) - start), self.count, len(self.vectors))
        by_cell = np.argsort(self.cells.numbers, kind="stable")
        bounds = np.searchsorted(self.cells.numbers[by_cell], np.arange(len(self.cells.centres) + 1))
        seeking = self.vectors[start : start + PIECE_ROWS].astype(np.float32)
        with threadpool_limits(1):
            for is_own, number, rows in self._list_searches(start):
                inside = by_cell[bounds[number] : bounds[number + 1]]
                if len(inside):
                    _compare(self.vectors[inside], seeking, best, rows, inside, is_own=is_own)
            short = start + np.flatnonzero(best.rows[:, -1] == len(self.vectors))
            if len(short):
                near, similarity = find_neighbours_among(self.vectors[short], self.vectors, self.count + 1)
                for place, row in enumerate(short):
                    others = near[place] != row
                    best.rows[row - start] = near[place][others][: self.count]
                    best.similarities[row - start] = similarity[place][others][: self.count]
        return best.rows, best.similarities

    def _list_searches(self, start: int) -> Iterator[tuple[bool, int, np.ndarray]]:
        """Yields each cell that rows of a piece search, with these rows: their own first, then near ones, then others.

        Returns:
            whether it is the rows' own cell, its number, and the rows, int64 (n_rows,), rising.
        """
        part = self.cells.numbers[start : start + PIECE_ROWS]
        tiers: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for first in range(0, len(part), BLOCK_ROWS):
            rows = np.arange(first, min(first + BLOCK_ROWS, len(part)))
            block = self.vectors[start + rows].astype(np.float64) @ self.cells.centres.T
            ranked = np.partition(block, (-self.searched, -min(NEAR_CELLS, self.searched)), axis=1)
            is_near = block >= ranked[:, -min(NEAR_CELLS, self.searched), None]
            is_far = (block >= ranked[:, -self.searched, None]) & ~is_near
            is_near[rows - first, part[rows]] = is_far[rows - first, part[rows]] = False
            for tier, chosen in zip(tiers, (is_near, is_far), strict=True):
                row, cell = np.nonzero(chosen)
                tier.append(np.stack([row + start + first, cell]).astype(np.int32))
        yield from ((True, number, rows) for number, rows in _group(np.arange(start, start + len(part)), part))
        for tier in tiers:
            yield from ((False, number, rows) for number, rows in _group(*np.concatenate(tier, axis=1)))


def _group(rows: np.ndarray, cells: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yields each cell that is there, with its rows in their order."""
    if not len(rows):
        return
    order = np.argsort(cells, kind="stable")
    numbers, starts = np.unique(cells[order], return_index=True)
    for number, inside in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        yield number, rows[inside].astype(np.int64)


def _compare(
    offered: np.ndarray, piece: np.ndarray, best: "_Best", rows: np.ndarray, inside: np.ndarray, *, is_own: bool
) -> None:
    """Compares rows of a piece, float32, with those of one cell, float16, which may be their own."""
    candidates = offered.astype(np.float32)
    for first in range(0, len(rows), BLOCK_ROWS):
        part = rows[first : first + BLOCK_ROWS]
        seeking = piece[part - best.start]
        block = seeking @ candidates.T
        if is_own:
            block[np.arange(len(part)), np.searchsorted(inside, part)] = -np.inf  # not its own neighbour
        seeker, place = best.find_worthy(part, block)
        best.offer(part, seeker, inside[place], measure_pairs(seeking, candidates, seeker, place))


class _Best:
    """The most similar rows found so far of a piece of the rows, most similar first; of equal ones the lower first.

    Attributes:
        start: the first row of the piece.
        rows: int64 (n_piece, count); the number of all rows where nothing is found yet.
        similarities: float64 (n_piece, count); minus infinity where nothing is found yet.
    """

    def __init__(self, start: int, size: int, count: int, total: int) -> None:
        self.start = start
        self.rows = np.full((size, count), total, dtype=np.int64)
        self.similarities = np.full((size, count), -np.inf)

    def find_worthy(self, seekers: np.ndarray, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pairs that may be better than the last of what is known: places among `seekers`, and columns.

        Args:
            seekers: int64 (n_seekers,), rows that look for neighbours.
            block: float32 (n_seekers, n_offered), similarities to what they are compared with; -inf for none.
        """
        count = self.rows.shape[1]
        bar = self.similarities[seekers - self.start, -1]
        if block.shape[1] > count and np.isinf(bar).any():
            bar = np.maximum(bar, np.partition(block, -count, axis=1)[:, -count])
        least = np.maximum(bar - 2 * ROUGH_ERROR, np.finfo(np.float32).min).astype(np.float32)
        seeker, place = np.nonzero(block >= least[:, None])
        return seeker, place

    def offer(self, seekers: np.ndarray, seeker: np.ndarray, offered: np.ndarray, similarity: np.ndarray) -> None:
        """Takes what is better than the last of what is known.

        Args:
            seekers: int64 (n_seekers,), rows that look for neighbours.
            seeker: int64 (n_pairs,), places among them.
            offered: int64 (n_pairs,), the rows they are paired with.
            similarity: float64 (n_pairs,), how alike the two are.
        """
        is_better = similarity >= self.similarities[seekers[seeker] - self.start, -1]
        touched, whose = np.unique(seeker[is_better], return_inverse=True)
        if not len(touched):
            return
        count, rows = self.rows.shape[1], seekers[touched] - self.start
        whose = np.concatenate([np.repeat(np.arange(len(touched)), count), whose])
        row = np.concatenate([self.rows[rows].reshape(-1), offered[is_better]])
        known = np.concatenate([self.similarities[rows].reshape(-1), similarity[is_better]])
        self.rows[rows], self.similarities[rows] = pick_best(whose, row, known, count)


def learn_centres(vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Returns the unit centres of about `count` cells: float64 (count, n_dims), on the grid of `find_centres`."""
    rng = np.random.default_rng(seed)
    sample = vectors[np.sort(rng.permutation(len(vectors))[: count * SAMPLE_PER_CELL])]
    first = sample[rng.permutation(len(sample))[:count]].astype(np.float64)
    centres = np.round(first * CENTRE_GRID) / CENTRE_GRID
    for _ in range(ROUNDS):
        _, membership = np.unique(assign_cells(sample, centres), return_inverse=True)  # empty cells are let go
        centres = find_centres(sample, membership)
    return centres


def assign_cells(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns the number of the nearest centre of each row, the lower one of two as near: int64 (n,)."""
    cell = np.empty(len(vectors), dtype=np.int64)
    for first in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[first : first + BLOCK_ROWS].astype(np.float64)
        cell[first : first + BLOCK_ROWS] = (block @ centres.T).argmax(axis=1)
    return cell
