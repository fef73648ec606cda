"""The Ray engine: the same store as one process makes, also when a worker is killed on the way."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from pipeline import corpus, embed
from pipeline.config import load_config
from pipeline.embed import engine, vectors
from pipeline.errors import ConfigError
from tests.small_project import invent_documents, write_project

COUNT = 3000


def _store(folder: Path, settings: str, count: int = COUNT) -> dict[str, bytes]:
    config = load_config(write_project(folder, invent_documents(count, words=30), embed=settings))
    corpus.run(config)
    embed.run(config)
    return {path.name: path.read_bytes() for path in vectors.list_shards(config)}


def test_without_ray_the_error_says_what_to_install(tmp_path, monkeypatch):
    import sys

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


def _kill_one_worker(folder: Path, killed: list[int]) -> None:
    """Kills a worker that encodes, once the first shard is in the store."""
    while not list(folder.glob("data/processed/vectors/*/shards/*.parquet")):
        time.sleep(0.05)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        # Ray names its workers by what they run; only those of this test's session are touched.
        if b"ray::" in command and b"ShardEncoder" in command and _is_ours(environment):
            os.kill(int(process.name), signal.SIGKILL)
            killed.append(int(process.name))
            return


def _is_ours(environment: bytes) -> bool:
    return f"PYTEST_CURRENT_TEST={os.environ['PYTEST_CURRENT_TEST']}".encode() in environment
