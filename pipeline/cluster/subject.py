"""The space that clusters of the subject are cut in: what a document is about, without what kind of page it is.

Four parts side by side: the stored vector, the themes of its words (latent semantic analysis: Deerwester et al. 1990),
the chances of the codebook's leaves, learnt from the read documents by ridge regression and asked of each by a model
that did not see its own code, and likewise those of the named agendas (see `agenda_chances`). Where posts and papers of
one leaf differ on average they differ in form: these directions are taken out of the first two (Bolukbasi et al. 2016,
arXiv:1607.06520, take one out; Ravfogel et al. 2020, arXiv:2004.07667, several). And only documents in scope are kept:
read ones by their code, the others by their chance.

What was gained by it is measured in reports/bench/clusters.md.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from pipeline.cluster.agenda_chances import learn_agendas
from pipeline.cluster.inputs import Inputs
from pipeline.cluster.names import drop_form
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_sample
from pipeline.coding.sample import settle_codes
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.text.word_counts import WordCounts

THEME_COUNT = 200
SVD_ROUNDS = 5  # of power iteration
FOLD_COUNT = 5
RIDGE = 1.0
POWER = 1.5  # scores are cut at zero and raised to it: the estimate's classifier chooses about the same
CODE_WEIGHT = 0.7  # length of the chances beside the vector and the themes, which have one each
AGENDA_WEIGHT, AGENDA_POWER = 1.6, 0.75  # of the chances of agendas; from 1.2 to 2 other seeds agree most with it
DIRECTION_COUNT = 15  # in which kinds of source differ; their number was chosen by the probe, not by the labels
SOURCE_MIN_COUNT = 15  # documents of a source and of others in one leaf, for their difference to say anything
# Kinds of page that cut across every subject, by their titles.
FORMS = {
    "podcast": re.compile(r"\b(?:axrp|podcast|episode|interview|transcript|conversation with)\b", re.IGNORECASE),
    "newsletter": re.compile(r"\b(?:newsletter|round-?up|links for|linkpost)\b|^\[(?:an|mlsn|al) #", re.IGNORECASE),
}
PROGRAMME_WORDS = frozenset(("seri", "mats", "scholars"))  # of the notice that a post was written in a programme
DECIMALS = 5  # coarser than any difference between processors


@dataclass(frozen=True)
class Codes:
    """What is read, and what is learnt from it.

    Attributes:
        read: rows of the read documents, int64 (n_read,).
        leaves: names of the columns of `chances`.
        chances: float64 (n, n_leaves), rows sum to one.
        agendas: float64 (n, n_agendas), the chance of each named agenda; no columns where there is no list.
        is_inside: bool (n,), in scope by its code, or by its chance where it is not read.
    """

    read: np.ndarray
    leaves: tuple[str, ...]
    chances: np.ndarray
    agendas: np.ndarray
    is_inside: np.ndarray


def keep_subject(config: Config, inputs: Inputs) -> tuple[Inputs, np.ndarray]:
    """Returns the inputs of the documents in scope, with vectors in the space of the subject, and bool (n,): which.

    Raises:
        DataError: fewer documents are in scope than a document has neighbours.
        SheetError: nothing is read.
    """
    parts = [_unit(inputs.vectors.astype(np.float64)), find_themes(inputs.words, len(inputs.documents), config.seed)]
    codes = learn_codes(config, inputs, np.hstack(parts))
    inside = codes.is_inside
    if inside.sum() <= config.cluster.neighbour_count:
        raise DataError(
            f"{int(inside.sum())} of {len(inside)} documents are in scope by [cluster] min_scope_chance ="
            f" {config.cluster.min_scope_chance:g}",
            where="cluster",
            do='lower it, read more documents, or set [cluster] space = "vectors"',
        )
    topics = codes.chances[inside].argmax(axis=1)
    sources = inputs.documents["source"].to_numpy()[inside]
    forms = find_forms(inputs.documents["title"], inputs.words)
    plain = take_out_form(
        np.hstack([part[inside] for part in parts]), topics, sources, [is_form[inside] for is_form in forms]
    )
    width = inputs.vectors.shape[1]
    agendas = AGENDA_WEIGHT * codes.agendas[inside] ** AGENDA_POWER
    blocks = [_unit(plain[:, :width]), _unit(plain[:, width:]), CODE_WEIGHT * np.sqrt(codes.chances[inside]), agendas]
    vectors = np.round(_unit(np.hstack(blocks)), DECIMALS).astype(np.float16)
    documents = inputs.documents[inside]
    return Inputs(documents, vectors, _keep_words(inputs.words, inside), inputs.reference, inputs.set_names), inside


def learn_codes(config: Config, inputs: Inputs, features: np.ndarray) -> Codes:
    """Returns the chance of every leaf and agenda for every document, cross-fitted, and which are in scope.

    Args:
        config: names the hand check and the least chance.
        inputs: the documents with their words.
        features: float64 (n, n_features), what each document is like.
    """
    documents, handcheck = inputs.documents, config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    settled = settle_codes(read_sample(config, codebook, is_coverage_wanted=False)).set_index("doc_id")
    settled = settled[settled.index.isin(documents.index)].sort_index()
    read = documents.index.get_indexer(settled.index)
    leaves = tuple(codebook.leaves)
    one_hot = (settled["leaf"].to_numpy()[:, None] == np.array(leaves)).astype(np.float64)
    fold = np.array([zlib.crc32(f"cluster/{doc_id}".encode()) % FOLD_COUNT for doc_id in documents.index])
    chances = predict_leaves(features, read, one_hot, fold)
    is_outside = np.array([codebook.group_of[leaf] in codebook.outside for leaf in leaves])
    is_inside = 1 - chances[:, is_outside].sum(axis=1) >= config.cluster.min_scope_chance
    is_inside[read] = ~settled["group"].isin(codebook.outside).to_numpy()
    agendas = learn_agendas(handcheck, codebook, documents, inputs.words, features, fold)
    return Codes(read, leaves, chances, agendas, is_inside)


def predict_leaves(features: np.ndarray, read: np.ndarray, one_hot: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Returns the chances of every document from the read documents of the other folds: float64 (n, n_leaves)."""
    chances = np.empty((len(features), one_hot.shape[1]))
    for number in np.unique(fold):
        learn, asked = fold[read] != number, fold == number
        known, targets = features[read[learn]], one_hot[learn]
        middle, shares = known.mean(axis=0), targets.mean(axis=0)
        gram = (known - middle).T @ (known - middle) + RIDGE * np.eye(features.shape[1])
        weights = np.linalg.solve(gram, (known - middle).T @ (targets - shares))
        raised = np.clip((features[asked] - middle) @ weights + shares, 0.0, None) ** POWER
        total = raised.sum(axis=1, keepdims=True)
        chances[asked] = np.where(total > 0, raised / np.where(total > 0, total, 1.0), shares)
    return np.round(chances, DECIMALS)


def find_themes(words: WordCounts, total: int, seed: int) -> np.ndarray:
    """Returns the themes of every document, from log-scaled TF-IDF: float64 (total, n_themes), unit rows or zeros.

    What tells of a kind of page is passed over (see `names`).
    """
    words = drop_form(words)
    shape = (total, len(words.vocabulary))
    count = min(THEME_COUNT, min(shape) - 1)
    if count < 1:
        return np.zeros((total, 0))
    frequency = np.bincount(words.columns, minlength=len(words.vocabulary))
    weights = (1 + np.log(words.counts.astype(np.float64))) * (1 + np.log((1 + total) / (1 + frequency)))[words.columns]
    table = _unit_sparse(sparse.csr_matrix((weights, (words.rows, words.columns)), shape))
    _, _, axes = randomized_svd(table, count, n_iter=SVD_ROUNDS, random_state=seed % 2**32)
    return _unit(table @ axes.T)


def find_forms(titles: pd.Series, words: WordCounts) -> list[np.ndarray]:
    """Returns which documents are of each kind of page, bool (n,) each: by their titles, or by a notice in the text."""
    found = [titles.fillna("").str.contains(pattern).to_numpy(dtype=bool) for pattern in FORMS.values()]
    is_notice = np.array([not PROGRAMME_WORDS.isdisjoint(term.split()) for term in words.vocabulary], dtype=bool)
    noticed = np.zeros(len(titles), dtype=bool)
    noticed[words.rows[is_notice[words.columns]]] = True
    return [*found, noticed]


def take_out_form(
    features: np.ndarray, topics: np.ndarray, sources: np.ndarray, forms: Sequence[np.ndarray]
) -> np.ndarray:
    """Returns the features without the directions in which sources and kinds of page differ within topics.

    Args:
        features: float64 (n, n_features).
        topics: what each document is about, (n,).
        sources: where each is from, (n,).
        forms: bool (n,) each, which are of each kind of page.
    """
    taken = find_source_gaps(features, topics, sources)
    middles = {topic: features[topics == topic].mean(axis=0) for topic in np.unique(topics)}
    for is_form in forms:
        if is_form.sum() >= SOURCE_MIN_COUNT:
            middle = np.mean([middles[topic] for topic in topics[is_form]], axis=0)
            taken = np.column_stack([taken, features[is_form].mean(axis=0) - middle])
    if not taken.shape[1]:
        return features
    axes, _ = np.linalg.qr(taken)
    return features - (features @ axes) @ axes.T


def find_source_gaps(features: np.ndarray, topics: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Returns the directions in which sources differ most within topics: float64 (n_features, n_directions)."""
    gaps = []
    for topic in np.unique(topics):
        for source in np.unique(sources):
            own, others = (topics == topic) & (sources == source), (topics == topic) & (sources != source)
            if min(own.sum(), others.sum()) >= SOURCE_MIN_COUNT:
                certainty = np.sqrt(1 / (1 / own.sum() + 1 / others.sum()))
                gaps.append(certainty * (features[own].mean(axis=0) - features[others].mean(axis=0)))
    if not gaps:
        return np.empty((features.shape[1], 0))
    rows = np.array(gaps)
    _, axes = np.linalg.eigh(rows.T @ rows)
    return axes[:, -min(DIRECTION_COUNT, len(rows)) :]


def _keep_words(words: WordCounts, inside: np.ndarray) -> WordCounts:
    is_kept = inside[words.rows]
    new_row = (np.cumsum(inside) - 1).astype(np.int32)
    terms, columns = np.unique(words.columns[is_kept], return_inverse=True)
    vocabulary = [words.vocabulary[term] for term in terms.tolist()]
    return WordCounts(new_row[words.rows[is_kept]], columns.astype(np.int32), words.counts[is_kept], vocabulary)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _unit_sparse(table: sparse.csr_matrix) -> sparse.csr_matrix:
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).reshape(-1))
    return (sparse.diags(1 / np.maximum(lengths, 1e-12)) @ table).tocsr()
