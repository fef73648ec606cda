"""Tables come back as they were written, or not at all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import store
from pipeline.errors import DataError
from pipeline.schemas import LAYOUT


def layout(*ids: str) -> pd.DataFrame:
    return pd.DataFrame({"doc_id": list(ids), "x": np.float32(0.25), "y": np.float32(0.5)})


def test_rows_come_back_in_key_order(tmp_path: Path) -> None:
    store.write_table(LAYOUT, layout("b", "a"), tmp_path / "t.parquet")
    assert store.read_table(LAYOUT, tmp_path / "t.parquet")["doc_id"].tolist() == ["a", "b"]


def test_the_same_rows_are_the_same_bytes_whatever_their_order(tmp_path: Path) -> None:
    store.write_table(LAYOUT, layout("b", "a"), tmp_path / "1.parquet")
    store.write_table(LAYOUT, layout("a", "b"), tmp_path / "2.parquet")
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (layout("a", "a"), "more than once"),
        (layout("a").drop(columns="y"), "lacks the columns y"),
        (layout("a").assign(x="far"), "does not fit its schema"),
        (layout("a").assign(y=None), "does not fit its schema|empty cells"),
    ],
)
def test_rows_that_break_the_schema_are_refused_and_the_old_file_stays(
    tmp_path: Path, rows: pd.DataFrame, problem: str
) -> None:
    path = tmp_path / "t.parquet"
    store.write_table(LAYOUT, layout("old"), path)
    with pytest.raises(DataError, match=problem):
        store.write_table(LAYOUT, rows, path)
    assert store.read_table(LAYOUT, path)["doc_id"].tolist() == ["old"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("keep", [0, 3, 200])
def test_a_truncated_file_is_one_line_that_says_what_to_do(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "t.parquet"
    store.write_table(LAYOUT, layout(*map(str, range(50))), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"t\.parquet: is damaged or not Parquet .*; restore it"):
        store.read_table(LAYOUT, path)


def test_a_missing_file_and_a_missing_column_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file is missing"):
        store.read_table(LAYOUT, tmp_path / "t.parquet")
    pq.write_table(pa.table({"doc_id": ["a"], "x": pa.array([0.5], pa.float32())}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="lacks the column 'y'"):
        store.read_table(LAYOUT, tmp_path / "t.parquet")


def test_a_kill_while_writing_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    program = (
        "import sys, pathlib; from pipeline.store import write_text\n"
        "for number in range(100000): write_text(pathlib.Path(sys.argv[1]), str(number % 10) * 300_000)"
    )
    for delay in (0.05, 0.11, 0.23):
        process = subprocess.Popen([sys.executable, "-c", program, str(path)])
        while not path.exists():
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        text = path.read_text()
        assert len(text) == 300_000 and len(set(text)) == 1


def test_a_written_file_may_be_read_by_everyone_the_umask_allows(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        store.write_text(tmp_path / "t.txt", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "t.txt").stat().st_mode & 0o777 == 0o644


def test_a_rounding_error_below_zero_is_written_as_zero(tmp_path: Path) -> None:
    store.write_csv(tmp_path / "t.csv", pd.DataFrame({"share": [-1e-17, 0.1234567, None]}))
    assert (tmp_path / "t.csv").read_text() == 'share\n0.000000\n0.123457\n""\n'
