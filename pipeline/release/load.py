"""Loading: a release as aligned tables and one float32 matrix, in one call."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import store
from pipeline.errors import DataError
from pipeline.release.manifest import read_manifest

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "raw" / "census"
BLOCK_ROWS = 65_536  # rows in memory at once while the mapped file is written
CACHE_NAME = ".vector_cache"  # beside the files of the release, where that folder can be written


@dataclass(frozen=True)
class Census:
    """A release.

    Attributes:
        folder: where it was read from.
        documents: one row a document, in doc_id order.
        vectors: float32 (n_documents, n_dims), unit rows up to the rounding of float16, row for row the documents';
            read-only where it is memory-mapped.
        manifest: version, counts, hashes and encoder.
    """

    folder: Path
    documents: pd.DataFrame
    vectors: np.ndarray
    manifest: dict[str, Any]

    def table(self, name: str) -> pd.DataFrame:
        """Returns another table of the release: terms, clusters, cluster_members, layout, codes, shares or changes.

        Raises:
            DataError: the release has no such table.
        """
        path = self.folder / f"{name}.parquet"
        if f"{name}.parquet" not in self.manifest["files"]:
            tables = ", ".join(file.removesuffix(".parquet") for file in self.manifest["files"] if "." in file)
            raise DataError(f"the release has no table {name!r}", where=str(self.folder), do=f"it has {tables}")
        with store.explain_damage(path):
            return pd.read_parquet(path)


def load_census(folder: str | Path | None = None, *, memory_map: bool = True) -> Census:
    """Loads a release.

    Args:
        folder: the release; the newest one that ships with the program by default.
        memory_map: keep the float32 matrix in a file beside the release and map it, so that loading is immediate
            and several processes share the memory. Where that folder cannot be written, the matrix is in memory.

    Raises:
        DataError: there is no release, a file of it is missing or damaged, or its tables are not aligned.
    """
    home = Path(folder) if folder is not None else _newest_shipped()
    manifest = read_manifest(home)
    with store.explain_damage(home / "documents.parquet"):
        documents = pd.read_parquet(home / "documents.parquet")
    with store.explain_damage(home / "embeddings.parquet"):
        vectors = _map_vectors(home, manifest) if memory_map else None
        if vectors is None:
            vectors = _read_vectors(home, documents["doc_id"])
    if len(vectors) != len(documents):
        raise DataError("documents and vectors are not aligned", where=str(home), do="run python -m pipeline verify")
    return Census(home, documents, vectors, manifest)


def _read_vectors(home: Path, doc_ids: pd.Series) -> np.ndarray:
    table = pq.read_table(home / "embeddings.parquet", columns=["doc_id", "vector"])
    if table.column("doc_id").to_pylist() != doc_ids.tolist():
        raise DataError("documents and vectors are not aligned", where=str(home), do="run python -m pipeline verify")
    return store.matrix_from_column(table.column("vector")).astype(np.float32)


def _map_vectors(home: Path, manifest: dict[str, Any]) -> np.ndarray | None:
    """Returns the mapped matrix, writing its file the first time, or None where that is not possible."""
    digest = str(manifest["files"]["embeddings.parquet"]["sha256"])
    path = home / CACHE_NAME / f"{digest[:24]}.npy"
    if not path.is_file():
        if not os.access(home, os.W_OK):
            return None
        if store.sha256_of_file(home / "embeddings.parquet") != digest:
            raise DataError(
                "has another SHA-256 than the manifest says", where=str(home / "embeddings.parquet"), do=store.REMAKE
            )
        path.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(handle)
        draft = Path(name)
        try:
            _write_matrix(home, draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")


def _write_matrix(home: Path, path: Path) -> None:
    """Writes the float32 matrix as a .npy file, a block of rows at a time."""
    file = pq.ParquetFile(home / "embeddings.parquet")
    doc_ids = pq.read_table(home / "documents.parquet", columns=["doc_id"]).column("doc_id")
    width = file.schema_arrow.field("vector").type.list_size
    shape = (file.metadata.num_rows, width)
    matrix = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    first = 0
    for batch in file.iter_batches(batch_size=BLOCK_ROWS, columns=["doc_id", "vector"]):
        rows = slice(first, first + len(batch))
        if batch.column("doc_id").to_pylist() != doc_ids[rows].to_pylist():
            raise DataError(
                "documents and vectors are not aligned", where=str(home), do="run python -m pipeline verify"
            )
        matrix[rows] = store.matrix_from_column(pa.chunked_array([batch.column("vector")]))
        first = rows.stop
    matrix.flush()


def _newest_shipped() -> Path:
    folders = [folder for folder in SHIPPED.glob("*") if (folder / "manifest.json").is_file()]
    if not folders:
        raise DataError("no census ships with this installation", where=str(SHIPPED), do="name the folder of a release")
    return max(folders, key=lambda folder: folder.name)
