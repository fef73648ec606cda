"""The neighbours that words alone give.

A second opinion on the clusters that needs no model and no text. Each document is compared with those that share a
word with it, through the list of documents of each word (an inverted index), so nothing is ever as large as the square
of the number of documents. Where the lists of common words would make it so, the commonest words are passed over.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import igraph
import numpy as np
import scipy.sparse as sparse

from pipeline.cluster.layers import build_graph
from pipeline.text.word_counts import WordCounts

BLOCK_ROWS = 256
PIECE_ROWS = 8_192  # documents a task compares
PART_STEP = 8  # of the documents that share a word, every eighth says how alike the nearest are at least
MANY_SHARE = 4 * PART_STEP  # times as many as are sought, for that to be worth it
# Documents that the words of a document are in, on average, with repetition: what a document costs. The whole of the
# shipped census stays below it, so that nothing is passed over there.
LIST_LIMIT = 20_000


Found = tuple[np.ndarray, np.ndarray]  # neighbours and their similarities
Map = Callable[[Callable[[int], Found], Iterable[int]], Iterable[Found]]


def build_term_graph(words: WordCounts, neighbour_count: int, spread: Map = map) -> tuple[igraph.Graph, np.ndarray]:
    """Returns the neighbour graph of the documents that have terms, from words alone, and their row numbers.

    Cosine of log-scaled TF-IDF. `spread` compares each piece of the documents, here or elsewhere.
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
    count = min(neighbour_count, max(len(known) - 1, 0))
    found = list(spread(WordSearch(matrix, matrix.T.tocsr(), count), range(0, len(known), PIECE_ROWS)))
    del matrix
    neighbours = np.concatenate([np.empty((0, count), np.int64), *(part for part, _ in found)])
    return build_graph(neighbours, np.concatenate([np.empty((0, count)), *(part for _, part in found)])), known


def _searched_words(frequency: np.ndarray, document_count: int) -> np.ndarray:
    """Returns the terms by which documents are compared: all, or the rarer ones where all would cost too much."""
    rising = np.argsort(frequency, kind="stable")
    cost = np.cumsum(frequency[rising].astype(np.float64) ** 2)
    return np.sort(rising[cost <= LIST_LIMIT * document_count])


@dataclass(frozen=True)
class WordSearch:
    """Looks for the most similar documents of one piece of them after the other.

    Attributes:
        matrix: the documents, a row each, of unit length where no word is passed over.
        lists: the documents of each word, a row each.
        count: how many to find.
    """

    matrix: sparse.csr_matrix
    lists: sparse.csr_matrix
    count: int

    def __call__(self, start: int) -> Found:
        """Returns the most similar documents of those from `start` on: int64 and float64 (n_piece, count).

        Of documents as similar the lower number comes first; where too few share a word, those without one follow.
        """
        matrix, count = self.matrix[start : start + PIECE_ROWS], self.count
        neighbours = np.empty((matrix.shape[0], count), dtype=np.int64)
        similarities = np.empty((matrix.shape[0], count))
        for first in range(0, matrix.shape[0], BLOCK_ROWS):
            block = (matrix[first : first + BLOCK_ROWS] @ self.lists).tocsr()
            for row in range(block.shape[0]):
                inside = slice(block.indptr[row], block.indptr[row + 1])
                columns, found = _pick(block.indices[inside], block.data[inside], count, start + first + row)
                neighbours[first + row], similarities[first + row] = columns, found
        return neighbours, similarities


def _pick(columns: np.ndarray, values: np.ndarray, count: int, own: int) -> Found:
    """Returns the `count` documents of the highest values but the own one, and the values, rounded."""
    if len(values) > MANY_SHARE * count:
        # As many of a part are as high as this, and those that may be among the highest of all are few.
        bar = np.partition(values[::PART_STEP], -count - 1)[-count - 1]
        high = np.flatnonzero(values >= bar - 1e-8)
        if bar > 1e-8:
            columns, values = columns[high], values[high]
    columns, found = columns.astype(np.int64), np.round(values, 9)
    is_other = (columns != own) & (found > 0)
    columns, found = columns[is_other], found[is_other]
    if len(found) < count:
        columns, found = _fill(columns, found, count, own)
    near = np.flatnonzero(found >= np.partition(found, -count)[-count]) if count else np.empty(0, np.int64)
    chosen = near[np.lexsort((columns[near], -found[near]))][:count]
    return columns[chosen], found[chosen]


def _fill(columns: np.ndarray, found: np.ndarray, count: int, own: int) -> tuple[np.ndarray, np.ndarray]:
    """Adds the first documents that share no word, as unlike as can be, until there are `count`."""
    others = np.setdiff1d(np.arange(len(columns) + count + 1), [*columns, own])[: count - len(columns)]
    return np.concatenate([columns, others]), np.concatenate([found, np.zeros(len(others))])
