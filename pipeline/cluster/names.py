"""Cluster names: the terms that set each cluster apart (class-based TF-IDF)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def name_clusters(terms: pd.DataFrame, cluster_of: pd.Series, term_count: int) -> dict[str, str]:
    """Returns a name for every cluster, made of its `term_count` most telling terms.

    A term's score in a cluster is its frequency there times log(1 + A / f), where f is its frequency over all
    clusters and A the mean number of terms a cluster holds (Grootendorst 2022, arXiv:2203.05794, equation 1).
    Each document's counts are first scaled to one, so that long documents do not speak for their cluster.
    A term inside a term already taken is passed over; clusters that would share a name get one term more each.

    Args:
        terms: rows of the table `terms`.
        cluster_of: cluster_id by doc_id.
        term_count: terms in a name.
    """
    rows = terms.assign(cluster_id=terms["doc_id"].map(cluster_of)).dropna(subset=["cluster_id"])
    weight = rows["term_count"] / rows.groupby("doc_id")["term_count"].transform("sum")
    frequency = weight.groupby([rows["cluster_id"], rows["term"]]).sum()
    overall = frequency.groupby(level="term").sum()
    cluster_count = max(cluster_of.nunique(), 1)
    mean_size = frequency.sum() / cluster_count
    document_share = rows.groupby(["cluster_id", "term"])["doc_id"].nunique() / cluster_of.value_counts().rename_axis(
        "cluster_id"
    )
    scores = frequency * np.log1p(mean_size / overall.reindex(frequency.index.get_level_values("term")).to_numpy())
    scores = (scores * np.sqrt(document_share.reindex(scores.index))).round(12)
    ranked = (
        scores.rename("score").reset_index().sort_values(["cluster_id", "score", "term"], ascending=[True, False, True])
    )
    candidates = {str(cluster): list(part["term"]) for cluster, part in ranked.groupby("cluster_id")}
    return disambiguate({cluster: candidates.get(cluster, []) for cluster in sorted(set(cluster_of))}, term_count)


def disambiguate(candidates: dict[str, list[str]], term_count: int) -> dict[str, str]:
    """Joins the first terms of each cluster to a name; equal names get longer until they differ."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for cluster, ranked in candidates.items():
        for wanted in range(term_count, term_count + 4):
            name = " · ".join(choose_terms(ranked, wanted)) or "(no terms)"
            if name not in taken:
                break
        else:
            name = f"{name} ({cluster})"
        taken.add(name)
        names[cluster] = name
    return names


def choose_terms(ranked: Sequence[str], wanted: int) -> list[str]:
    """Returns the first terms of which none says again what another one says."""
    chosen: list[str] = []
    for term in ranked:
        if len(chosen) == wanted:
            break
        words = {word.rstrip("s") for word in term.split()}
        if all(not (words & {word.rstrip("s") for word in other.split()}) for other in chosen):
            chosen.append(term)
    return chosen
