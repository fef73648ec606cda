"""Nearest neighbours, exactly, the same on every processor: a rough look in float32, the last word in float64.

A product of two float16 values is a multiple of 2**-48, and the sums for unit rows stay near 1, so every partial sum is
exact in float64: neither the order of summation, nor the number of threads, nor the linear-algebra kernel can change a
bit. In float32 a similarity is off by `ROUGH_ERROR` at most, so whatever may be among the nearest is found in float32,
at half the cost, and only that is computed exactly. Equal similarities go to the lower row number.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.forked import count_processors

BLOCK_ROWS = 256  # rows of the similarity matrix that a thread holds at once
BLOCK_CELLS = 16_000_000  # and its cells, 4 bytes each, held twice while it is searched
Found = tuple[np.ndarray, np.ndarray]  # neighbours and their similarities
FindKnown = Callable[[np.ndarray, np.ndarray, int], Found]  # as `find_known`
TILE_ROWS = 1_024  # rows and columns of the similarity matrix that a thread holds at once, 4 bytes each
PAIRS_AT_ONCE = 32_768  # pairs that a thread measures at once
PAIR_ROWS = 2_048  # pairs whose similarity is computed exactly at once: what a processor keeps close at hand
# 384 products and sums of unit rows, each off by 2**-24 at most, whatever their order (Higham 2002, section 3.1),
# are off by 2.3e-5 together.
ROUGH_ERROR = 1e-4


def find_neighbours(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the exact nearest neighbours of every row, the same on every processor.

    Args:
        vectors: float16 (n, n_dims), unit rows; at most 1,600 dimensions.
        count: neighbours per row; fewer where there are fewer other rows.

    Returns:
        neighbours int64 (n, count), most similar first, and their similarities float64 (n, count).
    """
    count, rough = min(count, max(len(vectors) - 1, 0)), vectors.astype(np.float32)
    if count == 0:
        return np.empty((len(vectors), 0), dtype=np.int64), np.empty((len(vectors), 0))
    row, column = _look_both_ways(rough, count)
    exact = np.empty(len(row))

    def measure(first: int) -> None:
        part = slice(first, first + PAIRS_AT_ONCE)
        exact[part] = measure_pairs(rough, rough, row[part], column[part])

    run_threads(measure, range(0, len(row), PAIRS_AT_ONCE))
    return pick_best(row, column, exact, count)


def _look_both_ways(rough: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns pairs of rows, int (n_pairs,) each, among which are the `count` nearest of every row.

    A similarity holds in both directions, so only one half of them is computed, tile by tile.
    """
    starts = range(0, len(rough), TILE_ROWS)
    # Diagonal by diagonal: after the first every row knows some neighbours, and only nearer ones are noted.
    tiles = [(first, first + apart) for apart in starts for first in starts if first + apart < len(rough)]
    nearest = np.full((len(rough), count), -np.inf, dtype=np.float32)  # as far as was looked, the least of them first
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    turn = Lock()
    cells = min(TILE_ROWS, len(rough)) ** 2
    # One for each thread, used again: memory that is new to a process takes longer to get than to fill.
    spaces = [(np.empty(cells, np.float32), np.empty(cells, bool)) for _ in range(count_processors())]

    def note(row: np.ndarray, column: np.ndarray, similarity: np.ndarray) -> None:
        rows, place = np.unique(row, return_inverse=True)
        with turn:
            nearest[rows] = _keep_nearest(nearest[rows], place, similarity)
            found.append((row, column, similarity))

    def look(number: int) -> None:
        first, second = tiles[number]
        left, right = rough[first : first + TILE_ROWS], rough[second : second + TILE_ROWS]
        shape, (products, marks) = (len(left), len(right)), spaces.pop()
        tile = np.matmul(left, right.T, out=products[: len(left) * len(right)].reshape(shape))
        mark = marks[: tile.size].reshape(shape)
        if first == second:
            np.fill_diagonal(tile, -np.inf)  # a document is not its own neighbour
        bar = nearest[first : first + TILE_ROWS, 0]
        if first == second and len(tile) > count:
            bar = np.partition(tile, -count, axis=1)[:, -count]
        elif first != second:
            across = _list_cells(tile, nearest[second : second + TILE_ROWS, 0] - 2 * ROUGH_ERROR, mark)
            note(second + across[1], first + across[0], tile[across])
        down = _list_cells(tile, (bar - 2 * ROUGH_ERROR)[:, None], mark)
        note(first + down[0], second + down[1], tile[down])
        spaces.append((products, marks))

    run_threads(look, range(len(tiles)))
    row, column, similarity = (np.concatenate(parts) for parts in zip(*found, strict=True))
    is_near = similarity >= nearest[row, 0] - 2 * ROUGH_ERROR
    return row[is_near], column[is_near]


def _list_cells(tile: np.ndarray, bar: np.ndarray, mark: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows and columns of the cells that reach a bar; `mark` is space for one truth value a cell.

    NumPy lists the cells of a table one by one, but those of a row by whole words of memory.
    """
    row, column = np.divmod(np.flatnonzero(np.greater_equal(tile, bar, out=mark)), tile.shape[1])
    return row, column


def _keep_nearest(known: np.ndarray, row: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """Returns the highest of known and new similarities: float32 (n_rows, count), the least first.

    Args:
        known: float32 (n_rows, count).
        row: int (n_new,), of each new one. similarity: float32 (n_new,).
    """
    order = np.argsort(row, kind="stable")
    row, similarity = row[order], similarity[order]
    times = np.bincount(row, minlength=len(known))
    new = np.full((len(known), int(times.max(initial=0))), -np.inf, dtype=np.float32)
    new[row, np.arange(len(row)) - (np.cumsum(times) - times)[row]] = similarity
    return np.partition(np.hstack([known, new]), -known.shape[1], axis=1)[:, -known.shape[1] :]


def find_neighbours_among(vectors: np.ndarray, others: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the exact nearest of `others` for every row of `vectors`, as `find_neighbours` does."""
    count = min(count, len(others))
    neighbours = np.empty((len(vectors), count), dtype=np.int64)
    similarities = np.empty((len(vectors), count), dtype=np.float64)
    if count == 0 or not len(vectors):
        return neighbours, similarities
    rough = others.astype(np.float32)
    block_rows = max(1, min(BLOCK_ROWS, BLOCK_CELLS // len(others)))

    def look(first: int) -> None:
        part = vectors[first : first + block_rows].astype(np.float32)
        block = part @ rough.T
        bar = np.partition(block, -count, axis=1)[:, -count, None]
        row, column = np.nonzero(block >= bar - 2 * ROUGH_ERROR)
        exact = measure_pairs(part, rough, row, column)
        inside = slice(first, first + len(part))
        neighbours[inside], similarities[inside] = pick_best(row, column, exact, count)

    run_threads(look, range(0, len(vectors), block_rows))
    return neighbours, similarities


def find_known(vectors: np.ndarray, is_known: np.ndarray, count: int) -> Found:
    """Returns for every row that is not known the nearest of those that are, numbered among them, exactly.

    Args:
        vectors: float16 (n, n_dims), unit rows.
        is_known: bool (n,).
        count: neighbours per row.
    """
    return find_neighbours_among(vectors[~is_known], vectors[is_known], count)


def remember_known() -> FindKnown:
    """Returns a `find_known` that looks only once where the same rows of the same vectors are known."""
    held: dict[tuple[int, bytes], Found] = {}

    def find(vectors: np.ndarray, is_known: np.ndarray, count: int) -> Found:
        key = id(vectors), np.packbits(is_known).tobytes()
        if key not in held or held[key][0].shape[1] < min(count, int(is_known.sum())):
            held[key] = find_known(vectors, is_known, count)
        neighbours, similarities = held[key]  # the most similar come first, so fewer are the first of them
        return neighbours[:, :count], similarities[:, :count]

    return find


def measure_pairs(left: np.ndarray, right: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns the exact similarity of pairs of rows: float64 (n_pairs,).

    Args:
        left, right: float32 copies of float16 unit rows, (n, n_dims) each.
        rows, columns: int64 (n_pairs,), rows of `left` and of `right`.
    """
    found = np.empty(len(rows))
    for first in range(0, len(rows), PAIR_ROWS):
        part = slice(first, first + PAIR_ROWS)
        products = left[rows[part]]
        products *= right[columns[part]]  # exact in float32: two factors of 11 bits each
        found[part] = products.sum(axis=1, dtype=np.float64)
    return found


def pick_best(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the `count` columns of highest value of each row, and these values; of equal ones the lower column.

    Args:
        rows: int64 (n_pairs,); every row of 0..n-1 at least `count` times.
        columns, values: (n_pairs,), the pairs.
        count: how many.
    """
    order = np.lexsort((columns, -values, rows))
    starts = np.searchsorted(rows[order], np.arange(int(rows.max(initial=-1)) + 1))
    chosen = order[starts[:, None] + np.arange(count)]
    return columns[chosen], values[chosen]


def run_threads(work: Callable[[int], None], pieces: Iterable[int]) -> None:
    """Does pieces of array work on every processor, in threads: NumPy lets others run while it computes."""
    count = count_processors()
    with threadpool_limits(1), ThreadPoolExecutor(count) as pool:
        for _ in pool.map(work, pieces):
            pass
