"""One state: the link holds the whole view, and everything on the page says the same number as the tables."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.coding.codebook import load_codebook
from pipeline.coding.positions import load_positions
from pipeline.report.words import format_count, format_interval, format_percent

SCREENS, TAB_STOPS, HEIGHT = 8, 300, 900
STATES = 50


@pytest.fixture(scope="module")
def address(built: Path) -> str:
    return (built / "reports/2026.07/index.html").as_uri()


@contextlib.contextmanager
def heard(browser: Browser) -> Iterator[Page]:
    """A new page that must say nothing to the console."""
    page = browser.new_page(viewport={"width": 1440, "height": HEIGHT})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    page.close()
    assert said == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with heard(browser) as page:
        yield page


def read_table(report: Path, name: str) -> pd.DataFrame:
    table = pd.read_csv(report / f"tables/{name}.csv", dtype={"year": str})
    return table.fillna({"year": "", "definition": ""} if "definition" in table else {"year": ""})


def opened(page: Page, link: str) -> Page:
    page.goto("about:blank")
    page.goto(link)
    page.locator("html.ready").wait_for()
    return page


def moved(page: Page, link: str) -> Page:
    """The same page after its address was edited, once it has drawn what the new one asks for."""
    page.evaluate("link => { location.hash = link; }", link)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page


def view(page: Page) -> dict:
    """Everything that a reader can see of the state: numbers, controls, charts, lists, map."""
    return page.evaluate(
        """() => ({
            exact: document.getElementById("x-result").dataset.exact,
            says: document.getElementById("x-says").textContent,
            other: document.getElementById("x-other-says").textContent,
            title: document.getElementById("trend-title").textContent,
            rows: [...document.querySelectorAll("#t-rows tr")].map((row) => row.dataset.exact),
            controls: [...document.querySelectorAll("select, #d-search, #m-search, #x-name")]
                .map((node) => [node.id, node.value]),
            ticked: [...document.querySelectorAll(".chip input")]
                .map((box) => [box.value, box.checked, box.indeterminate]),
            documents: document.getElementById("d-rows").textContent,
            found: document.getElementById("m-found").textContent,
            dialog: document.getElementById("detail").open ? document.getElementById("detail-title").textContent : "",
            wrong: document.getElementById("l-wrong").textContent,
        })"""
    )


def random_link(rng: np.random.Generator, facts: dict) -> str:
    """A link with a random value for a random part of the keys."""

    def some(values: list[str]) -> str:
        return str(values[rng.integers(len(values))])

    domain = facts["domains"][rng.integers(len(facts["domains"]))]
    moved = rng.choice(facts["leaves"], 4, replace=False).tolist()
    keys = {
        "frame": domain["frame"],
        "year": domain["year"],
        "def": some(facts["definitions"]),
        "in": ",".join(moved[:2]),
        "out": ",".join(moved[2:]),
        "of": some(facts["denominators"]),
        "vs": some([*facts["positions"], *facts["definitions"]]),
        "name": "mine & <b>yours</b>",
        "counts": "counts",
        "leaf": some(facts["leaves"]),
        "find": some(["the", "model", "zzz"]),
        "colour": some(["position", "code", "frame"]),
        "mapframe": domain["frame"],
        "from": "2021",
        "seek": some(["debate", "oversight"]),
        "view": f"{rng.random():.3f},{rng.random():.3f},{1 + 5 * rng.random():.2f}",
    }
    kept = [key for key in keys if key in ("frame", "def") or rng.random() < 0.5]
    if "year" not in kept and rng.random() < 0.2 and domain["by"]:
        keys["by"] = some(domain["by"])
        kept.append("by")
    return "#" + "&".join(f"{key}={re.sub('[&<> ]', lambda sign: f'%{ord(sign[0]):02X}', keys[key])}" for key in kept)


@pytest.fixture(scope="module")
def facts(built: Path) -> dict:
    return gather_facts(built / "reports/2026.07")


@pytest.fixture(scope="module")
def shipped_report(shipped: Path) -> Path:
    return shipped / "reports/2026.11"


def gather_facts(report: Path) -> dict:
    shares, positions = read_table(report, "shares"), read_table(report, "positions")
    domains = shares[shares["weight"] == "documents"][["frame", "year"]].drop_duplicates().to_dict("records")
    for domain in domains:
        own = shares[(shares["frame"] == domain["frame"]) & (shares["year"] == "")]
        domain["by"] = [] if domain["year"] else sorted(set(own["weight"]))
    codes = pd.read_csv(report / "tables/codes.csv", usecols=["leaf"])
    return {
        "domains": domains,
        "leaves": sorted(set(codes["leaf"])),
        "definitions": sorted(set(shares["definition"])),
        "denominators": sorted(set(shares["denominator"])),
        "positions": sorted(set(positions["position"])),
    }


@pytest.mark.slow
def test_a_link_opened_in_a_second_browser_gives_the_same_view(
    shipped_report: Path, browser: Browser, page: Page
) -> None:
    rng, facts = np.random.default_rng(11), gather_facts(shipped_report)
    address = (shipped_report / "index.html").as_uri()
    second = browser.new_context(viewport={"width": 1440, "height": HEIGHT}).new_page()
    for number in range(STATES):
        link = random_link(rng, facts)
        opened(page, address + link) if number % 10 == 0 else page.evaluate("link => { location.hash = link; }", link)
        page.wait_for_function("link => location.hash === link", arg=page.evaluate("location.hash"))
        page.wait_for_timeout(30)
        # What the page itself would hand on, not what was typed, goes to the other.
        page.evaluate("() => document.getElementById('x-copy').click()")
        shared = page.locator("#x-link").input_value()
        opened(second, shared)
        assert view(second) == view(page) | {"wrong": ""}, link
        assert second.evaluate("location.hash") == "#" + shared.split("#")[1]
    second.context.close()


def test_back_forward_reload_and_contents_keep_the_position(address: str, page: Page) -> None:
    opened(page, address)
    start = page.locator("#x-share").inner_text()
    page.select_option("#x-def", "broad")
    broad = page.locator("#x-share").inner_text()
    page.select_option("#x-vs", "position post")
    page.locator("nav.contents a[href='#agendas']").click()
    expect(page.locator("#agendas table").first).to_be_visible()
    assert page.locator("#x-share").inner_text() == broad != start
    page.reload()
    page.locator("html.ready").wait_for()
    assert page.locator("#x-share").inner_text() == broad and page.locator("#x-vs").input_value() == "position post"
    for expected in ("position post", ""):
        page.go_back()
        expect(page.locator("#x-vs")).to_have_value(expected)
    assert page.locator("#x-share").inner_text() == broad
    page.go_back()
    expect(page.locator("#x-share")).to_have_text(start)
    page.go_forward()
    expect(page.locator("#x-share")).to_have_text(broad)
    box = page.locator("#x-result").bounding_box()
    page.evaluate("scrollTo(0, 4000)")
    assert page.locator("#x-result").bounding_box()["y"] < 1 < box["height"], "the result stays in sight"


@pytest.fixture(scope="module")
def default(browser: Browser, address: str) -> str:
    """What the page says where its link asks for nothing."""
    with heard(browser) as page:
        found = opened(page, address).locator("#x-result").get_attribute("data-exact")
    assert found
    return found


@pytest.mark.parametrize(
    ("link", "named"),
    [
        ("#frame=nowhere&def=<script>", "a frame “nowhere”"),
        ("#def=constructor&in=__proto__,A1", "a definition “constructor”"),
        ("#year=1999", "a window “1999”"),
        ("#doc=x", "a document “x”"),
        ("#nothing=1", "a setting “nothing”"),
        ("#zzz", "a part of the page “zzz”"),
        ("#%", "a part of the page “%”"),
        ("#view=a,b,c&colour=%22", "a map view “a,b,c”"),
    ],
)
def test_a_link_that_makes_no_sense_says_so_and_shows_the_default(
    address: str, default: str, page: Page, link: str, named: str
) -> None:
    opened(page, address + link)
    expect(page.locator("#l-wrong")).to_contain_text(named)
    assert page.locator("#x-result").get_attribute("data-exact") == default
    page.select_option("#x-def", "broad")
    expect(page.locator("#l-wrong")).to_be_hidden()


def test_charts_and_positions_say_what_the_tables_say(built: Path, facts: dict, address: str, page: Page) -> None:
    keys = ["frame", "year", "denominator"]
    report = built / "reports/2026.07"
    shares, totals, positions = (read_table(report, name) for name in ("shares", "totals", "positions"))
    shares = shares[shares["weight"] == "documents"].set_index([*keys, "definition"])
    totals, positions = totals.set_index([*keys, "definition"]), positions.set_index([*keys, "position"])
    compared = 0
    opened(page, address)
    for denominator in facts["denominators"]:
        for definition in facts["definitions"][::3]:
            moved(page, f"#def={definition}&of={denominator}")
            for row in page.locator("#t-rows tr").evaluate_all("rows => rows.map((row) => ({ ...row.dataset }))"):
                place = (row["frame"], row["year"], denominator, definition)
                own = json.loads(row["exact"])
                assert_near(own["share"], shares.loc[place], ("share", "low", "high"), 1e-6, place)
                assert_near(own["count"], totals.loc[place], ("count", "low", "high"), 1e-3, place)
                compared += 1
        for frame, year in (("alignmentforum-census", ""), ("alignmentforum-census", "2024"), ("arxiv-query-2025", "")):
            moved(page, f"#frame={frame}&year={year}&of={denominator}")
            for row in page.locator("#p-rows tr").evaluate_all("rows => rows.map((row) => ({ ...row.dataset }))"):
                place = (frame, year, denominator, row["position"])
                own, wanted = json.loads(row["exact"]), positions.loc[place]
                assert_near(own["share"], wanted, ("share", "low", "high"), 1e-6, place)
                counts = {"count": "count", "low": "count_low", "high": "count_high"}
                for name, column in counts.items():
                    assert abs(own["count"][name] - wanted[column]) < 1e-3, (place, column)
                compared += 1
    assert compared > 150


def test_what_stands_beside_a_share_is_in_the_tables(shipped: Path, page: Page) -> None:
    """Smoothed shares, and shares as people would code: in the chart, in its numbers and in the tables alike."""
    tables = shipped / "reports/2026.11/tables"
    keys = {"smoothed": ["frame", "year", "denominator", "definition"]}
    keys["as_people"] = [*keys["smoothed"], "basis", "scope"]
    opened(page, (shipped / "reports/2026.11/index.html").as_uri() + "#of=everything&def=broad")
    for name, kind in (("smoothed", "smooth"), ("as_people", "second")):
        rows = pd.read_csv(tables / f"{name}.csv", dtype={"year": str}).fillna({"year": ""}).set_index(keys[name])
        cells = page.locator(f"#t-rows [data-table={name}]").evaluate_all(
            "nodes => nodes.map((node) => [node.dataset.key, node.textContent])"
        )
        assert len(cells) > 8 and page.locator(f"#t-panels .{kind}").count() > 0, name
        assert page.locator(f"#t-key .{kind}").is_visible()
        for key, text in cells:
            row = rows.loc[tuple(key.split("|"))]
            assert text == f"{format_percent(row['share'])} {format_interval(row)}", (name, key)
    marks = page.locator("#t-panels [data-frame=arxiv-announced] .second").count()
    assert marks == 0, "outside labels are of works chosen as relevant; most of this frame is out of scope"
    page.locator(".chip[data-code=D3] input").check()
    expect(page.locator("#t-panels .smooth")).to_have_count(0)


def test_the_named_agendas_are_found_and_follow_the_state(built: Path, address: str, page: Page) -> None:
    report = built / "reports/2026.07"
    sizes = read_table(report, "agenda_sizes").set_index(["frame", "year", "agenda"])
    opened(page, address + "#show=named")
    parts = page.locator("details.agenda")
    assert parts.count() == len(read_table(report, "agenda_list")) > 40
    page.locator("#a-search").fill("chain of thought")
    expect(page.locator("details.agenda:visible")).not_to_have_count(parts.count())
    assert page.locator("details.agenda:visible").count() >= 1
    expect(page).to_have_url(re.compile("agenda=chain"))
    shared = page.url
    page.locator("#a-search").fill("")
    expect(page.locator("details.agenda:visible")).to_have_count(parts.count())
    for year in ("", "2024"):
        page.select_option("#x-year", year)
        for cell in page.locator("#a-list summary [data-table=agenda_sizes]").all()[:12]:
            row = sizes.loc[tuple(cell.get_attribute("data-key").split("|"))]
            assert cell.get_attribute("data-key").split("|")[1] == year
            wanted = f"{format_count(row['document_count'])} {format_count(row['low'])}–{format_count(row['high'])}"
            assert cell.text_content() == wanted
    marked = page.locator("details.agenda.counted").count()
    page.select_option("#x-def", "broadest")
    assert page.locator("details.agenda.counted").count() > marked
    opened(page, shared)
    expect(page.locator("#a-search")).to_have_value("chain of thought")
    first = parts.first.get_attribute("id")
    opened(page, f"{address}#{first}")
    expect(page.locator(f"#{first} dl")).to_be_visible()
    near = page.locator(f"#{first} a[href^='#agenda-']").first
    target = near.get_attribute("href")
    near.click()
    expect(page.locator(f"{target} dl")).to_be_visible()
    page.locator(f"{target} a[href^='#doc=']").first.click()
    expect(page.locator("dialog#detail")).to_be_visible()


def assert_near(shown: dict, wanted: pd.Series, names: tuple[str, ...], tolerance: float, place: tuple) -> None:
    for name in names:
        assert abs(shown[name] - wanted[name]) <= tolerance, (place, name, shown[name], wanted[name])


@pytest.mark.slow
def test_every_way_of_counting_gives_the_share_of_the_table(built: Path, address: str, page: Page) -> None:
    shares = read_table(built / "reports/2026.07", "shares")
    rows = shares[(shares["weight"] != "documents") & (shares["denominator"] == "safety")]
    rows = rows[rows["definition"].isin(["strict", "broadest"])]
    assert len(rows) > 10
    for row in rows.to_dict("records"):
        opened(page, f"{address}#frame={row['frame']}&def={row['definition']}&by={row['weight']}")
        shown = json.loads(page.locator("#x-result").get_attribute("data-exact"))
        assert_near(shown, pd.Series(row), ("share", "low", "high"), 2e-6, (row["frame"], row["weight"]))


def test_the_page_is_eight_screens_and_few_stops(address: str, page: Page) -> None:
    opened(page, address)
    assert page.evaluate("document.documentElement.scrollHeight") <= SCREENS * HEIGHT
    stops = page.evaluate(
        """() => {
            const table = [...document.querySelectorAll("main table")].find((node) => node.checkVisibility());
            const stops = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")];
            return stops.filter((node) => node.checkVisibility() && node.compareDocumentPosition(table) & 4).length;
        }"""
    )
    assert 0 < stops < TAB_STOPS


@pytest.mark.parametrize(
    ("name", "link", "wanted"),
    [
        ('Mine "\\ & <b>ünï\u007f\t', "def=strict&in=D1,D2&out=B1", ("strict", ("D1", "D2"), ("B1",))),
        ("", "def=none&in=A1,C5", ("", ("A1", "C5"), ())),
        ("…", "def=broad", ("broad", (), ())),
    ],
)
def test_a_position_built_in_the_page_is_an_entry_of_positions_toml(
    shipped: Path, shipped_report: Path, page: Page, tmp_path: Path, name: str, link: str, wanted: tuple
) -> None:
    opened(page, f"{(shipped_report / 'index.html').as_uri()}#{link}&name={quote(name)}")
    page.locator("#x-keep summary").click()
    expect(page.locator("#x-toml")).to_be_visible()
    path = tmp_path / "positions.toml"
    path.write_text(page.locator("#x-toml").text_content(), encoding="utf-8")
    (found,) = load_positions(path, load_codebook(shipped / "data/raw/handcheck/codebook/codebook.toml"))
    assert (found.definition, found.include, found.exclude) == wanted
    assert found.title == name if name else found.title.startswith("Only")


def test_the_map_places_every_label_and_lists_an_area(address: str, page: Page) -> None:
    opened(page, address + "#show=map")
    expect(page.locator("#m-legend li").first).to_be_visible()
    page.wait_for_timeout(300)
    inside = page.locator("#map-labels").evaluate("node => [Number(node.dataset.labels), Number(node.dataset.wanted)]")
    assert inside[0] == inside[1] >= 10
    page.locator("#m-area").click()
    box = page.locator("#map-canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 200
    page.mouse.move(x, y)
    page.mouse.down()
    for right, down in ((90, 0), (90, 90), (0, 90)):
        page.mouse.move(x + right, y + down, steps=3)
    page.mouse.up()
    expect(page.locator("#m-count")).to_contain_text("in the area")
    with page.expect_download() as waiting:
        page.locator("#m-csv").click()
    lines = Path(waiting.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) > 2 and lines[0].startswith("doc_id,title")


@pytest.mark.parametrize("width", [375, 768, 1440])
def test_no_label_is_dropped_at_any_width(shipped: Path, browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": HEIGHT})
    for view in ("", "&view=0.450,0.500,5.00"):
        if view:
            moved(page, "#show=map" + view)
        else:
            opened(page, (shipped / "reports/2026.11/index.html").as_uri() + "#show=map")
        expect(page.locator("#m-legend li").first).to_be_visible()
        page.wait_for_timeout(400)
        counts = page.locator("#map-labels").evaluate("node => [node.dataset.labels, node.dataset.wanted].map(Number)")
        assert counts[0] == counts[1] > 3, view
    page.close()


# The questions of readers, each with at most two acts that lead to its answer, and where that stands.
QUESTIONS = [
    ("what happened over the years", [], "#trend-title", r"fell from \d+% in 2017 to \d+% in 20"),
    ("how many such documents a year", [], "#trend-title", r"about \d+ documents in 2017"),
    ("diluted or abandoned", [], "#t-says", r"The whole of which it is a share: about [\d,]+ documents in 2017"),
    ("arXiv beside the Forum", [], "#t-panels", r"arXiv [\d,]+ of [\d,]+ read"),
    ("arXiv by year, as far as its windows go", ["summary:The numbers of the chart"], "#t-rows", r"arXiv\s*2025"),
    ("my definition over time", ["select:#x-def:broad"], "#trend-title", r"Broad fell from"),
    ("the post's own list", [], "#p-rows", r"The post: what it calls direct"),
    ("what the post leaves in doubt", ["click:[data-take=post-doubtful]"], "#x-says", r"in doubt"),
    ("a commenter's line, and its link", [], "#p-rows tr[data-position=few-hundred]", r"Paul Christiano"),
    ("interpretability without training", ["click:[data-take=interpretability-not-control]"], "#x-share", r"6\d%"),
    ("mine beside another's", ["select:#x-vs:position few-hundred"], "#x-other-says", r"points apart"),
    ("which documents decide", ["click:#x-documents", "select:#d-status:counts"], "#d-rows", r"counts"),
    ("why one document is in or out", ["click:#x-documents", "click:#d-rows a >> nth=0"], "#detail", r"For the chosen"),
    ("labs and organisations", ["click:nav a[href='#people']"], "#people", r"is known for [\d.]+% of the documents"),
    ("who read, and how sure is it", ["click:nav a[href='#second']"], "#second", r"as people would"),
    ("what is not covered", [], "#uncovered", r"covers [\d,]+ of [\d,]+"),
]


@pytest.fixture(scope="module")
def untouched(browser: Browser, shipped_report: Path) -> Iterator[Page]:
    """The page as it opens, for the answers that need no act."""
    with heard(browser) as page:
        yield opened(page, (shipped_report / "index.html").as_uri())


@pytest.mark.parametrize(("question", "acts", "place", "answer"), QUESTIONS, ids=[row[0] for row in QUESTIONS])
def test_a_question_is_answered_in_at_most_two_clicks(
    request: pytest.FixtureRequest, shipped_report: Path, question: str, acts: list[str], place: str, answer: str
) -> None:
    if acts:
        page = opened(request.getfixturevalue("page"), (shipped_report / "index.html").as_uri())
    else:
        page = request.getfixturevalue("untouched")
    assert len(acts) <= 2, question
    for act in acts:
        kind, _, rest = act.partition(":")
        if kind == "select":
            target, _, value = rest.partition(":")
            page.select_option(target, value)
        elif kind == "summary":
            page.locator("summary", has_text=rest).click()
        else:
            page.locator(rest).first.click()
    expect(page.locator(place).first).to_be_visible()
    expect(page.locator(place).first).to_contain_text(re.compile(answer))
