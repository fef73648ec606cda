"""The census release: facts, vectors and term counts, with a card and checksums. No text."""

import json
import logging
import time
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.config import Config
from pipeline.dataset.card import render_card
from pipeline.schemas import (
    CENSUS_DOCUMENTS,
    CLUSTER_CHANGES,
    CLUSTER_MEMBERS,
    CLUSTERS,
    DOCUMENTS,
    LAYOUT,
    TERMS,
    embeddings_table,
)

log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Reads `documents`, `embeddings` and `terms`, and writes `dist/census-<version>/`."""
    start = time.perf_counter()
    folder = config.path(config.paths.dist, f"census-{config.version}")
    embeddings = embeddings_table(config.embed.dimension_count)
    documents = store.read_table(DOCUMENTS, config.processed("documents")).drop(columns="text")
    store.write_table(CENSUS_DOCUMENTS, documents, folder / "documents.parquet")
    store.write_arrow(
        embeddings, store.read_arrow(embeddings, config.processed("embeddings")), folder / "embeddings.parquet"
    )
    store.write_arrow(TERMS, store.read_arrow(TERMS, config.processed("terms")), folder / "terms.parquet")
    clusters = (CLUSTERS, CLUSTER_MEMBERS, CLUSTER_CHANGES, LAYOUT)
    for table in clusters:
        store.write_arrow(
            table, store.read_arrow(table, config.processed(table.name)), folder / f"{table.name}.parquet"
        )
    tables = (CENSUS_DOCUMENTS, embeddings, TERMS, *clusters)
    store.write_text(folder / "README.md", render_card(config, documents, tables))
    store.write_text(
        folder / "manifest.json",
        json.dumps(make_manifest(folder, config, documents), indent=1, ensure_ascii=False) + "\n",
    )
    size = sum(path.stat().st_size for path in folder.iterdir())
    log.info(
        "dataset: %s, %d documents, %.1f MB in %.1f s",
        folder.name,
        len(documents),
        size / 1e6,
        time.perf_counter() - start,
    )


def make_manifest(folder: Path, config: Config, documents: pd.DataFrame) -> dict[str, object]:
    """Returns the checksums, sizes and counts of a release, file by file."""
    files = {
        path.name: {"sha256": store.sha256_of_file(path), "byte_count": path.stat().st_size}
        for path in sorted(folder.iterdir())
        if path.name != "manifest.json" and not path.name.startswith(".")
    }
    return {
        "version": config.version,
        "files": files,
        "document_count": len(documents),
        "frames": {str(frame): int(count) for frame, count in documents.groupby("frame").size().items()},
        "encoder": {
            "name": config.embed.model,
            "weights_sha256": config.embed.weights_sha256,
            "max_tokens": config.embed.max_tokens,
        },
    }
