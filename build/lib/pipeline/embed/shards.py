"""Shards: texts of one row group, of like length, in a fixed order; the unit of work of every engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import Config
from pipeline.embed.encoder import Encoder
from pipeline.embed.vectors import Provenance, save_shard
from pipeline.errors import DataError
from pipeline.text.extract import compose_text

SHARD_DOCUMENTS = 512  # a kill loses at most this many documents' work


CACHE_NAME = "encoders"  # folder of converted models, under the processed files


COLUMNS = ["title", "text", "text_sha256"]


@dataclass(frozen=True)
class Shard:
    """Texts to encode together: the row group of `documents` they are in, and their rows there, in order."""

    row_group: int
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def plan_shards(path: Path, is_known: np.ndarray, is_first: np.ndarray) -> Iterator[Shard]:
    """Yields the shards of the texts without a vector, reading one row group at a time.

    Args:
        path: the table `documents`.
        is_known: whether each document has a vector, bool (n,).
        is_first: whether no earlier document has the same text, bool (n,).

    Raises:
        DataError: a document has neither a vector nor a text; found before anything is encoded.
    """
    file = pq.ParquetFile(path)
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    starts = np.cumsum([0, *sizes])
    for group, start in enumerate(starts[:-1]):
        missing = np.flatnonzero(~is_known[start : starts[group + 1]])
        if len(missing):
            _check_readable(file.read_row_group(group, columns=["doc_id", "text"]).take(missing))
    for group, start in enumerate(starts[:-1]):
        part = slice(start, starts[group + 1])
        wanted = np.flatnonzero(~is_known[part] & is_first[part]).astype(np.int32)
        if not len(wanted):
            continue
        rows = file.read_row_group(group, columns=["text", "text_sha256"]).take(wanted)
        lengths = pc.utf8_length(rows.column("text")).to_numpy()
        ordered = wanted[np.lexsort((rows.column("text_sha256").to_numpy(), -lengths))]
        for first in range(0, len(ordered), SHARD_DOCUMENTS):
            yield Shard(group, ordered[first : first + SHARD_DOCUMENTS])


def read_group(path: Path, row_group: int) -> pa.Table:
    """Returns one row group of `documents`."""
    return pq.ParquetFile(path).read_row_group(row_group, columns=COLUMNS)


def encode_shard(config: Config, encoder: Encoder, shard: Shard, group: pa.Table) -> int:
    """Encodes one shard of a row group and adds it to the store. Returns its number of texts."""
    chosen = group.take(pa.array(shard.rows))
    pairs = zip(chosen.column("title").to_pylist(), chosen.column("text").to_pylist(), strict=True)
    vectors = encoder([compose_text(title, text) for title, text in pairs])
    provenance = Provenance(
        config.embed.weights_sha256, encoder.settings_sha256, config.embed.max_tokens, encoder.backend
    )
    save_shard(config, provenance, chosen.column("text_sha256").to_pylist(), vectors)
    return len(shard)


def _check_readable(rows: pa.Table) -> None:
    unreadable = rows.filter(pc.is_null(rows.column("text")))
    if len(unreadable):
        raise DataError(
            f"{len(unreadable)} documents have neither a vector of this encoder nor a text",
            where=unreadable.column("doc_id")[0].as_py(),
            do="use the encoder of the census, or run make hydrate first",
        )
