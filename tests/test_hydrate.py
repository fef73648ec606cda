"""Texts fetched again from a server that answers as the sites do, and compared with what the census knows."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from pipeline.config import Config, load_config
from pipeline.corpus import choose_documents, records_from_items
from pipeline.corpus.hydrate import hydrate_census, known_part, records_from_texts, verify
from pipeline.corpus.origins import Fetched, fetch_documents, open_session
from pipeline.errors import ChallengeError, ConfigError, DataError, FetchError
from pipeline.scrape.clock import VirtualClock
from pipeline.scrape.item import Item

FULL = "The gate opens at noon. " * 40
ABSTRACT = "We prove that tides turn."
POSTS = {
    "aaaaaaaaaaaaaaaaa": {"html": f"<p>{FULL}</p>", "plaintextDescription": FULL},
    "bbbbbbbbbbbbbbbbb": {"html": "<p>Wholly rewritten since.</p>", "plaintextDescription": "Wholly rewritten since."},
    "ddddddddddddddddd": {"html": f"<p>{FULL} One more line.</p>", "plaintextDescription": ""},
}


class Site(BaseHTTPRequestHandler):
    """A forum's GraphQL with aliases, and arXiv's Atom; `busy` answers 429 first."""

    asked: list[str]
    busy: int
    refusal = b"Rate exceeded."

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["query"]
        type(self).asked.append(query)
        if type(self).busy:
            type(self).busy -= 1
            return self._send(429, type(self).refusal)
        data = {
            alias: {"result": {"_id": name, "title": "A title", "contents": POSTS[name]} if name in POSTS else None}
            for alias, name in re.findall(
                r'(p\d+):post\((?:selector:\{_id|input:\{selector:\{documentId):"(\w+)"', query
            )
        }
        return self._send(200, json.dumps({"data": data}).encode())

    def do_GET(self) -> None:
        if self.path == "/robots.txt":
            return self._send(404, b"")
        type(self).asked.append(self.path)
        ids = parse_qs(urlsplit(self.path).query)["id_list"][0].split(",")
        entries = "".join(
            f"<entry><id>http://arxiv.org/abs/{name}v2</id><title>A\n  title</title>"
            "<summary>  We prove that\n tides turn.\n</summary></entry>"
            for name in ids
            if name != "2401.99999"
        )
        return self._send(200, f'<feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>'.encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[type[Site]]:
    handler = type("Handler", (Site,), {"asked": [], "busy": 0})
    server = HTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler
    server.shutdown()


@pytest.fixture
def config(root: Path, site: type[Site]) -> Config:
    plain = load_config(root / "census.toml")
    urls = {"lw": f"{site.url}/graphql", "eaf": f"{site.url}/graphql"}
    return replace(
        plain,
        hydrate=replace(
            plain.hydrate, seconds_between=3.0, post_batch_count=3, arxiv_url=f"{site.url}/api", forum_urls=urls
        ),
    )


@pytest.fixture
def census() -> pd.DataFrame:
    items = [
        Item("0", "lw:aaaaaaaaaaaaaaaaa", "lesswrong", "f", "A title", FULL[:100] + "...", is_opening=True),
        Item("1", "lw:bbbbbbbbbbbbbbbbb", "lesswrong", "f", "A title", "It was another text."),
        Item("2", "lw:ccccccccccccccccc", "lesswrong", "f", "A title", "Gone by now."),
        Item("3", "eaf:ddddddddddddddddd", "eaforum", "f", "A title", FULL),
        Item("4", "arxiv:2401.00001", "arxiv", "f", "A title", ABSTRACT),
        Item("5", "arxiv:2401.99999", "arxiv", "f", "A title", ABSTRACT),
        Item("6", "web:1", "blog", "f", "A title", "On no forum."),
    ]
    records, _ = records_from_items("census", items)
    return records.assign(text=None).set_index("doc_id", drop=False)


def compare(doc_id: str, text: str) -> float:
    return 0.99 if "gate" in text else 0.2


def run(census: pd.DataFrame, config: Config, path: Path) -> pd.DataFrame:
    return hydrate_census(census, config, path, open_session(config, VirtualClock()), compare).set_index("doc_id")


def test_each_document_is_verified_alike_changed_or_gone(census, config: Config, site, tmp_path: Path, caplog) -> None:
    caplog.set_level("INFO")
    rows = run(census, config, tmp_path / "texts.parquet")
    assert rows["status"].to_dict() == {
        "lw:aaaaaaaaaaaaaaaaa": "verified",
        "lw:bbbbbbbbbbbbbbbbb": "changed",
        "lw:ccccccccccccccccc": "gone",
        "eaf:ddddddddddddddddd": "alike",
        "arxiv:2401.00001": "verified",
        "arxiv:2401.99999": "gone",
    }
    assert rows.at["lw:aaaaaaaaaaaaaaaaa", "text"] == FULL[:100].rstrip()
    assert (
        "6 of 7 documents at hand, 6 fetched now: 1 alike, 1 changed, 2 gone, 2 verified; 1 not asked for"
        in caplog.text
    )
    assert "changed: lw:bbbbbbbbbbbbbbbbb" in caplog.text
    assert len(site.asked) == 3  # three sites, one request each


def test_a_stopped_run_goes_on_where_it_was(census, config: Config, site, tmp_path: Path) -> None:
    path = tmp_path / "texts.parquet"
    run(census.loc[census.index.str.startswith("lw:")], config, path)
    asked = len(site.asked)
    rows = run(census, config, path)
    assert len(rows) == 6 and not any("aaaa" in query for query in site.asked[asked:])
    again = len(site.asked)
    run(census, config, path)
    assert len(site.asked) == again


def test_a_busy_site_is_asked_again_and_then_what_came_is_kept(census, config: Config, site, tmp_path: Path) -> None:
    site.busy = 2
    assert len(run(census, config, tmp_path / "a.parquet")) == 6
    site.busy = 99
    with pytest.raises(FetchError, match="429"):
        run(census, config, tmp_path / "b.parquet")
    assert (tmp_path / "b.parquet").exists()


def test_a_challenge_stops_the_run_and_is_not_worked_around(census, config: Config, site, tmp_path: Path) -> None:
    site.busy, site.refusal = 99, b"<html><head><title>Vercel Security Checkpoint</title></head></html>"
    with pytest.raises(ChallengeError, match="challenge for browsers"):
        run(census, config, tmp_path / "a.parquet")
    assert len(site.asked) == 1


def test_no_site_is_asked_anonymously(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CENSUS_CONTACT", raising=False)
    with pytest.raises(ConfigError, match="nobody is named as contact"):
        open_session(load_config(root / "census.toml"))


def test_verified_texts_fill_documents_and_changed_ones_get_a_new_hash(census, config, site, tmp_path: Path) -> None:
    path = tmp_path / "texts.parquet"
    run(census, config, path)
    plain = census.reset_index(drop=True)
    records = pd.concat([plain, records_from_texts(plain, path, "census")], ignore_index=True)
    documents = choose_documents(records, ["census"])[0].set_index("doc_id")
    assert len(documents) == len(census)
    same = documents["text_sha256"] == census["text_sha256"].loc[documents.index]
    assert same[~same].index.tolist() == ["lw:bbbbbbbbbbbbbbbbb"]
    assert documents["text"].notna().sum() == 3
    assert documents.at["lw:bbbbbbbbbbbbbbbbb", "text"] == "Wholly rewritten since."
    assert documents.at["lw:aaaaaaaaaaaaaaaaa", "text_kind"] == "opening"


def test_an_answer_that_is_a_web_page_stops_the_run(config: Config) -> None:
    with pytest.raises(DataError, match="not JSON"):
        list(fetch_documents(["lw:a"], config.hydrate, lambda *_: b"<html>Just a moment...</html>"))


def test_a_document_without_text_proves_nothing(census) -> None:
    known = {**census.loc["lw:aaaaaaaaaaaaaaaaa"].to_dict(), "text_kind": "none"}
    found = Fetched("lw:aaaaaaaaaaaaaaaaa", "A title", ("Some text.",), "full")
    assert verify(known, found, compare)["status"] == "no text"
    assert verify(known, replace(found, texts=()), compare)["text"] is None
    assert known_part({"text_kind": "opening", "character_count": 4}, "abc def") == "abc"
