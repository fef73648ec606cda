"""A column that was filled the last time and is empty now: another file than was meant, and a reason to stop."""

import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import store
from pipeline.errors import DataError
from pipeline.schemas import RECORDS

log = logging.getLogger(__name__)
COLUMNS = ("published_date", "url", "authors", "karma")
MIN_RECORDS = 20  # of a source, in both runs: fewer may well differ
FILLED_SHARE, EMPTY_SHARE = 0.5, 0.05


def refuse_collapse(old: Path, new: Path) -> None:
    """Compares how far the columns of each source are filled with the last run.

    Args:
        old: the records of the last run; they may be missing.
        new: those of this one.

    Raises:
        DataError: a column of a source that was filled in half of its records or more is empty in nearly all.
    """
    if not old.is_file():
        return
    try:
        before = _filled_shares(old)
    except DataError as error:
        log.info("corpus: the last records cannot be compared with (%s)", error)
        return
    after = _filled_shares(new)
    for (origin, column), share in before.items():
        now = after.get((origin, column), 1.0)
        if share >= FILLED_SHARE and now < EMPTY_SHARE:
            raise DataError(
                f"{column} was filled in {share:.0%} of its records the last time, and is in {now:.0%} now",
                where=f"[sources.{origin}]",
                do=f"mend or map the column; if it is meant, delete {old} and run it again",
            )


def _filled_shares(path: Path) -> dict[tuple[str, str], float]:
    """Returns the share of the records of each source in which a column is filled; small sources are left out."""
    rows = store.read_arrow(RECORDS, path, ("origin", *COLUMNS))
    flags = {name: pc.cast(_is_filled(rows.column(name)), pa.int64()) for name in COLUMNS}
    counted = pa.table({"origin": rows.column("origin"), **flags}).group_by("origin")
    sums = counted.aggregate([([], "count_all"), *((name, "sum") for name in COLUMNS)])
    return {
        (row["origin"], name): row[f"{name}_sum"] / row["count_all"]
        for row in sums.to_pylist()
        for name in COLUMNS
        if row["count_all"] >= MIN_RECORDS
    }


def _is_filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_list(column.type):
        return pc.greater(pc.fill_null(pc.list_value_length(column), 0), 0)
    return pc.is_valid(column)
