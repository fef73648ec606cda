"""The census release: facts, vectors, counts and results, with a card, metadata and checksums. Text only if asked."""

import contextlib
import fcntl
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipeline import store
from pipeline.config import Config
from pipeline.dataset.card import render_card
from pipeline.dataset.changes import compare_versions, find_previous
from pipeline.dataset.croissant import describe_release
from pipeline.dataset.licences import licence_of_texts
from pipeline.dataset.manifest import make_manifest
from pipeline.dataset.summary import Summary, summarise
from pipeline.dataset.verify import verify_release
from pipeline.errors import DataError
from pipeline.groups import read_groups, write_groups
from pipeline.release.manifest import list_files, write_manifest
from pipeline.schemas import (
    CENSUS_DOCUMENTS,
    CHANGES,
    CLUSTER_CHANGES,
    CLUSTER_MEMBERS,
    CLUSTERS,
    CODES,
    DOCUMENTS,
    LAYOUT,
    SECOND_MEMBERS,
    SHARES,
    TERMS,
    TEXTS_TABLE,
    Table,
    embeddings_table,
)

log = logging.getLogger(__name__)
RESULTS = (
    CLUSTERS,
    CLUSTER_MEMBERS,
    CLUSTER_CHANGES,
    SECOND_MEMBERS,
    LAYOUT,
    CODES,
    SHARES,
)  # part of the release where their stages have run
CARD_NAME = "README.md"
CROISSANT_NAME = "croissant.json"
DRAFT_ENDING = ".part"


def run(config: Config) -> None:
    """Reads the derived tables and writes `dist/census-<version>/`, whole or not at all.

    Raises:
        DataError: another run writes the same release.
    """
    start = time.perf_counter()
    folder = config.path(config.paths.dist, f"census-{config.version}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with hold_place(folder):
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=DRAFT_ENDING, dir=folder.parent))
        try:
            summary = write_release(config, draft)
            verify_release(draft)
            draft.chmod(0o755)
            store.replace_folder(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    log.info(
        "dataset: %s, %d documents, %.1f MB in %.1f s",
        folder.name,
        summary.document_count,
        sum(path.stat().st_size for path in folder.iterdir()) / 1e6,
        time.perf_counter() - start,
    )


def write_release(config: Config, folder: Path) -> Summary:
    """Writes every file of a release. Returns its counts."""
    tables, row_counts = [], {}
    for table, parts in list_tables(config):
        row_counts[table.name] = write_groups(table, parts, folder / f"{table.name}.parquet")
        tables.append(table)
    summary = summarise(folder, tables, row_counts)
    store.write_text(folder / CARD_NAME, render_card(config, tables, summary))
    hashes = {name: store.sha256_of_file(folder / name) for name in list_files(folder)}
    described = describe_release(config, tables, hashes, summary.newest_date)
    store.write_text(folder / CROISSANT_NAME, json.dumps(described, indent=1, ensure_ascii=False) + "\n")
    write_manifest(folder, make_manifest(folder, config, summary))
    return summary


def list_tables(config: Config) -> Iterator[tuple[Table, Iterator[pa.Table]]]:
    """Yields the tables of the release, in the order of the card, each with its rows a part at a time."""
    facts = [column.name for column in CENSUS_DOCUMENTS.columns]
    documents = config.processed("documents")
    yield named("documents", CENSUS_DOCUMENTS), read_groups(DOCUMENTS, documents, facts)
    embeddings = embeddings_table(config.embed.dimension_count)
    for table in (embeddings, TERMS, *RESULTS):
        if table not in RESULTS or config.processed(table.name).is_file():
            yield table, read_groups(table, config.processed(table.name))
    previous = find_previous(config)
    if previous:
        old = read_groups(CENSUS_DOCUMENTS, previous / "documents.parquet")
        yield CHANGES, compare_versions(old, read_groups(DOCUMENTS, documents, facts))
    if config.dataset.text == "licensed":
        yield TEXTS_TABLE, _free_texts(documents)


def _free_texts(documents: Path) -> Iterator[pa.Table]:
    for part in read_groups(DOCUMENTS, documents):
        rows = part.to_pandas()
        rows = rows.assign(licence=licence_of_texts(rows))
        yield store.arrow_from_rows(TEXTS_TABLE, rows[rows["licence"].notna() & rows["text"].notna()], documents)


@contextlib.contextmanager
def hold_place(folder: Path) -> Iterator[None]:
    """Makes sure that nobody else writes this release, and removes what killed runs left of it."""
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError("another run writes this release", where=str(folder), do="wait until it ends") from None
        for draft in folder.parent.glob(f".{folder.name}.*{DRAFT_ENDING}"):
            shutil.rmtree(draft, ignore_errors=True)
        yield


def named(name: str, table: Table) -> Table:
    """Returns the table under the name of its file."""
    return Table(name, table.meaning, table.key, table.columns)
