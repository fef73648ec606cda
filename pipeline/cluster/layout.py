"""The map: a place in the plane for every document, from its nearest neighbours; old places never move."""

import numpy as np
import pandas as pd

from pipeline.cluster.neighbours import FindKnown, find_known

ANCHOR_COUNT = 5  # placed neighbours between which a new document is put
EDGE_COUNT = 15  # neighbours that pull on a place; more cost time and change little
JITTER = 0.004  # of the map's width, so that new documents with the same neighbours do not hide one another
STRANGER_COUNT = 5  # random documents that a pair pushes off each time it is pulled together
PUSH = np.float32(15.0)  # weight of a stranger; reports/bench/scale.md compares maps by it
STEEPNESS = np.float32(1.58)  # of the pull by distance: UMAP's for a least distance of 0.1
LONGEST_STEP = np.float32(4.0)  # UMAP's bound on what one pair may move, in units of the map, which is some 30 wide
NEARLY_NONE = np.float32(0.001)  # keeps the push of a stranger in the same place finite
ROUNDS, FEWER_ROUNDS = 100, 50  # times that every pair is pulled
MANY = 20_000  # documents from which fewer rounds do
START_WIDTH = 10  # half the width of the map to begin with
START_DECIMALS = 3  # of a start, so that the last bits of a matrix product, which processors differ in, do not matter
START_ROWS = 10_000  # documents, or somewhat more, whose main directions the map starts from


def lay_out(near: tuple[np.ndarray, np.ndarray], vectors: np.ndarray, seed: int) -> list[np.ndarray]:
    """Returns a place for every document in a map made anew: one array, float32 (n, 2), between 0 and 1.

    Args:
        near: the nearest neighbours and their similarities, (n, count) each.
        vectors: float16 (n, n_dims), unit rows.
        seed: for the order of moves.
    """
    return [place_documents(near[0][:, :EDGE_COUNT], find_start(vectors), seed)]


def find_start(vectors: np.ndarray) -> np.ndarray:
    """Returns where the documents lie along the two main directions of a part of them: float32 (n, 2)."""
    if not len(vectors):
        return np.empty((0, 2), dtype=np.float32)
    sample = vectors[:: max(1, len(vectors) // START_ROWS)].astype(np.float64)
    middle = sample.mean(axis=0)
    _, axes = np.linalg.eigh((sample - middle).T @ (sample - middle))
    axes = axes[:, :-3:-1]
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(2)] < 0, -1.0, 1.0)  # a direction has no sign
    blocks = [vectors[first : first + START_ROWS] for first in range(0, len(vectors), START_ROWS)]
    places = np.concatenate([(block.astype(np.float64) - middle) @ axes for block in blocks])
    width = max(float(np.abs(places).max()), 1e-12)
    return np.round(places * (START_WIDTH / width), START_DECIMALS).astype(np.float32)


def place_documents(neighbours: np.ndarray, start: np.ndarray, seed: int) -> np.ndarray:
    """Returns float32 (n, 2) places between 0 and 1, the same for the same neighbours, start and seed.

    UMAP's layout (McInnes, Healy and Melville 2018) with the heavier pushes of LargeVis (Tang et al. 2016), and every
    pair of neighbours alike. Pairs are moved many at a time, by sums, products and quotients only, which every
    processor rounds alike.

    Args:
        neighbours: int64 (n, count), the nearest of each document.
        start: float32 (n, 2), where they are to begin with.
        seed: for the order of moves.
    """
    rng, places, total = np.random.default_rng(seed), start.copy(), len(start)
    sources, targets = np.repeat(np.arange(total), neighbours.shape[1]), neighbours.reshape(-1)
    keys = np.unique(np.minimum(sources, targets) * total + np.maximum(sources, targets))
    pairs = np.stack(np.divmod(keys, max(total, 1)))
    rounds = ROUNDS if total < MANY else FEWER_ROUNDS
    at_once = max(total // 2, 256)  # so that hardly one document is moved twice by what it was before
    for number in range(rounds):
        order = rng.permutation(pairs.shape[1])
        is_turned = rng.random(pairs.shape[1]) < 0.5  # the first of a pair pushes strangers off
        mixed = np.where(is_turned, pairs[::-1], pairs)[:, order]
        for first in range(0, len(order), at_once):
            left, right = mixed[:, first : first + at_once]
            strangers = rng.integers(0, total, (STRANGER_COUNT, len(left)))
            _move(places, left, right, strangers, np.float32(1 - number / rounds))
    low, high = places.min(axis=0, initial=np.inf), places.max(axis=0, initial=-np.inf)
    return (places - low) / np.maximum(high - low, np.float32(1e-12))


def _move(places: np.ndarray, left: np.ndarray, right: np.ndarray, strangers: np.ndarray, pace: np.float32) -> None:
    """Pulls pairs together, and pushes the left ones off strangers: int64 (n_strangers, n_pairs)."""
    own = places[left]
    gap = own - places[right]
    pull = _step(gap, -2 * STEEPNESS / (1 + STEEPNESS * _square(gap)))
    push = np.zeros_like(pull)
    for others in strangers:
        gap = own - places[others]
        square = _square(gap)
        push += _step(gap, 2 * PUSH / ((NEARLY_NONE + square) * (1 + STEEPNESS * square)))
    for axis in range(2):
        moved = np.bincount(left, pull[:, axis] + push[:, axis], len(places))
        moved -= np.bincount(right, pull[:, axis], len(places))
        places[:, axis] += pace * moved.astype(np.float32)


def _square(gap: np.ndarray) -> np.ndarray:
    return gap[:, 0] * gap[:, 0] + gap[:, 1] * gap[:, 1]


def _step(gap: np.ndarray, force: np.ndarray) -> np.ndarray:
    return np.clip(gap * force[:, None], -LONGEST_STEP, LONGEST_STEP)


def extend_layout(
    doc_ids: pd.Index,
    vectors: np.ndarray,
    fresh: np.ndarray | None,
    known: pd.DataFrame,
    seed: int,
    find: FindKnown = find_known,
) -> pd.DataFrame:
    """Returns the rows of `layout`: known places as they are, new documents among their nearest placed ones.

    Args:
        doc_ids: of every document, sorted.
        vectors: float16 (n, n_dims), unit rows, in that order.
        fresh: places of a map made anew, float32 (n, 2), which are taken where none is known.
        known: rows of `layout` of the last census; may be empty.
        seed: for the nudges.
        find: looks for the nearest placed ones.
    """
    places = known.set_index("doc_id")[["x", "y"]].reindex(doc_ids)
    is_placed = places["x"].notna().to_numpy()
    if not is_placed.any():
        places[["x", "y"]] = fresh
    elif not is_placed.all():
        found = put_among(places[is_placed].to_numpy(dtype=np.float64), *find(vectors, is_placed, ANCHOR_COUNT))
        nudges = [
            np.random.default_rng([seed, *doc_id.encode()]).uniform(-JITTER, JITTER, 2)
            for doc_id in doc_ids[~is_placed]
        ]
        places.loc[~is_placed, ["x", "y"]] = np.clip(np.round(found + nudges, 6), 0, 1).astype(np.float32)
    return places.astype(np.float32).rename_axis("doc_id").reset_index()


def put_among(anchors: np.ndarray, neighbours: np.ndarray, similarities: np.ndarray) -> np.ndarray:
    """Returns the mean place of the nearest placed documents of each row, by similarity: float64 (n, 2).

    Args:
        anchors: (n_placed, 2), their places.
        neighbours: int64 (n, count), which are nearest.
        similarities: float64 (n, count), how alike they are.
    """
    weights = np.maximum(similarities, 1e-6)[:, :, None]
    return (anchors[neighbours] * weights).sum(axis=1) / weights.sum(axis=1)
