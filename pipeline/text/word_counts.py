"""Word counts as numbers: which terms each document holds, and how often."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa


@dataclass(frozen=True)
class WordCounts:
    """Term counts: one entry for each term of each document, by document and term.

    Attributes:
        rows: the document, int32 (n,).
        columns: the term, int32 (n,), a place in `vocabulary`.
        counts: how often, int16 (n,).
        vocabulary: every term, sorted.
    """

    rows: np.ndarray
    columns: np.ndarray
    counts: np.ndarray
    vocabulary: list[str]


def code_terms(parts: Iterable[pa.Table], doc_ids: pd.Index) -> WordCounts:
    """Returns the term counts of the documents in `doc_ids`; rows of other documents are left out.

    Args:
        parts: rows of the table `terms`, in its order.
        doc_ids: sorted.
    """
    codes: dict[str, int] = {}
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for part in parts:
        names, terms = (part.column(name).combine_chunks().dictionary_encode() for name in ("doc_id", "term"))
        row_of = doc_ids.get_indexer(pd.Index(names.dictionary.to_pylist()))
        code_of = [codes.setdefault(term, len(codes)) for term in terms.dictionary.to_pylist()]
        rows = row_of[names.indices.to_numpy()].astype(np.int32)
        columns = np.array(code_of, dtype=np.int32)[terms.indices.to_numpy()]
        is_known = rows >= 0
        found.append((rows[is_known], columns[is_known], part.column("term_count").to_numpy()[is_known]))
    vocabulary = sorted(codes)
    place_of = np.empty(len(codes), dtype=np.int32)
    place_of[[codes[term] for term in vocabulary]] = np.arange(len(codes), dtype=np.int32)
    empty = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int16))
    rows, columns, counts = (np.concatenate(column) for column in zip(empty, *found, strict=True))
    return WordCounts(rows, place_of[columns], counts, vocabulary)
