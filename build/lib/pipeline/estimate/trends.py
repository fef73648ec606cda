"""How shares move: the slope over the years, the change from each year to the next, and the groups of a frame."""

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.coding.codebook import Codebook
from pipeline.coding.sample import Sample
from pipeline.estimate.domains import Domain, Population, Readings, list_domains
from pipeline.estimate.shares import ShareEstimate, estimate_reads, tune


def measure_trends(sample: Sample, population: Population, codebook: Codebook, level: float) -> pd.DataFrame:
    """Returns the rows of the table `trends`: for every frame with years, definition and denominator.

    The slope is that of a straight line through the yearly shares, each year counting the same: sum c_t p_t with
    c_t = (t - mean) / sum (t - mean)^2. Years are strata of their own; what they share, the adjudicated pool and
    lambda, moves them together and cancels in such contrasts, so that adding their variances errs on the wide side.
    """
    rows: list[dict[str, object]] = []
    domains = list_domains(sample, population)
    frames = {domain.frame: domain for domain in domains if not domain.year}
    for (name, denominator), definition in itertools.product(codebook.denominators.items(), codebook.definitions):
        readings = Readings.of(sample, population, definition, name, denominator)
        for frame, whole in frames.items():
            years = [domain for domain in domains if domain.frame == frame and domain.year]
            tuning = readings.tune(whole)
            estimates = [(int(year.year), readings.estimate(year, level, tuning)) for year in years]
            known = [(year, estimate) for year, estimate in estimates if estimate is not None]
            place = {"frame": frame, "definition": definition.id, "denominator": name, "level": level}
            rows += [{**place, **row} for row in contrast_years(known, level)]
    return pd.DataFrame(rows)


def contrast_years(known: list[tuple[int, ShareEstimate]], level: float) -> list[dict[str, object]]:
    """Returns the slope per year, the change over the whole time, and the change from each year to the next.

    The changes from year to year are a family: their simultaneous interval is Bonferroni's.
    """
    if len(known) < 2:
        return []
    years = np.array([year for year, _ in known], dtype=float)
    centred = years - years.mean()
    rows = [_contrast("slope", known, centred / (centred @ centred), level, 1)]
    steps = [(0, len(known) - 1), *itertools.pairwise(range(len(known)))]
    for position, (start, end) in enumerate(steps):
        weights = np.zeros(len(known))
        weights[[start, end]] = -1.0, 1.0
        kind, family = ("change", 1) if position == 0 else ("step", len(known) - 1)
        rows.append(_contrast(kind, [known[start], known[end]], weights[[start, end]], level, family))
    return rows


def _contrast(
    kind: str, known: list[tuple[int, ShareEstimate]], weights: np.ndarray, level: float, family: int
) -> dict[str, object]:
    shares = np.array([estimate.share for _, estimate in known])
    errors = np.array([estimate.standard_error for _, estimate in known])
    degrees = sum(estimate.degrees_of_freedom for _, estimate in known)
    value, error = float(weights @ shares), float(np.sqrt(weights**2 @ errors**2))
    half, wide = (error * float(stats.t.ppf(1 - (1 - level) / 2 / count, degrees)) for count in (1, family))
    return {
        "kind": kind,
        "from_year": str(known[0][0]),
        "to_year": str(known[-1][0]),
        "value": value,
        "standard_error": error,
        "low": value - half,
        "high": value + half,
        "simultaneous_low": value - wide,
        "simultaneous_high": value + wide,
    }


def measure_groups(sample: Sample, population: Population, codebook: Codebook, level: float) -> pd.DataFrame:
    """Returns the rows of the table `groups`: the share of each letter in everything, by frame and year.

    The letters share one lambda, so their shares add up to one; their intervals hold together (Bonferroni).
    """
    rows: list[dict[str, object]] = []
    letters = list(codebook.groups)
    simultaneous = 1 - (1 - level) / len(letters)
    classes = _readings_of_groups(sample, population, letters)
    domains = list_domains(sample, population)
    for domain in domains:
        whole = next(wider for wider in domains if wider.frame == domain.frame and not wider.year)
        tuning = tune(*(readings.reads(whole) for readings in classes.values()))
        estimates = estimate_classes(classes, domain, simultaneous, tuning)
        place = {"frame": domain.frame, "year": domain.year, "level": level, "n_read": int(domain.rows.sum())}
        rows += [
            {**place, "group": letter, "share": estimate.share, "low": estimate.low, "high": estimate.high}
            for letter, estimate in estimates.items()
        ]
    return pd.DataFrame(rows)


def estimate_classes(
    classes: dict[str, Readings], domain: Domain, level: float, tuning: float
) -> dict[str, ShareEstimate]:
    """Returns the shares of exclusive classes. Where one would fall below 0, all do without predictions."""
    samples = {name: readings.reads(domain) for name, readings in classes.items()}
    estimates = {name: estimate_reads(reads, level, tuning) for name, reads in samples.items()}
    if abs(sum(estimate.share for estimate in estimates.values()) - 1) > 1e-6:
        estimates = {name: estimate_reads(reads, level, 0.0) for name, reads in samples.items()}
    return estimates


def _readings_of_groups(sample: Sample, population: Population, letters: list[str]) -> dict[str, Readings]:
    """Returns the readings of each letter, with the same agreement cells, or imputed codes would not add up."""
    said = pd.Series(sample.readers[0]["group"].to_numpy()) + sample.readers[1]["group"].to_numpy()
    cell = pd.factorize(said, sort=True)[0]
    classes = {}
    for letter in letters:
        guess = None
        if population.predictions is not None:
            in_group = np.array([leaf[0] == letter for leaf in population.predictions.leaves])
            chance = population.predictions.of_leaves(in_group)
            guess = np.stack([chance, np.ones(len(chance))], axis=1)
        readings = Readings.matching(
            sample,
            population,
            partial(_has_group, letter),
            lambda codes: np.ones(len(codes), dtype=bool),
            guess,
        )
        classes[letter] = replace(readings, cell=np.where(readings.cell >= 0, cell, -1))
    return classes


def _has_group(letter: str, codes: pd.DataFrame) -> np.ndarray:
    return (codes["group"] == letter).to_numpy()
