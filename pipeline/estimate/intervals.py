"""Intervals of shares and of differences of shares, from their replicates."""

from functools import cache

import numpy as np
from scipy import special  # not stats, which takes half a second to load


def wilson_interval(
    share: float | np.ndarray, n_effective: float | np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns Wilson's score interval for a share seen in `n_effective` documents (Wilson 1927)."""
    z2 = normal_quantile(level) ** 2
    centre = (share + z2 / (2 * n_effective)) / (1 + z2 / n_effective)
    spread = share * (1 - share) / n_effective + z2 / (4 * n_effective**2)
    half = np.sqrt(z2 * spread) / (1 + z2 / n_effective)
    # At 0 and 1 an end of the interval is the share itself, up to rounding.
    return np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)


def jeffreys_interval(share: np.ndarray, n_effective: np.ndarray, level: float) -> np.ndarray:
    """Returns Jeffreys' interval for shares seen in `n_effective` documents: low and high, float (2, n_queries).

    Quantiles of the beta distribution after half a hit and half a miss more; at 0 and 1 an end is the share itself, as
    Brown, Cai and DasGupta (2001) have it.
    """
    hits, misses, tail = n_effective * share + 0.5, n_effective * (1 - share) + 0.5, (1 - level) / 2
    low = np.where(share > 0, special.betaincinv(hits, misses, tail), 0.0)
    high = np.where(share < 1, special.betaincinv(hits, misses, 1 - tail), 1.0)
    return np.stack([np.minimum(low, share), np.maximum(high, share)])


def effective_size(
    share: float | np.ndarray,
    variance: float | np.ndarray,
    n_inside: float | np.ndarray,
    n_read: int,
    degrees: int | np.ndarray,
    level: float,
) -> np.ndarray:
    """Returns n_effective = p (1 - p) / V * (t_(n-1) / t_df)^2, with p kept half a document away from 0 and 1.

    Where V is 0, everything was read: n_effective is n.
    """
    edge = 0.5 / (n_inside + 1)
    kept = np.clip(share, edge, 1 - edge)
    of_degrees = [student_quantile(level, int(each)) for each in np.atleast_1d(degrees)]
    ratio = student_quantile(level, max(n_read - 1, 1)) / np.array(of_degrees).reshape(np.shape(degrees))
    return (
        np.where(np.greater(variance, 0), kept * (1 - kept) / np.where(np.greater(variance, 0), variance, 1), n_read)
        * ratio**2
    )


@cache
def normal_quantile(level: float) -> float:
    """Returns the two-sided quantile of the normal distribution."""
    return float(special.ndtri((1 + level) / 2))


@cache
def student_quantile(level: float, degrees: int, family: int = 1) -> float:
    """Returns the two-sided quantile of Student's t, for `family` intervals that are to hold together (Bonferroni)."""
    return float(special.stdtrit(max(degrees, 1), 1 - (1 - level) / 2 / family))


def vary(replicates: np.ndarray) -> np.ndarray:
    """Returns the variance over the replicates that there are: float (n_queries,)."""
    has_gaps = bool(np.isnan(replicates).any())  # NumPy takes thrice as long where it looks for gaps
    return np.asarray(np.nanvar(replicates, axis=0) if has_gaps else np.var(replicates, axis=0))
