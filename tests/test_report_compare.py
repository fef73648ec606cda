"""Two census versions side by side, from their tables alone."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser

from pipeline.coding.codebook import load_codebook
from pipeline.config import load_config
from pipeline.errors import DataError
from pipeline.report.compare import compare_codes, compare_documents, compare_shares, find_last_version, read_version
from pipeline.report.content import Content, load_content
from pipeline.report.parts import split_changes
from pipeline.report.site import render_comparison

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def content(built: Path) -> Content:
    return load_content(
        load_config(built / "census.toml"), load_codebook(built / "data/raw/handcheck/codebook/codebook.toml")
    )


@pytest.fixture(scope="module")
def older(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An earlier version: one share far off, a smaller frame, and a document coded otherwise under a hostile title."""
    reports = tmp_path_factory.mktemp("reports")
    shutil.copytree(built / "reports/2026.07/tables", reports / "2026.04/tables")
    shares = pd.read_csv(reports / "2026.04/tables/shares.csv", dtype={"year": str})
    row = (shares["frame"] == "alignmentforum-census") & (shares["definition"] == "strict")
    row &= shares["year"].isna() & (shares["denominator"] == "safety") & (shares["weight"] == "documents")
    shares.loc[row, ["share", "low", "high"]] = [0.05, 0.04, 0.06]
    shares.to_csv(reports / "2026.04/tables/shares.csv", index=False)
    codes = pd.read_csv(reports / "2026.04/tables/codes.csv")
    codes.loc[0, "leaf"] = "B2"
    codes.to_csv(reports / "2026.04/tables/codes.csv", index=False)
    return reports


def changes(older: Path, built: Path) -> dict[str, pd.DataFrame]:
    old, new = older / "2026.04", built / "reports/2026.07"
    return {
        "shares": compare_shares(read_version(old, "shares"), read_version(new, "shares")),
        "sizes": compare_documents(read_version(old, "frames"), read_version(new, "frames")),
        "codes": compare_codes(read_version(old, "codes"), read_version(new, "codes")),
    }


def test_only_what_differs_is_said_to_differ(older: Path, built: Path) -> None:
    found = changes(older, built)
    apart = found["shares"][found["shares"]["is_apart"]]
    assert apart[["frame", "definition", "year"]].to_numpy().tolist() == [["alignmentforum-census", "strict", ""]]
    assert (found["shares"]["change_share"].fillna(0) != 0).sum() == 1
    assert found["codes"]["leaf_old"].tolist() == ["B2"]
    assert (found["sizes"]["n_population_old"] == found["sizes"]["n_population_new"]).all()


def test_the_last_version_before_this_one_is_found(older: Path) -> None:
    assert find_last_version(older, "2026.07") == "2026.04"
    assert find_last_version(older, "2026.04") is None


def test_a_damaged_old_table_is_one_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"shares\.csv.*restore the old report"):
        read_version(tmp_path, "shares")


def test_the_page_shows_the_change_and_hostile_titles_as_text(
    older: Path, built: Path, content: Content, browser: Browser, tmp_path: Path
) -> None:
    found = changes(older, built)
    codes = read_version(older / "2026.04", "codes"), read_version(built / "reports/2026.07", "codes")
    found["shares"] = split_changes(found["shares"], *codes, content.codebook)
    found["codes"].loc[0, "title"] = "</td><script>alert(1)</script>"
    path = tmp_path / "compare.html"
    path.write_text(render_comparison(content, "2026.04", found), encoding="utf-8")
    page = browser.new_page(viewport={"width": 375, "height": 800})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(path.as_uri())
    assert "5.0%" in page.locator("tbody").first.inner_text() and "apart" in page.locator("tbody").first.inner_text()
    assert "<script>alert(1)</script>" in page.locator("main").inner_text()
    assert said == [] and page.evaluate("document.documentElement.scrollWidth") <= 375
    page.close()
