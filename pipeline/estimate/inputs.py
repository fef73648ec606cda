"""What every estimate starts from: the codebook, the read sample, and all documents with their predicted codes."""

from functools import partial

import numpy as np
import pandas as pd

from pipeline import store
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
from pipeline.estimate.kept_neighbours import PLACE as NEIGHBOURS_PLACE
from pipeline.estimate.kept_neighbours import keep_neighbours
from pipeline.estimate.people import name_people
from pipeline.schemas import (
    AUTHORSHIP,
    DOCUMENTS,
    TERMS,
    embeddings_table,
)

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
    sample = read_sample(config, codebook)
    codes = settle_codes(sample)
    # A screener's mark is no reading: nothing is learnt from it.
    codes = codes[(codes["phase2_stratum"] != SCREENED) | codes["is_adjudicated"]].reset_index(drop=True)
    make = partial(_predict, config, documents, codes, codebook)
    if is_fresh:
        predictions = make(is_fresh=True)
    else:
        files = [config.processed(name) for name in ("documents", "embeddings", "terms")]
        name = name_predictions(files, codes, codebook)
        predictions = keep_predictions(config.path(config.paths.processed, *PLACE), name, make)
    documents = documents.assign(published_year=documents["published_year"].fillna(-1))
    return codebook, sample, Population(documents, np.empty(0, dtype=int), predictions).of(sample)


def _predict(
    config: Config, documents: pd.DataFrame, codes: pd.DataFrame, codebook: Codebook, *, is_fresh: bool = False
) -> Predictions:
    embeddings = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    if embeddings.column("doc_id").to_pylist() != documents["doc_id"].to_list():
        raise DataError("the vectors are of other documents", where="embeddings", do="run make estimate")
    vectors = store.matrix_from_column(embeddings.column("vector"))
    terms = store.read_table(TERMS, config.processed("terms"))
    place = config.path(config.paths.processed, *NEIGHBOURS_PLACE)
    near = None if is_fresh else keep_neighbours(place, vectors, NEIGHBOUR_COUNT)
    return predict_codes(vectors, terms, documents, codes, codebook, near)
