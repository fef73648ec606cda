"""Which documents name something that has phrases of its own: in the title, or among the words kept of the text."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from pipeline.text.phrases import fold_text, phrase_pattern

_WORD = re.compile(r"\w+")
Phrases = Sequence[Sequence[str]]


def find_in_titles(titles: pd.Series, phrases: Phrases) -> np.ndarray:
    """Returns whether a title holds one of several phrases: bool (n_documents, n_lists)."""
    return find_in_folded([fold_text(title) for title in titles.fillna("")], phrases)


def find_in_words(
    rows: np.ndarray, columns: np.ndarray, vocabulary: Sequence[str], total: int, phrases: Phrases
) -> np.ndarray:
    """Returns whether the kept terms of a document hold one of several phrases: bool (n_documents, n_lists).

    Terms are words and pairs of words, so that longer phrases are never found.

    Args:
        rows, columns: int (n,), the document and the place in `vocabulary` of each term of each document.
        vocabulary: every term.
        total: documents.
        phrases: a list of them for each thing that is looked for.
    """
    named = find_in_folded([fold_text(term) for term in vocabulary], phrases)
    found = np.zeros((total, len(phrases)), dtype=bool)
    is_named = np.asarray(named.any(axis=1))[columns]  # a hundredth of all terms of all documents
    row, place = np.nonzero(named[columns[is_named]])
    found[rows[is_named][row], place] = True
    return found


def find_in_folded(texts: Sequence[str], phrases: Phrases) -> np.ndarray:
    """Returns whether a folded text holds one of several phrases: bool (n_texts, n_lists).

    Only texts with a word that a phrase may begin with are searched: a hundredth of them, for most lists.
    """
    rows_of = _index_words(texts)
    words = sorted(rows_of)
    found = np.zeros((len(texts), len(phrases)), dtype=bool)
    for place, own in enumerate(phrases):
        pattern = phrase_pattern(own)
        begins = [_list_beginnings(fold_text(phrase.rstrip("* ")), words) for phrase in own]
        if any(each is None for each in begins):
            asked: Iterable[int] = range(len(texts))
        else:
            asked = {row for each in begins for word in each or () for row in rows_of[word]}
        for row in asked:
            found[row, place] = pattern.search(texts[row]) is not None
    return found


def _index_words(texts: Sequence[str]) -> dict[str, list[int]]:
    """Returns the texts that each word is in."""
    rows_of: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        for word in set(_WORD.findall(text)):
            rows_of.setdefault(word, []).append(row)
    return rows_of


def _list_beginnings(phrase: str, words: Sequence[str]) -> Sequence[str] | None:
    """Returns which of some sorted words a folded phrase may begin with in a text; None: with no word at all."""
    first = _WORD.match(phrase)
    if first is None:
        return None
    start = bisect_left(words, first.group())
    if first.end() < len(phrase):  # what follows ends the word
        return words[start : bisect_right(words, first.group())]
    stop = start
    while stop < len(words) and words[stop].startswith(first.group()):
        stop += 1
    return words[start:stop]
