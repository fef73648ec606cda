"""The estimator beside closed forms: right numbers, intervals that hold, and no certainty from incomplete reading."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.coding.queries import Definition, Denominator
from pipeline.estimate.bootstrap import rescale
from pipeline.estimate.differences import compare_parts
from pipeline.estimate.flips import GROUP_WORTH, PSEUDO, READERS_WORTH, WINDOW_WORTH
from pipeline.estimate.intervals import wilson_interval
from pipeline.estimate.nesting import find_wider, nest_ends
from pipeline.estimate.shares import EstimateError, estimate_shares
from pipeline.estimate.survey import merge_records
from pipeline.estimate.weights import make_weights
from tests.survey_of import CODEBOOK, plain_share, sample_of, share_of, survey_of

MANY = 20_000  # replicates, so that their variance is that of the formula to a few per cent


def error_of(sample, population, count: int = MANY, denominator: str = "safety") -> tuple[float, float]:
    """Returns the share of the first definition and the standard deviation of its replicates."""
    survey = survey_of(sample, population)
    weights = merge_records(make_weights(sample, population, CODEBOOK, 3, count), CODEBOOK)
    shares = share_of(replace(survey, weights=weights), denominator)
    return float(shares.share[0]), float(np.std(shares.replicates[:, 0]))


def test_a_simple_random_sample_gives_the_textbook_numbers() -> None:
    truth = np.ones(400, dtype=int)
    truth[:12] = 0
    found, error = error_of(*sample_of(truth, np.zeros(400, dtype=int), np.arange(40)))
    y = (truth[:40] == 0).astype(float)
    assert found == pytest.approx(0.3)
    assert error == pytest.approx(np.sqrt((1 - 0.1) * y.var(ddof=1) / 40), rel=0.03)


def test_a_stratified_ratio_gives_woodruffs_linearisation() -> None:
    rng = np.random.default_rng(4)
    stratum = np.repeat([0, 1, 2], [100, 400, 60])
    truth = rng.choice(3, size=560, p=[0.3, 0.45, 0.25])
    drawn = np.concatenate([np.arange(0, 20), np.arange(100, 130), np.arange(500, 540)])
    sizes, counts = np.array([100.0, 400.0, 60.0]), np.array([20.0, 30.0, 40.0])
    leaf, group = truth[drawn], stratum[drawn]
    weight = (sizes / counts)[group]
    y, inside = (leaf == 0).astype(float), (leaf < 2).astype(float)
    ratio = (weight @ y) / (weight @ inside)
    residual = (y - ratio * inside) / (weight @ inside)
    variance = sum(
        sizes[h] ** 2 * (1 - counts[h] / sizes[h]) * residual[group == h].var(ddof=1) / counts[h] for h in range(3)
    )
    found, error = error_of(*sample_of(truth, stratum, drawn))
    assert found == pytest.approx(ratio, abs=1e-9)
    assert error == pytest.approx(np.sqrt(variance), rel=0.05)


def test_unsettled_agreements_take_the_rate_of_the_drawn_ones() -> None:
    # 100 read, all called "counts" by both readers; 20 drawn for adjudication, 5 overturned: by hand.
    truth = np.zeros(1000, dtype=int)
    truth[:5] = 1
    drawn = np.arange(100)
    settled = drawn < 20
    said = np.zeros(100, dtype=int)
    sample, population = sample_of(
        truth, np.zeros(1000, dtype=int), drawn, readers=(said, said), is_settled=settled, phase2_probability=0.2
    )
    overall = 5 / (20 + READERS_WORTH)
    rate = (5 + GROUP_WORTH * overall) / (20 + GROUP_WORTH)
    rate = (5 + WINDOW_WORTH * rate) / (20 + WINDOW_WORTH)
    found, error = error_of(sample, population, denominator="everything")
    assert found == pytest.approx((15 + 80 * (1 - rate)) / 100, abs=1e-6)
    # Cochran (1977, chapter 12): with one class the variance is that of the adjudicated mean alone, s^2 / m.
    assert error == pytest.approx(np.sqrt(0.25 * 0.75 / 20), rel=0.25)
    assert PSEUDO == 0.5


def test_wilson_is_the_published_interval() -> None:
    # Wilson's interval solves |p - t| = z sqrt(t (1 - t) / n) for t
    z = stats.norm.ppf(0.975)
    for end in wilson_interval(0.2, 50, 0.95):
        assert abs(0.2 - end) == pytest.approx(z * np.sqrt(end * (1 - end) / 50))


def test_full_reading_leaves_no_width_and_partial_reading_always_some() -> None:
    full = plain_share(2, 4, 4)
    assert full.low[0] == full.share[0] == full.high[0] == 0.5
    for hits in (0, 30):
        part = plain_share(hits, 30, 900)
        assert part.high[0] - part.low[0] > 0.01


@pytest.mark.parametrize("n_read", [2, 10, 60])
def test_none_of_n_proves_no_more_than_the_exact_interval_nearly_does(n_read: int) -> None:
    found = plain_share(0, n_read, 20_000)
    exact = stats.beta.ppf(0.975, 1, n_read)
    assert found.share[0] == found.low[0] == 0.0
    assert 0.7 * exact < found.high[0] < 1.35 * exact
    mirrored = plain_share(n_read, n_read, 20_000)
    assert mirrored.high[0] == 1.0 and 1 - mirrored.low[0] == pytest.approx(found.high[0], rel=1e-6)


def test_no_interval_reaches_beyond_what_was_read() -> None:
    # 18 of 20 documents are read, 9 count: no fewer than 9 of 20 can, and no more than 11.
    found = plain_share(9, 18, 20)
    assert found.low[0] >= 9 / 20 and found.high[0] <= 11 / 20
    assert found.low[0] <= 0.5 <= found.high[0]


def test_an_empty_denominator_is_no_number_and_a_wrong_level_an_error() -> None:
    survey = survey_of(*sample_of(np.full(50, 2), np.zeros(50, dtype=int), np.arange(5)))
    assert np.isnan(share_of(survey).share).all()
    part = survey.part(survey.domains[0])
    with pytest.raises(EstimateError, match="between 0 and 1"):
        estimate_shares(part, np.ones((1, 1), dtype=bool), np.ones(1, dtype=bool), 1.5)


@pytest.mark.whole
def test_predictions_that_know_something_narrow_the_interval_and_none_biases_it() -> None:
    rng = np.random.default_rng(8)
    truth = np.where(rng.random(2_000) < 0.3, 0, 1)
    good = np.stack([0.8 * (truth == 0) + 0.1, 0.9 - 0.8 * (truth == 0), np.zeros(2_000)], axis=1)
    versions = {
        "none": None,
        "good": good,
        "inverted": good[:, [1, 0, 2]],
        "useless": rng.dirichlet((3, 3, 0.1), 2_000),
    }
    found = {name: [] for name in versions}
    for repeat in range(20):
        drawn = np.random.default_rng(repeat).choice(2_000, 200, replace=False)
        for name, prediction in versions.items():
            shares = share_of(survey_of(*sample_of(truth, np.zeros(2_000, dtype=int), drawn, prediction=prediction)))
            found[name].append((shares.share[0], shares.high[0] - shares.low[0]))
    widths = {name: np.mean([width for _, width in rows]) for name, rows in found.items()}
    assert widths["good"] < 0.6 * widths["none"] and widths["inverted"] < 0.6 * widths["none"]
    assert widths["useless"] < 1.1 * widths["none"]
    for rows in found.values():
        assert np.mean([share for share, _ in rows]) == pytest.approx((truth == 0).mean(), abs=0.02)


@pytest.mark.whole
@pytest.mark.parametrize(
    ("direct", "error", "n_rounds"),
    [
        (0.05, 0.0, 80),
        pytest.param(0.05, 0.0, 200, marks=pytest.mark.slow),
        pytest.param(0.3, 0.1, 200, marks=pytest.mark.slow),
    ],
)
def test_the_interval_holds_the_true_share_as_often_as_it_says(direct: float, error: float, n_rounds: int) -> None:
    rng = np.random.default_rng(11)
    size, n_read = 4_000, 300
    truth = rng.choice(3, size=size, p=[direct, 0.75 - direct, 0.25])
    shared = np.where(rng.random(size) < error, rng.choice(3, size=size), truth)  # both readers err together
    wanted = (truth == 0).sum() / (truth < 2).sum()
    held, ends = [], []
    for _ in range(n_rounds):
        drawn = rng.choice(size, n_read, replace=False)
        settled = rng.random(n_read) < 0.2
        sample, population = sample_of(
            truth,
            np.zeros(size, dtype=int),
            drawn,
            readers=(shared[drawn], shared[drawn]),
            is_settled=settled,
            phase2_probability=0.2,
        )
        weights = merge_records(make_weights(sample, population, CODEBOOK, 1, 100), CODEBOOK)
        shares = share_of(replace(survey_of(sample, population), weights=weights))
        held.append(shares.low[0] <= wanted <= shares.high[0])
        ends.append(shares.share[0] - wanted)
    assert 0.90 <= np.mean(held) <= 0.995
    assert abs(np.mean(ends)) < 0.02


def test_documents_of_one_author_that_vary_together_widen_the_interval() -> None:
    stratum = np.zeros(60, dtype=int)
    probability = np.full(60, 0.1)
    author = np.repeat(np.arange(10), 6)
    rng = np.random.default_rng(0)
    alone, _ = rescale(stratum, probability, rng, 4_000)
    together, _ = rescale(stratum, probability, rng, 4_000, author)
    y = (author < 3).astype(float)
    assert (together @ y).std() > 2 * (alone @ y).std()
    assert together.min() >= 0 and alone.mean() == pytest.approx(1, abs=0.01)


@pytest.mark.whole
def test_unequal_probabilities_are_weighed_back() -> None:
    rng = np.random.default_rng(5)
    truth = np.where(np.arange(4_000) < 800, 0, 1)
    inclusion = np.where(truth == 0, 0.2, 0.05)
    found = []
    for _ in range(60):
        drawn = np.flatnonzero(rng.random(4_000) < inclusion)
        found.append(share_of(survey_of(*sample_of(truth, np.zeros(4_000, int), drawn, inclusion=inclusion))).share[0])
    assert np.mean(found) == pytest.approx(0.2, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
@example(727)  # one document unread of 44: every factor is at its bound
def test_shares_add_up_and_narrower_is_never_above_wider(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, n_strata = int(rng.integers(30, 200)), int(rng.integers(1, 4))
    stratum = np.sort(rng.integers(0, n_strata, size))
    stratum[:n_strata] = np.arange(n_strata)
    stratum.sort()
    truth = rng.choice(3, size=size, p=rng.dirichlet((1, 1, 1)))
    drawn = np.concatenate([np.flatnonzero(stratum == h)[: int(rng.integers(1, 30))] for h in range(n_strata)])
    said = np.where(rng.random(len(drawn)) < 0.1, rng.integers(0, 3, len(drawn)), truth[drawn])
    settled = rng.random(len(drawn)) < 0.4
    sample, population = sample_of(
        truth,
        stratum,
        drawn,
        readers=(said, said),
        is_settled=settled,
        phase2_probability=0.4,
        prediction=rng.dirichlet((1, 1, 1), size) if rng.random() < 0.7 else None,
    )
    survey = survey_of(sample, population)
    part = survey.part(survey.domains[0])
    counted = rng.random((12, len(survey.records))) < 0.5
    counted = np.vstack([counted, counted | np.roll(counted, 1, axis=0), np.eye(len(survey.records), dtype=bool)])
    inside = np.ones(len(survey.records), dtype=bool)
    found = estimate_shares(part, counted, inside, 0.95)
    wider = find_wider(counted)
    low, high = nest_ends(wider, found.low, found.high)
    assert found.share[24:].sum() == pytest.approx(1, abs=1e-9)
    assert part.totals[0].sum() == pytest.approx(size, rel=1e-6)
    assert part.totals[1:].sum(axis=1) == pytest.approx(size, rel=2e-3)  # replicates have 16 bits
    for narrow, wide in np.argwhere(wider):
        assert found.share[narrow] <= found.share[wide] + 1e-12
        assert low[narrow] <= low[wide] and high[narrow] <= high[wide]
    read = np.array([part.read[match].sum() for match in counted])
    assert (low * size >= -1e-9).all() and (low <= found.share).all() and (found.share <= high).all()
    assert (found.share * size >= read - 1e-6).all() and (found.low * size >= read - 1e-6).all()
    assert (size - found.high * size >= part.read.sum() - read - 1e-6).all()


def test_a_change_between_parts_is_less_certain_than_either_and_knows_what_they_share() -> None:
    early, late = plain_share(10, 100, 4_000, seed=1), plain_share(30, 100, 4_000, seed=2)
    change, error, low, high = compare_parts(early.of(0), late.of(0), 0.95)
    assert change[0] == pytest.approx(0.2) and low[0] > 0
    same = compare_parts(late.of(0), late.of(0), 0.95)
    assert same[1][0] == 0 and same[2][0] <= 0 <= same[3][0] and same[3][0] - same[2][0] < 0.05
    half = stats.norm.ppf(0.975) * np.sqrt((0.1 * 0.9 + 0.3 * 0.7) / 100)
    assert (high[0] - low[0]) / 2 == pytest.approx(half, rel=0.25)
    assert error[0] > 0


def test_a_codebook_of_other_definitions_needs_no_other_weights() -> None:
    truth = np.repeat([0, 1, 2], 40)
    sample, population = sample_of(truth, np.zeros(120, dtype=int), np.arange(0, 120, 3))
    other = replace(
        CODEBOOK,
        definitions=(Definition(id="outside", title="", groups=("N",)),),
        denominators={"all": Denominator(title="all", groups=("A", "E", "N"))},
    )
    one, two = (make_weights(sample, population, codebook, 1) for codebook in (CODEBOOK, other))
    assert np.array_equal(one.weight, two.weight) and np.array_equal(one.replicates, two.replicates)
