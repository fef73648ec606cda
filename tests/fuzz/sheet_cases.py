"""Odd sheets of coders: the codes that were written, or one line. A case returns what went wrong."""

from collections.abc import Callable
from pathlib import Path

from pipeline.coding.codebook import load_codebook
from pipeline.coding.sheets import code_columns_of, read_sheet
from pipeline.errors import PipelineError

Case = Callable[[Path], str]
CODEBOOK = load_codebook(Path(__file__).resolve().parents[2] / "data/raw/handcheck/codebook/codebook.toml")
COLUMNS = ("doc_id", *code_columns_of(CODEBOOK), "note")
IDS = [f"lw:{number:017d}" for number in range(6)]


def good_row(number: int, **more: str) -> dict[str, str]:
    """Returns a finished line of a sheet."""
    leaf = sorted(CODEBOOK.leaves)[number % 3]
    axes = {axis: next(iter(values)) for axis, values in CODEBOOK.axes.items() if axis != "confidence"}
    return {"doc_id": IDS[number], "leaf": leaf, "leaf2": "", **axes, "confidence": "2", "note": "", **more}


def render(rows: list[dict[str, str]], columns: list[str] | None = None, mark: str = ",", end: str = "\n") -> str:
    """Returns rows as CSV, cells as they are."""
    names = columns or list(dict.fromkeys([*COLUMNS, *rows[0]]))
    return end.join(mark.join(line) for line in [names, *([row.get(name, "") for name in names] for row in rows)]) + end


def check(folder: Path, content: bytes, wanted: int | None) -> str:
    """Reads a sheet. `wanted` is the number of codes, or None for one line."""
    path = folder / "ada.csv"
    path.write_bytes(content)
    try:
        found = read_sheet(path, CODEBOOK, IDS)
    except PipelineError as error:
        is_line = "\n" not in str(error) and str(error).isprintable()
        return "" if wanted is None and is_line else f"refused: {error}"
    if wanted is None:
        return f"gives {len(found)} codes"
    leaves = {IDS[number]: good_row(number)["leaf"] for number in range(len(IDS))}
    is_right = all(row["leaf"] == leaves[doc_id] for doc_id, row in found.to_dict("index").items())
    return "" if len(found) == wanted and is_right else f"gives {len(found)} codes, right: {is_right}"


def all_cases() -> dict[str, Case]:
    """Returns every case by name."""
    rows = [good_row(number) for number in range(len(IDS))]
    text = render(rows)
    table: dict[str, tuple[bytes, int | None]] = {
        "whole": (text.encode(), 6),
        "byte-order mark": (b"\xef\xbb\xbf" + text.encode(), 6),
        "carriage returns": (text.replace("\n", "\r\n").encode(), 6),
        "quoted": (render([{name: f'"{cell}"' for name, cell in row.items()} for row in rows]).encode(), 6),
        "blanks around cells": (
            render([{name: f" {cell} " for name, cell in row.items()} for row in rows]).encode(),
            6,
        ),
        "columns in another order": (render(rows, sorted(COLUMNS)).encode(), 6),
        "one more column": (render([{**row, "mood": "good"} for row in rows]).encode(), 6),
        "no line end": (text.rstrip("\n").encode(), 6),
        "only a header": (",".join(COLUMNS).encode() + b"\n", 0),
        "a note with a line end": (render([good_row(0, note='"a\nb"'), *rows[1:]]).encode(), 6),
        "a note with marks": (render([good_row(0, note='"<b>, ""x"" =1+1"'), *rows[1:]]).encode(), 6),
        "a draft": (
            render([{**row, "state": "draft" if number == 2 else "done"} for number, row in enumerate(rows)]).encode(),
            5,
        ),
        "empty": (b"", None),
        "bytes": (bytes(range(256)), None),
        "latin-1": (render([good_row(0, note="café"), *rows[1:]]).encode("latin-1"), None),
        "utf-16": (text.encode("utf-16"), None),
        "semicolons": (render(rows, mark=";").encode(), None),
        "tabs": (render(rows, mark="\t").encode(), None),
        "one document twice": (render([*rows, rows[0]]).encode(), None),
        "an unknown document": (render([good_row(0, doc_id="lw:none"), *rows[1:]]).encode(), None),
        "no document": (render([good_row(0, doc_id=""), *rows[1:]]).encode(), None),
        "a cell too few": (text.encode() + b"lw:1,A1\n", None),
        "a cell too many": (text.replace("\n", ",x\n").replace(",x\n", "\n", 1).encode(), None),
        "a quotation mark never closed": (text.encode() + b'"lw', None),
        "text behind a quotation mark": (text.encode() + b'"lw"x,A1\n', None),
        "a zip": (b"PK\x03\x04" + bytes(60), None),
    }
    for column in ("doc_id", "leaf", "confidence"):
        names = [name for name in COLUMNS if name != column]
        table[f"without {column}"] = (render(rows, names).encode(), None)
        table[f"{column} in capitals"] = (text.replace(column, column.upper(), 1).encode(), None)
    for column in ("leaf", "leaf2"):
        for number, cell in enumerate(("Z9", "a1x", "A", "1", "None", "\x00", "A1;A2", "\u0410\u0031", "x" * 5_000)):
            table[f"{column} odd {number}"] = (render([good_row(0, **{column: cell}), *rows[1:]]).encode(), None)
    for number, cell in enumerate(("", "0", "9", "-1", "2.0", "two", "nan", "1e0", "２", "١", "true")):
        table[f"confidence odd {number}"] = (render([good_row(0, confidence=cell), *rows[1:]]).encode(), None)
    for axis in CODEBOOK.code_axes:
        table[f"{axis} odd"] = (render([good_row(0, **{axis: "nothing"}), *rows[1:]]).encode(), None)
    return {
        name: lambda folder, content=content, wanted=wanted: check(folder, content, wanted)
        for name, (content, wanted) in table.items()
    }
