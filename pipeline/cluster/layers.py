"""Layers of clusters: an exact neighbour graph on the stored vectors, cut by Leiden at several resolutions."""

import random

import igraph
import numpy as np

BLOCK_ROWS = 2_048  # rows of the similarity matrix held at once: 2,048 x 9,193 x 8 bytes = 150 MB


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
    total = len(vectors)
    count = min(count, max(total - 1, 0))
    exact = vectors.astype(np.float64)
    neighbours = np.empty((total, count), dtype=np.int64)
    similarities = np.empty((total, count), dtype=np.float64)
    if count == 0:
        return neighbours, similarities
    for first in range(0, total, BLOCK_ROWS):
        block = exact[first : first + BLOCK_ROWS] @ exact.T
        rows = np.arange(len(block))
        block[rows, first + rows] = -np.inf  # a document is not its own neighbour
        threshold = -np.partition(-block, count - 1, axis=1)[:, count - 1]
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
    pairs = np.stack([np.minimum(sources, targets), np.maximum(sources, targets)], axis=1)
    edges, first_seen = np.unique(pairs, axis=0, return_index=True)
    weights = np.maximum(similarities.reshape(-1)[first_seen], 0.0)
    graph = igraph.Graph(n=total, edges=edges.tolist())
    graph.es["weight"] = weights.tolist()
    return graph


def cut_layer(graph: igraph.Graph, resolution: float, seed: int) -> np.ndarray:
    """Returns one cluster number per row: int64 (n,), 0 for the largest cluster.

    Leiden on modularity, run until nothing improves (Traag, Waltman and van Eck 2019).
    """
    igraph.set_random_number_generator(random.Random(seed))
    found = graph.community_leiden(
        objective_function="modularity", weights="weight", resolution=resolution, n_iterations=-1
    )
    return number_by_size(np.asarray(found.membership, dtype=np.int64))


def number_by_size(membership: np.ndarray) -> np.ndarray:
    """Renumbers clusters by falling size; of two as large, the one with the earlier first row comes first."""
    found, first_row, sizes = np.unique(membership, return_index=True, return_counts=True)
    order = np.lexsort((first_row, -sizes))
    number = np.empty(len(found), dtype=np.int64)
    number[order] = np.arange(len(found))
    return number[np.searchsorted(found, membership)]


def score_centrality(vectors: np.ndarray, membership: np.ndarray) -> np.ndarray:
    """Returns the cosine of each row with the centre of its cluster: float64 (n,)."""
    exact = vectors.astype(np.float64)
    scores = np.empty(len(vectors), dtype=np.float64)
    for number in np.unique(membership):
        rows = np.flatnonzero(membership == number)
        centre = exact[rows].sum(axis=0)
        scores[rows] = (exact[rows] * (centre / np.linalg.norm(centre))).sum(axis=1)
    return np.round(scores, 9)  # sums of products of rounded centres differ in the last bits between processors
