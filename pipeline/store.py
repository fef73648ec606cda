"""Files in and out: validated, atomic, and the same bytes for the same rows."""

import contextlib
import ctypes
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataError
from pipeline.schemas import Table

COMPRESSION = "zstd"
COMPRESSION_LEVEL = 9
ROW_GROUP_ROWS = 65_536  # one group for the shipped census; keeps memory flat for larger ones
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h: paths from the working folder; swap the two
REMAKE = "restore it from git if it is tracked; otherwise delete it and run make again"
CSV_FLOAT_FORMAT = "%.6f"  # six decimals: far below any interval, above every rounding difference of a processor


@contextlib.contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path` and moves it into place if the block ends well.

    A kill at any moment leaves either the old file or the new one, whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_folder(draft: Path, folder: Path) -> None:
    """Puts a finished folder in the place of another. At every moment the old one or the new one is there, whole."""
    if not folder.exists():
        draft.rename(folder)
    elif _exchange(draft, folder):
        shutil.rmtree(draft)
    else:  # no such call here: for an instant between the two names the old one is beside its place
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        folder.rename(old / folder.name)
        draft.rename(folder)
        shutil.rmtree(old)


def _exchange(first: Path, second: Path) -> bool:
    """Swaps two names in one step, by the Linux call renameat2. Returns whether it could."""
    try:
        swap = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return swap(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0


def write_bytes(path: Path, content: bytes) -> None:
    """Writes bytes, atomically."""
    with replace_atomically(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text with Unix line ends, atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_csv(path: Path, rows: pd.DataFrame) -> None:
    """Writes a table for people and spreadsheets: six decimals, Unix line ends, atomically."""
    floats = rows.select_dtypes("float").columns
    # Adding 0 turns -0 into 0: the sign of a rounding error differs between processors.
    rows = rows.assign(**{str(name): rows[name].round(6) + 0.0 for name in floats})
    write_text(path, rows.to_csv(index=False, float_format=CSV_FLOAT_FORMAT, lineterminator="\n"))


def write_table(table: Table, rows: pd.DataFrame, path: Path) -> None:
    """Writes `rows` as Parquet under the declared schema, sorted by its key, atomically.

    Raises:
        DataError: a column is missing, has another type or an empty cell it may not have, or a key is doubled.
    """
    write_arrow(table, arrow_from_rows(table, rows, path), path)


def write_arrow(table: Table, arrow: pa.Table, path: Path) -> None:
    """Writes an Arrow table that already has the declared schema, sorted by its key, atomically.

    Raises:
        DataError: an empty cell where none may be, or a doubled key.
    """
    arrow = fill_late_columns(table, arrow).cast(table.arrow_schema).sort_by([(key, "ascending") for key in table.key])
    check_cells(table, arrow, path)
    _check_keys(table, arrow, path)
    with replace_atomically(path) as temporary:
        pq.write_table(
            arrow,
            temporary,
            compression=COMPRESSION,
            compression_level=COMPRESSION_LEVEL,
            row_group_size=ROW_GROUP_ROWS,
        )


def arrow_from_rows(table: Table, rows: pd.DataFrame, path: Path) -> pa.Table:
    """Converts pandas rows to the declared Arrow schema.

    Raises:
        DataError: a column is missing or its values do not fit the declared type.
    """
    if rows.empty:  # a stage that found nothing may not know its columns
        return table.arrow_schema.empty_table()
    late = {column.name: None for column in table.columns if column.is_late and column.name not in rows.columns}
    rows = rows.assign(**late) if late else rows
    missing = [column.name for column in table.columns if column.name not in rows.columns]
    if missing:
        raise DataError(
            f"table {table.name} lacks the columns {', '.join(missing)}",
            where=str(path),
            do="this is a fault of the stage that writes it; report it",
        )
    try:
        return pa.Table.from_pandas(
            rows[[column.name for column in table.columns]], schema=table.arrow_schema, preserve_index=False
        )
    except (ValueError, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"table {table.name} does not fit its schema ({error})", where=str(path), do="check the input rows"
        ) from None


def read_arrow(table: Table, path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Reads a Parquet file and checks it against the declared schema.

    Raises:
        DataError: the file is missing, damaged, or has other columns than declared.
    """
    with explain_damage(path):
        late = {column.name for column in table.columns if column.is_late}
        present = set(pq.read_schema(path).names) if late.intersection(columns or ()) else late
        asked = [name for name in columns if name not in late or name in present] if columns else None
        arrow = fill_late_columns(table, pq.read_table(path, columns=asked, memory_map=False), columns)
    return check_columns(table, arrow, path, columns or table.arrow_schema.names)


@contextlib.contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Says what to do about a file that cannot be read.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        yield
    except FileNotFoundError:
        raise DataError(
            "the file is missing", where=str(path), do="restore it from git if it is tracked; otherwise make makes it"
        ) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"is damaged or not Parquet ({str(error).splitlines()[0]})", where=str(path), do=REMAKE
        ) from None


def check_columns(table: Table, arrow: pa.Table, path: Path, columns: Sequence[str]) -> pa.Table:
    """Returns the named columns of rows that were read, after checking that they are there and of their type.

    Raises:
        DataError: they are not.
    """
    for name in columns:
        if name not in arrow.schema.names:
            raise DataError(f"lacks the column {name!r} of table {table.name}", where=str(path), do=REMAKE)
        found, wanted = arrow.schema.field(name).type, table.arrow_schema.field(name).type
        if found != wanted:
            raise DataError(f"column {name!r} is {found}, not {wanted}", where=str(path), do=REMAKE)
    return arrow.select(list(columns))


def fill_late_columns(table: Table, arrow: pa.Table, columns: Sequence[str] | None = None) -> pa.Table:
    """Adds the columns that came after the first release, empty, to rows written before them, in schema order."""
    for position, column in enumerate(table.columns):
        if column.is_late and column.name not in arrow.schema.names and (not columns or column.name in columns):
            empty = pa.nulls(arrow.num_rows, column.type)
            place = min(position, arrow.num_columns)
            arrow = arrow.add_column(place, pa.field(column.name, column.type), empty)
    return arrow


def read_table(table: Table, path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Reads a Parquet file of the declared schema into pandas, in key order.

    Raises:
        DataError: the file is missing, damaged, or has other columns than declared.
    """
    return read_arrow(table, path, columns).to_pandas()


def matrix_from_column(column: pa.ChunkedArray) -> np.ndarray:
    """Returns a fixed-size-list column as an array (n_rows, n_dims) of its value type, without a Python loop."""
    width = column.type.list_size
    chunks = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    flat = np.concatenate(chunks) if chunks else np.empty(0, dtype=column.type.value_type.to_pandas_dtype())
    return flat.reshape(-1, width)


def column_from_matrix(matrix: np.ndarray) -> pa.FixedSizeListArray:
    """Returns an array (n_rows, n_dims) as a fixed-size-list column of the same value type."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1)), matrix.shape[1])


def sha256_of_file(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_text(text: str) -> str:
    """Returns the SHA-256 of a text's UTF-8 bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def check_cells(table: Table, arrow: pa.Table, path: Path) -> None:
    """Checks that no cell is empty that may not be.

    Raises:
        DataError: one is.
    """
    for column in table.columns:
        if not column.is_nullable and arrow.column(column.name).null_count:
            raise DataError(
                f"column {column.name!r} of table {table.name} has empty cells",
                where=str(path),
                do="check the input rows",
            )


def _check_keys(table: Table, arrow: pa.Table, path: Path) -> None:
    keys = arrow.select(list(table.key)).to_pandas()
    doubled = keys[keys.duplicated()]
    if len(doubled):
        first = ", ".join(str(value) for value in doubled.iloc[0])
        raise DataError(
            f"table {table.name} has the key ({first}) more than once", where=str(path), do="check the input rows"
        )
