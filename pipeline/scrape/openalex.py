"""Source `openalex`: works of a search in OpenAlex. Optional: it needs a key in the environment."""

import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import date, timedelta
from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.errors import ConfigError, FetchError
from pipeline.scrape.arxiv import ID, split_id
from pipeline.scrape.feeds import plain_title
from pipeline.scrape.health import Expectation
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.snapshot import Step
from pipeline.settings import STRICT
from pipeline.web.archive import Page
from pipeline.web.clock import iso_time
from pipeline.web.hosts import HostRule, rule_for
from pipeline.web.response import Response, TryAgain, read_json
from pipeline.web.session import PoliteSession


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "openalex"`; `filter` and `search` are in the service's own notation."""

    kind: str
    frame: str
    filter: str = ""
    search: str = ""
    url: str = "https://api.openalex.org/works"
    key_variable: str = "OPENALEX_API_KEY"
    page_size: int = 100
    seconds_between: float = 1.0
    licence: str = "CC0 1.0"
    canaries: tuple[str, ...] = ()
    expect: Expectation = field(default_factory=Expectation)


def hosts(settings: Settings) -> dict[str, HostRule]:
    """Returns the host that is asked."""
    return rule_for(settings.url, settings.seconds_between)


def plan(settings: Settings, past: Mapping[str, Any] | None, now: str) -> list[str]:
    """Returns what would be asked, one line each."""
    return [
        f"GET {settings.url} filter={_filter(settings, past)} search={settings.search}, {settings.page_size} a page"
    ]


def pages(
    settings: Settings, session: PoliteSession, cursor: Mapping[str, Any] | None, past: Mapping[str, Any] | None
) -> Iterator[Step]:
    """Yields validated pages of the search; with `past`, of what was created since.

    Raises:
        ConfigError: there is no key.
        FetchError: the service failed for good, or the day's allowance is used up.
    """
    key = os.environ.get(settings.key_variable, "").strip()
    if not key:
        raise ConfigError(
            "is empty", where=f"${settings.key_variable}", do="get a free key, or drop the openalex entry"
        )
    day = iso_time(session.clock.now())[:10]
    state = dict(cursor) if cursor else {"cursor": "*", "filter": _filter(settings, past), "begun": day}
    while state["cursor"]:
        params = {"per_page": str(settings.page_size), "cursor": state["cursor"]}
        params |= {name: value for name, value in (("filter", state["filter"]), ("search", settings.search)) if value}
        secret = {"api_key": key}
        response = session.get(
            settings.url, params=params, secret=secret, accept="application/json", check=check_answer
        )
        answer = json.loads(response.body)
        state = {**state, "cursor": (answer.get("meta") or {}).get("next_cursor") if answer["results"] else None}
        yield Step(response, {}, state)


def parse(page: Page, settings: Settings) -> Iterator[Item | Reject]:
    """Yields the works of a page; abstracts come as positions of words and are put together again."""
    for number, work in enumerate(json.loads(page.response.body)["results"]):
        yield _item_from_work(work, f"{page.place}/{number:04d}", settings)


def _item_from_work(work: Mapping[str, Any], place: str, settings: Settings) -> Item | Reject:
    title = plain_title(str(work.get("title") or work.get("display_name") or ""))
    work_id = str(work.get("id") or "").rpartition("/")[2]
    if not work_id.startswith("W") or not title or len(title) > 2_000:
        return Reject(place, "no id or no fit title", work_id[:200])
    if work.get("is_retracted"):
        return Reject(place, "retracted", f"openalex:{work_id}")
    doi = re.sub(r"^https?://(?:dx\.)?doi\.org/", "", str(work.get("doi") or ""), flags=re.I).lower()
    location = work.get("primary_location") or {}
    own = _arxiv_id(doi, location, *(work.get("locations") or ()))
    people = [entry for entry in work.get("authorships") or () if _name(entry)]
    affiliations = tuple(_institutions(entry) for entry in people)
    orcids = tuple(str(entry["author"].get("orcid") or "").rpartition("/")[2] for entry in people)
    return Item(
        place=place,
        doc_id=f"arxiv:{own}" if own else f"openalex:{work_id}",
        source="arxiv" if own else "openalex",
        frame=settings.frame,
        title=title,
        text=clean_abstract(join_words(work.get("abstract_inverted_index") or {})),
        url=str(location.get("landing_page_url") or work.get("id") or ""),
        authors=tuple(_name(entry) for entry in people),
        published_date=str(work.get("publication_date") or ""),
        tags=tuple(str(topic.get("display_name") or "") for topic in work.get("topics") or ()),
        modified_date=str(work.get("updated_date") or ""),
        licence=str(location.get("license") or ""),
        doi=doi,
        affiliations=affiliations if any(affiliations) else (),
        orcids=orcids if any(orcids) else (),
    )


def _arxiv_id(doi: str, *locations: object) -> str:
    """Returns the id of the arXiv paper that a work is, by its DOI or by any place where it stands; without version."""
    found = re.fullmatch(r"10\.48550/arxiv\.(.+?)(?:v\d+)?", doi)
    if found:
        return split_id(f"/abs/{found[1]}")[0]
    for location in locations:
        link = (
            str(location.get("landing_page_url") or location.get("pdf_url") or "") if isinstance(location, dict) else ""
        )
        named = re.search(r"arxiv\.org/(?:abs|pdf)/([^?#\s]+?)(?:\.pdf)?/?$", link, re.I)
        if named and ID.fullmatch(split_id(f"/abs/{named[1]}")[0]):
            return split_id(f"/abs/{named[1]}")[0]
    return ""


def _name(entry: Mapping[str, Any]) -> str:
    author = entry.get("author") or {}
    return " ".join(str(author.get("display_name") or entry.get("raw_author_name") or "").split())


def _institutions(entry: Mapping[str, Any]) -> str:
    found = [
        str(place.get("display_name") or "") for place in entry.get("institutions") or () if isinstance(place, dict)
    ]
    return "; ".join(dict.fromkeys(name for name in found if name))


def clean_abstract(text: str) -> str:
    """Returns an abstract without the tags of its publisher (`<jats:p>`) and without the heading "Abstract"."""
    text = " ".join(html.unescape(re.sub(r"</?(?:jats:|mml:)?[a-z][\w:]*(?:\s[^<>]*)?/?>", " ", text)).split())
    return re.sub(r"^(?:abstract|summary)\b[\s:.\u2014-]*(?=[A-Z])", "", text, flags=re.I)


def join_words(positions: Mapping[str, list[int]]) -> str:
    """Returns the text of an inverted index."""
    return " ".join(word for _, word in sorted((place, word) for word, places in positions.items() for place in places))


def check_answer(response: Response) -> None:
    """Checks that an answer has results.

    Raises:
        TryAgain: it is not JSON or lacks them.
        FetchError: the service refuses the key or the question.
    """
    answer = read_json(response)
    if response.status in (400, 401, 404):
        message = str(answer.get("message", answer) if isinstance(answer, dict) else answer)[:200]
        raise FetchError(f"OpenAlex says: {message}", where=response.url, do="correct the key or the entry")
    if response.status != 200 or not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise TryAgain(f"an answer without results (status {response.status})")


def is_wanted(item: Item, settings: Settings) -> bool:
    """Says whether an item belongs to the frame: all that the search brings does."""
    return bool(item.doc_id)


def _filter(settings: Settings, past: Mapping[str, Any] | None) -> str:
    # Works are often indexed weeks after they appear; a filter by the day of indexing is not in the free plan.
    since = f"from_publication_date:{date.fromisoformat(past['begun']) - timedelta(days=60)}" if past else ""
    return ",".join(part for part in (settings.filter, since) if part)
