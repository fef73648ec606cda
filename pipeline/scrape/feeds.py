"""RSS and Atom feeds: entries as items, without trusting that a feed is one."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from lxml import etree

from pipeline.web.clock import iso_time
from pipeline.web.response import Response, TryAgain
from pipeline.web.safe_xml import parse_xml, text_of

NAMES = {
    "atom": "http://www.w3.org/2005/Atom",
    "dc": "http://purl.org/dc/elements/1.1/",
    "content": "http://purl.org/rss/1.0/modules/content/",
}


@dataclass(frozen=True)
class Entry:
    """One entry of a feed. `html` is the whole text if the feed has it, else its summary."""

    title: str
    link: str
    guid: str
    published_date: str
    authors: tuple[str, ...]
    html: str
    is_summary: bool
    categories: tuple[str, ...]


def check_feed(response: Response) -> None:
    """Checks that an answer is a whole feed; 404 is one too: WordPress says so behind its last page.

    Raises:
        TryAgain: it is none.
    """
    if response.status == 404:
        return
    root = parse_xml(response.body, response.url)
    if response.status != 200 or etree.QName(root).localname not in ("rss", "feed", "RDF", "urlset", "sitemapindex"):
        raise TryAgain(f"not a feed (status {response.status})")


def read_entries(body: bytes, where: str) -> Iterator[Entry]:
    """Yields the entries of an RSS or Atom feed.

    Raises:
        TryAgain: it is no XML.
    """
    root = parse_xml(body, where)
    for found in root.iterfind(".//item"):
        whole, summary = text_of(found, "content:encoded", NAMES), text_of(found, "description", NAMES)
        authors = [element.text or "" for element in found.iterfind("dc:creator", NAMES)] or [
            text_of(found, "author", NAMES)
        ]
        yield Entry(
            title=" ".join(text_of(found, "title", NAMES).split()),
            link=urljoin(where, text_of(found, "link", NAMES)),
            guid=text_of(found, "guid", NAMES),
            published_date=feed_date(text_of(found, "pubDate", NAMES) or text_of(found, "dc:date", NAMES)),
            authors=tuple(name.strip() for name in authors if name.strip()),
            html=whole or summary,
            is_summary=not whole,
            categories=tuple((element.text or "").strip() for element in found.iterfind("category")),
        )
    for found in root.iterfind(".//atom:entry", NAMES):
        links = {link.get("rel", "alternate"): link.get("href", "") for link in found.iterfind("atom:link", NAMES)}
        whole = text_of(found, "atom:content", NAMES)
        yield Entry(
            title=" ".join(text_of(found, "atom:title", NAMES).split()),
            link=urljoin(where, links.get("alternate", "")),
            guid=text_of(found, "atom:id", NAMES),
            published_date=feed_date(text_of(found, "atom:published", NAMES) or text_of(found, "atom:updated", NAMES)),
            authors=tuple(text_of(author, "atom:name", NAMES) for author in found.iterfind("atom:author", NAMES)),
            html=whole or text_of(found, "atom:summary", NAMES),
            is_summary=not whole,
            categories=tuple(element.get("term", "") for element in found.iterfind("atom:category", NAMES)),
        )


def feed_date(value: str) -> str:
    """Returns a date of a feed, in either of its two forms, as ISO 8601; nothing if it is neither."""
    if re.match(r"\d{4}-\d{2}", value):
        return value
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError):
        return ""
    return iso_time((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def link_id(link: str) -> str:
    """Returns a stable id for an address: its host and a hash of the address without scheme, query and final slash."""
    parts = urlsplit(link)
    address = f"{parts.netloc.lower().removeprefix('www.')}{parts.path.rstrip('/').removesuffix('/index.html')}"
    return f"web:{parts.netloc.lower().removeprefix('www.')}:{hashlib.sha256(address.encode()).hexdigest()[:16]}"
