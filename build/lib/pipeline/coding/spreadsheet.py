"""Tables as people send them: any separator, UTF-8 or UTF-16, with or without a byte-order mark, CSV or JSON lines."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import SheetError

SIZE_LIMIT = 64_000_000  # bytes; ten thousand coded documents with long notes are a tenth of it
SEPARATORS = (",", ";", "\t", "|")
MARKS = (  # what a file begins with that is no text
    (b"PK\x03\x04", "is an Excel or LibreOffice workbook"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook"),
    (b"\x1f\x8b", "is compressed"),
    (b"PAR1", "is a Parquet file"),
    (b"%PDF", "is a PDF"),
)
BOMS = ((b"\xff\xfe\x00\x00", "utf-32-le"), (b"\x00\x00\xfe\xff", "utf-32-be"), (b"\xef\xbb\xbf", "utf-8"))
BOMS_16 = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
Row = tuple[int, dict[str, str]]


def read_text(path: Path) -> str:
    """Returns the text of a file that a person or a program made.

    Half a surrogate pair is left in, for `cells.clean_text` to mend.

    Raises:
        SheetError: it is missing, too large, no text, or text of another encoding.
    """
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise SheetError("is a folder", where=str(path), do="name the file in it")
        if size > SIZE_LIMIT:
            raise SheetError(
                f"has {size / 1e6:,.0f} MB; {SIZE_LIMIT // 1_000_000} are allowed", where=str(path), do="split it"
            )
        content = path.read_bytes()
    except FileNotFoundError:
        raise SheetError("the file is missing", where=str(path), do="correct the name of the file") from None
    except OSError as error:
        raise SheetError(f"cannot be read ({error.strerror})", where=str(path), do="mend its permissions") from None
    for mark, kind in MARKS:
        if content.startswith(mark):
            raise SheetError(kind, where=str(path), do="save the sheet as CSV, UTF-8, and import that")
    for mark, encoding in (*BOMS, *BOMS_16):
        if content.startswith(mark):
            return _decode(content[len(mark) :], encoding, path)
    if b"\x00" in content[:4_000]:  # no mark, but every other byte of ASCII is zero
        head = content[:4_000]
        if head[1::2].count(0) > len(head) / 3:
            return _decode(content, "utf-16-le", path)
        if head[0::2].count(0) > len(head) / 3:
            return _decode(content, "utf-16-be", path)
    return _decode(content, "utf-8", path)


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """Returns the rows of a table with the line each begins on: CSV of any separator, JSON lines, or a JSON list.

    Empty rows are left out; a JSON row keeps its text values, and others as JSON. Other columns than those named stay.

    Args:
        path: the file.
        columns: known ones, in lower case; the first must be there.

    Raises:
        SheetError: the file cannot be read, lacks the first column, or has a line of another length.
    """
    text = read_text(path)
    if text.lstrip().startswith(("{", "[")):
        return list(_json_rows(text, path))
    return list(_csv_rows(text, path, columns))


def read_json_lines(path: Path) -> list[tuple[int, Any]]:
    """Returns the values of a JSON lines file, or of one JSON list, with their lines (or places in the list).

    Raises:
        SheetError: the file cannot be read or a line is not JSON.
    """
    return list(_json_values(read_text(path), path))


def _decode(content: bytes, encoding: str, path: Path) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        try:  # half an emoji: a lone surrogate is an error to the strict decoder and harmless to us
            return content.decode(encoding, "surrogatepass")
        except UnicodeDecodeError:
            line = content[: error.start].count(b"\n") + 1
            raise SheetError(
                f"is neither UTF-8 nor UTF-16 text (byte {content[error.start : error.start + 1].hex()})",
                where=f"{path}:{line}",
                do="save the sheet as CSV, UTF-8",
            ) from None


def _csv_rows(text: str, path: Path, columns: Sequence[str]) -> Iterator[Row]:
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise SheetError("holds a NUL character", where=f"{path}:{line}", do="retype the cell and save again")
    first, separator = 0, ""
    if text[:4].lower() == "sep=" and text[4:5] in SEPARATORS:  # how Excel names its separator
        separator, first = text[4], text.find("\n") + 1
    body = text[first:]
    header, separator = _find_header(body, separator, path, columns, 2 if first else 1)
    limit = csv.field_size_limit(len(text) + 1)  # a cell of 10 MB gets an answer of its own, with its line
    try:
        reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
        offset, before = (1 if first else 0), 0
        is_header = True
        for cells in reader:
            line, before = before + 1 + offset, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if is_header:
                is_header = False
                continue
            yield line, _match(header, cells, path, line)
    except csv.Error as error:
        raise SheetError(
            f"is not valid CSV ({error})", where=f"{path}:{reader.line_num}", do="save the sheet as CSV, UTF-8"
        ) from None
    finally:
        csv.field_size_limit(limit)


def _find_header(text: str, separator: str, path: Path, columns: Sequence[str], line: int) -> tuple[list[str], str]:
    """Returns the names of the columns, and the separator under which one of them is the first of `columns`."""
    lines = text.lstrip("\r\n ").splitlines()
    if not lines:
        raise SheetError("is empty", where=str(path), do="save the sheet again, as CSV, UTF-8")
    for candidate in [separator] if separator else SEPARATORS:
        try:
            cells = next(csv.reader([lines[0][:100_000]], delimiter=candidate))
        except csv.Error:
            continue
        plain = [cell.strip().strip("\ufeff") for cell in cells]
        names = [name.lower() if name.lower() in columns else name for name in plain]
        if columns[0] in names:
            doubled = [name for name in names if name and names.count(name) > 1]
            if doubled:
                raise SheetError(
                    f"has the column {doubled[0]!r} twice", where=f"{path}:{line}", do="remove one of the two"
                )
            return names, candidate
    raise SheetError(
        f"lacks the column {columns[0]!r}",
        where=f"{path}:{line}",
        do="the first line must name the columns, separated by , or ;",
    )


def _match(header: Sequence[str], cells: Sequence[str], path: Path, line: int) -> dict[str, str]:
    while len(cells) > len(header) and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) != len(header):
        raise SheetError(
            f"has {len(cells)} cells where the header has {len(header)}", where=f"{path}:{line}", do="mend the line"
        )
    row = dict(zip(header, cells, strict=True))
    if row.pop("", "").strip():
        raise SheetError("has a cell under no column name", where=f"{path}:{line}", do="name the column, or clear it")
    return {name: cell.strip().strip("\ufeff") for name, cell in row.items()}


def _json_rows(text: str, path: Path) -> Iterator[Row]:
    for line, value in _json_values(text, path):
        if not isinstance(value, dict):
            raise SheetError("is not an object", where=f"{path}:{line}", do='write {"doc_id": …} on every line')
        yield (
            line,
            {
                name: cell if isinstance(cell, str) else "" if cell is None else json.dumps(cell)
                for name, cell in value.items()
            },
        )


def _json_values(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    stripped = text.strip()
    if stripped.startswith("["):
        try:
            values = json.loads(stripped, object_pairs_hook=_refuse_doubles)
        except (ValueError, RecursionError) as error:
            raise SheetError(f"is not valid JSON ({error})", where=str(path), do="write one object a line") from None
        yield from enumerate(values, start=1)
        return
    for line, part in enumerate(text.split("\n"), start=1):
        if part.strip():
            try:
                yield line, json.loads(part, object_pairs_hook=_refuse_doubles)
            except (ValueError, RecursionError) as error:
                raise SheetError(
                    f"is not valid JSON ({error})", where=f"{path}:{line}", do="write one object a line"
                ) from None


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return found
