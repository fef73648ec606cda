"""Source `census`: a published census, read back as a source like any other."""

import json
import logging
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic.dataclasses import dataclass

from pipeline import store
from pipeline.config import STRICT, build
from pipeline.groups import read_groups
from pipeline.release.manifest import MANIFEST_NAME, check_file, read_manifest
from pipeline.release.vector_cache import stamp_of
from pipeline.schemas import CENSUS_DOCUMENTS, TERMS, embeddings_table

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
    return store.read_table(CENSUS_DOCUMENTS, release_folder(entry, root, where) / "documents.parquet")


def read_terms(entry: Mapping[str, Any], root: Path, where: str) -> Iterator[pa.Table]:
    """Yields the term counts of a release, in their order. Raises as `read_documents`."""
    yield from read_groups(TERMS, release_folder(entry, root, where) / "terms.parquet")


def read_embeddings(entry: Mapping[str, Any], root: Path, where: str, dimension_count: int) -> pa.Table:
    """Returns the vectors of a release. Raises as `read_documents`."""
    return store.read_arrow(
        embeddings_table(dimension_count), release_folder(entry, root, where) / "embeddings.parquet"
    )


def release_folder(entry: Mapping[str, Any], root: Path, where: str) -> Path:
    """Returns the folder that holds the files of the release, each of which is what the manifest says.

    Raises:
        ConfigError: the entry has an unknown key.
        DataError: a file of it is another.
    """
    folder = root / build(Settings, dict(entry), where).path
    if not (folder / MANIFEST_NAME).is_file():
        log.warning("%s: %s has no manifest, so nothing says whether its files are whole", where, folder)
        return folder
    manifest = read_manifest(folder)
    stamps = tuple((name, *stamp_of(folder / name)) for name in manifest["files"] if (folder / name).is_file())
    _check_files(folder, json.dumps(manifest["files"], sort_keys=True), stamps)
    return folder


@lru_cache(maxsize=64)
def _check_files(folder: Path, files: str, stamps: tuple[tuple[object, ...], ...]) -> None:
    """Checks the files of a release, once in each process for each state of them."""
    manifest = {"files": json.loads(files)}
    for name, *_ in stamps:
        check_file(folder, str(name), manifest)
