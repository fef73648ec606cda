"""The vector cache: a release's vectors as one float32 file beside it, to be mapped; never trusted without proof.

A cache is bound to the hashes of the documents and the embeddings it was made from, to its type and its shape, and to
the hash of its own bytes. A file whose size, times and place on the disk are those that were noted is taken as it was
when its hash was last computed; any other is hashed again. A cache that does not hold is made anew.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import store
from pipeline.errors import DataError
from pipeline.release.manifest import REMAKE, check_file

log = logging.getLogger(__name__)
FOLDER = ".vector_cache"
VECTORS, DOCUMENTS = "embeddings.parquet", "documents.parquet"
BLOCK_ROWS = 65_536  # rows in memory at once
_LAYOUT = 2  # of the cache and its note; another number is another file
Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class Note:
    """What is noted of a cache: what it was made from, its hash, and the stamps of both files when they were hashed."""

    sources: tuple[str, str]
    shape: tuple[int, int]
    sha256: str
    cache_stamp: Stamp
    vectors_stamp: Stamp


def map_vectors(home: Path, manifest: dict[str, Any], *, is_full: bool = False) -> np.ndarray | None:
    """Returns the mapped matrix, float32 (n_documents, n_dims), or None where no cache can be written.

    Args:
        home: the release.
        manifest: its manifest.
        is_full: hash everything, whatever was noted.

    Raises:
        DataError: the vectors are not those of the manifest, or not in the order of the documents.
    """
    path = cache_path(home, manifest)
    matrix = _open_noted(home, manifest, path, is_full=is_full)
    if matrix is not None:
        return matrix
    check_file(home, VECTORS, manifest)
    vectors_stamp = stamp_of(home / VECTORS)
    try:
        with store.replace_atomically(path) as draft:
            shape = _write_matrix(home, draft)
        for other in path.parent.iterdir():
            if other.stem != path.stem:
                other.unlink(missing_ok=True)
        note = Note(_sources(manifest), shape, store.sha256_of_file(path), stamp_of(path), vectors_stamp)
        _save_note(path, note)
    except OSError as error:
        log.warning("%s: cannot be written (%s); the vectors are kept in memory", path.parent, error.strerror)
        return None
    return _open_noted(home, manifest, path, is_full=False)


def cache_path(home: Path, manifest: dict[str, Any]) -> Path:
    """Returns where the cache of a release lies. Nothing of a manifest is a path: its hashes are hashed."""
    key = store.sha256_of_text(f"{_LAYOUT} {' '.join(_sources(manifest))}")[:24]
    return home / FOLDER / f"{key}.npy"


def check_caches(home: Path, manifest: dict[str, Any]) -> Iterator[str]:
    """Yields what is wrong with the caches beside a release: strangers, and one that differs from the vectors."""
    path = cache_path(home, manifest)
    for other in sorted((home / FOLDER).glob("*")):
        if other.stem != path.stem:
            yield f"{FOLDER}/{other.name} is no cache of this release; delete it"
    if not path.is_file():
        return
    try:
        check_vectors(home)
        matrix = np.load(path, mmap_mode="r")
        is_right = matrix.dtype == np.float32 and all(
            np.array_equal(matrix[first : first + len(block)], block) for first, block in _read_blocks(home)
        )
        count = pq.read_metadata(home / VECTORS).num_rows
    except DataError as error:
        yield str(error)
        return
    except (ValueError, EOFError, OSError) as error:
        yield f"{FOLDER}/{path.name} is damaged ({error}); delete it"
        return
    if not is_right or len(matrix) != count:
        yield f"{FOLDER}/{path.name} differs from {VECTORS}; delete it"


def stamp_of(path: Path) -> Stamp:
    """Returns size, times and place of a file: it cannot be written to without a change of one of them."""
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


def _open_noted(home: Path, manifest: dict[str, Any], path: Path, *, is_full: bool) -> np.ndarray | None:
    """Returns the matrix of a cache that holds, or None."""
    note = _read_note(path)
    if note is None or not path.is_file() or note.sources != _sources(manifest):
        return None
    stamps = stamp_of(path), stamp_of(home / VECTORS)
    if is_full or stamps[1] != note.vectors_stamp:
        check_file(home, VECTORS, manifest)
    if (is_full or stamps[0] != note.cache_stamp) and store.sha256_of_file(path) != note.sha256:
        log.warning("%s: is not what was written; it is made anew", path)
        return None
    try:
        matrix = np.load(path, mmap_mode="r")
    except (ValueError, EOFError, OSError):
        return None
    if matrix.dtype != np.float32 or matrix.shape != note.shape or not matrix.flags.c_contiguous:
        return None
    if stamps != (note.cache_stamp, note.vectors_stamp):
        try:
            _save_note(path, Note(note.sources, note.shape, note.sha256, *stamps))
        except OSError:  # a copy on a disk that cannot be written: it is hashed each time
            log.debug("%s: the note cannot be written", path)
    return matrix


def _write_matrix(home: Path, path: Path) -> tuple[int, int]:
    """Writes the matrix as a .npy file, a block of rows at a time. Returns its shape.

    By plain writing: a mapped file on a full disk would end the process.
    """
    shape = check_vectors(home)
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
    with path.open("wb") as out:
        np.lib.format.write_array_header_1_0(out, header)
        for _, block in _read_blocks(home):
            out.write(block.tobytes())
    return shape


def _read_blocks(home: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the vectors in the order of the documents: first row and float32 block."""
    doc_ids = pq.read_table(home / DOCUMENTS, columns=["doc_id"]).column("doc_id")
    first = 0
    with pq.ParquetFile(home / VECTORS) as file:
        for batch in file.iter_batches(batch_size=BLOCK_ROWS, columns=["doc_id", "vector"]):
            if batch.column("doc_id").to_pylist() != doc_ids[first : first + len(batch)].to_pylist():
                raise misaligned(home)
            block = store.matrix_from_column(pa.chunked_array([batch.column("vector")])).astype(np.float32)
            check_finite(block, home)
            yield first, block
            first += len(batch)
    if first != len(doc_ids):
        raise misaligned(home)


def check_vectors(home: Path) -> tuple[int, int]:
    """Returns the shape of the vectors of a release.

    Raises:
        DataError: the file has no ids, or no vectors of one length.
    """
    with pq.ParquetFile(home / VECTORS) as file:
        schema = file.schema_arrow
        names = {"doc_id", "vector"} - set(schema.names)
        if names or not pa.types.is_fixed_size_list(schema.field("vector").type):
            raise DataError(
                f"has no column {min(names)!r}" if names else "has vectors that are not of one length",
                where=str(home / VECTORS),
                do=REMAKE,
            )
        if not pa.types.is_floating(schema.field("vector").type.value_type):
            raise DataError("has vectors that are no numbers", where=str(home / VECTORS), do=REMAKE)
        return file.metadata.num_rows, schema.field("vector").type.list_size


def check_finite(block: np.ndarray, home: Path) -> None:
    """Checks that vectors are numbers.

    Raises:
        DataError: one is not.
    """
    if not np.isfinite(block).all():
        raise DataError("has a vector with a number that is none", where=str(home / VECTORS), do=REMAKE)


def misaligned(home: Path) -> DataError:
    """Returns the error of a release whose tables do not go together."""
    return DataError("documents and vectors are not aligned", where=str(home), do="run python -m pipeline verify")


def _sources(manifest: dict[str, Any]) -> tuple[str, str]:
    files = manifest["files"]
    return str(files[DOCUMENTS]["sha256"]), str(files[VECTORS]["sha256"])


def _read_note(path: Path) -> Note | None:
    try:
        found = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        lists = {name: tuple(found[name]) for name in ("sources", "shape", "cache_stamp", "vectors_stamp")}
        return Note(**lists, sha256=str(found["sha256"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _save_note(path: Path, note: Note) -> None:
    store.write_text(path.with_suffix(".json"), json.dumps(asdict(note), sort_keys=True) + "\n")
