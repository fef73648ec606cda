"""Sheets as views of a journal: one CSV a coder and task, rendered after every key, never written over blindly.

What others did to the sheet on disk since it was rendered last (an edit by hand, a git pull, a column of the coder's
own) is taken into the journal first, cell by cell, or refused in words. A link is followed, not replaced.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import store
from pipeline.coding import journal as journals
from pipeline.coding.journal import Event, Journal
from pipeline.coding.sheets import COLUMNS
from pipeline.coding.spreadsheet import read_rows
from pipeline.errors import SheetError

DRAFT, DONE = "draft", "done"
KEPT = (
    "state",
    "codebook_version",
    "coder_kind",
    "opened_link",
    "saw_codes",
    "started_at",
    "saved_at",
    "text_sha256",
    "shown_sha256",
    "shown",
    "model",
)
DOCUMENT_COLUMNS = (*COLUMNS, "unsure", *KEPT)
CLUSTER_COLUMNS = ("cluster_id", "name", "is_one_agenda", "off_ids", "shown_ids", "note", *KEPT)
INTRUSION_COLUMNS = ("cluster_id", "choice", "note", *KEPT)
SCREENING_COLUMNS = ("doc_id", "screen", "note", *KEPT)
KINDS = ("person", "language model")
OURS = frozenset(KEPT) - {"state", "coder_kind", "opened_link"}  # an edit of these by hand means nothing
UNRENDERED = 3  # keys that kills can have left in the journal before the sheet showed them
Check = Callable[[str, str], str]


@dataclass(frozen=True)
class Context:
    """What is known when a cell is filled: of the coder, and of the document on the screen."""

    codebook_version: str = ""
    text_sha256: str = ""
    shown_sha256: str = ""
    shown: str = ""
    model: str = ""
    by: str = "key"


@dataclass
class Record:
    """One coder's sheet of one task.

    Attributes:
        rows: by key, in the order in which they were first touched.
        kind: person, language model, or empty while nobody has said.
        view: the sheet as it was written or found last.
        extra: columns of the coder's own.
        notices: in words, what was taken over from outside.
    """

    path: Path
    columns: tuple[str, ...]
    coder: str
    journal: Journal
    check: Check = lambda column, value: ""
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    kind: str = ""
    view: bytes | None = None
    extra: tuple[str, ...] = ()
    notices: list[str] = field(default_factory=list)
    is_kind_open: bool = False

    @property
    def key(self) -> str:
        """The column that says what a row is about."""
        return self.columns[0]


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
    _refold(record)
    found = _read_view(record)
    if found is not None and not _is_behind(record, found):
        _take_over(record, found)
    elif found is None and any(_is_filled(record, row) for row in record.rows.values()):
        record.notices.append(f"{path.name} was missing; it was written anew from the journal")
    if any(_is_filled(record, row) for row in record.rows.values()) and render(record) != found:
        _write_view(record)
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
    found = _read_view(record)
    if found is not None and found != record.view:
        _take_over(record, found)
        _write_view(record)


def render(record: Record) -> bytes:
    """Returns the sheet as CSV: rows with at least one cell filled, the coder's own columns last."""
    buffer = io.StringIO()
    columns = [*record.columns, *record.extra]
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="", extrasaction="ignore")
    writer.writeheader()
    for key, row in record.rows.items():
        if _is_filled(record, row):
            writer.writerow({"state": DRAFT, **row, record.key: key})
    return buffer.getvalue().encode()


def _is_filled(record: Record, row: Mapping[str, str]) -> bool:
    return any(row.get(column) for column in (*record.columns, *record.extra) if column not in KEPT)


def _append(record: Record, events: Sequence[Event]) -> None:
    if journals.kind_in(record.journal.events) != record.kind and events[0].field != journals.KIND:
        events = [Event(record.coder, record.kind, events[0].time, "", journals.KIND, record.kind), *events]
    journals.append_group(record.journal, events)
    _refold(record)
    try:
        if record.path.exists() or any(_is_filled(record, row) for row in record.rows.values()):
            _write_view(record)
    except SheetError:
        journals.take_back(record.journal, record.journal.events[-len(events) :])
        _refold(record)
        raise


def _refold(record: Record) -> None:
    record.rows = journals.fold(record.journal.events)
    record.kind = journals.kind_in(record.journal.events) or record.kind
    known = {*record.columns, record.key}
    found = dict.fromkeys(column for row in record.rows.values() for column in row if column not in known)
    record.extra = tuple(found)


def _write_view(record: Record) -> None:
    content = render(record)
    try:
        store.write_bytes(record.path.resolve(), content)  # where a link leads, not the link
    except OSError as error:
        raise SheetError(
            f"could not be written ({error.strerror})", where=str(record.path), do="make room on the disk, press again"
        ) from None
    record.view = content


def _read_view(record: Record) -> bytes | None:
    try:
        return record.path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SheetError(f"cannot be read ({error.strerror})", where=str(record.path), do="mend it") from None


def _is_behind(record: Record, found: bytes) -> bool:
    """Says whether the sheet shows the journal as it was some keys ago: a kill came between the two."""
    events, shown = record.journal.events, Record(record.path, record.columns, record.coder, record.journal)
    ends = [place + 1 for place, event in enumerate(events) if event.left == 0][-UNRENDERED - 1 :]
    for end in [*ends, 0]:
        shown.rows, shown.extra = journals.fold(events[:end]), record.extra
        if render(shown) == found:
            return True
    return False


def _take_over(record: Record, found: bytes) -> None:
    """Turns what differs between the sheet on disk and the journal into events."""
    rows: dict[str, tuple[int, dict[str, str]]] = {}
    for line, row in read_rows(record.path, record.columns):
        where, key = f"{record.path}:{line}", row.pop(record.key)
        if not key:
            raise SheetError(f"{record.key} is empty", where=where, do="fill it, or remove the line")
        if key in rows and rows[key][1] != row:
            raise SheetError(
                f"{key!r} is on line {rows[key][0]} already, with other cells", where=where, do="keep one of the two"
            )
        rows[key] = line, row
    now = journals.utc_now()
    events = _kind_event(record, [row.get("coder_kind", "") for _, row in rows.values()], now)
    kind = events[0].kind if events else record.kind
    changed = 0
    for key, (line, row) in rows.items():
        before = record.rows.get(key)
        cells = _changed_cells(record, before, row, f"{record.path}:{line}")
        if cells:
            changed += len(cells)
            events.append(Event(record.coder, kind, now, key, journals.ROW, cells, by="sheet"))
    kept = [key for key, row in record.rows.items() if key not in rows and any(row.get(c) for c in record.columns[1:3])]
    if record.journal.events and changed:
        record.notices.append(f"{changed} cells of {record.path.name} were changed outside the page and are taken over")
    if kept:
        record.notices.append(
            f"{len(kept)} rows were missing from {record.path.name} and are back, {kept[0]} first: "
            "what was read is not lost; to withdraw a row, empty its leaf"
        )
    if events:
        journals.append_group(record.journal, events)
        _refold(record)
    record.view = found


def _changed_cells(
    record: Record, before: Mapping[str, str] | None, row: Mapping[str, str], where: str
) -> dict[str, str]:
    """Returns the cells of a row on disk that the journal has otherwise; of a row new to it, all that are filled."""
    new = [column for column in row if column not in record.columns and column not in record.extra]
    if before is None:
        cells = {column: value for column, value in row.items() if value or column in new}
    else:
        edited = [column for column in row if column not in OURS and row[column] != before.get(column, "")]
        cells = {column: row[column] for column in dict.fromkeys([*edited, *new])}
    for column, value in cells.items():
        problem = record.check(column, value)
        if problem:
            raise SheetError(f"the sheet was changed outside the page: {problem}", where=where, do="mend the cell")
    if cells.get("state", DONE) not in {DRAFT, DONE}:
        raise SheetError(f"state {cells['state']!r} is neither draft nor done", where=where, do="mend the cell")
    if before is None:  # a sheet without states was finished elsewhere; one without times keeps none
        return {"state": DONE, "saved_at": "", "started_at": "", **cells}
    return cells


def _kind_event(record: Record, kinds: Sequence[str], now: str) -> list[Event]:
    """Returns the event that says what the coder is, where the sheet says it and the journal does not."""
    if record.is_kind_open:
        return []
    said = {kind for kind in kinds if kind}
    if len(said) > 1 or not said <= set(KINDS) or (record.kind and said - {record.kind}):
        raise SheetError(
            f"coder_kind is {', '.join(sorted(said))}" + (f", the journal says {record.kind}" if record.kind else ""),
            where=str(record.path),
            do="give every line the same kind; lines of another coder belong in a sheet of their own",
        )
    if record.kind or not said:
        return []
    kind = said.pop()
    return [Event(record.coder, kind, now, "", journals.KIND, kind, by="sheet")]
