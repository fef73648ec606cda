"""The vector store: vectors found again by the hash of their text, so that nothing is encoded twice.

A shard is one Parquet file named by the SHA-256 of its own bytes. Shards are only ever added, each moved into place
whole: a kill loses the shard in flight, two runs at once at worst encode a text twice, and a flipped byte is found
at the next read. Each encoder (weights and reading length) has a folder of its own.
"""

import contextlib
import fcntl
import hashlib
import io
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import store
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.groups import read_groups
from pipeline.release import census
from pipeline.schemas import TEXT, Column, Table, embeddings_table

log = logging.getLogger(__name__)
HEADER = b"provenance"
LOCK_NAME = ".lock"


@dataclass(frozen=True)
class Part:
    """Some of the vectors at hand.

    Attributes:
        hashes: hashes of the texts, string (n,).
        matrix: float16 (n, n_dims), unit rows.
        backends: what computed each, string (n,); null where it was not recorded.
    """

    hashes: pa.ChunkedArray
    matrix: np.ndarray
    backends: pa.ChunkedArray


@dataclass(frozen=True)
class Provenance:
    """What made the vectors of a shard, stored in its header."""

    encoder_revision: str
    settings_sha256: str
    max_tokens: int
    backend: str


def shard_table(dimension_count: int) -> Table:
    """Returns the table of one shard of the vector store."""
    return Table(
        "vectors",
        "vectors made on this machine",
        ("text_sha256",),
        (
            Column("text_sha256", TEXT, "hash of the text that was encoded"),
            Column("vector", pa.list_(pa.float16(), dimension_count), "float16 unit vector"),
        ),
    )


def read_published(config: Config) -> Iterator[Part]:
    """Yields the vectors of this encoder in published censuses, then in `[embed] reuse`, by row group."""
    columns = ("text_sha256", "encoder_revision", "vector", "encoder_backend")
    for folder in _release_folders(config):
        path = folder / "embeddings.parquet"
        for rows in read_groups(embeddings_table(config.embed.dimension_count), path, columns):
            rows = rows.filter(pc.equal(rows.column("encoder_revision"), config.embed.weights_sha256))
            matrix = store.matrix_from_column(rows.column("vector"))
            yield Part(rows.column("text_sha256"), matrix, rows.column("encoder_backend"))


def read_made(config: Config, paths: Sequence[Path]) -> Iterator[Part]:
    """Yields the vectors made on this machine, a shard at a time.

    Raises:
        DataError: a shard is damaged, or was made by another encoder than its folder says.
    """
    made: dict[str, Path] = {}
    for path in paths:
        shard, provenance = read_shard(config, path)
        made.setdefault(provenance.settings_sha256, path)
        if len(made) > 1:
            raise DataError(
                "holds vectors of two tokenizers or poolings for the same weights",
                where=", ".join(map(str, made.values())),
                do="delete the shards of the one that is no longer used; their texts are encoded again",
            )
        backends = pa.chunked_array([pa.repeat(pa.scalar(provenance.backend, TEXT), len(shard))])
        yield Part(shard.column("text_sha256"), store.matrix_from_column(shard.column("vector")), backends)


def save_shard(config: Config, provenance: Provenance, hashes: Sequence[str], vectors: np.ndarray) -> Path:
    """Adds vectors to the store as one shard, named by its content, atomically.

    Args:
        config: names the folder.
        provenance: what made them.
        hashes: the texts, one a row.
        vectors: float16 (n, n_dims).
    """
    schema = shard_table(config.embed.dimension_count).arrow_schema
    columns = [pa.array(hashes, TEXT), store.column_from_matrix(vectors)]
    header = json.dumps(vars(provenance), sort_keys=True).encode()
    table = pa.Table.from_arrays(columns, schema=schema).replace_schema_metadata({HEADER: header})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="none")  # float16 vectors do not shrink
    content = buffer.getvalue()
    path = store_folder(config) / f"{hashlib.sha256(content).hexdigest()}.parquet"
    with store.replace_atomically(path) as temporary:
        temporary.write_bytes(content)
    return path


def read_shard(config: Config, path: Path) -> tuple[pa.Table, Provenance]:
    """Returns the rows of a shard and what made them.

    Raises:
        DataError: its bytes are not those that were written, or another encoder made it.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != path.stem:
        raise DataError(
            "the shard is damaged: its content does not have the hash it is named by",
            where=str(path),
            do="delete it and run make embed: its texts are encoded again",
        )
    table = pq.read_table(pa.BufferReader(content))
    provenance = Provenance(**json.loads(table.schema.metadata[HEADER]))
    if (provenance.encoder_revision, provenance.max_tokens) != (config.embed.weights_sha256, config.embed.max_tokens):
        raise DataError(
            f"was made by another encoder ({provenance.encoder_revision[:16]}, {provenance.max_tokens} tokens)",
            where=str(path),
            do="move it back to the folder of its encoder",
        )
    return table.replace_schema_metadata(None), provenance


def list_shards(config: Config) -> list[Path]:
    """Returns the shards of the configured encoder, in the order of their names."""
    return sorted(store_folder(config).glob("*.parquet"))


@contextlib.contextmanager
def open_for_writing(config: Config, settings_sha256: str) -> Iterator[None]:
    """Holds the store open for adding shards. Who comes first removes what killed runs left half written.

    Raises:
        DataError: the store holds vectors of another tokenizer or pooling for the same weights.
    """
    folder = store_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    for path in list_shards(config)[:1]:
        if read_shard(config, path)[1].settings_sha256 != settings_sha256:
            raise DataError(
                "the store holds vectors of another tokenizer or pooling for the same weights",
                where=str(folder),
                do="move the folder away, or install the encoder it was made with",
            )
    with (folder / LOCK_NAME).open("w") as lock:
        with contextlib.suppress(BlockingIOError):  # another run is writing: its drafts are not ours to remove
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for draft in folder.glob(".*.part"):
                draft.unlink(missing_ok=True)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def store_folder(config: Config) -> Path:
    """The shards of one encoder, reading length and all: another encoder or another length never mixes in.

    Vectors in int8 have a folder of their own: whoever stops asking for int8 does not go on with its vectors.
    """
    encoder = f"{config.embed.weights_sha256[:16]}-{config.embed.max_tokens}"
    if config.embed.precision == "int8":
        encoder += "-int8"
    return config.path(config.paths.processed, "vectors", encoder, "shards")


def _release_folders(config: Config) -> Iterable[Path]:
    for name, entry in config.sources.items():
        if entry["kind"] == "census":
            yield census.release_folder(entry, config.root, f"[sources.{name}]")
    for folder in config.embed.reuse:
        yield config.path(folder)
