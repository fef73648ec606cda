"""Stage `report`: the page, the Markdown, the tables and the figures of one census version."""

import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.frames import list_aliases
from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.forked import run_beside
from pipeline.generations import draft_folder, hold_lock
from pipeline.report.cards import FOLDER, list_cards
from pipeline.report.compare import compare_codes, compare_documents, compare_shares, find_last_version, read_version
from pipeline.report.content import Content, load_content
from pipeline.report.figure_files import draw_files
from pipeline.report.pack import pack_page
from pipeline.report.parts import rename, split_changes
from pipeline.report.results import Results, load_results
from pipeline.report.site import MAP_FILE, fill_values, render_cards, render_comparison, render_markdown, render_page
from pipeline.report.tables import list_tables

COMPARE = "compare.html"
PARTS = ("index.html", MAP_FILE, "report.md", COMPARE, "tables", "figures", FOLDER)
log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Reads every derived table and writes `reports/<version>/`.

    Drawing takes about as long as all else, so the two are done beside each other where there are two processors.
    """
    start = time.perf_counter()
    codebook = load_codebook(config.path(config.paths.handcheck, "codebook", "codebook.toml"))
    check_version(config)
    results = load_results(config, codebook)
    reports = config.path(config.paths.reports)
    folder = reports / config.version
    with run_beside(_draw(results), 2) as drawn:
        content = load_content(config, codebook, results)
        tables = list_tables(content)
        texts = make_texts(content, tables, reports, drawn)
        reports.mkdir(parents=True, exist_ok=True)
        with hold_lock(reports), draft_folder(folder) as draft:
            for name, rows in tables.items():
                store.write_csv(draft / "tables" / f"{name}.csv", rows)
            for name, text in texts.items():
                store.write_text(draft / name, text)
            for name, picture in next(drawn).items():
                store.write_bytes(draft / f"{name}.png", picture)
            keep_others(folder, draft)
    log.info(
        "report: %s, page of %.1f MB and map of %.1f MB in %.1f s",
        folder.relative_to(config.root),
        *(len(texts[name].encode()) / 1e6 for name in ("index.html", MAP_FILE)),
        time.perf_counter() - start,
    )


def _draw(results: Results) -> Iterator[dict[str, Any]]:
    from pipeline.report.drawing import draw_all  # noqa: PLC0415  matplotlib is loaded beside the other process's work

    yield from draw_all(results)


def make_texts(
    content: Content, tables: Mapping[str, pd.DataFrame], reports: Path, drawn: Iterator[dict[str, str]]
) -> dict[str, str]:
    """Returns every text of a report but its tables, by its path; the figures are the next of `drawn`."""
    data = pack_page(content)
    values = fill_values(content, tables)
    texts = {"report.md": render_markdown(content, tables, values)}
    last = find_last_version(reports, content.version)
    if last:
        texts[COMPARE] = render_comparison(content, last, _changes(reports / last, tables, content))
    texts |= {f"{FOLDER}/{name}.html": text for name, text in render_cards(content, list_cards(content)).items()}
    figures = next(drawn)
    texts |= {f"figures/{name}": text for name, text in draw_files(content, figures).items()}
    return texts | render_page(content, figures, tables, COMPARE if last else "", values, data)


def check_version(config: Config) -> None:
    """Sees to it that the report of a released version is never made of other documents than the release has.

    Raises:
        ConfigError: the version is released, and the corpus is another one by now.
    """
    released = config.path(config.paths.raw, "census", config.version, "documents.parquet")
    if not released.exists():
        return
    then, now = (
        set(pq.read_table(path, columns=["doc_id"]).column("doc_id").to_pylist())
        for path in (released, config.processed("documents"))
    )
    if then != now:
        raise ConfigError(
            f"census {config.version} is released, and the corpus has {len(now - then):,} documents more and "
            f"{len(then - now):,} fewer by now: its report would no longer be that of the release",
            where=f"version in {config.file.name}",
            do='set it to the version you make, such as version = "2027.02", then run make report again',
        )


def keep_others(folder: Path, draft: Path) -> None:
    """Carries over what lies in a report's folder and is no part of a report: notes of whoever publishes it."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name in PARTS or (draft / path.name).exists():
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, draft / path.name, symlinks=True)
        else:
            shutil.copy2(path, draft / path.name, follow_symlinks=False)


def _changes(old: Path, tables: Mapping[str, pd.DataFrame], content: Content) -> dict[str, pd.DataFrame]:
    """Returns what differs between the tables of an older version and these."""
    aliases = list_aliases(content.frames)
    shares, sizes, codes = (rename(read_version(old, name), aliases) for name in ("shares", "frames", "codes"))
    return {
        "shares": split_changes(compare_shares(shares, tables["shares"]), codes, tables["codes"], content.codebook),
        "sizes": compare_documents(sizes, tables["frames"]),
        "codes": compare_codes(codes, tables["codes"]),
    }
