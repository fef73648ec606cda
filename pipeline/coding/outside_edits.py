"""What others did to a sheet on disk: taken into the journal cell by cell, or refused in words."""

from collections.abc import Mapping, Sequence

from pipeline.coding import journal as journals
from pipeline.coding.journal import Event
from pipeline.coding.record_view import DONE, DRAFT, KEPT, KINDS, Record, refold, render
from pipeline.coding.spreadsheet import read_rows
from pipeline.errors import SheetError

OURS = frozenset(KEPT) - {"state", "coder_kind", "opened_link"}  # an edit of these by hand means nothing
UNRENDERED = 3  # keys that kills can have left in the journal before the sheet showed them


def is_behind(record: Record, found: bytes) -> bool:
    """Says whether the sheet shows the journal as it was some keys ago: a kill came between the two."""
    events, shown = record.journal.events, Record(record.path, record.columns, record.coder, record.journal)
    ends = [place + 1 for place, event in enumerate(events) if event.left == 0][-UNRENDERED - 1 :]
    for end in [*ends, 0]:
        shown.rows, shown.extra = journals.fold(events[:end]), record.extra
        if render(shown) == found:
            return True
    return False


def take_over(record: Record, found: bytes) -> None:
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
        refold(record)
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
