"""Everybody can read the page: contrast, names and roles by axe, narrow screens, paper, speed and size."""

import dataclasses
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.coding.codebook import load_codebook
from pipeline.config import load_config
from pipeline.report.content import Content, load_content
from pipeline.report.figures import draw_figures
from pipeline.report.site import render_page
from pipeline.report.tables import list_tables

pytestmark = pytest.mark.whole

AXE = "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MAX_BYTES = {"index.html": 4_000_000, "map.js": 6_000_000}  # before the map is opened, and what comes with it
MAX_SECONDS = 2.0
DROP_FOLDED = """() => document.querySelectorAll("details:not([open]) > :not(summary)").forEach((n) => n.remove())"""


@pytest.fixture(scope="module")
def address(built: Path) -> str:
    return (built / "reports/2026.07/index.html").as_uri()


@pytest.fixture(scope="module")
def axe() -> str:
    pytest.importorskip("axe_playwright_python", reason="axe-core is not installed: pip install axe-playwright-python")
    return resources.files("axe_playwright_python").joinpath(AXE).read_text(encoding="utf-8")


@pytest.fixture(params=[("dark", 1440), ("light", 768), ("dark", 375), ("light", 375)])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    scheme, width = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield page
    page.close()


def violations(page: Page, axe: str, part: str = "html") -> list[tuple[str, str]]:
    page.evaluate(axe)
    options = {"runOnly": RULES, "resultTypes": ["violations"]}  # what passes is counted and not described
    found = page.evaluate("([part, options]) => axe.run(part, options)", [part, options])["violations"]
    return [(item["id"], item["nodes"][0]["html"][:160]) for item in found]


def test_axe_finds_nothing_on_the_page_or_in_a_documents_codes(browser: Browser, axe: str, address: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    check_by_axe(page, axe, address, "details.fold, #explorer details, #trend details, #cluster-broad-00")
    page.close()


@pytest.mark.slow
def test_axe_finds_nothing_at_any_width_in_light_or_dark_with_everything_open(
    page: Page, axe: str, address: str
) -> None:
    check_by_axe(page, axe, address, "details")


def check_by_axe(page: Page, axe: str, address: str, opened: str) -> None:
    page.goto(address)
    page.eval_on_selector_all(opened, "nodes => nodes.forEach((node) => { node.open = true; })")
    page.locator("#map-canvas").scroll_into_view_if_needed()
    expect(page.locator("#m-legend li").first).to_be_visible()
    page.evaluate(DROP_FOLDED)
    assert violations(page, axe) == []
    page.locator("#d-rows a").first.click()
    expect(page.locator("dialog#detail")).to_be_visible()
    assert violations(page, axe, "dialog#detail") == []


def test_nothing_is_wider_than_the_screen(page: Page, address: str) -> None:
    page.goto(address)
    page.eval_on_selector_all("details", "nodes => nodes.forEach((node) => { node.open = true; })")
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_pages_are_small(built: Path, shipped: Path) -> None:
    for folder in (built / "reports/2026.07", shipped / "reports/2026.11"):
        for name, limit in MAX_BYTES.items():
            assert (folder / name).stat().st_size < limit, (folder.name, name)


def test_the_page_is_soon_ready(browser: Browser, address: str) -> None:
    seconds = []
    for _ in range(3):
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.locator("html.ready #x-share").wait_for()
        seconds.append(time.perf_counter() - start)
        page.close()
    assert min(seconds) < MAX_SECONDS, seconds


def test_the_page_prints_with_its_tables_and_without_its_controls(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.emulate_media(media="print")
    assert page.locator("#answer").is_visible() and page.locator("#definitions-title").is_visible()
    assert page.locator("#t-panels svg").first.is_visible()
    for hidden in ("#x-copy", "#map-canvas", "#d-search", "nav.contents"):
        assert not page.locator(hidden).is_visible(), hidden
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.fold:not([open])").count() == 0 and page.locator("details.agenda[open]").count() == 0
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()


def test_without_javascript_the_numbers_are_still_there(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("#definitions-title").is_visible() and page.locator("noscript p").is_visible()
    assert page.locator("[data-table=shares]").count() > 100
    context.close()


PAN = """() => new Promise((done) => {
    const canvas = document.getElementById("map-canvas");
    const box = canvas.getBoundingClientRect();
    const send = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {
        pointerId: 1, clientX: box.left + x, clientY: box.top + y, bubbles: true }));
    canvas.setPointerCapture = () => {};
    send("pointerdown", 300, 300);
    const start = performance.now();
    let frames = 0;
    const step = () => {
        frames += 1;
        send("pointermove", 300 + 4 * frames, 300);
        if (frames < 30) requestAnimationFrame(step);
        else { send("pointercancel", 0, 0); done((performance.now() - start) / frames); }
    };
    requestAnimationFrame(step);
})"""


def enlarge(content: Content, count: int) -> Content:
    """Returns the content with its documents copied, their places shaken, until there are at least so many."""
    rng = np.random.default_rng(5)
    copies = [content.documents]
    while sum(map(len, copies)) < count:
        part = content.documents.copy()
        part.index = part.index + f"~{len(copies)}"
        part[["x", "y"]] = (part[["x", "y"]] + rng.normal(0, 0.01, (len(part), 2))).clip(0, 1)
        copies.append(part)
    vectors = None if content.vectors is None else np.concatenate([content.vectors] * len(copies))
    return dataclasses.replace(content, documents=pd.concat(copies), vectors=vectors)


@pytest.mark.slow
def test_a_map_of_100_000_documents_opens_and_pans(built: Path, browser: Browser, tmp_path: Path) -> None:
    content = load_content(
        load_config(built / "census.toml"), load_codebook(built / "data/raw/handcheck/codebook/codebook.toml")
    )
    large = enlarge(content, 100_001)
    for name, text in render_page(large, draw_figures(large), list_tables(large)).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    path = tmp_path / "index.html"
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    start = time.perf_counter()
    page.goto(path.as_uri())
    page.locator("html.ready #x-share").wait_for()
    opened = time.perf_counter() - start
    page.locator("#map-canvas").scroll_into_view_if_needed()
    expect(page.locator("#m-legend li").first).to_be_visible()
    drawn = time.perf_counter() - start
    milliseconds = page.evaluate(PAN)
    megabytes = sum(file.stat().st_size for file in tmp_path.iterdir()) / 1e6
    kind = page.locator("#map-canvas").get_attribute("data-renderer")
    seconds = f"open {opened:.2f} s, map {drawn:.2f} s, pan {milliseconds:.0f} ms a frame"
    print(f"100 000 documents, {kind}: {megabytes:.1f} MB, {seconds}")
    assert len(large.documents) > 100_000 and milliseconds < 120
    page.close()


def test_the_map_pans_without_a_pause(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    page.locator("#map-canvas").scroll_into_view_if_needed()
    expect(page.locator("#m-legend li").first).to_be_visible()
    milliseconds = page.evaluate(PAN)
    print(f"the shipped census: pan {milliseconds:.0f} ms a frame")
    assert milliseconds < 150
    page.close()
