"""What the coverage bench says of its cells: which are biased, and what comes of cells that expect few hits."""

import numpy as np
import pandas as pd
import pytest

from tests.bench.coverage_cells import KEY, find_biased, join_populations, summarize


def population(bias: float, coverage: float, hits: float) -> pd.DataFrame:
    cell = {"true_share": 0.5, "expected_hits": hits, "coverage": coverage, "bias": bias, "mean_width": 0.1}
    sizes = {"repetitions": 10, "squared_error": 0.04, "true_variance": 0.01, "variance": 0.0025}
    return pd.DataFrame([dict(zip(KEY, ("year", "f", "2020", "strict"), strict=True)) | cell | sizes])


def test_a_cell_is_joined_over_populations_with_what_they_differ_by() -> None:
    table = join_populations([population(0.01, 0.9, 4), population(0.03, 1.0, 8)])
    (row,) = table.to_dict("records")
    assert (row["bias"], row["bias_error"]) == pytest.approx((0.02, 0.01))  # a spread of .0141 over two
    assert (row["coverage"], row["expected_hits"], row["repetitions"]) == pytest.approx((0.95, 6, 20))
    assert (row["rmse"], row["true_error"], row["standard_error"]) == pytest.approx((0.2, 0.1, 0.05))
    assert summarize(table, 2).loc["year", "often_coverage"] == pytest.approx(0.95)
    seldom = summarize(table.assign(expected_hits=4.9), 2)
    assert seldom.loc["year", "often"] == 0 and seldom.loc["year", "coverage"] == pytest.approx(0.95)


def test_a_bias_counts_where_it_is_large_and_not_by_chance_among_so_many() -> None:
    bias, error = np.zeros(100), np.full(100, 0.002)
    bias[:4] = 0.02, 0.006, 0.0045, 0.02
    error[3] = 0.02
    table = pd.DataFrame({"bias": bias, "bias_error": error})
    assert np.flatnonzero(find_biased(table, 80)).tolist() == [0]  # t of 3: one in 270, and a hundred were looked at
    assert np.flatnonzero(find_biased(table[:4], 80)).tolist() == [0, 1]
    assert not find_biased(table.assign(bias_error=0.0), 80).any()
