"""Vectors: exact nearest neighbours and clusters, the same on every processor. Both need the extra `pipeline`."""

import numpy as np

from alignment_census.needs import needing
from pipeline.errors import DataError

__all__ = ["cluster_vectors", "find_neighbours"]

MAX_DIMENSIONS = 1_600  # up to which sums of products of float16 values are exact in float64


def find_neighbours(vectors: np.ndarray, count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Returns the exact nearest neighbours of every row.

    Args:
        vectors: (n, n_dims), unit rows, at most 1,600 dimensions; float16 as it is, other types rounded to it.
        count: neighbours a row; fewer where there are fewer other rows.

    Returns:
        neighbours int64 (n, count), row numbers, most similar first, equal ones by row number; and their cosines
        float64 (n, count).

    Raises:
        CensusError: the array is no matrix of unit rows, or the extra is missing.

    Source: `pipeline/cluster/neighbours.py`, which says why no bit depends on the processor.

    Example:
        >>> import numpy as np
        >>> rows, cosines = find_neighbours(np.eye(3)[[0, 0, 1]], 1)
        >>> rows.ravel().tolist(), cosines.ravel().tolist()
        ([1, 0, 0], [1.0, 1.0, 0.0])
    """
    exact = _as_stored(vectors, "find_neighbours")
    if count < 1:
        raise DataError(f"cannot find {count} neighbours", where="find_neighbours", do="ask for one or more")
    with needing("pipeline", "find_neighbours"):
        from pipeline.cluster import neighbours  # noqa: PLC0415

    return neighbours.find_neighbours(exact, count)


def cluster_vectors(
    vectors: np.ndarray,
    resolution: float = 1.0,
    *,
    neighbour_count: int = 30,
    min_size: int = 1,
    seed: int = 0,
) -> np.ndarray:
    """Returns a cluster for every row: a graph of nearest neighbours, cut by Leiden; the most typical of 11 cuts.

    Clusters are to browse by: no share may be counted from them.

    Args:
        vectors: (n, n_dims), unit rows, as for `find_neighbours`.
        resolution: above 0; a higher one gives more, smaller clusters.
        neighbour_count: neighbours a row is joined to.
        min_size: smaller clusters are given, whole, to the neighbour they have the most edges to.
        seed: of the first cut; the others follow.

    Returns:
        int64 (n,), 0 for the largest cluster, 1 for the next, and so on.

    Raises:
        CensusError: the array is no matrix of unit rows, a number is out of range, or the extra is missing.

    Source: Traag, Waltman and van Eck 2019; `pipeline/cluster/layers.py`.

    Example:
        >>> import numpy as np
        >>> around = np.repeat(np.eye(8)[:2], 20, axis=0) + np.random.default_rng(1).normal(0, 0.02, (40, 8))
        >>> rows = around / np.linalg.norm(around, axis=1, keepdims=True)
        >>> np.bincount(cluster_vectors(rows, 0.5, neighbour_count=10)).tolist()
        [20, 20]
    """
    exact = _as_stored(vectors, "cluster_vectors")
    if not resolution > 0 or neighbour_count < 1 or min_size < 1:
        raise DataError(
            f"resolution {resolution}, neighbour_count {neighbour_count} or min_size {min_size} is out of range",
            where="cluster_vectors",
            do="give a resolution above 0, and counts of at least 1",
        )
    with needing("pipeline", "cluster_vectors"):
        from pipeline.cluster import layers, neighbours  # noqa: PLC0415

    graph = layers.build_graph(*neighbours.find_neighbours(exact, neighbour_count))
    membership, _ = layers.choose_partition(graph, resolution, range(seed, seed + layers.CUT_COUNT))
    return layers.dissolve_small(graph, membership, min_size)


def _as_stored(vectors: np.ndarray, who: str) -> np.ndarray:
    """Returns unit rows as the census stores them, float16.

    Raises:
        DataError: they are none.
    """
    matrix = np.asarray(vectors)
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or not 0 < matrix.shape[1] <= MAX_DIMENSIONS:
        raise DataError(
            f"an array of the shape {matrix.shape} and type {matrix.dtype} holds no vectors",
            where=who,
            do=f"give floating-point numbers (n, n_dims), n_dims at most {MAX_DIMENSIONS}",
        )
    lengths = np.linalg.norm(matrix.astype(np.float32), axis=1)
    if not np.all(np.abs(lengths - 1) < 1e-2):
        row = int(np.argmax(~(np.abs(lengths - 1) < 1e-2)))
        raise DataError(f"row {row} has the length {lengths[row]:.3g}", where=who, do="divide each row by its length")
    return matrix.astype(np.float16)
