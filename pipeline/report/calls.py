"""How sure calls of single documents are: each frame's numbers, and its reliability curve as a small picture."""

from typing import Any

import pandas as pd
from markupsafe import Markup

from pipeline.report.charts import draw_svg
from pipeline.report.content import Content
from pipeline.report.results import has_rows

SIDE, EDGE = 88, 4  # of the picture and of its margin, in pixels
LEAST, MOST = 1.5, 5.0  # radius of a band's mark, by the documents read in it


def fill_calls(content: Content) -> dict[str, Any]:
    """Returns `scope_calls`: the rows of that table, each with title and curve; empty without the tables."""
    if not (has_rows(content, "scope_calls") and has_rows(content, "reliability")):
        return {"scope_calls": []}
    bands = dict(list(content.extras["reliability"].groupby("frame")))
    rows = content.extras["scope_calls"].round(6).to_dict("records")
    titles = {name: frame.title for name, frame in content.frames.items()}
    order = ["", *content.frames]
    known = [
        {
            **row,
            "title": titles.get(row["frame"], row["frame"]) or "all documents",
            "curve": draw_curve(bands[row["frame"]]) if row["frame"] in bands else "",
        }
        for row in rows
        if row["n_read"]
    ]
    place = {name: number for number, name in enumerate(order)}
    return {"scope_calls": sorted(known, key=lambda row: (place.get(row["frame"], len(order)), row["frame"]))}


def draw_curve(bands: pd.DataFrame) -> Markup:
    """Returns the share in scope against the chance, a mark a band with its interval; exact chances lie on the line."""
    inner, most = SIDE - 2 * EDGE, max(int(bands["n_read"].max()), 1)

    def x(value: float) -> str:
        return f"{EDGE + inner * value:.1f}"

    def y(value: float) -> str:
        return f"{SIDE - EDGE - inner * value:.1f}"

    parts = [f'<path d="M{x(0)} {y(0)}L{x(1)} {y(1)}" class="exact"/>']
    words = []
    for row in bands.to_dict("records"):
        radius = LEAST + (MOST - LEAST) * (row["n_read"] / most) ** 0.5
        parts.append(f'<path d="M{x(row["chance"])} {y(row["low"])}V{y(row["high"])}"/>')
        parts.append(f'<circle cx="{x(row["chance"])}" cy="{y(row["share"])}" r="{radius:.1f}"/>')
        words.append(f"{100 * row['chance']:.0f}% said, {100 * row['share']:.0f}% so ({row['n_read']} read)")
    return draw_svg(SIDE, SIDE, "".join(parts), "; ".join(words), "reliability")
