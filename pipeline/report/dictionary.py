"""The data dictionary: what each column of each table under `tables/` means."""

from collections.abc import Mapping

import pandas as pd

import pipeline.schemas as schemas
from pipeline.errors import DataError
from pipeline.schemas import Table

FACTS = {column.name: column.meaning for column in schemas.CENSUS_DOCUMENTS.columns}
SHARE = {column.name: column.meaning for column in schemas.SHARES.columns}

# Columns that only the report makes; all others are declared in `schemas`.
OWN_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "frames": {
        "frame": SHARE["frame"],
        "title": "its name for people",
        "kind": "census, defined query, list or convenience sample",
        "description": "which documents belong to it",
        "use": "what its shares may be used for",
        "is_quotable": "whether its shares may be quoted as shares of a population, all windows together",
        "complete_from": "first day on which it is complete: shares of windows inside may be quoted; empty: always",
        "complete_before": "the day after the last one of that span",
        "n_population": SHARE["n_population"],
        "n_members": SHARE["n_members"],
        "n_read": SHARE["n_read"],
        "n_person": SHARE["n_person"],
    },
    "flow": {
        "frame": "the population; empty: the corpus as a whole",
        "step": "what happened to the documents",
        "count": "how many documents; `inside` is an estimate",
        "meaning": "what the step is",
    },
    "organisations": {
        "frame": SHARE["frame"],
        "kind": "lab, academia, independent, government or think tank; empty: any",
        "organisation": "by its one name (pipeline/text/organisations.toml); empty: any of the kind",
        "n_documents": "documents of the frame that name it, of the few that name any",
        "n_read": "of these, read",
        "n_inside": "of the read ones, inside the headline's denominator",
        "n_counted": "of these, what the first headline definition counts",
    },
    "clusters": {
        "first_year": "year of its oldest document",
        "median_year": "median year of its documents",
        "n_read": "its documents that were read",
        "n_person": "of these, read by a person",
    },
    "cluster_years": {
        "cluster_id": "the cluster",
        "frame": SHARE["frame"],
        "published_year": FACTS["published_year"],
        "document_count": "documents of the cluster in that frame and year",
    },
    "readings": {
        "coder": "name of the coder's sheet",
        "role": "reader or adjudicator",
        "leaf": "the coder's leaf",
        "note": "the coder's note",
    },
    "published": {
        "id": "name of the row",
        "what": "what was measured",
        "source": "who published it",
        "url": "where, if it is on arXiv or a forum",
        "how": "whether it is quoted or was counted in files",
        "definition": "our definition it is nearest to; empty where none is",
        "value": "the figure, as a share from 0 to 1",
        "low": "lower end, where a range was given",
        "high": "upper end, where a range was given",
        "note": "why the comparison limps",
    },
    "dictionary": {
        "table": "file name without .csv",
        "column": "name of the column",
        "meaning": "what it holds",
    },
}
PREFIXES = {"n_read_": "read documents settled to group ", "n_": "documents of the frame "}


def describe_tables(tables: Mapping[str, pd.DataFrame], axes: Mapping[str, str]) -> pd.DataFrame:
    """Returns one row for each column of each table, and for its own three.

    Args:
        tables: the tables by name.
        axes: what each axis of the codebook is about.

    Raises:
        DataError: a column is declared nowhere.
    """
    code = {column.name: column.meaning for column in schemas.codes_table(axes).columns}
    columns = [(name, column) for name, rows in tables.items() for column in rows.columns]
    columns += [("dictionary", column) for column in OWN_COLUMNS["dictionary"]]
    return pd.DataFrame(
        [{"table": name, "column": column, "meaning": _meaning(name, column, code)} for name, column in columns]
    )


def name_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Returns what each table is, by name, for those that are declared."""
    declared = {name: getattr(schemas, name.upper(), None) for name in tables}
    return {name: table.meaning for name, table in declared.items() if isinstance(table, Table)}


def _meaning(table: str, column: str, code: Mapping[str, str]) -> str:
    declared = getattr(schemas, table.upper(), None)
    own = {item.name: item.meaning for item in declared.columns} if isinstance(declared, Table) else {}
    own = dict(code) if table == schemas.CODES.name else own
    for known in (OWN_COLUMNS.get(table, {}), own, code, SHARE, FACTS):
        if column in known:
            return known[column]
    if column == "layer":
        return "name of the layer of clusters"
    if table == "clusters":
        for prefix, meaning in PREFIXES.items():
            if column.startswith(prefix):
                return meaning + column.removeprefix(prefix)
    raise DataError(
        f"column {column!r} of table {table} is described nowhere",
        where="pipeline/report/dictionary.py",
        do="say there what it means",
    )
