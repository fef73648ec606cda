"""Sheets that come back from a spreadsheet program, and sheets that the page writes."""

from pathlib import Path

import pytest

from pipeline import store
from pipeline.check.exports import waiting_items
from pipeline.check.imports import import_sheet, write_blank
from pipeline.check.session import Session, load_session
from pipeline.check.stage import run_correct_kind, run_export
from pipeline.check.tasks import sheet_path
from pipeline.coding.codebook import load_codebook
from pipeline.coding.precedence import find_page_sheets
from pipeline.coding.record_view import KEPT, Context
from pipeline.coding.records import open_record, save_row
from pipeline.coding.sheets import read_sheet
from pipeline.config import load_config
from pipeline.errors import SheetError
from pipeline.schemas import DOCUMENTS
from tests.handcheck_project import make_project
from tests.warm import Warm

HEADER = "doc_id,leaf,leaf2,target,mechanism,scaling,evidence,confidence,note"


@pytest.fixture
def session(tmp_path: Path, root: Path) -> Session:
    return load_session(load_config(make_project(tmp_path, root)), "documents", "ann", "person")


def line(number: int, rest: str = "A1,,T0,M3,S0,C,3,") -> str:
    return f"lw:{number:017d},{rest}"


def test_every_bad_line_is_answered_and_nothing_is_taken(session: Session, tmp_path: Path) -> None:
    lines = [
        HEADER,
        line(0),
        line(1, "Z9,,T0,M3,S0,C,3,"),
        line(0),
        line(2, "=A1,,T0,M3,S0,C,3,"),
        line(3, "A1,,T0,M3,S0,C,,"),
        line(99),
    ]
    (tmp_path / "s.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    problems, count = import_sheet(session, tmp_path / "s.csv")
    assert count == 0 and not session.record.path.exists()
    assert [problem.split(":")[0] for problem in problems] == [f"s.csv, line {number}" for number in (3, 4, 5, 6, 7)]
    for problem, words in zip(
        problems,
        ("not in the codebook", "on line 2 already", "formula (=A1)", "confidence is empty", "not in this task"),
        strict=True,
    ):
        assert words in problem


def test_a_right_sheet_with_a_byte_order_mark_is_taken_and_blank_lines_wait(session: Session, tmp_path: Path) -> None:
    text = "\r\n".join([HEADER, line(0), line(1, ",,,,,,,"), line(2, 'D1,D2,T1,M3,S0,E,2,"a, ""b"""')])
    (tmp_path / "s.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert import_sheet(session, tmp_path / "s.csv") == ([], 2)
    known = {item.key for item in session.items}
    sheet = read_sheet(session.record.path, session.codebook, known)
    assert sheet["leaf"].tolist() == ["A1", "D1"] and sheet["note"].tolist()[1] == 'a, "b"'


def test_a_blank_sheet_holds_no_formula_and_only_what_is_left(session: Session, tmp_path: Path) -> None:
    save_row(session.record, session.items[0].key, {"leaf": "A1", "state": "done"}, Context())
    write_blank(session, tmp_path / "blank.csv", waiting_items(session))
    assert (tmp_path / "blank.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert (tmp_path / "blank.csv").read_text().count("Invented text") == 29
    assert session.items[0].key not in (tmp_path / "blank.csv").read_text()
    assert import_sheet(session, tmp_path / "blank.csv") == ([], 0)


def test_drafts_of_the_page_are_not_yet_read(session: Session) -> None:
    done = {"leaf": "A1", "target": "T0", "mechanism": "M3", "scaling": "S0", "evidence": "C", "confidence": "3"}
    kept = Context("v1.1")
    save_row(session.record, session.items[0].key, {**done, "state": "done"}, kept)
    save_row(session.record, session.items[1].key, {"leaf": "A1", "state": "draft"}, kept)
    known = {item.key for item in session.items}
    assert list(read_sheet(session.record.path, session.codebook, known).index) == [session.items[0].key]
    found = find_page_sheets(session.record.path.parent.parent, (), session.codebook, known)
    assert [(sheet.coder, sheet.kind, len(sheet.codes)) for sheet in found] == [("ann", "person", 1)]
    again = open_record(session.record.path, (*HEADER.split(","), "unsure", *KEPT))
    assert again.rows == session.record.rows


@pytest.mark.parametrize("name", ["", "../evil", "a/b", "a b", "ä", "."])
def test_a_coder_cannot_name_a_file_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(SheetError, match="cannot name a sheet"):
        sheet_path(tmp_path, "documents", name)


def test_the_command_says_line_by_line_what_is_wrong(tmp_path: Path, root: Path, warm: Warm) -> None:
    config = make_project(tmp_path, root)
    (tmp_path / "s.csv").write_text(f"{HEADER}\n{line(1, 'Z9,,T0,M3,S0,C,3,')}\n")
    words = ("import", "--coder", "ann", "--kind", "person", "--file", str(tmp_path / "s.csv"))
    done = warm.run(["--config", str(config), *words])
    assert done.returncode == 1 and "s.csv, line 2: leaf 'Z9' is not in the codebook" in done.stdout
    assert "nothing was taken" in done.stdout


def test_a_finished_sheet_of_the_round_is_not_written_over(root: Path, tmp_path: Path) -> None:
    config = make_project(tmp_path, root)
    about = (root / "data/raw/handcheck/rounds/2026-11/round.toml").read_text()
    (tmp_path / "data/raw/handcheck/rounds/2026-11/round.toml").write_text(about)
    sheet = tmp_path / "data/raw/handcheck/sheets/reader-1.csv"
    sheet.parent.mkdir(parents=True)
    sheet.write_text(f"{HEADER}\n{line(1)}\n")
    with pytest.raises(SheetError, match="finished sheet"):
        load_session(load_config(config), "documents", "reader-1")
    with pytest.raises(SheetError, match="is a language model, not a person"):
        load_session(load_config(config), "adjudication", "reader-1", "person")


def test_the_codebook_version_is_the_one_that_was_shown(session: Session, root: Path) -> None:
    assert session.codebook_version == "v1.1"
    assert load_codebook(root / "data/raw/handcheck/codebook/codebook.toml").leaves == session.codebook.leaves


def test_a_wrong_record_of_who_reads_is_corrected_or_refused_in_words(tmp_path: Path, root: Path) -> None:
    config = load_config(make_project(tmp_path, root))
    session = load_session(config, "documents", "ann", "language model")
    save_row(session.record, session.items[0].key, {"leaf": "A1"}, Context())
    with pytest.raises(SheetError, match="is a language model"):
        load_session(config, "documents", "ann", "person")
    for coder, kind, words in (
        ("ann", "", "'nothing' is no kind of reader"),
        ("ann", "trial", "'trial' is no kind of reader"),
        ("nobody", "person", "nobody has no sheet"),
    ):
        with pytest.raises(SheetError, match=words):
            run_correct_kind(config, coder, kind)
    assert run_correct_kind(config, "ann", "person") == 0
    assert load_session(config, "documents", "ann", "person").record.kind == "person"


def test_a_finished_sheet_of_a_round_keeps_its_kind(root: Path) -> None:
    with pytest.raises(SheetError, match="lists reader-1 as another kind"):
        run_correct_kind(load_config(root / "census.toml"), "reader-1", "person")


def test_texts_that_are_missing_are_counted_in_an_export(
    tmp_path: Path, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = load_config(make_project(tmp_path, root))
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    documents.loc[documents.index[:2], "text"] = None
    store.write_table(DOCUMENTS, documents, config.processed("documents"))
    run_export(config, str(tmp_path / "items.csv"), "ann")
    assert "2 of 30 have no text on this machine" in caplog.text
