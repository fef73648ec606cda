"""Source `arxiv-oai`: arXiv in bulk, by set and by day of modification, filtered afterwards by a defined query.

The format is arXivRaw: it alone has the date of every version and the licence (in the `arXiv` format `created` is the
date of the current version). All errors come with status 200.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, date, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from lxml import etree
from pydantic.dataclasses import dataclass

from pipeline.errors import FetchError
from pipeline.scrape.arxiv import Query, checked, is_in_query
from pipeline.scrape.health import Expectation
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.snapshot import Step
from pipeline.scrape.withdrawal import is_withdrawn
from pipeline.settings import STRICT
from pipeline.text.authors import Author, join_nicknames, read_authors
from pipeline.web.archive import Page
from pipeline.web.clock import iso_time
from pipeline.web.hosts import HostRule, rule_for
from pipeline.web.response import Response, TryAgain
from pipeline.web.safe_xml import parse_each, parse_xml, text_of
from pipeline.web.session import PoliteSession

NAMES = {
    "oai": "http://www.openarchives.org/OAI/2.0/",
    "raw": "http://arxiv.org/OAI/arXivRaw/",
    "arxiv": "http://arxiv.org/OAI/arXiv/",
}
_OPENING = (
    b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
)
ACCEPT = "text/xml, application/xml, */*"
_EARLIEST_DAY = "2005-09-16"  # the service refuses an earlier one
_MAX_RESTARTS = 5


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "arxiv-oai"`.

    Attributes:
        sets: such as cs:cs:AI; cross-lists are in each set, so papers repeat between sets.
        from_date: first day of modification to harvest; a paper cannot be modified before it is submitted.
        window_days: days asked for at once; a window of several pages is read twice, so keep it near one page (1,300).
    """

    kind: str
    frame: str
    query: Query
    sets: tuple[str, ...]
    url: str = "https://oaipmh.arxiv.org/oai"
    from_date: str = _EARLIEST_DAY
    window_days: int = 1
    seconds_between: float = 3.0
    licence: str = "CC0 1.0 (metadata and abstracts)"
    canaries: tuple[str, ...] = ()
    expect: Expectation = field(default_factory=Expectation)


def hosts(settings: Settings) -> dict[str, HostRule]:
    """Returns the host that is asked. All arXiv hosts share one pace: their limit counts them together."""
    return rule_for(settings.url, settings.seconds_between, "arxiv")


def plan(settings: Settings, past: Mapping[str, Any] | None, now: str) -> list[str]:
    """Returns what would be asked, one line each; one request or more for each window of days."""
    state = _fresh(settings, past, now)
    return [
        f"GET {settings.url} ListRecords arXivRaw set={name} from={state['from'][name]} until {now[:10]}"
        for name in settings.sets
    ]


def pages(
    settings: Settings, session: PoliteSession, cursor: Mapping[str, Any] | None, past: Mapping[str, Any] | None
) -> Iterator[Step]:
    """Yields validated pages, set by set and window by window. `past` moves the first day to the last harvest.

    Raises:
        FetchError: the service failed for good.
    """
    state = dict(cursor) if cursor else _fresh(settings, past, iso_time(session.clock.now()))
    while state["todo"]:
        state, step = _read_page(settings, session, state)
        yield step


def parse(page: Page, settings: Settings) -> Iterator[Item | Reject]:
    """Yields the papers of a page."""
    yield from parse_records(page.response.body, page.place, settings.frame, page.response.url)


def parse_records(body: bytes, place: str, frame: str, where: str = "") -> Iterator[Item | Reject]:
    """Yields the records of an answer in either format; a damaged one is a reject and the others stay."""
    try:
        found: list[Any] = parse_xml(body, where).findall(".//oai:record", NAMES)
    except TryAgain:
        found = list(parse_each(body, "record", _OPENING, where))
    for number, record in enumerate(found):
        spot = f"{place}/{number:04d}"
        if isinstance(record, bytes):
            yield Reject(spot, "damaged XML", record[:200].decode("utf-8", "replace"))
        else:
            yield _item_from_record(record, spot, frame)


def is_wanted(item: Item, settings: Settings) -> bool:
    """Says whether an item belongs to the defined query."""
    return is_in_query(item, settings.query)


def check_answer(response: Response) -> None:
    """Checks that an answer is a whole OAI document with records, or one of the errors that mean something to us.

    Raises:
        TryAgain: it is none, or ends early.
        FetchError: the service says that the request is wrong.
    """
    if response.body.rstrip().endswith(b"</OAI-PMH>"):
        try:
            root = parse_xml(response.body, response.url)
        except TryAgain:
            return  # whole but damaged inside: the parser sets the damaged records aside
    else:
        root = parse_xml(response.body, response.url)
    if etree.QName(root).localname != "OAI-PMH":
        raise TryAgain("not an OAI answer")
    for error in root.findall("oai:error", NAMES):
        if error.get("code") not in ("noRecordsMatch", "badResumptionToken"):
            raise FetchError(
                f"arXiv says {error.get('code')}: {''.join(error.itertext())[:200]}",
                where=response.url,
                do="correct sets and dates in census.toml",
            )
    if response.status != 200:
        raise TryAgain(f"status {response.status}")


def check_record(response: Response) -> None:
    """Checks that an answer is one record, or says that there is none.

    Raises:
        TryAgain: it is neither.
        FetchError: the service says that the question is wrong.
    """
    if b"idDoesNotExist" in response.body and response.status == 200:
        root = parse_xml(response.body, response.url)
        if any(error.get("code") == "idDoesNotExist" for error in root.findall("oai:error", NAMES)):
            return
    check_answer(response)
    if b"<record" not in response.body:
        raise TryAgain("neither a record nor an error")


def _fresh(settings: Settings, past: Mapping[str, Any] | None, now: str) -> dict[str, Any]:
    known = past["next_from"] if past else {}
    start = {name: max(known.get(name, settings.from_date), _EARLIEST_DAY) for name in settings.sets}
    # What is modified while the harvest runs is asked for again by the next one: it begins with today.
    following = dict.fromkeys(settings.sets, now[:10])
    first = {"day": start[settings.sets[0]], "token": "", "ids": [], "new_count": 0, "page": 0, "restarts": 0}
    return {"todo": list(settings.sets), "from": start, "today": now[:10], "next_from": following, **first}


def _read_page(settings: Settings, session: PoliteSession, state: dict[str, Any]) -> tuple[dict[str, Any], Step]:
    name, day, last = state["todo"][0], state["day"], _last_day(state["day"], settings.window_days, state["today"])
    params = {"verb": "ListRecords"}
    if state["token"]:
        params["resumptionToken"] = state["token"]
    else:
        params |= {"metadataPrefix": "arXivRaw", "set": name, "from": day, "until": last}
    response = session.get(settings.url, params=params, accept=ACCEPT, check=check_answer)
    error, token, ids = _facts(response)
    fresh_ids = [arxiv_id for arxiv_id in ids if arxiv_id not in set(state["ids"])]
    after = {**state, "page": state["page"] + 1, "new_count": state["new_count"] + len(fresh_ids)}
    if error == "badResumptionToken":
        if state["restarts"] >= _MAX_RESTARTS:
            raise FetchError("resumption tokens keep dying", where=response.url, do="run make scrape again later")
        after |= {"token": "", "page": 0, "restarts": state["restarts"] + 1}
    elif token and token == state["token"]:
        raise FetchError("the service gives the same resumption token again", where=response.url, do="try again later")
    elif token or (after["page"] > 1 and after["new_count"]):
        # A paper modified between two pages leaves this window and moves the others up, so that one may slip past:
        # a window of several pages is read again until a reading brings nothing new.
        again = {} if token else {"page": 0, "new_count": 0}
        after |= {"token": token, "ids": [*state["ids"], *fresh_ids], **again}
    else:
        after |= _next_window(state, last)
    return after, Step(response, {"set": name, "from": day, "until": last}, after)


def _next_window(state: dict[str, Any], last: str) -> dict[str, Any]:
    reset = {"token": "", "ids": [], "new_count": 0, "page": 0, "restarts": 0}
    following = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    if following <= state["today"]:
        return {"day": following, **reset}
    todo = state["todo"][1:]
    return {"todo": todo, "day": state["from"][todo[0]] if todo else state["today"], **reset}


def _last_day(day: str, window_days: int, today: str) -> str:
    return min((date.fromisoformat(day) + timedelta(days=window_days - 1)).isoformat(), max(today, day))


def _facts(response: Response) -> tuple[str, str, list[str]]:
    """Returns error code, next token and the ids, also of a page damaged inside."""
    try:
        roots = [parse_xml(response.body, response.url)]
        token = text_of(roots[0], ".//oai:resumptionToken", NAMES)
        error = roots[0].find("oai:error", NAMES)
    except TryAgain:
        roots = [found for found in _pieces(response, "record") if not isinstance(found, bytes)]
        token = "".join(
            text_of(found, ".", NAMES) for found in _pieces(response, "resumptionToken") if not isinstance(found, bytes)
        )
        error = None
    ids = [found.text or "" for root in roots for found in root.iterfind(".//oai:identifier", NAMES)]
    return "" if error is None else error.get("code", ""), token, ids


def _pieces(response: Response, element: str) -> list[Any]:
    return list(parse_each(response.body, element, _OPENING, response.url))


def _item_from_record(record: etree._Element, place: str, frame: str) -> Item | Reject:
    header = record.find("oai:header", NAMES)
    name = text_of(record, "oai:header/oai:identifier", NAMES).removeprefix("oai:arXiv.org:")
    if header is not None and header.get("status") == "deleted":
        return Reject(place, "deleted by the source", f"arxiv:{name}")
    space = "raw" if record.find(".//raw:arXivRaw", NAMES) is not None else "arxiv"

    def field(tag: str) -> str:
        return text_of(record, f".//{space}:{tag}", NAMES)

    if not field("id") and not field("title"):
        return Reject(place, "a record without metadata", f"arxiv:{name}")
    versions = _versions(record)
    comment, abstract = field("comments"), field("abstract")
    authors = _authors(record) if space == "arxiv" else read_authors(field("authors"))
    affiliations = tuple(author.affiliation for author in authors)
    return checked(
        Item(
            place=place,
            doc_id=f"arxiv:{field('id') or name}",
            source="arxiv",
            frame=frame,
            title=" ".join(field("title").split()),
            text=abstract,
            url=f"https://arxiv.org/abs/{field('id') or name}",
            authors=tuple(author.name for author in authors),
            published_date=versions[0] if versions else field("created"),
            tags=tuple(dict.fromkeys(field("categories").replace(",", " ").split())),
            text_format="latex",
            versions=versions,
            modified_date=versions[-1] if versions else field("updated") or field("created"),
            licence=field("license"),
            doi=field("doi"),
            comment=comment,
            is_withdrawn=is_withdrawn(comment, abstract) or _is_emptied(record),
            affiliations=affiliations if any(affiliations) else (),
        )
    )


def _is_emptied(record: etree._Element) -> bool:
    """Says whether the last version is one that holds nothing: source type I, which arXiv gives to withdrawals."""
    found = [
        (_version_number(version), text_of(version, "raw:source_type", NAMES), text_of(version, "raw:size", NAMES))
        for version in record.iterfind(".//raw:version", NAMES)
    ]
    if not found:
        return False
    _, source_type, size = max(found)
    return "I" in source_type or size.lower() in ("0kb", "0")


def _authors(record: etree._Element) -> tuple[Author, ...]:
    parts = ("forenames", "keyname", "suffix")
    told = [
        Author(
            " ".join(text for part in parts if (text := text_of(author, f"arxiv:{part}", NAMES))),
            "; ".join("".join(found.itertext()).strip() for found in author.iterfind("arxiv:affiliation", NAMES)),
        )
        for author in record.iterfind(".//arxiv:authors/arxiv:author", NAMES)
    ]
    return tuple(join_nicknames(told))


def _version_number(version: etree._Element) -> int:
    number = version.get("version", "v0").removeprefix("v")
    return int(number) if number.isdigit() else 0


def _versions(record: etree._Element) -> tuple[str, ...]:
    """Returns the dates of the versions in the order of their numbers, which need not be that of the file."""
    found = []
    for version in record.iterfind(".//raw:version", NAMES):
        try:
            moment = parsedate_to_datetime(text_of(version, "raw:date", NAMES)).astimezone(UTC)
        except (TypeError, ValueError):
            continue
        found.append((_version_number(version), iso_time(moment.timestamp())))
    return tuple(moment for _, moment in sorted(found))
