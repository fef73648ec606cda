"""The second round's sheets, as its readers left them, taken in through the one door and settled."""

import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline.check.session import load_session
from pipeline.check.stage import run_import
from pipeline.coding.codebook import load_codebook
from pipeline.coding.facts import gather_facts
from pipeline.coding.kinds import find_kind
from pipeline.coding.precedence import settle_by_precedence
from pipeline.config import Config, load_config
from pipeline.errors import SheetError

READERS = ("reader-3", "reader-4", "reader-5", "reader-6")
RULINGS = ("adjudicator-3", "adjudicator-2")  # the later rulings supersede the earlier ones
COUNTS = {
    "reader-3": 660,
    "reader-4": 660,
    "reader-5": 781,
    "reader-6": 781,
    "adjudicator-2": 292,
    "adjudicator-3": 126,
}
PURPOSE = 'purpose = { P3 = "advanced AI", P2 = "safety of AI systems", P1 = "a neighbouring aim", P0 = "none" }'


@pytest.fixture
def config(tmp_path: Path, root: Path, shared: Path) -> Config:
    """A project with the second round's draw, the codebook of its version, and no sheet."""
    labels = shared / "labels/round-2"
    if not labels.is_dir():
        pytest.skip("the sheets of the second round are not beside this checkout")
    shutil.copy(root / "census.toml", tmp_path / "census.toml")
    book = tmp_path / "data/raw/handcheck/codebook"
    shutil.copytree(root / "data/raw/handcheck/codebook", book)
    text = (book / "codebook.toml").read_text()
    if "E13 =" not in text:
        text = text.replace('\nM1 = "field', '\nE13 = "explainability for users"\nM1 = "field', 1)
    if "purpose = {" not in text:
        text = text.replace("[axes]\n", f"[axes]\n{PURPOSE}\n", 1)
    (book / "codebook.toml").write_text(text)
    shutil.copy(shared / "codebook/v1.2/CODEBOOK.md", book / "CODEBOOK.md")
    folder = tmp_path / "data/raw/handcheck/rounds/round-2"
    folder.mkdir(parents=True)
    for name in ("design.csv", "sample.csv", "adjudication.csv"):
        shutil.copy(labels / name, folder / name)
    coders = [f'[[coders]]\nsheet = "{name}"\nrole = "reader"\nkind = "language model"\n' for name in READERS]
    coders += [f'[[coders]]\nsheet = "{name}"\nrole = "adjudicator"\nkind = "language model"\n' for name in RULINGS]
    about = 'title = "Round 2"\nseed = 20261126\ncodebook = "v1.2"\ndesign = "stratified"\nshown = "title and text"\n'
    (folder / "round.toml").write_text(about + "\n".join(coders))
    return load_config(tmp_path / "census.toml")


def take(config: Config, shared: Path, coder: str, task: str = "documents", name: str = "", kind: str = "") -> int:
    path = shared / "labels/round-2" / f"{name or coder}.csv"
    return run_import(config, str(path), coder, task, kind=kind, round_name="round-2")


def test_six_sheets_come_in_as_what_they_are_and_are_settled(config: Config, shared: Path) -> None:
    handcheck = config.path(config.paths.handcheck)
    for coder in (*READERS, *RULINGS):
        assert take(config, shared, coder) == 0
        assert find_kind(handcheck, coder) == "language model"
    given = {coder: pd.read_csv(shared / "labels/round-2" / f"{coder}.csv", dtype=str).fillna("") for coder in COUNTS}
    codebook = load_codebook(handcheck / "codebook/codebook.toml")
    known = set(pd.read_csv(handcheck / "rounds/round-2/sample.csv")["doc_id"])
    facts = gather_facts(handcheck, codebook, known)
    assert {sheet.coder: len(sheet.codes) for sheet in (*facts.readers, *facts.adjudicators)} == COUNTS
    assert not facts.people and [sheet.coder for sheet in facts.adjudicators] == list(RULINGS)
    for sheet in facts.sheets:  # not a cell was lost or changed
        told = given[sheet.coder].set_index("doc_id")
        for column in told.columns:
            came = sheet.codes.loc[told.index, column].astype(str)
            expected = told[column].map(lambda text: " ".join(text.split()))
            assert (came == expected).all(), (sheet.coder, column)

    read = sorted({doc_id for coder in READERS for doc_id in given[coder]["doc_id"]})
    settled = settle_by_precedence([*facts.readers, *facts.adjudicators], read)
    assert len(settled) == len(read) == 660 + 781 and set(settled["coder_kind"]) == {"language model"}
    last, before = (given[name].set_index("doc_id") for name in RULINGS)
    for doc_id, row in settled.iterrows():
        ruling = last if doc_id in last.index else before if doc_id in before.index else None
        if ruling is not None:
            assert (row["leaf"], row["purpose"]) == (ruling.at[doc_id, "leaf"], ruling.at[doc_id, "purpose"])
    both = last.index.intersection(before.index)
    assert len(both) and (settled.loc[both, "target"] == before.loc[both, "target"]).all()  # settled cell by cell
    assert (settled["purpose"] != "").all() and (settled["target"] != "").all()


def test_screening_marks_come_in_beside_the_codes_and_are_none(config: Config, shared: Path) -> None:
    assert take(config, shared, "screener", "screening", "sample", "language model") == 0
    handcheck = config.path(config.paths.handcheck)
    with (handcheck / "sheets/screening/screener.csv").open(encoding="utf-8", newline="") as file:
        marks = [row["screen"] for row in csv.DictReader(file)]
    assert (marks.count("yes"), marks.count("edge"), marks.count("none")) == (267, 394, 1739)
    assert not list((handcheck / "sheets").glob("*.csv"))


def test_nobody_takes_a_models_sheet_for_a_persons(config: Config, shared: Path) -> None:
    with pytest.raises(SheetError, match="reader-3 is a language model, not a person"):
        take(config, shared, "reader-3", kind="person")
    with pytest.raises(SheetError, match="nobody has said whether this coder is a person or a language model"):
        take(config, shared, "somebody", name="reader-3")
    assert not (config.path(config.paths.handcheck) / "journal").exists()


def test_taking_a_sheet_twice_changes_nothing_and_a_wrong_line_takes_nothing(
    config: Config, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert take(config, shared, "reader-3") == 0
    sheet = config.path(config.paths.handcheck) / "sheets/reader-3.csv"
    codes = pd.read_csv(sheet, dtype=str).drop(columns=["saved_at"])
    assert take(config, shared, "reader-3") == 0
    pd.testing.assert_frame_equal(pd.read_csv(sheet, dtype=str).drop(columns=["saved_at"]), codes)
    lines = (shared / "labels/round-2/reader-4.csv").read_text().splitlines()
    lines[100] = lines[100].replace(",P", ",Q", 1)
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    assert run_import(config, str(tmp_path / "bad.csv"), "reader-4", round_name="round-2") == 1
    assert "bad.csv, line 101: purpose 'Q" in capsys.readouterr().out
    assert not (sheet.parent / "reader-4.csv").exists()


def test_purpose_is_the_first_decision_where_the_codebook_has_it(config: Config) -> None:
    session = load_session(config, "documents", "ann", "person", round_name="round-2", needs_texts=False)
    from pipeline.check.describe import describe_task

    names = [step["name"] for step in describe_task(session)["steps"]]
    assert names == ["purpose", "group", "leaf", "confidence"]
    assert len(session.items) == 660 + 781  # what the screening left out is not asked for
