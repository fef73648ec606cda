"""Stage `verify`: recomputes every hash, key, foreign key and count of the releases, and the published shares."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import estimate, store
from pipeline.config import Config
from pipeline.dataset.manifest import SUMS_NAME, list_files, make_sums, read_manifest
from pipeline.errors import DataError
from pipeline.schemas import (
    CENSUS_DOCUMENTS,
    CHANGES,
    CLUSTER_CHANGES,
    CLUSTER_MEMBERS,
    CLUSTERS,
    CODES,
    LAYOUT,
    SECOND_MEMBERS,
    SHARES,
    TERMS,
    TEXTS_TABLE,
    Table,
    embeddings_table,
)

log = logging.getLogger(__name__)
BLOCK_ROWS = 65_536  # vectors in float32 at once: 100 MB at 384 dimensions
LENGTH_TOLERANCE = 2e-3  # a unit vector of 384 float16 values: at most half a step of 2**-11 relative each
KNOWN_TABLES = {"documents": CENSUS_DOCUMENTS} | {
    table.name: table
    for table in (
        TERMS,
        CLUSTERS,
        CLUSTER_MEMBERS,
        CLUSTER_CHANGES,
        SECOND_MEMBERS,
        LAYOUT,
        CODES,
        SHARES,
        CHANGES,
        TEXTS_TABLE,
    )
}
COMPLETE = ("embeddings", "layout")  # a row for every document
PARTIAL = ("terms", "cluster_members", "second_members", "codes", "texts")  # rows of documents only


def run(config: Config) -> None:
    """Verifies the shipped censuses, what is under dist/, and the published shares.

    Raises:
        DataError: something does not hold; each problem is logged first.
    """
    start = time.perf_counter()
    folders = [config.path(str(entry["path"])) for entry in config.sources.values() if entry["kind"] == "census"]
    folders += sorted(config.path(config.paths.dist).glob("census-*"))
    for folder in folders:
        verify_release(folder)
        log.info("verify: %s holds", folder.relative_to(config.root) if folder.is_relative_to(config.root) else folder)
    has_shares = verify_shares(config)
    log.info(
        "verify: %d releases%s in %.1f s",
        len(folders),
        " and the published shares" if has_shares else "",
        time.perf_counter() - start,
    )


def verify_shares(config: Config) -> bool:
    """Recomputes the published shares, where a report has been published. Returns whether one has.

    Raises:
        PipelineError: a share is not what the sheets give.
    """
    if not config.path(config.paths.reports, config.version, "tables", "shares.csv").is_file():
        return False
    estimate.verify_shares(config)
    return True


def verify_release(folder: Path) -> None:
    """Recomputes every hash, key, foreign key and count of a release.

    Raises:
        DataError: something does not hold; every problem is logged, the first is in the message.
    """
    problems = list(check_files(folder)) or list(check_content(folder))
    for problem in problems:
        log.error("verify: %s: %s", folder.name, problem)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DataError(
            f"{problems[0]}{more}", where=str(folder), do="restore the folder from git, or run make dataset again"
        )


def check_files(folder: Path) -> Iterator[str]:
    """Yields each file that is missing, unlisted, or has other bytes than when the release was made."""
    listed = read_manifest(folder)["files"]
    present = set(list_files(folder))
    for name in sorted(set(listed) - present):
        yield f"{name} is missing"
    for name in sorted(present - set(listed)):
        yield f"{name} is not in the manifest"
    for name in sorted(present & set(listed)):
        if (folder / name).stat().st_size != listed[name].get("byte_count"):
            yield f"{name} has another size than the manifest says"
        elif store.sha256_of_file(folder / name) != listed[name].get("sha256"):
            yield f"{name} has another SHA-256 than the manifest says"
    sums = folder / SUMS_NAME
    if not sums.is_file():
        yield f"{SUMS_NAME} is missing"
    elif sums.read_bytes() != make_sums(folder).encode():
        yield f"{SUMS_NAME} does not agree with the files"


def check_content(folder: Path) -> Iterator[str]:
    """Yields each key, foreign key or count that does not hold."""
    manifest = read_manifest(folder)
    tables: dict[str, pa.Table] = {}
    for name, entry in manifest["files"].items():
        if not name.endswith(".parquet"):
            continue
        table = _table_of(Path(name).stem, folder)
        if table is None:
            yield f"{name} is no table of this program"
            continue
        rows = tables[Path(name).stem] = store.read_arrow(table, folder / name)
        yield from check_keys(table, rows)
        if entry.get("row_count", len(rows)) != len(rows):
            yield f"{name} has {len(rows)} rows, not {entry['row_count']}"
    for name in ("documents", "embeddings"):
        if name not in tables:
            yield f"{name}.parquet is missing"
            return
    yield from check_counts(manifest, tables["documents"].to_pandas())
    yield from check_references(tables)
    yield from check_vectors(manifest["encoder"], tables["documents"], tables["embeddings"])
    if {"clusters", "cluster_members"} <= set(tables):
        yield from check_clusters(tables["clusters"].to_pandas(), tables["cluster_members"].to_pandas())


def check_keys(table: Table, rows: pa.Table) -> Iterator[str]:
    """Yields what is wrong with the key of a table: doubled, out of order, or empty cells."""
    keys = rows.select(list(table.key)).to_pandas()
    if keys.duplicated().any():
        yield f"{table.name}: a key is there twice"
    elif not keys.equals(keys.sort_values(list(table.key), kind="stable", ignore_index=True)):
        yield f"{table.name}: the rows are not in key order"
    for column in table.columns:
        if not column.is_nullable and rows.column(column.name).null_count:
            yield f"{table.name}: {column.name} has empty cells"


def check_counts(manifest: dict[str, Any], documents: pd.DataFrame) -> Iterator[str]:
    """Yields each count of the manifest that is not the number of documents."""
    if manifest.get("document_count") != len(documents):
        yield f"there are {len(documents)} documents, not {manifest.get('document_count')}"
    frames = {str(frame): int(count) for frame, count in documents.groupby("frame").size().items()}
    if manifest.get("frames") != frames:
        yield f"the frames hold {frames}, not {manifest.get('frames')}"


def check_references(tables: dict[str, pa.Table]) -> Iterator[str]:
    """Yields each table that names documents that are not there, or lacks some."""
    doc_ids = set(tables["documents"].column("doc_id").to_pylist())
    for name in (*COMPLETE, *PARTIAL):
        if name not in tables:
            continue
        named = set(tables[name].column("doc_id").to_pylist())
        if named - doc_ids:
            yield f"{name}: {min(named - doc_ids)} is no document ({len(named - doc_ids)} such)"
        if name in COMPLETE and doc_ids - named:
            yield f"{name}: {min(doc_ids - named)} has no row ({len(doc_ids - named)} such)"


def check_vectors(encoder: dict[str, Any], documents: pa.Table, embeddings: pa.Table) -> Iterator[str]:
    """Yields what is wrong with the vectors: text, encoder or length."""
    hashes = dict(zip(documents.column("doc_id").to_pylist(), documents.column("text_sha256").to_pylist(), strict=True))
    pairs = zip(embeddings.column("doc_id").to_pylist(), embeddings.column("text_sha256").to_pylist(), strict=True)
    for doc_id, text_hash in pairs:
        if hashes.get(doc_id) not in (None, text_hash):
            yield f"embeddings: {doc_id} is of another text than the document"
            break
    if set(embeddings.column("encoder_revision").to_pylist()) - {encoder.get("weights_sha256")}:
        yield "embeddings: vectors of another encoder than the manifest names"
    for batch in embeddings.select(["vector"]).to_batches(max_chunksize=BLOCK_ROWS):
        rows = store.matrix_from_column(pa.chunked_array([batch.column("vector")])).astype(np.float32)
        if not np.all(np.abs(np.linalg.norm(rows, axis=1) - 1) < LENGTH_TOLERANCE):
            yield "embeddings: a vector does not have unit length"
            return


def check_clusters(clusters: pd.DataFrame, members: pd.DataFrame) -> Iterator[str]:
    """Yields what is wrong between the clusters and their members."""
    counts = members.groupby(["layer", "cluster_id"]).size()
    listed = clusters.set_index(["layer", "cluster_id"])["document_count"]
    for key in counts.index.difference(listed.index):
        yield f"cluster_members: {key} is no cluster"
    for key in listed.index:
        if counts.get(key, 0) != listed[key]:
            yield f"clusters: {key} has {counts.get(key, 0)} members, not {listed[key]}"
    doc_ids = set(members["doc_id"])
    strange = {doc_id for ids in clusters["exemplar_ids"] for doc_id in ids} - doc_ids
    if strange:
        yield f"clusters: the exemplar {min(strange)} is in no cluster"


def _table_of(name: str, folder: Path) -> Table | None:
    if name != "embeddings":
        return KNOWN_TABLES.get(name)
    width = pq.read_schema(folder / "embeddings.parquet").field("vector").type.list_size
    return embeddings_table(width)
