"""Source `forum-feed`: the fall-backs of a forum that answers GraphQL with a challenge, declared by hand.

`rss` brings the newest ten posts; `markdown` (LessWrong, Alignment Forum) brings named posts, one request each. Neither
can list what is old: they keep a census going, they do not make one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from pipeline.config import STRICT
from pipeline.scrape.feeds import check_feed, read_entries
from pipeline.scrape.forum_parse import ID, PREFIX
from pipeline.scrape.health import Expectation
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.snapshot import Step
from pipeline.web.archive import Page
from pipeline.web.hosts import HostRule, rule_for
from pipeline.web.response import Response, TryAgain
from pipeline.web.session import PoliteSession

_DISCUSS = re.compile(r"(?:<br\s*/?>\s*)*<a href=\"[^\"]*#comments\">Discuss</a>\s*$")
_POST_LINK = re.compile(r"/(?:posts|api/post)/([A-Za-z0-9]{17}|[0-9a-f]{24})(?![A-Za-z0-9])")


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "forum-feed"`.

    Attributes:
        url: the feed, or for `markdown` a list such as https://www.lesswrong.com/api/latest?limit=100.
        access: rss or markdown.
    """

    kind: str
    frame: str
    site: Literal["lesswrong", "alignmentforum", "eaforum"]
    url: str
    access: Literal["rss", "markdown"] = "rss"
    seconds_between: float = 3.0
    licence: str = "authors keep their rights; for research, not for republication"
    canaries: tuple[str, ...] = ()
    expect: Expectation = field(default_factory=Expectation)


def hosts(settings: Settings) -> dict[str, HostRule]:
    """Returns the host that is asked."""
    return rule_for(settings.url, settings.seconds_between)


def plan(settings: Settings, past: Mapping[str, Any] | None, now: str) -> list[str]:
    """Returns what would be asked, one line each."""
    return [f"GET {settings.url} ({settings.access})"]


def pages(
    settings: Settings, session: PoliteSession, cursor: Mapping[str, Any] | None, past: Mapping[str, Any] | None
) -> Iterator[Step]:
    """Yields the feed, or the list and each post on it that is not known yet. Raises as the session."""
    known = list(past["known"]) if past else []
    state = dict(cursor) if cursor else {"todo": [settings.url], "known": known}
    is_feed = settings.access == "rss"
    while state["todo"]:
        link = state["todo"][0]
        accept = "application/rss+xml, text/xml, */*;q=0.1" if is_feed else "text/markdown, text/plain;q=0.5"
        response = session.get(link, accept=accept, check=check_feed if is_feed else check_markdown)
        state = {**state, "todo": state["todo"][1:]}
        if not is_feed and link == settings.url:
            base = settings.url.partition("/api/")[0]
            new = [name for name in dict.fromkeys(_POST_LINK.findall(response.text)) if name not in state["known"]]
            state = {"todo": [f"{base}/api/post/{name}" for name in new], "known": [*state["known"], *new]}
        yield Step(response, {"access": settings.access, "is_list": link == settings.url}, state)


def parse(page: Page, settings: Settings) -> Iterator[Item | Reject]:
    """Yields the posts of a feed, or the one of a markdown page."""
    if page.context["access"] == "rss":
        for number, item in enumerate(parse_feed(page.response.body, page.place, settings, page.response.url)):
            yield replace(item, place=f"{page.place}/{number:04d}")
    elif not page.context["is_list"]:
        yield parse_markdown(page.response.text, page.place, settings, page.response.url)


def parse_feed(body: bytes, place: str, settings: Settings, where: str) -> Iterator[Item | Reject]:
    """Yields the posts of an RSS feed; the link to the comments is taken off their end."""
    prefix = PREFIX[settings.site]
    for entry in read_entries(body, where):
        if not ID.fullmatch(entry.guid) or not entry.title:
            yield Reject(place, "not a post", (entry.guid or entry.title)[:200])
            continue
        yield Item(
            place=place,
            doc_id=f"{prefix}:{entry.guid}",
            source=settings.site,
            frame=settings.frame,
            title=entry.title,
            text=_DISCUSS.sub("", entry.html),
            url=entry.link,
            authors=entry.authors,
            published_date=entry.published_date,
            text_format="html",
        )


def parse_markdown(text: str, place: str, settings: Settings, where: str) -> Item | Reject:
    """Returns the post of a markdown page; its first heading is the title, and a header block is read if it has one."""
    found = _POST_LINK.search(where)
    block = re.match(r"---\n(.*?)\n---\n", text, re.S)
    facts: dict[str, str] = dict(re.findall(r"^(\w+):\s*(.+?)\s*$", block[1] if block else "", re.M))
    body = text[block.end() :] if block else text
    heading = re.search(r"^#\s+(.+)$", body, re.M)
    title = facts.get("title", "").strip("\"'") or (heading[1].strip() if heading else "")
    if not found or not title:
        return Reject(place, "no title", where[:200])
    return Item(
        place=place,
        doc_id=f"{PREFIX[settings.site]}:{found[1]}",
        source=settings.site,
        frame=settings.frame,
        title=title,
        text=_without_heading(body, title),
        url=facts.get("url", "").strip("\"'") or where.replace("/api/post/", "/posts/"),
        authors=tuple(name.strip() for name in facts.get("author", "").strip("\"'").split(",") if name.strip()),
        published_date=(facts.get("date") or facts.get("postedAt") or "").strip("\"'"),
        text_format="markdown",
    )


def _without_heading(body: str, title: str) -> str:
    found = re.match(r"\s*#\s+(.+)\n?", body)
    return body[found.end() :] if found and found[1].strip() == title else body


def check_markdown(response: Response) -> None:
    """Checks that an answer is text and not a page.

    Raises:
        TryAgain: it is a page, or nothing.
    """
    start = response.body[:500].lstrip().lower()
    if response.status != 200 or not start or start.startswith((b"<!doctype", b"<html")):
        raise TryAgain(f"not markdown (status {response.status})")


def is_wanted(item: Item, settings: Settings) -> bool:
    """Says whether an item belongs to the frame: all do."""
    return bool(item.doc_id)
