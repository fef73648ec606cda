"""Versions of texts: under which hashes the present text of a document was known before.

A code is about the text that its coder was shown. Where only the opening of a text was at hand and the whole is now,
the hash is another and the text is not: the opening is found again at its beginning.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.config import Config
from pipeline.corpus.texts import Read
from pipeline.release import census
from pipeline.schemas import TEXT_VERSIONS
from pipeline.text.extract import text_sha256


def list_versions(
    records: pd.DataFrame, documents: pd.DataFrame, read: Read = str, past: Sequence[pd.DataFrame] = ()
) -> pd.DataFrame:
    """Returns the rows of `text_versions`: doc_id and text_sha256.

    Args:
        records: columns doc_id, title, text_kind, character_count and text_sha256 of every record.
        documents: columns doc_id, text and text_sha256.
        read: gives the text of what stands in the column `text`.
        past: the same of published censuses, oldest first: what was the same text then still is.
    """
    now = documents[["doc_id", "text_sha256"]]
    known = records[["doc_id", "title", "text_kind", "character_count", "text_sha256"]]
    known = known[known["text_kind"] == "opening"].drop_duplicates()
    known = known.merge(documents[["doc_id", "text", "text_sha256"]], on="doc_id", suffixes=("", "_now"))
    known = known[known["text_sha256"] != known["text_sha256_now"]]
    known = known[known["text"].notna()]
    is_within = [
        text_sha256(title, read(text)[:count].rstrip()) == digest
        for title, text, count, digest in zip(
            known["title"], known["text"], known["character_count"], known["text_sha256"], strict=True
        )
    ]
    rows = pd.concat([now, known.loc[is_within, ["doc_id", "text_sha256"]]], ignore_index=True)
    for table in reversed(past):
        same = table.merge(rows, on=["doc_id", "text_sha256"])["doc_id"]
        rows = pd.concat([rows, table[table["doc_id"].isin(same)]], ignore_index=True)
    return rows.drop_duplicates().sort_values(["doc_id", "text_sha256"], ignore_index=True)


def read_past(config: Config) -> list[pd.DataFrame]:
    """Returns the text versions of the published censuses that have them, oldest first."""
    folders = [
        census.release_folder(entry, config.root, f"[sources.{name}]")
        for name, entry in config.sources.items()
        if entry["kind"] == "census"
    ]
    paths: list[Path] = [folder / "text_versions.parquet" for folder in sorted(folders, key=lambda path: path.name)]
    return [store.read_table(TEXT_VERSIONS, path) for path in paths if path.exists()]
