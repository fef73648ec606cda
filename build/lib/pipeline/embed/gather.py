"""Gather: vectors from everywhere to the order of the documents, through a file instead of memory.

A document costs about 50 bytes of memory here (its hash and where it stands); its vector waits on disk.
"""

import binascii
import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.embed.vectors import Part
from pipeline.errors import DataError
from pipeline.groups import read_groups
from pipeline.schemas import DOCUMENTS, TEXT

DIGEST = np.dtype("S32")  # all are 32 bytes long, so that padding with zero bytes makes no two of them equal
HEX_DIGITS = 64


@dataclass(frozen=True)
class Places:
    """Where the vectors of the documents wait.

    Attributes:
        digests: SHA-256 of each document's text, S32 (n,), sorted.
        order: the document of each digest, int64 (n,); documents of one text in their own order.
        is_first: whether no earlier document has the same text, bool (n,), by document.
        is_filled: whether a vector has come, bool (n,), by document.
        backends: what computed it, int16 (n,), by document: a position in `names`.
        names: names of backends, None for not recorded.
        width: dimensions of a vector.
        file: descriptor of the file of float16 rows, by document.
    """

    digests: np.ndarray
    order: np.ndarray
    is_first: np.ndarray
    is_filled: np.ndarray
    backends: np.ndarray
    width: int
    file: int
    names: list[str | None] = field(default_factory=list)


@contextlib.contextmanager
def open_places(documents: Path, width: int) -> Iterator[Places]:
    """Holds a place for the vector of each document, on a file without a name: a kill leaves nothing behind.

    Args:
        documents: the table `documents`.
        width: dimensions of a vector.
    """
    hashes = (rows.column("text_sha256") for rows in read_groups(DOCUMENTS, documents, ("text_sha256",)))
    unsorted = np.concatenate([np.empty(0, DIGEST), *map(digests_of, hashes)])
    order = np.argsort(unsorted, kind="stable")
    digests = unsorted[order]
    del unsorted
    count = len(order)
    is_first = np.ones(count, dtype=bool)
    is_first[order[1:]] = digests[1:] != digests[:-1]
    with tempfile.TemporaryFile(dir=documents.parent, prefix=".vectors.") as file:
        is_filled, backends = np.zeros(count, dtype=bool), np.zeros(count, dtype=np.int16)
        yield Places(digests, order, is_first, is_filled, backends, width, file.fileno())


def fill(places: Places, parts: Iterable[Part]) -> None:
    """Puts vectors into the places of the documents of their texts; of several for one document, the first stays."""
    for part in parts:
        digests = digests_of(part.hashes)
        first = np.searchsorted(places.digests, digests, side="left")
        counts = np.searchsorted(places.digests, digests, side="right") - first
        rows = np.repeat(np.arange(len(digests)), counts)
        steps = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        documents, chosen = np.unique(places.order[first[rows] + steps], return_index=True)
        is_new = ~places.is_filled[documents]
        documents, rows = documents[is_new], rows[chosen[is_new]]
        _write_rows(places, documents, part.matrix[rows])
        places.backends[documents] = _codes_of(places.names, part.backends)[rows]
        places.is_filled[documents] = True


def read_rows(places: Places, first: int, count: int) -> tuple[np.ndarray, pa.Array]:
    """Returns the vectors of consecutive documents, float16 (count, width), and the names of what computed them."""
    size = places.width * np.float16().itemsize
    content = os.pread(places.file, count * size, first * size)
    names = pa.array(places.names, TEXT).take(pa.array(places.backends[first : first + count]))
    return np.frombuffer(content, dtype=np.float16).reshape(count, places.width), names


def digests_of(hashes: pa.ChunkedArray) -> np.ndarray:
    """Returns hashes in hexadecimal digits as bytes: S32 (n,).

    Raises:
        DataError: one is no SHA-256.
    """
    array = hashes.combine_chunks() if isinstance(hashes, pa.ChunkedArray) else hashes
    if not len(array):
        return np.empty(0, DIGEST)
    try:
        if pc.any(pc.not_equal(pc.binary_length(array), HEX_DIGITS)).as_py():
            raise ValueError("of another length")
        offsets = np.frombuffer(array.buffers()[1], dtype=np.int32)
        start = int(offsets[array.offset])
        content = memoryview(array.buffers()[2])[start : start + len(array) * HEX_DIGITS]
        return np.frombuffer(binascii.unhexlify(content), DIGEST)
    except ValueError as error:
        raise DataError(f"a text has a hash that is no SHA-256 ({error})", do="run make corpus again") from None


def _write_rows(places: Places, documents: np.ndarray, matrix: np.ndarray) -> None:
    """Writes rows at the places of documents, which rise; neighbours in one go."""
    size = places.width * np.float16().itemsize
    ends = np.flatnonzero(np.diff(documents, append=-1) != 1) + 1
    start = 0
    for end in ends.tolist():
        os.pwrite(places.file, np.ascontiguousarray(matrix[start:end]).data, int(documents[start]) * size)
        start = end


def _codes_of(names: list[str | None], backends: pa.ChunkedArray) -> np.ndarray:
    """Returns the position of each name in `names`, int16 (n,), after adding those that are new."""
    encoded = backends.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    known = encoded.dictionary.to_pylist()
    names.extend(name for name in known if name not in names)
    return np.array([names.index(name) for name in known], dtype=np.int16)[encoded.indices.to_numpy()]
