"""The specification curve: the share under every way of drawing the contested lines, per frame and denominator.

A specification is a set of leaves that count as direct: those of the narrowest definition always, each contested leaf
in or out, and the uncontested rest of the widest nested definition in or out together. The estimator is that of
`shares`, for thousands of specifications at once (Simonsohn, Simmons and Nelson 2020 for the curve itself).
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook, Denominator
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.sample import Sample
from pipeline.estimate.domains import LEAST_POOL, Domain, Population, Readings, list_domains
from pipeline.estimate.observations import Reads
from pipeline.estimate.phases import LEAST_PAIRS, PSEUDO, READERS_WORTH
from pipeline.estimate.shares import (
    MOST_LEVERAGE,
    NO_TRUST,
    effective_size,
    has_common_variance,
    tuning_scale,
    wilson_interval,
)

POINT_COUNT = 401  # points kept of a sorted curve: a figure cannot show more
Within = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
CHUNK = 2_048  # specifications at once: 590 documents x 2,048 x 8 bytes = 10 MB an array


@dataclass(frozen=True)
class Specifications:
    """Which leaves count under each specification.

    Attributes:
        leaves: names of the columns of `is_direct`.
        toggles: each a set of leaves moved together; their order is that of the bits of a specification's number.
        is_direct: bool (n_specifications, n_leaves).
    """

    leaves: tuple[str, ...]
    toggles: tuple[tuple[str, ...], ...]
    is_direct: np.ndarray


def list_specifications(codebook: Codebook) -> Specifications:
    """Returns every combination of the codebook's toggles, on top of its narrowest set of leaves."""
    leaves = tuple(codebook.leaves)
    codes = pd.DataFrame({"leaf": leaves, "group": [leaf[0] for leaf in leaves], "confidence": 3})
    nested = [definition for definition in codebook.definitions if definition.nested and not definition.target]
    core, widest = (match_definition(definition, codes) for definition in (nested[0], nested[-1]))
    contested = [leaf for leaf in codebook.toggles.leaves if not core[leaves.index(leaf)]]
    rest = tuple(leaf for leaf, wide, deep in zip(leaves, widest, core, strict=True) if wide and not deep)
    rest = tuple(leaf for leaf in rest if leaf not in contested)
    toggles = tuple((leaf,) for leaf in contested) + ((rest,) if rest else ())
    columns = [np.isin(leaves, toggle) for toggle in toggles]
    states = np.array(list(itertools.product((False, True), repeat=len(toggles))), dtype=bool)
    is_direct = core | (states.astype(np.int32) @ np.array(columns, dtype=np.int32).reshape(len(toggles), -1) > 0)
    return Specifications(leaves, toggles, is_direct)


def draw_curves(
    sample: Sample, population: Population, codebook: Codebook, level: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the rows of the tables `curve` and `toggles`, for every frame and denominator."""
    specifications = list_specifications(codebook)
    names = np.array([" ".join(toggle) for toggle in specifications.toggles])
    points: list[pd.DataFrame] = []
    effects: list[pd.DataFrame] = []
    for domain, (name, denominator) in itertools.product(
        (domain for domain in list_domains(sample, population) if not domain.year), codebook.denominators.items()
    ):
        estimates = estimate_specifications(sample, population, domain, denominator, specifications, level)
        if estimates is None:
            continue
        for rows, parts in (
            (_thin(estimates, specifications, names), points),
            (_measure_toggles(estimates["share"].to_numpy(), names), effects),
        ):
            parts.append(rows.assign(frame=domain.frame, denominator=name, n_specifications=len(estimates)))
    return pd.concat(points, ignore_index=True), pd.concat(effects, ignore_index=True)


def estimate_specifications(
    sample: Sample,
    population: Population,
    domain: Domain,
    denominator: Denominator,
    specifications: Specifications,
    level: float,
) -> pd.DataFrame | None:
    """Returns share, low and high of every specification, in their order; None where the denominator is unread."""
    leaf = pd.DataFrame({"leaf": specifications.leaves, "group": [leaf[0] for leaf in specifications.leaves]})
    inside = match_denominator(denominator, leaf)
    readings = Readings.matching(
        sample,
        population,
        lambda codes: np.zeros(len(codes), bool),
        lambda codes: match_denominator(denominator, codes),
    )
    if not readings.denominator[domain.rows].any():
        return None
    leaves = pd.Index(specifications.leaves)
    first = leaves.get_indexer(pd.Index(sample.readers[0]["leaf"]))
    second = leaves.get_indexer(pd.Index(sample.readers[1]["leaf"]))
    settled = first.copy()
    settled[sample.units.index.get_indexer(sample.adjudicator.index)] = leaves.get_indexer(
        pd.Index(sample.adjudicator["leaf"])
    )
    codes = _Codes(first, second, settled, inside)
    parts = [
        _estimate_chunk(readings, domain, codes, specifications.is_direct[start : start + CHUNK] & inside, level)
        for start in range(0, len(specifications.is_direct), CHUNK)
    ]
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class _Codes:
    """Leaves of the read documents as positions, int (n,): both readers' and the settled ones; and which are inside."""

    first: np.ndarray
    second: np.ndarray
    settled: np.ndarray
    inside: np.ndarray


def _estimate_chunk(
    readings: Readings, domain: Domain, codes: _Codes, is_direct: np.ndarray, level: float
) -> pd.DataFrame:
    """Does what `shares.estimate_reads` does, for the rows of `is_direct`, bool (n_specifications, n_leaves)."""
    reads, rows = readings.reads(domain), domain.rows
    y, base, within = _impute(readings, reads, rows, codes, is_direct)
    weight = reads.weight
    predicted_y, predicted_base = _predict(readings, readings.population.units[rows], is_direct, codes.inside)
    mean_y, mean_base = _predict_means(readings, domain, reads, is_direct, codes.inside)
    plain_y, plain_base = y @ weight, base @ weight
    ratio = (plain_y / plain_base)[:, None]
    factor = _tune(reads, y - ratio * base, predicted_y - ratio * predicted_base)
    total_y = plain_y + factor * (mean_y - predicted_y @ weight)
    total_base = plain_base + factor * (mean_base - predicted_base @ weight)
    is_lost = total_base <= plain_base / 2
    factor = np.where(is_lost, 0.0, factor)
    total_y, total_base = np.where(is_lost, plain_y, total_y), np.where(is_lost, plain_base, total_base)
    share = np.clip(total_y / total_base, 0.0, 1.0)
    guess = factor[:, None] * (predicted_y - share[:, None] * predicted_base)
    residual = (y - share[:, None] * base - guess) / total_base[:, None]
    is_tuned = (factor != 0)[:, None]
    leverage = _leverage(reads, (predicted_y - share[:, None] * predicted_base) / total_base[:, None])
    own = _centre(reads, residual)
    residual += np.where(is_tuned, own / (1 - leverage) - own, 0.0)
    spread, adjudication = within(share, total_base, factor)
    variance = _variance(reads, residual, spread, base / total_base[:, None]) + adjudication
    degrees = np.maximum(len(weight) - len(reads.sizes) - (factor != 0), 1)
    n_effective = effective_size(share, variance, (base > 0).sum(axis=1), len(weight), degrees, level)
    low, high = wilson_interval(share, n_effective, level)
    return pd.DataFrame({"share": share, "low": low, "high": high})


def _impute(
    readings: Readings, reads: Reads, rows: np.ndarray, codes: _Codes, is_direct: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Within]:
    """Returns y and denominator (n_specifications, n), imputed in the cells, and what that adds to the variance."""
    units = readings.sample.units
    is_settled = units["is_adjudicated"].to_numpy()
    pool = is_settled & (readings.cell >= 0)
    in_frame = (units["frame"] == units["frame"][rows].iloc[0]).to_numpy()[pool]
    worth = 1 / units["inclusion_probability"].to_numpy()[pool]
    said_base = codes.inside[codes.first].astype(int) + codes.inside[codes.second]
    said_y = is_direct[:, codes.first].astype(int) + is_direct[:, codes.second]
    cell = said_y + 3 * said_base
    is_open = ~is_settled[rows]
    y = is_direct[:, codes.settled[rows]].astype(float)
    base = np.broadcast_to(codes.inside[codes.settled[rows]].astype(float), y.shape).copy()
    truth_y, truth_base = is_direct[:, codes.settled[pool]], codes.inside[codes.settled[pool]]
    has_outside = bool(np.any(~truth_base))
    guess_y, guess_base = _predict(readings, readings.population.units[pool], is_direct, codes.inside)
    cells = []
    for number in np.unique(cell[:, rows][:, is_open]):
        opened = (cell[:, rows] == number) & is_open
        used = cell[:, pool] == number
        used &= in_frame | ((used & in_frame).sum(axis=1) < LEAST_POOL)[:, None]
        total = used @ worth
        size = total**2 / np.maximum(used @ worth**2, 1e-300)
        seen_y, seen_base = ((used & truth) @ worth / np.maximum(total, 1e-300) for truth in (truth_y, truth_base))
        part = size / (size + READERS_WORTH)
        y += opened * ((part * seen_y + (1 - part) * (number % 3) / 2)[:, None] - y)
        base += opened * ((part * seen_base + (1 - part) * (number // 3) / 2)[:, None] - base)
        cells.append((opened, used, size, seen_y, seen_base))

    def within(share: np.ndarray, total_base: np.ndarray, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        spread, adjudication = np.zeros(y.shape), np.zeros(len(y))
        wanted = (truth_y - share[:, None] * truth_base) / total_base[:, None]
        guessed = (factor / total_base)[:, None] * (guess_y - share[:, None] * guess_base)
        for opened, used, size, seen_y, seen_base in cells:
            extra = PSEUDO / np.maximum(size, 1)
            chances = np.stack([size * seen_y, size * (seen_base - seen_y), size * (1 - seen_base)]) + extra
            chances[2] -= 0 if has_outside else extra
            chances /= chances.sum(axis=0)
            outcomes = np.stack([1 - share, -share, np.zeros(len(share))])
            unit = ((chances * outcomes**2).sum(axis=0) - (chances * outcomes).sum(axis=0) ** 2) / total_base**2
            spread += opened * (unit - _explain(used, worth, wanted, guessed, unit))[:, None]
            adjudication += unit * (opened @ reads.weight**2)
            part = size / (size + READERS_WORTH)
            adjudication += unit * (part * (opened @ reads.weight)) ** 2 / np.maximum(size - 1, 1)
        return spread, adjudication

    return y, base, within


def _explain(
    used: np.ndarray, worth: np.ndarray, wanted: np.ndarray, guessed: np.ndarray, within: np.ndarray
) -> np.ndarray:
    """Returns what a cell's covariance of codes and predictions takes off its variance; see `phases`."""
    part = used * worth
    part = part / np.maximum(part.sum(axis=1, keepdims=True), 1e-300)
    mean = (part * guessed).sum(axis=1)
    shared = (part * wanted * guessed).sum(axis=1) - (part * wanted).sum(axis=1) * mean
    most = np.sqrt(within * np.maximum((part * guessed**2).sum(axis=1) - mean**2, 0))
    return np.where(used.sum(axis=1) < LEAST_PAIRS, 0.0, 2 * np.clip(shared, -most, most))


def _predict(
    readings: Readings, units: np.ndarray, is_direct: np.ndarray, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns predicted y (n_specifications, n) and denominator (n,) of some documents of the population."""
    predictions = readings.population.predictions
    if predictions is None:
        return np.zeros((len(is_direct), len(units))), np.zeros(len(units))
    leaf = predictions.leaf_probability[units]
    return is_direct @ leaf.T, np.ones(len(units)) if inside.all() else leaf @ inside


def _predict_means(
    readings: Readings, domain: Domain, reads: Reads, is_direct: np.ndarray, inside: np.ndarray
) -> tuple[np.ndarray, float]:
    """Returns the means over a domain of predicted y (n_specifications,) and denominator."""
    predictions = readings.population.predictions
    if predictions is None:
        return np.zeros(len(is_direct)), 0.0
    means = np.array([predictions.leaf_probability[rows].mean(axis=0) for rows in domain.members])
    mean = reads.stratum_share @ means
    return is_direct @ mean, 1.0 if inside.all() else float(mean @ inside)


def _tune(reads: Reads, wanted: np.ndarray, guessed: np.ndarray) -> np.ndarray:
    """Returns lambda of every specification; see `shares.tune`."""
    wanted, guessed = _centre(reads, wanted), _centre(reads, guessed)
    scale = tuning_scale(reads)
    own = guessed**2 @ scale[reads.stratum]
    is_telling = own > 1e-12 * scale.sum()
    factor = np.where(is_telling, (wanted * guessed) @ scale[reads.stratum] / np.where(is_telling, own, 1.0), 0.0)
    return np.where(np.abs(factor) > NO_TRUST, factor, 0.0)


def _leverage(reads: Reads, guessed: np.ndarray) -> np.ndarray:
    """Returns each document's part in every specification's lambda; see `shares`."""
    part = tuning_scale(reads)[reads.stratum] * _centre(reads, guessed) ** 2
    whole = part.sum(axis=1, keepdims=True)
    return np.minimum(part / np.where(whole > 0, whole, 1.0), MOST_LEVERAGE)


def _centre(reads: Reads, table: np.ndarray) -> np.ndarray:
    """Returns the rows of a table less their means by stratum."""
    belongs = np.eye(len(reads.sizes))[reads.stratum]
    return table - (table @ belongs / reads.counts)[:, reads.stratum]


def _variance(reads: Reads, residual: np.ndarray, spread: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Returns the sampling variance of every specification; see `shares`."""
    belongs = np.eye(len(reads.sizes))[reads.stratum]
    count = residual.shape[1]
    squares = np.maximum((_centre(reads, residual) ** 2 + spread) @ belongs, 0)
    if has_common_variance(reads):
        common = squares.sum(axis=1) / (count - len(reads.sizes))
    else:
        around = ((residual - residual.mean(axis=1, keepdims=True)) ** 2 + spread).sum(axis=1)
        common = np.maximum(around, 0) / max(count - 1, 1)
    scale = reads.stratum_share**2 * reads.unread / reads.counts**2
    sampling = (squares + common[:, None]) @ scale
    half = 0.5 / ((inside > 0).sum(axis=1) + 1)
    floor = half * (1 - half) * ((reads.weight * inside) ** 2 @ reads.unread[reads.stratum])
    return np.maximum(sampling, floor)


def _thin(estimates: pd.DataFrame, specifications: Specifications, names: np.ndarray) -> pd.DataFrame:
    """Returns evenly spaced points of the curve, from the smallest share to the largest, first and last included."""
    order = np.lexsort((np.arange(len(estimates)), estimates["share"].round(9)))
    rank = np.unique(np.linspace(0, len(order) - 1, min(POINT_COUNT, len(order))).round().astype(int))
    chosen = estimates.iloc[order[rank]].reset_index(drop=True)
    return chosen.assign(rank=rank, included=[_describe(number, names) for number in order[rank]])


def _describe(number: int, names: np.ndarray) -> str:
    states = np.array(list(np.binary_repr(number, len(names)))) == "1"
    return " ".join(names[states])


def _measure_toggles(share: np.ndarray, names: np.ndarray) -> pd.DataFrame:
    """Returns how far each toggle moves the share, over all states of the others."""
    cube = share.reshape((2,) * len(names))
    rows = []
    for axis, name in enumerate(names):
        effect = np.take(cube, 1, axis=axis) - np.take(cube, 0, axis=axis)
        rows.append(
            {
                "toggle": name,
                "mean_effect": float(effect.mean()),
                "least_effect": float(effect.min()),
                "greatest_effect": float(effect.max()),
            }
        )
    return pd.DataFrame(rows)
