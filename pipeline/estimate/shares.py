"""A share with an interval, from a stratified sample of read documents of which some were adjudicated.

The point estimate is Hajek's ratio (Hajek 1971; Sarndal, Swensson and Wretman 1992, 5.7) with the recorded inclusion
probabilities. Documents on which readers agreed are adjudicated for a random part only; the others take the mean of
the adjudicated documents of their agreement cell (two-phase estimator: Tenenbein 1970; Cochran 1977, chapter 12). The
interval is Wilson's on the effective sample size (Kott and Carr 1997; Dean and Pagano 2015).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from pipeline.errors import PipelineError


class EstimateError(PipelineError):
    """The sample does not fit the design it is said to come from."""


@dataclass(frozen=True)
class Phase2:
    """Which documents were adjudicated, and what is known about those that were not.

    Attributes:
        cell: int (n,), agreement cell of each document, such as "both readers say direct"; cells may be pooled over
            a wider sample than the one a share is estimated from.
        is_settled: bool (n,), whether `y` and `denominator` are adjudicated. Elsewhere their values are not used.
        reader_y, reader_denominator: float (n,), what the readers said (their mean): one pseudo-document of the cell.
        pool_cell, pool_y, pool_denominator: (m,), the adjudicated documents that the cells' means are learnt from,
            drawn at random within each cell.
    """

    cell: np.ndarray
    is_settled: np.ndarray
    reader_y: np.ndarray
    reader_denominator: np.ndarray
    pool_cell: np.ndarray
    pool_y: np.ndarray
    pool_denominator: np.ndarray


@dataclass(frozen=True)
class ShareEstimate:
    """An estimated share. `low` and `high` are the ends of the interval at the level asked for."""

    share: float
    standard_error: float
    low: float
    high: float
    level: float
    n_read: int
    n_effective: float
    degrees_of_freedom: int
    method: str


@dataclass(frozen=True)
class _Phase1:
    """The read documents as values, with their strata. All arrays (n,), except `sizes` and `counts` (n_strata,)."""

    y: np.ndarray
    denominator: np.ndarray
    stratum: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """Share of the population that each read document stands for; sums to one."""
        return (self.sizes / self.sizes.sum() / self.counts)[self.stratum]


def estimate_share(
    y: np.ndarray,
    stratum: np.ndarray,
    stratum_sizes: dict[str, int],
    *,
    denominator: np.ndarray | None = None,
    phase2: Phase2 | None = None,
    level: float = 0.95,
) -> ShareEstimate:
    """Returns the share of the population that has the property, with its interval.

    Args:
        y: bool or float (n,), whether each read document has the property; must be 0 outside the denominator.
        stratum: (n,), names of the strata; within each, documents were drawn at random without replacement.
        stratum_sizes: documents of the population in each stratum. A stratum without a read document is an error.
        denominator: bool or float (n,), whether each document belongs to the set it is a share of; default: all do.
        phase2: the adjudication, where not every document is settled.
        level: of the interval.

    Raises:
        EstimateError: arrays of different lengths, values outside 0 to 1, an unread or unknown stratum, more documents
            read than there are, or no read document in the denominator.
    """
    phase1 = _check_sample(y, stratum, stratum_sizes, denominator, level)
    if phase2 is not None:
        phase1 = _impute(phase1, phase2)
    weight = phase1.weight
    base = float(weight @ phase1.denominator)
    if base <= 0:
        raise EstimateError(
            "no read document is in the denominator", where="estimate_share", do="read more, or leave this share out"
        )
    share = min(max(float(weight @ phase1.y) / base, 0.0), 1.0)
    residual = (phase1.y - share * phase1.denominator) / base
    within = np.zeros(len(residual)) if phase2 is None else _within_variance(phase2, share) / base**2
    adjudication = 0.0 if phase2 is None else _adjudication_variance(phase1, phase2, within)
    variance = _sampling_variance(phase1, residual, within) + adjudication
    n_read, degrees = len(residual), max(len(residual) - len(phase1.sizes), 1)
    is_complete = bool((phase1.counts == phase1.sizes).all()) and (phase2 is None or bool(phase2.is_settled.all()))
    n_effective = _effective_size(share, variance, adjudication, float((phase1.denominator > 0).sum()), n_read, degrees)
    low, high = (share, share) if is_complete else wilson_interval(share, n_effective, level)
    method = (
        "Hajek"
        + ("" if phase2 is None else ", two-phase adjudication")
        + (", read in full" if is_complete else ", Wilson on effective n")
    )
    return ShareEstimate(share, float(np.sqrt(variance)), low, high, level, n_read, n_effective, degrees, method)


def wilson_interval(share: float, n_effective: float, level: float) -> tuple[float, float]:
    """Returns Wilson's score interval for a share seen in `n_effective` documents (Wilson 1927)."""
    z2 = float(stats.norm.ppf((1 + level) / 2)) ** 2
    centre = (share + z2 / (2 * n_effective)) / (1 + z2 / n_effective)
    spread = share * (1 - share) / n_effective + z2 / (4 * n_effective**2)
    half = float(np.sqrt(z2 * spread)) / (1 + z2 / n_effective)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _check_sample(
    y: np.ndarray, stratum: np.ndarray, stratum_sizes: dict[str, int], denominator: np.ndarray | None, level: float
) -> _Phase1:
    values = np.asarray(y, dtype=np.float64)
    base = np.ones_like(values) if denominator is None else np.asarray(denominator, dtype=np.float64)
    names, indices, counts = np.unique(np.asarray(stratum), return_inverse=True, return_counts=True)
    where = "estimate_share"
    if not len(values) == len(base) == len(indices):
        raise EstimateError(
            f"y, denominator and stratum have {len(values)}, {len(base)} and {len(indices)} rows", where=where
        )
    if not 0 < level < 1:
        raise EstimateError(f"the level must lie between 0 and 1, not {level}", where=where)
    for label, array in (("y", values), ("denominator", base)):
        if not np.all((array >= 0) & (array <= 1)):
            raise EstimateError(f"{label} has values outside 0 to 1, or missing ones", where=where)
    if np.any(values > base):
        raise EstimateError(
            "a document has the property but is not in the denominator", where=where, do="intersect the two"
        )
    unread = sorted(name for name, size in stratum_sizes.items() if size and name not in set(names.tolist()))
    unknown = sorted(set(names.tolist()) - set(stratum_sizes))
    if unread or unknown:
        raise EstimateError(
            f"stratum {(unread or unknown)[0]!r} {'has no read document' if unread else 'is not in the design'}",
            where=where,
            do="read a document of it, or join it with another",
        )
    sizes = np.array([stratum_sizes[name] for name in names.tolist()], dtype=np.float64)
    if np.any(counts > sizes):
        raise EstimateError(
            f"more documents read than there are in stratum {names[int(np.argmax(counts > sizes))]!r}", where=where
        )
    return _Phase1(values, base, indices, sizes, counts)


def _impute(phase1: _Phase1, phase2: Phase2) -> _Phase1:
    """Gives every unsettled document the mean of its agreement cell."""
    y, denominator = phase1.y.copy(), phase1.denominator.copy()
    for cell in np.unique(phase2.cell[~phase2.is_settled]):
        rows = (phase2.cell == cell) & ~phase2.is_settled
        pool = phase2.pool_cell == cell
        size = pool.sum() + 1  # one pseudo-document, coded as the readers did
        y[rows] = (phase2.pool_y[pool].sum() + phase2.reader_y[rows].mean()) / size
        denominator[rows] = (phase2.pool_denominator[pool].sum() + phase2.reader_denominator[rows].mean()) / size
    return _Phase1(y, denominator, phase1.stratum, phase1.sizes, phase1.counts)


def _within_variance(phase2: Phase2, share: float) -> np.ndarray:
    """Returns, per document, the variance of y - share * denominator inside its cell; 0 where settled. Float (n,).

    Each of the three outcomes (counts, in the denominator only, outside) gets a third of a pseudo-document, so that a
    cell of which little was adjudicated is never taken for certain.
    """
    variance = np.zeros(len(phase2.cell))
    outcomes = np.array([1 - share, -share, 0.0])
    for cell in np.unique(phase2.cell[~phase2.is_settled]):
        pool = phase2.pool_cell == cell
        counted, inside = phase2.pool_y[pool].sum(), phase2.pool_denominator[pool].sum()
        size = int(pool.sum())
        chances = (np.array([counted, inside - counted, size - inside]) + 1 / 3) / (size + 1)
        spread = float(chances @ outcomes**2 - (chances @ outcomes) ** 2)
        variance[(phase2.cell == cell) & ~phase2.is_settled] = spread
    return variance


def _sampling_variance(phase1: _Phase1, residual: np.ndarray, within: np.ndarray) -> float:
    """Returns the variance from reading a sample: stratified, finite population, shrunk stratum variances.

    s~^2_h = (SS_h + s0^2) / (n_h - 1 + 1), with s0^2 the variance of all residuals whatever their stratum: one
    pseudo-observation keeps a stratum of one, or of equal codes, from counting as certain.
    """
    number = len(phase1.sizes)
    means = np.bincount(phase1.stratum, residual, number) / phase1.counts
    squares = np.bincount(phase1.stratum, (residual - means[phase1.stratum]) ** 2 + within, number)
    overall = float(((residual - residual.mean()) ** 2 + within).sum()) / max(len(residual) - 1, 1)
    shrunk = (squares + overall) / phase1.counts
    share_of_population = phase1.sizes / phase1.sizes.sum()
    unread = 1 - phase1.counts / phase1.sizes
    return float((share_of_population**2 * unread * shrunk / phase1.counts).sum())


def _adjudication_variance(phase1: _Phase1, phase2: Phase2, within: np.ndarray) -> float:
    """Returns the variance from adjudicating a part: of the cell means, and of the documents around them."""
    weight = phase1.weight
    variance = float((weight**2 * within).sum())
    for cell in np.unique(phase2.cell[~phase2.is_settled]):
        rows = (phase2.cell == cell) & ~phase2.is_settled
        size = int((phase2.pool_cell == cell).sum())
        variance += float(weight[rows].sum()) ** 2 * float(within[rows].max()) / max(size - 1, 1)
    return variance


def _effective_size(
    share: float, variance: float, adjudication: float, n_base: float, n_read: int, degrees: int
) -> float:
    """Returns n_effective = p (1 - p) / V * (t_(n-1) / t_df)^2.

    Where the share is 0 or 1, V says nothing about sampling: the documents in the denominator are taken as a simple
    random sample of half a document, and the adjudication is added.
    """
    if variance <= 0 or share in {0.0, 1.0}:
        share = 0.5 / (n_base + 1)
        variance = share * (1 - share) / n_base + adjudication
    ratio = stats.t.ppf(0.975, max(n_read - 1, 1)) / stats.t.ppf(0.975, degrees)
    return float(share * (1 - share) / variance * ratio**2)
