"""Shares, their ends and their changes: made-up parts of a sample, and the arithmetic beside them."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from pipeline.estimate.differences import compare_parts, share_variation
from pipeline.estimate.intervals import student_quantile
from pipeline.estimate.nesting import find_wider, nest_ends
from pipeline.estimate.shares import (
    FINE,
    PRIOR_HITS,
    SURE,
    EstimateError,
    Part,
    Shares,
    bound_ends,
    count_degrees,
    estimate_ends,
    estimate_shares,
    steady_variance,
    take_part,
)

Z = 1.959963985


def part_of(**others: Any) -> Part:
    """Returns a part with three codes and four replicates, of 20 documents of whom 8 are read."""
    totals = np.array([[6.0, 10, 4], [5, 11, 4], [7, 9, 4], [6, 12, 2], [6, 8, 6]])
    none = sparse.csr_array((0, 3))
    part = Part(totals, np.array([2.0, 3, 1]), np.array([3.0, 4, 1]), none, np.array([2.0, 3, 6]), 20.0, 8, 6)
    return replace(part, **others)


def test_what_is_likely_by_half_is_sure_but_for_a_millionth() -> None:
    chances = sparse.csr_array([[0.3, 0.2, 0.5], [0.5 - 1e-7, 0.0, 0.5 + 1e-7], [0.5 - 1e-5, 0.25, 0.25]])
    part = part_of(chances=chances)
    assert SURE == 0.499999 and FINE == 1e-12 and PRIOR_HITS == 3.0
    queries = np.array([[1.0, 0, 0], [1, 1, 0], [0, 0, 1], [1, 1, 1]])
    assert part.count_sure(queries).tolist() == [3 + 1, 7 + 3, 1 + 2, 8 + 3]
    edge = part_of(chances=sparse.csr_array([[SURE, 0.3, 0.2], [SURE - 1e-9, 0.3, 0.2]]))
    assert edge.count_sure(queries[:1]).tolist() == [3 + 1]


def test_joined_codes_add_up() -> None:
    join = sparse.csr_array([[1.0, 0], [0, 1], [1, 0]])
    joined = part_of(chances=sparse.csr_array([[0.3, 0.2, 0.5]])).join(join)
    assert joined.totals.tolist() == [[10, 10], [9, 11], [11, 9], [8, 12], [12, 8]]
    assert joined.read.tolist() == [3, 3] and joined.sure.tolist() == [4, 4]
    assert joined.leverage.tolist() == [8, 3] and joined.chances.toarray().tolist() == [[0.8, 0.2]]
    assert (joined.population, joined.n_read, joined.degrees) == (20.0, 8, 6)


def test_a_share_is_the_ratio_of_two_sums_in_every_replicate() -> None:
    counted, inside = np.array([[True, False, True], [True, True, False]]), np.array([True, True, False])
    shares = estimate_shares(part_of(), counted, inside, 0.95)
    replicates = np.array([5 / 16, 7 / 16, 6 / 18, 6 / 14])
    assert shares.share.tolist() == [6 / 16, 1.0] and shares.replicates[:, 0] == pytest.approx(replicates)
    variance = replicates.var()
    assert shares.standard_error[0] == pytest.approx(variance**0.5) and (shares.n_read, shares.degrees) == (8, 6)
    # Seven are inside; of weights 5 / 16^2 is left, by which three hits' worth of the binomial variance is mixed in.
    leverage = 5 / 256
    prior = 3 * leverage
    steady = (0.375 * variance + prior * 0.375 * 0.625 * leverage) / (0.375 + prior)
    n = 0.375 * 0.625 / steady * (stats.t.ppf(0.975, 7) / stats.t.ppf(0.975, 6)) ** 2
    assert shares.n_effective[0] == pytest.approx(n)
    centre, reach = (0.375 + Z**2 / (2 * n)) / (1 + Z**2 / n), Z / (1 + Z**2 / n)
    half = reach * (0.375 * 0.625 / n + Z**2 / (4 * n**2)) ** 0.5
    # Two read count and three do not; fourteen others may be anything.
    assert centre - half > 2 / 19 and centre + half < 16 / 19
    assert (shares.low[0], shares.high[0]) == pytest.approx((centre - half, centre + half))
    # Differences start half-way from these ends to Jeffreys' at the same size, where those are no further out.
    low, high = stats.beta.ppf([0.025, 0.975], n * 0.375 + 0.5, n * 0.625 + 0.5)
    assert low < shares.low[0] and high < shares.high[0] and shares.apart is not None
    assert shares.apart[:, 0] == pytest.approx([shares.low[0], (high + shares.high[0]) / 2])
    assert shares.apart[1, 1] == 1.0
    ends = estimate_ends(part_of(), counted, inside, 0.95)
    for one, other in zip(ends, (shares.share, shares.low, shares.high), strict=True):
        assert one == pytest.approx(other)


def test_a_share_of_all_or_none_takes_the_variance_of_half_a_document() -> None:
    counted, inside = np.array([[False] * 3, [True, True, False]]), np.array([True, True, False])
    part = part_of(sure=np.array([0.0, 7, 1]), read=np.array([0.0, 5, 1]))
    shares = estimate_shares(part, counted, inside, 0.95)
    floor = (0.5 / 8) * (1 - 0.5 / 8) * 5 / 256
    assert shares.standard_error.tolist() == pytest.approx([floor**0.5] * 2)
    # Nobody has read one that counts, or one that does not: the end is as far out as what is not settled allows.
    assert shares.low[0] == 0 and shares.high[0] < 14 / 19 and shares.high[1] == 1.0
    steady = ((0.5 / 8) * floor + 3 * 5 / 256 * floor) / (0.5 / 8 + 3 * 5 / 256)
    n = (0.5 / 8) * (1 - 0.5 / 8) / steady * (stats.t.ppf(0.975, 7) / stats.t.ppf(0.975, 6)) ** 2
    assert shares.n_effective.tolist() == pytest.approx([n, n]) and shares.high[0] == pytest.approx(Z**2 / (n + Z**2))
    assert shares.low[1] == pytest.approx(n / (n + Z**2))


def test_what_is_read_in_full_is_known_and_what_nothing_is_inside_of_is_not() -> None:
    still = np.tile([6.0, 10, 4], (5, 1))
    part = part_of(totals=still, leverage=np.zeros(3), read=np.array([6.0, 10, 4]), sure=np.array([6.0, 10, 4]))
    counted, inside = np.array([[True, False, False]]), np.array([True, True, False])
    full = estimate_shares(part, counted, inside, 0.95)
    assert full.low[0] == full.share[0] == full.high[0] == 0.375 and full.standard_error[0] == 0
    more = estimate_shares(replace(part, population=40.0), counted, inside, 0.95)  # whatever else there may be
    assert more.low[0] == more.share[0] == more.high[0] == 0.375
    # Only one of the two is not enough: weights that vary, or replicates that do.
    varied = estimate_shares(replace(part, totals=part_of().totals), counted, inside, 0.95)
    heavy = estimate_shares(replace(part, leverage=part_of().leverage, population=40.0), counted, inside, 0.95)
    assert heavy.low[0] < 0.375 < heavy.high[0] and varied.standard_error[0] > 0.01
    open_part = replace(part, totals=part_of().totals, population=40.0)
    assert estimate_shares(open_part, counted, inside, 0.95).low[0] < 0.375
    nothing = estimate_shares(part, counted, np.zeros(3, dtype=bool), 0.95)
    assert np.isnan([nothing.share, nothing.low, nothing.high, nothing.standard_error, nothing.n_effective]).all()
    assert nothing.replicates.shape == (4, 1) and np.isnan(nothing.replicates).all() and nothing.n_read == 8
    assert np.isnan(estimate_ends(part, counted, np.zeros(3, dtype=bool), 0.95)).all()
    for level in (0.0, 1.0):
        with pytest.raises(EstimateError, match="between 0 and 1"):
            estimate_shares(part, counted, inside, level)
        with pytest.raises(EstimateError, match="between 0 and 1"):
            estimate_ends(part, counted, inside, level)


def test_a_replicate_with_nothing_inside_has_no_share_and_the_others_have() -> None:
    totals = part_of().totals.copy()
    totals[1] = [0.0, 0, 20]
    counted, inside = np.array([[True, False, False]]), np.array([True, True, False])
    shares = estimate_shares(part_of(totals=totals), counted, inside, 0.95)
    assert np.isnan(shares.replicates[0, 0])
    assert shares.standard_error[0] == pytest.approx(np.std([7 / 16, 6 / 18, 6 / 14]))
    share, low, high = estimate_ends(part_of(totals=totals), counted, inside, 0.95)
    assert (share[0], low[0], high[0]) == pytest.approx((shares.share[0], shares.low[0], shares.high[0]))


def test_ends_leave_out_what_settled_documents_rule_out() -> None:
    part = part_of()  # settled are 2, 3 and 1 of 20
    counted, inside = np.array([[1.0, 0, 0], [0, 0, 0], [1, 1, 0]]), np.array([1.0, 1, 0])
    share, low, high = np.array([0.5, 0.0, 1.0]), np.zeros(3), np.ones(3)
    found = bound_ends(part, counted, inside, share, low, high)
    assert found[0].tolist() == pytest.approx([2 / 19, 0.0, 5 / 19])
    assert found[1].tolist() == pytest.approx([16 / 19, 14 / 19, 1.0])
    narrow = bound_ends(part, counted, inside, share, np.array([0.4, 0.0, 0.9]), np.array([0.6, 0.1, 1.0]))
    assert narrow[0].tolist() == pytest.approx([0.4, 0.0, 0.9]) and narrow[1].tolist() == pytest.approx([0.6, 0.1, 1.0])
    # Where nobody read one that counts the low end is what is settled; where all that was read does, so is the high.
    none = replace(part, sure=np.array([0.0, 4, 1]))
    assert bound_ends(none, counted, inside, share, np.full(3, 0.3), high)[0][0] == pytest.approx(2 / 19)
    single = replace(part, sure=np.array([1.0, 1, 1]))  # one is enough
    assert bound_ends(single, counted, inside, share, np.full(3, 0.3), high)[0][0] == pytest.approx(0.3)
    assert bound_ends(single, counted, inside, share, low, np.full(3, 0.6))[1][0] == pytest.approx(0.6)
    every = replace(part, sure=np.array([3.0, 0, 1]))
    assert bound_ends(every, counted, inside, share, low, np.full(3, 0.6))[1][0] == pytest.approx(16 / 19)
    # The share itself is always between them, and nothing is left where all is settled.
    assert bound_ends(part, counted, inside, np.array([0.05, 0, 1]), low, high)[0][0] == 0.05
    assert bound_ends(part, counted, inside, np.array([0.9, 0, 1]), low, high)[1][0] == 0.9
    settled = replace(part, population=6.0)
    assert [end[0] for end in bound_ends(settled, counted, inside, np.full(3, 0.4), low, high)] == [0.4, 0.4]
    fewer = bound_ends(replace(part, population=5.0), counted, inside, np.full(3, 0.4), low, high)
    assert [end[0] for end in fewer] == [0.4, 0.4]  # more is settled than there are: none is left


def test_steadied_variances_are_the_means_of_two_by_the_rarer_side() -> None:
    # Rarer .2 and three hits of .05: (.2 x .01 + .15 x .16 x .05) / .35.
    assert steady_variance(np.array([0.2]), np.array([0.01]), 0.05)[0] == pytest.approx(0.0032 / 0.35)
    assert steady_variance(np.array([0.8]), np.array([0.01]), 0.05)[0] == pytest.approx(0.0032 / 0.35)
    assert steady_variance(np.zeros(1), np.zeros(1), 0.0).tolist() == [0.0]


def test_wider_queries_hold_all_that_narrower_ones_do_and_their_ends_are_no_narrower() -> None:
    counted = np.array([[True, False, False], [True, True, False], [True, True, False], [False, False, False]])
    wider = find_wider(counted)
    assert wider.tolist() == [
        [True, True, True, False],
        [False, True, True, False],
        [False, True, True, False],
        [True, True, True, True],
    ]
    low, high = nest_ends(wider, np.array([0.3, 0.25, 0.2, 0.4]), np.array([0.6, 0.5, 0.55, 0.7]))
    assert low.tolist() == [0.2, 0.2, 0.2, 0.2] and high.tolist() == [0.7, 0.7, 0.7, 0.7]
    assert [end.tolist() for end in nest_ends(np.zeros((0, 0), bool), np.zeros(0), np.zeros(0))] == [[], []]


def shares_of(share: float, low: float, high: float, replicates: list[float]) -> Shares:
    one = np.array([share])
    return Shares(one, np.array([low]), np.array([high]), one, one, np.array(replicates)[:, None], 9, 8)


def test_a_change_squares_and_adds_the_distances_of_its_ends_less_what_they_share() -> None:
    early = shares_of(0.4, 0.3, 0.6, [0.1, -0.1, 0.0, 0.0])
    late = shares_of(0.5, 0.42, 0.54, [0.8, -0.8, 0.6, -0.6])  # they vary alike by .16 of .0707 x .7071 x 4: .8
    assert share_variation(early, late)[0] == pytest.approx(0.16 / 4 / ((0.02 / 4) ** 0.5 * 0.5**0.5))
    r = 0.8 / 2**0.5 * 2**0.5
    change, error, low, high = (float(values[0]) for values in compare_parts(early, late, 0.95))
    assert change == pytest.approx(0.1) and error == pytest.approx(np.std([0.7, -0.7, 0.6, -0.6]))
    assert low == pytest.approx(0.1 - (0.08**2 + 0.2**2 - 2 * r * 0.08 * 0.2) ** 0.5)
    assert high == pytest.approx(0.1 + (0.04**2 + 0.1**2 - 2 * r * 0.04 * 0.1) ** 0.5)
    still = shares_of(0.4, 0.3, 0.6, [0.2] * 4)
    assert share_variation(still, late).tolist() == [0.0]
    assert share_variation(late, late) == pytest.approx([1.0])
    assert share_variation(late, replace(late, replicates=-late.replicates)) == pytest.approx([-1.0])


def test_correlations_are_none_beyond_one_where_replicates_are_missing() -> None:
    # One is known in two replicates alone, where the other varies more than it does elsewhere.
    early = shares_of(0.4, 0.3, 0.6, [np.nan, np.nan, 1.0, -1.0])
    late = shares_of(0.5, 0.42, 0.54, [0.0, 0.0, 1.0, -1.0])  # 1 + 1/2 over twice the root of 1/2
    assert share_variation(early, late).tolist() == [1.0]
    assert share_variation(early, replace(late, replicates=-late.replicates)).tolist() == [-1.0]


def test_a_change_starts_from_the_ends_that_are_kept_for_it() -> None:
    early, late = shares_of(0.4, 0.3, 0.6, [0.2] * 4), shares_of(0.5, 0.42, 0.54, [0.8, -0.8, 0.6, -0.6])
    early = replace(early, apart=np.array([[0.36], [0.43]]))
    late = replace(late, apart=np.array([[0.48], [0.53]]))
    change, _, low, high = (float(values[0]) for values in compare_parts(early, late, 0.95))
    assert low == pytest.approx(change - (0.02**2 + 0.03**2) ** 0.5)
    assert high == pytest.approx(change + (0.03**2 + 0.04**2) ** 0.5)


def test_a_change_is_never_more_than_all() -> None:
    none, every = shares_of(0.0, 0.0, 0.9, [0.1, -0.1]), shares_of(1.0, 0.2, 1.0, [0.1, -0.1])
    unlike = replace(every, replicates=np.array([[0.1], [0.1]]))
    _, _, low, high = compare_parts(none, unlike, 0.95)
    assert high.tolist() == [1.0] and low[0] == pytest.approx(1 - (0.8**2 + 0.9**2) ** 0.5)
    _, _, low, high = compare_parts(unlike, none, 0.95)
    assert low.tolist() == [-1.0] and high[0] == pytest.approx(-1 + (0.9**2 + 0.8**2) ** 0.5)


def tesstudent_quantiles_of_students_t_for_one_interval_and_for_a_family() -> None:
    assert student_quantile(0.95, 5) == pytest.approx(stats.t.ppf(0.975, 5))
    assert student_quantile(0.9, 5, 4) == pytest.approx(stats.t.ppf(1 - 0.1 / 8, 5))
    assert student_quantile(0.9, 0) == student_quantile(0.9, 1) == pytest.approx(stats.t.ppf(0.95, 1))


def test_one_query_of_many_stands_alone() -> None:
    rows = np.arange(3.0)
    shares = Shares(rows, rows + 1, rows + 2, rows + 3, rows + 4, np.arange(6.0).reshape(2, 3), 7, 5)
    one = shares.of(1)
    assert [one.share, one.low, one.high, one.standard_error, one.n_effective] == [[1], [2], [3], [4], [5]]
    assert one.replicates.tolist() == [[1], [4]] and (one.n_read, one.degrees) == (7, 5) and one.apart is None
    apart = replace(shares, apart=np.arange(6.0).reshape(2, 3)).of(2).apart
    assert apart is not None and apart.tolist() == [[2], [5]]


def test_degrees_of_freedom_are_documents_less_strata_and_one_at_least() -> None:
    weights: Any = SimpleNamespace(stratum=np.array([0, 0, 0, 1, 1, 2]))
    assert count_degrees(weights, np.ones(6, dtype=bool)) == (6, 3)
    assert count_degrees(weights, np.array([1, 1, 1, 0, 0, 0], bool)) == (3, 2)
    assert count_degrees(weights, np.array([1, 0, 0, 1, 0, 1], bool)) == (3, 1)
    assert count_degrees(weights, np.zeros(6, dtype=bool)) == (0, 1)


def test_a_part_of_a_sample_is_its_sums_by_code() -> None:
    chance = sparse.csr_array([[1.0, 0], [0.25, 0.75], [0.5, 0.5], [0, 1]])
    codes = SimpleNamespace(
        chance=chance,
        is_settled=np.array([True, False, False, True]),
        likeliest=(np.array([0, 1, 0, 1]), np.array([True, True, False, True])),
    )
    weights: Any = SimpleNamespace(
        units=pd.DataFrame({"inclusion_probability": [0.5, 0.2, 0.5, 1.0]}),
        codes=codes,
        weight=np.array([2.0, 5, 3, 1]),
        stratum=np.zeros(4, int),
        totals=lambda rows, size: ("totals", rows.tolist(), None if size is None else size.tolist()),
    )
    rows = np.array([True, True, True, False])
    part = take_part(weights, rows, 40.0)
    assert part.totals == ("totals", rows.tolist(), None) and part.population == 40.0
    assert (
        part.read.tolist() == [1, 0]
        and part.sure.tolist() == [1, 1]
        and part.chances.toarray().tolist() == [[0.5, 0.5]]
    )
    assert part.leverage.tolist() == pytest.approx([4 * 0.5 + 0.25 * 25 * 0.8 + 4.5 * 0.5, 0.75 * 20 + 2.25])
    assert (part.n_read, part.degrees) == (3, 2)
    size = np.array([3.0, 0, 2, 9])
    sized = take_part(weights, rows, 40.0, size)
    assert sized.totals == ("totals", rows.tolist(), size.tolist()) and sized.read.tolist() == [3, 0]
    assert sized.sure.tolist() == [1, 0]  # the second counts for nothing
    assert sized.leverage.tolist() == pytest.approx([36 * 0.5 + 0.5 * 36 * 0.5, 9.0])
    none = take_part(weights, rows, 40.0, np.array([1.0, 1, 0, 1]))
    assert none.chances.shape == (0, 2)
