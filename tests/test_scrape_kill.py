"""A scrape that is killed goes on where it was: the same records as if nobody had touched it, and no torn page."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.scrape import registry, snapshot
from pipeline.web import archive
from pipeline.web.response import Response
from tests.fakes.world import ROOT, build_world, config_for

pytestmark = pytest.mark.whole


def start_child(root: Path, sources: Path, clock) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.fakes.child", str(root), str(sources), str(clock.now())]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def texts(config, name) -> dict[str, tuple]:
    found = registry.read_items(config, name)
    return {
        getattr(item, "doc_id", item.place): (getattr(item, "title", ""), getattr(item, "text", "")) for item in found
    }


def check_archives(root: Path) -> int:
    """Reads every page up to its checkpoint; a torn one would raise. Returns how many there are."""
    n_pages = 0
    for path in root.glob(f"data/raw/*/*/{snapshot.CHECKPOINT}"):
        facts = json.loads(path.read_text())
        pages = list(archive.read_pages(path.parent / snapshot.ARCHIVE, facts["length"], "s"))
        assert len(pages) == facts["page_count"]
        n_pages += len(pages)
    return n_pages


def kill_often(world, root: Path, n_kills: int, rng: random.Random, longest: float) -> int:
    """Starts the scrape and kills it, again and again, until `n_kills` hit a running process; then lets it end."""
    root.mkdir(parents=True)
    sources = root / "sources.json"
    sources.write_text(json.dumps(world.sources))
    hits = 0
    while hits < n_kills:
        child = start_child(root, sources, world.clock)
        n_before = sum(len(site.log) for site in world.sites.values())
        while child.poll() is None and sum(len(site.log) for site in world.sites.values()) == n_before:
            time.sleep(0.002)  # the moment of the kill counts from the first request, not from the start of Python
        time.sleep(rng.random() * longest)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
            hits += 1
        child.communicate()
        if child.returncode == 0:
            break
        check_archives(root)
    child = start_child(root, sources, world.clock)
    output, errors = child.communicate(timeout=280)
    assert child.returncode == 0, errors or output
    return hits


def compare_with_quiet_run(world, tmp_path: Path, n_kills: int, seed: int, longest: float) -> int:
    hits = kill_often(world, tmp_path / "killed", n_kills, random.Random(seed), longest)
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    (quiet / "sources.json").write_text(json.dumps(world.sources))
    child = start_child(quiet, quiet / "sources.json", world.clock)
    output, errors = child.communicate(timeout=280)
    assert child.returncode == 0, errors or output
    for name in world.sources:
        killed = texts(config_for(world.sources, tmp_path / "killed"), name)
        whole = texts(config_for(world.sources, quiet), name)
        keys = {key for key in whole if ":" in key}
        assert {key for key in killed if ":" in key} == keys
        assert world.expected(name) <= keys
        assert {key: killed[key] for key in keys} == {key: whole[key] for key in keys}
    assert check_archives(tmp_path / "killed") >= check_archives(quiet)
    return hits


@pytest.fixture
def still_world():
    """A world in which nothing is deleted meanwhile, so that two runs can be compared."""

    def start(n_records, seed):
        world = build_world(n_records, seed)
        for forum in world.forums.values():
            forum.posts = [post for post in forum.posts if not post.is_doomed]
        world.bulk.n_modified = 0
        return world

    return start


def test_kill_9_at_random_moments_changes_nothing(still_world, tmp_path):
    world = still_world(1200, 11)
    assert compare_with_quiet_run(world, tmp_path, 2, seed=5, longest=0.6) == 2
    world.close()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_fifty_kills_change_nothing(still_world, tmp_path):
    hits = 0
    for number in range(5):
        world = still_world(4000, 20 + number)
        hits += compare_with_quiet_run(world, tmp_path / str(number), 10, seed=number, longest=0.7)
        world.close()
    assert hits == 50


def page(number: int) -> Response:
    body = json.dumps({"number": random.Random(number).random()}).encode() * (50 if number == 2 else 5)
    return Response(
        f"https://example.org/{number}",
        200,
        "OK",
        (("Content-Type", "text/plain"),),
        body,
        read_at="2026-01-01T00:00:00Z",
    )


def test_what_lies_behind_the_checkpoint_is_never_read_and_is_cut_off(tmp_path):
    path = tmp_path / "pages.warc.gz"
    first = archive.append_page(path, 0, page(1), {"n": 1})
    second = archive.append_page(path, first, page(2), {"n": 2})
    whole = path.read_bytes()
    for cut in range(first, second, 7):  # a kill in the middle of writing the second page
        path.write_bytes(whole[:cut])
        assert [found.context for found in archive.read_pages(path, first, "s")] == [{"n": 1}]
        assert archive.append_page(path, first, page(3), {"n": 3}) == path.stat().st_size
        found = list(archive.read_pages(path, path.stat().st_size, "s"))
        assert [(entry.context, entry.response.raw) for entry in found] == [
            ({"n": 1}, page(1).raw),
            ({"n": 3}, page(3).raw),
        ]


def test_a_torn_or_damaged_archive_is_refused_with_a_message(tmp_path):
    path = tmp_path / "pages.warc.gz"
    length, ends = 0, set()
    for number in range(3):
        length = archive.append_page(path, length, page(number), {})
        ends.add(length)
    whole = path.read_bytes()
    for cut in set(range(1, length, 11)) - ends:
        with pytest.raises(DataError):
            list(archive.read_pages(path, cut, "s")) or pytest.fail("nothing was read")
    for place in range(10, length, 23):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            found = [entry.response.raw for entry in archive.read_pages(path, length, "s")]
        except DataError:
            continue
        assert found == [page(number).raw for number in range(3)]  # a byte that says nothing, such as a time stamp
    path.write_bytes(whole[:-1])
    with pytest.raises(DataError, match="cut short"):
        list(archive.read_pages(path, length, "s"))
    with pytest.raises(DataError, match="shorter than its checkpoint"):
        archive.append_page(path, length, page(9), {})
