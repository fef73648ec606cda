"""Source `files`: what you already have, as Parquet, CSV or JSON lines with a column map, or as a published dump."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic.dataclasses import dataclass

from pipeline.config import STRICT, build
from pipeline.errors import ConfigError, DataError
from pipeline.scrape.arxiv import Query
from pipeline.scrape.dumps import Dump, read_dump
from pipeline.scrape.item import Item, Reject
from pipeline.text.formats import TextFormat

FIELDS = (
    "doc_id",
    "source",
    "frame",
    "title",
    "text",
    "url",
    "authors",
    "published_date",
    "tags",
    "karma",
    "karma_read_date",
)
REQUIRED = ("doc_id", "title", "text")
OPENING_MARKS = ("...", "\u2026")  # how sources end a text they cut


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "files"`.

    Attributes:
        path: the file, from the folder of the configuration file.
        columns: our field -> the file's column; fields not named keep their own name.
        source, frame: used for every row where the file has no such column.
        text_limit: texts of at least this many characters were cut by whoever made the file; 0 for never.
        dump: a published dump, whose columns are known: arxiv-metadata (the JSON lines of the Kaggle snapshot) or
            alignment-research-dataset; the file may be packed as .gz or .zst.
        query: for dumps, which arXiv papers belong to the frame.
        has_split_names: author lists in which some rows hold surname and first name as two entries.
    """

    kind: str
    path: str
    columns: dict[str, str] = field(default_factory=dict)
    source: str = ""
    frame: str = ""
    text_format: TextFormat = "plain"
    text_limit: int = 0
    has_split_names: bool = False
    dump: Dump | None = None
    query: Query = field(default_factory=Query)


def read_items(entry: Mapping[str, Any], root: Path, where: str) -> Iterator[Item | Reject]:
    """Yields the rows of a file as items.

    Raises:
        ConfigError: the entry has an unknown key or maps to a column that the file does not have.
        DataError: the file is missing or damaged.
    """
    settings = build(Settings, dict(entry), where)
    path = root / settings.path
    if settings.dump:
        if not settings.frame:
            raise ConfigError("[frame] missing key; a dump names no frames", where=where, do="add it")
        yield from read_dump(path, settings.dump, settings.frame, settings.query)
        return
    rows = _read_rows(path)
    unknown = sorted(set(settings.columns) - set(FIELDS))
    if unknown:
        raise ConfigError(f"[columns.{unknown[0]}] is not a field", where=where, do=f"use one of {', '.join(FIELDS)}")
    column_of = {name: settings.columns.get(name, name) for name in FIELDS}
    for name in {*REQUIRED, *settings.columns}:
        if column_of[name] not in rows.columns:
            raise ConfigError(
                f"{path} has no column {column_of[name]!r} for {name}",
                where=where,
                do=f"map it under [columns]; the file has {', '.join(map(str, rows.columns))}",
            )
    constant = {"source": settings.source, "frame": settings.frame}
    present = {name: column for name, column in column_of.items() if column in rows.columns}
    for position, values in enumerate(zip(*(rows[column] for column in present.values()), strict=True)):
        yield _item_from_row(f"{position:08d}", {**constant, **dict(zip(present, values, strict=True))}, settings)


def join_split_names(names: Sequence[str]) -> tuple[str, ...]:
    """Joins author lists that were split at every comma of "Last, First, Last, First".

    A list counts as split if it has an even number of entries, besides entries of three or more words
    (collaborations), and most of the entries in surname position are a single word.
    """
    collaborations = [name for name in names if len(name.split()) >= 3]
    rest = [name for name in names if len(name.split()) < 3]
    surnames = rest[0::2]
    is_split = bool(rest) and len(rest) % 2 == 0 and sum(" " not in name for name in surnames) > len(surnames) / 2
    if not is_split:
        return tuple(names)
    return (*collaborations, *(f"{first} {last}" for last, first in zip(surnames, rest[1::2], strict=True)))


def _read_rows(path: Path) -> pd.DataFrame:
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".parquet": pd.read_parquet,
        ".csv": pd.read_csv,
        ".jsonl": lambda file: pd.read_json(file, lines=True, dtype=False, convert_dates=False),
    }
    if path.suffix not in readers:
        raise ConfigError(
            f"cannot read files ending in {path.suffix!r}", where=str(path), do=f"use one of {', '.join(readers)}"
        )
    try:
        return readers[path.suffix](path)
    except FileNotFoundError:
        raise DataError(
            "the file is missing", where=str(path), do="put it there, or correct the path in census.toml"
        ) from None
    except (ValueError, OSError) as error:
        raise DataError(
            f"is damaged or has another format ({str(error).splitlines()[0]})", where=str(path), do="fetch it again"
        ) from None


def _item_from_row(place: str, row: Mapping[str, Any], settings: Settings) -> Item | Reject:
    cells = {name: "" if _is_missing(value) else value for name, value in row.items()}
    doc_id, title = str(cells["doc_id"]).strip(), str(cells["title"])
    if not doc_id:
        return Reject(place, "no id", title[:200])
    for name in ("source", "frame"):
        if not cells[name]:
            return Reject(place, f"no {name}", doc_id[:200])
    text = str(cells["text"])
    authors = _texts(cells.get("authors", ""))
    if settings.has_split_names and str(cells["source"]) == "arxiv":
        authors = join_split_names(authors)
    karma = cells.get("karma", "")
    return Item(
        place=place,
        doc_id=doc_id,
        source=str(cells["source"]),
        frame=str(cells["frame"]),
        title=title,
        text=text,
        url=str(cells.get("url", "")),
        authors=authors,
        published_date=str(cells.get("published_date", "")),
        tags=_texts(cells.get("tags", "")),
        karma=None if karma == "" else float(karma),
        karma_read_date=str(cells.get("karma_read_date", "")),
        text_format=settings.text_format,
        is_opening=text.rstrip().endswith(OPENING_MARKS)
        or bool(settings.text_limit and len(text) >= settings.text_limit),
    )


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA or value is pd.NaT


def _texts(value: Any) -> tuple[str, ...]:
    """Returns a list cell as texts; a plain text is split at semicolons."""
    parts = value.split(";") if isinstance(value, str) else list(value)
    return tuple(text for text in (str(part).strip() for part in parts) if text)
