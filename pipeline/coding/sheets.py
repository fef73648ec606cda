"""Coders' sheets: one CSV a coder, every cell checked against the codebook and the census."""

import csv
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from pipeline.coding.codebook import ASSUMED, CONFIDENCE, Codebook
from pipeline.errors import SheetError

REQUIRED = ("doc_id", "leaf")


def code_columns_of(codebook: Codebook) -> list[str]:
    """Returns the columns of codes that a sheet's table has, in their order."""
    return ["leaf", "leaf2", *codebook.code_axes, CONFIDENCE]


def read_sheet(path: Path, codebook: Codebook, known_ids: Collection[str]) -> pd.DataFrame:
    """Reads a coder's sheet.

    Rows that the hand-check page marks as drafts are passed over. A coder may leave axes out, or cells of them empty.

    Args:
        path: the CSV file; a byte-order mark is allowed.
        codebook: whose codes are allowed.
        known_ids: the documents of the census, and those that rounds have drawn from.

    Returns:
        doc_id, leaf, leaf2, every axis of the codebook, confidence (integers; 1 where it is not asked), note, assumed
        (axes that the sheet has no column for and the codebook tells from the leaf; where it has any of these),
        group and group2 (of the leaves), and text_sha256 (of the text that was shown; empty where the sheet does not
        say), indexed by doc_id.

    Raises:
        SheetError: a missing column, an unknown document, a code that is not in the codebook, or a document twice,
            with the line it is on.
    """
    columns = ["doc_id", *code_columns_of(codebook), "note"]
    required = (*REQUIRED, CONFIDENCE) if CONFIDENCE in codebook.axes else REQUIRED
    groups = {"": "", **codebook.group_of}
    allowed_in = _allowed_codes(codebook)
    rows: dict[str, dict[str, object]] = {}
    for line, row in read_csv_rows(path, required):
        where = f"{path}:{line}"
        if row.get("state") == "draft":  # still open in the hand-check page: not read yet
            continue
        doc_id = row["doc_id"]
        if doc_id not in known_ids:
            raise SheetError(
                f"there is no document {doc_id!r} in the census", where=where, do="correct the id, or remove the line"
            )
        if doc_id in rows:
            raise SheetError(f"document {doc_id!r} is coded twice", where=where, do="keep one of the two lines")
        for column, allowed in allowed_in.items():
            value = row.get(column, "")
            if value not in allowed and (value or column in required):
                raise SheetError(
                    f"{column} {value!r} is not in the codebook",
                    where=where,
                    do=f"use one of {', '.join(allowed)}",
                )
        late = {axis: codes for axis, codes in codebook.assumed.items() if axis not in row}
        rows[doc_id] = {
            **{column: row.get(column, "") for column in columns},
            **{axis: codes.get(groups[row["leaf"]], "") for axis, codes in late.items()},
            ASSUMED: " ".join(late),
            CONFIDENCE: int(row[CONFIDENCE]) if CONFIDENCE in codebook.axes else codebook.confidences[-1],
            "group": groups[row["leaf"]],
            "group2": groups[row.get("leaf2", "")],
            "text_sha256": row.get("text_sha256", ""),
        }
    own = [ASSUMED] if codebook.assumed else []
    found = pd.DataFrame(list(rows.values()), columns=[*columns, *own, "group", "group2", "text_sha256"])
    return found.set_index("doc_id", drop=False)


def read_csv_rows(path: Path, columns: Collection[str]) -> list[tuple[int, dict[str, str]]]:
    """Returns the lines of a CSV file with their line numbers, cells stripped.

    Raises:
        SheetError: the file is missing or not UTF-8, lacks one of `columns`, or has a line of another length.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [column for column in columns if column not in (reader.fieldnames or [])]
            if missing:
                raise SheetError(
                    f"lacks the column {missing[0]!r}",
                    where=f"{path}:1",
                    do="add it; the columns are " + ", ".join(columns),
                )
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    raise SheetError(
                        "has more or fewer cells than the header", where=f"{path}:{reader.line_num}", do="mend the line"
                    )
                rows.append((reader.line_num, {key: value.strip() for key, value in row.items()}))
            return rows
    except FileNotFoundError:
        raise SheetError(
            "the file is missing", where=str(path), do="restore it from git, or remove it from round.toml"
        ) from None
    except UnicodeDecodeError:
        raise SheetError("is not UTF-8 text", where=str(path), do="save the sheet as CSV, UTF-8") from None
    except csv.Error as error:
        raise SheetError(f"is not valid CSV ({error})", where=str(path), do="save the sheet as CSV, UTF-8") from None


def _allowed_codes(codebook: Codebook) -> dict[str, list[str]]:
    allowed = {"leaf": list(codebook.leaves), "leaf2": list(codebook.leaves)}
    return allowed | {axis: list(codes) for axis, codes in codebook.axes.items()}
