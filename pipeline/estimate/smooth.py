"""A smoother over the years, as an extra line of the chart: a random walk, integrated over its scale.

Yearly shares p are what was read, with their covariance V from the replicates; the true ones are a random walk whose
steps have the standard deviation s, starting anywhere. Given s the smoothed shares are normal (Rauch, Tung and Striebel
1965; here in one linear system); s is integrated out over a grid with a flat prior (Gelman 2006). It borrows from the
years beside: a year that truly stands out is pulled towards them, so it is never the headline.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from pipeline.estimate.intervals import normal_quantile
from pipeline.estimate.shares import Shares
from pipeline.estimate.survey import Survey
from pipeline.estimate.trends import shares_by_year

SCALES = np.linspace(0.0, 0.4, 81)[1:]  # steps of a share from one year to the next, standard deviation
LEAST_YEARS = 3
FAR = 4.0  # variance of where the walk starts: anywhere between 0 and 1, nearly flat
HALVINGS = 60  # of where a quantile lies: to the last bit
LEAST_VARIANCE = 1e-8  # of a yearly share


@dataclass(frozen=True)
class Smoothed:
    """Shares smoothed over the years: float (n_years,) each, and the mean step."""

    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    scale: float


def tabulate_smoothed(survey: Survey) -> pd.DataFrame:
    """Returns the rows of the table `smoothed`, for every frame with years, definition and denominator."""
    rows: list[dict[str, object]] = []
    for frame, name, years in shares_by_year(survey):
        for number, definition in enumerate(survey.codebook.definitions):
            known = [(year, shares) for year, shares in years if np.isfinite(shares.share[number])]
            if len(known) < LEAST_YEARS:
                continue
            place = {"frame": frame, "definition": definition.id, "denominator": name, "level": survey.level}
            smoothed = smooth_years(known, number, survey.level)
            rows += [
                {
                    **place,
                    "year": str(year),
                    "share": float(smoothed.share[i]),
                    "low": float(smoothed.low[i]),
                    "high": float(smoothed.high[i]),
                    "step": smoothed.scale,
                }
                for i, (year, _) in enumerate(known)
            ]
    return pd.DataFrame(rows)


def smooth_years(years: Sequence[tuple[int, Shares]], number: int, level: float) -> Smoothed:
    """Returns the smoothed shares of one query.

    Args:
        years: each year with its shares, in order; gaps are steps of their length.
        number: of the query.
        level: of the intervals.
    """
    time = np.array([year for year, _ in years], dtype=float)
    share = np.array([float(shares.share[number]) for _, shares in years])
    width = np.array([float(shares.high[number] - shares.low[number]) for _, shares in years])
    z = normal_quantile(level)
    spread = np.maximum(width / (2 * z), LEAST_VARIANCE**0.5)  # Wilson's, which is no zero where all say the same
    together = _correlate(np.array([shares.replicates[:, number] for _, shares in years]))
    return smooth_shares(time, share, together * np.outer(spread, spread), level)


def _correlate(replicates: np.ndarray) -> np.ndarray:
    """Returns how years vary together: float (n_years, n_years); not at all, where one does not vary."""
    around = replicates - replicates.mean(axis=1, keepdims=True)
    length = np.sqrt((around**2).sum(axis=1))
    unit = around / np.where(length > 0, length, 1.0)[:, None]
    together = unit @ unit.T
    np.fill_diagonal(together, 1.0)
    return together


def smooth_shares(time: np.ndarray, share: np.ndarray, covariance: np.ndarray, level: float) -> Smoothed:
    """Returns shares smoothed by a random walk, integrated over its scale.

    Args:
        time: float (n,), years, rising. share: float (n,). covariance: float (n, n), of the shares as read.
        level: of the intervals.
    """
    since = time - time[0]
    walk = np.minimum.outer(since, since)  # covariance of a random walk with steps of variance 1 a year
    centre = share.mean()
    prior = SCALES[:, None, None] ** 2 * walk + FAR  # (n_scales, n, n), as are the next two
    total = prior + covariance
    gain = np.linalg.solve(total, prior).swapaxes(1, 2)
    means = centre + gain @ (share - centre)
    variances = np.maximum(np.diagonal(prior - gain @ prior, axis1=1, axis2=2), 0.0)
    sign, logdet = np.linalg.slogdet(total)
    misfit = np.linalg.solve(total, np.broadcast_to((share - centre)[:, None], (len(total), len(share), 1)))[..., 0]
    logs = -0.5 * (sign * logdet + misfit @ (share - centre))
    chance = np.exp(logs - logs.max())
    chance /= chance.sum()
    mean = chance @ means
    low, high = _mixture_quantiles(means, variances, chance, np.array([(1 - level) / 2, (1 + level) / 2]))
    return Smoothed(np.clip(mean, 0, 1), np.clip(low, 0, 1), np.clip(high, 0, 1), float(chance @ SCALES))


def _mixture_quantiles(
    means: np.ndarray, variances: np.ndarray, chance: np.ndarray, quantiles: np.ndarray
) -> np.ndarray:
    """Returns quantiles of a mixture of normals, by bisection: float (n_quantiles, n)."""
    spread = np.sqrt(np.maximum(variances, LEAST_VARIANCE))
    ends = (means - 10 * spread).min(axis=0), (means + 10 * spread).max(axis=0)
    low, high = (np.tile(end, (len(quantiles), 1)) for end in ends)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = chance @ special.ndtr((middle[:, None] - means) / spread) < quantiles[:, None]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2
