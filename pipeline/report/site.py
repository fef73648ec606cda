"""The page and the Markdown: Jinja templates filled with the content, one self-contained file each."""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from pipeline.report.content import Content

MAP_STEPS = 4_095  # places on the map are written as whole numbers from 0 to this


def render_page(content: Content, figures: Mapping[str, str]) -> str:
    """Returns `index.html`: one file, no request, no script but its own (told to the browser by its hash)."""
    script = _template_text("map.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("index.html")
        .render(
            **_values(content),
            figures={name: Markup(svg) for name, svg in figures.items()},
            style=Markup(_template_text("style.css")),
            script=Markup(script),
            script_hash=digest,
            map_data=embed_json(map_data(content)),
        )
    )


def render_markdown(content: Content) -> str:
    """Returns `report.md`, with the same numbers as the page."""
    return _environment().get_template("report.md").render(**_values(content))


def map_data(content: Content) -> dict[str, Any]:
    """Returns what the map draws: the documents column by column, the clusters' names, the frames' titles."""
    documents = content.documents.sort_index()
    layer = content.layers[0]
    clusters = content.clusters[content.clusters["layer"] == layer]
    number_of = {cluster: number for number, cluster in enumerate(clusters["cluster_id"])}
    frame_number = {name: number for number, name in enumerate(content.frames)}
    documents = documents[documents["frame"].isin(content.frames)]
    return {
        "x": (documents["x"] * MAP_STEPS).round().astype(int).tolist(),
        "y": (documents["y"] * MAP_STEPS).round().astype(int).tolist(),
        "cluster": documents[layer].map(number_of).astype(int).tolist(),
        "frame": documents["frame"].map(frame_number).astype(int).tolist(),
        "year": documents["published_year"].fillna(0).astype(int).tolist(),
        "title": documents["title"].tolist(),
        "url": [safe_url(url) for url in documents["url"]],
        "clusters": clusters["name"].tolist(),
        "frames": [frame.title for frame in content.frames.values()],
        "steps": MAP_STEPS,
    }


def safe_url(url: object) -> str:
    """Returns a web address, or an empty text for anything a browser might run instead of open."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""


def embed_json(value: object) -> Markup:
    """Returns JSON that may stand inside a script element: no text in it can close the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def format_percent(share: float | None) -> str:
    """Returns a share as a percentage with one decimal below 10%, none above."""
    if share is None or pd.isna(share):
        return "\u2013"
    return f"{100 * share:.1f}%" if 100 * share < 9.95 else f"{100 * share:.0f}%"


def format_interval(row: pd.Series) -> str:
    """Returns the interval of a row of shares as "12-18%"."""
    if pd.isna(row["low"]):
        return "\u2013"
    return f"{format_percent(row['low']).rstrip('%')}\u2013{format_percent(row['high'])}"


def _values(content: Content) -> dict[str, Any]:
    quotable = {name: frame for name, frame in content.frames.items() if frame.is_quotable}
    nested = [definition.id for definition in content.codebook.definitions if definition.nested]
    titles = {definition.id: definition.title for definition in content.codebook.definitions}
    return {
        "content": content,
        "settings": content.settings,
        "codebook": content.codebook,
        "frames": content.frames,
        "quotable": quotable,
        "years": content.years_of(content.settings.headline_frame),
        "narrowest": nested[0],
        "widest": nested[-1],
        "titles": titles,
        "readers": " and ".join(
            f"{kind.replace(' ', '-')} readers" for kind in sorted(set(content.codes["coder_kind"]))
        ),
        "n_unquotable": int((~content.documents["frame"].isin(quotable)).sum()),
        "n_read": len(content.codes),
        "n_documents": len(content.documents),
        "n_adjudicated": int(content.codes["is_adjudicated"].sum()),
        "clusters": {
            layer: content.clusters[content.clusters["layer"] == layer].to_dict("records") for layer in content.layers
        },
        "n_person": int((content.codes["coder_kind"] == "person").sum()),
        "level": round(100 * float(content.shares["level"].iloc[0])),
    }


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=jinja2.select_autoescape(("html",)),
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": format_percent,
        "interval": format_interval,
        "thousands": lambda number: f"{number:,}",
    }
    return environment


def _template_text(name: str) -> str:
    return resources.files("pipeline.report").joinpath("templates", name).read_text(encoding="utf-8")
