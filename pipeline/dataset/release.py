"""The census release: facts, vectors, counts and results, with a card, metadata and checksums. Text only if asked."""

import json
import logging
import shutil
import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline import store
from pipeline.config import Config
from pipeline.dataset.card import render_card
from pipeline.dataset.changes import compare_documents, find_previous, read_previous
from pipeline.dataset.croissant import describe_release
from pipeline.dataset.licences import licence_of_texts
from pipeline.dataset.manifest import list_files, make_manifest, write_manifest
from pipeline.dataset.verify import verify_release
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


def run(config: Config) -> None:
    """Reads the derived tables and writes `dist/census-<version>/`, whole or not at all."""
    start = time.perf_counter()
    folder = config.path(config.paths.dist, f"census-{config.version}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        documents = write_release(config, draft)
        verify_release(draft)
        draft.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    size = sum(path.stat().st_size for path in folder.iterdir())
    log.info(
        "dataset: %s, %d documents, %.1f MB in %.1f s",
        folder.name,
        len(documents),
        size / 1e6,
        time.perf_counter() - start,
    )


def write_release(config: Config, folder: Path) -> pd.DataFrame:
    """Writes every file of a release. Returns its documents, without text."""
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    rows = collect_tables(config, documents)
    for table, arrow in rows:
        store.write_arrow(table, arrow, folder / f"{table.name}.parquet")
    tables = [table for table, _ in rows]
    counts = {table.name: len(arrow) for table, arrow in rows}
    named = {table.name: arrow for table, arrow in rows}
    store.write_text(folder / CARD_NAME, render_card(config, documents, tables, named))
    hashes = {name: store.sha256_of_file(folder / name) for name in list_files(folder)}
    full_dates = documents["published_date"].dropna()
    released = full_dates[full_dates.str.len() == len("YYYY-MM-DD")].max()
    described = describe_release(config, tables, hashes, str(released))
    store.write_text(folder / CROISSANT_NAME, json.dumps(described, indent=1, ensure_ascii=False) + "\n")
    write_manifest(folder, make_manifest(folder, config, documents, counts))
    return documents


def collect_tables(config: Config, documents: pd.DataFrame) -> list[tuple[Table, pa.Table]]:
    """Returns the tables of the release, in the order of the card, with their rows."""
    embeddings = embeddings_table(config.embed.dimension_count)
    facts = documents[[column.name for column in CENSUS_DOCUMENTS.columns]]
    found = [(named("documents", CENSUS_DOCUMENTS), store.arrow_from_rows(CENSUS_DOCUMENTS, facts, Path("documents")))]
    found += [(table, store.read_arrow(table, config.processed(table.name))) for table in (embeddings, TERMS)]
    for table in RESULTS:
        if config.processed(table.name).is_file():
            found.append((table, store.read_arrow(table, config.processed(table.name))))
    previous = find_previous(config)
    if previous:
        changes = compare_documents(read_previous(previous), facts)
        found.append((CHANGES, store.arrow_from_rows(CHANGES, changes, Path("changes"))))
    if config.dataset.text == "licensed":
        free = documents.assign(licence=licence_of_texts(documents))
        free = free[free["licence"].notna() & free["text"].notna()]
        found.append((TEXTS_TABLE, store.arrow_from_rows(TEXTS_TABLE, free, Path("texts"))))
    return found


def named(name: str, table: Table) -> Table:
    """Returns the table under the name of its file."""
    return Table(name, table.meaning, table.key, table.columns)
