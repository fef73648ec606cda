"""How far two coders agree: raw, chance-corrected, and on the class itself, with intervals, weighted or not.

Tables of two coders' codes are shares: float64 (..., k, k), the first coder's codes by row, all cells together 1.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

REPEATS = 1_000  # bootstrap draws of documents


def raw(table: np.ndarray) -> np.ndarray:
    """Returns the share of documents on which both say the same."""
    return np.trace(table, axis1=-2, axis2=-1)


def kappa(table: np.ndarray) -> np.ndarray:
    """Returns Cohen's kappa (Cohen 1960); not a number where both always say one and the same."""
    expected = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1)
    return _beyond_chance(raw(table), expected)


def alpha(table: np.ndarray) -> np.ndarray:
    """Returns Krippendorff's nominal alpha for two coders without gaps, large samples (Krippendorff 2019, chapter 12).

    The small-sample term, (2n - 1) / 2n on the expected disagreement, is left out: at 100 documents it moves the
    third decimal, and weighted tables have no n.
    """
    margin = _margin(table)
    return _beyond_chance(raw(table), (margin**2).sum(axis=-1))


def ac1(table: np.ndarray) -> np.ndarray:
    """Returns Gwet's AC1 (Gwet 2008, British Journal of Mathematical and Statistical Psychology 61, 29-48).

    A rare class does not pull it down.
    """
    margin = _margin(table)
    return _beyond_chance(raw(table), (margin * (1 - margin)).sum(axis=-1) / max(table.shape[-1] - 1, 1))


def positive(table: np.ndarray) -> np.ndarray:
    """Returns 2a / (2a + b + c) for a yes-or-no code, yes being 1 (Dice 1945): agreement on the class itself."""
    both = 2 * table[..., 1, 1]
    said = both + table[..., 0, 1] + table[..., 1, 0]
    return np.divide(both, said, out=np.full(np.shape(said), np.nan), where=said > 0)


MEASURES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {"raw": raw, "kappa": kappa, "alpha": alpha, "ac1": ac1}


def resample(strata: np.ndarray, seed: int, repeats: int = REPEATS) -> np.ndarray:
    """Returns how often each document is drawn in each bootstrap sample, within strata: float64 (repeats, n)."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((len(strata), repeats))
    names, stratum = np.unique(strata, return_inverse=True)
    for number in range(len(names)):
        rows = np.flatnonzero(stratum == number)
        counts[rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=repeats).T
    return counts.T


def measure_agreement(
    one: np.ndarray, other: np.ndarray, weights: np.ndarray, resamples: np.ndarray, level: float
) -> list[dict[str, object]]:
    """Returns the measures of two coders on the documents both have read, with bootstrap intervals.

    Args:
        one, other: codes (n,), texts or bools; with bools positive agreement is measured too.
        weights: float (n,), 1 / inclusion probability; ones for the plain measures.
        resamples: from `resample`, (repeats, n).
        level: of the intervals.

    Returns:
        one row a measure: measure, value, low, high, n_both; what does not exist is None.
    """
    return measure_together([(one, other)], weights, resamples, level)[0]


def measure_together(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], weights: np.ndarray, resamples: np.ndarray, level: float
) -> list[list[dict[str, object]]]:
    """Returns the rows of `measure_agreement` for several pairs of codes of the same documents, texts all or bools."""
    is_binary, count = pairs[0][0].dtype == bool, len(weights)
    measures = {**MEASURES, **({"positive": positive} if is_binary else {})}
    if is_binary:
        size, coded = 2, np.array(pairs).astype(int)
    else:
        names, coded = np.unique(np.array(pairs), return_inverse=True)
        size, coded = len(names), coded.reshape(len(pairs), 2, count)
    tables = _tabulate(coded, size, weights, resamples)
    values = np.stack([measure(tables) for measure in measures.values()], axis=1)  # (n_pairs, n_measures, repeats + 1)
    ends = _find_ends(values[:, :, 1:].reshape(-1, len(resamples)), level)
    numbers = np.vstack([values[:, :, 0].reshape(-1), ends]).T.reshape(len(pairs), len(measures), 3).tolist()
    return [
        [{"measure": name, **_name_numbers(found), "n_both": count} for name, found in zip(measures, each, strict=True)]
        for each in numbers
    ]


def _tabulate(coded: np.ndarray, size: int, weights: np.ndarray, resamples: np.ndarray) -> np.ndarray:
    """Returns the tables of all documents, then of each draw: float64 (n_pairs, repeats + 1, size, size).

    A cell of all draws lies together: sums over the two or thirty cells of a row are quick that way.

    Args:
        coded: int (n_pairs, 2, n), below `size`.
        size: codes.
        weights: float (n,).
        resamples: (repeats, n).
    """
    pairs, _, count = coded.shape
    cells = (np.arange(pairs)[:, None] * size + coded[:, 0]) * size + coded[:, 1]
    found, place = np.unique(cells, return_inverse=True)
    is_in_cell = np.zeros((count, len(found)))
    is_in_cell[np.arange(count), place.reshape(pairs, count)] = weights
    tables = np.zeros((pairs * size * size, len(resamples) + 1))
    tables[found, 0] = is_in_cell.sum(axis=0)
    tables[found, 1:] = is_in_cell.T @ resamples.T
    tables = tables.reshape(pairs, size, size, -1)
    return np.moveaxis(tables / tables.sum(axis=(1, 2), keepdims=True), -1, 1)


def _find_ends(values: np.ndarray, level: float) -> np.ndarray:
    """Returns the ends of intervals: float (2, n), not a number where no draw has a value.

    Args:
        values: float (n, repeats), in each draw; not finite where there is none.
        level: of the intervals.
    """
    tails, is_known = [(1 - level) / 2, 1 - (1 - level) / 2], np.isfinite(values)
    ends, is_whole = np.full((2, len(values)), np.nan), is_known.all(axis=1)
    ends[:, is_whole] = np.quantile(values[is_whole], tails, axis=1)
    for place in np.flatnonzero(~is_whole & is_known.any(axis=1)):
        ends[:, place] = np.quantile(values[place, is_known[place]], tails)
    return ends


def _name_numbers(found: Sequence[float]) -> dict[str, float | None]:
    rounded = (round(value, 6) if math.isfinite(value) else None for value in found)
    return dict(zip(("value", "low", "high"), rounded, strict=True))


def compare_coders(
    one: pd.DataFrame,
    other: pd.DataFrame,
    classes: Mapping[str, tuple[np.ndarray, np.ndarray]],
    weights: pd.Series,
    strata: pd.Series,
    level: float,
    seed: int,
) -> pd.DataFrame:
    """Returns every measure of two coders: leaf, group, each group, and each class given, weighted and not.

    Args:
        one, other: codes by doc_id, with columns leaf and group, the same documents in the same order.
        classes: yes-or-no codes of both, such as what each definition counts.
        weights, strata: of the design, by doc_id.
        level: of the intervals.
        seed: of the bootstrap.
    """
    leaf, group = ((one[name].to_numpy(dtype=str), other[name].to_numpy(dtype=str)) for name in ("leaf", "group"))
    subjects = {f"group {name}": (group[0] == name, group[1] == name) for name in np.unique(group).tolist()}
    subjects |= {f"definition {name}": both for name, both in classes.items()}
    resamples = resample(strata[one.index].to_numpy(dtype=str), seed)
    measured = []
    for factor in (weights[one.index].to_numpy(dtype=float), np.ones(len(one))):
        texts = [measure_together([pair], factor, resamples, level)[0] for pair in (leaf, group)]
        measured.append([*texts, *measure_together(list(subjects.values()), factor, resamples, level)])
    return pd.DataFrame(label_rows(("leaf", "group", *subjects), measured, level))


def label_rows(
    subjects: Sequence[str], measured: Sequence[Sequence[list[dict[str, object]]]], level: float
) -> list[dict[str, object]]:
    """Returns the rows of each subject with what they are of: those weighted by the design, and those that are not."""
    return [
        {"subject": subject, "weighting": weighting, "level": level, **row}
        for subject, *both in zip(subjects, *measured, strict=True)
        for weighting, rows in zip(("design", "none"), both, strict=True)
        for row in rows
    ]


def _margin(table: np.ndarray) -> np.ndarray:
    return (table.sum(axis=-1) + table.sum(axis=-2)) / 2


def _beyond_chance(agreed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    room = 1 - expected
    return np.divide(agreed - expected, room, out=np.full(np.shape(room), np.nan), where=room > 1e-12)
