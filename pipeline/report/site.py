"""The page and the Markdown: Jinja templates filled with the content.

The page holds all that it needs but the map and the documents that nobody read, which are in `map.js` beside it.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from pipeline.coding.certify import HOLDS_SHARE
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import bare_codes, is_set_of_leaves, match_query
from pipeline.release.citation import describe_dataset
from pipeline.report.amounts import mark_unclear, write_growth
from pipeline.report.cards import FOLDER
from pipeline.report.charts import draw_groups, draw_sparkline
from pipeline.report.clusters import list_clusters
from pipeline.report.colours import COLOURS, INK
from pipeline.report.content import Content
from pipeline.report.dictionary import name_tables
from pipeline.report.findings import find, list_figures
from pipeline.report.flow import link_step
from pipeline.report.named import list_named_agendas, tell_agenda_readers
from pipeline.report.organisations import fill_organisations
from pipeline.report.pack import PageData, pack_page
from pipeline.report.payload import list_estimated
from pipeline.report.sections import fill_sections
from pipeline.report.words import (
    ESTIMATOR_NOTE,
    cite_share,
    format_count,
    format_decimals,
    format_interval,
    format_number,
    format_percent,
    format_points,
    list_adjudicated,
    list_limits,
    make_link,
    spell_count,
    spell_readers,
    tell_reading,
    tell_trend,
    tell_uncovered,
)
from pipeline.text.comments import strip_comments
from pipeline.text.escape import escape_markdown

# In the order in which each uses the one before; they become one script, so that one hash names it to the browser.
SCRIPTS = (
    "core",
    "atlas",
    "codes",
    "estimator",
    "state",
    "result",
    "trend",
    "positions",
    "explorer",
    "named",
    "documents",
    "detail",
    "canvas",
    "overlay",
    "meaning",
    "controls",
    "map",
    "start",
)
MAP_FILE = "map.js"
STYLES = ("base", "sections", "print")


def render_page(
    content: Content,
    figures: Mapping[str, str],
    tables: Mapping[str, pd.DataFrame],
    compare_path: str = "",
    values: Mapping[str, Any] | None = None,
    data: PageData | None = None,
) -> dict[str, str]:
    """Returns `index.html` and `map.js`, which the page loads from beside it when the map is wanted.

    The page asks for nothing else, and runs no script but its own, told to the browser by its hash, and what it loads.
    `values` is what `fill_values` gives, and `data` what `pack_page` gives, where they are known already.
    """
    data = data or pack_page(content)
    values = fill_values(content, tables) if values is None else values
    script = (
        '"use strict";\n(async () => {\n'
        + "".join(_template_text(f"scripts/{name}.js") for name in SCRIPTS)
        + "})();\n"
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = (
        _environment(content)
        .get_template("index.html")
        .render(
            **values,
            compare_path=compare_path,
            figures={name: inline_figure(svg) for name, svg in figures.items()},
            style=_style(),
            dataset_ld=_describe(content, tables),
            script=Markup(script),
            script_hash=digest,
            read_data=data.read,
            explorer_data=data.explorer,
            replicate_data=data.replicates,
        )
    )
    return {"index.html": page, MAP_FILE: f'openMap("{data.map_key}", "{data.places}");\n'}


def render_comparison(content: Content, old: str, changes: Mapping[str, pd.DataFrame]) -> str:
    """Returns the page that sets an older version beside this one; `changes` has shares, sizes and codes."""
    shares = changes["shares"]
    settings = content.settings
    headline = shares[
        shares["definition"].isin(settings.headline_definitions)
        & (shares["denominator"] == settings.denominator)
        & (shares["weight"] == "documents")
    ]
    return (
        _environment(content)
        .get_template("compare.html")
        .render(
            settings=settings,
            frames=content.frames,
            old=old,
            new=content.version,
            shares=headline.to_dict("records"),
            n_apart=int(headline["is_apart"].sum()),
            sizes=changes["sizes"].to_dict("records"),
            codes=changes["codes"].to_dict("records"),
            style=_style(),
        )
    )


def render_cards(content: Content, cards: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns the page of each named position, by its id; a link to it is shown with the picture beside it."""
    settings = content.settings
    base = f"{settings.url.rstrip('/')}/{content.version}/{FOLDER}/" if settings.url else ""
    template = _environment(content).get_template("card.html")
    values = {
        "content": content,
        "settings": settings,
        "base": base,
        "style": _style(),
        "level": round(100 * content.level),
    }
    return {card["id"]: template.render(card=card, readers=spell_readers(content), **values) for card in cards}


def render_markdown(
    content: Content, tables: Mapping[str, pd.DataFrame], values: Mapping[str, Any] | None = None
) -> str:
    """Returns `report.md`, with the same numbers as the page; `values` as in `render_page`."""
    values = fill_values(content, tables) if values is None else values
    return _environment(content, is_markdown=True).get_template("report.md").render(**values)


def inline_figure(svg: str) -> Markup:
    """Returns a figure whose colours follow the page's: ink by inheritance, series by custom properties."""
    svg = svg.replace(INK, "currentColor")
    for number, colour in enumerate(COLOURS, 1):
        svg = svg.replace(colour.lower(), f"var(--series-{number}, {colour})")
    # A clip path may be named twice on a page with several figures: the same rectangle, but a doubled id.
    mark = hashlib.sha256(svg.encode()).hexdigest()[:8]
    svg = re.sub(r'id="([^"]+)"', rf'id="\1-{mark}"', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)([^")]+)', rf"\1\2-{mark}", svg)
    return Markup(svg)


def _describe(content: Content, tables: Mapping[str, pd.DataFrame]) -> Markup:
    """Returns the dataset behind the page as schema.org JSON-LD; nothing in it can close the element it stands in."""
    described = describe_dataset(
        content.dataset,
        content.version,
        f"{content.codebook.study.question} {len(content.documents):,} documents, {len(content.codes):,} of them read: "
        "shares with intervals under every definition, frame and year, and what they are made of.",
        name_tables(tables),
        [f"tables/{name}.csv" for name in tables],
    )
    return Markup(json.dumps(described, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026"))


def make_picture(content: Content, name: str) -> Markup:
    """Returns a figure for Markdown: light or dark as its reader is, with its finding as the text in its place."""
    alt = find(content, name).alt
    return Markup(
        '<picture><source media="(prefers-color-scheme: dark)" srcset="figures/{0}-dark.svg">'
        '<img src="figures/{0}.svg" alt="{1}"></picture>'
    ).format(name, alt)


def fill_values(content: Content, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Returns the values that the templates of page and Markdown use."""
    quotable = {name: frame for name, frame in content.frames.items() if frame.is_quotable}
    nested = [definition.id for definition in content.codebook.definitions if definition.nested]
    sets = [definition for definition in content.codebook.definitions if is_set_of_leaves(definition)]
    agendas = tables["agendas"]
    return {
        "content": content,
        "settings": content.settings,
        "codebook": content.codebook,
        "frames": content.frames,
        "quotable": quotable,
        "estimated": list_estimated(content),
        "years": content.years_of(content.settings.headline_frame),
        "narrowest": next((item.id for item in sets if item.nested), nested[0]),
        "finding": tell_trend(content, content.settings.headline_frame, content.settings.headline_definitions[0]),
        "uncovered": tell_uncovered(content),
        "widest": nested[-1],
        "nested": nested,
        "titles": {definition.id: definition.title for definition in content.codebook.definitions},
        "readers": spell_readers(content),
        "n_unquotable": int((~content.documents["frame"].isin(list(quotable))).sum()),
        "n_read": len(content.codes),
        "n_documents": len(content.documents),
        "n_adjudicated": int(content.codes["is_adjudicated"].sum()),
        "n_person": int((content.codes["n_person"] > 0).sum()),
        "n_disagree": int((content.codes["phase2_stratum"] == "disagree").sum()),
        "clusters": list_clusters(content, tables),
        "holds_share": HOLDS_SHARE,
        "name_kinds": sorted(set(content.clusters["name_kind"])) if "name_kind" in content.clusters else [],
        "flow": tables["flow"].to_dict("records"),
        "growth": tables["agenda_growth"].to_dict("records"),
        **fill_sections(content),
        **fill_organisations(content, tables["organisations"]),
        "study": content.codebook.study,
        "reading": tell_reading(content),
        "adjudicated": list_adjudicated(content),
        "n_readers": spell_count(int(content.sample.units["n_readers"].max())) if len(content.codes) else "no",
        "n_axes": spell_count(len(content.codebook.code_axes)),
        "whole": find_whole(content.codebook),
        "controls": [name for name, frame in content.frames.items() if "test of scope" in frame.use]
        if find_whole(content.codebook)
        else [],
        "has_arxiv": bool((content.documents["source"] == "arxiv").any()),
        "cite_example": cite_share(content),
        "estimator_note": ESTIMATOR_NOTE,
        "figure_names": list_figures(content),
        "picture": lambda name: make_picture(content, name),
        "agenda_titles": {row["code"]: row["title"] for row in agendas.to_dict("records")},
        "agendas": {(row["frame"], row["year"], row["code"]): row for row in agendas.to_dict("records")},
        "named_agendas": list_named_agendas(content),
        "named_readers": tell_agenda_readers(content),
        "published": content.published,
        "limits": list_limits(content),
        "level": round(100 * content.level),
        "tables": sorted(tables),
    }


def _escape_for_markdown(value: object) -> object:
    return escape_markdown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def find_whole(codebook: Codebook) -> str:
    """Returns the denominator that holds every document, or an empty text."""
    everything = bare_codes(codebook)
    for name, denominator in codebook.denominators.items():
        if is_set_of_leaves(denominator) and match_query(denominator, everything).all():
            return name
    return ""


def _style() -> Markup:
    return Markup("".join(_template_text(f"styles/{name}.css") for name in STYLES))


def _template_text(name: str) -> str:
    """Returns a template, script or style sheet without its comment lines."""
    text = resources.files("pipeline.report").joinpath("templates", name).read_text(encoding="utf-8")
    return strip_comments(text, PurePosixPath(name).suffix)


def _environment(content: Content, *, is_markdown: bool = False) -> jinja2.Environment:
    """Returns the templates' surroundings, in which every text that is put in is escaped: as HTML, or as Markdown."""
    environment = jinja2.Environment(
        finalize=_escape_for_markdown if is_markdown else None,
        loader=jinja2.FunctionLoader(_template_text),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=jinja2.select_autoescape(("html",)),
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "factor": write_growth,
        "percent": format_percent,
        "interval": format_interval,
        "points": format_points,
        "decimals": format_decimals,
        "thousands": format_number,
        "count": format_count,
        "plain": lambda text: text.replace("*", ""),
    }
    environment.globals["link"] = make_link
    estimated = list_estimated(content)
    environment.globals["link_step"] = lambda frame, step: link_step(frame, step, frame in estimated)
    environment.globals["unclear"] = mark_unclear
    environment.globals["members"] = lambda code: (
        content.codebook.leaves_of(code) if code in content.codebook.groups else code.split("+")
    )
    years = content.documents["published_year"].dropna()
    first, last = (int(years.quantile(0.01)), int(years.max())) if len(years) else (0, 0)
    environment.globals["sparkline"] = lambda counts: draw_sparkline(counts, first, last)
    environment.globals["groupbar"] = lambda row: draw_groups(row, content.codebook)
    return environment
