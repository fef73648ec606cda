"""The named agendas as `report.md` lists them: how many documents each has, and which lie near."""

from typing import Any

from pipeline.report.content import Content, has_rows


def list_named_agendas(content: Content) -> list[dict[str, Any]]:
    """Returns name, document_count, size and near of each named agenda, the largest first; none without the tables."""
    if not (has_rows(content, "agenda_list") and has_rows(content, "agenda_sizes")):
        return []
    listed, sizes = content.extras["agenda_list"], content.extras["agenda_sizes"]
    names = dict(zip(listed["agenda"], listed["name"], strict=True))
    mine = sizes[(sizes["frame"] == content.settings.headline_frame) & (sizes["year"] == "")]
    told = {row["agenda"]: tell_size(row) for row in mine.to_dict("records")}
    rows = [
        {
            "name": row["name"],
            "document_count": int(row["document_count"]),
            "size": told.get(row["agenda"], ""),
            "near": "; ".join(names[other] for other in row["neighbours"]),
        }
        for row in listed.to_dict("records")
    ]
    return sorted(rows, key=lambda row: (-row["document_count"], row["name"]))


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
