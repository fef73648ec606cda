"""The read sample of a configuration: its rounds, laid over the census as the last run of `corpus` left it."""

from collections.abc import Mapping

import pandas as pd

from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.coding.rounds import rounds_of
from pipeline.coding.rounds_today import Survey, survey
from pipeline.coding.sample import Sample, load_sample
from pipeline.config import Config
from pipeline.schemas import DOCUMENTS, FRAME_MEMBERS, TEXT_VERSIONS
from pipeline.settings import Frame

COLUMNS = ("doc_id", "frame", "published_year", "published_date", "text_sha256")


def read_sample(config: Config, codebook: Codebook, *, is_coverage_wanted: bool = True) -> Sample:
    """Returns the union of the rounds that `[estimate]` names, as far as they are read.

    `is_coverage_wanted` says whether its `coverage` is to be counted; the table of that name has it already.

    Raises:
        DataError: `corpus` has not run.
        SheetError: a round or a sheet is malformed, or nothing is read.
    """
    place, first = config.path(config.paths.handcheck), config.report.headline_frame
    rounds, census = rounds_of(config.estimate), _read_census(config)
    return load_sample(place, rounds, codebook, *census, first=first, is_coverage_wanted=is_coverage_wanted)


def read_survey(config: Config, codebook: Codebook) -> Survey:
    """Returns the rounds as they lie over the census of today, whether anything is drawn or read yet or not. Raises as
    `read_sample`."""
    return survey(config.path(config.paths.handcheck), "all", codebook, *_read_census(config))


def _read_census(
    config: Config,
) -> tuple[pd.DataFrame, pd.DataFrame | None, Mapping[str, Frame], pd.DataFrame | None]:
    documents = store.read_table(DOCUMENTS, config.processed("documents"), COLUMNS)
    members, versions = (
        store.read_table(table, config.processed(table.name)) if config.processed(table.name).exists() else None
        for table in (FRAME_MEMBERS, TEXT_VERSIONS)
    )
    return documents, members, config.frames, versions


def predictable(sample: Sample, documents: pd.DataFrame) -> pd.Series:
    """Returns, by stratum, whether each of its documents is in `documents`, so that predictions can be averaged."""
    known = set(documents["doc_id"])
    return pd.Series({name: sample.members[str(name)] <= known for name in sample.strata.index}, dtype=bool)
