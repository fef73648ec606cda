"""The second interval and the dial, as the page and the Markdown show them: headline definitions of quotable frames."""

from typing import Any

import pandas as pd

from pipeline.report.content import Content

KEY = ("frame", "year", "denominator", "definition", "basis", "scope")
BEST = "gold"  # the basis that stands for the others where there is one
OPEN, KEPT = "theirs", "as read"
DECIMALS = 6  # of a share, as in the tables: what lies below differs between processors
MOST = (
    0.5  # of a frame inside the denominator: outside labels are of works chosen as relevant, and say little of the rest
)


def fill_second(content: Content) -> dict[str, Any]:
    """Returns the values that the templates use: `second`, `second_bases` and `claims`; empty without the tables."""
    table = content.extras.get("as_people", pd.DataFrame(columns=[*KEY, "share"]))
    rows = {tuple(row[name] for name in KEY): {**row, "key": _join(row)} for row in table.to_dict("records")}
    bases = {basis for *_, basis, _ in rows}
    second = []
    for name, frame in content.frames.items():
        for definition in content.settings.headline_definitions if frame.is_quotable else ():
            for basis in sorted(bases, key=lambda basis: basis != BEST):
                own = (name, "", content.settings.denominator, definition, basis)
                row, kept = rows.get((*own, OPEN)), rows.get((*own, KEPT))
                if any(each is not None and pd.notna(each["share"]) for each in (row, kept)):
                    second.append({**(row or kept or {}), "outer": row, "inner": kept})
    claims = content.extras.get("claims", pd.DataFrame())
    claims = claims.astype(object).where(claims.notna(), None) if len(claims) else claims
    return {"second": second, "second_bases": bases, "claims": claims.to_dict("records")}


def list_second(content: Content) -> dict[str, list[Any]]:
    """Returns each share as people would code, by frame|year|denominator|definition: share, low, high, basis.

    The best basis stands for the others. Frames most of which the headline's denominator leaves out have none.
    """
    table = content.extras.get("as_people", pd.DataFrame(columns=["scope"]))
    mostly_out = _mostly_out(content)
    found: dict[str, list[Any]] = {}
    for row in table[table["scope"] == OPEN].to_dict("records"):
        key = "|".join(str(row[name]) for name in KEY[:4])
        if row["frame"] not in mostly_out and pd.notna(row["share"]) and (key not in found or row["basis"] == BEST):
            found[key] = [*_round_share(row), row["basis"]]
    return found


def list_smoothed(content: Content) -> dict[str, list[float]]:
    """Returns each smoothed share, by frame|year|denominator|definition: share, low, high."""
    table = content.extras.get("smoothed", pd.DataFrame())
    return {
        "|".join(str(row[name]) for name in KEY[:4]): _round_share(row)
        for row in table.to_dict("records")
        if pd.notna(row["share"])
    }


def _round_share(row: dict[Any, Any]) -> list[float]:
    return [round(row[name], DECIMALS) for name in ("share", "low", "high")]


def _mostly_out(content: Content) -> set[str]:
    if "totals" not in content.extras:
        return set()
    rows = content.extras["totals"]
    whole = rows[
        (rows["definition"] == "") & (rows["year"] == "") & (rows["denominator"] == content.settings.denominator)
    ]
    return set(whole.loc[whole["count"] < MOST * whole["n_population"], "frame"])


def _join(row: dict[Any, Any]) -> str:
    return "|".join(str(row[name]) for name in KEY)
