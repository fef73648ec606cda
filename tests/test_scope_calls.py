"""Calls of single documents keep the recall that is asked, per frame; their chances come true; shares do not move."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.coding.codebook import load_codebook
from pipeline.coding.sample import Sample
from pipeline.config import load_config
from pipeline.estimate.domains import Population
from pipeline.estimate.reliability import Seen, measure_calibration, share_of, tabulate_reliability
from pipeline.estimate.scope_calls import Known, calibrate_by_frame, choose_threshold, lay_known, tabulate_calls
from pipeline.schemas import CALLS, RELIABILITY, SCOPE_CALLS
from tests.survey_of import CODEBOOK, sample_of

SIZE = 4_000


def invent(read_share: float = 0.3, seed: int = 4) -> tuple[Sample, Population, np.ndarray]:
    """Returns a read sample, all documents, and whether each is in scope: in frame g less often than chances say."""
    rng = np.random.default_rng(seed)
    is_other = np.arange(SIZE) >= SIZE // 2
    odds = rng.normal(0.4, 2, SIZE)
    is_inside = rng.random(SIZE) < 1 / (1 + np.exp(-odds + 1.5 * is_other))
    chance = 1 / (1 + np.exp(-odds))
    prediction = np.column_stack([0.4 * chance, 0.6 * chance, 1 - chance])
    truth = np.where(is_inside, rng.integers(0, 2, SIZE), 2)
    drawn = np.flatnonzero(rng.random(SIZE) < read_share)
    sample, population = sample_of(truth, is_other.astype(int), drawn, prediction=prediction)
    coders = ("coder", "coder_kind", "reader", "reader_kind")
    sample = replace(sample, units=sample.units.assign(**dict.fromkeys(coders, "one")))
    documents = population.documents.assign(frame=np.where(is_other, "g", "f"))
    assert population.predictions is not None
    predictions = replace(population.predictions, fold=np.arange(SIZE) % 5)
    return sample, replace(population, documents=documents, predictions=predictions), is_inside


def test_the_asked_recall_is_kept_among_documents_that_nobody_read() -> None:
    kept, holds = [], []
    for seed in range(4):
        sample, population, is_inside = invent(seed=seed)
        tables = tabulate_calls(population, sample, CODEBOOK, 0.95, 0.95)
        calls, scores = tables["calls"], tables["scope_calls"].set_index("frame")
        is_called, is_read = (calls["scope"] != "out").to_numpy(), calls["is_read"].to_numpy()
        for frame in ("f", "g"):
            here = ~is_read & (calls["frame"] == frame).to_numpy()
            kept.append(is_called[here & is_inside].mean())
            row = scores.loc[frame]
            holds.append(row["recall_low"] <= kept[-1] <= row["recall_high"])
            holds.append(row["precision_low"] <= is_inside[here & is_called].mean() <= row["precision_high"])
    assert np.mean(holds) > 0.8
    assert np.mean(kept) == pytest.approx(0.95, abs=0.01)


def test_chances_come_true_in_each_frame_where_the_classifier_was_wrong_about_one() -> None:
    sample, population, is_inside = invent()
    calls = tabulate_calls(population, sample, CODEBOOK, 0.95, 0.95)["calls"]
    here = (~calls["is_read"] & (calls["frame"] == "g")).to_numpy()
    assert calls["chance"].to_numpy()[here].mean() == pytest.approx(is_inside[here].mean(), abs=0.03)
    raw = 1 - population.predictions.leaf_probability[here, 2]  # type: ignore[union-attr]
    assert raw.mean() - is_inside[here].mean() > 0.1


def test_a_call_agrees_with_its_chance_and_its_group() -> None:
    sample, population, _ = invent()
    tables = tabulate_calls(population, sample, CODEBOOK, 0.9, 0.95)
    calls = tables["calls"].set_index("doc_id")
    threshold = tables["scope_calls"].set_index("frame")["threshold"]
    assert (calls["scope"] == "in").equals(calls["chance"] >= 0.5)
    assert (calls["scope"] == "out").equals(calls["chance"] < calls["frame"].map(threshold))
    assert ((calls["group"] == "N") == (calls["scope"] == "out")).all()
    assert set(calls["scope"]) == {"in", "edge", "out"}


def test_more_recall_calls_more_and_nothing_is_called_without_a_recall() -> None:
    sample, population, _ = invent()
    called = [tabulate_calls(population, sample, CODEBOOK, recall, 0.95)["scope_calls"] for recall in (0.8, 0.95)]
    assert (called[0]["share_called"] < called[1]["share_called"]).all()
    tables = tabulate_calls(population, sample, CODEBOOK, 0.0, 0.95)
    assert {name: len(rows) for name, rows in tables.items()} == {"calls": 0, "scope_calls": 0, "reliability": 0}
    blind = replace(population, predictions=None)
    assert not len(tabulate_calls(blind, sample, CODEBOOK, 0.9, 0.95)["calls"])


def test_what_was_read_of_a_document_has_no_part_in_its_own_chance() -> None:
    known = Known(
        frame=np.repeat(["f"], 60),
        fold=np.arange(60) % 5,
        raw=np.linspace(0.02, 0.98, 60),
        read=np.arange(60),
        is_inside=np.arange(60) > 25,
        weight=np.ones(60),
        mass=np.ones(60),
    )
    turned = known.is_inside.copy()
    turned[[7, 12]] = True  # both of fold 2
    after = calibrate_by_frame(replace(known, is_inside=turned))
    before = calibrate_by_frame(known)
    assert np.array_equal(before[known.fold == 2], after[known.fold == 2])
    assert not np.array_equal(before[known.fold == 1], after[known.fold == 1])
    here = np.ones(60, dtype=bool)
    told, untold = (choose_threshold(replace(known, is_inside=turned), before, here, 0.99, fold) for fold in (None, 2))
    assert told < untold, "a document in scope at a low chance lowers the threshold, unless it is left out"


def test_where_every_document_is_known_each_counts_once_and_else_a_read_one_for_those_that_are_not() -> None:
    sample, population, _ = invent()
    known = lay_known(population, sample, CODEBOOK)
    assert set(known.mass) == {1.0} and known.weight.min() > 2
    strata = sample.strata.assign(n_population=sample.strata["n_population"] + [0, 1_000])  # some are not here
    known = lay_known(population, replace(sample, strata=strata), CODEBOOK)
    is_second = population.documents["frame"].to_numpy()[known.read] == "g"
    assert set(known.mass[known.read[~is_second]]) == {1.0}
    assert known.mass[known.read[is_second]].tolist() == known.weight[is_second].tolist()
    unread = np.setdiff1d(np.arange(len(known.mass)), known.read)
    assert set(known.mass[unread]) == {1.0}


def test_a_read_document_of_a_part_that_the_census_does_not_hold_counts_for_what_it_stands_for() -> None:
    chance = np.array([0.9] * 10 + [0.1] * 10)
    read, is_inside = np.arange(20), np.array([True] * 10 + [True] + [False] * 9)
    mass = np.ones(20)
    known = Known(np.repeat(["f"], 20), np.zeros(20, dtype=int), chance, read, is_inside, mass, mass)
    here = np.ones(20, dtype=bool)
    assert choose_threshold(known, chance, here, 0.9, None) == 0.5
    mass = np.where(np.arange(20) == 10, 50.0, 1.0)
    assert choose_threshold(replace(known, mass=mass), chance, here, 0.9, None) == 0.1


def test_calibration_error_beside_what_exact_chances_would_show() -> None:
    rng = np.random.default_rng(1)
    chance = rng.random(20_000)
    errors = [
        measure_calibration(Seen(chance[part], rng.random(100) < chance[part], np.ones(100)))
        for part in np.split(np.arange(20_000), 200)
    ]
    measured, expected = np.mean(errors, axis=0)
    assert measured == pytest.approx(expected, rel=0.05) and expected > 0.09
    wrong = Seen(np.full(50, 0.2), np.ones(50, dtype=bool), np.ones(50))
    assert measure_calibration(wrong)[0] == pytest.approx(0.8)
    assert np.isnan(measure_calibration(wrong.of(np.zeros(0, dtype=int)))[0])


def test_a_band_has_the_weighted_share_of_what_is_in_it() -> None:
    seen = Seen(np.array([0.05, 0.95, 0.99]), np.array([False, True, False]), np.array([1.0, 3.0, 1.0]))
    rows = tabulate_reliability(seen, 0.95).set_index("band")
    assert list(rows.index) == ["0.0–0.1", "0.9–1.0"]
    assert rows.loc["0.9–1.0", "share"] == pytest.approx(0.75)
    assert rows.loc["0.9–1.0", "low"] < 0.75 < rows.loc["0.9–1.0", "high"]
    assert np.isnan(share_of(seen.is_so, np.zeros(3, dtype=bool), seen.weight, 0.95)[0])


def test_tables_are_as_declared() -> None:
    sample, population, _ = invent()
    tables = tabulate_calls(population, sample, CODEBOOK, 0.9, 0.95)
    for table in (CALLS, SCOPE_CALLS, RELIABILITY):
        assert set(tables[table.name]) == {column.name for column in table.columns}
        assert not tables[table.name].duplicated(list(table.key)).any()


def test_the_shipped_study_calls_documents_and_that_of_2026_07_does_not(shipped: Path) -> None:
    assert load_config(shipped / "census.toml").estimate.scope_recall >= 0.95
    assert load_config(shipped / "studies/2026.07/census.toml").estimate.scope_recall == 0
    assert load_codebook(shipped / "data/raw/handcheck/codebook/codebook.toml").outside
