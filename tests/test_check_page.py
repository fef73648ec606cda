"""The hand-check page in a real browser: keys, autosave, kills, blindness, and who may post."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.handcheck_project import make_project

LEAF = {"a": "A3", "b": "B3", "c": "C3", "d": "D3", "e": "E3"}


class Served:
    """A page served by a process of its own."""

    def __init__(self, config: Path, coder: str, *options: str) -> None:
        command = [sys.executable, "-m", "pipeline.check", "--config", str(config), "page", "--coder", coder]
        root = Path(__file__).parent.parent
        environment = {**os.environ, "PYTHONPATH": str(root)}
        self.process = subprocess.Popen(
            [*command, "--no-browser", *options], cwd=root, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.first = self.process.stdout.readline()
        self.link = self.process.stdout.readline().strip()
        self.base, self.token = self.link.split("/?token=")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def call(self, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    return make_project(tmp_path, root)


@pytest.fixture
def serve(project: Path) -> Iterator:
    started: list[Served] = []

    def start(coder: str, *options: str) -> Served:
        started.append(Served(project, coder, *options))
        return started[-1]

    yield start
    for served in started:
        served.kill()


def sheet(project: Path, name: str) -> list[dict[str, str]]:
    path = project.parent / "data/raw/handcheck/sheets" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def saved(page: Page, words: str = "saved") -> None:
    expect(page.locator("#saved")).to_have_text(re.compile("^" + words))


def code(page: Page, group: str) -> str:
    """Codes the document on the screen by keys alone and goes on; returns its title."""
    title = page.text_content("#title") or ""
    for key in (group, "3", "2", "1", "1", "e", "2"):
        page.keyboard.press(key)
    saved(page, "saved, not")
    page.keyboard.press("Enter")
    expect(page.locator("#title")).not_to_have_text(title)
    return title


def press_and_wait(page: Page, key: str) -> None:
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.keyboard.press(key)
    saved(page, "saved,")


def test_twenty_documents_by_keys_with_a_kill_a_resume_and_a_correction(browser: Browser, serve, project: Path) -> None:
    served = serve("alice")
    page = browser.new_page()
    page.goto(served.link)
    page.wait_for_selector("#field-group")
    titles = [code(page, "abcde"[number % 5]) for number in range(12)]
    rows = sheet(project, "alice")
    assert [row["leaf"] for row in rows] == [LEAF["abcde"[number % 5]] for number in range(12)]
    assert {row["state"] for row in rows} == {"done"} and {row["codebook_version"] for row in rows} == {"v1.1"}

    wanted = {}
    for key, column, value in (("c", None, ""), ("1", "leaf", "C1"), ("3", "target", "T3"), ("2", "mechanism", "M2")):
        press_and_wait(page, key) if column else page.keyboard.press(key)
        wanted |= {column: value} if column else {}
        if column:  # the sheet on disk is right after every key
            assert {name: sheet(project, "alice")[-1][name] for name in wanted} == wanted
    served.kill()
    assert {name: sheet(project, "alice")[-1][name] for name in wanted} == wanted
    assert sheet(project, "alice")[-1]["state"] == "draft" and len(sheet(project, "alice")) == 13

    again = serve("alice")
    page.goto(again.link)
    expect(page.locator("#progress")).to_contain_text("12 of 30")
    assert page.is_checked("input[name=leaf][value=C1]") and page.is_checked("input[name=mechanism][value=M2]")
    page.keyboard.press("Backspace")
    expect(page.locator("#title")).to_have_text(titles[-1])
    page.focus("#field-confidence input")
    press_and_wait(page, "1")
    row = sheet(project, "alice")[11]
    assert (row["confidence"], row["leaf"], row["state"]) == ("1", LEAF["b"], "done")
    page.keyboard.press("Enter")
    expect(page.locator("#title")).not_to_have_text(titles[-1])
    for number in range(8):
        code(page, "abcde"[number % 5])
    rows = sheet(project, "alice")
    assert len(rows) == 20 and {row["state"] for row in rows} == {"done"} and len({row["doc_id"] for row in rows}) == 20


def test_unsure_second_leaf_note_and_codebook_are_one_key_away(browser: Browser, serve, project: Path) -> None:
    page = browser.new_page()
    page.goto(serve("alice").link)
    page.wait_for_selector("#field-group")
    page.keyboard.press("?")
    assert page.is_visible("#codebook") and "Tie-breaks" in (page.text_content("#codebook") or "")
    page.keyboard.press("Escape")
    assert not page.is_visible("#codebook")
    press_and_wait(page, "u")
    page.keyboard.press("/")
    page.keyboard.type('=a, "b" ü')
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.select_option("#leaf2", "D4")
    saved(page, "saved,")
    row = sheet(project, "alice")[0]
    assert (row["unsure"], row["note"], row["leaf2"], row["leaf"]) == ("yes", '=a, "b" ü', "D4", "")


def test_out_of_scope_fills_the_axes_that_the_codebook_gives_it(browser: Browser, serve, project: Path) -> None:
    page = browser.new_page()
    page.goto(serve("alice").link)
    page.wait_for_selector("#field-group")
    press_and_wait(page, "n")
    row = sheet(project, "alice")[0]
    assert [row[name] for name in ("leaf", "target", "mechanism", "scaling")] == ["N0", "T0", "M0", "S0"]


def test_nothing_goes_on_before_all_cells_are_filled(browser: Browser, serve, project: Path) -> None:
    page = browser.new_page()
    page.goto(serve("alice").link)
    page.wait_for_selector("#field-group")
    title = page.text_content("#title")
    page.keyboard.press("Enter")
    assert "still open: group" in (page.text_content("#saved") or "") and page.text_content("#title") == title


def test_two_coders_at_once_do_not_mix_and_read_in_different_orders(browser: Browser, serve, project: Path) -> None:
    pages = {coder: browser.new_page() for coder in ("alice", "bob")}
    for coder, page in pages.items():
        page.goto(serve(coder).link)
        page.wait_for_selector("#field-group")
    titles: dict[str, list[str]] = {"alice": [], "bob": []}
    for _ in range(3):
        for coder, page in pages.items():
            titles[coder].append(code(page, "a" if coder == "alice" else "e"))
    assert titles["alice"] != titles["bob"]
    assert {row["leaf"] for row in sheet(project, "alice")} == {"A3"}
    assert {row["leaf"] for row in sheet(project, "bob")} == {"E3"}


def test_one_coder_cannot_open_the_sheet_twice(serve, project: Path) -> None:
    serve("alice")
    command = [
        sys.executable,
        "-m",
        "pipeline.check",
        "--config",
        str(project),
        "page",
        "--coder",
        "alice",
        "--no-browser",
    ]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1 and "open in another page" in second.stderr


def test_the_adjudicator_is_blind_unless_codes_are_asked_for(browser: Browser, serve, project: Path) -> None:
    sheets = project.parent / "data/raw/handcheck/sheets"
    sheets.mkdir()
    lines = [f"lw:{number:017d},N0,,T0,M0,S0,C,3,why,person" for number in range(30)]
    (sheets / "alice.csv").write_text(
        "\n".join(["doc_id,leaf,leaf2,target,mechanism,scaling,evidence,confidence,note,coder_kind", *lines])
    )
    page = browser.new_page()
    blind = serve("carol", "--task", "adjudication")
    assert blind.first.startswith("5 to read")
    assert "N0" not in blind.call("/api/item/0", **{"X-Census-Token": blind.token})[1]
    open_page = serve("dave", "--task", "adjudication", "--show-codes")
    page.goto(open_page.link)
    page.wait_for_selector(".other")
    assert "N0 T0 M0 S0 C 3" in (page.text_content(".other") or "") and "alice" not in (page.text_content("body") or "")
    title = code(page, "d")
    assert title and sheet(project, "adjudication/dave")[0]["leaf"] == "D3"


def test_a_cluster_is_named_and_judged_and_the_page_says_what_the_reads_certify(
    browser: Browser, serve, project: Path
) -> None:
    page = browser.new_page()
    page.goto(serve("alice", "--task", "clusters").link)
    page.wait_for_selector("#field-is_one_agenda")
    page.locator(".member input").first.check()
    saved(page, "saved,")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("Debate")
    page.keyboard.press("Escape")
    page.focus("#field-is_one_agenda input")
    press_and_wait(page, "y")
    row = sheet(project, "clusters/alice")[0]
    assert (row["name"], row["is_one_agenda"], len(row["off_ids"].split()), len(row["shown_ids"].split())) == (
        "Debate",
        "yes",
        1,
        10,
    )
    assert "drawn at random" in (page.text_content("#certified") or "")


def test_the_intruder_is_picked_by_one_key_and_the_answer_is_not_in_the_page(
    browser: Browser, serve, project: Path
) -> None:
    served = serve("alice", "--task", "intrusion")
    assert "intruder" not in served.call("/api/item/0", **{"X-Census-Token": served.token})[1]
    page = browser.new_page()
    page.goto(served.link)
    page.wait_for_selector("#field-choice")
    press_and_wait(page, "4")
    page.keyboard.press("Enter")
    saved(page, "")
    shown = json.loads(served.call("/api/item/0", **{"X-Census-Token": served.token})[1])
    assert sheet(project, "intrusion/alice")[0]["choice"] == shown["members"][3]["id"]


def test_the_page_shows_no_author_date_karma_tag_or_other_coder(serve) -> None:
    served = serve("alice")
    answers = (
        served.call("/api/item/0", **{"X-Census-Token": served.token})[1] + served.call(f"/?token={served.token}")[1]
    )
    for secret in ("SECRET", "1999", "987654", "lesswrong-ai-partial", "bob"):
        assert secret not in answers


def test_strangers_can_neither_read_nor_post(serve, project: Path) -> None:
    served = serve("alice")
    token = {"X-Census-Token": served.token}
    strangers = [
        {},
        {"X-Census-Token": "x"},
        *(
            {**token, **bad}
            for bad in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"})
        ),
    ]
    for headers in strangers:
        assert served.call("/api/item/0", **headers)[0] == 403
        assert served.call("/api/item/0", {"leaf": "A1"}, **headers)[0] == 403
    assert not (project.parent / "data/raw/handcheck/sheets/alice.csv").exists()
    assert served.call("/api/item/0", {"leaf": "A1"}, **token, Origin=served.base)[0] == 200


def test_cells_that_are_not_the_pages_are_refused(serve, project: Path) -> None:
    served = serve("alice")
    token = {"X-Census-Token": served.token}
    bad = (
        {"leaf": "Z9"},
        {"doc_id": "x"},
        {"nonsense": "x"},
        {"note": "x" * 5000},
        {"state": "maybe"},
        ["leaf"],
        {"leaf": 3},
    )
    for cells in bad:
        assert served.call("/api/item/0", cells, **token)[0] == 400
    assert served.call("/api/item/99", {"leaf": "A1"}, **token)[0] == 400
    assert not (project.parent / "data/raw/handcheck/sheets/alice.csv").exists()


def test_it_listens_on_the_loopback_only(serve) -> None:
    assert urlsplit(serve("alice").link).hostname == "127.0.0.1"


def test_every_control_has_a_name_and_nothing_overflows_a_phone(browser: Browser, serve) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(serve("alice").link)
    page.wait_for_selector("#field-group")
    page.keyboard.press("e")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input,select,textarea,button,aside')].filter(node =>"
        " !(node.labels && node.labels.length) && !node.textContent.trim() && !node.ariaLabel).length"
    )
    assert unnamed == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("fieldset legend").count() == page.locator("fieldset").count() == 7
    assert page.get_attribute("#saved", "aria-live") == "polite"


@pytest.mark.parametrize(
    ("task", "scheme", "width"),
    [
        ("documents", "light", 1280),
        ("clusters", "dark", 375),
        ("intrusion", "light", 375),
        ("adjudication", "dark", 375),
    ],
)
def test_axe_finds_nothing_with_the_codebook_closed_or_open_and_a_phone_can_close_it(
    browser: Browser, serve, task: str, scheme: str, width: int
) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe-core is not installed: pip install axe-playwright-python")
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme, bypass_csp=True)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(serve("alice", "--task", task).link)
    page.wait_for_selector("fieldset")
    page.evaluate(axe)
    page.evaluate("document.activeElement.blur()")
    for is_open in (False, True):
        if is_open:
            page.click("#book")
        found = page.evaluate("axe.run(document)")["violations"]
        assert [(item["id"], item["nodes"][0]["html"][:120]) for item in found] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#codebook h2").count() > 3 and "**" not in (page.text_content("#codebook") or "")
    page.click("#close")
    assert not page.is_visible("#codebook") and said == []
    context.close()


def test_what_two_people_see_differently_comes_to_the_adjudicator(serve, project: Path) -> None:
    sheets = project.parent / "data/raw/handcheck/sheets"
    sheets.mkdir()
    header = "doc_id,leaf,leaf2,target,mechanism,scaling,evidence,confidence,note,state,coder_kind"
    for coder, leaf in (("ann", "A1"), ("ben", "B1")):
        lines = [f"lw:{number:017d},{leaf if number == 20 else 'C1'},,T0,M0,S0,C,3,,done,person" for number in (20, 21)]
        (sheets / f"{coder}.csv").write_text("\n".join([header, *lines]))
    assert serve("carol", "--task", "adjudication").first.startswith("6 to read")  # five were drawn before


def test_the_mouse_is_not_needed_and_the_focus_is_seen(browser: Browser, serve) -> None:
    page = browser.new_page()
    page.goto(serve("alice").link)
    page.wait_for_selector("#field-group")
    page.keyboard.press("Tab")
    seen = set()
    for _ in range(14):
        seen.add(
            page.evaluate("document.activeElement.name || document.activeElement.id || document.activeElement.tagName")
        )
        assert page.evaluate(
            "document.activeElement.matches('body') || getComputedStyle(document.activeElement).outlineStyle !== 'none'"
        )
        page.keyboard.press("Tab")
    assert {"group", "target", "mechanism", "scaling", "evidence", "confidence", "leaf2", "unsure", "note"} <= seen
