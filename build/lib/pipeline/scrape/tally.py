"""What became of the columns of a file: how many cells were read, empty or unreadable, and when that is a stop."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from pipeline.errors import DataError

log = logging.getLogger(__name__)
Outcome = Literal["read", "empty", "unreadable", "absent"]  # absent: a row without the key
MAX_UNREADABLE_SHARE = 0.5  # of the cells that are not empty: more is no dirt, but another column than was meant
_MIN_UNREADABLE = 5  # fewer are rejects and no more


@dataclass(frozen=True)
class Tally:
    """Counts of one source.

    Attributes:
        cells: by field and outcome.
        examples: by field, a cell that could not be read.
        rows: by what became of them: item, reject, or outside the query.
    """

    cells: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, outcome: Outcome, example: str = "") -> None:
        """Counts one cell."""
        self.cells[(name, outcome)] += 1
        if outcome == "unreadable":
            self.examples.setdefault(name, example)


def finish_tally(tally: Tally, where: str, path: str, min_read_shares: Mapping[str, float]) -> None:
    """Prints the counts of a source, and stops where a column collapsed.

    Args:
        min_read_shares: by field, the share of the rows whose cell must have been read.

    Raises:
        DataError: most cells of a column could not be read, or fewer were read than declared.
    """
    names = list(dict.fromkeys(name for name, outcome in tally.cells if outcome != "absent"))
    total = tally.rows["item"] + tally.rows["reject"] + tally.rows["outside"]
    log.info(
        "%s: %d rows = %d items + %d rejects%s; %s",
        where,
        total,
        tally.rows["item"],
        tally.rows["reject"],
        f" + {tally.rows['outside']} outside the query" if tally.rows["outside"] else "",
        "; ".join(f"{name} {_counts(tally, name)}" for name in names) or "no column was read",
    )
    for name in names:
        read, bad = tally.cells[(name, "read")], tally.cells[(name, "unreadable")]
        if bad >= _MIN_UNREADABLE and bad > MAX_UNREADABLE_SHARE * (read + bad):
            raise DataError(
                f"{name}: {bad} of {read + bad} cells could not be read, such as {tally.examples[name]}",
                where=f"{where} {path}",
                do="mend or map the column; or list it in leave_empty, or name what stands for nothing in empty_marks",
            )
    for name, share in min_read_shares.items():
        if total and tally.cells[(name, "read")] < share * total:
            raise DataError(
                f"{name} was read in {tally.cells[(name, 'read')]} of {total} rows, and min_read_shares asks for "
                f"{share:.0%} of them",
                where=f"{where} {path}",
                do="mend the column, or lower the share",
            )


def _counts(tally: Tally, name: str) -> str:
    read, empty, bad, absent = (tally.cells[(name, key)] for key in get_args(Outcome))
    counts = {"read": read, "empty": empty + absent, "unreadable": bad}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)
