"""The chance that a document is of an agenda: prototypes and words, put together by one logistic regression.

Two layers. First, for each agenda, how alike a document is to its seeds and to what was read as it (a ridge regression
on the kernel of `estimate.kernel`, and the plain mean likeness, its prototype). Then one logistic regression over all
pairs of a read document and an agenda turns likeness, named phrases and the predicted group into a chance: agendas are
too rare for one regression each, and what a given likeness is worth hardly differs between them. Both layers are
cross-fitted by the folds of the classifier: the chance of a document never rests on what was read of it or of its
near-duplicates. It is rounded to three decimals, far above what processors differ by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from pipeline.cluster.neighbours import run_threads
from pipeline.coding.agenda_list import Agenda
from pipeline.estimate.classify import NEAR_DUPLICATE_COSINE, assign_folds
from pipeline.estimate.features import TextFeatures, compute_kernel, find_near_duplicates
from pipeline.estimate.fold_models import FoldModels
from pipeline.estimate.kept_neighbours import Near
from pipeline.estimate.kernel import Kernel
from pipeline.text.phrase_matches import find_in_titles, find_in_words
from pipeline.text.word_counts import WordCounts

PENALTY = 1.0  # of the logistic regression; 0.1 and 10 change no F1 by 0.01
DECIMALS = 3
LEAF_FLOOR = 0.01  # added to a chance before its logarithm


@dataclass(frozen=True)
class Evidence:
    """What is known of every document before any agenda was read.

    Attributes:
        kernel: likeness to the known documents: seeds and read ones, rising.
        fold: int (n,), the fold whose models may not see the document.
        in_title, in_terms: bool (n, n_agendas), phrases found.
        leaf_chance: float (n, n_agendas), the predicted chance of the leaves that the agenda refines.
    """

    kernel: Kernel
    fold: np.ndarray
    in_title: np.ndarray
    in_terms: np.ndarray
    leaf_chance: np.ndarray


def gather_evidence(
    documents: pd.DataFrame,
    vectors: np.ndarray,
    near: Near,
    words: WordCounts,
    agendas: Sequence[Agenda],
    known: np.ndarray,
    predicted: Mapping[str, np.ndarray],
    texts: TextFeatures | None = None,
) -> Evidence:
    """Returns the evidence.

    Args:
        documents: columns doc_id, title, authors, frame; n rows.
        vectors: float16 (n, n_dims), unit rows, in their order.
        near: the nearest documents of each, with their cosines.
        words: their term counts.
        agendas: the list.
        known: int, rows of the seeds and the read documents, rising.
        predicted: the chance of each leaf, or where that is not at hand of its group: float (n,) by leaf.
        texts: features of the documents, if they are known.
    """
    neighbours, cosines = near
    duplicates = find_near_duplicates(neighbours, cosines, NEAR_DUPLICATE_COSINE)
    chances = [
        _sum_chances(predicted, agenda.leaves) if predicted else np.full(len(documents), 0.5) for agenda in agendas
    ]
    phrases = [agenda.phrases for agenda in agendas]
    return Evidence(
        kernel=compute_kernel(vectors, neighbours, words, documents, known, texts),
        fold=assign_folds(documents["doc_id"], duplicates),
        in_title=find_in_titles(documents["title"], phrases),
        in_terms=find_in_words(words.rows, words.columns, words.vocabulary, len(documents), phrases),
        leaf_chance=np.stack(chances, axis=1),
    )


def _sum_chances(predicted: Mapping[str, np.ndarray], leaves: Sequence[str]) -> np.ndarray:
    """Returns the chance of any of some leaves: those known by one group's chance count once.

    They are added in the order of their first chances, so that the last bit does not depend on that of the leaves.
    """
    different = {predicted[leaf].tobytes(): predicted[leaf] for leaf in leaves}
    return np.clip(np.sum(sorted(different.values(), key=list), axis=0), 0, 1)


def assign_chances(
    evidence: Evidence, is_seed: np.ndarray, read: np.ndarray, is_member: np.ndarray, is_sampled: np.ndarray
) -> np.ndarray:
    """Returns the chance of every document and agenda: float64 (n, n_agendas), three decimals.

    Where nothing was read, the regression learns from the seeds alone, and its chances are ranks, not frequencies.

    Args:
        evidence: of all documents.
        is_seed: bool (n, n_agendas).
        read: int (n_read,), rows of the documents that were read against the list.
        is_member: bool (n_read, n_agendas), what was said of them.
        is_sampled: bool (n_read,), those drawn without regard to any chance: the regression learns from them alone, for
            documents drawn because they were assigned would make it too sure.
    """
    known = evidence.kernel.read
    is_any = np.asarray(is_seed.any(axis=1))[:, None]
    target = np.asarray(is_seed | (evidence.in_title & is_any), dtype=np.float64)[known]
    target[np.searchsorted(known, read)] = is_member
    likeness, prototype = _measure_likeness(evidence, target)
    features = _list_features(evidence, likeness, prototype)
    able = is_sampled if is_sampled.any() else np.ones(len(read), dtype=bool)
    taught, truth = (read[able], is_member[able]) if len(read) else (known, target > 0)
    chances = np.zeros(is_seed.shape)

    def calibrate(fold: int) -> None:
        rows, learn = evidence.fold == fold, evidence.fold[taught] != fold
        chances[rows] = _calibrate(features[taught[learn]], truth[learn], features[rows])

    run_threads(calibrate, np.unique(evidence.fold).tolist())
    return chances.round(DECIMALS)


def _measure_likeness(evidence: Evidence, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the score of the ridge regression and the mean likeness to members, float64 (n, n_agendas) each."""
    kernel, fold, count = evidence.kernel, evidence.fold, target.shape[1]
    known, is_known = kernel.read, np.zeros(len(fold), dtype=bool)
    is_known[known] = True
    likeness, prototype = (np.zeros((len(fold), count)) for _ in range(2))
    own, folds = kernel.own(), np.unique(fold).tolist()
    for number in folds:
        learn, rest = np.flatnonzero(fold[known] != number), np.flatnonzero(fold[known] == number)
        prototype[known[rest]] = own[np.ix_(rest, learn)] @ _share_out(target[learn])
    models = FoldModels.invert(own, fold[known], target)

    def measure(number: int) -> None:
        rows, model = np.flatnonzero((fold == number) & ~is_known), models.leave_out(number)
        if model is None:
            return
        found = kernel.weigh(rows, model.learn, np.hstack([model.coefficients, _share_out(target[model.learn])]))
        likeness[rows], prototype[rows] = found[:, :count] + model.centre, found[:, count:]
        likeness[known[model.rest]] = model.unseen

    run_threads(measure, folds)
    spread = np.where(prototype.std(axis=0) > 0, prototype.std(axis=0), 1)
    return likeness, (prototype - prototype.mean(axis=0)) / spread


def _share_out(taught: np.ndarray) -> np.ndarray:
    """Returns the part of each member in the mean of its agenda: float64 (n_learnt, n_agendas)."""
    return taught / np.maximum(taught.sum(axis=0), 1)


def _list_features(evidence: Evidence, likeness: np.ndarray, prototype: np.ndarray) -> np.ndarray:
    """Returns what the regression sees of each pair: float64 (n, n_agendas, n_features)."""
    above = np.clip(likeness, 0, None)
    best = np.sort(likeness, axis=1)[:, ::-1]
    features = [
        likeness,
        np.sqrt(above),
        prototype,
        evidence.in_title.astype(float),
        evidence.in_terms.astype(float),
        np.log(evidence.leaf_chance + LEAF_FLOOR),
        likeness - best[:, :1],
        likeness >= best[:, min(2, best.shape[1] - 1)][:, None],
        evidence.in_title * above,
    ]
    return np.stack(features, axis=2)


def _calibrate(taught: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Returns the chances of pairs, float64 (n_asked, n_agendas), learnt from the pairs of other documents."""
    if truth.all() or not truth.any():
        return np.full(asked.shape[:2], float(truth.mean()) if truth.size else 0.0)
    table = taught.reshape(-1, taught.shape[2])
    centre, spread = table.mean(axis=0), table.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    model = LogisticRegression(C=PENALTY, solver="newton-cholesky", tol=1e-8, max_iter=200)
    model.fit((table - centre) / spread, truth.reshape(-1))
    chance = model.predict_proba((asked.reshape(-1, asked.shape[2]) - centre) / spread)[:, 1]
    return chance.reshape(asked.shape[:2])
