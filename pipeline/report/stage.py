"""Stage `report`: the page, the Markdown, the tables and the figures of one census version."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.frames import list_aliases
from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.forked import run_forked
from pipeline.generations import draft_folder, hold_lock
from pipeline.report.cards import FOLDER, list_cards
from pipeline.report.compare import compare_codes, compare_documents, compare_shares, find_last_version, read_version
from pipeline.report.content import Content, load_content
from pipeline.report.figure_files import draw_files
from pipeline.report.pack import PageData, pack_page
from pipeline.report.parts import rename, split_changes
from pipeline.report.site import MAP_FILE, fill_values, render_cards, render_comparison, render_markdown, render_page
from pipeline.report.tables import list_tables

COMPARE = "compare.html"
PARTS = ("index.html", MAP_FILE, "report.md", COMPARE, "tables", "figures", FOLDER)
log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Reads every derived table and writes `reports/<version>/`."""
    start = time.perf_counter()
    codebook = load_codebook(config.path(config.paths.handcheck, "codebook", "codebook.toml"))
    check_version(config)
    content = load_content(config, codebook)
    figures, pictures, tables, data = make_parts(content)
    texts = {f"figures/{name}": text for name, text in draw_files(content, figures).items()}
    reports = config.path(config.paths.reports)
    last = find_last_version(reports, config.version)
    if last:
        texts[COMPARE] = render_comparison(content, last, _changes(reports / last, tables, content))
    values = fill_values(content, tables)
    texts |= render_page(content, figures, tables, COMPARE if last else "", values, data)
    texts["report.md"] = render_markdown(content, tables, values)
    texts |= {f"{FOLDER}/{name}.html": text for name, text in render_cards(content, list_cards(content)).items()}
    folder = reports / config.version
    reports.mkdir(parents=True, exist_ok=True)
    with hold_lock(reports), draft_folder(folder) as draft:
        for name, rows in tables.items():
            store.write_csv(draft / "tables" / f"{name}.csv", rows)
        for name, picture in pictures.items():
            store.write_bytes(draft / f"{name}.png", picture)
        for name, text in texts.items():
            store.write_text(draft / name, text)
        keep_others(folder, draft)
    log.info(
        "report: %s, page of %.1f MB and map of %.1f MB in %.1f s",
        folder.relative_to(config.root),
        *(len(texts[name].encode()) / 1e6 for name in ("index.html", MAP_FILE)),
        time.perf_counter() - start,
    )


def make_parts(content: Content) -> tuple[dict[str, str], dict[str, bytes], dict[str, pd.DataFrame], PageData]:
    """Returns figures as SVG, every picture as PNG by its path, the tables, and the data of the page.

    Drawing takes about as long as all else, so the two are done beside each other where there are two processors.
    """
    tasks: tuple[Callable[[], Any], ...] = (partial(_draw, content), partial(_tabulate, content))
    (figures, pictures), (tables, data) = run_forked(tasks)
    return figures, pictures, tables, data


def _draw(content: Content) -> tuple[dict[str, str], dict[str, bytes]]:
    from pipeline.report.drawing import draw_all  # noqa: PLC0415  matplotlib is loaded beside the other process's work

    return draw_all(content)


def _tabulate(content: Content) -> tuple[dict[str, pd.DataFrame], PageData]:
    return list_tables(content), pack_page(content)


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
