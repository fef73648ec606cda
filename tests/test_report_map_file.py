"""The map and the documents that nobody read come from a file beside the page, when they are wanted and not before."""

import re
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def folder(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report's page and map alone, which a test may damage."""
    folder = tmp_path_factory.mktemp("alone")
    for name in ("index.html", "map.js"):
        shutil.copy2(built / "reports/2026.07" / name, folder / name)
    return folder


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    page.close()


def lightness_and_hues(colours: list[str]) -> np.ndarray:
    """CIELAB of sRGB colours: float (n, 3), in which a distance of 2 is just seen."""
    shares = np.array([[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in colours])
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    white = np.array([0.95047, 1.0, 1.08883])
    matrix = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    )
    scaled = linear @ matrix.T / white
    root = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.stack([116 * root[:, 1] - 16, 500 * (root[:, 0] - root[:, 1]), 200 * (root[:, 1] - root[:, 2])], axis=1)


def test_every_cluster_of_a_broad_layer_has_a_colour_of_its_own(shipped: Path) -> None:
    text = resources.files("pipeline.report").joinpath("templates/scripts/map.js").read_text(encoding="utf-8")
    palette = re.findall(r'"(#[0-9a-f]{6})"', re.search(r"const PALETTE = \[(.*?)\]", text)[1])
    clusters = pd.read_parquet(shipped / "data/raw/census/2026.11/clusters.parquet")
    broad = clusters[(clusters["layer"] == "broad") & ~clusters["cluster_id"].str.endswith("-ground")]
    assert len(palette) >= len(broad) > 10
    places = lightness_and_hues(palette)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e6 * np.eye(len(palette))
    assert apart.min() > 20


def opened(page: Page, folder: Path, link: str = "") -> Page:
    page.goto("about:blank")
    page.asked.clear()
    page.goto((folder / "index.html").as_uri() + link)
    page.locator("html.ready").wait_for()
    return page


def names(page: Page) -> list[str]:
    return [url.rpartition("/")[2].partition("#")[0] for url in page.asked if url.startswith("file:")]


@pytest.fixture(scope="module")
def unread(built: Path) -> tuple[str, str]:
    """Id and title of a document that nobody read."""
    documents = pd.read_parquet(built / "data/processed/documents.parquet", columns=["doc_id", "frame", "title"])
    codes = pd.read_parquet(built / "data/processed/codes.parquet", columns=["doc_id"])
    rest = documents[(documents["frame"] == "alignmentforum-census") & ~documents["doc_id"].isin(codes["doc_id"])]
    return tuple(rest.sort_values("doc_id").iloc[0][["doc_id", "title"]])


def test_the_map_is_asked_for_when_it_is_seen_and_nothing_else_ever(folder: Path, page: Page) -> None:
    opened(page, folder)
    page.select_option("#x-def", "broad")
    page.locator("#x-documents").click()
    page.locator("#d-rows a").first.click()
    expect(page.locator("dialog#detail")).to_be_visible()
    page.locator("#detail-close").click()
    assert names(page) == ["index.html"]
    page.locator("#map-canvas").scroll_into_view_if_needed()
    expect(page.locator("#m-legend li").first).to_be_visible()
    assert names(page) == ["index.html", "map.js"] and len(page.asked) == 2


def test_a_link_to_a_document_that_nobody_read_opens_it(folder: Path, page: Page, unread: tuple[str, str]) -> None:
    opened(page, folder, f"#doc={unread[0]}")
    assert page.locator("#x-share").inner_text().endswith("%"), "the rest is there at once"
    expect(page.locator("#detail-title")).to_have_text(" ".join(unread[1].split()))
    expect(page.locator("#detail-body")).to_contain_text("Nobody has read this document")
    expect(page.locator("#l-wrong")).to_be_hidden()
    opened(page, folder, f"#like={unread[0]}&show=map")
    expect(page.locator("#m-found li").first).to_contain_text(unread[1])


def test_without_its_map_the_page_stands_and_says_what_is_missing(
    folder: Path, tmp_path: Path, page: Page, unread: tuple[str, str]
) -> None:
    shutil.copy2(folder / "index.html", tmp_path / "index.html")
    opened(page, tmp_path, f"#doc={unread[0]}")
    expect(page.locator("#l-map")).to_contain_text("map.js is not beside this page")
    expect(page.locator("#l-wrong")).to_contain_text("a document")
    assert page.locator("#x-share").inner_text().endswith("%")
    page.locator("#map-canvas").scroll_into_view_if_needed()
    expect(page.locator("#l-map")).to_be_visible()


def test_the_map_of_another_report_is_refused(
    folder: Path, tmp_path: Path, page: Page, unread: tuple[str, str]
) -> None:
    shutil.copy2(folder / "index.html", tmp_path / "index.html")
    text = (folder / "map.js").read_text(encoding="utf-8")
    (tmp_path / "map.js").write_text(text.replace('openMap("', 'openMap("0', 1), encoding="utf-8")
    opened(page, tmp_path, f"#doc={unread[0]}")
    expect(page.locator("#l-map")).to_contain_text("belongs to another report")
