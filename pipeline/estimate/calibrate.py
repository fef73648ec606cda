"""Calibration: weights as near as may be to those of the design that reproduce what is known of the population.

The known totals are those of the unread documents: their number in each stratum, and what the classifier expects of
them. Linear calibration with bounded factors (Deville and Sarndal 1992, case 7), where a penalty lets totals that few
read documents speak to be met only nearly (Chambers 1996; the penalty is that of a ridge regression). The weights of
the design are those of a sample in which no document is followed by its own fit (`find_centre`).
"""

import numpy as np

BOUNDS = (0.2, 4.0)  # of the factor on what a document stands for: none is silenced, and none speaks for everyone
STEPS = 40
LENGTHS = 2.0 ** -np.arange(8)  # of Newton's step that are tried
MOST_LEVERAGE = 0.75  # of one document: beyond it a fit that leaves it out says nothing
CLOSE = 1e-10  # of the totals, relative to the largest


def find_centre(base: np.ndarray, variables: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Returns what factors are to lie around: 1 / (1 - h), float (n,), h the leverage of a document on its own fit.

    A regression follows the documents it learns from, so its residuals on them are too small, most where a document
    stands out. With residuals as those of a fit that left the document out the estimate has no bias of the order 1 / n
    (the jackknife of regression: Miller 1974).

    Args:
        base: float (n,). variables: float (n, p). penalty: float (p,).
    """
    weighed = base[:, None] * variables
    curvature = weighed.T @ variables
    curvature[np.diag_indices(len(penalty))] += penalty + 1e-9 * max(float(base.sum()), 1.0)
    leverage = np.einsum("ij,ij->i", weighed, np.linalg.solve(curvature, variables.T).T)
    return 1 / (1 - np.clip(leverage, 0.0, MOST_LEVERAGE))


def calibrate_factors(
    base: np.ndarray,
    variables: np.ndarray,
    totals: np.ndarray,
    penalty: np.ndarray,
    start: np.ndarray | None = None,
    centre: np.ndarray | float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns factors g of `base`, float (n,), with sum base g x = totals but for the penalty, and the multipliers.

    Arguments as those of `calibrate_each`, for one base: float (n,).
    """
    start = np.zeros(len(totals)) if start is None else start
    factors, multipliers = calibrate_each(base[None], variables, totals, penalty, start, centre)
    return factors[0], multipliers[0]


def calibrate_each(
    bases: np.ndarray,
    variables: np.ndarray,
    totals: np.ndarray,
    penalty: np.ndarray,
    start: np.ndarray,
    centre: np.ndarray | float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns factors g of each base, float (k, n), and the multipliers, float (k, p).

    g_i = c_i + x_i' l, cut at `BOUNDS`; l solves sum base g x + penalty l = totals (Newton's method on the convex
    dual).

    Args:
        bases: float (k, n), at least 0.
        variables: float (n, p).
        totals: float (p,).
        penalty: float (p,), 0 where the total must be met.
        start: float (p,), multipliers of a similar problem.
        centre: c, float (n,), what factors lie around.
    """
    count, diagonal = len(totals), np.arange(len(totals))
    products = (variables[:, :, None] * variables[:, None, :]).reshape(len(variables), count**2)
    tiny = 1e-9 * np.maximum(bases.sum(axis=1), 1.0)
    close = CLOSE * max(float(np.abs(totals).max(initial=0)), 1.0)
    multipliers = np.tile(start, (len(bases), 1))
    factors, missing = _meet(bases, variables, totals, penalty, multipliers, centre)
    open_rows = np.arange(len(bases))
    for _ in range(STEPS):
        open_rows = open_rows[np.abs(missing[open_rows]).max(axis=1, initial=0) >= close]
        if not len(open_rows):
            break
        is_free = (factors[open_rows] > BOUNDS[0]) & (factors[open_rows] < BOUNDS[1])
        curvature = ((bases[open_rows] * is_free) @ products).reshape(-1, count, count)
        curvature[:, diagonal, diagonal] += penalty + tiny[open_rows, None]
        step = np.linalg.solve(curvature, missing[open_rows, :, None])[..., 0]
        waiting = np.arange(len(open_rows))
        for length in LENGTHS:
            rows = open_rows[waiting]
            tried = multipliers[rows] + length * step[waiting]
            new, left = _meet(bases[rows], variables, totals, penalty, tried, centre)
            is_better = (left**2).sum(axis=1) < (missing[rows] ** 2).sum(axis=1)
            better = rows[is_better]
            multipliers[better], factors[better], missing[better] = tried[is_better], new[is_better], left[is_better]
            waiting = waiting[~is_better]
            if not len(waiting):
                break
        # Of those that no step brings nearer the bounds leave no way to meet every total.
        open_rows = np.delete(open_rows, waiting)
    return factors, multipliers


def _meet(
    bases: np.ndarray,
    variables: np.ndarray,
    totals: np.ndarray,
    penalty: np.ndarray,
    multipliers: np.ndarray,
    centre: np.ndarray | float,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the factors that multipliers give, float (k, n), and what they leave of the totals, float (k, p)."""
    factors = np.clip(centre + multipliers @ variables.T, *BOUNDS)
    return factors, totals - (bases * factors) @ variables - penalty * multipliers
