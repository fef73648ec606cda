"""From the answers of a forum to items: posts, whichever query brought them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.scrape.cells import Unreadable, read_day, read_number
from pipeline.scrape.item import Item, Reject
from pipeline.text.formats import TextFormat

ID = re.compile(r"[A-Za-z0-9]{17}|[0-9a-f]{24}")  # the second form: old Alignment Forum posts
PREFIX = {"lesswrong": "lw", "alignmentforum": "lw", "eaforum": "eaf"}
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NAMES = ("displayName", "username")
_OTHER = {"lw": "eaf", "eaf": "lw"}
_HOME = {"lw": "https://www.lesswrong.com", "eaf": "https://forum.effectivealtruism.org"}
MAX_TITLE_CHARACTERS = 2_000  # the sites themselves allow 500
_EAF_LICENCE_SINCE = "2022-12-01"  # what was posted before is not under CC BY


def parse_posts(body: bytes, place: str, site: str, frame: str, read_at: str) -> Iterator[Item | Reject]:
    """Yields the posts of an answer, of `posts` or of `post`.

    Args:
        site: lesswrong, alignmentforum or eaforum.
        read_at: the day the karma was read.
    """
    failed = failed_records(body)
    for number, post in enumerate(_results(body, "post")):
        spot = f"{place}/{number:04d}"
        if number in failed:
            post_id = str(post.get("_id") or "") if isinstance(post, dict) else ""
            yield Reject(spot, f"the site failed to give it: {failed[number]}", f"{PREFIX[site]}:{post_id}")
        elif isinstance(post, dict):
            yield item_from_post(post, spot, site, frame, read_at)
        else:
            yield Reject(spot, "not a post", str(post)[:200])


def is_of_one_record(error: object) -> bool:
    """Says whether an error of GraphQL is about one record of a list: `path` is posts, results, its number, a field."""
    path = error.get("path") if isinstance(error, dict) else None
    return isinstance(path, list) and len(path) > 2 and path[1] == "results" and isinstance(path[2], int)


def failed_records(body: bytes) -> dict[int, str]:
    """Returns the records of an answer that came with an error, by their number, and what the site says of them."""
    answer = json.loads(body)
    errors = answer.get("errors") or () if isinstance(answer, dict) else ()
    return {error["path"][2]: str(error.get("message", ""))[:120] for error in errors if is_of_one_record(error)}


def _results(body: bytes, kind: str) -> list[Any]:
    """Returns the list in an answer; a saved list of posts counts as one."""
    answer = json.loads(body)
    if isinstance(answer, list):
        return answer
    data = answer["data"]
    if f"{kind}s" in data:
        return list((data[f"{kind}s"] or {}).get("results") or [])
    found = (data.get(kind) or {}).get("result")
    return [found] if found else []


def item_from_post(post: Mapping[str, Any], place: str, site: str, frame: str, read_at: str) -> Item | Reject:
    """Returns the item of one post as a forum gives it."""
    post_id, title, prefix = str(post.get("_id") or ""), str(post.get("title") or "").strip(), PREFIX[site]
    if not ID.fullmatch(post_id):
        return Reject(place, "not a post id", post_id[:200])
    if not title or len(title) > MAX_TITLE_CHARACTERS:
        reason = "no title" if not title else f"title longer than {MAX_TITLE_CHARACTERS:,} characters"
        return Reject(place, reason, f"{prefix}:{post_id}")
    if fault := _find_fault(post):
        return Reject(place, fault, f"{prefix}:{post_id}")
    for mark in ("draft", "rejected", "deletedDraft"):
        if post.get(mark):
            return Reject(place, f"marked {mark}", f"{prefix}:{post_id}")
    text, text_format = _body(post)
    crosspost = post.get("fmCrosspost") or {}
    foreign = str(crosspost.get("foreignPostId") or "") if crosspost.get("isCrosspost") else ""
    posted = str(post.get("postedAt") or "")
    posted = posted if _ISO_DAY.match(posted) else read_day(posted)
    return Item(
        place=place,
        doc_id=f"{prefix}:{post_id}",
        source="eaforum"
        if prefix == "eaf"
        else "alignmentforum"
        if post.get("af") or site == "alignmentforum"
        else "lesswrong",
        frame=frame,
        title=title,
        text=text,
        url=_page_url(post, prefix),
        authors=tuple(name for name in map(_name, [post.get("user"), *(post.get("coauthors") or ())]) if name),
        published_date=posted,
        tags=tuple(
            str(tag.get("name") or "") for tag in post.get("tags") or () if isinstance(tag, dict) and tag.get("name")
        ),
        karma=read_number(post.get("baseScore")),
        karma_read_date=read_at if post.get("baseScore") is not None else "",
        text_format=text_format,
        modified_date=str(post.get("modifiedAt") or ""),
        licence="https://creativecommons.org/licenses/by/4.0/"
        if prefix == "eaf" and posted[:10] >= _EAF_LICENCE_SINCE
        else "",
        external_url=str(post.get("url") or post.get("canonicalSource") or ""),
        crosspost_id=f"{_OTHER[prefix]}:{foreign}" if ID.fullmatch(foreign) else "",
        is_crosspost_original=bool(foreign and crosspost.get("hostedHere")),
    )


def _find_fault(post: Mapping[str, Any]) -> str:
    """Returns why a post cannot be read as it stands, or nothing: no value is made into a text of itself."""
    contents, people = post.get("contents") or {}, [post.get("user"), *_items(post.get("coauthors"))]
    texts = [(key, post.get(key)) for key in ("title", "slug", "url", "htmlBody")]
    texts += [(f"{key} of an author", each.get(key)) for each in people if isinstance(each, dict) for key in _NAMES]
    texts += [("name of a tag", tag.get("name")) for tag in _items(post.get("tags")) if isinstance(tag, dict)]
    texts += [(key, contents.get(key)) for key in ("html", "markdown")] if isinstance(contents, dict) else []
    wrong = [key for key, value in texts if not isinstance(value, str | None)]
    wrong += [] if isinstance(contents, dict) else ["contents"]
    wrong += [key for key in ("coauthors", "tags") if not isinstance(post.get(key) or [], list)]
    wrong += ["user"] if not all(isinstance(each, dict | None) for each in people) else []
    wrong += ["tags"] if not all(isinstance(tag, dict | None) for tag in _items(post.get("tags"))) else []
    if wrong:
        return f"{wrong[0]} is of another kind than a post has"
    for key, read in (("postedAt", read_day), ("baseScore", read_number)):
        try:
            read(post.get(key))
        except Unreadable as reason:
            return f"{key} {reason}"
    return ""


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _body(post: Mapping[str, Any]) -> tuple[str, TextFormat]:
    """Returns the text in the best format there is: markdown keeps formulas that HTML has lost."""
    contents = post.get("contents") or {}
    if contents.get("markdown"):
        return str(contents["markdown"]), "markdown"
    html = contents.get("html") or post.get("htmlBody")
    if html:
        return str(html), "html"
    return str(contents.get("plaintextDescription") or ""), "plain"


def _page_url(post: Mapping[str, Any], prefix: str) -> str:
    # The bot mirror of the EA Forum answers with its own addresses.
    found = str(post.get("pageUrl") or "").replace("//forum-bots.", "//forum.")
    return found if found.startswith("https://") else f"{_HOME[prefix]}/posts/{post['_id']}/{post.get('slug') or ''}"


def _name(user: object) -> str:
    return str(user.get("displayName") or user.get("username") or "") if isinstance(user, dict) else ""
