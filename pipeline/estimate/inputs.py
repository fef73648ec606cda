"""What every estimate starts from: the codebook, the read sample, and all documents with their predicted codes."""

import numpy as np

from pipeline import store
from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.current import read_sample
from pipeline.coding.definitions import check_nesting
from pipeline.coding.sample import SCREENED, Sample, settle_codes
from pipeline.config import Config
from pipeline.estimate.classify import Predictions, predict_codes
from pipeline.estimate.domains import Population
from pipeline.estimate.kept import PLACE, keep_predictions, name_predictions
from pipeline.estimate.material import open_material
from pipeline.estimate.people import name_people
from pipeline.schemas import AUTHORSHIP, DOCUMENTS

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
    place = config.path(config.paths.processed, *PLACE)
    # What hangs on no reading is made beside the sheets, if it will be needed.
    with open_material(config, documents, is_fresh=is_fresh, at_once=is_fresh or not place.exists()) as gather:
        sample = read_sample(config, codebook)
        codes = settle_codes(sample)
        # A screener's mark is no reading: nothing is learnt from it.
        codes = codes[(codes["phase2_stratum"] != SCREENED) | codes["is_adjudicated"]].reset_index(drop=True)

        def make() -> Predictions:
            material = gather()
            return predict_codes(
                material.vectors,
                material.words,
                documents,
                codes,
                codebook,
                material.near,
                material.texts,
                material.laid,
            )

        if is_fresh:
            predictions = make()
        else:
            files = [config.processed(name) for name in ("documents", "embeddings", "terms")]
            predictions = keep_predictions(place, name_predictions(files, codes, codebook), make)
    documents = documents.assign(published_year=documents["published_year"].fillna(-1))
    return codebook, sample, Population(documents, np.empty(0, dtype=int), predictions).of(sample)
