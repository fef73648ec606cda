"""Loading: a release as aligned tables and one float32 matrix, in one call."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline import store
from pipeline.dataset.manifest import read_manifest
from pipeline.errors import DataError

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "raw" / "census"
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
        return pd.read_parquet(path)


def load_census(folder: str | Path | None = None, *, memory_map: bool = True) -> Census:
    """Loads a release.

    Args:
        folder: the release; the newest one that ships with the program by default.
        memory_map: keep the float32 matrix in a file beside the release and map it, so that loading is immediate
            and several processes share the memory. Where that folder cannot be written, the matrix is in memory.

    Raises:
        DataError: there is no release, or its tables are not aligned.
    """
    home = Path(folder) if folder is not None else _newest_shipped()
    manifest = read_manifest(home)
    documents = pd.read_parquet(home / "documents.parquet")
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
            raise DataError("has another SHA-256 than the manifest says", where=str(home / "embeddings.parquet"))
        doc_ids = pd.read_parquet(home / "documents.parquet", columns=["doc_id"])["doc_id"]
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            np.save(file, _read_vectors(home, doc_ids))
        Path(file.name).replace(path)
    return np.load(path, mmap_mode="r")


def _newest_shipped() -> Path:
    folders = [folder for folder in SHIPPED.glob("*") if (folder / "manifest.json").is_file()]
    if not folders:
        raise DataError("no census ships with this installation", where=str(SHIPPED), do="name the folder of a release")
    return max(folders, key=lambda folder: folder.name)
