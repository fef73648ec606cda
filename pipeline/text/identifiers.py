"""Identity: canonical ids, links, titles and names. Whether two records are one work is decided in `same_work`.

Canonical ids: `arxiv:<id without version>`, `lw:<post id>` (the Alignment Forum shares LessWrong's ids),
`eaf:<post id>`, `doi:<lower case>`, `openreview:<forum id>`. Every function here is idempotent and knows no order.
"""

import re
import unicodedata
from collections.abc import Iterable
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
_NO_NAMES = frozenset("the and jr sr phd md team lab research duplicate".split())
MAX_UNWRAPS = 20  # addresses inside addresses
LONG_TITLE_WORDS = 3
LONG_TITLE_CHARACTERS = 18


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
        # Without the blanks between them, marks may have another order.
        host = unicodedata.normalize("NFC", re.sub(r"\s|\.+$", "", parts.hostname or ""))
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
    try:
        parts = urlsplit(canonicalise_url(url))
    except ValueError:  # a bracket that is no part of an IPv6 address
        return None
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
    return frozenset(key for name in names for key in _name_keys(name))


@lru_cache(maxsize=1 << 16)
def _name_keys(name: str) -> tuple[str, ...]:
    if "," in name:
        name = " ".join(reversed(name.split(",", 1)))
    spread = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    parts = [part for part in re.findall(r"[^\W\d_]+", _fold(spread)) if part not in _NO_NAMES]
    keys = (parts[-1], "".join(parts)) if parts else ()
    return tuple(key for key in keys if len(key) >= 3)


def is_long_title(key: str) -> bool:
    """Whether a title is long enough that two works rarely share it."""
    return len(key.split()) >= LONG_TITLE_WORDS and len(key) >= LONG_TITLE_CHARACTERS


def day_gap(first: str, second: str) -> int | None:
    """Returns the days between two dates of full precision, or None."""
    try:
        return abs((date.fromisoformat(first) - date.fromisoformat(second)).days)
    except ValueError:
        return None


def title_overlap(left: str, right: str) -> float:
    """Returns the share of words that two title keys have in common, 0 to 1 (Jaccard)."""
    first, second = _title_words(left), _title_words(right)
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared) if shared else 0.0


@lru_cache(maxsize=1 << 16)
def _title_words(key: str) -> frozenset[str]:
    return frozenset(key.split())


def _fold(text: str) -> str:
    """Lower case without accents. Twice, since folding can make letters that fold again."""
    if text.isascii():
        return text.lower()
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
