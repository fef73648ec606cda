"""Frames known by a list, of which the census holds a part: what is read of them, what they weigh, and their parts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.codebook import Codebook, parse_codebook
from pipeline.coding.sample import SCREENED, Sample
from pipeline.coding.sheets import read_sheet
from pipeline.errors import CodebookError, DataError
from pipeline.estimate.domains import Population, list_domains
from pipeline.estimate.survey import open_survey
from pipeline.scrape.files import read_items
from pipeline.scrape.item import Item
from tests.survey_of import CODEBOOK, codes_of, sample_of

BOOK = {
    "version": "2",
    "groups": {"A": "counts", "N": {"title": "outside", "outside": True}},
    "leaves": {"A1": "counts", "N0": "outside"},
    "axes": {"purpose": {"P2": "safety", "P0": "none"}, "confidence": {"2": "sure", "1": "not"}},
    "assumed": {"purpose": {"A": "P2", "N": "P0"}},
    "denominators": {"stated": {"title": "stated", "scope": "stated", "purpose": ["P2"]}},
    "definitions": [{"id": "a", "title": "a", "groups": ["A"]}],
}


# ---- sources ---------------------------------------------------------------------------------------------------------


def read_some(folder: Path, **keys: object) -> list[str]:
    rows = "\n".join(
        f'{{"id": "arxiv:2401.{number:05d}", "title": "{title}", "text": "Nothing else."}}'
        for number, title in enumerate(["On red-teaming", "On tea", "Scheming", "On debate"])
    )
    (folder / "papers.jsonl").write_text(rows)
    entry = {"kind": "files", "path": "papers.jsonl", "source": "arxiv", "frame": "f", "columns": {"doc_id": "id"}}
    return [item.doc_id[-1] for item in read_items({**entry, **keys}, folder, "test") if isinstance(item, Item)]


def test_of_a_file_what_a_list_names_is_read_and_what_holds_a_phrase(tmp_path: Path) -> None:
    (tmp_path / "drawn.csv").write_text("doc_id,stratum\narXiv:2401.00001v2,s\narxiv:2401.00003,s\n")
    assert read_some(tmp_path) == list("0123")
    assert read_some(tmp_path, only=["drawn.csv"]) == list("13")
    assert read_some(tmp_path, query={"phrases": ["@core"]}) == list("02")
    assert read_some(tmp_path, query={"phrases": ["debate", "tea"]}, only=["drawn.csv"]) == list("13")


@pytest.mark.parametrize(("content", "problem"), [(None, "is missing"), ("name\nx\n", "a row without doc_id or id")])
def test_a_list_that_cannot_be_used_is_one_line(tmp_path: Path, content: str | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "drawn.csv").write_text(content)
    with pytest.raises(DataError, match=problem):
        read_some(tmp_path, only=["drawn.csv"])


# ---- codes of an earlier codebook ------------------------------------------------------------------------------------


def test_a_sheet_without_an_axis_is_read_as_the_codebook_says_and_is_marked(tmp_path: Path) -> None:
    book = parse_codebook(BOOK, "book")
    (tmp_path / "old.csv").write_text("doc_id,leaf,leaf2,confidence,note\nd1,A1,,2,\nd2,N0,,2,\n")
    (tmp_path / "new.csv").write_text("doc_id,leaf,leaf2,purpose,confidence,note\nd1,A1,,,2,\nd2,N0,,P0,2,\n")
    old, new = (read_sheet(tmp_path / name, book, {"d1", "d2"}) for name in ("old.csv", "new.csv"))
    assert old["purpose"].tolist() == ["P2", "P0"] and old["assumed"].tolist() == ["purpose"] * 2
    assert new["purpose"].tolist() == ["", "P0"] and new["assumed"].tolist() == [""] * 2
    assert "assumed" in book.axis_meanings and "assumed" not in CODEBOOK.axis_meanings


@pytest.mark.parametrize(
    "assumed", [{"aim": {"A": "P2"}}, {"purpose": {"Z": "P2"}}, {"purpose": {"A": "P9"}}, {"confidence": {"A": "1"}}]
)
def test_an_assumption_names_what_there_is(assumed: dict[str, object]) -> None:
    with pytest.raises(CodebookError, match="assumed"):
        parse_codebook({**BOOK, "assumed": assumed}, "book")


# ---- weights and parts -----------------------------------------------------------------------------------------------


def announced() -> tuple[Sample, Population]:
    """A frame of two strata of which the second is known by its list alone, but for what is read of it."""
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, size=1_000)
    stratum = np.repeat([0, 1], [200, 800])
    drawn = np.concatenate([rng.permutation(200)[:40], 200 + rng.permutation(800)[:40]])
    prediction = np.full((1_000, 3), 1 / 3)
    sample, population = sample_of(truth, stratum, drawn, prediction=prediction)
    here = np.arange(1_000) < 200
    here[population.units] = True
    kept = np.flatnonzero(here)
    known = population.predictions
    assert known is not None
    fewer = replace(known, doc_ids=known.doc_ids[kept], fold=known.fold[kept], leaf_probability=prediction[kept])
    documents = population.documents.iloc[kept].reset_index(drop=True)
    strata = sample.strata.assign(part=["core", "rest"])
    where = pd.Index(documents["doc_id"]).get_indexer(sample.units.index)
    return replace(sample, strata=strata), Population(documents, where, fewer)


def test_a_stratum_known_by_its_list_alone_weighs_what_its_size_says() -> None:
    sample, population = announced()
    assert [population.knows(sample, str(name)) for name in sample.strata.index] == [True, False]
    survey = open_survey(sample, population, CODEBOOK, 0.95, 1)
    weight = survey.weights.weight
    is_rest = (sample.units["stratum"] == "f/s1").to_numpy()
    assert weight[is_rest] == pytest.approx(800 / 40) and weight[~is_rest].sum() == pytest.approx(200)
    assert survey.weights.replicates[:, is_rest].sum(axis=1) == pytest.approx(800, rel=1e-3)
    assert survey.sizes["words"] == {}  # whose words nobody counted


def test_a_frame_that_is_a_part_of_another_has_the_shares_of_these_strata() -> None:
    sample, population = announced()
    domains = list_domains(sample, population, {"core": "f/core", "nothing": "f/none", "elsewhere": "g/core"})
    assert [domain.frame for domain in domains] == ["core", "f"]
    assert domains[0].n_population == 200 and domains[0].rows.sum() == 40


# ---- screening -------------------------------------------------------------------------------------------------------

SCREENING: Codebook = replace(
    CODEBOOK,
    axes={"purpose": {"yes": "", "no": ""}, "confidence": {"3": "", "1": ""}},
    denominators={
        "stated": replace(CODEBOOK.denominators["safety"], axes={"purpose": ("yes",)}),
        **CODEBOOK.denominators,
    },
)


def screened(n_wrong: int) -> tuple[Sample, Population]:
    """Of 1,000 drawn documents 100 are let pass by a screener and read; of the others, 60 of 900 are."""
    truth = np.full(20_000, 2)
    sample, population = sample_of(truth, np.zeros(20_000, dtype=int), np.arange(1_000))
    index = sample.units.index
    mark = codes_of(np.full(1_000, 2), index).drop(columns="target").assign(purpose="no")
    near, checked = np.arange(1_000) < 100, (np.arange(1_000) >= 100) & (np.arange(1_000) < 160)
    readers = mark.copy()
    readers.loc[near, ["leaf", "group", "purpose"]] = ["E1", "E", "yes"]
    ruled = mark[checked].copy()
    ruled.iloc[:n_wrong, [ruled.columns.get_loc(name) for name in ("leaf", "group", "purpose")]] = ["A1", "A", "yes"]
    units = sample.units.assign(
        phase2_stratum=np.where(near, "agree", SCREENED),
        phase2_probability=np.where(near, 0.0, 60 / 900),
        is_adjudicated=checked,
    )
    sample = replace(sample, readers=(readers, readers), adjudicator=ruled, units=units, likened=frozenset(index[near]))
    return sample, population


@pytest.mark.parametrize("n_wrong", [0, 3])
def test_marks_of_a_screener_count_with_the_error_that_was_measured(n_wrong: int) -> None:
    sample, population = screened(n_wrong)
    survey = open_survey(sample, population, SCREENING, 0.95, 1)
    part = survey.part(survey.domains[0])
    assert part is not None
    total = part.totals @ survey.inside(SCREENING.denominators["stated"])
    read, missed = 2_000, 18_000 * n_wrong / 60  # 100 of 1,000 are read; of 18,000 others so many are wrongly marked
    assert total[0] == pytest.approx(read + missed, rel=0.1)
    low, high = np.quantile(total[1:], [0.025, 0.975])
    assert low <= read + missed <= high and high > total[0]
    if not n_wrong:  # none in 60 proves no zero
        assert 200 < high - total[0] < 2_000


def test_where_readers_differ_and_nobody_rules_each_counts_in_part() -> None:
    truth = np.ones(400, dtype=int)
    sample, population = sample_of(
        truth, np.zeros(400, dtype=int), np.arange(200), is_settled=np.zeros(200, dtype=bool)
    )
    other = codes_of(np.zeros(200, dtype=int), sample.units.index)
    units = sample.units.assign(phase2_stratum="disagree", phase2_probability=0.0)
    sample = replace(sample, readers=(sample.readers[0], other), units=units)
    survey = open_survey(sample, population, CODEBOOK, 0.95, 1)
    part = survey.part(survey.domains[0])
    assert part is not None
    total = part.totals @ (survey.records["leaf"] == "A1").to_numpy()
    assert total[0] == pytest.approx(200) and total[1:].mean() == pytest.approx(200, rel=0.05)
