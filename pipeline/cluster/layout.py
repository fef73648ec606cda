"""The map: a place in the plane for every document, from the neighbour graph; old places never move."""

import random

import igraph
import numpy as np
import pandas as pd

from pipeline.cluster.layers import build_graph, find_neighbours_among

ANCHOR_COUNT = 5  # placed neighbours between which a new document is put
EDGE_COUNT = 15  # neighbours that pull on a place; more cost time and change little
JITTER = 0.004  # of the map's width, so that new documents with the same neighbours do not hide one another


def extend_layout(
    doc_ids: pd.Index, vectors: np.ndarray, near: tuple[np.ndarray, np.ndarray], known: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Returns the rows of `layout`: known places as they are, new documents among their nearest placed ones.

    Without a known place, the whole map is laid out anew.

    Args:
        doc_ids: of every document, sorted.
        vectors: float16 (n, n_dims), unit rows, in that order.
        near: nearest neighbours and their similarities, (n, count) each.
        known: rows of `layout` of the last census; may be empty.
        seed: for a new layout.
    """
    places = known.set_index("doc_id")[["x", "y"]].reindex(doc_ids)
    is_placed = places["x"].notna().to_numpy()
    if not is_placed.any():
        places[["x", "y"]] = place_documents(build_graph(*(part[:, :EDGE_COUNT] for part in near)), seed)
    elif not is_placed.all():
        anchors = places[is_placed].to_numpy(dtype=np.float64)
        neighbours, similarities = find_neighbours_among(vectors[~is_placed], vectors[is_placed], ANCHOR_COUNT)
        weights = np.maximum(similarities, 1e-6)[:, :, None]
        found = (anchors[neighbours] * weights).sum(axis=1) / weights.sum(axis=1)
        nudges = [
            np.random.default_rng([seed, *doc_id.encode()]).uniform(-JITTER, JITTER, 2)
            for doc_id in doc_ids[~is_placed]
        ]
        places.loc[~is_placed, ["x", "y"]] = np.clip(np.round(found + nudges, 6), 0, 1).astype(np.float32)
    return places.astype(np.float32).rename_axis("doc_id").reset_index()


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
