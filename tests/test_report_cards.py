"""A link to a named position has a preview: a page that needs no script, with a title, a sentence and a picture."""

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from pipeline.coding.codebook import load_codebook
from pipeline.config import load_config
from pipeline.report.cards import list_cards
from pipeline.report.content import Content, load_content
from pipeline.report.drawing import draw_cards
from pipeline.report.site import render_cards
from pipeline.report.words import format_percent

pytestmark = pytest.mark.whole

SMALLEST = (1200, 400)  # pixels: below that, a preview is a thumbnail or none
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def content(built: Path) -> Content:
    codebook = load_codebook(built / "data/raw/handcheck/codebook/codebook.toml")
    return load_content(load_config(built / "census.toml"), codebook)


def tags(text: str) -> dict[str, str]:
    return dict(re.findall(r'<meta property="(og:[a-z:_]+)" content="([^"]*)">', text))


def test_each_named_position_has_a_page_with_its_share_and_leads_to_it(
    built: Path, content: Content, browser: Browser
) -> None:
    folder = built / "reports/2026.07"
    table = pd.read_csv(folder / "tables/positions.csv", dtype={"year": str}).fillna({"year": ""})
    own = table[(table["frame"] == content.settings.headline_frame) & (table["year"] == "")]
    own = own[own["denominator"] == content.settings.denominator].set_index("position")
    page, report = browser.new_page(), browser.new_page()
    report.goto((folder / "index.html").as_uri())
    for number, position in enumerate(content.positions):
        path = folder / f"positions/{position.id}.html"
        found = tags(path.read_text(encoding="utf-8"))
        share = format_percent(own.at[position.id, "share"])
        assert share in found["og:description"] and found["og:image"] == f"{position.id}.png"
        page.goto(path.as_uri())
        assert page.locator("img").evaluate("node => node.complete && node.naturalWidth") >= SMALLEST[0]
        address, _, state = page.get_by_role("link").evaluate("link => link.href").partition("#")
        assert address == report.url.partition("#")[0]
        report.evaluate("state => { location.hash = state; }", state)
        expect(report.locator("#x-share")).to_have_text(share)
        if not number:
            page.get_by_role("link").click()
            page.locator("html.ready").wait_for()
            expect(page.locator("#x-share")).to_have_text(share)
    assert len(content.positions) > 5
    page.close()
    report.close()


def test_pictures_are_large_enough_and_light_and_the_same_each_time(built: Path, content: Content) -> None:
    pictures = draw_cards(content, list_cards(content))
    assert pictures == {path.stem: path.read_bytes() for path in built.glob("reports/2026.07/positions/*.png")} != {}
    for name, picture in pictures.items():
        width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
        assert width >= SMALLEST[0] and height >= SMALLEST[1] and len(picture) < MOST_BYTES, name


def test_hostile_words_stay_words_and_a_published_address_makes_links_whole(content: Content) -> None:
    hostile = dataclasses.replace(content.positions[0], title='"><script>alert(1)</script>', says='" onerror="x')
    other = dataclasses.replace(
        content,
        positions=(hostile,),
        settings=dataclasses.replace(content.settings, url="https://census.invalid/reports/"),
    )
    cards = list_cards(other)
    text = render_cards(other, cards)[hostile.id]
    assert "<script" not in text and 'onerror="' not in text and draw_cards(other, cards)
    assert tags(text)["og:image"] == f"https://census.invalid/reports/{other.version}/positions/{hostile.id}.png"
