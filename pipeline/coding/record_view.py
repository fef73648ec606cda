"""A sheet as it stands on the disk: its columns, its rows as they are written and read back."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import store
from pipeline.coding import journal as journals
from pipeline.coding.journal import Journal
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
CLUSTER_COLUMNS = ("cluster_id", "name", "is_one_agenda", "off_ids", "shown_ids", "note", *KEPT)
INTRUSION_COLUMNS = ("cluster_id", "choice", "note", *KEPT)
SCREENING_COLUMNS = ("doc_id", "screen", "note", *KEPT)
KINDS = ("person", "language model")
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


def render(record: Record) -> bytes:
    """Returns the sheet as CSV: rows with at least one cell filled, the coder's own columns last."""
    buffer = io.StringIO()
    columns = [*record.columns, *record.extra]
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="", extrasaction="ignore")
    writer.writeheader()
    for key, row in record.rows.items():
        if is_filled(record, row):
            writer.writerow({"state": DRAFT, **row, record.key: key})
    return buffer.getvalue().encode()


def is_filled(record: Record, row: Mapping[str, str]) -> bool:
    """Says whether a row says anything of what it is about."""
    return any(row.get(column) for column in (*record.columns, *record.extra) if column not in KEPT)


def refold(record: Record) -> None:
    """Makes the rows anew from the journal."""
    record.rows = journals.fold(record.journal.events)
    record.kind = journals.kind_in(record.journal.events) or record.kind
    known = {*record.columns, record.key}
    found = dict.fromkeys(column for row in record.rows.values() for column in row if column not in known)
    record.extra = tuple(found)


def write_view(record: Record) -> None:
    """Writes the sheet.

    Raises:
        SheetError: the disk refuses.
    """
    content = render(record)
    try:
        store.write_bytes(record.path.resolve(), content)  # where a link leads, not the link
    except OSError as error:
        raise SheetError(
            f"could not be written ({error.strerror})", where=str(record.path), do="make room on the disk, press again"
        ) from None
    record.view = content


def read_view(record: Record) -> bytes | None:
    """Returns the sheet as it is on the disk, or None where there is none.

    Raises:
        SheetError: it cannot be read.
    """
    try:
        return record.path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SheetError(f"cannot be read ({error.strerror})", where=str(record.path), do="mend it") from None
