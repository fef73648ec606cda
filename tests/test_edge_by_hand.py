"""What reading at the edge of scope is worth, by hand: prices, what is said of them, and each part of the replay."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.sample import SCREENED
from pipeline.estimate import edge, edge_replay
from pipeline.estimate.draw_edge import BATCH
from pipeline.estimate.edge import _name_replay, _tell_taught, lay_readings, price_edge, tell_edge
from pipeline.estimate.edge_replay import Readings, _calibrate, _judge, _replay, _sum_up, _Taught, replay_readings
from pipeline.schemas import EDGE_PRICES
from tests.survey_of import CODEBOOK, sample_of


def calls_of(frame: str, chance: list[float], n_read: int = 0) -> pd.DataFrame:
    is_read = np.arange(len(chance)) < n_read
    return pd.DataFrame({"frame": frame, "chance": chance, "is_read": is_read})


def test_no_more_than_a_hundred_are_priced_and_the_rest_of_the_doubt_stays() -> None:
    # Read: one surely inside. Unread: 200 doubtful ones of .4, 50 of .9, 150 of .1; of the doubtful half is read then.
    calls = calls_of("f", [1.0] + [0.4] * 200 + [0.9] * 50 + [0.1] * 150, 1)
    [row] = price_edge(calls, pd.DataFrame(), 3.0).to_dict("records")
    assert (row["n_unread"], row["n_doubtful"], row["n_asked"], row["minutes"]) == (400, 200, 100, 300)
    assert row["wrong_now"] == pytest.approx(80 + 5 + 15)
    assert (row["settled_doubtful"], row["settled_random"]) == pytest.approx((40, 25))
    # In scope: 1 + 80 + 45 + 15 = 141; called and in scope 1 + 45, and then half of the 80 as well.
    assert (row["recall_now"], row["recall_then"]) == pytest.approx((46 / 141, 86 / 141), abs=1e-6)
    # Called: 1 + 50, and then 40 more, all of them right.
    assert (row["precision_now"], row["precision_then"]) == pytest.approx((46 / 51, 86 / 91), abs=1e-6)
    assert row["n_taught"] is None or np.isnan(row["n_taught"])


def test_a_half_is_called_and_what_is_read_of_it_is_no_call_any_more() -> None:
    [row] = price_edge(calls_of("f", [0.5, 0.5]), pd.DataFrame(), 1.0).to_dict("records")
    assert (row["recall_now"], row["precision_now"]) == (1.0, 0.5)
    assert (row["recall_then"], row["precision_then"]) == (1.0, 1.0)
    below = price_edge(calls_of("f", [0.3, 0.1]), pd.DataFrame(), 1.0).to_dict("records")[0]
    assert (below["recall_now"], below["precision_now"]) == (0.0, 0.0) and below["precision_then"] == 1.0
    assert below["recall_then"] == 0.75


def test_a_frame_without_doubt_or_without_unread_documents_has_no_row() -> None:
    calls = pd.concat([calls_of("f", [0.5], 1), calls_of("g", [0.1, 0.9]), calls_of("h", [0.5])])
    rows = price_edge(calls, pd.DataFrame(), 1.0)
    assert rows["frame"].tolist() == ["h"] and list(rows.columns) == [each.name for each in EDGE_PRICES.columns]


REPLAYED = {
    **{"n_repeats": 12.0, "n_taught": 40.0, "wrong_share_doubtful": 0.4, "wrong_share_random": 0.1},
    **{"wrong_now": 100.0, "wrong_doubtful": 10.0, "wrong_random": 4.0, "wrong_doubtful_error": 1.0},
    **{"wrong_random_error": 2.0, "wrong_apart_error": 2.5, "brier_now": 80.0, "brier_doubtful": 8.0},
    **{"brier_random": 2.0, "brier_doubtful_error": 0.8, "brier_random_error": 0.4, "brier_apart_error": 0.9},
}


def test_what_reading_teaches_is_told_in_per_cent_an_hour() -> None:
    # Forty documents at 120 minutes for 80 are an hour: 8 of 80 is 10 per cent, 2 is 2.5.
    row = {"n_taught": 40.0, "minutes": 120.0, "n_asked": 80, "brier_replayed": 80.0}
    row |= {key: value for key, value in REPLAYED.items() if key.startswith("brier_")}
    assert _tell_taught(row) == " 10.0 ± 1.0 2.5 ± 0.5"
    assert _tell_taught({**row, "minutes": 240.0}) == "  5.0 ± 0.5 1.2 ± 0.2"
    assert _tell_taught({**row, "n_taught": np.nan}) == f"{'-':>11} {'-':>9}"


def test_a_replay_stands_in_the_row_of_its_frame() -> None:
    found = _name_replay(pd.DataFrame(REPLAYED, index=["f"]), "f")
    assert found["n_taught"] == 40 and found["wrong_replayed"] == 100 and found["brier_replayed"] == 80
    kept = {key: value for key, value in REPLAYED.items() if not key.endswith("_now")}
    assert {**found, **kept} == found and len(found) == len(REPLAYED)
    assert set(_name_replay(pd.DataFrame(), "f")) == set(found)
    rows = price_edge(calls_of("f", [0.4] * 4), pd.DataFrame(REPLAYED, index=["f"]), 30.0)
    lines = tell_edge(rows)
    assert len(lines) == 10 and lines[-1] == f'Draw them: make plan DRAW="scope/FRAME" N={BATCH}.'
    # Two hours for four documents: of 1.6 wrong calls .8 an hour. Forty are ten times as many: twenty hours.
    numbers = lines[7].split()
    assert numbers[:2] == ["0.8", "0.8"] and numbers[2:8] == ["0.5", "±", "0.1", "0.1", "±", "0.0"]
    assert numbers[8:] == ["0.0", "100.0", "0.0", "100.0", "4", "4", "f"]


def readings_of(likeness: np.ndarray, is_inside: list[bool], **more: Any) -> Readings:
    n = len(is_inside)
    parts = {"frame": np.full(n, "f"), "fold": np.arange(n) % 2, "weight": np.ones(n), "can_teach": np.ones(n, bool)}
    return Readings(likeness, is_inside=np.array(is_inside), **{**parts, **more})


def test_wrong_calls_and_squared_error_are_of_a_thousand_documents_of_the_population() -> None:
    readings = readings_of(np.eye(3), [True, False, True], weight=np.array([1.0, 2.0, 5.0]))
    # The second, called inside at a half, weighs 2 of 7; the third is called outside and weighs 5.
    found = _judge(readings, np.array([1, 2]), np.array([0.5, 0.4]))
    assert found == pytest.approx({"wrong": 1000.0, "brier": 1000 * (2 * 0.25 + 5 * 0.36) / 7})
    right = _judge(readings, np.array([0, 1]), np.array([0.5, 0.4]))
    assert right == pytest.approx({"wrong": 0.0, "brier": 1000 * (0.25 + 2 * 0.16) / 3})


def test_repetitions_are_summed_up_by_their_mean_and_its_standard_error() -> None:
    rows = pd.DataFrame(
        {
            **{"n_taught": [10.0, 20.0], "wrong_now": [1.0, 3.0]},
            **{"wrong_doubtful": [1.0, 3.0], "wrong_random": [0.0, 4.0]},
            **{"brier_now": [1.0, 1.0], "brier_doubtful": [2.0, 2.0], "brier_random": [1.0, 2.0]},
        }
    )
    found = _sum_up(rows)
    assert found["n_repeats"] == 2 and found["n_taught"] == 15 and found["wrong_now"] == 2
    assert found["wrong_doubtful_error"] == pytest.approx(1) and found["wrong_random_error"] == pytest.approx(2)
    assert found["wrong_apart_error"] == pytest.approx(1)  # 1 and -1
    assert (found["brier_doubtful_error"], found["brier_random_error"], found["brier_apart_error"]) == (0, 0.5, 0.5)


def test_chances_are_made_to_fit_frames_only_where_both_answers_are_known() -> None:
    frame = np.array(["f", "f", "g", "g"])
    known, asked = (np.array([0, 1]), np.array([0.2, 0.7])), (np.array([2, 3]), np.array([0.4, 0.9]))
    for truth in (np.array([True, True]), np.array([False, False])):
        assert _calibrate(frame, known, asked, truth) is asked[1]
    fitted = _calibrate(frame, known, asked, np.array([False, True]))
    assert fitted is not asked[1] and fitted[0] < fitted[1]


def families(n: int, weight: np.ndarray | None = None) -> Readings:
    """Returns documents of which three in four are plain, and the others like nothing else: half of them inside."""
    rng = np.random.default_rng(1)
    is_odd = np.arange(n) % 4 == 3
    family = np.where(is_odd, n + np.arange(n), np.arange(n) % 2)
    inside = np.where(is_odd, rng.random(n) < 0.5, np.arange(n) % 2 == 0)
    likeness = (family[:, None] == family).astype(float) + 0.01 * np.eye(n)
    fold = rng.integers(0, 6, n)
    return readings_of(likeness, inside.tolist(), fold=fold, weight=np.ones(n) if weight is None else weight)


def test_a_repetition_adds_doubtful_documents_of_the_other_half_of_a_frame() -> None:
    readings = families(160)
    taught = _Taught.of(readings, np.arange(0, 100))
    test = np.arange(100, 160)
    row = _replay(readings, taught, test, "f", np.random.default_rng(3))
    again = np.random.default_rng(3)
    pool = again.permutation(np.arange(100))
    spare = pool[50:]
    chance = taught.ask(readings, spare, np.concatenate([test, spare]))
    doubtful = (chance[60:] >= 0.25) & (chance[60:] < 0.75)
    count = int(doubtful.sum())
    assert 5 <= row["n_taught"] == count < 50
    first = _judge(readings, test, chance[:60])
    assert (row["wrong_now"], row["brier_now"]) == (first["wrong"], first["brier"])
    for way, able in (("doubtful", doubtful), ("random", np.ones(50, dtype=bool))):
        added = again.choice(50, count, replace=False, p=able / able.sum())
        after = _judge(readings, test, taught.ask(readings, np.delete(spare, added), test))
        assert row[f"brier_{way}"] == pytest.approx(first["brier"] - after["brier"])
        wrong = (chance[60:][added] >= 0.5) != readings.is_inside[spare[added]]
        assert row[f"wrong_share_{way}"] == pytest.approx(wrong.mean())
    nothing: tuple[tuple[np.ndarray, str], ...] = ((np.array([], dtype=int), "f"), (test, "g"))
    for rows, name in nothing:  # nobody to judge on, and no document of the frame
        assert _replay(readings, taught, rows, name, np.random.default_rng(3)) == {}


@pytest.mark.parametrize(("n_doubtful", "n_taught"), [(4, 0), (5, 5), (50, 50), (51, 50)])
def test_five_doubtful_documents_are_enough_and_fifty_the_most(
    monkeypatch: pytest.MonkeyPatch, n_doubtful: int, n_taught: int
) -> None:
    readings = readings_of(np.eye(200), [True, False] * 100, frame=np.where(np.arange(200) < 140, "f", "g"))
    taught = _Taught.of(readings, np.arange(20, 200))  # of f 120, of which 60 are spare
    edges = np.array([0.25, 0.7499])  # doubtful; .2499 and .75 are not

    def ask(self: _Taught, readings: Readings, without: np.ndarray, asked: np.ndarray) -> np.ndarray:
        told = np.where(np.arange(len(asked)) % 2, 0.2499, 0.75)
        if len(asked) > 20:
            told[20 : 20 + n_doubtful] = edges[np.arange(n_doubtful) % 2]
        return np.asarray(told)

    monkeypatch.setattr(_Taught, "ask", ask)
    row = _replay(readings, taught, np.arange(20), "f", np.random.default_rng(1))
    assert row.get("n_taught", 0) == n_taught


def test_heavy_documents_are_added_first_as_a_draw_from_the_population_would(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = np.where(np.arange(200) % 4 == 0, 1e9, 1.0)
    frame = np.where(np.arange(200) < 199, "f", "g")
    readings = readings_of(np.eye(200), [True, False] * 100, weight=weight, frame=frame)
    seen: list[np.ndarray] = []

    def ask(self: _Taught, readings: Readings, without: np.ndarray, asked: np.ndarray) -> np.ndarray:
        seen.append(without)
        return np.where(np.arange(len(asked)) < 26, 0.5, 0.1)

    monkeypatch.setattr(_Taught, "ask", ask)
    _replay(readings, _Taught.of(readings, np.arange(20, 200)), np.arange(20), "f", np.random.default_rng(1))
    spare, *left = seen
    heavy = [int((weight[each] > 1).sum()) for each in (spare, *left)]
    assert len(left) == 2 and [len(each) for each in left] == [len(spare) - 6] * 2
    assert heavy[2] == heavy[0] - 6  # any at random: the six are heavy ones


def test_a_frame_is_replayed_from_eighty_documents_on_twelve_times_over_halves_of_the_folds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, list[int], list[int]]] = []

    def replay(readings: Readings, taught: _Taught, test: np.ndarray, name: str, _: Any) -> dict[str, float]:
        asked.append((name, sorted(set(readings.fold[test])), sorted(set(readings.fold[taught.rows]))))
        numbers = dict.fromkeys(("wrong_doubtful", "wrong_random", "brier_doubtful", "brier_random"), float(len(asked)))
        return {"n_taught": 1.0, **numbers} if name == "f" or len(asked) < 3 else {}

    monkeypatch.setattr(edge_replay, "_replay", replay)
    frame = np.repeat(["f", "g", "h"], [80, 80, 79])
    readings = readings_of(np.eye(239), [True] * 239, frame=frame, fold=np.arange(239) % 5)
    found = replay_readings(readings, 1)
    assert found.index.tolist() == ["f"] and found.loc["f", "n_repeats"] == 12  # g had one repetition, h too few
    assert len(asked) == 24 and {name for name, *_ in asked} == {"f", "g"}
    for _, held, taught in asked:
        assert len(held) == 2 and len(taught) == 3 and not set(held) & set(taught)
    assert replay_readings(readings_of(np.eye(90), [True] * 90, fold=np.zeros(90, dtype=int)), 1).empty


def test_a_repetition_learns_from_nobody_of_the_folds_set_aside_and_from_no_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taught: list[np.ndarray] = []
    monkeypatch.setattr(edge_replay, "_replay", lambda readings, each, *_: taught.append(each.rows) or {})
    readings = readings_of(np.eye(100), [True] * 100, fold=np.arange(100) % 4, can_teach=np.arange(100) % 10 > 0)
    assert replay_readings(readings, 1).empty
    assert len(taught) == 12 and {len(rows) for rows in taught} <= {40, 45, 50}  # two folds, less their marks
    assert all((rows % 10 > 0).all() for rows in taught)


def test_asked_without_some_documents_it_is_as_if_they_were_never_read() -> None:
    rng = np.random.default_rng(2)
    places = rng.normal(size=(60, 3))
    likeness = np.exp(-((places[:, None] - places) ** 2).sum(axis=2))
    readings = readings_of(likeness, (places[:, 0] > 0).tolist())
    without, asked = np.array([1, 5, 9]), np.array([50, 55])
    quick = _Taught.of(readings, np.arange(50)).ask(readings, without, asked)
    slow = _Taught.of(readings, np.setdiff1d(np.arange(50), without)).ask(readings, np.array([], dtype=int), asked)
    assert quick == pytest.approx(slow, abs=1e-9)
    assert _Taught.of(readings, np.arange(4)).inverse == pytest.approx(np.linalg.inv(likeness[:4, :4] + np.eye(4)))


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_chances_have_the_power_that_is_right_most_of_what_is_left_out_one_by_one(noise: float) -> None:
    rng = np.random.default_rng(5)
    places = rng.normal(size=(70, 2))
    likeness = np.exp(-((places[:, None] - places) ** 2).sum(axis=2) / 2)
    readings = readings_of(likeness, (places[:, 0] + noise * rng.normal(size=70) > 0.5).tolist())
    learn, asked, truth = np.arange(60), np.arange(60, 70), readings.is_inside[:60].astype(float)
    inverse = np.linalg.inv(likeness[:60, :60] + np.eye(60))
    told = inverse @ (truth - truth.mean())
    scores = truth - told / np.diag(inverse), likeness[60:, :60] @ told + truth.mean()

    def sharpen(score: np.ndarray, power: float) -> np.ndarray:
        inside, outside = np.clip(score, 0, None) ** power, np.clip(1 - score, 0, None) ** power
        return np.asarray(inside / (inside + outside))

    power = min((1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0), key=lambda each: ((sharpen(scores[0], each) - truth) ** 2).sum())
    assert (power > 1) == (noise < 1)  # what is told apart well is made sharp
    known, unknown = (sharpen(each, power) for each in scores)
    expected = _calibrate(readings.frame, (learn, known), (asked, unknown), truth > 0)
    found = _Taught.of(readings, learn).ask(readings, np.array([], dtype=int), asked)
    assert found == pytest.approx(expected, abs=1e-9)


def test_what_is_read_is_laid_out_in_the_order_of_its_codes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sample, population = sample_of(np.tile([0, 1, 2, 2], 10), np.zeros(40, dtype=int), np.arange(8),
                                   prediction=np.full((40, 3), 1 / 3))  # fmt: skip
    for name in ("coder", "coder_kind", "reader", "reader_kind"):
        sample.units[name] = "one"
    sample.units["n_readers"], sample.units["is_stale"] = 2, False
    sample.units["phase2_stratum"] = ["agree", SCREENED, SCREENED, *["agree"] * 5]
    sample.units["is_adjudicated"] = [True, True, False, *[True] * 5]
    assert population.predictions is not None
    population.predictions.fold[:] = np.arange(40) % 7
    monkeypatch.setattr(edge.store, "read_arrow", lambda *_: SimpleNamespace(column=lambda _: None))
    monkeypatch.setattr(edge.store, "matrix_from_column", lambda _: None)
    monkeypatch.setattr(edge, "keep_neighbours", lambda *_: (None, None))
    monkeypatch.setattr(edge, "read_groups", lambda *_: None)
    monkeypatch.setattr(edge, "code_terms", lambda *_: None)
    asked: list[np.ndarray] = []

    def compute(vectors: Any, neighbours: Any, words: Any, documents: Any, read: np.ndarray) -> Any:
        asked.append(read)
        return SimpleNamespace(own=lambda: np.eye(8))

    monkeypatch.setattr(edge, "compute_kernel", compute)
    config: Any = SimpleNamespace(embed=SimpleNamespace(dimension_count=2), processed=str, path=lambda *_: tmp_path,
                                  paths=SimpleNamespace(processed="p"))  # fmt: skip
    found = lay_readings(config, CODEBOOK, sample, population)
    assert asked[0].tolist() == list(range(8)) and found.likeness.shape == (8, 8)
    assert found.is_inside.tolist() == [True, True, False, False] * 2
    assert found.can_teach.tolist() == [True, True, False, *[True] * 5]
    assert found.weight.tolist() == [5.0] * 8 and found.frame.tolist() == ["f"] * 8
    assert found.fold.tolist() == [0, 1, 2, 3, 4, 5, 6, 0]


@pytest.mark.parametrize("n_calls", [0, 3])
def test_the_stage_prices_where_something_is_called_and_writes_a_table_either_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, n_calls: int
) -> None:
    calls = calls_of("f", [0.5] * n_calls)
    monkeypatch.setattr(edge.store, "read_table", lambda *_: calls)
    monkeypatch.setattr(edge, "load_inputs", lambda _: (None, None, None))
    monkeypatch.setattr(edge, "lay_readings", lambda *_: None)
    monkeypatch.setattr(edge, "replay_readings", lambda *_: pd.DataFrame())
    written: list[pd.DataFrame] = []
    monkeypatch.setattr(edge.store, "write_table", lambda table, rows, place: written.append(rows))

    class Draft:
        def __enter__(self) -> Path:
            return tmp_path

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(edge, "open_generation", lambda *_: Draft())
    config: Any = SimpleNamespace(processed=str, path=lambda *_: tmp_path, paths=SimpleNamespace(processed="p"), seed=1,
                                  estimate=SimpleNamespace(minutes=SimpleNamespace(read=2.0)))  # fmt: skip
    edge.run(config)
    assert len(written) == 1 and written[0]["minutes"].tolist() == [6.0] * bool(n_calls)
