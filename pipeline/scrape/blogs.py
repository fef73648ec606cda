"""Source `blog`: what a lab, think tank or institute publishes, from one or several of its own lists.

A publisher has routes: a feed, an index page, a sitemap, an archive in pages. What they name is one list, each
publication once. Only title, date, authors, link and summary are taken: the texts belong to their publishers.

A list that names nothing is a failure. A page that cannot be had is set aside with its reason, and asked for again by
the next run; it keeps nothing else out. What was seen once stays: a feed shows the newest few only.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic.dataclasses import dataclass

from pipeline.errors import ChallengeError, FetchError
from pipeline.scrape.blog_lists import READERS
from pipeline.scrape.blog_pages import check_html, lacks_end, other_than_page, read_article, stand_in_for_article
from pipeline.scrape.blog_routes import LAYOUTS, Layout, Listing, Route, is_of_route, read_listing, unpacked
from pipeline.scrape.feeds import Entry, check_feed, read_entries
from pipeline.scrape.health import Expectation
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.links import clean_link, language_of, link_id, move_host, site_of
from pipeline.scrape.snapshot import Step
from pipeline.settings import STRICT
from pipeline.web.archive import Page
from pipeline.web.hosts import HostRule, host_of, rule_for
from pipeline.web.response import Response, TryAgain, accept_repeated, read_json
from pipeline.web.session import PoliteSession

MAX_LIST_PAGES = 200
_NO_ARTICLE = "no article is there"
MAX_FAILURES_IN_A_ROW = 5  # then the site is down, not a page: the rest is left for the next run
_PAGE_ATTEMPTS = 4  # for one article among many; a list has as many as the session allows
_ACCEPT = {
    "feed": "application/rss+xml, application/atom+xml, application/xml, text/xml, */*;q=0.1",
    "substack": "application/json",
    "html": "text/html, application/xhtml+xml, */*;q=0.1",
}


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "blog"`: one route, or several under `routes`.

    Attributes:
        site: name of the blog, used as the source of its documents.
        organisation: who publishes it, by the name in `pipeline/text/organisations.toml`.
        url, layout, page_parameter, keep_pattern, skip_pattern, categories, fills_from_pages: the only route (`Route`).
        routes: several lists of one publisher, which are read as one.
        moved_from: hosts where the blog was before; a publication there is the same as here.
        language: publications whose address names another language are translations and stay outside.
    """

    kind: str
    frame: str
    site: str
    organisation: str = ""
    url: str = ""
    layout: Layout = "feed"
    page_parameter: str = ""
    keep_pattern: str = ""
    skip_pattern: str = ""
    categories: tuple[str, ...] = ()
    fills_from_pages: bool = False
    routes: tuple[Route, ...] = ()
    moved_from: tuple[str, ...] = ()
    language: Literal["en", "de", "fr", "es", "zh", "ja", ""] = "en"
    seconds_between: float = 5.0
    licence: str = "all rights reserved: title, link and summary only"
    canaries: tuple[str, ...] = ()
    expect: Expectation = field(default_factory=Expectation)


def routes_of(settings: Settings) -> tuple[Route, ...]:
    """Returns the lists of a publisher.

    Raises:
        FetchError: the entry names none.
    """
    own = Route(
        url=settings.url,
        layout=settings.layout,
        page_parameter=settings.page_parameter,
        keep_pattern=settings.keep_pattern,
        skip_pattern=settings.skip_pattern,
        categories=settings.categories,
        fills_from_pages=settings.fills_from_pages,
    )
    found = (*([own] if settings.url else []), *settings.routes)
    if not found:
        raise FetchError("names no url and no routes", where=f"blog {settings.site}", do="add one in census.toml")
    return found


def hosts(settings: Settings) -> dict[str, HostRule]:
    """Returns the hosts that are asked, with and without `www.`; links to others are noted and not followed."""
    rules: dict[str, HostRule] = {}
    for route in routes_of(settings):
        scheme, host = urlsplit(route.url).scheme, host_of(route.url)
        twin = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
        is_name = re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", host)
        for name in (host, twin) if is_name else (host,):
            rules |= rule_for(f"{scheme}://{name}/", settings.seconds_between, site_of(route.url))
    return rules


def probes(settings: Settings) -> list[Settings]:
    """Returns each route as an entry of its own, for `--probe`."""
    return [replace(settings, url="", routes=(route,)) for route in routes_of(settings)]


def plan(settings: Settings, past: Mapping[str, Any] | None, now: str) -> list[str]:
    """Returns what would be asked, one line each."""
    known = f", {len(past['known'])} links known" if past else ""
    failed = f"; then {len(past['failed'])} pages that could not be had" if past and past.get("failed") else ""
    return [f"GET {route.url} ({route.layout}{known}){failed}" for route in routes_of(settings)]


def pages(
    settings: Settings, session: PoliteSession, cursor: Mapping[str, Any] | None, past: Mapping[str, Any] | None
) -> Iterator[Step]:
    """Yields validated pages: every list, and the articles that are new or changed since `past`, or failed then.

    Raises:
        FetchError: the only list, or every list, failed for good or names nothing.
    """
    state = dict(cursor) if cursor else _fresh(settings, past)
    while state["todo"]:
        state, step = (_read_article if state["todo"][0][0] == "article" else _read_list)(settings, session, state)
        yield step


def parse(page: Page, settings: Settings) -> Iterator[Item | Reject]:
    """Yields the publications of a page."""
    kind, layout, where = page.context["kind"], page.context["layout"], page.response.url
    asked = str(page.context.get("link") or where)
    if page.response.status != 200 or (kind == "article" and other_than_page(page.response)):
        if kind == "article":
            reason = other_than_page(page.response) if page.response.status == 200 else f"status {page.response.status}"
            yield Reject(page.place, reason, asked)
        return
    entries: list[Entry | None]
    if kind == "article":
        found = read_article(page.response.body, where)
        entries = [replace(found, link=asked) if found else None]
    elif layout == "feed":
        entries = list(read_entries(page.response.body, where))
    else:
        entries = list(READERS[layout](page.response.body, where)) if layout in READERS else []
    for number, entry in enumerate(entries):
        spot = f"{page.place}/{number:04d}"
        if entry is None or not entry.title or not entry.link:
            yield Reject(spot, "no title or link", (entry.title if entry else "") or asked)
        else:
            yield _item_from_entry(entry, spot, settings)


def is_wanted(item: Item, settings: Settings) -> bool:
    """Says whether an item belongs to the frame: one of the routes keeps it, and it is no translation."""
    if settings.language and language_of(item.url) not in ("", settings.language):
        return False
    return any(is_of_route(item.url, item.tags, route) for route in routes_of(settings))


def forget(past: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a full run still knows: the pages that failed, which no list may name any more."""
    return {"known": {}, "failed": past.get("failed") or {}}


def combine(known: Item, found: Item) -> Item:
    """Joins what two lists, or two snapshots, say of one publication: the later one, and what only the other knows."""
    later = {
        name: getattr(known, name)
        for name in ("authors", "published_date", "tags", "text")
        if getattr(known, name) and not getattr(found, name)
    }
    if known.published_date.startswith(found.published_date):  # a day says more than its month
        later["published_date"] = known.published_date
    if not known.is_opening and found.is_opening and known.text:  # a whole text says more than a summary
        later |= {"text": known.text, "is_opening": False, "text_format": known.text_format}
    return replace(found, **later)


def _fresh(settings: Settings, past: Mapping[str, Any] | None) -> dict[str, Any]:
    todo: list[Any] = [["index", route.url, "", number, 1] for number, route in enumerate(routes_of(settings))]
    moved = _moves(settings)
    known = {move_host(link, moved): stamp for link, stamp in (past["known"] if past else {}).items()}
    failed = {move_host(link, moved): why for link, why in (past.get("failed") or {} if past else {}).items()}
    todo += [["article", link, stamp, number, 0] for link, (_, _, stamp, number) in sorted(failed.items())]
    todo = _in_order([step for step in todo if step[3] < len(routes_of(settings))], failed)
    return {
        "known": known,
        "failed": failed,
        "todo": todo,
        "listed": 0,
        "read": 0,
        "short": [],
        "streak": 0,
        "pages": 0,
    }


def _moves(settings: Settings) -> dict[str, str]:
    return dict.fromkeys(settings.moved_from, host_of(routes_of(settings)[0].url))


def _read_list(settings: Settings, session: PoliteSession, state: dict[str, Any]) -> tuple[dict[str, Any], Step]:
    kind, link, _, number, page_number = state["todo"][0]
    route = routes_of(settings)[number]
    after = {**state, "todo": state["todo"][1:], "pages": state.get("pages", 0) + 1}
    if after["pages"] > MAX_LIST_PAGES:
        raise FetchError(f"the lists have more than {MAX_LIST_PAGES} pages", where=route.url, do="report it")
    layout = "feed" if route.layout == "sitemap" else route.layout
    try:
        response = session.get(
            link, accept=_ACCEPT.get(layout, _ACCEPT["html"]), check=accept_repeated(_check(route, page_number > 1))
        )
        listing = read_listing(route, response, page_number, is_first=kind == "index" and page_number == 1)
    except ChallengeError:
        raise
    except FetchError as error:
        if len(routes_of(settings)) == 1 and page_number == 1 and kind == "index":
            raise
        short = [*state.get("short", []), [link, f"{error.what}; {error.where[:200]}"]]
        if not any(step[0] != "article" for step in after["todo"]) and not state.get("read"):
            raise
        after["short"] = short
        return after, Step(None, {}, after)
    after |= _after_list(settings, route, number, page_number, listing, state, after["todo"])
    return after, Step(response, {"kind": kind, "layout": route.layout, "link": link, "route": number}, after)


def _after_list(
    settings: Settings,
    route: Route,
    number: int,
    page_number: int,
    listing: Listing,
    state: Mapping[str, Any],
    todo: list[list[Any]],
) -> dict[str, Any]:
    """Returns what to ask after a page of a list: the pages behind it, and the articles that are new or changed."""
    moved, known, is_bare = _moves(settings), dict(state["known"]), LAYOUTS[route.layout].is_bare
    found = {move_host(clean_link(link, keeps_fragment=not is_bare), moved): stamp for link, stamp in listing.links}
    is_new = any(link not in known for link in found)
    asked = {step[1] for step in todo}
    lists = [["sitemap", link, stamp, number, 1] for link, stamp in listing.sitemaps if link not in asked]
    seen = {*state.get("lists", [route.url]), *asked}
    if is_new or page_number == 1:  # the pages behind one that brings nothing new are known too
        following = [link for link in dict.fromkeys(listing.following) if link not in seen]
        lists += [["index", link, "", number, page_number + 1] for link in following]
    unknown = {link for link in found if is_bare and known.get(link) != found[link]}
    if route.fills_from_pages:
        bare = {move_host(clean_link(link), moved) for link in listing.bare}
        unknown |= {link for link in bare if f"page {link}" not in known}
    own = {site_of(other.url) for other in routes_of(settings)}
    articles = [
        ["article", link, stamp, number, 0]
        for link, stamp in found.items()
        if link in unknown and site_of(link) in own and link not in asked
    ]
    return {
        "known": known if is_bare else {**known, **found},
        "todo": _in_order([*lists, *todo, *articles], state["failed"]),
        "lists": sorted({*seen, *(step[1] for step in lists)}),
        "listed": state.get("listed", 0) + (len(found) if page_number == 1 else 0),
        "read": state.get("read", 0) + 1,
    }


def _in_order(todo: list[Any], failed: Mapping[str, Any]) -> list[Any]:
    """Returns lists before articles, and those articles last that failed most often: a bad one keeps no other out."""
    return sorted(todo, key=lambda step: (step[0] == "article", (failed.get(step[1]) or ["", 0])[1]))


def _read_article(settings: Settings, session: PoliteSession, state: dict[str, Any]) -> tuple[dict[str, Any], Step]:
    _, link, stamp, number, _ = state["todo"][0]
    after = {**state, "todo": state["todo"][1:]}
    count = (state["failed"].get(link) or ["", 0])[1]
    try:
        if state.get("streak", 0) >= MAX_FAILURES_IN_A_ROW:
            raise FetchError(f"not asked for: {MAX_FAILURES_IN_A_ROW} pages in a row failed", where=link)
        check = _check_article(link, is_endless=bool(state.get("endless")))
        response = session.get(link, accept=_ACCEPT["html"], check=check, max_attempts=_PAGE_ATTEMPTS)
    except ChallengeError:
        raise
    except FetchError as error:
        is_asked = not error.what.startswith("not asked for")
        is_down = is_asked and not error.what.startswith(("robots.txt of", "the host", "redirects", _NO_ARTICLE))
        after["failed"] = {**state["failed"], link: [error.what, count + is_asked, stamp, number]}
        after["streak"] = state.get("streak", 0) + is_down
        if not is_asked and not any(entry[0] == "the rest" for entry in state.get("short", [])):
            after["short"] = [*state.get("short", []), ["the rest", error.what]]
        return after, Step(None, {}, after)
    after["failed"] = {name: why for name, why in state["failed"].items() if name != link}
    layout = routes_of(settings)[number].layout
    key = link if LAYOUTS[layout].is_bare else f"page {link}"
    after |= {"streak": 0, "known": {**state["known"], key: stamp}}
    if response.status == 200 and not other_than_page(response):
        after["endless"] = bool(state.get("endless")) or lacks_end(response.body)
    context = {"kind": "article", "layout": layout, "link": link, "route": number}
    return after, Step(response, context, after)


def _check(route: Route, is_later: bool) -> Callable[[Response], None]:
    """Returns the check of a page of a list; behind the last page a site may answer 404."""

    def check(response: Response) -> None:
        if route.layout == "substack":
            if not isinstance(read_json(response), list) or response.status != 200:
                raise TryAgain(f"not a list of posts (status {response.status})")
        elif route.layout == "sitemap" and response.body.startswith(b"\x1f\x8b"):
            unpacked(response)
        elif route.layout in ("feed", "sitemap"):
            check_feed(response)
        else:
            check_html(response)
        if response.status != 200 and not is_later:
            raise FetchError(
                f"the list is gone (status {response.status})",
                where=route.url,
                do="see where the publisher keeps it now, and correct the entry in census.toml",
            )

    return check


def _check_article(link: str, *, is_endless: bool) -> Callable[[Response], None]:
    """Returns the check of an article; what is no page at all is an answer, and becomes a reject.

    What a site gives in the place of an article is a failure: it may be there again next time.

    Args:
        link: what is asked for.
        is_endless: whether pages of this site are known to lack their end tags.
    """
    patient = accept_repeated(check_html, 1 if is_endless else 3)

    def check(response: Response) -> None:
        if response.status != 200 or not other_than_page(response):
            patient(response)
            if response.status == 200 and (given := stand_in_for_article(response, link)):
                raise FetchError(f"{_NO_ARTICLE}: {given}", where=link)

    return check


def _item_from_entry(entry: Entry, place: str, settings: Settings) -> Item | Reject:
    if len(entry.title) > 2_000:  # no blog title known is over 300 characters
        return Reject(place, "title longer than 2,000 characters", entry.link[:200])
    link = move_host(entry.link, _moves(settings))
    is_own = site_of(link) in {site_of(route.url) for route in routes_of(settings)}
    return Item(
        place=place,
        doc_id=link_id(link),
        source=settings.site,
        frame=settings.frame,
        title=entry.title,
        text=entry.html,
        url=clean_link(link),
        authors=entry.authors,
        published_date=entry.published_date,
        tags=entry.categories,
        text_format="html",
        is_opening=entry.is_summary,
        external_url="" if is_own else link,
        organisation=settings.organisation if is_own else "",
    )
