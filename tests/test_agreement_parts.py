"""Where readers agree: by frame, leaf and kind of reader, and each with itself."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline import store
from pipeline.agreement.parts import tabulate_parts
from pipeline.check.page import make_app
from pipeline.check.session import load_session
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_sample
from pipeline.config import Config, load_config
from pipeline.schemas import AGREEMENT_PARTS, DOCUMENTS


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Config:
    """The shipped round and census, in a folder of its own."""
    shutil.copy(root / "census.toml", tmp_path / "census.toml")
    shutil.copytree(root / "data/raw/handcheck", tmp_path / "data/raw/handcheck")
    documents = pd.read_parquet(root / "data/raw/census/2026.07/documents.parquet").assign(text=None)
    config = load_config(tmp_path / "census.toml")
    store.write_table(DOCUMENTS, documents, config.processed("documents"))
    return config


def read_as(config: Config, coder: str, leaves: list[str], task: str = "documents") -> list[str]:
    session = load_session(config, task, coder, "person")
    client = make_app(session, "secret", ("localhost",)).test_client()
    for place, leaf in enumerate(leaves):
        cells = {"leaf": leaf, "confidence": "3", "state": "done"}
        assert client.post(f"/api/item/{place}", json=cells, headers={"X-Census-Token": "secret"}).status_code == 200
    return [session.items[place].key for place in range(len(leaves))]


def parts_of(config: Config) -> pd.DataFrame:
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook/codebook.toml")
    found = tabulate_parts(config, handcheck, codebook, read_sample(config, codebook))
    store.write_table(AGREEMENT_PARTS, found, config.processed("agreement_parts"))  # it fits its declaration
    return found.set_index(["coder_a", "coder_b", "part", "name"])


def test_the_parts_of_a_pair_add_up_and_are_what_the_sheets_say(project: Config) -> None:
    parts = parts_of(project)
    sheets = project.path(project.paths.handcheck, "sheets")
    one, other = (pd.read_csv(sheets / f"reader-{number}.csv").set_index("doc_id")["leaf"] for number in (1, 2))
    pair = parts.loc[("reader-1", "reader-2")]
    total = pair.loc[("all", "")]
    assert (total["n_both"], total["n_same"]) == (1_090, int((one == other[one.index]).sum()))
    frames = pair.loc["frame"]
    assert frames["n_both"].sum() == 1_090 and frames["n_same"].sum() == total["n_same"] and len(frames) == 7
    both = (one == "D1") & (other[one.index] == "D1")
    either = (one == "D1") | (other[one.index] == "D1")
    leaf = pair.loc[("leaf", "D1")]
    assert (leaf["n_both"], leaf["n_same"]) == (int(either.sum()), int(both.sum()))
    assert (parts["low"] <= parts["share"]).all() and (parts["share"] <= parts["high"]).all()
    kinds = parts.xs("kinds", level="part")
    assert list(kinds.index.get_level_values("coder_b").unique()) == ["every language model"]


def test_people_models_and_second_readings_stand_apart(project: Config) -> None:
    read = read_as(project, "ann", ["A1"] * 20)
    again = read_as(project, "ann", ["A1"] * 15 + ["B1"] * 5, "retest")
    assert sorted(read) == sorted(again) and read != again
    parts = parts_of(project)
    itself = parts.loc[("ann", "ann again", "all", "")]
    assert (itself["n_both"], itself["n_same"], itself["kind_b"]) == (20, 15, "person")
    kinds = parts.xs("kinds", level="part").reset_index()
    assert {(row.coder_a, row.coder_b) for row in kinds.itertuples()} == {
        ("every language model", "every language model"),
        ("every language model", "every person"),
    }  # what one says twice is no agreement of people
    codes = pd.read_csv(project.path(project.paths.handcheck, "sheets/ann.csv"))
    assert set(codes["leaf"]) == {"A1"}  # reading again changes no code
