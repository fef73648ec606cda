"""The edges of the estimator: a right answer or a clear error, and never certainty from part of the reading."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.estimate.observations import EstimateError, check_sample
from pipeline.estimate.planning import allocate
from pipeline.estimate.robustness import add_second_encoder
from pipeline.estimate.shares import estimate_reads, estimate_share
from tests.bench.people import measure_people


def test_a_stratum_read_in_full_adds_its_share_and_no_variance() -> None:
    y = np.array([1, 1, 0, 0, 1, 0, 0, 1, 0, 0], dtype=float)
    stratum = np.repeat(["full", "part"], [4, 6])
    estimate = estimate_reads(check_sample(y, stratum, {"full": 4, "part": 96}, None, None), 0.95, pseudo=0.0)
    rest = y[4:]
    assert estimate.share == pytest.approx(0.04 * 0.5 + 0.96 * rest.mean())
    assert estimate.standard_error**2 == pytest.approx(0.96**2 * (1 - 6 / 96) * rest.var(ddof=1) / 6)


def test_a_stratum_without_documents_is_passed_over() -> None:
    y, stratum = np.array([1, 0, 0, 0]), np.array(["a", "a", "b", "b"])
    with_empty = estimate_share(y, stratum, {"a": 20, "b": 20, "empty": 0})
    assert with_empty == estimate_share(y, stratum, {"a": 20, "b": 20})


@pytest.mark.parametrize("n_read", [1, 2, 10, 60])
def test_none_of_n_proves_no_more_than_the_exact_interval_nearly_does(n_read: int) -> None:
    estimate = estimate_share(np.zeros(n_read), np.zeros(n_read), {0.0: 100_000})
    exact = stats.beta.ppf(0.975, 1, n_read)
    assert estimate.share == estimate.low == 0.0
    assert 0.75 * exact < estimate.high < 1.35 * exact or n_read == 1
    mirrored = estimate_share(np.ones(n_read), np.zeros(n_read), {0.0: 100_000})
    assert (1 - mirrored.low, mirrored.high) == pytest.approx((estimate.high, 1.0))


def test_documents_that_count_for_nothing_change_nothing_and_all_of_them_are_an_error() -> None:
    y = np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    reads = check_sample(y, np.zeros(5), {0.0: 50}, None, None)
    some = estimate_reads(replace(reads, size=np.array([1.0, 2.0, 0.0, 1.0, 0.0])), 0.95)
    assert some.share == pytest.approx(1 / 4)
    assert np.isfinite([some.low, some.high]).all() and some.low < some.share < some.high
    with pytest.raises(EstimateError, match="no read document is in the denominator"):
        estimate_reads(replace(reads, size=np.zeros(5)), 0.95)


def test_random_predictions_of_any_size_never_give_a_missing_number() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        n_strata = int(rng.integers(1, 6))
        counts = rng.integers(1, 6, n_strata)
        stratum = np.repeat(np.arange(n_strata), counts)
        sizes = {int(h): int(count + rng.integers(0, 20)) for h, count in enumerate(counts)}
        inside = rng.random(len(stratum)) < 0.7
        inside[0] = True
        y = inside & (rng.random(len(stratum)) < rng.choice([0.0, 0.3, 1.0]))
        guess = rng.normal(size=(len(stratum), 2)) * rng.choice([0.0, 1e-3, 1.0, 100.0])
        means = {h: tuple(rng.normal(size=2)) for h in sizes}
        found = estimate_share(y, stratum, sizes, prediction=guess, prediction_means=means, denominator=inside)
        assert 0 <= found.low <= found.share <= found.high <= 1
        assert found.high > found.low or all(sizes[h] == count for h, count in enumerate(counts))


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


def test_people_are_weighed_right_where_a_few_write_most() -> None:
    rng = np.random.default_rng(3)
    authors = [[f"a{name}"] for name in np.minimum(rng.zipf(1.6, 900), 300)]
    first = pd.Series([names[0] for names in authors])
    busy = first.map(first.value_counts()).to_numpy()
    documents = pd.DataFrame({"published_year": np.repeat([1, 2, 3], 300), "authors": authors})
    chances = pd.DataFrame({"counted": np.where(busy > 20, 0.6, 0.15), "inside": 1.0})
    table = measure_people(documents, chances, 25, seed=1).set_index("weight")
    # those who write much write more of what counts: fewer people than documents count, and both are estimated right
    assert table.loc["people", "true_share"] < table.loc["documents", "true_share"] - 0.1
    assert (table["bias"].abs() < 0.02).all()
    assert (table["coverage"] > 0.8).all()
