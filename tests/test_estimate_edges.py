"""The edges of the estimator: a right answer or a clear error, and never certainty from part of the reading."""

import numpy as np
import pandas as pd
import pytest

from pipeline.estimate.bootstrap import rescale
from pipeline.estimate.calibrate import BOUNDS, calibrate_factors, find_centre
from pipeline.estimate.planning import allocate
from pipeline.estimate.robustness import add_second_encoder
from tests.bench.people import measure_people
from tests.survey_of import sample_of, share_of, survey_of


def test_a_stratum_read_in_full_adds_its_share_and_no_variance() -> None:
    truth = np.concatenate([[0, 0, 1, 1], np.ones(96, dtype=int)])
    stratum = np.repeat([0, 1], [4, 96])
    found = share_of(survey_of(*sample_of(truth, stratum, np.arange(10))))
    assert found.share[0] == pytest.approx(0.02)
    factors, _ = rescale(stratum[:10], np.repeat([1.0, 6 / 96], [4, 6]), np.random.default_rng(0), 50)
    assert (factors[:, :4] == 1).all() and factors[:, 4:].std() > 0


def test_a_single_read_document_stands_for_its_stratum_in_every_replicate() -> None:
    factors, plain = rescale(np.zeros(1, dtype=int), np.array([0.1]), np.random.default_rng(0), 20)
    assert (factors == 1).all() and (plain == 1).all()


def test_calibration_meets_exact_totals_within_its_bounds() -> None:
    rng = np.random.default_rng(2)
    table = np.column_stack([np.ones(80), rng.random((80, 2))])
    base = rng.uniform(1, 9, 80)
    totals = table.T @ (base * np.clip(1 + 0.3 * rng.normal(size=80), *BOUNDS))
    factors, multipliers = calibrate_factors(base, table, totals, np.zeros(3))
    assert table.T @ (base * factors) == pytest.approx(totals, rel=1e-9)
    assert factors == pytest.approx(np.clip(1 + table @ multipliers, *BOUNDS))
    again, _ = calibrate_factors(base, table, totals, np.zeros(3), multipliers)
    assert again == pytest.approx(factors)


def test_totals_that_no_bounded_weights_meet_are_come_near_to() -> None:
    table = np.column_stack([np.ones(30), np.arange(30) < 3])
    base = np.full(30, 2.0)
    factors, _ = calibrate_factors(base, table, np.array([60.0, 50.0]), np.array([0.0, 0.2]))
    assert np.isfinite(factors).all() and factors.min() >= BOUNDS[0] and factors.max() <= BOUNDS[1]
    assert factors[:3] == pytest.approx(BOUNDS[1])


def test_a_penalty_gives_the_weights_of_a_ridge_regression() -> None:
    rng = np.random.default_rng(4)
    table = np.column_stack([np.ones(60), rng.normal(size=60)])
    base, penalty = np.full(60, 3.0), np.array([0.0, 40.0])
    totals = table.T @ base + np.array([0.0, 8.0])
    factors, _ = calibrate_factors(base, table, totals, penalty)
    slope = np.linalg.solve(table.T @ (base[:, None] * table) + np.diag(penalty), totals - table.T @ base)
    assert factors == pytest.approx(1 + table @ slope)


def test_residuals_count_as_those_of_fits_that_left_each_document_out() -> None:
    rng = np.random.default_rng(6)
    table, base = np.column_stack([np.ones(40), rng.exponential(size=(40, 2))]), rng.uniform(2, 6, 40)
    y, penalty, totals = rng.random(40), np.array([0.0, 9.0, 9.0]), np.array([170.0, 190.0, 160.0])
    factors, _ = calibrate_factors(base, table, totals, penalty, centre=find_centre(base, table, penalty))
    assert (factors > BOUNDS[0]).all() and (factors < BOUNDS[1]).all()

    def fit(rows: np.ndarray) -> np.ndarray:
        weighed = base[rows, None] * table[rows]
        return np.asarray(np.linalg.solve(weighed.T @ table[rows] + np.diag(penalty), weighed.T @ y[rows]))

    left_out = [y[row] - table[row] @ fit(np.arange(40) != row) for row in range(40)]
    assert base * factors @ y == pytest.approx(totals @ fit(np.full(40, True)) + base @ np.array(left_out))
    usual, _ = calibrate_factors(base, table, totals, penalty)
    assert usual == pytest.approx(calibrate_factors(base, table, totals, penalty, centre=np.ones(40))[0])
    assert find_centre(np.array([0.0, 5.0]), np.eye(2), np.zeros(2)).tolist() == [1.0, pytest.approx(4.0)]


def test_random_samples_of_any_shape_never_give_a_missing_number() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        n_strata = int(rng.integers(1, 5))
        sizes = rng.integers(3, 40, n_strata)
        stratum = np.repeat(np.arange(n_strata), sizes)
        drawn = np.concatenate(
            [np.flatnonzero(stratum == h)[: int(rng.integers(1, sizes[h] + 1))] for h in range(n_strata)]
        )
        truth = rng.choice(3, size=len(stratum), p=rng.dirichlet((0.5, 0.5, 0.5)))
        truth[drawn[0]] = 1
        prediction = rng.dirichlet((0.2, 0.2, 0.2), len(stratum)) if rng.random() < 0.7 else None
        found = share_of(survey_of(*sample_of(truth, stratum, drawn, prediction=prediction)))
        assert np.isfinite([found.share, found.low, found.high]).all()
        assert ((found.low >= 0) & (found.low <= found.share) & (found.share <= found.high) & (found.high <= 1)).all()
        assert found.high[0] > found.low[0] or len(drawn) == len(stratum)


def test_a_second_encoder_comes_beside_the_first_and_never_under_its_names() -> None:
    first = pd.DataFrame({"layer": ["fine"], "doc_id": ["a"], "cluster_id": ["fine-001"], "score": [0.5]})
    second = pd.DataFrame({"layer": ["fine", "fine"], "doc_id": ["a", "b"], "cluster_number": [0, 3]})
    both = add_second_encoder(first, second)
    assert both["layer"].tolist() == ["fine", "fine, second encoder", "fine, second encoder"]
    assert both["cluster_id"].tolist() == ["fine-001", "0", "3"]


def test_the_plan_is_neymans_and_stops_at_what_there_is() -> None:
    bands = pd.DataFrame({"n_population": [100, 900], "n_read": [10, 20], "spread": [0.25, 0.04], "base": 1000.0})
    more = allocate(bands, 0.02**2)
    read = bands["n_read"] + more
    variance = (bands["n_population"] ** 2 * (1 - read / bands["n_population"]) * bands["spread"] / read).sum() / 1e6
    assert 0.9 * 0.02**2 < variance <= 0.02**2
    assert (allocate(bands, 0.0) == bands["n_population"] - bands["n_read"]).all()
    assert (allocate(bands, 1.0) == 0).all()


@pytest.mark.whole
def test_people_are_weighed_right_where_a_few_write_most() -> None:
    rng = np.random.default_rng(3)
    authors = [[f"a{name}"] for name in np.minimum(rng.zipf(1.6, 900), 300)]
    first = pd.Series([names[0] for names in authors])
    busy = first.map(first.value_counts()).to_numpy()
    documents = pd.DataFrame({"published_year": np.repeat([1, 2, 3], 300), "names": authors, "persons": authors})
    chances = pd.DataFrame({"counted": np.where(busy > 20, 0.6, 0.15), "inside": 1.0})
    table = measure_people(documents, chances, 25, seed=1).set_index("weight")
    # those who write much write more of what counts: fewer people than documents count, and both are estimated right
    assert table.loc["people", "true_share"] < table.loc["documents", "true_share"] - 0.1
    assert (table["bias"].abs() < 0.02).all()
    assert (table["coverage"] > 0.8).all()
