"""How far each cluster can be trusted: other samples, other seeds, words instead of vectors, and source leakage."""

from collections.abc import Sequence

import igraph
import numpy as np
import pandas as pd
import scipy.sparse as sparse
from scipy.stats import rankdata

from pipeline.cluster.layers import build_graph, cut_layer

SAMPLE_SHARE = 0.8  # of the documents, without replacement: Hennig (2007) finds it as good as a bootstrap
TRUST_LIMIT = 0.6  # a mean Jaccard below it "should not be trusted" (Hennig, R package fpc, clusterboot)
PROBE_MIN_COUNT = 10  # documents of each kind of source, for a probe to say anything
PROBE_FOLDS = 5


def best_jaccard(membership: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns for each cluster 0..k-1 its largest Jaccard overlap with a cluster of another cut: float64 (k,).

    Clusters without a document get 0.
    """
    count = int(membership.max(initial=-1)) + 1
    shared = np.zeros((count, int(other.max(initial=-1)) + 1))
    np.add.at(shared, (membership, other), 1)
    union = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    return (shared / np.maximum(union, 1)).max(axis=1, initial=0.0)


def score_samples(graph: igraph.Graph, membership: np.ndarray, resolution: float, count: int, seed: int) -> np.ndarray:
    """Returns the mean best Jaccard of each cluster over `count` cuts of random parts of the documents: (k,).

    Clusterwise stability (Hennig 2007, Computational Statistics and Data Analysis 52, 258-271).
    """
    rng = np.random.default_rng(seed)
    total = len(membership)
    scores = []
    for number in range(count):
        rows = np.sort(rng.permutation(total)[: int(SAMPLE_SHARE * total)])
        cut = cut_layer(graph.induced_subgraph(rows.tolist()), resolution, seed + 1 + number)
        inside = best_jaccard(membership[rows], cut)
        scores.append(np.pad(inside, (0, int(membership.max()) + 1 - len(inside))))
    return np.round(np.stack(scores).mean(axis=0), 3)


def score_cuts(membership: np.ndarray, cuts: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Returns the mean best Jaccard of each cluster over other cuts of the same documents: float64 (k,)."""
    return np.round(np.stack([best_jaccard(membership, cut) for cut in cuts]).mean(axis=0), 3)


def build_term_graph(terms: pd.DataFrame, doc_ids: pd.Series, neighbour_count: int) -> tuple[igraph.Graph, np.ndarray]:
    """Returns the neighbour graph of the documents that have terms, from words alone, and their row numbers.

    Cosine of log-scaled TF-IDF. A second encoder would do as well; this one needs no model and no text.
    """
    rows = pd.Series(np.arange(len(doc_ids)), index=doc_ids)
    terms = terms[terms["doc_id"].isin(rows.index)]
    known, row = np.unique(terms["doc_id"].map(rows).to_numpy(), return_inverse=True)
    column, vocabulary = pd.factorize(terms["term"], sort=True)
    frequency = np.bincount(column, minlength=len(vocabulary))
    weights = np.log1p(terms["term_count"].to_numpy(dtype=float)) * np.log(len(known) / frequency[column])
    counts = sparse.csr_matrix((np.round(weights, 9), (row, column)))
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).reshape(-1))
    matrix = (sparse.diags(1 / np.maximum(lengths, 1e-12)) @ counts).tocsr()
    count = min(neighbour_count, max(len(known) - 1, 0))
    neighbours = np.empty((len(known), count), dtype=np.int64)
    similarities = np.empty((len(known), count))
    for first in range(0, len(known), 1_024):
        block = np.round((matrix[first : first + 1_024] @ matrix.T).toarray(), 9)
        inside = np.arange(len(block))
        block[inside, first + inside] = -1.0
        order = np.argsort(-block, axis=1, kind="stable")[:, :count]
        neighbours[first : first + 1_024] = order
        similarities[first : first + 1_024] = np.take_along_axis(block, order, axis=1)
    return build_graph(neighbours, similarities), known


def probe_source(vectors: np.ndarray, is_paper: np.ndarray, seed: int) -> float | None:
    """Returns how well a probe tells papers from posts by their vectors: 0.5 not at all, 1 always.

    Area under the curve of the difference of the two means, each document scored by the other folds' means.
    None where there are too few of one kind.
    """
    if min(is_paper.sum(), (~is_paper).sum()) < PROBE_MIN_COUNT:
        return None
    exact = vectors.astype(np.float64)
    fold = np.empty(len(exact), dtype=int)
    rng = np.random.default_rng(seed)
    for kind in (True, False):
        rows = np.flatnonzero(is_paper == kind)
        fold[rows] = rng.permutation(len(rows)) % PROBE_FOLDS
    scores = np.empty(len(exact))
    for number in range(PROBE_FOLDS):
        train, test = fold != number, fold == number
        direction = exact[train & is_paper].mean(axis=0) - exact[train & ~is_paper].mean(axis=0)
        scores[test] = rankdata(np.round((exact[test] * direction).sum(axis=1), 9)) / test.sum()
    ranks = rankdata(np.round(scores, 9))
    n_paper, n_post = int(is_paper.sum()), int((~is_paper).sum())
    return round(float((ranks[is_paper].sum() - n_paper * (n_paper + 1) / 2) / (n_paper * n_post)), 2)
