"""Calibration: weights as near as may be to those of the design that reproduce what is known of the population.

The known totals are those of the unread documents: their number in each stratum, and what the classifier expects of
them. Linear calibration with bounded factors (Deville and Sarndal 1992, case 7), where a small penalty lets totals that
few read documents speak to be met only nearly (Chambers 1996; the penalty is that of a ridge regression).
"""

import numpy as np

BOUNDS = (0.2, 4.0)  # of the factor on what a document stands for: none is silenced, and none speaks for everyone
STEPS = 40
CLOSE = 1e-10  # of the totals, relative to the largest


def calibrate_factors(
    base: np.ndarray, variables: np.ndarray, totals: np.ndarray, penalty: np.ndarray, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns factors g of `base`, float (n,), with sum base g x = totals but for the penalty, and the multipliers.

    g_i = 1 + x_i' l, cut at `BOUNDS`; l solves sum base g x + penalty l = totals (Newton's method on the convex dual).

    Args:
        base: float (n,), at least 0.
        variables: float (n, p).
        totals: float (p,).
        penalty: float (p,), 0 where the total must be met.
        start: float (p,), multipliers of a similar problem.
    """
    low, high = BOUNDS
    tiny = 1e-9 * max(float(base.sum()), 1.0)
    scale = max(float(np.abs(totals).max(initial=0)), 1.0)
    multipliers = np.zeros(len(totals)) if start is None else start.copy()
    factors = np.clip(1 + variables @ multipliers, low, high)
    missing = totals - variables.T @ (base * factors) - penalty * multipliers
    for _ in range(STEPS):
        if float(np.abs(missing).max(initial=0)) < CLOSE * scale:
            break
        is_free = (factors > low) & (factors < high)
        part = variables[is_free]
        curvature = part.T @ (base[is_free, None] * part)
        curvature[np.diag_indices_from(curvature)] += penalty + tiny
        step, length = np.linalg.solve(curvature, missing), 1.0
        while True:
            tried = multipliers + length * step
            new = np.clip(1 + variables @ tried, low, high)
            left = totals - variables.T @ (base * new) - penalty * tried
            if float(left @ left) < float(missing @ missing) or length < 1 / 64:
                break
            length /= 2
        if float(left @ left) >= float(missing @ missing):
            break  # the bounds leave no way to meet every total: as near as they allow
        multipliers, factors, missing = tried, new, left
    return factors, multipliers
