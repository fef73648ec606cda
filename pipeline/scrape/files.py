"""Source `files`: what you already have, as Parquet, CSV or JSON lines with a column map, or as a published dump."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.config import build
from pipeline.errors import ConfigError, DataError
from pipeline.scrape.arxiv import ID, Query, split_id
from pipeline.scrape.cells import (
    Unreadable,
    excerpt,
    read_author_names,
    read_day,
    read_id,
    read_names,
    read_number,
    read_plain,
    read_text,
    read_url,
)
from pipeline.scrape.dumps import Dump, read_dump
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.packed import split_suffix
from pipeline.scrape.rows import FORMATS, Row, open_rows, place_of
from pipeline.scrape.tally import Tally, finish_tally
from pipeline.settings import STRICT
from pipeline.text.formats import TextFormat
from pipeline.text.identifiers import canonical_id
from pipeline.text.phrases import holds_phrase

# Every field with the reader of its declared type.
FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "doc_id": read_id,
    "source": read_plain,
    "frame": read_plain,
    "title": read_text,
    "text": read_text,
    "url": read_url,
    "authors": read_author_names,
    "published_date": read_day,
    "tags": read_names,
    "karma": read_number,
    "karma_read_date": read_day,
}
REQUIRED = ("doc_id", "title", "text")
OPENING_MARKS = ("...", "\u2026")  # how sources end a text they cut


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "files"`.

    Attributes:
        path: the file, from the folder of the configuration file.
        columns: our field -> the file's column; fields not named keep their own name. `text = ""`: the file has
            titles only.
        source, frame: used for every row where the file has no such column.
        text_limit: texts of at least this many characters were cut by whoever made the file; 0 for never.
        dump: a published dump, whose columns are known: arxiv-metadata (the JSON lines of the Kaggle snapshot) or
            alignment-research-dataset, or lesswrong (the forum's public dump, with its manifest.json beside it); the
            file may be packed as .gz or .zst.
        query: which arXiv papers belong to the frame; of a file with a column map only its phrases are asked.
        only: files that list the documents wanted (CSV or Parquet, column doc_id or id); other rows are passed over.
        has_split_names: author lists in which some rows hold surname and first name as two entries.
        empty_marks: cells of dates, numbers, names and addresses that say that there is nothing, such as NA; a title
            or a text is never one.
        leave_empty: fields whose cells are left empty, and counted, where they cannot be read; of the other fields
            one such cell makes its row a reject.
        min_read_shares: by field, the share of the rows whose cell must have been read; less stops the run.
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
    only: tuple[str, ...] = ()
    empty_marks: tuple[str, ...] = ()
    leave_empty: tuple[str, ...] = ()
    min_read_shares: dict[str, float] = field(default_factory=dict)


def read_items(entry: Mapping[str, Any], root: Path, where: str) -> Iterator[Item | Reject]:
    """Yields the rows of a file as items, one at a time, and prints what was read of each column.

    Raises:
        ConfigError: the entry has an unknown key or maps to a column that the file does not have.
        DataError: the file is missing, damaged or ends early, or a column of it collapsed.
    """
    settings = build(Settings, dict(entry), where)
    check_settings(settings, where)
    path, tally = root / settings.path, Tally()
    found = (
        read_dump(path, settings.dump, settings.frame, settings.query, tally)
        if settings.dump
        else _read_mapped(path, settings, tally, where)
    )
    found = _keep_wanted(found, settings, root)
    for item in found:
        tally.rows["reject" if isinstance(item, Reject) else "item"] += 1
        yield item
    finish_tally(tally, where, settings.path, settings.min_read_shares)


def check_settings(settings: Settings, where: str) -> None:
    """Checks what the types of an entry cannot say.

    Raises:
        ConfigError: a field that is none, one that may not be left empty, or a dump without a frame.
    """
    form, packing = split_suffix(Path(settings.path))
    is_known = bool(settings.dump) or (form in FORMATS and not (form == ".parquet" and packing))
    if "://" in settings.path or not settings.path.strip() or not is_known:
        raise ConfigError(
            f"[path] {settings.path!r} is no file of rows",
            where=where,
            do=f"use one of {', '.join(FORMATS)}; all but the last may be packed as .gz or .zst",
        )
    if settings.dump and not settings.frame:
        raise ConfigError("[frame] missing key; a dump names no frames", where=where, do="add it")
    for key, names in (
        ("columns", settings.columns),
        ("leave_empty", settings.leave_empty),
        ("min_read_shares", settings.min_read_shares),
    ):
        unknown = sorted(set(names) - set(FIELDS))
        if unknown:
            raise ConfigError(f"[{key}.{unknown[0]}] is not a field", where=where, do=f"use one of {', '.join(FIELDS)}")
    needed = sorted({*REQUIRED, "source", "frame"} & set(settings.leave_empty))
    if needed:
        raise ConfigError(f"[leave_empty] {needed[0]} may not be left empty", where=where, do="take it out")


def needed_fields(settings: Settings) -> list[str]:
    """Returns the fields that the file must have a column for."""
    named = {**dict.fromkeys(REQUIRED), **settings.columns}
    return [name for name in named if name != "text" or settings.columns.get(name) != ""]


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


def _keep_wanted(found: Iterator[Item | Reject], settings: Settings, root: Path) -> Iterator[Item | Reject]:
    """Yields what `only` lists and holds a phrase of `query`, where these are given; rejects pass."""
    wanted = frozenset().union(*(read_ids(root / path) for path in settings.only)) if settings.only else None
    phrases = () if settings.dump else settings.query.phrases
    for item in found:
        if isinstance(item, Item):
            if wanted is not None and canonical_id(item.doc_id) not in wanted:
                continue
            if phrases and not holds_phrase(item.title, item.text, phrases):
                continue
        yield item


def arxiv_url(doc_id: str) -> str:
    """Returns the address of a paper, or nothing where the id is none of arXiv's."""
    name, _ = split_id(canonical_id(doc_id).removeprefix("arxiv:"))
    return f"https://arxiv.org/abs/{name}" if ID.fullmatch(name) else ""


def read_ids(path: Path) -> frozenset[str]:
    """Returns the documents that a list names.

    Raises:
        DataError: it is missing or damaged, or a row has no doc_id or id.
    """
    found = set()
    with open_rows(path, ("doc_id", "id")) as (_, rows):
        for row in rows:
            place = int(row.place) if isinstance(row, Reject) else row.line
            try:
                doc_id = "" if isinstance(row, Reject) else read_id(row.cells.get("doc_id", row.cells.get("id")))
            except Unreadable as reason:
                raise DataError(f"holds an id that {reason}", where=f"{path}, line {place}", do="mend it") from None
            if not doc_id:
                raise DataError("has a row without doc_id or id", where=f"{path}, line {place}", do="mend it")
            found.add(canonical_id(doc_id))
    return frozenset(found)


def _read_mapped(path: Path, settings: Settings, tally: Tally, where: str) -> Iterator[Item | Reject]:
    column_of = {name: settings.columns.get(name, name) for name in FIELDS}
    seen: set[str] = set()
    with open_rows(path, set(column_of.values())) as (columns, rows):
        if columns is not None:
            _check_columns(columns, column_of, settings, path, where)
        is_empty = True
        for row in rows:
            is_empty = False
            if isinstance(row, Reject):
                yield row
                continue
            seen |= row.cells.keys()
            yield _item_from_row(row, column_of, settings, tally)
    if is_empty:
        raise DataError("has no rows", where=str(path), do="fetch it again, or take its entry out of census.toml")
    if columns is None:  # each row named its own
        _check_columns(sorted(seen), column_of, settings, path, where)


def _check_columns(
    columns: Sequence[str], column_of: Mapping[str, str], settings: Settings, path: Path, where: str
) -> None:
    doubled = sorted({name for name in columns if columns.count(name) > 1} & set(column_of.values()))
    if doubled:
        raise DataError(f"the column {doubled[0]!r} is there twice", where=str(path), do="rename one of them")
    for name in needed_fields(settings):
        if column_of[name] not in columns:
            raise ConfigError(
                f"{path} has no column {column_of[name]!r} for {name}",
                where=where,
                do=f"map it under [columns]; the file has {', '.join(columns)[:500] or 'none of the mapped ones'}",
            )


def _item_from_row(row: Row, column_of: Mapping[str, str], settings: Settings, tally: Tally) -> Item | Reject:
    cells: dict[str, Any] = {}
    faults = []
    for name, read in FIELDS.items():
        if not column_of[name] or column_of[name] not in row.cells:
            tally.add(name, "absent")
            continue
        value = row.cells[column_of[name]]
        if name not in REQUIRED and isinstance(value, str) and value.strip() in settings.empty_marks:
            value = None
        try:
            cells[name] = read(value)
            tally.add(name, "read" if cells[name] not in ("", (), None) else "empty")
        except Unreadable as reason:
            tally.add(name, "unreadable", f"line {row.line}: {excerpt(value)!r} {reason}")
            if name not in settings.leave_empty:
                faults.append(Reject(place_of(row.line), f"{name} {reason}", f"line {row.line}: {excerpt(value)}"))
    return faults[0] if faults else _make_item(row, cells, settings)


def _make_item(row: Row, cells: Mapping[str, Any], settings: Settings) -> Item | Reject:
    source, frame = cells.get("source") or settings.source, cells.get("frame") or settings.frame
    doc_id, title, text = (cells.get(name, "") for name in REQUIRED)
    for name, value in (("id", doc_id), ("source", source), ("frame", frame)):
        if not value:
            return Reject(place_of(row.line), f"no {name}", f"line {row.line}: {excerpt(title)}")
    authors, tags, url = cells.get("authors", ()), cells.get("tags", ()), cells.get("url", "")
    if source == "arxiv":  # whose classes have blanks between, and whose address follows from the id
        tags = tuple(word for tag in tags for word in tag.split())
        url = url or arxiv_url(doc_id)
    return Item(
        place=place_of(row.line),
        doc_id=doc_id,
        source=source,
        frame=frame,
        title=title,
        text=text,
        url=url,
        authors=join_split_names(authors) if settings.has_split_names and source == "arxiv" else authors,
        published_date=cells.get("published_date", ""),
        tags=tags,
        karma=cells.get("karma"),
        karma_read_date=cells.get("karma_read_date", ""),
        text_format=settings.text_format,
        is_opening=text.rstrip().endswith(OPENING_MARKS)
        or bool(settings.text_limit and len(text) >= settings.text_limit),
    )
