"""Routes: one list of a publisher, in one of several forms, and what a page of it names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass as plain
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from bs4 import BeautifulSoup
from pydantic.dataclasses import dataclass

from pipeline.errors import FetchError
from pipeline.scrape.blog_lists import READERS
from pipeline.scrape.feeds import Entry, read_entries
from pipeline.scrape.links import clean_link, is_following, is_listing, site_of
from pipeline.settings import STRICT
from pipeline.web.response import Response, TryAgain, unpack
from pipeline.web.safe_xml import MAX_XML_BYTES, parse_xml

Layout = Literal["feed", "contents", "cards", "casebook", "substack", "sitemap", "links"]


@plain(frozen=True)
class Form:
    """What a layout is like: a bare one names pages and nothing of them, so that each is asked for."""

    is_bare: bool = False
    has_html: bool = False


LAYOUTS: Mapping[str, Form] = {
    "feed": Form(),
    "contents": Form(has_html=True),
    "cards": Form(has_html=True),
    "casebook": Form(has_html=True),
    "substack": Form(),
    "sitemap": Form(is_bare=True),
    "links": Form(is_bare=True, has_html=True),
}


@dataclass(frozen=True, config=STRICT)
class Route:
    """One list of a publisher.

    Attributes:
        layout: feed (RSS, Atom), contents (a dated list of contents), cards (headings that link, with a date beside
            each), casebook (cases that open in place), substack (`/api/v1/archive`), sitemap, or links (any links).
        page_parameter: of a list in pages, such as WordPress's `paged` or Substack's `offset`; further pages that a
            list of cards or links names itself are followed without it.
        keep_pattern, skip_pattern: regular expressions over links; a link must fit the first and not the second.
        categories: for feeds, only entries in one of these; none given means all.
        fills_from_pages: ask for the page of an entry that has no author or no date.
    """

    url: str
    layout: Layout = "feed"
    page_parameter: str = ""
    keep_pattern: str = ""
    skip_pattern: str = ""
    categories: tuple[str, ...] = ()
    fills_from_pages: bool = False


@plain(frozen=True)
class Listing:
    """What one page of a list names.

    Attributes:
        links: each publication with the date of its last change, where the list has one.
        bare: those of which the list does not say who wrote them, or when.
        following: further pages of the list.
        sitemaps: further sitemaps.
    """

    links: tuple[tuple[str, str], ...]
    bare: frozenset[str] = frozenset()
    following: tuple[str, ...] = ()
    sitemaps: tuple[tuple[str, str], ...] = ()


def read_listing(route: Route, response: Response, page_number: int, *, is_first: bool) -> Listing:
    """Returns what a page of a list names.

    Raises:
        FetchError: the first page names nothing, or nothing that the route keeps.
    """
    if response.status != 200:
        return Listing(())
    read = {"sitemap": _read_sitemap, "links": _read_links}.get(route.layout, _read_entries)
    try:
        listing, n_named = read(route, response, page_number)
    except TryAgain as error:
        raise FetchError(f"the list cannot be read: {error}", where=response.url, do=_EMPTY_ADVICE) from None
    if is_first and not (listing.links or listing.sitemaps) and not (n_named and route.categories):
        raise FetchError(_empty_reason(route, response, n_named), where=response.url, do=_EMPTY_ADVICE)
    return listing


def is_of_route(link: str, categories: tuple[str, ...], route: Route) -> bool:
    """Says whether a route keeps a link, of an entry in some categories."""
    is_kept = bool(re.search(route.keep_pattern, link)) and not (
        route.skip_pattern and re.search(route.skip_pattern, link)
    )
    return is_kept and (not route.categories or bool(set(route.categories) & set(categories)))


_EMPTY_ADVICE = (
    "nothing was taken and what earlier runs brought stays; look at the page, then correct layout, keep_pattern or url"
    " in census.toml"
)


def _empty_reason(route: Route, response: Response, n_named: int) -> str:
    if n_named:
        return f"none of the {n_named} entries of the list fits keep_pattern and skip_pattern"
    is_script = LAYOUTS[route.layout].has_html and len(response.text) and _is_drawn_by_script(response)
    why = "it is drawn by JavaScript" if is_script else f"it is empty, or no longer a list of the form {route.layout!r}"
    return f"the list names no publication: {why}"


def _is_drawn_by_script(response: Response) -> bool:
    soup = BeautifulSoup(response.body, "lxml")
    scripts = soup.find_all("script")
    for part in soup.find_all(["script", "style", "noscript"]):
        part.extract()
    return bool(scripts) and len(soup.get_text(" ", strip=True)) < 500 and not soup.find("a", href=True)


def _read_entries(route: Route, response: Response, page_number: int) -> tuple[Listing, int]:
    """Returns what a list that says something of each publication names, and how many entries it has."""
    read = read_entries if route.layout == "feed" else READERS[route.layout]
    entries = list(read(response.body, response.url))
    kept = [entry for entry in entries if entry.link and is_of_route(entry.link, entry.categories, route)]
    bare = frozenset(entry.link for entry in kept if not entry.authors or not entry.published_date)
    links = tuple((entry.link, entry.published_date) for entry in kept)
    return Listing(links, bare, _following(route, response, entries, page_number)), len(entries)


def _read_sitemap(route: Route, response: Response, page_number: int) -> tuple[Listing, int]:
    """Returns the pages of a sitemap, or the sitemaps of an index, of whatever namespace."""
    root = parse_xml(unpacked(response).lstrip(), response.url)
    found: dict[str, list[tuple[str, str]]] = {"url": [], "sitemap": []}
    for entry in root.iterfind("{*}*"):
        name = str(entry.tag).rpartition("}")[2]
        if name in found:
            link = urljoin(response.url, (entry.findtext("{*}loc") or "").strip())
            found[name].append((link, (entry.findtext("{*}lastmod") or "").strip()))
    own = [pair for pair in found["url"] if site_of(pair[0]) == site_of(route.url)]
    kept = tuple(pair for pair in own if is_of_route(pair[0], (), route) and not _is_the_list(pair[0], route))
    links = tuple(pair for pair in kept if not is_listing(pair[0]))
    sitemaps = tuple(pair for pair in found["sitemap"] if site_of(pair[0]) == site_of(route.url))
    return Listing(links, sitemaps=sitemaps), len(found["url"])


def unpacked(response: Response) -> bytes:
    """Returns a body that may be a packed file, such as sitemap.xml.gz.

    Raises:
        TryAgain: it is damaged or ends early.
        FetchError: it is far too large.
    """
    is_packed = response.body.startswith(b"\x1f\x8b")
    return unpack(response.body, "gzip", response.url, MAX_XML_BYTES) if is_packed else response.body


def _read_links(route: Route, response: Response, page_number: int) -> tuple[Listing, int]:
    soup = BeautifulSoup(response.body, "lxml")
    found = [urljoin(response.url, str(tag["href"]).strip()) for tag in soup.find_all("a", href=True)]
    own = [clean_link(link, keeps_fragment=False) for link in found if site_of(link) == site_of(route.url)]
    articles = [link for link in dict.fromkeys(own) if not is_listing(link) and not _is_the_list(link, route)]
    kept = tuple((link, "") for link in articles if is_of_route(link, (), route))
    return Listing(kept, following=_next_pages(route, own)), len(articles)


def _following(route: Route, response: Response, entries: list[Entry], page_number: int) -> tuple[str, ...]:
    """Returns the further pages of a list of entries: by its parameter, or those that the page itself names."""
    if route.page_parameter and entries:
        value = page_number * len(entries) if route.page_parameter == "offset" else page_number + 1
        return (_with_parameter(route.url, route.page_parameter, str(value)),)
    if not LAYOUTS[route.layout].has_html:
        return ()
    soup = BeautifulSoup(response.body, "lxml")
    return _next_pages(
        route, [urljoin(response.url, str(tag["href"]).strip()) for tag in soup.find_all("a", href=True)]
    )


def _next_pages(route: Route, links: list[str]) -> tuple[str, ...]:
    """Returns the links that are further pages of this list: under its own address."""
    base = urlsplit(route.url).path.rstrip("/")
    own = [link for link in links if site_of(link) == site_of(route.url) and is_following(link)]
    below = [link for link in own if re.sub(r"/page/\d+/?$", "", urlsplit(link).path).rstrip("/") == base]
    first = re.compile(r"(?:/page/|=)1/?$")
    return tuple(link for link in dict.fromkeys(below) if not first.search(link))


def _with_parameter(link: str, name: str, value: str) -> str:
    parts = urlsplit(link)
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode([*pairs, (name, value)]), ""))


def _is_the_list(link: str, route: Route) -> bool:
    return clean_link(link, keeps_fragment=False).rstrip("/") == clean_link(route.url).rstrip("/")
