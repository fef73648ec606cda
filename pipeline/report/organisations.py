"""Where authors work, as far as documents say it: labs, academia, independents, and which of them.

A blog has the organisation that publishes it, a paper what its authors' names say in brackets. Most say nothing, so
these are counts of documents, never shares of a frame: who says where they work is nobody's random part.
"""

from typing import Any

import pandas as pd

from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.report.content import Content
from pipeline.report.words import format_percent
from pipeline.text.organisations import Organisation, find_organisation

COLUMNS = ("frame", "kind", "organisation", "n_documents", "n_read", "n_inside", "n_counted")
KEY = ["frame", "kind", "organisation"]
SHOWN = 12  # organisations that the page names, of those with several documents


def tabulate_organisations(content: Content) -> pd.DataFrame:
    """Returns the rows of the table `organisations`: of each frame, its documents that name any, by kind, and by name.

    A document that names several is in the row of each.
    """
    named = _list_named(content)
    if named.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    settings, codebook = content.settings, content.codebook
    definition = next(each for each in codebook.definitions if each.id == settings.headline_definitions[0])
    inside = match_denominator(codebook.denominators[settings.denominator], content.codes)
    counted = inside & match_definition(definition, content.codes)
    marks = pd.DataFrame({"n_read": True, "n_inside": inside, "n_counted": counted}, index=content.codes["doc_id"])
    parts = []
    for blank in (["kind", "organisation"], ["organisation"], []):  # any organisation, any of a kind, each
        rows = named.assign(**dict.fromkeys(blank, "")).drop_duplicates([*KEY, "doc_id"])
        rows = rows.join(marks.astype(float), on="doc_id").fillna(dict.fromkeys(marks.columns, 0.0))
        sums = rows.groupby(KEY, as_index=False)[list(marks.columns)].sum()
        parts.append(sums.assign(n_documents=rows.groupby(KEY).size().to_numpy()))
    found = pd.concat(parts)[list(COLUMNS)].sort_values(KEY, ignore_index=True)
    return found.astype(dict.fromkeys(COLUMNS[3:], int))


def fill_organisations(content: Content, rows: pd.DataFrame) -> dict[str, Any]:
    """Returns the values that the template uses: documents by kind and by name, over all frames, and what they are."""
    totals = rows.groupby(["kind", "organisation"], as_index=False)[list(COLUMNS[3:])].sum()
    kinds = totals[(totals["kind"] != "") & (totals["organisation"] == "")].sort_values("n_documents", ascending=False)
    names = totals[(totals["organisation"] != "") & (totals["n_documents"] > 1)]
    names = names.sort_values(["n_documents", "organisation"], ascending=[False, True]).head(SHOWN)
    known = int(totals.loc[totals["kind"] == "", "n_documents"].sum())
    return {
        "organisation_kinds": kinds.to_dict("records"),
        "organisation_names": names.to_dict("records"),
        "organisations": _tell(known, len(content.documents)),
    }


def _list_named(content: Content) -> pd.DataFrame:
    """Returns a row for each document and organisation that it names: frame, doc_id, kind, organisation."""
    known: dict[str, Organisation | None] = {}
    rows = []
    facts = content.documents
    columns = (facts[name].tolist() for name in ("frame", "organisation", "affiliations"))
    for doc_id, frame, publisher, affiliations in zip(facts.index.tolist(), *columns, strict=True):
        texts = [*([publisher] if isinstance(publisher, str) else []), *(() if affiliations is None else affiliations)]
        for text in dict.fromkeys(texts):
            if text not in known:
                known[text] = find_organisation(text) if text else None
            found = known[text]
            if found and frame in content.frames:
                rows.append({"frame": frame, "doc_id": doc_id, "kind": found.kind, "organisation": found.name})
    return pd.DataFrame(rows, columns=["frame", "doc_id", "kind", "organisation"]).drop_duplicates()


def _tell(known: int, whole: int) -> str:
    if not known:
        return (
            "No source of this census says where authors work: it holds no share of labs, academia or independents, "
            "and none of a named organisation. Whether one of its documents counts, and why, stands with the document: "
            "search the map for its authors."
        )
    return (
        f"Where an author works is known for {format_percent(known / whole)} of the documents "
        f"({known:,} of {whole:,}): those that say it. These are counts of what was found, and no share of anything."
    )
