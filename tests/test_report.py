"""The page says what the tables say, shows hostile text as text, and asks nobody for anything."""

import base64
import csv
import dataclasses
import gzip
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.config import load_config
from pipeline.report.atlas import safe_url, shorten_authors
from pipeline.report.content import Content, load_content
from pipeline.report.drawing import draw_all
from pipeline.report.figures import draw_figures
from pipeline.report.pack import pack_json
from pipeline.report.site import render_markdown, render_page
from pipeline.report.tables import list_tables, neutralise_formulas
from pipeline.report.words import format_count, format_decimals, format_interval, format_percent, format_points

pytestmark = pytest.mark.whole

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "x" * 10_000,
    "👩‍🔬 \u202e$\\alpha$",
]


BREAKING = [HOSTILE[0], f"{HOSTILE[1]}{'x' * 300}", f"{HOSTILE[2]} \" onerror=alert(1) '{HOSTILE[4]}"]


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
    columns = "frame year definition denominator weight share low high level n_population n_members n_read n_effective"
    assert list(rows[0]) == [*columns.split(), "share_unpredicted", "method", "n_person"]
    assert all(row["n_population"] == row["n_members"] for row in rows)
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


TABLES = "reports/2026.07/tables"


def read_csv(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / TABLES / f"{name}.csv", dtype={"year": str}, keep_default_na=True)


KEYS = {
    "shares": ["frame", "year", "denominator", "definition", "weight"],
    "agendas": ["frame", "year", "code"],
    "agenda_growth": ["frame", "code"],
    "clusters": ["layer", "cluster_id"],
    "frames": ["frame"],
    "published": ["id"],
    "curve": ["frame", "denominator", "rank"],
    "toggles": ["frame", "denominator", "toggle"],
    "robustness": ["frame", "definition", "variant"],
    "trends": ["frame", "denominator", "definition", "kind", "from_year", "to_year"],
    "people": ["frame"],
    "positions": ["frame", "year", "denominator", "position"],
    "as_people": ["frame", "year", "denominator", "definition", "basis", "scope"],
    "smoothed": ["frame", "year", "denominator", "definition"],
    "direct_people": ["frame", "year", "denominator", "definition"],
    "agenda_list": ["agenda"],
    "agenda_sizes": ["frame", "year", "agenda"],
    "agenda_scores": ["agenda"],
    "claims": ["claim", "dial"],
    "flow": ["frame", "step"],
    "agreement": ["coder_a", "coder_b", "subject", "weighting", "measure"],
    "agreement_parts": ["coder_a", "coder_b", "part", "name"],
    "intrusion": ["coder", "layer"],
    "cluster_checks": ["coder", "cluster_id"],
    "cluster_codes": ["layer", "cluster_id", "group"],
    "controls": ["control", "coder", "definition"],
    "scope_calls": ["frame"],
}


def row_of(tables: dict[str, pd.DataFrame], name: str, key: str) -> dict:
    rows = tables[name]
    for column, cell in zip(KEYS[name], key.split("|"), strict=True):
        rows = rows[rows[column].fillna("").astype(str) == cell]
    assert len(rows) == 1, (name, key)
    return rows.iloc[0].to_dict()


def cells_of(row: dict) -> set[str]:
    """Every way in which the page may write the numbers of a row."""
    written = {format_interval(row)} if "low" in row else set()
    for cell in row.values():
        if isinstance(cell, float | int) and not isinstance(cell, bool) and cell == cell:
            written |= {format_count(cell), format_percent(cell), format_points(cell), format_decimals(cell)}
            written |= {f"{int(cell):,}"} if float(cell).is_integer() else set()
    if "document_count" in row:  # the column "other" adds up the frames that may not be quoted
        named = [cell for name, cell in row.items() if name in {"n_alignmentforum-census", "n_arxiv-query-2025"}]
        written.add(f"{row['document_count'] - sum(named):,}")
    return written


def test_every_number_of_the_page_is_its_row_of_the_table(built: Path, page: Page) -> None:
    page.goto((built / "reports/2026.07/index.html").as_uri())
    tables = {name: read_csv(built, name) for name in KEYS if (built / f"{TABLES}/{name}.csv").exists()}
    marked = page.eval_on_selector_all(
        "[data-table]",
        """nodes => nodes.map((node) => [node.dataset.table, node.dataset.key, node.dataset.columns, node.matches("tr")
            ? [...node.querySelectorAll("td.n")].filter((cell) => !cell.querySelector("[data-table]"))
                .flatMap((cell) => cell.textContent.split(" "))
            : node.textContent.split(" ")])""",
    )
    assert {name for name, *_ in marked} == set(tables) and len(marked) > 300
    wrong = []
    for name, key, columns, texts in marked:
        row = row_of(tables, name, key)
        if columns and " " not in columns:
            wrong += [] if texts == [format_percent(row[columns])] else [(name, key, texts)]
            continue
        if columns:
            value, low, high = (row[column] for column in columns.split())
            as_points = [format_points(value), format_points(low), "to", format_points(high)] if low == low else []
            as_number = [format_decimals(value), format_decimals(low), "to", format_decimals(high)]
            as_share = [format_percent(value), format_interval({"low": low, "high": high})]
            as_count = [format_count(value), f"{format_count(low)}–{format_count(high)}"] if low == low else []
            wrong += [] if texts in (as_points, as_share, as_number, as_count) else [(name, key, texts)]
            continue
        if name in {"shares", "agendas"}:
            wrong += [] if texts == [format_percent(row["share"]), format_interval(row)] else [(key, texts)]
        else:
            allowed = cells_of(row) | {"to", "", "–", "°"}
            wrong += [(name, key, text) for text in texts if text.strip() not in allowed]
    assert wrong == []


def test_every_percentage_in_sight_belongs_to_a_row_of_a_table(built: Path, page: Page) -> None:
    """What the page prints as a share outside the marked cells is a share of the headline, or prose about levels."""
    page.goto((built / "reports/2026.07/index.html").as_uri())
    loose = page.evaluate(
        """() => {
            const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
            const found = [];
            while (walker.nextNode()) {
                const node = walker.currentNode;
                const isMarked = node.parentElement.closest("[data-table], svg, script, style, .needs-script");
                if (/\\d%/.test(node.data) && !isMarked)
                    found.push(...node.data.match(/[\\d.\u2013]*\\d%/g));
            }
            return found;
        }"""
    )
    shares = read_csv(built, "shares")
    known = {format_percent(share) for share in shares["share"]} | {
        format_interval(row) for row in shares.to_dict("records")
    }
    # Levels, the recall that calls are to have, the bound of surprise, the example of the limits.
    prose = {"95%", "98.5%", "90%", "70%", "8%", "40%", "46%"}
    assert loose and [number for number in loose if number not in known | prose] == []


def test_the_dictionary_describes_every_column_of_every_table(built: Path) -> None:
    folder = built / "reports/2026.07/tables"
    described = {(row["table"], row["column"]) for row in read_csv(built, "dictionary").to_dict("records")}
    for path in folder.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            assert {(path.stem, column) for column in next(csv.reader(file))} <= described, path.name
    assert read_csv(built, "dictionary")["meaning"].str.len().min() > 3


SHOWN = {
    "shares": ["share"],
    "agendas": ["share"],
    "as_people": ["share"],
    "recall": ["recall"],
    "scope_calls": ["recall", "precision", "likely_recall", "likely_precision"],
}


def round_from_table(value: float, low: float, high: float) -> Iterator[tuple[str, str]]:
    """How a share and its interval may be shown: the table has six decimals, of which a half may have been rounded."""
    for nudges in itertools.product((-5e-7, 0, 5e-7), repeat=3):
        share, *ends = (each + nudge for each, nudge in zip((value, low, high), nudges, strict=True))
        yield format_percent(share), format_interval(dict(zip(("low", "high"), ends, strict=True)))


@pytest.mark.parametrize("version", ["2026.07", "2026.11"])
def test_the_markdown_has_the_numbers_of_the_tables(built: Path, shipped: Path, version: str) -> None:
    folder = (built if version == "2026.07" else shipped) / "reports" / version
    text = (folder / "report.md").read_text(encoding="utf-8")
    pairs: set[tuple[str, str]] = set()
    for name, kinds in SHOWN.items():
        path = folder / f"tables/{name}.csv"
        for row in pd.read_csv(path).to_dict("records") if path.exists() else ():
            for kind in kinds:
                low, high = (row.get(f"{kind}_{end}", row.get(end)) for end in ("low", "high"))
                pairs |= set(round_from_table(row[kind], low, high))
    shown = re.findall(r"\| ([\d.]+%) \[([\d.\u2013]+%)\]", text)
    assert len(shown) > 100 and [pair for pair in shown if pair not in pairs] == []


def test_the_agendas_of_a_group_add_up_to_it_within_their_intervals(built: Path) -> None:
    rows = read_csv(built, "agendas")
    whole = rows[rows["year"].isna() & (rows["denominator"] == "safety")]
    for frame in ("alignmentforum-census", "arxiv-query-2025"):
        own = whole[whole["frame"] == frame].set_index("code")
        shares, half_width = own["share"], (own["high"] - own["low"]) / 2
        for group in "ABCDE":
            leaves = [code for code in shares.index if code[0] == group and code != group and "+" not in code]
            gap = abs(shares[leaves].sum() - shares[group])  # each has agreement cells and a lambda of its own
            assert gap < min(0.05, (half_width[leaves] ** 2).sum() ** 0.5), (frame, group)


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


def spoil(value, *names: str):
    """Returns a value of the configuration with other texts in some fields."""
    return dataclasses.replace(value, **{name: BREAKING[place % 3] for place, name in enumerate(names)})


def spoil_words(codebook: Codebook) -> Codebook:
    """Returns the codebook with titles and words that nobody should run."""
    return dataclasses.replace(
        codebook,
        groups={code: BREAKING[place % 3] for place, code in enumerate(codebook.groups)},
        leaves={code: BREAKING[place % 3] for place, code in enumerate(codebook.leaves)},
        definitions=tuple(spoil(each, "title", "reading") for each in codebook.definitions),
        denominators={name: spoil(each, "title") for name, each in codebook.denominators.items()},
        study=spoil(codebook.study, "question", "output", "direct"),
    )


@pytest.fixture(scope="module")
def hostile(content: Content) -> Content:
    """The census with texts that somebody made to break the page, wherever documents or configuration bring any."""
    documents = content.documents.copy()
    read = list(content.sample.units.index[: len(HOSTILE)])
    for text, doc_id in zip(HOSTILE, read, strict=True):
        documents.at[doc_id, "title"] = text
        documents.at[doc_id, "authors"] = [text, "=1+1"]
        documents.at[doc_id, "url"] = "javascript:alert(1)"
        documents.at[doc_id, "organisation"] = f"University {text}"
    readers = tuple(
        sheet.assign(note=[HOSTILE[row % len(HOSTILE)] for row in range(len(sheet))])
        for sheet in content.sample.readers
    )
    return dataclasses.replace(
        content,
        documents=documents,
        clusters=content.clusters.assign(name=HOSTILE[1]),
        codebook=spoil_words(content.codebook),
        frames={name: spoil(frame, "title", "description", "use") for name, frame in content.frames.items()},
        positions=tuple(spoil(each, "title", "who", "says") for each in content.positions),
        published=tuple({**row, "what": HOSTILE[0], "note": HOSTILE[1]} for row in content.published),
        settings=spoil(content.settings, "title"),
        extras={
            **content.extras,
            "agenda_list": content.extras["agenda_list"].assign(name=HOSTILE[0], says=HOSTILE[1]),
            "claims": content.extras["claims"].assign(title=HOSTILE[1]),
        },
        dataset=dataclasses.replace(content.dataset, creators=(HOSTILE[0], HOSTILE[4]), keywords=(HOSTILE[1],)),
        sample=dataclasses.replace(content.sample, readers=readers),
    )


@pytest.fixture(scope="module")
def hostile_page(hostile: Content, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    for name, text in render_page(hostile, draw_figures(hostile), list_tables(hostile)).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "index.html"


def test_hostile_text_is_shown_and_not_run(hostile: Content, hostile_page: Path, browser: Browser) -> None:
    path = hostile_page
    assert "javascript:" not in path.read_text(encoding="utf-8")
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    for text, doc_id in zip(HOSTILE, hostile.sample.units.index, strict=False):
        page.goto(f"{path.as_uri()}#show=documents&doc={doc_id}")  # the first loads the page, the others move it
        expect(page.locator("#detail-title")).to_have_text(" ".join(text.split()))  # the data unfold first
        assert text in page.locator("#detail-body").text_content()
        assert page.locator("#detail-body a:not([href^='#like='])").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    page.eval_on_selector_all("details", "nodes => nodes.forEach((node) => { node.open = true; })")
    assert HOSTILE[0] in page.locator("#positions").text_content()
    for width in (1440, 375):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{path.as_uri()}#show=map&seek=onerror")
    page.reload()
    expect(page.locator("#m-found li").first).to_contain_text(HOSTILE[1])
    assert said == [] and page.locator("img").count() == 0
    page.close()


def test_hostile_text_is_text_in_the_tables_and_the_markdown(hostile: Content) -> None:
    tables = list_tables(hostile)
    for name, rows in tables.items():
        for column in rows.columns:
            for cell in rows[column]:
                assert not (isinstance(cell, str) and cell.lstrip().startswith(("=", "+", "-", "@"))), (name, column)
    assert "'=cmd" in tables["codes"]["title"].str.slice(0, 5).tolist()
    written = render_markdown(hostile, tables)
    assert "script" in written and not re.search(r"(?<!\\)<(?:script|img src=x)", written)


def test_a_download_from_the_page_has_no_formulas(hostile: Content, hostile_page: Path, browser: Browser) -> None:
    page = browser.new_page()
    domain = hostile.sample.units.loc[hostile.sample.units.index[2], "frame"]
    page.goto(f"{hostile_page.as_uri()}#frame={domain}&show=documents")
    with page.expect_download() as waiting:
        page.locator("#d-csv").click()
    with Path(waiting.value.path()).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    assert any(cell.startswith("'=cmd") for row in rows for cell in row)
    assert not [cell for row in rows for cell in row if cell.lstrip().startswith(("=", "+", "-", "@"))]
    page.close()


def test_the_head_describes_the_dataset_for_search_engines(hostile: Content, hostile_page: Path) -> None:
    head = hostile_page.read_text(encoding="utf-8").partition("</head>")[0]
    text = re.search(r'<script type="application/ld\+json">([^<]*)</script>', head)
    assert text, "and no text in it closes its element"
    found = json.loads(text[1])
    assert found["@type"] == "Dataset" and found["version"] == hostile.version
    assert hostile.dataset.title in found["name"] and found["license"].startswith("https://")
    assert "tables/shares.csv" in [item["contentUrl"] for item in found["distribution"]]
    assert {item["name"] for item in found["variableMeasured"]} >= {"shares", "codes", "agenda_growth"}


def test_json_cannot_close_its_element_and_only_web_addresses_are_links() -> None:
    text = pack_json({"title": HOSTILE[1]})
    assert "<" not in text and json.loads(gzip.decompress(base64.b64decode(text)))["title"] == HOSTILE[1]
    assert safe_url("https://example.org") and not safe_url("javascript:alert(1)") and not safe_url(None)


def test_cells_that_a_spreadsheet_would_run_get_an_apostrophe() -> None:
    rows = neutralise_formulas(pd.DataFrame({"title": ["=1+1", "@x", "plain", None], "share": [-1.0, 2, 3, 4]}))
    assert rows["title"].tolist()[:3] == ["'=1+1", "'@x", "plain"] and rows["share"].tolist() == [-1, 2, 3, 4]


def test_the_same_content_gives_the_same_bytes_as_in_another_process(content: Content, built: Path) -> None:
    folder = built / "reports/2026.07"
    figures, pictures = draw_all(content)
    tables = list_tables(content)
    pages = {**render_page(content, figures, tables), "report.md": render_markdown(content, tables)}
    assert len(pages) == 3
    assert pages == {name: (folder / name).read_text(encoding="utf-8") for name in pages}
    assert len(pictures) == len(list(folder.rglob("*.png"))) > 6
    assert pictures == {name: (folder / f"{name}.png").read_bytes() for name in pictures}
    assert set(tables) >= {"shares", "codes", "clusters", "frames", "agendas", "agenda_growth", "dictionary"}


def test_a_long_list_of_authors_is_cut_and_counted() -> None:
    assert shorten_authors(["A", "B"]) == "A, B" and shorten_authors(None) == ""
    assert shorten_authors([str(n) for n in range(6_848)]).endswith("11 and 6,836 more")


def test_sections_whose_table_does_not_exist_are_absent(content: Content) -> None:
    bare = dataclasses.replace(content, extras={})
    page = render_page(bare, draw_figures(bare), list_tables(bare))["index.html"]
    assert 'id="explorer-title"' in page
    for section in ("curve", "robustness", "agreement"):
        assert f'id="{section}-title"' not in page and f"#{section}-title" not in page
