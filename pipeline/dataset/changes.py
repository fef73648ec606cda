"""Changes: what differs between two versions of the census, document by document."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline import store
from pipeline.config import Config
from pipeline.groups import pair_windows
from pipeline.release.differences import find_unlike
from pipeline.release.manifest import MANIFEST_NAME
from pipeline.schemas import CENSUS_DOCUMENTS, CHANGES


def find_previous(config: Config) -> Path | None:
    """Returns the folder of the last version: the one configured, else the newest that is older than this one.

    It is looked for among the censuses that are sources, and beside them: once `make release` has put this version
    there, its source is this version itself.
    """
    if config.dataset.previous:
        return config.path(config.dataset.previous)
    sources = [config.path(str(entry["path"])) for entry in config.sources.values() if entry["kind"] == "census"]
    folders = {path.parent for source in sources for path in source.parent.glob(f"*/{MANIFEST_NAME}")} | set(sources)
    older = [folder for folder in folders if folder.name < config.version and (folder / "documents.parquet").is_file()]
    return max(older, key=lambda folder: folder.name, default=None)


def compare_documents(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of `changes`: each document that came, went, or differs in a column, in doc_id order."""
    both = sorted(set(old["doc_id"]) & set(new["doc_id"]))
    before, after = (frame.set_index("doc_id").loc[both] for frame in (old, new))
    names = [column.name for column in CENSUS_DOCUMENTS.columns if column.name != "doc_id"]
    differs = np.column_stack([find_unlike(before[name], after[name]) for name in names])
    rows = [
        {"doc_id": doc_id, "change": "changed", "columns": [names[place] for place in np.flatnonzero(row)]}
        for doc_id, row in zip(both, differs, strict=True)
        if row.any()
    ]
    for doc_ids, change in ((set(new["doc_id"]) - set(both), "added"), (set(old["doc_id"]) - set(both), "gone")):
        rows += [{"doc_id": doc_id, "change": change, "columns": []} for doc_id in doc_ids]
    return pd.DataFrame(rows, columns=["doc_id", "change", "columns"]).sort_values("doc_id")


def compare_versions(old: Iterable[pa.Table], new: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yields the rows of `changes` between the documents of two versions, each in doc_id order, a part at a time."""
    for before, after in pair_windows(CENSUS_DOCUMENTS, old, new):
        changes = compare_documents(before.to_pandas(), after.to_pandas())
        yield store.arrow_from_rows(CHANGES, changes, Path("changes"))
