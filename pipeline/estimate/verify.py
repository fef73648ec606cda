"""Recomputes every published share and compares it with the tables that were written."""

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.estimate import estimate_tables, load_inputs
from pipeline.schemas import SHARE_TABLES

TOLERANCE = 5e-7  # half of the sixth decimal, to which tables are published


def verify_shares(config: Config) -> int:
    """Recomputes the tables of estimates from the census and the sheets. Returns the number of rows compared.

    Raises:
        DataError: a table that was written has other rows, or another number, than comes out now.
    """
    codebook, sample, population = load_inputs(config)
    count = 0
    for name, fresh in estimate_tables(config, codebook, sample, population).items():
        path = config.processed(name)
        compare_tables(name, fresh, store.read_table(SHARE_TABLES[name], path), str(path))
        count += len(fresh)
    return count


def compare_tables(name: str, fresh: pd.DataFrame, written: pd.DataFrame, where: str) -> None:
    """Checks that two versions of a table say the same, numbers to half of the sixth decimal.

    Raises:
        DataError: naming the first row and column that differ.
    """
    table = SHARE_TABLES[name]
    key = list(table.key)
    fresh, written = (rows.sort_values(key).reset_index(drop=True) for rows in (fresh, written))
    remake = "run make estimate report, and commit what changed"
    if len(fresh) != len(written) or not fresh[key].astype(str).equals(written[key].astype(str)):
        raise DataError(f"table {name} has other rows than come out now", where=where, do=remake)
    for column in (column.name for column in table.columns if column.name not in key):
        if pd.api.types.is_numeric_dtype(written[column]):
            now, then = (rows[column].to_numpy(dtype=float) for rows in (fresh, written))
            differs = ~(np.isclose(now, then, rtol=0, atol=TOLERANCE) | (np.isnan(now) & np.isnan(then)))
        else:
            differs = (fresh[column].astype(str) != written[column].astype(str)).to_numpy()
        if differs.any():
            row = int(np.argmax(differs))
            place = "/".join(str(written.at[row, name]) for name in key)
            raise DataError(
                f"{name}, {place}: {column} is {written.at[row, column]!r}, and comes out as {fresh.at[row, column]!r}",
                where=where,
                do=remake,
            )
