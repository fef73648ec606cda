"""Source `forum`: posts of LessWrong, the Alignment Forum and the EA Forum, from their GraphQL interface.

Pages follow the time of posting and begin with the last time seen, so that posts deleted meanwhile move nothing; where
a page holds one single time, the offset grows, and each page must begin with a post already known. A later run asks
for posts since the last one and for posts modified since then.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from pipeline.errors import ChallengeError, ConfigError, FetchError
from pipeline.scrape.forum_parse import failed_records, is_of_one_record, parse_posts
from pipeline.scrape.forum_query import Dialect, comments_query, post_query, posts_query
from pipeline.scrape.health import Expectation
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.snapshot import Step
from pipeline.settings import STRICT
from pipeline.web.archive import Page
from pipeline.web.clock import iso_time
from pipeline.web.hosts import HostRule, rule_for
from pipeline.web.response import Response, TryAgain, read_json
from pipeline.web.session import PoliteSession

ACCEPT = "application/json, */*;q=0.1"
MAX_OFFSET = 2000  # beyond it the service answers "Exceeded maximum value for skip"


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "forum"`.

    Attributes:
        site: which forum the ids belong to; Alignment Forum posts are LessWrong posts with a mark.
        dialect: how the service wants its terms: selector (LessWrong, Alignment Forum) or terms (EA Forum).
        tag_id: only posts with this tag; empty for all.
        after, before: time of posting; the first is included, the second is not.
        access_header_variable: environment variable that holds "Name: value", a header that the site gave you.
        has_comments: whether comments are archived too (one request more for each post that has any).
    """

    kind: str
    frame: str
    site: Literal["lesswrong", "alignmentforum", "eaforum"]
    url: str
    dialect: Dialect = "selector"
    tag_id: str = ""
    after: str = "2005-01-01T00:00:00Z"
    before: str = ""
    karma_threshold: int = 1
    page_size: int = 50
    seconds_between: float = 3.0
    access_header_variable: str = "CENSUS_FORUM_HEADER"
    has_comments: bool = False
    licence: str = "authors keep their rights; for research, not for republication"
    canaries: tuple[str, ...] = ()
    expect: Expectation = field(default_factory=Expectation)


def hosts(settings: Settings) -> dict[str, HostRule]:
    """Returns the host that is asked."""
    return rule_for(settings.url, settings.seconds_between)


def plan(settings: Settings, past: Mapping[str, Any] | None, now: str) -> list[str]:
    """Returns what would be asked, one line each; further pages follow from the answers."""
    starts = [(phase, _fresh(settings, past, now)["after"][phase]) for phase in _fresh(settings, past, now)["phases"]]
    end = settings.before or now
    return [
        f"POST {settings.url} posts with {phase} from {after} to {end}, {settings.page_size} a page"
        for phase, after in starts
    ]


def pages(
    settings: Settings, session: PoliteSession, cursor: Mapping[str, Any] | None, past: Mapping[str, Any] | None
) -> Iterator[Step]:
    """Yields validated pages: all posts, or those posted and those modified since `past`.

    Raises:
        FetchError: the service failed for good, or more posts share one moment than it can list.
    """
    state = dict(cursor) if cursor else _fresh(settings, past, iso_time(session.clock.now()))
    while state["phases"] or state["comments"] or state.get("again"):
        read = _read_posts if state["phases"] else _read_comments if state["comments"] else _read_again
        state, step = read(settings, session, state)
        yield step


def parse(page: Page, settings: Settings) -> Iterator[Item | Reject]:
    """Yields the posts of a page; a page of comments has none."""
    if page.context.get("phase") == "comments":
        return
    read_at = page.response.read_at[:10]
    yield from parse_posts(page.response.body, page.place, settings.site, settings.frame, read_at)


def is_wanted(item: Item, settings: Settings) -> bool:
    """Says whether an item belongs to the frame: all that the query brings does."""
    return bool(item.doc_id)


def check_answer(response: Response) -> None:
    """Checks that an answer is JSON with data and without errors.

    Raises:
        TryAgain: it is not JSON, ends early, or is an internal failure.
        FetchError: the service says that the question is wrong.
        UnknownFieldError: it does not know one field of the question.
    """
    answer = read_json(response)
    if not isinstance(answer, dict):
        raise TryAgain("not an answer of GraphQL")
    errors = answer.get("errors") or ()
    unknown = [name for error in errors if (name := unknown_field(message_of(error)))]
    if unknown:
        raise UnknownFieldError(*dict.fromkeys(unknown))
    for error in errors:
        if is_of_one_record(error) and answer.get("data"):
            continue  # the others are whole; the parser sets this one aside
        message = message_of(error)
        do = "report it" if "maximum value for skip" in message else "correct the entry in census.toml"
        raise FetchError(f"the service says: {message}", where=response.url, do=do)
    data = answer.get("data")
    lists = [part.get("results") for part in data.values() if isinstance(part, dict)] if isinstance(data, dict) else []
    if response.status != 200 or not lists or not all(isinstance(found, list) for found in lists):
        raise TryAgain(f"an answer without results (status {response.status})")


class UnknownFieldError(Exception):
    """The service does not know some fields; the arguments are their names, and it is asked again without them."""


def message_of(error: object) -> str:
    """Returns what an error of GraphQL says."""
    return str(error.get("message", error) if isinstance(error, dict) else error)[:200]


def unknown_field(message: str) -> str:
    """Returns the field that an error of validation names, or nothing."""
    head, _, rest = message.partition('Cannot query field "')
    return rest.partition('"')[0] if rest and not head.strip() else ""


def _fresh(settings: Settings, past: Mapping[str, Any] | None, now: str) -> dict[str, Any]:
    start = {"postedAt": settings.after}
    if past:
        start = {"postedAt": past["last_posted"] or settings.after, "modifiedAt": past["begun"]}
    first = {"offset": 0, "until": "", "tail": [], "comments": [], "without": list(past["without"]) if past else []}
    first |= {"again": list(past.get("refused") or ()) if past else [], "refused": []}
    return {"phases": list(start), "after": start, "begun": now, "last_posted": start["postedAt"], **first}


def _read_posts(settings: Settings, session: PoliteSession, state: dict[str, Any]) -> tuple[dict[str, Any], Step]:
    phase = state["phases"][0]
    response, without = _ask(settings, session, state, phase)
    posts = [post for post in json.loads(response.body)["data"]["posts"]["results"] if isinstance(post, dict)]
    known = set(state["tail"])
    new = [post for post in posts if post.get("_id") not in known]
    after = {**state, "without": without}
    after["comments"] = [*state["comments"], *_comment_lists(settings, new)]
    after["refused"] = sorted({*state.get("refused", []), *_refused(response)})
    if state["offset"] and posts and posts[0].get("_id") not in known:
        # A post listed before was deleted and the others moved up: the list is read again from its start.
        after |= {"offset": 0, "tail": [*state["tail"], *(str(post["_id"]) for post in new)]}
    elif not new and len(posts) <= 1:
        after |= _finish(state, phase)
    else:
        after |= _advance(state, phase, posts, response.url)
    if phase == "postedAt":
        after["last_posted"] = max([state["last_posted"], *(str(post.get("postedAt") or "") for post in posts)])
    return after, Step(response, {"phase": phase}, after)


def _refused(response: Response) -> set[str]:
    """Returns the posts of a page that the site could not give whole, by id: they are asked for again one by one."""
    results = json.loads(response.body)["data"]["posts"]["results"]
    failed = [results[number] for number in failed_records(response.body) if number < len(results)]
    return {str(post["_id"]) for post in failed if isinstance(post, dict) and post.get("_id")}


def _read_again(settings: Settings, session: PoliteSession, state: dict[str, Any]) -> tuple[dict[str, Any], Step]:
    """Asks for one post that the site could not give when its list was read; it stays on the list until it can."""
    post_id = state["again"][0]
    after = {**state, "again": state["again"][1:]}
    body = post_query(settings.dialect, post_id, state["without"])
    header = access_header(settings.access_header_variable)
    try:
        response = session.post(settings.url, json=body, accept=ACCEPT, headers=header, check=check_single)
    except ChallengeError:
        raise
    except FetchError:
        after["refused"] = sorted({*state.get("refused", []), post_id})
        return after, Step(None, {}, after)
    return after, Step(response, {"phase": "again", "post_id": post_id}, after)


def check_single(response: Response) -> None:
    """Checks that an answer is one post, or says that there is none any more.

    Raises:
        TryAgain: it is not an answer.
        FetchError: the site failed to give it.
    """
    answer = read_json(response)
    data = answer.get("data") if isinstance(answer, dict) else None
    if response.status != 200 or not isinstance(data, dict):
        raise TryAgain(f"an answer without data (status {response.status})")
    if answer.get("errors") and not (data.get("post") or {}).get("result"):
        raise FetchError(f"the service says: {message_of(answer['errors'][0])}", where=response.url)


def _finish(state: dict[str, Any], phase: str) -> dict[str, Any]:
    """Returns where to go on when a list has ended: to the rest of a window that was halved, or to the next phase."""
    if state["until"] and state["until"] != state["begun"]:
        after = {**state["after"], phase: state["until"]}
        return {"after": after, "until": state["begun"], "offset": 0, "tail": []}
    phases = state["phases"][1:]
    return {"phases": phases, "until": state["begun"] if phases else "", "offset": 0, "tail": []}


def _advance(state: dict[str, Any], phase: str, posts: list[dict[str, Any]], where: str) -> dict[str, Any]:
    """Returns where the next page begins: at the last moment of this one, or further within the same list."""
    ids = [str(post.get("_id")) for post in posts]
    last = str(posts[-1].get("postedAt") or "")
    if phase == "postedAt" and last > state["after"][phase]:
        tail = [str(post.get("_id")) for post in posts if post.get("postedAt") == last]
        return {"after": {**state["after"], phase: last}, "offset": 0, "tail": tail}
    offset = state["offset"] + len(posts) - 1  # one post of overlap shows whether the list moved
    if offset > MAX_OFFSET:
        middle = _middle(state["after"][phase], state["until"]) if phase == "modifiedAt" else ""
        if not middle:
            raise FetchError(
                f"more than {MAX_OFFSET} posts with one {phase}, which the service cannot list",
                where=where,
                do="make the entry narrower: a tag, or a later start",
            )
        return {"until": middle, "offset": 0, "tail": []}
    return {"offset": offset, "tail": [*state["tail"], *(name for name in ids if name not in state["tail"])]}


def _middle(start: str, end: str) -> str:
    """Returns the moment halfway between two, or nothing if they are less than two seconds apart."""
    first, last = datetime.fromisoformat(start).timestamp(), datetime.fromisoformat(end).timestamp()
    return iso_time((first + last) // 2) if last - first >= 2 else ""


def _ask(settings: Settings, session: PoliteSession, state: dict[str, Any], phase: str) -> tuple[Response, list[str]]:
    terms: dict[str, Any] = {
        "after": state["after"][phase],
        "before": settings.before if phase == "postedAt" else state["until"],
        "timeField": phase if phase != "postedAt" else "",
        "karmaThreshold": settings.karma_threshold or "",
        "excludeEvents": True,
    }
    if settings.tag_id:
        terms["filterSettings"] = {"tags": [{"tagId": settings.tag_id, "filterMode": "Required"}]}
    without = list(state["without"])
    while True:
        body = posts_query(settings.dialect, terms, max(2, settings.page_size), state["offset"], without)
        try:
            return session.post(
                settings.url,
                json=body,
                accept=ACCEPT,
                headers=access_header(settings.access_header_variable),
                check=check_answer,
            ), without
        except UnknownFieldError as error:
            for name in map(str, error.args):
                if name in without or name in ("_id", "title", "postedAt", "results", "posts"):
                    what = f"the service no longer knows {name!r}"
                    raise FetchError(what, where=settings.url, do="report it") from None
                without.append(name)


def _comment_lists(settings: Settings, posts: list[dict[str, Any]]) -> list[list[str]]:
    """Returns the lists to ask for; those of comments leave out the answers to questions."""
    asked = [post for post in posts if settings.has_comments and post.get("commentCount")]
    lists = [[str(post["_id"]), "postCommentsOld"] for post in asked]
    return lists + [[str(post["_id"]), "answersAndReplies"] for post in asked if post.get("question")]


def _read_comments(settings: Settings, session: PoliteSession, state: dict[str, Any]) -> tuple[dict[str, Any], Step]:
    post_id, view = state["comments"][0]
    body = comments_query(settings.dialect, view, post_id, 1000)
    response = session.post(
        settings.url,
        json=body,
        accept=ACCEPT,
        headers=access_header(settings.access_header_variable),
        check=check_answer,
    )
    after = {**state, "comments": state["comments"][1:]}
    return after, Step(response, {"phase": "comments", "post_id": post_id, "view": view}, after)


def access_header(variable: str) -> dict[str, str]:
    """Returns the header that the site gave this person, if the environment has one; it is never archived.

    Raises:
        ConfigError: the variable holds something else than a header.
    """
    value = os.environ.get(variable, "")
    if not value:
        return {}
    name, mark, content = value.partition(":")
    if not mark or not name.strip():
        raise ConfigError("is not of the form 'Name: value'", where=f"${variable}", do="correct or unset it")
    return {name.strip(): content.strip()}
