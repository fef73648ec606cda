"""Word counts as numbers, and the neighbours that words alone give.

A second opinion on the clusters that needs no model and no text. Each document is compared with those that share a
word with it, through the list of documents of each word (an inverted index), so nothing is ever as large as the square
of the number of documents. Where the lists of common words would make it so, the commonest words are passed over.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import igraph
import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse as sparse

from pipeline.cluster.forked import run_forked
from pipeline.cluster.layers import build_graph

BLOCK_ROWS = 256
PIECE_ROWS = 8_192  # documents a task compares
# Documents that the words of a document are in, on average, with repetition: what a document costs. The whole of the
# shipped census stays below it, so that nothing is passed over there.
LIST_LIMIT = 20_000


@dataclass(frozen=True)
class WordCounts:
    """Term counts: one entry for each term of each document, by document and term.

    Attributes:
        rows: the document, int32 (n,).
        columns: the term, int32 (n,), a place in `vocabulary`.
        counts: how often, int16 (n,).
        vocabulary: every term, sorted.
    """

    rows: np.ndarray
    columns: np.ndarray
    counts: np.ndarray
    vocabulary: list[str]


def code_terms(parts: Iterable[pa.Table], doc_ids: pd.Index) -> WordCounts:
    """Returns the term counts of the documents in `doc_ids`; rows of other documents are left out.

    Args:
        parts: rows of the table `terms`, in its order.
        doc_ids: sorted.
    """
    codes: dict[str, int] = {}
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for part in parts:
        names, terms = (part.column(name).combine_chunks().dictionary_encode() for name in ("doc_id", "term"))
        row_of = doc_ids.get_indexer(pd.Index(names.dictionary.to_pylist()))
        code_of = [codes.setdefault(term, len(codes)) for term in terms.dictionary.to_pylist()]
        rows = row_of[names.indices.to_numpy()].astype(np.int32)
        columns = np.array(code_of, dtype=np.int32)[terms.indices.to_numpy()]
        is_known = rows >= 0
        found.append((rows[is_known], columns[is_known], part.column("term_count").to_numpy()[is_known]))
    vocabulary = sorted(codes)
    place_of = np.empty(len(codes), dtype=np.int32)
    place_of[[codes[term] for term in vocabulary]] = np.arange(len(codes), dtype=np.int32)
    empty = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int16))
    rows, columns, counts = (np.concatenate(column) for column in zip(empty, *found, strict=True))
    return WordCounts(rows, place_of[columns], counts, vocabulary)


def build_term_graph(words: WordCounts, neighbour_count: int) -> tuple[igraph.Graph, np.ndarray]:
    """Returns the neighbour graph of the documents that have terms, from words alone, and their row numbers.

    Cosine of log-scaled TF-IDF.
    """
    frequency = np.bincount(words.columns, minlength=len(words.vocabulary))
    counts_of = np.bincount(words.rows)
    known = np.flatnonzero(counts_of)
    weights = np.log1p(words.counts.astype(float))
    weights *= np.log(len(known) / frequency)[words.columns]
    # The entries come by document, so they are the rows of a sparse matrix as they stand.
    starts = np.concatenate([[0], np.cumsum(counts_of[known])])
    shape = (len(known), len(words.vocabulary))
    matrix = sparse.csr_matrix((np.round(weights, 9, out=weights), words.columns, starts), shape)
    squares = sparse.csr_matrix((matrix.data**2, matrix.indices, starts), shape)
    lengths = np.sqrt(np.asarray(squares.sum(axis=1)).reshape(-1))
    del squares
    matrix.data *= np.repeat(1 / np.maximum(lengths, 1e-12), np.diff(starts))
    searched = _searched_words(frequency, len(known))
    if len(searched) < len(frequency):
        matrix = matrix[:, searched]
    lists = matrix.T.tocsr()
    count = min(neighbour_count, max(len(known) - 1, 0))
    found = run_forked([partial(_search, matrix, lists, count, first) for first in range(0, len(known), PIECE_ROWS)])
    del matrix, lists
    neighbours = np.concatenate([np.empty((0, count), np.int64), *(part for part, _ in found)])
    return build_graph(neighbours, np.concatenate([np.empty((0, count)), *(part for _, part in found)])), known


def _searched_words(frequency: np.ndarray, document_count: int) -> np.ndarray:
    """Returns the terms by which documents are compared: all, or the rarer ones where all would cost too much."""
    rising = np.argsort(frequency, kind="stable")
    cost = np.cumsum(frequency[rising].astype(np.float64) ** 2)
    return np.sort(rising[cost <= LIST_LIMIT * document_count])


def _search(
    matrix: sparse.csr_matrix, lists: sparse.csr_matrix, count: int, start: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the most similar documents of some rows of `matrix`, from row `start` on.

    Of documents as similar the lower number comes first; where too few share a word, those without one follow.
    """
    matrix = matrix[start : start + PIECE_ROWS]
    neighbours = np.empty((matrix.shape[0], count), dtype=np.int64)
    similarities = np.empty((matrix.shape[0], count))
    for first in range(0, matrix.shape[0], BLOCK_ROWS):
        block = (matrix[first : first + BLOCK_ROWS] @ lists).tocsr()
        values = np.round(block.data, 9)
        for row in range(block.shape[0]):
            inside = slice(block.indptr[row], block.indptr[row + 1])
            columns, found = block.indices[inside].astype(np.int64), values[inside]
            is_other = (columns != start + first + row) & (found > 0)
            columns, found = columns[is_other], found[is_other]
            if len(found) < count:
                columns, found = _fill(columns, found, count, start + first + row)
            near = np.flatnonzero(found >= np.partition(found, -count)[-count]) if count else np.empty(0, np.int64)
            chosen = near[np.lexsort((columns[near], -found[near]))][:count]
            neighbours[first + row], similarities[first + row] = columns[chosen], found[chosen]
    return neighbours, similarities


def _fill(columns: np.ndarray, found: np.ndarray, count: int, own: int) -> tuple[np.ndarray, np.ndarray]:
    """Adds the first documents that share no word, as unlike as can be, until there are `count`."""
    others = np.setdiff1d(np.arange(len(columns) + count + 1), [*columns, own])[: count - len(columns)]
    return np.concatenate([columns, others]), np.concatenate([found, np.zeros(len(others))])
