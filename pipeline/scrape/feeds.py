"""RSS and Atom feeds, by `feedparser`: entries as items, without trusting that a feed is one.

feedparser reads what feed readers read: blank lines before the declaration, HTML entities, `xml:base`, RSS 1.0, guids
that are the address. What it is told not to do: to clean the HTML, which is read as text later, and to fetch anything.
"""

import calendar
import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

from pipeline.scrape.page_dates import page_date
from pipeline.text.authors import split_authors
from pipeline.web.clock import iso_time
from pipeline.web.response import EndsEarly, Response, TryAgain, refuse_dense

MAX_FEED_TAGS, MAX_FEED_BYTES = 500_000, 24 * 2**20  # the largest feed known has 9 MB
_HTML = re.compile(rb"\s*<(?:!doctype\s+html|html)\b", re.I)
_ROOT = re.compile(rb"<(?:[\w.-]+:)?(?:rss|feed|RDF|channel|urlset|sitemapindex)\b", re.I)
_CLOSED = re.compile(
    rb"(?:</(?:[\w.-]+:)?(?:rss|feed|RDF|channel|urlset|sitemapindex)\s*>|<(?:urlset|sitemapindex)[^>]*/>)", re.I
)
_TITLE_TAG = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|big|br|cite|code|del|div|em|font|h[1-6]|i|img|inf|ins|jats:\w+|kbd|mark|mml:\w+|p|q|s|sc|scp"
    r"|small|span|strike|strong|sub|sup|tt|u|var|wbr)(?:\s[^<>]*)?/?>",
    re.I,
)
_DROPPED = re.compile(r"<(script|style)\b.*?</\1\s*>", re.I | re.S)


@dataclass(frozen=True)
class Entry:
    """One entry of a feed or a list. `html` is the whole text if there is one, else its summary."""

    title: str
    link: str
    guid: str
    published_date: str
    authors: tuple[str, ...]
    html: str
    is_summary: bool
    categories: tuple[str, ...]


def check_feed(response: Response) -> None:
    """Checks that an answer is a whole feed or sitemap; 404 and 410 are answers too, as behind WordPress's last page.

    Raises:
        FetchError: it is far larger than any feed.
        TryAgain: it is none, or ends early.
    """
    if response.status in (404, 410):
        return
    body = response.body
    refuse_dense(body, (b"<",), MAX_FEED_TAGS, MAX_FEED_BYTES, response.url)
    if response.status != 200 or _HTML.match(body.lstrip(b"\xef\xbb\xbf")) or not _ROOT.search(_as_ascii(body)):
        raise TryAgain(f"not a feed (status {response.status})")
    if not _CLOSED.search(_as_ascii(body)[-4_000:]):
        raise EndsEarly("the feed ends early")


def read_entries(body: bytes, where: str) -> Iterator[Entry]:
    """Yields the entries of a feed of any kind; a feed that names its authors once gives them to every entry.

    Raises:
        TryAgain: it is no feed.
    """
    refuse_dense(body, (b"<",), MAX_FEED_TAGS, MAX_FEED_BYTES, where)
    found = parse_feed(body, where)
    if not found.get("version") and not found.entries:
        raise TryAgain("not a feed")
    of_feed = _authors(found.feed)
    for entry in found.entries:
        yield _entry(entry, of_feed, where, body)


def parse_feed(body: bytes, where: str) -> Any:
    """Returns what feedparser makes of the bytes of a feed; nothing is fetched."""
    # An encoding that the server names is not known here; bytes say it by declaration or are UTF-8.
    import feedparser  # noqa: PLC0415  only needed where a feed is read

    # As a stream: bytes that look like an address or a path would be opened.
    return feedparser.parse(
        io.BytesIO(body.lstrip(b" \t\r\n")),
        response_headers={"content-location": where, "content-type": "application/xml"},
        sanitize_html=False,
        resolve_relative_uris=True,
    )


def plain_title(text: str) -> str:
    """Returns a title on one line, without tags and entities; signs such as x < y stay."""
    text = _TITLE_TAG.sub("", _DROPPED.sub("", html.unescape(text)))
    return " ".join(html.unescape(text).split())


def feed_date(value: str) -> str:
    """Returns a date of a feed, in any of its forms, as ISO 8601; nothing if it is none."""
    value = " ".join(value.split())
    if re.fullmatch(r"\d{4}-\d{2}(?:-\d{2})?", value):
        return value
    if re.match(r"\d{4}-\d{2}-\d{2}T", value):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value[:10]
        return iso_time((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    try:
        moment = parsedate_to_datetime(value)
        return iso_time((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (TypeError, ValueError, IndexError, OverflowError):
        return page_date(value)


def _entry(entry: Any, of_feed: tuple[str, ...], where: str, body: bytes) -> Entry:
    whole = next((part.get("value") or "" for part in entry.get("content") or () if part.get("value")), "")
    summary = entry.get("summary") or ""
    guid = (entry.get("id") or "").strip()
    found = _link(entry, guid, body)
    link = urljoin(where, found) if found else ""
    return Entry(
        title=plain_title(entry.get("title") or ""),
        link=link if link.startswith(("http://", "https://")) else "",  # not urn:uuid:1
        guid=guid,
        published_date=_date(entry),
        authors=_authors(entry) or of_feed,
        html=whole or summary,
        is_summary=not whole,
        categories=tuple(dict.fromkeys(tag.get("term") or "" for tag in entry.get("tags") or () if tag.get("term"))),
    )


def _link(entry: Any, guid: str, body: bytes) -> str:
    """Returns the address of an entry: its page, else any link, else a guid that is one."""
    links = [link for link in entry.get("links") or () if link.get("href")]
    pages = [link for link in links if link.get("rel", "alternate") == "alternate"]
    in_html = [link for link in pages if link.get("type", "text/html") in ("text/html", "application/xhtml+xml")]
    for found in (*in_html, *pages):
        return str(found["href"]).strip()
    if entry.get("link"):
        return str(entry["link"]).strip()
    # feedparser makes an address of every guid; only one that stands in the feed as an address is meant as one.
    is_address = guid.startswith(("http://", "https://")) and html.escape(guid, quote=False).encode() in body
    return guid if is_address else ""


def _authors(of: Any) -> tuple[str, ...]:
    """Returns the authors of an entry or a feed; one field may name several, and none is an e-mail address."""
    found = [author for author in of.get("authors") or () if author]
    texts = [_name_beside_email(author) for author in found]
    if len(found) < 2 or not any(text.strip() for text in texts):
        texts = [str(of.get("author") or (texts[0] if texts else ""))]
    return tuple(dict.fromkeys(name for text in texts for name in split_authors(text)))


def _name_beside_email(author: Any) -> str:
    """Returns the name of an author; feedparser leaves the end of a long address in it: "itute (Ada"."""
    name = str(author.get("name") or "")
    if not author.get("email"):
        return name
    left_over = re.match(r"[a-z]{1,12}\s*\((.*?)\)?$", name)
    return left_over[1] if left_over else re.sub(r"<[^<>]*>", "", name)


def _date(entry: Any) -> str:
    for name in ("published", "created", "updated"):
        if value := entry.get(name):
            parsed = entry.get(f"{name}_parsed")
            found = feed_date(str(value))
            if found:
                return found
            if parsed:
                return iso_time(calendar.timegm(parsed))
    return ""


def _as_ascii(body: bytes) -> bytes:
    """Returns bytes in which tags can be looked for, also of a feed in UTF-16."""
    return body.replace(b"\x00", b"") if b"\x00" in body[:200] else body
