"""Fetching known documents by id: what to ask each site for, and how to read its answers.

Transport and parsing are apart. `Ask` is one polite request: an address and a body (None for a plain GET) in, the
answer's bytes out; whoever calls passes it in. Requests ask for several documents at once, since sites count requests.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode
from xml.etree import ElementTree

from pipeline.config import Config, Hydrate
from pipeline.corpus.extract import clean_title, extract_text
from pipeline.corpus.identity import canonical_id
from pipeline.errors import DataError
from pipeline.scrape.clock import Clock
from pipeline.scrape.contact import user_agent
from pipeline.scrape.hosts import HostRule, rule_for
from pipeline.scrape.web import PoliteSession

Ask = Callable[[str, bytes | None], bytes]
ATOM = {"atom": "http://www.w3.org/2005/Atom"}
FIELDS = "result{_id title contents{html plaintextDescription}}"
ACCEPT_ATOM = "application/atom+xml, text/xml, */*"


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


def open_session(config: Config, clock: Clock | None = None) -> Ask:
    """Returns an `Ask` through the polite session: one connection, a pace for each site, robots.txt, no tricks.

    Raises:
        ConfigError: nobody is named as contact.
    """
    settings = config.hydrate
    rules: dict[str, HostRule] = {}
    for url in (settings.arxiv_url, *settings.forum_urls.values()):
        rules |= rule_for(url, settings.seconds_between)
    agent = user_agent(config, is_local=all(rule.allows_private for rule in rules.values()))
    session = PoliteSession(rules, user_agent=agent, clock=clock, rng=random.Random(config.seed))

    def ask(url: str, body: bytes | None) -> bytes:
        if body is None:
            answer = session.get(url, accept=ACCEPT_ATOM)
        else:
            answer = session.post(url, accept="application/json", json=json.loads(body))
        if answer.status != HTTPStatus.OK:
            raise DataError(f"answers {answer.status}", where=url, do="try again later; what came so far is kept")
        return answer.body

    return ask


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
