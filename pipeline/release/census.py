"""Source `census`: a published census, read back as a source like any other."""

import logging
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic.dataclasses import dataclass

from pipeline import store
from pipeline.config import build
from pipeline.groups import read_groups
from pipeline.release.manifest import MANIFEST_NAME, check_file, read_manifest
from pipeline.release.vector_cache import Stamp, stamp_of
from pipeline.schemas import CENSUS_DOCUMENTS, TERMS, embeddings_table
from pipeline.settings import STRICT

log = logging.getLogger(__name__)


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
    return store.read_table(CENSUS_DOCUMENTS, checked(release_folder(entry, root, where) / "documents.parquet"))


def read_terms(entry: Mapping[str, Any], root: Path, where: str) -> Iterator[pa.Table]:
    """Yields the term counts of a release, in their order. Raises as `read_documents`."""
    yield from read_groups(TERMS, checked(release_folder(entry, root, where) / "terms.parquet"))


def read_embeddings(entry: Mapping[str, Any], root: Path, where: str, dimension_count: int) -> pa.Table:
    """Returns the vectors of a release. Raises as `read_documents`."""
    return store.read_arrow(
        embeddings_table(dimension_count), checked(release_folder(entry, root, where) / "embeddings.parquet")
    )


def release_folder(entry: Mapping[str, Any], root: Path, where: str) -> Path:
    """Returns the folder that holds the files of the release."""
    return root / build(Settings, dict(entry), where).path


def checked(path: Path) -> Path:
    """Returns the path of a table of a release, which is what the manifest beside it says; one may be missing.

    Raises:
        DataError: it has another size or hash, or is not listed.
    """
    listing = path.with_name(MANIFEST_NAME)
    if not listing.is_file():
        log.warning("%s: has no manifest, so nothing says whether its files are whole", path.parent)
    elif path.is_file():
        _check(path, stamp_of(path), stamp_of(listing))
    return path


@lru_cache(maxsize=256)
def _check(path: Path, *stamps: Stamp) -> None:
    """Checks a file, once in each process for each state of it."""
    check_file(path.parent, path.name, read_manifest(path.parent))
