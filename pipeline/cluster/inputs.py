"""What the stage reads, and the two neighbour graphs made of it."""

from dataclasses import dataclass, field

import igraph
import numpy as np
import pandas as pd

from pipeline import store
from pipeline.cluster.cells import find_near_neighbours
from pipeline.cluster.layers import build_graph, find_neighbours
from pipeline.cluster.matching import Reference, read_reference
from pipeline.cluster.names import SetName, read_set_names
from pipeline.cluster.second import read_second
from pipeline.cluster.stability import build_term_graph
from pipeline.config import Config
from pipeline.schemas import DOCUMENTS, SECOND_MEMBERS, TERMS, embeddings_table

EXACT_LIMIT = 200_000  # documents above which neighbours are searched for in near cells only


@dataclass(frozen=True)
class Inputs:
    """Everything that clusters are made from.

    Attributes:
        documents: index doc_id, sorted; columns source, frame, published_year.
        vectors: float16 (n, n_dims), unit rows, in the order of `documents`.
        terms: rows of the table `terms`.
        near: the nearest neighbours by vector and their similarities, (n, count) each.
        graph: made of them.
        term_graph: neighbours by words, and the rows of `documents` that are its vertices.
        reference: the last published clustering.
        set_names: names that a reader gave, by cluster_id.
        second: rows of `second_members`, the layers that another encoder gave; empty where no census has them.
    """

    documents: pd.DataFrame
    vectors: np.ndarray
    terms: pd.DataFrame
    near: tuple[np.ndarray, np.ndarray]
    graph: igraph.Graph
    term_graph: tuple[igraph.Graph, np.ndarray]
    reference: Reference
    set_names: dict[str, SetName]
    second: pd.DataFrame = field(default_factory=lambda: SECOND_MEMBERS.arrow_schema.empty_table().to_pandas())


def load_inputs(config: Config) -> Inputs:
    """Reads the tables of the stages before, the last clustering, and the names readers gave.

    Raises:
        DataError: a table is missing or damaged.
        SheetError: the file of names is malformed.
    """
    table = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    vectors = store.matrix_from_column(table.column("vector"))
    columns = ("doc_id", "source", "frame", "published_year")
    documents = store.read_table(DOCUMENTS, config.processed("documents"), columns).set_index("doc_id")
    documents = documents.loc[table.column("doc_id").to_pandas()]
    terms = store.read_table(TERMS, config.processed("terms"))
    count = config.cluster.neighbour_count
    is_exact = len(vectors) <= EXACT_LIMIT
    near = find_neighbours(vectors, count) if is_exact else find_near_neighbours(vectors, count, config.seed)
    return Inputs(
        documents,
        vectors,
        terms,
        near,
        build_graph(*near),
        build_term_graph(terms, documents.index.to_series(), count),
        read_reference(config),
        read_set_names(config.path(config.paths.handcheck)),
        read_second(config),
    )
