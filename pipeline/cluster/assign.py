"""Every document in every layer: kept from the last clustering, joined to it, or cut anew."""

import logging
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from pipeline.cluster.cuts import Cutter, LayerCuts, cut_again, make_cuts
from pipeline.cluster.describe import (
    MEASURED,
    count_facets,
    describe_clusters,
    describe_members,
    measure_stability,
    order_randomly,
)
from pipeline.cluster.inputs import Graphs, Inputs, build_graphs
from pipeline.cluster.layers import CUT_COUNT, choose_cut, count_iterations, dissolve_small
from pipeline.cluster.layout import extend_layout
from pipeline.cluster.matching import GROUND, join_clusters, match_clusters
from pipeline.cluster.names import drop_form, weigh_terms
from pipeline.cluster.neighbours import FindKnown, find_known, remember_known
from pipeline.cluster.subject import keep_subject
from pipeline.config import Config
from pipeline.schemas import (
    CLUSTER_CHANGES,
    CLUSTER_FACETS,
    CLUSTER_MEMBERS,
    CLUSTERS,
    LAYOUT,
    SECOND_MEMBERS,
    Table,
)
from pipeline.settings import Layer
from pipeline.workers import map_parts

log = logging.getLogger(__name__)
NEWS_SHARE = 0.05  # of the documents: with more new, changed or gone, stability is measured again


def cluster_documents(config: Config, inputs: Inputs) -> list[tuple[Table, pd.DataFrame]]:
    """Returns the rows of every table that the stage writes, `clusters` first.

    The graphs and their cuts cost by the number of all documents. They are made where something has to be cut or
    measured; where the last clustering stands and few documents are new, only these are looked at.
    """
    graphs, cuts, places = None, dict[str, LayerCuts](), None
    if not stands(config, inputs):
        graphs = make_graphs(config, inputs)
        is_placed = bool((inputs.documents.index.get_indexer(pd.Index(inputs.reference.layout["doc_id"])) >= 0).any())
        cuts, places = make_cuts(config, graphs, is_placed=is_placed)
    clusters: list[pd.DataFrame] = []
    members: list[pd.DataFrame] = []
    changes = [inputs.reference.changes]
    upper, find = None, remember_known()
    weights = weigh_terms(drop_form(inputs.words) if config.cluster.space == "subject" else inputs.words)
    drawn = order_randomly(inputs.documents.index, config.seed)
    for layer in config.cluster.layers:
        cluster_ids, news = assign_layer(config, layer, inputs, graphs, cuts.get(layer.name), find)
        if graphs is None:
            stability = inputs.reference.clusters_of(layer.name)[list(MEASURED)].reindex(sorted(set(cluster_ids)))
        else:
            stability = measure_stability(pick_inside(cluster_ids, graphs), cuts[layer.name], graphs.known)
            stability = stability.reindex(
                sorted(set(cluster_ids))
            )  # nothing of the ground is cut, so nothing is measured
        members.append(describe_members(layer.name, inputs.vectors, cluster_ids))
        clusters.append(describe_clusters(config, layer, inputs, weights, drawn, members[-1], stability, upper))
        changes.append(news)
        upper = members[-1].merge(clusters[-1][["cluster_id", "terms_name"]], on="cluster_id").set_index("doc_id")
    every_member = _stack(CLUSTER_MEMBERS, members)
    layout = place_all(config, inputs, graphs, places, find)
    return [
        (CLUSTERS, _stack(CLUSTERS, clusters)),
        (CLUSTER_MEMBERS, every_member),
        (CLUSTER_CHANGES, _stack(CLUSTER_CHANGES, changes)),
        (CLUSTER_FACETS, count_facets(every_member, inputs.documents)),
        (SECOND_MEMBERS, inputs.second[inputs.documents.index.get_indexer(pd.Index(inputs.second["doc_id"])) >= 0]),
        (LAYOUT, layout),
    ]


def make_graphs(config: Config, inputs: Inputs) -> Graphs:
    """Returns the neighbours in the space that `[cluster] space` names, of the documents that are in it."""
    if config.cluster.space == "vectors":
        return build_graphs(config, inputs)
    subject, inside = keep_subject(config, inputs)
    log.info("cluster: %d of %d documents are in scope and are cut", len(subject.documents), len(inputs.documents))
    return build_graphs(config, subject, inside)


def pick_inside(cluster_ids: pd.Series, graphs: Graphs) -> pd.Series:
    """Returns the clusters of the documents that are cut."""
    return cluster_ids if graphs.inside is None else cluster_ids[graphs.inside]


def place_all(
    config: Config, inputs: Inputs, graphs: Graphs | None, fresh: np.ndarray | None, find: FindKnown
) -> pd.DataFrame:
    """Returns the rows of `layout`: old places, or else those of a new map, and all other documents among them."""
    known, doc_ids = inputs.reference.layout, inputs.documents.index
    if fresh is not None and graphs is not None and graphs.inside is not None:
        known = pd.DataFrame({"doc_id": doc_ids[graphs.inside], "x": fresh[:, 0], "y": fresh[:, 1]})
        fresh = None
    return extend_layout(doc_ids, inputs.vectors, fresh, known, config.seed, find)


def _stack(table: Table, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Returns the rows of all layers; those of a study without layers are none."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else table.arrow_schema.empty_table().to_pandas()


def stands(config: Config, inputs: Inputs) -> bool:
    """Whether the last clustering and what was measured of it hold for these documents, but for a few new ones."""
    reference = inputs.reference
    if config.cluster.recluster or config.cluster.remeasure or not len(reference.layout):
        return False
    for layer in config.cluster.layers:
        if not reference.has_layer(layer.name, layer.resolution, config.cluster.neighbour_count, config.cluster.space):
            return False
    news = reference.count_news(inputs.documents["text_sha256"])
    is_standing = news <= NEWS_SHARE * len(inputs.documents)
    if is_standing:
        log.info(
            "cluster: %d of %d documents are new, changed or gone since the last clustering: its clusters and what was"
            " measured of their stability stand ([cluster] remeasure = true measures it again)",
            news,
            len(inputs.documents),
        )
    return is_standing


def assign_layer(
    config: Config,
    layer: Layer,
    inputs: Inputs,
    graphs: Graphs | None,
    cuts: LayerCuts | None,
    find: FindKnown = find_known,
) -> tuple[pd.Series, pd.DataFrame]:
    """Returns cluster_id by doc_id, and the new rows of `cluster_changes`.

    Where the last clustering has the layer under the same settings, documents keep their clusters and new ones
    join. With `[cluster] recluster = true`, other settings, or no last clustering, the layer is cut anew,
    starting from the last one, and matched to it.

    Args:
        config: settings and seed.
        layer: the layer.
        inputs: what the stage reads.
        graphs, cuts: the neighbours and the layer's cuts with other seeds; needed only where it is cut anew.
        find: looks for the clustered documents that are nearest to new ones.
    """
    doc_ids, reference = inputs.documents.index, inputs.reference
    count, space = config.cluster.neighbour_count, config.cluster.space
    old = reference.members_of(layer.name)
    old = old[doc_ids.get_indexer(old.index) >= 0]
    if len(old):
        joined = join_clusters(inputs.vectors, old.reindex(doc_ids), count, find)
        if reference.has_layer(layer.name, layer.resolution, count, space) and not config.cluster.recluster:
            return joined, reference.changes.iloc[:0]
    if graphs is None or cuts is None:
        raise ValueError("a layer that is cut anew needs the neighbours and the cuts")
    membership = choose_cut(cuts.seeds)
    if len(old) and reference.space_of(layer.name) == space:
        start = graphs.to_vertices(pd.Categorical(pick_inside(joined, graphs)).codes.astype(np.int64))
        seeds = range(config.seed, config.seed + CUT_COUNT)
        iterations = count_iterations(graphs.vectors.vcount())
        tasks = [
            partial(cut_again, resolution=layer.resolution, seed=seed, start=start, iteration_count=iterations)
            for seed in seeds
        ]
        again = map_parts(config.embed, Cutter(graphs), tasks, len(start))
        membership = graphs.to_documents(choose_cut(np.stack([cut for (cut,) in again])))
    membership = graphs.to_documents(
        dissolve_small(graphs.vectors, graphs.to_vertices(membership), config.cluster.min_size)
    )
    known = reference.changes[reference.changes["layer"] == layer.name]
    numbers = pd.Series(GROUND, index=doc_ids)
    numbers[slice(None) if graphs.inside is None else graphs.inside] = membership
    return match_clusters(old, numbers, layer.name, known)
