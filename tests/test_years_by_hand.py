"""How shares move over the years, by hand: slopes, changes, families of intervals, groups, and the smoother."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from pipeline.estimate import smooth, trends
from pipeline.estimate.differences import compare_parts
from pipeline.estimate.shares import Shares, estimate_shares
from pipeline.estimate.smooth import (
    FAR,
    LEAST_VARIANCE,
    LEAST_YEARS,
    SCALES,
    _correlate,
    _mixture_quantiles,
    smooth_shares,
    smooth_years,
    tabulate_smoothed,
)
from pipeline.estimate.trends import _slope, contrast_years, measure_groups, measure_trends, years_by_frame
from tests.survey_of import CODEBOOK, sample_of, survey_of

Z = 1.959963985
COUNTS, ONLY_INSIDE, OUTSIDE = range(3)


def shares_of(share: list[float], replicates: list[list[float]], degrees: int = 4, half: float = 0.1) -> Shares:
    rows = np.array(share)
    return Shares(rows, rows - half, rows + half, rows, rows, np.array(replicates).T, 9, degrees)


FIRST = shares_of([0.5, 0.2], [[0.5, 0.6, 0.4], [0.2, 0.2, 0.2]])
SECOND = shares_of([0.6, 0.9], [[0.6, 0.6, 0.6], [0.9, 0.8, 1.0]], 6, 0.05)
LAST = shares_of([0.3, 0.1], [[0.3, 0.2, 0.4], [0.1, 0.1, 0.1]], 5, 0.2)
KNOWN = [(2018, FIRST), (2019, SECOND), (2022, LAST)]


def test_a_slope_is_the_contrast_of_the_years_and_varies_as_it_does_over_the_replicates() -> None:
    # The years lie -5/3, -2/3 and 7/3 from their mean: squares sum to 78/9.
    weight = np.array([-5, -2, 7]) / 3 / (78 / 9)
    row = _slope(KNOWN, 0, 0.95)
    value = float(weight @ [0.5, 0.6, 0.3])
    moved = [float(weight @ each) for each in ([0.5, 0.6, 0.3], [0.6, 0.6, 0.2], [0.4, 0.6, 0.4])]
    half = np.std(moved) * stats.t.ppf(0.975, 15)
    assert (row["value"], row["standard_error"]) == pytest.approx((value, np.std(moved)))
    assert (row["low"], row["high"]) == pytest.approx((value - half, value + half))
    assert (row["simultaneous_low"], row["simultaneous_high"]) == (row["low"], row["high"])
    assert (row["kind"], row["from_year"], row["to_year"]) == ("slope", "2018", "2022")
    assert _slope(KNOWN, 1, 0.95)["value"] == pytest.approx(float(weight @ [0.2, 0.9, 0.1]))


def test_changes_are_over_the_whole_time_and_from_each_year_to_the_next() -> None:
    first, second = contrast_years(KNOWN, 0.9)
    spans = [(row["kind"], row["from_year"], row["to_year"]) for row in first]
    assert spans == [
        ("slope", "2018", "2022"),
        ("change", "2018", "2022"),
        ("step", "2018", "2019"),
        ("step", "2019", "2022"),
    ]
    assert [row["value"] for row in first[1:]] == pytest.approx([-0.2, 0.1, -0.3])
    assert [row["value"] for row in second[1:]] == pytest.approx([-0.1, 0.7, -0.8])
    for place, (early, late) in enumerate(((FIRST, LAST), (FIRST, SECOND), (SECOND, LAST)), start=1):
        change, error, low, high = (float(values[0]) for values in compare_parts(early, late, 0.9))
        row = first[place]
        assert (row["standard_error"], row["low"], row["high"]) == pytest.approx((error, low, high))
        degrees = early.degrees + late.degrees
        # Of two steps each is held to half of what may fail.
        widen = 1.0 if place == 1 else stats.t.ppf(0.975, degrees) / stats.t.ppf(0.95, degrees)
        assert row["simultaneous_low"] == pytest.approx(change - widen * (change - low))
        assert row["simultaneous_high"] == pytest.approx(change + widen * (high - change))
    (alone,) = contrast_years([(2018, shares_of([0.5], [[0.5, 0.4]])), (2019, shares_of([0.6], [[0.6, 0.6]]))], 0.9)
    assert [row["kind"] for row in alone] == ["slope", "change", "step"]
    assert alone[2]["simultaneous_low"] == alone[2]["low"]  # one step is no family
    assert contrast_years(KNOWN[:1], 0.9) == contrast_years([], 0.9) == []


def test_a_simultaneous_change_is_never_more_than_all() -> None:
    none = Shares(*(np.array([each]) for each in (0.02, 0.0, 0.4, 0.1, 9.0)), np.array([[0.0], [0.1]]), 3, 1)
    every = Shares(*(np.array([each]) for each in (0.98, 0.5, 1.0, 0.1, 9.0)), np.array([[1.0], [1.0]]), 3, 1)
    up, down = ([(2018, one), (2019, other), (2020, one)] for one, other in ((none, every), (every, none)))
    rising, falling = contrast_years(up, 0.95)[0][2], contrast_years(down, 0.95)[0][2]
    assert rising["simultaneous_high"] == 1.0 and falling["simultaneous_low"] == -1.0
    assert rising["simultaneous_low"] < rising["low"] and falling["simultaneous_high"] > falling["high"]


def test_years_of_which_any_share_is_unknown_have_no_part_in_a_trend(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = shares_of([np.nan, 0.2], [[np.nan] * 3, [0.2] * 3])
    years = [(2018, FIRST), (2020, unknown), (2022, LAST)]
    monkeypatch.setattr(trends, "shares_by_year", lambda _: iter([("f", "safety", years)]))
    survey: Any = SimpleNamespace(codebook=CODEBOOK, level=0.9)
    table = measure_trends(survey)
    assert table["kind"].tolist() == ["slope", "change", "step"] * 2
    assert set(table["from_year"]) == {"2018"} and set(table["to_year"]) == {"2022"} and set(table["level"]) == {0.9}
    assert table["definition"].tolist() == ["strict"] * 3 + ["broad"] * 3 and set(table["frame"]) == {"f"}
    assert table["value"].tolist()[1::3] == pytest.approx([-0.2, -0.1])


def test_the_years_of_a_frame_are_those_that_are_named() -> None:
    places = (("f", ""), ("f", "2018"), ("f", "2019"), ("g", ""), ("h", "2020"))
    survey: Any = SimpleNamespace(domains=[SimpleNamespace(frame=frame, year=year) for frame, year in places])
    found = {frame: [domain.year for domain in domains] for frame, domains in years_by_frame(survey).items()}
    assert found == {"f": ["2018", "2019"], "h": ["2020"]}


def test_groups_add_up_to_one_and_their_intervals_hold_together() -> None:
    truth = np.tile([COUNTS, ONLY_INSIDE, ONLY_INSIDE, OUTSIDE], 25)
    survey = survey_of(*sample_of(truth, np.zeros(100, int), np.arange(40)))
    table = measure_groups(survey)
    assert table["group"].tolist() == ["A", "E", "N"] and table["share"].tolist() == pytest.approx([0.25, 0.5, 0.25])
    part = survey.part(survey.domains[0])
    assert part is not None
    group = survey.records["group"].to_numpy()
    counted = np.array([group == letter for letter in "AEN"])
    wide = estimate_shares(part, counted, np.ones(len(group), dtype=bool), 1 - 0.05 / 3)
    assert table["low"].tolist() == pytest.approx(wide.low.tolist()) and table["high"].tolist() == pytest.approx(
        wide.high.tolist()
    )
    assert set(table["level"]) == {0.95} and set(table["n_read"]) == {40} and set(table["year"]) == {""}


def test_years_vary_together_as_their_replicates_do() -> None:
    rows = np.array([[1.0, 2, 3], [3, 2, 1], [5, 5, 5], [1, 2, 1]])
    together = _correlate(rows)
    expected = np.eye(4)
    expected[0, 1] = expected[1, 0] = -1
    assert together == pytest.approx(expected)
    pair = _correlate(np.array([[0.0, 1, 2, 3], [0, 2, 1, 3]]))
    assert pair[0, 1] == pytest.approx(np.corrcoef([0, 1, 2, 3], [0, 2, 1, 3])[0, 1])


def test_quantiles_of_a_mixture_of_normals() -> None:
    means, variances = np.array([[0.2, 1.0], [0.6, 1.0]]), np.array([[0.01, 0.0], [0.04, 0.0]])
    chance = np.array([0.25, 0.75])
    found = _mixture_quantiles(means, variances, chance, np.array([0.025, 0.5, 0.975]))

    def below(place: float) -> float:
        return float(0.25 * stats.norm.cdf(place, 0.2, 0.1) + 0.75 * stats.norm.cdf(place, 0.6, 0.2))

    for number, wanted in enumerate((0.025, 0.5, 0.975)):
        assert found[number, 0] == pytest.approx(optimize.brentq(lambda x, wanted=wanted: below(x) - wanted, -2, 2))
    # What does not vary varies by a ten-thousandth, so that it has quantiles.
    assert LEAST_VARIANCE == 1e-8 and found[:, 1] == pytest.approx([1 - Z * 1e-4, 1.0, 1 + Z * 1e-4], abs=1e-9)
    far = _mixture_quantiles(np.array([[0.0]]), np.array([[1.0]]), np.ones(1), np.array([1e-15, 1 - 1e-15]))
    assert far[:, 0] == pytest.approx([stats.norm.ppf(1e-15), -stats.norm.ppf(1e-15)], rel=1e-2)


def test_one_year_alone_is_drawn_to_nothing() -> None:
    own = smooth_shares(np.array([2018.0]), np.array([0.3]), np.array([[0.01]]), 0.95)
    spread = (4 - 16 / 4.01) ** 0.5  # anywhere between 0 and 1, nearly flat
    assert FAR == 4.0 and own.share.tolist() == pytest.approx([0.3])
    assert (own.low[0], own.high[0]) == pytest.approx((0.3 - Z * spread, 0.3 + Z * spread))
    assert own.scale == pytest.approx(0.2025)  # every step is as likely: the mean of .005 to .4
    edges = smooth_shares(np.array([2018.0]), np.array([0.99]), np.array([[0.01]]), 0.95)
    assert (
        edges.high.tolist() == [1.0] and smooth_shares(np.array([1.0]), np.array([0.01]), np.eye(1), 0.9).low[0] == 0.0
    )


def test_years_are_smoothed_by_every_step_as_far_as_it_is_likely() -> None:
    """Beside the normal distributions of scipy: for each step the posterior of a walk, weighed by its likelihood."""
    time, share = np.array([2018.0, 2020, 2021]), np.array([0.2, 0.6, 0.3])
    covariance = np.array([[0.01, 0.002, 0], [0.002, 0.04, 0], [0, 0, 0.02]])
    walk = np.array([[0.0, 0, 0], [0, 2, 2], [0, 2, 3]])
    steps, centre = 0.005 * np.arange(1, 81), share.mean()
    assert pytest.approx(steps) == SCALES
    likelihood, means, variances = [], [], []
    for step in steps:
        prior = step**2 * walk + 4.0
        gain = prior @ np.linalg.inv(prior + covariance)
        likelihood.append(stats.multivariate_normal.pdf(share - centre, np.zeros(3), prior + covariance))
        means.append(centre + gain @ (share - centre))
        variances.append(np.diag(prior - gain @ prior))
    chance = np.array(likelihood) / sum(likelihood)
    found = smooth_shares(time, share, covariance, 0.9)
    assert found.share == pytest.approx(chance @ np.array(means), abs=1e-7) and found.scale == pytest.approx(
        chance @ steps
    )
    for year in range(3):
        spread = np.sqrt(np.array(variances)[:, year])
        middle = np.array(means)[:, year]
        for end, wanted in ((found.low, 0.05), (found.high, 0.95)):
            assert chance @ stats.norm.cdf(end[year], middle, spread) == pytest.approx(wanted, abs=1e-6)


def test_a_smoothed_share_is_a_share_however_years_vary_together() -> None:
    # The second year errs nearly twice as much the same way: that it lies lower says that both lie too low.
    covariance = np.array([[0.25, 0.45], [0.45, 1.0]])
    own = smooth_shares(np.array([2018.0, 2019]), np.array([0.9, 0.5]), covariance, 0.95)
    assert own.share.tolist() == own.high.tolist() == [1.0, 1.0]
    other = smooth_shares(np.array([2018.0, 2019]), np.array([0.1, 0.5]), covariance, 0.95)
    assert other.share.tolist() == other.low.tolist() == [0.0, 0.0]


def test_the_width_of_a_year_is_that_of_its_interval_and_a_ten_thousandth_at_least(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    still = shares_of([0.4], [[0.4, 0.4]], half=0.0)
    moved = shares_of([0.5], [[0.4, 0.6]], half=0.1)
    found = smooth_years([(2018, still), (2019, moved)], 0, 0.95)
    expected = smooth_shares(
        np.array([2018.0, 2019]), np.array([0.4, 0.5]), np.diag([1e-8, (0.2 / (2 * Z)) ** 2]), 0.95
    )
    assert found.share == pytest.approx(expected.share) and found.high == pytest.approx(expected.high)
    asked: list[np.ndarray] = []
    with monkeypatch.context() as patch:
        patch.setattr(smooth, "smooth_shares", lambda time, share, covariance, level: asked.append(covariance))
        smooth_years([(2018, still), (2019, moved)], 0, 0.95)
    assert asked[0][0, 0] == pytest.approx(1e-8) and asked[0][1, 1] == pytest.approx((0.2 / (2 * Z)) ** 2)
    other = smooth_years([(2018, moved), (2019, moved)], 0, 0.8)
    spread = 0.2 / (2 * stats.norm.ppf(0.9))
    again = smooth_shares(np.array([2018.0, 2019]), np.array([0.5, 0.5]), np.full((2, 2), spread**2), 0.8)
    assert other.low == pytest.approx(again.low) and other.high == pytest.approx(again.high)


def test_a_frame_needs_three_years_in_which_a_share_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = shares_of([np.nan, 0.2], [[np.nan] * 3, [0.2] * 3])
    years = [(2018, FIRST), (2019, SECOND), (2020, unknown), (2022, LAST)]
    few = [(2018, FIRST), (2019, SECOND), (2020, unknown)]
    monkeypatch.setattr(smooth, "shares_by_year", lambda _: iter([("f", "safety", years), ("g", "safety", few)]))
    survey: Any = SimpleNamespace(codebook=CODEBOOK, level=0.9)
    table = tabulate_smoothed(survey)
    assert LEAST_YEARS == 3 and not ((table["frame"] == "g") & (table["definition"] == "strict")).any()
    strict = table[(table["frame"] == "f") & (table["definition"] == "strict")]
    assert strict["year"].tolist() == ["2018", "2019", "2022"] and set(strict["level"]) == {0.9}
    own = smooth_years(KNOWN, 0, 0.9)
    for column in ("share", "low", "high"):
        assert strict[column].tolist() == pytest.approx(getattr(own, column).tolist())
    assert strict["step"].tolist() == pytest.approx([own.scale] * 3)
    assert table[(table["frame"] == "g")]["year"].tolist() == ["2018", "2019", "2020"]
    assert isinstance(table, pd.DataFrame)
