"""Stage `report`: the page, the Markdown, the tables and the figures of one census version."""

import logging
import time

from pipeline import store
from pipeline.check.codebook import load_codebook
from pipeline.config import Config
from pipeline.report.content import load_content
from pipeline.report.figures import draw_figures, draw_pictures
from pipeline.report.site import render_markdown, render_page
from pipeline.report.tables import list_tables

log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Reads every derived table and writes `reports/<version>/`."""
    start = time.perf_counter()
    codebook = load_codebook(config.path(config.paths.handcheck, "codebook", "codebook.toml"))
    content = load_content(config, codebook)
    tables, figures, pictures = list_tables(content), draw_figures(content), draw_pictures(content)
    # Everything is made before anything is written: an error leaves the last report whole.
    texts = {f"figures/{name}.svg": svg for name, svg in figures.items()}
    texts |= {"index.html": render_page(content, figures, tables), "report.md": render_markdown(content, tables)}
    folder = config.path(config.paths.reports, config.version)
    for name, rows in tables.items():
        store.write_csv(folder / "tables" / f"{name}.csv", rows)
    for name, picture in pictures.items():
        store.write_bytes(folder / "figures" / f"{name}.png", picture)
    for name, text in texts.items():
        store.write_text(folder / name, text)
    size = len(texts["index.html"].encode())
    log.info(
        "report: %s, page of %.1f MB in %.1f s",
        folder.relative_to(config.root),
        size / 1e6,
        time.perf_counter() - start,
    )
