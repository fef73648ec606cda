"""How much each document is of each named agenda, learnt from seeds and from what was read against the list.

An agenda is about the subject by definition, so a space in which documents of one agenda lie together is one of the
subject. A ridge regression on what a document is like and on the phrases that name the agendas, asked of each document
by a model that saw neither what was read of it nor that it is a seed. The stage `agendas` assigns documents more
carefully, from what comes later (predictions, weights); these chances serve the clusters alone.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.coding.agenda_list import FILE, AgendaList, load_agendas, read_agenda_sheets
from pipeline.coding.codebook import Codebook
from pipeline.text.phrase_matches import find_in_titles, find_in_words
from pipeline.text.word_counts import WordCounts

RIDGE = 1.0
TITLE_WEIGHT, WORD_WEIGHT = 0.7, 0.4  # of a phrase in the title, and among the words, beside vectors of length one
DECIMALS = 5


def learn_agendas(
    handcheck: Path,
    codebook: Codebook,
    documents: pd.DataFrame,
    words: WordCounts,
    features: np.ndarray,
    fold: np.ndarray,
) -> np.ndarray:
    """Returns the chance of every document and agenda, float64 (n, n_agendas); no columns where nothing is known.

    Args:
        handcheck: the folder with the list and the sheets of agendas.
        codebook: whose leaves the agendas refine.
        documents: index doc_id, sorted; column title.
        words: their term counts.
        features: float64 (n, n_features), what each is like.
        fold: int (n,), the part that each is asked in.
    """
    listed = load_agendas(handcheck / FILE, codebook)
    known, members = list_known(listed, read_agenda_sheets(handcheck, listed), documents.index)
    if not members.any():
        return np.zeros((len(documents), 0))
    phrases = [agenda.phrases for agenda in listed.agendas]
    in_title = find_in_titles(documents["title"], phrases)
    in_words = find_in_words(words.rows, words.columns, words.vocabulary, len(documents), phrases)
    evidence = np.hstack([features, TITLE_WEIGHT * in_title, WORD_WEIGHT * in_words])
    return cross_predict(evidence, known, members, fold)


def list_known(listed: AgendaList, sheets: pd.DataFrame, doc_ids: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows of the seeds and the read documents, rising, and bool (n_known, n_agendas): of which they are.

    What was read of a seed counts before its being one.
    """
    said: dict[str, set[str]] = {}
    for agenda in listed.agendas:
        for seed in agenda.seeds:
            said.setdefault(seed, set()).add(agenda.id)
    said.update({str(doc_id): set(agendas) for doc_id, agendas in sheets["agendas"].items()})
    rows = doc_ids.get_indexer(pd.Index(sorted(said)))
    here = [doc_id for doc_id, row in zip(sorted(said), rows, strict=True) if row >= 0]
    members = np.array([[name in said[doc_id] for name in listed.ids] for doc_id in here], dtype=bool)
    return rows[rows >= 0], members.reshape(len(here), len(listed.ids))


def cross_predict(evidence: np.ndarray, known: np.ndarray, members: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Returns the chances of every document from the known documents of the other folds: float64 (n, n_agendas)."""
    chances = np.zeros((len(evidence), members.shape[1]))
    for number in np.unique(fold):
        learn, asked = fold[known] != number, fold == number
        if not learn.any():
            continue
        own, targets = evidence[known[learn]], members[learn].astype(np.float64)
        middle, shares = own.mean(axis=0), targets.mean(axis=0)
        likeness = (own - middle) @ (own - middle).T
        likeness[np.diag_indices_from(likeness)] += RIDGE
        weights = (own - middle).T @ np.linalg.solve(likeness, targets - shares)
        chances[asked] = np.clip((evidence[asked] - middle) @ weights + shares, 0.0, 1.0)
    return np.round(chances, DECIMALS)
