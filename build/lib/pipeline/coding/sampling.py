"""Drawing documents to read: strata, sizes, probabilities, and an order in which a sample can only grow."""

import hashlib
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from pipeline.errors import SheetError

FLOOR = 5  # documents a stratum, so that each has a variance of its own
CLIP = (0.02, 0.98)  # a prediction is never taken for certain when sizes are set


def hash_frame(doc_ids: Collection[str]) -> str:
    """Returns the SHA-256 of the sorted document ids: what a sample was drawn from."""
    return hashlib.sha256("\n".join(sorted(doc_ids)).encode()).hexdigest()


def check_frame(doc_ids: Collection[str], frame_sha256: str, where: str) -> None:
    """Checks that a frame is the one that a sample was drawn from.

    Raises:
        SheetError: it has other documents now.
    """
    if hash_frame(doc_ids) != frame_sha256:
        raise SheetError(
            "the frame has other documents than when the sample was drawn",
            where=where,
            do="give new documents a frame of their own, or draw a new round",
        )


def allocate_neyman(
    sizes: Mapping[str, int], shares: Mapping[str, float], total: int, floor: int = FLOOR
) -> dict[str, int]:
    """Returns how many documents to draw from each stratum: in proportion to N_h sqrt(p_h (1 - p_h)) (Neyman 1934).

    Predicted shares p_h are clipped, each stratum gets at least `floor` documents or all it has, none more than it
    has, and what rounding leaves goes to the largest remainders.

    Args:
        sizes: documents by stratum.
        shares: predicted share of the class by stratum.
        total: documents to draw.
    """
    names = sorted(sizes)
    size = np.array([sizes[name] for name in names], dtype=float)
    share = np.clip([shares[name] for name in names], *CLIP)
    return dict(zip(names, _spread(size * np.sqrt(share * (1 - share)), size, total, floor), strict=True))


def allocate_proportional(sizes: Mapping[str, int], total: int, floor: int = FLOOR) -> dict[str, int]:
    """Returns sizes in proportion to the strata, with the same floor, caps and rounding."""
    names = sorted(sizes)
    size = np.array([sizes[name] for name in names], dtype=float)
    return dict(zip(names, _spread(size, size, total, floor), strict=True))


def allocate_equal(sizes: Mapping[str, int], each: int) -> dict[str, int]:
    """Returns the same number for each stratum (years, say), or all a stratum has."""
    return {name: min(each, sizes[name]) for name in sorted(sizes)}


def draw_stratified(strata: pd.Series, sizes: Mapping[str, int], seed: int) -> pd.DataFrame:
    """Draws a simple random sample of each stratum, and puts the rest in reserve.

    Every document has a place in its stratum's random order; the sample is the first n_h. A larger sample of the
    same frame and seed begins with the smaller one: it is extended by prefix, never by choice.

    Args:
        strata: stratum by doc_id; the order of its rows does not matter.
        sizes: documents to draw by stratum.
        seed: of the round.

    Returns:
        one row a document of the frame, by stratum and order: doc_id, stratum, reserve_order (from 0),
        inclusion_probability (n_h / N_h), is_drawn.

    Raises:
        SheetError: a stratum has fewer documents than are to be drawn.
    """
    parts = []
    for name in sorted(set(strata)):
        doc_ids = sorted(strata.index[strata == name])
        count = sizes.get(name, 0)
        if count > len(doc_ids):
            raise SheetError(f"has {len(doc_ids)} documents, not {count}", where=f"stratum {name}", do="draw fewer")
        key = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")
        order = np.random.default_rng(key).permutation(len(doc_ids))
        parts.append(
            pd.DataFrame(
                {
                    "doc_id": [doc_ids[position] for position in order],
                    "stratum": name,
                    "reserve_order": np.arange(len(doc_ids)),
                    "inclusion_probability": count / len(doc_ids),
                    "is_drawn": np.arange(len(doc_ids)) < count,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def draw_mixture(weights: pd.Series, total: int, seed: int, mix: float = 0.5) -> pd.DataFrame:
    """Draws with replacement, half evenly and half in proportion to a weight (karma, words), for weighted shares.

    The probability of one draw is mix / N + (1 - mix) w_i / sum w; weigh by its inverse (Hajek 1971).

    Args:
        weights: weight by doc_id, none negative; the order of its rows does not matter.
        total: draws.
        seed: of the round.

    Returns:
        one row a draw, in the order of drawing: draw, doc_id, draw_probability. More draws of the same seed
        begin with the fewer ones.

    Raises:
        SheetError: a weight is negative or missing, or all are zero.
    """
    ordered = weights.sort_index()
    values = ordered.to_numpy(dtype=float)
    if not len(values) or not np.isfinite(values).all() or values.min() < 0 or values.sum() == 0:
        raise SheetError("weights must be known, none negative and not all zero", where="the frame", do="mend them")
    probability = mix / len(values) + (1 - mix) * values / values.sum()
    points = np.random.default_rng(seed).random(total)
    rows = np.minimum(np.searchsorted(np.cumsum(probability), points, side="right"), len(values) - 1)
    return pd.DataFrame(
        {"draw": np.arange(total), "doc_id": ordered.index[rows], "draw_probability": probability[rows]}
    )


def _spread(measure: np.ndarray, size: np.ndarray, total: int, floor: int) -> list[int]:
    """Splits `total` in proportion to `measure`, within floor and size, by largest remainders."""
    low = np.minimum(floor, size)
    if total < low.sum() or total > size.sum():
        raise SheetError(
            f"{total} documents do not fit: at least {low.sum():.0f}, at most {size.sum():.0f}",
            where="the allocation",
            do="change the total or the floor",
        )
    # The share of each stratum given a common factor, found by bisection, keeps floors and caps exact.
    lowest, highest = 0.0, float((size / np.maximum(measure, 1e-12)).max())
    for _ in range(200):
        middle = (lowest + highest) / 2
        if np.clip(middle * measure, low, size).sum() < total:
            lowest = middle
        else:
            highest = middle
    exact = np.clip(highest * measure, low, size)
    counts = np.floor(exact + 1e-9).astype(int)
    order = np.argsort(-(exact - counts), kind="stable")
    for position in order:
        if counts.sum() == total:
            break
        if counts[position] < size[position]:
            counts[position] += 1
    return counts.tolist()
