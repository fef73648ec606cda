"""Fetching known documents by id: what to ask each site for, and how to read its answers.

Transport and parsing are apart. `Ask` is one polite request: an address and a body (None for a plain GET) in, the
answer's bytes out; whoever calls passes it in. Requests ask for several documents at once, since sites count requests.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree

import requests

from pipeline.config import Hydrate
from pipeline.corpus.extract import clean_title, extract_text
from pipeline.corpus.identity import canonical_id
from pipeline.errors import DataError

log = logging.getLogger(__name__)
Ask = Callable[[str, bytes | None], bytes]
ATOM = {"atom": "http://www.w3.org/2005/Atom"}
FIELDS = "result{_id title contents{html plaintextDescription}}"
RETRIED = frozenset([429, 500, 502, 503, 504])


@dataclass(frozen=True)
class Fetched:
    """One document as its site has it now: its title, and its text in each form the site gives, the fullest first."""

    doc_id: str
    title: str
    texts: tuple[str, ...]
    text_kind: str


def fetch_documents(doc_ids: Sequence[str], settings: Hydrate, ask: Ask) -> Iterator[dict[str, Fetched | None]]:
    """Yields, batch by batch, what each id has become: None where its site says that it is no more.

    Ids of sites that cannot be asked are passed over.

    Raises:
        DataError: an answer is not what the site is known to send; what was yielded before stays valid.
    """
    for site, read in (("lw", _fetch_posts), ("eaf", _fetch_posts), ("arxiv", _fetch_papers)):
        mine = sorted(doc_id for doc_id in doc_ids if doc_id.startswith(f"{site}:"))
        size = settings.paper_batch_count if site == "arxiv" else settings.post_batch_count
        for first in range(0, len(mine), size):
            yield read(site, mine[first : first + size], settings, ask)


def open_session(settings: Hydrate) -> Ask:
    """Returns an `Ask` that waits between requests, names who asks, and tries again when a site is busy."""
    session = requests.Session()
    session.headers["User-Agent"] = settings.user_agent
    ready_at = [0.0]

    def ask(url: str, body: bytes | None) -> bytes:
        for attempt in range(settings.try_count):
            time.sleep(max(0.0, ready_at[0] - time.monotonic()))
            try:
                answer = _send(session, url, body, settings.timeout_seconds)
            except requests.RequestException as error:
                raise DataError(f"cannot be reached ({error})", where=url, do="try again later") from None
            ready_at[0] = time.monotonic() + settings.delay_seconds
            if answer.status_code not in RETRIED:
                break
            ready_at[0] += settings.delay_seconds * 2**attempt
        if not answer.ok:
            raise DataError(f"answers {answer.status_code}", where=url, do="try again later; what came so far is kept")
        return answer.content

    return ask


def _send(session: requests.Session, url: str, body: bytes | None, timeout_seconds: float) -> requests.Response:
    if body is None:
        return session.get(url, timeout=timeout_seconds)
    return session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=timeout_seconds)


def _fetch_posts(site: str, batch: Sequence[str], settings: Hydrate, ask: Ask) -> dict[str, Fetched | None]:
    """Posts of a forum, several in one GraphQL request; the EA Forum speaks the older dialect."""
    ids = [doc_id.partition(":")[2] for doc_id in batch]
    new = "selector:{{_id:{0}}},allowNull:true"
    old = "input:{{selector:{{documentId:{0}}},allowNull:true}}"
    selectors = [(new if site == "lw" else old).format(json.dumps(name)) for name in ids]
    parts = [f"p{number}:post({selector}){{{FIELDS}}}" for number, selector in enumerate(selectors)]
    url = settings.forum_urls[site]
    answer = _json_of(ask(url, json.dumps({"query": "{" + " ".join(parts) + "}"}).encode()), url)
    data = answer.get("data")
    if not isinstance(data, Mapping):
        message = (answer.get("errors") or [{}])[0].get("message", "no data")
        raise DataError(
            f"answers with an error: {message}", where=url, do="see whether the site has changed its fields"
        )
    found: dict[str, Fetched | None] = {}
    for number, doc_id in enumerate(batch):
        post = (data.get(f"p{number}") or {}).get("result")
        contents = (post or {}).get("contents") or {}
        html, plain = contents.get("html") or "", contents.get("plaintextDescription") or ""
        texts = tuple(text for text in (extract_text(html, "html"), extract_text(plain, "plain")) if text)
        found[doc_id] = Fetched(doc_id, clean_title(post["title"] or ""), texts, "full") if post else None
    return found


def _fetch_papers(site: str, batch: Sequence[str], settings: Hydrate, ask: Ask) -> dict[str, Fetched | None]:
    """Abstracts from arXiv's Atom interface, as they are and with their LaTeX made readable."""
    names = [doc_id.partition(":")[2] for doc_id in batch]
    query = urlencode({"id_list": ",".join(names), "max_results": len(names)}, safe=",/")
    url = f"{settings.arxiv_url}?{query}"
    try:
        feed = ElementTree.fromstring(ask(url, None))
    except ElementTree.ParseError as error:
        raise DataError(f"answers with something that is not Atom ({error})", where=url, do="try again later") from None
    found: dict[str, Fetched | None] = dict.fromkeys(batch)
    for entry in feed.iterfind("atom:entry", ATOM):
        address, title, summary = (entry.findtext(f"atom:{name}", "", ATOM) for name in ("id", "title", "summary"))
        doc_id = canonical_id(f"arxiv:{address.partition('/abs/')[2]}")
        if doc_id in found:
            texts = (extract_text(summary, "plain"), " ".join(summary.split()), extract_text(summary, "latex"))
            found[doc_id] = Fetched(doc_id, clean_title(title), tuple(text for text in texts if text), "abstract")
    return found


def _json_of(body: bytes, url: str) -> Mapping:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, Mapping):
        raise DataError(
            "answers with something that is not JSON (perhaps a page that checks for browsers)",
            where=url,
            do="try again later, or ask the site for access",
        )
    return answer
