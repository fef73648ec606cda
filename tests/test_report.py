"""The page says what the tables say, shows hostile text as text, and asks nobody for anything."""

import csv
import dataclasses
import html
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from pipeline.check.codebook import load_codebook
from pipeline.config import load_config
from pipeline.report.content import Content, load_content
from pipeline.report.figures import draw_figures
from pipeline.report.site import embed_json, format_interval, format_percent, render_markdown, render_page, safe_url
from pipeline.report.tables import list_tables, neutralise_formulas

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "x" * 10_000,
    "👩‍🔬 \u202e$\\alpha$",
]


@pytest.fixture(scope="module")
def content(built: Path) -> Content:
    config = load_config(built / "census.toml")
    return load_content(config, load_codebook(built / "data/raw/handcheck/codebook/codebook.toml"))


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page()


def shares_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "reports/2026.07/tables/shares.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_of_shares_has_the_columns_and_every_combination(built: Path) -> None:
    rows = shares_of(built)
    columns = "frame year definition denominator weight share low high level n_population n_read n_effective method"
    assert list(rows[0]) == columns.split()
    by_documents = [row for row in rows if row["weight"] == "documents"]
    frames, years = (
        {row["frame"] for row in rows},
        {row["year"] for row in rows if row["frame"] == "alignmentforum-census"},
    )
    assert len(frames) == 7 and years == {"", *map(str, range(2017, 2027))}
    assert len(by_documents) >= 11 * 3 * (7 + 10)
    for row in by_documents:
        assert 0 <= float(row["low"]) <= float(row["share"]) <= float(row["high"]) <= 1, row
        assert int(row["n_read"]) <= int(row["n_population"])


def test_wider_definitions_have_larger_shares(built: Path) -> None:
    rows = {
        (row["frame"], row["year"], row["denominator"], row["definition"]): float(row["share"])
        for row in shares_of(built)
        if row["weight"] == "documents"
    }
    for narrow, wide in (
        ("theory", "strict"),
        ("strict", "superalignment"),
        ("broad", "broad_production"),
        ("broadest", "all_misalignment"),
    ):
        for frame, year, denominator, definition in rows:
            if definition == narrow:
                assert rows[frame, year, denominator, narrow] <= rows[frame, year, denominator, wide] + 0.02


def test_every_percentage_of_the_page_is_a_row_of_the_table(built: Path) -> None:
    text = (built / "reports/2026.07/index.html").read_text()
    visible = html.unescape(re.sub(r"<(script|style|svg)\b.*?</\1>", "", text, flags=re.DOTALL))
    rows = pd.DataFrame(shares_of(built)).assign(
        share=lambda t: t["share"].astype(float),
        low=lambda t: t["low"].astype(float),
        high=lambda t: t["high"].astype(float),
    )
    pairs = {(format_percent(row["share"]), format_interval(row)) for _, row in rows.iterrows()}
    shown = re.findall(r"([\d.]+%)(?:</b>)? <span class=\"small\">([\d.–]+%)</span>", visible)
    assert len(shown) > 60
    assert [pair for pair in shown if pair not in pairs] == []


def test_the_first_screen_says_who_read_and_what_may_be_quoted(built: Path, page: Page) -> None:
    for width, height in ((1440, 900), (375, 900)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto((built / "reports/2026.07/index.html").as_uri())
        note = page.locator("#who-read")
        assert "language-model readers" in note.inner_text() and "No person has checked" in note.inner_text()
        assert note.bounding_box()["y"] + 20 < height
        assert "Alignment Forum is a census" in page.locator("#what-is-quoted").inner_text()


@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_from_a_file_without_a_message_or_a_request(
    built: Path, browser: Browser, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    address = (built / "reports/2026.07/index.html").as_uri()
    page.goto(address)
    page.wait_for_timeout(300)
    assert said == [] and asked == [address]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_hostile_text_is_shown_and_not_run(content: Content, browser: Browser, tmp_path: Path) -> None:
    documents = content.documents.copy()
    for row, text in enumerate(HOSTILE):
        documents.iloc[row, documents.columns.get_loc("title")] = text
        documents.iloc[row, documents.columns.get_loc("url")] = "javascript:alert(1)"
    clusters = content.clusters.assign(name=HOSTILE[1])
    hostile = dataclasses.replace(content, documents=documents, clusters=clusters)
    path = tmp_path / "index.html"
    path.write_text(render_page(hostile, draw_figures(hostile)), encoding="utf-8")
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    assert said == [] and page.locator("img[src=x]").count() == 0
    assert "javascript:" not in path.read_text(encoding="utf-8")
    page.close()


def test_json_cannot_close_its_element_and_only_web_addresses_are_links() -> None:
    text = embed_json({"title": HOSTILE[1]})
    assert "<" not in text and json.loads(text)["title"] == HOSTILE[1]
    assert safe_url("https://example.org") and not safe_url("javascript:alert(1)") and not safe_url(None)


def test_cells_that_a_spreadsheet_would_run_get_an_apostrophe() -> None:
    rows = neutralise_formulas(pd.DataFrame({"title": ["=1+1", "@x", "plain", None], "share": [-1.0, 2, 3, 4]}))
    assert rows["title"].tolist()[:3] == ["'=1+1", "'@x", "plain"] and rows["share"].tolist() == [-1, 2, 3, 4]


def test_the_same_content_gives_the_same_bytes(content: Content) -> None:
    assert render_page(content, draw_figures(content)) == render_page(content, draw_figures(content))
    assert render_markdown(content) == render_markdown(content)
    assert set(list_tables(content)) >= {"shares", "codes", "clusters", "frames"}


def test_a_point_of_the_map_opens_its_document(built: Path, page: Page) -> None:
    page.goto((built / "reports/2026.07/index.html").as_uri())
    canvas = page.locator("#map canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for step in range(40):
        canvas.click(position={"x": box["width"] / 2 + 3 * step, "y": box["height"] / 2})
        link = page.locator("#tip a")
        if link.count():
            break
    assert link.get_attribute("href").startswith("https://")
