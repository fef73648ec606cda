"""Published dumps that others made: the arXiv metadata snapshot and the alignment research dataset, as JSON lines."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pipeline.errors import DataError
from pipeline.scrape.arxiv import Query, checked, is_in_query, split_id
from pipeline.scrape.cells import (
    Unreadable,
    excerpt,
    read_day,
    read_names,
    read_number,
    read_plain,
    read_text,
    read_url,
)
from pipeline.scrape.forum_dump import FORMAT, item_from_row, unlike_manifest
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.links import link_id
from pipeline.scrape.packed import open_packed
from pipeline.scrape.rows import place_of, read_json_lines
from pipeline.scrape.tally import Tally
from pipeline.scrape.withdrawal import is_withdrawn
from pipeline.web.clock import iso_time

T = TypeVar("T")
Dump = Literal["arxiv-metadata", "alignment-research-dataset", "lesswrong"]
Cell = Callable[[str, Callable[[Any], T]], T]
_POST = re.compile(
    r"//(?:www\.)?(lesswrong\.com|alignmentforum\.org|forum\.effectivealtruism\.org)/.*?posts/(\w{17,24})"
)
_PAPER = re.compile(r"arxiv\.org/(?:abs|pdf)/([^?#\s]+?)(?:\.pdf)?/?$", re.I)
_FORUM_SOURCES = {"lesswrong.com": "lesswrong", "alignmentforum.org": "alignmentforum"}
_NEWER = "fetch a dump of that format, or a newer version of this program"
_EMPTY_MARKS = ("n/a", "N/A", "")  # of the dates of the alignment research dataset
MAX_TITLE_CHARACTERS = 2_000


def read_dump(path: Path, dump: Dump, frame: str, query: Query, tally: Tally) -> Iterator[Item | Reject]:
    """Yields the items of a dump (.json, .jsonl, with .gz or .zst behind it) that belong to the defined query.

    The query applies to arXiv papers. The file is read line by line: it may be larger than the memory.

    Args:
        tally: counts every cell that is read, of the papers outside the query too.

    Raises:
        DataError: the file is missing, damaged, or ends early.
    """
    if dump == "lesswrong":
        yield from _read_forum_dump(path, frame, tally)
        return
    read = _item_from_paper if dump == "arxiv-metadata" else _item_from_document
    is_empty = True
    with open_packed(path) as file:
        for line, row in read_json_lines(file, path):
            is_empty = False
            found = row if isinstance(row, Reject) else _read_row(read, row, line, frame, tally)
            if isinstance(found, Reject) or found.source != "arxiv" or is_in_query(found, query):
                yield found
            else:
                tally.rows["outside"] += 1
    if is_empty:
        raise DataError("is empty", where=str(path), do="fetch it again")


def _read_forum_dump(path: Path, frame: str, tally: Tally) -> Iterator[Item | Reject]:
    """Yields the posts of LessWrong's public dump; its counts are held against a `manifest.json` beside it.

    Raises:
        DataError: it is empty, or has other counts than its manifest says.
    """
    counts: Counter[str] = Counter()
    read_at = ""
    with open_packed(path) as file:
        for line, row in read_json_lines(file, path):
            kind = "unreadable" if isinstance(row, Reject) else str(row.get("type") or "unreadable")
            counts[kind] += 1
            if kind == "meta" and not isinstance(row, Reject):
                if str(row.get("format")) != str(FORMAT):
                    raise DataError(
                        f"is a dump of format {str(row.get('format'))[:20]}, where {FORMAT} is known",
                        where=str(path),
                        do=_NEWER,
                    )
                read_at = str(row.get("generatedAt") or "")[:10]
            tally.rows[kind] += 1
            found = row if isinstance(row, Reject) else item_from_row(row, place_of(line), "lesswrong", frame, read_at)
            if found is not None:
                yield found
    if not counts:
        raise DataError("is empty", where=str(path), do="fetch it again")
    if counts["meta"] != 1:
        raise DataError(
            f"has {counts['meta']} lines about itself, where a dump has one", where=str(path), do="fetch it again"
        )
    manifest = path.with_name("manifest.json")
    wrong = unlike_manifest(counts, manifest.read_bytes()) if manifest.exists() else []
    if wrong:
        raise DataError("; ".join(wrong), where=str(path), do="fetch both again")


def _read_row(
    read: Callable[..., Item | Reject], row: Mapping[str, Any], line: int, frame: str, tally: Tally
) -> Item | Reject:
    def cell(name: str, kind: Callable[[Any], T]) -> T:
        value = row.get(name)
        try:
            found = kind(value)
        except Unreadable as reason:
            tally.add(name, "unreadable", f"line {line}: {excerpt(value)!r} {reason}")
            raise _RefusedError(f"{name} {reason}", f"line {line}: {excerpt(value)}") from None
        tally.add(name, "read" if found not in ("", (), None) else "empty")
        return found

    try:
        return read(cell, place_of(line), frame)
    except _RefusedError as refused:
        return Reject(place_of(line), *refused.args)


class _RefusedError(Exception):
    """A cell of a row cannot be read. The arguments are the reason and an excerpt."""


def _item_from_paper(cell: Cell[Any], place: str, frame: str) -> Item | Reject:
    """Reads a line of `arxiv-metadata-oai-snapshot.json`."""
    arxiv_id, comment, abstract = cell("id", read_plain), cell("comments", read_text), cell("abstract", read_text)
    versions = cell("versions", _read_versions)
    return checked(
        Item(
            place=place,
            doc_id=f"arxiv:{arxiv_id}",
            source="arxiv",
            frame=frame,
            title=" ".join(cell("title", read_text).split()),
            text=abstract,
            url=f"https://arxiv.org/abs/{arxiv_id}",
            authors=cell("authors_parsed", _read_parsed_names),
            published_date=versions[0] if versions else "",
            tags=tuple(cell("categories", read_plain).split()),
            text_format="latex",
            versions=versions,
            modified_date=versions[-1] if versions else cell("update_date", read_day),
            licence=cell("license", read_plain),
            doi=cell("doi", read_plain),
            comment=comment,
            is_withdrawn=is_withdrawn(comment, abstract),
        )
    )


def _read_versions(value: Any) -> tuple[str, ...]:
    """Returns the times of the versions of a paper."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(version, dict) for version in value):
        raise Unreadable("is no list of versions")
    try:
        return tuple(iso_time(parsedate_to_datetime(str(version.get("created"))).timestamp()) for version in value)
    except (TypeError, ValueError, IndexError, OverflowError, OSError):
        raise Unreadable("has a date of no known form") from None


def _read_parsed_names(value: Any) -> tuple[str, ...]:
    """Returns names that are given as surname, first name and suffix."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(parts, list) for parts in value):
        raise Unreadable("is no list of names")
    names = []
    for parts in value:
        last, first, suffix, *_ = [*(read_text(part) for part in parts), "", "", ""]
        names.append(" ".join(part for part in (first, last, suffix) if part))
    return tuple(name for name in names if name)


def _item_from_document(cell: Cell[Any], place: str, frame: str) -> Item | Reject:
    """Reads a line of the alignment research dataset. Its own ids are hashes, so the address says what the work is."""
    link, title = cell("url", read_url), " ".join(cell("title", read_text).split())
    doc_id, source = _identify(link, cell("source", read_plain))
    if not doc_id:
        return Reject(place, "no address", title[:200] or cell("id", read_plain)[:200])
    if not title or len(title) > MAX_TITLE_CHARACTERS:
        return Reject(
            place, "no title" if not title else f"title longer than {MAX_TITLE_CHARACTERS:,} characters", doc_id
        )
    item = Item(
        place=place,
        doc_id=doc_id,
        source=source,
        frame=frame,
        title=title,
        text=cell("abstract", read_text) or cell("text", read_text),
        url=link,
        authors=cell("authors", _read_listed),
        published_date=cell("date_published", _read_marked_day),
        tags=cell("tags", _read_listed) or cell("categories", _read_listed),
        karma=cell("karma", read_number),
        text_format="latex" if source == "arxiv" else "markdown",
        modified_date=cell("modified_at", _read_marked_day),
        doi=cell("doi", read_plain),
        comment=cell("comment", read_text),
    )
    return checked(item) if source == "arxiv" else item


def _read_listed(value: Any) -> tuple[str, ...]:
    return read_names(value, ",")


def _read_marked_day(value: Any) -> str:
    return read_day(None if value in _EMPTY_MARKS else value)


def _identify(link: str, source: str) -> tuple[str, str]:
    """Returns the doc_id and the source that an address stands for."""
    if found := _PAPER.search(link):
        return f"arxiv:{split_id(f'/abs/{found[1]}')[0]}", "arxiv"
    if found := _POST.search(link):
        site = _FORUM_SOURCES.get(found[1], "eaforum")
        return f"{'eaf' if site == 'eaforum' else 'lw'}:{found[2]}", site
    return (link_id(link), source or "web") if link.startswith(("http://", "https://")) else ("", "")
