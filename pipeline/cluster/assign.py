"""Every document in every layer: kept from the last clustering, joined to it, or cut anew."""

import numpy as np
import pandas as pd

from pipeline.cluster.describe import count_facets, describe_clusters, describe_members
from pipeline.cluster.inputs import Inputs
from pipeline.cluster.layers import CUT_COUNT, choose_partition, dissolve_small
from pipeline.cluster.layout import extend_layout
from pipeline.cluster.matching import join_clusters, match_clusters
from pipeline.config import Config, Layer
from pipeline.schemas import (
    CLUSTER_CHANGES,
    CLUSTER_FACETS,
    CLUSTER_MEMBERS,
    CLUSTERS,
    LAYOUT,
    SECOND_MEMBERS,
    Table,
)


def cluster_documents(config: Config, inputs: Inputs) -> list[tuple[Table, pd.DataFrame]]:
    """Returns the rows of every table that the stage writes, `clusters` first."""
    clusters: list[pd.DataFrame] = []
    members: list[pd.DataFrame] = []
    changes = [inputs.reference.changes]
    upper = None
    for layer in config.cluster.layers:
        cluster_ids, news, cuts = assign_layer(config, layer, inputs)
        members.append(describe_members(layer.name, inputs.vectors, cluster_ids))
        clusters.append(describe_clusters(config, layer, inputs, members[-1], cuts, upper))
        changes.append(news)
        upper = members[-1].merge(clusters[-1][["cluster_id", "terms_name"]], on="cluster_id").set_index("doc_id")
    every_member = pd.concat(members, ignore_index=True)
    places = extend_layout(inputs.documents.index, inputs.vectors, inputs.near, inputs.reference.layout, config.seed)
    return [
        (CLUSTERS, pd.concat(clusters, ignore_index=True)),
        (CLUSTER_MEMBERS, every_member),
        (CLUSTER_CHANGES, pd.concat([part for part in changes if len(part)], ignore_index=True)),
        (CLUSTER_FACETS, count_facets(every_member, inputs.documents)),
        (SECOND_MEMBERS, inputs.second[inputs.second["doc_id"].isin(inputs.documents.index)]),
        (LAYOUT, places),
    ]


def assign_layer(config: Config, layer: Layer, inputs: Inputs) -> tuple[pd.Series, pd.DataFrame, np.ndarray]:
    """Returns cluster_id by doc_id, the new rows of `cluster_changes`, and the cuts with other seeds.

    Where the last clustering has the layer under the same settings, documents keep their clusters and new ones
    join. With `[cluster] recluster = true`, other settings, or no last clustering, the layer is cut anew,
    starting from the last one, and matched to it.
    """
    doc_ids, reference = inputs.documents.index, inputs.reference
    count, seeds = config.cluster.neighbour_count, range(config.seed, config.seed + CUT_COUNT)
    membership, cuts = choose_partition(inputs.graph, layer.resolution, seeds)
    old = reference.members_of(layer.name)
    old = old[old.index.isin(doc_ids)]
    if len(old):
        joined = join_clusters(inputs.vectors, old.reindex(doc_ids), count)
        if reference.has_layer(layer.name, layer.resolution, count) and not config.cluster.recluster:
            return joined, reference.changes.iloc[:0], cuts
        start = pd.Categorical(joined).codes.astype(np.int64)
        membership, _ = choose_partition(inputs.graph, layer.resolution, seeds, start)
    membership = dissolve_small(inputs.graph, membership, config.cluster.min_size)
    known = reference.changes[reference.changes["layer"] == layer.name]
    found, news = match_clusters(old, pd.Series(membership, index=doc_ids), layer.name, known)
    return found, news, cuts
