"""Mutation tests of the estimating room: `python -m tests.bench.mutation`.

Changes one operator, number or function of a module at a time (a seeded draw over the whole room or some modules) and
runs the fast tests that execute it, in a process of its own that never touches the files. Of the survivors, those that
move a table of 2026.07 are killed by the test that makes these anew; those that leave every table of the shipped census
as it is too, to six decimals, cannot be seen; the others are misses of the tests. Writes a row a mutant.
"""

import argparse
import hashlib
import os
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path

import hypothesis  # noqa: F401 (imported before the lines of tests are noted)
import numpy as np  # noqa: F401
import pandas as pd
import pytest
import scipy.stats  # noqa: F401
import sklearn.feature_extraction.text  # noqa: F401

from pipeline.store import write_csv
from tests.bench.mutant_tests import Bench, Loader, Reach, run_apart
from tests.bench.mutants import MODULES, ROOT, draw_mutants, mutate, read_module

STUDIES = ("studies/2026.07/census.toml", "census.toml")  # run both before: make report, with and without STUDY
SEED = 20261127
SECONDS = 900  # that the tables of one mutant may take
TESTS = (  # the room's own; simulations of minutes are left out, and whatever is marked slow
    *("test_estimate_core", "test_estimate_edges", "test_prediction_tables", "test_claims", "test_totals"),
    *("test_smooth", "test_axis_queries", "test_kept", "test_direct_people", "test_listed_frames", "test_scope_calls"),
    *("test_predictions", "test_total_growth", "test_gold", "test_shares", "test_needs", "test_reader_error"),
    *("test_mixture", "test_robustness", "test_price_arithmetic", "test_estimate_tables"),
    *("test_prices", "test_edge", "test_material"),
    *sorted(path.stem for path in (ROOT / "tests").glob("test_*_by_hand.py")),
)
SLOW = (
    "holds_the_true or biases or unequal or weighed_right or any_shape or add_up_and or variance_of_svydesign "
    "or covers_what or covers_walks"
)


Kept = dict[str, tuple[dict[str, str], dict[str, Reach]]]  # by test file: hashes of what it executes, and its tests


def _map_lines(bench: Bench, place: Path | None) -> dict[str, Reach]:
    """Returns what each test executes; from a file where neither the file of the test nor a module that it executed has
    changed."""
    kept: Kept = pickle.loads(place.read_bytes()) if place and place.exists() else {}
    modules = {name: _hash(read_module(name)) for name in MODULES}
    aids = "".join(path.read_text() for path in sorted((ROOT / "tests").glob("*.py")) if path.stem[:5] != "test_")
    by_file: dict[str, list[str]] = {}
    for name in bench.items:
        by_file.setdefault(name.partition("::")[0], []).append(name)
    found: dict[str, Reach] = {}
    for file, names in by_file.items():
        key = _hash(aids + (ROOT / file).read_text())
        executed, reach = kept.get(key, ({"": ""}, {}))
        if not executed.items() <= modules.items():
            told = bench.map_lines(names)
            if isinstance(told, str):
                sys.exit(f"{told} fails on the code as it is")
            reach = told
            executed = {name: modules[name] for one in reach.values() for name, _ in one.lines if name in modules}
            kept[key] = executed, reach
            if place:
                place.write_bytes(pickle.dumps(kept))
        found |= reach
    return found


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _look(module: str, site: int, study: str) -> str:
    """Tells the tables of a study under a mutant, its predictions made anew."""
    if site >= 0:
        sys.meta_path.insert(0, Loader(module, site))
    from tests.bench.processors import hash_tables

    try:
        return hash_tables(study, is_fresh=True)
    except Exception as error:  # a mutant that fails is seen
        return type(error).__name__


def judge(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the mutants with what the slow tests make of the survivors of the fast ones.

    One that moves a table of 2026.07 is killed: a test of the whole compares them byte for byte. One that moves none
    of the shipped census either cannot be seen.
    """
    plain = {study: run_apart(_look, SECONDS, "", -1, study, is_anew=True) for study in STUDIES}
    rows = rows.copy()
    for place in rows.index[rows["result"] == "survived"]:
        module, site = str(rows.at[place, "module"]), int(rows.at[place, "site"])
        first, shipped = (
            run_apart(_look, SECONDS, module, site, study, is_anew=True) != plain[study] for study in STUDIES
        )
        rows.at[place, "result"] = "killed" if first else "survived" if shipped else "cannot be seen"
        rows.at[place, "note"] += "; by the tables of 2026.07" if first else ""
        print(rows.loc[place].to_dict(), flush=True)
    return rows


def _try(mutants: Sequence[tuple[str, int]], options: argparse.Namespace) -> pd.DataFrame:
    """Returns what the fast tests make of mutants."""
    rows: list[dict[str, object]] = []

    def work(bench: Bench) -> None:
        reach = _map_lines(bench, options.map)
        print(f"{len(reach)} tests execute {len(frozenset().union(*(one.lines for one in reach.values())))} lines")
        for module, site in mutants:
            mutant = mutate(module, site)
            result, note = bench.try_mutant(mutant, reach)
            rows.append({"module": module, "site": site, "change": mutant.change, "result": result, "note": note})
            print(rows[-1], flush=True)
            write_csv(options.output, pd.DataFrame(rows))

    os.chdir(ROOT)
    arguments = ["-q", "-s", "-n", "0", "-p", "no:cacheprovider", "-k", f"not ({SLOW})"]
    pytest.main([*arguments, *(f"tests/{name}.py" for name in TESTS)], [Bench(work)])
    if not rows:
        sys.exit("no mutant was tried")
    return pd.DataFrame(rows)


def main() -> None:
    """Draws the mutants, tests them and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=120)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--modules", default=",".join(MODULES), help="the draw is within these, with commas between")
    parser.add_argument("--no-census", action="store_true", help="run the fast tests alone")
    parser.add_argument("--again", type=Path, help="a table of before, of which the survivors are tried again")
    parser.add_argument("--judge", type=Path, help="a table of before, of which the survivors are judged")
    parser.add_argument("--map", type=Path, help="a file that keeps which lines each test executes")
    parser.add_argument("--output", type=Path, default=ROOT / "reports/bench/mutation.csv")
    options = parser.parse_args()
    if options.judge:
        table = pd.read_csv(options.judge, keep_default_na=False)
    elif options.again:
        table = pd.read_csv(options.again, keep_default_na=False).query("result == 'survived'")
        table = _try([(row.module, int(row.site)) for row in table.itertuples()], options)
    else:
        table = _try(draw_mutants(options.mutants, options.seed, tuple(options.modules.split(","))), options)
    table = table if options.no_census else judge(table)
    write_csv(options.output, table)
    counts = table["result"].value_counts()
    seen = len(table) - int(counts.get("cannot be seen", 0))
    print(f"{counts.to_dict()}: {counts.get('killed', 0)} of {seen} that can be seen are killed")


if __name__ == "__main__":
    main()
