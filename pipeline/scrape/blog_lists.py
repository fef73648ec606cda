"""The lists that publishers make of their own work, each form by its own reader: entries with title, date and link."""

import html
import json
import re
import warnings
from collections.abc import Callable, Mapping
from urllib.parse import urljoin

from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning
from bs4.element import Tag

from pipeline.scrape.feeds import Entry, feed_date, plain_title
from pipeline.scrape.page_dates import page_date
from pipeline.text.authors import clean_names, split_authors

warnings.filterwarnings("ignore", category=XMLParsedAsHTMLWarning)  # a feed where a page was declared is told of anyway
_ARROWS = " \u2197\u2192\u203a\u00bb\u2192"
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_OUTSIDE = ("nav", "header", "footer", "aside", "form")
_DATE_CLASS = re.compile(r"(?:^|[-_])(?:date|time|published|posted|meta)", re.I)
_BYLINE_CLASS = re.compile(r"(?:^|[-_])(?:authors?|byline|by)(?:$|[-_])", re.I)
_MAX_CLIMB = 5  # how many elements above its heading a card may begin


def read_contents(body: bytes, where: str) -> list[Entry]:
    """Returns the entries of a dated list of contents (`div.toc`: dates and links in turn)."""
    soup, entries, month = BeautifulSoup(body, "lxml"), [], ""
    for part in soup.select("div.toc > *"):
        classes = list(part.get("class") or [])
        if "date" in classes:
            month = page_date(part.get_text(" ", strip=True))
        elif part.name == "a" and part.get("href"):
            heading, byline, summary = (part.select_one(css) for css in ("h3", ".byline", ".description"))
            names = split_authors(line_of(byline))
            entries.append(_entry(line_of(heading), urljoin(where, _href(part)), month, names, line_of(summary)))
    return entries


def read_cards(body: bytes, where: str) -> list[Entry]:
    """Returns the entries of a list of cards: a heading that links, with a date and a summary beside it."""
    soup, entries, counts = BeautifulSoup(body, "lxml"), dict[str, Entry](), dict[int, int]()
    for heading in soup.find_all(_HEADINGS):
        link = heading.find("a", href=True) or heading.find_parent("a", href=True)
        title = line_of(heading).strip(_ARROWS)
        if not isinstance(link, Tag) or not title or heading.find_parent(_OUTSIDE):
            continue
        card = _card_of(heading, link, counts)
        date = _card_date(card)
        if not date and card.name not in ("article", "li", "a"):
            continue  # a heading of the page itself
        address = urljoin(where, _href(link))
        if address not in entries and not address.startswith(("mailto:", "javascript:")):
            entries[address] = _entry(title, address, date, _card_authors(card), _card_summary(card))
    return list(entries.values())


def read_casebook(body: bytes, where: str) -> list[Entry]:
    """Returns the entries of a list of cases that open in place (`details`), each with its link."""
    entries = []
    for part in BeautifulSoup(body, "lxml").select("details"):
        title = line_of(part.find(_HEADINGS)) or str(part.get("data-title") or "")
        links = [link for link in part.select("a[href]") if not _href(link).startswith(("mailto:", "javascript:"))]
        own = [link for link in links if any(name.endswith(("link", "source")) for name in link.get("class") or ())]
        anchor = f"#{part['id']}" if part.get("id") else ""
        if not title or not (links or anchor):
            continue
        address = urljoin(where, _href((own or links)[0]) if links else anchor)
        date = page_date(str(part.get("data-date") or "")) or _card_date(part)
        entries.append(_entry(title, address, date, _card_authors(part), _card_summary(part)))
    return entries


def read_substack(body: bytes, where: str) -> list[Entry]:
    """Returns the entries of one page of a Substack's archive (`/api/v1/archive`)."""
    posts = json.loads(body)
    return [
        Entry(
            title=plain_title(str(post.get("title") or "")),
            link=str(post.get("canonical_url") or urljoin(where, f"/p/{post.get('slug') or ''}")),
            guid="",
            published_date=feed_date(str(post.get("post_date") or "")),
            authors=clean_names([str(by.get("name") or "") for by in post.get("publishedBylines") or () if by]),
            html=html.escape(str(post.get("description") or post.get("subtitle") or ""), quote=False),
            is_summary=True,
            categories=tuple(str(tag.get("name") or "") for tag in post.get("postTags") or () if tag.get("name")),
        )
        for post in posts
        if isinstance(post, dict)
    ]


READERS: Mapping[str, Callable[[bytes, str], list[Entry]]] = {
    "contents": read_contents,
    "cards": read_cards,
    "casebook": read_casebook,
    "substack": read_substack,
}


def line_of(tag: object) -> str:
    """Returns the text of an element on one line."""
    return " ".join(tag.get_text(" ", strip=True).split()) if isinstance(tag, Tag) else ""


def _entry(title: str, link: str, date: str, authors: tuple[str, ...], summary: str) -> Entry:
    return Entry(title, link, "", date, authors, html.escape(summary, quote=False), is_summary=True, categories=())


def _href(tag: Tag) -> str:
    return str(tag.get("href") or "").strip()


def _card_of(heading: Tag, link: Tag, counts: dict[int, int]) -> Tag:
    """Returns the element that holds one entry: the highest around the heading that holds no other linked heading.

    Args:
        counts: how many linked headings an element holds, by its id: counted once for all cards.
    """
    card: Tag = link if link in heading.parents else heading
    for _ in range(_MAX_CLIMB):
        parent = card.parent
        if parent is None or parent.name in ("body", "main", "html", "[document]"):
            break
        if counts.setdefault(id(parent), 0) == 0:
            counts[id(parent)] = _linked_headings(parent)
        if counts[id(parent)] > 1:
            break
        card = parent
        if card.name in ("article", "li"):
            break
    return card


def _linked_headings(part: Tag) -> int:
    return sum(
        bool(found.find("a", href=True) or found.find_parent("a", href=True)) for found in part.find_all(_HEADINGS)
    )


def _card_date(card: Tag) -> str:
    for stamp in card.find_all("time"):
        if date := page_date(str(stamp.get("datetime") or "")) or page_date(line_of(stamp)):
            return date
    for part in card.find_all(class_=_DATE_CLASS):
        if date := page_date(line_of(part)):
            return date
    for part in card.find_all(("p", "span", "div", "small")):
        text = line_of(part)
        if len(text) <= 40 and (date := page_date(text)):
            return date
    return ""


def _card_authors(card: Tag) -> tuple[str, ...]:
    parts = card.find_all(class_=_BYLINE_CLASS) or card.select("[rel~=author]")
    return tuple(dict.fromkeys(name for part in parts[:10] for name in split_authors(line_of(part))))


def _card_summary(card: Tag) -> str:
    for part in card.find_all("p"):
        text = line_of(part)
        is_meta = part.find("time") or any(_DATE_CLASS.search(name) for name in part.get("class") or ())
        if text and not is_meta and not page_date(text):
            return text
    return ""
