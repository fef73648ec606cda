"""Reading the page of an article: whether it is one, and what it says about itself."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from bs4.element import Tag

from pipeline.scrape.blog_lists import line_of
from pipeline.scrape.feeds import Entry, plain_title
from pipeline.scrape.links import is_listing
from pipeline.scrape.page_dates import page_date
from pipeline.text.authors import clean_names
from pipeline.web.response import EndsEarly, Response, TryAgain, refuse_dense

_OPENING_PARAGRAPHS = 3
MAX_HTML_TAGS, MAX_HTML_BYTES = 100_000, 12 * 2**20  # the largest articles known have 5 MB
_ARTICLE_TYPES = ("blogposting", "article", "newsarticle", "scholarlyarticle", "techarticle", "report", "webpage")
_PAGE_TYPES = ("", "text/html", "application/xhtml+xml", "text/plain", "application/octet-stream")
_DATE_NAMES = (
    "citation_publication_date",
    "citation_date",
    "citation_online_date",
    "article:published_time",
    "og:article:published_time",
    "datepublished",
    "date",
    "dc.date",
    "dcterms.date",
    "dc.date.issued",
    "dcterms.created",
    "publish-date",
    "parsely-pub-date",
    "sailthru.date",
)

MAX_HEAD_BYTES = 65_536  # of a page, in which its title stands
# Where sites send readers who may not read, and what they call a page that is not there.
_GATE = re.compile(
    r"/(?:log-?in|sign-?(?:in|up)|account|auth\w*|consent|captcha|subscribe|paywall|404|not-?found)(?:/|\.|$)", re.I
)
_NOT_FOUND = re.compile(
    r"(?:error\s*:?\s*)?(?:404|410)(?:\s*(?:error|[.:!-])*\s*(?:page|file|post)?\s*(?:was\s+)?(?:not\s+found|gone))?[.!]?"
    r"|(?:oops\W+|sorry\W+)?(?:(?:the|this|that|your)\s+)?(?:requested\s+)?(?:page|post|article|content|file|url)\s+(?:was\s+|is\s+|could\s+)?"
    r"(?:not\s+(?:be\s+)?found|no\s+longer\s+(?:exists|available)|does\s*n[o\u2019']t\s+exist|unavailable)[.!]?"
    r"|(?:not|nothing)\s+found[.!]?|log\s?in|sign\s?in|access\s+denied|just\s+a\s+moment[.\u2026]*|attention\s+required[.!]?",
    re.I,
)


def check_html(response: Response) -> None:
    """Checks that an answer is a whole page; a page that is gone (404, 410) is an answer too.

    Raises:
        FetchError: it is far larger than any article.
        EndsEarly: it has no end tag, which HTML allows: if it comes the same again, it is whole.
        TryAgain: it is none.
    """
    if response.status in (404, 410):
        return
    refuse_dense(response.body, (b"<",), MAX_HTML_TAGS, MAX_HTML_BYTES, response.url)
    if response.status != 200 or b"<" not in response.body[:1000]:
        raise TryAgain(f"not a page (status {response.status})")
    if lacks_end(response.body):
        raise EndsEarly("the page has no end")


def lacks_end(body: bytes) -> bool:
    """Says whether a page lacks its end tag, which HTML lets it."""
    return not re.search(rb"</(?:html|body)\s*>", body[-2000:], re.I)


def other_than_page(response: Response) -> str:
    """Returns what an answer is that is no page of HTML, such as a PDF, or nothing."""
    start, kind = response.body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n"), response.header("content-type").partition(";")[0]
    if start.startswith(b"%PDF"):
        return "a PDF, not a page"
    if start.startswith((b"PK\x03\x04", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff", b"GIF8")):
        return f"a file ({kind.strip() or 'no type named'}), not a page"
    is_other = kind.strip().lower() not in (
        "",
        "text/html",
        "application/xhtml+xml",
        "text/plain",
        "application/octet-stream",
    )
    return f"{kind.strip()}, not a page" if is_other and not re.match(rb"<(?:!doctype|html)", start, re.I) else ""


def stand_in_for_article(response: Response, asked: str) -> str:
    """Returns what a site gave in the place of an article, with status 200, or nothing: its front page or a form."""
    given = urlsplit(response.url).path.rstrip("/")
    if given != urlsplit(asked).path.rstrip("/") and (not given or _GATE.search(given) or is_listing(response.url)):
        return f"sent on to {response.url}"
    found = BeautifulSoup(response.body[:MAX_HEAD_BYTES], "lxml")
    title = re.split(r"\s+[|\u2013\u2014\u00b7:-]\s+", " ".join(line_of(found.title).split()))[0]
    return f'a page that says "{title}"' if _NOT_FOUND.fullmatch(title) else ""


def read_article(body: bytes, where: str) -> Entry | None:
    """Returns what an article says about itself, or nothing if it names no title."""
    soup = BeautifulSoup(body, "lxml")
    data = _linked_data(soup)
    title = (
        _text(data.get("headline"))
        or _meta(soup, "citation_title", "og:title", "twitter:title")
        or line_of(soup.title)
        or line_of(soup.find("h1"))
    )
    if not title:
        return None
    summary = _meta(soup, "citation_abstract", "description", "og:description")
    return Entry(
        title=plain_title(title),
        link=_text(data.get("url")) or _canonical(soup) or where,
        guid="",
        published_date=_date(soup, data),
        authors=_authors(soup, data),
        html=html.escape(summary, quote=False) if summary else _opening(soup),
        is_summary=True,
        categories=(),
    )


def _date(soup: BeautifulSoup, data: dict[str, Any]) -> str:
    """Returns the first date that can be read of those a page gives, from the clearest to the least clear."""
    stamps = [str(tag.get("datetime") or tag.get("content") or "") for tag in soup.select("[itemprop=datePublished]")]
    stamps += [str(tag["datetime"]) for tag in soup.select("time[datetime]")]
    shown = [line_of(tag) for tag in soup.select(".published div, [class*=date], time, .published")]
    named = [_text(data.get("datePublished")), *(_meta(soup, name) for name in _DATE_NAMES)]
    return next((date for text in (*named, *stamps, *shown[:20]) if (date := page_date(text))), "")


def _authors(soup: BeautifulSoup, data: dict[str, Any]) -> tuple[str, ...]:
    citation = [str(tag.get("content") or "") for tag in soup.find_all("meta", attrs={"name": "citation_author"})]
    bylines = soup.select("div.d-byline span.author, d-byline span.author, [itemprop=author], [rel=author]")
    named = [
        str(tag.get("content") or "") for tag in soup.find_all("meta", attrs={"name": re.compile("^author$", re.I)})
    ]
    for names in (_linked_authors(data), citation, [line_of(tag) for tag in bylines], named):
        if found := clean_names(names):
            return found
    return ()


def _linked_data(soup: BeautifulSoup) -> dict[str, Any]:
    """Returns what the page says of its article as linked data; a block that is not JSON says nothing."""
    found = [entry for script in soup.find_all("script", type="application/ld+json") for entry in _blocks(script)]
    kinds = {kind: entry for entry in reversed(found) for kind in _kinds(entry)}
    return next((kinds[kind] for kind in _ARTICLE_TYPES if kind in kinds), {})


def _blocks(script: Tag) -> Iterator[dict[str, Any]]:
    text = script.string or ""
    for attempt in (text, re.sub(r",\s*([}\]])", r"\1", text)):  # a comma before a closing bracket is a common slip
        try:
            data = json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
        graph = data.get("@graph", [data]) if isinstance(data, dict) else data
        yield from (entry for entry in (graph if isinstance(graph, list) else []) if isinstance(entry, dict))
        return


def _kinds(entry: dict[str, Any]) -> list[str]:
    kinds = entry.get("@type")
    return [str(kind).lower() for kind in (kinds if isinstance(kinds, list) else [kinds])]


def _linked_authors(data: dict[str, Any]) -> list[str]:
    author = data.get("author")
    found = author if isinstance(author, list) else [author] if author else []
    return [_text(entry.get("name") if isinstance(entry, dict) else entry) for entry in found]


def _text(value: object) -> str:
    value = value[0] if isinstance(value, list) and value else value
    return value.strip() if isinstance(value, str) else ""


def _meta(soup: BeautifulSoup, *names: str) -> str:
    for name in names:
        for attribute in ("name", "property"):
            tag = soup.find("meta", attrs={attribute: re.compile(f"^{re.escape(name)}$", re.I)})
            if isinstance(tag, Tag) and str(tag.get("content", "")).strip():
                return str(tag["content"]).strip()
    return ""


def _canonical(soup: BeautifulSoup) -> str:
    tag = soup.find("link", rel="canonical")
    return str(tag.get("href", "")) if isinstance(tag, Tag) and str(tag.get("href", "")).startswith("http") else ""


def _opening(soup: BeautifulSoup) -> str:
    body = soup.select_one("article, main, d-article, dt-article") or soup.body
    paragraphs = body.find_all("p") if body else []
    return "".join(str(paragraph) for paragraph in paragraphs[:_OPENING_PARAGRAPHS])
