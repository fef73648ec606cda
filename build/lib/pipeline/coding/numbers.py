"""Permanent random numbers: each document has one for a seed, for good, and a sample is those with the smallest.

Samples of one seed are coordinated (Ohlsson 1995): a larger sample of a stratum begins with the smaller one, a stratum
that loses or gains documents keeps most of its sample, and nobody can choose who comes next.
"""

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from pipeline.errors import SheetError

DIGITS = 16  # hexadecimal digits of the hash that make the number: 64 bits


def permanent_numbers(doc_ids: Iterable[str], seed: int) -> np.ndarray:
    """Returns the permanent random number of each document, times 2**64: uint64 (n,).

    The number is u = the first 16 hexadecimal digits of SHA-256("<seed>/<doc_id>") / 2**64.
    """
    digests = (hashlib.sha256(f"{seed}/{doc_id}".encode()).hexdigest() for doc_id in doc_ids)
    return np.array([int(digest[:DIGITS], 16) for digest in digests], dtype=np.uint64)


def order_by_number(strata: pd.Series, seed: int) -> pd.DataFrame:
    """Puts the documents of each stratum in the order of their permanent random numbers.

    Args:
        strata: stratum by doc_id; the order of its rows does not matter.
        seed: of the round.

    Returns:
        one row a document, by stratum and order: doc_id, stratum, order (from 0).
    """
    rows = pd.DataFrame({"doc_id": strata.index, "stratum": strata.to_numpy()})
    rows["number"] = permanent_numbers(rows["doc_id"], seed)
    rows = rows.sort_values(["stratum", "number", "doc_id"], ignore_index=True)
    return rows.assign(order=rows.groupby("stratum").cumcount())[["doc_id", "stratum", "order"]]


def draw_smallest(
    strata: pd.Series, sizes: Mapping[str, int], seed: int, drawn: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Draws from each stratum the documents with the smallest permanent random numbers.

    Args:
        strata: stratum by doc_id.
        sizes: documents to draw, by stratum; none of a stratum that is not named.
        seed: of the round.
        drawn: documents that earlier draws took already: they are passed over, and what is left is drawn from, so that
            old and new together are a simple random sample.

    Returns:
        the drawn rows of `order_by_number`, sorted by doc_id, with inclusion_probability: the chance of being drawn,
        earlier or now.

    Raises:
        SheetError: a stratum has fewer documents left than are to be drawn.
    """
    rows = order_by_number(strata, seed)
    is_left = ~rows["doc_id"].isin(set(drawn or ()))
    size = rows.groupby("stratum")["doc_id"].size()
    before = size - rows[is_left].groupby("stratum")["doc_id"].size().reindex(size.index, fill_value=0)
    rows = rows[is_left]
    for name, count in sizes.items():
        left = int(size.get(name, 0) - before.get(name, 0))
        if count > left:
            raise SheetError(f"has {left} documents left, not {count}", where=f"stratum {name}", do="draw fewer")
    place = rows.groupby("stratum").cumcount()
    rows = rows[place < rows["stratum"].map(sizes).fillna(0)]
    chance = (rows["stratum"].map(before) + rows["stratum"].map(sizes)) / rows["stratum"].map(size)
    return rows.assign(inclusion_probability=chance.astype(float)).sort_values("doc_id", ignore_index=True)
