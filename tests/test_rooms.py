"""The order of the rooms: a row imports only rows below it, and no two rooms or files form a circle."""

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from pipeline.extras import EXTRA_OF

# From the ground up. Files of row 0 may import each other, without a circle.
ROWS = (
    {
        "errors",
        "schemas",
        "stages",
        "config",
        "settings",
        "store",
        "groups",
        "workers",
        "forked",
        "boundary",
        "extras",
        "generations",
        "config_checks",
        "hints",
    },
    {"coding", "text", "web", "release"},
    {"scrape"},
    {"cluster", "scope", "embed", "corpus"},
    {"hydrate"},
    {"estimate", "agreement", "check"},
    {"report", "dataset", "rounds", "study", "agendas"},
    {"cli"},
    {"__main__"},
)
ROW_OF = {name: number for number, row in enumerate(ROWS) for name in row}
HEAVY = {"requests", "torch", "igraph", "sentence_transformers", "flask", "matplotlib"}


def read_imports(root: Path) -> dict[str, set[str]]:
    """Which files of the package import which, also inside functions."""
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for path in sorted((root / "pipeline").rglob("*.py"))
    }
    found: dict[str, set[str]] = {name: set() for name in files}
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for target in (alias.name for alias in node.names if alias.name.split(".")[0] == "pipeline"):
                    found[name].add(target if target in files else f"{target}.__init__")
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("pipeline"):
                continue
            for alias in node.names:
                for target in (f"{node.module}.{alias.name}", str(node.module), f"{node.module}.__init__"):
                    if target in files:
                        found[name].add(target)
                        break
                else:
                    pytest.fail(f"{path}:{node.lineno} imports {node.module}.{alias.name}, which does not exist")
    return found


def room_of(module: str) -> str:
    return module.split(".")[1]


def test_every_room_has_a_row(root: Path) -> None:
    rooms = {room_of(module) for module in read_imports(root)} - {"__init__"}
    assert rooms <= set(ROW_OF), f"give {sorted(rooms - set(ROW_OF))} a row here and in CONTRIBUTING"


def test_a_row_imports_only_rows_below_it(root: Path) -> None:
    wrong = [
        f"{module} imports {target}"
        for module, targets in read_imports(root).items()
        for target in targets
        if room_of(module) != room_of(target)
        and "__init__" not in (room_of(module), room_of(target))
        and (
            ROW_OF[room_of(target)] > ROW_OF[room_of(module)]
            or (0 < ROW_OF[room_of(module)] == ROW_OF[room_of(target)])
        )
    ]
    assert not wrong


def test_no_two_files_form_a_circle(root: Path) -> None:
    tuple(TopologicalSorter(read_imports(root)).static_order())  # raises CycleError, which names the circle


def test_nothing_of_the_pipeline_imports_the_package_above_it(root: Path) -> None:
    for path in sorted((root / "pipeline").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "alignment_census"], path


FORMULAS = (
    "import pipeline.estimate.shares",
    "from pipeline.dataset import load_census; load_census",
    "from pipeline.release.load import load_census",
    "import pipeline.coding.sampling",
    "import pipeline.schemas",
    "import pipeline.errors",
)
STAGES = ("corpus", "embed", "cluster", "estimate", "agreement", "report", "dataset")
# Each statement in a process that has loaded nothing but what every stage may load.
EACH_ALONE = """
import os, sys
import numpy, pandas, pyarrow.parquet, pydantic, scipy.stats, sklearn.feature_extraction.text
for statement in sys.argv[1:]:
    if not os.fork():
        exec(statement)
        print(statement, *sys.modules, sep="\\t", flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, statement
"""


@pytest.fixture(scope="module")
def loaded_by(root: Path) -> dict[str, set[str]]:
    """What each statement has loaded when it has run."""
    statements = (*FORMULAS, *(f"import pipeline.{stage}.stage" for stage in STAGES))
    command = [sys.executable, "-c", EACH_ALONE, *statements]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # only a process of one thread may be forked
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {statement: set(names) for statement, *names in lines}


@pytest.mark.xdist_group("loaded")
@pytest.mark.parametrize("statement", FORMULAS)
def test_a_formula_loads_neither_the_network_nor_an_encoder(loaded_by: dict, statement: str) -> None:
    loaded = loaded_by[statement]
    assert not loaded & HEAVY
    assert 0 < sum(name.split(".")[0] == "pipeline" for name in loaded) <= 12


@pytest.mark.xdist_group("loaded")
@pytest.mark.whole
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_of_the_report_needs_no_extra(loaded_by: dict, stage: str) -> None:
    """Their packages are extras: `make report` on a fresh machine installs none of them."""
    assert not loaded_by[f"import pipeline.{stage}.stage"] & set(EXTRA_OF)


@pytest.mark.whole
@pytest.mark.slow  # make lint runs it
def test_every_module_loads_alone_and_no_leaf_loads_a_stage(root: Path) -> None:
    """One process for all: each module is imported with none of the package loaded, and what came with it is noted."""
    modules = [name.removesuffix(".__init__") for name in read_imports(root)]
    optional = {"pipeline.embed.ray_engine"}
    code = """
import importlib, sys
for name in sys.argv[1:]:
    for loaded in [each for each in sys.modules if each.split(".")[0] == "pipeline"]:
        del sys.modules[loaded]
    importlib.import_module(name)
    print(name, *[each for each in sys.modules if each.startswith("pipeline.")])
"""
    wanted = [name for name in modules if name not in optional and not name.endswith("__main__")]
    done = subprocess.run([sys.executable, "-c", code, *wanted], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == len(wanted)
    for name, *loaded in lines:
        is_low = ROW_OF.get(name.split(".")[1] if "." in name else "errors", 0) < 5
        if is_low and not name.endswith(".stage"):
            assert not [each for each in loaded if each.endswith(".stage") and each != name], name
