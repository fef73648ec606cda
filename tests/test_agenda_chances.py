"""Clusters know how much a document is of each named agenda, from models that did not see what was read of it."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.cluster.agenda_chances import cross_predict, learn_agendas, list_known
from pipeline.coding.agenda_list import FILE, Agenda, AgendaList, load_agendas, read_agenda_sheets
from pipeline.coding.codebook import load_codebook
from pipeline.text.word_counts import WordCounts
from tests.survey_of import CODEBOOK

NO_WORDS = WordCounts(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int16), [])


def agenda(name: str, *seeds: str) -> Agenda:
    return Agenda(name, name.title(), "What it is.", ("A1",), (name,), seeds or ("x:0",))


def heaps(count: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns features of three heaps, of which the first two are agendas, who is of them, and folds."""
    rng = np.random.default_rng(2)
    heap = np.arange(count) % 3
    features = np.eye(3, 8)[heap] + 0.2 * rng.normal(size=(count, 8))
    return features, heap[:, None] == np.arange(2), np.arange(count) % 5


def test_documents_lie_with_their_agenda_and_others_with_none() -> None:
    features, truth, fold = heaps()
    chances = cross_predict(features, np.arange(60), truth[:60], fold)
    unread = np.arange(60, 120)
    assert ((chances > 0.5) == truth)[unread].mean() > 0.97
    assert chances.min() >= 0 and chances.max() <= 1


def test_what_was_read_of_a_document_moves_no_document_of_its_part() -> None:
    features, truth, fold = heaps()
    turned = truth[:60].copy()
    turned[7] = ~turned[7]
    first, second = (cross_predict(features, np.arange(60), said, fold) for said in (truth[:60], turned))
    assert np.array_equal(first[fold == fold[7]], second[fold == fold[7]]) and not np.array_equal(first, second)


def test_what_was_read_of_a_seed_counts_before_its_being_one() -> None:
    listed = AgendaList(1, (agenda("cups", "x:1", "x:2", "x:gone"), agenda("plates", "x:3")))
    sheets = pd.DataFrame({"agendas": [("plates",), ()]}, index=["x:2", "x:4"])
    known, members = list_known(listed, sheets, pd.Index(["x:1", "x:2", "x:3", "x:4", "x:5"]))
    assert known.tolist() == [0, 1, 2, 3]
    assert members.tolist() == [[True, False], [False, True], [False, True], [False, False]]


def test_a_phrase_speaks_for_its_agenda_and_a_study_without_a_list_has_no_chances(tmp_path: Path) -> None:
    documents = pd.DataFrame({"title": [f"On {'cups' if number % 2 else 'it'}" for number in range(40)]})
    documents.index = pd.Index([f"x:{number:02}" for number in range(40)])
    features, fold = np.zeros((40, 3)), np.arange(40) % 5
    assert learn_agendas(tmp_path, CODEBOOK, documents, NO_WORDS, features, fold).shape == (40, 0)
    lines = (
        'version = 1\n[[agendas]]\nid = "cups"\nname = "Cups"\nsays = "Cups."\nleaves = ["A1"]\nphrases = ["cups"]\n'
    )
    seeds = ", ".join(f'"x:{number:02}"' for number in range(1, 20, 2))
    (tmp_path / "agendas.toml").write_text(f"{lines}seeds = [{seeds}]\n", encoding="utf-8")
    sheet = tmp_path / "sheets" / "agendas" / "me.csv"
    sheet.parent.mkdir(parents=True)
    rows = "".join(f"x:{number:02},none,1,person\n" for number in range(0, 20, 2))
    sheet.write_text(f"doc_id,agendas,agendas_version,coder_kind\n{rows}", encoding="utf-8")
    chances = learn_agendas(tmp_path, CODEBOOK, documents, NO_WORDS, features, fold)[:, 0]
    named = np.arange(40) % 2 == 1
    assert chances[named].min() > chances[~named].max() + 0.3


def test_the_shipped_list_and_sheets_are_what_the_clusters_learn_from(shipped: Path) -> None:
    handcheck = shipped / "data/raw/handcheck"
    listed = load_agendas(handcheck / FILE, load_codebook(handcheck / "codebook/codebook.toml"))
    documents = pd.read_parquet(shipped / "data/raw/census/2026.11/documents.parquet", columns=["doc_id"])
    known, members = list_known(listed, read_agenda_sheets(handcheck, listed), pd.Index(documents["doc_id"]))
    assert len(known) > 2_000 and members.any(axis=0).all()
