"""Layers of clusters: an exact neighbour graph on the stored vectors, cut by Leiden at several resolutions."""

import math
import random
from collections.abc import Sequence

import igraph
import numpy as np
from sklearn.metrics import adjusted_rand_score

BLOCK_ROWS = 2_048  # rows of the similarity matrix held at once
BLOCK_CELLS = 16_000_000  # and its cells, 8 bytes each, held three times while it is searched
CENTRE_GRID = 2**20  # centres are multiples of 2**-20, so that their products with float16 values add up exactly


def find_neighbours(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the exact nearest neighbours of every row, the same on every processor.

    A product of two float16 values is a multiple of 2**-48, and the sums for unit rows stay near 1, so every
    partial sum is exact in float64: neither the order of summation, nor the number of threads, nor the
    linear-algebra kernel can change a bit. Equal similarities go to the lower row number.

    Args:
        vectors: float16 (n, n_dims), unit rows.
        count: neighbours per row; fewer where there are fewer other rows.

    Returns:
        neighbours int64 (n, count), most similar first, and their similarities float64 (n, count).
    """
    return _search(vectors, vectors, min(count, max(len(vectors) - 1, 0)), is_self=True)


def find_neighbours_among(vectors: np.ndarray, others: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the exact nearest of `others` for every row of `vectors`, as `find_neighbours` does."""
    return _search(vectors, others, min(count, len(others)), is_self=False)


def _search(vectors: np.ndarray, others: np.ndarray, count: int, *, is_self: bool) -> tuple[np.ndarray, np.ndarray]:
    neighbours = np.empty((len(vectors), count), dtype=np.int64)
    similarities = np.empty((len(vectors), count), dtype=np.float64)
    if count == 0:
        return neighbours, similarities
    exact = others.astype(np.float64)
    block_rows = max(1, min(BLOCK_ROWS, BLOCK_CELLS // len(others)))
    for first in range(0, len(vectors), block_rows):
        block = vectors[first : first + block_rows].astype(np.float64) @ exact.T
        rows = np.arange(len(block))
        if is_self:
            block[rows, first + rows] = -np.inf  # a document is not its own neighbour
        threshold = np.partition(block, -count, axis=1)[:, -count]
        for row in rows:
            candidates = np.flatnonzero(block[row] >= threshold[row])
            order = np.argsort(-block[row, candidates], kind="stable")[:count]
            neighbours[first + row] = candidates[order]
            similarities[first + row] = block[row, candidates[order]]
    return neighbours, similarities


def build_graph(neighbours: np.ndarray, similarities: np.ndarray) -> igraph.Graph:
    """Returns the undirected graph that joins each row to its neighbours, weighted by similarity."""
    total, count = neighbours.shape
    sources = np.repeat(np.arange(total), count)
    targets = neighbours.reshape(-1)
    keys = np.minimum(sources, targets) * total + np.maximum(sources, targets)  # one number a pair sorts fast
    keys, first_seen = np.unique(keys, return_index=True)
    edges = np.stack(np.divmod(keys, max(total, 1)), axis=1)
    weights = np.maximum(similarities.reshape(-1)[first_seen], 0.0)
    graph = igraph.Graph(n=total, edges=edges.data)  # a buffer: as a list, twenty million edges take 3 GB
    graph.es["weight"] = weights.tolist()
    return graph


def cut_layer(graph: igraph.Graph, resolution: float, seed: int, start: np.ndarray | None = None) -> np.ndarray:
    """Returns one cluster number per row: int64 (n,), 0 for the largest cluster.

    Leiden on modularity, run until nothing improves (Traag, Waltman and van Eck 2019), from the clusters in `start`
    where they are given, so that a new cut stays near the last one.
    """
    igraph.set_random_number_generator(random.Random(seed))
    found = graph.community_leiden(
        objective_function="modularity",
        weights="weight",
        resolution=resolution,
        n_iterations=-1,
        initial_membership=None if start is None else start.tolist(),
    )
    return number_by_size(np.asarray(found.membership, dtype=np.int64))


def dissolve_small(graph: igraph.Graph, membership: np.ndarray, min_size: int) -> np.ndarray:
    """Gives the members of clusters below `min_size` to the larger clusters they have the most edge weight to.

    Cluster after cluster, smallest first, each as a whole: what belongs together stays together. A cluster without
    an edge to another one stays.
    """
    found = membership.copy()
    sources, targets = np.asarray(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2).T
    weights = np.asarray(graph.es["weight"], dtype=np.float64)
    for number in range(int(membership.max(initial=-1)), 0, -1):  # numbered by size: the last is the smallest
        if (found == number).sum() >= min_size:
            continue
        leaving = (found[sources] == number) != (found[targets] == number)
        ends = np.where(found[sources] == number, found[targets], found[sources])[leaving]
        if len(ends):
            pull = np.bincount(ends, weights=np.round(weights[leaving], 9))
            found[found == number] = int(np.argmax(np.round(pull, 6)))
    return number_by_size(found)


def number_by_size(membership: np.ndarray) -> np.ndarray:
    """Renumbers clusters by falling size; of two as large, the one with the earlier first row comes first."""
    found, first_row, sizes = np.unique(membership, return_index=True, return_counts=True)
    order = np.lexsort((first_row, -sizes))
    number = np.empty(len(found), dtype=np.int64)
    number[order] = np.arange(len(found))
    return number[np.searchsorted(found, membership)]


def choose_partition(
    graph: igraph.Graph, resolution: float, seeds: Sequence[int], start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts the graph once for each seed and returns the cut that agrees best with the others, and all cuts.

    Returns:
        membership int64 (n,), the medoid under the adjusted Rand index, and every cut int64 (n_seeds, n).
    """
    cuts = np.stack([cut_layer(graph, resolution, seed, start) for seed in seeds])
    agreement = np.array([[adjusted_rand_score(one, other) for other in cuts] for one in cuts])
    return cuts[int(np.argmax(np.round(agreement.sum(axis=1), 9)))], cuts


def find_centres(vectors: np.ndarray, membership: np.ndarray) -> np.ndarray:
    """Returns the unit centre of each cluster 0..k-1: float64 (k, n_dims), on a grid that keeps products exact."""
    centres = np.zeros((int(membership.max(initial=-1)) + 1, vectors.shape[1]))
    for number in range(len(centres)):
        total = vectors[membership == number].astype(np.float64).sum(axis=0)  # sums of float16 values are exact
        length = math.sqrt(math.fsum(value * value for value in total.tolist()))
        centres[number] = np.round(total / max(length, 1e-12) * CENTRE_GRID) / CENTRE_GRID
    return centres


def score_members(vectors: np.ndarray, membership: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns how central each row is, and how far it is from the border of its cluster: float64 (n,) each.

    The first is the cosine with the centre of its own cluster, the second that cosine less the best one with
    another centre: below zero, the row lies closer to another cluster's centre.
    """
    cosines = vectors.astype(np.float64) @ find_centres(vectors, membership).T
    rows = np.arange(len(vectors))
    own = cosines[rows, membership].copy()
    cosines[rows, membership] = -np.inf
    best_other = cosines.max(axis=1, initial=-1.0)
    return own, own - best_other


CUT_COUNT = 11  # cuts with different seeds, of which the one most like the others is taken
