"""Definitions as queries: which read documents count as direct, and which belong to the denominator."""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.coding.code_columns import CodeColumns, index_codes
from pipeline.coding.codebook import CONFIDENCE, Codebook
from pipeline.coding.queries import Denominator, Query
from pipeline.errors import CodebookError


def match_query(query: Query, codes: pd.DataFrame | CodeColumns) -> np.ndarray:
    """Returns which documents have the codes that a query asks for: bool (n,).

    Args:
        query: a definition, a denominator, or a part of one.
        codes: columns leaf, group, and those that the query names: axes, confidence, and leaf2 with group2 where it
            counts the second leaf; n rows. A missing confidence is no doubt. For many queries: `index_codes` of them.
    """
    columns = index_codes(codes)
    matches = _match_leaf(query, columns)
    for axis, wanted in query.axes.items():
        matches &= columns.are_among(axis, wanted)
    if query.min_confidence > 1:
        matches &= (columns.frame[CONFIDENCE] >= query.min_confidence).to_numpy()
    if query.any_of:
        matches &= np.any([match_query(part, columns) for part in query.any_of], axis=0)
    return matches


def match_definition(definition: Query, codes: pd.DataFrame | CodeColumns) -> np.ndarray:
    """Returns which documents count under a definition: bool (n,)."""
    return match_query(definition, codes)


def match_denominator(denominator: Denominator, codes: pd.DataFrame | CodeColumns) -> np.ndarray:
    """Returns which documents belong to a denominator: bool (n,)."""
    return match_query(denominator, codes)


def bare_codes(codebook: Codebook) -> pd.DataFrame:
    """Returns every leaf as the codes of a document that has nothing else: what a query by leaves alone can ask."""
    leaves = list(codebook.leaves)
    groups = [codebook.group_of[leaf] for leaf in leaves]
    return pd.DataFrame({"leaf": leaves, "group": groups, CONFIDENCE: codebook.confidences[-1]})


def is_set_of_leaves(query: Query) -> bool:
    """Whether the first leaf of a document alone says if it counts."""
    asks_more = query.axes or query.min_confidence > 1 or query.count_second
    return not asks_more and all(is_set_of_leaves(part) for part in query.any_of)


def axes_asked(query: Query) -> frozenset[str]:
    """Returns the axes that a query asks for, in any of its parts."""
    return frozenset(query.axes).union(*(axes_asked(part) for part in query.any_of))


def check_nesting(codebook: Codebook) -> None:
    """Checks that each nested definition contains the one before it, whatever the codes of a document.

    Raises:
        CodebookError: a document could count under the narrower definition and not under the wider one.
    """
    nested = [definition for definition in codebook.definitions if definition.nested]
    for narrow, wide in itertools.pairwise(nested):
        codes = _every_combination(codebook, (narrow, wide))
        lost = match_query(narrow, codes) & ~match_query(wide, codes)
        if lost.any():
            first = codes[lost].iloc[0]
            named = [str(name) for name in codes if name not in ("group", "group2")]
            raise CodebookError(
                f"definition {wide.id!r} does not contain {narrow.id!r}: "
                f"it leaves out {'/'.join(str(first[name]) for name in named)} ({', '.join(named)})",
                where="codebook.toml",
                do="reorder the definitions, widen the second, or set nested = false",
            )


def _match_leaf(query: Query, columns: CodeColumns) -> np.ndarray:
    """Returns whose leaf, or second leaf where it counts, a query asks for."""
    matches = _is_wanted(query, columns, "leaf", "group")
    if not query.count_second:
        return matches
    return matches | (_is_wanted(query, columns, "leaf2", "group2") & ~columns.are_among("leaf2", ("", None)))


def _is_wanted(query: Query, columns: CodeColumns, leaf: str, group: str) -> np.ndarray:
    by_group = columns.are_among(group, query.groups) if query.groups or query.leaves else np.ones(len(columns), bool)
    if query.without_leaves:
        by_group &= ~columns.are_among(leaf, query.without_leaves)
    return by_group | columns.are_among(leaf, query.leaves) if query.leaves else by_group


def _parts(query: Query) -> Iterator[Query]:
    yield query
    for part in query.any_of:
        yield from _parts(part)


def _every_combination(codebook: Codebook, queries: tuple[Query, ...]) -> pd.DataFrame:
    """Returns every combination of codes that these queries can tell apart; an empty cell is a code as well."""
    parts = [part for query in queries for part in _parts(query)]
    named = [axis for axis in codebook.code_axes if any(axis in part.axes for part in parts)]
    seconds = ["", *codebook.leaves] if any(part.count_second for part in parts) else [""]
    axes = [["", *codebook.axes[axis]] for axis in named]
    rows = itertools.product(codebook.leaves, seconds, *axes, codebook.confidences)
    codes = pd.DataFrame(rows, columns=["leaf", "leaf2", *named, CONFIDENCE])
    groups = {"": "", **codebook.group_of}
    return codes.assign(group=codes["leaf"].map(groups), group2=codes["leaf2"].map(groups))
