"""Made-up populations of documents, unlike each other, whose true share is known, and samples drawn from them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.estimate.phases import Phase2

ADJUDICATED_PART = 0.15  # of the agreements, as in the round of 2026-11
LEAST_PER_CELL = 15


@dataclass(frozen=True)
class Scenario:
    """One cell of the simulation.

    Attributes:
        share: of the population that has the property.
        strata: how documents are stratified: not at all; ten years of drifting share; groups by a hidden score, of
            unequal size; nearly pure groups; many groups of 4 to 40 documents.
        predictor: what a classifier knows: nothing (none given), noise, the truth turned round, some, most.
        n_read: documents read in all.
        size: of the population.
        base: part of the documents that are in the denominator; 1 means all of them.
        noise: chance that a reader errs on a document; 0 means that every document is settled.
        shared_noise: chance that both readers make the same error.
    """

    share: float
    strata: Literal["none", "years", "score", "pure", "tiny"]
    predictor: Literal["none", "useless", "inverted", "medium", "strong"]
    n_read: int = 400
    size: int = 8_000
    base: float = 1.0
    noise: float = 0.0
    shared_noise: float = 0.0


@dataclass(frozen=True)
class Population:
    """Truth: y, denominator bool (n,), stratum int (n,), prediction float (n, 2), allocation int (n_strata,)."""

    y: np.ndarray
    denominator: np.ndarray
    stratum: np.ndarray
    prediction: np.ndarray
    allocation: np.ndarray

    @property
    def share(self) -> float:
        """The truth that an interval should contain."""
        return float(self.y.sum() / self.denominator.sum())


def make_population(scenario: Scenario, rng: np.random.Generator) -> Population:
    """Returns a population of a scenario: documents whose latent score passes a threshold have the property."""
    size = scenario.size
    centre, stratum = _strata(scenario, rng)
    score = centre + rng.normal(size=size)
    denominator = rng.random(size) < scenario.base
    y = np.zeros(size, dtype=bool)
    inside = np.flatnonzero(denominator)
    wanted = max(round(scenario.share * len(inside)), 1)
    y[inside[np.argsort(-score[inside], kind="stable")[:wanted]]] = True
    if scenario.strata == "pure":
        flip = denominator & (rng.random(size) < 0.01)
        y[flip] = ~y[flip]
    prediction = _predictions(scenario, y, denominator, rng)
    sizes = np.bincount(stratum)
    allocation = _allocate(scenario, sizes, y, stratum)
    return Population(y, denominator, stratum, prediction, allocation)


def _strata(scenario: Scenario, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    size = scenario.size
    if scenario.strata == "none":
        return np.zeros(size), np.zeros(size, dtype=int)
    if scenario.strata == "years":
        stratum = np.sort(rng.choice(10, size=size, p=np.arange(1, 11) / 55))
        return (4.5 - stratum) * 0.25, stratum
    if scenario.strata == "tiny":
        stratum = np.repeat(np.arange(size), rng.integers(4, 41, size=size))[:size]
        return rng.normal(size=size)[stratum], stratum
    spread = 8.0 if scenario.strata == "pure" else 1.0
    hidden = rng.normal(size=size) * spread
    edges = np.quantile(hidden, [0.3, 0.5, 0.65, 0.75, 0.85, 0.93, 0.98])
    return hidden, np.searchsorted(edges, hidden)


def _predictions(scenario: Scenario, y: np.ndarray, denominator: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Signal plus noise on the logit scale; medium explains about half of the variance of y where y is common."""
    strength = {"none": 0.0, "useless": 0.0, "inverted": -1.8, "medium": 1.8, "strong": 4.0}[scenario.predictor]
    columns = []
    for truth in (y, denominator):
        logit = strength * (2.0 * truth - 1) + rng.normal(size=len(truth)) * 1.3
        columns.append(1 / (1 + np.exp(-logit)))
    if scenario.base == 1.0:
        columns[1] = np.ones(len(y))
    return np.stack(columns, axis=1)


def _allocate(scenario: Scenario, sizes: np.ndarray, y: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    """Equal per year; Neyman with a guessed share by score; two each and the rest by size where strata are tiny."""
    if scenario.strata in {"years", "none"}:
        wanted = np.full(len(sizes), scenario.n_read / len(sizes))
    elif scenario.strata == "tiny":
        wanted = np.maximum(sizes * scenario.n_read / sizes.sum(), 2)
    else:
        share = np.clip(np.bincount(stratum, y) / sizes, 0.02, 0.98)
        wanted = np.maximum(scenario.n_read * _part(sizes * np.sqrt(share * (1 - share))), 5)
    return np.minimum(np.round(wanted).astype(int), sizes)


def _part(values: np.ndarray) -> np.ndarray:
    return values / values.sum()


def draw(population: Population, rng: np.random.Generator) -> np.ndarray:
    """Returns the rows of one stratified sample, simple random within each stratum."""
    order = rng.permutation(len(population.y))
    order = order[np.argsort(population.stratum[order], kind="stable")]
    sizes = np.bincount(population.stratum)
    starts = np.cumsum(sizes) - sizes
    position = np.arange(len(order)) - np.repeat(starts, sizes)
    return order[position < np.repeat(population.allocation, sizes)]


def read(population: Population, rows: np.ndarray, scenario: Scenario, rng: np.random.Generator) -> Phase2 | None:
    """Returns what two erring readers and an adjudicator made of a sample; None where nobody errs."""
    if not scenario.noise:
        return None
    truth = population.y[rows]
    together = rng.random(len(rows)) < scenario.shared_noise
    alone = rng.random((2, len(rows))) < scenario.noise
    first, second = (truth ^ (together | own) for own in alone)
    first, second = first & population.denominator[rows], second & population.denominator[rows]
    inside = population.denominator[rows]
    agree = first == second
    cell = np.where(agree, 1 + first.astype(int) + 2 * inside, -1)
    is_settled = ~agree
    for number in np.unique(cell[agree]):
        members = np.flatnonzero(cell == number)
        count = min(max(round(ADJUDICATED_PART * len(members)), LEAST_PER_CELL), len(members))
        is_settled[rng.choice(members, size=count, replace=False)] = True
    pool = is_settled & agree
    said = (first.astype(float) + second) / 2
    sizes = np.bincount(population.stratum)
    stands_for = (sizes / population.allocation)[population.stratum[rows]]
    return Phase2(
        cell,
        is_settled,
        said,
        inside.astype(float),
        cell[pool],
        truth[pool].astype(float),
        inside[pool].astype(float),
        stands_for[pool],
        population.prediction[rows][pool],
    )
