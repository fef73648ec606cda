"""Calls of scope and whether chances come true: thresholds, bands, errors and intervals that a hand computes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.estimate.classify import Predictions
from pipeline.estimate.reliability import BAND_COUNT, Seen, measure_calibration, share_of, tabulate_reliability
from pipeline.estimate.scope_calls import (
    FLOOR,
    PENALTY,
    Known,
    calibrate_by_frame,
    call_documents,
    choose_threshold,
    fit_frames,
    lay_features,
    lay_known,
    score_calls,
    tabulate_calls,
)
from tests.survey_of import CODEBOOK, LEAVES, sample_of

COUNTS, ONLY_INSIDE, OUTSIDE = range(3)


def wilson(share: float, size: float, z: float = 1.959963985) -> tuple[float, float]:
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z * (share * (1 - share) / size + z**2 / (4 * size**2)) ** 0.5 / (1 + z**2 / size)
    return centre - half, centre + half


def test_bands_are_ten_and_a_chance_at_an_edge_is_in_the_upper_one() -> None:
    chance = np.array([0.0, 0.0999, 0.1, 0.25, 0.5, 0.8999, 0.9, 1.0])
    seen = Seen(chance, np.ones(8, dtype=bool), np.ones(8))
    assert BAND_COUNT == 10 and seen.bands.tolist() == [0, 0, 1, 2, 5, 8, 9, 9]


def test_a_band_has_its_mean_chance_and_the_share_that_is_so_at_kishs_size() -> None:
    chance, weight = np.array([0.2, 0.28, 0.71]), np.array([1.0, 3.0, 2.0])
    rows = tabulate_reliability(Seen(chance, np.array([False, True, True]), weight), 0.95).to_dict("records")
    assert [row["band"] for row in rows] == ["0.2–0.3", "0.7–0.8"] and [row["n_read"] for row in rows] == [2, 1]
    assert [row["chance"] for row in rows] == pytest.approx([(0.2 + 3 * 0.28) / 4, 0.71])
    assert [row["share"] for row in rows] == pytest.approx([0.75, 1.0])
    assert (rows[0]["low"], rows[0]["high"]) == pytest.approx(wilson(0.75, 16 / 10))  # (1 + 3)^2 / (1 + 9)
    assert rows[1]["low"] == pytest.approx(wilson(1.0, 1.0)[0]) and rows[1]["high"] == 1.0


def test_the_calibration_error_is_the_gap_of_each_band_beside_that_of_exact_chances() -> None:
    # Band 0.2: 2 x .2 and 1 x .25 expected, of which the second is so; band 0.6: 1 x .6, which is not.
    seen = Seen(np.array([0.2, 0.25, 0.6]), np.array([False, True, False]), np.array([2.0, 1.0, 1.0]))
    error, noise = measure_calibration(seen)
    assert error == pytest.approx((abs(0.4 - 0.75) + 0.6) / 4)
    variances = (4 * 0.2 * 0.8 + 0.25 * 0.75, 0.6 * 0.4)
    assert noise == pytest.approx(sum((2 * each / np.pi) ** 0.5 for each in variances) / 4)


def test_a_share_of_a_part_is_weighed_and_has_as_many_documents_as_its_weights_are_worth() -> None:
    part, whole = np.array([True, False, True, True]), np.array([True, True, False, True])
    weight = np.array([1.0, 2.0, 50.0, 5.0])
    share, low, high = share_of(part, whole, weight, 0.95)
    assert share == pytest.approx(6 / 8) and (low, high) == pytest.approx(wilson(0.75, 64 / 30))


def known_of(raw: list[float], read: list[int], is_inside: list[bool], **others: np.ndarray) -> Known:
    n = len(raw)
    known = Known(
        np.full(n, "f"), np.zeros(n, int), np.array(raw), np.array(read), np.array(is_inside), np.ones(len(read)),
        np.ones(n),
    )  # fmt: skip
    return replace(known, **others)


def test_features_are_log_odds_within_two_in_a_thousand_and_the_frame() -> None:
    found = lay_features(np.array([0.0, 0.5, 0.8, 1.0]), np.array(["g", "f", "g", "h"]), np.array(["f", "g"]))
    edge = np.log(0.002 / 0.998)
    assert FLOOR == 0.002 and found[:, 0].tolist() == pytest.approx([edge, 0.0, np.log(4), -edge])
    assert found[:, 1:].tolist() == [[0, 1], [1, 0], [0, 1], [0, 0]]


def test_frames_are_fitted_by_a_logistic_regression_with_a_penalty_of_one() -> None:
    rng = np.random.default_rng(6)
    features = np.column_stack([rng.normal(size=40), np.tile([1.0, 0], 20)])
    truth = rng.random(40) < 1 / (1 + np.exp(-features[:, 0]))
    # What is asked of at nought and at each unit gives the intercept and the slopes.
    chance = fit_frames(features, truth, np.vstack([features, np.zeros((1, 2)), np.eye(2)]))
    odds = np.log(chance[40:] / (1 - chance[40:]))
    slopes = odds[1:] - odds[0]
    assert chance[:40] == pytest.approx(1 / (1 + np.exp(-odds[0] - features @ slopes)))
    # At the best slopes what is missed is what the penalty takes; the intercept has none.
    assert PENALTY == 1.0 and features.T @ (truth - chance[:40]) == pytest.approx(slopes, abs=1e-6)
    assert (truth - chance[:40]).sum() == pytest.approx(0, abs=1e-6)


def test_chances_of_a_fold_are_fitted_to_the_others_and_kept_where_these_tell_nothing() -> None:
    raw, fold = [0.1, 0.4, 0.6, 0.9, 0.12345], np.array([0, 1, 0, 1, 2])
    known = known_of(raw, [0, 1, 2, 3], [False, False, True, True], fold=fold)
    found = calibrate_by_frame(known)
    features = lay_features(known.raw, known.frame, np.array(["f"]))
    expected = fit_frames(features[[1, 3]], np.array([False, True]), features[[0, 2]])
    assert found[[0, 2]] == pytest.approx(expected.round(3)) and found[[0, 2]] != pytest.approx(known.raw[[0, 2]])
    everyone = fit_frames(features[:4], known.is_inside, features[4:])
    assert found[4] == round(float(everyone[0]), 3)
    alike = calibrate_by_frame(replace(known, is_inside=np.ones(4, dtype=bool)))
    none = calibrate_by_frame(replace(known, is_inside=np.zeros(4, dtype=bool)))
    assert alike.tolist() == none.tolist() == [0.1, 0.4, 0.6, 0.9, 0.123]


def test_a_threshold_is_the_highest_chance_that_keeps_what_is_asked_up_to_a_half() -> None:
    here = np.ones(5, dtype=bool)
    chance = np.array([0.1, 0.4, 0.3, 0.2, 0.9])
    known = known_of(chance.tolist(), [], [])
    known = replace(known, read=np.zeros(0, int), is_inside=np.zeros(0, bool))
    # Expected are .9, .4, .3, .2 and .1, of 1.9 in all: with the first two 1.3, with three 1.6, with four 1.8.
    for recall, threshold in ((0.4, 0.5), (1.3 / 1.9, 0.4), (1.31 / 1.9, 0.3), (0.9, 0.2), (1.0, 0.1)):
        assert choose_threshold(known, chance, here, recall, None) == threshold
    # The last of the first frame and two of the others: .1 and .2 of .3 in all.
    part = np.array([True, False, False, True, False])
    assert choose_threshold(known, chance, part, 0.6, None) == 0.2
    # A read one is what it is: then 1 is at .1, and 1.9 - .1 + 1 = 2.8 in all.
    told = replace(known, read=np.array([0]), is_inside=np.array([True]))
    assert choose_threshold(told, chance, here, 1.8 / 2.8, None) == 0.2
    assert choose_threshold(told, chance, here, 0.7, None) == 0.1
    other_fold = replace(told, fold=np.array([3, 0, 0, 0, 0]))
    assert choose_threshold(other_fold, chance, here, 0.7, 3) == 0.3  # of its own fold nothing is told: 1.33 of 1.9
    assert choose_threshold(other_fold, chance, here, 0.7, 0) == 0.1
    # The two likeliest are read and outside: .3, .2 and .1 are left, of .6 in all.
    wrong = replace(known, read=np.array([1, 4]), is_inside=np.zeros(2, dtype=bool))
    assert choose_threshold(wrong, chance, here, 0.8, None) == 0.2
    # All but the last are: it alone is to be kept.
    last = replace(known, read=np.arange(5), is_inside=np.array([True, False, False, False, False]))
    assert choose_threshold(last, chance, here, 0.8, None) == 0.1
    heavy = replace(known, mass=np.array([1.0, 1, 1, 10, 1]))  # .9, .4, .3, 2, .1
    assert choose_threshold(heavy, chance, here, 0.5, None) == 0.2
    assert choose_threshold(known, np.zeros(5), here, 0.9, None) == 0.5  # there is nothing to keep


def predictions_of(leaf_probability: list[list[float]]) -> Predictions:
    n = len(leaf_probability)
    ids = np.array([f"d{number}" for number in range(n)])
    return Predictions(ids, np.arange(n) % 2, LEAVES, ("A", "E", "N"), np.array(leaf_probability), {})


def test_a_document_is_in_at_the_edge_or_out_and_has_the_likeliest_group_of_that() -> None:
    chances = [[0.1, 0.4, 0.5], [0.4, 0.1, 0.5], [0.2, 0.1, 0.7], [0.1, 0.1, 0.8]]
    chance, threshold = np.array([0.5, 0.499, 0.3, 0.299]), np.full(4, 0.3)
    known = known_of([0.5] * 4, [1, 3], [True, False])
    calls = call_documents(predictions_of(chances), known, chance, threshold, CODEBOOK)
    assert calls["scope"].tolist() == ["in", "edge", "edge", "out"]
    assert calls["group"].tolist() == ["E", "A", "A", "N"] and calls["is_read"].tolist() == [False, True, False, True]
    assert calls["doc_id"].tolist() == ["d0", "d1", "d2", "d3"] and calls["chance"].tolist() == chance.tolist()


def test_calls_are_scored_by_frame_and_together() -> None:
    frame = np.array(["f", "f", "f", "g", "g"])
    known = known_of([0.5] * 5, [0, 1, 3, 4], [True, False, True, True], frame=frame, weight=np.array([1.0, 2, 3, 4]))
    chance, threshold = np.array([0.9, 0.5, 0.2, 0.4, 0.1]), np.array([0.3, 0.3, 0.3, 0.35, 0.35])
    calls = pd.DataFrame({"chance": chance, "scope": ["in", "in", "out", "edge", "out"]})
    is_called = np.array([True, True, True, False])
    scores, curves = score_calls(known, calls, threshold, is_called, 0.95)
    rows = scores.set_index("frame").to_dict("index")
    assert list(rows) == ["", "f", "g"]
    assert np.isnan(rows[""]["threshold"]) and rows["f"]["threshold"] == 0.3 and rows["g"]["threshold"] == 0.35
    for name, (n, n_read, n_inside, called, likely) in {
        "": (5, 4, 3, 3 / 5, 2 / 5),
        "f": (3, 2, 1, 2 / 3, 2 / 3),
        "g": (2, 2, 2, 1 / 2, 0),
    }.items():
        row = rows[name]
        assert (row["n_documents"], row["n_read"], row["n_inside"]) == (n, n_read, n_inside)
        assert (row["share_called"], row["share_likely"]) == pytest.approx((called, likely))
    # Of all: 1, 3 and 4 are in scope, of which 1 and 3 are called; called are 1, 2 and 3, of which 1 and 3 are in.
    assert (rows[""]["recall"], rows[""]["precision"]) == pytest.approx((4 / 8, 4 / 6))
    assert (rows[""]["recall_low"], rows[""]["recall_high"]) == pytest.approx(wilson(0.5, 64 / 26))
    assert (rows[""]["precision_low"], rows[""]["precision_high"]) == pytest.approx(wilson(4 / 6, 36 / 14))
    # From a half on: 1 and 2, of which 1 is in scope; at a half itself too.
    assert (rows[""]["likely_recall"], rows[""]["likely_precision"]) == pytest.approx((1 / 8, 1 / 3))
    assert rows["f"]["recall"] == 1 and rows["f"]["precision"] == pytest.approx(1 / 3)
    assert rows["g"]["recall"] == pytest.approx(3 / 7) and rows["g"]["precision"] == 1
    assert rows["g"]["likely_recall"] == 0 and np.isnan(rows["g"]["likely_precision"])
    error, noise = measure_calibration(Seen(chance[[0, 1]], np.array([True, False]), np.array([1.0, 2.0])))
    assert (rows["f"]["calibration_error"], rows["f"]["calibration_noise"]) == (error, noise)
    assert curves["frame"].tolist() == [""] * 4 + ["f"] * 2 + ["g"] * 2 and set(curves["level"]) == {0.95}


def test_a_frame_of_one_document_is_scored_too() -> None:
    known = known_of([0.5], [0], [True])
    calls = pd.DataFrame({"chance": [0.4], "scope": ["edge"]})
    scores, _ = score_calls(known, calls, np.array([0.3]), np.array([True]), 0.95)
    row = scores.set_index("frame").loc["f"]
    assert (row["threshold"], row["n_documents"], row["recall"], row["likely_recall"]) == (0.3, 1, 1.0, 0.0)


def test_what_is_known_of_scope_is_the_chance_of_any_leaf_inside_and_the_settled_code() -> None:
    truth = np.array([COUNTS, OUTSIDE, ONLY_INSIDE, OUTSIDE, COUNTS])
    prediction = np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]])
    sample, population = sample_of(truth, np.zeros(5, int), np.array([1, 2]), prediction=prediction)
    coders = ("coder", "coder_kind", "reader", "reader_kind")
    sample = replace(sample, units=sample.units.assign(**dict.fromkeys(coders, "one")))
    known = lay_known(population, sample, CODEBOOK)
    assert known.raw.tolist() == pytest.approx([0.5, 0.2, 0.9, 0.0, 1.0])
    assert known.read.tolist() == [1, 2] and known.is_inside.tolist() == [False, True]
    assert known.weight.tolist() == [2.5, 2.5] and known.mass.tolist() == [1.0] * 5


def test_a_read_document_is_called_by_thresholds_that_did_not_see_its_code() -> None:
    """Of ten all are read; the two lowest of either fold are in scope in one fold alone, which so is held to more."""
    chance = np.array([0.9, 0.8, 0.7, 0.2, 0.1] * 2)
    truth = np.array([COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, OUTSIDE, OUTSIDE])
    prediction = np.column_stack([chance, np.zeros(10), 1 - chance])
    sample, population = sample_of(truth, np.zeros(10, int), np.arange(10), prediction=prediction)
    coders = ("coder", "coder_kind", "reader", "reader_kind")
    sample = replace(sample, units=sample.units.assign(**dict.fromkeys(coders, "one")))
    assert population.predictions is not None
    predictions = replace(population.predictions, fold=np.repeat([0, 1], 5))
    population = replace(population, predictions=predictions)
    tables = tabulate_calls(population, sample, CODEBOOK, 1.0, 0.9)
    known = lay_known(population, sample, CODEBOOK)
    found = calibrate_by_frame(known)
    here = np.ones(10, dtype=bool)
    calls = tables["calls"]
    lowest = choose_threshold(known, found, here, 1.0, None)
    assert (calls["scope"] == "out").tolist() == (found < lowest).tolist()
    called = [found[row] >= choose_threshold(known, found, here, 1.0, row // 5) for row in range(10)]
    inside = truth != OUTSIDE
    scores = tables["scope_calls"].set_index("frame").loc["f"]
    assert scores["recall"] == pytest.approx((np.array(called) & inside).sum() / 8)
    assert scores["precision"] == pytest.approx((np.array(called) & inside).sum() / sum(called))
    assert scores["asked_recall"] == 1.0 and scores["level"] == 0.9 and scores["threshold"] == lowest
    assert set(tables["reliability"]["level"]) == {0.9}
