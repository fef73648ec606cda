"""A coder's journal: every key as one appended line, on disk before it is acknowledged. Sheets are views of it.

A line is an event: who (coder, kind, model), when, which document with which text, and which field got which value.
Events of one key, or of one import, are a group, of which all or none count: each line says how many are left, so that
a kill in the middle of a write leaves a group without its end, and the next start cuts it off. Nothing else is ever
taken out: an undo is an event too.
"""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import SheetError

ROW = "row"  # the field of an event that gives several cells at once: an import, an undo, an edit outside the page
ALWAYS = ("coder", "kind", "time", "document", "field", "value")  # written also where they are empty
KIND = "kind"  # the field of an event that says what a coder is


@dataclass(frozen=True)
class Event:
    """One line of a journal.

    Attributes:
        by: what made it: key, undo, import, model, pack, or sheet (found on disk, edited outside the page).
        text_sha256: of the document in the census at that time; `shown_sha256`: of exactly what was shown;
            `shown`: how many characters of the text that were.
        group, left: the events written together, and how many of them follow.
    """

    coder: str
    kind: str
    time: str
    document: str
    field: str
    value: str | dict[str, str]
    by: str = "key"
    text_sha256: str = ""
    shown_sha256: str = ""
    shown: str = ""
    codebook_version: str = ""
    model: str = ""
    group: str = ""
    left: int = 0

    @property
    def cells(self) -> dict[str, str]:
        """What it puts into the row of its document."""
        return dict(self.value) if isinstance(self.value, dict) else {self.field: self.value}


@dataclass
class Journal:
    """A journal on disk and what is known of it: the events that count, and the length of the file that holds them."""

    path: Path
    events: list[Event] = field(default_factory=list)
    size: int = 0


def utc_now() -> str:
    """Returns the time to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_journal(path: Path) -> Journal:
    """Reads a journal; the tail that a kill left unfinished does not count.

    Raises:
        SheetError: a line before the end is not an event.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Journal(path)
    except OSError as error:
        raise SheetError(f"cannot be read ({error.strerror})", where=str(path), do="mend its permissions") from None
    events: list[Event] = []
    size = offset = 0
    lines = content.split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):  # what follows the last line end was cut off
        offset += len(line) + 1
        try:
            event = Event(**json.loads(line))
        except (ValueError, TypeError):
            if offset == len(content):
                break  # a torn last line
            problem = "is a mark of a merge" if line.startswith((b"<<<<", b"====", b">>>>")) else "is not an event"
            raise SheetError(
                problem, where=f"{path}:{number}", do="keep the lines of both sides, remove only this one"
            ) from None
        events.append(event)
        if event.left == 0:
            size, count = offset, len(events)
    return Journal(path, events[:count] if size else [], size)


def append_group(journal: Journal, events: Sequence[Event]) -> None:
    """Appends events that count together, and returns when they are on disk.

    If the file has grown or was replaced meanwhile, its events are read first, and those of ours that it lacks are
    written with the new ones.

    Raises:
        SheetError: they could not be written; the file is as it was.
    """
    group = secrets.token_hex(4)
    lines = [replace(event, group=group, left=len(events) - 1 - place) for place, event in enumerate(events)]
    missing = _catch_up(journal)
    content = "".join(_line(event) for event in [*missing, *lines]).encode()
    is_new = not journal.path.exists()
    try:
        journal.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(journal.path, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            os.ftruncate(handle, journal.size)  # the torn tail of a kill, if there is one
            _write_all(handle, content, journal.size)
        finally:
            os.close(handle)
        if is_new:
            _sync_folder(journal.path.parent)
    except OSError as error:
        raise SheetError(
            f"could not be written ({error.strerror})", where=str(journal.path), do="make room on the disk, press again"
        ) from None
    journal.events += [*missing, *lines]
    journal.size += len(content)


def take_back(journal: Journal, events: Sequence[Event]) -> None:
    """Takes the last group back, which was never acknowledged: the sheet that shows it could not be written."""
    size = journal.size - len("".join(_line(event) for event in events).encode())
    with journal.path.open("rb+") as file:
        file.truncate(size)
        os.fsync(file.fileno())
    del journal.events[-len(events) :]
    journal.size = size


def kind_in(events: Sequence[Event]) -> str:
    """Returns what a coder was said to be last: person, language model, or nothing."""
    for event in reversed(events):
        if event.field == KIND and isinstance(event.value, str):
            return event.value
    return next((event.kind for event in reversed(events) if event.kind), "")


def fold(events: Sequence[Event]) -> dict[str, dict[str, str]]:
    """Returns the rows that events make, by document, in the order in which documents were first touched."""
    rows: dict[str, dict[str, str]] = {}
    for event in events:
        if not event.document:
            continue
        row = rows.setdefault(event.document, {})
        row |= event.cells
        facts = ("codebook_version", "text_sha256", "shown_sha256", "shown", "model")
        row |= {name: getattr(event, name) for name in facts if getattr(event, name)}
        row["coder_kind"] = event.kind
        if not (event.by == "sheet" and "saved_at" in event.cells):  # a sheet taken over keeps its own times
            row["saved_at"] = event.time
            row.setdefault("started_at", event.time)
    return rows


def undoable(events: Sequence[Event]) -> list[list[Event]]:
    """Returns the keys that an undo would take back, last one last: undone ones are gone from it."""
    stack: list[list[Event]] = []
    for event in events:
        if event.by == "undo":
            if event.left == 0 and stack:
                stack.pop()
        elif event.by == "key" and event.document:
            if stack and stack[-1][0].group == event.group:
                stack[-1].append(event)
            else:
                stack.append([event])
    return stack


def cells_before(events: Sequence[Event], group: Sequence[Event]) -> dict[str, str]:
    """Returns what the cells held that a group changed, before it did."""
    first = next(place for place, event in enumerate(events) if event.group == group[0].group)
    document = group[0].document
    before: Mapping[str, str] = fold([event for event in events[:first] if event.document == document]).get(
        document, {}
    )
    return {column: before.get(column, "") for event in group for column in event.cells}


def _catch_up(journal: Journal) -> list[Event]:
    """Reads what others appended, such as a git pull; returns our events that the file lacks now."""
    try:
        size = journal.path.stat().st_size
    except FileNotFoundError:
        size = 0
    if size == journal.size:
        return []
    found = read_journal(journal.path)
    known = {(event.group, event.left) for event in found.events}
    missing = [event for event in journal.events if (event.group, event.left) not in known]
    journal.events, journal.size = found.events, found.size
    return missing


def _line(event: Event) -> str:
    facts = {name: value for name, value in asdict(event).items() if value != "" or name in ALWAYS}
    return json.dumps(facts, ensure_ascii=False) + "\n"


def _write_all(handle: int, content: bytes, size: int) -> None:
    """Writes at the end and waits for the disk; on a failure the file gets its old length back."""
    try:
        os.lseek(handle, size, os.SEEK_SET)
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
