"""Stage `cluster`: research-agenda groups in layers, their names, and the map.

Clusters name and browse. They never set a share.
"""

import logging
import time

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.cluster.layers import build_graph, cut_layer, find_neighbours, score_centrality
from pipeline.cluster.layout import place_documents
from pipeline.cluster.names import name_clusters
from pipeline.config import Cluster as Settings
from pipeline.config import Config
from pipeline.schemas import CLUSTER_MEMBERS, CLUSTERS, LAYOUT, TERMS, embeddings_table

log = logging.getLogger(__name__)
EXEMPLAR_COUNT = 5


def run(config: Config) -> None:
    """Reads `embeddings` and `terms`, and writes `clusters`, `cluster_members` and `layout`."""
    start = time.perf_counter()
    table = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    doc_ids = table.column("doc_id").to_pandas()
    vectors = store.matrix_from_column(table.column("vector"))
    terms = store.read_table(TERMS, config.processed("terms"))
    graph = build_graph(*find_neighbours(vectors, config.cluster.neighbour_count))
    members = pd.concat(
        [
            describe_members(layer.name, doc_ids, vectors, cut_layer(graph, layer.resolution, config.seed))
            for layer in config.cluster.layers
        ],
        ignore_index=True,
    )
    places = place_documents(graph, config.seed)
    store.write_table(
        LAYOUT, pd.DataFrame({"doc_id": doc_ids, "x": places[:, 0], "y": places[:, 1]}), config.processed("layout")
    )
    store.write_table(CLUSTER_MEMBERS, members, config.processed("cluster_members"))
    clusters = describe_clusters(members, terms, config.cluster)
    store.write_table(CLUSTERS, clusters, config.processed("clusters"))
    counts = ", ".join(f"{count} {layer}" for layer, count in clusters.groupby("layer", sort=False).size().items())
    log.info("cluster: %d documents -> %s clusters in %.1f s", len(doc_ids), counts, time.perf_counter() - start)


def describe_members(layer: str, doc_ids: pd.Series, vectors: np.ndarray, membership: np.ndarray) -> pd.DataFrame:
    """Returns the rows of `cluster_members` of one layer."""
    return pd.DataFrame(
        {
            "layer": layer,
            "doc_id": doc_ids,
            "cluster_id": [f"{layer}-{number:02d}" for number in membership],
            "centrality_score": score_centrality(vectors, membership),
        }
    )


def describe_clusters(members: pd.DataFrame, terms: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Returns the rows of `clusters` of every layer."""
    rows = []
    for layer, part in members.groupby("layer", sort=False):
        names = name_clusters(terms, part.set_index("doc_id")["cluster_id"], settings.name_term_count)
        for cluster_id, inside in part.groupby("cluster_id"):
            central = inside.sort_values(["centrality_score", "doc_id"], ascending=[False, True])
            rows.append(
                {
                    "layer": layer,
                    "cluster_id": cluster_id,
                    "name": names[str(cluster_id)],
                    "document_count": len(inside),
                    "exemplar_ids": central["doc_id"].head(EXEMPLAR_COUNT).tolist(),
                    "is_small": len(inside) < settings.min_size,
                }
            )
    return pd.DataFrame(rows)
