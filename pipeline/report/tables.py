"""The tables under `tables/`: what every number of the report is taken from."""

import pandas as pd

from pipeline.coding.sheets import code_columns_of
from pipeline.report import dictionary
from pipeline.report.content import Content
from pipeline.report.flow import tabulate_flow
from pipeline.report.organisations import tabulate_organisations
from pipeline.report.profiles import count_cluster_years, profile_clusters

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
    "n_members",
    "n_read",
    "n_effective",
    "share_unpredicted",
    "method",
    "n_person",
]
UNPUBLISHED = ("predictions", "calls")  # a row for each document: too large for a table that people open
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def list_tables(content: Content) -> dict[str, pd.DataFrame]:
    """Returns the tables by file name, their rows in a fixed order, as they are written: formulas neutralised."""
    tables = {
        "shares": content.shares[SHARE_COLUMNS].reset_index(drop=True),
        "clusters": join_lists(profile_clusters(content)),
        "cluster_years": count_cluster_years(content),
        "codes": tabulate_codes(content),
        "readings": tabulate_readings(content),
        "frames": tabulate_frames(content),
        "flow": tabulate_flow(content),
        "organisations": tabulate_organisations(content),
        "agendas": content.agendas,
        "agenda_growth": content.growth,
        "published": tabulate_published(content),
        **{name: join_lists(rows) for name, rows in content.extras.items() if name not in UNPUBLISHED and len(rows)},
    }
    tables = {name: neutralise_formulas(rows) for name, rows in tables.items()}
    return tables | {"dictionary": dictionary.describe_tables(tables, content.codebook.axis_meanings)}


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
                "complete_from": frame.complete_from,
                "complete_before": frame.complete_before,
                "n_population": headline["n_population"],
                "n_members": headline["n_members"],
                "n_read": headline["n_read"],
                "n_person": headline["n_person"],
            }
        )
    return pd.DataFrame(rows)


def tabulate_codes(content: Content) -> pd.DataFrame:
    """Returns each read document with its facts, its settled codes and every reader's leaf."""
    facts = content.documents[["frame", "published_date", "title", "url"]]
    return content.codes.join(facts, on="doc_id")


def tabulate_readings(content: Content) -> pd.DataFrame:
    """Returns every coder's full codes of every read document, one row a reading."""
    sample = content.sample
    # A language model's adjudication where it stands; every other sheet whole, also where another's code stands.
    is_ruled = sample.adjudicator["coder_kind"] != "person"
    sheets = []
    for sheet in sample.coded:
        own = sheet.codes.loc[sheet.codes.index.intersection(sample.units.index)]
        if sheet.role == "adjudicator" and sheet.kind != "person":
            own = sample.adjudicator[is_ruled & (sample.adjudicator["coder"] == sheet.coder)].copy()
            for axis in content.codebook.assumed:  # what the ruling says of it, where shares go by the assumption
                said = sheet.codes[axis].reindex(own.index)
                own[axis] = own[axis].where(said == "", said)
        sheets.append((sheet.coder, sheet.role, sheet.kind, own))
    columns = [*code_columns_of(content.codebook), "note"]
    parts = [
        codes[columns].rename_axis("doc_id").reset_index().assign(coder=coder, role=role, coder_kind=kind)
        for coder, role, kind, codes in sheets
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[["doc_id", "coder", "role", "coder_kind", *columns]]
    return rows.sort_values(["doc_id", "coder", "role"], ignore_index=True)


def tabulate_published(content: Content) -> pd.DataFrame:
    """Returns the figures of others that the report compares itself with."""
    columns = ["id", "what", "source", "url", "how", "definition", "value", "low", "high", "note"]
    return pd.DataFrame(list(content.published)).reindex(columns=columns)


def join_lists(rows: pd.DataFrame) -> pd.DataFrame:
    """Writes a list in a cell as its items with spaces between them."""
    rows = rows.copy()
    for column in rows.columns[[str(kind) == "object" for kind in rows.dtypes]]:  # texts hold no list
        if rows[column].map(lambda cell: hasattr(cell, "tolist") and not isinstance(cell, str)).any():
            rows[column] = rows[column].map(lambda cell: " ".join(map(str, cell)) if hasattr(cell, "tolist") else cell)
    return rows


def neutralise_formulas(rows: pd.DataFrame) -> pd.DataFrame:
    """Puts an apostrophe before every text that a spreadsheet would run as a formula."""
    rows = rows.copy()
    for column in rows.columns:
        if isinstance(rows[column].dtype, pd.StringDtype):  # most are names, of which there are few
            changed = {cell: told for cell in rows[column].unique() if (told := neutralise_cell(cell)) is not cell}
            rows[column] = rows[column].replace(changed) if changed else rows[column]
        elif rows[column].dtype == object:
            rows[column] = rows[column].map(neutralise_cell)
    return rows


def neutralise_cell(cell: object) -> object:
    """Returns a cell with an apostrophe before a text that would run, whatever blanks it starts with."""
    if isinstance(cell, str) and (cell.startswith(FORMULA_STARTS) or cell.lstrip().startswith(FORMULA_STARTS)):
        return f"'{cell}"
    return cell
