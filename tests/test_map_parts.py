"""Work in parts: the same results in the same order in forked processes and with Ray, also when a worker is killed."""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import workers
from pipeline.cluster import inputs
from pipeline.cluster import stage as cluster
from pipeline.config import load_config
from pipeline.corpus import near, terms
from pipeline.corpus import stage as corpus
from pipeline.embed import stage as embed
from pipeline.errors import ConfigError
from pipeline.settings import Embed
from tests.small_project import invent_documents, write_project
from tests.test_embed_ray import _find_worker as find_worker

COUNT = 800
HERE = Embed(model="any", weights_sha256="any", dimension_count=2)
WITH_RAY = 'engine = "ray"\nworker_count = 2'


def double(number: int) -> int:
    return 2 * number


def rest_and_double(number: int) -> int:
    time.sleep(0.3)
    return 2 * number


@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_parts_come_back_in_their_order(count):
    parts, wanted = range(count), [2 * n for n in range(count)]
    assert list(workers.map_parts(HERE, double, parts, 10**6)) == wanted
    assert list(workers.map_parts(HERE, double, iter(parts), 10**6)) == wanted


def test_of_a_stream_only_some_parts_are_taken_ahead():
    taken = []
    found = workers.map_parts(HERE, double, (taken.append(n) or n for n in range(1000)), 10**6)
    assert [next(found) for _ in range(3)] == [0, 2, 4] and len(taken) < 100
    found.close()


def test_few_documents_are_not_sent_to_ray(monkeypatch):
    monkeypatch.setattr(workers, "map_pieces", None)
    assert list(workers.map_parts(replace(HERE, engine="ray"), double, range(3), 100)) == [0, 2, 4]


def test_ray_that_is_not_there_is_one_clear_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"'\.\[ray\]'"):
        list(workers.map_parts(replace(HERE, engine="ray"), double, range(3), 10**6))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_parts_of_a_killed_ray_worker_are_done_by_another():
    pytest.importorskip("ray")
    killed: list[int] = []
    watcher = threading.Thread(target=_kill_one_worker, args=(killed,), daemon=True)
    watcher.start()
    settings = replace(HERE, engine="ray", worker_count=2)
    assert list(workers.map_parts(settings, rest_and_double, range(40), 10**6)) == [2 * n for n in range(40)]
    assert killed, "no worker was killed, so nothing was tested"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ray_makes_every_table_of_one_machine_also_when_a_worker_is_killed(tmp_path, monkeypatch):
    """Duplicates, word counts, vectors, neighbours and cuts."""
    pytest.importorskip("ray")
    monkeypatch.setattr(workers, "SPREAD_FROM", COUNT)
    monkeypatch.setattr(inputs, "EXACT_LIMIT", 100)
    monkeypatch.setattr(near, "SETS_AT_ONCE", 200)
    monkeypatch.setattr(terms, "TEXTS_AT_ONCE", 200)
    killed: list[int] = []
    watcher = threading.Thread(target=_kill_one_worker, args=(killed,), daemon=True)
    watcher.start()
    found = _tables(tmp_path / "ray", WITH_RAY)
    assert killed, "no worker was killed, so nothing was tested"
    assert found == _tables(tmp_path / "local", "")


def _tables(folder: Path, settings: str) -> dict[str, bytes]:
    config = load_config(write_project(folder, invent_documents(COUNT, words=40), embed=settings))
    for stage in (corpus, embed, cluster):
        stage.run(config)
    return {path.name: path.read_bytes() for path in config.path(config.paths.processed).glob("*.parquet")}


def _kill_one_worker(killed: list[int]) -> None:
    while not killed:
        try:
            worker = find_worker()
        except AssertionError:
            time.sleep(0.05)
            continue
        time.sleep(0.5)
        os.kill(worker, signal.SIGKILL)
        killed.append(worker)
