"""Asking a site for known documents by id, and reading what it answered.

Transport and parsing are apart: `ask_site` sends one polite request for several documents, since sites count requests,
and checks that the answer is whole; `read_page` is a pure function of an archived page.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from pipeline.config import Config
from pipeline.errors import FetchError
from pipeline.scrape.arxiv_atom import ACCEPT as ACCEPT_ATOM
from pipeline.scrape.arxiv_atom import check_feed, exemption, parse_feed
from pipeline.scrape.arxiv_oai import ACCEPT as ACCEPT_OAI
from pipeline.scrape.arxiv_oai import check_record, parse_records
from pipeline.scrape.forum import ACCEPT as ACCEPT_JSON
from pipeline.scrape.forum import access_header
from pipeline.scrape.forum_parse import ID as POST_ID
from pipeline.scrape.item import Reject
from pipeline.settings import Hydrate
from pipeline.text.extract import clean_title, extract_text
from pipeline.text.formats import TextFormat
from pipeline.text.identifiers import canonical_id
from pipeline.web.archive import Page
from pipeline.web.clock import Clock
from pipeline.web.contact import user_agent
from pipeline.web.hosts import HostRule, rule_for
from pipeline.web.response import Response, TryAgain, read_json
from pipeline.web.session import Limits, PoliteSession

SITES = ("lw", "eaf", "arxiv")
ASKS_BEFORE_GONE: Mapping[str, int] = {"lw": 1, "eaf": 1, "arxiv": 2}  # forums say so; arXiv drops entries in silence
FIELDS = "result{_id title contents{html plaintextDescription}}"
_GONE = ("missing_document", "operation_not_allowed")  # how a forum says that a post is deleted or a draft


@dataclass(frozen=True)
class Fetched:
    """One document as its site has it now: its title, and each form of its text that the site gives, fullest first."""

    doc_id: str
    title: str
    forms: tuple[tuple[str, TextFormat], ...]
    text_kind: str

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The clean text of each form that has any, each once."""
        found = (extract_text(text, text_format) for text, text_format in self.forms)
        return tuple(dict.fromkeys(text for text in found if text))


def site_of(doc_id: str) -> str:
    """Returns which of `SITES` can be asked for a document, or nothing: some ids of a census are no forum's own."""
    site, _, name = doc_id.partition(":")
    is_askable = site == "arxiv" or (site in SITES and POST_ID.fullmatch(name))
    return site if is_askable else ""


def open_session(config: Config, clock: Clock | None = None, limits: Limits | None = None) -> PoliteSession:
    """Returns a polite session for the sites: one connection, a pace for each, robots.txt, no tricks.

    Raises:
        ConfigError: nobody is named as contact.
    """
    settings = config.hydrate
    rules: dict[str, HostRule] = {}
    for url in settings.forum_urls.values():
        rules |= rule_for(url, settings.seconds_between)
    declared = exemption(settings.arxiv_robots, settings.arxiv_robots_reason)
    rules |= rule_for(settings.arxiv_url, settings.seconds_between, "arxiv", declared)
    agent = user_agent(config, is_local=all(rule.allows_private for rule in rules.values()))
    return PoliteSession(rules, user_agent=agent, clock=clock, limits=limits, rng=random.Random(config.seed))


def split_batches(site: str, doc_ids: Sequence[str], settings: Hydrate) -> Iterator[list[str]]:
    """Yields the ids that one request asks for, in order."""
    is_single = site == "arxiv" and not is_atom(settings.arxiv_url)
    size = 1 if is_single else settings.paper_batch_count if site == "arxiv" else settings.post_batch_count
    for first in range(0, len(doc_ids), size):
        yield list(doc_ids[first : first + size])


def ask_site(session: PoliteSession, settings: Hydrate, site: str, batch: Sequence[str]) -> Response:
    """Asks a site for documents by id.

    Raises:
        FetchError: the site refuses, or its answer is not whole after all attempts.
    """
    names = [doc_id.partition(":")[2] for doc_id in batch]
    if site == "arxiv" and not is_atom(settings.arxiv_url):
        params = {"verb": "GetRecord", "metadataPrefix": "arXivRaw", "identifier": f"oai:arXiv.org:{names[0]}"}
        return session.get(settings.arxiv_url, params=params, accept=ACCEPT_OAI, check=check_record)
    if site == "arxiv":
        params = {"id_list": ",".join(names), "max_results": str(len(names))}
        return session.get(settings.arxiv_url, params=params, accept=ACCEPT_ATOM, check=check_feed)
    new = "selector:{{_id:{0}}},allowNull:true"
    old = "input:{{selector:{{documentId:{0}}},allowNull:true}}"  # the EA Forum speaks the older dialect
    selectors = [(new if site == "lw" else old).format(json.dumps(name)) for name in names]
    parts = [f"p{number}:post({selector}){{{FIELDS}}}" for number, selector in enumerate(selectors)]
    return session.post(
        settings.forum_urls[site],
        json={"query": "{" + " ".join(parts) + "}"},
        accept=ACCEPT_JSON,
        headers=access_header(settings.access_header_variable),
        check=_posts_check(len(batch)),
    )


def is_atom(url: str) -> bool:
    """Says whether an address of arXiv is that of its Atom interface, not of its bulk interface."""
    return url.rstrip("/").endswith("/api/query")


def read_page(page: Page) -> dict[str, Fetched | None]:
    """Returns what a page says of each document that it was asked for: None where the site has it no more.

    A document that the page says nothing of, such as one behind an internal failure of the site, is left out.
    """
    batch = [str(doc_id) for doc_id in page.context["doc_ids"]]
    read = _read_papers if page.context["site"] == "arxiv" else _read_posts
    return read(page.response, batch)


def _posts_check(count: int) -> Callable[[Response], None]:
    def check(response: Response) -> None:
        answer = read_json(response)
        data = answer.get("data") if isinstance(answer, dict) else None
        if response.status == HTTPStatus.BAD_REQUEST:
            raise FetchError(
                f"the site says: {_messages(answer)}", where=response.url, do="see whether it has changed its fields"
            )
        if response.status != HTTPStatus.OK or not isinstance(data, dict):
            raise TryAgain(f"an answer without data (status {response.status}) {_messages(answer)}".rstrip())
        if any(f"p{number}" not in data for number in range(count)):
            raise TryAgain("an answer with fewer posts than were asked for")

    return check


def _messages(answer: Any) -> str:
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return "; ".join(_message(error) for error in errors or ())[:200]


def _message(error: Any) -> str:
    return str(error.get("message", "")) if isinstance(error, dict) else str(error)


def _read_posts(response: Response, batch: Sequence[str]) -> dict[str, Fetched | None]:
    answer = json.loads(response.body)
    failed = set()
    for error in answer.get("errors") or ():
        path = error.get("path") if isinstance(error, dict) else None
        if path and not any(mark in _message(error) for mark in _GONE):
            failed.add(str(path[0]))
    found: dict[str, Fetched | None] = {}
    for number, doc_id in enumerate(batch):
        post = (answer["data"].get(f"p{number}") or {}).get("result")
        if post:
            contents = post.get("contents") or {}
            html, plain = str(contents.get("html") or ""), str(contents.get("plaintextDescription") or "")
            found[doc_id] = Fetched(
                doc_id, clean_title(str(post.get("title") or "")), ((html, "html"), (plain, "plain")), "full"
            )
        elif f"p{number}" not in failed:
            found[doc_id] = None
    return found


def _read_papers(response: Response, batch: Sequence[str]) -> dict[str, Fetched | None]:
    """Abstracts as they are, on one line, and with their LaTeX made readable: censuses differ in which they took."""
    found: dict[str, Fetched | None] = {}
    is_damaged = False
    parse = parse_records if b"<OAI-PMH" in response.body[:1_000] else parse_feed
    for item in parse(response.body, "", "", response.url):
        if isinstance(item, Reject) and item.reason == "deleted by the source":
            continue  # as much as saying that there is none
        if isinstance(item, Reject):
            is_damaged = True
            continue
        doc_id = canonical_id(item.doc_id)
        forms: tuple[tuple[str, TextFormat], ...] = (
            (item.text, "plain"),
            (" ".join(item.text.split()), "plain"),
            (item.text, "latex"),
        )
        if doc_id in batch:
            found[doc_id] = Fetched(doc_id, clean_title(item.title), forms, "abstract")
    return found if is_damaged else {**dict.fromkeys(batch), **found}
