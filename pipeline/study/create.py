"""`make new`: the folder of a study, whole or not at all."""

import json
import logging
import re
import shutil
import string
from collections.abc import Sequence
from importlib import resources
from itertools import islice
from pathlib import Path

from pipeline import store
from pipeline.config import Config, load_config
from pipeline.errors import ConfigError
from pipeline.generations import draft_folder
from pipeline.scrape.rows import Row, open_rows

log = logging.getLogger(__name__)
FOLDER = "studies"
# What a column may be called, best first, for each field of a document.
NAMES = {
    "doc_id": ("doc_id", "id", "paper_id", "arxiv_id", "doi", "key", "url", "link"),
    "title": ("title", "name"),
    "text": ("text", "abstract", "summary", "description", "body"),
    "url": ("url", "link"),
    "authors": ("authors", "author"),
    "published_date": ("published_date", "date", "published", "publication_date", "year"),
}
NEEDED = ("doc_id", "title")
WINDOWS = '\nwindows = "year"   # each year is a stratum of its own; remove the line for one stratum'
FEW, MANY = 500, 5_000  # documents; below the first, clusters and vocabulary are cut finer
SAMPLED = 1_000  # rows looked at for the names of columns: in JSON lines not every row has every one


def run(config: Config, name: str = "", source: str = "") -> None:
    """Writes `studies/<name>/`: configuration, starter codebook, empty rounds, README and a copy of the documents.

    Args:
        config: the configuration of the checkout: its encoder is taken over.
        name: of the study.
        source: the file of its documents.

    Raises:
        ConfigError: no name or one that cannot be a folder's, a study that exists, or a file that cannot be used.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        do = "make new STUDY=name FROM=file.csv, with small letters, digits, - and _"
        raise ConfigError(f"{name!r} cannot name a study", where="STUDY", do=do)
    path = Path(source)
    if not source or not path.is_file():
        do = "name the file of its documents: CSV, JSON lines or Parquet"
        raise ConfigError(f"there is no file {source!r}", where="FROM", do=do)
    folder = config.root / FOLDER / name
    if folder.exists():
        raise ConfigError("the study exists already", where=str(folder), do="take another name, or remove the folder")
    columns, count = read_columns(path)
    mapped = map_columns(columns, path)
    config.root.joinpath(FOLDER).mkdir(parents=True, exist_ok=True)
    with draft_folder(folder) as draft:
        write_study(config, draft, name, path, mapped, count)
        load_config(draft / "census.toml")
    log.info(
        "new: %s with %d documents; next: edit %s, then make status STUDY=%s",
        folder.relative_to(config.root),
        count,
        folder.relative_to(config.root) / "data/raw/handcheck/codebook/codebook.toml",
        name,
    )


def read_columns(path: Path) -> tuple[list[str], int]:
    """Returns the names of a file's columns, in their order, and its number of rows."""
    wanted = {name for names in NAMES.values() for name in names}
    with open_rows(path, wanted) as (columns, rows):
        names = dict.fromkeys(columns or ())
        count = 0
        for row in islice(rows, SAMPLED):
            names |= dict.fromkeys(row.cells if isinstance(row, Row) else ())
            count += 1
        return list(names), count + sum(1 for _ in rows)


def map_columns(columns: Sequence[str], path: Path) -> dict[str, str]:
    """Returns the file's column for each field that it seems to have.

    Raises:
        ConfigError: a document could not be told apart, named or read.
    """
    by_fold = {column.casefold().strip().replace(" ", "_"): column for column in columns}
    found: dict[str, str] = {}
    for field, names in NAMES.items():
        match = next((by_fold[name] for name in names if name in by_fold), None)
        if match is not None:
            found[field] = match
    for field in NEEDED:
        if field not in found:
            raise ConfigError(
                f"has no column for {field}; its columns are {', '.join(columns) or 'none'}",
                where=str(path),
                do=f"rename one to {' or '.join(NAMES[field])}",
            )
    if "text" not in found:
        log.warning("new: %s has no column for texts (%s): only titles are read", path, ", ".join(NAMES["text"]))
    return {"text": "", **found}


def write_study(config: Config, folder: Path, name: str, path: Path, columns: dict[str, str], count: int) -> None:
    """Writes every file of a study into a folder."""
    words = {
        "name": name,
        "title": name.replace("-", " ").replace("_", " ").capitalize(),
        "file": path.name,
        "count": f"{count:,}",
        "columns": ", ".join(f"{field} = {json.dumps(column)}" for field, column in columns.items()),
        "windows": WINDOWS if "published_date" in columns else "",
        "model": config.embed.model,
        "weights_sha256": config.embed.weights_sha256,
        "dimension_count": str(config.embed.dimension_count),
        "max_tokens": str(config.embed.max_tokens),
        "min_document_count": "3" if count < FEW else "5" if count < MANY else "12",
        "min_size": "8" if count < FEW else "15" if count < MANY else "25",
        "neighbour_count": "10" if count < FEW else "20" if count < MANY else "30",
    }
    places = {
        "census.toml": "census.toml",
        "README.md": "README.md",
        "codebook.toml": "data/raw/handcheck/codebook/codebook.toml",
        "CODEBOOK.md": "data/raw/handcheck/codebook/CODEBOOK.md",
    }
    for template, place in places.items():
        text = resources.files("pipeline.study").joinpath("templates", template).read_text(encoding="utf-8")
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        store.write_text(folder / place, string.Template(text).substitute(words))
    for empty in ("rounds", "sheets"):
        (folder / "data/raw/handcheck" / empty).mkdir(parents=True)
        store.write_text(folder / "data/raw/handcheck" / empty / ".gitkeep", "")
    (folder / "data/raw/files").mkdir(parents=True)
    shutil.copyfile(path, folder / "data/raw/files" / path.name)
    store.write_text(folder / ".gitignore", "/data/processed/\n/dist/\n.*.lock\n")
