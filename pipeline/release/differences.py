"""Differences between two versions of a table, cell by cell."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def compare_rows(old: pd.DataFrame, new: pd.DataFrame, key: Sequence[str], tolerance: float = 0.0) -> pd.DataFrame:
    """Returns each row that came, went, or differs in a column that both versions have, in key order.

    Args:
        old, new: both with the columns of `key`, which tell their rows apart.
        tolerance: by which numbers may differ and be alike.

    Returns:
        columns key (its parts joined with a blank and a stroke), change (added, changed or gone), columns (names),
        before and after (the cells as texts); the last three are lists, empty unless the row changed.
    """
    before, after = (rows.set_index(_join(rows, key)) for rows in (old, new))
    both = before.index.intersection(after.index).sort_values()
    names = [name for name in new.columns if name in old.columns and name not in key]
    left, right = before.loc[both], after.loc[both]
    unlike = [find_unlike(left[name], right[name], tolerance) for name in names]
    differs = np.column_stack(unlike) if names else np.zeros((len(both), 0), dtype=bool)
    rows = []
    for place in np.flatnonzero(differs.any(axis=1)).tolist():
        changed = [names[column] for column in np.flatnonzero(differs[place])]
        cells = [[_write(side[name].iloc[place]) for name in changed] for side in (left, right)]
        rows.append((both[place], "changed", changed, *cells))
    rows += [(name, "added", [], [], []) for name in after.index.difference(both)]
    rows += [(name, "gone", [], [], []) for name in before.index.difference(both)]
    found = pd.DataFrame(rows, columns=["key", "change", "columns", "before", "after"])
    return found.sort_values("key", kind="stable", ignore_index=True)


def find_unlike(before: pd.Series, after: pd.Series, tolerance: float = 0.0) -> np.ndarray:
    """Whether two columns differ, bool (n,); two empty cells are alike, and lists are compared by their items."""
    if all(pd.api.types.is_numeric_dtype(column) for column in (before, after)) and tolerance:
        one, other = (column.to_numpy(dtype=float, na_value=np.nan) for column in (before, after))
        is_near = np.isclose(one, other, rtol=0, atol=tolerance, equal_nan=True)
        return np.asarray(~is_near, dtype=bool)
    plain = [
        column.map(lambda cell: tuple(cell) if isinstance(cell, np.ndarray | list) else cell)
        for column in (before, after)
    ]
    is_empty = [column.isna().to_numpy() for column in plain]
    unequal = plain[0].to_numpy(dtype=object) != plain[1].to_numpy(dtype=object)
    return np.asarray((unequal & ~(is_empty[0] & is_empty[1])) | (is_empty[0] != is_empty[1]), dtype=bool)


def _join(rows: pd.DataFrame, key: Sequence[str]) -> pd.Index:
    parts = rows[list(key)].astype(str)
    return pd.Index(parts.agg(" | ".join, axis=1) if len(key) > 1 else parts[key[0]], name="key")


def _write(cell: object) -> str:
    if isinstance(cell, np.ndarray | list):
        return ", ".join(map(str, cell))
    return "" if pd.isna(cell) else str(cell)  # type: ignore[call-overload]
