"""Coverage of the intervals, and their width against plain random reading: `make bench-coverage`.

Writes reports/bench/coverage.csv (one row per scenario) and prints a summary.
"""

import argparse
import itertools
import os
import zlib
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.estimate.shares import estimate_share, wilson_interval
from pipeline.store import write_csv
from tests.bench.populations import Population, Scenario, draw, make_population, read

LEVEL = 0.95
SEED = 20261125  # the constants of the estimator were tuned on populations and samples of other seeds
POPULATION_COUNT = 4  # populations per scenario, so that no cell hangs on one draw of the truth


def list_scenarios() -> list[Scenario]:
    """Returns the cells of the simulation."""
    shares = (0.01, 0.02, 0.05, 0.15, 0.40, 0.70)
    cells = [
        Scenario(share, strata, predictor)
        for share, strata, predictor in itertools.product(
            shares, ("none", "years", "score"), ("none", "useless", "inverted", "medium", "strong")
        )
    ]
    cells += [
        Scenario(share, strata, predictor, n_read=600 if strata == "tiny" else 400, size=3_000)
        for share, strata, predictor in itertools.product(
            (0.05, 0.15, 0.4), ("pure", "tiny"), ("none", "inverted", "medium")
        )
    ]
    cells += [
        Scenario(share, "years", predictor, n_read=60, size=500)
        for share, predictor in itertools.product((0.05, 0.2, 0.5, 0.9), ("none", "useless", "medium"))
    ]
    cells += [
        Scenario(share, strata, predictor, base=base)
        for share, strata, predictor, base in itertools.product(
            (0.05, 0.15, 0.5), ("none", "years"), ("none", "inverted", "medium"), (0.7,)
        )
    ]
    cells += [
        Scenario(share, strata, predictor, noise=noise, shared_noise=shared, base=base)
        for share, strata, predictor, (noise, shared), base in itertools.product(
            (0.05, 0.15, 0.4),
            ("none", "years"),
            ("none", "medium"),
            ((0.05, 0.02), (0.1, 0.0), (0.1, 0.05), (0.2, 0.05)),
            (1.0, 0.7),
        )
    ]
    cells += [
        Scenario(share, strata, predictor, n_read=120, size=2_000, noise=noise, shared_noise=shared)
        for share, strata, predictor, (noise, shared) in itertools.product(
            (0.15, 0.4), ("none", "years"), ("none", "medium"), ((0.05, 0.02), (0.1, 0.05))
        )
    ]
    return cells


def measure(scenario: Scenario, repetitions: int) -> dict[str, object]:
    """Returns how often the interval holds the truth, its width, and the width of plain random reading."""
    rng = np.random.default_rng([SEED, zlib.crc32(repr(scenario).encode())])
    hits, widths, errors, plain = [], [], [], []
    for _ in range(POPULATION_COUNT):
        population = make_population(scenario, rng)
        plain.append(_plain_width(population, scenario))
        for _ in range(repetitions // POPULATION_COUNT):
            estimate = _estimate(population, scenario, rng)
            hits.append(estimate.low <= population.share <= estimate.high)
            widths.append(estimate.high - estimate.low)
            errors.append(estimate.share - population.share)
    return {
        **vars(scenario),
        "repetitions": len(hits),
        "coverage": float(np.mean(hits)),
        "bias": float(np.mean(errors)),
        "mean_width": float(np.mean(widths)),
        "width_ratio": float(np.mean(widths) / np.mean(plain)),
    }


def _estimate(population: Population, scenario: Scenario, rng: np.random.Generator):
    rows = draw(population, rng)
    sizes = np.bincount(population.stratum)
    predicted, means = None, None
    if scenario.predictor != "none":
        predicted = population.prediction[rows]
        columns = [np.bincount(population.stratum, column) / sizes for column in population.prediction.T]
        means = dict(enumerate(zip(*columns, strict=True)))
    return estimate_share(
        population.y[rows],
        population.stratum[rows],
        dict(enumerate(sizes.tolist())),
        prediction=predicted,
        prediction_means=means,
        denominator=population.denominator[rows] if scenario.base < 1 else None,
        phase2=read(population, rows, scenario, rng),
        level=LEVEL,
    )


def _plain_width(population: Population, scenario: Scenario) -> float:
    """Returns the width of Wilson's interval, with finite population, from as many documents read at random."""
    n_read = population.allocation.sum()
    inside = population.denominator.mean() * n_read / (1 - n_read / scenario.size)
    low, high = wilson_interval(population.share, float(inside), LEVEL)
    return high - low


def main() -> None:
    """Runs every scenario and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=4800)
    parser.add_argument("--output", type=Path, default=Path("reports/bench/coverage.csv"))
    options = parser.parse_args()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        measured = pool.map(partial(measure, repetitions=options.repetitions), list_scenarios())
        table = pd.DataFrame(list(measured))
    write_csv(options.output, table)
    inside = table["coverage"].between(0.93, 0.97)
    medium = table[(table["predictor"] == "medium") & (table["noise"] == 0) & (table["strata"] == "score")]
    print(
        f"{len(table)} scenarios of {options.repetitions}: coverage {table['coverage'].mean():.3f} on average, "
        f"{table['coverage'].min():.3f} to {table['coverage'].max():.3f}, {inside.mean():.1%} within 0.93 to 0.97; "
        f"width with a medium predictor and strata by score {medium['width_ratio'].mean():.2f} of plain random reading"
    )


if __name__ == "__main__":
    main()
