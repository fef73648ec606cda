"""Codes of documents by the distinct values of each column: a query asks after a few values, not after every cell."""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class CodeColumns:
    """Codes that are asked more than once: each column is looked through at the first question about it.

    Attributes:
        frame: columns of codes; n rows. It must not change.
        known: by column, the number of each cell's value, int (n,), and the values, that of an empty cell, None, last.
    """

    frame: pd.DataFrame
    known: dict[str, tuple[np.ndarray, list[str | None]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    def are_among(self, column: str, wanted: Collection[str | None]) -> np.ndarray:
        """Returns which cells of a column hold one of the codes that are wanted: bool (n,)."""
        if column not in self.known:
            numbers, values = pd.factorize(self.frame[column])
            self.known[column] = (numbers, [*values.tolist(), None])  # an empty cell has the number -1
        numbers, listed = self.known[column]
        return np.array([value in wanted for value in listed], dtype=bool)[numbers]


def index_codes(codes: "pd.DataFrame | CodeColumns") -> CodeColumns:
    """Returns codes as columns that can be asked, if they are not yet."""
    return codes if isinstance(codes, CodeColumns) else CodeColumns(codes)
