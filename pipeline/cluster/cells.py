"""Approximate neighbours where the exact search would take hours: rows are put into cells, and near cells searched.

The exact search costs as much as the square of the number of documents (see reports/bench/clusters.md). Here each row
is compared with the rows of the cells whose centres are nearest to it only: an inverted file (Sivic and Zisserman 2003;
Jégou, Douze and Schmid 2011). Libraries offer faster ones, but none whose answer is the same bits on every processor:
here centres lie on a grid and values are float16, so that every product and sum is exact in float64 (see `layers`).
"""

import numpy as np

from pipeline.cluster.layers import CENTRE_GRID, find_centres, find_neighbours_among

ROWS_PER_CELL = 1_000
CELLS_SEARCHED = 10  # for each row; recall is measured in tests/bench/cluster_scale.py
SAMPLE_PER_CELL = 40  # rows from which the centres are learnt
ROUNDS = 4  # of Lloyd's algorithm; the cells need not be good, only not lopsided
BLOCK_ROWS = 4_096


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
    for is_own in (True, False):  # what the own cell offers sets the bar for the others
        for number, inside in enumerate(members):
            rows = inside if is_own else seekers[number]
            if not len(inside):
                continue
            candidates = vectors[inside].astype(np.float64)
            for first in range(0, len(rows), BLOCK_ROWS):
                part = rows[first : first + BLOCK_ROWS]
                block = vectors[part].astype(np.float64) @ candidates.T
                if is_own:
                    block[np.arange(len(part)), first + np.arange(len(part))] = -np.inf  # not its own neighbour
                best.offer(part, inside, block)
    short = np.flatnonzero(best.rows[:, -1] == len(vectors))
    if len(short):
        near, similarity = find_neighbours_among(vectors[short], vectors, count + 1)
        for place, row in enumerate(short):
            others = near[place] != row
            best.rows[row], best.similarities[row] = near[place][others][:count], similarity[place][others][:count]
    return best.rows, best.similarities


class _Best:
    """The most similar rows found so far, most similar first; of equal ones the lower row number first.

    Attributes:
        rows: int64 (n, count); n where nothing is found yet.
        similarities: float64 (n, count); minus infinity where nothing is found yet.
    """

    def __init__(self, total: int, count: int) -> None:
        self.rows = np.full((total, count), total, dtype=np.int64)
        self.similarities = np.full((total, count), -np.inf)

    def offer(self, seekers: np.ndarray, offered: np.ndarray, block: np.ndarray) -> None:
        """Takes what is better than the last of what is known.

        Args:
            seekers: int64 (n_seekers,), rows that look for neighbours.
            offered: int64 (n_offered,), rows that they are compared with, rising.
            block: float64 (n_seekers, n_offered), their similarities.
        """
        count = self.rows.shape[1]
        bar = self.similarities[seekers, -1]
        if block.shape[1] > count and np.isinf(bar).any():
            bar = np.maximum(bar, np.partition(block, -count, axis=1)[:, -count])
        seeker, place = np.nonzero((block >= bar[:, None]) & (block > -np.inf))
        touched = np.unique(seeker)
        if not len(touched):
            return
        whose = np.concatenate([np.repeat(touched, count), seeker])
        row = np.concatenate([self.rows[seekers[touched]].reshape(-1), offered[place]])
        similarity = np.concatenate([self.similarities[seekers[touched]].reshape(-1), block[seeker, place]])
        order = np.lexsort((row, -similarity, whose))
        bounds = np.searchsorted(whose[order], touched)
        first = order[bounds[:, None] + np.arange(count)]
        self.rows[seekers[touched]], self.similarities[seekers[touched]] = row[first], similarity[first]


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
