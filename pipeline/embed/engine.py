"""Engines: who encodes the texts that have no vector yet. One process here, or many with Ray.

The unit of work is a shard: texts of one row group, of like length, in a fixed order. Every engine encodes the same
shards, so it makes the same vectors, and a run that was cut off goes on with the same shards as if it had not been.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from pipeline.config import Config
from pipeline.corpus.extract import compose_text
from pipeline.embed.encoder import Encoder, load_encoder
from pipeline.embed.vectors import Provenance, open_for_writing, save_shard
from pipeline.embed.weights import find_weights, hash_settings
from pipeline.errors import DataError

SHARD_DOCUMENTS = 512  # a kill loses at most this many documents' work
CACHE_NAME = "encoders"  # folder of converted models, under the processed files
COLUMNS = ["doc_id", "title", "text", "text_sha256"]


@dataclass(frozen=True)
class Shard:
    """Texts to encode together: the row group of `documents` they are in, and their hashes in order."""

    row_group: int
    hashes: tuple[str, ...]


def plan_shards(path: Path, known: pa.ChunkedArray) -> Iterator[Shard]:
    """Yields the shards of the texts without a vector, reading one row group at a time.

    Args:
        path: the table `documents`.
        known: hashes of the texts that have a vector.

    Raises:
        DataError: a document has neither a vector nor a text; found before anything is encoded.
    """
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        _check_readable(_missing(file.read_row_group(group, columns=["doc_id", "text", "text_sha256"]), known))
    seen: set[str] = set()
    for group in range(file.num_row_groups):
        rows = _missing(file.read_row_group(group, columns=["text", "text_sha256"]), known)
        lengths = pc.utf8_length(rows.column("text")).to_numpy()
        hashes = rows.column("text_sha256").to_numpy()
        ordered = [text_hash for text_hash in hashes[np.lexsort((hashes, -lengths))] if text_hash not in seen]
        unique = list(dict.fromkeys(ordered))
        seen.update(unique)
        for first in range(0, len(unique), SHARD_DOCUMENTS):
            yield Shard(group, tuple(unique[first : first + SHARD_DOCUMENTS]))


def read_texts(path: Path, shard: Shard) -> list[str]:
    """Returns the texts of a shard, in its order."""
    return _texts_of(read_group(path, shard.row_group), shard)


def read_group(path: Path, row_group: int) -> pa.Table:
    """Returns one row group of `documents`."""
    return pq.ParquetFile(path).read_row_group(row_group, columns=COLUMNS)


def encode_missing(config: Config, known: pa.ChunkedArray) -> int:
    """Encodes every text of `documents` that has no vector and adds the vectors to the store. Returns how many.

    Raises:
        DataError: a document has neither a vector nor a text.
    """
    path = config.processed("documents")
    shards = list(plan_shards(path, known))
    count = sum(len(shard.hashes) for shard in shards)
    if not shards:
        return 0
    with open_for_writing(config, hash_settings(find_weights(config.embed))):
        if config.embed.engine == "ray":
            from pipeline.embed.ray_engine import encode_shards  # noqa: PLC0415  an optional extra

            saved = encode_shards(config, path, shards)
        else:
            saved = encode_here(config, path, shards)
        with tqdm(total=count, desc="embed", unit="document", disable=not sys.stderr.isatty()) as bar:
            for number in saved:
                bar.update(number)
    return count


def encode_here(config: Config, path: Path, shards: list[Shard]) -> Iterator[int]:
    """Encodes shards in this process, yielding the number of texts after each."""
    encoder = load_encoder(config.embed, config.path(config.paths.processed, CACHE_NAME))
    group, rows = -1, None
    for shard in shards:
        if rows is None or shard.row_group != group:
            group, rows = shard.row_group, read_group(path, shard.row_group)
        yield encode_shard(config, encoder, shard, rows)


def encode_shard(config: Config, encoder: Encoder, shard: Shard, rows: pa.Table) -> int:
    """Encodes one shard and adds it to the store. Returns its number of texts."""
    vectors = encoder(_texts_of(rows, shard))
    provenance = Provenance(
        config.embed.weights_sha256, encoder.settings_sha256, config.embed.max_tokens, encoder.backend
    )
    save_shard(config, provenance, shard.hashes, vectors)
    return len(shard.hashes)


def _texts_of(rows: pa.Table, shard: Shard) -> list[str]:
    places = pc.index_in(pa.array(shard.hashes, pa.string()), value_set=rows.column("text_sha256"))
    chosen = rows.take(places)
    pairs = zip(chosen.column("title").to_pylist(), chosen.column("text").to_pylist(), strict=True)
    return [compose_text(title, text) for title, text in pairs]


def _missing(rows: pa.Table, known: pa.ChunkedArray) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows.column("text_sha256"), value_set=known)))


def _check_readable(rows: pa.Table) -> None:
    unreadable = rows.filter(pc.is_null(rows.column("text")))
    if len(unreadable):
        raise DataError(
            f"{len(unreadable)} documents have neither a vector of this encoder nor a text",
            where=unreadable.column("doc_id")[0].as_py(),
            do="use the encoder of the census, or run make hydrate first",
        )
