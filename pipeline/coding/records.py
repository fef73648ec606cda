"""Sheets as views of a journal: one CSV a coder and task, rendered after every key, never written over blindly.

What others did to the sheet on disk since it was rendered last (an edit by hand, a git pull, a column of the coder's
own) is taken into the journal first, cell by cell, or refused in words. A link is followed, not replaced.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.coding import journal as journals
from pipeline.coding.journal import Event
from pipeline.coding.outside_edits import is_behind, take_over
from pipeline.coding.record_view import KINDS, Check, Context, Record, is_filled, read_view, refold, render, write_view
from pipeline.errors import SheetError


def journal_path(path: Path) -> Path:
    """Returns where the journal of a sheet is: sheets/ann.csv has journal/documents/ann.jsonl."""
    parts = list(path.parts)
    place = len(parts) - 1 - parts[::-1].index("sheets") if "sheets" in parts else len(parts) - 1
    task = parts[place + 1 : -1] or ["documents"]
    return Path(*parts[:place], "journal", *task, f"{path.stem}.jsonl")


def open_record(
    path: Path,
    columns: tuple[str, ...],
    check: Check = lambda column, value: "",
    *,
    is_kind_open: bool = False,
) -> Record:
    """Reads a coder's journal and sheet, takes over what was done to the sheet outside, and renders it anew.

    Args:
        path: of the sheet.
        columns: those of the task, the key first.
        check: says what is wrong with a cell, or nothing.
        is_kind_open: True takes a sheet whose lines contradict each other in who read, to be corrected at once.

    Raises:
        SheetError: the journal or the sheet is damaged, or an edit of the sheet contradicts itself or the codebook.
    """
    record = Record(
        path, columns, path.stem, journals.read_journal(journal_path(path)), check, is_kind_open=is_kind_open
    )
    refold(record)
    found = read_view(record)
    if found is not None and not is_behind(record, found):
        take_over(record, found)
    elif found is None and any(is_filled(record, row) for row in record.rows.values()):
        record.notices.append(f"{path.name} was missing; it was written anew from the journal")
    if any(is_filled(record, row) for row in record.rows.values()) and render(record) != found:
        write_view(record)
    else:
        record.view = found
    return record


def say_kind(record: Record, kind: str) -> None:
    """Says what a coder is, once; it is written down with the first cell.

    Raises:
        SheetError: no such kind, or the coder is of another kind already.
    """
    if kind not in KINDS:
        raise SheetError(f"{kind!r} is no kind of coder", where="KIND", do="say person or language model")
    if record.kind and record.kind != kind:
        raise SheetError(
            f"{record.coder} is a {record.kind}, not a {kind}",
            where=str(record.path),
            do="read under a name of its own; if the record is wrong, mend it: KIND=… CHECK=--correct-kind",
        )
    record.kind = kind


def correct_kind(record: Record, kind: str) -> None:
    """Writes down what a coder is, whatever was said before: every row of the sheet says so from now on."""
    now = journals.utc_now()
    events = [Event(record.coder, kind, now, "", journals.KIND, kind)]
    events += [
        Event(record.coder, kind, now, key, "coder_kind", kind, by="sheet")
        for key, row in record.rows.items()
        if row.get("coder_kind") != kind
    ]
    _append(record, events)


def save_row(record: Record, key: str, cells: Mapping[str, str], context: Context) -> dict[str, str]:
    """Puts cells into the row of one document; returns the row when journal and sheet are on disk.

    Raises:
        SheetError: nobody has said what the coder is, an edit outside the page has to be mended first, or the disk
            refuses: nothing has changed then.
    """
    save_rows(record, {key: (cells, context)}, is_whole=context.by != "key")
    return record.rows[key]


def save_rows(record: Record, rows: Mapping[str, tuple[Mapping[str, str], Context]], *, is_whole: bool = True) -> None:
    """Puts cells into the rows of several documents, all or none; `is_whole` makes one event a document."""
    if not record.kind:
        raise SheetError(
            "nobody has said whether this coder is a person or a language model",
            where=record.coder,
            do='add KIND=person or KIND="language model"',
        )
    take_outside_edits(record)
    now = journals.utc_now()
    events = []
    for key, (cells, context) in rows.items():
        values: Sequence[tuple[str, str | dict[str, str]]]
        values = [(journals.ROW, dict(cells))] if is_whole else list(cells.items())
        events += [
            Event(
                record.coder,
                record.kind,
                now,
                key,
                name,
                value,
                by=context.by,
                text_sha256=context.text_sha256,
                shown_sha256=context.shown_sha256,
                shown=context.shown,
                codebook_version=context.codebook_version,
                model=context.model,
            )
            for name, value in values
        ]
    if events:
        _append(record, events)


def undo(record: Record) -> str:
    """Takes the coder's last key back; returns the document it was about, or nothing if there is no more."""
    take_outside_edits(record)
    stack = journals.undoable(record.journal.events)
    if not stack:
        return ""
    group = stack[-1]
    before = journals.cells_before(record.journal.events, group)
    event = Event(record.coder, record.kind, journals.utc_now(), group[0].document, journals.ROW, before, by="undo")
    _append(record, [event])
    return event.document


def take_outside_edits(record: Record) -> None:
    """Takes over what was done to the sheet since it was rendered last.

    Raises:
        SheetError: an edit contradicts itself or the codebook.
    """
    found = read_view(record)
    if found is not None and found != record.view:
        take_over(record, found)
        write_view(record)


def _append(record: Record, events: Sequence[Event]) -> None:
    if journals.kind_in(record.journal.events) != record.kind and events[0].field != journals.KIND:
        events = [Event(record.coder, record.kind, events[0].time, "", journals.KIND, record.kind), *events]
    journals.append_group(record.journal, events)
    refold(record)
    try:
        if record.path.exists() or any(is_filled(record, row) for row in record.rows.values()):
            write_view(record)
    except SheetError:
        journals.take_back(record.journal, record.journal.events[-len(events) :])
        refold(record)
        raise
