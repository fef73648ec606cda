"""Shares from a mixture draw: with replacement, with unequal probabilities, for documents or for their karma or words.

Each draw i stands for w_i / p_i of the weight in the frame; the share is the ratio of two such means (Hajek 1971), and
its variance that of the linearised draws, which are independent (Sarndal, Swensson and Wretman 1992, 2.9 and 5.7).
"""

from dataclasses import dataclass

import numpy as np

from pipeline.errors import SheetError
from pipeline.estimate.intervals import normal_quantile, student_quantile, wilson_interval


@dataclass(frozen=True)
class MixtureShare:
    """A share with its standard error and interval."""

    share: float
    standard_error: float
    low: float
    high: float
    n_draws: int


def estimate_mixture(
    y: np.ndarray, inside: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None, level: float = 0.95
) -> MixtureShare:
    """Returns the share of the class in the denominator, each document counting for its weight.

    Args:
        y: float (n_draws,), 1 where the drawn document counts, or the part of its readers who say so; a document drawn
            twice stands here twice.
        inside: float (n_draws,), 1 where it is in the denominator, or such a part.
        probability: float (n_draws,), of one draw (`draw_probability` of `mixture.csv`).
        weight: float (n_draws,), what it counts for; None: one each.
        level: of the interval (Wilson, on the effective number of draws).

    Raises:
        SheetError: fewer than two draws, a probability that is none, or nothing in the denominator.
    """
    n = len(y)
    if n < 2 or not ((probability > 0) & (probability <= 1)).all():
        raise SheetError("needs two draws, each with its probability", where="the mixture", do="restore mixture.csv")
    stands_for = (np.ones(n) if weight is None else weight) / probability
    base = stands_for * inside
    if not base.sum():
        raise SheetError("no document drawn is in the denominator", where="the mixture", do="draw more")
    counted = stands_for * np.minimum(y, inside)
    share = float(counted.sum() / base.sum())
    residual = (counted - share * base) / base.mean()
    variance = float(residual.var(ddof=1) / n)
    size = share * (1 - share) / variance if variance > 0 and 0 < share < 1 else float(n)
    size *= (normal_quantile(level) / student_quantile(level, n - 1)) ** 2
    low, high = wilson_interval(share, size, level)
    return MixtureShare(share, float(np.sqrt(variance)), float(low), float(high), n)
