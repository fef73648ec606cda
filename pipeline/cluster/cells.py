"""Approximate neighbours where the exact search would take hours: rows are put into cells, and near cells searched.

The exact search costs as much as the square of the number of documents (see reports/bench/clusters.md). Here each row
is compared with the rows of the cells nearest to its own cell only: an inverted file (Sivic and Zisserman 2003;
Jégou, Douze and Schmid 2011). Libraries offer faster ones, but none whose answer is the same bits on every processor:
here centres lie on a grid and values are float16, so that every product and sum is exact in float64 (see `layers`).
"""

import numpy as np

from pipeline.cluster.layers import CENTRE_GRID, find_centres

ROWS_PER_CELL = 1_000
CELLS_SEARCHED = 10  # of which the own cell is one; recall is measured in tests/bench/cluster_scale.py
SAMPLE_PER_CELL = 40  # rows from which the centres are learnt
ROUNDS = 4  # of Lloyd's algorithm; the cells need not be good, only not lopsided
BLOCK_ROWS = 4_096


def find_near_neighbours(
    vectors: np.ndarray, count: int, seed: int, searched: int = CELLS_SEARCHED
) -> tuple[np.ndarray, np.ndarray]:
    """Returns most of the nearest neighbours of every row, the same on every processor.

    Args:
        vectors: float16 (n, n_dims), unit rows.
        count: neighbours per row.
        seed: for the rows that the cells are learnt from.
        searched: cells that a row is compared with; more find more of the nearest neighbours.

    Returns:
        neighbours int64 (n, count), most similar first, and their similarities float64 (n, count). Where the cells
        searched hold fewer other rows than `count`, more cells are searched.
    """
    centres = learn_centres(vectors, max(1, len(vectors) // ROWS_PER_CELL), seed)
    cell = assign_cells(vectors, centres)
    order = np.argsort(cell, kind="stable")
    bounds = np.searchsorted(cell[order], np.arange(len(centres) + 1))
    nearness = np.argsort(-(centres @ centres.T), axis=1, kind="stable")
    neighbours = np.empty((len(vectors), count), dtype=np.int64)
    similarities = np.empty((len(vectors), count), dtype=np.float64)
    for number in range(len(centres)):
        own = order[bounds[number] : bounds[number + 1]]
        if not len(own):
            continue
        near = nearness[number][nearness[number] != number]
        rows = _gather(order, bounds, np.concatenate([[number], near]), searched, count)
        neighbours[own], similarities[own] = _rank(vectors, own, rows, count)
    return neighbours, similarities


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


def _gather(order: np.ndarray, bounds: np.ndarray, cells: np.ndarray, searched: int, count: int) -> np.ndarray:
    """Returns the rows of the first cells, in row order: at least `searched` cells, and more than `count` rows."""
    sizes = np.cumsum(bounds[cells + 1] - bounds[cells])
    enough = max(searched, int(np.searchsorted(sizes, count, side="right")) + 1)
    return np.sort(np.concatenate([order[bounds[cell] : bounds[cell + 1]] for cell in cells[:enough]]))


def _rank(vectors: np.ndarray, own: np.ndarray, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the most similar of `rows` for each of `own`; of equal ones the lower row number."""
    candidates = vectors[rows].astype(np.float64)
    neighbours = np.empty((len(own), count), dtype=np.int64)
    similarities = np.empty((len(own), count), dtype=np.float64)
    for first in range(0, len(own), BLOCK_ROWS):
        part = own[first : first + BLOCK_ROWS]
        block = vectors[part].astype(np.float64) @ candidates.T
        block[np.arange(len(part)), np.searchsorted(rows, part)] = -np.inf  # a document is not its own neighbour
        threshold = np.partition(block, -count, axis=1)[:, -count]
        for place, row in enumerate(block):
            found = np.flatnonzero(row >= threshold[place])
            best = found[np.argsort(-row[found], kind="stable")[:count]]
            neighbours[first + place], similarities[first + place] = rows[best], row[best]
    return neighbours, similarities
