"""Source `arxiv-feed`: what arXiv announces each day in some classes, from its daily feeds, with a ledger of days.

A feed holds one day: papers that are new, cross-listed or replaced. Replacements announce nothing and stay outside. The
ledger says which days of which class were seen, so that a hole in a population by announcement is seen too.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from lxml import etree
from pydantic.dataclasses import dataclass

from pipeline.scrape.arxiv import Query, checked, is_in_query, split_id
from pipeline.scrape.health import Expectation
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.snapshot import Step
from pipeline.scrape.withdrawal import is_withdrawn
from pipeline.settings import STRICT
from pipeline.text.authors import read_authors
from pipeline.web.archive import Page
from pipeline.web.hosts import HostRule, rule_for
from pipeline.web.response import Response, TryAgain
from pipeline.web.safe_xml import parse_xml, text_of
from pipeline.web.session import PoliteSession

NAMES = {"arxiv": "http://arxiv.org/schemas/atom", "dc": "http://purl.org/dc/elements/1.1/"}
ACCEPT = "application/rss+xml, text/xml, */*;q=0.1"
TYPES = ("new", "cross", "replace", "replace-cross")
_HEAD = re.compile(r"^\s*arXiv:(?P<id>\S+)\s+Announce Type:\s*(?P<type>[\w-]+)\s*(?:Abstract:)?\s*", re.I)


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "arxiv-feed"`.

    Attributes:
        classes: the classes whose feeds are read, such as cs.AI.
        query: which of the announced papers belong to the frame.
    """

    kind: str
    frame: str
    classes: tuple[str, ...]
    query: Query = field(default_factory=Query)
    url: str = "https://rss.arxiv.org/rss/"
    seconds_between: float = 3.0
    licence: str = "CC0 1.0 (metadata and abstracts)"
    canaries: tuple[str, ...] = ()
    expect: Expectation = field(default_factory=lambda: Expectation(min_items=0))


def hosts(settings: Settings) -> dict[str, HostRule]:
    """Returns the host that is asked. All arXiv hosts share one pace: their limit counts them together."""
    return rule_for(settings.url, settings.seconds_between, "arxiv")


def plan(settings: Settings, past: Mapping[str, Any] | None, now: str) -> list[str]:
    """Returns what would be asked, one line each."""
    return [f"GET {settings.url}{name}: what is announced today" for name in settings.classes]


def pages(
    settings: Settings, session: PoliteSession, cursor: Mapping[str, Any] | None, past: Mapping[str, Any] | None
) -> Iterator[Step]:
    """Yields the feed of each class. Raises as the session."""
    state = dict(cursor) if cursor else {"todo": list(settings.classes)}
    while state["todo"]:
        name = state["todo"][0]
        response = session.get(f"{settings.url}{name}", accept=ACCEPT, check=check_feed)
        state = {**state, "todo": state["todo"][1:]}
        yield Step(response, {"class": name}, state)


def check_feed(response: Response) -> None:
    """Checks that an answer is a whole feed; one without items is one too, on days without announcements.

    Raises:
        TryAgain: it is none.
    """
    root = parse_xml(response.body, response.url)
    if response.status != 200 or etree.QName(root).localname != "rss" or root.find("channel") is None:
        raise TryAgain(f"not a feed of announcements (status {response.status})")


def parse(page: Page, settings: Settings) -> Iterator[Item | Reject]:
    """Yields the papers of a feed; a replacement has no day of announcement."""
    root = parse_xml(page.response.body, page.response.url)
    day = feed_day(root)
    for number, entry in enumerate(root.iterfind("channel/item")):
        yield _item_from_entry(entry, f"{page.place}/{number:04d}", day, settings.frame)


def is_wanted(item: Item, settings: Settings) -> bool:
    """Says whether an item belongs to the frame: announced as new or cross-listed, and of the query."""
    return bool(item.announced_date) and is_in_query(item, settings.query)


def combine(known: Item, found: Item) -> Item:
    """Joins two announcements of one paper: it counts on its first day, with its latest text."""
    days = [day for day in (known.announced_date, found.announced_date) if day]
    return replace(found, announced_date=min(days, default=""), published_date=known.published_date)


def ledger(pages: Iterable[Page]) -> tuple[str, list[str]]:
    """Returns the ledger of days as CSV (day, class, items by type), and a line for each class with days missing.

    A weekday between the first and the last feed of a class that no feed covers is a hole, or a holiday of arXiv.
    """
    counts: dict[tuple[str, str], Counter[str]] = {}
    for page in pages:
        root = parse_xml(page.response.body, page.response.url)
        day, name = feed_day(root), str(page.context["class"])
        if not day:
            continue
        found = Counter(_announced(entry)[1] for entry in root.iterfind("channel/item"))
        known = counts.setdefault((day, name), Counter())
        known |= found  # a feed asked for twice on one day counts once
    holes = {(day, name) for name in {name for _, name in counts} for day in _missing_days(counts, name)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["day", "class", "total", *TYPES, "is_hole"])
    for day, name in sorted({*counts, *holes}):
        row = counts.get((day, name), Counter())
        is_hole = (day, name) in holes
        writer.writerow([day, name, row.total(), *(row[kind] for kind in TYPES), str(is_hole).lower()])
    by_class = Counter(name for _, name in holes)
    notes = [f"{name}: no feed of {count} weekdays (holes, or holidays)" for name, count in sorted(by_class.items())]
    return text.getvalue(), notes


def feed_day(root: etree._Element) -> str:
    """Returns the day that a feed announces, in its own time zone; nothing if it says none."""
    for path in ("channel/item/pubDate", "channel/pubDate", "channel/lastBuildDate"):
        try:
            return parsedate_to_datetime(text_of(root, path, NAMES)).date().isoformat()
        except (TypeError, ValueError, IndexError):
            continue
    return ""


def _missing_days(counts: Mapping[tuple[str, str], Counter[str]], name: str) -> list[str]:
    seen = sorted(day for (day, found), row in counts.items() if found == name and row.total())
    if not seen:
        return []
    first, last = date.fromisoformat(seen[0]), date.fromisoformat(seen[-1])
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [day.isoformat() for day in days if day.weekday() < 5 and day.isoformat() not in seen]


def _announced(entry: etree._Element) -> tuple[str, str]:
    """Returns the id with its version, and how the paper is announced."""
    head = _HEAD.match(text_of(entry, "description", NAMES))
    name = text_of(entry, "guid", NAMES).removeprefix("oai:arXiv.org:") or (head["id"] if head else "")
    return name, text_of(entry, "arxiv:announce_type", NAMES) or (head["type"].lower() if head else "")


def _item_from_entry(entry: etree._Element, place: str, day: str, frame: str) -> Item | Reject:
    name, kind = _announced(entry)
    arxiv_id, _ = split_id(f"/abs/{name}")
    abstract = _HEAD.sub("", text_of(entry, "description", NAMES))
    if kind not in TYPES:
        return Reject(place, "an announcement of no known type", f"arxiv:{arxiv_id}")
    authors = [author for found in entry.iterfind("dc:creator", NAMES) for author in read_authors(found.text or "")]
    affiliations = tuple(author.affiliation for author in authors)
    return checked(
        Item(
            place=place,
            doc_id=f"arxiv:{arxiv_id}",
            source="arxiv",
            frame=frame,
            title=" ".join(text_of(entry, "title", NAMES).split()),
            text=abstract,
            url=f"https://arxiv.org/abs/{arxiv_id}",
            authors=tuple(author.name for author in authors),
            published_date=_published(arxiv_id, day, kind),
            tags=tuple(dict.fromkeys((found.text or "").strip() for found in entry.iterfind("category"))),
            text_format="latex",
            licence=text_of(entry, "dc:rights", NAMES),
            doi=text_of(entry, "arxiv:DOI", NAMES),
            is_withdrawn=is_withdrawn("", abstract),
            announced_date=day if kind in ("new", "cross") else "",
            affiliations=affiliations if any(affiliations) else (),
        )
    )


def _published(arxiv_id: str, day: str, kind: str) -> str:
    """Returns the day of announcement of a new paper; of another one, the month that its id names."""
    if kind == "new":
        return day
    found = re.match(r"(?:[a-z-]+(?:\.[A-Z]{2})?/)?(\d\d)(\d\d)", arxiv_id)
    if not found:
        return ""
    century = "19" if int(found[1]) >= 91 else "20"
    return f"{century}{found[1]}-{found[2]}"
