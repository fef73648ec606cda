"""A full disk, a tree that cannot be written and a kill leave the last good state, one line and no litter."""

import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.boundary import BUG, INTERRUPTED, MENDABLE, explain_failure
from pipeline.cli.registry import load_stages
from pipeline.errors import DataError
from tests.small_project import invent_documents, write_project

pytestmark = pytest.mark.whole

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("corpus", "embed", "dataset")


def run(path: Path, stage: str, *, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "pipeline", "--config", str(path), stage]
    return subprocess.run(command, cwd=path.parent, env=environment, capture_output=True, text=True, check=False)


def digest(folder: Path) -> dict[str, str]:
    """Returns the hash of every file that lasts: not of locks and of what a stage notes of itself."""
    lasting = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    skipped = ("encoders", ".stages", "crashes")
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in lasting
        if not any(part in skipped for part in path.relative_to(folder).parts)
    }


def litter(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*.part")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 20 MB of its own, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_full_disk_leaves_the_last_state_and_one_line(small_disk: Path) -> None:
    path = write_project(small_disk, invent_documents(200), embed='backend = "torch"')
    for stage in STAGES:
        assert run(path, stage).returncode == 0
    good = digest(small_disk)
    text = path.read_text()
    path.write_text(text.replace("Nobody has read it.", "Somebody has."))
    rows = (small_disk / "documents.jsonl").read_text()
    (small_disk / "documents.jsonl").write_text(rows.replace("2-1", "2_1").replace("1-1", "1_1"))
    changed = {"documents.jsonl", "census.toml"}
    handle = os.open(small_disk / "filler", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(handle, bytes(4096))
    os.close(handle)
    for stage in STAGES:
        done = run(path, stage)
        last = done.stderr.strip().splitlines()[-1]
        assert done.returncode == MENDABLE, (stage, done.stderr)
        assert last.startswith("error: ") and "Traceback" not in done.stderr and "No space left" in last
        now = digest(small_disk)
        assert {name: now.get(name) for name in good if name not in changed} == {
            name: value for name, value in good.items() if name not in changed
        }
        assert litter(small_disk) == []
    (small_disk / "filler").unlink()
    (small_disk / "documents.jsonl").write_text(rows)
    path.write_text(text)
    for stage in STAGES:
        assert run(path, stage).returncode == 0
    assert digest(small_disk) == good


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_tree_that_cannot_be_written_is_one_line(small_disk: Path) -> None:
    path = write_project(small_disk, invent_documents(30), embed='backend = "torch"')
    for stage in STAGES:
        assert run(path, stage).returncode == 0
    good = digest(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for stage in STAGES:
        done = run(path, stage)
        assert done.returncode == MENDABLE, (stage, done.stderr)
        assert "Traceback" not in done.stderr and done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert digest(small_disk) == good


BUILT_STAGES = tuple(name for name, stage in load_stages().items() if stage.is_derived)
KILLS = int(os.environ.get("CENSUS_KILLS", "30"))


def run_here(project: Path, stage: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pipeline", stage]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def digests(project: Path) -> list[dict[str, str]]:
    return [digest(project / name) for name in ("data/processed", "reports", "dist") if (project / name).exists()]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stage", BUILT_STAGES)
def test_kill_9_at_random_moments_of_every_stage_leaves_the_last_state_and_a_rerun_the_same_bytes(
    built: Path, tmp_path: Path, stage: str
) -> None:
    project = tmp_path / "project"
    shutil.copytree(built, project, symlinks=True)
    start = time.monotonic()
    first = run_here(project, stage)
    assert first.returncode == 0, first.stderr
    seconds, good = time.monotonic() - start, digests(project)
    draw = random.Random(stage)
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", stage],
            cwd=project,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(draw.uniform(0.3, 1.05) * seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen = [{name: value for name, value in each.items() if ".part" not in name} for each in digests(project)]
        assert seen == good
    again = run_here(project, stage)
    assert again.returncode == 0, again.stderr
    assert digests(project) == good
    assert litter(project) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("is_full", [True, False])
def test_a_full_disk_and_a_tree_that_cannot_be_written_leave_every_stage_its_last_state(
    built: Path, tmp_path: Path, is_full: bool
) -> None:
    """The whole census on a file system of its own with nothing left on it, or mounted to be read only."""
    project = tmp_path / "project"
    project.mkdir()
    size = sum(path.stat().st_size for path in built.rglob("*") if path.is_file() and not path.is_symlink())
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size // 2**20 + 60}m", "tmpfs", str(project)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    try:
        shutil.copytree(built, project, symlinks=True, dirs_exist_ok=True)
        good = digests(project)
        config = project / "census.toml"
        config.write_text(config.read_text().replace("seed = ", "seed = 1", 1).replace("level = 0.95", "level = 0.9"))
        if is_full:
            handle = os.open(project / "filler", os.O_WRONLY | os.O_CREAT)
            with contextlib.suppress(OSError):
                while True:
                    os.write(handle, bytes(4096))
            os.close(handle)
        else:
            subprocess.run(["mount", "-o", "remount,ro", project], check=True)
        for stage in BUILT_STAGES:
            done = run_here(project, stage)
            assert done.returncode == MENDABLE, (stage, done.stderr)
            assert "Traceback" not in done.stderr and done.stderr.strip().splitlines()[-1].startswith("error: "), stage
            assert digests(project) == good, stage
            assert litter(project) == [], stage
    finally:
        subprocess.run(["umount", "-l", project], check=False)


@pytest.mark.parametrize(
    ("error", "words", "status"),
    [
        (DataError("is damaged", where="a.parquet", do="restore it"), "a.parquet: is damaged; restore it", MENDABLE),
        (OSError(28, "No space left on device", "a"), "a: No space left on device; the disk is full", MENDABLE),
        (PermissionError(13, "Permission denied", "b"), "b: Permission denied; this user may not", MENDABLE),
        (OSError(30, "Read-only file system", "c"), "c: Read-only file system; this place cannot", MENDABLE),
        (MemoryError(), "the memory is used up", MENDABLE),
        (RecursionError("too deep"), "nested too deep", MENDABLE),
        (UnicodeEncodeError("latin-1", "日", 0, 1, "no"), "cannot be written as latin-1", MENDABLE),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), "is not utf-8", MENDABLE),
        (KeyboardInterrupt(), "interrupted", INTERRUPTED),
        (BrokenPipeError(), "", 141),
        (ValueError("two\nlines"), "fault of the program (ValueError: two lines)", BUG),
    ],
)
def test_whatever_ends_a_run_is_one_line_and_a_status(
    error: BaseException, words: str, status: int, tmp_path: Path
) -> None:
    line, found = explain_failure(error, tmp_path / "crashes")
    assert words in line and "\n" not in line and found == status
    reports = list(tmp_path.rglob("crash-*.txt"))
    assert len(reports) == (status == BUG)
    assert all(str(report) in line and "ValueError" in report.read_text() for report in reports)


def test_a_title_in_another_alphabet_does_not_end_a_run_on_a_latin_terminal(tmp_path: Path) -> None:
    path = write_project(tmp_path, [])
    (tmp_path / "documents.jsonl").unlink()
    path.write_text(path.read_text().replace("documents.jsonl", "文書.jsonl"), encoding="utf-8")
    done = run(path, "corpus", encoding="latin-1")
    assert done.returncode == MENDABLE and done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "the file is missing" in done.stderr and "Traceback" not in done.stderr
