"""Layers of clusters: a neighbour graph, cut by Leiden at several resolutions."""

import math
import random
from collections.abc import Sequence

import igraph
import numpy as np
from sklearn.metrics import adjusted_rand_score

CUT_COUNT = 11  # cuts with different seeds, of which the one most like the others is taken
CONVERGED_LIMIT = 5_000  # documents up to which cuts go on until nothing improves
BLOCK_ROWS = 16_384
CENTRE_GRID = 2**20  # centres are multiples of 2**-20, so that their products with float16 values add up exactly


def build_graph(neighbours: np.ndarray, similarities: np.ndarray) -> igraph.Graph:
    """Returns the undirected graph that joins each row to its neighbours, weighted by similarity."""
    total, count = neighbours.shape
    sources = np.repeat(np.arange(total), count)
    targets = neighbours.reshape(-1)
    keys = np.minimum(sources, targets) * total + np.maximum(sources, targets)  # one number a pair sorts fast
    keys, first_seen = np.unique(keys, return_index=True)
    edges = np.stack(np.divmod(keys, max(total, 1)), axis=1)
    return put_together(total, edges, np.maximum(similarities.reshape(-1)[first_seen], 0.0))


def put_together(total: int, edges: np.ndarray, weights: np.ndarray) -> igraph.Graph:
    """Returns the graph of edges int64 (n_edges, 2) and their weights float64 (n_edges,)."""
    graph = igraph.Graph(n=total, edges=edges.data)  # a buffer: as a list, twenty million edges take 3 GB
    graph.es["weight"] = weights.tolist()
    return graph


def take_apart(graph: igraph.Graph) -> tuple[np.ndarray, np.ndarray]:
    """Returns the edges and the weights of a graph, as `put_together` takes them."""
    edges = np.fromiter((end for edge in graph.es for end in edge.tuple), np.int64, 2 * graph.ecount())
    return edges.reshape(-1, 2), np.array(graph.es["weight"], dtype=np.float64)


def count_iterations(total: int) -> int:
    """Returns the iterations of Leiden for so many documents: -1 until nothing improves, 2 where that takes too long.

    Two reach 99.7% of the modularity and more, and cuts with other seeds then agree as well (reports/bench/scale.md);
    how many it takes to the end grows with the documents.
    """
    return -1 if total <= CONVERGED_LIMIT else 2


def cut_layer(
    graph: igraph.Graph, resolution: float, seed: int, start: np.ndarray | None = None, iteration_count: int = -1
) -> np.ndarray:
    """Returns one cluster number per row: int64 (n,), 0 for the largest cluster.

    Leiden on modularity (Traag, Waltman and van Eck 2019), from the clusters in `start` where they are given, so that
    a new cut stays near the last one.
    """
    igraph.set_random_number_generator(random.Random(seed))
    found = graph.community_leiden(
        objective_function="modularity",
        weights="weight",
        resolution=resolution,
        n_iterations=iteration_count,
        initial_membership=None if start is None else start.tolist(),
    )
    return number_by_size(np.asarray(found.membership, dtype=np.int64))


def dissolve_small(graph: igraph.Graph, membership: np.ndarray, min_size: int) -> np.ndarray:
    """Gives the members of clusters below `min_size` to the larger clusters they have the most edge weight to.

    Cluster after cluster, smallest first, each as a whole: what belongs together stays together. A cluster without
    an edge to another one stays.
    """
    found, sizes = membership.copy(), np.bincount(membership)
    for number in range(int(membership.max(initial=-1)), 0, -1):  # numbered by size: the last is the smallest
        if sizes[number] >= min_size:
            continue
        members = np.flatnonzero(found == number)
        edges = graph.es[sorted({edge for row in members.tolist() for edge in graph.incident(row)})]
        ends = found[np.array([edge.tuple for edge in edges], dtype=np.int64).reshape(-1, 2)]
        leaving = (ends[:, 0] == number) != (ends[:, 1] == number)
        if leaving.any():
            others = ends[leaving].sum(axis=1) - number
            weights = np.array(edges["weight"], dtype=np.float64)[leaving]
            pull = np.bincount(others, weights=np.round(weights, 9))
            heir = int(np.argmax(np.round(pull, 6)))
            found[members] = heir
            sizes[heir], sizes[number] = sizes[heir] + sizes[number], 0
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
    count = count_iterations(graph.vcount())
    cuts = np.stack([cut_layer(graph, resolution, seed, start, count) for seed in seeds])
    return choose_cut(cuts), cuts


def choose_cut(cuts: np.ndarray) -> np.ndarray:
    """Returns the cut that agrees best with the others, the medoid under the adjusted Rand index: int64 (n,)."""
    agreement = np.array([[adjusted_rand_score(one, other) for other in cuts] for one in cuts])
    return cuts[int(np.argmax(np.round(agreement.sum(axis=1), 9)))]


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
    centres = find_centres(vectors, membership)
    own, best_other = np.empty(len(vectors)), np.empty(len(vectors))
    for first in range(0, len(vectors), BLOCK_ROWS):
        part = slice(first, first + BLOCK_ROWS)
        cosines = vectors[part].astype(np.float64) @ centres.T
        rows = np.arange(len(cosines))
        own[part] = cosines[rows, membership[part]]
        cosines[rows, membership[part]] = -np.inf
        best_other[part] = cosines.max(axis=1, initial=-1.0)
    return own, own - best_other
