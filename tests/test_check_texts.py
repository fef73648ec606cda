"""Where the text on the screen comes from: the census, hydrate, shipped abstracts, or its site, on demand."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

from pipeline import store
from pipeline.check.page import Desk, make_app
from pipeline.check.session import load_session
from pipeline.check.texts import fetch_texts, fetched_path, find_texts
from pipeline.config import Config, load_config
from pipeline.schemas import DOCUMENTS, HYDRATED
from pipeline.text.extract import text_sha256
from tests.handcheck_project import make_project


class Forum(BaseHTTPRequestHandler):
    """Answers for posts as the forum does; it does not know the post that ends in 9."""

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self.answer(404, b"")

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["query"]
        names = re.findall(r'_id:"(\w+)"', query)
        posts = {
            f"p{place}": {
                "result": None
                if name.endswith("9")
                else {"_id": name, "title": "t", "contents": {"html": f"<p>Fetched {name} now.</p>"}}
            }
            for place, name in enumerate(names)
        }
        self.answer(200, json.dumps({"data": posts}).encode())


@pytest.fixture
def config(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    monkeypatch.setenv("CENSUS_CONTACT", "reader@example.org")
    config = load_config(make_project(tmp_path, root))
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    store.write_table(DOCUMENTS, documents.assign(text=None), config.processed("documents"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forum)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/graphql"
    yield replace(config, hydrate=replace(config.hydrate, seconds_between=0.01, forum_urls={"lw": url, "eaf": url}))
    server.shutdown()
    server.server_close()


def test_a_missing_text_is_fetched_on_demand_kept_and_never_where_git_sees_it(config: Config, tmp_path: Path) -> None:
    session = load_session(config, "documents", "ann", "person")
    place = next(number for number, item in enumerate(session.items) if not item.key.endswith("9"))
    gone = next(number for number, item in enumerate(session.items) if item.key.endswith("9"))
    client = make_app(Desk(session, lambda ids: fetch_texts(config, ids)), "t", ("localhost",)).test_client()
    headers = {"X-Census-Token": "t"}
    assert client.get(f"/api/item/{place}", headers=headers).json["text"] == ""
    answer = client.post(f"/api/item/{place}/fetch", json={}, headers=headers)
    name = session.items[place].key.removeprefix("lw:")
    assert answer.status_code == 200, answer.json
    assert answer.json["text"] == f"Fetched {name} now."
    refused = client.post(f"/api/item/{gone}/fetch", json={}, headers=headers)
    assert refused.status_code == 409 and "the site gave no text" in refused.json["error"]
    again = load_session(config, "documents", "bob", "person")
    kept = {item.key: item.text for item in again.items}
    assert kept[session.items[place].key].startswith("Fetched") and sum(map(bool, kept.values())) > 1  # ten at once
    assert fetched_path(config).relative_to(tmp_path).parts[:3] == ("data", "raw", "hydrated")
    client.post(f"/api/item/{place}", json={"leaf": "A1"}, headers=headers)
    row = session.record.rows[session.items[place].key]
    assert row["shown"] == str(len(f"Fetched {name} now.")) and row["shown_sha256"] == session.items[place].shown_sha256


def test_the_census_comes_before_hydrate_and_hydrate_before_shipped_abstracts(config: Config) -> None:
    documents = store.read_table(DOCUMENTS, config.processed("documents")).set_index("doc_id")
    ids = list(documents.index[:5])
    documents.loc[ids[0], "text"] = "census"
    fetched = pd.DataFrame({"doc_id": ids[:4], "text": "hydrated", "text_kind": "full", "similarity_score": None})
    fetched["status"] = ["verified", "alike", "changed", "gone"]
    store.write_table(HYDRATED, fetched, config.path(config.paths.raw, "hydrated/census.parquet"))
    folder = config.path(config.paths.handcheck, "texts")
    folder.mkdir()
    pd.DataFrame({"doc_id": ids, "text": "abstract"}).to_parquet(folder / "arxiv.parquet")
    found = find_texts(config, documents, ids)
    assert [found[name] for name in ids] == ["census", "hydrated", "hydrated", "abstract", "abstract"]


@pytest.mark.parametrize(
    ("texts", "census"), [("round-1-arxiv", "2026.07"), ("round-2026-11-arxiv", "2026.11")], ids=["round 1", "2026.11"]
)
def test_shipped_texts_are_those_that_were_read(shipped: Path, texts: str, census: str) -> None:
    documents = pd.read_parquet(shipped / f"data/raw/census/{census}/documents.parquet").set_index("doc_id")
    shown = pd.read_parquet(shipped / f"data/raw/handcheck/texts/{texts}.parquet").set_index("doc_id")
    titles = documents["title"].reindex(shown.index)
    hashes = [text_sha256(title, text) for title, text in zip(titles, shown["text"], strict=True)]
    assert hashes == shown["text_sha256"].tolist() == documents["text_sha256"].reindex(shown.index).tolist()
    assert set(shown["licence"]) == {"CC0-1.0"} and set(documents["source"].reindex(shown.index)) == {"arxiv"}


def test_every_drawn_paper_of_the_newest_round_has_its_text(shipped: Path) -> None:
    drawn = pd.read_csv(shipped / "data/raw/handcheck/rounds/2026-11-arxiv/sample.csv")["doc_id"]
    files = (shipped / "data/raw/handcheck/texts").glob("*.parquet")
    assert set(drawn) <= {name for file in files for name in pd.read_parquet(file, columns=["doc_id"])["doc_id"]}
