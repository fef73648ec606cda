"""Dirty files of the source `files`: what each must become, and a case returns what went wrong."""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from pipeline import store
from pipeline.corpus.records import records_from_items
from pipeline.errors import PipelineError
from pipeline.schemas import RECORDS
from pipeline.scrape import files
from pipeline.scrape.item import Item, Reject
from tests.small_project import invent_documents

Case = Callable[[Path], str]
REJECT, STOP = object(), object()  # the row is a reject; the run ends with one line
COUNT = 8

IDS = (
    "2501.1 2501.10 2501.100 2501.00010 00000 1e10 007 1_000 +1 1.0 NA null None nan True 9007199254740993 0x1F".split()
)
TITLES = 'None|NA|null|nan|N/A|NaN|TRUE|0|1|1.50|1e5|-|=1+1|@x|Café|日本|a;b|a,b|[x]|{x}|\'|"q"|\\N|inf'.split("|")
DATES: dict[str, Any] = {
    **{text: text for text in ("2021", "2021-02", "2021-02-03", "1999-12-31", "2024-02-29")},
    **dict.fromkeys(("2021-2-3", "2021/02/03", "2021/2/3", "2021.02.03", "20210203", "03.02.2021"), "2021-02-03"),
    **dict.fromkeys(("3.2.2021", "3 February 2021", "3 Feb 2021", "February 3, 2021", "Feb. 3, 2021"), "2021-02-03"),
    **dict.fromkeys(("2021-02-03T10:00:00Z", "2021-02-03 10:00:00", "2021-02-03T10:00:00.5+05:30"), "2021-02-03"),
    **dict.fromkeys(("Wed, 3 Feb 2021 10:00:00 GMT", "1612310400", "1612310400000", " 2021-02-03 "), "2021-02-03"),
    "Feb 2021": "2021-02",
    "": "",
    "   ": "",
    **dict.fromkeys(
        "0000-00-00|9999-99-99|2021-02-30|2021-13-01|2021-02-00|2023-02-29|03/02/2021|02/03/21|n.d.|NA|today|2021.0|"
        "20211|２０２１|2021-02-03T25:00|12345678|-2021|0000|9999|2021-02-03x|1e9|None|[2021]".split("|"),
        REJECT,
    ),
}
KARMA: dict[str, Any] = {
    "": None,
    "0": 0.0,
    "-3": -3.0,
    "12": 12.0,
    "1.5": 1.5,
    " 7 ": 7.0,
    "+4": 4.0,
    "1e2": 100.0,
    ".5": 0.5,
    **dict.fromkeys(
        "n.a.|1,5|1_000|NA|nan|inf|-inf|Infinity|1e400|0x10|١٢|True|9007199254740993|1 000|12 votes|--1|1.2.3".split(
            "|"
        ),
        REJECT,
    ),
}
# Values that JSON and Parquet can hold: by field, the value and what it must become.
TYPED: list[tuple[str, Any, Any]] = [
    *(("authors", value, REJECT) for value in (1.5, 7, True, False, {"name": "A"}, [1], [True], [["A"]], [{"n": "A"}])),
    ("authors", ["A", "B"], ("A", "B")),
    ("authors", "A; B", ("A", "B")),
    ("authors", "Ada Anders, Bo Berg and Cy Cole", ("Ada Anders", "Bo Berg", "Cy Cole")),
    ("authors", "Ada Anders (Inst, Town), Bo Berg", ("Ada Anders", "Bo Berg")),
    ("authors", "Berg, Bo", ("Berg, Bo",)),
    ("authors", "Anders, Ada; Berg, Bo", ("Anders, Ada", "Berg, Bo")),
    ("authors", "jylin04", ("jylin04",)),
    ("authors", ["A", None, " ", "B"], ("A", "B")),
    ("authors", [], ()),
    ("authors", None, ()),
    ("authors", '["A", "B"]', ("A", "B")),
    ("authors", "['A', 'B']", REJECT),
    ("authors", "[deleted]", ("[deleted]",)),
    ("authors", ["NA"], ("NA",)),
    *(("tags", value, REJECT) for value in (3, 0.5, True, {"a": 1}, [2])),
    ("tags", ["x", "y"], ("x", "y")),
    *(("title", value, REJECT) for value in (["a"], {"a": 1}, True)),
    *(("text", value, REJECT) for value in (["a"], {"a": "b"}, False)),
    *(("doc_id", value, REJECT) for value in (["a"], {"a": 1}, True, "a\nb", "a\x00b", "x" * 501)),
    *(("url", value, REJECT) for value in ("http://[::1", ["u"], True, "http://a\n.org", "http://a:port/")),
    *(("url", value, REJECT) for value in ("javascript:alert(1)", " JavaScript:x", "data:text/html,x", "vbscript:x")),
    ("url", "https://example.org/a b", "https://example.org/a b"),
    ("url", None, ""),
    *(("karma", value, REJECT) for value in ([1], {"a": 1}, True, "n.a.", "1,5")),
    ("karma", 3, 3.0),
    ("karma", -2.5, -2.5),
    ("karma", None, None),
    *(("published_date", value, REJECT) for value in ([2021], {"y": 2021}, True, 99, -5)),
    ("published_date", 2021, "2021"),
    ("published_date", 20210203, "2021-02-03"),
    ("published_date", 1612310400, "2021-02-03"),
    ("published_date", None, ""),
    *(("source", value, REJECT) for value in (["s"], True, "a\x07")),
    *(("frame", value, REJECT) for value in (["s"], {"f": 1})),
]
ONLY_JSON: list[tuple[str, str, Any]] = [  # written as they stand
    ("doc_id", "2501.00010", "2501.00010"),
    ("doc_id", "9007199254740993", "9007199254740993"),
    ("doc_id", "1e10", "1e10"),
    ("doc_id", "NaN", REJECT),
    ("doc_id", '"\\ud800"', REJECT),
    ("source", '"\\udfff"', REJECT),
    ("url", '"http://a/\\ud800"', REJECT),
    ("karma", "NaN", None),
    ("karma", "Infinity", REJECT),
    ("karma", "1e999", REJECT),
    ("karma", "1" * 5000, REJECT),
    ("published_date", "2021.0", REJECT),
    ("published_date", "NaN", ""),
    ("title", "1.50", "1.50"),
    ("title", "Infinity", REJECT),
    ("authors", '"\\ud800"', ("\ud800",)),
]
LINES = {  # a line that is no row, among good ones
    **dict.fromkeys(("null", "true", "5", '"text"', "[]", "[1, 2]", "NaN", "{", "}", "{}{}", "{'a': 1}"), REJECT),
    **dict.fromkeys(
        ('{"doc_id": "x", "title": "T", "text": "t"', '{"doc_id": "x", "doc_id": "y"}', "\x00", "x"), REJECT
    ),
    **dict.fromkeys(("[" * 100_000, '{"a":' * 5_000, '{"doc_id": "x"}}', '{"title": "no id"}', "{}", "//"), REJECT),
}


def rows_for(**more: Any) -> list[dict[str, Any]]:
    """Returns good rows, of which the third has other cells."""
    rows = invent_documents(COUNT)
    for row in rows:
        row["doc_id"] = str(row["doc_id"]).removeprefix("arxiv:")
    rows[2] = {**rows[2], **more}
    return rows


def read(folder: Path, name: str, **entry: Any) -> tuple[list[Item], list[Reject], str]:
    """Reads a file and cleans its rows. Returns the items, the rejects, and the line that ended it, if one did."""
    entry = {"kind": "files", "path": name, "source": "blog", "frame": "small", **entry}
    try:
        found = list(files.read_items(entry, folder, "[sources.mine]"))
        records, rejects = records_from_items("mine", found)
        store.arrow_from_rows(RECORDS, records, folder / "records.parquet")
    except PipelineError as error:
        return [], [], str(error)
    assert len(records) + len(rejects) == len(found)
    return [x for x in found if isinstance(x, Item)], [x for x in found if isinstance(x, Reject)], ""


def expect(folder: Path, name: str, field: str, wanted: Any, *, count: int = COUNT, **entry: Any) -> str:
    """Reads a file whose third row is special. Returns what differs from what is wanted, or nothing."""
    items, rejects, line = read(folder, name, **entry)
    if line or wanted is STOP:
        return "" if wanted is STOP and line and "\n" not in line else f"ended with {line!r}"
    n_bad = int(wanted is REJECT)
    if (len(items), len(rejects)) != (count - n_bad, n_bad):
        return f"{len(items)} items and {len(rejects)} rejects: {rejects[:1]}"
    if n_bad:
        return "" if rejects[0].place.lstrip("0") in ("3", "4") else f"another line in {rejects[0]}"
    value = getattr(items[2], field)
    return "" if value == wanted and type(value) is type(wanted) else f"{value!r}, not {wanted!r}"


def write_csv(folder: Path, rows: list[dict[str, Any]]) -> str:
    """Writes rows as CSV; lists are joined."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for row in rows:
        cells = [row.get(name, "") for name in names]
        writer.writerow(["; ".join(cell) if isinstance(cell, list) else cell for cell in cells])
    (folder / "mine.csv").write_text(text.getvalue(), encoding="utf-8")
    return "mine.csv"


def write_lines(folder: Path, rows: list[dict[str, Any]], name: str = "mine.jsonl") -> str:
    """Writes rows as JSON lines, packed if the name says so."""
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    pack = {".gz": gzip.compress, ".zst": zstandard.compress}.get(Path(name).suffix, bytes)
    (folder / name).write_bytes(pack(data))
    return name


def write_parquet(folder: Path, rows: list[dict[str, Any]], **columns: pa.Array) -> str:
    """Writes rows as Parquet, with some columns of their own type."""
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.Table.from_pylist([{**dict.fromkeys(names), **row} for row in rows])
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.append_column(name, values) if place < 0 else table.set_column(place, name, values)
    pq.write_table(table, folder / "mine.parquet")
    return "mine.parquet"


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], str]] = {
    "csv": write_csv,
    "jsonl": write_lines,
    "parquet": write_parquet,
}


def text_cases() -> Iterator[tuple[str, Case]]:
    """A text in one cell, in each format."""
    wanted: list[tuple[str, str, Any]] = [
        *(("doc_id", text, text) for text in IDS),
        *(("title", text, text) for text in TITLES),
        *(("published_date", text, value) for text, value in DATES.items()),
        *(("karma", text, value) for text, value in KARMA.items()),
    ]
    for form, write in WRITERS.items():
        for field, text, value in wanted:
            yield (
                f"{form}-{field}-{text}",
                lambda folder, write=write, field=field, text=text, value=value: expect(
                    folder, write(folder, rows_for(**{field: text})), field, value
                ),
            )


def typed_cases() -> Iterator[tuple[str, Case]]:
    """A value of another type in one cell of JSON lines, and as a whole column of Parquet."""
    for number, (field, value, wanted) in enumerate(TYPED):
        yield (
            f"jsonl-typed-{number}-{field}",
            lambda folder, field=field, value=value, wanted=wanted: expect(
                folder, write_lines(folder, rows_for(**{field: value})), field, wanted
            ),
        )
    for number, (field, text, wanted) in enumerate(ONLY_JSON):

        def check(folder: Path, field: str = field, text: str = text, wanted: Any = wanted) -> str:
            rows = rows_for(**{field: "MARK"})
            name = write_lines(folder, rows)
            path = folder / name
            path.write_text(path.read_text().replace('"MARK"', text))
            return expect(folder, name, field, wanted)

        yield f"jsonl-literal-{number}-{field}", check


def line_cases() -> Iterator[tuple[str, Case]]:
    """Lines that are no rows."""
    for number, (line, wanted) in enumerate(LINES.items()):

        def check(folder: Path, line: str = line, wanted: Any = wanted) -> str:
            lines = [json.dumps(row) for row in rows_for()]
            lines[2] = line
            (folder / "mine.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
            return expect(folder, "mine.jsonl", "", wanted)

        yield f"jsonl-line-{number}", check


def csv_cases() -> Iterator[tuple[str, Case]]:
    """CSV with faults of its own."""
    head = "doc_id,title,text\n"
    good = [f"id{n},title {n},text {n}\n" for n in range(COUNT)]

    def with_line(line: bytes) -> bytes:
        lines = [line.encode() for line in good]
        lines[2] = line
        return head.encode() + b"".join(lines)

    table: dict[str, tuple[bytes, Any]] = {
        "few cells": (with_line(b"id2,title\n"), REJECT),
        "many cells": (with_line(b"id2,title,text,more\n"), REJECT),
        "latin-1": (with_line("id2,café,t\n".encode("latin-1")), REJECT),
        "nul": (with_line(b"id2,ti\0tle,text\n"), REJECT),
        "text behind a quote": (with_line(b'id2,"ti"tle,text\n'), REJECT),
        "no id": (with_line(b",title,text\n"), REJECT),
        "blank id": (with_line(b"  ,title,text\n"), REJECT),
        "byte-order mark": (b"\xef\xbb\xbf" + with_line(b"id2,x,t\n"), ""),
        "carriage returns": ((head + "".join(good)).replace("\n", "\r\n").encode(), ""),
        "old carriage returns": ((head + "".join(good)).replace("\n", "\r").encode(), ""),
        "blank lines": (with_line(b"\n\nid2,x,t\n\n"), ""),
        "no last line end": ((head + "".join(good)).rstrip("\n").encode(), ""),
        "quoted line ends": (with_line(b'id2,"x","a\nb"\n'), ""),
        "quote never closed": (with_line(b'id2,"x,t\n'), STOP),
        "empty": (b"", STOP),
        "only blank lines": (b"\n\n\n", STOP),
        "utf-16": ((head + "".join(good)).encode("utf-16"), STOP),
        "utf-16 without mark": ((head + "".join(good)).encode("utf-16-le"), STOP),
        "semicolons": ((head + "".join(good)).replace(",", ";").encode(), ""),
        "tabs": ((head + "".join(good)).replace(",", "\t").encode(), ""),
        "doubled column": (b"doc_id,title,text,title\na,b,c,d\n", STOP),
        "no title column": (b"doc_id,name,text\na,b,c\n", STOP),
        "bytes": (bytes(range(256)) * 20, STOP),
        "a zip": (b"PK\x03\x04" + bytes(100), STOP),
        "a zip with a table": (_zipped((head + "".join(good)).encode()), STOP),
        "packed by xz": (lzma.compress((head + "".join(good)).encode()), STOP),
        "packed by bzip2": (bz2.compress((head + "".join(good)).encode()), STOP),
        "packed by gzip": (gzip.compress((head + "".join(good)).encode()), STOP),
        "utf-32": ((head + "".join(good)).encode("utf-32"), STOP),
        "header only": (head.encode(), STOP),
        "header with blanks": (b"doc_id, title ,text\n" + "".join(good).encode(), STOP),
        "header in capitals": (head.upper().encode() + "".join(good).encode(), STOP),
        "header in quotes behind a mark": (b'\xef\xbb\xbf"doc_id","title","text"\n' + "".join(good).encode(), ""),
        "header of one cell": (b'"doc_id,title,text"\n"a,b,c"\n', STOP),
        "header of blanks": (b",,\na,b,c\n", STOP),
        "a line for spreadsheets first": (b"sep=,\n" + (head + "".join(good)).encode(), STOP),
        "a page": (b"<!DOCTYPE html><html><body>404</body></html>", STOP),
        "mixed line ends": (head.encode() + "".join(_mixed_ends(good)).encode(), ""),
        "other line ends inside": (with_line("id2,a\x85b\u2028c\x0bd\x0ce,t\n".encode()), ""),
        "old carriage returns, one quoted": (with_line(b'id2,"a\nb",t\n').replace(b"\n", b"\r"), ""),
        "only commas": (with_line(b",,\n"), REJECT),
        "quotes escaped by a backslash": (with_line(b'id2,"a \\"b\\" c",t\n'), REJECT),
        "single quotes": (with_line(b"id2,'a,b',t\n"), REJECT),
        "overlong UTF-8": (with_line(b"id2,a\xc0\xafb,t\n"), REJECT),
        "half a character in UTF-8": (with_line(b"id2,a\xed\xa0\x80b,t\n"), REJECT),
        "a mark inside the file": (with_line(b"\xef\xbb\xbfid2,x,t\n"), REJECT),
        "an id with a blank of no width": (with_line("id2\u200b,x,t\n".encode()), REJECT),
        "an id that turns the reading round": (with_line("id\u202e2,x,t\n".encode()), REJECT),
        "a cell of 3 MB": (with_line(b"id2," + b"x" * 3_000_000 + b",t\n"), ""),
        "a hundred thousand accents": (with_line(("id2,e" + "\u0301" * 100_000 + ",t\n").encode()), ""),
    }
    for name, (data, wanted) in table.items():

        def check(folder: Path, data: bytes = data, wanted: Any = wanted) -> str:
            (folder / "mine.csv").write_bytes(data)
            return expect(folder, "mine.csv", "url", wanted)

        yield f"csv-{name}", check


def _zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as folder:
        folder.writestr("mine.csv", data)
    return file.getvalue()


def _mixed_ends(lines: list[str]) -> list[str]:
    return [line.replace("\n", ("\n", "\r\n", "\r")[number % 3]) for number, line in enumerate(lines)]


def written_cases() -> Iterator[tuple[str, Case]]:
    """JSON lines that were written, packed or put together in other ways, and endings that nobody reads."""
    rows = rows_for()
    lines = [json.dumps(row) for row in rows]
    text = "".join(f"{line}\n" for line in lines)
    data, frame = text.encode(), zstandard.compress(text.encode())
    table: dict[str, tuple[str, bytes, Any]] = {
        "an array on one line": ("mine.jsonl", json.dumps(rows).encode(), STOP),
        "an array, indented": ("mine.jsonl", json.dumps(rows, indent=1).encode(), STOP),
        "an array, a row a line": ("mine.jsonl", ("[\n" + ",\n".join(lines) + "\n]\n").encode(), STOP),
        "a comma behind each line": ("mine.jsonl", "".join(f"{line},\n" for line in lines).encode(), STOP),
        "two objects a line": ("mine.jsonl", text.replace("}\n{", "}{").encode(), STOP),
        "carriage returns": ("mine.jsonl", text.replace("\n", "\r").encode(), STOP),
        "line ends of two bytes": ("mine.jsonl", text.replace("\n", "\r\n").encode(), ""),
        "a mark before each line": ("mine.jsonl", "".join(f"\ufeff{line}\n" for line in lines).encode(), ""),
        "a separator before each line": ("mine.jsonl", "".join(f"\x1e{line}\n" for line in lines).encode(), STOP),
        "keys in capitals": ("mine.jsonl", text.replace('"title"', '"TITLE"').encode(), STOP),
        "half a character as a key": ("mine.jsonl", text.replace('"url"', '"\\\\ud800"').encode(), ""),
        "utf-16": ("mine.jsonl", text.encode("utf-16"), STOP),
        "utf-16 without mark": ("mine.jsonl", text.encode("utf-16-le"), STOP),
        "a page": ("mine.jsonl", b"<!DOCTYPE html>\n<html>\n<body>404</body></html>", STOP),
        "empty": ("mine.jsonl", b"", STOP),
        "line ends alone": ("mine.jsonl", b"\n\n\n", STOP),
        "another ending": ("mine.json", data, STOP),
        "a zip": ("mine.zip", _zipped(data), STOP),
        "a zip named as gzip": ("mine.jsonl.gz", _zipped(data), STOP),
        "xz": ("mine.jsonl.xz", lzma.compress(data), STOP),
        "bzip2": ("mine.jsonl.bz2", bz2.compress(data), STOP),
        "bzip2 unnamed": ("mine.jsonl", bz2.compress(data), STOP),
        "a member a line": ("mine.jsonl.gz", b"".join(gzip.compress(f"{line}\n".encode()) for line in lines), ""),
        "empty members around": ("mine.jsonl.gz", gzip.compress(b"") + gzip.compress(data) + gzip.compress(b""), ""),
        "zeros behind gzip": ("mine.jsonl.gz", gzip.compress(data) + bytes(512), ""),
        "a second member cut": ("mine.jsonl.gz", gzip.compress(data) + gzip.compress(data)[:-9], STOP),
        "packed twice": ("mine.jsonl.gz", gzip.compress(gzip.compress(data)), STOP),
        "another length at its end": ("mine.jsonl.gz", gzip.compress(data)[:-4] + b"\1\0\0\0", STOP),
        "zstd named as gzip": ("mine.jsonl.gz", frame, STOP),
        "gzip named as zstd": ("mine.jsonl.zst", gzip.compress(data), STOP),
        "a frame a line": ("mine.jsonl.zst", b"".join(zstandard.compress(f"{line}\n".encode()) for line in lines), ""),
        "a frame to pass over": ("mine.jsonl.zst", b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + frame, ""),
        "a frame to pass over, cut": ("mine.jsonl.zst", frame + b"\x50\x2a\x4d\x18\x40\0\0\0abcd", STOP),
        "a second frame cut": ("mine.jsonl.zst", frame + frame[:-5], STOP),
        "zeros behind zstd": ("mine.jsonl.zst", frame + bytes(64), STOP),
    }
    for name, (place, content, wanted) in table.items():

        def check(folder: Path, place: str = place, content: bytes = content, wanted: Any = wanted) -> str:
            (folder / place).write_bytes(content)
            return expect(folder, place, "karma", wanted or None if wanted is not STOP else STOP)

        yield f"written-{name}", check
    for name, make in {
        "a folder": lambda path: path.mkdir(),
        "a link to nowhere": lambda path: path.symlink_to("nowhere"),
        "a link to itself": lambda path: path.symlink_to(path.name),
        "a device": lambda path: path.symlink_to("/dev/null"),
        "nothing": lambda path: None,
    }.items():

        def check_place(folder: Path, make: Callable[[Path], object] = make) -> str:
            make(folder / "mine.csv")
            return expect(folder, "mine.csv", "", STOP)

        yield f"place-{name}", check_place


def parquet_cases() -> Iterator[tuple[str, Case]]:
    """Columns of Parquet of many types, and files that are damaged."""
    day = 1_612_310_400
    many = [day] * COUNT
    big = [9_007_199_254_740_993 + n for n in range(COUNT)]
    columns: dict[str, tuple[str, pa.Array, Any]] = {
        "int64 ids with a null elsewhere": ("doc_id", pa.array(big), str(big[2])),
        "double ids": ("doc_id", pa.array([float(n) + 0.5 for n in range(COUNT)]), STOP),
        "decimal ids": (
            "doc_id",
            pa.array([f"2501.{n:05d}" for n in range(COUNT)]).cast(pa.decimal128(9, 5)),
            "2501.00002",
        ),
        "dictionary ids": ("doc_id", pa.array([f"a{n}" for n in range(COUNT)]).dictionary_encode(), "a2"),
        "large strings": ("title", pa.array(["t"] * COUNT, pa.large_string()), "t"),
        "string views": ("title", pa.array(["t"] * COUNT, pa.string_view()), "t"),
        "binary titles": ("title", pa.array([b"t"] * COUNT), STOP),
        "boolean authors": ("authors", pa.array([True] * COUNT), STOP),
        "number authors": ("authors", pa.array([1] * COUNT), STOP),
        "structs as authors": ("authors", pa.array([{"n": "A"}] * COUNT), STOP),
        "large lists": ("authors", pa.array([["A"]] * COUNT, pa.large_list(pa.string())), ("A",)),
        "lists of dictionaries": (
            "authors",
            pa.array([["A"]] * COUNT, pa.list_(pa.dictionary(pa.int8(), pa.string()))),
            ("A",),
        ),
        "year with a null": ("published_date", pa.array([2021] * (COUNT - 1) + [None]), "2021"),
        "year as float with a null": ("published_date", pa.array([2021.0] * (COUNT - 1) + [None]), "2021"),
        "days": ("published_date", pa.array([day // 86400] * COUNT, pa.date32()), "2021-02-03"),
        "milliseconds": ("published_date", pa.array([day * 1000] * COUNT, pa.date64()), "2021-02-03"),
        "naive times": ("published_date", pa.array(many, pa.timestamp("s")), "2021-02-03"),
        "times in UTC": ("published_date", pa.array([day * 10**6] * COUNT, pa.timestamp("us", "UTC")), "2021-02-03"),
        "times of nowhere": ("published_date", pa.array(many, pa.timestamp("s", "Mars/Phobos")), "2021-02-03"),
        "nanoseconds": ("published_date", pa.array([day * 10**9 + 1] * COUNT, pa.timestamp("ns")), "2021-02-03"),
        "times out of range": ("published_date", pa.array([2**60] * COUNT, pa.timestamp("ms")), STOP),
        "seconds since 1970": ("published_date", pa.array(many), "2021-02-03"),
        "durations": ("published_date", pa.array([5] * COUNT, pa.duration("s")), STOP),
        "integer karma": ("karma", pa.array([3] * COUNT, pa.int8()), 3.0),
        "karma with NaN": ("karma", pa.array([float("nan")] * COUNT), None),
        "decimal karma": ("karma", pa.array(["3.50"] * COUNT).cast(pa.decimal128(5, 2)), 3.5),
        "text karma": ("karma", pa.array(["3"] * COUNT), 3.0),
        "infinite karma": ("karma", pa.array([float("inf")] * COUNT), STOP),
        "nulls": ("url", pa.nulls(COUNT), ""),
        "lists of lists": ("authors", pa.array([[["A"]]] * COUNT), STOP),
        "maps as authors": ("authors", pa.array([[("a", "b")]] * COUNT, pa.map_(pa.string(), pa.string())), STOP),
        "lists of one length": ("authors", pa.array([["A", "B"]] * COUNT, pa.list_(pa.string(), 2)), ("A", "B")),
        "lists with nulls": ("authors", pa.array([["A", None]] * COUNT), ("A",)),
        "times of day": ("published_date", pa.array([5] * COUNT, pa.time32("s")), STOP),
        "ids beyond 63 bits": ("doc_id", pa.array([2**64 - 1 - n for n in range(COUNT)], pa.uint64()), str(2**64 - 3)),
        "ids of a dictionary of numbers": ("doc_id", pa.array(list(range(COUNT))).dictionary_encode(), "2"),
        "ids with zeros behind": (
            "doc_id",
            pa.array([Decimal("2501.00010") + n for n in range(COUNT)], pa.decimal128(12, 5)),
            "2503.00010",
        ),
        "a zone half an hour off": (
            "published_date",
            pa.array([day + 18 * 3600] * COUNT, pa.timestamp("s", "+05:30")),
            "2021-02-03",
        ),
        "a zone a day ahead": (
            "published_date",
            pa.array([day + 18 * 3600] * COUNT, pa.timestamp("s", "Pacific/Auckland")),
            "2021-02-03",
        ),
        "before 1970": ("published_date", pa.array([-86_400 * 365] * COUNT, pa.timestamp("s")), "1969-01-01"),
        "the year 0": ("published_date", pa.array([-62_167_219_200] * COUNT, pa.timestamp("s")), STOP),
        "the year 10000": ("published_date", pa.array([253_402_300_800] * COUNT, pa.timestamp("s")), STOP),
        "days without end": ("published_date", pa.array([2**30] * COUNT, pa.int32()).cast(pa.date32()), STOP),
        "a date in decimals": ("published_date", pa.array([Decimal("20210203")] * COUNT), "2021-02-03"),
        "half a year": ("published_date", pa.array([2021.5] * COUNT), STOP),
        "a date without end": ("published_date", pa.array([float("inf")] * COUNT), STOP),
        "an object as date": ("published_date", pa.array([{"y": 2021}] * COUNT), STOP),
        "half floats": ("karma", pa.array([1.5] * COUNT, pa.float16()), 1.5),
        "truth as karma": ("karma", pa.array([True] * COUNT), STOP),
        "wide decimals": ("karma", pa.array([Decimal("1.5")] * COUNT, pa.decimal256(50, 10)), 1.5),
        "bytes of one length": ("title", pa.array([b"abcd"] * COUNT, pa.binary(4)), STOP),
        "no title at all": ("title", pa.nulls(COUNT), ""),
    }
    for name, (field, values, wanted) in columns.items():
        yield (
            f"parquet-{name}",
            lambda folder, field=field, values=values, wanted=wanted: expect(
                folder, write_parquet(folder, rows_for(), **{field: values}), field, wanted
            ),
        )

    def null_among_ids(folder: Path) -> str:
        values = pa.array([big[0], big[1], None, *big[3:]])
        items, rejects, line = read(folder, write_parquet(folder, rows_for(), doc_id=values))
        ids = [item.doc_id for item in items]
        return "" if ids == [str(n) for n in big if n != big[2]] and len(rejects) == 1 and not line else f"{ids} {line}"

    def bad_bytes(folder: Path) -> str:
        bad = pa.array([b"t", b"t", b"\xff\xfe", *[b"t"] * (COUNT - 3)]).cast(pa.binary())
        texts = pa.Array.from_buffers(pa.string(), COUNT, bad.buffers())
        return expect(folder, write_parquet(folder, rows_for(), title=texts), "title", REJECT)

    def doubled(folder: Path) -> str:
        table = pa.Table.from_pylist(rows_for())
        pq.write_table(table.append_column("title", pa.array(["other"] * COUNT)), folder / "mine.parquet")
        return expect(folder, "mine.parquet", "", STOP)

    def without_rows(folder: Path) -> str:
        pq.write_table(pa.Table.from_pylist(rows_for()).slice(0, 0), folder / "mine.parquet")
        return expect(folder, "mine.parquet", "", STOP)

    def written(folder: Path, content: bytes) -> str:
        (folder / "mine.parquet").write_bytes(content)
        return expect(folder, "mine.parquet", "", STOP)

    yield "parquet-a column twice", doubled
    yield "parquet-no rows", without_rows
    yield "parquet-its marks alone", lambda folder: written(folder, b"PAR1PAR1")
    yield "parquet-encrypted", lambda folder: written(folder, b"PARE" + bytes(50) + b"\x10\0\0\0PARE")
    yield "parquet-64-bit ids with one null", null_among_ids
    yield "parquet-a text that is not UTF-8", bad_bytes
    for place in range(0, 100, 7):

        def cut(folder: Path, place: int = place) -> str:
            path = folder / write_parquet(folder, rows_for())
            data = path.read_bytes()
            path.write_bytes(data[: len(data) * place // 100])
            return expect(folder, path.name, "", STOP)

        yield f"parquet-cut at {place} %", cut


def packed_cases() -> Iterator[tuple[str, Case]]:
    """Packed files: whole, several frames in a row, cut and flipped."""
    for name in ("mine.jsonl.gz", "mine.jsonl.zst", "mine.csv.gz", "mine.csv.zst"):

        def write(folder: Path, change: Callable[[bytes], bytes], name: str = name) -> str:
            plain = folder / (write_csv if ".csv" in name else write_lines)(folder, rows_for())
            pack: Callable[[bytes], bytes] = gzip.compress if name.endswith(".gz") else _frame
            (folder / name).write_bytes(change(pack(plain.read_bytes())))
            return name

        yield f"{name}-whole", lambda folder, write=write: expect(folder, write(folder, bytes), "karma", None)
        for share in (0, 10, 35, 50, 75, 90, 99):
            yield (
                f"{name}-cut at {share} %",
                lambda folder, write=write, share=share: expect(
                    folder, write(folder, lambda data: data[: len(data) * share // 100]), "", STOP
                ),
            )
        yield (
            f"{name}-last byte",
            lambda folder, write=write: expect(folder, write(folder, lambda data: data[:-1]), "", STOP),
        )
        yield (
            f"{name}-junk behind",
            lambda folder, write=write: expect(folder, write(folder, lambda data: data + b"junk!"), "", STOP),
        )
        yield (
            f"{name}-not packed",
            lambda folder, write=write: expect(folder, write(folder, lambda data: b'{"a": 1}\n'), "", STOP),
        )
        for share in (15, 30, 45, 60, 75):

            def flip(data: bytes, share: int = share) -> bytes:
                place = len(data) * share // 100
                return data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]

            yield (
                f"{name}-flipped at {share} %",
                lambda folder, write=write, flip=flip: expect(folder, write(folder, flip), "", STOP),
            )


def _frame(data: bytes) -> bytes:
    """Packs as a stream does: no size in the head, a checksum at the end."""
    machine = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return machine.compress(data) + machine.flush()


def dump_cases() -> Iterator[tuple[str, Case]]:
    """Published dumps with odd cells."""
    paper = {
        "title": "Invented",
        "abstract": "We invent.",
        "categories": "cs.AI",
        "authors_parsed": [["Made", "Up", ""]],
        "versions": [{"version": "v1", "created": "Wed, 1 Jan 2025 10:00:00 GMT"}],
    }
    post = {"title": "Post", "text": "Words.", "source": "blog", "authors": ["A"], "date_published": "2021-01-01"}
    odd: list[tuple[str, Any, Any, Any]] = [
        *(("id", value, REJECT, None) for value in (None, "", 5, ["x"], True, "../../x", "2501.1")),
        *(("title", value, REJECT, REJECT) for value in (None, "", ["T"], {"t": 1}, True, "x" * 2_001)),
        *(("abstract", value, REJECT, REJECT) for value in (["a"], {"a": 1}, True)),
        *(("authors_parsed", value, REJECT, None) for value in ("A", 1, [1], ["A"], [[["A"]]], [[True]])),
        *(
            ("versions", value, REJECT, None)
            for value in ("v1", 3, [1], [{}], [{"created": "yesterday"}], [{"created": 5}])
        ),
        *(("categories", value, REJECT, REJECT) for value in ([1], {"a": 1}, True)),
        *(("url", value, None, REJECT) for value in (None, "", "ftp://x", "http://[::1", 5, ["u"], "\ud800")),
        *(("source", value, None, REJECT) for value in ("\ud800", ["s"], True)),
        *(("karma", value, None, REJECT) for value in ("n.a.", [1], True, "1,5")),
        *(("date_published", value, None, REJECT) for value in ("2021-02-30", ["x"], "soon", True)),
        *(("date_published", value, None, "") for value in ("n/a", "", None)),
        *(("authors", value, None, REJECT) for value in (5, True, {"a": 1}, [1])),
    ]
    for number, (key, value, of_paper, of_post) in enumerate(odd):
        for dump, base, wanted in (("arxiv-metadata", paper, of_paper), ("alignment-research-dataset", post, of_post)):
            if wanted is None:
                continue

            def check(
                folder: Path,
                dump: str = dump,
                base: dict = base,
                key: str = key,
                value: Any = value,
                wanted: Any = wanted,
            ) -> str:
                rows = [
                    {**base, "id": f"2501.{n:05d}", "url": f"https://example.org/{n}"}
                    | ({key: value} if n == 2 else {})
                    for n in range(COUNT)
                ]
                return expect(folder, write_lines(folder, rows, "dump.json.zst"), "published_date", wanted, dump=dump)

            yield f"dump-{number}-{dump[:5]}-{key}", check


def forum_cases() -> Iterator[tuple[str, Case]]:
    """A forum's own dump with odd cells, and one that says other things of itself than it holds."""
    meta = {"type": "meta", "format": 1, "generatedAt": "2026-09-01T09:00:00Z"}
    user = {"displayName": "Ada", "slug": "ada"}
    base = {"type": "post", "title": "T", "postedAt": "2026-01-02T00:00:00.000Z", "baseScore": 12, "html": "<p>B</p>"}
    odd: dict[str, tuple[str, list[tuple[Any, Any]]]] = {
        "_id": ("", [(value, REJECT) for value in (None, 5, "", "../x", ["a"])]),
        "title": ("", [(value, REJECT) for value in (None, "", ["a"], {"a": 1}, True)]),
        "postedAt": (
            "published_date",
            [
                (None, ""),
                ("2026-01-02", "2026-01-02"),
                (1612310400, "2021-02-03"),
                *((value, REJECT) for value in (5, "soon", "2026-13-01", 1.5e12, ["x"], True)),
            ],
        ),
        "baseScore": (
            "karma",
            [
                (None, None),
                (-3, -3.0),
                ("12", 12.0),
                *((value, REJECT) for value in ("n/a", [1], True, "1,5", {"a": 1})),
            ],
        ),
        "html": ("text", [(None, ""), *((value, REJECT) for value in (["x"], {"html": "x"}, True))]),
        "user": (
            "authors",
            [
                (None, ()),
                ({}, ()),
                ({"displayName": None}, ()),
                *((value, REJECT) for value in (5, "Ada", [], True, {"displayName": ["x"]}, {"displayName": True})),
            ],
        ),
        "coauthors": (
            "authors",
            [
                (None, ("Ada",)),
                ([{"displayName": "Bo"}], ("Ada", "Bo")),
                ([None], ("Ada",)),
                *((value, REJECT) for value in (5, ["x"], "Bo", [{"displayName": ["x"]}, user])),
            ],
        ),
        "tags": (
            "tags",
            [
                (None, ()),
                ([{"name": "AI"}, {"name": "B"}], ("AI", "B")),
                *((value, REJECT) for value in (5, "AI", ["AI"], [5], [{"name": ["x"]}, {"name": "B"}])),
            ],
        ),
        "url": ("title", [(None, "T"), *((value, REJECT) for value in (["u"], True, {"u": 1}))]),
        "type": ("", [(value, REJECT) for value in ("Post", 5, None, ["post"])]),
    }

    def posts(**more: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [{**base, "_id": f"{n:017d}", "user": user} for n in range(COUNT)]
        rows[2] |= more
        return rows

    for key, (field, values) in odd.items():
        for number, (value, wanted) in enumerate(values):
            yield (
                f"forum-{key}-{number}",
                lambda folder, key=key, value=value, field=field, wanted=wanted: expect(
                    folder,
                    write_lines(folder, [meta, *posts(**{key: value})], "d.jsonl.gz"),
                    field,
                    wanted,
                    dump="lesswrong",
                    source="",
                ),
            )
    for name, rows, manifest in (
        ("without a line about itself", posts(), None),
        ("with two", [meta, meta, *posts()], None),
        ("of another format", [{**meta, "format": 2}, *posts()], None),
        ("fewer posts than its manifest says", [meta, *posts()], b'{"posts": 9, "comments": 0}'),
        ("a manifest of texts", [meta, *posts()], b'{"posts": "8"}'),
        ("a manifest without counts", [meta, *posts()], b'{"counts": {"posts": 8}}'),
        ("a manifest that is none", [meta, *posts()], b"hello"),
        ("a manifest that is a list", [meta, *posts()], b"[]"),
    ):

        def check(folder: Path, rows: list[dict[str, Any]] = rows, manifest: bytes | None = manifest) -> str:
            if manifest is not None:
                (folder / "manifest.json").write_bytes(manifest)
            return expect(folder, write_lines(folder, rows, "d.jsonl.zst"), "", STOP, dump="lesswrong", source="")

        yield f"forum-{name}", check


def settings_cases() -> Iterator[tuple[str, Case]]:
    """What an entry may say of dirt."""
    marks = {"empty_marks": ["NA", "n.a."]}
    for name, rows, field, wanted, entry in (
        ("mark of a number", rows_for(karma="n.a."), "karma", None, marks),
        ("mark of a date", rows_for(published_date="NA"), "published_date", "", marks),
        ("a title is no mark", rows_for(title="NA"), "title", "NA", marks),
        ("an id is no mark", rows_for(doc_id="NA"), "doc_id", "NA", marks),
        ("left empty", rows_for(karma="1,5"), "karma", None, {"leave_empty": ["karma"]}),
        ("left empty, another field", rows_for(karma="1,5"), "karma", REJECT, {"leave_empty": ["url"]}),
        ("ids may not be left empty", rows_for(), "", STOP, {"leave_empty": ["doc_id"]}),
        ("no such field", rows_for(), "", STOP, {"leave_empty": ["karmas"]}),
        ("too few dates", rows_for(published_date=""), "", STOP, {"min_read_shares": {"published_date": 0.95}}),
        (
            "enough dates",
            rows_for(published_date=""),
            "published_date",
            "",
            {"min_read_shares": {"published_date": 0.8}},
        ),
        ("a column collapsed", [{**row, "karma": "n.a."} for row in rows_for()], "", STOP, {}),
        ("a mapped column that is not there", rows_for(), "", STOP, {"columns": {"karma": "score"}}),
    ):
        for form, write in WRITERS.items():
            yield (
                f"entry-{form}-{name}",
                lambda folder, write=write, rows=rows, field=field, wanted=wanted, entry=entry: expect(
                    folder, write(folder, rows), field, wanted, **entry
                ),
            )


def all_cases() -> dict[str, Case]:
    """Returns every case by name."""
    makers = (
        text_cases,
        typed_cases,
        line_cases,
        csv_cases,
        written_cases,
        parquet_cases,
        packed_cases,
        dump_cases,
        forum_cases,
        settings_cases,
    )
    return dict(case for make in makers for case in make())
