"""The smoother over years, beside another package's and beside the arithmetic of its ends."""

import numpy as np
import pytest
from statsmodels.tsa.statespace.structural import UnobservedComponents

from pipeline.estimate import smooth
from pipeline.estimate.smooth import smooth_shares

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
