"""What every estimate starts from: the codebook, the read sample, and all documents with their predicted codes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.cluster.neighbours import find_neighbours
from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.current import read_sample
from pipeline.coding.definitions import check_nesting
from pipeline.coding.sample import SCREENED, Sample, settle_codes
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.estimate.classify import Predictions, predict_codes
from pipeline.estimate.domains import Population
from pipeline.estimate.features import NEIGHBOUR_COUNT, TextFeatures
from pipeline.estimate.kept import PLACE, keep_predictions, name_predictions
from pipeline.estimate.kept_features import PLACE as FEATURES_PLACE
from pipeline.estimate.kept_features import keep_features
from pipeline.estimate.kept_neighbours import PLACE as NEIGHBOURS_PLACE
from pipeline.estimate.kept_neighbours import Near, keep_neighbours
from pipeline.estimate.people import name_people
from pipeline.groups import read_groups
from pipeline.schemas import (
    AUTHORSHIP,
    DOCUMENTS,
    TERMS,
    embeddings_table,
)
from pipeline.text.word_counts import WordCounts, code_terms

DOCUMENT_COLUMNS = (
    "doc_id",
    "source",
    "frame",
    "published_year",
    "title",
    "authors",
    "karma",
    "word_count",
    "text_kind",
)


@dataclass(frozen=True)
class Material:
    """What predictions are made from besides the readings.

    Attributes:
        vectors: float16 (n, n_dims), unit rows. near: the nearest documents of each, with their cosines.
        words: term counts. texts: features of the texts.
    """

    vectors: np.ndarray
    near: Near
    words: WordCounts
    texts: TextFeatures


def load_inputs(config: Config, *, is_fresh: bool = False) -> tuple[Codebook, Sample, Population]:
    """Returns the codebook, the read sample, and all documents with their predicted codes.

    Args:
        config: of the census.
        is_fresh: whether predictions are made again even if the same are kept from the last run.

    Raises:
        DataError: tables are of another corpus than the documents.
    """
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    check_nesting(codebook)
    documents = store.read_table(DOCUMENTS, config.processed("documents"), DOCUMENT_COLUMNS)
    documents = name_people(documents, store.read_table(AUTHORSHIP, config.processed("authorship")))
    place = config.path(config.paths.processed, *PLACE)
    gather: Callable[[], Material] = partial(_gather_material, config, documents, is_fresh=is_fresh)
    with ThreadPoolExecutor(1) as pool:
        if is_fresh or not place.exists():  # beside the sheets: it hangs on no reading
            gather = pool.submit(gather).result
        sample = read_sample(config, codebook)
        codes = settle_codes(sample)
    # A screener's mark is no reading: nothing is learnt from it.
    codes = codes[(codes["phase2_stratum"] != SCREENED) | codes["is_adjudicated"]].reset_index(drop=True)

    def make() -> Predictions:
        material = gather()
        return predict_codes(
            material.vectors, material.words, documents, codes, codebook, material.near, material.texts
        )

    if is_fresh:
        predictions = make()
    else:
        files = [config.processed(name) for name in ("documents", "embeddings", "terms")]
        predictions = keep_predictions(place, name_predictions(files, codes, codebook), make)
    documents = documents.assign(published_year=documents["published_year"].fillna(-1))
    return codebook, sample, Population(documents, np.empty(0, dtype=int), predictions).of(sample)


def _gather_material(config: Config, documents: pd.DataFrame, *, is_fresh: bool) -> Material:
    """Returns what predictions are made from besides the readings.

    Raises:
        DataError: the vectors are of other documents.
    """
    embeddings = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    vectors, ids = store.matrix_from_column(embeddings.column("vector")), embeddings.column("doc_id").to_pylist()
    if ids != documents["doc_id"].to_list():
        raise DataError("the vectors are of other documents", where="embeddings", do="run make estimate")
    words = code_terms(read_groups(TERMS, config.processed("terms")), pd.Index(ids))
    if is_fresh:
        near = find_neighbours(vectors, NEIGHBOUR_COUNT)
        return Material(vectors, near, words, TextFeatures.of(near[0], words, documents["title"]))
    kept, place = (config.path(config.paths.processed, *path) for path in (NEIGHBOURS_PLACE, FEATURES_PLACE))
    near = keep_neighbours(kept, vectors, NEIGHBOUR_COUNT)
    return Material(vectors, near, words, keep_features(place, near[0], words, documents["title"]))
