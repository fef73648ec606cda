"""Stage `embed`: one vector a document; only texts never seen before are encoded."""

import contextlib
import logging
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pipeline.config import Config
from pipeline.embed import gather
from pipeline.embed.engine import encode_missing
from pipeline.embed.vectors import list_shards, read_made, read_published
from pipeline.errors import DataError
from pipeline.groups import read_groups, write_groups
from pipeline.schemas import DOCUMENTS, TEXT, embeddings_table
from pipeline.store import column_from_matrix

log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Reads `documents`, encodes the texts without a vector, and writes `embeddings`."""
    start = time.perf_counter()
    with hold_vectors(config) as (places, n_found, n_encoded):
        table = embeddings_table(config.embed.dimension_count)
        count = write_groups(table, align_groups(config, places), config.processed("embeddings"))
        counts = np.bincount(places.backends, minlength=len(places.names))
        mix = [f"{n} {name or 'made elsewhere'}" for name, n in zip(places.names, counts, strict=True)]
    log.info(
        "embed: %d documents, %d texts encoded, %d vectors found (%s) in %.1f s",
        count,
        n_encoded,
        n_found,
        ", ".join(sorted(mix)),
        time.perf_counter() - start,
    )


@contextlib.contextmanager
def hold_vectors(config: Config) -> Iterator[tuple[gather.Places, int, int]]:
    """Holds the vector of every document; yields also how many documents had one, and how many texts were encoded.

    Raises:
        DataError: a document has neither a vector nor a text.
    """
    with gather.open_places(config.processed("documents"), config.embed.dimension_count) as places:
        known = list_shards(config)
        gather.fill(places, read_published(config))
        gather.fill(places, read_made(config, known))
        n_found, n_encoded = int(places.is_filled.sum()), 0
        if not places.is_filled.all():
            n_encoded = encode_missing(config, places.is_filled, places.is_first)
            gather.fill(places, read_made(config, sorted(set(list_shards(config)) - set(known))))
        if not places.is_filled.all():
            missing = int((~places.is_filled).sum())
            raise DataError(f"{missing} documents have no vector", where="embeddings", do="run make embed again")
        yield places, n_found, n_encoded


def align_groups(config: Config, places: gather.Places) -> Iterator[pa.Table]:
    """Yields the rows of `embeddings`, in the order and the parts of `documents`."""
    schema = embeddings_table(config.embed.dimension_count).arrow_schema
    first = 0
    for rows in read_groups(DOCUMENTS, config.processed("documents"), ("doc_id", "text_sha256")):
        matrix, backends = gather.read_rows(places, first, len(rows))
        columns = {
            "doc_id": rows.column("doc_id"),
            "text_sha256": rows.column("text_sha256"),
            "encoder": pa.repeat(pa.scalar(config.embed.model, TEXT), len(rows)),
            "encoder_revision": pa.repeat(pa.scalar(config.embed.weights_sha256, TEXT), len(rows)),
            "vector": column_from_matrix(matrix),
            "encoder_backend": backends,
        }
        yield pa.table([columns[name] for name in schema.names], schema=schema)
        first += len(rows)
