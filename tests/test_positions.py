"""Positions by name: what a file may say, what it matches, and that their numbers are those of the definitions."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.definitions import bare_codes, match_definition
from pipeline.coding.positions import load_positions, match_position
from pipeline.errors import DataError

GOOD = '[[positions]]\nid = "mine"\ntitle = "Mine"\nwho = "me"\nsays = "this"\n'


@pytest.fixture(scope="module")
def codebook(root: Path) -> Codebook:
    return load_codebook(root / "data/raw/handcheck/codebook/codebook.toml")


def test_the_positions_of_the_study_load_and_match_what_they_say(root: Path, codebook: Codebook) -> None:
    positions = {each.id: each for each in load_positions(root / "data/raw/handcheck/positions.toml", codebook)}
    assert len(positions) >= 6
    codes = bare_codes(codebook)
    strict = next(item for item in codebook.definitions if item.id == "strict")
    own = match_position(positions["interpretability-not-control"], codebook, codes)
    added = set(codes["leaf"][own]) - set(codes["leaf"][match_definition(strict, codes)])
    assert added == {"D1", "D2"}, "interpretability must not bring training with it"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://forum.invalid/posts/a/b", "https://forum.invalid/posts/a/b?commentId=Xy9"),
        ("https://forum.invalid/posts/a/b?commentId=old#c", "https://forum.invalid/posts/a/b?commentId=Xy9#c"),
    ],
)
def test_the_id_of_a_comment_leads_to_it(tmp_path: Path, codebook: Codebook, url: str, wanted: str) -> None:
    path = tmp_path / "positions.toml"
    path.write_text(GOOD + f'url = "{url}"\ncomment = "Xy9"\n', encoding="utf-8")
    assert load_positions(path, codebook)[0].url == wanted


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("positions = 3", "must be"),
        ("[[positions]\n", "not valid TOML"),
        (GOOD.replace('title = "Mine"\n', ""), "lacks 'title'"),
        (GOOD + 'include = ["Z9"]\n', "no leaf 'Z9'"),
        (GOOD + 'include = "A1"\n', "a list of texts"),
        (GOOD + 'definition = "nowhere"\n', "no definition 'nowhere'"),
        (GOOD + 'url = "javascript:alert(1)"\n', "no web address"),
        (GOOD + 'url = "https://forum.invalid/posts/a/b"\ncomment = "x&y=1"\n', "letters and digits of its id"),
        (GOOD + 'comment = "abc"\n', "beside the url of its post"),
        (GOOD + "colour = 1\n", "unknown key 'colour'"),
        (GOOD.replace('"mine"', '"../mine"'), "names a file"),
        (GOOD + GOOD, "twice"),
    ],
)
def test_a_file_that_is_wrong_is_told_in_one_line(tmp_path: Path, codebook: Codebook, text: str, wrong: str) -> None:
    path = tmp_path / "positions.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_positions(path, codebook)
    assert wrong in str(caught.value) and str(path) in str(caught.value)


def test_no_file_is_no_position(tmp_path: Path, codebook: Codebook) -> None:
    assert load_positions(tmp_path / "positions.toml", codebook) == ()


def test_years_add_up_to_their_frame_and_a_position_that_is_a_definition_has_its_numbers(root: Path) -> None:
    tables = root / "reports/2026.07/tables"
    totals, positions, shares = (
        pd.read_csv(tables / f"{name}.csv", dtype={"year": str}).fillna({"year": "", "definition": ""})
        for name in ("totals", "positions", "shares")
    )
    whole = totals[totals["year"] == ""].set_index(["frame", "denominator", "definition"])["count"]
    years = totals[totals["year"] != ""].groupby(["frame", "denominator", "definition"])["count"].sum()
    assert len(years) > 20 and (abs(whole[years.index] - years) < 0.01).all()
    assert (totals["low"] <= totals["count"]).all() and (totals["count"] <= totals["high"]).all()
    own = positions[positions["position"] == "post"].merge(
        shares[(shares["definition"] == "strict") & (shares["weight"] == "documents")],
        on=["frame", "year", "denominator"],
        suffixes=("", "_of_definition"),
    )
    assert len(own) > 20
    for column in ("share", "low", "high"):
        assert (abs(own[column] - own[f"{column}_of_definition"]).fillna(0) < 1e-6).all(), column


def test_the_entry_that_contributing_shows_is_one(root: Path, tmp_path: Path, codebook: Codebook) -> None:
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    path = tmp_path / "positions.toml"
    path.write_text(
        text.partition("```toml\n[[positions]]")[2].partition("```")[0].join(["[[positions]]", ""]), "utf-8"
    )
    (found,) = load_positions(path, codebook)
    assert found.include == ("D1", "D2") and found.url.endswith("?commentId=XyZ123")
