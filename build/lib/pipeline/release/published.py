"""Compares tables of estimates: as they were written or published, and as they come out now."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import DataError
from pipeline.schemas import AGREEMENT, SHARE_TABLES

VERIFIED = SHARE_TABLES | {AGREEMENT.name: AGREEMENT}
TOLERANCE = 1e-6  # the sixth decimal, to which tables are published


def read_published(name: str, path: Path) -> pd.DataFrame:
    """Reads a published table (CSV) with the types of its declaration; text cells may be empty, numbers missing."""
    table = VERIFIED[name]
    texts = {column.name: str for column in table.columns if str(column.type) == "string"}
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={key: [""] for key in _numbers(name)})


def _numbers(name: str) -> list[str]:
    return [column.name for column in VERIFIED[name].columns if str(column.type) != "string"]


def compare_tables(name: str, fresh: pd.DataFrame, written: pd.DataFrame, where: str) -> None:
    """Checks that two versions of a table say the same, numbers to the sixth decimal.

    Columns that were not published are passed over.

    Raises:
        DataError: naming the first row and column that differ.
    """
    table = VERIFIED[name]
    key = list(table.key)
    fresh, written = (rows.sort_values(key).reset_index(drop=True) for rows in (fresh, written))
    remake = "run make estimate report, and commit what changed"
    if len(fresh) != len(written) or not fresh[key].astype(str).equals(written[key].astype(str)):
        raise DataError(f"table {name} has other rows than come out now", where=where, do=remake)
    for column in (column.name for column in table.columns if column.name not in key and column.name in written):
        if column in _numbers(name):
            now, then = (rows[column].to_numpy(dtype=float) for rows in (fresh, written))
            differs = ~(np.isclose(now, then, rtol=0, atol=TOLERANCE) | (np.isnan(now) & np.isnan(then)))
        else:
            differs = (fresh[column].astype(str) != written[column].astype(str)).to_numpy()
        if differs.any():
            row = int(np.argmax(differs))
            place = "/".join(str(written.at[row, name]) for name in key)
            raise DataError(
                f"{name}, {place}: {column} is {written.at[row, column]!s}, and comes out as {fresh.at[row, column]!s}",
                where=where,
                do=remake,
            )
