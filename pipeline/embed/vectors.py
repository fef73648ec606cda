"""Stored vectors: found again by the hash of their text, so that nothing is encoded twice."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline import store
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.schemas import TEXT, Column, Table
from pipeline.scrape import census

log = logging.getLogger(__name__)


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


def collect_vectors(config: Config) -> tuple[list[str], np.ndarray]:
    """Returns every vector at hand for the configured encoder: text hashes and float16 (n, n_dims) rows.

    Vectors of a published census come first, then those made on this machine.
    """
    width = config.embed.dimension_count
    hashes: list[str] = []
    parts: list[np.ndarray] = [np.empty((0, width), dtype=np.float16)]
    for name, entry in config.sources.items():
        if entry["kind"] == "census":
            table = census.read_embeddings(entry, config.root, f"[sources.{name}]", width)
            revisions = table.column("encoder_revision").to_pandas()
            is_ours = (revisions == config.embed.weights_sha256).to_numpy()
            hashes += table.column("text_sha256").to_pandas()[is_ours].tolist()
            parts.append(store.matrix_from_column(table.column("vector"))[is_ours])
    for path in sorted(_folder(config).glob("*.parquet")):
        shard = store.read_arrow(shard_table(width), path)
        hashes += shard.column("text_sha256").to_pylist()
        parts.append(store.matrix_from_column(shard.column("vector")))
    return hashes, np.concatenate(parts)


def save_shard(config: Config, hashes: Sequence[str], vectors: np.ndarray) -> Path:
    """Adds vectors to the store as one shard, named by the texts in it, atomically."""
    table = shard_table(config.embed.dimension_count)
    path = _folder(config) / f"{store.sha256_of_text(','.join(hashes))[:24]}.parquet"
    arrow = pa.Table.from_arrays(
        [pa.array(hashes, pa.string()), store.column_from_matrix(vectors)], names=table.arrow_schema.names
    )
    store.write_arrow(table, arrow, path)
    return path


def align_vectors(wanted: Iterable[str], hashes: Sequence[str], vectors: np.ndarray) -> np.ndarray:
    """Returns float16 (n_wanted, n_dims) rows in the order of `wanted`.

    Raises:
        DataError: a text has no vector.
    """
    position_of = {text_hash: position for position, text_hash in reversed(list(enumerate(hashes)))}
    positions = pd.Series(list(wanted)).map(position_of)
    if positions.isna().any():
        raise DataError(
            f"{int(positions.isna().sum())} documents have no vector", where="embeddings", do="run make embed"
        )
    return vectors[positions.to_numpy(dtype=np.int64)]


def _folder(config: Config) -> Path:
    """The shards of one encoder, reading length and all: another encoder or another length never mixes in."""
    return config.path(
        config.paths.processed, "vectors", f"{config.embed.weights_sha256[:16]}-{config.embed.max_tokens}"
    )
