"""The worked examples of CONTRIBUTING.md run as printed: a table, a stage, a definition, a test."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.coding.codebook import load_codebook
from pipeline.coding.definitions import match_definition
from tests.small_project import invent_documents, write_project

pytestmark = pytest.mark.whole


def example(root: Path, language: str, start: str) -> str:
    """The code block that begins with a line."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (root / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S)
    (found,) = [block for block in blocks if block.startswith(start)]
    return found


@pytest.fixture
def with_example(root: Path, tmp_path: Path) -> Path:
    """A copy of the package with the example's table, room and test in it."""
    shutil.copytree(root / "pipeline", tmp_path / "pipeline")  # with what is compiled
    (tmp_path / "pipeline/longest").mkdir()
    (tmp_path / "tests").mkdir()
    for name in ("pipeline/longest/__init__.py", "pipeline/longest/stage.py", "tests/test_longest.py"):
        (tmp_path / name).write_text(example(root, "python", f"# {name}"), encoding="utf-8")
    with (tmp_path / "pipeline/schemas.py").open("a", encoding="utf-8") as file:
        file.write(example(root, "python", "# table"))
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_the_stage_of_the_example_runs_after_what_it_reads_and_only_when_stale(with_example: Path) -> None:
    path = write_project(with_example / "mine", invent_documents(12))
    command = ("-m", "pipeline", "--config", str(path), "make", "longest")
    done = run(with_example, *command)
    assert done.returncode == 0 and done.stderr.endswith("longest: 1 frames\n"), done.stderr
    assert pq.read_table(path.parent / "data/processed/longest.parquet").num_rows == 1
    assert run(with_example, *command).stderr == ""
    stage = with_example / "pipeline/longest/stage.py"
    stage.write_text(stage.read_text(encoding="utf-8").replace("%d frames", "%d frame(s)"), encoding="utf-8")
    assert run(with_example, *command).stderr == "longest: 1 frame(s)\n"
    assert "longest\tthe longest title of each frame" in run(with_example, "-m", "pipeline", "stages").stdout


def test_the_test_of_the_example_passes_and_fails_when_the_code_is_broken(with_example: Path) -> None:
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_longest.py")
    assert run(with_example, *command).returncode == 0
    stage = with_example / "pipeline/longest/stage.py"
    stage.write_text(stage.read_text(encoding="utf-8").replace("[True, False, True]", "[True, False, False]"))
    assert run(with_example, *command).returncode == 1


def test_the_definition_of_the_example_is_a_query_over_codes(root: Path, tmp_path: Path) -> None:
    text = (root / "data/raw/handcheck/codebook/codebook.toml").read_text(encoding="utf-8")
    path = tmp_path / "codebook.toml"
    path.write_text(f"{text}\n{example(root, 'toml', '[[definitions]]')}", encoding="utf-8")
    codebook = load_codebook(path)
    (added,) = [definition for definition in codebook.definitions if definition.id == "oversight_only"]
    axes = {axis: next(iter(codes)) for axis, codes in codebook.axes.items()}
    codes = pd.DataFrame(
        [{"leaf": leaf, "leaf2": "", "group": leaf[0], **axes, "confidence": 3} for leaf in ("B1", "A1")]
    )
    assert list(match_definition(added, codes)) == [True, False]
