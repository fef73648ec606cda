"""Differences of shares of two parts of a sample, and their intervals."""

import numpy as np

from pipeline.estimate.intervals import vary
from pipeline.estimate.shares import FINE, Shares


def compare_parts(early: Shares, late: Shares, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns late less early: difference, standard error, low and high, float (n_queries,) each.

    The interval squares and adds the distances to the ends of the two, less what the replicates say they share (MOVER:
    Zou and Donner 2008): unlike a normal one it holds for rare classes. The ends lie half-way between Wilson's and
    Jeffreys': from two of Wilson's, each cautious where few count, a difference would get more than it asks for.
    """
    change = late.share - early.share
    moved = late.replicates - early.replicates
    error = np.sqrt(vary(moved))
    together = share_variation(early, late)

    def reach(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(one**2 + other**2 - 2 * together * one * other, 0.0))

    early_low, early_high = (early.low, early.high) if early.apart is None else early.apart
    late_low, late_high = (late.low, late.high) if late.apart is None else late.apart
    below = reach(late.share - late_low, early_high - early.share)
    above = reach(late_high - late.share, early.share - early_low)
    return change, error, np.maximum(change - below, -1.0), np.minimum(change + above, 1.0)


def share_variation(early: Shares, late: Shares) -> np.ndarray:
    """Returns how two estimates vary together over the replicates: correlations, float (n_queries,)."""
    error = np.sqrt(vary(late.replicates - early.replicates))
    of_early, of_late = vary(early.replicates), vary(late.replicates)
    spread = np.sqrt(of_early) * np.sqrt(of_late)
    shared = of_early + of_late - error**2
    return np.clip(np.where(spread > FINE, shared / (2 * np.where(spread > FINE, spread, 1)), 0.0), -1, 1)
