"""What both arXiv interfaces share: ids, defined queries, withdrawal, and the checks of a record."""

import re
from dataclasses import field
from datetime import UTC, date, datetime, timedelta

from pydantic.dataclasses import dataclass

from pipeline.scrape.item import Item, Reject
from pipeline.settings import STRICT
from pipeline.text.phrase_lists import expand_phrases
from pipeline.text.phrases import holds_phrase

ID = re.compile(r"(?:\d{4}\.\d{4,5}|[a-z][a-z-]*(?:\.[A-Z]{2})?/\d{7})")
_VERSION = re.compile(r"v(\d+)$")
MAX_TITLE_CHARACTERS = 2_000  # the longest arXiv title known is under 400
_DEADLINE_HOUR = 14  # submissions until 14:00 in New York are announced that evening, in the feed of the next day


@dataclass(frozen=True, config=STRICT)
class Query:
    """A defined query: what belongs to the frame, written once and used on either interface.

    Attributes:
        categories: any of these arXiv classes, cross-lists included; none given means all.
        phrases: any of these in title or abstract, by the rule of `pipeline.text.phrases`; none given means all.
            `@core` stands for a list of `pipeline.text.phrase_lists`.
        submitted_from, submitted_before: dates of the first version, YYYY-MM-DD; the second is not included, and
            an empty one is no bound.
        announced_from, announced_before: days of the feed that announces a paper in these classes, new or as a
            cross-list. An interface that does not say it counts the day that the first submission leads to.
    """

    categories: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    submitted_from: str = ""
    submitted_before: str = ""
    announced_from: str = ""
    announced_before: str = ""
    title_only: bool = field(default=False)


def split_id(text: str) -> tuple[str, int]:
    """Returns the id without version, and the version (0 if it names none). The id may be unfit: test it with `ID`."""
    name = text.strip().rpartition("/abs/")[2]
    found = _VERSION.search(name)
    return (name[: found.start()], int(found[1])) if found else (name, 0)


def checked(item: Item) -> Item | Reject:
    """Returns the item, or a reject if its id or title cannot be right."""
    arxiv_id = item.doc_id.removeprefix("arxiv:")
    if not ID.fullmatch(arxiv_id):
        return Reject(item.place, "not an arXiv id", arxiv_id[:200])
    if not item.title:
        return Reject(item.place, "no title", item.doc_id)
    if len(item.title) > MAX_TITLE_CHARACTERS:
        return Reject(item.place, f"title longer than {MAX_TITLE_CHARACTERS:,} characters", item.doc_id)
    return item


def is_in_query(item: Item, query: Query) -> bool:
    """Says whether a paper belongs to the defined query."""
    if query.categories and not set(query.categories) & set(item.tags):
        return False
    first, end = bounds(query)
    is_bounded = bool(query.submitted_from or query.submitted_before)
    if is_bounded and not first <= item.published_date[:10] < end:
        return False
    if query.announced_from or query.announced_before:
        day = item.announced_date or announced_on(item.published_date)
        if not (query.announced_from or "1991-08-01") <= day < (query.announced_before or "2100-01-01"):
            return False
    return not query.phrases or holds_phrase(item.title, "" if query.title_only else item.text, query.phrases)


def announced_on(submitted: str) -> str:
    """Returns the day of the feed that announces a paper submitted at a time (ISO 8601), by arXiv's schedule.

    Submissions until 14:00 in New York are announced that evening from Sunday to Thursday, and stand in the feed of
    the day after: Monday to Friday. Papers held back by moderation and holidays come later than this says.
    """
    try:
        moment = datetime.fromisoformat(submitted)
    except ValueError:
        return submitted[:10]
    if len(submitted) <= 10:
        return submitted
    local = _in_new_york((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC))
    closing: date = local.date() + timedelta(days=local.hour >= _DEADLINE_HOUR)
    while closing.weekday() >= 5:  # what comes on Saturday or Sunday closes on Monday
        closing += timedelta(days=1)
    # Friday's closing is announced on Sunday evening, in the feed of Monday.
    return (closing + timedelta(days=3 if closing.weekday() == 4 else 1)).isoformat()


def _in_new_york(moment: datetime) -> datetime:
    """Returns the time on a clock in New York, by the rule since 2007; no table of time zones need be installed."""
    march, november = datetime(moment.year, 3, 8, 7, tzinfo=UTC), datetime(moment.year, 11, 1, 6, tzinfo=UTC)
    start, end = (day + timedelta(days=(6 - day.weekday()) % 7) for day in (march, november))  # the Sundays
    return moment - timedelta(hours=4 if start <= moment < end else 5)


def bounds(query: Query) -> tuple[str, str]:
    """Returns first and last day of submission, the second not included; arXiv began in August 1991."""
    return query.submitted_from or "1991-08-01", query.submitted_before or "2100-01-01"


def search_text(query: Query, start: str, end: str) -> str:
    """Returns the query in the language of the Atom interface, for first versions from `start` to `end` (YYYYMMDDHHMM).

    Categories are listed one by one: wildcards such as cs.* are not documented for the present parser.
    """
    field_name = "ti" if query.title_only else "all"
    parts = [
        " OR ".join(f"cat:{name}" for name in query.categories),
        " OR ".join(f'{field_name}:"{phrase.rstrip("*")}"' for phrase in expand_phrases(query.phrases)),
    ]
    return " AND ".join([f"({part})" for part in parts if part] + [f"submittedDate:[{start} TO {end}]"])
