"""What both arXiv interfaces share: ids, defined queries, withdrawal, and the checks of a record."""

import re
from dataclasses import field

from pydantic.dataclasses import dataclass

from pipeline.config import STRICT
from pipeline.scrape.item import Item, Reject

ID = re.compile(r"(?:\d{4}\.\d{4,5}|[a-z][a-z-]*(?:\.[A-Z]{2})?/\d{7})")
_VERSION = re.compile(r"v(\d+)$")
_WITHDRAWN = re.compile(
    r"\b(?:this|the)\s+(?:paper|article|submission|manuscript)\s+(?:has|have|is|was)\s+(?:been\s+)?withdrawn", re.I
)
MAX_TITLE_CHARACTERS = 2_000  # the longest arXiv title known is under 400


@dataclass(frozen=True, config=STRICT)
class Query:
    """A defined query: what belongs to the frame, written once and used on either interface.

    Attributes:
        categories: any of these arXiv classes, cross-lists included; none given means all.
        phrases: any of these in title or abstract, whole words, case ignored; none given means all.
            A trailing * stands for any ending.
        submitted_from, submitted_before: dates of the first version, YYYY-MM-DD; the second is not included, and
            an empty one is no bound.
    """

    categories: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    submitted_from: str = ""
    submitted_before: str = ""
    title_only: bool = field(default=False)


def split_id(text: str) -> tuple[str, int]:
    """Returns the id without version, and the version (0 if it names none). The id may be unfit: test it with `ID`."""
    name = text.strip().rpartition("/abs/")[2]
    found = _VERSION.search(name)
    return (name[: found.start()], int(found[1])) if found else (name, 0)


def is_withdrawn(comment: str, abstract: str) -> bool:
    """Says whether comment or abstract state that the paper was taken back."""
    return bool(_WITHDRAWN.search(comment) or _WITHDRAWN.match(abstract.strip()))


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
    text = " ".join((item.title if query.title_only else f"{item.title} {item.text}").split())
    return not query.phrases or any(_pattern(phrase).search(text) for phrase in query.phrases)


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
        " OR ".join(f'{field_name}:"{phrase.rstrip("*")}"' for phrase in query.phrases),
    ]
    return " AND ".join([f"({part})" for part in parts if part] + [f"submittedDate:[{start} TO {end}]"])


def _pattern(phrase: str) -> re.Pattern[str]:
    words = r"[\s-]+".join(re.escape(word) for word in phrase.rstrip("*").split())
    return re.compile(rf"\b{words}{'' if phrase.endswith('*') else chr(92) + 'b'}", re.I)
