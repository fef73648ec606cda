"""What is known of each cluster: name, parent, exemplars, stability, and what it is made of."""

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.cluster.cuts import LayerCuts
from pipeline.cluster.inputs import Inputs
from pipeline.cluster.layers import score_members
from pipeline.cluster.matching import is_ground
from pipeline.cluster.names import TermWeights, name_clusters, rank_terms
from pipeline.cluster.second import compare_second
from pipeline.cluster.stability import TRUST_LIMIT, best_jaccard, probe_source, score_cuts, score_samples
from pipeline.coding.group_names import SetName
from pipeline.config import Config
from pipeline.settings import Layer

EXEMPLAR_COUNT = 5  # most central, and likewise closest to the border
RANDOM_COUNT = 10
TERM_COUNT = 12  # terms kept beside the name
PAPER_SOURCE = "arxiv"
GROUND_TITLE = "Outside the question"
MEASURED = ("sample_jaccard", "seed_jaccard", "words_jaccard")  # what takes many cuts to know


def describe_members(layer: str, vectors: np.ndarray, cluster_ids: pd.Series) -> pd.DataFrame:
    """Returns the rows of `cluster_members` of one layer."""
    membership = pd.Categorical(cluster_ids).codes.astype(np.int64)
    centrality, border = score_members(vectors, membership)
    return pd.DataFrame(
        {
            "layer": layer,
            "doc_id": cluster_ids.index,
            "cluster_id": cluster_ids.to_numpy(),
            "centrality_score": centrality,
            "border_score": border,
        }
    )


def describe_clusters(
    config: Config,
    layer: Layer,
    inputs: Inputs,
    weights: TermWeights,
    drawn: np.ndarray,
    members: pd.DataFrame,
    stability: pd.DataFrame,
    upper: pd.DataFrame | None,
) -> pd.DataFrame:
    """Returns the rows of `clusters` of one layer.

    Args:
        config: settings and seed.
        layer: the layer.
        inputs: what the stage reads.
        weights: of the terms that clusters are named from.
        drawn: from `order_randomly`.
        members: its rows of `cluster_members`, in the order of the documents.
        stability: columns of `MEASURED`, index cluster_id.
        upper: rows of `clusters` of the layer above joined with its members, or None at the top.
    """
    cluster_ids = members.set_index("doc_id")["cluster_id"]
    parents = find_parents(cluster_ids, upper)
    names = _name_layer(config, layer, inputs, weights, cluster_ids, parents, upper)
    exemplars = pd.DataFrame(
        {cluster_id: pick_exemplars(part, drawn) for cluster_id, part in members.groupby("cluster_id")}
    ).T
    facts = stability.assign(source_probe_score=probe_clusters(config, inputs, cluster_ids))
    facts["encoder_jaccard"] = compare_second(cluster_ids, inputs.second, layer.name)
    facts["document_count"] = cluster_ids.value_counts().reindex(facts.index).astype(int)
    facts["is_small"] = facts["document_count"] < config.cluster.min_size
    facts["is_unstable"] = facts["is_small"] | (facts["sample_jaccard"] < TRUST_LIMIT)
    rows = pd.concat([names, parents, exemplars, facts], axis=1).rename_axis("cluster_id").reset_index()
    settings = {"resolution": layer.resolution, "neighbour_count": config.cluster.neighbour_count}
    rows = rows.assign(layer=layer.name, space=config.cluster.space, **settings)
    return rows.sort_values("cluster_id", ignore_index=True)


def find_parents(cluster_ids: pd.Series, upper: pd.DataFrame | None) -> pd.DataFrame:
    """Returns for each cluster the one of the layer above that holds most of it, and the share it holds."""
    ids = sorted(set(cluster_ids))
    if upper is None:
        return pd.DataFrame({"parent_id": None, "parent_share": np.nan}, index=ids)
    shared = pd.crosstab(cluster_ids, upper["cluster_id"].reindex(cluster_ids.index))
    share = (shared.max(axis=1) / shared.sum(axis=1)).round(3)
    return pd.DataFrame({"parent_id": shared.idxmax(axis=1), "parent_share": share}).reindex(ids)


def order_randomly(doc_ids: pd.Index, seed: int) -> np.ndarray:
    """Returns the place of every document in a random order, by a hash: int64 (n,).

    So the draw from a cluster barely changes when documents are added.
    """
    hashes = [hashlib.sha256(f"{seed}/{doc_id}".encode()).digest() for doc_id in doc_ids]
    places = np.empty(len(hashes), dtype=np.int64)
    places[sorted(range(len(hashes)), key=hashes.__getitem__)] = np.arange(len(hashes))
    return places


def pick_exemplars(part: pd.DataFrame, drawn: np.ndarray) -> dict[str, list[str]]:
    """Returns the members closest to the centre, a random draw, and those closest to the border of a cluster.

    Args:
        part: its rows of `cluster_members`, in the order of doc_id; the index counts documents.
        drawn: from `order_randomly`.
    """
    doc_ids, rows = part["doc_id"].array, part.index.to_numpy()
    central = np.argsort(-part["centrality_score"].to_numpy(), kind="stable")[:EXEMPLAR_COUNT]
    border = np.argsort(part["border_score"].to_numpy(), kind="stable")[:EXEMPLAR_COUNT]
    return {
        "exemplar_ids": doc_ids[central].tolist(),
        "random_ids": doc_ids[np.argsort(drawn[rows])[:RANDOM_COUNT]].tolist(),
        "border_ids": doc_ids[border].tolist(),
    }


def measure_stability(cluster_ids: pd.Series, cuts: LayerCuts, known: np.ndarray) -> pd.DataFrame:
    """Returns how far each cluster is found again: index cluster_id, the columns of `MEASURED`.

    Args:
        cluster_ids: by doc_id.
        cuts: of the layer.
        known: the documents that have words, int64 (n_known,).
    """
    categories = pd.Categorical(cluster_ids)
    membership = categories.codes.astype(np.int64)
    by_words = best_jaccard(membership[known], cuts.by_words)
    columns = {
        "sample_jaccard": score_samples(membership, cuts.samples),
        "seed_jaccard": score_cuts(membership, cuts.seeds),
        "words_jaccard": np.round(np.pad(by_words, (0, len(categories.categories) - len(by_words))), 3),
    }
    return pd.DataFrame(columns, index=categories.categories)


def probe_clusters(config: Config, inputs: Inputs, cluster_ids: pd.Series) -> pd.Series:
    """Returns how well papers can be told from posts inside each cluster, by cluster_id; missing with too few."""
    categories = pd.Categorical(cluster_ids)
    is_paper = (inputs.documents["source"] == PAPER_SOURCE).to_numpy()
    groups = [np.flatnonzero(categories.codes == number) for number in range(len(categories.categories))]
    scores = [probe_source(inputs.vectors[rows], is_paper[rows], config.seed) for rows in groups]
    return pd.Series(scores, index=categories.categories, dtype=float)


def count_facets(members: pd.DataFrame, documents: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of `cluster_facets`: how many members come from each source, frame and year."""
    rows = documents.index.get_indexer(pd.Index(members["doc_id"]))
    parts = []
    for facet, column in (("source", "source"), ("frame", "frame"), ("year", "published_year")):
        codes, found = pd.factorize(documents[column])
        labels = np.array([*(str(value).removesuffix(".0") for value in found), ""], dtype=object)  # the last: missing
        values = pd.Series(labels[codes[rows]], index=members.index, name="value")
        counts = members.groupby(["layer", "cluster_id", values]).size()
        parts.append(counts.rename("document_count").reset_index().assign(facet=facet))
    return pd.concat(parts, ignore_index=True)


def _name_layer(
    config: Config,
    layer: Layer,
    inputs: Inputs,
    weights: TermWeights,
    cluster_ids: pd.Series,
    parents: pd.DataFrame,
    upper: pd.DataFrame | None,
) -> pd.DataFrame:
    ranked = rank_terms(weights, cluster_ids)
    upper_names = {} if upper is None else dict(zip(upper["cluster_id"], upper["terms_name"], strict=True))
    kept = {name: old for name, old in inputs.reference.names_of(layer.name).items() if name in ranked}
    parent_of = {} if upper is None else {str(name): str(parent) for name, parent in parents["parent_id"].items()}
    by_terms = name_clusters(ranked, config.cluster.name_term_count, parent_of, upper_names, kept)
    rows = {
        name: {
            **_name(name, by_terms[name], inputs.set_names),
            "terms_name": by_terms[name],
            "terms": terms[:TERM_COUNT],
        }
        for name, terms in ranked.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _name(cluster_id: str, by_terms: str, set_names: Mapping[str, SetName]) -> dict[str, str]:
    """Returns the name of a cluster and who gave it: a reader, or else what it is, or else its terms."""
    if cluster_id in set_names:
        return {"name": set_names[cluster_id].name, "name_kind": set_names[cluster_id].kind}
    return {"name": GROUND_TITLE if is_ground(cluster_id) else by_terms, "name_kind": "terms"}
