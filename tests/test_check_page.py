"""The hand-check page in a real browser: keys, autosave, kills, blindness, and who may post."""

import csv
import json
import os
import resource
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.check.session import load_session
from pipeline.config import load_config
from pipeline.errors import SheetError
from tests.handcheck_project import make_project
from tests.warm import Warm

pytestmark = pytest.mark.whole


class Served:
    """A page served by a process of its own."""

    def __init__(self, warm: Warm, config: Path, coder: str, *options: str, kind: str = "person") -> None:
        words = ["--config", str(config), "check", "--coder", coder, "--kind", kind, "--no-browser", *options]
        reading, writing = os.pipe()
        with os.fdopen(writing, "w") as ours:
            self.process = warm.start(words, ours, sys.__stderr__)
        self.said = os.fdopen(reading, encoding="utf-8")
        self.first, self.link = self.said.readline(), self.said.readline().strip()
        self.base, self.token = self.link.split("/?token=")

    def kill(self) -> None:
        self.process.kill()
        self.said.close()

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
def serve(project: Path, warm: Warm) -> Iterator:
    started: list[Served] = []

    def start(coder: str, *options: str, kind: str = "person") -> Served:
        started.append(Served(warm, project, coder, *options, kind=kind))
        return started[-1]

    yield start
    for served in started:
        served.kill()


def sheet(project: Path, name: str) -> list[dict[str, str]]:
    path = project.parent / "data/raw/handcheck/sheets" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def opened(browser: Browser, served: Served) -> Page:
    page = browser.new_page()
    page.goto(served.link)
    page.wait_for_selector("fieldset")
    return page


def press(page: Page, key: str) -> None:
    """Presses a key that saves, and waits until it is on disk."""
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.keyboard.press(key)
    expect(page.locator("#saved")).not_to_have_text("saving …")


def code(page: Page, keys: str) -> str:
    """Codes the document on the screen by keys alone, as a newcomer does; returns its title."""
    title = page.text_content("#title") or ""
    for key in keys:
        page.keyboard.press(key)
    expect(page.locator("#title")).not_to_have_text(title)
    return title


def journal(project: Path, name: str) -> list[dict[str, str]]:
    path = project.parent / "data/raw/handcheck/journal/documents" / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_newcomer_codes_the_first_document_in_under_a_minute_and_four_keys(browser: Browser, serve, project) -> None:
    begun = time.monotonic()
    page = opened(browser, serve("alice", kind=""))
    assert "Who reads under the name alice?" in (page.text_content("#field-kind") or "")
    assert not (project.parent / "data/raw/handcheck/journal").exists()
    page.keyboard.press("1")
    page.wait_for_selector("#field-group")
    title = page.text_content("#title")
    assert "Invented text" in (page.text_content("#text") or "")
    for number, key in enumerate("a33"):
        page.keyboard.press(key)
        page.wait_for_selector(("#field-leaf", "#field-confidence", "#field-group")[number])
    expect(page.locator("#title")).not_to_have_text(title or "")
    row = sheet(project, "alice")[0]
    assert (row["leaf"], row["confidence"], row["state"], row["coder_kind"]) == ("A3", "3", "done", "person")
    assert row["text_sha256"] == f"{int(row['doc_id'][3:]):064x}" and len(row["shown_sha256"]) == 64
    assert time.monotonic() - begun < 60
    assert "of 30" in (page.text_content("#progress") or "") and "min left" in (page.text_content("#progress") or "")


def test_twenty_documents_close_resume_undo_and_correct(browser: Browser, serve, project: Path) -> None:
    served = serve("alice")
    page = opened(browser, served)
    titles = [code(page, "abcde"[number % 5] + "32") for number in range(12)]
    rows = sheet(project, "alice")
    assert [row["leaf"] for row in rows] == ["ABCDE"[number % 5] + "3" for number in range(12)]
    assert {row["state"] for row in rows} == {"done"} and {row["codebook_version"] for row in rows} == {"v1.1"}
    page.keyboard.press("c")
    page.wait_for_selector("#field-leaf")
    press(page, "1")
    assert (sheet(project, "alice")[-1]["leaf"], sheet(project, "alice")[-1]["state"]) == ("C1", "draft")
    served.kill()
    assert len(sheet(project, "alice")) == 13

    again = serve("alice", kind="")
    page = opened(browser, again)
    expect(page.locator("#progress")).to_contain_text("12 of 30")
    expect(page.locator("#trail")).to_contain_text("C1")
    page.keyboard.press("z")
    page.wait_for_selector("#field-group")
    assert len(sheet(project, "alice")) == 12  # the row is empty again
    page.keyboard.press("Backspace")
    expect(page.locator("#title")).to_have_text(titles[-1])
    page.click("#trail button:has-text('confidence')")
    press(page, "3")
    row = sheet(project, "alice")[11]
    assert (row["confidence"], row["leaf"], row["state"]) == ("3", "B3", "done")
    page.keyboard.press("z")
    expect(page.locator("#trail")).to_contain_text("confidence: 2")
    page.keyboard.press("Enter")
    expect(page.locator("#title")).not_to_have_text(titles[-1])
    for number in range(8):
        code(page, "abcde"[number % 5] + "32")
    rows = sheet(project, "alice")
    assert len(rows) == 20 and {row["state"] for row in rows} == {"done"} and len({row["doc_id"] for row in rows}) == 20


def test_a_coin_flip_asks_for_the_second_leaf_and_notes_doubts_and_codebook_are_one_key_away(
    browser: Browser, serve, project: Path
) -> None:
    page = opened(browser, serve("alice"))
    title = page.text_content("#title")
    page.keyboard.press("?")
    assert page.is_visible("#codebook") and "Tie-breaks" in (page.text_content("#codebook") or "")
    page.keyboard.press("Escape")
    assert not page.is_visible("#codebook")
    for key, waits in (("a", "#field-leaf"), ("1", "#field-confidence"), ("1", "#field-leaf2")):
        page.keyboard.press(key)
        page.wait_for_selector(waits)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.select_option("#leaf2-step", "D4")
    expect(page.locator("#title")).not_to_have_text(title or "")
    page.keyboard.press("Backspace")
    expect(page.locator("#title")).to_have_text(title or "")
    press(page, "u")
    page.keyboard.press("/")
    page.keyboard.type('=a, "b" ü')
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.keyboard.press("Escape")
    page.wait_for_timeout(100)
    row = sheet(project, "alice")[0]
    assert (row["unsure"], row["note"], row["leaf2"], row["leaf"]) == ("yes", '=a, "b" ü', "D4", "A1")


def test_out_of_scope_fills_the_axes_that_the_study_gives_it(browser: Browser, serve, project: Path) -> None:
    page = opened(browser, serve("alice"))
    press(page, "n")
    row = sheet(project, "alice")[0]
    assert [row[name] for name in ("leaf", "target", "mechanism", "scaling")] == ["N0", "T0", "M0", "S0"]


def test_nothing_goes_on_before_all_decisions_are_made(browser: Browser, serve) -> None:
    page = opened(browser, serve("alice"))
    title = page.text_content("#title")
    page.keyboard.press("Enter")
    expect(page.locator("#saved")).to_have_text("still open: group")
    assert page.text_content("#title") == title


def test_arrows_move_and_space_answers(browser: Browser, serve, project: Path) -> None:
    page = opened(browser, serve("alice"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.is_visible("#field-group") and not page.is_visible("#field-leaf")  # looking is not answering
    page.keyboard.press("Space")
    page.wait_for_selector("#field-leaf")
    expect(page.locator("#trail")).to_contain_text("group: C")


def test_two_coders_at_once_do_not_mix_and_read_in_different_orders(browser: Browser, serve, project: Path) -> None:
    pages = {coder: opened(browser, serve(coder)) for coder in ("alice", "bob")}
    titles: dict[str, list[str]] = {"alice": [], "bob": []}
    for _ in range(3):
        for coder, page in pages.items():
            titles[coder].append(code(page, "a33" if coder == "alice" else "e33"))
    assert titles["alice"] != titles["bob"]
    assert {row["leaf"] for row in sheet(project, "alice")} == {"A3"}
    assert {row["leaf"] for row in sheet(project, "bob")} == {"E3"}


def test_two_tabs_of_one_coder_keep_every_key_and_say_what_the_other_did(browser: Browser, serve, project) -> None:
    served = serve("alice")
    context = browser.new_context()
    tabs = [context.new_page(), context.new_page()]
    for tab in tabs:
        tab.goto(served.link)
        tab.wait_for_selector("#field-group")
    one, two = tabs
    one.keyboard.press("a")
    one.wait_for_selector("#field-leaf")
    press(one, "1")
    expect(two.locator("#trail")).to_contain_text("leaf: A1")  # the other tab shows it by itself
    token = {"X-Census-Token": served.token}
    stale = {**token, "X-Census-Seen": "2020-01-01T00:00:00Z"}
    status, said = served.call("/api/item/0", {"leaf": "B1"}, **stale)  # a tab that had not heard of it
    assert status == 409 and "another tab made leaf A1 meanwhile" in said and sheet(project, "alice")[0]["leaf"] == "A1"
    assert served.call("/api/item/0", {"target": "T1"}, **stale)[0] == 200  # another cell is no quarrel
    assert (sheet(project, "alice")[0]["leaf"], sheet(project, "alice")[0]["target"]) == ("A1", "T1")
    context.close()


def test_the_sheet_edited_on_disk_meanwhile_is_merged_or_refused_in_words(browser: Browser, serve, project) -> None:
    page = opened(browser, serve("alice"))
    code(page, "a33")
    path = project.parent / "data/raw/handcheck/sheets/alice.csv"
    text = path.read_text()
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["doc_id", "my column", *text.splitlines()[0].split(",")[1:]])
        writer.writeheader()
        writer.writerow({**next(csv.DictReader(text.splitlines())), "leaf": "B1", "my column": "kept"})
    page.keyboard.press("c")
    page.wait_for_selector("#field-leaf")
    press(page, "1")
    expect(page.locator("#saved")).to_contain_text("changed outside the page and are taken over")
    after = sheet(project, "alice")
    assert [row["leaf"] for row in after] == ["B1", "C1"] and after[0]["my column"] == "kept"
    path.write_text(path.read_text().replace("B1", "Z9"))
    press(page, "3")
    expect(page.locator("#saved")).to_contain_text("NOT SAVED: ")
    expect(page.locator("#saved")).to_contain_text("leaf 'Z9' is not in the codebook")
    assert "Z9" in path.read_text() and page.is_visible("#field-confidence")  # nothing moved on


def test_a_full_disk_is_one_clear_message_and_the_row_is_not_counted(browser: Browser, serve, project) -> None:
    served = serve("alice")
    page = opened(browser, served)
    code(page, "a33")
    before = sheet(project, "alice")
    _, hard = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (1, hard))  # no file may grow: the disk is full
    title = page.text_content("#title")
    page.keyboard.press("n")  # one key from being complete but for its confidence
    expect(page.locator("#saved")).to_contain_text("NOT SAVED: ")
    expect(page.locator("#saved")).to_contain_text("make room on the disk")
    page.keyboard.press("Enter")
    expect(page.locator("#saved")).to_contain_text("make room on the disk")
    assert page.text_content("#title") == title and "1 of 30" in (page.text_content("#progress") or "")
    assert sheet(project, "alice") == before
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    press(page, "n")
    press(page, "3")
    assert [row["leaf"] for row in sheet(project, "alice")] == ["A3", "N0"]


def test_half_an_emoji_in_a_note_harms_no_later_key(serve, project: Path) -> None:
    served = serve("alice")
    token = {"X-Census-Token": served.token}
    assert served.call("/api/item/0", {"note": "a \ud83d b\u0000c"}, **token)[0] == 200
    assert served.call("/api/item/0", {"leaf": "A1"}, **token)[0] == 200
    assert sheet(project, "alice")[0]["note"] == "a \ufffd b c" and sheet(project, "alice")[0]["leaf"] == "A1"


def test_a_trial_reaches_no_sheet(browser: Browser, serve, project: Path) -> None:
    page = opened(browser, serve("alice", kind=""))
    page.keyboard.press("3")
    page.wait_for_selector("#field-group")
    code(page, "a33")
    handcheck = project.parent / "data/raw/handcheck"
    assert not (handcheck / "sheets/alice.csv").exists() and not (handcheck / "journal").exists()
    assert (handcheck / "practice/trial/documents/alice.csv").exists()


def test_practice_explains_its_answers_and_is_kept_apart(browser: Browser, serve, project: Path) -> None:
    page = opened(browser, serve("alice", "--task", "practice", kind=""))
    assert "nothing here is counted" in (page.text_content("#progress") or "")
    for key, waits in (("b", "#field-leaf"), ("1", "#field-confidence"), ("3", "#answer p")):
        page.keyboard.press(key)
        page.wait_for_selector(waits)
    assert "Right: B1" in (page.text_content("#answer") or "") and "scalable" in (page.text_content("#answer") or "")
    page.keyboard.press("Enter")
    expect(page.locator("#title")).to_contain_text("neurons")
    for key, waits in (("e", "#field-leaf"), ("1", "#field-confidence"), ("3", "#answer .wrong")):
        page.keyboard.press(key)
        page.wait_for_selector(waits)
    assert "The codebook says D1" in (page.text_content("#answer") or "")
    assert not (project.parent / "data/raw/handcheck/sheets").exists()


def test_the_list_goes_to_a_number_and_filters_by_stratum_in_the_same_random_order(
    browser: Browser, serve, project: Path
) -> None:
    path = project.parent / "data/raw/handcheck/rounds/2026-11/sample.csv"
    lines = path.read_text().splitlines()
    lines[1:16] = [line.replace("lesswrong-ai-partial", "other-frame/2020") for line in lines[1:16]]
    path.write_text("\n".join(lines) + "\n")
    served = serve("alice")
    page = opened(browser, served)
    code(page, "a33")
    token = {"X-Census-Token": served.token}
    everything = json.loads(served.call("/api/numbers?stratum=", **token)[1])["numbers"]
    part = json.loads(served.call("/api/numbers?stratum=other-frame", **token)[1])["numbers"]
    assert len(part) == 15 and part == [number for number in everything if number in part]
    page.keyboard.press("g")
    page.wait_for_selector("#filter")
    assert "A3" in (page.text_content(".history") or "")
    page.select_option("#filter", "other-frame/2020")
    expect(page.locator("#progress")).to_contain_text("of 15")
    page.keyboard.press("g")
    page.wait_for_selector("#go-number")
    page.fill("#go-number", "15")
    page.keyboard.press("Tab")
    shown = json.loads(served.call(f"/api/item/{part[-1]}", **token)[1])["title"]
    expect(page.locator("#title")).to_have_text(shown)


def test_agreement_is_told_after_ten_shared_documents_without_names(browser: Browser, serve, project: Path) -> None:
    sheets = project.parent / "data/raw/handcheck/sheets"
    sheets.mkdir()
    lines = [f"lw:{number:017d},A3,,T0,M0,S0,C,3,why,language model" for number in range(30)]
    header = "doc_id,leaf,leaf2,target,mechanism,scaling,evidence,confidence,note,coder_kind"
    (sheets / "zoe.csv").write_text("\n".join([header, *lines]))
    served = serve("alice")
    page = opened(browser, served)
    for number in range(10):
        if number == 9:
            assert json.loads(served.call("/api/agreement", **{"X-Census-Token": served.token})[1]) == []
        code(page, "a33" if number % 2 else "b13")
    page.keyboard.press("g")
    page.wait_for_selector("#agreement")
    told = page.text_content("#agreement") or ""
    assert "language model" in told and "50%" in told and "zoe" not in told


def test_one_coder_cannot_open_the_sheet_twice(serve, warm: Warm, project: Path) -> None:
    serve("alice")
    second = warm.run(["--config", str(project), "check", "--coder", "alice", "--no-browser"])
    assert second.returncode == 1 and "open in another page" in second.stderr


def test_the_adjudicator_opens_the_readers_codes_on_demand_and_quotes_to_overturn_an_agreement(
    browser: Browser, serve, project: Path
) -> None:
    sheets = project.parent / "data/raw/handcheck/sheets"
    sheets.mkdir()
    header = "doc_id,leaf,leaf2,target,mechanism,scaling,evidence,confidence,note,coder_kind"
    for name in ("alice", "bob"):
        lines = [f"lw:{number:017d},N0,,T0,M0,S0,C,3,why,language model" for number in range(30)]
        (sheets / f"{name}.csv").write_text("\n".join([header, *lines]))
    served = serve("carol", "--task", "adjudication")
    assert served.first.startswith("5 to read")
    assert "N0" not in served.call("/api/item/0", **{"X-Census-Token": served.token})[1]
    page = opened(browser, served)
    title = page.text_content("#title")
    for key, waits in (("d", "#field-leaf"), ("3", "#field-confidence")):
        page.keyboard.press(key)
        page.wait_for_selector(waits)
    press(page, "3")
    expect(page.locator("#saved")).to_contain_text("all readers say N0")
    assert page.text_content("#title") == title and not sheet(project, "adjudication/carol")[0]["saw_codes"]
    page.keyboard.press("r")
    page.wait_for_selector(".other")
    assert "N0 T0 M0 S0 C 3" in (page.text_content(".other") or "")
    assert "alice" not in (page.text_content("main") or "") and sheet(project, "adjudication/carol")[0]["saw_codes"]
    page.keyboard.press("/")
    page.keyboard.type(f"it says: {title}")
    page.keyboard.press("Escape")
    page.click("#field-confidence input[value='3']")
    expect(page.locator("#title")).not_to_have_text(title or "")
    row = sheet(project, "adjudication/carol")[0]
    assert (row["leaf"], row["state"]) == ("D3", "done")


def test_a_cluster_is_named_and_judged_and_the_page_says_what_the_reads_certify(
    browser: Browser, serve, project: Path
) -> None:
    page = opened(browser, serve("alice", "--task", "clusters"))
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.locator(".member input").first.check()
    page.fill("#name", "Debate")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.press("#name", "Enter")
    page.wait_for_selector("#field-is_one_agenda")
    press(page, "y")
    row = sheet(project, "clusters/alice")[0]
    assert (row["name"], row["is_one_agenda"], len(row["off_ids"].split()), len(row["shown_ids"].split())) == (
        "Debate",
        "yes",
        1,
        10,
    )
    page.click("#back")
    expect(page.locator("#certified")).to_contain_text("drawn at random")


def test_a_name_is_kept_by_enter_or_typed_anew(browser: Browser, serve, project: Path) -> None:
    names = project.parent / "data/raw/handcheck/cluster-names.csv"
    names.write_text(
        "cluster_id,name,kind\n" + "".join(f"fine-{n:02d},Proposed {n},language model\n" for n in range(4))
    )
    page = opened(browser, serve("alice", "--task", "names"))
    proposed = page.input_value("#name")
    assert proposed.startswith("Proposed ")
    press(page, "Enter")
    expect(page.locator("#progress")).to_contain_text("1 of 4")
    page.fill("#name", "Better")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.press("#name", "Enter")
    assert [row["name"] for row in sheet(project, "names/alice")] == [proposed, "Better"]


def test_the_intruder_is_picked_by_one_key_and_the_answer_is_not_in_the_page(
    browser: Browser, serve, project: Path
) -> None:
    served = serve("alice", "--task", "intrusion")
    assert "intruder" not in served.call("/api/item/0", **{"X-Census-Token": served.token})[1]
    page = opened(browser, served)
    press(page, "4")
    shown = json.loads(served.call("/api/item/0", **{"X-Census-Token": served.token})[1])
    assert sheet(project, "intrusion/alice")[0]["choice"] == shown["members"][3]["id"]


def test_screening_marks_a_title_and_first_words_by_one_key(browser: Browser, serve, project: Path) -> None:
    page = opened(browser, serve("alice", "--task", "screening"))
    for key in "yen":
        press(page, key)
    assert [row["screen"] for row in sheet(project, "screening/alice")] == ["yes", "edge", "none"]
    assert not (project.parent / "data/raw/handcheck/sheets/alice.csv").exists()


def test_gold_and_reading_again_need_something_to_read(project: Path) -> None:
    config = load_config(project)
    with pytest.raises(SheetError, match="no document is drawn for gold"):
        load_session(config, "gold", "ann", "person")
    with pytest.raises(SheetError, match="has read nothing yet"):
        load_session(config, "retest", "ann", "person")
    rounds = project.parent / "data/raw/handcheck/rounds/2026-11"
    (rounds / "gold.csv").write_text("doc_id\nlw:00000000000000003\n")
    assert [item.key for item in load_session(config, "gold", "ann", "person").items] == ["lw:00000000000000003"]


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
    page.keyboard.press(".")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input,select,textarea,button,aside')].filter(node =>"
        " !(node.labels && node.labels.length) && !node.textContent.trim() && !node.ariaLabel).length"
    )
    assert unnamed == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("fieldset legend").count() == page.locator("fieldset").count() == 5
    assert page.get_attribute("#saved", "aria-live") == "polite"


@pytest.mark.parametrize(
    ("task", "scheme", "width"),
    [
        ("documents", "light", 1280),
        ("clusters", "dark", 375),
        ("intrusion", "light", 375),
        ("adjudication", "dark", 375),
        ("practice", "light", 768),
        ("names", "dark", 1440),
        ("screening", "light", 375),
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
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
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
    page = opened(browser, serve("alice"))
    page.keyboard.press(".")
    seen = set()
    for _ in range(30):
        seen.add(
            page.evaluate("document.activeElement.name || document.activeElement.id || document.activeElement.tagName")
        )
        assert page.evaluate(
            "document.activeElement.matches('body') || getComputedStyle(document.activeElement).outlineStyle !== 'none'"
        )
        page.keyboard.press("Tab")
    assert {"group", "target", "mechanism", "scaling", "evidence", "leaf2", "unsure", "note", "undo", "goto"} <= seen
