"""The estimator: right numbers, intervals that hold, and no certainty from incomplete reading."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pipeline.estimate.observations import EstimateError
from pipeline.estimate.phases import Phase2, explained_variance, within_variance
from pipeline.estimate.shares import estimate_share, wilson_interval


def test_a_simple_random_sample_gives_the_textbook_numbers() -> None:
    y = np.array([1] * 12 + [0] * 28)
    estimate = estimate_share(y, np.zeros(40), {0.0: 400})
    assert estimate.share == pytest.approx(0.3)
    # one pseudo-observation in the stratum variance: (SS + s^2) / n, with the finite population
    squares, single = y.var() * 40, y.var(ddof=1)
    assert estimate.standard_error**2 == pytest.approx((1 - 0.1) * (squares + single) / 40 / 40)
    assert estimate.n_read == 40 and estimate.degrees_of_freedom == 39


def test_strata_count_by_their_size_and_not_by_what_was_read() -> None:
    y = np.array([1] * 10 + [0] * 10)
    stratum = np.array(["small"] * 10 + ["large"] * 10)
    assert estimate_share(y, stratum, {"small": 100, "large": 900}).share == pytest.approx(0.1)


def test_a_ratio_divides_by_what_is_in_the_denominator() -> None:
    denominator = np.array([1] * 8 + [0] * 12)
    y = np.array([1] * 2 + [0] * 18)
    assert estimate_share(y, np.zeros(20), {0.0: 200}, denominator=denominator).share == pytest.approx(0.25)


def test_wilson_is_the_published_interval() -> None:
    # Wilson's interval solves |p - t| = z sqrt(t (1 - t) / n) for t
    z = stats.norm.ppf(0.975)
    for end in wilson_interval(0.2, 50, 0.95):
        assert abs(0.2 - end) == pytest.approx(z * np.sqrt(end * (1 - end) / 50))


def test_full_reading_leaves_no_width_and_partial_reading_always_some() -> None:
    full = estimate_share(np.array([1, 0, 0, 1]), np.zeros(4), {0.0: 4})
    assert full.low == full.share == full.high == 0.5
    for y in (np.zeros(30), np.ones(30)):
        estimate = estimate_share(y, np.repeat([0, 1, 2], 10), {0: 11, 1: 50, 2: 900})
        assert estimate.high - estimate.low > 0.01


def test_a_stratum_of_one_does_not_count_as_certain() -> None:
    y = np.array([1, 0, 0, 0, 0, 1])
    estimate = estimate_share(y, np.array([0, 1, 1, 1, 1, 1]), {0: 500, 1: 500})
    assert np.isfinite([estimate.low, estimate.high]).all() and estimate.high - estimate.low > 0.2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (([1, 0], [0, 0], {0: 1}), "more documents read than there are"),
        (([1, 0], [0, 0], {0: 9, 1: 5}), "stratum 1 has no read document"),
        (([1, 0], [0, 7], {0: 9}), "stratum 7 is not in the design"),
        (([1, np.nan], [0, 0], {0: 9}), "missing ones"),
        (([1, 2], [0, 0], {0: 9}), "outside 0 to 1"),
        (([1], [0, 0], {0: 9}), "rows"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(arguments: tuple, problem: str) -> None:
    y, stratum, sizes = arguments
    with pytest.raises(EstimateError, match=problem):
        estimate_share(np.array(y, dtype=float), np.array(stratum), sizes)


def test_an_empty_denominator_is_an_error_and_not_a_number() -> None:
    with pytest.raises(EstimateError, match="no read document is in the denominator"):
        estimate_share(np.zeros(5), np.zeros(5), {0.0: 50}, denominator=np.zeros(5))


def read_with_noise(
    rng: np.random.Generator, direct_share: float, error: float, size: int = 4000
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a population's true classes (0 outside, 1 indirect, 2 direct) and two readers' classes."""
    outside = 0.25
    truth = rng.choice(3, size=size, p=[outside, 1 - outside - direct_share, direct_share])
    is_hard = rng.random(size) < 2 * error
    shared = rng.choice(3, size=size)
    readers = [np.where(is_hard & (rng.random(size) < 0.5), shared, truth) for _ in range(2)]
    return truth, np.stack(readers)


def estimate_once(
    rng: np.random.Generator, truth: np.ndarray, readers: np.ndarray, n: int
) -> tuple[float, float, float]:
    """Draws, reads and adjudicates as the census does: all disagreements, 15% of the agreements."""
    drawn = rng.choice(len(truth), n, replace=False)
    gold, first, second = truth[drawn], readers[0, drawn], readers[1, drawn]
    agree = first == second
    settled = ~agree | (rng.random(n) < 0.15)
    cell = np.where(agree, first, -1)
    pool = agree & settled
    phase2 = Phase2(
        cell,
        settled,
        (first == 2).astype(float),
        (first > 0).astype(float),
        cell[pool],
        (gold[pool] == 2).astype(float),
        (gold[pool] > 0).astype(float),
    )
    y, base = np.where(settled, gold == 2, first == 2), np.where(settled, gold > 0, first > 0)
    estimate = estimate_share(y, np.zeros(n), {0.0: len(truth)}, denominator=base, phase2=phase2)
    return estimate.share, estimate.low, estimate.high


@pytest.mark.parametrize(("direct_share", "error"), [(0.05, 0.1), (0.3, 0.1), (0.3, 0.0), (0.5, 0.2)])
def test_the_interval_holds_the_true_share_about_as_often_as_it_says(direct_share: float, error: float) -> None:
    rng = np.random.default_rng(11)
    truth, readers = read_with_noise(rng, direct_share, error)
    true_share = (truth == 2).sum() / (truth > 0).sum()
    runs = [estimate_once(rng, truth, readers, 400) for _ in range(400)]
    covered = np.mean([low <= true_share <= high for _, low, high in runs])
    assert covered >= 0.92
    assert abs(np.mean([share for share, _, _ in runs]) - true_share) < 0.01


def test_ignoring_the_adjudication_would_be_wrong() -> None:
    rng = np.random.default_rng(11)
    truth, readers = read_with_noise(rng, 0.05, 0.2)
    true_share = (truth == 2).sum() / (truth > 0).sum()
    naive = (readers[0] == 2).sum() / (readers[0] > 0).sum()
    runs = [estimate_once(rng, truth, readers, 400)[0] for _ in range(100)]
    assert abs(naive - true_share) > 0.05 > 5 * abs(np.mean(runs) - true_share)


def test_adjudicating_less_widens_the_interval() -> None:
    rng = np.random.default_rng(2)
    y = (rng.random(300) < 0.4).astype(float)
    widths = []
    for part in (0.05, 0.5, 1.0):
        settled = np.arange(300) < 300 * part
        pool = settled
        phase2 = Phase2(y.astype(int), settled, y, np.ones(300), y.astype(int)[pool], y[pool], np.ones(int(pool.sum())))
        estimate = estimate_share(y, np.zeros(300), {0.0: 3000}, phase2=phase2)
        widths.append(estimate.high - estimate.low)
    assert widths[0] > widths[1] > widths[2]
    plain = estimate_share(y, np.zeros(300), {0.0: 3000})
    assert widths[2] == pytest.approx(plain.high - plain.low)


def test_a_cell_that_nobody_adjudicated_keeps_the_readers_word_and_stays_uncertain() -> None:
    y = np.array([1.0] * 10 + [0.0] * 30)
    settled = np.array([False] * 10 + [True] * 30)
    cell = y.astype(int)
    phase2 = Phase2(cell, settled, y, np.ones(40), cell[settled], y[settled], np.ones(30))
    estimate = estimate_share(y, np.zeros(40), {0.0: 40}, phase2=phase2)
    assert estimate.share == pytest.approx(0.25)
    assert estimate.high - estimate.low > 0.1


def one_cell(rng: np.random.Generator, n: int, n_settled: int) -> tuple[Phase2, np.ndarray, np.ndarray]:
    """Returns documents that both readers call direct, of which some are, their codes and telling predictions."""
    truth = (rng.random(n) < 0.6).astype(float)
    guess = np.stack([np.clip(0.6 * truth + rng.normal(0.2, 0.1, n), 0, 1), np.ones(n)], axis=1)
    settled = np.arange(n) < n_settled
    one = np.ones(n)
    pool = (np.zeros(n_settled, int), truth[settled], one[settled])
    return Phase2(np.zeros(n, int), settled, one, one, *pool, pool_prediction=guess[settled]), truth, guess


def test_what_a_prediction_knows_inside_a_cell_is_taken_off_its_variance() -> None:
    phase2, truth, guess = one_cell(np.random.default_rng(3), 4_000, 2_000)
    contrast, factor = np.array([1.0, -0.6]), 0.9
    within = within_variance(phase2, 0.6)
    explained = explained_variance(phase2, contrast, factor, within)
    e, g = truth - 0.6, factor * guess @ contrast
    assert explained[phase2.is_settled].max() == 0
    assert within[-1] + g.var() - explained[-1] == pytest.approx((e - g).var(), rel=0.05)
    assert explained[-1] > 0.5 * (within[-1] + g.var())  # what would have been counted although it is not there
    few, _, _ = one_cell(np.random.default_rng(3), 4_000, 9)
    assert not explained_variance(few, contrast, factor, within).any()


def test_predictions_inside_a_cell_sharpen_the_interval_and_it_still_holds() -> None:
    rng = np.random.default_rng(8)
    sharp, blunt, held = [], [], []
    for _ in range(300):
        phase2, truth, guess = one_cell(rng, 3_000, 3_000)
        rows = rng.choice(3_000, 400, replace=False)
        settled = np.arange(400) < 80
        pool = (np.zeros(80, int), truth[rows][settled], np.ones(80))
        known = [np.zeros(400, int), settled, np.ones(400), np.ones(400), *pool]
        given = {"prediction": guess[rows], "prediction_means": {0.0: tuple(guess.mean(axis=0))}}
        for widths, prediction in ((sharp, guess[rows][settled]), (blunt, None)):
            phase2 = Phase2(*known, pool_prediction=prediction)
            found = estimate_share(truth[rows], np.zeros(400), {0.0: 3_000}, **given, phase2=phase2)
            widths.append(found.high - found.low)
            if prediction is not None:
                held.append(found.low <= truth.mean() <= found.high)
    assert np.mean(sharp) < np.mean(blunt)
    assert np.mean(held) >= 0.92


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("is_settled", np.ones(3, dtype=bool), "phase2.is_settled has 3 rows, not 40"),
        ("pool_y", np.ones(7), r"phase2.pool_y has the shape \(7,\), not \(20,\)"),
        ("pool_prediction", np.ones(20), r"phase2.pool_prediction has the shape \(20,\), not \(20, 2\)"),
        ("pool_weight", np.full(20, np.nan), "phase2.pool_weight has missing or infinite values"),
    ],
)
def test_an_adjudication_that_does_not_fit_is_refused(column: str, values: np.ndarray, problem: str) -> None:
    phase2, truth, _ = one_cell(np.random.default_rng(3), 40, 20)
    with pytest.raises(EstimateError, match=problem):
        estimate_share(truth, np.zeros(40), {0.0: 400}, phase2=replace(phase2, **{column: values}))
