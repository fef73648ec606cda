"""Identity: canonical ids and links, and whether two records that look alike are one work.

Canonical ids: `arxiv:<id without version>`, `lw:<post id>` (the Alignment Forum shares LessWrong's ids),
`eaf:<post id>`, `doi:<lower case>`, `openreview:<forum id>`. Every function here is idempotent and knows no order.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

HOST_ALIASES = {
    "alignmentforum.org": "lesswrong.com",
    "lesserwrong.com": "lesswrong.com",
    "greaterwrong.com": "lesswrong.com",
    "ea.greaterwrong.com": "forum.effectivealtruism.org",
    "forum-bots.effectivealtruism.org": "forum.effectivealtruism.org",
    "effective-altruism.com": "forum.effectivealtruism.org",
    "export.arxiv.org": "arxiv.org",
    "ar5iv.org": "arxiv.org",
    "ar5iv.labs.arxiv.org": "arxiv.org",
    "alphaxiv.org": "arxiv.org",
    "dx.doi.org": "doi.org",
    "twitter.com": "x.com",
    "old.reddit.com": "reddit.com",
}
_TRACKING = re.compile(
    r"^(?:utm_\w+|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|ref|ref_src|referrer|source|cmpid|via|spm|_hsenc|_hsmi"
    r"|commentid)$",
    re.IGNORECASE,
)
_ARCHIVE = re.compile(r"^https?://web\.archive\.org/web/\d+[a-z_*]*/(.+)$", re.IGNORECASE | re.DOTALL)
_ARXIV = re.compile(r"(?P<new>\d{4}\.\d{4,5})|(?P<archive>[a-z-]+)(?:\.[A-Za-z]{2})?/(?P<old>\d{7})")
_POST = re.compile(r"^/(?:posts|events)/([A-Za-z0-9]{17}|[0-9a-f]{24})(?:/|$)")
_NESTED_POST = re.compile(r"^/(?:s|g)/[A-Za-z0-9]+/p/([A-Za-z0-9]{17}|[0-9a-f]{24})(?:/|$)")
_MAKERS = r"(?:google deepmind|deepmind|gdm|openai|anthropic|redwood research|apollo research|miri|metr|uk aisi|oa)"
_TITLE_MARK = re.compile(
    r"^\W*(?:(?:link|cross|x)[\s-]?post(?:ed)?|(?:new )?(?:paper|report|preprint)|blog post|repost|link)\b\s*"
    r"(?:from [^:\])]*)?[:\])-]+|^" + _MAKERS + r"\s*:\s*"
    r"|[\[(]\s*(?:link|cross|x)[\s-]?post(?:ed)?[^\])]*[\])]\W*$"
    r"|\W*[\[({](?:link|paper|video|draft|extended abstract|abstract reprint|by [^\])}]*)[\])}]\W*$"
    r"|\s*(?:[|(\[{]|\s[-\u2013\u2014])\s*"
    + _MAKERS
    + r"\s*[)\]}]?\s*$|(?<=[\"\u201d])\s*,\s*[A-Z]\w+ et al\.? \d{4}\s*$",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\b(?:\d+\w*|[ivx]+|first|second|third|fourth|fifth|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|introduction|conclusion)\b"
)
_RECURRING = re.compile(
    r"\b(?:meet ?ups?|open thread|welcome thread|weekly|biweekly|monthly|fortnightly|newsletter|reading group"
    r"|rational feed|diary|digest|media thread|quotes|solstice|roundup|round up|links for|stupid questions)\b"
)
_NO_NAMES = frozenset("the and jr sr phd md team lab research duplicate".split())
MAX_UNWRAPS = 20  # addresses inside addresses
LONG_TITLE_WORDS = 3
LONG_TITLE_CHARACTERS = 18
SAME_WEEK_DAYS = 7
ANNOUNCED_DAYS = 45  # authors announce a paper under another title within some weeks
REPOST_DAYS = 90
LINKPOST_DAYS = 550  # a paper is linked to within a year and a half, or its date is that of a late version
DIFFERENT_TEXT = 0.12  # two posts that share fewer of their phrases are two texts under one title
NEAR_TEXT = 0.5  # resemblance that settles it under one title
NEAR_DUPLICATE = 0.8  # resemblance that settles it whatever the titles
CLOSE_TEXT = 0.6  # resemblance that settles it under titles that are close
SAME_TEXT = 0.98  # posts of a series that recurs differ in little more than a date
CLOSE_TITLE = 0.5  # share of title words above which two titles may be versions of one
POST_HOSTS = frozenset(["lw", "eaf"])
PAPER_HOSTS = frozenset(["arxiv", "doi", "openreview", "paper"])


@dataclass(frozen=True)
class Facts:
    """What is compared of a record: canonical ids, canonical addresses, title key, author keys, date."""

    ids: frozenset[str]
    links: frozenset[str]
    site: str
    title: str
    authors: frozenset[str]
    published: str
    is_paper: bool


@lru_cache(maxsize=1 << 16)
def canonicalise_url(url: str) -> str:
    """Returns one spelling of an address: https, no `www.`, aliases, tracking, fragment or closing slash.

    Copies in the web archive and forum redirects are replaced by the address they stand for.
    """
    url = unicodedata.normalize("NFC", url).strip()
    for _ in range(MAX_UNWRAPS):
        simpler = _simplify_url(url)
        if simpler == url:
            break
        url = simpler
    return url


def _simplify_url(url: str) -> str:
    """One pass: unwraps one archive or redirect, then writes what is left in one way."""
    wrapped = _ARCHIVE.match(url)
    url = wrapped.group(1) if wrapped else _redirect_target(url) or url
    if not re.match(r"^[a-z][a-z0-9+.-]*:", url, re.IGNORECASE):
        url = f"https://{url.lstrip('/')}" if url else ""
    try:
        parts = urlsplit(url)
        host = re.sub(r"\s|\.+$", "", parts.hostname or "")
    except ValueError:  # brackets that are no IPv6 address
        return url
    if parts.scheme.lower() not in ("http", "https") or not host:
        return url
    host = re.sub(r"^(?:(?:www\d?|m|mobile)\.)+(?=[^.]+\.)", "", host)
    host = HOST_ALIASES.get(host, host)
    path = quote(unquote(parts.path, errors="replace"), safe="/~:@!$&'()*+,;=-._")
    path = re.sub(r"(?:/(?:index\.(?:html?|php)|amp)?)+$", "", re.sub(r"/{2,}", "/", path))
    query = sorted((key, value) for key, value in parse_qsl(parts.query) if not _TRACKING.match(key))
    return f"https://{host}{path.rstrip('/')}" + (f"?{urlencode(query)}" if query else "")


def id_from_url(url: str) -> str | None:
    """Returns the canonical id that an address names, or None for an address that is not of a known kind."""
    url = canonicalise_url(url)
    parts = urlsplit(url) if "[" not in url else urlsplit("")
    host, path = parts.netloc, unquote(parts.path)
    if host == "arxiv.org":
        found = _ARXIV.search(path)
        return canonical_id(f"arxiv:{found.group(0)}") if found else None
    if host in ("lesswrong.com", "forum.effectivealtruism.org"):
        found_post = _POST.match(path) or _NESTED_POST.match(path)
        return f"{'lw' if host == 'lesswrong.com' else 'eaf'}:{found_post.group(1)}" if found_post else None
    if host == "doi.org" and path.startswith("/10."):
        return canonical_id(f"doi:{path[1:]}")
    if host == "openreview.net":
        forum = dict(parse_qsl(parts.query)).get("id")
        return f"openreview:{forum}" if forum else None
    return None


@lru_cache(maxsize=1 << 16)
def canonical_id(doc_id: str) -> str:
    """Returns one spelling of an id: no version, no class in old arXiv ids, `lw` for `af`, arXiv for its DOI."""
    kind, colon, value = unicodedata.normalize("NFC", doc_id).strip().partition(":")
    kind, value = kind.lower(), value.strip()
    if not colon:
        return unicodedata.normalize("NFC", doc_id).strip()
    if kind == "doi":
        value = value.lower()
        own = re.fullmatch(r"10\.48550/arxiv\.(.+)", value)
        kind, value = ("arxiv", own.group(1)) if own else (kind, value)
    if kind == "arxiv":
        found = _ARXIV.search(value)
        if found:
            value = found["new"] or f"{found['archive']}/{found['old']}"
    return f"{'lw' if kind == 'af' else kind}:{value}"


def title_key(title: str) -> str:
    """Returns the words of a title in lower case, without accents, signs, and marks such as "[Linkpost]"."""
    for _ in range(4):
        bare = _TITLE_MARK.sub("", title)
        if bare == title or len(re.findall(r"\w+", bare)) < 2:
            break
        title = bare
    title = re.sub(r"\$|\\(?:textit|textbf|emph|text)\b", "", title).replace("&", " and ")
    return " ".join(re.findall(r"\w+", re.sub("['\u2019]", "", _fold(title))))


def author_keys(names: Iterable[str]) -> frozenset[str]:
    """Returns what authors are recognised by: surname and whole name, also of handles such as `Ada_Lovelace`."""
    keys: set[str] = set()
    for name in names:
        if "," in name:
            name = " ".join(reversed(name.split(",", 1)))
        spread = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
        parts = [part for part in re.findall(r"[^\W\d_]+", _fold(spread)) if part not in _NO_NAMES]
        if parts:
            keys |= {parts[-1], "".join(parts)}
    return frozenset(key for key in keys if len(key) >= 3)


def is_long_title(key: str) -> bool:
    """Whether a title is long enough that two works rarely share it."""
    return len(key.split()) >= LONG_TITLE_WORDS and len(key) >= LONG_TITLE_CHARACTERS


def day_gap(first: str, second: str) -> int | None:
    """Returns the days between two dates of full precision, or None."""
    try:
        return abs((date.fromisoformat(first) - date.fromisoformat(second)).days)
    except ValueError:
        return None


def same_work_reason(left: Facts, right: Facts, resemblance: float | None, has_long_texts: bool) -> str | None:
    """Returns why two records are one work, or None if they are two. The order of the two does not matter.

    Args:
        left: one record.
        right: the other.
        resemblance: share of their phrases that the two texts have in common, of their beginnings where one is only
            a beginning; None where they cannot be compared (no text, or an abstract beside a post).
        has_long_texts: whether both whole texts are at hand and long enough to be recognised by alone.
    """
    if left.ids & right.ids:
        return "same id"
    if not _numbers_agree(left, right):
        return None
    overlap = title_overlap(left.title, right.title)
    if left.links & right.links and overlap >= CLOSE_TITLE:
        return "same link"
    alike = -1.0 if resemblance is None else resemblance
    gap = day_gap(left.published, right.published)
    if _RECURRING.search(left.title) or _RECURRING.search(right.title):
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


def title_overlap(left: str, right: str) -> float:
    """Returns the share of words that two title keys have in common, 0 to 1 (Jaccard)."""
    first, second = set(left.split()), set(right.split())
    return len(first & second) / len(first | second) if first and second else 0.0


def _numbers_agree(left: Facts, right: Facts) -> bool:
    """Whether neither title has a number or month that the other lacks: a series is told apart by little else."""
    if left.title == right.title:
        return True
    first, second = (set(_NUMBER.findall(item.title)) for item in (left, right))
    return first == second


def _fold(text: str) -> str:
    """Lower case without accents. Twice, since folding can make letters that fold again."""
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in text if not unicodedata.combining(char))


def _redirect_target(url: str) -> str | None:
    """The address behind a forum's or a search engine's outgoing link."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        query = dict(parse_qsl(parts.query))
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    if parts.path == "/out" and host in (*HOST_ALIASES, *HOST_ALIASES.values()):
        return query.get("url")
    return query.get("q") or query.get("url") if host == "google.com" and parts.path == "/url" else None
