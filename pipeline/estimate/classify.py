"""Predicted codes of every document, from a classifier that never saw a document's own codes, or its duplicates'.

Kernel ridge regression of the leaves (scikit-learn's features, one linear system for all folds), made probabilities by
cutting at zero and raising to a power that is calibrated on leave-one-out predictions. Every document, read or not, is
predicted by the model of its own fold, which learnt from the read documents of the other folds: read and unread
documents are treated alike, so the predictions can sharpen a share and cannot bias it.

The results are the same on every processor: the systems are well-conditioned (errors near 1e-13) and the probabilities
are rounded to four decimals.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.cluster.neighbours import find_neighbours, run_threads
from pipeline.coding.code_columns import CodeColumns
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import is_set_of_leaves, match_definition, match_denominator
from pipeline.coding.queries import Definition, Denominator
from pipeline.estimate.features import NEIGHBOUR_COUNT, TextFeatures, compute_kernel, find_near_duplicates
from pipeline.estimate.fold_models import FoldModels
from pipeline.estimate.kernel import Features, Kernel
from pipeline.text.word_counts import WordCounts

FOLD_COUNT = 10
NEAR_DUPLICATE_COSINE = 0.95
POWERS = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
DECIMALS = 4


@dataclass(frozen=True)
class Predictions:
    """What the classifier expects of every document.

    Attributes:
        doc_ids: (n,).
        fold: int (n,), the fold whose model predicted it.
        leaves: names of the columns of `leaf_probability`; groups: the group of each.
        leaf_probability: float64 (n, n_leaves), four decimals, rows sum to one up to them.
        counted: predicted definition within a denominator, where either is no set of leaves:
            (definition id, denominator id) -> float64 (n,).
        belongs: predicted denominator, for those that are no sets of leaves: denominator id -> float64 (n,).
    """

    doc_ids: np.ndarray
    fold: np.ndarray
    leaves: tuple[str, ...]
    groups: tuple[str, ...]
    leaf_probability: np.ndarray
    counted: dict[tuple[str, str], np.ndarray]
    belongs: dict[str, np.ndarray] = field(default_factory=dict)

    def inside(self, name: str, denominator: Denominator) -> np.ndarray:
        """Returns the chance of belonging to a denominator (called `name`): float64 (n,)."""
        if name in self.belongs:
            return self.belongs[name]
        return self.of_leaves(match_denominator(denominator, _bare_codes(self.leaves, self.groups)))

    def of_leaves(self, is_in: np.ndarray) -> np.ndarray:
        """Returns the chance of having one of the leaves marked: float64 (n,)."""
        if is_in.all():
            return np.ones(len(self.leaf_probability))
        return self.leaf_probability @ is_in.astype(np.float64)

    def count(self, definition: Definition, name: str, denominator: Denominator) -> np.ndarray:
        """Returns the chance of counting under a definition within a denominator (called `name`): float64 (n,)."""
        if (definition.id, name) in self.counted:
            return self.counted[definition.id, name]
        codes = _bare_codes(self.leaves, self.groups)
        return self.of_leaves(match_definition(definition, codes) & match_denominator(denominator, codes))


def predict_codes(
    vectors: np.ndarray,
    words: WordCounts,
    documents: pd.DataFrame,
    codes: pd.DataFrame,
    codebook: Codebook,
    near: tuple[np.ndarray, np.ndarray] | None = None,
    texts: TextFeatures | None = None,
    laid: dict[str, Features] | None = None,
) -> Predictions:
    """Returns the predictions for every document.

    Args:
        vectors: float16 (n, n_dims), unit rows.
        words: their term counts.
        documents: columns doc_id, title, authors, frame; n rows in the order of `vectors`.
        codes: rows of the table `codes`: the read documents, all of them in `documents`.
        codebook: its leaves, definitions and denominators.
        near: the nearest `NEIGHBOUR_COUNT` documents of each with their cosines, if they are known.
        texts, laid: features of the documents, if they are known.
    """
    read = pd.Index(documents["doc_id"]).get_indexer(codes["doc_id"])
    neighbours, cosines = near or find_neighbours(vectors, NEIGHBOUR_COUNT)
    fold = assign_folds(documents["doc_id"], find_near_duplicates(neighbours, cosines, NEAR_DUPLICATE_COSINE))
    kernel = compute_kernel(vectors, neighbours, words, documents, read, texts, laid)
    leaves = tuple(codebook.leaves)
    groups = tuple(codebook.group_of[leaf] for leaf in leaves)
    queries = list_queries(codebook, codes)
    one_hot = (codes["leaf"].to_numpy()[:, None] == np.array(leaves)).astype(np.float64)
    blocks = [one_hot, *(rows[:, None].astype(np.float64) for rows in queries.values())]
    leaf_probability, *found = cross_predict(kernel, fold, blocks)
    chances = {key: block[:, 0].round(DECIMALS) for key, block in zip(queries, found, strict=True)}
    counted = {key: chance for key, chance in chances.items() if isinstance(key, tuple)}
    belongs = {key: chance for key, chance in chances.items() if isinstance(key, str)}
    ids = documents["doc_id"].to_numpy()
    return Predictions(ids, fold, leaves, groups, leaf_probability.round(DECIMALS), counted, belongs)


def list_queries(codebook: Codebook, codes: pd.DataFrame) -> dict[str | tuple[str, str], np.ndarray]:
    """Returns which read documents each query holds that the first leaf alone does not decide, bool (n_read,): by the
    id of a denominator, or of a definition and a denominator."""
    queries: dict[str | tuple[str, str], np.ndarray] = {}
    columns = CodeColumns(codes)
    for name, denominator in codebook.denominators.items():
        is_plain, inside = is_set_of_leaves(denominator), match_denominator(denominator, columns)
        if not is_plain:
            queries[name] = inside
        for definition in codebook.definitions:
            if not (is_plain and is_set_of_leaves(definition)):
                queries[definition.id, name] = match_definition(definition, columns) & inside
    return queries


def assign_folds(doc_ids: pd.Series, group: np.ndarray) -> np.ndarray:
    """Returns the fold of every document: int (n,). It hangs on the first id of its group of near-duplicates alone,
    so that new documents move no old one.
    """
    first = doc_ids.groupby(group).transform("min")
    return np.array([zlib.crc32(str(doc_id).encode()) % FOLD_COUNT for doc_id in first])


def cross_predict(kernel: Kernel, fold: np.ndarray, blocks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns, for each block of classes, the probabilities of every document under the model of its fold.

    Args:
        kernel: the likeness of every document to the read ones.
        fold: int (n,).
        blocks: one-hot codes (n_read, n_classes) of the read documents; each block is a set of exclusive classes, or
            one column, of a class and all that are not in it.
    """
    edges = np.cumsum([0] + [block.shape[1] for block in blocks])
    results = [np.empty((len(fold), block.shape[1])) for block in blocks]
    columns = np.hstack(list(blocks))
    # Queries that hold the same read documents are predicted once.
    kind, _ = pd.factorize(pd.Series([column.tobytes() for column in columns.T], dtype=object))
    models = FoldModels.of(kernel, fold, columns[:, pd.Series(kind).drop_duplicates().index])
    is_read = np.zeros(len(fold), dtype=bool)
    is_read[kernel.read] = True

    def predict(number: int) -> None:
        rows, model = np.flatnonzero((fold == number) & ~is_read), models.leave_out(number)
        if model is None:  # fewer read documents than folds: the plain shares of all of them, the same for everyone
            for result in results:
                result[fold == number] = 1 / max(result.shape[1], 2)
            return
        held_out, targets = models.hold_out(model), models.targets[model.learn]
        scores = np.vstack([kernel.weigh(rows, model.learn, model.coefficients) + model.centre, model.unseen])
        rows = np.concatenate([rows, kernel.read[model.rest]])
        powers = _choose_powers(held_out, targets)
        for position, result in enumerate(results):
            own = kind[edges[position] : edges[position + 1]]
            power = powers[own[0]] if len(own) == 1 else _choose_power(held_out[:, own], targets[:, own])
            result[rows] = to_probabilities(scores[:, own], power)

    run_threads(predict, np.unique(fold).tolist())
    return results


def to_probabilities(scores: np.ndarray, power: float) -> np.ndarray:
    """Returns scores cut at zero, raised to a power and made to sum to one: float64 (n, n_classes).

    A single column's complement scores what it leaves of one.
    """
    if scores.shape[1] == 1:
        return to_probabilities(np.hstack([scores, 1 - scores]), power)[:, :1]
    raised = np.clip(scores, 0.0, None) ** power
    total = raised.sum(axis=1, keepdims=True)
    return np.where(total > 0, raised / np.where(total > 0, total, 1.0), 1 / scores.shape[1])


def _choose_power(held_out: np.ndarray, targets: np.ndarray) -> float:
    """Returns the power with the least squared error (Brier 1950), of exclusive classes."""
    errors = [float(((to_probabilities(held_out, power) - targets) ** 2).sum()) for power in POWERS]
    return POWERS[int(np.argmin(errors))]


def _choose_powers(held_out: np.ndarray, targets: np.ndarray) -> list[float]:
    """Returns, for each column, the power with the least squared error, if all that are not in it are its only other
    class."""
    scores, others = np.clip(held_out, 0.0, None), np.clip(1 - held_out, 0.0, None)
    errors = []
    for power in POWERS:
        raised = scores**power
        errors.append(((raised / (raised + others**power) - targets) ** 2).sum(axis=0))
    return [POWERS[best] for best in np.argmin(errors, axis=0).tolist()]


def _bare_codes(leaves: Sequence[str], groups: Sequence[str]) -> pd.DataFrame:
    """Returns one row of codes per leaf, for queries that look at the leaf alone."""
    return pd.DataFrame({"leaf": list(leaves), "group": list(groups), "confidence": np.inf})
