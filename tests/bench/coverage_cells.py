"""Cells of the coverage bench over its populations: what is uncertain of them, and what they come to by kind."""

import numpy as np
import pandas as pd
from scipy import special

KEY = ["kind", "frame", "year", "query"]
FEW_HITS = 5.0  # read documents that are expected to count: below, coverage jumps with each (see `yardstick`)
MOST_BIAS = 0.005
DISCOVERIES = 0.05  # of cells called biased, the part that may be so by chance


def join_populations(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Returns the means over populations, with standard errors in place of variances."""
    every = pd.concat(parts).groupby(KEY)
    table = every.mean(numeric_only=True).reset_index()
    table["repetitions"] = every["repetitions"].sum().to_numpy()
    table.insert(list(table).index("bias") + 1, "bias_error", every["bias"].sem().to_numpy())
    roots = {"squared_error": "rmse", "true_variance": "true_error", "variance": "standard_error"}
    for column, name in roots.items():
        table[name] = np.sqrt(table.pop(column))
    return table


def find_biased(table: pd.DataFrame, n_populations: int) -> np.ndarray:
    """Returns which cells are off by more than `MOST_BIAS` and not by chance: bool (n_cells,).

    Student's t over the populations, false discoveries among all cells at most one in twenty (Benjamini and Hochberg
    1995).
    """
    error = table["bias_error"].to_numpy()
    ratio = table["bias"].abs().to_numpy() / np.where(error > 0, error, np.inf)
    chance = 2 * special.stdtr(max(n_populations - 1, 1), -ratio)
    order = np.argsort(chance)
    below = np.flatnonzero(chance[order] <= DISCOVERIES * np.arange(1, len(chance) + 1) / len(chance))
    is_biased = np.zeros(len(table), dtype=bool)
    is_biased[order[: below.max(initial=-1) + 1]] = True
    return is_biased & (table["bias"].abs() > MOST_BIAS).to_numpy()


def summarize(table: pd.DataFrame, n_populations: int) -> pd.DataFrame:
    """Returns a row a kind; `often` is of the cells alone that expect `FEW_HITS` or more."""
    is_biased, rows = find_biased(table, n_populations), {}
    for kind, cells in table.groupby("kind"):
        often = cells[cells["expected_hits"] >= FEW_HITS]
        rows[kind] = {
            "cells": len(cells),
            "coverage": cells["coverage"].mean(),
            "least": cells["coverage"].min(),
            "under_90": int((cells["coverage"] < 0.9).sum()),
            "often": len(often),
            "often_coverage": often["coverage"].mean(),
            "often_least": often["coverage"].min(),
            "often_under_90": int((often["coverage"] < 0.9).sum()),
            "error_by_true": (often["standard_error"] / often["true_error"]).median(),
            "greatest_bias": cells["bias"].abs().max(),
            "biased": int(is_biased[cells.index].sum()),
        }
    return pd.DataFrame(rows).T
