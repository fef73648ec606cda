"""How fast the map of the page is with 100,000 documents: `reports/bench/map.md`.

    python -m tests.bench.map_scale

The documents of the census, copied with their places shaken until there are enough, on a page made as ever and opened
from its folder; panned by thirty moves of the pointer, without a graphics processor and with WebGL done in software.
"""

import datetime
import os
import shutil
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from pipeline.coding.codebook import load_codebook
from pipeline.config import load_config
from pipeline.report.content import Content, load_content
from pipeline.report.figures import draw_figures
from pipeline.report.site import render_page
from pipeline.report.tables import list_tables
from tests.conftest import BROWSER_ARGUMENTS
from tests.test_report_access import PAN, enlarge
from tests.test_report_browser import FORCE_WEBGL

ROOT = Path(__file__).parents[2]
COUNTS = (0, 100_000)  # documents at least; 0: the census as it is
BUSY = 1.5  # load from which others slow it down
RECORD = ROOT / "reports/bench/map.md"


def main() -> None:
    """Measures both sizes with both ways of drawing, and writes the record."""
    config = load_config(ROOT / "census.toml")
    codebook = load_codebook(config.path(config.paths.handcheck, "codebook", "codebook.toml"))
    content = load_content(config, codebook)
    lines = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        for count in COUNTS:
            large = enlarge(content, count)
            folder = Path(scratch) / str(count)
            folder.mkdir()
            sizes = write_page(large, folder)
            for is_forced in (False, True):
                row = measure(browser, folder / "index.html", is_forced=is_forced)
                lines.append(f"| {len(large.documents):,} | {row[0]} | {sizes} | " + " | ".join(row[1:]) + " |")
                print(lines[-1], flush=True)
        version = browser.version
        browser.close()
    load = os.getloadavg()[0]
    state = "busy with other work" if load > BUSY else "quiet"
    RECORD.write_text(
        "# The map, by number of documents\n\n"
        f"Chromium {version}, headless, no graphics processor, {os.cpu_count()} cores, {datetime.date.today()}; "
        f"the machine was {state} (load {load:.1f}). "
        "Made by `python -m tests.bench.map_scale`. A frame is one move of the pointer that pans, at 1,440 by 900.\n\n"
        "| documents | drawn with | page + map, MB | page ready, s | map drawn, s | ms a frame | frames a second |\n"
        "|---|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n",
        encoding="utf-8",
    )


def write_page(content: Content, folder: Path) -> str:
    """Writes the page and its map. Returns their sizes in megabytes."""
    for name, text in render_page(content, draw_figures(content), list_tables(content)).items():
        (folder / name).write_text(text, encoding="utf-8")
    return " + ".join(f"{(folder / name).stat().st_size / 1e6:.1f}" for name in ("index.html", "map.js"))


def measure(browser: Browser, path: Path, *, is_forced: bool) -> tuple[str, ...]:
    """Returns what drew the map, seconds until the page and the map were ready, and the pace of panning."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    if is_forced:
        page.add_init_script(FORCE_WEBGL)
    start = time.perf_counter()
    page.goto(path.as_uri())
    page.locator("html.ready").wait_for()
    ready = time.perf_counter() - start
    start = time.perf_counter()
    page.locator("#map-canvas").scroll_into_view_if_needed()
    page.locator("#m-legend li").first.wait_for()
    drawn = time.perf_counter() - start
    page.wait_for_timeout(500)
    pace = min(page.evaluate(PAN) for _ in range(3))
    kind = page.locator("#map-canvas").get_attribute("data-renderer") or ""
    page.close()
    return kind, f"{ready:.1f}", f"{drawn:.1f}", f"{pace:.0f}", f"{1000 / pace:.0f}"


if __name__ == "__main__":
    main()
