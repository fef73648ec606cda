"""Source `blog`: lab and organisation blogs, from a feed, a list of contents, a sitemap, or the links of an index page.

Only title, date, authors, link and summary are taken: the texts belong to their publishers.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup
from pydantic.dataclasses import dataclass

from pipeline.config import STRICT
from pipeline.errors import FetchError
from pipeline.scrape.blog_pages import check_html, read_article, read_contents
from pipeline.scrape.feeds import Entry, check_feed, link_id, read_entries
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.snapshot import Step
from pipeline.web.archive import Page
from pipeline.web.hosts import HostRule, host_of, rule_for
from pipeline.web.response import Response
from pipeline.web.safe_xml import parse_xml
from pipeline.web.session import PoliteSession

Layout = Literal["feed", "contents", "sitemap", "links"]
MAX_FEED_PAGES = 200
_ACCEPT = {
    "feed": "application/rss+xml, application/atom+xml, application/xml, text/xml, */*;q=0.1",
    "html": "text/html, application/xhtml+xml, */*;q=0.1",
}
_SITEMAP = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "blog"`.

    Attributes:
        site: name of the blog, used as the source of its documents.
        layout: feed (RSS, Atom), contents (a page with a dated list, as Anthropic's), sitemap, or links.
        page_parameter: for feeds in pages, such as WordPress's `paged`; empty if there is one page.
        keep_pattern, skip_pattern: regular expressions over links; a link must fit the first and not the second.
        categories: for feeds, only entries in one of these; none given means all.
    """

    kind: str
    frame: str
    site: str
    url: str
    layout: Layout = "feed"
    page_parameter: str = ""
    keep_pattern: str = ""
    skip_pattern: str = ""
    categories: tuple[str, ...] = ()
    seconds_between: float = 5.0
    licence: str = "all rights reserved: title, link and summary only"
    canaries: tuple[str, ...] = ()


def hosts(settings: Settings) -> dict[str, HostRule]:
    """Returns the host that is asked; links to others are noted and not followed."""
    return rule_for(settings.url, settings.seconds_between)


def plan(settings: Settings, past: Mapping[str, Any] | None, now: str) -> list[str]:
    """Returns what would be asked, one line each."""
    known = f", {len(past['known'])} links known" if past else ""
    return [f"GET {settings.url} ({settings.layout}{known})"]


def pages(
    settings: Settings, session: PoliteSession, cursor: Mapping[str, Any] | None, past: Mapping[str, Any] | None
) -> Iterator[Step]:
    """Yields validated pages: the index, and the articles that are new or changed since `past`.

    Raises:
        FetchError: the service failed for good.
    """
    known = dict(past["known"]) if past else {}
    state: dict[str, Any] = {"known": known, "todo": [["index", settings.url, ""]], "feed_page": 1}
    state = dict(cursor) if cursor else state
    while state["todo"]:
        kind, link, stamp = state["todo"][0]
        is_feed = kind in ("index", "sitemap") and settings.layout in ("feed", "sitemap")
        check = check_feed if is_feed else check_html
        response = session.get(link, accept=_ACCEPT["feed" if is_feed else "html"], check=check)
        after = {**state, "todo": state["todo"][1:]}
        if kind == "article":
            after["known"] = {**state["known"], link: stamp}
        elif settings.layout == "feed":
            after |= _after_feed(settings, response, state)
        elif settings.layout in ("sitemap", "links"):
            after["todo"] = [*after["todo"], *_links(settings, response, state["known"])]
        state = after
        yield Step(response, {"kind": kind, "layout": settings.layout, "link": link}, state)


def parse(page: Page, settings: Settings) -> Iterator[Item | Reject]:
    """Yields the posts of a page."""
    kind, layout, where = page.context["kind"], page.context["layout"], page.response.url
    if page.response.status != 200:
        if kind == "article":
            yield Reject(page.place, f"status {page.response.status}", where)
        return
    if kind == "article":
        entries: Iterator[Entry | None] = iter([read_article(page.response.body, where)])
    elif layout == "feed":
        entries = read_entries(page.response.body, where)
    else:
        entries = iter(read_contents(page.response.body, where) if layout == "contents" else [])
    for number, entry in enumerate(entries):
        spot = f"{page.place}/{number:04d}"
        if entry is None or not entry.title or not entry.link:
            yield Reject(spot, "no title or link", where)
        elif _is_kept(settings, entry.link) and (
            not settings.categories or set(settings.categories) & set(entry.categories)
        ):
            yield _item_from_entry(entry, spot, settings)


def is_wanted(item: Item, settings: Settings) -> bool:
    """Says whether an item belongs to the frame: all that the parser keeps does."""
    return item.source == settings.site


def _after_feed(settings: Settings, response: Response, state: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what to ask after a page of a feed: the next one, unless this one had nothing new."""
    entries = list(read_entries(response.body, response.url)) if response.status == 200 else []
    new = {
        entry.guid or entry.link: entry.published_date
        for entry in entries
        if (entry.guid or entry.link) not in state["known"]
    }
    after: dict[str, Any] = {"known": {**state["known"], **new}, "feed_page": state["feed_page"] + 1}
    if settings.page_parameter and new:
        if state["feed_page"] >= MAX_FEED_PAGES:
            raise FetchError(f"the feed has more than {MAX_FEED_PAGES} pages", where=settings.url, do="report it")
        joint = "&" if urlsplit(settings.url).query else "?"
        after["todo"] = [["index", f"{settings.url}{joint}{settings.page_parameter}={after['feed_page']}", ""]]
    return after


def _links(settings: Settings, response: Response, known: Mapping[str, str]) -> list[list[str]]:
    """Returns the articles that an index names and that are new or changed."""
    found: list[list[str]] = []
    if settings.layout == "links":
        soup = BeautifulSoup(response.body, "lxml")
        found = [
            ["article", urljoin(response.url, str(tag["href"])).partition("#")[0], ""]
            for tag in soup.find_all("a", href=True)
        ]
    else:
        root = parse_xml(response.body, response.url)
        for name, kind in (("s:sitemap", "sitemap"), ("s:url", "article")):
            for entry in root.iterfind(name, _SITEMAP):
                link = (entry.findtext("s:loc", "", _SITEMAP) or "").strip()
                found.append([kind, link, (entry.findtext("s:lastmod", "", _SITEMAP) or "").strip()])
    own = {link: [kind, link, stamp] for kind, link, stamp in found if host_of(link) == host_of(settings.url)}
    own.pop(settings.url, None)
    kept = [step for step in own.values() if step[0] == "sitemap" or _is_kept(settings, step[1])]
    return [step for step in kept if step[1] not in known or known[step[1]] != step[2]]


def _is_kept(settings: Settings, link: str) -> bool:
    return bool(re.search(settings.keep_pattern, link)) and not (
        settings.skip_pattern and re.search(settings.skip_pattern, link)
    )


def _item_from_entry(entry: Entry, place: str, settings: Settings) -> Item | Reject:
    if len(entry.title) > 2_000:  # no blog title known is over 300 characters
        return Reject(place, "title longer than 2,000 characters", entry.link[:200])
    return Item(
        place=place,
        doc_id=link_id(entry.link),
        source=settings.site,
        frame=settings.frame,
        title=entry.title,
        text=entry.html,
        url=entry.link,
        authors=entry.authors,
        published_date=entry.published_date,
        tags=entry.categories,
        text_format="html",
        is_opening=entry.is_summary,
        external_url=entry.link if host_of(entry.link) != host_of(settings.url) else "",
    )
