"""Which documents name something that has phrases of its own: in the title, or among the words kept of the text."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.text.phrases import fold_text, phrase_pattern

Phrases = Sequence[Sequence[str]]


def find_in_titles(titles: pd.Series, phrases: Phrases) -> np.ndarray:
    """Returns whether a title holds one of several phrases: bool (n_documents, n_lists)."""
    folded = [fold_text(title) for title in titles.fillna("")]
    patterns = [phrase_pattern(own) for own in phrases]
    found = [[pattern.search(title) is not None for pattern in patterns] for title in folded]
    return np.array(found, dtype=bool).reshape(len(folded), len(phrases))


def find_in_terms(terms: pd.DataFrame, doc_ids: pd.Series, phrases: Phrases) -> np.ndarray:
    """Returns whether the kept terms of a document hold one of several phrases: bool (n_documents, n_lists).

    Args:
        terms: rows of the table `terms`: words and pairs of words, so that longer phrases are never found.
        doc_ids: (n_documents,).
        phrases: a list of them for each thing that is looked for.
    """
    row = pd.Index(doc_ids).get_indexer(terms["doc_id"])
    code, vocabulary = pd.factorize(terms["term"])
    return find_in_words(row[row >= 0], code[row >= 0], list(vocabulary), len(doc_ids), phrases)


def find_in_words(
    rows: np.ndarray, columns: np.ndarray, vocabulary: Sequence[str], total: int, phrases: Phrases
) -> np.ndarray:
    """Returns the same from terms as numbers.

    Args:
        rows, columns: int (n,), the document and the place in `vocabulary` of each term of each document.
        vocabulary: every term.
        total: documents.
        phrases: a list of them for each thing that is looked for.
    """
    folded = [fold_text(term) for term in vocabulary]
    found = np.zeros((total, len(phrases)), dtype=bool)
    for place, own in enumerate(phrases):
        pattern = phrase_pattern(own)
        names_it = np.array([pattern.search(term) is not None for term in folded], dtype=bool)
        if names_it.any():
            found[rows[names_it[columns]], place] = True
    return found
