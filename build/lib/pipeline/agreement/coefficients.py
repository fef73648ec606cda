"""How far two coders agree: raw, chance-corrected, and on the class itself, with intervals, weighted or not.

Tables of two coders' codes are shares: float64 (..., k, k), the first coder's codes by row, all cells together 1.
"""

from collections.abc import Callable, Mapping

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
    counts = np.zeros((repeats, len(strata)))
    for name in np.unique(strata):
        rows = np.flatnonzero(strata == name)
        counts[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=repeats)
    return counts


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
    is_binary = one.dtype == bool
    if is_binary:
        size, first, second = 2, one.astype(int), other.astype(int)
    else:
        codes, coded = np.unique(np.concatenate([one, other]), return_inverse=True)
        size, first, second = len(codes), coded[: len(one)], coded[len(one) :]
    cells, cell = np.unique(first * size + second, return_inverse=True)
    is_in_cell = np.zeros((len(one), len(cells)))
    is_in_cell[np.arange(len(one)), cell] = weights
    measures = {**MEASURES, **({"positive": positive} if is_binary else {})}
    tables = np.zeros((len(resamples) + 1, size * size))
    tables[0, cells] = is_in_cell.sum(axis=0)
    tables[1:, cells] = resamples @ is_in_cell
    tables = (tables / tables.sum(axis=1, keepdims=True)).reshape(-1, size, size)
    tail = (1 - level) / 2
    rows: list[dict[str, object]] = []
    for name, measure in measures.items():
        values = measure(tables)
        known = values[1:][np.isfinite(values[1:])]
        low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (np.nan, np.nan)
        numbers = {"value": values[0], "low": low, "high": high}
        rounded = {key: round(float(value), 6) if np.isfinite(value) else None for key, value in numbers.items()}
        rows.append({"measure": name, **rounded, "n_both": len(one)})
    return rows


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
    weight = weights[one.index].to_numpy(dtype=float)
    resamples = resample(strata[one.index].to_numpy(dtype=str), seed)
    subjects: dict[str, tuple[np.ndarray, np.ndarray]] = {
        column: (one[column].to_numpy(dtype=str), other[column].to_numpy(dtype=str)) for column in ("leaf", "group")
    }
    for group in sorted({*one["group"], *other["group"]}):
        subjects[f"group {group}"] = ((one["group"] == group).to_numpy(), (other["group"] == group).to_numpy())
    subjects |= {f"definition {name}": both for name, both in classes.items()}
    rows = []
    for subject, (first, second) in subjects.items():
        for weighting, factor in (("design", weight), ("none", np.ones(len(weight)))):
            for row in measure_agreement(first, second, factor, resamples, level):
                rows.append({"subject": subject, "weighting": weighting, "level": level, **row})
    return pd.DataFrame(rows)


def _margin(table: np.ndarray) -> np.ndarray:
    return (table.sum(axis=-1) + table.sum(axis=-2)) / 2


def _beyond_chance(agreed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    room = 1 - expected
    return np.divide(agreed - expected, room, out=np.full(np.shape(room), np.nan), where=room > 1e-12)
