"""The make targets: what they write, what they rerun, and what an error leaves."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import OTHER_KERNEL
from tests.small_project import invent_documents, write_project

TABLES = "reports/2026.07/tables"


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **OTHER_KERNEL}  # as the copy was made
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def fingerprint(folder: Path, pattern: str) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def stages(said: str) -> list[str]:
    """The stages that said they ran."""
    return [line.split(":")[0] for line in said.splitlines() if ": " in line and not line.startswith(("make", "error"))]


def test_one_thread_and_another_kernel_write_the_committed_tables(built: Path, root: Path) -> None:
    assert fingerprint(built / TABLES, "*.csv") == fingerprint(root / TABLES, "*.csv")


def test_a_second_run_does_nothing(workshop: Path) -> None:
    done = make(workshop, "report")
    assert done.returncode == 0 and stages(done.stderr) == []


@pytest.fixture
def restored(workshop: Path, tmp_path: Path):
    """Edits files of the copy, and puts everything back, so that the next test finds nothing to do."""
    kept: dict[Path, bytes] = {}
    made = [name for name in ("data/processed", "reports/2026.07") if (workshop / name).is_dir()]
    for name in made:
        shutil.copytree(workshop / name, tmp_path / name, symlinks=True)

    def edit(name: str, old: str, new: str) -> Path:
        path = workshop / name
        kept.setdefault(path, path.read_bytes())
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return path

    yield edit
    for path, data in kept.items():
        path.write_bytes(data)
    for name in made:
        shutil.rmtree(workshop / name)
        shutil.copytree(tmp_path / name, workshop / name, symlinks=True)


def test_an_edited_definition_reruns_what_reads_the_codebook_only(workshop: Path, restored) -> None:
    restored(
        "data/raw/handcheck/codebook/codebook.toml", 'title = "Theory and foundations"', 'title = "Theory, renamed"'
    )
    planned = [
        line for line in make(workshop, "-n", "report").stdout.splitlines() if "codebook.toml has changed" in line
    ]
    named = [line.split(" --config ")[1].split()[1] for line in planned]
    assert named == ["estimate", "agendas", "agreement", "report"]
    command = [".venv/bin/python", "-m", "pipeline", "report"]
    done = subprocess.run(command, cwd=workshop, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Theory, renamed" in (workshop / "reports/2026.07/index.html").read_text()


@pytest.mark.parametrize(
    ("name", "old", "new", "target", "problem"),
    [
        (
            "census.toml",
            "neighbour_count = ",
            "neighbor_count = ",
            "report",
            "[cluster.neighbor_count] unknown key",
        ),
        (
            "data/raw/handcheck/sheets/reader-1.csv",
            "arxiv:1602.04938,N0",
            "arxiv:1602.04938,N7",
            "report",
            "reader-1.csv:2: leaf 'N7'",
        ),
        (
            "data/raw/handcheck/codebook/codebook.toml",
            'groups = ["A"]',
            'groups = ["Z"]',
            "report",
            "there is no code 'Z'",
        ),
    ],
)
def test_an_error_is_one_line_and_leaves_the_last_outputs(
    workshop: Path, restored, name: str, old: str, new: str, target: str, problem: str
) -> None:
    before = fingerprint(workshop, "data/processed/*.parquet"), fingerprint(workshop / TABLES, "*.csv")
    restored(name, old, new)
    done = make(workshop, target)
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0 and len(said) == 1 and said[0].startswith("error: ") and problem in said[0]
    assert (fingerprint(workshop, "data/processed/*.parquet"), fingerprint(workshop / TABLES, "*.csv")) == before


def test_a_truncated_table_is_made_again(workshop: Path) -> None:
    path = workshop / "data/processed/scope.parquet"
    assert make(workshop, "scope").returncode == 0
    whole, tables = path.read_bytes(), fingerprint(workshop / TABLES, "*.csv")
    path.write_bytes(whole[: len(whole) // 2])
    done = make(workshop, "scope")
    assert done.returncode == 0 and stages(done.stderr) == ["scope"], done.stderr
    assert path.read_bytes() == whole and fingerprint(workshop / TABLES, "*.csv") == tables


def test_an_edit_of_the_configuration_reruns_what_reads_it_once_by_two_makes_and_jobs_side_by_side(
    workshop: Path, restored
) -> None:
    restored("census.toml", 'title = "Alignment census"', 'title = "Census of alignment"')
    command = ["make", "-j4", "report", "agreement", "embed"]
    both = [subprocess.Popen(command, cwd=workshop, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [each.communicate()[1] for each in both]
    assert [each.returncode for each in both] == [0, 0], errors
    assert sum(error.count("report: reports/") for error in errors) == 1
    assert {stage for error in errors for stage in stages(error)} - {"waiting"} == {"report"}
    assert "Census of alignment" in (workshop / "reports/2026.07/index.html").read_text()
    assert make(workshop, "report").stderr == ""


def test_a_dry_run_of_make_names_what_would_run_and_runs_nothing(workshop: Path, restored) -> None:
    restored("data/raw/handcheck/codebook/CODEBOOK.md", "# ", "# The ")
    before = fingerprint(workshop, "data/processed/*.parquet"), fingerprint(workshop / "reports/2026.07", "*")
    done = make(workshop, "-n", "report")
    commands = [line for line in done.stdout.splitlines() if " report  # " in line]
    assert len(commands) == 1 and "CODEBOOK.md has changed" in commands[0]
    assert (fingerprint(workshop, "data/processed/*.parquet"), fingerprint(workshop / "reports/2026.07", "*")) == before


def test_another_configuration_has_every_target(workshop: Path, tmp_path: Path) -> None:
    path = write_project(tmp_path / "mine", invent_documents(12))
    done = make(workshop, "corpus", f"CONFIG={path}")
    assert done.returncode == 0 and "corpus: 12 items read" in done.stderr, done.stderr
    assert make(workshop, "corpus", f"CONFIG={path}").stderr == ""


def test_help_lists_every_target(workshop: Path) -> None:
    text = make(workshop, "help").stdout
    for target in ("install", "corpus", "embed", "cluster", "estimate", "report", "dataset", "test", "lint", "clean"):
        assert f"make {target} " in text
