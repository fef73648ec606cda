"""Summary: what the card, the manifest and the metadata say of a release, counted from its files a part at a time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.groups import read_groups
from pipeline.schemas import Table

ALIKE = ("frame", "source", "text_kind", "published_date")  # documents that agree in these are counted together
COUNTED = {"embeddings": "encoder_backend", "codes": "coder_kind", "changes": "change"}


@dataclass(frozen=True)
class Summary:
    """Counts of a release.

    Attributes:
        documents: frame, source, text_kind, published_date and `document_count`: one row for documents alike in these.
        row_counts: rows of each table, by its name.
        values: how often each value of a column of `COUNTED` occurs, by the name of its table.
    """

    documents: pd.DataFrame
    row_counts: Mapping[str, int]
    values: Mapping[str, Counter[str | None]] = field(default_factory=dict)

    @property
    def document_count(self) -> int:
        """The number of documents."""
        return int(self.documents["document_count"].sum())

    @property
    def frames(self) -> dict[str, int]:
        """The number of documents of each frame."""
        counts = self.documents.groupby("frame")["document_count"].sum()
        return {str(frame): int(count) for frame, count in counts.items()}

    @property
    def newest_date(self) -> str:
        """The latest date that is known to the day."""
        dates = self.documents["published_date"].dropna()
        return str(dates[dates.str.len() == len("YYYY-MM-DD")].max())


def summarise(folder: Path, tables: Sequence[Table], row_counts: Mapping[str, int]) -> Summary:
    """Counts the tables of a release that lie in a folder."""
    values = {
        table.name: count_values(table, folder / f"{table.name}.parquet", COUNTED[table.name])
        for table in tables
        if table.name in COUNTED
    }
    documents = next(table for table in tables if table.name == "documents")
    return Summary(count_alike(documents, folder / "documents.parquet"), row_counts, values)


def count_alike(table: Table, path: Path) -> pd.DataFrame:
    """Returns how many documents agree in frame, source, text_kind and published_date."""
    parts = [part.group_by(list(ALIKE)).aggregate([([], "count_all")]) for part in read_groups(table, path, ALIKE)]
    if not parts:
        return pd.DataFrame(columns=[*ALIKE, "document_count"])
    counts = pa.concat_tables(parts).group_by(list(ALIKE)).aggregate([("count_all", "sum")])
    rows = counts.rename_columns([*ALIKE, "document_count"]).to_pandas()
    return rows.sort_values(list(ALIKE), ignore_index=True)


def count_values(table: Table, path: Path, column: str) -> Counter[str | None]:
    """Returns how often each value of a column occurs; None for empty cells."""
    counts: Counter[str | None] = Counter()
    for rows in read_groups(table, path, (column,)):
        for entry in rows.column(column).value_counts().to_pylist():
            counts[entry["values"]] += entry["counts"]
    return counts
