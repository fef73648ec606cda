"""Sheets filled in a spreadsheet: written blank, and taken back only when every line is right."""

from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.check.page import CODE_COLUMNS, Session
from pipeline.coding.records import DONE, save_row
from pipeline.coding.sheets import COLUMNS, read_csv_rows
from pipeline.errors import SheetError

FORMULA_STARTS = ("=", "+", "-", "@")


def write_blank(session: Session, path: Path, count: int) -> int:
    """Writes the coder's next unread documents with empty codes, and returns how many.

    Titles that a spreadsheet would take for a formula begin with an apostrophe.

    Raises:
        SheetError: the task is not one of reading documents.
    """
    _refuse_other_tasks(session)
    states = {key: row.get("state") for key, row in session.record.rows.items()}
    waiting = [item for item in session.items if states.get(item.key) != DONE][:count]
    rows = pd.DataFrame(
        [{"doc_id": item.key, "title": _as_text(item.title), "url": item.url} for item in waiting],
        columns=["doc_id", "title", "url", *COLUMNS[1:], "unsure"],
    )
    store.write_csv(path, rows.fillna(""))
    return len(rows)


def import_sheet(session: Session, path: Path) -> tuple[list[str], int]:
    """Takes a filled sheet if nothing is wrong with it; lines without any code are passed over.

    Returns:
        one sentence a problem, with its line, and how many documents were taken (none if there are problems).

    Raises:
        SheetError: the file is not a CSV with the columns of a sheet, or the task is not one of reading documents.
    """
    _refuse_other_tasks(session)
    known = {item.key for item in session.items}
    problems: list[str] = []
    first_line: dict[str, int] = {}
    taken: dict[str, dict[str, str]] = {}
    for line, row in read_csv_rows(path, COLUMNS):
        cells = {column: row.get(column, "") for column in (*CODE_COLUMNS, "note", "unsure")}
        if not any(cells[column] for column in CODE_COLUMNS):
            continue
        found = _find_problems(session, row["doc_id"], cells, known)
        if row["doc_id"] in first_line:
            found.append(
                f"document {row['doc_id']!r} is on line {first_line[row['doc_id']]} already; keep one of the two"
            )
        first_line.setdefault(row["doc_id"], line)
        problems += [f"{path.name}, line {line}: {problem}" for problem in found]
        taken[row["doc_id"]] = cells
    if problems:
        return problems, 0
    kept = {"codebook_version": session.codebook_version, "coder_kind": session.kind}
    for doc_id, cells in taken.items():
        save_row(session.record, doc_id, {**cells, "state": DONE}, kept)
    return [], len(taken)


def _find_problems(session: Session, doc_id: str, cells: dict[str, str], known: set[str]) -> list[str]:
    if doc_id not in known:
        return [f"document {doc_id!r} is not in this task; correct the id, or remove the line"]
    problems = []
    for column in CODE_COLUMNS:
        value = cells[column]
        allowed = session.codebook.leaves if column.startswith("leaf") else session.codebook.axes[column]
        if value.startswith(FORMULA_STARTS):
            problems.append(f"{column} holds a formula ({value[:20]}); type the code itself")
        elif not value and column != "leaf2":
            problems.append(f"{column} is empty; fill it, or clear the whole line to leave it for later")
        elif value and value not in allowed:
            problems.append(f"{column} {value!r} is not in the codebook; use one of {', '.join(allowed)}")
    if cells["note"].startswith(FORMULA_STARTS[:1]):
        problems.append("note holds a formula; begin it with a letter")
    if cells["unsure"] not in {"", "yes"}:
        problems.append(f"unsure {cells['unsure']!r} is neither yes nor empty")
    return problems


def _refuse_other_tasks(session: Session) -> None:
    if session.task not in {"documents", "adjudication"}:
        raise SheetError("only documents can be coded in a spreadsheet", where=session.task, do="use the page")


def _as_text(title: str) -> str:
    return f"'{title}" if title.startswith(FORMULA_STARTS) else title
