"""A release that is killed while it is written, at any moment, leaves the last good one in its place."""

import multiprocessing
import random
import shutil
import time
from pathlib import Path

import pytest

from pipeline import store
from pipeline.config import load_config
from pipeline.corpus import stage as corpus
from pipeline.dataset import stage as release
from pipeline.dataset.verify import verify_release
from pipeline.embed import stage as embed
from pipeline.errors import DataError
from pipeline.release.manifest import make_sums
from tests.small_project import invent_documents, write_project

pytestmark = pytest.mark.whole

NOTES = ("Nobody has read it.", "Somebody has read it.")


def _release_without_end(path: Path) -> None:
    """Writes the release again and again, with one note and with the other."""
    text = path.read_text(encoding="utf-8")
    other = path.with_name("other.toml")
    other.write_text(text.replace(*NOTES), encoding="utf-8")
    configs = [load_config(path), load_config(other)]
    while True:
        for config in configs:
            release.run(config)


def _kill_at_random_moments(path: Path, count: int) -> set[str]:
    """Kills the writer `count` times. Returns the checksums of the releases found afterwards, each verified."""
    folder = path.parent / "dist/census-1"
    draw, found = random.Random(5), set()
    for _ in range(count):
        before = folder.stat().st_ino
        writer = multiprocessing.get_context("spawn").Process(target=_release_without_end, args=(path,))
        writer.start()
        while folder.stat().st_ino == before:  # never gone, not even for an instant: stat would raise
            time.sleep(0.0005)
        time.sleep(draw.uniform(0, 0.4))
        writer.kill()
        writer.join()
        verify_release(folder)
        found.add(make_sums(folder))
    return found


@pytest.mark.parametrize("count", [1, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_killed_at_random_moments_a_whole_release_is_always_there(tmp_path, count):
    path = write_project(tmp_path, invent_documents(30), embed='backend = "torch"')
    config = load_config(path)
    corpus.run(config)
    embed.run(config)
    release.run(config)
    found = _kill_at_random_moments(path, count)
    assert len(found) <= len(NOTES)  # the one or the other, never a mixture
    release.run(config)
    left = sorted(entry.name for entry in (tmp_path / "dist").iterdir())
    assert left == [".census-1.lock", "census-1"]  # what the kills left half written is gone


def test_two_writers_of_one_release_are_not_let_in(tmp_path):
    path = write_project(tmp_path, invent_documents(3), embed='backend = "torch"')
    (tmp_path / "dist").mkdir()
    with (
        release.hold_place(tmp_path / "dist/census-1"),
        pytest.raises(DataError, match="another run writes this release"),
    ):
        release.run(load_config(path))


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_takes_the_place_of_another_on_any_file_system(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(store, "_exchange", lambda first, second: False)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    store.replace_folder(tmp_path / "new", tmp_path / "old")
    assert [entry.name for entry in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old/file").read_text() == "new"
    shutil.rmtree(tmp_path / "old")
