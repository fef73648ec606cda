"""Extraction on many workers: items to Parquet shards, shards to shards of records, and those back in their order.

A shard is named by the hash of its items and of the code that reads them, so a run that was cut off goes on where it
was, and no record of older code is ever taken for one of newer code.
"""

import hashlib
import importlib.metadata
import itertools
import json
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from pipeline import store
from pipeline.config import Config
from pipeline.schemas import REJECTS
from pipeline.scrape.item import Item, Reject
from pipeline.workers import SPREAD_FROM, map_pieces

SHARD_ITEMS = 1024  # some seconds of work: a kill or a slow worker costs no more
FOLDER_NAME = "extracted"  # under the processed files, until `corpus` has written its tables
READERS = ("beautifulsoup4", "ftfy", "lxml", "markdown-it-py", "mdit-py-plugins", "pylatexenc")
LISTS = ("authors", "tags", "versions", "affiliations", "orcids")

Extract = tuple[pd.DataFrame, list[dict[str, str]]]  # records and rejects
Read = Callable[[str, Iterable[Item | Reject]], Extract]


class Extractor:
    """One worker: reads shards of items and writes shards of records."""

    def __init__(self, folder: Path, origin: str, read: Read) -> None:
        self.folder, self.origin, self.read = folder, origin, read

    def __call__(self, piece: dict[str, Any]) -> int:
        """Extracts one shard and returns the number of its items."""
        items = list(read_items(self.folder / f"{piece['name']}.items.parquet"))
        records, rejects = self.read(self.origin, items)
        _write(self.folder / f"{piece['name']}.rejects.parquet", pa.Table.from_pylist(rejects, REJECTS.arrow_schema))
        # The records come last: where they are, the shard is done.
        rows = pa.Table.from_pandas(records, preserve_index=False)
        _write(self.folder / f"{piece['name']}.records.parquet", rows)
        return len(items)


def extract_spread(config: Config, origin: str, items: Iterable[Item | Reject], read: Read) -> Iterator[Extract]:
    """Yields what `read` would return for the items of one source, in parts, worked out by several workers.

    Args:
        config: the number of workers, and where shards may lie.
        origin: the entry of `[sources]`.
        items: what it holds.
        read: `records_from_items`.

    Raises:
        ConfigError: Ray is not installed.
    """
    stream = iter(items)
    first = list(itertools.islice(stream, SPREAD_FROM))
    if len(first) < SPREAD_FROM:
        yield read(origin, first)
        return
    folder = config.path(config.paths.processed, FOLDER_NAME, origin)
    names = write_items(folder, itertools.chain(first, stream))
    waiting = [{"name": name} for name in dict.fromkeys(names) if not (folder / f"{name}.records.parquet").exists()]
    if waiting:
        workers = config.embed.worker_count
        done = map_pieces(Extractor, (folder, origin, read), waiting, workers, "embed.engine")
        with tqdm(total=len(waiting) * SHARD_ITEMS, desc=origin, unit="item", disable=not sys.stderr.isatty()) as bar:
            for count in done:
                bar.update(count)
    yield from read_back(folder, names)


def write_items(folder: Path, items: Iterable[Item | Reject]) -> list[str]:
    """Writes items as shards, where they are not there already. Returns the names of the shards, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    code, names, stream = hash_code(), [], iter(items)
    while part := list(itertools.islice(stream, SHARD_ITEMS)):
        # As JSON: a source may send halves of characters, which no Parquet text can hold.
        lines = [json.dumps([type(item).__name__, asdict(item)]) for item in part]
        names.append(hashlib.sha256("\n".join([code, *lines]).encode()).hexdigest())
        path = folder / f"{names[-1]}.items.parquet"
        if not path.exists():
            _write(path, pa.table({"item": pa.array(lines, pa.string())}))
    return names


def read_items(path: Path) -> Iterator[Item | Reject]:
    """Yields the items of a shard."""
    for line in pq.read_table(path).column("item").to_pylist():
        kind: str
        values: dict[str, Any]
        kind, values = json.loads(line)
        if kind == "Item":
            yield Item(**values | {name: tuple(values[name]) for name in LISTS})
        else:
            yield Reject(**values)


def read_back(folder: Path, names: Iterable[str]) -> Iterator[Extract]:
    """Yields the records and the rejects of shards, in their order."""
    for name in names:
        records = pq.read_table(folder / f"{name}.records.parquet")
        rejects = pq.read_table(folder / f"{name}.rejects.parquet").to_pylist()
        yield pd.DataFrame(records.to_pylist(), columns=records.column_names), rejects


def forget_shards(config: Config) -> None:
    """Removes the shards, once the tables made of them are written."""
    shutil.rmtree(config.path(config.paths.processed, FOLDER_NAME), ignore_errors=True)


def hash_code() -> str:
    """Returns the SHA-256 of all that decides what is made of an item: our code, the readers, and Python."""
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256(platform.python_version().encode())
    for path in [
        *sorted(here.glob("*.py")),
        *sorted(here.parent.glob("text/*.py")),
        here.parent / "scrape" / "item.py",
    ]:
        digest.update(path.read_bytes())
    for name in READERS:
        digest.update(f"{name} {importlib.metadata.version(name)}".encode())
    return digest.hexdigest()


def _write(path: Path, rows: pa.Table) -> None:
    with store.replace_atomically(path) as temporary:
        pq.write_table(rows, temporary, compression=store.COMPRESSION)
