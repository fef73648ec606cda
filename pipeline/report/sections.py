"""The sections of the page, and what the optional ones say; a section whose tables do not exist is absent."""

from typing import Any

from pipeline.estimate.planning import TARGET
from pipeline.report.amounts import fill_amounts
from pipeline.report.calls import fill_calls
from pipeline.report.content import Content
from pipeline.report.findings import list_variants
from pipeline.report.results import has_rows
from pipeline.report.second import fill_second

# From top to bottom: template, heading, and the optional tables without which the section is absent.
SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("positions", "Who counts what", ("positions",)),
    ("explorer", "Build your own", ()),
    ("documents", "The documents behind the number", ()),
    ("map", "Map", ()),
    ("amounts", "How much there is, and what a query misses", ("recall", "totals")),
    ("definitions", "Every definition, side by side", ()),
    ("years", "Year by year", ()),
    ("agendas", "Agendas: how large, and which grew", ()),
    ("named", "Named agendas, one by one", ("agenda_list", "agenda_sizes")),
    ("curve", "Every way to draw the lines", ("curve", "toggles")),
    ("robustness", "Estimated otherwise", ("robustness",)),
    ("clusters", "Clusters", ()),
    ("people", "People and organisations", ()),
    ("flow", "The flow of documents", ()),
    ("frames", "Frames: whose output", ()),
    ("methods", "How the shares were made", ()),
    ("agreement", "Do readers agree?", ("agreement",)),
    ("calls", "How sure single documents are", ("scope_calls", "reliability")),
    ("second", "As read, and as people would", ("as_people",)),
    ("limits", "What this does not know", ()),
    ("published", "Beside published figures", ()),
    ("cite", "Cite, reuse, check", ()),
)
PEOPLE = ("people", "people_merged", "author_slots")  # the ways of counting that are about who wrote
OPEN = ("positions", "explorer", "documents", "map")  # the others are folded until somebody asks for them


def list_sections(content: Content) -> list[tuple[str, str]]:
    """Returns template and heading of each section whose tables exist."""
    is_there = {
        "years": bool(content.years_of(content.settings.headline_frame)),
        "map": len(content.documents) > 0 and bool(content.documents["x"].notna().any()),
        "clusters": bool(content.layers) and len(content.clusters) > 0,
        "curve": bool(content.codebook.toggles.leaves),
        "published": bool(content.published),
        "people": any(content.weights_of(name) for name, frame in content.frames.items() if frame.is_quotable),
    }
    return [
        (name, heading)
        for name, heading, needs in SECTIONS
        if is_there.get(name, True) and all(has_rows(content, need) for need in needs)
    ]


def fill_sections(content: Content) -> dict[str, Any]:
    """Returns the values that the templates of optional sections and paragraphs use; empty lists without a table."""
    return {
        "sections": list_sections(content),
        "open_sections": OPEN,
        "trends": _trends(content),
        "toggles": _toggles(content),
        "curve_ends": _curve_ends(content),
        "variants": list_variants(content) if "robustness" in content.extras else [],
        "robustness": _keyed(content, "robustness", ("frame", "definition", "variant")),
        "people": _keyed(content, "people", ("frame",)),
        "direct_people": _direct_people(content),
        "people_weights": [name for name in PEOPLE if name in set(content.shares["weight"])],
        "has_first_only": any(row["has_first_author_only"] for row in _rows(content, "people")),
        "wide_years": _wide_years(content),
        "agreement": _agreement(content),
        "agreement_parts": _rows(content, "agreement_parts"),
        "position_rows": _positions(content),
        "cluster_checks": _checks(content),
        "cluster_codes": _keyed(content, "cluster_codes", ("layer", "cluster_id", "group")),
        "intrusion": _rows(content, "intrusion"),
        "read_controls": _read_controls(content),
        **fill_amounts(content),
        **fill_calls(content),
        **fill_second(content),
    }


def _rows(content: Content, table: str) -> list[dict[Any, Any]]:
    return content.extras[table].to_dict("records") if table in content.extras else []


def _keyed(content: Content, table: str, key: tuple[str, ...]) -> dict[tuple[Any, ...], dict[Any, Any]]:
    return {tuple(row[name] for name in key): row for row in _rows(content, table)}


def _trends(content: Content) -> list[dict[Any, Any]]:
    """Returns slope and change of the headline frame under each nested definition, in the order of the ladder."""
    order = [definition.id for definition in content.codebook.definitions if definition.nested]
    rows = [
        row
        for row in _rows(content, "trends")
        if row["frame"] == content.settings.headline_frame
        and row["denominator"] == content.settings.denominator
        and row["kind"] in ("slope", "change")
        and row["definition"] in order
    ]
    return sorted(rows, key=lambda row: (order.index(row["definition"]), row["kind"]))


def _positions(content: Content) -> dict[str, dict[Any, Any]]:
    """Returns the row of each position about the headline frame as a whole."""
    settings = content.settings
    return {
        row["position"]: row
        for row in _rows(content, "positions")
        if (row["frame"], row["year"], row["denominator"]) == (settings.headline_frame, "", settings.denominator)
    }


def _direct_people(content: Content) -> dict[str, dict[str, list[dict[Any, Any]]]]:
    """Returns the rows of `direct_people` by frame and year, in the order of the headline definitions."""
    order: tuple[str, ...] = tuple(content.settings.headline_definitions)
    found: dict[str, dict[str, list[dict[Any, Any]]]] = {}
    for row in sorted(_rows(content, "direct_people"), key=lambda row: order.index(row["definition"])):
        found.setdefault(row["frame"], {}).setdefault(row["year"], []).append(row)
    return found


def _wide_years(content: Content) -> list[dict[str, Any]]:
    """Returns what it takes to bring a year of the headline frame to ten points either way, where it is wider now."""
    if "plan" not in content.extras:
        return []
    rows, settings = content.extras["plan"], content.settings
    wide = rows["half_width_now"] > TARGET
    rows = rows[wide & (rows["frame"] == settings.headline_frame) & (rows["year"] != "")]
    rows = rows[rows["definition"] == settings.headline_definitions[0]]
    return [
        {
            "year": year,
            "definition": settings.headline_definitions[0],
            "half_width": part["half_width_now"].iloc[0],
            "n_more": int(part["n_more_for_target"].sum()),
            "n_to_adjudicate": int(part["n_to_adjudicate"].iloc[0]),
        }
        for year, part in rows.groupby("year", sort=True)
    ]


def _toggles(content: Content) -> list[dict[Any, Any]]:
    rows = [row for row in _rows(content, "toggles") if row["denominator"] == content.settings.denominator]
    quotable = [row for row in rows if content.frames[row["frame"]].is_quotable]
    return sorted(quotable, key=lambda row: (row["frame"], -row["mean_effect"]))


def _curve_ends(content: Content) -> list[dict[str, Any]]:
    """Returns, for each quotable frame, the ends and the middle of the specification curve."""
    if "curve" not in content.extras:
        return []
    curve = content.extras["curve"]
    ends = []
    for name, frame in content.frames.items():
        if not frame.is_quotable:
            continue
        rows = curve[(curve["frame"] == name) & (curve["denominator"] == content.settings.denominator)]
        rows = rows.sort_values("rank")
        picked = (rows.iloc[0], rows.iloc[len(rows) // 2], rows.iloc[-1])
        ends.append({"frame": name, "n_specifications": int(rows["n_specifications"].max()), "rows": picked})
    return ends


def _agreement(content: Content) -> list[dict[str, Any]]:
    """Returns, for each pair of coders and subject, the design-weighted measures by name."""
    table: dict[tuple[Any, ...], dict[str, Any]] = {}
    headline = {"leaf", "group", *(f"definition {name}" for name in content.settings.headline_definitions)}
    for row in _rows(content, "agreement"):
        if row["weighting"] != "design":
            continue
        key = (row["coder_a"], row["coder_b"], row["subject"])
        facts = {name: row[name] for name in ("coder_a", "coder_b", "kind_a", "kind_b", "subject", "n_both")}
        table.setdefault(key, {**facts, "is_headline": row["subject"] in headline})[row["measure"]] = row
    return list(table.values())


def _checks(content: Content) -> dict[str, list[dict[Any, Any]]]:
    """Returns what each reader said of each cluster, by its id."""
    found: dict[str, list[dict[Any, Any]]] = {}
    for row in _rows(content, "cluster_checks"):
        found.setdefault(row["cluster_id"], []).append(row)
    return found


def _read_controls(content: Content) -> list[dict[str, Any]]:
    """Returns the negative controls: for each coder of each, the rows of `controls` by definition."""
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    for row in _rows(content, "controls"):
        facts = {name: row[name] for name in ("control", "coder", "coder_kind", "n_read")}
        found.setdefault((row["control"], row["coder"]), {**facts, "rows": {}})["rows"][row["definition"]] = row
    return list(found.values())
