"""How alike two documents are, from what the census publishes of them: vectors, neighbours, terms, titles, names.

Every likeness is a kernel between all documents and the read ones. The text itself is not needed.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.estimate.kernel import KERNEL_WEIGHTS, Features, Kernel, NeighbourMeans, measure_sums
from pipeline.text.word_counts import WordCounts

NEIGHBOUR_COUNT = 15
LEAST_WORKS = 3  # a name on fewer documents says nothing about the others
MOST_NAMES = 60  # a longer list is a collaboration, or a list split wrongly
TITLE_WORD_COUNT = 2  # documents that a title word must occur in
Weighed = tuple[sparse.csr_matrix, sparse.csr_matrix]  # terms, and words of titles


@dataclass(frozen=True)
class TextFeatures:
    """The features of the texts, which hang on no vector but by the neighbours.

    Attributes:
        terms: float64 (n, n_terms), unit rows. titles: float64 (n, n_words), words of titles, unit rows.
        lengths: float64 (n,), of the sum of the terms of a document's neighbours.
    """

    terms: sparse.csr_matrix
    titles: sparse.csr_matrix
    lengths: np.ndarray

    @classmethod
    def of(
        cls, neighbours: np.ndarray, words: WordCounts, titles: pd.Series, weighed: Weighed | None = None
    ) -> "TextFeatures":
        """Returns them; arguments as in `compute_kernel`. `weighed`, if known, from `weigh_texts`."""
        terms, title_words = weighed or weigh_texts(words, titles)
        return cls(terms, title_words, measure_sums(_mean_of_neighbours(neighbours, len(titles)), terms))


def weigh_texts(words: WordCounts, titles: pd.Series) -> Weighed:
    """Returns the terms of documents, float64 (n, n_terms), and the words of titles, (n, n_words), in unit rows."""
    return weigh_terms(words, len(titles)), _weigh_titles(titles)


def weigh_terms(words: WordCounts, total: int) -> sparse.csr_matrix:
    """Returns the terms of `total` documents: float64 (total, n_terms), unit rows."""
    from sklearn.feature_extraction.text import TfidfTransformer  # noqa: PLC0415  half a second to load, which a run with kept predictions saves

    counts = words.counts.astype(np.float64)
    table = sparse.csr_matrix((counts, (words.rows, words.columns)), shape=(total, len(words.vocabulary)))
    return TfidfTransformer(sublinear_tf=True).fit_transform(table) if words.vocabulary else table


def compute_kernel(
    vectors: np.ndarray,
    neighbours: np.ndarray,
    words: WordCounts,
    documents: pd.DataFrame,
    read: np.ndarray,
    texts: TextFeatures | None = None,
    laid: dict[str, Features] | None = None,
) -> Kernel:
    """Returns how alike every document and every read one are.

    A document of which only the opening was at hand is known better by its neighbours than by its own vector, so the
    mean vector and the mean terms of the nearest documents, read or not, count as much as its own.

    Args:
        vectors: float16 (n, n_dims), unit rows.
        neighbours: int (n, count), the nearest documents of each.
        words: term counts of the documents.
        documents: columns doc_id, title, authors, frame; n rows in the order of `vectors`.
        read: int (n_read,), rows of the read documents.
        texts, laid: features of the same documents, if they are known (`TextFeatures.of`; `lay_vectors`, `lay_facts`).
    """
    texts = texts or TextFeatures.of(neighbours, words, documents["title"])
    around = _mean_of_neighbours(neighbours, len(vectors))
    features: dict[str, Features] = {
        **(laid or {**lay_vectors(vectors, neighbours), **lay_facts(documents)}),
        "terms": texts.terms,
        "neighbourhood terms": NeighbourMeans.of(around, texts.terms, texts.lengths),
        "title": texts.titles,
    }
    return Kernel({name: features[name] for name in KERNEL_WEIGHTS}, read)


def find_near_duplicates(neighbours: np.ndarray, cosines: np.ndarray, threshold: float) -> np.ndarray:
    """Returns a group number for every document: int (n,); near-duplicates, and their near-duplicates, share one.

    Args:
        neighbours: int (n, count), the nearest documents of each.
        cosines: float64 (n, count), with them.
        threshold: cosine from which two documents are near-duplicates.
    """
    total = len(neighbours)
    rows, columns = np.nonzero(cosines >= threshold)
    graph = sparse.coo_matrix((np.ones(len(rows)), (rows, neighbours[rows, columns])), shape=(total, total))
    return sparse.csgraph.connected_components(graph, directed=False)[1]


def lay_vectors(vectors: np.ndarray, neighbours: np.ndarray) -> dict[str, Features]:
    """Returns vectors and sums of those of the neighbours: float64 (n, n_dims) each, unit rows."""
    exact = vectors.astype(np.float64)
    # Before the vectors themselves are made unit rows, in place: each is a sixteenth of a GiB.
    means = _mean_of_neighbours(neighbours, len(vectors)) @ exact
    return {"vector": _make_unit_rows(exact), "neighbourhood": _make_unit_rows(means)}


def lay_facts(documents: pd.DataFrame) -> dict[str, Features]:
    """Returns names and frames of documents, unit rows; columns authors and frame."""
    total, codes = len(documents), documents["frame"].astype("category").cat.codes.to_numpy()
    return {
        "authors": _make_unit(_name_matrix(documents["authors"])),
        "frame": sparse.csr_matrix((np.ones(total), (np.arange(total), codes))),
    }


def _mean_of_neighbours(neighbours: np.ndarray, total: int) -> sparse.csr_matrix:
    sources = np.repeat(np.arange(total), neighbours.shape[1])
    return sparse.csr_matrix((np.ones(len(sources)), (sources, neighbours.reshape(-1))), shape=(total, total))


def _weigh_titles(titles: pd.Series) -> sparse.csr_matrix:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415  half a second to load, which a run with kept predictions saves

    words = TfidfVectorizer(sublinear_tf=True, min_df=TITLE_WORD_COUNT, stop_words="english", ngram_range=(1, 2))
    try:
        return words.fit_transform(titles.fillna(""))
    except ValueError:  # scikit-learn's word for "no word is left"
        return sparse.csr_matrix((len(titles), 1))


def _name_matrix(authors: pd.Series) -> sparse.csr_matrix:
    pairs = [
        (row, name) for row, names in enumerate(authors) if len(names) <= MOST_NAMES for name in dict.fromkeys(names)
    ]
    table = pd.DataFrame(pairs, columns=["row", "name"])
    table = table[table.groupby("name")["row"].transform("size") >= LEAST_WORKS]
    columns, names = pd.factorize(table["name"], sort=True)
    return sparse.csr_matrix(
        (np.ones(len(table)), (table["row"].to_numpy(), columns)), shape=(len(authors), max(len(names), 1))
    )


def _make_unit_rows(matrix: np.ndarray) -> np.ndarray:
    """Makes rows of length one, in place; an empty row stays empty. Returns the matrix."""
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
    matrix /= np.where(lengths > 0, lengths, 1)[:, None]
    return matrix


def _make_unit(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Makes rows of length one, in place; an empty row stays empty. Returns the matrix."""
    matrix.sum_duplicates()
    squares = sparse.csr_matrix((matrix.data**2, matrix.indices, matrix.indptr), shape=matrix.shape)
    lengths = np.sqrt(np.asarray(squares.sum(axis=1)).reshape(-1))
    matrix.data *= np.repeat(1 / np.where(lengths > 0, lengths, 1), np.diff(matrix.indptr))
    return matrix
