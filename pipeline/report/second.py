"""The second interval and the dial, as the page and the Markdown show them: headline definitions of quotable frames."""

from typing import Any

import pandas as pd

from pipeline.report.content import Content

KEY = ("frame", "year", "denominator", "definition", "basis", "scope")
BEST = "gold"  # the basis that stands for the others where there is one
OPEN, KEPT = "theirs", "as read"


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
                row = rows.get((*own, OPEN))
                if row is not None and pd.notna(row["share"]):
                    second.append({**row, "inner": rows.get((*own, KEPT))})
    claims = content.extras.get("claims", pd.DataFrame())
    claims = claims.astype(object).where(claims.notna(), None) if len(claims) else claims
    return {"second": second, "second_bases": bases, "claims": claims.to_dict("records")}


def _join(row: dict[Any, Any]) -> str:
    return "|".join(str(row[name]) for name in KEY)
