"""One weight for each read document, with replicates: every share of the census is a weighted mean of these.

A read document counts for itself and for d_i - 1 unread ones, times a factor that calibrates the unread ones to what is
known of them (`calibrate`). The replicates redo the sampling (`bootstrap`), the calibration, and the adjudication
(`rulings`). Sums and nesting hold by construction, and no share falls below what was read.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.codebook import Codebook
from pipeline.coding.sample import Sample
from pipeline.estimate.bootstrap import REPLICATE_COUNT, rescale
from pipeline.estimate.calibrate import calibrate_each, calibrate_factors, find_centre
from pipeline.estimate.domains import Population
from pipeline.estimate.rulings import CodeChances, spread_codes
from pipeline.estimate.told import Told
from pipeline.estimate.variables import Expected, choose_variables

DECIMALS = 9  # of a weight: what lies below differs between processors
MISSED = 1e-6  # of the size of a stratum: more is not the rounding of a solved calibration


@dataclass(frozen=True)
class Weights:
    """The read documents with what they count for and what they may be coded as.

    Attributes:
        units: index doc_id; columns stratum, frame, year, inclusion_probability.
        weight: float (n,), documents of the population that each one stands for, itself included.
        replicates: float (n_replicates, n).
        codes: what each may be coded as.
    """

    units: pd.DataFrame
    weight: np.ndarray
    replicates: np.ndarray
    codes: CodeChances

    @cached_property
    def stratum(self) -> np.ndarray:
        """The stratum of each document, as a number: int (n,)."""
        return pd.factorize(self.units["stratum"])[0]

    def totals(self, rows: np.ndarray, size: np.ndarray | None = None) -> np.ndarray:
        """Returns what each code weighs in a part of the sample: float (1 + n_replicates, n_records).

        Args:
            rows: bool (n,), the part.
            size: float (n,), what each document counts for; None: one.
        """
        factor = rows.astype(float) if size is None else rows * size
        chosen = np.flatnonzero(factor)
        codes, number = self.codes, self.codes.kept.shape[1]
        table = np.empty((1 + len(self.replicates), number))
        table[0] = codes.chance.T @ (self.weight * factor)
        weight = self.replicates[:, chosen] * factor[chosen]
        change = codes.change_drawn[:, chosen]
        table[1:] = (sparse.csr_array(codes.changed[chosen]).T @ (weight * change).T).T
        kept = weight * (1 - change)
        for place, drawn in enumerate(codes.kept_drawn[:, chosen]):
            table[1 + place] += np.bincount(drawn, kept[place], number)
        return table

    def merged(self, group: np.ndarray) -> "Weights":
        """Returns the same with codes joined: those of one group become its first code.

        Args:
            group: int (n_records,), numbered in the order of the groups' first codes.
        """
        codes = self.codes
        join = sparse.csr_array((np.ones(len(group)), (np.arange(len(group)), group)))
        first = np.unique(group, return_index=True)[1]
        joined = replace(
            codes,
            records=codes.records.iloc[first].reset_index(drop=True),
            kept=sparse.csr_array(codes.kept @ join),
            changed=sparse.csr_array(codes.changed @ join),
            kept_drawn=group[codes.kept_drawn],
        )
        return replace(self, codes=joined)


def make_weights(
    sample: Sample,
    population: Population,
    codebook: Codebook,
    seed: int,
    count: int = REPLICATE_COUNT,
    cluster: np.ndarray | None = None,
    told: Told | None = None,
) -> Weights:
    """Returns the weights of a sample.

    Args:
        sample: the read documents.
        population: all documents, with predictions or without.
        codebook: its leaves and axes.
        seed: of the replicates.
        count: of the replicates.
        cluster: int (n,), read documents that vary together, such as those of one author; None: each by itself.
        told: what is said of the sample, where it is known from other weights of it.
    """
    rng = np.random.default_rng(seed)
    units, predictions = sample.units, population.predictions
    stratum = sample.strata.index.get_indexer(pd.Index(units["stratum"]))
    probability = units["inclusion_probability"].to_numpy(dtype=float)
    redrawn, multiplicity = rescale(stratum, probability, rng, count, cluster)
    leaf_probability = None if predictions is None else predictions.leaf_probability[population.units]
    chances = spread_codes(sample, codebook, leaf_probability, multiplicity, rng, told)
    expected = None if predictions is None else Expected.of(predictions, codebook)
    weight, replicates = np.ones(len(units)), np.ones((count, len(units)))
    for _, strata in sample.strata.groupby("frame", sort=True):
        names = [str(name) for name in strata.index]
        known = [name for name in names if population.knows(sample, name)]
        # Of the documents of other strata only the number is known.
        for weigh, own in ((_calibrate_frame, known), (_count_frame, sorted(set(names) - set(known)))):
            rows = np.flatnonzero(units["stratum"].isin(own).to_numpy())
            if len(rows):
                weight[rows], replicates[:, rows] = weigh(
                    sample, population, expected, own, rows, 1 / probability[rows] - 1, redrawn[:, rows]
                )
    return Weights(units, np.round(weight, DECIMALS), _thin_digits(replicates), chances)


def _calibrate_frame(
    sample: Sample,
    population: Population,
    expected: Expected | None,
    strata: list[str],
    rows: np.ndarray,
    unread: np.ndarray,
    redrawn: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the weights of a frame's read documents, float (n,), and their replicates, float (n_replicates, n).

    Args:
        sample, population: as read. expected: of all documents; None without predictions.
        strata: of the frame. rows: int (n,), its read documents.
        unread: float (n,), documents that each stands for besides itself. redrawn: float (n_replicates, n).
    """
    members = {number: population.rows_in(sample, name) for number, name in enumerate(strata)}
    inside = np.flatnonzero(np.any(list(members.values()), axis=0))
    stratum = np.zeros(len(inside), dtype=int)
    for number, is_member in members.items():
        stratum[is_member[inside]] = number
    if len(strata) > 1 and sum(int(is_member.sum()) for is_member in members.values()) > len(inside):
        # Strata without a list of their own (a frame in parts): only their sizes are known.
        return _count_strata(sample, strata, rows, unread, redrawn)
    read = pd.Index(inside).get_indexer(pd.Index(population.units[rows]))
    table, worth = choose_variables(stratum, read, None if expected is None else expected.take(inside))
    own = table[read]
    totals = table.sum(axis=0) - own.sum(axis=0)
    penalty, is_exact = worth * max(float(unread.mean()), 1e-9), worth == 0
    centre = find_centre(unread, own, penalty)
    factors, start = calibrate_factors(unread, own, totals, penalty, centre=centre)
    bases = unread * redrawn
    again, _ = calibrate_each(bases, own, totals, penalty, start, centre)
    sizes, member = totals[is_exact], own[:, is_exact]
    return 1 + count_up(unread[None] * factors, member, sizes)[0], 1 + count_up(bases * again, member, sizes)


def count_up(weight: np.ndarray, member: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns weights that add up to the sizes of strata also where bounds left calibration no way to meet all totals.

    Args:
        weight: float (k, n), what documents stand for besides themselves, by replicate.
        member: float (n, n_strata), 1 for the stratum of each.
        sizes: float (n_strata,), their unread documents.
    """
    met = weight @ member
    is_off = (met > 0) & (np.abs(met - sizes) > MISSED * np.maximum(sizes, 1.0))
    factor = np.where(is_off, sizes / np.where(is_off, met, 1.0), 1.0)
    return weight * (factor @ member.T) if is_off.any() else weight


def _count_frame(
    sample: Sample,
    population: Population,
    expected: Expected | None,
    strata: list[str],
    rows: np.ndarray,
    unread: np.ndarray,
    redrawn: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns weights as `_calibrate_frame` does, from the sizes of the strata alone."""
    return _count_strata(sample, strata, rows, unread, redrawn)


def _count_strata(
    sample: Sample, strata: list[str], rows: np.ndarray, unread: np.ndarray, redrawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns weights that only meet the number of documents in each stratum."""
    own = np.array(strata).searchsorted(sample.units["stratum"].to_numpy(dtype=str)[rows])
    left = sample.strata.loc[strata, "n_population"].to_numpy(dtype=float) - np.bincount(own, minlength=len(strata))

    def scale(base: np.ndarray) -> np.ndarray:
        total = np.bincount(own, base, len(strata))
        return 1 + base * (left / np.where(total > 0, total, 1.0))[own]

    return scale(unread), np.array([scale(unread * redraw) for redraw in redrawn])


def _thin_digits(replicates: np.ndarray) -> np.ndarray:
    """Returns replicates as whole multiples of a power of two that 16 bits hold: small files, same on every machine."""
    return np.round(replicates / digit_of(replicates)) * digit_of(replicates)


def digit_of(replicates: np.ndarray) -> float:
    """Returns the power of two that replicates are multiples of."""
    return float(2.0 ** np.ceil(np.log2(max(float(replicates.max(initial=1.0)), 1.0) / 65_535)))
