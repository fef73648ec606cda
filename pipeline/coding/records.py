"""Sheets as they grow: one CSV a coder and task, saved whole and atomically after every key."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline import store
from pipeline.coding.sheets import COLUMNS, read_csv_rows

DRAFT, DONE = "draft", "done"
KEPT = ("state", "codebook_version", "coder_kind", "opened_link", "started_at", "saved_at")
DOCUMENT_COLUMNS = (*COLUMNS, "unsure", *KEPT)
CLUSTER_COLUMNS = ("cluster_id", "name", "is_one_agenda", "off_ids", "shown_ids", "note", *KEPT)
INTRUSION_COLUMNS = ("cluster_id", "choice", "note", *KEPT)


@dataclass(frozen=True)
class Record:
    """One coder's sheet of one task: the rows by key, in the order they were first saved."""

    path: Path
    columns: tuple[str, ...]
    rows: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The column that says what a row is about."""
        return self.columns[0]


def open_record(path: Path, columns: tuple[str, ...]) -> Record:
    """Reads a sheet, or starts an empty one. Columns that a sheet made elsewhere lacks are empty.

    Raises:
        SheetError: the file is not a CSV with the key column, or has a line of another length.
    """
    record = Record(path, columns)
    if path.exists():
        for _, row in read_csv_rows(path, columns[:1]):
            filled = {column: row.get(column, "") for column in columns}
            filled["state"] = filled["state"] or DONE  # a sheet without states was finished elsewhere
            record.rows[row[record.key]] = filled
    return record


def save_row(record: Record, key: str, values: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """Puts one row into the sheet and writes the file; a kill leaves the old file or the new one, whole.

    Args:
        record: the sheet.
        key: what the row is about.
        values: cells by column; unknown columns are refused by the caller.
        kept: `codebook_version` and `coder_kind` of the session.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = record.rows.get(key, dict.fromkeys(record.columns, ""))
    cleaned = {column: " ".join(str(value).split()) for column, value in values.items()}
    row = {**before, **cleaned, **kept, record.key: key, "saved_at": now}
    row["started_at"] = before["started_at"] or now
    record.rows[key] = row
    store.write_text(record.path, render(record))
    return row


def render(record: Record) -> str:
    """Returns the sheet as CSV."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, record.columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(record.rows.values())
    return buffer.getvalue()
