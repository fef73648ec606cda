"""Negative controls: what is counted of them, and what a wrong sheet is told."""

from pathlib import Path

import pytest

from pipeline.agreement.controls import judge_controls
from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.errors import SheetError

ROOT = Path(__file__).resolve().parent.parent
HEAD = "control,coder_kind,doc_id,title,leaf,leaf2,target,mechanism,scaling,evidence,confidence,note\n"


@pytest.fixture(scope="module")
def codebook() -> Codebook:
    return load_codebook(ROOT / "data/raw/handcheck/codebook/codebook.toml")


def write(folder: Path, *leaves: str) -> Path:
    rows = [f"weather,person,w:{n},Rain,{leaf},,T0,M0,S0,E,3,\n" for n, leaf in enumerate(leaves)]
    path = folder / "ada.csv"
    path.write_text(HEAD + "".join(rows), encoding="utf-8")
    return path


def test_what_counts_is_counted_with_the_exact_interval(tmp_path: Path, codebook: Codebook) -> None:
    rows = judge_controls([write(tmp_path, "N0", "N0", "A1", "D1")], codebook, 0.95).set_index("definition")
    assert rows.loc["theory", ["n_read", "n_counted"]].tolist() == [4, 1]
    assert rows.loc["interpretability", "n_counted"] == 2
    assert rows.loc["theory", ["low", "high"]].tolist() == pytest.approx([0.0063094, 0.8058796], abs=1e-6)
    assert rows.loc["meta_alignment", "share"] == 0.25 and (rows["coder_kind"] == "person").all()


def test_none_of_them_does_not_prove_that_none_is_there(tmp_path: Path, codebook: Codebook) -> None:
    rows = judge_controls([write(tmp_path, *["N0"] * 60)], codebook, 0.95)
    assert (rows["share"] == 0).all() and rows["high"].tolist() == pytest.approx([1 - 0.025 ** (1 / 60)] * len(rows))


def test_a_code_that_is_not_in_the_codebook_is_named_with_its_line(tmp_path: Path, codebook: Codebook) -> None:
    with pytest.raises(SheetError, match=r"ada\.csv:3: leaf 'Q7' is not in the codebook"):
        judge_controls([write(tmp_path, "N0", "Q7")], codebook, 0.95)


def test_the_controls_that_ship_are_the_coders_of_the_repository(codebook: Codebook) -> None:
    paths = sorted((ROOT / "data/raw/handcheck/controls").glob("*.csv"))
    rows = judge_controls(paths, codebook, 0.95)
    assert rows.groupby("control")["n_read"].max().to_dict() == {
        "forum posts not about AI": 38,
        "general machine learning": 60,
    }
    read = rows.set_index(["control", "coder", "definition"])["n_counted"]
    papers, posts = read["general machine learning"], read["forum posts not about AI"]
    assert papers[:, "strict"].max() == 0 and papers["language-model-4", "stated"] == 0
    assert posts[:, "strict"].max() <= 3  # decision theory without a word on AI, which v1.2 puts into A1


def test_a_reader_who_was_asked_for_the_purpose_is_judged_by_scope_too(tmp_path: Path, codebook: Codebook) -> None:
    old = write(tmp_path, "E3", "D1", "N0")
    new = tmp_path / "bo.csv"
    codes = [("E3", "P1"), ("D1", "P1"), ("N0", "P0"), ("E3", "P2")]
    rows = [f"weather,person,w:{n},Rain,{leaf},,{purpose},T0,M3,S0,E,3,\n" for n, (leaf, purpose) in enumerate(codes)]
    new.write_text(HEAD.replace("target", "purpose,target") + "".join(rows), encoding="utf-8")
    found = judge_controls([old, new], codebook, 0.95).set_index(["coder", "definition"])["n_counted"]
    assert [found["bo", scope] for scope in ("safety", "stated", "edge", "advanced")] == [2, 1, 3, 0]
    assert (
        not {"safety", "stated", "edge", "everything"} & set(found["ada"].index)
        and found["bo", "interpretability"] == 1
    )


def test_a_reader_who_left_a_purpose_open_is_not_judged_by_scope(tmp_path: Path, codebook: Codebook) -> None:
    path = tmp_path / "bo.csv"
    row = "weather,person,w:0,Rain,E3,,,T0,M3,S0,E,3,\n"
    path.write_text(HEAD.replace("target", "purpose,target") + row, encoding="utf-8")
    assert "safety" not in set(judge_controls([path], codebook, 0.95)["definition"])
