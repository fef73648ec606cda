"""What outside labels answer where a query asks for more than the leaf: the label changes the leaf, and nothing else.

Some axes say what a work is for rather than what it is: those that a denominator asks for (scope). They do not hang on
the leaf, so they stand as the readers gave them; where the codebook had no such axis yet they follow from the new leaf,
as they did from the old one. A work that its readers put outside was never asked what it is for: there a label decides
only what is so whatever the answer would have been. How a work is done goes with its leaf, and no label tells it.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.coding.code_columns import CodeColumns
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import axes_asked, match_query
from pipeline.coding.outside import UNDECIDED, decide
from pipeline.coding.queries import Query

# What documents are coded as if a leaf they are allowed is theirs, and their places in `allowed`; by rows and axes.
Opened = dict[tuple[object, ...], tuple[CodeColumns, tuple[np.ndarray, np.ndarray]]]


def kept_axes(queries: Sequence[Query], codebook: Codebook) -> tuple[str, ...] | None:
    """Returns which axes must stand as read for labels of leaves to answer queries; None where that is not enough."""
    scope = frozenset().union(*(axes_asked(query) for query in codebook.denominators.values()))
    asked = frozenset().union(*(axes_asked(query) for query in queries))
    if not asked <= scope or any(_asks_more(query) for query in queries):
        return None
    return tuple(axis for axis in codebook.code_axes if axis in asked)


def _asks_more(query: Query) -> bool:
    return query.min_confidence > 1 or query.count_second or any(_asks_more(part) for part in query.any_of)


def answer_by_leaf(
    allowed: np.ndarray,
    definition: Query,
    denominator: Query,
    settled: pd.DataFrame,
    follows: np.ndarray,
    axes: Sequence[str],
    codebook: Codebook,
    known: Opened | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether labels say that a document counts, and is in the denominator: int8 (n,); 1, 0, or -1 where open.

    Args:
        allowed: bool (n, n_leaves), leaves that the labels of each document allow.
        definition, denominator: what is asked.
        settled: codes of the readers, n rows.
        follows: bool (n,), whose late axes follow from the leaf (`assumed` in the codebook).
        axes: from `kept_axes`.
        codebook: its leaves and axes.
        known: codes opened for other definitions of the same documents, to which new ones are added.
    """
    known = {} if known is None else known

    def ask(rows: np.ndarray, supposed: Mapping[str, str]) -> np.ndarray:
        key = rows.tobytes(), *supposed.items()
        if key not in known:
            opened, places = _open_codes(allowed[rows], settled.iloc[rows], follows[rows], codebook)
            known[key] = CodeColumns(opened.assign(**supposed)), places
        codes, places = known[key]
        inside, counts = np.zeros((2, len(rows), allowed.shape[1]), dtype=bool)
        inside[places] = match_query(denominator, codes)
        counts[places] = match_query(definition, codes) & inside[places]
        return np.stack([decide(allowed[rows], counts), decide(allowed[rows], inside)])

    found = ask(np.arange(len(settled)), {})
    is_told = ~settled["group"].map(codebook.is_outside).to_numpy(dtype=bool)
    is_told |= follows & (set(axes) <= codebook.assumed.keys())
    untold = np.flatnonzero(~is_told)
    if axes and len(untold):
        values = itertools.product(*(codebook.axes[axis] for axis in axes))
        every = np.array([ask(untold, dict(zip(axes, codes, strict=True))) for codes in values])
        found[:, untold] = np.where((every == every[0]).all(axis=0), every[0], UNDECIDED)
    return found[0], found[1]


def _open_codes(
    allowed: np.ndarray, settled: pd.DataFrame, follows: np.ndarray, codebook: Codebook
) -> tuple[pd.DataFrame, tuple[np.ndarray, np.ndarray]]:
    """Returns the codes that documents have if a leaf they are allowed is theirs, and their places in `allowed`."""
    rows, columns = np.nonzero(allowed)
    leaves = np.array(list(codebook.leaves), dtype=object)[columns]
    codes = settled.iloc[rows].reset_index(drop=True)
    codes = codes.assign(leaf=leaves, group=[codebook.group_of[leaf] for leaf in leaves])
    for axis, by_group in codebook.assumed.items():
        follow = codes["group"].map(by_group).fillna("")
        codes[axis] = codes[axis].where(~follows[rows], follow) if axis in codes else follow
    return codes, (rows, columns)
