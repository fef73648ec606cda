"""Stage `cluster`: research-agenda groups in layers, their names, and the map.

Clusters name and browse. They never set a share.
"""

import logging
import time

import pandas as pd

from pipeline import store
from pipeline.cluster.assign import cluster_documents
from pipeline.cluster.inputs import load_inputs
from pipeline.config import Config
from pipeline.generations import open_generation
from pipeline.workers import keep_workers

log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Reads `embeddings`, `terms` and `documents`; writes `clusters`, `cluster_*`, `layout` and `second_members`."""
    start = time.perf_counter()
    inputs = load_inputs(config)
    with keep_workers(config.embed, len(inputs.documents)):
        tables = cluster_documents(config, inputs)
    with open_generation(config.path(config.paths.processed), "cluster") as draft:
        for table, rows in tables:
            store.write_table(table, rows, draft / f"{table.name}.parquet")
    clusters = tables[0][1]
    counts = ", ".join(f"{count} {layer}" for layer, count in clusters.groupby("layer", sort=False).size().items())
    log.info(
        "cluster: %d documents (%d new to the map) -> %s clusters, %d of them unstable, in %.1f s",
        len(inputs.documents),
        len(inputs.documents.index.difference(pd.Index(inputs.reference.layout["doc_id"]))),
        counts,
        int(clusters["is_unstable"].sum()),
        time.perf_counter() - start,
    )
