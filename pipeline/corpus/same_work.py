"""Same work: whether two records, which look alike or name one another, are one work.

What a source declares comes first. A forum's own cross-post field is believed. A link field (a linkpost's target, the
declared original of a copy, an arXiv record's `doi`) is believed if the title or the text bears it out, or if an author
of what is linked to posted it: what others post under a title of their own is a text about it.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from pipeline.text.identifiers import author_keys, day_gap, is_long_title, title_overlap

_NUMBER = re.compile(
    r"\b(?:\d+\w*|[ivx]+|first|second|third|fourth|fifth|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|introduction|conclusion)\b"
)
_RECURRING = re.compile(
    r"\b(?:meet ?ups?|open thread|welcome thread|weekly|biweekly|monthly|fortnightly|newsletter|reading group"
    r"|rational feed|diary|digest|media thread|quotes|solstice|roundup|round up|links for|stupid questions)\b"
)
SAME_WEEK_DAYS = 7
ANNOUNCED_DAYS = 45  # authors announce a paper under another title within some weeks
REPOST_DAYS = 90
LINKPOST_DAYS = 550  # a paper is linked to within a year and a half, or its date is that of a late version
DIFFERENT_TEXT = 0.12  # two posts that share fewer of their phrases are two texts under one title
NEAR_TEXT = 0.5  # resemblance that settles it under one title
NEAR_DUPLICATE = 0.8  # resemblance that settles it whatever the titles
CLOSE_TEXT = 0.6  # resemblance that settles it under titles that are close
SAME_TEXT = 0.98  # posts of a series that recurs differ in little more than a date
QUOTED_TEXT = 0.3  # resemblance of an abstract and a post that links to it: the post is mostly the abstract
CLOSE_TITLE = 0.5  # share of title words above which two titles may be versions of one
POST_HOSTS = frozenset(["lw", "eaf"])
PAPER_HOSTS = frozenset(["arxiv", "doi", "openreview", "paper"])
DECLARED_BY_AUTHOR = "declared link of an author"


@dataclass(frozen=True)
class Facts:
    """What is compared of a record.

    Attributes:
        ids: canonical ids of the record itself.
        links: canonical addresses it stands at.
        site: the kind of its id.
        title: its key made by `identifiers`.
        names: its authors as they are written.
        published: its date, or empty.
        is_paper: whether it is a paper, not a post.
        twins: ids that the source declares to be the same post on another forum.
        targets: ids and addresses that the source declares it to point to.
    """

    ids: frozenset[str]
    links: frozenset[str]
    site: str
    title: str
    names: tuple[str, ...]
    published: str
    is_paper: bool
    twins: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()

    @cached_property
    def authors(self) -> frozenset[str]:
        """What its authors are recognised by: worked out where it is asked for, since few documents are."""
        return author_keys(self.names)


def points_to(left: Facts, right: Facts) -> bool:
    """Returns whether `left` is declared to point to `right`."""
    return bool(left.targets & (right.ids | right.links))


def is_recurring(title: str) -> bool:
    """Returns whether a title key is of a kind that comes again and again, such as a meetup's or an open thread's."""
    return bool(_RECURRING.search(title))


def same_work_reason(left: Facts, right: Facts, resemblance: float | None, has_long_texts: bool) -> str | None:
    """Returns why two records are one work, or None if they are two. The order of the two does not matter.

    Args:
        left: one record.
        right: the other.
        resemblance: share of their phrases that the two texts have in common, of their beginnings where one is only
            a beginning; None where they cannot be compared (no text, or an abstract and a post that does not name it).
        has_long_texts: whether both whole texts are at hand and long enough to be recognised by alone.
    """
    if left.ids & right.ids:
        return "same id"
    if left.twins & right.ids or right.twins & left.ids:
        return "declared cross-post"
    if not _numbers_agree(left, right):
        return None
    overlap = title_overlap(left.title, right.title)
    if (left.links & right.links or left.targets & right.targets) and overlap >= CLOSE_TITLE:
        return "same link"
    alike = -1.0 if resemblance is None else resemblance
    gap = day_gap(left.published, right.published)
    if points_to(left, right) or points_to(right, left):
        if overlap >= CLOSE_TITLE or alike >= QUOTED_TEXT:
            return "declared link"
        if left.authors & right.authors and (gap is None or gap <= LINKPOST_DAYS):
            return DECLARED_BY_AUTHOR
    if is_recurring(left.title) or is_recurring(right.title):
        is_again = overlap == 1 and alike >= SAME_TEXT and gap is not None and gap <= 1
        return "same title and text" if is_again else None
    if overlap == 1 and alike >= NEAR_TEXT:
        return "same title and text"
    if has_long_texts and alike >= (CLOSE_TEXT if overlap >= CLOSE_TITLE else NEAR_DUPLICATE):
        return "near-duplicate text"
    return _title_reason(left, right, resemblance, gap)


def _title_reason(left: Facts, right: Facts, resemblance: float | None, gap: int | None) -> str | None:
    """What title, author and date say where the texts do not settle it."""
    is_mixed = left.is_paper != right.is_paper
    shares_author = bool(left.authors & right.authors)
    if left.title != right.title:
        is_announced = is_mixed and shares_author and gap is not None and gap <= ANNOUNCED_DAYS
        return "announces the paper" if is_announced and title_overlap(left.title, right.title) >= CLOSE_TITLE else None
    is_unlike = resemblance is not None and resemblance < DIFFERENT_TEXT
    if is_unlike and not left.is_paper and not right.is_paper:
        return None
    if not is_long_title(left.title):
        return "same title, author and week" if shares_author and gap is not None and gap <= SAME_WEEK_DAYS else None
    if is_mixed and (gap is None or gap <= LINKPOST_DAYS):
        return "same title and author" if shares_author else "title of a paper"
    is_in_time = left.is_paper or gap is None or gap <= REPOST_DAYS
    if shares_author:
        return "same title and author" if is_in_time else None
    has_unknown_author = not left.authors or not right.authors
    return "same title, author unknown" if has_unknown_author and left.site != right.site and is_in_time else None


def _numbers_agree(left: Facts, right: Facts) -> bool:
    """Whether neither title has a number or month that the other lacks: a series is told apart by little else."""
    if left.title == right.title:
        return True
    first, second = (set(_NUMBER.findall(item.title)) for item in (left, right))
    return first == second
