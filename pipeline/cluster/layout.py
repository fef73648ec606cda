"""The map: a place in the plane for every document, from the neighbour graph."""

import random

import igraph
import numpy as np


def place_documents(graph: igraph.Graph, seed: int) -> np.ndarray:
    """Returns float32 (n, 2) places between 0 and 1, the same for the same graph and seed.

    UMAP's layout (McInnes, Healy and Melville 2018) as igraph computes it: one thread, no linear-algebra library.

    Args:
        graph: the weighted neighbour graph.
        seed: for the starting places and the order of moves.
    """
    igraph.set_random_number_generator(random.Random(seed))
    distances = [1.0 - weight for weight in graph.es["weight"]]
    layout = graph.layout_umap(dist=distances, dim=2, min_dist=0.1, epochs=200)
    places = np.asarray(layout.coords, dtype=np.float64).reshape(-1, 2)
    low, high = places.min(axis=0), places.max(axis=0)
    return ((places - low) / np.maximum(high - low, 1e-12)).astype(np.float32)
