"""The tables under `tables/`: what every number of the report is taken from."""

import pandas as pd

from pipeline.report.content import Content

SHARE_COLUMNS = [
    "frame",
    "year",
    "definition",
    "denominator",
    "weight",
    "share",
    "low",
    "high",
    "level",
    "n_population",
    "n_read",
    "n_effective",
    "method",
]
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def list_tables(content: Content) -> dict[str, pd.DataFrame]:
    """Returns the tables by file name, their rows in a fixed order."""
    return {
        "shares": content.shares[SHARE_COLUMNS],
        "clusters": tabulate_clusters(content),
        "codes": tabulate_codes(content),
        "frames": tabulate_frames(content),
    }


def tabulate_frames(content: Content) -> pd.DataFrame:
    """Returns each frame with what it is and what its shares may be used for."""
    rows = []
    for name, frame in content.frames.items():
        headline = content.share_of(name, content.codebook.definitions[0].id)
        rows.append(
            {
                "frame": name,
                "title": frame.title,
                "kind": frame.kind,
                "description": frame.description,
                "use": frame.use,
                "is_quotable": frame.is_quotable,
                "n_population": headline["n_population"],
                "n_read": headline["n_read"],
            }
        )
    return pd.DataFrame(rows)


def tabulate_clusters(content: Content) -> pd.DataFrame:
    """Returns each cluster with its name, size and most central documents."""
    lists = dict.fromkeys(("exemplar_ids", "random_ids", "border_ids"), " ") | {"terms": " · "}
    clusters = content.clusters.assign(**{name: content.clusters[name].map(mark.join) for name, mark in lists.items()})
    return neutralise_formulas(clusters)


def tabulate_codes(content: Content) -> pd.DataFrame:
    """Returns each read document with its facts and every reader's leaf."""
    facts = content.documents[["frame", "published_date", "title", "url"]]
    return neutralise_formulas(content.codes.join(facts, on="doc_id"))


def neutralise_formulas(rows: pd.DataFrame) -> pd.DataFrame:
    """Puts an apostrophe before every text that a spreadsheet would run as a formula."""
    rows = rows.copy()
    for column in rows.columns:
        if pd.api.types.is_string_dtype(rows[column]) or rows[column].dtype == object:
            rows[column] = rows[column].map(
                lambda cell: f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
            )
    return rows
