"""Intervals of nested queries: what is narrower never lies above what is wider."""

import numpy as np


def find_wider(counted: np.ndarray) -> np.ndarray:
    """Returns which queries count whatever another counts: bool (n_queries, n_queries), [i, j] if j is as wide as i.

    Args:
        counted: bool (n_queries, n_records).
    """
    missed = counted.astype(np.float32) @ (~counted).astype(np.float32).T  # whole numbers: exact
    return missed == 0


def nest_ends(wider: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns ends of which no narrower query's is above a wider one's; intervals only grow.

    Args:
        wider: from `find_wider`.
        low, high: float (n_queries,).
    """
    lower = np.where(wider, low[None, :], np.inf).min(axis=1, initial=np.inf)
    upper = np.where(wider.T, high[None, :], -np.inf).max(axis=1, initial=-np.inf)
    return np.minimum(low, lower), np.maximum(high, upper)
