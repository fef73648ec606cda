"""Stage `estimate`: the share under every definition, denominator, frame and year, from the read documents."""

import logging
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.coding.sample import settle_codes
from pipeline.config import Config
from pipeline.estimate.domains import Population
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.prediction_tables import tabulate_predictions
from pipeline.estimate.tables import Tables, estimate_tables
from pipeline.forked import begin_forked
from pipeline.generations import open_generation
from pipeline.groups import write_groups
from pipeline.release.published import compare_tables, read_published
from pipeline.schemas import (
    COVERAGE,
    PREDICTIONS,
    SHARE_TABLES,
    codes_table,
)

log = logging.getLogger(__name__)
LONG_TABLE = 50_000  # cells: to write them takes as long as to open another process


def run(config: Config) -> None:
    """Reads the census and the hand check, and writes `codes`, `predictions`, `shares` and the tables around them."""
    start = time.perf_counter()
    codebook, sample, population = load_inputs(config)
    with open_generation(config.path(config.paths.processed), "estimate") as draft:
        write = partial(_write_predictions, config, codebook, population, draft / "predictions.parquet")
        tables = estimate_tables(config, codebook, sample, population, write)
        _write_tables({**tables, "codes": settle_codes(sample), "coverage": sample.coverage}, codebook, draft)
    log.info(
        "estimate: %d documents read (%d by a person) -> %d shares in %.1f s",
        len(sample.units),
        int((sample.units["n_person"] > 0).sum()),
        len(tables["shares"]),
        time.perf_counter() - start,
    )


def _write_tables(tables: Tables, codebook: Codebook, folder: Path) -> None:
    """Writes tables, the long ones in a process beside this one."""
    schemas = {**SHARE_TABLES, "codes": codes_table(codebook.axis_meanings), "coverage": COVERAGE}

    def write(names: Iterable[str]) -> None:
        for name in names:
            store.write_table(schemas[name], tables[name], folder / f"{name}.parquet")

    # A cell of weights holds a number for each replicate.
    long = [name for name, rows in tables.items() if name == "weights" or rows.size > LONG_TABLE]
    with begin_forked([partial(write, long)], 1) as writing:
        write(name for name in tables if name not in long)
        writing[0]()


def _write_predictions(config: Config, codebook: Codebook, population: Population, path: Path) -> None:
    """Writes the longest table, if there is one."""
    if population.predictions is not None:
        write_groups(PREDICTIONS, tabulate_predictions(population.predictions, codebook, config.estimate.agendas), path)


def verify_shares(config: Config) -> None:
    """Recomputes every table of estimates and compares it with what was written, and with what was published.

    Raises:
        DataError: a table has other rows, or another number, than comes out now.
    """
    codebook, sample, population = load_inputs(config, is_fresh=True)
    published = config.path(config.paths.reports, config.version, "tables")
    count = 0
    for name, fresh in estimate_tables(config, codebook, sample, population).items():
        written, path = config.processed(name), published / f"{name}.csv"
        compare_tables(name, fresh, store.read_table(SHARE_TABLES[name], written), str(written))
        if path.exists():
            compare_tables(name, fresh, read_published(name, path), str(path))
            count += 1
    log.info("verify: %d published tables of estimates come out again", count)
