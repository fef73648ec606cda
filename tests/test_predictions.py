"""Predictions never saw the codes they predict; numbers agree with other packages where designs coincide."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pipeline.estimate.calibrate import calibrate_factors
from pipeline.estimate.classify import FOLD_COUNT, assign_folds, cross_predict, to_probabilities
from pipeline.estimate.features import _mean_of_neighbours, find_near_duplicates
from pipeline.estimate.fold_models import RIDGE, FoldModels
from pipeline.estimate.kernel import Kernel, NeighbourMeans
from pipeline.estimate.weights import make_weights
from tests.survey_of import CODEBOOK, sample_of

# A made-up sample, and what the package survey of R 4.2 makes of it: survey.R beside it wrote expected.csv.
SURVEY = Path(__file__).parent / "fixtures" / "survey"
SIZES = {"a": 100, "b": 400, "c": 60}  # documents in each stratum


def by_us(table: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Returns shares with standard errors from the replicates of the fixture, by the arithmetic of `shares`."""
    base = table["weight"].to_numpy(dtype=float)
    replicates = table[[name for name in table if name.startswith("r")]].to_numpy(dtype=float).T
    even = (table["half"] == "even").to_numpy(dtype=float)
    y, inside = (table[name].to_numpy(dtype=float) for name in ("y", "inside"))
    calibrated = table["calibrated"].to_numpy(dtype=float)
    found = {}
    for name, top, bottom, weight in (
        ("stratified", y, np.ones(len(y)), base),
        ("ratio", y, inside, base),
        ("domain", y * even, even, base),
        ("calibrated", y, np.ones(len(y)), calibrated),
    ):
        shares = (replicates @ top) / (replicates @ bottom)
        found[name] = (float(weight @ top / (weight @ bottom)), float(shares.std()))
    return found


def test_shares_and_replicate_errors_agree_with_the_survey_package_of_r() -> None:
    expected = pd.read_csv(SURVEY / "expected.csv", index_col="case")
    found = by_us(pd.read_csv(SURVEY / "replicates.csv"))
    assert set(expected.index) == {*found, "svydesign stratified", "svydesign ratio", "svydesign domain"}
    for name, numbers in found.items():
        assert numbers == pytest.approx(tuple(expected.loc[name]), abs=1e-6), name


def test_calibrated_weights_agree_with_calibrate_of_the_survey_package() -> None:
    table = pd.read_csv(SURVEY / "replicates.csv")
    variables = np.column_stack([(table["stratum"] == name) * 1.0 for name in SIZES] + [table["guess"]])
    base = table["weight"].to_numpy(dtype=float) - 1
    totals = np.array([SIZES[name] - (table["stratum"] == name).sum() for name in SIZES] + [float(table["unread"][0])])
    factors, _ = calibrate_factors(base, variables, totals, np.zeros(4))
    assert 1 + base * factors == pytest.approx(table["calibrated"].to_numpy(), abs=1e-6)


def test_the_replicates_have_the_variance_of_svydesign() -> None:
    expected = pd.read_csv(SURVEY / "expected.csv", index_col="case")
    table = pd.read_csv(SURVEY / "replicates.csv")
    stratum = np.repeat([0, 1, 2], list(SIZES.values()))
    starts = np.cumsum([0, *SIZES.values()])[:3]
    drawn = np.concatenate(
        [start + np.arange((table["stratum"] == name).sum()) for start, name in zip(starts, SIZES, strict=True)]
    )
    truth = np.full(len(stratum), 2)
    truth[drawn] = np.where(table["y"] == 1, 0, np.where(table["inside"] == 1, 1, 2))
    weights = make_weights(*sample_of(truth, stratum, drawn), CODEBOOK, 5, 20_000)
    y, inside = (table[name].to_numpy(dtype=float) for name in ("y", "inside"))
    even = (table["half"] == "even").to_numpy(dtype=float)
    for name, top, bottom in (("stratified", y, y * 0 + 1), ("ratio", y, inside), ("domain", y * even, even)):
        share = (weights.weight @ top) / (weights.weight @ bottom)
        error = float(((weights.replicates @ top) / (weights.replicates @ bottom)).std())
        wanted = expected.loc[f"svydesign {name}"]
        assert share == pytest.approx(wanted["share"], abs=1e-6)
        assert error == pytest.approx(wanted["standard_error"], rel=0.04), name


def test_stratified_shares_agree_with_svy() -> None:
    polars, svy = pytest.importorskip("polars"), pytest.importorskip("svy")
    table = pd.read_csv(SURVEY / "replicates.csv")
    rows = polars.DataFrame({**table[["stratum", "y", "inside", "half", "weight"]].to_dict("list")})
    rows = rows.with_columns(size=polars.Series(table["stratum"].map(SIZES).to_list()))
    survey = svy.Sample(rows, svy.Design(stratum="stratum", wgt="weight", pop_size="size")).estimation
    weight, y, inside = (table[name].to_numpy(dtype=float) for name in ("weight", "y", "inside"))
    assert weight @ y / weight.sum() == pytest.approx(survey.mean("y").estimates[0].est, abs=1e-6)
    assert weight @ y / (weight @ inside) == pytest.approx(survey.ratio("y", "inside").estimates[0].est, abs=1e-6)


@pytest.mark.parametrize(("factor", "expected"), [(1.0, 0.19291351193942924)])
def test_one_stratum_agrees_with_ppi_python(factor: float, expected: float) -> None:
    # ppi-python 0.2.3, ppi_mean_pointestimate(y, read, unread, lam=1): predictions averaged over the unread. The
    # difference estimator of the unread with a slope fixed at one, which calibration gives with an offset.
    i, j = np.arange(40), np.arange(400)
    y = ((i * 7) % 5 < 2).astype(float)
    read, unread = 0.6 * y + ((i * 13) % 17) / 17, ((j * 29) % 101) / 101
    base = np.full(40, 10.0)
    factors, _ = calibrate_factors(base, np.ones((40, 1)), np.array([400.0]), np.zeros(1))
    assert factor * unread.mean() + (base * factors) @ (y - factor * read) / 400 == pytest.approx(expected, abs=1e-6)


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


def test_a_kernel_is_the_sum_of_the_likeness_by_each_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.estimate.kernel.ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(8)
    points = rng.normal(size=(40, 4))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    words = sparse.csr_matrix(rng.random((40, 30)) * (rng.random((40, 30)) < np.linspace(0.02, 0.5, 30)))
    is_near = sparse.csr_matrix((rng.random((40, 40)) < 0.1).astype(float))
    means = NeighbourMeans.of(is_near, words)
    read = np.array([3, 4, 8, *range(20, 35)])
    kernel = Kernel({"neighbourhood": points, "title": words, "neighbourhood terms": means}, read)
    around = means[np.arange(40)].toarray()
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    whole = np.exp(-squares / 0.5) + 0.5 * (words @ words.T).toarray() + around @ around.T
    assert np.allclose(kernel.own(), whole[np.ix_(read, read)])
    weights, wanted, learnt = rng.normal(size=(9, 3)), np.array([39, 0, 3, 21, *range(5, 16)]), np.arange(0, 18, 2)
    assert np.allclose(kernel.weigh(wanted, learnt, weights), whole[np.ix_(wanted, read[learnt])] @ weights)


@pytest.mark.parametrize("size", [5, 70])
def test_the_model_of_a_fold_is_the_regression_on_the_others(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("pipeline.estimate.fold_models.MIRRORED", 16)
    rng = np.random.default_rng(9)
    points = rng.normal(size=(size, 3))
    kernel = Kernel({"vector": points / np.linalg.norm(points, axis=1, keepdims=True)}, np.arange(size))
    targets, fold = rng.normal(size=(size, 2)), np.arange(size) % 3
    models = FoldModels.of(kernel, fold, targets)
    model = models.leave_out(1)
    assert model is not None
    learn, rest = np.flatnonzero(fold != 1), np.flatnonzero(fold == 1)
    system = kernel.own()[np.ix_(learn, learn)] + RIDGE * np.eye(len(learn))
    assert model.learn.tolist() == learn.tolist() and np.allclose(model.centre, targets[learn].mean(axis=0))
    assert np.allclose(system @ model.coefficients, targets[learn] - model.centre)
    scores = kernel.own()[np.ix_(rest, learn)] @ model.coefficients + model.centre
    assert model.rest.tolist() == rest.tolist() and np.allclose(model.unseen, scores)
    others = np.arange(1, len(learn))
    alone = np.linalg.solve(system[np.ix_(others, others)], (targets[learn] - model.centre)[others])
    assert np.allclose(models.hold_out(model)[0], system[0, others] @ alone + model.centre)


def test_no_document_is_predicted_by_a_model_that_saw_its_code() -> None:
    rng = np.random.default_rng(5)
    points = rng.normal(size=(120, 4))
    fold, read = np.arange(120) % 5, np.arange(60)
    words = sparse.csr_matrix(np.abs(points) > 1, dtype=float)
    kernel = Kernel({"vector": points / np.linalg.norm(points, axis=1, keepdims=True), "terms": words}, read)
    codes = np.eye(3)[rng.integers(0, 3, 60)]
    before = cross_predict(kernel, fold, [codes])[0]
    changed = codes.copy()
    changed[fold[read] == 2] = np.roll(changed[fold[read] == 2], 1, axis=1)
    after = cross_predict(kernel, fold, [changed])[0]
    assert np.array_equal(before[fold == 2], after[fold == 2])
    assert not np.array_equal(before[fold != 2], after[fold != 2])
    assert np.allclose(before.sum(axis=1), 1)


def test_a_class_and_its_complement_are_predicted_alike_from_one_column_or_two() -> None:
    rng = np.random.default_rng(6)
    points = rng.normal(size=(90, 3))
    kernel = Kernel({"vector": points / np.linalg.norm(points, axis=1, keepdims=True)}, np.arange(50))
    is_in = points[:50, :1] > 0.3
    one, two = cross_predict(kernel, np.arange(90) % 4, [is_in.astype(float), np.hstack([is_in, ~is_in]).astype(float)])
    assert one.shape == (90, 1) and np.allclose(one, two[:, :1], atol=1e-12)
    alone = cross_predict(kernel, np.zeros(90, dtype=int), [is_in.astype(float)])[0]
    assert (alone == 0.5).all(), "with nothing to learn from, both are as likely"


def test_means_of_neighbours_are_made_for_the_documents_asked_for_alone() -> None:
    rng = np.random.default_rng(7)
    around = sparse.csr_matrix((rng.random((30, 30)) < 0.2).astype(float))
    words = sparse.csr_matrix(rng.random((30, 8)) * (rng.random((30, 8)) < 0.3))
    whole = (around @ words).toarray()
    length = np.linalg.norm(whole, axis=1, keepdims=True)
    rows = np.array([4, 0, 17])
    found = NeighbourMeans.of(around, words)[rows].toarray()
    assert np.allclose(found, (whole / np.where(length > 0, length, 1))[rows])


def test_scores_become_probabilities_even_where_all_are_negative() -> None:
    found = to_probabilities(np.array([[-1.0, -2.0], [0.6, 0.2]]), 2.0)
    assert found[0] == pytest.approx([0.5, 0.5]) and found[1] == pytest.approx([0.9, 0.1])


def test_a_document_is_told_by_its_neighbours_each_as_much_as_another() -> None:
    around = _mean_of_neighbours(np.array([[1, 2], [2, 3], [3, 0], [0, 1]]), 4)
    values = np.array([1.0, 10.0, 100.0, 1000.0])
    assert (around @ values).tolist() == [110.0, 1100.0, 1001.0, 11.0]
