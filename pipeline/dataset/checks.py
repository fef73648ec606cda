"""Content: the keys, foreign keys and counts of a release, checked a row group at a time.

Of the documents only the id and the hash of the text stay in memory: about 60 bytes each.
"""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import store
from pipeline.dataset.contents import KNOWN_TABLES
from pipeline.dataset.summary import Summary, count_alike
from pipeline.embed.gather import digests_of
from pipeline.groups import find_disorder, read_groups
from pipeline.release.manifest import read_manifest
from pipeline.schemas import (
    CENSUS_DOCUMENTS,
    CLUSTER_MEMBERS,
    CLUSTERS,
    Table,
    embeddings_table,
)
from pipeline.text.extract import text_sha256

LENGTH_TOLERANCE = 2e-3  # a unit vector of 384 float16 values: at most half a step of 2**-11 relative each
COMPLETE = ("embeddings", "layout")  # a row for every document
PARTIAL = (  # rows of documents only
    "terms",
    "cluster_members",
    "second_members",
    "codes",
    "predictions",
    "calls",
    "weights",
    "agenda_members",
    "text_versions",
    "texts",
)
GROUP = ("layer", "cluster_id")


@dataclass(frozen=True)
class Documents:
    """The documents of a release: ids in order, string (n,), and the SHA-256 of their texts, S32 (n,)."""

    doc_ids: pa.StringArray
    digests: np.ndarray

    def find(self, doc_ids: pa.ChunkedArray) -> np.ndarray:
        """Returns the position of each id, int64; -1 where it is no document. Quick for ids that lie close together."""
        if not len(doc_ids):
            return np.empty(0, dtype=np.int64)
        ends = pc.min_max(doc_ids).as_py()
        places = range(len(self.doc_ids))
        first = bisect.bisect_left(places, ends["min"], key=lambda place: self.doc_ids[place].as_py())
        stop = bisect.bisect_right(places, ends["max"], key=lambda place: self.doc_ids[place].as_py())
        found = pc.index_in(doc_ids, value_set=self.doc_ids.slice(first, stop - first))
        return np.asarray(pc.fill_null(found, -1 - first).to_numpy(), dtype=np.int64) + first


def check_content(folder: Path) -> Iterator[str]:
    """Yields each key, foreign key or count that does not hold."""
    manifest = read_manifest(folder)
    tables: dict[str, Table] = {}
    is_readable = True  # what follows supposes both tables, and documents in key order
    for name, entry in manifest["files"].items():
        if not name.endswith(".parquet"):
            continue
        table = _table_of(Path(name).stem, folder)
        if table is None:
            yield f"{name} is no table of this program"
            continue
        tables[Path(name).stem] = table
        for problem in check_table(table, folder / name, entry):
            is_readable &= not problem.startswith("documents: ")
            yield problem
    for name in ("documents", "embeddings"):
        if name not in tables:
            is_readable = False
            yield f"{name}.parquet is missing"
    if not is_readable:
        return
    yield from check_counts(manifest, folder)
    documents = read_documents(folder)
    for name in (*COMPLETE, *PARTIAL):
        if name in tables:
            yield from check_references(name, tables[name], folder, documents)
    yield from check_vectors(manifest["encoder"], tables["embeddings"], folder, documents)
    if "texts" in tables:
        yield from check_texts(tables["texts"], folder)
    if {"clusters", "cluster_members"} <= set(tables):
        yield from check_clusters(folder)


def read_documents(folder: Path) -> Documents:
    """Returns the ids and text hashes of a release."""
    parts = list(read_groups(CENSUS_DOCUMENTS, folder / "documents.parquet", ("doc_id", "text_sha256")))
    ids = [part.column("doc_id").combine_chunks() for part in parts]
    digests = [digests_of(part.column("text_sha256")) for part in parts]
    flat = pa.concat_arrays([chunk for part in ids for chunk in getattr(part, "chunks", [part])])
    return Documents(flat, np.concatenate(digests))


def check_table(table: Table, path: Path, entry: dict[str, Any]) -> Iterator[str]:
    """Yields what is wrong with the key, the cells and the length of a table."""
    count, found = 0, set()
    last: list[pa.Table] = []  # the key of the row before
    for rows in read_groups(table, path):
        keys = pa.concat_tables([*last, rows.select(list(table.key))])
        disorder = find_disorder(table.key, keys)
        if disorder:
            found.add("a key is there twice" if disorder == "doubled" else "the rows are not in key order")
        found |= {
            f"{column.name} has empty cells"
            for column in table.columns
            if not column.is_nullable and rows.column(column.name).null_count
        }
        count, last = count + len(rows), [keys.take([len(keys) - 1])]
    yield from (f"{path.stem}: {problem}" for problem in sorted(found))
    if entry.get("row_count", count) != count:
        yield f"{path.name} has {count} rows, not {entry['row_count']}"


def check_counts(manifest: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yields each count of the manifest that is not the number of documents."""
    summary = Summary(count_alike(CENSUS_DOCUMENTS, folder / "documents.parquet"), {})
    if manifest.get("document_count") != summary.document_count:
        yield f"there are {summary.document_count} documents, not {manifest.get('document_count')}"
    if manifest.get("frames") != summary.frames:
        yield f"the frames hold {summary.frames}, not {manifest.get('frames')}"


def check_references(name: str, table: Table, folder: Path, documents: Documents) -> Iterator[str]:
    """Yields whether a table names documents that are not there, or lacks some."""
    is_named = np.zeros(len(documents.doc_ids), dtype=bool)
    strange: set[str] = set()
    for rows in read_groups(table, folder / f"{name}.parquet", ("doc_id",)):
        positions = documents.find(rows.column("doc_id"))
        is_named[positions[positions >= 0]] = True
        strange |= set(rows.column("doc_id").filter(pa.array(positions < 0)).to_pylist())
    if strange:
        yield f"{name}: {min(strange)} is no document ({len(strange)} such)"
    if name in COMPLETE and not is_named.all():
        yield f"{name}: {documents.doc_ids[int(np.argmin(is_named))]} has no row ({int((~is_named).sum())} such)"


def check_vectors(encoder: dict[str, Any], table: Table, folder: Path, documents: Documents) -> Iterator[str]:
    """Yields what is wrong with the vectors: text, encoder or length."""
    columns = ("doc_id", "text_sha256", "encoder_revision", "vector")
    found: dict[str, str] = {}  # of each kind of problem the first
    for rows in read_groups(table, folder / "embeddings.parquet", columns):
        positions = documents.find(rows.column("doc_id"))
        is_other = (positions >= 0) & (documents.digests[positions] != digests_of(rows.column("text_sha256")))
        if is_other.any():
            doc_id = rows.column("doc_id")[int(np.argmax(is_other))]
            found.setdefault("text", f"{doc_id} is of another text than the document")
        if set(rows.column("encoder_revision").unique().to_pylist()) != {encoder.get("weights_sha256")}:
            found.setdefault("encoder", "vectors of another encoder than the manifest names")
        lengths = np.linalg.norm(store.matrix_from_column(rows.column("vector")).astype(np.float32), axis=1)
        if not np.all(np.abs(lengths - 1) < LENGTH_TOLERANCE):
            found.setdefault("length", "a vector does not have unit length")
    yield from (f"embeddings: {problem}" for problem in found.values())


def check_texts(table: Table, folder: Path) -> Iterator[str]:
    """Yields each text whose hash is not the one of its row and of its document."""
    documents = pd.read_parquet(folder / "documents.parquet", columns=["doc_id", "title", "text_sha256"])
    known = documents.set_index("doc_id")
    for rows in read_groups(table, folder / "texts.parquet"):
        for row in rows.to_pylist():
            title, digest = known.loc[row["doc_id"], ["title", "text_sha256"]]
            if not row["text_sha256"] == digest == text_sha256(title, row["text"]):
                yield f"texts: {row['doc_id']} is another text than that of the document"


def check_clusters(folder: Path) -> Iterator[str]:
    """Yields what is wrong between the clusters and their members."""
    clusters = pd.concat([rows.to_pandas() for rows in read_groups(CLUSTERS, folder / "clusters.parquet")])
    exemplars = {doc_id for ids in clusters["exemplar_ids"] for doc_id in ids}
    wanted = pa.array(sorted(exemplars), pa.string())
    counts = pd.Series(0, index=pd.MultiIndex.from_arrays([[], []], names=GROUP), dtype=int)
    for rows in read_groups(CLUSTER_MEMBERS, folder / "cluster_members.parquet", (*GROUP, "doc_id")):
        part = rows.group_by(list(GROUP)).aggregate([([], "count_all")]).to_pandas()
        counts = counts.add(part.set_index(list(GROUP))["count_all"], fill_value=0).astype(int)
        exemplars -= set(pc.filter(rows.column("doc_id"), pc.is_in(rows.column("doc_id"), wanted)).to_pylist())
    listed = clusters.set_index(list(GROUP))["document_count"]
    for key in counts.index.difference(listed.index):
        yield f"cluster_members: {key} is no cluster"
    for key in listed.index:
        if counts.get(key, 0) != listed[key]:
            yield f"clusters: {key} has {counts.get(key, 0)} members, not {listed[key]}"
    if exemplars:
        yield f"clusters: the exemplar {min(exemplars)} is in no cluster"


def _table_of(name: str, folder: Path) -> Table | None:
    if name != "embeddings":
        return KNOWN_TABLES.get(name)
    width = pq.read_schema(folder / "embeddings.parquet").field("vector").type.list_size
    return embeddings_table(width)
