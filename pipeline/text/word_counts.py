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
    names, terms, counts = list[pa.Array](), list[pa.Array](), [np.empty(0, np.int16)]
    for part in parts:
        names.append(part.column("doc_id").combine_chunks().dictionary_encode())
        terms.append(part.column("term").combine_chunks().dictionary_encode())
        counts.append(part.column("term_count").to_numpy())
    (known, rows), (words, columns) = _unify(names), _unify(terms)
    del names, terms
    rows = doc_ids.get_indexer(pd.Index(known)).astype(np.int32)[rows]
    order = sorted(range(len(words)), key=words.__getitem__)
    place_of = np.empty(len(words), dtype=np.int32)
    place_of[order] = np.arange(len(words), dtype=np.int32)
    is_known = rows >= 0
    return WordCounts(
        rows[is_known], place_of[columns[is_known]], np.concatenate(counts)[is_known], [words[place] for place in order]
    )


def _unify(parts: list[pa.Array]) -> tuple[list[str], np.ndarray]:
    """Returns the distinct values of dictionary arrays, and which of them each cell is: int32 (n,)."""
    if not parts:
        return [], np.empty(0, np.int32)
    whole = pa.chunked_array(parts).unify_dictionaries()
    return whole.chunk(0).dictionary.to_pylist(), np.concatenate([part.indices.to_numpy() for part in whole.chunks])
