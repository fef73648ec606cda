"""The census release: facts, vectors, counts and results, with a card, metadata and checksums. Text only if asked."""

import contextlib
import fcntl
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from pipeline import store
from pipeline.coding.codebook import Study, load_codebook
from pipeline.config import Config
from pipeline.dataset.card import render_card
from pipeline.dataset.contents import codebook_path, list_tables
from pipeline.dataset.croissant import describe_release
from pipeline.dataset.manifest import make_manifest
from pipeline.dataset.summary import Summary, summarise
from pipeline.dataset.verify import verify_release
from pipeline.errors import DataError
from pipeline.groups import write_groups
from pipeline.release.citation import CITATION_NAME, render_citation
from pipeline.release.manifest import list_files, write_manifest

log = logging.getLogger(__name__)
CARD_NAME = "README.md"
CROISSANT_NAME = "croissant.json"
CODEBOOK_NAME = "codebook.toml"
DRAFT_ENDING = ".part"


def run(config: Config) -> None:
    """Reads the derived tables and writes `dist/census-<version>/`, whole or not at all.

    Raises:
        DataError: another run writes the same release.
    """
    start = time.perf_counter()
    folder = config.path(config.paths.dist, f"census-{config.version}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with hold_place(folder):
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=DRAFT_ENDING, dir=folder.parent))
        try:
            summary = write_release(config, draft)
            verify_release(draft)
            draft.chmod(0o755)
            store.replace_folder(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    log.info(
        "dataset: %s, %d documents, %.1f MB in %.1f s",
        folder.name,
        summary.document_count,
        sum(path.stat().st_size for path in folder.iterdir()) / 1e6,
        time.perf_counter() - start,
    )


def write_release(config: Config, folder: Path, left_out: Collection[str] = ()) -> Summary:
    """Writes every file of a release, but for the tables that are left out. Returns its counts."""
    tables, row_counts = [], {}
    study, group = _load_study(config)
    for table, parts in list_tables(config, left_out):
        row_counts[table.name] = write_groups(table, parts, folder / f"{table.name}.parquet")
        tables.append(table)
    if codebook_path(config).is_file():  # the definitions: without it no share can be computed again
        store.write_bytes(folder / CODEBOOK_NAME, codebook_path(config).read_bytes())
    summary = summarise(folder, tables, row_counts)
    store.write_text(folder / CITATION_NAME, render_citation(config.dataset, config.version))
    store.write_text(folder / CARD_NAME, render_card(config, study, tables, summary, group))
    hashes = {name: store.sha256_of_file(folder / name) for name in list_files(folder)}
    described = describe_release(config, study, tables, hashes, summary.newest_date)
    store.write_text(folder / CROISSANT_NAME, json.dumps(described, indent=1, ensure_ascii=False) + "\n")
    write_manifest(folder, make_manifest(folder, config, summary))
    return summary


def _load_study(config: Config) -> tuple[Study, str]:
    """Returns the words of the codebook, and its first group; a census that nobody reads needs none."""
    path = codebook_path(config)
    if not path.is_file():
        return Study(), ""
    codebook = load_codebook(path)
    return codebook.study, next(iter(codebook.groups), "")


@contextlib.contextmanager
def hold_place(folder: Path) -> Iterator[None]:
    """Makes sure that nobody else writes this release, and removes what killed runs left of it."""
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError("another run writes this release", where=str(folder), do="wait until it ends") from None
        for draft in folder.parent.glob(f".{folder.name}.*{DRAFT_ENDING}"):
            shutil.rmtree(draft, ignore_errors=True)
        yield
