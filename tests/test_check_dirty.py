"""A hundred dirty sheets: each is taken as it was meant, or answered in one line that says where and what to do."""

import re
from pathlib import Path

import pytest

from pipeline.check.imports import import_file
from pipeline.check.session import Session, load_session
from pipeline.config import load_config
from pipeline.errors import SheetError
from tests.handcheck_project import make_project

COLUMNS = ("doc_id", "leaf", "leaf2", "target", "mechanism", "scaling", "evidence", "confidence", "note")
IDS = [f"lw:{number:017d}" for number in range(40)]
Case = tuple[str, bytes, "int | str"]


def table(*rows: tuple[str, ...], header: tuple[str, ...] = COLUMNS, by: str = ",", end: str = "\r\n") -> str:
    return end.join(by.join(row) for row in (header, *rows)) + end


def row(number: int, **cells: str) -> tuple[str, ...]:
    good = dict(zip(COLUMNS, (IDS[number], "A1", "", "T1", "M3", "S0", "E", "3", "fine"), strict=True))
    return tuple({**good, **cells}.values())


ONE = table(row(0))
TWO = table(row(0), row(1))
QUOTED = table(row(0, note='"a, ""b"" \n c"'))
JSON_ONE = f'{{"doc_id": "{IDS[0]}", "leaf": "A1", "confidence": "3"}}'


def cells(name: str, cell: str, expected: int | str, **others: str) -> Case:
    """A sheet of two rows, the first of which has one strange cell."""
    return f"{name} is {cell[:24]!r}", table(row(0, **{name: cell}, **others), row(1)).encode(), expected


ENCODINGS: list[Case] = [
    ("plain", ONE.encode(), 1),
    ("byte-order mark", b"\xef\xbb\xbf" + TWO.encode(), 2),
    ("two byte-order marks", b"\xef\xbb\xbf\xef\xbb\xbf" + ONE.encode(), 1),
    ("UTF-16 with a mark", TWO.encode("utf-16"), 2),
    ("UTF-16 big-endian with a mark", b"\xfe\xff" + TWO.encode("utf-16-be"), 2),
    ("UTF-16 without a mark", TWO.encode("utf-16-le"), 2),
    ("UTF-16 big-endian without a mark", TWO.encode("utf-16-be"), 2),
    ("UTF-32", b"\xff\xfe\x00\x00" + ONE.encode("utf-32-le"), 1),
    ("Latin-1 umlaut", table(row(0, note="für")).encode("latin-1"), "neither UTF-8 nor UTF-16"),
    ("Windows quotes", table(row(0, note="“x”")).encode("cp1252"), "neither UTF-8 nor UTF-16"),
    ("Shift JIS", table(row(0, note="日本語")).encode("shift_jis"), "neither UTF-8 nor UTF-16"),
    ("UTF-16 cut in half", TWO.encode("utf-16")[:-3], "cells where the header has|neither UTF-8"),
    ("half an emoji", table(row(0, note="a \ud83d b")).encode("utf-8", "surrogatepass"), 1),
    ("half an emoji in UTF-16", b"\xff\xfe" + table(row(0, note="\ud83d")).encode("utf-16-le", "surrogatepass"), 1),
    ("a whole emoji", table(row(0, note="😀")).encode(), 1),
    ("NUL in a note", table(row(0, note="a\x00b")).encode(), r":2: holds a NUL character"),
    ("NUL at the end", ONE.encode() + b"\x00", "holds a NUL character"),
    ("right-to-left marks", table(row(0, leaf="\u200fA1".replace("\u200f", "\u200b"))).encode(), 1),
]
SHAPES: list[Case] = [
    ("empty file", b"", "is empty"),
    ("white space", b" \r\n \r\n", "is empty"),
    ("only a header", table().encode(), 0),
    ("only a mark", b"\xef\xbb\xbf", "is empty"),
    ("no header", ",".join(row(0)).encode(), "lacks the column 'doc_id'"),
    ("semicolons", table(row(0), row(1), by=";").encode(), 2),
    ("tabs", table(row(0), row(1), by="\t").encode(), 2),
    ("bars", table(row(0), by="|").encode(), 1),
    ("sep=; as Excel writes it", b"sep=;\r\n" + table(row(0), by=";").encode(), 1),
    ("sep=, with a bad line", b"sep=,\r\n" + table(row(0, leaf="Z9")).encode(), "line 3: leaf 'Z9'"),
    ("Unix line ends", table(row(0), row(1), end="\n").encode(), 2),
    ("old Mac line ends", table(row(0), row(1), end="\r").encode(), 2),
    ("mixed line ends", (table(row(0), end="\n") + ",".join(row(1)) + "\r\n").encode(), 2),
    ("no line end at the end", TWO.rstrip().encode(), 2),
    ("empty lines between", TWO.replace("\r\n", "\r\n\r\n").encode(), 2),
    ("empty lines before", b"\r\n\r\n" + TWO.encode(), 2),
    ("lines of commas", (TWO + "," * 8 + "\r\n").encode(), 2),
    ("empty columns to the right", table(*((*row(0), "", ""),), header=(*COLUMNS, "", "")).encode(), 1),
    ("more empty cells than the header", (ONE.rstrip() + ",,,\r\n").encode(), 1),
    ("a cell under no name", table((*row(0), "x"), header=(*COLUMNS, "")).encode(), "under no column name"),
    ("a line too short", table(row(0)[:5]).encode(), ":2: has 5 cells where the header has 9"),
    ("a line too long", table((*row(0), "more")).encode(), ":2: has 10 cells where the header has 9"),
    ("an open quotation", table(row(0, note='"open')).encode(), "is not valid CSV"),
    ("text behind a quotation", table(row(0, note='"a"b')).encode(), "is not valid CSV"),
    ("a note of three lines", QUOTED.encode(), 1),
    ("a wrong line behind a long note", (QUOTED + ",".join(row(1, leaf="Z9")) + "\r\n").encode(), "line 4: leaf 'Z9'"),
    ("capitals in the header", ONE.replace("leaf,", "Leaf,").replace("doc_id", "DOC_ID").encode(), 1),
    ("blanks in the header", ONE.replace("leaf,", " leaf ,").encode(), 1),
    ("a column twice", ONE.replace("leaf2", "leaf").encode(), "has the column 'leaf' twice"),
    ("doc_id twice", ONE.replace("note\r", "doc_id\r").encode(), "has the column 'doc_id' twice"),
    ("columns in another order", table(row(0)[::-1], header=COLUMNS[::-1]).encode(), 1),
    ("an unknown column", table((*row(0), "mine"), header=(*COLUMNS, "My column")).encode(), 1),
    ("titles and links kept in", table((*row(0), "=x"), header=(*COLUMNS, "title")).encode(), 1),
    ("a title line above", ("Our sheet,,,,,,,,\r\n" + ONE).encode(), "lacks the column 'doc_id'"),
    ("no leaf column", table((IDS[0], "3"), header=("doc_id", "confidence")).encode(), "leaf is empty"),
    ("leaf and confidence alone", table((IDS[0], "A1", "3"), header=("doc_id", "leaf", "confidence")).encode(), 1),
    ("merged cells", table(row(0), row(1, doc_id="")).encode(), "line 3: doc_id is empty .merged cells"),
    ("doubled rows", table(row(0), row(0)).encode(), "line 3: document .* is on line 2 already"),
    ("doubled rows that differ", table(row(0), row(0, leaf="B1")).encode(), "is on line 2 already"),
    ("a hundred thousand empty lines", ONE.encode() + b"\r\n" * 100_000, 1),
]
CELLS: list[Case] = [
    cells("leaf", "", "line 2: leaf is empty"),
    cells("leaf", "a1", 2),
    cells("leaf", " A1 ", 2),
    cells("leaf", "\u00a0A1", 2),
    cells("leaf", "\uff21\uff11", 2),
    cells("leaf", "'A1", 2),
    cells("leaf", "A 1", "line 2: leaf 'A 1' is not in the codebook; use one of A1"),
    cells("leaf", "\u0410\u0031", "is not in the codebook"),
    cells("leaf", "A1/B1", "is not in the codebook"),
    cells("leaf", "Z9", "is not in the codebook"),
    cells("leaf", "A", "is not in the codebook"),
    cells("leaf", "=A1", r"line 2: leaf holds a formula \(=A1\)"),
    cells("leaf", "=cmd|' /C calc'!A0", "leaf holds a formula"),
    cells("leaf", "+A1", "holds a formula"),
    cells("leaf", "@A1", "holds a formula"),
    cells("leaf", "#REF!", "is not in the codebook"),
    cells("leaf", "#NAME?", "is not in the codebook"),
    cells("leaf", "nan", "is not in the codebook"),
    cells("leaf2", "Q1", "leaf2 'Q1' is not in the codebook"),
    cells("leaf2", "none", "is not in the codebook"),
    cells("leaf2", "d1", 2),
    cells("confidence", "3.0", 2),
    cells("confidence", '"3,0"', "confidence '3,0' is not in the codebook"),
    cells("confidence", "4", "is not in the codebook"),
    cells("confidence", "sure", "is not in the codebook"),
    cells("confidence", "-1", "holds a formula"),
    cells("confidence", "", "confidence is empty"),
    cells("confidence", "03-Jan", "is not in the codebook"),
    cells("target", "", 2),
    cells("target", "t1", 2),
    cells("target", "T9", "target 'T9' is not in the codebook"),
    cells("mechanism", "1.5E+03", "is not in the codebook"),
    cells("doc_id", "lw:1", "document 'lw:1' is not in this task"),
    cells("doc_id", IDS[39], "is not in this task"),
    cells("doc_id", "x" * 5_000, "is not in this task"),
    cells("doc_id", IDS[0].upper(), "is not in this task"),
    cells("doc_id", f" {IDS[0]} ", 2),
    cells("note", "=1+1", "line 2: note holds a formula"),
    cells("note", "-fine", 2),
    cells("note", "x" * 10_000_000, "line 2: note has 10,000,000 characters; 4,000 are allowed"),
    cells("note", "x" * 4_000, 2),
    cells("note", "<script>alert(1)</script>", 2),
    cells("note", "tab\there", 2),
    cells("note", "bell \x07 and escape \x1b", 2),
]
FILES: list[Case] = [
    ("an Excel workbook", b"PK\x03\x04" + b"x" * 50, "is an Excel or LibreOffice workbook; save the sheet as CSV"),
    ("an old Excel workbook", b"\xd0\xcf\x11\xe0" + b"x" * 50, "is an old Excel workbook"),
    ("a gzip file", b"\x1f\x8b\x08" + b"x" * 50, "is compressed"),
    ("a Parquet file", b"PAR1" + b"x" * 50, "is a Parquet file"),
    ("a PDF", b"%PDF-1.7 x", "is a PDF"),
    ("a web page", b"<!doctype html><table>", "lacks the column 'doc_id'"),
    ("random bytes", bytes(range(128, 256)), "neither UTF-8 nor UTF-16"),
    ("JSON lines", (JSON_ONE + "\n" + JSON_ONE.replace(IDS[0], IDS[1])).encode(), 2),
    ("a JSON list", f"[{JSON_ONE}]".encode(), 1),
    ("JSON with a number", JSON_ONE.replace('"3"', "3").encode(), 1),
    ("JSON with null", JSON_ONE.replace('"A1"', "null").encode(), "line 1: leaf is empty"),
    ("JSON with a list in a cell", JSON_ONE.replace('"A1"', '["A1"]').encode(), "is not in the codebook"),
    ("JSON cut off", (JSON_ONE + "\n" + JSON_ONE[:30]).encode(), ":2: is not valid JSON"),
    ("JSON with a name twice", JSON_ONE.replace('"leaf"', '"leaf": "B1", "leaf"').encode(), "'leaf' is there twice"),
    ("JSON that is no object", (JSON_ONE + "\n[1]").encode(), ":2: is not an object"),
    ("JSON without a document", b'{"leaf": "A1", "confidence": "3"}', ":1: lacks doc_id"),
    ("JSON nested without end", b"[" * 100_000, "is not valid JSON"),
    ("JSON with half an emoji", JSON_ONE.replace('"A1"', '"A1", "note": "\\\\ud83d"').encode(), 1),
    ("JSON of another kind", JSON_ONE.replace("}", ', "coder_kind": "person"}').encode(), 1),
    ("JSON of a model", JSON_ONE.replace("}", ', "coder_kind": "language model"}').encode(), "ann is a person"),
    ("a batch line without an answer", b'{"custom_id": "x", "response": {}}', "rejected: the line holds no answer"),
]
CASES = [*ENCODINGS, *SHAPES, *CELLS, *FILES]


@pytest.fixture
def session(tmp_path: Path, root: Path) -> Session:
    return load_session(load_config(make_project(tmp_path, root)), "documents", "ann", "person")


def test_there_are_a_hundred_of_them_each_of_its_own() -> None:
    assert len(CASES) >= 100 and len({content for _, content, _ in CASES}) == len(CASES)


@pytest.mark.parametrize(("name", "content", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_dirty_sheet_is_one_line_or_a_right_answer(
    session: Session, tmp_path: Path, name: str, content: bytes, expected: int | str
) -> None:
    path = tmp_path / "dirty.csv"
    path.write_bytes(content)
    try:
        found = import_file(session, path)
        said, count = found.problems, found.count
    except SheetError as error:
        said, count = [str(error)], 0
        assert "; " in str(error)  # what to do
    assert all(len(line) < 500 and "\n" not in line and "dirty.csv" in line for line in said)
    if isinstance(expected, int):
        assert said == [] and count == expected
        assert {row["leaf"] for row in session.record.rows.values()} <= {"A1"}
        lines = session.record.path.read_text(encoding="utf-8").splitlines() if count else []
        assert len(lines) == (count + 1 if count else 0)
    else:
        assert re.search(expected, said[0]), said
        assert count == 0 and not session.record.path.exists()


def test_what_is_no_file_is_one_line_too(session: Session, tmp_path: Path) -> None:
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "nowhere.csv", "the file is missing")):
        with pytest.raises(SheetError, match=words):
            import_file(session, path)
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(SheetError, match="has 200 MB; 64 are allowed"):
        import_file(session, huge)


def test_a_column_of_ones_own_stays_in_the_sheet(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(table((*row(0), "mine"), header=(*COLUMNS, "My column")))
    assert import_file(session, path).notices[0] == "columns of your own are kept: My column"
    assert "My column" in session.record.path.read_text().splitlines()[0] and "mine" in session.record.path.read_text()
