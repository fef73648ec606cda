"""Extraction on many workers: the records that one process makes, also after a cut or a kill."""

import os
import signal
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from pipeline.config import load_config
from pipeline.corpus import spread
from pipeline.corpus import stage as corpus
from pipeline.corpus.records import records_from_items
from pipeline.scrape.item import Item, Reject
from tests.small_project import invent_documents, write_project
from tests.test_embed_ray import _find_worker as find_worker

COUNT = 5000


def _items() -> list[Item | Reject]:
    html = Item("1", "lw:b", "lesswrong", "small", "B", "<p>One <b>two</b>.</p>", text_format="html", karma=7.0)
    half = Item("2", "lw:a", "lesswrong", "small", "A \ud83d", "Half a character: \ud83d.", authors=("X", "Y"))
    dated = Item("3", "lw:c", "lesswrong", "small", "C", "", published_date="2024-05", tags=("t",), versions=("2024",))
    return [html, Reject("4", "no title", "lw:d"), half, dated, Item("5", "lw:e", "lesswrong", "small", "", "no title")]


def _join(parts) -> tuple[pd.DataFrame, list]:
    records, rejects = zip(*parts, strict=True)
    rows = [row for part in records for row in part.to_dict("records")]
    return pd.DataFrame(rows, columns=records[0].columns), [reject for part in rejects for reject in part]


def _extract(folder: Path, items, size: int) -> tuple:
    """Writes shards, extracts each in this process as a worker would, and reads them back."""
    names = spread.write_items(folder, items)
    assert len(names) == -(-len(items) // size)
    work = spread.Extractor(folder, "mine", records_from_items)
    assert sum(work({"name": name}) for name in names) == len(items)
    return _join(spread.read_back(folder, names))


@pytest.mark.parametrize("size", [1, 2, 1024])
def test_shards_give_the_records_and_rejects_of_one_process_in_their_order(tmp_path, monkeypatch, size):
    monkeypatch.setattr(spread, "SHARD_ITEMS", size)
    records, rejects = records_from_items("mine", _items())
    found, left_out = _extract(tmp_path, _items(), size)
    assert left_out == rejects and len(rejects) == 2
    assert found.to_json(orient="split") == records.to_json(orient="split")
    assert (found.dtypes == records.dtypes).all()


def test_items_come_back_from_a_shard_as_they_were(tmp_path):
    names = spread.write_items(tmp_path, _items())
    assert list(spread.read_items(tmp_path / f"{names[0]}.items.parquet")) == _items()


def test_shards_of_other_code_have_other_names(tmp_path, monkeypatch):
    first = spread.write_items(tmp_path, _items())
    assert spread.write_items(tmp_path, _items()) == first
    monkeypatch.setattr(spread, "hash_code", lambda: "newer")
    assert spread.write_items(tmp_path, _items()) != first


def _tables(folder: Path, settings: str) -> dict[str, bytes]:
    config = load_config(write_project(folder, invent_documents(COUNT, words=300), embed=settings))
    corpus.run(config)
    assert not config.path(config.paths.processed, spread.FOLDER_NAME).exists()
    return {path.name: path.read_bytes() for path in config.path(config.paths.processed).glob("*.parquet")}


def test_a_small_source_is_extracted_here_with_nothing_left_behind(tmp_path):
    config = load_config(write_project(tmp_path, [], embed='engine = "ray"'))
    records, rejects = _join(spread.extract_spread(config, "mine", iter(_items()), records_from_items))
    assert (len(records), len(rejects)) == (3, 2)
    assert not config.path(config.paths.processed, spread.FOLDER_NAME).exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ray_extracts_the_tables_of_one_process_also_when_a_worker_is_killed(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr(spread, "SPREAD_FROM", COUNT)
    killed: list[int] = []
    shards = tmp_path / "ray/data/processed" / spread.FOLDER_NAME / "mine"
    watcher = threading.Thread(target=_kill_one_worker, args=(shards, killed), daemon=True)
    watcher.start()
    found = _tables(tmp_path / "ray", 'engine = "ray"\nworker_count = 2')
    assert killed, "no worker was killed, so nothing was tested"
    assert found == _tables(tmp_path / "local", "")


def _kill_one_worker(shards: Path, killed: list[int]) -> None:
    while not list(shards.glob("*.records.parquet")):
        time.sleep(0.01)
    killed.append(find_worker())
    os.kill(killed[0], signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_was_cut_off_goes_on_with_the_shards_that_are_done(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr(spread, "SPREAD_FROM", COUNT)
    path = write_project(tmp_path, invent_documents(COUNT, words=20), embed='engine = "ray"\nworker_count = 2')
    config = load_config(path)
    items = [Item(str(n), f"lw:{n}", "lesswrong", "small", f"T {n}", "text " * 50) for n in range(COUNT)]
    folder = config.path(config.paths.processed, spread.FOLDER_NAME, "mine")
    names = spread.write_items(folder, items)
    spread.Extractor(folder, "mine", records_from_items)({"name": names[1]})
    done = folder / f"{names[1]}.records.parquet"
    before = done.stat().st_ino
    records, rejects = _join(spread.extract_spread(config, "mine", items, records_from_items))
    assert done.stat().st_ino == before  # not written again
    assert records.to_json() == records_from_items("mine", items)[0].to_json() and not rejects
