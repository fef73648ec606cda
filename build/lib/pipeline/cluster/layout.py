"""The map: a place in the plane for every document, from the neighbour graph; old places never move."""

import random

import igraph
import numpy as np
import pandas as pd

from pipeline.cluster.layers import build_graph
from pipeline.cluster.neighbours import find_neighbours, find_neighbours_among

ANCHOR_COUNT = 5  # placed neighbours between which a new document is put
EDGE_COUNT = 15  # neighbours that pull on a place; more cost time and change little
LAYOUT_LIMIT = (
    10_000  # documents that are laid out one by one (half a minute); of more, so many, and the others among them
)
JITTER = 0.004  # of the map's width, so that new documents with the same neighbours do not hide one another


def lay_out(near: tuple[np.ndarray, np.ndarray], vectors: np.ndarray, seed: int) -> list[np.ndarray]:
    """Returns a place for every document in a map made anew: one array, float32 (n, 2).

    Of many documents a random part is laid out, and the others are put among it, as new ones would be.
    """
    if len(vectors) <= LAYOUT_LIMIT:
        return [place_documents(build_graph(*(part[:, :EDGE_COUNT] for part in near)), seed)]
    places = np.empty((len(vectors), 2), dtype=np.float32)
    is_placed = np.zeros(len(vectors), dtype=bool)
    is_placed[np.random.default_rng(seed).permutation(len(vectors))[:LAYOUT_LIMIT]] = True
    graph = build_graph(*find_neighbours(vectors[is_placed], EDGE_COUNT))
    places[is_placed] = place_documents(graph, seed)
    places[~is_placed] = put_among(vectors[~is_placed], vectors[is_placed], places[is_placed])
    nudges = np.random.default_rng(seed).uniform(-JITTER, JITTER, (int((~is_placed).sum()), 2))
    places[~is_placed] = np.clip(np.round(places[~is_placed] + nudges, 6), 0, 1)
    return [places]


def extend_layout(
    doc_ids: pd.Index, vectors: np.ndarray, fresh: np.ndarray | None, known: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Returns the rows of `layout`: known places as they are, new documents among their nearest placed ones.

    Args:
        doc_ids: of every document, sorted.
        vectors: float16 (n, n_dims), unit rows, in that order.
        fresh: places of a map made anew, float32 (n, 2), which are taken where none is known.
        known: rows of `layout` of the last census; may be empty.
        seed: for the nudges.
    """
    places = known.set_index("doc_id")[["x", "y"]].reindex(doc_ids)
    is_placed = places["x"].notna().to_numpy()
    if not is_placed.any():
        places[["x", "y"]] = fresh
    elif not is_placed.all():
        anchors = places[is_placed].to_numpy(dtype=np.float64)
        found = put_among(vectors[~is_placed], vectors[is_placed], anchors)
        nudges = [
            np.random.default_rng([seed, *doc_id.encode()]).uniform(-JITTER, JITTER, 2)
            for doc_id in doc_ids[~is_placed]
        ]
        places.loc[~is_placed, ["x", "y"]] = np.clip(np.round(found + nudges, 6), 0, 1).astype(np.float32)
    return places.astype(np.float32).rename_axis("doc_id").reset_index()


def put_among(vectors: np.ndarray, placed: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Returns the mean place of the nearest placed documents of each row, by similarity: float64 (n, 2).

    Args:
        vectors: float16 (n, n_dims), unit rows without a place.
        placed: float16 (n_placed, n_dims), unit rows with one.
        anchors: (n_placed, 2), their places.
    """
    neighbours, similarities = find_neighbours_among(vectors, placed, ANCHOR_COUNT)
    weights = np.maximum(similarities, 1e-6)[:, :, None]
    return (anchors[neighbours] * weights).sum(axis=1) / weights.sum(axis=1)


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
