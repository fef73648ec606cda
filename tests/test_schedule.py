"""The order of stages: each after what it reads, side by side where it can be, and none after a fault."""

import threading
import time

import pytest

from pipeline.cli.schedule import run_in_order
from pipeline.stages import Stage


def declare(name: str, *reads: str, may: tuple[str, ...] = ()) -> Stage:
    return Stage(name, "", "m:f", reads=reads, may_read=may, writes=(name,))


DIAMOND = [declare("first"), declare("left", "first"), declare("right", "first"), declare("last", "left", "right")]


class Log:
    """Notes when each stage began and ended."""

    def __init__(self, faults: dict[str, int] | None = None) -> None:
        self.events: list[str] = []
        self.lock = threading.Lock()
        self.faults = faults or {}

    def run(self, stage: Stage) -> int:
        with self.lock:
            self.events.append(f"+{stage.name}")
        time.sleep(0.02)
        with self.lock:
            self.events.append(f"-{stage.name}")
        return self.faults.get(stage.name, 0)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_a_stage_starts_when_all_that_it_reads_is_written(at_once: int) -> None:
    log = Log()
    assert run_in_order(DIAMOND, log.run, at_once) == 0
    place = log.events.index
    for stage in DIAMOND:
        assert all(place(f"-{table}") < place(f"+{stage.name}") for table in stage.reads)
    assert (place("+right") < place("-left")) == (at_once > 1)


def test_no_more_run_at_once_than_may() -> None:
    log = Log()
    run_in_order([declare(f"s{number}") for number in range(5)], log.run, 2)
    depth, deepest = 0, 0
    for event in log.events:
        depth += 1 if event[0] == "+" else -1
        deepest = max(deepest, depth)
    assert deepest == 2 and len(log.events) == 10


def test_after_a_fault_what_runs_ends_and_nothing_more_starts() -> None:
    log = Log({"left": 3})
    assert run_in_order(DIAMOND, log.run, 2) == 3
    assert set(log.events) == {"+first", "-first", "+left", "-left", "+right", "-right"}


def test_a_table_that_may_be_read_is_waited_for_where_it_is_made_before() -> None:
    log = Log()
    run_in_order([declare("one"), declare("two", may=("one", "three")), declare("three")], log.run, 2)
    assert log.events.index("-one") < log.events.index("+two")


def test_an_exception_comes_through_after_what_runs_has_ended() -> None:
    log = Log()

    def run(stage: Stage) -> int:
        if stage.name == "left":
            raise ValueError("no Python")
        return log.run(stage)

    with pytest.raises(ValueError, match="no Python"):
        run_in_order(DIAMOND, run, 2)
    assert "+last" not in log.events and log.events.count("-right") == log.events.count("+right")
