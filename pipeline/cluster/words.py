"""The neighbours that words alone give.

A second opinion on the clusters that needs no model and no text. Each document is compared with those that share a
word with it, through the list of documents of each word (an inverted index), so nothing is ever as large as the square
of the number of documents. Where the lists of common words would make it so, the commonest words are passed over.
"""

from functools import partial

import igraph
import numpy as np
import scipy.sparse as sparse

from pipeline.cluster.forked import run_forked
from pipeline.cluster.layers import build_graph
from pipeline.text.word_counts import WordCounts

BLOCK_ROWS = 256
PIECE_ROWS = 8_192  # documents a task compares
# Documents that the words of a document are in, on average, with repetition: what a document costs. The whole of the
# shipped census stays below it, so that nothing is passed over there.
LIST_LIMIT = 20_000


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
