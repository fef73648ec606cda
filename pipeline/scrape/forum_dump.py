"""Source `forum-dump`: a forum's own public dump, every public post and comment as packed JSON lines.

The dump is asked for in slices (`Range`), each archived as it came, so that a stopped run goes on where it was; one
that changes on the way is begun again. First comes a line about the dump, then every post, then every comment. Counts
are held against the manifest that lies beside it. GraphQL (`forum`) brings what is newer than the dump.
"""

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, Literal
from urllib.parse import urljoin

from pydantic.dataclasses import dataclass

from pipeline.errors import FetchError
from pipeline.scrape.forum_parse import item_from_post
from pipeline.scrape.health import Expectation
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.snapshot import Step
from pipeline.settings import STRICT
from pipeline.web.archive import Page
from pipeline.web.hosts import HostRule, rule_for
from pipeline.web.response import Response, TryAgain
from pipeline.web.session import PoliteSession

SLICE_BYTES = 8 * 2**20  # packed; well below what a session takes as one body
MAX_LINE_BYTES = 64 * 2**20
_MAX_RESTARTS = 3
KINDS = ("meta", "post", "comment")
FORMAT = 1  # of the dump that this reads


@dataclass(frozen=True, config=STRICT)
class Settings:
    """One entry of `[sources]` with `kind = "forum-dump"`.

    Attributes:
        url: the stable address, which redirects to a host of files.
        dump_hosts: the hosts that it may redirect to; `--probe` names the present one.
        tag: only posts with this tag, by its name; empty for all.
        after: only posts from this time on.
        slice_bytes: how much is asked for at once.
    """

    kind: str
    frame: str
    site: Literal["lesswrong", "alignmentforum"]
    url: str = "https://www.lesswrong.com/api/public-dump"
    dump_hosts: tuple[str, ...] = ()
    tag: str = ""
    after: str = ""
    karma_threshold: float = 1
    slice_bytes: int = SLICE_BYTES
    seconds_between: float = 3.0
    licence: str = "authors keep their rights; for research, not for republication"
    canaries: tuple[str, ...] = ()
    expect: Expectation = field(default_factory=Expectation)


def hosts(settings: Settings) -> dict[str, HostRule]:
    """Returns the host of the stable address and those of the files."""
    rules = rule_for(settings.url, settings.seconds_between)
    scheme = settings.url.partition("://")[0]
    for host in settings.dump_hosts:
        rules |= rule_for(f"{scheme}://{host}/", settings.seconds_between)
    return rules


def plan(settings: Settings, past: Mapping[str, Any] | None, now: str) -> list[str]:
    """Returns what would be asked, one line each."""
    return [f"GET {settings.url} in slices of {settings.slice_bytes / 2**20:g} MiB, then its manifest.json"]


def pages(
    settings: Settings, session: PoliteSession, cursor: Mapping[str, Any] | None, past: Mapping[str, Any] | None
) -> Iterator[Step]:
    """Yields the slices of the dump and its manifest.

    Raises:
        FetchError: the service failed for good, or the dump keeps changing.
    """
    state = dict(cursor) if cursor else {"address": settings.url, "start": 0, "mark": "", "restarts": 0, "todo": "dump"}
    while state["todo"]:
        state, step = (_read_slice if state["todo"] == "dump" else _read_manifest)(settings, session, state)
        yield step


def parse(page: Page, settings: Settings) -> Iterator[Item | Reject]:
    """Yields the posts of a dump that came in one slice."""
    yield from parse_all([page], settings)


def parse_all(pages: Iterable[Page], settings: Settings) -> Iterator[Item | Reject]:
    """Yields the posts of a dump, from its slices in order."""
    place, read_at = "", ""
    for page, number, line in _lines(pages):
        place, read_at = page.place.rpartition("/")[0], page.response.read_at[:10]
        row = _row(line)
        found = item_from_row(row, f"{place}/{number:08d}", settings.site, settings.frame, read_at)
        if found is not None:
            yield found


def is_wanted(item: Item, settings: Settings) -> bool:
    """Says whether a post belongs to the frame: tag, time, karma, no event, and of the forum that is asked."""
    return (
        (not settings.tag or settings.tag in item.tags)
        and item.published_date >= settings.after
        and (item.karma is None or item.karma >= settings.karma_threshold)
        and item.comment != "event"
        and (settings.site != "alignmentforum" or item.source == "alignmentforum")
    )


def audit(pages: Iterable[Page], settings: Settings) -> list[str]:
    """Returns one line for each count of the manifest that the dump does not have."""
    kept = list(pages)
    counts = Counter(str(_row(line).get("type") or "unreadable") for _, _, line in _lines(kept))
    given = [page.response for page in kept if page.context["part"] == "manifest" and page.response.status == 200]
    if counts["meta"] != 1:
        return [f"the dump has {counts['meta']} lines about itself, where there is one"]
    if not given:
        return ["the dump has no manifest to hold its counts against"]
    return unlike_manifest(counts, given[-1].body)


def unlike_manifest(counts: Mapping[str, int], body: bytes) -> list[str]:
    """Returns one line for each count that a manifest and a dump do not share.

    Args:
        counts: lines of the dump by type: post, comment.
        body: the manifest.
    """
    try:
        manifest = json.loads(body)
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict):
        return ["the manifest of the dump cannot be read"]
    said = {kind: manifest.get(f"{kind}s") for kind in ("post", "comment")}
    return [
        f"the dump has {counts.get(kind, 0):,} {kind}s, its manifest says {str(count)[:20]}"
        for kind, count in said.items()
        if count is not None and count != counts.get(kind, 0)
    ] or ([] if any(count is not None for count in said.values()) else ["the manifest of the dump has no counts"])


def item_from_row(row: Mapping[str, Any], place: str, site: str, frame: str, read_at: str) -> Item | Reject | None:
    """Returns the post of a line; nothing for the line about the dump and for a comment."""
    kind = row.get("type")
    if kind in ("meta", "comment"):
        return None
    if kind != "post":
        return Reject(place, "a line that is neither a post nor a comment", str(row)[:200])
    contents = row.get("contents") or {"html": row.get("html"), "markdown": row.get("markdown")}
    found = item_from_post({**row, "contents": contents}, place, site, frame, read_at)
    return replace(found, comment="event") if isinstance(found, Item) and row.get("isEvent") else found


def _read_slice(settings: Settings, session: PoliteSession, state: dict[str, Any]) -> tuple[dict[str, Any], Step]:
    start = state["start"]
    wanted = f"bytes={start}-{start + settings.slice_bytes - 1}"
    # The session asks for gzip; a packed file must come as it is, or its slices could not be put together.
    sent = {"Range": wanted, "Accept-Encoding": "identity"}
    response = session.get(state["address"], accept="application/gzip, */*", headers=sent, check=_check_slice(start))
    mark = response.header("etag") or response.header("last-modified")
    total = _total(response)
    after = {**state, "address": response.url, "mark": mark, "start": start + len(response.raw)}
    if start and mark != state["mark"]:
        if state["restarts"] >= _MAX_RESTARTS:
            raise FetchError("the dump changes while it is read", where=settings.url, do="run make scrape again later")
        after |= {"address": settings.url, "start": 0, "mark": "", "restarts": state["restarts"] + 1}
    elif after["start"] >= total:
        after["todo"] = "manifest"
    context = {"part": "dump", "start": start, "mark": mark, "try": state["restarts"], "total": total}
    return after, Step(response, context, after)


def _read_manifest(settings: Settings, session: PoliteSession, state: dict[str, Any]) -> tuple[dict[str, Any], Step]:
    address = urljoin(state["address"], "manifest.json")
    response = session.get(address, accept="application/json", check=_check_manifest)
    after = {**state, "todo": ""}
    return after, Step(response, {"part": "manifest", "try": state["restarts"]}, after)


def _check_slice(start: int) -> Any:
    def check(response: Response) -> None:
        if response.status not in (200, 206) or (start and response.status != 206):
            raise TryAgain(f"not a slice of the dump (status {response.status})")
        if not start and not response.raw.startswith(b"\x1f\x8b"):
            raise TryAgain("not a packed dump")
        found = re.fullmatch(r"bytes (\d+)-(\d+)/\d+", response.header("content-range").strip())
        is_asked = found and int(found[1]) == start and int(found[2]) - start + 1 == len(response.raw)
        if response.status == 206 and not is_asked:
            raise TryAgain("a slice that is not the one asked for")

    return check


def _check_manifest(response: Response) -> None:
    """Takes a manifest that is not there for an answer: it is then said so."""
    if response.status == 404:
        return
    try:
        is_manifest = response.status == 200 and isinstance(json.loads(response.body), dict)
    except ValueError:
        is_manifest = False
    if not is_manifest:
        raise TryAgain(f"not a manifest (status {response.status})")


def _total(response: Response) -> int:
    found = re.search(r"/(\d+)$", response.header("content-range").strip())
    return int(found[1]) if found else len(response.raw)


def _lines(pages: Iterable[Page]) -> Iterator[tuple[Page, int, bytes]]:
    """Yields each line of a dump with its number and the slice it ends in; slices of an earlier try are left out.

    Raises:
        FetchError: the dump is damaged or ends early.
    """
    slices = [page for page in pages if page.context["part"] == "dump"]
    last = max((page.context["try"] for page in slices), default=0)
    machine, rest, number = zlib.decompressobj(zlib.MAX_WBITS | 16), b"", 0
    page = None
    for page in (found for found in slices if found.context["try"] == last):
        for piece in _unpack(machine, page):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise FetchError("a line of the dump is far too long", where=page.response.url, do="report it")
            for line in lines:
                number += 1
                if line.strip():
                    yield page, number, line
    if page is not None and (rest.strip() or not machine.eof):
        raise FetchError("the dump ends early", where=page.response.url, do="run make scrape again")


def _unpack(machine: Any, page: Page) -> Iterator[bytes]:
    rest = page.response.raw
    try:
        while rest:
            yield machine.decompress(rest, 2**20)
            rest = machine.unconsumed_tail
    except zlib.error as error:
        raise FetchError(
            f"the dump is damaged ({error})", where=page.response.url, do="run make scrape again"
        ) from None


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {"text": line[:200].decode("utf-8", "replace")}
    return row if isinstance(row, dict) else {"text": str(row)[:200]}
