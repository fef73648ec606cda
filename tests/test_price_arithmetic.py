"""Prices, needs and their lines, and who wrote what counts: numbers that a hand computes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pipeline.estimate.direct_people import _describe, count_people, find_ends, lift_chances
from pipeline.estimate.influence import Influence
from pipeline.estimate.plan import SHOWN_EACH, tell_needs, tell_prices
from pipeline.estimate.price_readings import BATCH, allocate_bands, cut_cells
from pipeline.estimate.price_targets import AT_RANDOM, BY_BANDS, READ, SECOND, find_targets
from pipeline.estimate.prices import price_actions
from pipeline.estimate.survey import estimate_batch
from pipeline.settings import Minutes
from tests.survey_of import CODEBOOK, sample_of, survey_of


def test_each_next_document_is_read_where_it_gains_most() -> None:
    size, read = np.array([100.0, 100.0]), np.array([10.0, 10.0])
    # 100^2 x spread / (n (n + 1)): 22.7, 18.9, 16.0, 13.7 in the first band, and 14.5, 12.1 in the second.
    assert [allocate_bands(size, np.array([0.25, 0.16]), read, count).tolist() for count in (3, 4, 5)] == [
        [3, 0],
        [3, 1],
        [4, 1],
    ]
    # 110 / (10 x 11) is 1 of the second band: more than 1.9 / (1 x 2) of the first, and less than 2.2 / (1 x 2).
    few = np.array([1.0, 10.0])
    assert allocate_bands(size, np.array([1.9, 110.0]) / 100**2, few, 1).tolist() == [0, 1]
    assert allocate_bands(size, np.array([2.2, 110.0]) / 100**2, few, 1).tolist() == [1, 0]
    assert allocate_bands(np.array([12.0, 100.0]), np.array([0.25, 0.0001]), read, 4).tolist() == [2, 2]
    assert allocate_bands(np.array([12.0, 11.0]), np.array([0.25, 0.25]), read, 50).tolist() == [2, 1]  # all there is


def test_a_width_falls_as_the_root_of_its_variance() -> None:
    total = np.array([-0.02, 0.02, -0.02, 0.02])
    part = np.array([[0.01, 0.0], [-0.01, 0.0], [0.01, 0.0], [-0.01, 0.0]])
    influence = Influence(np.arange(2), total, -part, 2 * part, 0.1)
    assert influence.variance == pytest.approx(0.0004)
    assert influence.save(0.0003) == pytest.approx(0.05) and influence.save(0.001) == pytest.approx(0.1)
    # Without the first document's ruling the deviations are 0.01 either way: a quarter of the variance, half the width.
    assert influence.settle_one() == pytest.approx([0.05, 0.0])
    assert influence.settle_all(np.array([True, True])) == pytest.approx(0.05)
    assert influence.part_of(np.array([True, False])) == 0.0  # what moves against the share is no part of its variance
    assert replace(influence, sampling=-2 * part).part_of(np.array([True, False])) == pytest.approx(0.0004)


def test_reading_more_at_random_saves_as_the_finite_population_says() -> None:
    truth = np.tile([0, 1, 1, 2], 100)
    survey = survey_of(*sample_of(truth, np.zeros(400, int), np.arange(200)))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    targets = find_targets(survey, found, "safety", [("f", "", "strict")])
    minutes = Minutes(read=3.0)
    rows = price_actions(survey, targets, [], np.full(200, "x"), pd.DataFrame(), minutes).set_index("action")
    width = 100 * targets[0].influence.width
    for action, count in ((AT_RANDOM, BATCH), (READ, 1)):
        row = rows.loc[action]
        left = (1 / (200 + count) - 1 / 400) / (1 / 200 - 1 / 400)
        assert row["n_documents"] == count and row["minutes"] == pytest.approx(3 * count)
        assert row["points_saved"] == pytest.approx(width * (1 - np.sqrt(left)), rel=0.02)
        assert row["saved_per_minute"] == pytest.approx(row["points_saved"] / row["minutes"])
        assert row["points_now"] == pytest.approx(width)
    assert BY_BANDS not in rows.index  # nothing tells one document from another


def test_bands_have_the_variance_that_the_classifier_leaves() -> None:
    # Half of the documents are sure to be inside only, of the others as many count as not.
    prediction = np.repeat([[0.0, 1.0, 0.0], [0.5, 0.5, 0.0]], 200, axis=0)
    truth = np.concatenate([np.ones(200, int), np.tile([0, 1], 100)])
    drawn = np.r_[:50, 200:230]
    survey = survey_of(*sample_of(truth, np.zeros(400, int), drawn, prediction=prediction))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    targets = find_targets(survey, found, "safety", [("f", "", "strict")])
    cells = cut_cells(survey, targets, "f/s0", 400.0, 80.0)
    assert cells.size.tolist() == [200, 200] and cells.read.tolist() == [50, 30]
    # A quarter count of all: counts - share x inside is never sure but in the second band, 0.5 x 0.5 apart.
    assert cells.spread[0, 0] == pytest.approx(0, abs=1e-12) and cells.spread[0, 1] > 0
    whole = cells.variance(np.zeros(2))
    assert cells.variance(np.array([0, 30.0])) == pytest.approx(whole * (1 / 60 - 1 / 200) / (1 / 30 - 1 / 200))


def lines_of(rows: list[tuple[str, str, float, float]]) -> list[str]:
    table = pd.DataFrame(rows, columns=["action", "what", "points_saved", "minutes"])
    table["saved_per_minute"] = table["points_saved"] / table["minutes"]
    return tell_prices(table.assign(points_now=7.5, interval="as read"), "f strict")


def test_the_best_three_steps_of_each_kind_are_told() -> None:
    lines = lines_of([(READ, f"d{number}", 1.0 - number / 10, 4.0) for number in range(5)])
    told = [line for line in lines if READ in line]
    assert SHOWN_EACH == len(told) == 3 and [f"d{number} " in line for number, line in enumerate(told)] == [True] * 3
    assert told[1].split()[:3] == ["0.2250", "0.90", "4"] and "7.5 wide as read now" in told[1]
    assert not any(SECOND in line or "bands" in line for line in lines)


def test_what_bands_buy_is_told_against_drawing_at_random() -> None:
    rows = [(AT_RANDOM, "s", 2.0, 400.0), (BY_BANDS, "s", 2.5, 400.0), (AT_RANDOM, "t", 1.0, 400.0)]
    (line,) = (line for line in lines_of(rows) if "against drawing at random" in line)
    assert "saves +25% " in line  # of t there are no bands
    assert not any("against drawing" in line for line in lines_of([(AT_RANDOM, "s", 0.0, 4.0), (BY_BANDS, "s", 1, 4)]))


def test_needs_are_told_in_points() -> None:
    names = ["width_now", "width_asked", "width_adjudicated", "width_then"]
    row = dict(zip(names, (0.1234, 0.05, 0.08, 0.0499), strict=True))
    row |= {"n_to_adjudicate": 12, "n_more": 1_500, "n_full": 300, "n_more_banded": 1_000, "n_full_banded": 200}
    lines = tell_needs(pd.DataFrame([{**row, "frame": "f", "year": "2019", "definition": "strict"}]))
    assert lines[-1].split() == "12.3 5.0 12 8.0 1,500 300 1,000 200 5.0 f/2019 strict".split()
    assert tell_needs(pd.DataFrame()) == []


def test_people_are_expected_by_the_chance_that_one_of_their_documents_counts() -> None:
    # Person 0 wrote the first two documents, 1 the second and third, 2 the fourth alone; nothing is read but the last.
    wrote = sparse.csr_array(np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1.0]]))
    chance = np.array([0.5, 0.2, 0.1, 0.4])
    told, weight = np.ones((3, 1)), np.array([[1.0], [1.0], [3.0]])
    found = count_people(chance, wrote, np.array([3]), told, weight)
    two = (1 - 0.5 * 0.8) + (1 - 0.8 * 0.9)
    assert found == pytest.approx([two + 1, two + 1, two + 0.4 + 3 * 0.6])


def test_the_busiest_tenth_sign_what_they_sign_of_what_counts() -> None:
    # Twenty people: two wrote two documents that count, the others one each.
    rows = np.r_[np.arange(22)]
    people = np.r_[0, 0, 1, 1, np.arange(2, 20)]
    wrote = sparse.csr_array((np.ones(22), (rows, people)), shape=(22, 20))
    found = _describe(np.full(201, 20.0), np.ones(22), wrote, np.arange(22), np.ones(22), 0.95)
    assert found["top_tenth_share"] == pytest.approx(4 / 22) and found["count"] == found["low"] == found["high"] == 20
    few = _describe(np.full(201, 3.0), np.ones(22), wrote, np.arange(22), np.repeat([1.0, 0.0], [3, 19]), 0.95)
    assert few["top_tenth_share"] == pytest.approx(2 / 3)  # one person at least
    assert few["has_first_author_only"] and few["n_people"] == 20 and few["count"] == 3


def test_the_interval_of_a_number_is_made_on_its_logarithm() -> None:
    numbers = np.array([100.0, *np.tile([90.0, 110.0], 50)])
    low, high = find_ends(numbers, 0, 1_000, 0.95)
    assert (low, high) == pytest.approx((100 * np.exp(-0.1959964), 100 * np.exp(0.1959964)))
    assert find_ends(numbers, 95, 105, 0.95) == (95, 105)
    assert find_ends(np.zeros(5), 0, 10, 0.95) == (0, 10)


def test_documents_that_are_sure_are_moved_as_the_others_are() -> None:
    predicted, unread = np.array([1.0, 0.5, 0.5, 0.0]), np.zeros(4, dtype=bool)
    moved = lift_chances(predicted, unread, 0.5)
    assert moved.sum() == pytest.approx(0.5) and moved[0] < 0.9995
    assert (np.diff(moved) <= 0).all() and moved[3] > 0
    assert lift_chances(predicted, unread, 4.0).tolist() == predicted.tolist()  # all would count: nothing to move by
