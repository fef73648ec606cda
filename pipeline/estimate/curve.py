"""The specification curve: the share under every way of drawing the contested lines, per frame and denominator.

A specification is a set of leaves that count as direct: those of the narrowest definition always, each contested leaf
in or out, and the uncontested rest of the widest nested definition in or out together (Simonsohn, Simmons and Nelson
2020). Works with a contested code of an axis (a purpose, say) are in or out whatever their leaf. The estimator is that
of `shares`, which takes any number of queries at once.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import bare_codes, is_set_of_leaves, match_definition
from pipeline.coding.queries import Denominator
from pipeline.estimate.domains import Domain
from pipeline.estimate.shares import estimate_ends
from pipeline.estimate.survey import Survey, mark_contested

POINT_COUNT = 401  # points kept of a sorted curve: a figure cannot show more
CHUNK = 2_048  # specifications at once: 590 documents x 2,048 x 8 bytes = 10 MB an array


@dataclass(frozen=True)
class Specifications:
    """Which leaves count under each specification.

    Attributes:
        leaves: names of the columns of `is_direct`.
        toggles: each a set of leaves moved together, or a code of an axis ("purpose P1"); their order is that of the
            bits of a specification's number.
        is_direct: bool (n_specifications, n_leaves).
        codes: contested codes of axes: axis and code of each.
        allows: bool (n_specifications, n_codes), whether works with such a code may count.
    """

    leaves: tuple[str, ...]
    toggles: tuple[tuple[str, ...], ...]
    is_direct: np.ndarray
    codes: tuple[tuple[str, str], ...]
    allows: np.ndarray

    def match(self, records: pd.DataFrame) -> np.ndarray:
        """Returns which codes count under each specification: bool (n_specifications, n_records)."""
        counted = self.is_direct[:, pd.Index(self.leaves).get_indexer(pd.Index(records["leaf"]))]
        for place, (axis, code) in enumerate(self.codes):
            has_code = (records[axis] == code).to_numpy()
            counted[:, has_code] &= self.allows[:, [place]]
        return counted


def list_specifications(codebook: Codebook) -> Specifications:
    """Returns every combination of the codebook's toggles, on top of its narrowest set of leaves."""
    leaves = tuple(codebook.leaves)
    codes = bare_codes(codebook)
    nested = [definition for definition in codebook.definitions if definition.nested and is_set_of_leaves(definition)]
    # Where each of them asks more than the leaf, the contested leaves alone are moved.
    core, widest = (
        match_definition(nested[place], codes) if nested else np.zeros(len(codes), dtype=bool) for place in (0, -1)
    )
    contested = [leaf for leaf in codebook.toggles.leaves if not core[leaves.index(leaf)]]
    rest = tuple(leaf for leaf, wide, deep in zip(leaves, widest, core, strict=True) if wide and not deep)
    rest = tuple(leaf for leaf in rest if leaf not in contested)
    toggles = tuple((leaf,) for leaf in contested) + ((rest,) if rest else ())
    columns = [np.isin(leaves, toggle) for toggle in toggles]
    contested_codes = codebook.toggles.codes
    states = np.array(list(itertools.product((False, True), repeat=len(toggles) + len(contested_codes))), dtype=bool)
    own, allows = np.split(states, [len(toggles)], axis=1)
    is_direct = core | (own.astype(np.int32) @ np.array(columns, dtype=np.int32).reshape(len(toggles), -1) > 0)
    toggles = (*toggles, *((" ".join(code),) for code in contested_codes))
    return Specifications(leaves, toggles, is_direct, contested_codes, allows)


def draw_curves(survey: Survey) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the rows of the tables `curve` and `toggles`, for every frame and denominator."""
    specifications = list_specifications(survey.codebook)
    names = np.array([" ".join(toggle) for toggle in specifications.toggles])
    points: list[pd.DataFrame] = []
    effects: list[pd.DataFrame] = []
    lines = {
        name: draw_lines(survey, denominator, specifications)
        for name, denominator in survey.codebook.denominators.items()
    }
    frames = [domain for domain in survey.domains if not domain.year]
    for domain, (name, drawn) in itertools.product(frames, lines.items()):
        estimates = estimate_specifications(survey, domain, drawn, len(specifications.toggles))
        if estimates is None:
            continue
        for rows, parts in (
            (_thin(estimates, specifications, names), points),
            (_measure_toggles(estimates["share"].to_numpy(), names), effects),
        ):
            parts.append(rows.assign(frame=domain.frame, denominator=name, n_specifications=len(estimates)))
    return pd.concat(points, ignore_index=True), pd.concat(effects, ignore_index=True)


@dataclass(frozen=True)
class Lines:
    """What counts under each specification within a denominator; codes that they all treat alike are one.

    Attributes:
        counted: bool (n_specifications, n_kinds). inside: bool (n_kinds,), what is in the denominator.
        join: (n_records, n_kinds), 1 for the kind of each code.
    """

    counted: np.ndarray
    inside: np.ndarray
    join: sparse.csr_array


def draw_lines(survey: Survey, denominator: Denominator, specifications: Specifications) -> Lines:
    """Returns what counts under each specification within a denominator."""
    records, inside = survey.records, survey.inside(denominator)
    told = records[["leaf"]].assign(inside=inside, **mark_contested(records, survey.codebook))
    first = ~told.duplicated().to_numpy()
    counted = specifications.match(records[first]) & inside[first]
    alike = [column.tobytes() for column in np.vstack([counted, inside[first]]).T]
    kind = pd.Series(pd.factorize(pd.Series(alike, dtype=object))[0])
    of_told = pd.Series(kind.to_numpy(), index=pd.MultiIndex.from_frame(told[first]))
    places = of_told[pd.MultiIndex.from_frame(told)].to_numpy()
    join = sparse.csr_array((np.ones(len(places)), (np.arange(len(places)), places)))
    one = np.flatnonzero(~kind.duplicated())
    return Lines(counted[:, one], inside[first][one], join)


def estimate_specifications(survey: Survey, domain: Domain, lines: Lines, n_toggles: int) -> pd.DataFrame | None:
    """Returns share, low and high of every specification, in their order; None where the denominator is unread."""
    part = survey.part(domain)
    if part is None:
        return None
    joined = part.join(lines.join)
    found = [
        estimate_ends(joined, lines.counted[start : start + CHUNK], lines.inside, survey.level)
        for start in range(0, len(lines.counted), CHUNK)
    ]
    share, low, high = (np.concatenate(ends) for ends in zip(*found, strict=True))
    if not np.isfinite(share).all():
        return None
    return pd.DataFrame({"share": share, **_nest(low, high, n_toggles)})


def _nest(low: np.ndarray, high: np.ndarray, n_toggles: int) -> dict[str, np.ndarray]:
    """Returns ends of which none is above that of a specification that counts more: one toggle at a time."""
    low, high = (ends.reshape((2,) * n_toggles).copy() for ends in (low, high))
    for axis in range(n_toggles):
        out, into = ((slice(None),) * axis + (state,) for state in (0, 1))
        low[out], high[into] = np.minimum(low[out], low[into]), np.maximum(high[out], high[into])
    return {"low": low.reshape(-1), "high": high.reshape(-1)}


def _thin(estimates: pd.DataFrame, specifications: Specifications, names: np.ndarray) -> pd.DataFrame:
    """Returns evenly spaced points of the curve, from the smallest share to the largest, first and last included."""
    order = np.lexsort((np.arange(len(estimates)), estimates["share"].round(9)))
    rank = np.unique(np.linspace(0, len(order) - 1, min(POINT_COUNT, len(order))).round().astype(int))
    chosen = estimates.iloc[order[rank]].reset_index(drop=True)
    return chosen.assign(rank=rank, included=[_describe(number, names) for number in order[rank].tolist()])


def _describe(number: int, names: np.ndarray) -> str:
    states = f"{number:0{len(names)}b}"
    return " ".join([name for name, state in zip(names.tolist(), states, strict=True) if state == "1"])


def _measure_toggles(share: np.ndarray, names: np.ndarray) -> pd.DataFrame:
    """Returns how far each toggle moves the share, over all states of the others."""
    cube = share.reshape((2,) * len(names))
    rows = []
    for axis, name in enumerate(names):
        effect = np.take(cube, 1, axis=axis) - np.take(cube, 0, axis=axis)
        rows.append(
            {
                "toggle": name,
                "mean_effect": float(effect.mean()),
                "least_effect": float(effect.min()),
                "greatest_effect": float(effect.max()),
            }
        )
    return pd.DataFrame(rows)
