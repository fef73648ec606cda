"""Definitions as queries: which read documents count as direct, and which belong to the denominator."""

import itertools

import numpy as np
import pandas as pd

from pipeline.coding.codebook import AXES, AxisQuery, Codebook, Definition, Denominator
from pipeline.errors import CodebookError


def match_definition(definition: Definition, codes: pd.DataFrame) -> np.ndarray:
    """Returns which documents count under a definition: bool (n,).

    Args:
        definition: the query.
        codes: columns leaf, group, target, mechanism, scaling, evidence, confidence; n rows.
    """
    matches = _match_axes(definition, codes)
    if definition.groups or definition.leaves:
        in_groups = codes["group"].isin(definition.groups) & ~codes["leaf"].isin(definition.without_leaves)
        matches &= (in_groups | codes["leaf"].isin(definition.leaves)).to_numpy()
    if definition.any_of:
        matches &= np.any([_match_axes(query, codes) for query in definition.any_of], axis=0)
    return matches & (codes["confidence"] >= definition.min_confidence).to_numpy()


def match_denominator(denominator: Denominator, codes: pd.DataFrame) -> np.ndarray:
    """Returns which documents belong to a denominator: bool (n,)."""
    inside = codes["group"].isin(denominator.groups) & ~codes["leaf"].isin(denominator.without_leaves)
    return inside.to_numpy()


def check_nesting(codebook: Codebook) -> None:
    """Checks that each nested definition contains the one before it, whatever the codes of a document.

    Raises:
        CodebookError: a document could count under the narrower definition and not under the wider one.
    """
    codes = _every_combination(codebook)
    nested = [definition for definition in codebook.definitions if definition.nested]
    for narrow, wide in itertools.pairwise(nested):
        lost = match_definition(narrow, codes) & ~match_definition(wide, codes)
        if lost.any():
            first = codes[lost].iloc[0]
            raise CodebookError(
                f"definition {wide.id!r} does not contain {narrow.id!r}: "
                f"it leaves out {first['leaf']}/{first['target']}/{first['mechanism']}",
                where="codebook.toml",
                do="reorder the definitions, widen the second, or set nested = false",
            )


def _match_axes(query: Definition | AxisQuery, codes: pd.DataFrame) -> np.ndarray:
    matches = np.ones(len(codes), dtype=bool)
    for axis in AXES:
        wanted = getattr(query, axis)
        if wanted:
            matches &= codes[axis].isin(wanted).to_numpy()
    return matches


def _every_combination(codebook: Codebook) -> pd.DataFrame:
    axes = [list(codebook.axes[axis]) for axis in AXES]
    confidences = [int(code) for code in codebook.axes["confidence"]]
    rows = itertools.product(codebook.leaves, *axes, confidences)
    codes = pd.DataFrame(rows, columns=["leaf", *AXES, "confidence"])
    return codes.assign(group=codes["leaf"].str[0])
