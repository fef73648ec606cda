"""Predictions sharpen a share and cannot bias it; the numbers agree with other packages where designs coincide."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.estimate.classify import FOLD_COUNT, assign_folds, cross_predict, to_probabilities
from pipeline.estimate.features import find_near_duplicates
from pipeline.estimate.observations import EstimateError, add_predictions, check_sample
from pipeline.estimate.shares import ShareEstimate, estimate_reads, estimate_share
from tests.bench.coverage import measure
from tests.bench.populations import Scenario

# A made-up sample, and what the package survey of R 4.2 makes of it: survey.R beside it wrote expected.csv.
SURVEY = Path(__file__).parent / "fixtures" / "survey"
SIZES = {"a": 100, "b": 400, "c": 60}  # documents in each stratum
GROUPS = {"x": 250, "y": 230, "z": 80}  # the same 560 by post-stratum


def sample_of(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, int]]:
    rng = np.random.default_rng(seed)
    stratum = np.repeat(["a", "b", "c"], [20, 30, 40])
    inside = (rng.random(90) < 0.7).astype(float)
    y = (rng.random(90) < 0.4) * inside
    return y, inside, stratum, SIZES


def by_svy(table: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Returns shares and standard errors of the rows of tests/fixtures/survey/sample.csv by the package svy."""
    import polars
    import svy

    counts = table["stratum"].map(table["stratum"].value_counts())
    size = table["stratum"].map(SIZES)
    columns = {**table.to_dict("list"), "weight": (size / counts).to_list(), "size": size.to_list()}
    rows = polars.DataFrame(columns)
    survey = svy.Sample(rows, svy.Design(stratum="stratum", wgt="weight", pop_size="size")).estimation
    total = sum(SIZES.values())
    flat = rows.with_columns(weight=polars.lit(total / len(table)), size=polars.lit(total))
    grouped = svy.Sample(flat, svy.Design(wgt="weight", pop_size="size")).weighting.poststratify(GROUPS, cells="group")
    found = {
        "stratified": survey.mean("y"),
        "ratio": survey.ratio("y", "inside"),
        "domain": survey.mean("y", by="half"),
        "poststratified": grouped.estimation.mean("y"),
        "poststratified ratio": grouped.estimation.ratio("y", "inside"),
    }
    return {name: (result.estimates[0].est, result.estimates[0].se) for name, result in found.items()}


def by_us(table: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Returns the same by this estimator, the stratum variances left as they are: no pseudo-observation."""
    y, inside, stratum = (table[name].to_numpy() for name in ("y", "inside", "stratum"))
    even = (table["half"] == "even").to_numpy(dtype=float)
    # Post-stratification is the difference estimator with lambda 1, the groups' means as predictions, and documents
    # that weigh what makes their groups add up (Sarndal, Swensson and Wretman 1992, section 7.6).
    group, total = table["group"], sum(SIZES.values())
    size = (group.map(GROUPS) / group.map(group.value_counts()) * len(table) / total).to_numpy()
    guess = np.stack([table[name].groupby(group).transform("mean").to_numpy() for name in ("y", "inside")], axis=1)
    flat = check_sample(y, np.zeros(len(y)), {0.0: total}, None, None)
    flat = replace(flat, size=size, prediction=guess, prediction_means=(guess * size[:, None]).mean(axis=0)[None])
    ones = np.stack([guess[:, 0], np.ones(len(y))], axis=1)
    whole = replace(flat, prediction=ones, prediction_means=(ones * size[:, None]).mean(axis=0)[None])
    found = {
        "stratified": estimate_reads(check_sample(y, stratum, SIZES, None, None), 0.95, pseudo=0.0),
        "ratio": estimate_reads(check_sample(y, stratum, SIZES, inside, None), 0.95, pseudo=0.0),
        "domain": estimate_reads(check_sample(y * even, stratum, SIZES, even, None), 0.95, pseudo=0.0),
        "poststratified": estimate_reads(whole, 0.95, 1.0, pseudo=0.0),
        "poststratified ratio": estimate_reads(replace(flat, denominator=inside.astype(float)), 0.95, 1.0, pseudo=0.0),
    }
    return {name: (result.share, result.standard_error) for name, result in found.items()}


def test_shares_agree_with_the_survey_package_of_r() -> None:
    expected = pd.read_csv(SURVEY / "expected.csv", index_col="case")
    assert set(expected.index) == set(by_us(pd.read_csv(SURVEY / "sample.csv")))
    for name, found in by_us(pd.read_csv(SURVEY / "sample.csv")).items():
        assert found == pytest.approx(tuple(expected.loc[name]), abs=1e-6), name


def test_shares_agree_with_svy() -> None:
    pytest.importorskip("svy")
    table = pd.read_csv(SURVEY / "sample.csv")
    expected = by_svy(table)
    for name, found in by_us(table).items():
        assert found == pytest.approx(expected[name], abs=1e-6), name


@pytest.mark.parametrize(("factor", "expected"), [(1.0, 0.19291351193942924), (0.5, 0.2964567559697146)])
def test_one_stratum_agrees_with_ppi_python(factor: float, expected: float) -> None:
    # ppi-python 0.2.3, ppi_mean_pointestimate(y, read, unread, lam=factor). It averages predictions over the unread
    # alone and we over everything, so its lambda is ours times the unread part. Its own choice of lambda differs.
    i, j = np.arange(40), np.arange(400)
    y = ((i * 7) % 5 < 2).astype(float)
    read, unread = 0.6 * y + ((i * 13) % 17) / 17, ((j * 29) % 101) / 101
    reads = add_predictions(
        check_sample(y, np.zeros(40), {0.0: 440}, None, None),
        read,
        {0.0: np.concatenate([read, unread]).mean()},
        [0.0],
    )
    assert estimate_reads(reads, 0.95, factor * 440 / 400).share == pytest.approx(expected, abs=1e-6)


def predicted(quality: float, seed: int = 3) -> ShareEstimate:
    """Returns a share with predictions that are right (1), unrelated (0) or the wrong way round (-1)."""
    rng = np.random.default_rng(seed)
    truth = rng.random(2000) < 0.3
    guess = 0.5 + quality * (truth - 0.5) * 0.8 + 0.2 * rng.random(2000)
    rows = rng.choice(2000, 200, replace=False)
    return estimate_share(
        truth[rows], np.zeros(200), {0.0: 2000}, prediction=guess[rows], prediction_means={0.0: guess.mean()}
    )


def test_good_predictions_narrow_the_interval_and_inverted_ones_as_much() -> None:
    plain, good, inverted = (predicted(quality) for quality in (0.0, 1.0, -1.0))
    assert good.high - good.low < 0.5 * (plain.high - plain.low)
    assert inverted.share == pytest.approx(good.share, abs=0.02)
    assert inverted.high - inverted.low < 0.5 * (plain.high - plain.low)


def test_a_shifted_or_scaled_prediction_changes_nothing() -> None:
    y, _, stratum, sizes = sample_of()
    guess = np.random.default_rng(0).random(len(y)) + 0.3 * y
    means = {"a": 0.5, "b": 0.6, "c": 0.7}
    one = estimate_share(y, stratum, sizes, prediction=guess, prediction_means=means)
    other = estimate_share(
        y, stratum, sizes, prediction=7 - 3 * guess, prediction_means={k: 7 - 3 * v for k, v in means.items()}
    )
    assert other.share == pytest.approx(one.share) and other.high == pytest.approx(one.high)


def test_constant_predictions_leave_the_plain_estimate() -> None:
    y, inside, stratum, sizes = sample_of()
    means = dict.fromkeys(sizes, (0.2, 0.7))
    guess = np.tile([0.2, 0.7], (len(y), 1))
    with_them = estimate_share(y, stratum, sizes, prediction=guess, prediction_means=means, denominator=inside)
    without = estimate_share(y, stratum, sizes, denominator=inside)
    assert (with_them.share, with_them.low, with_them.method) == (without.share, without.low, without.method)


def test_predictions_that_hit_every_time_still_leave_an_interval() -> None:
    y = np.array([1.0] * 20 + [0.0] * 40)
    estimate = estimate_share(y, np.zeros(60), {0.0: 600}, prediction=y, prediction_means={0.0: 0.35})
    assert estimate.share == pytest.approx(0.35)
    assert estimate.high - estimate.low > 0.02


@pytest.mark.parametrize("bad", [np.ones(89), np.full(90, np.nan), np.ones((90, 3))])
def test_predictions_that_do_not_fit_are_refused(bad: np.ndarray) -> None:
    y, _, stratum, sizes = sample_of()
    with pytest.raises(EstimateError):
        estimate_share(y, stratum, sizes, prediction=bad, prediction_means=dict.fromkeys(sizes, 0.5))
    with pytest.raises(EstimateError, match="go together"):
        estimate_share(y, stratum, sizes, prediction=np.ones(90))


@pytest.mark.parametrize("predictor", ["useless", "inverted", "medium"])
def test_coverage_does_not_hang_on_the_predictor(predictor: str) -> None:
    found = measure(Scenario(0.15, "years", predictor, base=0.7), 400)  # type: ignore[arg-type]
    assert 0.91 <= found["coverage"] <= 0.985
    assert abs(found["bias"]) < 0.005


def test_near_duplicates_share_a_fold_and_new_documents_move_no_old_one() -> None:
    neighbours = np.array([[1, 2], [0, 2], [1, 0], [2, 0]])
    cosines = np.array([[0.99, 0.2], [0.99, 0.96], [0.96, 0.2], [0.3, 0.1]])
    group = find_near_duplicates(neighbours, cosines, 0.95)
    assert group[0] == group[1] == group[2] != group[3]
    ids = pd.Series([f"lw:{number}" for number in range(200)])
    alone = assign_folds(ids, np.arange(200))
    assert set(alone) == set(range(FOLD_COUNT))
    grown = pd.concat([pd.Series(["zz:new"]), ids], ignore_index=True)
    assert (assign_folds(grown, np.arange(201))[1:] == alone).all()
    assert assign_folds(pd.Series(["b", "a"]), np.array([0, 0]))[0] == assign_folds(pd.Series(["a"]), np.array([0]))[0]


def test_no_document_is_predicted_by_a_model_that_saw_its_code() -> None:
    rng = np.random.default_rng(5)
    points = rng.normal(size=(120, 4))
    kernel = np.exp(-((points[:, None] - points[None]) ** 2).sum(axis=2))
    fold, read = np.arange(120) % 5, np.arange(60)
    codes = np.eye(3)[rng.integers(0, 3, 60)]
    before = cross_predict(kernel[:, read], read, fold, [codes])[0]
    changed = codes.copy()
    changed[fold[read] == 2] = np.roll(changed[fold[read] == 2], 1, axis=1)
    after = cross_predict(kernel[:, read], read, fold, [changed])[0]
    assert np.array_equal(before[fold == 2], after[fold == 2])
    assert not np.array_equal(before[fold != 2], after[fold != 2])
    assert np.allclose(before.sum(axis=1), 1)


def test_scores_become_probabilities_even_where_all_are_negative() -> None:
    found = to_probabilities(np.array([[-1.0, -2.0], [0.6, 0.2]]), 2.0)
    assert found[0] == pytest.approx([0.5, 0.5]) and found[1] == pytest.approx([0.9, 0.1])
