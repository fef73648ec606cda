"""Source `arxiv-query`: arXiv papers of a defined query, from the Atom interface.

Windows of the submission date are halved until each stays far below the cap on results; then they are read page by
page, advancing by what came. A later run asks for what was updated since, newest first, and stops at what it knows.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Literal

from lxml import etree
from pydantic.dataclasses import dataclass

from pipeline.errors import ConfigError, FetchError
from pipeline.scrape.arxiv import Query, bounds, checked, is_in_query, search_text, split_id
from pipeline.scrape.health import Expectation
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.snapshot import Step
from pipeline.scrape.withdrawal import is_withdrawn
from pipeline.settings import STRICT
from pipeline.text.authors import Author, clean_names, join_nicknames
from pipeline.web.archive import Page
from pipeline.web.clock import iso_time
from pipeline.web.hosts import HostRule, rule_for
from pipeline.web.response import Response, TryAgain
from pipeline.web.safe_xml import parse_each, parse_xml, text_of
from pipeline.web.session import PoliteSession

NAMES = {
    "atom": "http://www.w3.org/2005/Atom",
    "arxiv": "http://arxiv.org/schemas/atom",
    "open": "http://a9.com/-/spec/opensearch/1.1/",
}
_OPENING = (
    b"<feed "
    + b" ".join(
        (f"xmlns:{key}" if key != "atom" else "xmlns").encode() + b'="' + uri.encode() + b'"'
        for key, uri in {**NAMES, "opensearch": NAMES["open"]}.items()
    )
    + b">"
)
_EMPTY_PAGES = 5  # a page that is empty by mistake heals within a few requests
ACCEPT = "application/atom+xml, text/xml, */*"  # without it the service answers 406
_FORMAT = "%Y%m%d%H%M"


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "arxiv-query"`.

    Attributes:
        max_window_count: windows with more papers are halved; the service fails from 10,000 on.
        robots: "documented API" if the operator's own terms allow what is asked here, although the robots.txt of the
            host, written for crawlers, forbids every address. Without it the file binds, and arXiv's forbids all.
        robots_reason: where those terms stand; printed and archived with every snapshot.
        recheck_days: how far before the last run an update is looked for: papers can be held back that long.
    """

    kind: str
    frame: str
    query: Query
    url: str = "https://export.arxiv.org/api/query"
    seconds_between: float = 3.0
    page_size: int = 200
    max_window_count: int = 5000
    recheck_days: int = 30
    robots: Literal["", "documented API"] = ""
    robots_reason: str = ""
    licence: str = "CC0 1.0 (metadata and abstracts)"
    canaries: tuple[str, ...] = ()
    expect: Expectation = field(default_factory=Expectation)


def hosts(settings: Settings) -> dict[str, HostRule]:
    """Returns the host that is asked. All arXiv hosts share one pace: their limit counts them together."""
    return rule_for(settings.url, settings.seconds_between, "arxiv", exemption(settings.robots, settings.robots_reason))


def exemption(robots: str, reason: str) -> str:
    """Returns why robots.txt does not bind, or nothing where it does.

    Raises:
        ConfigError: it is declared not to bind, and nothing says why.
    """
    if robots and not reason.strip():
        raise ConfigError(
            f"robots = {robots!r} without a reason",
            where="census.toml",
            do="name the operator's terms that allow it under robots_reason, or leave both out",
        )
    return f"{robots}: {reason.strip()}" if robots else ""


def plan(settings: Settings, past: Mapping[str, Any] | None, now: str) -> list[str]:
    """Returns what would be asked, one line each."""
    if past:
        query = search_text(settings.query, *_whole(settings))
        return [f"GET {settings.url} {query}, newest update first, back to {_stop_before(settings, past)}"]
    return [f"GET {settings.url} {search_text(settings.query, *window)}" for window in _months(settings, now)]


def pages(
    settings: Settings, session: PoliteSession, cursor: Mapping[str, Any] | None, past: Mapping[str, Any] | None
) -> Iterator[Step]:
    """Yields validated pages: of every window, or only of updates if `past` knows an earlier run.

    Raises:
        FetchError: the service failed for good.
    """
    begun = iso_time(session.clock.now())
    state = dict(cursor) if cursor else {"windows": _months(settings, begun), "start": 0, "total": None, "begun": begun}
    if past and not cursor:
        state = {**state, "windows": [_whole(settings)], "until_updated": _stop_before(settings, past)}
    while state["windows"]:
        state, step = _read_page(settings, session, state)
        yield step


def parse(page: Page, settings: Settings) -> Iterator[Item | Reject]:
    """Yields the papers of a page."""
    yield from parse_feed(page.response.body, page.place, settings.frame, page.response.url)


def parse_feed(body: bytes, place: str, frame: str, where: str = "") -> Iterator[Item | Reject]:
    """Yields the entries of a feed. An entry that cannot be read is a reject; the others are not lost with it."""
    try:
        entries: list[Any] = parse_xml(body, where).findall("atom:entry", NAMES)
    except TryAgain:
        entries = list(parse_each(body, "entry", _OPENING, where))
    for number, entry in enumerate(entries):
        spot = f"{place}/{number:04d}"
        if isinstance(entry, bytes):
            yield Reject(spot, "damaged XML", entry[:200].decode("utf-8", "replace"))
        else:
            yield _item_from_entry(entry, spot, frame)


def is_wanted(item: Item, settings: Settings) -> bool:
    """Says whether an item belongs to the defined query: the service stems words and reads comments too."""
    return is_in_query(item, settings.query)


class EmptyPage(TryAgain):
    """A page without entries although more were announced; most heal, some never do."""


def check_feed(response: Response) -> None:
    """Checks that an answer is a whole feed.

    Raises:
        TryAgain: it is no feed, ends early, or is empty although there are more results.
        FetchError: the service says that the query is wrong.
    """
    if response.status == 200 and response.body.rstrip().endswith(b"</feed>"):
        try:
            root = parse_xml(response.body, response.url)
        except TryAgain:
            return  # whole but damaged inside: the parser sets the damaged entries aside
    else:
        root = parse_xml(response.body, response.url)
    if etree.QName(root).localname != "feed":
        raise TryAgain("not an Atom feed")
    for entry in root.findall("atom:entry", NAMES):
        if "/api/errors" in text_of(entry, "atom:id", NAMES):
            raise FetchError(
                f"arXiv says: {text_of(entry, 'atom:summary', NAMES)[:200]}",
                where=response.url,
                do="correct [sources.*.query] in census.toml",
            )
    if response.status != 200:
        raise TryAgain(f"status {response.status}")
    total, start = _number(root, "totalResults"), _number(root, "startIndex")
    if total > start and not root.findall("atom:entry", NAMES):
        raise EmptyPage(f"empty page although there are {total - start} more results")


def _patient_check() -> Callable[[Response], None]:
    """Returns a check that takes an empty page for an answer once it has come `_EMPTY_PAGES` times in a row."""
    n_empty = 0

    def check(response: Response) -> None:
        nonlocal n_empty
        try:
            check_feed(response)
        except EmptyPage:
            n_empty += 1
            if n_empty < _EMPTY_PAGES:
                raise

    return check


def _read_page(settings: Settings, session: PoliteSession, state: dict[str, Any]) -> tuple[dict[str, Any], Step]:
    window, start, limit = state["windows"][0], state["start"], state.get("until_updated")
    order = ("lastUpdatedDate", "descending") if limit else ("submittedDate", "ascending")
    params = {
        "search_query": search_text(settings.query, *window),
        "start": str(start),
        "max_results": str(settings.page_size),
        "sortBy": order[0],
        "sortOrder": order[1],
    }
    response = session.get(settings.url, params=params, accept=ACCEPT, check=_patient_check())
    total, items = _facts(response, settings)
    if total > start and not items and b"<entry" in response.body:
        raise FetchError(
            "a page whose entries cannot be told apart", where=response.url, do="run make scrape again later"
        )
    after = {**state}
    if total > start and not items:
        # The service counts more than it has, and says so every time: what came is kept, and the rest is named.
        short = [*state.get("short", []), [f"{window[0]} to {window[1]}", f"{total} announced, {start} given"]]
        after |= {"windows": state["windows"][1:], "start": 0, "total": None, "restarts": 0, "short": short}
        return after, Step(response, {"window": list(window), "start": start}, after)
    if limit and total > 9_000 and start + settings.page_size > 9_000:
        after = {**state, "windows": _months(settings, state["begun"]), "start": 0, "total": None}
        after["until_updated"] = None
    elif not limit and total > settings.max_window_count and (halves := _halve(window)):
        after = {**state, "windows": [*halves, *state["windows"][1:]], "start": 0, "total": None}
    elif start and state["total"] is not None and total != state["total"] and state.get("restarts", 0) < 5:
        # The results moved between two pages, so a paper may have slipped past: read the window again.
        after = {**state, "start": 0, "total": None, "restarts": state.get("restarts", 0) + 1}
    elif start + len(items) >= total or (limit and items and min(items) < limit):
        after = {**state, "windows": state["windows"][1:], "start": 0, "total": None, "restarts": 0}
    else:
        after = {**state, "start": start + len(items), "total": total}
    return after, Step(response, {"window": list(window), "start": start}, after)


def _facts(response: Response, settings: Settings) -> tuple[int, list[str]]:
    """Returns how many results there are, and the date of the last update of each entry, read or not."""
    found = list(parse_feed(response.body, "", settings.frame, response.url))
    try:
        total = _number(parse_xml(response.body, response.url), "totalResults")
    except TryAgain:
        digits = re.search(rb"totalResults>(\d+)<", response.body)
        total = int(digits[1]) if digits else 0
    return total, [item.modified_date if isinstance(item, Item) else "9999" for item in found]


def _item_from_entry(entry: etree._Element, place: str, frame: str) -> Item | Reject:
    arxiv_id, version = split_id(text_of(entry, "atom:id", NAMES))
    comment, abstract = text_of(entry, "arxiv:comment", NAMES), text_of(entry, "atom:summary", NAMES)
    published = text_of(entry, "atom:published", NAMES)
    updated = text_of(entry, "atom:updated", NAMES)
    primary = entry.find("arxiv:primary_category", NAMES)
    terms = [primary.get("term", "")] if primary is not None else []
    terms += [found.get("term", "") for found in entry.findall("atom:category", NAMES)]
    told = [
        Author(text_of(found, "atom:name", NAMES), _affiliation(found)) for found in entry.findall("atom:author", NAMES)
    ]
    authors = join_nicknames(told)
    names = clean_names([author.name for author in authors])
    affiliations = tuple(author.affiliation for author in authors)
    return checked(
        Item(
            place=place,
            doc_id=f"arxiv:{arxiv_id}",
            source="arxiv",
            frame=frame,
            title=" ".join(text_of(entry, "atom:title", NAMES).split()),
            text=abstract,
            url=f"https://arxiv.org/abs/{arxiv_id}",
            authors=names,
            published_date=published,
            tags=tuple(dict.fromkeys(term for term in terms if term)),
            text_format="latex",
            versions=(published,) if version <= 1 else (published, *[""] * (version - 2), updated),
            modified_date=updated,
            doi=text_of(entry, "arxiv:doi", NAMES),
            comment=comment,
            is_withdrawn=is_withdrawn(comment, abstract),
            affiliations=affiliations if any(affiliations) and len(affiliations) == len(names) else (),
        )
    )


def _affiliation(author: etree._Element) -> str:
    return "; ".join(
        " ".join("".join(found.itertext()).split()) for found in author.iterfind("arxiv:affiliation", NAMES)
    )


def _number(root: etree._Element, name: str) -> int:
    value = text_of(root, f"open:{name}", NAMES)
    if not value.isdigit():
        raise TryAgain(f"a feed without {name}")
    return int(value)


def _months(settings: Settings, now: str) -> list[list[str]]:
    """Returns the months of the query until today; each ends where the next begins, since both ends count."""
    start = datetime.fromisoformat(bounds(settings.query)[0])
    tomorrow = datetime.fromisoformat(now[:10]) + timedelta(days=1)
    end = min(datetime.fromisoformat(bounds(settings.query)[1]), tomorrow)
    windows = []
    while start < end:
        following = min(end, (start.replace(day=1) + timedelta(days=32)).replace(day=1))
        windows.append([start.strftime(_FORMAT), following.strftime(_FORMAT)])
        start = following
    return windows


def _halve(window: list[str]) -> list[list[str]]:
    start, end = (datetime.strptime(moment, _FORMAT) for moment in window)
    middle = (start + (end - start) / 2).strftime(_FORMAT)
    return [] if middle in window else [[window[0], middle], [middle, window[1]]]


def _whole(settings: Settings) -> list[str]:
    return [day.replace("-", "") + "0000" for day in bounds(settings.query)]


def _stop_before(settings: Settings, past: Mapping[str, Any]) -> str:
    moment = datetime.fromisoformat(past["begun"]) - timedelta(days=settings.recheck_days)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
