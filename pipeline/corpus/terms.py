"""Term counts: enough to name clusters by, too little to read a text from."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike

from pipeline.corpus.spool import Listed, list_words, open_spool
from pipeline.corpus.texts import Read, has_text
from pipeline.schemas import TERMS
from pipeline.settings import Terms
from pipeline.text.extract import compose_text

TEXTS_AT_ONCE = 4_096  # whose words are listed together
Map = Callable[[Callable[[list[str]], Listed], Iterable[list[str]]], Iterable[Listed]]


def count_terms(
    documents: pd.DataFrame, settings: Terms, read: Read = str, folder: Path | None = None, spread: Map = map
) -> Iterator[pa.Table]:
    """Counts words and word pairs of the documents that have text.

    The vocabulary keeps terms in at least `min_document_count` documents and at most `max_document_share` of
    them; each document keeps its `max_terms_per_document` most frequent terms. Both limits, and the loss of
    order, are what makes the counts publishable.

    Args:
        documents: columns doc_id, title and text, in order of doc_id.
        settings: the limits.
        read: gives the text of what stands in the column `text`.
        folder: where words wait on disk; that of the system by default.
        spread: lists the words of each part of the texts, here or elsewhere.

    Yields:
        rows of the table `terms`, by doc_id and term.
    """
    with_text = documents[has_text(documents["text"])]
    if len(with_text) < settings.min_document_count:
        return
    with open_spool(folder) as spool:
        for listed in spread(list_words, _list_texts(with_text, settings.token_limit, read)):
            spool.add(listed)
        most = settings.max_document_share * len(with_text)
        vocabulary = spool.choose_terms(settings.min_document_count, most)
        doc_ids = with_text["doc_id"].to_numpy()
        for first, rows, places, counts in spool.count(vocabulary, settings.max_terms_per_document):
            if len(rows):
                yield _table(
                    doc_ids[first + rows], vocabulary.terms[places], np.minimum(counts, np.iinfo(np.int16).max)
                )


def _list_texts(documents: pd.DataFrame, token_limit: int, read: Read) -> Iterator[list[str]]:
    """Yields what the words of some documents at a time are counted in."""
    for first in range(0, len(documents), TEXTS_AT_ONCE):
        part = documents.iloc[first : first + TEXTS_AT_ONCE]
        texts = (" ".join(read(text).split(" ", token_limit)[:token_limit]) for text in part["text"].array)
        yield [compose_text(title, text) for title, text in zip(part["title"], texts, strict=True)]


def merge_terms(
    counted: Iterable[pa.Table], fresh: Sequence[str], published: Sequence[Callable[[], Iterator[pa.Table]]]
) -> Iterator[pa.Table]:
    """Joins fresh counts with published ones; a document that was counted afresh keeps the fresh counts.

    Args:
        counted: rows of `count_terms`.
        fresh: doc_id of the documents that were counted.
        published: gives the rows of the table `terms` of each census, in its order; an earlier census comes first.
    """
    known = pa.array(fresh, pa.string())
    rows = iter(counted)
    for read in published:
        rows = _interleave(rows, _leave_out(read(), known))
        if len(published) > 1:
            known = pc.unique(pa.concat_arrays([known, *(pc.unique(_doc_ids(part)) for part in read())]))
    yield from rows


def _doc_ids(rows: pa.Table) -> pa.Array:
    return rows.column("doc_id").combine_chunks()


def _leave_out(parts: Iterator[pa.Table], known: pa.Array) -> Iterator[pa.Table]:
    """Yields the rows of documents that are not known."""
    for part in parts:
        yield part.filter(pc.invert(pc.is_in(_doc_ids(part), value_set=known)))


def _interleave(left: Iterator[pa.Table], right: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yields the rows of two sequences, each by doc_id and term, in this order; no document is in both."""
    sources = (left, right)
    waiting = [_next_rows(source) for source in sources]
    while any(len(rows) for rows in waiting):
        end = min(rows.column("doc_id")[-1].as_py() for rows in waiting if len(rows))
        counts = [int(pc.sum(pc.less_equal(rows.column("doc_id"), end)).as_py() or 0) for rows in waiting]
        both = pa.concat_tables([rows.slice(0, count) for rows, count in zip(waiting, counts, strict=True)])
        yield both.sort_by([("doc_id", "ascending"), ("term", "ascending")])
        waiting = [rows.slice(count) for rows, count in zip(waiting, counts, strict=True)]
        waiting = [rows if len(rows) else _next_rows(source) for rows, source in zip(waiting, sources, strict=True)]


def _next_rows(source: Iterator[pa.Table]) -> pa.Table:
    return next((part.cast(TERMS.arrow_schema) for part in source if len(part)), TERMS.arrow_schema.empty_table())


def _table(doc_ids: ArrayLike, terms: ArrayLike, counts: ArrayLike) -> pa.Table:
    columns = [
        pa.array(np.asarray(doc_ids, dtype=object), pa.string()),
        pa.array(np.asarray(terms, dtype=object), pa.string()),
        pa.array(np.asarray(counts), pa.int16()),
    ]
    return pa.table(columns, schema=TERMS.arrow_schema)
