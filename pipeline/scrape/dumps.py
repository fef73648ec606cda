"""Published dumps that others made: the arXiv metadata snapshot and the alignment research dataset, as JSON lines."""

import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any, Literal

import zstandard

from pipeline.errors import DataError
from pipeline.scrape.arxiv import Query, checked, is_in_query, is_withdrawn, split_id
from pipeline.scrape.feeds import link_id
from pipeline.scrape.item import Item, Reject
from pipeline.web.clock import iso_time

Dump = Literal["arxiv-metadata", "alignment-research-dataset"]
_POST = re.compile(
    r"//(?:www\.)?(lesswrong\.com|alignmentforum\.org|forum\.effectivealtruism\.org)/.*?posts/(\w{17,24})"
)
_PAPER = re.compile(r"arxiv\.org/(?:abs|pdf)/([^?#\s]+?)(?:\.pdf)?/?$", re.I)
_FORUM_SOURCES = {"lesswrong.com": "lesswrong", "alignmentforum.org": "alignmentforum"}
MAX_TITLE_CHARACTERS = 2_000


def read_dump(path: Path, dump: Dump, frame: str, query: Query) -> Iterator[Item | Reject]:
    """Yields the items of a dump (.json, .jsonl, with .gz or .zst behind it) that belong to the defined query.

    The query applies to arXiv papers. The file is read line by line: it may be larger than the memory.

    Raises:
        DataError: the file is missing, damaged, or ends early.
    """
    read = _item_from_paper if dump == "arxiv-metadata" else _item_from_document
    for number, line in enumerate(_lines(path)):
        place = f"{number:08d}"
        try:
            row = json.loads(line)
        except ValueError:
            yield Reject(place, "not JSON", line[:200])
            continue
        if not isinstance(row, dict):
            yield Reject(place, "not an object", line[:200])
            continue
        found = read(row, place, frame)
        if isinstance(found, Reject) or found.source != "arxiv" or is_in_query(found, query):
            yield found


def _lines(path: Path) -> Iterator[str]:
    try:
        with _open(path) as file:
            for line in file:
                if line.strip():
                    yield line
    except FileNotFoundError:
        raise DataError(
            "the file is missing", where=str(path), do="put it there, or correct the path in census.toml"
        ) from None
    except (EOFError, OSError, zstandard.ZstdError, UnicodeDecodeError) as error:
        raise DataError(f"is damaged or ends early ({error})", where=str(path), do="fetch it again") from None


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    if path.suffix == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True)
        return io.TextIOWrapper(io.BufferedReader(reader), encoding="utf-8")
    return path.open(encoding="utf-8")


def _item_from_paper(row: Mapping[str, Any], place: str, frame: str) -> Item | Reject:
    """Reads a line of `arxiv-metadata-oai-snapshot.json`."""
    arxiv_id, comment, abstract = (
        str(row.get("id") or ""),
        str(row.get("comments") or ""),
        str(row.get("abstract") or ""),
    )
    versions = tuple(
        _date(version.get("created")) for version in row.get("versions") or () if isinstance(version, dict)
    )
    names = [" ".join(str(part) for part in (first, last, suffix) if part) for last, first, suffix in _names(row)]
    return checked(
        Item(
            place=place,
            doc_id=f"arxiv:{arxiv_id}",
            source="arxiv",
            frame=frame,
            title=" ".join(str(row.get("title") or "").split()),
            text=abstract,
            url=f"https://arxiv.org/abs/{arxiv_id}",
            authors=tuple(name for name in names if name),
            published_date=versions[0] if versions else "",
            tags=tuple(str(row.get("categories") or "").split()),
            text_format="latex",
            versions=versions,
            modified_date=versions[-1] if versions else str(row.get("update_date") or ""),
            licence=str(row.get("license") or ""),
            doi=str(row.get("doi") or ""),
            comment=comment,
            is_withdrawn=is_withdrawn(comment, abstract),
        )
    )


def _names(row: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for parts in row.get("authors_parsed") or ():
        if isinstance(parts, list):
            last, first, suffix, *_ = [*map(str, parts), "", "", ""]
            yield last, first, suffix


def _item_from_document(row: Mapping[str, Any], place: str, frame: str) -> Item | Reject:
    """Reads a line of the alignment research dataset. Its own ids are hashes, so the address says what the work is."""
    link, title = str(row.get("url") or ""), " ".join(str(row.get("title") or "").split())
    doc_id, source = _identify(link, str(row.get("source") or ""))
    if not doc_id:
        return Reject(place, "no address", title[:200] or str(row.get("id") or "")[:200])
    if not title or len(title) > MAX_TITLE_CHARACTERS:
        return Reject(
            place, "no title" if not title else f"title longer than {MAX_TITLE_CHARACTERS:,} characters", doc_id
        )
    karma, tags, authors = row.get("karma"), row.get("tags") or row.get("categories") or (), row.get("authors") or ()
    item = Item(
        place=place,
        doc_id=doc_id,
        source=source,
        frame=frame,
        title=title,
        text=str(row.get("abstract") or row.get("text") or ""),
        url=link,
        authors=_texts(authors),
        published_date=str(row.get("date_published") or ""),
        tags=_texts(tags),
        karma=float(karma) if isinstance(karma, int | float) else None,
        text_format="latex" if source == "arxiv" else "markdown",
        modified_date=str(row.get("modified_at") or ""),
        doi=str(row.get("doi") or ""),
        comment=str(row.get("comment") or ""),
    )
    return checked(item) if source == "arxiv" else item


def _identify(link: str, source: str) -> tuple[str, str]:
    """Returns the doc_id and the source that an address stands for."""
    if found := _PAPER.search(link):
        return f"arxiv:{split_id(f'/abs/{found[1]}')[0]}", "arxiv"
    if found := _POST.search(link):
        site = _FORUM_SOURCES.get(found[1], "eaforum")
        return f"{'eaf' if site == 'eaforum' else 'lw'}:{found[2]}", site
    return (link_id(link), source or "web") if link.startswith(("http://", "https://")) else ("", "")


def _texts(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(text for text in (str(part).strip() for part in parts) if text)


def _date(value: object) -> str:
    try:
        return iso_time(parsedate_to_datetime(str(value)).timestamp())
    except (TypeError, ValueError, IndexError):
        return ""
