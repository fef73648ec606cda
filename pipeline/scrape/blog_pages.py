"""Reading blog pages: dated lists of contents, and what an article says about itself."""

import html
import json
import re
from datetime import datetime
from urllib.parse import urljoin

from bs4 import BeautifulSoup
from bs4.element import Tag

from pipeline.scrape.feeds import Entry
from pipeline.web.response import Response, TryAgain, refuse_dense

_MONTH_FORMATS = ("%B %Y", "%b %Y", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y")
_OPENING_PARAGRAPHS = 3
MAX_HTML_TAGS, MAX_HTML_BYTES = 100_000, 12 * 2**20  # the largest articles known have 5 MB
_ARTICLE_TYPES = ("BlogPosting", "Article", "NewsArticle", "ScholarlyArticle", "TechArticle")


def check_html(response: Response) -> None:
    """Checks that an answer is a whole page; a page that is gone (404, 410) is an answer too.

    Raises:
        FetchError: it is far larger than any article.
        TryAgain: it is none, or ends early.
    """
    if response.status in (404, 410):
        return
    refuse_dense(response.body, (b"<",), MAX_HTML_TAGS, MAX_HTML_BYTES, response.url)
    if (
        response.status != 200
        or b"<" not in response.body[:1000]
        or not re.search(rb"</(?:html|body)>", response.body[-2000:], re.I)
    ):
        raise TryAgain(f"not a whole page (status {response.status})")


def read_contents(body: bytes, where: str) -> list[Entry]:
    """Returns the entries of a dated list of contents (`div.toc`: dates and links in turn)."""
    soup, entries, month = BeautifulSoup(body, "lxml"), [], ""
    for part in soup.select("div.toc > *"):
        classes = list(part.get("class") or [])
        if "date" in classes:
            month = page_date(part.get_text(" ", strip=True))
        elif part.name == "a" and part.get("href"):
            heading, byline, summary = (part.select_one(css) for css in ("h3", ".byline", ".description"))
            entries.append(
                Entry(
                    title=_line(heading),
                    link=urljoin(where, str(part["href"]).strip()),
                    guid="",
                    published_date=month,
                    authors=_byline(_line(byline)),
                    html=html.escape(_line(summary), quote=False),
                    is_summary=True,
                    categories=(),
                )
            )
    return entries


def read_article(body: bytes, where: str) -> Entry | None:
    """Returns what an article says about itself, or nothing if it names no title."""
    soup = BeautifulSoup(body, "lxml")
    data = _linked_data(soup)
    title = (
        str(data.get("headline") or "")
        or _meta(soup, "citation_title", "og:title", "twitter:title")
        or _line(soup.title)
    )
    date = str(data.get("datePublished") or "") or _meta(soup, "citation_date", "article:published_time", "date")
    if not date and (stamp := soup.select_one("time[datetime]")) is not None:
        date = str(stamp["datetime"])
    if not date:
        date = _line(soup.select_one(".published div, .date, time"))
    summary = _meta(soup, "citation_abstract", "description", "og:description")
    if not title:
        return None
    text = html.escape(summary, quote=False) if summary else _opening(soup)
    authors = (
        _linked_authors(data)
        or tuple(
            str(tag.get("content", "")).strip() for tag in soup.find_all("meta", attrs={"name": "citation_author"})
        )
        or tuple(_line(tag) for tag in soup.select("div.d-byline span.author"))
    )
    return Entry(
        title=" ".join(html.unescape(title).split()),
        link=str(data.get("url") or "") or _canonical(soup) or where,
        guid="",
        published_date=page_date(date),
        authors=authors,
        html=text,
        is_summary=True,
        categories=(),
    )


def page_date(text: str) -> str:
    """Returns a date written for readers as ISO 8601, as precise as it is; nothing if it is none."""
    text = " ".join(text.split())
    if found := re.match(r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?(?!\d)", text):
        return "-".join(part.zfill(2) for part in found.groups() if part)
    for layout in _MONTH_FORMATS:
        try:
            moment = datetime.strptime(text, layout)
        except ValueError:
            continue
        return moment.strftime("%Y-%m-%d" if "%d" in layout else "%Y-%m")
    return ""


def _byline(text: str) -> tuple[str, ...]:
    """Returns the names of a byline; "Gurnee et al., 2025" names the first."""
    text = re.sub(r",?\s*\d{4}$", "", text)
    text = re.sub(r"\s+et al\.?$", "", text)
    return tuple(name.strip() for name in re.split(r",\s*(?:and\s+)?|\s+and\s+|\s+&\s+", text) if name.strip())


def _linked_data(soup: BeautifulSoup) -> dict[str, object]:
    for script in soup.find_all("script", type="application/ld+json"):
        try:
            data = json.loads(script.string or "")
        except ValueError:
            continue
        graph = data.get("@graph", [data]) if isinstance(data, dict) else data
        for entry in graph if isinstance(graph, list) else []:
            if isinstance(entry, dict) and entry.get("@type") in _ARTICLE_TYPES:
                return entry
    return {}


def _linked_authors(data: dict[str, object]) -> tuple[str, ...]:
    author = data.get("author")
    found = author if isinstance(author, list) else [author] if author else []
    return tuple(str(entry.get("name", "") if isinstance(entry, dict) else entry) for entry in found)


def _meta(soup: BeautifulSoup, *names: str) -> str:
    for name in names:
        for attribute in ("name", "property"):
            tag = soup.find("meta", attrs={attribute: name})
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


def _line(tag: Tag | None) -> str:
    return " ".join(tag.get_text(" ", strip=True).split()) if tag is not None else ""
