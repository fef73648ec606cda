"""A share with an interval, from a stratified sample of read documents, sharpened by predictions that cannot bias it.

The point estimate is a ratio of two stratified difference estimates, D / S: of the documents that count, and of those
in the denominator. Each is

    sum_h W_h [lambda * mean_{U,h}(f) + mean_{s,h}(y - lambda * f)],  W_h = N_h / N,

with one lambda for all strata, sum_h a_h C_h / sum_h a_h F_h, a_h = W_h^2 (1 - n_h/N_h) / (n_h (n_h - 1)), C_h and F_h
the sums of products and squares about the stratum means (stratified PPI++: Angelopoulos, Duchi and Zrnic 2023, arXiv
2311.01453; Fisch et al. 2024, arXiv 2406.04291; as a difference estimator: Cassel, Sarndal and Wretman 1976). Without
predictions lambda is 0 and the ratio is Hajek's (1971). The variance is that of the linearised ratio (Woodruff 1971)
with shrunk stratum variances, the leverage of lambda undone (MacKinnon and White 1985) and the finite population; the
adjudication of a part is added (`phases`), and the interval is Wilson's on the effective sample size (Kott and Carr
1997; Dean and Pagano 2015).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from pipeline.estimate.observations import WHERE, EstimateError, Reads, add_predictions, check_sample
from pipeline.estimate.phases import Phase2, adjudication_variance, explained_variance, within_variance

__all__ = [
    "EstimateError",
    "Phase2",
    "Reads",
    "ShareEstimate",
    "estimate_reads",
    "estimate_share",
    "tune",
    "wilson_interval",
]
PSEUDO_OBSERVATIONS = 1.0
MOST_LEVERAGE = 0.5  # one document may have its residual doubled, not more
NO_TRUST = 1e-9  # a lambda below this is a zero with rounding errors, which differ between processors


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


def estimate_share(
    y: np.ndarray,
    stratum: np.ndarray,
    stratum_sizes: Mapping[str, int],
    *,
    prediction: np.ndarray | None = None,
    prediction_means: Mapping[str, float | tuple[float, float]] | None = None,
    denominator: np.ndarray | None = None,
    phase2: Phase2 | None = None,
    level: float = 0.95,
) -> ShareEstimate:
    """Returns the share of the population that has the property, with its interval.

    Args:
        y: bool or float (n,), whether each read document has the property; must be 0 outside the denominator.
        stratum: (n,), names of the strata; within each, documents were drawn at random without replacement.
        stratum_sizes: documents of the population in each stratum. A stratum without a read document is an error.
        prediction: float (n,), predicted y of each read document; or (n, 2), predicted y and predicted denominator.
            From a model that never saw the document's own codes; otherwise any quality is safe.
        prediction_means: mean of the same predictions over all documents of each stratum, read and unread: one
            number, or a pair where `prediction` has two columns.
        denominator: bool or float (n,), whether each document belongs to the set it is a share of; default: all do.
        phase2: the adjudication, where not every document is settled.
        level: of the interval.

    Raises:
        EstimateError: arrays of different lengths, values outside 0 to 1, an unread or unknown stratum, more documents
            read than there are, missing predictions, or no read document in the denominator.
    """
    reads = check_sample(y, stratum, stratum_sizes, denominator, phase2)
    if (prediction is None) != (prediction_means is None):
        raise EstimateError("prediction and prediction_means go together", where=WHERE, do="give both, or neither")
    if prediction is not None and prediction_means is not None:
        names = np.unique(np.asarray(stratum)).tolist()
        reads = add_predictions(reads, prediction, prediction_means, names)
    return estimate_reads(reads, level)


def estimate_reads(
    reads: Reads, level: float, tuning: float | None = None, pseudo: float = PSEUDO_OBSERVATIONS
) -> ShareEstimate:
    """Returns the share of the population that `reads` was drawn from.

    Args:
        reads: the sample, already checked.
        level: of the interval.
        tuning: lambda, where it was learnt on a wider sample; None learns it here.
        pseudo: pseudo-observations that shrink the stratum variances; 0 gives the textbook's.

    Raises:
        EstimateError: the level is not between 0 and 1, or no read document is in the denominator.
    """
    if not 0 < level < 1:
        raise EstimateError(f"the level must lie between 0 and 1, not {level}", where=WHERE)
    values, (predicted, means) = reads.values(), reads.predicted()
    plain = reads.weight @ values
    if plain[1] <= 0:
        raise EstimateError(
            "no read document is in the denominator", where=WHERE, do="read more, or leave this share out"
        )
    factor = tune(reads) if tuning is None else tuning
    totals = plain + factor * (reads.stratum_share @ means - reads.weight @ predicted)
    if totals[1] <= plain[1] / 2:  # predictions that wipe out the denominator are noise: do without them
        factor, totals = 0.0, plain
    share = float(np.clip(totals[0] / totals[1], 0.0, 1.0))
    contrast = np.array([1.0, -share]) / totals[1]
    residual = (values - factor * predicted) @ contrast
    if factor and tuning is None:
        own = _centre(reads, residual)
        residual += own / (1 - _leverage(reads, contrast)) - own
    lost = len(reads.sizes) + (1 if factor and tuning is None else 0)
    degrees = max(len(residual) - lost, 1)
    variance = _variance(reads, residual, share, float(totals[1]), pseudo, factor)
    is_complete = not reads.unread.any() and (reads.phase2 is None or bool(reads.phase2.is_settled.all()))
    n_effective = float(effective_size(share, variance, int((values[:, 1] > 0).sum()), len(residual), degrees, level))
    low, high = (share, share) if is_complete else map(float, wilson_interval(share, n_effective, level))
    method = ("stratified PPI++" if factor else "Hajek") + ("" if reads.phase2 is None else ", two-phase adjudication")
    method += ", read in full" if is_complete else ", Wilson on effective n"
    return ShareEstimate(share, float(np.sqrt(variance)), low, high, level, len(residual), n_effective, degrees, method)


def tune(*samples: Reads) -> float:
    """Returns lambda: how far the predictions are trusted. 0 where they say nothing, below 0 where inverted.

    Several samples, such as the classes of one set of documents, get one lambda together: their shares then add up.
    """
    shared, own = (sum(part) for part in zip(*(_products(reads) for reads in samples), strict=True))
    factor = shared / own if own > 0 else 0.0
    return factor if abs(factor) > NO_TRUST else 0.0


def _products(reads: Reads) -> tuple[float, float]:
    """Returns the numerator and the denominator of lambda."""
    values, (predicted, _) = reads.values(), reads.predicted()
    plain = reads.weight @ values
    contrast = np.array([1.0, -plain[0] / plain[1]]) if plain[1] > 0 else np.array([1.0, 0.0])
    number, scale = len(reads.sizes), tuning_scale(reads)
    wanted, guessed = _centre(reads, values @ contrast), _centre(reads, predicted @ contrast)
    shared = float(scale @ np.bincount(reads.stratum, wanted * guessed, number))
    own = float(scale @ np.bincount(reads.stratum, guessed**2, number))
    # Predictions that are constant up to rounding say nothing.
    return (shared, own) if own > 1e-12 * float(scale.sum()) else (0.0, 0.0)


def _leverage(reads: Reads, contrast: np.ndarray) -> np.ndarray:
    """Returns each document's part in what lambda was learnt from: float (n,), at most `MOST_LEVERAGE`.

    Lambda bends towards the documents that it was learnt from, so that their residuals are too small, by 1 - h_i as
    in any regression; dividing by it undoes that (HC3: MacKinnon and White 1985, equation 12).
    """
    guessed = _centre(reads, reads.predicted()[0] @ contrast)
    part = tuning_scale(reads)[reads.stratum] * guessed**2
    return np.minimum(part / part.sum(), MOST_LEVERAGE)


def _centre(reads: Reads, column: np.ndarray) -> np.ndarray:
    """Returns a column less its means by stratum."""
    return column - (np.bincount(reads.stratum, column, len(reads.sizes)) / reads.counts)[reads.stratum]


def tuning_scale(reads: Reads) -> np.ndarray:
    """Returns a_h, what a stratum weighs in lambda: float (n_strata,)."""
    return reads.stratum_share**2 * reads.unread / (reads.counts * np.maximum(reads.counts - 1, 1))


def wilson_interval(
    share: float | np.ndarray, n_effective: float | np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns Wilson's score interval for a share seen in `n_effective` documents (Wilson 1927)."""
    z2 = float(stats.norm.ppf((1 + level) / 2)) ** 2
    centre = (share + z2 / (2 * n_effective)) / (1 + z2 / n_effective)
    spread = share * (1 - share) / n_effective + z2 / (4 * n_effective**2)
    half = np.sqrt(z2 * spread) / (1 + z2 / n_effective)
    # At 0 and 1 an end of the interval is the share itself, up to rounding.
    return np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)


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
    quantile = (1 + level) / 2
    ratio = stats.t.ppf(quantile, max(n_read - 1, 1)) / stats.t.ppf(quantile, degrees)
    return (
        np.where(np.greater(variance, 0), kept * (1 - kept) / np.where(np.greater(variance, 0), variance, 1), n_read)
        * ratio**2
    )


def has_common_variance(reads: Reads) -> bool:
    """Whether the strata hold documents enough, two each on average, to learn the variance inside them."""
    return len(reads.stratum) >= 2 * len(reads.sizes)


def _variance(reads: Reads, residual: np.ndarray, share: float, base: float, pseudo: float, factor: float) -> float:
    """Returns the variance of the share: from reading a sample, and from adjudicating a part of it.

    Stratum variances are shrunk: s~^2_h = (SS_h + k s0^2) / (n_h - 1 + k), with s0^2 = sum SS_h / (n - H) the variance
    they have in common, or that of all residuals whatever their stratum where there are few documents a stratum. One
    pseudo-observation keeps a stratum of one, or of equal codes, from counting as certain. The floor is the variance
    of half a document in the denominator: no surprise proves no more.
    """
    number, count = len(reads.sizes), len(residual)
    size = np.ones(count) if reads.size is None else reads.size
    within, adjudication = np.zeros(count), 0.0
    if reads.phase2 is not None:
        unit = within_variance(reads.phase2, share) / base**2
        explained = explained_variance(reads.phase2, np.array([1.0, -share]) / base, factor, unit)
        within = (unit - explained) * size**2
        adjudication = adjudication_variance(reads.phase2, reads.weight * size, unit)
    means = np.bincount(reads.stratum, residual, number) / reads.counts
    squares = np.bincount(reads.stratum, (residual - means[reads.stratum]) ** 2 + within, number)
    squares = np.maximum(squares, 0)  # the covariance inside a cell may be larger than one stratum bears out
    if has_common_variance(reads):
        common = float(squares.sum()) / (count - number)
    else:
        common = max(float(((residual - residual.mean()) ** 2 + within).sum()), 0.0) / max(count - 1, 1)
    shrunk = (squares + pseudo * common) / np.maximum(reads.counts - 1 + pseudo, 1)
    sampling = float((reads.stratum_share**2 * reads.unread * shrunk / reads.counts).sum())
    inside = reads.values()[:, 1] / base
    half = 0.5 / (float((inside > 0).sum()) + 1)
    floor = half * (1 - half) * float((reads.weight * inside) ** 2 @ reads.unread[reads.stratum])
    return max(sampling, floor) + adjudication
