"""The make targets: what they write, what they rerun, and what an error leaves."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

TABLES = "reports/2026.07/tables"


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def fingerprint(folder: Path, pattern: str) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def stages(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The stages that said they ran."""
    return [
        line.split(":")[0]
        for line in done.stderr.splitlines()
        if ": " in line and not line.startswith(("make", "error"))
    ]


def test_one_thread_and_another_kernel_write_the_committed_tables(built: Path, root: Path) -> None:
    assert fingerprint(built / TABLES, "*.csv") == fingerprint(root / TABLES, "*.csv")


def test_a_second_run_does_nothing(built: Path) -> None:
    assert make(built, "report").returncode == 0
    done = make(built, "report")
    assert done.returncode == 0 and stages(done) == []


@pytest.fixture
def restored(built: Path):
    """Puts the edited files back, and their times, so that the next test finds nothing to do."""
    kept: dict[Path, tuple[bytes, os.stat_result]] = {}

    def edit(name: str, old: str, new: str) -> Path:
        path = built / name
        kept.setdefault(path, (path.read_bytes(), path.stat()))
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return path

    yield edit
    for path, (data, facts) in kept.items():
        path.write_bytes(data)
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_an_edited_definition_reruns_estimate_agreement_and_report_only(built: Path, restored) -> None:
    restored(
        "data/raw/handcheck/codebook/codebook.toml", 'title = "Theory and foundations"', 'title = "Theory, renamed"'
    )
    done = make(built, "report")
    assert done.returncode == 0, done.stderr
    assert stages(done) == ["estimate", "readings", "report"]
    assert "Theory, renamed" in (built / "reports/2026.07/index.html").read_text()


def test_an_edit_of_the_configuration_reruns_what_reads_it(built: Path, restored) -> None:
    restored("census.toml", 'title = "Alignment census"', 'title = "Census of alignment"')
    done = make(built, "report")
    assert done.returncode == 0, done.stderr
    assert stages(done) == ["report"]


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
    built: Path, restored, name: str, old: str, new: str, target: str, problem: str
) -> None:
    assert make(built, "report").returncode == 0
    before = fingerprint(built, "data/processed/*.parquet"), fingerprint(built / TABLES, "*.csv")
    restored(name, old, new)
    done = make(built, target)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0 and len(errors) == 1 and errors[0].startswith("error: ") and problem in errors[0]
    assert (fingerprint(built, "data/processed/*.parquet"), fingerprint(built / TABLES, "*.csv")) == before


def test_a_truncated_table_is_one_line_and_leaves_the_last_report(built: Path) -> None:
    assert make(built, "report").returncode == 0
    path = built / "data/processed/shares.parquet"
    whole, facts, tables = path.read_bytes(), path.stat(), fingerprint(built / TABLES, "*.csv")
    path.write_bytes(whole[: len(whole) // 2])
    done = make(built, "report")
    path.write_bytes(whole)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    errors = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0 and len(errors) == 1 and "shares.parquet: is damaged" in errors[0]
    assert fingerprint(built / TABLES, "*.csv") == tables


def test_help_lists_every_target(built: Path) -> None:
    text = make(built, "help").stdout
    for target in ("install", "corpus", "embed", "cluster", "estimate", "report", "dataset", "test", "lint", "clean"):
        assert f"make {target} " in text
