"""The mixture draw has its estimator: shares of documents and of karma, with intervals that hold."""

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.sampling import draw_mixture
from pipeline.errors import SheetError
from pipeline.estimate.mixture import estimate_mixture


@pytest.mark.parametrize("weighs", [False, True])
def test_intervals_of_a_mixture_hold_the_truth(weighs: bool) -> None:
    rng = np.random.default_rng(3)
    ids = [f"d{number:04d}" for number in range(3_000)]
    karma = pd.Series(np.exp(rng.normal(2, 1.2, 3_000)).round(), index=ids)
    is_in = pd.Series(rng.random(3_000) < 0.7, index=ids)
    is_direct = pd.Series(rng.random(3_000) < 0.2 + 0.3 * (karma.rank() / 3_000), index=ids) & is_in
    size = karma if weighs else pd.Series(1.0, index=ids)
    truth = float((size * is_direct).sum() / (size * is_in).sum())
    hits, errors = 0, []
    for seed in range(500):
        rows = draw_mixture(karma, 400, seed)
        drawn = rows["doc_id"].to_numpy()
        weight = karma[drawn].to_numpy() if weighs else None
        found = estimate_mixture(
            is_direct[drawn].to_numpy(float), is_in[drawn].to_numpy(float), rows["draw_probability"].to_numpy(), weight
        )
        hits += found.low <= truth <= found.high
        errors.append(found.share - truth)
    assert 0.92 <= hits / 500 <= 0.98
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(500)


def test_even_draws_are_a_plain_share_of_the_denominator() -> None:
    y, inside = np.array([1.0, 0, 0, 1]), np.array([1.0, 1, 1, 0])
    found = estimate_mixture(y, inside, np.full(4, 0.01))
    assert found.share == pytest.approx(1 / 3)


@pytest.mark.parametrize("chance", [0.0, 1.5])
def test_a_probability_that_is_none_is_refused(chance: float) -> None:
    with pytest.raises(SheetError, match="each with its probability"):
        estimate_mixture(np.ones(3), np.ones(3), np.array([0.1, chance, 0.1]))
