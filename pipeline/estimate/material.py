"""What predictions are made from besides the readings: vectors, neighbours and texts."""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.cluster.neighbours import find_neighbours
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.estimate.features import NEIGHBOUR_COUNT, TextFeatures, Weighed, lay_facts, lay_vectors, weigh_texts
from pipeline.estimate.kept_features import PLACE as FEATURES_PLACE
from pipeline.estimate.kept_features import keep_features
from pipeline.estimate.kept_neighbours import PLACE as NEIGHBOURS_PLACE
from pipeline.estimate.kept_neighbours import Near, keep_neighbours
from pipeline.estimate.kernel import Features
from pipeline.forked import begin_forked
from pipeline.groups import read_groups
from pipeline.schemas import TERMS, embeddings_table
from pipeline.text.word_counts import WordCounts, code_terms

NICENESS = 3  # the sheets are one long task and go first: what is made beside them uses what they leave
# Half a second to load: once, before what needs them is forked, while neighbours are looked for.
LIBRARIES = ("sklearn.feature_extraction.text", "sklearn.linear_model")


@dataclass(frozen=True)
class Material:
    """What predictions are made from besides the readings.

    Attributes:
        vectors: float16 (n, n_dims), unit rows. near: the nearest documents of each, with their cosines.
        words: term counts. texts: features of the texts. laid: the other features.
    """

    vectors: np.ndarray
    near: Near
    words: WordCounts
    texts: TextFeatures
    laid: dict[str, Features]


@contextlib.contextmanager
def open_material(
    config: Config, documents: pd.DataFrame, *, is_fresh: bool, at_once: bool
) -> Iterator[Callable[[], Material]]:
    """Yields what returns the material.

    Args:
        config: of the census.
        documents: columns doc_id, title, authors and frame.
        is_fresh: whether nothing kept from the last run may be used.
        at_once: whether most of it is begun now, in a process beside this one.

    Raises:
        DataError: the vectors are of other documents.
    """
    look = partial(_look, config, documents, is_fresh=is_fresh)
    read_texts = partial(_read_texts, config, documents, is_weighed=at_once)  # else these are kept, for all we know
    if not at_once:
        yield lambda: _join(config, documents, look, read_texts, is_fresh=is_fresh)
        return
    with begin_forked([look], 1, NICENESS) as looking:
        for module in LIBRARIES:
            importlib.import_module(module)
        with begin_forked([read_texts], 1, NICENESS) as reading:
            yield lambda: _join(config, documents, looking[0], reading[0], is_fresh=is_fresh)


def _join(
    config: Config,
    documents: pd.DataFrame,
    look: Callable[[], tuple[np.ndarray, Near]],
    read_texts: Callable[[], tuple[WordCounts, Weighed | None]],
    *,
    is_fresh: bool,
) -> Material:
    titles, facts = documents["title"], lay_facts(documents)
    words, weighed = read_texts()
    vectors, near = look()  # which takes longest: the rest is done while it is under way
    with ThreadPoolExecutor(1) as pool:
        laying = pool.submit(lay_vectors, vectors, near[0])
        if is_fresh:
            texts = TextFeatures.of(near[0], words, titles, weighed)
        else:
            texts = keep_features(_place(config, FEATURES_PLACE), near[0], words, titles, weighed)
        return Material(vectors, near, words, texts, {**laying.result(), **facts})


def _look(config: Config, documents: pd.DataFrame, *, is_fresh: bool) -> tuple[np.ndarray, Near]:
    """Returns the vectors and the neighbours.

    Raises:
        DataError: the vectors are of other documents.
    """
    vectors = _read_vectors(config, documents)
    if is_fresh:
        return vectors, find_neighbours(vectors, NEIGHBOUR_COUNT)
    return vectors, keep_neighbours(_place(config, NEIGHBOURS_PLACE), vectors, NEIGHBOUR_COUNT)


def _read_texts(config: Config, documents: pd.DataFrame, *, is_weighed: bool) -> tuple[WordCounts, Weighed | None]:
    """Returns term counts, and if it is asked for terms and words of titles weighted."""
    words = code_terms(read_groups(TERMS, config.processed("terms")), pd.Index(documents["doc_id"]))
    return words, weigh_texts(words, documents["title"]) if is_weighed else None


def _read_vectors(config: Config, documents: pd.DataFrame) -> np.ndarray:
    """Returns the vectors: float16 (n, n_dims).

    Raises:
        DataError: they are of other documents.
    """
    embeddings = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    if embeddings.column("doc_id").to_pylist() != documents["doc_id"].to_list():
        raise DataError("the vectors are of other documents", where="embeddings", do="run make estimate")
    return store.matrix_from_column(embeddings.column("vector"))


def _place(config: Config, path: tuple[str, ...]) -> Path:
    return config.path(config.paths.processed, *path)
