"""Rulings that are drawn later than the first: what their reader is shown, and what shares take of them."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline import store
from pipeline.check.session import load_session
from pipeline.check.stage import run_export, run_import
from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.facts import ask_alike
from pipeline.config import Config, load_config
from tests.handcheck_project import make_project

BOOK = Path(__file__).resolve().parent.parent / "data/raw/handcheck/codebook/codebook.toml"
LATER = [f"lw:{number:017d}" for number in (21, 22, 23)]


@pytest.fixture
def config(tmp_path: Path, root: Path) -> Config:
    """A project whose first draw of phase 2 took five documents, and whose second takes three more."""
    config = load_config(make_project(tmp_path, root))
    folder = tmp_path / "data/raw/handcheck/rounds/2026-11"
    rows = pd.DataFrame(
        {"doc_id": LATER, "phase2_stratum": "surprising", "phase2_probability": 1.0, "adjudicated": True}
    )
    store.write_csv(folder / "adjudication-2.csv", rows)
    return config


@pytest.fixture(scope="module")
def codebook() -> Codebook:
    return load_codebook(BOOK)


def write_rulings(config: Config, coder: str, count: int) -> None:
    lines = [f"lw:{number:017d},D1,,T0,M3,S0,C,3,,done,language model" for number in range(count)]
    path = config.path(config.paths.handcheck, "sheets/adjudication", f"{coder}.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    header = "doc_id,leaf,leaf2,target,mechanism,scaling,evidence,confidence,note,state,coder_kind"
    path.write_text("\n".join([header, *lines]), encoding="utf-8")


def test_a_second_draw_is_read_beside_the_first_and_what_nobody_ruled_on_comes_first(config: Config) -> None:
    everything = {item.key for item in load_session(config, "adjudication", "new", "language model").items}
    assert everything == {*LATER, *(f"lw:{number:017d}" for number in range(5))}
    write_rulings(config, "old", 5)
    shown = [item.key for item in load_session(config, "adjudication", "new", "language model").items]
    assert set(shown[:3]) == set(LATER) and set(shown) == everything
    own = [item.key for item in load_session(config, "adjudication", "old", "language model").items]
    assert own != shown and set(own) == everything  # one's own rulings move nothing


def test_a_document_that_a_later_draw_leaves_out_is_not_shown(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "data/raw/handcheck/rounds/2026-11/adjudication-3.csv"
    path.write_text(f"doc_id,phase2_stratum,phase2_probability,adjudicated\n{LATER[0]},agree,0.5,False\n")
    shown = [item.key for item in load_session(config, "adjudication", "new", "language model").items]
    assert LATER[0] not in shown and len(shown) == 7


def test_the_later_draw_goes_out_and_comes_back_whole(config: Config, tmp_path: Path) -> None:
    write_rulings(config, "old", 5)
    run_export(config, str(tmp_path / "items.jsonl"), "new", "adjudication", count=3)
    ids = pd.read_json(tmp_path / "items.jsonl", lines=True)["doc_id"].tolist()
    assert sorted(ids) == LATER
    codes = pd.DataFrame({"doc_id": ids, "leaf": "A1", "confidence": 3}).assign(
        target="T0", mechanism="M3", scaling="S0", evidence="C"
    )
    codes.to_csv(tmp_path / "codes.csv", index=False)
    assert run_import(config, str(tmp_path / "codes.csv"), "new", "adjudication", kind="language model") == 0
    taken = pd.read_csv(config.path(config.paths.handcheck, "sheets/adjudication/new.csv"))
    assert sorted(taken["doc_id"]) == LATER and (taken["coder_kind"] == "language model").all()


def codes_of(codebook: Codebook, leaves: str, purposes: str, assumed: str) -> pd.DataFrame:
    """Returns codes of documents a, b, c …; `assumed` with commas between."""
    columns = {"leaf": leaves.split(), "purpose": purposes.split(), "assumed": assumed.split(",")}
    found = pd.DataFrame(columns, index=list("abcd")[: len(columns["leaf"])])
    return found.assign(group=found["leaf"].map(codebook.group_of))


def test_where_most_were_not_asked_a_code_above_the_assumed_one_counts_as_that(codebook: Codebook) -> None:
    frame = pd.Series("forum", list("abcd"))
    readers = [
        codes_of(codebook, "A1 N0 E3 E3", f"P2 P0 P2 {last}", "purpose,purpose,purpose,") for last in ("P1", "P3")
    ]
    ruled = codes_of(codebook, "D1 E13 N0 E3", "P3 P1 P0 P3", ",,,")
    told, settled = ask_alike(frame, readers, ruled, codebook)
    assert settled["purpose"].tolist() == ["P2", "P1", "P0", "P2"]
    assert settled["assumed"].tolist() == ["purpose", "", "purpose", "purpose"]
    assert [table["purpose"].tolist()[-1] for table in told] == ["P1", "P2"]
    assert [table["assumed"].tolist()[-1] for table in told] == ["", "purpose"]
    assert ruled["purpose"].tolist() == ["P3", "P1", "P0", "P3"], "what was said stays as it is"


def test_where_most_were_asked_every_code_counts_as_it_is(codebook: Codebook) -> None:
    frame = pd.Series(["arxiv", "arxiv", "arxiv", "forum"], list("abcd"))
    readers = [codes_of(codebook, "A1 E3 E3 A1", "P2 P3 P1 P2", "purpose,,,purpose")] * 2
    ruled = codes_of(codebook, "A1 E3 E3 A1", "P3 P3 P1 P3", ",,,")
    told, settled = ask_alike(frame, readers, ruled, codebook)
    assert settled["purpose"].tolist() == ["P3", "P3", "P1", "P2"]
    assert told[0]["purpose"].tolist() == ["P2", "P3", "P1", "P2"]
