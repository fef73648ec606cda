"""Codes as numbers: each column's values, and whole codes in mixed radix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.coding.codebook import CONFIDENCE, Codebook
from pipeline.coding.sheets import code_columns_of


def tidy_records(records: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Returns codes with numbers for confidences, and the groups of their leaves."""
    groups = {"": "", **codebook.group_of}
    confidence = pd.to_numeric(records[CONFIDENCE]).fillna(codebook.confidences[-1]).astype(int)
    return records.assign(
        confidence=confidence, group=records["leaf"].map(groups), group2=records["leaf2"].map(groups).fillna("")
    )


@dataclass(frozen=True)
class CodeNumbers:
    """Numbers codes: each column's values, and whole codes in mixed radix."""

    codebook: Codebook
    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, codebook: Codebook, tables: Sequence[pd.DataFrame]) -> "CodeNumbers":
        """Learns the values of each column from tables of codes."""
        names = tuple(code_columns_of(codebook))
        values = [tuple(codebook.leaves)]
        for name in names[1:]:
            seen = {str(value) for table in tables if name in table for value in table[name].fillna("").unique()}
            values.append(tuple(sorted({*seen, *codebook.assumed.get(name, {}).values(), ""})))
        return cls(codebook, names, tuple(values))

    def encode(self, table: pd.DataFrame) -> np.ndarray:
        """Returns int (n, n_columns)."""
        columns = []
        for name, values in zip(self.names, self.values, strict=True):
            cells = table[name].fillna("").astype(str) if name in table else pd.Series("", index=table.index)
            columns.append(pd.Index(values).get_indexer(pd.Index(cells)))
        return np.stack(columns, axis=1)

    def join_rows(self, rows: np.ndarray) -> np.ndarray:
        """Returns one number a code: int (...,)."""
        key = rows[..., 0].astype(np.int64)
        for place, values in enumerate(self.values[1:], start=1):
            key = key * len(values) + rows[..., place]
        return key

    def join(self, leaf: np.ndarray, axes: np.ndarray) -> np.ndarray:
        """Returns the numbers of one leaf with many axes: int (n, k)."""
        return self.join_rows(np.concatenate([np.broadcast_to(leaf, (*axes.shape[:2], 1)), axes], axis=2))

    def join_leaves(self, rows: np.ndarray, is_assumed: np.ndarray) -> np.ndarray:
        """Returns the numbers of every leaf with a document's axes: int (n, n_leaves).

        Args:
            rows: int (n, n_columns). is_assumed: bool (n,), whose axes follow from the leaf.
        """
        leaves = self.values[0]
        many = np.repeat(rows[:, None, :], len(leaves), axis=1)
        many[:, :, 0] = np.arange(len(leaves))
        for axis, by_group in self.codebook.assumed.items():
            column = self.names.index(axis)
            codes = [by_group.get(self.codebook.group_of[leaf], "") for leaf in leaves]
            many[is_assumed, :, column] = np.maximum(pd.Index(self.values[column]).get_indexer(pd.Index(codes)), 0)
        return self.join_rows(many)

    def decode(self, keys: np.ndarray) -> pd.DataFrame:
        """Returns the codes as a table."""
        columns: dict[str, object] = {}
        rest = keys.copy()
        for name, values in reversed(list(zip(self.names, self.values, strict=True))):
            columns[name] = np.array(values, dtype=object)[rest % len(values)]
            rest //= len(values)
        table = pd.DataFrame({name: columns[name] for name in self.names})
        return tidy_records(table, self.codebook)
