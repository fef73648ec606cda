"""Tables made of predictions, sizes of frames, what was assumed of an axis, and what a plan shares out: by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.coding.codebook import Definition
from pipeline.estimate.classify import POWERS, Predictions, _choose_power, _choose_powers
from pipeline.estimate.curve import POINT_COUNT, Specifications, _thin
from pipeline.estimate.draw_more import _split_target, share_out
from pipeline.estimate.prediction_tables import tabulate_guesses, tabulate_predictions
from pipeline.estimate.reliability import Seen, measure_calibration
from pipeline.estimate.share_table import count_members, tabulate_shares
from pipeline.estimate.survey import estimate_batch
from pipeline.schemas import PREDICTIONS
from tests.invented_survey import CODEBOOK, GROUPS, LEAVES, invent_survey
from tests.survey_of import sample_of, survey_of


def test_chances_of_every_question_are_sums_of_those_of_leaves() -> None:
    chance = np.array([[0.1, 0.2, 0.3, 0.15, 0.25], [0.5, 0.0, 0.00004, 0.2, 0.29996]])
    given = {("by_target", "everything"): np.array([0.11, 0.22]), ("sure", "everything"): np.array([0.07, 0.44])}
    given |= {("by_target", "safety"): np.array([0.9, 0.9])}  # not the one that is wanted: the widest is
    predictions = Predictions(np.array(["a", "b"]), np.array([3, 7]), LEAVES, GROUPS, chance, given)
    parts = list(tabulate_predictions(predictions, CODEBOOK, {"a": ("A1", "B1")}))
    table = pa.concat_tables(parts).to_pandas()
    assert table[list(PREDICTIONS.key)].equals(table.sort_values(list(PREDICTIONS.key))[list(PREDICTIONS.key)])
    assert not table.duplicated(["doc_id", "query"]).any()
    found = {query: rows["probability"].tolist() for query, rows in table.groupby("query")}
    expected = {
        "group A": [0.3, 0.5],
        "group B": [0.3, 0.0],
        "group E": [0.15, 0.2],
        "group N": [0.25, 0.3],
        **{f"leaf {leaf}": chance[:, place].round(4).tolist() for place, leaf in enumerate(LEAVES)},
        "agenda A1+B1": [0.4, 0.5],
        "denominator safety": [0.75, 0.7],
        "denominator everything": [1, 1],
        "definition strict": [0.3, 0.5],
        "definition broad": [0.6, 0.5],
        "definition by_target": [0.11, 0.22],
        "definition sure": [0.07, 0.44],
    }
    assert set(found) == set(expected)
    for query, values in expected.items():
        assert found[query] == pytest.approx(values, abs=1e-9), query
    assert table.groupby("doc_id")["fold"].unique().map(list).to_dict() == {"a": [3], "b": [7]}


def test_guesses_are_of_read_documents_and_there_are_none_without_a_classifier() -> None:
    survey = invent_survey()
    table = tabulate_guesses(survey.population)
    assert len(table) == len(survey.sample.units) * len(LEAVES) and set(table["kind"]) == {"document"}
    assert survey.population.predictions is not None
    row, leaf = survey.population.units[40], 2
    one = table[(table["id"] == f"d{row:04d}") & (table["query"] == f"leaf {LEAVES[leaf]}")]["probability"]
    assert one.tolist() == [survey.population.predictions.leaf_probability[row, leaf]]
    assert tabulate_guesses(replace(survey.population, predictions=None)).empty


def test_a_frame_has_as_many_members_as_it_has_now_whatever_was_drawn_of_it() -> None:
    survey = invent_survey()
    frame, year = survey.domains[0], next(domain for domain in survey.domains if domain.year == "2019")
    coverage = pd.DataFrame(
        {
            "frame": ["f", "f", "f", "f", "g"],
            "window": ["", "2019-01", "2019-02", "2020", "2019"],
            "n_members": [640, 70, 40, 90, 500],
        }
    )
    assert count_members(coverage, frame) == 640 and count_members(coverage, year) == 110
    assert count_members(coverage.iloc[4:], year) == 100  # the table knows nothing of it: what the draw covers
    assert count_members(coverage, replace(year, frame="part of f")) == 100
    table = tabulate_shares(survey, estimate_batch(survey, CODEBOOK.definitions, []), coverage=coverage)
    sizes = table.groupby("year")[["n_population", "n_members"]].first()
    assert sizes.loc[""].tolist() == [600, 640] and sizes.loc["2019"].tolist() == [100, 110]


def test_what_was_told_of_an_axis_from_the_leaf_is_counted_in_the_method() -> None:
    truth = np.repeat([0, 1], [12, 18])
    sample, population = sample_of(truth, np.zeros(30, int), np.arange(10, 20))
    told = ["target", "", "target other", "other", "", "", "", "", "", ""]
    readers = tuple(reader.assign(assumed=told) for reader in sample.readers)
    survey = survey_of(replace(sample, readers=readers), population)
    asks = Definition(id="asks", title="", axes={"target": ("x",)})
    codebook = replace(
        survey.codebook, assumed={"target": {"A": "x", "E": "x"}}, definitions=(asks, *survey.codebook.definitions)
    )
    survey = replace(survey, codebook=codebook)
    table = tabulate_shares(survey, estimate_batch(survey, codebook.definitions, []))
    methods = table[table["denominator"] == "safety"].set_index("definition")["method"]
    assert methods["asks"].endswith("; target assumed for 2 of 10 read documents")
    assert "assumed" not in methods["strict"]


def test_shares_without_predictions_stand_beside_and_unknown_ones_say_so() -> None:
    survey = invent_survey()
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    other = {key: replace(shares, share=shares.share / 2) for key, shares in found.items()}
    table = tabulate_shares(survey, found, other)
    assert table["share_unpredicted"].to_numpy() == pytest.approx(table["share"].to_numpy() / 2)
    outside = survey_of(*sample_of(np.full(30, 2), np.zeros(30, int), np.arange(10)))
    rows = tabulate_shares(outside, estimate_batch(outside, outside.codebook.definitions, [])).set_index("denominator")
    assert rows.loc["safety", "share"].isna().all() and (rows.loc["safety", "method"].str.startswith("none: ")).all()
    assert rows.loc["everything", "share"].tolist() == [0, 0]


def test_more_documents_are_shared_out_by_what_is_left_of_each_band() -> None:
    names = [f"d{number:06d}" for number in range(60)]
    bands = {
        "f/s0": pd.Series([0] * 20 + [1] * 10, index=names[:30]),
        "f/s1": pd.Series([0] * 10 + [1] * 20, index=names[30:]),
    }
    sample, _ = sample_of(np.zeros(60, int), np.repeat([0, 1], 30), np.r_[:10, 30:34])  # ten and four of band 0
    found = share_out(bands, sample, {0: 8, 1: 9})
    assert found == {"f/s0": {0: 5, 1: 3}, "f/s1": {0: 3, 1: 6}}  # 10 and 6 are left of band 0, 10 and 20 of band 1
    # More than is left is all that is left; where nothing of a band is read, at least two are drawn.
    assert share_out(bands, sample, {0: 99, 1: 0}) == {"f/s0": {0: 10, 1: 2}, "f/s1": {0: 6, 1: 2}}
    assert share_out({"f/s0": bands["f/s0"][:20]}, sample, {0: 3, 1: 4}) == {"f/s0": {0: 3}}


def test_a_line_of_the_plan_names_a_frame_a_year_or_a_stratum() -> None:
    plan = pd.DataFrame({"frame": ["f", "f", "g"], "year": ["", "2025", "to-2024"]})
    assert _split_target("f", plan) == ("f", "") and _split_target("f/2025", plan) == ("f", "2025")
    assert _split_target("f/2025/core", plan) == ("f", "2025") and _split_target("f/2019", plan) == ("f", "")
    assert _split_target("g/to-2024", plan) == ("g", "to-2024")


def test_the_power_is_the_one_that_is_right_most() -> None:
    # Two of three documents of the first column's class, whatever is scored: flat scores are right as they are.
    targets = np.eye(2)[np.arange(300) % 3 // 2]
    honest = np.tile([2 / 3, 1 / 3], (300, 1))
    assert _choose_power(honest, targets) == 1.0
    # Scores of 0.6 and 0.4 that are always right are to be as sharp as can be; of 0.8, right in 19 of 20, at power 2.
    assert _choose_power(np.where(targets > 0, 0.6, 0.4), targets) == max(POWERS)
    right = np.eye(2)[(np.arange(300) % 20 == 0).astype(int)]
    assert _choose_power(np.tile([0.8, 0.2], (300, 1)), right) == 2.0  # 0.64 / 0.68 is 0.94
    assert _choose_powers(np.full((300, 1), 0.8), right[:, :1]) == [2.0]


def test_heavy_documents_leave_more_room_for_what_exact_chances_would_show() -> None:
    seen = Seen(np.array([0.5, 0.55, 0.9]), np.array([True, True, True]), np.array([1.0, 3.0, 1.0]))
    measured, expected = measure_calibration(seen)
    assert measured == pytest.approx((0.5 + 3 * 0.45 + 0.1) / 5)
    spread = [np.sqrt(0.25 + 9 * 0.55 * 0.45), np.sqrt(0.09)]  # of the two bands
    assert expected == pytest.approx(np.sqrt(2 / np.pi) * sum(spread) / 5)


def test_a_long_curve_is_thinned_to_evenly_spaced_points_and_keeps_its_ends() -> None:
    none = np.zeros((1, 0), dtype=bool)
    specifications = Specifications((), (), none, (), none)
    for count, points in ((3 * POINT_COUNT, POINT_COUNT), (POINT_COUNT // 2, POINT_COUNT // 2)):
        share = np.random.default_rng(1).permutation(count) / count
        thin = _thin(pd.DataFrame({"share": share}), specifications, np.array([f"t{number}" for number in range(11)]))
        assert len(thin) == points and thin["share"].is_monotonic_increasing
        assert (thin["share"].iloc[0], thin["share"].iloc[-1]) == (0, (count - 1) / count)
        assert thin["rank"].iloc[[0, -1]].tolist() == [0, count - 1]
        assert thin["included"].map(len).max() > 0  # which lines are counted at each point
        assert np.diff(thin["rank"]).max() - np.diff(thin["rank"]).min() <= 1
