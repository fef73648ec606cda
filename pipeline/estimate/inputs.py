"""What every estimate starts from: the codebook, the read sample, and all documents with their predicted codes."""

from concurrent.futures import Future, ThreadPoolExecutor
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
from pipeline.estimate.features import NEIGHBOUR_COUNT
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
from pipeline.text.word_counts import code_terms

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
    with ThreadPoolExecutor(1) as pool:
        near = pool.submit(_find_near, config, is_fresh=is_fresh)  # beside the sheets: it hangs on the vectors alone
        sample = read_sample(config, codebook)
        codes = settle_codes(sample)
    # A screener's mark is no reading: nothing is learnt from it.
    codes = codes[(codes["phase2_stratum"] != SCREENED) | codes["is_adjudicated"]].reset_index(drop=True)
    make = partial(_predict, config, documents, codes, codebook, near, is_fresh=is_fresh)
    if is_fresh:
        predictions = make()
    else:
        files = [config.processed(name) for name in ("documents", "embeddings", "terms")]
        name = name_predictions(files, codes, codebook)
        predictions = keep_predictions(config.path(config.paths.processed, *PLACE), name, make)
    documents = documents.assign(published_year=documents["published_year"].fillna(-1))
    return codebook, sample, Population(documents, np.empty(0, dtype=int), predictions).of(sample)


def _find_near(config: Config, *, is_fresh: bool) -> tuple[list[str], np.ndarray, Near]:
    """Returns the ids of documents, their vectors, and the nearest of each."""
    embeddings = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    vectors = store.matrix_from_column(embeddings.column("vector"))
    if is_fresh:
        near = find_neighbours(vectors, NEIGHBOUR_COUNT)
    else:
        near = keep_neighbours(config.path(config.paths.processed, *NEIGHBOURS_PLACE), vectors, NEIGHBOUR_COUNT)
    return embeddings.column("doc_id").to_pylist(), vectors, near


def _predict(
    config: Config,
    documents: pd.DataFrame,
    codes: pd.DataFrame,
    codebook: Codebook,
    found: Future[tuple[list[str], np.ndarray, Near]],
    *,
    is_fresh: bool,
) -> Predictions:
    ids, vectors, near = found.result()
    if ids != documents["doc_id"].to_list():
        raise DataError("the vectors are of other documents", where="embeddings", do="run make estimate")
    words = code_terms(read_groups(TERMS, config.processed("terms")), pd.Index(ids))
    kept = config.path(config.paths.processed, *FEATURES_PLACE)
    texts = None if is_fresh else keep_features(kept, near[0], words, documents["title"])
    return predict_codes(vectors, words, documents, codes, codebook, near, texts)
