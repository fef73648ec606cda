"""Beside GLIDE's stratified PPI++ on the same settled codes: `python -m tests.bench.glide PYTHON`.

PYTHON is one (3.12 or newer) in which `pip install glide-py==0.11.0` was run; GLIDE is no dependency of the project.
Widths: every read document of the shipped census counts with its settled code, and both are given the same strata and
predictions. Coverage: the same on made-up populations (`design`) in which every document is settled. GLIDE estimates
means, so shares are of all documents of a frame: the denominator `everything`. Writes reports/bench/glide.csv (a row a
frame, year and definition: shares and widths) and reports/bench/glide_coverage.csv (how often either interval holds the
truth, and how wide it is on average).
"""

import argparse
import itertools
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.coding.definitions import match_definition
from pipeline.coding.sample import Sample
from pipeline.config import load_config
from pipeline.estimate.domains import Domain, parts_of
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.intervals import student_quantile
from pipeline.estimate.people import WEIGHTS
from pipeline.estimate.survey import Survey, estimate_batch, open_survey
from pipeline.store import write_csv
from tests.bench.coverage import SEED, load_worlds, rows_of
from tests.bench.design import draw_round, make_truth

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = ("strict", "broad")
FRAMES = ("alignmentforum-census", "arxiv-core", "arxiv-query-2025")
DENOMINATOR = "everything"
NO_SIZES: Mapping[str, Mapping[str, np.ndarray]] = {name: {} for name in WEIGHTS}  # documents count as one each
# What the other interpreter runs: cases of JSON on its input, share and ends of each on its output.
RIVAL = """
import json, sys
import numpy as np
from glide.estimators import StratifiedPPIMeanEstimator
answers = []
for case in json.load(sys.stdin):
    y = np.array([np.nan if value is None else value for value in case["y"]])
    try:
        found = StratifiedPPIMeanEstimator().estimate(y, np.array(case["chance"]), np.array(case["stratum"]))
        ends = found.confidence_interval
        answers.append([float(ends.mean), float(ends.lower_bound), float(ends.upper_bound), ""])
    except ValueError as error:
        answers.append([None, None, None, str(error)])
json.dump(answers, sys.stdout)
"""


def settle(sample: Sample) -> Sample:
    """Returns the sample as if every agreement had been upheld: what is settled is the truth for both."""
    codes = sample.readers[0].copy()
    codes.loc[sample.adjudicator.index] = sample.adjudicator[codes.columns]
    units = sample.units.assign(is_adjudicated=True, phase2_probability=1.0)
    return replace(sample, units=units, readers=(codes, codes), adjudicator=codes)


def make_case(survey: Survey, domain: Domain, counted: np.ndarray, chance: np.ndarray) -> dict[str, list[object]]:
    """Returns what GLIDE is given of a domain: codes (None: not read), predictions and strata of its documents."""
    population = survey.population
    y = np.full(len(population.documents), np.nan)
    y[population.units[domain.rows]] = counted[domain.rows]
    rows = np.concatenate(domain.members)
    stratum = np.repeat(np.arange(len(domain.members)), [len(members) for members in domain.members])
    return {
        "y": [None if np.isnan(value) else float(value) for value in y[rows]],
        "chance": chance[rows].tolist(),
        "stratum": stratum.tolist(),
    }


def make_textbook(case: dict[str, list[object]], level: float) -> float:
    """Returns the width of the stratified mean with finite populations and no prediction."""
    y, stratum = np.array(case["y"], dtype=float), np.array(case["stratum"])
    variance, degrees = 0.0, 0
    for number in np.unique(stratum):
        read = y[(stratum == number) & np.isfinite(y)]
        size = float((stratum == number).sum())
        variance += (size / len(y)) ** 2 * (1 - len(read) / size) * read.var(ddof=1) / len(read)
        degrees += len(read) - 1
    return 2 * student_quantile(level, degrees) * float(np.sqrt(variance))


def compare(surveys: Sequence[Survey], chances: Mapping[str, np.ndarray], python: str) -> pd.DataFrame:
    """Returns a row a survey, frame, year and definition, with what both make of it.

    Args:
        surveys: everything settled.
        chances: of each definition, by its id: float (n_documents,).
        python: the interpreter that has GLIDE.
    """
    rows, cases = [], []
    for place, survey in enumerate(surveys):
        definitions = [each for each in survey.codebook.definitions if each.id in DEFINITIONS]
        found, counted = estimate_batch(survey, definitions, ()), survey.definitions(definitions)
        for domain, (number, definition) in itertools.product(survey.domains, enumerate(definitions)):
            if domain.frame not in FRAMES or any(len(members) == 0 for members in domain.members):
                continue
            codes = survey.weights.codes.chance.toarray() @ counted[number].astype(float)
            cases.append(make_case(survey, domain, codes, chances[definition.id]))
            shares = found[domain.frame, domain.year, "documents", DENOMINATOR]
            rows.append(
                {
                    "survey": place,
                    "frame": domain.frame,
                    "year": domain.year,
                    "definition": definition.id,
                    "n_population": domain.n_population,
                    "n_read": shares.n_read,
                    "share": shares.share[number],
                    "low": shares.low[number],
                    "high": shares.high[number],
                    "width_textbook": make_textbook(cases[-1], survey.level),
                }
            )
    command = [python, "-c", RIVAL]
    done = subprocess.run(command, input=json.dumps(cases), text=True, capture_output=True, check=True)
    names = ["glide_share", "glide_low", "glide_high", "note"]
    table = pd.concat([pd.DataFrame(rows), pd.DataFrame(json.loads(done.stdout), columns=names)], axis=1)
    table["width"], table["glide_width"] = table["high"] - table["low"], table["glide_high"] - table["glide_low"]
    return table


def measure_coverage(chances: Mapping[str, np.ndarray], populations: int, rounds: int, python: str) -> pd.DataFrame:
    """Returns how often either interval holds the truth of made-up populations, by frame, year and definition."""
    worlds, codebook, level = load_worlds()
    parts = []
    for world, number in itertools.product(worlds, range(populations)):
        truth = make_truth(world, np.random.default_rng([SEED, number, 0]))
        surveys = []
        for repeat in range(rounds):
            rng = np.random.default_rng([SEED, number, 1, repeat])
            surveys.append(open_survey(*draw_round(world, truth, rng, True), codebook, level, repeat, sizes=NO_SIZES))
        table = compare(surveys, chances, python)
        definitions = {each.id: match_definition(each, truth.codes) for each in codebook.definitions}
        places = zip(table["frame"], table["year"], table["definition"], strict=True)
        true = np.array([definitions[name][rows_of(world, frame, year)].mean() for frame, year, name in places])
        parts.append(
            table.assign(
                holds=(table["low"] <= true) & (true <= table["high"]),
                glide_holds=(table["glide_low"] <= true) & (true <= table["glide_high"]),
                true_share=true,
                error=table["share"] - true,
                glide_error=table["glide_share"] - true,
            ).dropna(subset=["glide_width"])
        )
    key, found = ["frame", "year", "definition"], pd.concat(parts)
    means = ["true_share", "holds", "glide_holds", "error", "glide_error", "width", "glide_width"]
    groups = found.groupby(key)
    table = groups[means].mean().assign(repetitions=groups.size())
    return table.rename(columns={"error": "bias", "glide_error": "glide_bias"}).reset_index()


def main() -> None:
    """Writes both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="a Python in which glide-py is installed")
    parser.add_argument("--populations", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    config = load_config(ROOT / "census.toml")
    codebook, sample, population = load_inputs(config)
    assert population.predictions is not None
    base = codebook.denominators[DENOMINATOR]
    chances = {
        each.id: population.predictions.count(each, DENOMINATOR, base)
        for each in codebook.definitions
        if each.id in DEFINITIONS
    }
    parts, level = parts_of(config.frames), config.estimate.level
    surveys = [
        open_survey(settle(each), population.of(each), codebook, level, config.seed, parts)
        for each in (sample, *sample.for_frames)
    ]
    table = compare(surveys, chances, options.python).drop(columns="survey")
    write_csv(ROOT / "reports/bench/glide.csv", table)
    print(table[["frame", "year", "definition", "share", "width", "glide_share", "glide_width"]].to_string())
    print(f"width / GLIDE's, median of {len(table)}: {(table['width'] / table['glide_width']).median():.2f}")
    held = measure_coverage(chances, options.populations, options.rounds, options.python)
    write_csv(ROOT / "reports/bench/glide_coverage.csv", held)
    print(held.round(3).to_string())
    print(
        held.groupby(held["year"] != "")[["holds", "glide_holds", "width", "glide_width"]].mean().round(3).to_string()
    )


if __name__ == "__main__":
    main()
