"""Coverage of the intervals on the real design: `make bench-coverage`.

Populations as in `design`, samples of the frames whose shares may be quoted, drawn and adjudicated as the rounds were
(of everything announced on arXiv the core phrases alone: of the rest the census holds what was read). Writes
reports/bench/coverage.csv: a row a cell (kind, frame, year, query) with the read documents expected to count, coverage,
misses on either side, bias and its standard error, standard error beside the true one, and width; and prints a summary
by kind. Rounds of one population share its codes, so what is uncertain of a bias is told by how populations differ:
many populations of few rounds say more than few of many.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.queries import Definition
from pipeline.config import load_config
from pipeline.estimate.agendas import join_years, list_agendas
from pipeline.estimate.differences import compare_parts
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.shares import Shares, estimate_shares
from pipeline.estimate.survey import DOCUMENTS, Survey, estimate_batch, measure_sizes, open_survey
from pipeline.schemas import embeddings_table
from pipeline.store import write_csv
from tests.bench.coverage_cells import join_populations, summarize
from tests.bench.design import Truth, World, draw_round, make_truth, make_world, take_strata

SEED = 20261126  # no constant of the estimator was tuned on populations or samples of this seed
COUNTED = ("people", "words", "karma")
ANNOUNCED, CORE, POOL = "arxiv-announced", "arxiv-core", "arxiv-review-pool-2025"
FRAMES = ("alignmentforum-census", CORE, "arxiv-query-2025")  # whose shares may be quoted
SPAN = 3  # years at either end that growth compares
Cell = tuple[str, str, str]  # kind, frame, year


def list_queries(codebook: Codebook) -> dict[str, Definition]:
    """Returns the definitions, and the groups and leaves that can be in scope."""
    agendas = {code: query for code, (_, query) in list_agendas(codebook, {}).items() if code[0] not in "MN"}
    return {**{definition.id: definition for definition in codebook.definitions}, **agendas}


def tell_truth(world: World, truth: Truth, codebook: Codebook) -> dict[Cell, np.ndarray]:
    """Returns the true shares of every query, float (n_queries,), by cell."""
    population = world.population
    inside = match_denominator(codebook.denominators["safety"], truth.codes).astype(float)
    counted = np.array([match_definition(query, truth.codes) for query in list_queries(codebook).values()]) * inside
    sizes = measure_sizes(world.sample, population)
    found: dict[Cell, np.ndarray] = {}
    years = list_years(world)
    for frame, known in years.items():
        for year in ("", *known):
            rows = rows_of(world, frame, year)
            found["year" if year else "share", frame, year] = counted[:, rows].sum(axis=1) / inside[rows].sum()
        for name in COUNTED:
            if frame in sizes[name]:
                size = sizes[name][frame]
                found[name, frame, ""] = counted @ size / (inside @ size)
        if len(known) >= 2 * SPAN:
            spans = [np.any([rows_of(world, frame, year) for year in span], axis=0) for span in _ends(known)]
            early, late = (counted[:, rows].sum(axis=1) / inside[rows].sum() for rows in spans)
            found["growth", frame, ""] = late - early
    return found


def list_years(world: World) -> dict[str, list[str]]:
    """Returns the years that are strata of each frame, by frame."""
    years: dict[str, list[str]] = {}
    for (frame, year), _ in world.sample.strata.groupby(["frame", "year"]):
        years.setdefault(str(frame), []).extend([str(year)] if year else [])
    return years


def expect_hits(world: World, truth: Truth, codebook: Codebook) -> dict[Cell, np.ndarray]:
    """Returns how many documents of a sample are expected to count for every query, float (n_queries,), by cell."""
    inside = match_denominator(codebook.denominators["safety"], truth.codes)
    strata = world.sample.strata
    chance = (strata["n_sample"] / strata["n_population"]).to_numpy(dtype=float)[world.stratum] * (world.stratum >= 0)
    counted = [match_definition(query, truth.codes) & inside for query in list_queries(codebook).values()]
    hits, found = np.array(counted) * chance, {}
    for frame, known in list_years(world).items():
        for year in ("", *known):
            found["year" if year else "share", frame, year] = hits[:, rows_of(world, frame, year)].sum(axis=1)
        found |= {(name, frame, ""): found["share", frame, ""] for name in COUNTED}
        if len(known) >= 2 * SPAN:
            ends = [year for span in _ends(known) for year in span]
            found["growth", frame, ""] = np.sum([found["year", frame, year] for year in ends], axis=0)
    return found


def rows_of(world: World, frame: str, year: str) -> np.ndarray:
    """Returns the documents of a frame, or of a year of it: bool (n_documents,)."""
    strata = world.sample.strata
    own = (strata["frame"] == frame) & ((strata["year"] == year) | (year == ""))
    return np.isin(world.stratum, np.flatnonzero(own))


def _ends(years: list[str]) -> tuple[list[str], list[str]]:
    return sorted(years)[:SPAN], sorted(years)[-SPAN:]


def estimate_cells(survey: Survey) -> dict[Cell, np.ndarray]:
    """Returns share, low, high and standard error of every query, float (4, n_queries), by cell."""
    queries = list(list_queries(survey.codebook).values())
    safety = replace_denominators(survey)
    found = estimate_batch(safety, queries, COUNTED)
    cells: dict[Cell, np.ndarray] = {}
    by_frame: dict[str, list[str]] = {}
    for (frame, year, weight, _), shares in found.items():
        kind = weight if weight != DOCUMENTS else "year" if year else "share"
        cells[kind, frame, year] = np.array([shares.share, shares.low, shares.high, shares.standard_error])
        if year and weight == DOCUMENTS:
            by_frame.setdefault(frame, []).append(year)
    for frame, years in by_frame.items():
        if len(years) >= 2 * SPAN:
            early, late = (_join(safety, frame, span, queries) for span in _ends(years))
            change, error, low, high = compare_parts(early, late, survey.level)
            cells["growth", frame, ""] = np.array([change, low, high, error])
    return cells


def replace_denominators(survey: Survey) -> Survey:
    """Returns the survey with the denominator that the bench looks at alone."""
    codebook = replace(survey.codebook, denominators={"safety": survey.codebook.denominators["safety"]})
    return replace(survey, codebook=codebook)


def _join(survey: Survey, frame: str, years: list[str], queries: list[Definition]) -> Shares:
    part = survey.part(
        join_years([domain for domain in survey.domains if domain.frame == frame and domain.year in years])
    )
    assert part is not None
    inside = survey.inside(survey.codebook.denominators["safety"])
    return estimate_shares(part, survey.definitions(queries), inside, survey.level)


@cache
def load_worlds() -> tuple[list[World], Codebook, float]:
    """Returns the real rounds and the census, ready to make populations from."""
    config = load_config(Path("census.toml"))
    codebook, sample, population = load_inputs(config)
    table = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    vectors = store.matrix_from_column(table.column("vector"))
    is_core, frame = (sample.strata["part"] == "core").to_numpy(), sample.strata["frame"]
    # Of what was announced the core phrases alone are known to the last one; the review pool overlaps with them.
    names = [str(name) for name in sample.strata.index[is_core | ~frame.isin([ANNOUNCED, POOL]).to_numpy()]]
    whole = take_strata(sample, names)
    frames = {part.frame: part.frame for part in whole.strata.itertuples()} | {ANNOUNCED: CORE}
    whole = replace(
        whole,
        strata=whole.strata.assign(frame=whole.strata["frame"].map(frames)),
        units=whole.units.assign(frame=whole.units["frame"].map(frames)),
    )
    parts = [whole, *sample.for_frames]
    worlds = [make_world(part, population.of(part), vectors, tuple(codebook.leaves)) for part in parts]
    return worlds, codebook, config.estimate.level


def run_population(number: int, rounds: int, is_all_settled: bool, seed: int) -> pd.DataFrame:
    """Returns a row a cell and query of one population of each world: what its samples gave beside its truth."""
    worlds, codebook, level = load_worlds()
    return pd.concat([_run_world(world, codebook, level, number, rounds, is_all_settled, seed) for world in worlds])


def _run_world(
    world: World, codebook: Codebook, level: float, number: int, rounds: int, is_all_settled: bool, seed: int
) -> pd.DataFrame:
    truth = make_truth(world, np.random.default_rng([seed, number, 0]))
    wanted, hits = tell_truth(world, truth, codebook), expect_hits(world, truth, codebook)
    found: dict[Cell, list[np.ndarray]] = {}
    sizes = measure_sizes(world.sample, world.population)
    for repeat in range(rounds):
        rng = np.random.default_rng([seed, number, 1, repeat])
        sample, population = draw_round(world, truth, rng, is_all_settled)
        survey = open_survey(sample, population, codebook, level, repeat, sizes=sizes)
        for cell, numbers in estimate_cells(survey).items():
            found.setdefault(cell, []).append(numbers)
    names, n_definitions = list(list_queries(codebook)), len(codebook.definitions)
    rows = []
    for (kind, frame, year), results in found.items():
        if frame not in FRAMES:
            continue
        share, low, high, error = np.array(results).transpose(1, 0, 2)
        true = wanted[kind, frame, year]
        for place, name in enumerate(names):
            known = np.isfinite(share[:, place])
            if not known.any():
                continue
            apart = share[known, place] - true[place]
            rows.append(
                {
                    "kind": kind if place < n_definitions or kind != "share" else "agenda",
                    "frame": frame,
                    "year": year,
                    "query": name,
                    "true_share": true[place],
                    "expected_hits": hits[kind, frame, year][place],
                    "coverage": np.mean(
                        (low[known, place] <= true[place] + 1e-9) & (high[known, place] >= true[place] - 1e-9)
                    ),
                    "missed_above": np.mean(high[known, place] < true[place] - 1e-9),
                    "missed_below": np.mean(low[known, place] > true[place] + 1e-9),
                    "bias": apart.mean(),
                    "squared_error": (apart**2).mean(),
                    "true_variance": apart.var(ddof=1) if len(apart) > 1 else 0.0,
                    "variance": (error[known, place] ** 2).mean(),
                    "mean_width": (high - low)[known, place].mean(),
                    "repetitions": int(known.sum()),
                }
            )
    return pd.DataFrame(rows)


def main() -> None:
    """Runs every population and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--populations", type=int, default=80)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--settled", action="store_true", help="every document is adjudicated")
    parser.add_argument("--output", type=Path, default=Path("reports/bench/coverage.csv"))
    options = parser.parse_args()
    run = partial(run_population, rounds=options.rounds, is_all_settled=options.settled, seed=options.seed)
    with ProcessPoolExecutor(options.workers) as pool:
        table = join_populations(list(pool.map(run, range(options.populations))))
    write_csv(options.output, table)
    print(summarize(table, options.populations).round(4).to_string())


if __name__ == "__main__":
    main()
