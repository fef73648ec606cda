"""Approximate neighbours where the exact search would take hours: rows are put into cells, and near cells searched.

The exact search costs as much as the square of the number of documents (see reports/bench/clusters.md). Here each row
is compared with the rows of the cells whose centres are nearest to it only: an inverted file (Sivic and Zisserman 2003;
Jégou, Douze and Schmid 2011). Libraries offer faster ones, but none whose answer is the same bits on every processor:
here centres lie on a grid and values are float16, so that every product and sum is exact in float64 (see `layers`).
"""

import numpy as np

from pipeline.cluster.layers import CENTRE_GRID, find_centres
from pipeline.cluster.neighbours import ROUGH_ERROR, find_neighbours_among, measure_pairs, pick_best, run_threads

ROWS_PER_CELL = 1_000
CELLS_SEARCHED = 10  # for each row; recall is measured in tests/bench/cluster_scale.py
SAMPLE_PER_CELL = 40  # rows from which the centres are learnt
ROUNDS = 4  # of Lloyd's algorithm; the cells need not be good, only not lopsided
BLOCK_ROWS = 1_024
PIECE_ROWS = 32_768  # rows that a thread looks for the neighbours of


def find_near_neighbours(
    vectors: np.ndarray, count: int, seed: int, searched: int = CELLS_SEARCHED
) -> tuple[np.ndarray, np.ndarray]:
    """Returns most of the nearest neighbours of every row, the same on every processor.

    Args:
        vectors: float16 (n, n_dims), unit rows.
        count: neighbours per row; below n.
        seed: for the rows that the cells are learnt from.
        searched: cells that a row is compared with; more find more of the nearest neighbours.

    Returns:
        neighbours int64 (n, count), most similar first, and their similarities float64 (n, count). A row whose cells
        hold fewer other rows than `count` is compared with every row.
    """
    centres = learn_centres(vectors, max(1, len(vectors) // ROWS_PER_CELL), seed)
    best = _Best(len(vectors), count)
    cells, seekers = _nearest_cells(vectors, centres, searched)
    members = [np.flatnonzero(cells == number) for number in range(len(centres))]

    def look(start: int) -> None:
        for is_own in (True, False):  # what the own cell offers sets the bar for the others
            for number, inside in enumerate(members):
                rows = inside if is_own else seekers[number]
                rows = rows[slice(*np.searchsorted(rows, (start, start + PIECE_ROWS)))]
                if len(inside) and len(rows):
                    _compare(vectors, best, rows, inside, is_own=is_own)

    run_threads(look, range(0, len(vectors), PIECE_ROWS))
    short = np.flatnonzero(best.rows[:, -1] == len(vectors))
    if len(short):
        near, similarity = find_neighbours_among(vectors[short], vectors, count + 1)
        for place, row in enumerate(short):
            others = near[place] != row
            best.rows[row], best.similarities[row] = near[place][others][:count], similarity[place][others][:count]
    return best.rows, best.similarities


def _compare(vectors: np.ndarray, best: "_Best", rows: np.ndarray, inside: np.ndarray, *, is_own: bool) -> None:
    """Compares rows with those of one cell, which may be their own."""
    candidates = vectors[inside].astype(np.float32)
    for first in range(0, len(rows), BLOCK_ROWS):
        part = rows[first : first + BLOCK_ROWS]
        seeking = vectors[part].astype(np.float32)
        block = seeking @ candidates.T
        if is_own:
            block[np.arange(len(part)), np.searchsorted(inside, part)] = -np.inf  # not its own neighbour
        seeker, place = best.find_worthy(part, block)
        best.offer(part, seeker, inside[place], measure_pairs(seeking, candidates, seeker, place))


class _Best:
    """The most similar rows found so far, most similar first; of equal ones the lower row number first.

    Attributes:
        rows: int64 (n, count); n where nothing is found yet.
        similarities: float64 (n, count); minus infinity where nothing is found yet.
    """

    def __init__(self, total: int, count: int) -> None:
        self.rows = np.full((total, count), total, dtype=np.int64)
        self.similarities = np.full((total, count), -np.inf)

    def find_worthy(self, seekers: np.ndarray, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pairs that may be better than the last of what is known: places among `seekers`, and columns.

        Args:
            seekers: int64 (n_seekers,), rows that look for neighbours.
            block: float32 (n_seekers, n_offered), similarities to what they are compared with; -inf for none.
        """
        count = self.rows.shape[1]
        bar = self.similarities[seekers, -1]
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
        is_better = similarity >= self.similarities[seekers[seeker], -1]
        touched, whose = np.unique(seeker[is_better], return_inverse=True)
        if not len(touched):
            return
        count, rows = self.rows.shape[1], seekers[touched]
        whose = np.concatenate([np.repeat(np.arange(len(touched)), count), whose])
        row = np.concatenate([self.rows[rows].reshape(-1), offered[is_better]])
        known = np.concatenate([self.similarities[rows].reshape(-1), similarity[is_better]])
        self.rows[rows], self.similarities[rows] = pick_best(whose, row, known, count)


def _nearest_cells(vectors: np.ndarray, centres: np.ndarray, searched: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Returns the nearest cell of each row, int64 (n,), and for each cell the rows that search it besides their own."""
    wanted = min(searched, len(centres))
    cells = np.empty(len(vectors), dtype=np.int64)
    found = []
    for first in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[first : first + BLOCK_ROWS].astype(np.float64) @ centres.T
        own = block.argmax(axis=1)
        cells[first : first + BLOCK_ROWS] = own
        near = block >= np.partition(block, -wanted, axis=1)[:, -wanted, None]
        near[np.arange(len(block)), own] = False
        row, cell = np.nonzero(near)
        found.append(np.stack([row + first, cell]).astype(np.int32))
    rows, searches = np.concatenate(found, axis=1)
    order = np.argsort(searches, kind="stable")
    return cells, np.split(rows[order].astype(np.int64), np.searchsorted(searches[order], np.arange(1, len(centres))))


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
