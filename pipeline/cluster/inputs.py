"""What the stage reads, and the two neighbour graphs that are made of it where something is to be cut."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import igraph
import numpy as np
import pandas as pd

from pipeline import store
from pipeline.cluster.cells import find_near_neighbours, put_into_cells
from pipeline.cluster.layers import build_graph
from pipeline.cluster.matching import Reference, read_reference
from pipeline.cluster.neighbours import find_neighbours
from pipeline.cluster.second import read_second
from pipeline.cluster.words import Found, build_term_graph
from pipeline.coding.group_names import SetName, read_set_names
from pipeline.config import Config
from pipeline.groups import read_groups
from pipeline.schemas import DOCUMENTS, SECOND_MEMBERS, TERMS, embeddings_table
from pipeline.text.word_counts import WordCounts, code_terms
from pipeline.workers import map_parts

EXACT_LIMIT = 20_000  # documents above which neighbours are searched for in near cells only


@dataclass(frozen=True)
class Inputs:
    """Everything that clusters are made from.

    Attributes:
        documents: index doc_id, sorted; columns source, frame, published_year, text_sha256, title.
        vectors: float16 (n, n_dims), unit rows, in the order of `documents`.
        words: term counts of the documents.
        reference: the last published clustering.
        set_names: names that a reader gave, by cluster_id.
        second: rows of `second_members`, the layers that another encoder gave; empty where no census has them.
    """

    documents: pd.DataFrame
    vectors: np.ndarray
    words: WordCounts
    reference: Reference
    set_names: Mapping[str, SetName]
    second: pd.DataFrame = field(default_factory=lambda: SECOND_MEMBERS.arrow_schema.empty_table().to_pandas())


@dataclass(frozen=True)
class Graphs:
    """The neighbours of every document.

    Attributes:
        matrix: float16 (n, n_dims), unit rows.
        near: the nearest neighbours by vector and their similarities, (n, count) each.
        vectors: the graph made of them, whose vertices may have another order than the documents: see `order`.
        words: the graph of neighbours by words.
        known: the documents that have words, in the order of the vertices of `words`: int64 (n_known,).
        inside: bool (n_documents,), which documents these are; None where they are all.
        order: the document of each vertex of `vectors`, int64 (n,), or None where it is the same. Of many documents
            like ones come together, so that a cut finds what it looks at next near at hand.
    """

    matrix: np.ndarray
    near: tuple[np.ndarray, np.ndarray]
    vectors: igraph.Graph
    words: igraph.Graph
    known: np.ndarray
    inside: np.ndarray | None = None
    order: np.ndarray | None = None

    def to_vertices(self, values: np.ndarray) -> np.ndarray:
        """Returns values of documents in the order of the vertices."""
        return values if self.order is None else values[self.order]

    def to_documents(self, values: np.ndarray) -> np.ndarray:
        """Returns values of vertices in the order of the documents."""
        if self.order is None:
            return values
        found = np.empty_like(values)
        found[self.order] = values
        return found


def load_inputs(config: Config) -> Inputs:
    """Reads the tables of the stages before, the last clustering, and the names readers gave.

    Raises:
        DataError: a table is missing or damaged.
        SheetError: the file of names is malformed.
    """
    doc_ids, vectors = read_vectors(config)
    columns = ("doc_id", "source", "frame", "published_year", "text_sha256", "title")
    documents = store.read_table(DOCUMENTS, config.processed("documents"), columns).set_index("doc_id").loc[doc_ids]
    return Inputs(
        documents,
        vectors,
        code_terms(read_groups(TERMS, config.processed("terms")), documents.index),
        read_reference(config),
        read_set_names(config.path(config.paths.handcheck)),
        read_second(config),
    )


def read_vectors(config: Config) -> tuple[pd.Series, np.ndarray]:
    """Returns the doc_id of every document and their vectors, float16 (n, n_dims), holding little else meanwhile.

    Both are in the order of the ids, whatever that of the file: labels must not hang on it.
    """
    table = embeddings_table(config.embed.dimension_count)
    doc_ids, parts = [], []
    for rows in read_groups(table, config.processed("embeddings"), ("doc_id", "vector")):
        doc_ids.append(rows.column("doc_id").to_pandas())
        parts.append(store.matrix_from_column(rows.column("vector")))
    if not parts:
        return pd.Series(dtype=str), np.empty((0, config.embed.dimension_count), np.float16)
    ids, vectors = pd.concat(doc_ids, ignore_index=True), np.concatenate(parts)
    if ids.is_monotonic_increasing:  # as every table is that this program wrote
        return ids, vectors
    order = np.argsort(ids.to_numpy(dtype=str), kind="stable")
    return ids.iloc[order].reset_index(drop=True), vectors[order]


def build_graphs(config: Config, inputs: Inputs, inside: np.ndarray | None = None) -> Graphs:
    """Finds the neighbours of every document of `inputs`, by vectors and by words; `inside` says which they are."""
    count, total = config.cluster.neighbour_count, len(inputs.vectors)

    def spread(work: Callable[[int], Found], parts: Iterable[int]) -> Iterator[Found]:
        return map_parts(config.embed, work, parts, total)

    order = None
    if total <= max(EXACT_LIMIT, count):
        near = find_neighbours(inputs.vectors, count)
        graph = build_graph(*near)
    else:
        cells = put_into_cells(inputs.vectors, config.seed)
        near = find_near_neighbours(inputs.vectors, count, cells, spread=spread)
        order = np.argsort(cells.numbers, kind="stable")
        graph = order_graph(near, order)
    return Graphs(inputs.vectors, near, graph, *build_term_graph(inputs.words, count, spread), inside, order)


def order_graph(near: tuple[np.ndarray, np.ndarray], order: np.ndarray) -> igraph.Graph:
    """Returns the graph of neighbours with the documents as vertices in another order, which is int64 (n,)."""
    return build_graph(np.argsort(order)[near[0][order]], near[1][order])
