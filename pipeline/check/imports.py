"""Codes that come in from elsewhere: checked line by line, taken only when every line is right."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import store
from pipeline.check.session import Session, context_of, find_problem_of_cell
from pipeline.check.study import asked_axes, required_columns
from pipeline.check.tasks import CODED, Item
from pipeline.coding.cells import FORMULA_STARTS, clean_cells, clean_text, code_columns
from pipeline.coding.record_view import DONE, DRAFT, KEPT, Context
from pipeline.coding.records import save_rows
from pipeline.coding.spreadsheet import Row, read_rows, read_text
from pipeline.errors import SheetError

ID_NAMES = ("doc_id", "custom_id", "cluster_id")
IMPORTED = (*CODED, "screening")
LEFT_OUT = ("title", "text", "url", "problem", "coder", "pack", "task", "round", "instructions", "schema")
FACTS = (
    "text_sha256",
    "shown_sha256",
    "shown",
    "model",
)  # of where a code comes from; taken with it if a file states them


@dataclass(frozen=True)
class Imported:
    """What an import did: one sentence a problem (then nothing was taken), and what is worth saying."""

    problems: list[str]
    count: int = 0
    notices: list[str] = field(default_factory=list)


def write_blank(session: Session, path: Path, items: Sequence[Item]) -> None:
    """Writes documents with their text and empty codes, for a spreadsheet program.

    The file begins with a byte-order mark, without which Excel takes it for another encoding; what a spreadsheet would
    take for a formula begins with an apostrophe.

    Raises:
        SheetError: the task is not one of reading documents.
    """
    _refuse_other_tasks(session)
    codes = ["screen"] if session.task == "screening" else [*code_columns(session.codebook)]
    columns = ["doc_id", "title", "text", *codes, "note", "unsure"]
    rows = pd.DataFrame(
        [{"doc_id": item.key, "title": _as_text(item.title), "text": _as_text(item.text)} for item in items],
        columns=columns,
    )
    store.write_text(path, "\ufeff" + rows.fillna("").to_csv(index=False, lineterminator="\r\n"))


def import_file(session: Session, path: Path) -> Imported:
    """Takes a file of codes if nothing is wrong with it; lines without any code are passed over.

    Raises:
        SheetError: the file is no table of codes, or the task is not one of reading documents.
    """
    _refuse_other_tasks(session)
    rows = list(_read_codes(path, session))
    items = {item.key: item for item in session.items}
    codes = ("screen",) if session.task == "screening" else code_columns(session.codebook)
    problems: list[str] = []
    drafts = 0
    first_line: dict[str, int] = {}
    taken: dict[str, tuple[Mapping[str, str], Context]] = {}
    for line, row in rows:
        doc_id = row.pop(session.record.key)
        cells = clean_cells(session.codebook, _kept_cells(session, row))
        is_empty = not any(cells.get(column) for column in codes) and not row.get("problem")
        if is_empty and (doc_id or not any(row.values())):
            continue
        if row.get("state") == DRAFT:
            drafts += 1
            continue
        found = _find_problems(session, doc_id, cells, row, items)
        if doc_id in first_line:
            found.append(f"document {doc_id!r} is on line {first_line[doc_id]} already; keep one of the two")
        first_line.setdefault(doc_id, line)
        problems += [f"{path.name}, line {line}: {problem}" for problem in found]
        item = items.get(doc_id, Item(doc_id, "", "", ""))
        taken[doc_id] = {**cells, "state": DONE}, _context(session, item, row)
    if problems:
        return Imported(problems)
    save_rows(session.record, taken)
    left = [f"{drafts} documents are not complete in the file and are left out"] if drafts else []
    return Imported([], len(taken), _notices(session, rows) + left)


def import_sheet(session: Session, path: Path) -> tuple[list[str], int]:
    """Returns the problems of a file and how many documents were taken: see `import_file`."""
    found = import_file(session, path)
    return found.problems, found.count


def kind_in_file(path: Path) -> str:
    """Returns what a packed page's file says of who read; nothing for other files, or if it says two things."""
    try:
        said = {row.get("coder_kind", "") for _, row in read_rows(path, ("doc_id", "coder_kind"))} - {""}
    except SheetError:
        return ""  # what is wrong with the file is said when it is read for its codes
    return said.pop() if len(said) == 1 else ""


def answer_of(value: Mapping[str, Any]) -> tuple[str, str, str]:
    """Returns the document, the answer's text and the model of one line that a batch service wrote.

    Raises:
        ValueError: the request failed, or the line has another shape.
    """
    doc_id = str(value.get("custom_id", ""))
    if value.get("error"):
        raise ValueError(f"the service says: {json.dumps(value['error'])[:200]}")
    body = (value.get("response") or {}).get("body") or (value.get("result") or {}).get("message") or {}
    if body.get("error"):
        raise ValueError(f"the service says: {json.dumps(body['error'])[:200]}")
    try:
        if "choices" in body:
            return doc_id, str(body["choices"][0]["message"]["content"]), str(body.get("model", ""))
        return doc_id, str(body["content"][0]["text"]), str(body.get("model", ""))
    except (KeyError, IndexError, TypeError):
        raise ValueError("the line holds no answer of a model") from None


def read_answer(text: str) -> dict[str, str]:
    """Returns the cells of a model's answer: one JSON object, in a code fence or not, of texts and whole numbers.

    Raises:
        ValueError: it is anything else; words around the object are not forgiven, since they may contradict it.
    """
    plain = text.strip()
    if plain.startswith("```"):
        plain = plain.strip("`").removeprefix("json").strip()
    value = json.loads(plain, object_pairs_hook=_without_doubles)
    if not isinstance(value, dict):
        raise ValueError("the answer is no JSON object")
    cells = {}
    for name, cell in value.items():
        if isinstance(cell, bool) or not isinstance(cell, str | int | None):
            raise ValueError(f"{name} is neither a text nor a whole number")
        cells[name] = "" if cell is None else clean_text(str(cell))
    return cells


def find_answer_problem(session: Session, cells: Mapping[str, str]) -> str:
    """Returns what is wrong with a model's answer, or nothing; a name that was not asked for is wrong too."""
    known = {*required_columns(session.task, session.study, session.codebook), "note"}
    known |= set(code_columns(session.codebook)) if session.task in CODED else set()
    strange = [name for name in cells if name not in known]
    if strange:
        return f"{strange[0][:40]!r} was not asked for"
    problems = _cell_problems(session, cells)
    return problems[0] if problems else ""


def _read_codes(path: Path, session: Session) -> Iterator[Row]:
    """Yields rows under the sheet's own names, from a table or from what a batch service answered."""
    text = read_text(path)
    key = session.record.key
    known = (key, *session.record.columns[1:], *FACTS, "coder_kind")
    is_batch = text.lstrip().startswith("{") and '"custom_id"' in text.split("\n", 1)[0]
    for line, row in read_rows(path, known):
        if not is_batch:
            if key not in row:
                names = ", ".join(list(row)[:5])
                raise SheetError(f"lacks {key}", where=f"{path}:{line}", do=f"name the document; it has {names}")
            yield line, row
            continue
        try:
            value = {name: _unpacked(cell) for name, cell in row.items()}
            doc_id, answer, model = answer_of(value)
            yield line, {key: doc_id, "model": model, **read_answer(answer)}
        except ValueError as error:
            yield line, {key: row.get("custom_id", ""), "problem": f"rejected: {error}"}


def _unpacked(cell: str) -> Any:
    try:
        return json.loads(cell) if cell[:1] in "{[" and cell else cell
    except ValueError:
        return cell


def _kept_cells(session: Session, row: Mapping[str, str]) -> dict[str, str]:
    """Returns the cells that go into the sheet: codes and notes, and columns of the coder's own."""
    skipped = {*KEPT, *LEFT_OUT, session.record.key}
    return {column: value for column, value in row.items() if column not in skipped}


def _context(session: Session, item: Item, row: Mapping[str, str]) -> Context:
    plain = context_of(session, item, by="import", model=row.get("model", ""))
    return Context(
        row.get("codebook_version") or plain.codebook_version,
        row.get("text_sha256") or plain.text_sha256,
        row.get("shown_sha256") or "",
        row.get("shown") or "",
        plain.model,
        "import",
    )


def _find_problems(
    session: Session, doc_id: str, cells: Mapping[str, str], row: Mapping[str, str], items: Mapping[str, Item]
) -> list[str]:
    if row.get("problem"):
        return [row["problem"]]
    if not doc_id:
        return [f"{session.record.key} is empty (merged cells?); fill it on every line"]
    if doc_id not in items:
        return [f"document {doc_id[:80]!r} is not in this task; correct the id, or remove the line"]
    kind = row.get("coder_kind", "")
    if kind and session.kind and kind != session.kind:
        return [f"coder_kind is {kind!r}, but {session.coder} is a {session.kind}; use a CODER of its own"]
    return _cell_problems(session, cells)


def _cell_problems(session: Session, cells: Mapping[str, str]) -> list[str]:
    problems = [
        f"{column} is empty; fill it, or clear the whole line to leave it for later"
        for column in required_columns(session.task, session.study, session.codebook)
        if not cells.get(column)
    ]
    for column, value in cells.items():
        problem = find_problem_of_cell(session.codebook, column, value)
        if problem:
            problems.append(problem)
    if cells.get("note", "").startswith(FORMULA_STARTS[:1]):
        problems.append("note holds a formula; begin it with a letter")
    return problems


def _notices(session: Session, rows: list[Row]) -> list[str]:
    """Returns what is worth saying after an import: columns that were kept, and axes that stayed empty."""
    found = []
    if session.record.extra:
        found.append(f"columns of your own are kept: {', '.join(session.record.extra)}")
    names = {name for _, row in rows for name in row}
    asked = asked_axes(session.study, session.codebook)
    left = [axis for axis in session.codebook.axes if axis not in names and axis not in asked]
    if left and session.task in CODED:
        found.append(f"the file has no {', '.join(left)}; these stay as others coded them")
    return found


def _refuse_other_tasks(session: Session) -> None:
    if session.task not in IMPORTED:
        raise SheetError("only documents can be coded in a file", where=session.task, do="use the page")


def _as_text(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)
