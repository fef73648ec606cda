"""Rows of a file, one at a time: CSV, JSON lines or Parquet, the first two packed or not, as they were written."""

import csv
import io
import itertools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ConfigError, DataError
from pipeline.scrape.cells import Foreign, Literal
from pipeline.scrape.item import Reject
from pipeline.scrape.packed import BYTE_ORDER_MARK, MAX_LINE_BYTES, open_packed, read_lines, split_suffix
from pipeline.text.dates import day_of_seconds

SEPARATORS = (",", ";", "\t", "|")
FORMATS = (".csv", ".jsonl", ".ndjson", ".parquet")
_PARTS_OF_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Row:
    """One row: its line in the file, from 1 (in Parquet its number), and its cells by column."""

    line: int
    cells: Mapping[str, Any]


@contextmanager
def open_rows(path: Path, wanted: Collection[str]) -> Iterator[tuple[Sequence[str] | None, Iterator[Row | Reject]]]:
    """Opens a file of rows, for one reading.

    Args:
        wanted: the columns to read; others are passed over.

    Yields:
        the columns of the file, or None if each row names its own, and its rows; a line that is no row is a reject.

    Raises:
        ConfigError: the file is of another format.
        DataError: it is missing, empty, damaged, or ends early.
    """
    form, packing = split_suffix(path)
    if form not in FORMATS or (form == ".parquet" and packing):
        raise ConfigError(
            f"cannot read files ending in {form + packing!r}",
            where=str(path),
            do=f"use one of {', '.join(FORMATS)}; all but the last may be packed as .gz or .zst",
        )
    if form == ".parquet":
        with _explain(path), pq.ParquetFile(path, page_checksum_verification=True) as table:
            yield tuple(table.schema_arrow.names), _parquet_rows(table, wanted)
        return
    with open_packed(path) as file:
        if form == ".csv":
            yield from _yield_csv(file, path, wanted)
        else:
            yield None, _json_rows(file, path, wanted)


def place_of(line: int) -> str:
    """Returns the place of a row within its file, as records and rejects name it."""
    return f"{line:08d}"


def read_json_lines(file: IO[bytes], path: Path) -> Iterator[tuple[int, Mapping[str, Any] | Reject]]:
    """Yields the object of each line with its number; a line that holds none is a reject.

    Raises:
        DataError: the file is one array, not an object a line.
    """
    is_first = True
    for line, text in read_lines(file):
        if is_first and text is not None and text.lstrip().startswith(b"["):
            raise DataError("is an array in JSON", where=str(path), do="write one object a line (JSON lines)")
        is_first = False
        if text is None:
            yield line, Reject(place_of(line), f"line longer than {MAX_LINE_BYTES // 2**20} MiB", f"line {line}")
            continue
        try:
            plain = text.removeprefix(BYTE_ORDER_MARK).decode("utf-8")  # files that were put together have several
            value = json.loads(plain, object_pairs_hook=_object, parse_float=Literal, parse_int=Literal)
            reason = "" if isinstance(value, dict) else "not an object"
        except UnicodeDecodeError:
            value, reason = None, "not UTF-8"
        except RecursionError:
            value, reason = None, "nested too deep"
        except ValueError as error:
            value, reason = None, "a key is there twice" if isinstance(error, _DoubledKeyError) else "not JSON"
        shown = " ".join(text[:100].decode("utf-8", "replace").split())
        yield line, Reject(place_of(line), reason, f"line {line}: {shown}") if reason else value


def _json_rows(file: IO[bytes], path: Path, wanted: Collection[str]) -> Iterator[Row | Reject]:
    is_empty = True
    for line, found in read_json_lines(file, path):
        is_empty = False
        if isinstance(found, Reject):
            yield found
        else:
            yield Row(line, {name: found[name] for name in wanted if name in found})
    if is_empty:
        raise DataError("is empty", where=str(path), do="fetch it again")


class _DoubledKeyError(ValueError):
    """An object has one key twice: which value is meant, nobody can tell."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DoubledKeyError
    return found


def _yield_csv(
    file: IO[bytes], path: Path, wanted: Collection[str]
) -> Iterator[tuple[Sequence[str], Iterator[Row | Reject]]]:
    csv.field_size_limit(MAX_LINE_BYTES)
    # Bytes that are no UTF-8 become halves of characters, by which their rows are known.
    text = io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="")
    first = text.readline()
    reader = csv.reader(itertools.chain([first], text), delimiter=_find_separator(first), strict=True)
    try:
        names = next(reader, [])
    except csv.Error as error:
        raise DataError(f"has no header that can be read ({error})", where=str(path), do="save it as CSV") from None
    doubled = sorted({name for name in names if names.count(name) > 1 and name in wanted})
    if not any(names) or doubled or _find_fault("".join(names)):
        what = f"the column {doubled[0]!r} is there twice" if doubled else "is empty or has no header in UTF-8"
        raise DataError(what, where=str(path), do="correct its first line")
    yield names, _csv_rows(reader, names, path, wanted)


def _find_separator(header: str) -> str:
    """Returns the comma, unless only another sign parts the first line: spreadsheets of many countries write `;`."""
    for separator in SEPARATORS:
        try:
            if len(next(csv.reader([header], delimiter=separator), [])) > 1:
                return separator
        except csv.Error:
            continue
    return SEPARATORS[0]


def _csv_rows(reader: Any, names: Sequence[str], path: Path, wanted: Collection[str]) -> Iterator[Row | Reject]:
    columns = [(position, name) for position, name in enumerate(names) if name in wanted]
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if "end of data" in str(error) or "field limit" in str(error):
                raise DataError(
                    "a quotation mark opens a cell that never ends",
                    where=f"{path}, line {line}",
                    do="close it, or fetch the file again",
                ) from None
            yield Reject(place_of(line), "not CSV: text behind a closing quotation mark", f"line {line}")
            continue
        if cells is None:
            return
        fault = _find_fault("".join(cells))
        if cells and len(cells) != len(names):
            fault = f"{len(cells)} cells, where the header has {len(names)}"
        if fault:
            yield Reject(place_of(line), fault, f"line {line}: {_printable(cells)}")
        elif cells:
            yield Row(line, {name: cells[position] for position, name in columns})


def _find_fault(text: str) -> str:
    if "\0" in text:
        return "holds a NUL"
    return "not UTF-8" if any("\udc80" <= character <= "\udcff" for character in text) else ""


def _printable(cells: Sequence[str]) -> str:
    return ",".join(cells)[:120].encode("utf-8", "replace").decode()


def _parquet_rows(table: pq.ParquetFile, wanted: Collection[str]) -> Iterator[Row]:
    names = [name for name in table.schema_arrow.names if name in wanted]
    line = 0
    for group in range(table.num_row_groups):
        rows = table.read_row_group(group, columns=names)
        for first in range(0, len(rows), 1024):  # few at a time: lists of Python values are large
            part = rows.slice(first, 1024)
            for values in zip(*(_values(part.column(name)) for name in names), strict=True):
                line += 1
                yield Row(line, dict(zip(names, values, strict=True)))


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Returns the values of a column; times as days in UTC, which need no time zone to be known."""
    kind = column.type
    if isinstance(kind, pa.ExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return [_day(number, kind) for number in _as_numbers(column, kind)]
    try:
        return column.to_pylist()
    except Exception:  # one value of a column of a stranger may be anything; the others are read
        return [_value(cell) for cell in column]


def _as_numbers(column: pa.ChunkedArray, kind: pa.DataType) -> list[int | None]:
    return column.cast(pa.int32() if pa.types.is_date32(kind) else pa.int64()).to_pylist()


def _day(number: int | None, kind: pa.DataType) -> str | Foreign | None:
    if number is None:
        return None
    if pa.types.is_date32(kind):
        seconds: float = number * _DAY_SECONDS
    else:
        seconds = number // (1000 if pa.types.is_date64(kind) else _PARTS_OF_SECOND[kind.unit])
    return day_of_seconds(seconds) or Foreign("a time outside the centuries of print")


def _value(cell: pa.Scalar) -> Any:
    try:
        return cell.as_py()
    except Exception:  # see above
        return Foreign(f"damaged, or of the type {cell.type}")


@contextmanager
def _explain(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise DataError(
            "the file is missing", where=str(path), do="put it there, or correct the path in census.toml"
        ) from None
    except (pa.ArrowException, OSError) as error:
        what = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"is damaged or not Parquet ({what})", where=str(path), do="fetch it again") from None
