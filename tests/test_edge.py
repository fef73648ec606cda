"""Reading at the edge of scope: its worth is replayed honestly, and what is drawn for it biases no share."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.extension import draw_extension
from pipeline.estimate.draw_edge import DOUBTFUL, LEAST, doubt_of, share_doubtful
from pipeline.estimate.edge import price_edge, tell_edge
from pipeline.estimate.edge_replay import Readings, _Taught, replay_readings
from pipeline.schemas import EDGE_PRICES
from tests.survey_of import sample_of, share_of, survey_of


def invent_readings(seed: int = 3, n: int = 600) -> Readings:
    """Returns documents of two frames: most are plain, the others of small families that only reading tells apart."""
    rng = np.random.default_rng(seed)
    is_plain = rng.random(n) < 0.75
    sign = rng.choice([-1, 1], n)
    family = rng.integers(0, 40, n)
    places = np.zeros((n, 41))
    places[:, 0] = np.where(is_plain, 2 * sign, 0)
    places[np.arange(n), 1 + family] = np.where(is_plain, 0, 2)
    places += rng.normal(0, 0.1, places.shape)
    distance = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    return Readings(
        likeness=np.exp(-distance),
        frame=np.where(rng.random(n) < 0.5, "f", "g"),
        fold=np.arange(n) % 10,
        is_inside=np.where(is_plain, sign > 0, family % 2 == 0),
        weight=np.ones(n),
        can_teach=np.ones(n, dtype=bool),
    )


def test_where_reading_tells_doubtful_documents_apart_they_teach_more_than_any_others() -> None:
    readings = invent_readings()
    alone = replace(readings, likeness=readings.likeness * (readings.frame[:, None] == readings.frame))
    found = replay_readings(alone, 1)
    assert set(found.index) == {"f", "g"}
    assert (found["brier_doubtful"] > found["brier_random"] + 2 * found["brier_apart_error"]).all()
    assert (found["wrong_share_doubtful"] > 2 * found["wrong_share_random"]).all()
    again = replay_readings(alone, 1)
    pd.testing.assert_frame_equal(found, again)


def test_leaving_documents_out_is_the_same_as_never_having_read_them() -> None:
    readings = invent_readings(n=200)
    rows, without, asked = np.arange(0, 160), np.array([3, 40, 41, 99]), np.arange(160, 200)
    quick = _Taught.of(readings, rows).ask(readings, without, asked)
    turned = replace(
        readings, is_inside=np.where(np.isin(np.arange(200), without), ~readings.is_inside, readings.is_inside)
    )
    slow = _Taught.of(turned, np.setdiff1d(rows, without)).ask(turned, np.array([], dtype=int), asked)
    np.testing.assert_allclose(quick, slow, atol=1e-9)
    assert np.abs(quick - _Taught.of(readings, rows).ask(readings, without[:1], asked)).max() > 1e-6


def test_what_is_set_aside_and_what_a_screener_marked_teaches_nothing() -> None:
    readings = invent_readings()
    can_teach = np.arange(600) % 3 > 0
    marked = replace(readings, can_teach=can_teach)
    rows = np.flatnonzero(can_teach)
    taught = _Taught.of(marked, rows)
    turned = replace(marked, is_inside=np.where(can_teach, marked.is_inside, ~marked.is_inside))
    asked = np.flatnonzero(~can_teach)
    assert np.array_equal(taught.ask(marked, rows[:5], asked), _Taught.of(turned, rows).ask(turned, rows[:5], asked))
    few = replace(readings, can_teach=np.arange(600) < 6)
    assert replay_readings(few, 1).empty


def test_prices_are_what_the_chances_of_unread_documents_say() -> None:
    calls = pd.DataFrame(
        {
            "frame": ["f"] * 6 + ["g"] * 2,
            "chance": [0.9, 0.6, 0.4, 0.1, 1.0, 0.5, 0.99, 0.01],
            "is_read": [False] * 4 + [True, True, False, False],
        }
    )
    [row] = price_edge(calls, pd.DataFrame(), 2.0).to_dict("records")
    assert (row["frame"], row["n_unread"], row["n_doubtful"], row["n_asked"], row["minutes"]) == ("f", 4, 2, 2, 4.0)
    assert row["wrong_now"] == pytest.approx(0.1 + 0.4 + 0.4 + 0.1)
    assert (row["settled_doubtful"], row["settled_random"]) == pytest.approx((0.8, 0.5))
    assert (row["recall_now"], row["recall_then"]) == pytest.approx((3.0 / 3.5, 3.4 / 3.5))
    assert (row["precision_now"], row["precision_then"]) == pytest.approx((3.0 / 3.5, 3.4 / 3.5))
    lines = "\n".join(tell_edge(pd.DataFrame([row])))
    assert "     12.0      7.5           -         -" in lines and 'DRAW="scope/FRAME"' in lines
    assert tell_edge(EDGE_PRICES.arrow_schema.empty_table().to_pandas()) == []


def test_doubtful_documents_are_shared_out_and_no_band_is_left_without_a_reading() -> None:
    ids = pd.Index([f"d{number:06d}" for number in range(400)])
    chance = np.tile([0.1, 0.5, 0.5, 0.9], 100)
    sample, _ = sample_of(np.zeros(400, dtype=int), np.zeros(400, dtype=int), np.flatnonzero(chance[:40] < 0.7))
    bands = {"a": pd.Series(doubt_of(chance[:300]), ids[:300]), "b": pd.Series(doubt_of(chance[300:]), ids[300:])}
    more = share_doubtful(bands, sample, 30)
    left = 150 - 20, 50
    assert sum(each[DOUBTFUL] for each in more.values()) == 30
    assert more["a"][DOUBTFUL] == pytest.approx(30 * left[0] / sum(left), abs=1)
    assert more["a"] == {DOUBTFUL: more["a"][DOUBTFUL], 2: LEAST}  # of the lowest band some are read already
    assert more["b"] == {DOUBTFUL: more["b"][DOUBTFUL], 0: LEAST, 2: LEAST}
    assert share_doubtful(bands, sample, 9_999)["a"][DOUBTFUL] == left[0]


def test_shares_stay_unbiased_after_a_draw_of_doubtful_documents() -> None:
    rng = np.random.default_rng(4)
    chance = np.clip(rng.beta(0.6, 1.4, 400), 0.02, 0.98)
    truth = rng.random(400) < chance
    ids = pd.Index([f"d{number:06d}" for number in range(400)])
    band = pd.Series(doubt_of(chance), ids)
    errors, apart = [], []
    for seed in range(15):
        first = np.isin(np.arange(400), rng.choice(400, 60, replace=False))
        sample, _ = sample_of(np.where(truth, 0, 1), np.zeros(400, dtype=int), np.flatnonzero(first))
        more = share_doubtful({"all": band}, sample, 50)["all"]
        rows = draw_extension("all", band, pd.Series(first, ids), more, seed)
        chosen = ids.get_indexer(rows.loc[rows["is_wanted"] | (rows["reserve_order"] < 0), "doc_id"])
        found = share_of(survey_of(*sample_of(np.where(truth, 0, 1), band.to_numpy(), chosen)), "everything")
        errors.append(found.share[0] - truth.mean())
        apart.append(truth[chosen].mean() - truth.mean())
    assert abs(np.mean(errors)) < 0.02 < 0.05 < abs(np.mean(apart))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--draw", "scope/alignmentforum-census"), "set scope_recall"),  # the project of tests calls nothing
        (("--draw", "scope/alignmentforum-census", "--n", "-3"), "cannot be drawn"),
        (("--n", "50"), "a number is for draws of doubtful scope"),
    ],
)
def test_a_draw_that_cannot_be_made_is_answered_in_one_line(
    built: Path, arguments: tuple[str, ...], problem: str
) -> None:
    command = [sys.executable, "-m", "pipeline", "plan", *arguments]
    done = subprocess.run(command, cwd=built, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and problem in done.stderr and done.stderr.count("\n") == 1
