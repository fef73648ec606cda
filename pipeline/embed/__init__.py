"""Stage `embed`: one vector a document; only texts never seen before are encoded."""

import logging
import sys
import time

import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from pipeline import store
from pipeline.config import Config
from pipeline.corpus.extract import compose_text
from pipeline.embed.encoder import load_encoder
from pipeline.embed.vectors import align_vectors, collect_vectors, save_shard
from pipeline.errors import DataError
from pipeline.schemas import DOCUMENTS, embeddings_table

log = logging.getLogger(__name__)
SHARD_DOCUMENTS = 512  # a kill loses at most this many documents' work


def run(config: Config) -> None:
    """Reads `documents`, encodes the texts without a vector, and writes `embeddings`."""
    start = time.perf_counter()
    documents = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "title", "text", "text_sha256"))
    hashes, vectors = collect_vectors(config)
    new = documents[~documents["text_sha256"].isin(set(hashes))].drop_duplicates("text_sha256")
    if len(new):
        encode_missing(config, new)
        hashes, vectors = collect_vectors(config)
    matrix = align_vectors(documents["text_sha256"], hashes, vectors)
    table = embeddings_table(config.embed.dimension_count)
    count = len(documents)
    store.write_arrow(
        table,
        pa.Table.from_arrays(
            [
                pa.array(documents["doc_id"], pa.string()),
                pa.array(documents["text_sha256"], pa.string()),
                pa.array([config.embed.model] * count, pa.string()),
                pa.array([config.embed.weights_sha256] * count, pa.string()),
                store.column_from_matrix(matrix),
            ],
            names=table.arrow_schema.names,
        ),
        config.processed("embeddings"),
    )
    log.info(
        "embed: %d documents, %d texts encoded, %d vectors found in %.1f s",
        count,
        len(new),
        count - len(new),
        time.perf_counter() - start,
    )


def encode_missing(config: Config, documents: pd.DataFrame) -> None:
    """Encodes documents and adds their vectors to the store, shard by shard.

    Raises:
        DataError: a document has neither a vector nor a text.
    """
    unreadable = documents[documents["text"].isna()]
    if len(unreadable):
        raise DataError(
            f"{len(unreadable)} documents have neither a vector of this encoder nor a text",
            where=unreadable["doc_id"].iloc[0],
            do="use the encoder of the census, or run make hydrate first",
        )
    encode = load_encoder(config.embed)
    # Texts of like length share a batch, so that little is spent on padding.
    ordered = documents.assign(length=documents["text"].str.len()).sort_values(["length", "text_sha256"])
    for first in tqdm(
        range(0, len(ordered), SHARD_DOCUMENTS), desc="embed", unit="shard", disable=not sys.stderr.isatty()
    ):
        shard = ordered.iloc[first : first + SHARD_DOCUMENTS]
        texts = [compose_text(title, text) for title, text in zip(shard["title"], shard["text"], strict=True)]
        save_shard(config, shard["text_sha256"].tolist(), encode(texts))
