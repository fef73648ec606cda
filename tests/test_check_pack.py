"""A reader's file sent by mail: one page without a network, and codes that come back through the same door."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline import store
from pipeline.check.session import load_session
from pipeline.check.stage import run_import, run_pack
from pipeline.config import Config, load_config
from pipeline.errors import SheetError
from pipeline.schemas import DOCUMENTS
from tests.handcheck_project import make_project

pytestmark = pytest.mark.whole

HOSTILE = 'A </script><script>document.title = "owned"</script> <img src=x onerror=alert(1)> title'


@pytest.fixture
def config(tmp_path: Path, root: Path) -> Config:
    config = load_config(make_project(tmp_path, root))
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    store.write_table(DOCUMENTS, documents.assign(title=HOSTILE), config.processed("documents"))
    return config


def opened(browser: Browser, path: Path, width: int = 1000) -> Page:
    context = browser.new_context(offline=True, viewport={"width": width, "height": 800}, accept_downloads=True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("fieldset")
    return page


def code(page: Page, keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_timeout(150)


def test_a_mailed_page_is_read_offline_resumed_saved_and_taken_back(
    browser: Browser, config: Config, tmp_path: Path
) -> None:
    path = tmp_path / "read-ivy.html"
    assert run_pack(config, "ivy", str(path), count=8) == 0
    content = path.read_text()
    assert not re.search(
        r"https?://(?!example\.org)", re.sub(r"\\u003c|www\.w3\.org", "", content).split('id="pack"')[0]
    )
    for secret in ("SECRET AUTHOR", "SECRETTAG", "1999-12-31", "987654", "lesswrong-ai-partial"):
        assert secret not in content
    page, said = opened(browser, path), []
    page.on("request", lambda request: said.append(request.url))
    page.keyboard.press("1")
    page.wait_for_selector("#field-group")
    assert page.title() == "Reading room: ivy" and page.text_content("#title") == HOSTILE
    for keys in ("a33", "b13", "c12"):
        code(page, keys)
    expect(page.locator("#progress")).to_contain_text("3 of 8")
    page.keyboard.press("z")
    expect(page.locator("#progress")).to_contain_text("2 of 8")
    code(page, "2")
    expect(page.locator("#progress")).to_contain_text("3 of 8")
    code(page, "d")
    page.reload()  # closed and opened again
    page.wait_for_selector("#field-group")
    expect(page.locator("#progress")).to_contain_text("3 of 8")
    code(page, "e1")
    with page.expect_download() as download:
        page.click("#save-file")
    download.value.save_as(tmp_path / "codes-ivy.jsonl")
    assert download.value.suggested_filename == "codes-ivy.jsonl" and said == [path.as_uri()]
    page.context.close()

    assert run_import(config, str(tmp_path / "codes-ivy.jsonl"), "ivy") == 0
    with (tmp_path / "data/raw/handcheck/sheets/ivy.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["leaf"] for row in rows] == ["A3", "B1", "C1"] and {row["coder_kind"] for row in rows} == {"person"}
    items = load_session(config, "documents", "ivy").items
    assert [row["shown_sha256"] for row in rows] == [item.shown_sha256 for item in items[:3]]
    assert rows[0]["text_sha256"] == items[0].text_sha256 and rows[0]["shown"] == str(len(items[0].text))
    assert run_pack(config, "ivy", str(path), count=0) == 0  # the next file has what is left
    assert path.read_text().count('"shown_sha256"') == 27


def test_a_mailed_page_fits_a_phone(browser: Browser, config: Config, tmp_path: Path) -> None:
    run_pack(config, "ivy", str(tmp_path / "read.html"), kind="person", count=3)
    page = opened(browser, tmp_path / "read.html", 375)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "make hydrate" not in page.inner_text("body")  # the invited reader has no such command
    page.context.close()


def test_another_persons_file_or_a_models_does_not_pass_for_ones_own(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [item.key for item in load_session(config, "documents", "ivy", "person").items[:2]]
    rows = pd.DataFrame({"doc_id": ids, "leaf": "A1", "confidence": "3", "coder_kind": ["person", "language model"]})
    rows.to_json(tmp_path / "codes.jsonl", orient="records", lines=True)
    with pytest.raises(SheetError, match="nobody has said whether this coder is"):
        run_import(config, str(tmp_path / "codes.jsonl"), "ivy")
    assert run_import(config, str(tmp_path / "codes.jsonl"), "ivy", kind="person") == 1
    assert "line 2: coder_kind is 'language model', but ivy is a person" in capsys.readouterr().out
    with pytest.raises(SheetError, match="only documents can be read in a file"):
        run_pack(config, "ivy", str(tmp_path / "x.html"), "clusters")
