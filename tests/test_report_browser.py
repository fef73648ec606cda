"""What a reader does with the page, in a real browser: explorer, documents, map, links, keyboard."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.queries import Definition
from pipeline.config import load_config
from pipeline.estimate.agendas import list_agendas
from pipeline.estimate.domains import Domain, list_domains
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.survey import Survey, estimate_batch, open_survey
from pipeline.report.content import Content, load_content
from pipeline.report.words import format_interval, format_percent

pytestmark = pytest.mark.whole

TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def address(built: Path) -> str:
    return (built / "reports/2026.07/index.html").as_uri()


@pytest.fixture(scope="module")
def content(built: Path) -> Content:
    config = load_config(built / "census.toml")
    return load_content(config, load_codebook(built / "data/raw/handcheck/codebook/codebook.toml"))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    page.close()
    assert said == []


def exact(page: Page) -> dict:
    return json.loads(page.locator("#x-result").get_attribute("data-exact"))


@pytest.fixture(scope="module")
def survey(built: Path) -> Survey:
    config = load_config(built / "census.toml")
    codebook, sample, population = load_inputs(config)
    return open_survey(sample, population, codebook, config.estimate.level, config.seed)


def estimate_in_python(content: Content, survey: Survey, definition: Definition, denominator: str, domain: Domain):
    """Returns a position's share as one query more of the codebook's batch."""
    agendas = [query for _, query in list_agendas(content.codebook, content.joined).values()]
    queries = [definition, *content.codebook.definitions, *agendas]
    one = replace(survey, domains=(domain,))
    shares = estimate_batch(one, queries, [])[domain.frame, domain.year, "documents", denominator]
    numbers = {name: float(getattr(shares, name)[0]) for name in ("share", "low", "high", "n_effective")}
    return {**numbers, "n_read": shares.n_read}


RUNGS = "rungs => rungs.map((rung) => [rung.dataset.definition, rung.dataset.exact])"
EXACT = ("share", "low", "high", "n_effective", "n_read")


def assert_same(shown: dict, wanted, where: object, names: tuple[str, ...] = EXACT) -> None:
    for name in names:
        number = wanted[name]
        if number is None or number != number:
            assert shown[name] is None, (where, name)
            continue
        assert abs(shown[name] - number) <= TOLERANCE * max(1.0, abs(number)), (where, name, shown[name], number)


def follow(page: Page, link: str) -> None:
    page.evaluate(
        """link => new Promise((done) => {
            addEventListener('hashchange', () => done(), { once: true });
            location.hash = link;
        })""",
        link,
    )


def test_the_explorer_computes_what_the_program_computes(content: Content, address: str, page: Page) -> None:
    page.goto(address)
    compared = 0
    for denominator in content.codebook.denominators:
        for domain in list_domains(content.sample, content.population):
            if domain.year and denominator != content.settings.denominator:
                continue
            link = f"#frame={domain.frame}&year={domain.year}&def=broad&of={denominator}&show=explorer"
            follow(page, link)
            shown = dict(page.eval_on_selector_all(".rung", RUNGS))
            for definition in content.codebook.definitions:
                wanted = content.share_of(domain.frame, definition.id, domain.year, denominator)
                assert_same(json.loads(shown[definition.id]), wanted, (link, definition.id))
                compared += 1
    assert compared > 300


def test_a_single_line_of_the_codebook_has_the_share_of_its_agenda(content: Content, address: str, page: Page) -> None:
    page.goto(address)
    rows = content.agendas[content.agendas["denominator"] == content.settings.denominator]
    rows = rows[rows["frame"].isin(["alignmentforum-census", "arxiv-query-2025"]) & (rows["year"] == "")]
    for row in rows.to_dict("records"):
        leaves = [leaf for leaf in content.codebook.leaves if leaf[0] == row["code"]] or row["code"].split("+")
        link = f"#frame={row['frame']}&def=none&in={','.join(leaves)}"
        follow(page, link)
        assert_same(exact(page), row, link, ("share", "low", "high", "n_read"))
    assert len(rows) > 60


def with_lines(codebook: Codebook, base: str, inside: list[str], outside: list[str]) -> Definition:
    """The definition of a position, for bases that are made of groups and leaves only."""
    if base == "none":
        return Definition(id="own", title="", reading="", leaves=tuple(inside))
    start = next(item for item in codebook.definitions if item.id == base)
    return Definition(
        id="own",
        title="",
        reading="",
        groups=start.groups,
        leaves=tuple(leaf for leaf in (*start.leaves, *inside) if leaf not in outside),
        without_leaves=tuple(leaf for leaf in (*start.without_leaves, *outside) if leaf not in inside),
    )


@pytest.mark.slow
def test_moving_lines_in_and_out_gives_the_share_of_that_definition(
    content: Content, survey: Survey, address: str, page: Page
) -> None:
    page.goto(address)
    rng = np.random.default_rng(7)
    leaves = list(content.codebook.leaves)
    domains = survey.domains
    bases = ["none", "theory", "strict", "broad", "interpretability", "broadest", "all_misalignment", "meta_alignment"]
    for _ in range(25):
        inside, outside = (sorted(rng.choice(leaves, 3, replace=False).tolist()) for _ in range(2))
        outside = [leaf for leaf in outside if leaf not in inside]
        base, domain = bases[rng.integers(len(bases))], domains[rng.integers(len(domains))]
        link = f"#frame={domain.frame}&year={domain.year}&def={base}&in={','.join(inside)}&out={','.join(outside)}"
        follow(page, link)
        definition = with_lines(content.codebook, base, inside, outside)
        wanted = estimate_in_python(content, survey, definition, "safety", domain)
        assert_same(exact(page), wanted, link, EXACT[:4])


def test_a_position_is_kept_in_the_link(address: str, browser: Browser, page: Page) -> None:
    page.goto(address)
    page.select_option("#x-frame", "arxiv-query-2025")
    page.select_option("#x-def", "broad")
    page.locator(".chip[data-code=D3] input").check()
    page.locator(".chip[data-code=C1] input").uncheck()
    page.locator("#x-copy").click()
    link = page.locator("#x-link").input_value()
    other = browser.new_page()
    other.goto(link)
    assert exact(other) == exact(page)
    assert other.locator("#x-frame").input_value() == "arxiv-query-2025"
    assert other.locator(".chip[data-code=D3] input").is_checked()
    assert not other.locator(".chip[data-code=C1] input").is_checked()
    other.close()


@pytest.mark.parametrize(
    "link",
    [
        "#frame=nowhere&def=<script>",
        "#def=constructor&in=__proto__,A1",
        "#year=1999&frame=arxiv-query-2025",
        "#doc=x&=",
        "#%",
    ],
)
def test_a_broken_link_still_opens_the_page(address: str, page: Page, link: str) -> None:
    page.goto(address + link)
    assert page.locator("#x-share").inner_text().endswith("%")


def read_a_document(page: Page, act) -> None:
    """Headline, definition, year, documents, one document's codes, and back, by `act(locator)`."""
    page.locator("#years details").first.evaluate("part => { part.open = true; }")
    act(page.locator("#years .scroll tbody tr", has_text="2024").locator("a.share").nth(4))
    expect(page.locator(".rung[data-definition=broad] input")).to_be_checked()
    expect(page.locator("#documents-title")).to_be_focused()
    act(page.locator("#years .scroll tbody tr", has_text="2025").locator("a.share").nth(2))
    expect(page.locator("#x-year")).to_have_value("2025")
    expect(page.locator("#d-says")).to_contain_text("2025")
    title = page.locator("#d-rows a").first.inner_text()
    act(page.locator("#d-rows a").first)
    dialog = page.locator("dialog#detail")
    expect(dialog).to_be_visible()
    assert page.locator("#detail-title").inner_text() == title
    assert dialog.locator("tbody tr").count() == 3 and "reader 1" in dialog.inner_text()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).not_to_have_url(re.compile("doc="))
    assert "show=documents" in page.url
    page.go_back()
    expect(page.locator("#x-year")).to_have_value("2024")
    expect(page.locator(".rung[data-definition=broad] input")).to_be_checked()


def test_a_reader_gets_from_the_headline_to_a_documents_codes_and_back_by_mouse(address: str, page: Page) -> None:
    page.goto(address)
    read_a_document(page, lambda item: item.click())


def test_a_reader_gets_from_the_headline_to_a_documents_codes_and_back_by_keyboard(address: str, page: Page) -> None:
    page.goto(address)

    def by_keyboard(item) -> None:
        item.focus()
        page.keyboard.press("Enter")

    read_a_document(page, by_keyboard)


def test_the_tab_key_reaches_the_controls_in_the_order_of_the_page(address: str, page: Page) -> None:
    page.goto(address)
    reached = []
    for _ in range(110):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    wanted = ["skip", "x-documents", "x-copy", "x-def", "x-vs", "x-frame", "x-of", "t-csv", "x-name"]
    assert [reached.index(name) for name in wanted] == sorted(reached.index(name) for name in wanted)


def test_the_documents_can_be_filtered_and_taken_along(content: Content, address: str, page: Page) -> None:
    page.goto(address + "#frame=arxiv-query-2025&def=broad&show=documents")
    page.select_option("#d-status", "counts")
    with page.expect_download() as waiting:
        page.locator("#d-csv").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    codes = content.codes.set_index("doc_id")
    definition = next(item for item in content.codebook.definitions if item.id == "broad")
    denominator = content.codebook.denominators["safety"]
    in_frame = codes[codes["stratum"].str.startswith("arxiv-query-2025")]
    wanted = in_frame[match_definition(definition, in_frame) & match_denominator(denominator, in_frame)]
    assert {row["doc_id"] for row in rows} == set(wanted.index) and len(rows) > 10
    page.locator("#d-search").fill("zzzz no such title")
    expect(page.locator("#d-rows tr")).to_have_count(0)


def test_every_number_the_explorer_shows_for_a_definition_is_the_one_in_the_table(
    content: Content, address: str, page: Page
) -> None:
    page.goto(address)
    for definition in content.codebook.definitions:
        shown = page.locator(f".rung[data-definition={definition.id}] .figure-cell").text_content()
        row = content.share_of(content.settings.headline_frame, definition.id)
        assert shown == f"{format_percent(row['share'])} {format_interval(row)}"


def test_the_map_finds_filters_and_opens_documents(content: Content, address: str, page: Page) -> None:
    page.goto(address)
    wanted = content.documents[content.documents["title"] == "Embedded Agents"].index
    page.locator("#map-canvas").scroll_into_view_if_needed()
    expect(page.locator("#m-legend li").first).to_be_visible()
    page.locator("#m-search").fill("embedded agents")
    page.get_by_role("button", name="Embedded Agents", exact=True).click()
    expect(page.locator("dialog#detail")).to_be_visible()
    assert page.locator("#detail-body code").inner_text() in set(wanted)
    page.locator("#detail-close").click()
    page.locator("#m-search").fill("")
    page.select_option("#m-frame", "arxiv-query-2025")
    expect(page.locator("#m-legend li").first).to_be_visible()
    counts = page.locator("#m-legend .small").all_inner_texts()
    assert (
        sum(int(count.replace(",", "")) for count in counts) == (content.documents["frame"] == "arxiv-query-2025").sum()
    )


def test_a_click_on_the_map_opens_a_document(address: str, page: Page) -> None:
    page.goto(address)
    canvas = page.locator("#map-canvas")
    canvas.scroll_into_view_if_needed()
    expect(page.locator("#m-legend li").first).to_be_visible()
    box = canvas.bounding_box()
    for step in range(40):
        canvas.click(position={"x": box["width"] / 2 + 3 * step, "y": box["height"] / 2})
        if page.locator("dialog#detail").is_visible():
            break
    link = page.locator("#detail-body a").first
    assert link.get_attribute("href").startswith("https://") and "noopener" in link.get_attribute("rel")


FORCE_WEBGL = """
    const original = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, options) {
        const given = { ...options, failIfMajorPerformanceCaveat: false, preserveDrawingBuffer: true };
        return original.call(this, kind, given);
    };
    const ask = WebGLRenderingContext.prototype.getParameter;
    WebGLRenderingContext.prototype.getParameter = function (name) {
        return name === 0x9246 ? "a graphics processor" : ask.call(this, name);
    };
"""


@pytest.fixture
def map_page(browser: Browser, address: str) -> Iterator[Page]:
    """A page whose browser takes software WebGL for good enough, so that the map is drawn with it."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(FORCE_WEBGL)
    page.goto(address)
    page.locator("#map-canvas").scroll_into_view_if_needed()
    expect(page.locator("#m-legend li").first).to_be_visible()
    if page.locator("#map-canvas").get_attribute("data-renderer") != "webgl":
        pytest.skip("this browser has no WebGL, not even in software")
    yield page
    page.close()


def count_painted(page: Page) -> int:
    return page.evaluate(
        """() => new Promise((done) => requestAnimationFrame(() => {
            const canvas = document.getElementById("map-canvas");
            const { width, height } = canvas;
            const copy = Object.assign(document.createElement("canvas"), { width, height });
            const pen = copy.getContext("2d");
            pen.drawImage(canvas, 0, 0);
            const pixels = pen.getImageData(0, 0, copy.width, copy.height).data;
            let painted = 0;
            for (let at = 3; at < pixels.length; at += 4) painted += pixels[at] > 128;
            done(painted);
        }))"""
    )


def test_the_map_is_drawn_with_webgl_and_with_the_pen_alike(map_page: Page, address: str, page: Page) -> None:
    page.goto(address)
    page.locator("#map-canvas").scroll_into_view_if_needed()
    expect(page.locator("#m-legend li").first).to_be_visible()
    assert page.locator("#map-canvas").get_attribute("data-renderer") == "2d"
    fast, plain = count_painted(map_page), count_painted(page)
    assert fast > 5_000 and 0.5 < fast / plain < 2
    map_page.select_option("#m-frame", "arxiv-query-2025")
    expect(map_page.locator("#m-legend li").first).to_be_visible()
    assert 0 < count_painted(map_page) < fast / 4


def test_a_clusters_name_opens_what_is_known_of_it_and_leads_to_its_documents(
    address: str, content: Content, page: Page
) -> None:
    page.goto(address)
    cluster = content.clusters[content.clusters["layer"] == content.layers[-1]].iloc[0]
    part = page.locator(f"#cluster-{cluster['cluster_id']}")
    assert part.get_attribute("open") is None
    parent = page.locator(f"#cluster-{cluster['parent_id']}")
    page.locator("nav.contents a[href='#clusters']").click()
    page.locator(f"tr a[href='#cluster-{cluster['parent_id']}']").click()
    expect(parent.locator("h5").first).to_be_visible()
    parent.locator(f"a[href='#cluster-{cluster['cluster_id']}']").click()
    expect(part.locator("h5")).to_have_text(
        ["Documents most central", "Documents at random", "Documents at the border"]
    )
    expect(part.locator("summary")).to_be_focused()
    first = cluster["exemplar_ids"][0]
    part.locator("li a").first.click()
    expect(page.locator("#detail-title")).to_have_text(content.documents.at[first, "title"])


def test_an_unstable_cluster_is_marked_wherever_it_appears(address: str, content: Content, page: Page) -> None:
    page.goto(address)
    unstable = content.clusters[content.clusters["is_unstable"] & (content.clusters["layer"] == content.layers[0])]
    assert len(unstable) and len(unstable) < (content.clusters["layer"] == content.layers[0]).sum()
    page.locator("#map-canvas").scroll_into_view_if_needed()
    marked = page.locator("#m-legend li", has_text="(unstable)")
    expect(marked).to_have_count(len(unstable))
    page.locator("nav.contents a[href='#clusters']").click()
    for cluster_id in unstable["cluster_id"]:
        expect(page.locator(f"#cluster-{cluster_id} summary .warn")).to_have_count(1)
        expect(page.locator(f"tr:has(a[href='#cluster-{cluster_id}']) th .warn")).to_have_count(1)


def test_documents_of_any_number_of_readers_are_listed_and_open(shipped: Path, page: Page) -> None:
    codes = pd.read_csv(shipped / "reports/2026.11/tables/readings.csv", usecols=["doc_id", "role"])
    counts = codes[codes["role"] == "reader"].groupby("doc_id").size()
    address = (shipped / "reports/2026.11/index.html").as_uri()
    for frame, prefix, number in (("alignmentforum-census", "lw:", 2), ("arxiv-announced", "arxiv:2", counts.max())):
        page.goto(f"{address}#frame={frame}&show=documents")
        page.reload()
        expect(page.locator("#d-rows tr").first).to_be_visible()
        heads = page.locator("table:has(#d-rows) thead th:visible").count()
        assert page.locator("#d-rows tr").first.locator("th, td").count() == heads
        name = next(doc_id for doc_id in counts.index[counts == number] if doc_id.startswith(prefix))
        page.goto(f"{address}#frame={frame}&show=documents&doc={name}")
        page.reload()
        rows = page.locator("#detail-body tbody tr")
        expect(rows.first).to_be_visible()
        assert rows.filter(has_text="reader").count() == number > 1
