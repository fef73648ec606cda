"""The named agendas, as the page and `report.md` list them: what each is, how large, how it grew, what lies near."""

from typing import Any

import pandas as pd

from pipeline.report.content import Content
from pipeline.report.results import has_rows

SHOWN_EXEMPLARS = 5  # documents most surely of an agenda that the page links to


def list_named_agendas(content: Content) -> list[dict[str, Any]]:
    """Returns each named agenda, the largest first; none without the tables.

    Each has its row of `agenda_list`, and besides: size (in words, of the headline frame), near (names), neighbours
    (pairs of id and name), titles (of its leaves), sizes (title of a frame to be quoted and row of `agenda_sizes`),
    score (row of `agenda_scores`, or None) and exemplars (pairs of doc_id and title).
    """
    if not has_named_agendas(content):
        return []
    listed, sizes = content.extras["agenda_list"], content.extras["agenda_sizes"]
    names = dict(zip(listed["agenda"], listed["name"], strict=True))
    whole = {(row["agenda"], row["frame"]): row for row in sizes[sizes["year"] == ""].to_dict("records")}
    scores = content.extras.get("agenda_scores", pd.DataFrame(columns=["agenda"]))
    score_of = {row["agenda"]: row for row in scores.to_dict("records")}
    rows: list[dict[str, Any]] = []
    for row in listed.to_dict("records"):
        own = whole.get((row["agenda"], content.settings.headline_frame))
        rows.append(
            {
                **_as_written(row),
                "document_count": int(row["document_count"]),
                "size": tell_size(own) if own else "",
                "near": "; ".join(names[other] for other in row["neighbours"]),
                "neighbours": [(other, names[other]) for other in row["neighbours"]],
                "titles": {leaf: content.codebook.leaves.get(leaf, "") for leaf in row["leaves"]},
                "sizes": [
                    (frame.title, _as_written(whole[row["agenda"], name]))
                    for name, frame in content.frames.items()
                    if frame.is_quotable and (row["agenda"], name) in whole
                ],
                "score": _as_written(score_of[row["agenda"]]) if row["agenda"] in score_of else None,
                "exemplars": _exemplars(row["exemplar_ids"], content),
            }
        )
    return sorted(rows, key=lambda row: (-row["document_count"], row["name"]))


def has_named_agendas(content: Content) -> bool:
    """Whether there are named agendas with their sizes."""
    return has_rows(content, "agenda_list") and has_rows(content, "agenda_sizes")


def list_agenda_sizes(content: Content) -> dict[str, dict[str, list[Any]]]:
    """Returns the size of each agenda, by frame|year and agenda: count, low, high; None by chances alone."""
    if not has_named_agendas(content):
        return {}
    found: dict[str, dict[str, list[Any]]] = {}
    for row in content.extras["agenda_sizes"].to_dict("records"):
        ends = [row["low"], row["high"]] if row["basis"] == "read" else [None, None]
        own = [None if end is None or pd.isna(end) else round(end, 6) for end in (row["document_count"], *ends)]
        found.setdefault(f"{row['frame']}|{row['year']}", {})[row["agenda"]] = own
    return found


def tell_size(row: dict[Any, Any]) -> str:
    """Returns an estimated number of documents with its interval, or that it is a sum of chances alone."""
    if row["basis"] != "read":
        return f"about {row['document_count']:.0f}, by chances alone"
    return f"{row['document_count']:.0f} [{row['low']:.0f} to {row['high']:.0f}]"


def tell_agenda_readers(content: Content) -> str:
    """Returns who read documents against the list of agendas, in words; empty where nobody did."""
    if not has_rows(content, "agenda_scores"):
        return ""
    kinds = sorted({kind for kinds in content.extras["agenda_scores"]["coder_kinds"] for kind in kinds})
    return " and ".join({"person": "people", "language model": "a language model"}.get(kind, kind) for kind in kinds)


def _as_written(row: dict[Any, Any]) -> dict[str, Any]:
    """Returns a row with its numbers as its table has them: six decimals, so that both round alike from there."""
    return {str(name): round(value, 6) + 0.0 if isinstance(value, float) else value for name, value in row.items()}


def _exemplars(doc_ids: list[str], content: Content) -> list[tuple[str, str]]:
    known = [name for name in doc_ids if name in content.documents.index]
    shown = [name for name in known if content.documents.at[name, "frame"] in content.frames]
    return [(name, str(content.documents.at[name, "title"])) for name in shown[:SHOWN_EXEMPLARS]]
