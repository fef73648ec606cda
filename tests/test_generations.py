"""The tables of a stage change together or not at all, whatever happens while they are written."""

import multiprocessing
import random
import time
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.generations import FOLDER, draft_folder, hold_lock, open_generation
from pipeline.report.stage import keep_others

NAMES = ("a.parquet", "b.parquet", "c.parquet")


def write(processed: Path, mark: str, names: tuple[str, ...] = NAMES) -> None:
    with open_generation(processed, "stage") as draft:
        for name in names:
            (draft / name).write_text(mark)


def tables(processed: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in processed.glob("*.parquet")}


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_run_that_ends_well_swaps_all_tables_and_a_table_that_is_not_written_again_is_gone(tmp_path: Path) -> None:
    write(tmp_path, "1")
    assert tables(tmp_path) == dict.fromkeys(NAMES, "1")
    write(tmp_path, "2", NAMES[:2])
    assert tables(tmp_path) == dict.fromkeys(NAMES[:2], "2")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_run_that_fails_leaves_the_old_tables_and_no_litter(tmp_path: Path, is_first: bool) -> None:
    if not is_first:
        write(tmp_path, "1")
    before = tree(tmp_path)
    with pytest.raises(OSError, match="full"), open_generation(tmp_path, "stage") as draft:
        (draft / "a.parquet").write_text("2")
        raise OSError("full")
    assert tables(tmp_path) == ({} if is_first else dict.fromkeys(NAMES, "1"))
    assert set(tree(tmp_path)) - set(before) <= {FOLDER, f"{FOLDER}/.stage.lock"}


def test_tables_of_an_older_version_which_are_plain_files_are_taken_over(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text("old")
    with pytest.raises(OSError, match="full"), open_generation(tmp_path, "stage"):
        raise OSError("full")
    assert tables(tmp_path) == dict.fromkeys(NAMES, "old")
    write(tmp_path, "1")
    assert tables(tmp_path) == dict.fromkeys(NAMES, "1")
    (tmp_path / "a.parquet").unlink()
    (tmp_path / "a.parquet").write_text("by hand")
    write(tmp_path, "2")
    assert tables(tmp_path) == dict.fromkeys(NAMES, "2")
    assert (tmp_path / "a.parquet").is_symlink()


def test_a_table_may_move_to_another_stage(tmp_path: Path) -> None:
    write(tmp_path, "1")
    with open_generation(tmp_path, "other") as draft:
        (draft / "a.parquet").write_text("2")
    assert tables(tmp_path) == {"a.parquet": "2", "b.parquet": "1", "c.parquet": "1"}
    write(tmp_path, "3", NAMES[1:])
    assert tables(tmp_path) == {"a.parquet": "2", "b.parquet": "3", "c.parquet": "3"}


def test_two_runs_of_one_stage_are_not_let_in(tmp_path: Path) -> None:
    with (
        open_generation(tmp_path, "stage"),
        pytest.raises(DataError, match="another run"),
        hold_lock(tmp_path / FOLDER / ".stage.lock"),
    ):
        pass


def _write_without_end(processed: Path) -> None:
    number = 0
    while True:
        number += 1
        write(processed, str(number) * 1000, NAMES if number % 3 else NAMES[:2])


@pytest.mark.parametrize("count", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_killed_at_random_moments_the_tables_are_of_one_run(tmp_path: Path, count: int) -> None:
    draw = random.Random(3)
    for _ in range(count):
        writer = multiprocessing.get_context("fork").Process(target=_write_without_end, args=(tmp_path,))
        writer.start()
        time.sleep(draw.uniform(0.01, 0.25))
        writer.kill()
        writer.join()
        texts = [path.read_text() for path in tmp_path.glob("*.parquet") if path.exists()]
        assert len(set(texts)) <= 1 and len(texts) in (0, 2, 3)
    write(tmp_path, "end")
    assert tables(tmp_path) == dict.fromkeys(NAMES, "end")
    lasting = {
        FOLDER,
        f"{FOLDER}/stage",
        f"{FOLDER}/.stage.lock",
        *NAMES,
        *(f"{FOLDER}/stage/{name}" for name in NAMES),
    }
    assert set(tree(tmp_path)) == lasting


def test_what_others_put_into_the_folder_of_a_report_stays(tmp_path: Path) -> None:
    old = tmp_path / "1"
    for name in ("index.html", "notes.txt", "tables/old.csv", "talk/slides.txt"):
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        (old / name).write_text("old")
    with draft_folder(old) as draft:
        (draft / "index.html").write_text("new")
        keep_others(old, draft)
    assert tree(old) == ["index.html", "notes.txt", "talk", "talk/slides.txt"]
    assert (old / "index.html").read_text() == "new"
