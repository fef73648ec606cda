"""Whether all tables of estimates and agendas are the same under other linear-algebra kernels and numbers of threads.

`python -m tests.bench.processors`: recomputes those of the shipped census under each setting and compares the
published form, six decimals. With --child, prints the hash of one run.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.agendas.stage import load_inputs as load_agenda_inputs
from pipeline.agendas.stage import tabulate_agendas
from pipeline.coding.agenda_list import FILE, load_agendas
from pipeline.coding.codebook import load_codebook
from pipeline.config import load_config
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.prediction_tables import tabulate_predictions
from pipeline.estimate.tables import estimate_tables
from pipeline.store import CSV_FLOAT_FORMAT

SETTINGS = (
    {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"},
    {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "2"},
    {"OPENBLAS_CORETYPE": "Zen", "OPENBLAS_NUM_THREADS": "2"},
    {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "2"},
    {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "2"},
    {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX"},
)


def hash_tables(study: str = "census.toml", *, is_fresh: bool = False) -> str:
    """Returns one line: the hash of every table of estimates as it would be published.

    Args:
        study: its configuration.
        is_fresh: whether predictions are made again, even if they are kept.
    """
    config = load_config(Path(study))
    codebook, sample, population = load_inputs(config, is_fresh=is_fresh)
    tables = estimate_tables(config, codebook, sample, population)
    assert population.predictions is not None
    tables["predictions"] = pa.concat_tables(
        tabulate_predictions(population.predictions, codebook, config.estimate.agendas)
    ).to_pandas()
    return _hash(tables)


def hash_agendas(study: str = "census.toml") -> str:
    """Returns one line: the hashes of the tables of agendas, from the estimates that stand in `data/processed`."""
    config = load_config(Path(study))
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    listed = load_agendas(handcheck / FILE, codebook)
    found = tabulate_agendas(load_agenda_inputs(config, codebook, listed), config.estimate.level)
    return _hash({table.name: rows for table, rows in found.items()})


def _hash(tables: Mapping[str, pd.DataFrame]) -> str:
    parts = []
    for name, rows in tables.items():
        text = rows.to_csv(index=False, float_format=CSV_FLOAT_FORMAT)
        parts.append(f"{name}={hashlib.sha256(text.encode()).hexdigest()[:12]}")
    return " ".join(parts)


def hash_under(setting: dict[str, str]) -> str:
    """Returns the hashes from a process of its own that runs under a setting."""
    command = [sys.executable, "-m", "tests.bench.processors", "--child"]
    done = subprocess.run(command, env={**os.environ, **setting}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    """Prints the hashes under every setting, and fails where they differ."""
    if "--child" in sys.argv:
        print(hash_tables(is_fresh=True), hash_agendas())
        return
    found = {" ".join(setting.values()): hash_under(setting) for setting in SETTINGS}
    for setting, hashes in found.items():
        print(f"{setting}: {hashes}")
    if len(set(found.values())) > 1:
        sys.exit("the tables differ")
    print(f"the same under all {len(found)} settings")


if __name__ == "__main__":
    main()
