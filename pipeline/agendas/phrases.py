"""Which documents name an agenda: in the title, or among the words that the census keeps of the text."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.coding.agenda_list import Agenda
from pipeline.text.phrases import fold_text, phrase_pattern


def find_in_titles(titles: pd.Series, agendas: Sequence[Agenda]) -> np.ndarray:
    """Returns whether a title holds a phrase of an agenda: bool (n_documents, n_agendas)."""
    folded = [fold_text(title) for title in titles.fillna("")]
    patterns = [phrase_pattern(agenda.phrases) for agenda in agendas]
    found = [[pattern.search(title) is not None for pattern in patterns] for title in folded]
    return np.array(found, dtype=bool).reshape(len(folded), len(agendas))


def find_in_terms(terms: pd.DataFrame, doc_ids: pd.Series, agendas: Sequence[Agenda]) -> np.ndarray:
    """Returns whether the kept terms of a document hold a phrase of an agenda: bool (n_documents, n_agendas).

    Args:
        terms: rows of the table `terms`: words and pairs of words, so that longer phrases are never found.
        doc_ids: (n_documents,).
        agendas: with their phrases.
    """
    row = pd.Index(doc_ids).get_indexer(terms["doc_id"])
    code, vocabulary = pd.factorize(terms["term"])
    folded = [fold_text(term) for term in vocabulary]
    found = np.zeros((len(doc_ids), len(agendas)), dtype=bool)
    for place, agenda in enumerate(agendas):
        pattern = phrase_pattern(agenda.phrases)
        names_it = np.array([pattern.search(term) is not None for term in folded], dtype=bool)
        if names_it.any():
            found[row[names_it[code] & (row >= 0)], place] = True
    return found
