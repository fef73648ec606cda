"""How many documents to read of each stratum beyond those drawn already, and what half-width that promises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.coding.sampling import CLIP, FLOOR, spread
from pipeline.errors import SheetError
from pipeline.estimate.intervals import normal_quantile

EVEN = 0.5  # the chance taken where nothing is predicted: the widest


@dataclass(frozen=True)
class Target:
    """A stratum that can be drawn from: its documents now, and how many of them are drawn."""

    name: str
    frame: str
    window: str
    part: str
    members: frozenset[str]
    drawn: frozenset[str]


def predict_shares(targets: Sequence[Target], predictions: pd.DataFrame | None, queries: Sequence[str]) -> np.ndarray:
    """Returns the predicted share of each stratum under each query: float (n_targets, n_queries).

    Args:
        targets: strata.
        predictions: rows of `predictions`, or None.
        queries: such as "definition strict".
    """
    shares = np.full((len(targets), max(len(queries), 1)), EVEN)
    if predictions is None:
        return shares
    for column, query in enumerate(queries):
        chance = predictions[predictions["query"] == query].set_index("doc_id")["probability"]
        for row, target in enumerate(targets):
            known = chance.reindex(list(target.members)).dropna()
            if len(known):
                shares[row, column] = known.mean()
    return shares


def allocate(targets: Sequence[Target], total: int, by: str, shares: np.ndarray) -> dict[str, int]:
    """Returns the documents to draw from each stratum.

    The whole sample, drawn already and now, is brought as near to the rule as what is drawn already allows.

    Args:
        targets: strata.
        total: documents to draw now.
        by: neyman (in proportion to N_h S_h, S_h the root mean square over the queries), proportional or equal.
        shares: from `predict_shares`.

    Raises:
        SheetError: so many do not fit.
    """
    size = np.array([len(target.members) for target in targets], dtype=float)
    before = np.array([len(target.drawn) for target in targets], dtype=float)
    clipped = np.clip(shares, *CLIP)
    spread_of = {
        "neyman": size * np.sqrt((clipped * (1 - clipped)).mean(axis=1)),
        "proportional": size,
        "equal": np.ones(len(size)),
    }[by]
    low = np.where(before > 0, before, np.minimum(FLOOR, size))
    if low.sum() > before.sum() + total:
        low = np.where(before > 0, before, np.minimum(1, size))
    if low.sum() > before.sum() + total or before.sum() + total > size.sum():
        raise SheetError(
            f"{total} documents do not fit: at least {low.sum() - before.sum():.0f}, at most "
            f"{size.sum() - before.sum():.0f} more of {len(targets)} strata",
            where="N",
            do="change N, or name fewer FRAMES",
        )
    counts = spread(spread_of, size, before.sum() + total, low)
    return {target.name: int(count - old) for target, count, old in zip(targets, counts, before, strict=True)}


def expect_half_widths(
    targets: Sequence[Target], more: Mapping[str, int], shares: np.ndarray, level: float
) -> dict[str, np.ndarray]:
    """Returns the half-width to be expected for each frame and query, float (n_queries,), adjudication left out."""
    z = normal_quantile(level)
    found: dict[str, np.ndarray] = {}
    for frame in dict.fromkeys(target.frame for target in targets):
        rows = [number for number, target in enumerate(targets) if target.frame == frame]
        size = np.array([len(targets[row].members) for row in rows], dtype=float)
        n = np.array([len(targets[row].drawn) + more.get(targets[row].name, 0) for row in rows], dtype=float)
        covered = n > 0
        if not covered.any():
            continue
        weight = size[covered] / size[covered].sum()
        p = np.clip(shares[rows][covered], *CLIP)
        variance = (weight**2 * (1 - n[covered] / size[covered]) / n[covered])[:, None] * p * (1 - p)
        found[frame] = z * np.sqrt(variance.sum(axis=0))
    return found
