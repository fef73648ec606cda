"""The clusters as the page shows them: their facts, exemplars of three kinds, kin and documents per year."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.report.content import Content

# Which members are shown of a cluster, by the column of `clusters` that lists them.
EXEMPLARS = {"exemplar_ids": "most central", "random_ids": "at random", "border_ids": "at the border"}


def list_clusters(content: Content, tables: Mapping[str, pd.DataFrame]) -> dict[str, list[dict[str, Any]]]:
    """Returns, for each layer, its clusters: the row of the table `clusters`, and what a reader follows from there.

    Added to each row: `n_other` (documents of the frames that may not be quoted), `years` (documents by year),
    `exemplars` (documents by kind), `parent` (a cluster of the layer above, or None) and `children` (of the one below).
    """
    years = tables["cluster_years"].groupby(["layer", "cluster_id", "published_year"])["document_count"].sum()
    quotable = [name for name, frame in content.frames.items() if frame.is_quotable]
    table = tables["clusters"].astype(object).where(tables["clusters"].notna(), None)
    rows = [{str(name): cell for name, cell in row.items()} for row in table.to_dict("records")]
    by_id = {row["cluster_id"]: row for row in rows}
    by_layer: dict[str, list[dict[str, Any]]] = {layer: [] for layer in content.layers}
    for row in rows:
        own = years.get((row["layer"], row["cluster_id"]), pd.Series(dtype=int))
        by_layer[row["layer"]].append(
            row
            | {
                "n_other": row["document_count"] - sum(row[f"n_{name}"] for name in quotable),
                "years": {int(year): int(count) for year, count in own.items()},
                "exemplars": {kind: _titles(content, row[column]) for column, kind in EXEMPLARS.items()},
                "parent": by_id.get(row["parent_id"]),
                "children": [other for other in rows if other["parent_id"] == row["cluster_id"]],
            }
        )
    return by_layer


def _titles(content: Content, doc_ids: str) -> list[dict[str, str]]:
    """Returns id and title of the documents that are still in the census."""
    known = [doc_id for doc_id in doc_ids.split() if doc_id in content.documents.index]
    return [{"doc_id": doc_id, "title": str(content.documents.at[doc_id, "title"])} for doc_id in known]
