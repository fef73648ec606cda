"""Everybody can read the page: contrast, names and roles by axe, narrow screens, paper, speed and size."""

import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

AXE = "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MAX_BYTES = 8_000_000
MAX_SECONDS = 2.0


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


def violations(page: Page, axe: str) -> list[tuple[str, str]]:
    page.evaluate(axe)
    found = page.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)["violations"]
    return [(item["id"], item["nodes"][0]["html"][:160]) for item in found]


def test_axe_finds_nothing_on_the_page_or_in_a_documents_codes(browser: Browser, axe: str, address: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    check_by_axe(page, axe, address, "#explorer-title ~ * details, #clusters-title ~ details:first-of-type details")
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
    assert violations(page, axe) == []
    page.locator("#d-rows a").first.click()
    expect(page.locator("dialog#detail")).to_be_visible()
    assert violations(page, axe) == []


def test_nothing_is_wider_than_the_screen(page: Page, address: str) -> None:
    page.goto(address)
    page.eval_on_selector_all("details", "nodes => nodes.forEach((node) => { node.open = true; })")
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_is_small_and_soon_ready(built: Path, browser: Browser, address: str) -> None:
    assert (built / "reports/2026.07/index.html").stat().st_size < MAX_BYTES
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
    for hidden in ("#x-copy", "#map-canvas", "#d-search", "nav.contents"):
        assert not page.locator(hidden).is_visible(), hidden
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()


def test_without_javascript_the_numbers_are_still_there(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("#definitions-title").is_visible() and page.locator("noscript p").is_visible()
    assert page.locator("[data-table=shares]").count() > 100
    context.close()
