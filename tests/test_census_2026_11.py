"""The census 2026.11 as it ships: its numbers come out of the sheets by a computation of their own."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from pipeline.coding.codebook import load_codebook
from pipeline.coding.definitions import check_nesting, match_query
from pipeline.coding.sheets import read_csv_rows
from pipeline.dataset.verify import verify_release
from pipeline.release.load import load_census

ROUND = "2026-11-arxiv"
DIRECT = ("A", "B", "C", "D", "E")
DEFINITIONS = {
    "strict": lambda leaf: leaf[0] == "A" or leaf == "B1",
    "broad": lambda leaf: leaf[0] in "ABC" and leaf != "C7",
    "interpretability": lambda leaf: (leaf[0] in "ABC" and leaf != "C7") or leaf in ("D1", "D2"),
    "broadest": lambda leaf: (leaf[0] in "ABC" and leaf != "C7") or leaf in ("D1", "D2", "D3"),
}
SCOPES = {
    "stated": lambda leaf, purpose: leaf[0] in "ABCDE" and purpose in ("P2", "P3"),
    "safety": lambda leaf, purpose: (
        leaf[0] in "ABCDE" and (purpose in ("P2", "P3") or (purpose == "P1" and leaf[0] in "ABCD" and leaf != "C1"))
    ),
    "edge": lambda leaf, purpose: leaf[0] in "ABCDE" and purpose != "P0",
}
EXPECTED = {"stated": (3_700, 5_300, 5_800), "safety": (5_300, 7_200, 9_700)}  # rough, made before any estimator


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@pytest.fixture(scope="module")
def handcheck(shipped: Path) -> Path:
    return shipped / "data/raw/handcheck"


@pytest.fixture(scope="module")
def by_hand(handcheck: Path) -> list[tuple[str, str, str, float]]:
    """Year, leaf, purpose and weight of every reading: Horvitz and Thompson (1952), no classifier, no phase-2 model.

    A ruling counts where there is one, else each reader in part; of the papers that a screener marked `none`, those
    that were read stand for all of them.
    """
    codes = {
        name: {row["doc_id"]: (row["leaf"], row["purpose"]) for row in rows_of(handcheck / f"sheets/{name}.csv")}
        for name in ("reader-3", "reader-4", "reader-5", "reader-6", "adjudicator-2", "adjudicator-3")
    }
    mark = {row["doc_id"]: row["screen"] for row in rows_of(handcheck / "sheets/screening/screener.csv")}
    n_none = sum(value == "none" for value in mark.values())
    n_none_read = sum(value == "none" and doc_id in codes["reader-5"] for doc_id, value in mark.items())
    found = []
    for row in rows_of(handcheck / "rounds" / ROUND / "sample.csv"):
        doc_id, weight = row["doc_id"], 1 / float(row["inclusion_probability"])
        if mark.get(doc_id) == "none":
            weight *= n_none / n_none_read
        ruled = [codes[name][doc_id] for name in ("adjudicator-3", "adjudicator-2") if doc_id in codes[name]][:1]
        said = ruled or [sheet[doc_id] for name, sheet in codes.items() if "reader" in name and doc_id in sheet]
        found += [(row["stratum"].split("/")[1], *code, weight / len(said)) for code in said]
    return found


@pytest.fixture(scope="module")
def tables(shipped: Path) -> dict[str, pd.DataFrame]:
    folder = shipped / "reports/2026.11/tables"
    names = ("shares", "totals", "recall", "coverage")
    return {name: pd.read_csv(folder / f"{name}.csv", dtype={"year": str}, keep_default_na=True) for name in names}


def test_totals_and_shares_are_those_counted_by_hand_within_half_an_interval(
    by_hand: list[tuple[str, str, str, float]], tables: dict[str, pd.DataFrame]
) -> None:
    safety: dict[tuple[str, str], float] = defaultdict(float)
    direct: dict[tuple[str, str, str], float] = defaultdict(float)
    for year, leaf, purpose, weight in by_hand:
        for scope, belongs in SCOPES.items():
            if belongs(leaf, purpose):
                safety[scope, year] += weight
                for name, counts in DEFINITIONS.items():
                    direct[name, scope, year] += weight * counts(leaf)
    for scope, expected in EXPECTED.items():
        for year, number in zip(("2024", "2025", "2026"), expected, strict=True):
            assert safety[scope, year] == pytest.approx(number, rel=0.06), (scope, year)
    totals = tables["totals"].fillna({"definition": "", "year": ""})
    totals = totals[totals["frame"] == "arxiv-announced"].set_index(["year", "denominator", "definition"])
    shares = tables["shares"].fillna({"year": ""})
    shares = shares[(shares["frame"] == "arxiv-announced") & (shares["weight"] == "documents")]
    shares = shares.set_index(["year", "denominator", "definition"])
    for (scope, year), number in safety.items():
        row = totals.loc[(year, scope, "")]
        assert abs(row["count"] - number) <= (row["high"] - row["low"]) / 2, (scope, year, row["count"], number)
        for name in DEFINITIONS:
            row, share = shares.loc[(year, scope, name)], direct[name, scope, year] / number
            assert abs(row["share"] - share) <= (row["high"] - row["low"]) / 2, (scope, year, name, share)
    assert sum(weight for *_, weight in by_hand) == pytest.approx(205_973, rel=0.03)


def test_the_phrases_find_less_than_half_and_direct_work_more_often(tables: dict[str, pd.DataFrame]) -> None:
    recall = tables["recall"].fillna({"definition": "", "year": ""}).set_index(["year", "denominator", "definition"])
    for scope in SCOPES:
        everything, strict = (recall.loc[("", scope, name)] for name in ("", "strict"))
        assert everything["high"] < 0.5 and strict["recall"] > everything["recall"]
        assert everything["low"] <= everything["recall"] <= everything["high"]
        assert everything["count_found"] / (everything["count_found"] + everything["count_missed"]) == pytest.approx(
            everything["recall"], abs=1e-6
        )


def test_every_paper_announced_is_covered_and_numbers_that_rest_on_assumed_purposes_say_so(
    tables: dict[str, pd.DataFrame],
) -> None:
    covered = tables["coverage"].fillna({"window": ""}).set_index(["frame", "window"])
    row = covered.loc[("arxiv-announced", "")]
    assert row["n_members"] == row["n_covered"] == 205_973 and row["n_drawn"] == 3_060
    shares = tables["shares"]
    is_old = shares["frame"] == "alignmentforum-census"
    of_purpose = shares["denominator"].isin(["safety", "stated", "edge", "advanced", "technical"])
    told = shares["method"].str.contains("purpose assumed")
    assert told[is_old & of_purpose].all() and not told[~of_purpose].any()
    # Of arXiv's papers only those that the first round had drawn too were read before there was a purpose.
    told = shares.loc[shares["frame"] == "arxiv-announced", "method"].str.extract(r"assumed for (\d+) of")[0].dropna()
    assert told.astype(int).max() < 10


def test_both_releases_hold_and_the_new_one_is_small(shipped: Path) -> None:
    for version in ("2026.07", "2026.11"):
        verify_release(shipped / "data/raw/census" / version)
    folder = shipped / "data/raw/census/2026.11"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 30e6
    census = load_census(folder, memory_map=False)
    assert (census.documents["doc_id"].str.startswith("arxiv:")).sum() > 12_000 and "text" not in census.documents
    ours = set(census.documents["doc_id"])
    drawn = {row["doc_id"] for _, row in read_csv_rows(shipped / f"data/raw/handcheck/rounds/{ROUND}/sample.csv", ())}
    members = pd.read_parquet(shipped / f"data/raw/handcheck/rounds/{ROUND}/members.parquet")
    core = set(members.loc[members["stratum"].str.endswith("/core"), "doc_id"])
    assert len(members) == 205_973 and len(core) == 10_684 and drawn | core <= ours


def test_the_codebook_has_no_rule_that_contradicts_another(handcheck: Path) -> None:
    codebook = load_codebook(handcheck / "codebook/codebook.toml")
    check_nesting(codebook)
    codes = pd.DataFrame({"leaf": ["C7", "C7"], "group": "C", "leaf2": "", "group2": "", "confidence": 3})
    codes = codes.assign(purpose="P2", target="T1", mechanism="M5", scaling="S1", evidence="E")
    named = {definition.id: bool(match_query(definition, codes)[0]) for definition in codebook.definitions}
    assert not named["broad"] and not named["interpretability"] and not named["broadest"] and named["broad_production"]
    scopes = [match_query(codebook.denominators[name], codes).all() for name in ("stated", "safety", "edge")]
    assert scopes == [True] * 3
