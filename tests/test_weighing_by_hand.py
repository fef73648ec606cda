"""How documents are weighed, by hand: calibration, replicates, intervals, and how each document moves a share."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse, stats

from pipeline.estimate.bootstrap import rescale
from pipeline.estimate.calibrate import calibrate_each, calibrate_factors, find_centre
from pipeline.estimate.influence import Influence, trace
from pipeline.estimate.intervals import effective_size, normal_quantile, student_quantile, vary, wilson_interval

NONE = np.zeros(1)


@pytest.mark.parametrize(("far", "bound", "sign"), [(100.0, 4.0, 1), (-100.0, 0.2, 1), (100.0, 0.2, -1)])
def test_who_would_speak_for_too_many_or_for_nearly_none_is_held_and_the_others_meet_the_total(
    far: float, bound: float, sign: int
) -> None:
    # Nine factors of 1 + l and one of 1 + 100 l, which is held at its bound: l is a half, up or down.
    variables = np.array([[far], *[[1.0]] * 9])
    factors, multipliers = calibrate_factors(np.ones(10), variables, np.array([bound * far + 9 * (1 + sign / 2)]), NONE)
    assert factors == pytest.approx([bound, *[1 + sign / 2] * 9], abs=1e-9)
    assert multipliers == pytest.approx([sign / 2], abs=1e-9)


def test_a_total_that_no_factors_meet_is_come_as_near_to_as_the_bounds_let_and_no_step_is_taken_in_vain() -> None:
    for total, bound in ((100.0, 4.0), (-100.0, 0.2)):
        factors, multipliers = calibrate_factors(np.ones(2), np.ones((2, 1)), np.array([total]), NONE)
        assert factors.tolist() == [bound, bound]
        assert multipliers == pytest.approx([(total - 2) / 2])  # after the first step all are held


def test_a_penalty_leaves_of_a_total_what_the_multiplier_costs() -> None:
    # 2 x 3 (1 + 3 l) + 1.5 l = 10, so l = 4 / 19.5.
    factors, multipliers = calibrate_factors(np.array([2.0]), np.array([[3.0]]), np.array([10.0]), np.array([1.5]))
    assert multipliers == pytest.approx([4 / 19.5], abs=1e-10) and factors == pytest.approx([1 + 12 / 19.5], abs=1e-9)


def test_a_total_that_is_missed_by_a_ten_thousand_millionth_is_not_met_yet() -> None:
    for missed, multiplier in ((1e-10, 1e-10), (0.99e-10, 0.0)):
        found = calibrate_factors(np.ones(1), np.zeros((1, 1)), np.array([missed]), np.array([1.0]))[1]
        assert found == pytest.approx([multiplier], rel=1e-6, abs=0.0)


def test_two_totals_that_say_the_same_are_both_met_and_each_base_has_its_own_factors() -> None:
    bases, variables = np.array([[1.0, 1.0], [2.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 1.0]])
    factors, _ = calibrate_each(bases, variables, np.array([3.0, 3.0]), np.zeros(2), np.array([0.3, -0.1]))
    assert factors == pytest.approx(np.array([[1.5, 1.5], [1.0, 1.0], [3.0, 3.0]]), abs=1e-7)
    alone = [calibrate_factors(base, variables, np.array([3.0, 3.0]), np.zeros(2))[0] for base in bases]
    assert factors == pytest.approx(np.array(alone), abs=1e-7)
    # Nothing to meet: nothing is moved.
    still, none = calibrate_factors(np.ones(3), np.zeros((3, 0)), np.zeros(0), np.zeros(0))
    assert still.tolist() == [1.0, 1.0, 1.0] and none.shape == (0,)


def test_totals_of_ones_and_of_millions_are_met_alike() -> None:
    for size in (1.0, 1e6):
        variables = size * np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
        wanted = size * np.array([4.5, 5.0])  # factors 1 + a + b (0, 1, 2): 3 + 3a + 3b, 3 + 3a + 5b
        factors, _ = calibrate_factors(np.ones(3), variables, wanted, np.zeros(2))
        assert factors == pytest.approx([1.25, 1.5, 1.75], rel=1e-9)


def test_factors_lie_around_what_a_fit_without_the_document_would_say() -> None:
    # One total: the leverage is the base's part in the bases and the penalty, 1 and 2 of 5.
    ones, penalty = np.ones((3, 1)), np.array([1.0])
    assert find_centre(np.array([1.0, 1.0, 2.0]), ones, penalty) == pytest.approx([1.25, 1.25, 1 / 0.6])
    # Two that have nothing in common: 3 x 4 of 3 x 4 + 4, and 1 of 1 + 0, which is no more than three quarters.
    apart = find_centre(np.array([3.0, 1.0]), np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([4.0, 0.0]))
    assert apart == pytest.approx([4.0, 4.0])
    below = find_centre(np.array([3.0, 1.0]), np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([8.0, 1.0]))
    assert below == pytest.approx([1 / (1 - 0.6), 2.0])
    twins = find_centre(np.ones(4), np.ones((4, 2)), np.zeros(2))  # two totals that say the same
    assert twins == pytest.approx([4 / 3] * 4)
    factors, _ = calibrate_factors(np.ones(2), np.ones((2, 1)), np.array([5.0]), NONE, centre=np.array([1.0, 2.0]))
    assert factors == pytest.approx([2.0, 3.0])  # both a whole one more than they lie around


def test_where_nearly_all_is_read_one_document_is_redrawn_and_none_goes_below_nothing() -> None:
    probability = np.full(3, 0.9)  # int(2 x 0.1) is none, so one: scale sqrt(1 / 0.2)
    factors, plain = rescale(np.zeros(3, dtype=int), probability, np.random.default_rng(2), 50)
    times = np.random.default_rng(2).multinomial(1, np.full(3, 1 / 3), size=50)
    assert factors == pytest.approx(np.maximum(1 + np.sqrt(5) * (3 * times - 1), 0))
    assert set(np.round(factors.ravel(), 6)) == {0.0, round(1 + 2 * 5**0.5, 6)}
    assert plain == pytest.approx(1 + np.sqrt(1 / 2) * (3 * times - 1))


def test_so_many_are_redrawn_that_the_best_read_document_goes_no_lower_than_nothing() -> None:
    probability = np.array([0.5, 0.2, 0.2, 0.2, 0.2])  # four times the least unread part, a half: two
    factors, _ = rescale(np.zeros(5, dtype=int), probability, np.random.default_rng(6), 60)
    times = np.random.default_rng(6).multinomial(2, np.full(5, 1 / 5), size=60)
    scale = np.sqrt(2 / (4 * np.array([0.5, 0.8, 0.8, 0.8, 0.8])))
    assert factors == pytest.approx(1 + scale * (2.5 * times - 1)) and factors[:, 0].min() == pytest.approx(0)


def test_documents_that_are_drawn_together_are_redrawn_together() -> None:
    stratum, probability = np.array([0, 0, 0, 1, 1]), np.array([0.25, 0.25, 0.25, 0.5, 0.5])
    cluster = np.array([5, 5, 9, 1, 2])
    factors, plain = rescale(stratum, probability, np.random.default_rng(3), 40, cluster)
    rng = np.random.default_rng(3)
    first, second = (rng.multinomial(1, [0.5, 0.5], size=40) for _ in range(2))  # two each, of which one is redrawn
    around = np.hstack([2 * first[:, [0, 0, 1]] - 1, 2 * second - 1])
    scale = np.sqrt(1 / np.array([0.75, 0.75, 0.75, 0.5, 0.5]))
    assert factors == pytest.approx(np.maximum(1 + scale * around, 0)) and plain == pytest.approx(1 + around)


def test_documents_that_stand_for_themselves_alone_do_not_vary() -> None:
    stratum = np.array([0, 0, 0, 1, 2, 2])
    probability = np.array([1.0, 0.5, 0.5, 0.1, 1.0, 1.0])
    factors, plain = rescale(stratum, probability, np.random.default_rng(4), 30)
    times = np.random.default_rng(4).multinomial(1, np.full(3, 1 / 3), size=30)  # int(2 x 0.5) = 1
    assert (factors[:, [0, 3, 4, 5]] == 1).all() and (plain[:, 3:] == 1).all()  # a single one and those read in full
    assert factors[:, 1:3] == pytest.approx(1 + (3 * times[:, 1:] - 1))
    assert plain[:, 0] == pytest.approx(1 + np.sqrt(1 / 2) * (3 * times[:, 0] - 1))


def test_the_interval_of_five_in_twenty_is_wilsons() -> None:
    # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for hits, n, ends in ((81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0, 0.1611))):
        low, high = wilson_interval(hits / n, float(n), 0.95)
        assert (float(low), float(high)) == pytest.approx(ends, abs=1e-4)
    low, high = wilson_interval(1.0, 20.0, 0.95)
    assert (float(low), float(high)) == (pytest.approx(1 - 0.1611, abs=1e-4), 1.0)
    low, high = wilson_interval(0.0, 20.0, 0.95)
    assert float(low) == 0.0


def test_the_effective_size_keeps_half_a_document_away_from_none_and_all() -> None:
    # p (1 - p) / V: 0.21 / 0.01, and with half of ten at the edges 0.05 x 0.95 / 0.01.
    shares = np.array([0.3, 0.0, 1.0, 0.3])
    found = effective_size(shares, np.array([0.01, 0.01, 0.01, 0.0]), 9, 12, 11, 0.95)
    assert found == pytest.approx([21, 4.75, 4.75, 12])
    # Of 2 read the quantile is that of one degree, and of one as well; three degrees behind them make it larger.
    of_one, of_three = (stats.t.ppf(0.95, degrees) for degrees in (1, 3))
    assert effective_size(0.3, 0.01, 9, 2, 1, 0.9) == pytest.approx(21)
    assert effective_size(0.3, 0.01, 9, 1, 1, 0.9) == pytest.approx(21)
    assert effective_size(0.3, 0.01, 9, 2, 3, 0.9) == pytest.approx(21 * (of_one / of_three) ** 2)
    both = effective_size(np.array([0.3, 0.3]), 0.01, 9, 2, np.array([1, 3]), 0.9)
    assert both == pytest.approx([21, 21 * (of_one / of_three) ** 2])


def test_quantiles_are_two_sided() -> None:
    assert normal_quantile(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert normal_quantile(0.5) == pytest.approx(0.674490, abs=1e-6)
    assert student_quantile(0.95, 1) == pytest.approx(12.7062, abs=1e-4)
    assert student_quantile(0.9, 10) == pytest.approx(1.812461, abs=1e-6)


def test_replicates_that_are_none_are_left_out_of_the_variance() -> None:
    assert vary(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist() == [1.0, 0.0]
    assert vary(np.array([[1.0, 2.0], [np.nan, 4.0], [3.0, np.nan]])).tolist() == [1.0, 1.0]


def influence_of(ruling: list[list[float]], sampling: list[list[float]], width: float) -> Influence:
    parts = np.array(ruling), np.array(sampling)
    return Influence(np.arange(parts[0].shape[1]), (parts[0] + parts[1]).sum(axis=1), *parts, width)


def test_a_ruling_takes_its_own_part_out_of_the_variance() -> None:
    # The deviations are 3, -3, 1, -1: variance 5. Without the first document they are 1, -1, 1, -1: 1; without the
    # second 2, -2, 0, 0: 2; without both 0.
    ruling = [[2.0, 1.0], [-2.0, -1.0], [0.0, 1.0], [0.0, -1.0]]
    found = influence_of(ruling, [[0.0, 0.0]] * 4, 0.2)
    assert found.variance == 5
    assert found.settle_one() == pytest.approx([0.2 * (1 - np.sqrt(1 / 5)), 0.2 * (1 - np.sqrt(2 / 5))])
    assert found.settle_all(np.array([True, True])) == pytest.approx(0.2)
    assert found.settle_all(np.array([False, True])) == pytest.approx(0.2 * (1 - np.sqrt(2 / 5)))
    assert found.settle_all(np.array([False, False])) == 0
    # No more than all is saved, and nothing where the variance would grow.
    assert found.save(np.array([5.0, 6.0, -1.0, 1.8])) == pytest.approx([0.2, 0.2, 0.0, 0.2 * 0.2])
    assert influence_of([[0.0]] * 3, [[0.0]] * 3, 0.3).save(0.0) == 0


def test_the_part_of_some_documents_is_how_their_weights_vary_with_the_share() -> None:
    # The share deviates by 3, 0, -3, 0 about a mean of 0; the first document by 2, 1, -1, 0 about a half.
    found = influence_of([[0.0, 0.0]] * 4, [[2.0, 1.0], [1.0, -1.0], [-1.0, -2.0], [0.0, 0.0]], 0.1)
    assert found.part_of(np.array([True, False])) == pytest.approx((3 * 1.5 + 3 * 1.5) / 4)
    assert found.part_of(np.array([True, True])) == pytest.approx(18 / 4)
    against = influence_of([[0.0, 0.0]] * 2, [[-1.0, 3.0], [1.0, -3.0]], 0.1)
    assert against.part_of(np.array([True, False])) == 0  # it steadies the share
    shifted = influence_of([[0.0]] * 2, [[7.0], [5.0]], 0.1)
    assert shifted.part_of(np.array([True])) == pytest.approx(1)


def test_the_influence_of_a_document_is_its_linearised_term() -> None:
    # Codes: counts, inside only, outside. Two documents are settled; the third may be ruled to be inside only.
    chance = sparse.csr_array(np.array([[1.0, 0, 0], [0, 1.0, 0], [0.75, 0.25, 0]]))
    codes: Any = type("Codes", (), {})()
    codes.chance, codes.is_settled = chance, np.array([True, True, False])
    codes.change_drawn = np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
    codes.kept_drawn = np.array([[0, 1, 0], [0, 1, 0]])
    codes.changed = sparse.csr_array(np.array([[0.0, 0, 0], [0, 0, 0], [0, 1.0, 0]]))
    weights: Any = type("Weights", (), {})()
    weights.codes, weights.weight = codes, np.array([2.0, 4.0, 4.0])
    weights.replicates = np.array([[3.0, 4.0, 4.0], [2.0, 2.0, 6.0]])
    domain: Any = type("Domain", (), {"rows": np.ones(3, dtype=bool)})()
    shares: Any = type("Shares", (), {})()
    shares.share, shares.low, shares.high = np.array([9.0, 0.5]), np.array([0.0, 0.3]), np.array([0.0, 0.65])
    found = trace(
        weights, domain, shares, 1, np.array([True, False, True]), np.array([True, True, False])
    )  # (2 + 3) of ten count
    # z is (1 - .5) / 10 where it counts, -.5 / 10 where not: means .05, -.05 and .025.
    assert found.width == pytest.approx(0.35)
    assert found.sampling == pytest.approx(np.array([[0.05, 0, 0], [0, 0.1, 0.05]]))
    assert found.ruling == pytest.approx(np.array([[0, 0, 4 * (0.0 - 0.025)], [0, 0, 6 * 0.025]]))
    assert found.total == pytest.approx([0.05 - 0.1, 0.1 + 0.05 + 0.15])
