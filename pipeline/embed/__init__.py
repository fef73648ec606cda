"""Stage `embed`: one vector a document; only texts never seen before are encoded."""

import logging
import time
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import store
from pipeline.config import Config
from pipeline.embed.engine import encode_missing
from pipeline.embed.vectors import align_vectors, collect_vectors
from pipeline.schemas import DOCUMENTS, TEXT, embeddings_table

log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Reads `documents`, encodes the texts without a vector, and writes `embeddings`."""
    start = time.perf_counter()
    documents = store.read_arrow(DOCUMENTS, config.processed("documents"), ("doc_id", "text_sha256"))
    wanted = documents.column("text_sha256")
    found = collect_vectors(config)
    known = found.hashes
    n_found = int(pc.sum(pc.is_in(wanted, value_set=known)).as_py() or 0)
    n_encoded = encode_missing(config, known) if n_found < len(wanted) else 0
    if n_encoded:
        found = collect_vectors(config)
    matrix, backends = align_vectors(wanted, found)
    table = embeddings_table(config.embed.dimension_count)
    count = len(documents)
    columns = {
        "doc_id": documents.column("doc_id"),
        "text_sha256": wanted,
        "encoder": pa.repeat(pa.scalar(config.embed.model, TEXT), count),
        "encoder_revision": pa.repeat(pa.scalar(config.embed.weights_sha256, TEXT), count),
        "vector": store.column_from_matrix(matrix),
        "encoder_backend": backends,
    }
    store.write_arrow(
        table,
        pa.table([columns[name] for name in table.arrow_schema.names], schema=table.arrow_schema),
        config.processed("embeddings"),
    )
    mix = Counter(name or "backend not recorded" for name in backends.to_pylist())
    log.info(
        "embed: %d documents, %d texts encoded, %d vectors found (%s) in %.1f s",
        count,
        n_encoded,
        n_found,
        ", ".join(f"{number} {name}" for name, number in sorted(mix.items())),
        time.perf_counter() - start,
    )
