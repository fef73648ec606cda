"""Term counts: enough to name clusters by, too little to read a text from."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from pipeline.config import Terms
from pipeline.schemas import TERMS
from pipeline.text.extract import compose_text

TOKEN_PATTERN = r"(?u)\b[a-z][a-z0-9]*(?:-[a-z0-9]+)*[a-z0-9]\b"
# Words of the trade of writing rather than of a subject: they would name every cluster alike.
WRITING_WORDS = frozenset(
    """
    also abstract approach based different don does example examples figure good got https http introduction just like
    ll make method methods need new novel paper post posts propose proposed present problem problems recent result
    results seems section set show shows study studies think thing things use used using various ve want way ways work
    works www com org really lot people say said time let know going isn doesn thanks crossposted epistemic status
    """.split()
)
STOP_WORDS = ENGLISH_STOP_WORDS | WRITING_WORDS


def count_terms(documents: pd.DataFrame, settings: Terms) -> pa.Table:
    """Counts words and word pairs of the documents that have text.

    The vocabulary keeps terms in at least `min_document_count` documents and at most `max_document_share` of
    them; each document keeps its `max_terms_per_document` most frequent terms. Both limits, and the loss of
    order, are what makes the counts publishable.

    Returns:
        rows of the table `terms`, by doc_id and term.
    """
    with_text = documents[documents["text"].notna()]
    if len(with_text) < settings.min_document_count:
        return TERMS.arrow_schema.empty_table()
    counter = CountVectorizer(
        lowercase=True,
        token_pattern=TOKEN_PATTERN,
        stop_words=sorted(STOP_WORDS),
        ngram_range=(1, 2),
        min_df=settings.min_document_count,
        max_df=settings.max_document_share,
        dtype=np.int32,
    )
    texts = (
        compose_text(title, " ".join(text.split(" ")[: settings.token_limit]))
        for title, text in zip(with_text["title"], with_text["text"], strict=True)
    )
    try:
        counts = counter.fit_transform(texts).tocoo()
    except ValueError:  # scikit-learn's word for "nothing is left after pruning"
        return TERMS.arrow_schema.empty_table()
    vocabulary = counter.get_feature_names_out()
    rows = pd.DataFrame({"row": counts.row, "column": counts.col, "count": counts.data})
    rows = rows.sort_values(["row", "count", "column"], ascending=[True, False, True], kind="stable")
    rows = rows[rows.groupby("row").cumcount() < settings.max_terms_per_document].sort_values(["row", "column"])
    return _table(
        with_text["doc_id"].to_numpy()[rows["row"]],
        vocabulary[rows["column"]],
        rows["count"].clip(upper=np.iinfo(np.int16).max),
    )


def merge_terms(counted: pa.Table, published: Sequence[pa.Table]) -> pa.Table:
    """Joins fresh counts with published ones; a document that was counted afresh keeps the fresh counts."""
    kept = [counted.cast(TERMS.arrow_schema)]
    for part in published:
        seen = pa.concat_tables(kept)["doc_id"].unique()
        is_known = pc.is_in(part["doc_id"], value_set=seen)
        kept.append(part.filter(pc.invert(is_known)).cast(TERMS.arrow_schema))
    return pa.concat_tables(kept).sort_by([("doc_id", "ascending"), ("term", "ascending")])


def _table(doc_ids: ArrayLike, terms: ArrayLike, counts: ArrayLike) -> pa.Table:
    columns = [
        pa.array(np.asarray(doc_ids, dtype=object), pa.string()),
        pa.array(np.asarray(terms, dtype=object), pa.string()),
        pa.array(np.asarray(counts), pa.int16()),
    ]
    return pa.table(columns, schema=TERMS.arrow_schema)
