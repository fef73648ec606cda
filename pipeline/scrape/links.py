"""Addresses of publications: which two are one, which are lists, and which are translations."""

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from pipeline.web.hosts import host_of

# What a link carries along and what says nothing of the page. Other parameters are part of its identity: ?p=17, ?id=x.
_TRAILING = re.compile(
    r"^(?:utm_\w+|mtm_\w+|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|ref|ref_src|referrer|source|cmpid|via|spm|_hs\w+|share"
    r"|replytocom|nb|amp|output|print)$",
    re.I,
)
_OF_LETTERS = re.compile(
    r"^(?:triedRedirect|isFreemail|publication_id|post_id|r|s|utm_\w+)$"
)  # what Substack's mails add
_PORTS = {"http": ":80", "https": ":443"}
# Places within one page; any other fragment may be an item of its own: one of several notices on a page.
_WITHIN = re.compile(
    r"^(?:|top|main\w*|content\w*|comments?(?:[-_/].*)?|respond|reply.*|more(?:-\d+)?|footnotes?.*|fn\w*|ref\w*|cite.*|disqus\w*"
    r"|:~:.*|atom-.*|rss.*|(?:utm|mtm)_.*|page|nav\w*|header|footer|menu|search|share\w*|subscribe|!|/)$",
    re.I,
)
_LISTING = re.compile(
    r"/(?:page/\d+|(?:categor(?:y|ies)|tags?|topics?|authors?|contributors?|archives?|series|search)(?:/|$)|feed/?$|rss(?:\.xml)?/?$"
    r"|atom(?:\.xml)?$|index\.xml$|(?:about|contact|privacy|terms|login|signup|subscribe|careers|jobs)/?$)",
    re.I,
)
_FOLLOWING = re.compile(r"(?:/page/\d+/?$|[?&](?:\w+_)?(?:page|paged|pg)=\d+(?:&|$))", re.I)
_MEDIA = re.compile(r"\.(?:xml|rss|json|png|jpe?g|gif|svg|webp|ico|css|js|zip|mp[34]|woff2?)$", re.I)
_LANGUAGES = frozenset(
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nb nl no pl pt ro ru sk sl sr sv sw ta"
    " th tl tr uk ur vi zh".split()
)
_LANGUAGE = re.compile(r"^([a-z]{2})(?:[-_](?:[A-Za-z]{2}|[A-Z][a-z]{3}))?$")


def link_id(link: str) -> str:
    """Returns a stable id for an address: its host and a hash of what names the page.

    Scheme, `www.`, a closing slash, `index.html`, tracking parameters and places within the page do not count; other
    parameters and fragments do.
    """
    parts = urlsplit(clean_link(link))
    host = parts.netloc.lower().removeprefix("www.").removesuffix(_PORTS.get(parts.scheme.lower(), ":0"))
    address = f"{host}{_plain_path(parts.path).rstrip('/').removesuffix('/index.html').rstrip('/')}"
    # An address with neither keeps the id that it had before they counted.
    address += f"?{parts.query}" if parts.query else ""
    address += f"#{parts.fragment}" if parts.fragment else ""
    return f"web:{host}:{hashlib.sha256(address.encode()).hexdigest()[:16]}"


def clean_link(link: str, *, keeps_fragment: bool = True) -> str:
    """Returns an address without tracking parameters and without a fragment that is a place within the page."""
    try:
        parts = urlsplit(link.strip())
    except ValueError:  # brackets that are no IPv6 address
        return link.strip()
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    is_letter = parts.path.startswith("/p/")
    kept = sorted(
        (key, value) for key, value in pairs if not _TRAILING.match(key) and not (is_letter and _OF_LETTERS.match(key))
    )
    query = urlencode(kept) if kept else ("" if pairs else parts.query)
    fragment = parts.fragment if keeps_fragment and not _WITHIN.match(parts.fragment) else ""
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, fragment))


def _plain_path(path: str) -> str:
    """Returns a path in which signs that need no escape have none: /%7Eada is /~ada."""
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda found: _unescape(found[0]), path)


def _unescape(escape: str) -> str:
    sign = chr(int(escape[1:], 16))
    return sign if sign.isascii() and (sign.isalnum() or sign in "-._~") else escape.upper()


def site_of(link: str) -> str:
    """Returns the host of an address without `www.`: a sitemap under either names pages under both."""
    return host_of(link).removeprefix("www.")


def move_host(link: str, moved: Mapping[str, str]) -> str:
    """Returns an address at the host that its own has moved to."""
    host = host_of(link)
    return link.replace(f"//{host}", f"//{moved[host]}", 1) if host in moved else link


def is_listing(link: str) -> bool:
    """Says whether an address is that of a list, a feed or a file that is no text, rather than of an article."""
    path = urlsplit(link).path
    return bool(_LISTING.search(path) or _MEDIA.search(path) or _FOLLOWING.search(link))


def is_following(link: str) -> bool:
    """Says whether an address is a further page of a list."""
    return bool(_FOLLOWING.search(link))


def language_of(link: str) -> str:
    """Returns the language that one of the first parts of a path names, or nothing: `/zh-Hans/blog/x`, `/blog/es/x`."""
    for part in unquote(urlsplit(link).path).strip("/").split("/")[:2]:
        found = _LANGUAGE.match(part)
        if found and found[1] in _LANGUAGES:
            return found[1]
    return ""
