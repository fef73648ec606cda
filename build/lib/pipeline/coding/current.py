"""The read sample of a configuration: its rounds, laid over the census as the last run of `corpus` left it."""

import pandas as pd

from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.coding.rounds import rounds_of
from pipeline.coding.sample import Sample, load_sample
from pipeline.config import Config
from pipeline.schemas import DOCUMENTS, FRAME_MEMBERS, TEXT_VERSIONS

COLUMNS = ("doc_id", "frame", "published_year", "published_date", "text_sha256")


def read_sample(config: Config, codebook: Codebook) -> Sample:
    """Returns the union of the rounds that `[estimate]` names, as far as they are read.

    Raises:
        DataError: `corpus` has not run.
        SheetError: a round or a sheet is malformed, or nothing is read.
    """
    documents = store.read_table(DOCUMENTS, config.processed("documents"), COLUMNS)
    members, versions = (
        store.read_table(table, config.processed(table.name)) if config.processed(table.name).exists() else None
        for table in (FRAME_MEMBERS, TEXT_VERSIONS)
    )
    handcheck = config.path(config.paths.handcheck)
    return load_sample(handcheck, rounds_of(config.estimate), codebook, documents, members, config.frames, versions)


def predictable(sample: Sample, documents: pd.DataFrame) -> pd.Series:
    """Returns, by stratum, whether each of its documents is in `documents`, so that predictions can be averaged."""
    known = set(documents["doc_id"])
    return pd.Series({name: sample.members[str(name)] <= known for name in sample.strata.index}, dtype=bool)
