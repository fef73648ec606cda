"""How far each cluster can be trusted: other samples, other seeds, words instead of vectors, and source leakage."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

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


def score_samples(membership: np.ndarray, samples: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Returns the mean best Jaccard of each cluster over cuts of random parts of the documents: float64 (k,).

    Clusterwise stability (Hennig 2007, Computational Statistics and Data Analysis 52, 258-271).

    Args:
        membership: int64 (n,), the clusters.
        samples: rows of each part and its cut, int64 (n_part,) each.
    """
    scores = []
    for rows, cut in samples:
        inside = best_jaccard(membership[rows], cut)
        scores.append(np.pad(inside, (0, int(membership.max()) + 1 - len(inside))))
    return np.round(np.stack(scores).mean(axis=0), 3)


def score_cuts(membership: np.ndarray, cuts: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Returns the mean best Jaccard of each cluster over other cuts of the same documents: float64 (k,)."""
    return np.round(np.stack([best_jaccard(membership, cut) for cut in cuts]).mean(axis=0), 3)


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
