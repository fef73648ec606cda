"""The smoother over years, beside another package's and beside the arithmetic of its ends."""

import numpy as np
import pytest
from statsmodels.tsa.statespace.structural import UnobservedComponents

from pipeline.estimate import smooth
from pipeline.estimate.shares import Shares
from pipeline.estimate.smooth import smooth_shares, smooth_years, tabulate_smoothed
from pipeline.estimate.survey import estimate_batch
from tests.invented_survey import CODEBOOK, invent_survey

TIME = np.arange(2017, 2027, dtype=float)
SHARE = np.array([0.91, 0.93, 0.84, 0.64, 0.56, 0.47, 0.34, 0.33, 0.25, 0.18])


def test_given_its_step_it_is_the_random_walk_of_statsmodels(monkeypatch: pytest.MonkeyPatch) -> None:
    error = 0.04
    for step in (0.02, 0.1, 0.3):
        monkeypatch.setattr(smooth, "SCALES", np.array([step]))
        own = smooth_shares(TIME, SHARE / 2 + 0.2, np.eye(len(TIME)) * error**2, 0.95)
        model = UnobservedComponents(SHARE / 2 + 0.2, "local level")
        other = model.smooth([error**2, step**2])
        assert own.share == pytest.approx(other.smoothed_state[0], abs=2e-4)
        spread = np.sqrt(other.smoothed_state_cov[0, 0])
        assert (own.high - own.low) / (2 * 1.959964) == pytest.approx(spread, rel=2e-3)


def test_years_known_exactly_stay_and_years_of_one_share_are_joined() -> None:
    own = smooth_shares(TIME, SHARE, np.eye(len(TIME)) * 1e-6, 0.95)
    assert own.share == pytest.approx(SHARE, abs=1e-3)
    rng = np.random.default_rng(1)
    flat = 0.5 + 0.05 * rng.standard_normal(10)
    joined = smooth_shares(TIME, flat, np.eye(10) * 0.05**2, 0.95)
    assert np.ptp(joined.share) < 0.4 * np.ptp(flat)
    assert (joined.high - joined.low < 2 * 1.96 * 0.05).all()


def test_a_gap_between_years_is_as_many_steps() -> None:
    near = smooth_shares(np.array([2017.0, 2018, 2019]), np.array([0.2, 0.5, 0.8]), np.eye(3) * 0.1**2, 0.95)
    far = smooth_shares(np.array([2017.0, 2027, 2037]), np.array([0.2, 0.5, 0.8]), np.eye(3) * 0.1**2, 0.95)
    assert far.scale < near.scale


def test_the_smoothed_interval_covers_walks() -> None:
    held = []
    for number in range(150):
        rng = np.random.default_rng(number)
        truth = 0.5 + np.cumsum(rng.normal(0, 0.06, 10))
        read = truth + rng.normal(0, 0.05, 10)
        own = smooth_shares(TIME, read, np.eye(10) * 0.05**2, 0.95)
        inside = (truth > 0) & (truth < 1)
        held += ((own.low <= truth) & (truth <= own.high))[inside].tolist()
    assert 0.93 <= np.mean(held) <= 0.98


def shares_of(share: float, width: float, replicates: np.ndarray) -> Shares:
    one = np.array([share])
    return Shares(one, one - width / 2, one + width / 2, one * 0 + 0.02, one * 0 + 60, replicates[:, None], 60, 59)


def test_years_are_smoothed_with_the_widths_that_are_printed_and_as_they_vary_together() -> None:
    # Deviations of the replicates: 2018 and 2019 vary alike by 0.8, 2021 does not vary at all.
    first, second = np.array([1.0, -1.0, 0.0, 0.0]), np.array([0.8, -0.8, 0.6, -0.6])
    known = [
        (2018, shares_of(0.4, 0.2, first)),
        (2019, shares_of(0.3, 0.1, second)),
        (2021, shares_of(0.2, 0.3, first * 0)),
    ]
    z = 1.959964
    spread = np.array([0.2, 0.1, 0.3]) / (2 * z)
    together = np.array([[1, 0.8, 0], [0.8, 1, 0], [0, 0, 1.0]])
    expected = smooth_shares(
        np.array([2018.0, 2019, 2021]), np.array([0.4, 0.3, 0.2]), together * np.outer(spread, spread), 0.95
    )
    found = smooth_years(known, 0, 0.95)
    for column in ("share", "low", "high"):
        assert getattr(found, column) == pytest.approx(getattr(expected, column), abs=1e-6)
    assert found.scale == pytest.approx(expected.scale)


def test_every_frame_with_three_known_years_has_smoothed_shares() -> None:
    survey = invent_survey()
    table = tabulate_smoothed(survey).set_index(["definition", "denominator", "year"]).sort_index()
    assert len(table) == 4 * 2 * 6 and table.index.is_unique
    shares = estimate_batch(survey, CODEBOOK.definitions, [])
    rows = table.loc[("strict", "safety")]
    assert rows.index.tolist() == [str(year) for year in range(2018, 2024)]
    assert ((rows["low"] < rows["share"]) & (rows["share"] < rows["high"])).all()
    raw = {year: shares["f", year, "documents", "safety"] for year in rows.index}
    # 2022 was read in full and stays; 2023, of which two documents were read, is drawn to it.
    assert rows.loc["2022", "share"] == pytest.approx(float(raw["2022"].share[0]), abs=0.01)
    width = {year: float(each.high[0] - each.low[0]) for year, each in raw.items()}
    assert rows.loc["2023", "high"] - rows.loc["2023", "low"] < 0.9 * width["2023"]
    assert 0 < rows["step"].iloc[0] < 0.4 and rows["step"].nunique() == 1
