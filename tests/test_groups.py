"""Tables in and out by row group: the same files as whole tables make, and never rows out of order."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import groups, store
from pipeline.errors import DataError
from pipeline.schemas import CENSUS_DOCUMENTS, TERMS, Column, Table

PLACES = Table("places", "", ("name",), (Column("name", pa.string(), ""), Column("size", pa.int32(), "")))


def _terms(count: int) -> pa.Table:
    rows = [(f"lw:{number // 3:05d}", f"term {number % 3}", number % 7) for number in range(count)]
    return pa.Table.from_pandas(
        pd.DataFrame(rows, columns=TERMS.arrow_schema.names), schema=TERMS.arrow_schema, preserve_index=False
    )


def _places(*names: str) -> pa.Table:
    columns = [pa.array(names, pa.string()), pa.array(range(len(names)), pa.int32())]
    return pa.table(columns, schema=PLACES.arrow_schema)


@pytest.mark.parametrize("size", [1, 7, 10, 1000])
def test_parts_of_any_size_make_the_file_of_the_whole_table(tmp_path, monkeypatch, size):
    monkeypatch.setattr(store, "ROW_GROUP_ROWS", 10)
    rows = _terms(95)
    store.write_arrow(TERMS, rows, tmp_path / "whole.parquet")
    parts = [rows.slice(first, size) for first in range(0, 95, size)]
    assert groups.write_groups(TERMS, parts, tmp_path / "parts.parquet") == 95
    assert (tmp_path / "parts.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    read = list(groups.read_groups(TERMS, tmp_path / "parts.parquet"))
    assert [len(part) for part in read] == [*[10] * 9, 5]
    assert pa.concat_tables(read).equals(rows)


def test_a_table_without_rows_is_a_file_without_rows(tmp_path):
    assert groups.write_groups(TERMS, [], tmp_path / "none.parquet") == 0
    assert store.read_arrow(TERMS, tmp_path / "none.parquet").num_rows == 0
    assert list(groups.read_groups(TERMS, tmp_path / "none.parquet")) == []


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([("a", "b"), ("b", "c")], "doubled"),  # across the border of two groups
        ([("a", "c"), ("b", "d")], "unsorted"),
        ([("a", "a", "b")], "doubled"),
        ([("b", "a")], "unsorted"),
    ],
)
def test_keys_that_do_not_rise_are_refused_and_the_old_file_stays(tmp_path, monkeypatch, parts, problem):
    monkeypatch.setattr(store, "ROW_GROUP_ROWS", 2)
    path = tmp_path / "places.parquet"
    groups.write_groups(PLACES, [_places("old")], path)
    with pytest.raises(DataError, match=problem):
        groups.write_groups(PLACES, [_places(*names) for names in parts], path)
    assert pq.read_table(path).column("name").to_pylist() == ["old"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["places.parquet"]


def test_a_damaged_file_and_a_missing_column_are_named(tmp_path):
    path = tmp_path / "places.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="damaged"):
        list(groups.read_groups(PLACES, path))
    groups.write_groups(PLACES, [_places("a")], path)
    with pytest.raises(DataError, match="lacks the column 'doc_id'"):
        list(groups.read_groups(CENSUS_DOCUMENTS, path))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_windows_hold_every_row_of_both_sides_once_and_never_part_a_key(size):
    left, right = "bcdfghm", "aceghz"
    cut = [[_places(*side[first : first + size]) for first in range(0, len(side), size)] for side in (left, right)]
    found: list[tuple[str, str]] = []
    for before, after in groups.pair_windows(PLACES, *cut):
        found.append(("".join(before["name"].to_pylist()), "".join(after["name"].to_pylist())))
    assert ("".join(old for old, _ in found), "".join(new for _, new in found)) == (left, right)
    ends = [max(old + new) for old, new in found]
    assert ends == sorted(ends)
    for (old, new), end in zip(found[1:], ends, strict=False):
        assert min(old + new) > end


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ([("a", "x"), ("a", "y"), ("b", "a")], None),
        ([("b", "x"), ("a", "y")], "unsorted"),  # the second column rises, the first falls
        ([("a", "y"), ("a", "x")], "unsorted"),
        ([("a", "x"), ("a", "x")], "doubled"),
        ([("a", "x")], None),
    ],
)
def test_a_key_of_two_columns_rises_by_the_first_then_by_the_second(keys, problem):
    rows = pa.table({"doc_id": [key[0] for key in keys], "term": [key[1] for key in keys]})
    assert groups.find_disorder(("doc_id", "term"), rows) == problem
