"""The journal of a coder: what is acknowledged is on disk, and what others do to the sheet is heard."""

import csv
import errno
import json
import os
from pathlib import Path

import pytest

from pipeline.coding import journal as journals
from pipeline.coding.record_view import KEPT, Context, Record, render
from pipeline.coding.records import correct_kind, journal_path, open_record, save_row, save_rows, say_kind, undo
from pipeline.errors import SheetError

CONTEXT = Context("v1.1", "a" * 64, "b" * 64)

DOCUMENT_COLUMNS = (
    "doc_id",
    "leaf",
    "leaf2",
    "target",
    "mechanism",
    "scaling",
    "evidence",
    "confidence",
    "note",
    "unsure",
)
DOCUMENT_COLUMNS += KEPT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "handcheck/sheets/ann.csv"


def opened(path: Path) -> Record:
    record = open_record(path, DOCUMENT_COLUMNS)
    if not record.kind:
        say_kind(record, "person")
    return record


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_key_is_a_line_with_who_when_what_and_which_text(path: Path) -> None:
    save_row(opened(path), "lw:1", {"leaf": "A1", "state": "draft"}, CONTEXT)
    lines = [json.loads(line) for line in journal_path(path).read_text().splitlines()]
    assert journal_path(path) == path.parent.parent / "journal/documents/ann.jsonl"
    assert lines[0]["field"] == "kind" and lines[0]["value"] == "person"
    assert [(line["field"], line["value"], line["document"]) for line in lines[1:]] == [
        ("leaf", "A1", "lw:1"),
        ("state", "draft", "lw:1"),
    ]
    for line in lines[1:]:
        assert (line["coder"], line["kind"], line["codebook_version"]) == ("ann", "person", "v1.1")
        assert line["text_sha256"] == "a" * 64 and line["shown_sha256"] == "b" * 64 and line["time"].endswith("Z")


def test_nobody_is_taken_for_a_person(path: Path) -> None:
    record = open_record(path, DOCUMENT_COLUMNS)
    with pytest.raises(SheetError, match="nobody has said whether"):
        save_row(record, "lw:1", {"leaf": "A1"}, CONTEXT)
    say_kind(record, "language model")
    with pytest.raises(SheetError, match="is a language model, not a person"):
        say_kind(record, "person")
    assert not journal_path(path).exists()  # nothing is written before there is something to write
    save_row(record, "lw:1", {"leaf": "A1"}, CONTEXT)
    assert open_record(path, DOCUMENT_COLUMNS).kind == "language model"
    correct_kind(record, "person")
    assert rows_of(path)[0]["coder_kind"] == "person" and open_record(path, DOCUMENT_COLUMNS).kind == "person"


@pytest.mark.parametrize("cut", [1, 5, 40, 120])
def test_a_group_of_which_a_kill_left_a_part_does_not_count_and_nothing_else_changes(path: Path, cut: int) -> None:
    record = opened(path)
    save_row(record, "lw:1", {"leaf": "A1"}, CONTEXT)
    before, sheet = journal_path(path).read_bytes(), path.read_bytes()
    save_row(record, "lw:2", {"leaf": "B1", "target": "T1", "mechanism": "M1"}, CONTEXT)
    whole = journal_path(path).read_bytes()
    journal_path(path).write_bytes(whole[:-cut])
    path.write_bytes(sheet)
    again = opened(path)
    assert set(again.rows) == {"lw:1"} and path.read_bytes() == sheet
    save_row(again, "lw:3", {"leaf": "C1"}, CONTEXT)
    assert journal_path(path).read_bytes().startswith(before)
    assert set(opened(path).rows) == {"lw:1", "lw:3"}


def test_a_sheet_that_a_kill_left_behind_the_journal_is_no_edit(path: Path) -> None:
    record = opened(path)
    save_row(record, "lw:1", {"leaf": "A1"}, CONTEXT)
    old = path.read_bytes()
    save_row(record, "lw:1", {"leaf": "B1"}, CONTEXT)
    path.write_bytes(old)
    again = opened(path)
    assert again.rows["lw:1"]["leaf"] == "B1" and rows_of(path)[0]["leaf"] == "B1" and not again.notices


def test_an_edit_by_hand_between_two_keys_is_taken_over_and_an_own_column_stays(path: Path) -> None:
    record = opened(path)
    save_row(record, "lw:1", {"leaf": "A1"}, CONTEXT)
    rows = rows_of(path)
    text = ",".join([*rows[0], "My column"]) + "\n" + ",".join([*{**rows[0], "leaf": "D2"}.values(), "mine"]) + "\n"
    path.write_text(text + "lw:9,E5" + "," * len(rows[0]) + "\n")
    save_row(record, "lw:2", {"leaf": "B1"}, CONTEXT)
    after = {row["doc_id"]: row for row in rows_of(path)}
    assert after["lw:1"]["leaf"] == "D2" and after["lw:1"]["My column"] == "mine" and after["lw:2"]["My column"] == ""
    assert after["lw:9"]["leaf"] == "E5" and after["lw:9"]["state"] == "done"
    assert "changed outside the page" in record.notices[0]
    again = opened(path)
    assert render(again) == path.read_bytes() and again.rows["lw:1"]["leaf"] == "D2"


def test_rows_that_an_older_copy_lacks_are_kept_and_said(path: Path) -> None:
    record = opened(path)
    save_row(record, "lw:1", {"leaf": "A1"}, CONTEXT)
    older = path.read_bytes()
    save_row(record, "lw:2", {"leaf": "B1"}, CONTEXT)
    save_row(record, "lw:3", {"leaf": "B2"}, CONTEXT)
    record = opened(path)
    path.write_bytes(older + b"lw:7,E1" + b"," * (len(DOCUMENT_COLUMNS) - 2) + b"\n")  # checked out, and edited
    save_row(record, "lw:4", {"leaf": "B3"}, CONTEXT)
    assert [row["doc_id"] for row in rows_of(path)] == ["lw:1", "lw:2", "lw:3", "lw:7", "lw:4"]
    assert any("2 rows were missing" in notice for notice in record.notices)


def test_an_edit_that_contradicts_itself_is_refused_in_words_and_stays_as_it_is(path: Path) -> None:
    record = open_record(path, DOCUMENT_COLUMNS, lambda column, value: "no such leaf" if value == "Z9" else "")
    say_kind(record, "person")
    save_row(record, "lw:1", {"leaf": "A1"}, CONTEXT)
    whole = path.read_text()
    for damaged, words in (
        (whole.replace(",A1,", ",Z9,"), r"ann\.csv:2: the sheet was changed outside the page: no such leaf"),
        (whole + whole.splitlines()[1].replace(",A1,", ",B1,") + "\n", "'lw:1' is on line 2 already, with other cells"),
        (whole + "lw:2,A1\n", "has 2 cells where the header has"),
        (whole.replace("person", "language model"), "coder_kind is language model, the journal says person"),
    ):
        path.write_text(damaged)
        with pytest.raises(SheetError, match=words):
            save_row(record, "lw:1", {"leaf": "C1"}, CONTEXT)
        assert path.read_text() == damaged
    path.write_text(whole)
    save_row(record, "lw:1", {"leaf": "C1"}, CONTEXT)
    assert rows_of(path)[0]["leaf"] == "C1"


def test_a_link_is_followed_and_stays_a_link(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere/ann.csv"
    target.parent.mkdir()
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    save_row(opened(path), "lw:1", {"leaf": "A1"}, CONTEXT)
    assert path.is_symlink() and rows_of(target)[0]["leaf"] == "A1"


def test_another_machines_keys_that_git_brought_are_kept_and_so_are_ours(path: Path) -> None:
    record = opened(path)
    save_row(record, "lw:1", {"leaf": "A1"}, CONTEXT)
    base = journal_path(path).read_bytes()
    save_row(record, "lw:2", {"leaf": "B1"}, CONTEXT)
    event = journals.Event("ann", "person", journals.utc_now(), "lw:3", "leaf", "C1", group="feedbeef")
    journal_path(path).write_bytes(base + journals._line(event).encode())
    save_row(record, "lw:4", {"leaf": "D1"}, CONTEXT)
    assert set(opened(path).rows) == {"lw:1", "lw:2", "lw:3", "lw:4"}
    journal_path(path).write_text("<<<<<<< HEAD\n" + journal_path(path).read_text())
    with pytest.raises(SheetError, match=r"ann\.jsonl:1: is a mark of a merge"):
        opened(path)


def test_a_full_disk_changes_nothing_and_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = opened(path)
    save_row(record, "lw:1", {"leaf": "A1"}, CONTEXT)
    journal, sheet = journal_path(path).read_bytes(), path.read_bytes()
    write = os.write

    def fills_up(handle: int, content: bytes) -> int:
        write(handle, bytes(content)[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", fills_up)
    with pytest.raises(SheetError, match=r"could not be written \(No space left on device\); make room"):
        save_row(record, "lw:2", {"leaf": "B1"}, CONTEXT)
    monkeypatch.undo()
    assert journal_path(path).read_bytes() == journal and path.read_bytes() == sheet and set(record.rows) == {"lw:1"}
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
    with pytest.raises(SheetError, match="could not be written"):  # the journal had room, the sheet had not
        save_row(record, "lw:2", {"leaf": "B1"}, CONTEXT)
    monkeypatch.undo()
    assert journal_path(path).read_bytes() == journal and path.read_bytes() == sheet and set(record.rows) == {"lw:1"}
    save_row(record, "lw:2", {"leaf": "B1"}, CONTEXT)
    assert set(opened(path).rows) == {"lw:1", "lw:2"}


def test_undo_walks_back_key_by_key_and_forgets_nothing(path: Path) -> None:
    record = opened(path)
    save_row(record, "lw:1", {"leaf": "A1", "target": "T1"}, CONTEXT)
    save_row(record, "lw:1", {"leaf": "B1"}, CONTEXT)
    save_row(record, "lw:2", {"leaf": "C1"}, CONTEXT)
    assert undo(record) == "lw:2" and len(rows_of(path)) == 1
    assert undo(record) == "lw:1" and record.rows["lw:1"]["leaf"] == "A1"
    assert undo(record) == "lw:1" and record.rows["lw:1"]["leaf"] == ""
    assert undo(record) == ""
    save_row(record, "lw:2", {"leaf": "D1"}, CONTEXT)
    assert undo(opened(path)) == "lw:2"
    values = [event.value for event in journals.read_journal(journal_path(path)).events if event.field == "leaf"]
    assert values == ["A1", "B1", "C1", "D1"]


def test_an_import_counts_whole_or_not_at_all(path: Path) -> None:
    record = opened(path)
    save_rows(record, {f"lw:{number}": ({"leaf": "A1", "state": "done"}, CONTEXT) for number in range(50)})
    content = journal_path(path).read_bytes()
    lines = content.splitlines(keepends=True)
    for kept in (2, 25, 50):  # the first line says what the coder is
        journal_path(path).write_bytes(b"".join(lines[:kept]))
        path.unlink(missing_ok=True)
        assert opened(path).rows == {}
    journal_path(path).write_bytes(content)
    assert len(opened(path).rows) == 50


def test_a_sheet_from_elsewhere_becomes_the_beginning_of_a_journal(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("doc_id,leaf,note,coder_kind,saved_at\nlw:1,A1,why,person,2026-01-01T00:00:00Z\n")
    record = opened(path)
    assert record.kind == "person" and record.rows["lw:1"]["saved_at"] == "2026-01-01T00:00:00Z"
    assert rows_of(path)[0]["state"] == "done" and rows_of(path)[0]["note"] == "why"
    save_row(record, "lw:1", {"leaf": "B1"}, CONTEXT)
    assert rows_of(path)[0]["saved_at"] > "2026-01-01T00:00:00Z"
