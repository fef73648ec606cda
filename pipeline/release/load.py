"""Loading: a release as aligned tables and one float32 matrix, in one call."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline import store
from pipeline.errors import DataError
from pipeline.release.found import resolve
from pipeline.release.manifest import REMAKE, check_digest, check_file, read_manifest
from pipeline.release.vector_cache import DOCUMENTS, VECTORS, check_finite, check_vectors, map_vectors, misaligned


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
        """Returns another table of the release: terms, codes, weights, shares, people and so on (see its card).

        Raises:
            DataError: the release has no such table.
        """
        path = self.folder / f"{name}.parquet"
        if f"{name}.parquet" not in self.manifest["files"]:
            tables = ", ".join(file.removesuffix(".parquet") for file in self.manifest["files"] if "." in file)
            raise DataError(
                f"the release has no table {name!r}",
                where=str(self.folder),
                do=f"it has {tables}; make dataset writes all of them, and CENSUS_DATA=dist finds it",
            )
        check_file(self.folder, path.name, self.manifest)
        with store.explain_damage(path):
            return pd.read_parquet(path)


def load_census(
    folder: str | Path | None = None, *, memory_map: bool = True, is_full_check: bool = False, digest: str = ""
) -> Census:
    """Loads a release. Every file that is read has the hash that the manifest says, or there is an error.

    Args:
        folder: the release, or the version of one that is here; the newest of these by default (see `found`).
        memory_map: keep the float32 matrix in a file beside the release and map it, so that loading is immediate
            and several processes share the memory. Where that folder cannot be written, the matrix is in memory.
        is_full_check: hash the vectors and the file of the matrix too, even if their size and times are those that
            were noted when they were hashed last.
        digest: the digest of the release, as its report prints it: then the manifest itself is checked.

    Raises:
        DataError: there is no release, a file of it is missing or damaged, or its tables are not aligned.
    """
    home = resolve(folder)
    manifest = read_manifest(home)
    if digest:
        check_digest(home, digest)
    check_file(home, DOCUMENTS, manifest)
    with store.explain_damage(home / DOCUMENTS):
        documents = pd.read_parquet(home / DOCUMENTS)
    _check_ids(documents, home)
    with store.explain_damage(home / VECTORS):
        vectors = map_vectors(home, manifest, is_full=is_full_check) if memory_map else None
        if vectors is None:
            check_file(home, VECTORS, manifest)
            vectors = _read_vectors(home, documents["doc_id"])
    if len(vectors) != len(documents):
        raise misaligned(home)
    return Census(home, documents, vectors, manifest)


def _read_vectors(home: Path, doc_ids: pd.Series) -> np.ndarray:
    check_vectors(home)
    table = pq.read_table(home / VECTORS, columns=["doc_id", "vector"])
    if table.column("doc_id").to_pylist() != doc_ids.tolist():
        raise misaligned(home)
    matrix = store.matrix_from_column(table.column("vector")).astype(np.float32)
    check_finite(matrix, home)
    return matrix


def _check_ids(documents: pd.DataFrame, home: Path) -> None:
    """Checks that every document has an id of its own, in text.

    Raises:
        DataError: one has none, or two have the same.
    """
    ids = documents.get("doc_id")
    if ids is None or not all(isinstance(doc_id, str) for doc_id in ids) or not ids.is_unique:
        raise DataError("does not give every document an id of its own", where=str(home / DOCUMENTS), do=REMAKE)
