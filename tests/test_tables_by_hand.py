"""In which order tables are made and joined, and what the plan prints of them: with made-up parts."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import SheetError
from pipeline.estimate import plan, tables
from pipeline.estimate.price_readings import _mean_spread
from pipeline.estimate.price_targets import AT_RANDOM, BY_BANDS, CHECK, HEADLINE, READ, SECOND, list_headlines
from pipeline.settings import Minutes
from tests.survey_of import CODEBOOK, sample_of, survey_of


def sample_of_size(size: int, *others: Any) -> Any:
    return SimpleNamespace(units=pd.DataFrame(index=range(size)), for_frames=others, coverage=f"coverage of {size}")


def config_of(*claims: str) -> Any:
    return SimpleNamespace(
        claims=[SimpleNamespace(frame=frame, id=f"claim of {frame}") for frame in claims],
        estimate=SimpleNamespace(reader_sources={}, level=0.9),
        paths=SimpleNamespace(handcheck="h"),
        path=lambda *parts: parts,
        frames={},
        seed=5,
    )


def test_smaller_samples_come_beside_the_largest_and_each_keeps_its_own_tables(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = sample_of_size(3, sample_of_size(9), sample_of_size(5))
    made: list[str] = []

    def task(number: int, turn: int = 0) -> tables.Task:
        rows = pd.DataFrame({"frame": [f"s{number}"], "kind": "document", "id": [number], "query": "q"}, index=[7])
        names = {0: ("shares", "guesses", "reader_error", "prices"), 1: ("curve",)}

        def make() -> tables.Tables:
            made.append(f"{number}, part {turn}")
            wanted = names[turn] if number == 1 else names[0] + names[1]
            return dict.fromkeys(wanted, rows)

        return make

    def open_largest() -> list[tables.Task]:
        made.append("opened")
        return [task(1), task(1, 1)]

    monkeypatch.setattr(tables, "_list_tasks", lambda *_: (1, open_largest, {0: task(0), 2: task(2)}))
    monkeypatch.setattr(tables, "_tabulate_rest", lambda *_: {"people": pd.DataFrame({"n": [1]})})
    monkeypatch.setattr(tables, "run_forked", lambda work: [each() for each in work])

    @contextlib.contextmanager
    def begin(work: Sequence[tables.Task], process_count: int) -> Iterator[list[tables.Task]]:
        assert process_count == 1
        results = [each() for each in work]
        yield [lambda result=result: result for result in results]  # type: ignore[misc]

    monkeypatch.setattr(tables, "begin_forked", begin)
    config = config_of("s1", "unread")
    with caplog.at_level(logging.WARNING):
        found = tables.estimate_tables(config, None, whole, None, lambda: made.append("beside"))  # type: ignore[arg-type]
    assert made == ["2, part 0", "0, part 0", "beside", "opened", "1, part 0", "1, part 1"]  # the larger of two first
    assert found["shares"]["frame"].tolist() == found["curve"]["frame"].tolist() == ["s0", "s1", "s2"]
    assert found["shares"].index.tolist() == [0, 1, 2] and found["people"]["n"].tolist() == [1]
    assert found["prices"]["frame"].tolist() == found["reader_error"]["frame"].tolist() == ["s0"]
    assert caplog.messages == ["claims: nothing of unread is read yet, so claim of unread is left out"]
    tables.estimate_tables(config, None, whole, None)  # type: ignore[arg-type]
    assert len(made) == 11 and made.count("beside") == 1


def test_the_largest_sample_is_opened_once_for_its_parts_and_the_others_each_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = [sample_of_size(3), sample_of_size(9), sample_of_size(5)]
    whole = SimpleNamespace(units=samples[0].units, for_frames=tuple(samples[1:]), coverage="")
    opened: list[int] = []

    def open_survey(sample: Any, population: object, codebook: object, level: float, seed: int, parts: object) -> Any:
        assert (level, seed, parts) == (0.9, 5, {}) and population == f"population of {len(sample.units)}"
        opened.append(len(sample.units))
        return len(sample.units)

    monkeypatch.setattr(tables, "open_survey", open_survey)
    monkeypatch.setattr(tables, "_load_layers", lambda _: "members")
    monkeypatch.setattr(tables, "name_sources", lambda population, groups: population)
    monkeypatch.setattr(tables, "gather_evidence", lambda handcheck, sample, source, codebook: len(sample.units))
    monkeypatch.setattr(tables, "pool_evidence", lambda found: found)
    monkeypatch.setattr(
        tables, "_estimate_shares", lambda config, survey, coverage, evidence, quotable: {"shares": (survey, evidence)}
    )
    monkeypatch.setattr(tables, "_estimate_others", lambda config, survey, evidence: {"totals": (survey, evidence)})
    monkeypatch.setattr(tables, "_vary_sample", lambda survey, members, quotable: {"robustness": (survey, members)})
    monkeypatch.setattr(tables, "_draw_sample", lambda survey: {"curve": survey})
    monkeypatch.setattr(tables, "_list_records", lambda survey: {"weights": survey})
    population: Any = SimpleNamespace(of=lambda sample: f"population of {len(sample.units)}")
    largest, open_largest, others = tables._list_tasks(config_of(), None, whole, population)  # type: ignore[arg-type]
    assert largest == 1 and set(others) == {0, 2} and not opened
    evidence = [3, 9, 5]  # of every reading, whatever sample it is in
    parts: list[Any] = [task() for task in open_largest()]
    assert opened == [9] and len(parts) == 5
    assert all(part in parts for part in ({"shares": (9, evidence)}, {"totals": (9, evidence)}, {"curve": 9}))
    assert {"weights": 9} in parts
    assert {"robustness": (9, "members")} in parts
    for number, size in ((0, 3), (2, 5)):
        tabled: Any = others[number]()
        assert tabled == {
            "shares": (size, evidence), "totals": (size, evidence), "robustness": (size, "members"), "curve": size,
            "weights": size,
        }  # fmt: skip
    assert opened == [9, 3, 5]


def test_the_plan_tells_each_interval_now_and_then_and_draws_what_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"frame": "f", "year": "2019", "definition": "strict", "half_width_now": 0.1234, "half_width_planned": 0.0999}
    rows = pd.DataFrame([{**row, "n_more": 30, "n_to_adjudicate": 7}, {**row, "n_more": 12, "n_to_adjudicate": 7}])
    rows = pd.concat([rows, rows.head(1).assign(year="", n_more=5)])
    step = {"action": READ, "what": "d1", "points_saved": 1.0, "minutes": 4.0, "saved_per_minute": 0.25}
    step |= {"points_now": 9.0, "interval": "as read", "target": HEADLINE}
    prices = pd.DataFrame([step, {**step, "what": "d2", "target": "f/2019 strict"}])
    known = {"plan": rows, "prices": prices, "needs": pd.DataFrame(), "edge_prices": pd.DataFrame()}
    monkeypatch.setattr(plan.store, "read_table", lambda table, _: known[table.name])
    monkeypatch.setattr(plan, "tell_edge", lambda _: ["edge"])
    drawn: list[tuple[Any, ...]] = []
    monkeypatch.setattr(plan, "draw_edge", lambda *asked: drawn.append(("edge", *asked[1:])))
    monkeypatch.setattr(plan, "draw_documents", lambda config, rows, asked: drawn.append(("documents", asked)))
    config: Any = SimpleNamespace(processed=lambda name: name)
    with caplog.at_level(logging.INFO):
        plan.run(config)
    assert caplog.messages == [
        "plan: f all years, strict: 12.3 points either way now; 10.0 with 5 more read and 7 more adjudicated",
        "plan: f 2019, strict: 12.3 points either way now; 10.0 with 42 more read and 7 more adjudicated",
    ]
    told = capsys.readouterr().out
    assert "d1" in told and "d2" not in told and "edge" in told
    plan.run(config, share="f/2019 strict")
    told = capsys.readouterr().out
    assert "d2" in told and "d1" not in told and "edge" not in told and not drawn
    plan.run(config, "scope/f", count=30)
    plan.run(config, "scope/f strict")
    plan.run(config, "f/2019 strict")
    assert drawn == [("edge", "scope/f", 30), ("documents", "scope/f strict"), ("documents", "f/2019 strict")]
    with pytest.raises(SheetError, match="a number is for draws of doubtful scope"):
        plan.run(config, "f/2019 strict", count=1)


def test_a_share_that_is_no_headline_is_priced_and_one_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sample, population = sample_of(np.tile([0, 1, 1, 2], 50), np.zeros(200, int), np.arange(80))
    survey = survey_of(sample, population)
    monkeypatch.setattr(plan, "load_inputs", lambda _: (CODEBOOK, sample, population))
    monkeypatch.setattr(plan, "open_survey", lambda *_: survey)
    monkeypatch.setattr(plan, "name_sources", lambda *_: np.full(80, "x"))
    monkeypatch.setattr(plan, "gather_evidence", lambda *_: [])
    monkeypatch.setattr(plan.store, "read_table", lambda *_: pd.DataFrame())
    config: Any = config_of()
    config.processed, config.report = str, SimpleNamespace(denominator="everything")
    config.estimate.minutes = Minutes(read=4.0)
    rows = plan._price_share(config, "f broad")
    assert set(rows["target"]) == {"f broad"} and set(rows["action"]) == {READ, AT_RANDOM}
    for wrong in ("f/2019 broad", "f narrow", "g broad"):
        with pytest.raises(SheetError, match=f"there is no share '{wrong}'"):
            plan._price_share(config, wrong)


def test_headlines_are_of_whole_frames_that_may_be_quoted() -> None:
    places = (("f", ""), ("f", "2019"), ("g", ""), ("h", ""))
    survey: Any = SimpleNamespace(domains=[SimpleNamespace(frame=frame, year=year) for frame, year in places])
    found = list_headlines(survey, ["h", "f"], ["strict", "broad"])
    assert found == [(frame, "", name) for frame in ("f", "h") for name in ("strict", "broad")]


def test_the_words_below_the_prices_follow_from_the_steps_above_them() -> None:
    step = {"what": "s", "minutes": 4.0, "saved_per_minute": 0.1, "points_now": 9.0, "interval": "as read"}
    bands = [{**step, "action": AT_RANDOM, "points_saved": 0.5}, {**step, "action": BY_BANDS, "points_saved": 0.6}]
    gold = {**step, "action": CHECK, "points_saved": 1.0, "interval": SECOND}
    lines = plan.tell_prices(pd.DataFrame([*bands, gold]), "f strict")
    assert "saves +20% " in lines[-2] and "second interval" in lines[-1]
    lines = plan.tell_prices(pd.DataFrame(bands), "f strict")
    assert "saves +20% " in lines[-1]


def test_what_a_classifier_leaves_open_is_the_mean_variance_about_the_share() -> None:
    # Counts .2, .6, 1, .2 of 1, 1, 1, .5 inside: the share is 2 / 3.5.
    guess = np.array([[0.2, 1.0], [0.6, 1.0], [1.0, 1.0], [0.2, 0.5]])
    share = 2 / 3.5
    sure = [0.2 * 0.8, 0.6 * 0.4, 0.0]  # inside for sure: the variance of yes or no
    last = 0.2 * (1 - share) ** 2 + 0.3 * share**2 - (0.2 - share * 0.5) ** 2
    found = _mean_spread(guess, np.array([0, 0, 2, 2]), 4)
    assert found.tolist() == pytest.approx([(sure[0] + sure[1]) / 2, 0.0, last / 2, 0.0])
    # More may be expected to count than to be inside, where either is predicted for itself: all of it counts then.
    assert _mean_spread(np.array([[0.5, 0.4], [0.5, 0.4]]), np.zeros(2, dtype=int), 1).tolist() == [0.0]
    alone = _mean_spread(guess, np.array([0, 1, 1, 1]), 2)
    assert alone.tolist() == pytest.approx([sure[0], (sure[1] + last) / 3])
    assert _mean_spread(np.zeros((2, 2)), np.zeros(2, dtype=int), 1).tolist() == [0.0]  # nothing is inside
