"""Prices of the next steps: what is promised beside the width after the step was really made."""

import numpy as np
import pandas as pd
import pytest

from pipeline.estimate.influence import trace
from pipeline.estimate.plan import tell_prices
from pipeline.estimate.planning import band_of
from pipeline.estimate.price_readings import BATCH, allocate_bands
from pipeline.estimate.price_targets import (
    ADJUDICATE,
    AT_RANDOM,
    BY_BANDS,
    CHECK,
    HEADLINE,
    READ,
    SECOND,
    TOGETHER,
    find_targets,
)
from pipeline.estimate.prices import expect_second_width, price_actions
from pipeline.estimate.reader_error import OUTSIDE_LABELS, Evidence
from pipeline.estimate.survey import Survey, estimate_batch
from pipeline.settings import Minutes
from tests.survey_of import CODEBOOK, codes_of, sample_of, share_of, survey_of
from tests.test_reader_error import second

SIZE, READ_FIRST = 1_600, 200
WANTED = [("f", "", "strict")]


def population(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns true leaves and honest predictions of documents: half of them nearly sure, half not."""
    chance = np.where(rng.random(SIZE) < 0.5, rng.beta(0.3, 3, SIZE), rng.beta(2, 2, SIZE))
    prediction = np.stack([chance, 0.9 * (1 - chance), 0.1 * (1 - chance)], axis=1)
    return (rng.random(SIZE)[:, None] > prediction.cumsum(axis=1)[:, :2]).sum(axis=1), prediction


def prices_of(survey: Survey) -> pd.DataFrame:
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    targets = find_targets(survey, found, "safety", WANTED)
    source = np.full(len(survey.sample.units), "x")
    return price_actions(survey, targets, [], source, pd.DataFrame(), Minutes())


def width_of(survey: Survey) -> float:
    shares = share_of(survey)
    return 100 * float(shares.high[0] - shares.low[0])


def test_influences_add_up_to_the_replicates() -> None:
    rng = np.random.default_rng(4)
    truth, prediction = population(rng)
    drawn = rng.choice(SIZE, READ_FIRST, replace=False)
    said = np.where(rng.random(READ_FIRST) < 0.05, (truth[drawn] + 1) % 3, truth[drawn])
    is_settled = rng.random(READ_FIRST) < 0.4
    survey = survey_of(
        *sample_of(
            truth,
            np.zeros(SIZE, dtype=int),
            drawn,
            readers=(said, said),
            is_settled=is_settled,
            phase2_probability=0.4,
            prediction=prediction,
        )
    )
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    shares = found["f", "", "documents", "safety"]
    inside = survey.inside(CODEBOOK.denominators["safety"])
    influence = trace(survey.weights, survey.domains[0], shares, 0, survey.definitions(CODEBOOK.definitions)[0], inside)
    assert influence.total.std() == pytest.approx(float(shares.replicates[:, 0].std()), rel=0.03)
    assert np.corrcoef(influence.total, shares.replicates[:, 0])[0, 1] > 0.995
    assert (influence.ruling[:, is_settled[np.argsort(drawn)]] == 0).all()  # nothing is left to rule on


def test_reading_more_saves_what_was_promised_at_random_and_by_bands() -> None:
    """A hundred more of sixteen hundred, drawn both ways, over many samples: the mean widths agree."""
    promised, real = {AT_RANDOM: [], BY_BANDS: []}, {AT_RANDOM: [], BY_BANDS: []}
    for number in range(16):
        rng = np.random.default_rng(number)
        truth, prediction = population(rng)
        order = rng.permutation(SIZE)
        one = np.zeros(SIZE, dtype=int)
        before = survey_of(*sample_of(truth, one, order[:READ_FIRST], prediction=prediction), seed=number)
        rows = prices_of(before).set_index("action")
        for action, saved in promised.items():
            saved.append(float(rows.loc[[action], "points_saved"].iloc[0]))
        more = survey_of(*sample_of(truth, one, order[: READ_FIRST + BATCH], prediction=prediction), seed=number)
        real[AT_RANDOM].append(width_of(before) - width_of(more))
        real[BY_BANDS].append(width_of(before) - width_of(read_by_bands(truth, prediction, order, number)))
    for action, saved in promised.items():
        print(action, np.mean(saved), np.mean(real[action]), np.std(real[action]) / 4)
        assert np.mean(saved) == pytest.approx(np.mean(real[action]), rel=0.2), action
    assert np.mean(real[BY_BANDS]) > 1.1 * np.mean(real[AT_RANDOM])  # and it pays here


def read_by_bands(truth: np.ndarray, prediction: np.ndarray, order: np.ndarray, seed: int) -> Survey:
    """Returns the sample with a hundred more drawn by bands: each band is a stratum then."""
    band = band_of(prediction[:, 0])
    _, band = np.unique(band, return_inverse=True)
    read = np.bincount(band[order[:READ_FIRST]], minlength=band.max() + 1).astype(float)
    size = np.bincount(band).astype(float)
    share = truth_share(truth)
    counted, inside = prediction[:, 0], prediction[:, :2].sum(axis=1)
    spread = counted * (1 - share) ** 2 + (inside - counted) * share**2 - (counted - share * inside) ** 2
    mean = np.bincount(band, spread) / size
    more = allocate_bands(size, mean, np.maximum(read, 1), BATCH)
    drawn = list(order[:READ_FIRST])
    for number, count in enumerate(more):
        left = [row for row in order[READ_FIRST:] if band[row] == number]
        drawn += left[:count]
    return survey_of(*sample_of(truth, band, np.array(drawn), prediction=prediction), seed=seed)


def truth_share(truth: np.ndarray) -> float:
    return float((truth == 0).sum() / (truth < 2).sum())


def test_settling_saves_what_was_promised() -> None:
    """Agreements err in 10%, more where they surprise; all that is open is settled as the truth says."""
    promised, real, bigger = [], [], []
    for number in range(16):
        rng = np.random.default_rng(number)
        truth, prediction = population(rng)
        drawn = rng.choice(SIZE, READ_FIRST, replace=False)
        said = np.where(rng.random(READ_FIRST) < 0.1, np.where(truth[drawn] == 0, 1, 0), truth[drawn])
        is_settled = rng.random(READ_FIRST) < 0.15
        parts = {"readers": (said, said), "prediction": prediction}
        before = survey_of(
            *sample_of(
                truth, np.zeros(SIZE, dtype=int), drawn, is_settled=is_settled, phase2_probability=0.15, **parts
            ),
            seed=number,
        )
        after = survey_of(
            *sample_of(truth, np.zeros(SIZE, dtype=int), drawn, is_settled=np.ones(READ_FIRST, dtype=bool), **parts),
            seed=number,
        )
        rows = prices_of(before)
        together = rows[(rows["action"] == TOGETHER) & (rows["what"] == "every open document")]
        promised.append(float(together["points_saved"].iloc[0]))
        bigger.append(promised[-1] >= rows[rows["action"] == ADJUDICATE]["points_saved"].max())
        real.append(width_of(before) - width_of(after))
    print("settling", np.mean(promised), np.mean(real), np.std(real) / 4)
    assert np.mean(promised) == pytest.approx(np.mean(real), abs=0.35 * abs(np.mean(real)) + 0.3)
    assert np.mean(bigger) > 0.9


def test_gold_of_a_size_leaves_the_second_interval_that_was_promised() -> None:
    rng = np.random.default_rng(7)
    settled = rng.choice(3, size=1_200, p=(0.3, 0.5, 0.2))
    survey = survey_of(*sample_of(settled, np.zeros(1_200, dtype=int), rng.choice(1_200, 300, replace=False)))
    move = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.05, 0.05, 0.9]])

    def label(n: int, seed: int) -> Evidence:
        own = np.random.default_rng(seed)
        rows = own.choice(3, size=n, p=(0.3, 0.5, 0.2))
        people = (own.random(n)[:, None] > move[rows].cumsum(axis=1)[:, :2]).sum(axis=1)
        ids = pd.Index([f"d{i:05d}" for i in range(n)])
        allowed = np.eye(3, dtype=bool)[people]
        return Evidence(OUTSIDE_LABELS, np.full(n, "x"), codes_of(rows, ids), None, allowed, np.ones(n), ids.to_numpy())

    found = estimate_batch(survey, CODEBOOK.definitions, [])
    target = find_targets(survey, found, "safety", WANTED)[0]
    for size in (60, 240):
        promised = expect_second_width(survey, target, [label(400, 1)], np.full(300, "x"), size)
        real = [second(survey, label(size, seed)) for seed in range(8)]
        assert promised == pytest.approx(np.mean([row["high"] - row["low"] for row in real]), rel=0.15)


def test_prices_are_per_minute_ranked_and_told_in_lines() -> None:
    rng = np.random.default_rng(4)
    truth, prediction = population(rng)
    survey = survey_of(
        *sample_of(truth, np.zeros(SIZE, dtype=int), rng.choice(SIZE, 200, replace=False), prediction=prediction)
    )
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    targets = find_targets(survey, found, "safety", [*WANTED, ("f", "", "broad")])
    source = np.full(200, "x")
    slow, fast = (price_actions(survey, targets, [], source, pd.DataFrame(), Minutes(read=read)) for read in (4.0, 2.0))
    assert set(slow["target"]) == {HEADLINE, "f strict", "f broad"}
    own = slow[slow["target"] == "f strict"]
    assert own["saved_per_minute"].is_monotonic_decreasing and own["rank"].tolist() == list(range(1, len(own) + 1))
    assert fast["saved_per_minute"].to_numpy() == pytest.approx(2 * slow["saved_per_minute"].to_numpy())
    assert set(own["action"]) == {READ, AT_RANDOM, BY_BANDS}  # all is settled, and nobody labelled anything
    lines = tell_prices(own, "f strict")
    assert "points a minute" in lines[2] and any("read more, by bands: f/s0" in line for line in lines)
    assert CHECK not in "".join(lines) and SECOND not in "".join(lines)
    assert "no step" in tell_prices(own.head(0), "f strict")[0]


def test_a_read_census_has_nothing_left_to_price() -> None:
    truth = np.array([0, 1, 2, 0, 1] * 20)
    survey = survey_of(*sample_of(truth, np.zeros(100, dtype=int), np.arange(100)))
    assert prices_of(survey).empty
