"""The Ray engine: the same store as one process makes, also when a worker is killed on the way."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline import workers
from pipeline.config import load_config
from pipeline.corpus import stage as corpus
from pipeline.embed import engine, vectors
from pipeline.embed import stage as embed
from pipeline.embed.shards import SHARD_DOCUMENTS
from pipeline.errors import ConfigError
from tests.small_project import invent_documents, write_project

pytestmark = pytest.mark.whole

COUNT = 3000


def _store(folder: Path, settings: str, count: int = COUNT) -> dict[str, bytes]:
    config = load_config(write_project(folder, invent_documents(count, words=30), embed=settings))
    corpus.run(config)
    embed.run(config)
    return {path.name: path.read_bytes() for path in vectors.list_shards(config)}


def test_without_ray_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(engine, "hash_settings", lambda _: "settings")
    with pytest.raises(ConfigError, match=r"'\.\[ray\]'"):
        _store(tmp_path, 'engine = "ray"', count=3)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_ray_workers_make_the_store_of_one_process(tmp_path):
    pytest.importorskip("ray")
    local = _store(tmp_path / "local", "")
    ray = _store(tmp_path / "ray", 'engine = "ray"\nworker_count = 2')
    assert ray == local


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_ray_worker_is_survived(tmp_path):
    pytest.importorskip("ray")
    local = _store(tmp_path / "local", "")
    killed: list[int] = []
    watcher = threading.Thread(target=_kill_one_worker, args=(tmp_path / "ray", killed), daemon=True)
    watcher.start()
    ray = _store(tmp_path / "ray", 'engine = "ray"\nworker_count = 2')
    assert killed, "no worker was killed, so nothing was tested"
    assert ray == local


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_ray_run_goes_on_to_the_same_store(tmp_path):
    pytest.importorskip("ray")
    settings = 'engine = "ray"\nworker_count = 2'
    config = load_config(write_project(tmp_path / "ray", invent_documents(COUNT, words=30), embed=settings))
    corpus.run(config)
    command = [sys.executable, "-m", "pipeline", "--config", str(config.root / "census.toml"), "embed"]
    with subprocess.Popen(command, cwd=Path(corpus.__file__).parents[2]) as run:
        while not vectors.list_shards(config):
            assert run.poll() is None, "it ended before it could be killed"
            time.sleep(0.05)
        run.kill()
    done = {path: path.stat().st_ino for path in vectors.list_shards(config)}
    assert not config.processed("embeddings").exists()
    embed.run(config)
    assert all(path.stat().st_ino == number for path, number in done.items())  # none was encoded again
    assert {path.name: path.read_bytes() for path in vectors.list_shards(config)} == _store(tmp_path / "local", "")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_slow_ray_worker_holds_little_back(tmp_path):
    """One worker stands still until the other has done all but a few shards; then it goes on."""
    pytest.importorskip("ray")
    shards = -(-6000 // SHARD_DOCUMENTS)
    waited: list[int] = []
    watcher = threading.Thread(target=_hold_one_worker, args=(tmp_path / "ray", shards, waited), daemon=True)
    watcher.start()
    ray = _store(tmp_path / "ray", 'engine = "ray"\nworker_count = 2', count=6000)
    assert waited and waited[0] >= shards - workers.PIECES_IN_FLIGHT
    assert ray == _store(tmp_path / "local", "", count=6000)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hanging_ray_worker_ends_itself_and_its_piece_is_done_by_another(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr(workers, "HANGING_SECONDS", 10.0)
    pieces = [{"number": number} for number in range(4)]
    assert sorted(workers.map_pieces(HangsOnce, (tmp_path,), pieces, 2, "embed.engine")) == [0, 1, 2, 3]
    assert (tmp_path / "hung").exists()


class HangsOnce:
    """Hangs at the first try of one piece."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, piece: dict[str, int]) -> int:
        if piece["number"] == 2 and not (self.folder / "hung").exists():
            (self.folder / "hung").touch()
            time.sleep(3600)
        return piece["number"]


def _hold_one_worker(folder: Path, shards: int, waited: list[int]) -> None:
    """Stops a worker after the first shard, and lets it go when the other can do no more without it."""
    place = "data/processed/vectors/*/shards/*.parquet"
    while not list(folder.glob(place)):
        time.sleep(0.05)
    worker = _find_worker()
    os.kill(worker, signal.SIGSTOP)
    count, since = 0, time.monotonic()
    while time.monotonic() - since < 60 and count < shards - workers.PIECES_IN_FLIGHT:
        if len(list(folder.glob(place))) > count:
            count, since = len(list(folder.glob(place))), time.monotonic()
        time.sleep(0.1)
    waited.append(count)
    os.kill(worker, signal.SIGCONT)


def _kill_one_worker(folder: Path, killed: list[int]) -> None:
    """Kills a worker that encodes, once the first shard is in the store."""
    while not list(folder.glob("data/processed/vectors/*/shards/*.parquet")):
        time.sleep(0.05)
    killed.append(_find_worker())
    os.kill(killed[0], signal.SIGKILL)


def _find_worker() -> int:
    """Returns the process of one worker. Ray names them by what they run; only those of this test are looked at."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if b"ray::" in command and b"Guarded" in command and _is_ours(environment):
            return int(process.name)
    raise AssertionError("there is no worker")


def _is_ours(environment: bytes) -> bool:
    return f"PYTEST_CURRENT_TEST={os.environ['PYTEST_CURRENT_TEST']}".encode() in environment
