"""Source `census`: a published census, read back as a source like any other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic.dataclasses import dataclass

from pipeline import store
from pipeline.config import STRICT, build
from pipeline.schemas import CENSUS_DOCUMENTS, TERMS, embeddings_table


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "census"`: `path` is the folder of the release."""

    kind: str
    path: str


def read_documents(entry: Mapping[str, Any], root: Path, where: str) -> pd.DataFrame:
    """Returns the documents of a release, in doc_id order, without text.

    Raises:
        ConfigError: the entry has an unknown key.
        DataError: a file is missing, damaged, or has other columns than declared.
    """
    return store.read_table(CENSUS_DOCUMENTS, release_folder(entry, root, where) / "documents.parquet")


def read_terms(entry: Mapping[str, Any], root: Path, where: str) -> pa.Table:
    """Returns the term counts of a release. Raises as `read_documents`."""
    return store.read_arrow(TERMS, release_folder(entry, root, where) / "terms.parquet")


def read_embeddings(entry: Mapping[str, Any], root: Path, where: str, dimension_count: int) -> pa.Table:
    """Returns the vectors of a release. Raises as `read_documents`."""
    return store.read_arrow(
        embeddings_table(dimension_count), release_folder(entry, root, where) / "embeddings.parquet"
    )


def release_folder(entry: Mapping[str, Any], root: Path, where: str) -> Path:
    """Returns the folder that holds the files of the release."""
    return root / build(Settings, dict(entry), where).path
