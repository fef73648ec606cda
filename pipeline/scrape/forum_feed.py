"""Source `forum-feed`: the fall-backs of a forum that answers GraphQL with a challenge, declared by hand.

`rss` brings the newest ten posts; `markdown` (LessWrong, Alignment Forum) brings named posts, one request each. Neither
can list what is old: they keep a census going, they do not make one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from pipeline.errors import ChallengeError, FetchError
from pipeline.scrape.feeds import check_feed, read_entries
from pipeline.scrape.forum_markdown import check_markdown, listed_posts, parse_post
from pipeline.scrape.forum_parse import ID, PREFIX
from pipeline.scrape.health import Expectation
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.snapshot import Step
from pipeline.settings import STRICT
from pipeline.web.archive import Page
from pipeline.web.hosts import HostRule, rule_for
from pipeline.web.response import accept_repeated
from pipeline.web.session import PoliteSession

_DISCUSS = re.compile(r"(?:<br\s*/?>\s*)*<a href=\"[^\"]*#comments\">Discuss</a>\s*$")
_MAX_FAILURES_IN_A_ROW = 3


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
    """Yields the feed, or the list and each post on it that is not known yet; one that cannot be had is set aside.

    Raises:
        FetchError: the feed or the list failed for good, or names nothing.
    """
    known = list(past["known"]) if past else []
    again = dict(past.get("failed") or {}) if past else {}
    state = dict(cursor) if cursor else {"todo": [settings.url], "known": known, "failed": again, "streak": 0}
    while state["todo"]:
        state, step = _read_page(settings, session, state)
        yield step


def _read_page(settings: Settings, session: PoliteSession, state: dict[str, Any]) -> tuple[dict[str, Any], Step]:
    link, is_feed = state["todo"][0], settings.access == "rss"
    after, is_list = {**state, "todo": state["todo"][1:]}, link == settings.url
    accept = "application/rss+xml, text/xml, */*;q=0.1" if is_feed else "text/markdown, text/plain;q=0.5"
    check = accept_repeated(check_feed if is_feed else check_markdown)
    try:
        response = session.get(link, accept=accept, check=check, max_attempts=None if is_list else 4)
    except ChallengeError:
        raise
    except FetchError as error:
        if is_list or state["streak"] + 1 >= _MAX_FAILURES_IN_A_ROW:
            raise
        count = (state["failed"].get(link) or ["", 0])[1] + 1
        after |= {"failed": {**state["failed"], link: [error.what, count]}, "streak": state["streak"] + 1}
        return after, Step(None, {}, after)
    named = [] if is_feed else listed_posts(response.text)
    n_named = sum(1 for _ in read_entries(response.body, link)) if is_feed and response.status == 200 else len(named)
    if is_list and not n_named:
        raise FetchError(
            "the list names no post", where=link, do="look at the address, then correct the entry in census.toml"
        )
    if is_list and not is_feed:
        base, failed = settings.url.partition("/api/")[0], state["failed"]
        new = [name for name in named if name not in state["known"]]
        asked = [f"{base}/api/post/{name}" for name in new]
        after |= {
            "todo": [*asked, *(other for other in failed if other not in asked)],
            "known": [*state["known"], *new],
        }
    elif not is_list:
        after |= {"failed": {other: why for other, why in state["failed"].items() if other != link}, "streak": 0}
    return after, Step(response, {"access": settings.access, "is_list": is_list, "link": link}, after)


def forget(past: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a full run still knows: the posts that could not be had."""
    return {"known": [], "failed": past.get("failed") or {}}


def parse(page: Page, settings: Settings) -> Iterator[Item | Reject]:
    """Yields the posts of a feed, or the one of a markdown page."""
    response = page.response
    if page.context["access"] == "rss":
        for number, item in enumerate(parse_feed(response.body, page.place, settings, response.url)):
            yield replace(item, place=f"{page.place}/{number:04d}")
    elif not page.context["is_list"]:
        where = str(page.context.get("link") or response.url)
        yield parse_post(response.text, page.place, settings.site, settings.frame, where, response.read_at[:10])


def parse_feed(body: bytes, place: str, settings: Settings, where: str) -> Iterator[Item | Reject]:
    """Yields the posts of an RSS feed; the link to the comments is taken off their end."""
    prefix = PREFIX[settings.site]
    for entry in read_entries(body, where):
        guid = entry.guid.rpartition("/")[2]  # feedparser makes an address of it
        if not ID.fullmatch(guid) or not entry.title:
            yield Reject(place, "not a post", (entry.guid or entry.title)[:200])
            continue
        yield Item(
            place=place,
            doc_id=f"{prefix}:{guid}",
            source=settings.site,
            frame=settings.frame,
            title=entry.title,
            text=_DISCUSS.sub("", entry.html),
            url=entry.link,
            authors=entry.authors,
            published_date=entry.published_date,
            text_format="html",
        )


def is_wanted(item: Item, settings: Settings) -> bool:
    """Says whether an item belongs to the frame: all do."""
    return bool(item.doc_id)
