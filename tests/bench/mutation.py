"""Mutation tests of the estimating room: `python -m tests.bench.mutation`.

Changes one operator, number or function of a module at a time (a seeded draw over the whole room) and runs the room's
fast tests on it, in a process of its own that never touches the files. Of the survivors, those that move a table of
2026.07 are killed by the test that makes these anew; those that leave every table of the shipped census as it is too,
to six decimals, cannot be seen; the others are misses of the tests. Writes reports/bench/mutation.csv: a row a mutant.
"""

import argparse
import ast
import contextlib
import importlib.abc
import importlib.machinery
import io
import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import hypothesis  # noqa: F401 (imported here once for all mutants)
import numpy as np
import pandas as pd
import pytest
import scipy.stats  # noqa: F401
import sklearn.feature_extraction.text  # noqa: F401

from pipeline.store import write_csv

STUDIES = ("studies/2026.07/census.toml", "census.toml")  # run both before: make report, with and without STUDY
Calls = Mapping[str, set[tuple[str, str]]]  # by file of tests: modules and functions that it calls

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "pipeline" / "estimate"
SEED = 20261127
SECONDS = 900  # that the tests of one mutant may take: one that never ends is killed too
MODULES = tuple(sorted(path.stem for path in ROOM.glob("*.py") if path.stem != "__init__"))
# The fast ones, the quickest first: no stage is run anew, and simulations are left out.
TESTS = (
    *("test_estimate_core", "test_estimate_edges", "test_prediction_tables", "test_claims", "test_totals"),
    *("test_smooth", "test_axis_queries", "test_kept", "test_direct_people", "test_listed_frames", "test_scope_calls"),
    *("test_predictions", "test_total_growth", "test_gold", "test_shares", "test_needs", "test_reader_error"),
    *("test_mixture", "test_robustness", "test_price_arithmetic", "test_estimate_tables"),
    *("test_plan_by_hand", "test_tables_by_hand", "test_prices", "test_edge"),
)
SLOW = (
    "holds_the_true or biases or unequal or weighed_right or any_shape or add_up_and or variance_of_svydesign "
    "or covers_what or covers_walks"
)
COMPARE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
BINARY |= {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult}
NAMES = {"maximum": "minimum", "max": "min", "any": "all", "argmax": "argmin", "zeros": "ones", "sqrt": "abs"}
NAMES |= {new: old for old, new in NAMES.items() if old != "sqrt"}


class _Mutator(ast.NodeTransformer):
    """Changes the site of a number, counted in the order of the tree, and counts them all."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.seen, self.changed, self.place, self.inside = wanted, 0, "", "", ""

    def _is_it(self, node: ast.AST, what: str) -> bool:
        self.seen += 1
        if self.seen - 1 != self.wanted:
            return False
        self.place = self.inside
        self.changed = f"line {getattr(node, 'lineno', 0)}: {what}"
        return True

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        new = COMPARE.get(type(node.ops[0]))
        if new and self._is_it(node, f"{type(node.ops[0]).__name__} to {new.__name__}"):
            node.ops[0] = new()
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        new = BINARY.get(type(node.op))
        is_text = any(
            isinstance(part, ast.Constant) and isinstance(part.value, str) for part in (node.left, node.right)
        )
        if new and not is_text and self._is_it(node, f"{type(node.op).__name__} to {new.__name__}"):
            node.op = new()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        is_site = isinstance(node.op, ast.Invert | ast.Not | ast.USub)
        return node.operand if is_site and self._is_it(node, f"{type(node.op).__name__} dropped") else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            return node
        new = node.value + 1 if isinstance(node.value, int) else node.value * 1.5 + (node.value == 0)
        return ast.copy_location(ast.Constant(new), node) if self._is_it(node, f"{node.value} to {new}") else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr in NAMES and self._is_it(node, f"{node.attr} to {NAMES[node.attr]}"):
            node.attr = NAMES[node.attr]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in ("max", "min", "any", "all") and self._is_it(node, f"{node.id} to {NAMES[node.id]}"):
            node.id = NAMES[node.id]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        outer, self.inside = self.inside, self.inside or node.name
        node.body = [self.visit(line) for line in node.body]  # neither annotations nor decorators
        self.inside = outer
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node


def mutate(module: str, wanted: int) -> tuple[CodeType, str, int, str]:
    """Returns a module's code with one site changed, what was changed, how many sites there are, and in which function
    or method the change is; "" where it is in none."""
    path = ROOM / f"{module}.py"
    mutator = _Mutator(wanted)
    tree = ast.fix_missing_locations(mutator.visit(ast.parse(path.read_text(encoding="utf-8"))))
    return compile(tree, str(path), "exec"), mutator.changed, mutator.seen, mutator.place


class _Loader(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Loads one module of the room from given code."""

    def __init__(self, name: str, code: CodeType) -> None:
        self.name, self.code = name, code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        place = ROOM / f"{fullname.rpartition('.')[2]}.py"  # code that names its own file finds it
        return spec_from_file_location(fullname, place, loader=self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


class _Calls:
    """Notes which functions of the room each file of tests calls: a test that calls none sees no change of it."""

    def __init__(self) -> None:
        self.seen: dict[str, set[tuple[str, str]]] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        called = self.seen.setdefault(item.path.stem, set())

        def note(frame: FrameType, event: str, _: object) -> None:
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(str(ROOM)):
                outermost = code.co_qualname.partition(".<locals>")[0].rpartition(".")[2]
                called.add((Path(code.co_filename).stem, outermost))

        sys.setprofile(note)
        threading.setprofile(note)
        yield
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def order_tests(module: str, function: str, calls: Calls) -> list[str]:
    """Returns the files of tests that call a function, all for none; those that name its module first: most mutants are
    killed there."""
    texts = {name: (ROOT / "tests" / f"{name}.py").read_text(encoding="utf-8") for name in TESTS}
    chosen = [name for name in TESTS if not function or (module, function) in calls.get(name, ())]
    return sorted(chosen, key=lambda name: f"pipeline.estimate.{module} import" not in texts[name])


def _run_tests(names: Sequence[str], plugins: Sequence[object] = ()) -> int:
    files = [str(ROOT / "tests" / f"{name}.py") for name in names]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", f"not ({SLOW})"]
        return int(pytest.main([*files, *options], list(plugins)))


def _map(results: "multiprocessing.Queue[tuple[str, Calls]]") -> None:
    """Runs the tests on the code as it is, and tells what each file of them calls."""
    calls = _Calls()
    status = _run_tests(TESTS, [calls])
    results.put(("survived" if status == 0 else "killed", calls.seen))


def _test(module: str, site: int, calls: Calls, results: "multiprocessing.Queue[tuple[str, str]]") -> None:
    """Runs the tests on one mutant."""
    code, _, _, function = mutate(module, site)
    names = order_tests(module, function, calls)
    if not names:
        results.put(("survived", "no test runs it"))
        return
    sys.meta_path.insert(0, _Loader(f"pipeline.estimate.{module}", code))
    status = _run_tests(names)
    results.put(("survived" if status == 0 else "killed", f"pytest {status}"))


def _look(module: str, site: int, study: str, results: "multiprocessing.Queue[tuple[str, str]]") -> None:
    """Tells the tables of a study under a mutant, its predictions made anew."""
    if site >= 0:
        sys.meta_path.insert(0, _Loader(f"pipeline.estimate.{module}", mutate(module, site)[0]))
    from tests.bench.processors import hash_tables

    try:
        results.put(("tables", hash_tables(study, is_fresh=True)))
    except Exception as error:  # a mutant that fails is seen
        results.put(("tables", type(error).__name__))


def judge(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the mutants with what the slow tests make of the survivors of the fast ones.

    One that moves a table of 2026.07 is killed: a test of the whole compares them byte for byte. One that moves none
    of the shipped census either cannot be seen.
    """
    plain = {study: _run(_look, "", -1, study)[1] for study in STUDIES}
    rows = rows.copy()
    for place in rows.index[rows["result"] == "survived"]:
        module, site = str(rows.at[place, "module"]), int(rows.at[place, "site"])
        first, shipped = (_run(_look, module, site, study)[1] != plain[study] for study in STUDIES)
        rows.at[place, "result"] = "killed" if first else "survived" if shipped else "cannot be seen"
        rows.at[place, "note"] += "; by the tables of 2026.07" if first else ""
        print(rows.loc[place].to_dict(), flush=True)
    return rows


def _run(target: object, *arguments: object) -> tuple[str, Any]:
    """Runs a function in a process of its own; one that dies or never ends counts as killed."""
    context = multiprocessing.get_context("fork")  # what is not ours is imported once
    results = context.Queue()
    process = context.Process(target=target, args=(*arguments, results))  # type: ignore[arg-type]
    process.start()
    deadline = time.monotonic() + SECONDS
    while process.is_alive() and results.empty() and time.monotonic() < deadline:
        time.sleep(0.05)
    found = results.get() if not results.empty() else ("killed", "never ended" if process.is_alive() else "died")
    process.kill()
    process.join()
    return found


def draw_mutants(number: int, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Returns a random draw of mutants in random order: any beginning of it is a random draw as well."""
    sites = [(module, site) for module in MODULES for site in range(mutate(module, -1)[2])]
    return [sites[place] for place in rng.permutation(len(sites))[:number]]


def main() -> None:
    """Draws the mutants, tests them and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=120)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--no-census", action="store_true", help="run the fast tests alone")
    parser.add_argument("--judge", type=Path, help="a table of before, of which the survivors are judged")
    parser.add_argument("--output", type=Path, default=ROOT / "reports/bench/mutation.csv")
    options = parser.parse_args()
    table = pd.read_csv(options.judge, keep_default_na=False) if options.judge else _try(options)
    table = table if options.no_census else judge(table)
    write_csv(options.output, table)
    counts = table["result"].value_counts()
    seen = len(table) - int(counts.get("cannot be seen", 0))
    print(f"{counts.to_dict()}: {counts.get('killed', 0)} of {seen} that can be seen are killed")


def _try(options: argparse.Namespace) -> pd.DataFrame:
    """Returns what the fast tests make of a draw of mutants."""
    status, calls = _run(_map)
    if status != "survived":
        sys.exit(f"the tests fail on the code as it is, or take more than {SECONDS} s")
    rows = []
    for module, site in draw_mutants(options.mutants, np.random.default_rng(options.seed)):
        result, note = _run(_test, module, site, calls)
        change = mutate(module, site)[1]
        rows.append({"module": module, "site": site, "change": change, "result": result, "note": note})
        print(rows[-1], flush=True)
        write_csv(options.output, pd.DataFrame(rows))
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
