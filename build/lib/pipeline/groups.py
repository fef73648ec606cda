"""Row groups: tables in and out one part at a time, so that memory does not grow with their number of rows."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import store
from pipeline.errors import DataError
from pipeline.schemas import Table

Disorder = Literal["doubled", "unsorted"]


def read_groups(table: Table, path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yields the rows of a Parquet file in its order, at most `store.ROW_GROUP_ROWS` at a time.

    Raises:
        DataError: the file is missing, damaged, or has other columns than declared.
    """
    names = list(columns or table.arrow_schema.names)
    with store.explain_damage(path), pq.ParquetFile(path) as file:
        present = [name for name in names if name in file.schema_arrow.names]
        for group in range(file.num_row_groups):
            # Not iter_batches: it keeps what it has read until the file is closed.
            rows = store.fill_late_columns(table, file.read_row_group(group, columns=present), columns)
            rows = store.check_columns(table, rows, path, names)
            for first in range(0, len(rows), store.ROW_GROUP_ROWS):
                yield rows.slice(first, store.ROW_GROUP_ROWS)


def write_groups(table: Table, parts: Iterable[pa.Table], path: Path) -> int:
    """Writes rows that come in key order as Parquet, one row group in memory at a time, atomically.

    Args:
        table: the declared schema.
        parts: any number of rows each; the file's row groups do not depend on how the rows are parted.
        path: the file.

    Returns:
        the number of rows.

    Raises:
        DataError: an empty cell where none may be, a doubled key, or rows out of order.
    """
    count, last = 0, table.arrow_schema.empty_table().select(list(table.key))
    options = {"compression": store.COMPRESSION, "compression_level": store.COMPRESSION_LEVEL}
    with store.replace_atomically(path) as temporary, pq.ParquetWriter(temporary, table.arrow_schema, **options) as out:
        for rows in regroup(store.fill_late_columns(table, part).cast(table.arrow_schema) for part in parts):
            store.check_cells(table, rows, path)
            keys = rows.select(list(table.key))
            disorder = find_disorder(table.key, pa.concat_tables([last, keys]))
            if disorder:
                raise DataError(
                    f"table {table.name} has {disorder} keys", where=str(path), do="check the table it is made from"
                )
            out.write_table(rows, row_group_size=store.ROW_GROUP_ROWS)
            count, last = count + len(rows), keys.take([len(rows) - 1])  # taken: a slice would keep the whole group
    return count


def regroup(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yields the same rows in tables of `store.ROW_GROUP_ROWS`, the last one shorter."""
    waiting: list[pa.Table] = []
    for part in parts:
        waiting = [*(rest for rest in waiting if len(rest)), part]
        while sum(map(len, waiting)) >= store.ROW_GROUP_ROWS:
            rows = pa.concat_tables(waiting)
            waiting = [rows.slice(store.ROW_GROUP_ROWS)]
            yield rows.slice(0, store.ROW_GROUP_ROWS).combine_chunks()
    rest = [part for part in waiting if len(part)]
    if rest:
        yield pa.concat_tables(rest).combine_chunks()


def find_disorder(key: Sequence[str], rows: pa.Table) -> Disorder | None:
    """Returns what is wrong with the keys of consecutive rows, if anything: one is there twice, or they do not rise."""
    if len(rows) < 2:
        return None
    count = len(rows) - 1
    is_less, is_equal = np.zeros(count, dtype=bool), np.ones(count, dtype=bool)
    for name in key:
        upper, lower = rows.column(name).slice(0, count), rows.column(name).slice(1)
        is_less |= is_equal & _filled(pc.less(upper, lower))
        is_equal &= _filled(pc.equal(upper, lower))
    if is_equal.any():
        return "doubled"
    return None if is_less.all() else "unsorted"


def pair_windows(
    table: Table, left: Iterable[pa.Table], right: Iterable[pa.Table]
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yields two versions of a table in key order side by side: a pair holds the rows of both up to some key.

    The key must be one column of text.
    """
    (key,) = table.key
    sources = (iter(left), iter(right))
    rows = [table.arrow_schema.empty_table()] * 2
    while True:
        rows = [_refill(source, part) for source, part in zip(sources, rows, strict=True)]
        ends = [part.column(key)[-1].as_py() for part in rows if len(part)]
        if not ends:
            return
        counts = [int(pc.sum(pc.less_equal(part.column(key), min(ends))).as_py() or 0) for part in rows]
        yield rows[0].slice(0, counts[0]), rows[1].slice(0, counts[1])
        rows = [part.slice(count) for part, count in zip(rows, counts, strict=True)]


def _refill(source: Iterator[pa.Table], rows: pa.Table) -> pa.Table:
    while not len(rows):
        part = next(source, None)
        if part is None:
            break
        rows = part
    return rows


def _filled(flags: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(flags.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)
