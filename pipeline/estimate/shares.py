"""Shares and their intervals from the weights of the read documents.

A share is a ratio of two weighted sums, D / S: of the documents that count and of those in the denominator. Its
variance is that of the replicates; its interval is Wilson's on the effective sample size (Kott and Carr 1997; Dean and
Pagano 2015), from a variance that few hits cannot make small by chance, and it leaves out what the finite population
rules out: fewer than were read, more than were not.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from pipeline.errors import PipelineError
from pipeline.estimate.intervals import effective_size, jeffreys_interval, vary, wilson_interval

if TYPE_CHECKING:
    from pipeline.estimate.weights import Weights

SURE = 0.5 - 1e-6  # chance from which an unsettled document counts as read to be something
FINE = 1e-12  # variances and shares below this are rounding errors
PRIOR_HITS = 3.0  # read documents on the rarer side that their own replicates take to outweigh the binomial variance


class EstimateError(PipelineError):
    """There is nothing to estimate from, or it does not fit together."""


@dataclass(frozen=True)
class Part:
    """A part of a sample and of its population, in what documents count for.

    Attributes:
        totals: float (1 + n_replicates, n_records), what each code weighs (`Weights.totals`).
        read: float (n_records,), settled read documents of each code.
        sure: float (n_records,), read documents that count for something and are more likely of this code than not.
        chances: (n_unsure, n_records), chance of each code for each of the others that count for something.
        leverage: float (n_records,), by code the sum of (w s)^2 (1 - pi).
        population: what all documents of the part count for.
        n_read: read documents.
        degrees: of freedom.
    """

    totals: np.ndarray
    read: np.ndarray
    sure: np.ndarray
    chances: sparse.csr_array
    leverage: np.ndarray
    population: float
    n_read: int
    degrees: int

    def count_sure(self, some: np.ndarray) -> np.ndarray:
        """Returns how many read documents are more likely than not to have one of some codes: float (n_queries,).

        Args:
            some: float (n_queries, n_records), 0 or 1.
        """
        return some @ self.sure + (self.chances @ some.T >= SURE).sum(axis=0)

    def join(self, join: sparse.csr_array) -> "Part":
        """Returns the same with codes joined: (n_records, n_joined), 1 for what each becomes."""
        return replace(
            self,
            totals=self.totals @ join,
            read=self.read @ join,
            sure=self.sure @ join,
            chances=sparse.csr_array(self.chances @ join),
            leverage=self.leverage @ join,
        )


@dataclass(frozen=True)
class Shares:
    """Estimated shares of many queries in one part: float (n_queries,) each, not a number where nothing was read.

    Attributes:
        share, low, high, standard_error, n_effective: of each query.
        replicates: float (n_replicates, n_queries).
        n_read: documents behind them; degrees: of freedom.
        apart: float (2, n_queries), ends that differences of shares are made from; None: low and high.
    """

    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    standard_error: np.ndarray
    n_effective: np.ndarray
    replicates: np.ndarray
    n_read: int
    degrees: int
    apart: np.ndarray | None = None

    def of(self, number: int) -> "Shares":
        """Returns one query's share alone."""
        here = slice(number, number + 1)
        return replace(
            self,
            share=self.share[here],
            low=self.low[here],
            high=self.high[here],
            standard_error=self.standard_error[here],
            n_effective=self.n_effective[here],
            replicates=self.replicates[:, here],
            apart=None if self.apart is None else self.apart[:, here],
        )


def take_part(weights: "Weights", rows: np.ndarray, population: float, size: np.ndarray | None = None) -> Part:
    """Returns a part of the sample, ready for any number of queries.

    Args:
        weights: of the read documents.
        rows: bool (n,), the part.
        population: what all documents of the part count for: their number, where size is None.
        size: float (n,), what each read document counts for; None: one.
    """
    units, codes = weights.units, weights.codes
    factor = rows.astype(float) if size is None else rows * size
    chance = codes.chance
    is_settled = codes.is_settled & rows
    unread = 1 - units["inclusion_probability"].to_numpy(dtype=float)
    code, is_sure = codes.likeliest
    is_sized = factor != 0
    return Part(
        weights.totals(rows, size),
        chance.T @ (is_settled * factor),
        np.bincount(code[is_sure & is_sized], minlength=chance.shape[1]).astype(float),
        sparse.csr_array(chance[np.flatnonzero(is_sized & ~is_sure)]),
        chance.T @ ((weights.weight * factor) ** 2 * unread),
        population,
        *count_degrees(weights, rows),
    )


def count_degrees(weights: "Weights", rows: np.ndarray) -> tuple[int, int]:
    """Returns how many documents of a sample a part has, and its degrees of freedom; rows bool (n,)."""
    n_read, n_strata = int(rows.sum()), len(np.unique(weights.stratum[rows]))
    return n_read, max(n_read - n_strata, 1)


def estimate_shares(part: Part, counted: np.ndarray, inside: np.ndarray, level: float) -> Shares:
    """Returns the share of every query.

    Args:
        part: of the sample.
        counted: bool (n_queries, n_records), which codes count; what is not inside never does.
        inside: bool (n_records,), which codes are in the denominator.
        level: of the intervals.

    Raises:
        EstimateError: the level is not between 0 and 1.
    """
    _check_level(level)
    counted = (counted & inside).astype(float)
    base = part.totals @ inside
    if base[0] <= FINE:
        empty = np.full(len(counted), np.nan)
        none = np.full((len(part.totals) - 1, len(counted)), np.nan)
        return Shares(empty, empty, empty, empty, empty, none, part.n_read, part.degrees)
    ratio = np.clip((part.totals @ counted.T) / np.where(base > FINE, base, np.nan)[:, None], 0.0, 1.0)
    share, replicates = ratio[0], ratio[1:]
    low, high, error, n_effective = _find_ends(part, counted, inside, share, vary(replicates), float(base[0]), level)
    # Where few count, Wilson's ends are too far out for a difference and Jeffreys' too near: half-way holds (measured).
    apart = (np.clip(jeffreys_interval(share, n_effective, level), low, high) + np.stack([low, high])) / 2
    return Shares(share, low, high, error, n_effective, replicates, part.n_read, part.degrees, apart)


def estimate_ends(
    part: Part, counted: np.ndarray, inside: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns share, low and high as `estimate_shares` does, for very many queries: float (n_queries,) each.

    A replicate's share is a sum over codes, so its variance follows from how codes vary together: no query's replicates
    are made.
    """
    _check_level(level)
    counted = (counted & inside).astype(float)
    base = part.totals @ inside
    if base[0] <= FINE:
        empty = np.full(len(counted), np.nan)
        return empty, empty, empty
    share = np.clip(counted @ part.totals[0] / base[0], 0.0, 1.0)
    is_full = base[1:] > FINE
    around = part.totals[1:][is_full] * inside / base[1:][is_full, None]
    around -= around.mean(axis=0)
    together = around.T @ around / max(len(around), 1)
    variance = np.maximum(np.einsum("qi,qi->q", counted @ together, counted), 0.0)
    low, high, _, _ = _find_ends(part, counted, inside, share, variance, float(base[0]), level)
    return share, low, high


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise EstimateError(f"the level must lie between 0 and 1, not {level}", where="estimate")


def _find_ends(
    part: Part,
    counted: np.ndarray,
    inside: np.ndarray,
    share: np.ndarray,
    variance: np.ndarray,
    base: float,
    level: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns low, high, standard error and effective size of shares, from the variance of their replicates."""
    n_inside = float(part.count_sure(inside[None, :].astype(float))[0])
    half, leverage = 0.5 / (n_inside + 1), float(part.leverage @ inside) / base**2
    floor = half * (1 - half) * leverage
    is_complete = floor < FINE and float(variance.max(initial=0)) < FINE
    variance = np.maximum(variance, floor)
    steady = np.maximum(steady_variance(np.clip(share, half, 1 - half), variance, leverage), floor)
    n_effective = effective_size(share, steady, n_inside, part.n_read, part.degrees, level)
    low, high = wilson_interval(share, n_effective, level)
    low, high = (share, share) if is_complete else bound_ends(part, counted, inside, share, low, high)
    return low, high, np.sqrt(variance), n_effective


def steady_variance(share: np.ndarray, variance: np.ndarray, leverage: float) -> np.ndarray:
    """Returns variances drawn to the binomial ones of a sample of such weights: float (n_queries,).

    With few hits, or few that weigh much, what the replicates vary by hangs on whether the heavy ones were drawn, and
    it is small where the share is: an interval from it alone is short just when it lies too low. So the binomial
    variance p (1 - p) sum w^2 / (sum w)^2 (Kish 1965) counts as much as `PRIOR_HITS` of the rarer side's documents.

    Args:
        share, variance: float (n_queries,). leverage: sum w^2 / (sum w)^2 over the denominator, of unread documents.
    """
    rarer, prior = np.minimum(share, 1 - share), PRIOR_HITS * leverage
    return (rarer * variance + prior * share * (1 - share) * leverage) / np.maximum(rarer + prior, FINE)


def bound_ends(
    part: Part, counted: np.ndarray, inside: np.ndarray, share: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns ends that the finite population allows.

    Settled documents are what they are; all the others might count, or be in the denominator without counting. Where
    no read document counts, or none in the denominator does not, that end is as far out as this allows: as Wilson's
    is at none of n.
    """
    yes, others = counted @ part.read, (inside - counted) @ part.read
    left = max(part.population - float(part.read.sum()), 0.0)
    total = np.maximum(yes + others + left, FINE)
    least, most = yes / total, (yes + left) / total
    has_yes, has_others = (part.count_sure(some) > 0 for some in (counted, inside - counted))
    low = np.where(has_yes, np.maximum(low, least), least)
    high = np.where(has_others, np.minimum(high, most), most)
    return np.minimum(low, share), np.maximum(high, share)
