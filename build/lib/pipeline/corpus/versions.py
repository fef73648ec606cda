"""Versions of texts: under which hashes the present text of a document was known before.

A code is about the text that its coder was shown. Where only the opening of a text was at hand and the whole is now,
the hash is another and the text is not: the opening is found again at its beginning.
"""

import pandas as pd

from pipeline.corpus.texts import Read
from pipeline.text.extract import text_sha256


def list_versions(records: pd.DataFrame, documents: pd.DataFrame, read: Read = str) -> pd.DataFrame:
    """Returns the rows of `text_versions`: doc_id and text_sha256.

    Args:
        records: columns doc_id, title, text_kind, character_count and text_sha256 of every record.
        documents: columns doc_id, text and text_sha256.
        read: gives the text of what stands in the column `text`.
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
    return rows.drop_duplicates().sort_values(["doc_id", "text_sha256"], ignore_index=True)
