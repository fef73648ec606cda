"""The Markdown interface of LessWrong and the Alignment Forum: lists of posts, and posts with a head of facts.

A list names each post by a heading that links to it; what its excerpts link to is not on the list. A post is a title,
lines with author, date, karma and tags, the text, and an index of comments.
"""

import re
from urllib.parse import urlsplit

from pipeline.scrape.forum_parse import ID, PREFIX
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.links import link_id
from pipeline.text.authors import clean_names
from pipeline.web.response import Response, TryAgain

_LISTED = re.compile(
    r"^\s{0,3}(?:#{1,6}\s+|[-*+]\s+|\d+\.\s+)?[*_]{0,2}\[(?:\\.|\[[^\]]*\]|[^\[\]\\])*\]"
    r"\(<?(?:https?://[^/)]+)?/(?:api/post|posts)/(?P<name>[\w-]+)(?:/[^)\s>]*)?>?(?:\s+\"[^\"]*\")?\)",
    re.M,
)
_FACT = re.compile(
    r"^\s*(?:[-*+]\s+)?(?:by\s+\[|by\s+\w|karma\b|\d[\d,]*\s+points?\b|tags?:|comments?\b.*:|post url|linkpost\b"
    r"|curated$|frontpage$|personal blog$|sequence:|previous in|next in|mode:|location:|starts:|ends:|\d{4}-\d\d-\d\d"
    r"|-?\d+$|\[[^\]]*\]\(/w/)",
    re.I,
)
_END = re.compile(r"^#{1,6}\s+(?:Top Comments Index|Navigation)\s*$", re.M)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
_DATE = re.compile(r"\b(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?Z?")


def check_markdown(response: Response) -> None:
    """Checks that an answer is text and not a page.

    Raises:
        TryAgain: it is a page, or nothing.
    """
    start = response.body[:500].lstrip().lower()
    if response.status != 200 or not start or start.startswith((b"<!doctype", b"<html")):
        raise TryAgain(f"not markdown (status {response.status})")


def listed_posts(text: str) -> list[str]:
    """Returns the posts that a list names, by slug or id, each once and in order."""
    return list(dict.fromkeys(found["name"] for found in _LISTED.finditer(text)))


def parse_post(text: str, place: str, site: str, frame: str, where: str, read_at: str) -> Item | Reject:
    """Returns the post of a page.

    Args:
        site: lesswrong or alignmentforum.
        where: the address it was asked at, which names it by slug or id.
        read_at: the day the karma was read.
    """
    block = re.match(r"---\n(.*?)\n---\n", text, re.S)
    given: dict[str, str] = dict(re.findall(r"^(\w+):\s*(.+?)\s*$", block[1] if block else "", re.M))
    given = {key.lower(): value.strip("\"'") for key, value in given.items()}
    title, facts, body = _parts(text[block.end() :] if block else text)
    title = given.get("title") or title
    name = urlsplit(where).path.rstrip("/").rpartition("/")[2]
    post_id = _post_id(name, text)
    if not title:
        return Reject(place, "no title", where[:200])
    home = _home(where, post_id or name, name)
    karma = _karma(facts) if not given.get("karma") else _number(given["karma"])
    address = re.search(rf"https?://[^\s)\]]+/posts/{post_id}[^\s)\]]*", facts) if post_id else None
    return Item(
        place=place,
        # A page that does not name the id of its post is known by its address; corpus finds that both are one work.
        doc_id=f"{PREFIX[site]}:{post_id}" if post_id else link_id(home),
        source=site,
        frame=frame,
        title=title,
        text=body,
        url=given.get("url") or (address[0] if address else home),
        authors=_authors(facts) or clean_names([given.get("author", "")]),
        published_date=_date(facts) or given.get("date") or given.get("postedat", ""),
        tags=_tags(facts),
        karma=karma,
        karma_read_date=read_at if karma is not None else "",
        text_format="markdown",
        external_url=_linkpost(facts),
    )


def _parts(text: str) -> tuple[str, str, str]:
    """Returns title, the lines of facts below it, and the text without the index of comments."""
    lines = text.strip().split("\n")
    title = lines[0].lstrip("# ").removeprefix("[Draft] ").strip() if lines else ""
    number = 1
    while number < len(lines) and (not lines[number].strip() or _FACT.match(lines[number])):
        number += 1
    body = "\n".join(lines[number:])
    end = next((found for found in _END.finditer(body)), None)
    return title, "\n".join(lines[1:number]), (body[: end.start()] if end else body).strip()


def _post_id(name: str, text: str) -> str:
    """Returns the id of the post that was asked for by `name`: that itself, or what the page links it to."""
    if ID.fullmatch(name):
        return name
    found = re.search(rf"/posts/([A-Za-z0-9]{{17}}|[0-9a-f]{{24}})/{re.escape(name)}(?![\w-])", text)
    return found[1] if found else ""


def _authors(facts: str) -> tuple[str, ...]:
    line = next((line for line in facts.split("\n") if re.match(r"\s*(?:[-*+]\s+)?by\s", line, re.I)), "")
    linked = [name for name, address in _LINK.findall(line) if "/users/" in address]
    return clean_names(linked or [re.sub(r"^\s*(?:[-*+]\s+)?by\s+", "", line, flags=re.I)] if line else [])


def _date(facts: str) -> str:
    found = _DATE.search(facts)
    return f"{found[1]}T{found[2]}Z" if found else ""


def _karma(facts: str) -> float | None:
    found = re.search(r"(?:karma:\s*|^\s*(?:[-*+]\s+)?)(-?\d[\d,]*)(?:\s+points?)?\s*$", facts, re.I | re.M)
    return _number(found[1]) if found else None


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _tags(facts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name, address in _LINK.findall(facts) if re.search(r"/(?:w|tag)/", address)))


def _linkpost(facts: str) -> str:
    line = next((line for line in facts.split("\n") if "linkpost:" in line.lower()), "")
    return next((address for _, address in _LINK.findall(line)), "")


def _home(where: str, post_id: str, name: str) -> str:
    slug = f"/{name}" if name != post_id else ""
    return f"{where.partition('/api/')[0]}/posts/{post_id}{slug}"
