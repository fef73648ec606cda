"""What a scrape brings home: every record once, every reject counted, whatever the services do."""

import json
import logging
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.corpus.records import read_sources
from pipeline.errors import ConfigError
from pipeline.scrape import registry, snapshot, stage
from pipeline.scrape.item import Item
from tests.fakes.forum_site import Forum, Post
from tests.fakes.server import Reply, Site
from tests.fakes.world import build_world, config_for

pytestmark = pytest.mark.whole

FORUMS = {"lw": "lw", "eaf": "eaf"}


@pytest.fixture
def world_of():
    worlds = []

    def start(n_records, seed, **how):
        worlds.append(build_world(n_records, seed, **how))
        return worlds[-1]

    yield start
    for world in worlds:
        world.close()


def gather(config, name):
    found = list(registry.read_items(config, name))
    items = [item for item in found if isinstance(item, Item)]
    return items, [item for item in found if not isinstance(item, Item)]


def check_faithful(world, config):
    """Each record exactly once, each reject counted with a reason."""
    for name in world.sources:
        items, rejects = gather(config, name)
        ids = Counter(item.doc_id for item in items)
        expected = world.expected(name)
        assert max(ids.values()) == 1, name
        assert expected <= set(ids), f"{name} lost {sorted(expected - set(ids))[:5]}"
        doomed = set(world.doomed_ids(name))
        assert set(ids) - expected <= doomed, f"{name} has {sorted(set(ids) - expected - doomed)[:5]} too many"
        assert len(rejects) == world.n_rejects(name), name
        assert all(reject.reason for reject in rejects)
        manifest = registry.current_snapshots(config, name)[-1][1]
        assert sum(manifest.rejects.values()) == len(rejects)
        assert manifest.item_count == len(items)
        places = [found.place for found in (*items, *rejects)]
        assert len(set(places)) == len(places)


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_lose_nothing_and_double_nothing(world_of, tmp_path, seed):
    world = world_of(1400, seed, fault_share=0.25, seconds=3.0)
    config = config_for(world.sources, tmp_path)
    assert stage.run(config, clock=world.clock) == 0
    check_faithful(world, config)
    assert sum(sum(site.injected.values()) for site in world.sites.values()) > 20
    assert all(site.too_fast == 0 and site.most_at_once == 1 for site in world.sites.values())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_twenty_thousand_records_survive_every_fault(world_of, tmp_path, seed):
    world = world_of(20_000, seed, fault_share=0.2, seconds=3.0)
    config = config_for(world.sources, tmp_path)
    assert stage.run(config, clock=world.clock) == 0
    check_faithful(world, config)
    assert all(site.too_fast == 0 and site.most_at_once == 1 for site in world.sites.values())


def test_the_fields_of_each_source_arrive(world_of, tmp_path):
    world = world_of(1000, 5)
    config = config_for(world.sources, tmp_path)
    stage.run(config, clock=world.clock)
    papers = {item.doc_id: item for item in gather(config, "bulk")[0]}
    for paper in world.bulk.papers:
        item = papers.get(f"arxiv:{paper.arxiv_id}")
        if item is None:
            continue
        assert item.title == " ".join(paper.title.split())
        assert len(item.versions) == paper.n_versions
        assert item.published_date == f"{paper.submitted:%Y-%m-%dT%H:%M:00Z}"
        assert item.authors == ("Ada Invented", "Ben Invented", "C. Invented")
        assert item.is_withdrawn == paper.comment.startswith("This paper")
        assert item.licence.endswith("/by/4.0/")
    posts = {item.doc_id: item for item in gather(config, "eaf")[0]}
    for post in world.forums["eaf"].posts:
        item = posts.get(f"eaf:{post.facts['_id']}")
        if item is not None:
            assert item.url.startswith("https://forum.effectivealtruism.org/")
            assert item.karma == post.facts["baseScore"]
            assert item.karma_read_date == "2026-03-01"
            assert (item.authors == ()) == (post.facts["user"] is None)
    article = gather(config, "articles")[0][0]
    assert article.text.startswith("Invented summary")
    assert article.is_opening


def test_a_second_run_asks_only_for_what_is_new_or_changed(world_of, tmp_path, caplog):
    world = world_of(3000, 7, seconds=3.0)
    config = config_for(world.sources, tmp_path)
    stage.run(config, clock=world.clock)
    first = {name: registry.current_snapshots(config, name)[-1][1] for name in world.sources}
    before = {name: {item.doc_id: item for item in gather(config, name)[0]} for name in world.sources}

    world.clock.sleep(3 * 86_400)
    now = datetime.fromtimestamp(world.clock.now(), UTC)
    paper = next(paper for paper in world.arxiv.papers if paper.is_readable and "cs.AI" in paper.categories)
    changed = replace(paper, n_versions=5, updated=now - timedelta(hours=5), title="Invented anew")
    added = replace(paper, arxiv_id="2603.99999", submitted=now - timedelta(hours=9), updated=now - timedelta(hours=9))
    world.arxiv.papers[world.arxiv.papers.index(paper)] = changed
    world.arxiv.papers.append(added)
    bulk = next(paper for paper in world.bulk.papers if paper.is_readable and "cs.LG" in paper.categories)
    world.bulk.papers[world.bulk.papers.index(bulk)] = replace(bulk, title="Revised", datestamp=f"{now:%Y-%m-%d}")
    post = next(post for post in world.forums["lw"].posts if post.is_readable and not post.is_doomed)
    edited = {**post.facts, "title": "Edited", "modifiedAt": f"{now - timedelta(hours=2):%Y-%m-%dT%H:%M:%S}.000Z"}
    posted = {
        **post.facts,
        "_id": "NewPostNewPost123",
        "postedAt": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}.000Z",
    }
    world.forums["lw"].posts[world.forums["lw"].posts.index(post)] = Post(edited)
    world.forums["lw"].posts.append(Post({**posted, "modifiedAt": posted["postedAt"]}))
    world.blogs.stamps[0] = "2026-03-03"
    world.blogs.n_articles += 1

    caplog.set_level(logging.INFO, "pipeline.scrape.stage")
    assert stage.run(config, clock=world.clock) == 0
    second = {name: registry.current_snapshots(config, name)[-1][1] for name in world.sources}
    after = {name: {item.doc_id: item for item in gather(config, name)[0]} for name in world.sources}
    assert not any(manifest.is_full for manifest in second.values())
    assert (second["arxiv"].new_count, second["arxiv"].changed_count) == (1, 1)
    assert (second["bulk"].new_count, second["bulk"].changed_count) == (0, 1)
    assert (second["lw"].new_count, second["lw"].changed_count) == (1, 1)
    assert (second["eaf"].new_count, second["eaf"].changed_count) == (0, 0)
    assert second["articles"].new_count == 1
    assert after["arxiv"][f"arxiv:{paper.arxiv_id}"].title == "Invented anew"
    assert after["lw"][f"lw:{post.facts['_id']}"].title == "Edited"
    for name in world.sources:
        assert set(before[name]) <= set(after[name])
        assert second[name].request_count <= first[name].request_count
    for name in ("bulk", "lw", "articles"):
        assert second[name].request_count < first[name].request_count / 2
    saved = first["lw"].request_count - second["lw"].request_count
    assert f"; {saved} requests saved against the last full harvest" in caplog.text


def test_a_challenge_stops_one_source_and_the_others_go_on(world_of, tmp_path, capsys):
    world = world_of(400, 3)
    world.forums["lw"].is_challenged = True
    config = config_for(world.sources, tmp_path)
    assert stage.run(config, clock=world.clock) == stage.UNEVEN
    shown = capsys.readouterr().out
    assert ["lw", "challenged"] in [line.split()[:2] for line in shown.splitlines()]
    assert "fall-back" in shown
    assert gather(config, "lw") == ([], [])
    assert {f"eaf:{post.facts['_id']}" for post in world.forums["eaf"].posts if post.is_readable} >= world.expected(
        "eaf"
    )
    assert {item.doc_id for item in gather(config, "eaf")[0]} >= world.expected("eaf")
    world.forums["lw"].is_challenged = False
    assert stage.run(config, only="lw", clock=world.clock) == 0
    assert {item.doc_id for item in gather(config, "lw")[0]} >= world.expected("lw")


def test_the_fall_backs_of_a_forum_work(world_of, tmp_path):
    world = world_of(400, 3)
    common = {"kind": "forum-feed", "site": "lesswrong", "frame": "invented", "seconds_between": 0.0}
    sources = {
        "rss": {**common, "url": world.sites["lw"].url("/feed.xml")},
        "markdown": {**common, "access": "markdown", "url": world.sites["lw"].url("/api/latest?limit=100")},
    }
    config = config_for(sources, tmp_path)
    assert stage.run(config, clock=world.clock) == 0
    newest = [post for post in world.forums["lw"].posts if post.is_readable]
    assert {item.doc_id for item in gather(config, "rss")[0]} <= {f"lw:{post.facts['_id']}" for post in newest[-10:]}
    marked = gather(config, "markdown")[0]
    listed = {post.facts["_id"]: post.facts for post in world.forums["lw"].posts[-5:] if post.is_readable}
    assert {item.doc_id for item in marked} == {f"lw:{post_id}" for post_id in listed}  # not what excerpts link to
    for item in marked:
        facts = listed[item.doc_id.removeprefix("lw:")]
        assert item.authors == ("Ada Invented", "Bo Invented")
        assert (item.karma, item.tags) == (facts["baseScore"], ("AI",))
        assert item.published_date == f"{facts['postedAt'][:19]}Z"
        assert item.url == f"https://www.lesswrong.com/posts/{facts['_id']}/{facts['slug']}"
    assert all(item.text.strip() == "Invented *markdown* text." and item.text_format == "markdown" for item in marked)


def test_a_307_to_the_bots_host_is_followed(world_of, tmp_path):
    world = world_of(400, 3)
    sources = {"eaf": {**world.sources["eaf"], "url": world.sites["eaf"].url("/main/graphql")}}
    config = config_for(sources, tmp_path)
    assert stage.run(config, clock=world.clock) == 0
    assert {item.doc_id for item in gather(config, "eaf")[0]} >= world.expected("eaf")


def test_a_field_that_the_fork_does_not_know_is_dropped_once(world_of, tmp_path):
    world = world_of(400, 3)
    config = config_for({"eaf": world.sources["eaf"]}, tmp_path)
    stage.run(config, clock=world.clock)
    asked = [json.loads(asked.body)["query"] for asked in world.sites["eaf"].log if asked.path == "/graphql"]
    assert ["curatedDate" in query for query in asked[:3]] == [True, True, False] or not any(
        "curatedDate" in q for q in asked[2:]
    )
    assert not any("curatedDate" in query or "wordCount" in query for query in asked[2:])
    assert "kept" not in asked[-1]


def test_a_dry_run_asks_nothing(world_of, tmp_path, capsys):
    world = world_of(400, 3)
    config = config_for(world.sources, tmp_path)
    assert stage.run(config, clock=world.clock, is_dry_run=True) == 0
    shown = capsys.readouterr().out
    assert all(site.log == [] for site in world.sites.values())
    assert all(f"{name}: " in shown for name in world.sources)
    assert "submittedDate:[" in shown
    assert not (tmp_path / "data").exists()


def test_the_table_names_every_source(world_of, tmp_path, capsys):
    world = world_of(400, 3)
    stage.run(config_for(world.sources, tmp_path), clock=world.clock)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["source", "window", "requests", "new", "changed", "unchanged", "rejected", "alarms"]
    assert [line.split()[0] for line in lines[1:]] == list(world.sources)


def test_alarms_ring_for_canaries_drops_and_vanished_fields(world_of, tmp_path, capsys):
    world = world_of(1000, 3)
    config = config_for({"lw": {**world.sources["lw"], "canaries": ["lw:AAAAAAAAAAAAAAAAA"]}}, tmp_path)
    assert stage.run(config, clock=world.clock) == stage.UNEVEN
    assert "known item lw:AAAAAAAAAAAAAAAAA is missing" in capsys.readouterr().out
    forum = world.forums["lw"]
    kept = forum.posts[-60:]  # of the second month only
    forum.posts = [Post({**post.facts, "tags": []}, post.is_readable) for post in kept]
    assert stage.run(config, is_full=True, clock=world.clock) == stage.UNEVEN
    shown = capsys.readouterr().out
    assert "down from" in shown
    assert "where there were" in shown
    assert "field tags vanished" in shown


def test_hostile_records_are_set_aside_with_a_reason(tmp_path, world_of):
    world = world_of(400, 3)
    forum = world.forums["lw"]
    model = next(post for post in forum.posts if post.is_readable).facts
    forum.posts += [
        Post({**model, "_id": "../../../etc/passwd", "title": "x"}, False),
        Post({**model, "_id": "A" * 17, "title": "x" * 10_000_000}, False),
        Post({**model, "_id": "B" * 17, "title": "Bell \x07 and \x00 zero"}),
    ]
    config = config_for({"lw": world.sources["lw"]}, tmp_path)
    assert stage.run(config, clock=world.clock) == 0
    items, rejects = gather(config, "lw")
    reasons = Counter(reject.reason for reject in rejects)
    assert reasons["title longer than 2,000 characters"] == 1
    assert "../../../etc/passwd" in {reject.excerpt for reject in rejects}
    assert not list(tmp_path.rglob("*passwd*"))
    records, left_out, _ = read_sources(config)
    assert records.set_index("doc_id").loc["lw:" + "B" * 17, "title"] == "Bell and zero"
    assert len(left_out) == len(rejects)
    assert len(items) == len(records)


def test_an_archive_is_read_again_without_the_network(world_of, tmp_path):
    world = world_of(1000, 3)
    config = config_for(world.sources, tmp_path)
    stage.run(config, clock=world.clock)
    before = {name: gather(config, name) for name in world.sources}
    world.close()
    assert {name: gather(config, name) for name in world.sources} == before
    manifest = registry.current_snapshots(config, "lw")[-1][1]
    place = tmp_path / "data/raw/lw" / manifest.snapshot
    assert manifest.archive_bytes == (place / snapshot.ARCHIVE).stat().st_size
    assert manifest.licence
    assert len(manifest.archive_sha256) == 64


def test_a_source_without_a_snapshot_contributes_nothing_and_is_named(world_of, tmp_path, caplog):
    world = world_of(400, 3)
    config = config_for({name: world.sources[name] for name in ("lw", "feed")}, tmp_path)
    stage.run(config, only="feed", clock=world.clock)
    caplog.set_level(logging.INFO)
    records, _, _ = read_sources(config)
    assert set(records["origin"]) == {"feed"}
    assert "nothing yet from lw" in caplog.text


def test_another_query_starts_anew_and_leaves_the_old_answers_out(world_of, tmp_path):
    world = world_of(400, 3)
    config = config_for({"lw": world.sources["lw"]}, tmp_path)
    stage.run(config, clock=world.clock)
    narrower = config_for({"lw": {**world.sources["lw"], "tag_id": "sYm3HiWcfZvrGu3ui"}}, tmp_path)
    assert gather(narrower, "lw") == ([], [])
    stage.run(narrower, clock=world.clock)
    assert all(item.tags == ("AI",) for item in gather(narrower, "lw")[0])
    assert 0 < len(gather(narrower, "lw")[0]) < len(gather(config, "lw")[0])


def test_nobody_is_asked_anonymously(tmp_path, monkeypatch):
    monkeypatch.delenv("CENSUS_CONTACT", raising=False)
    entry = {"kind": "blog", "site": "x", "url": "https://blog.example.org/feed", "frame": "invented"}
    with pytest.raises(ConfigError, match="nobody is named as contact"):
        stage.run(config_for({"x": entry}, tmp_path))
    for contact in ("me", "me@here", "a@example.org; b@example.org", "a@example.org\r\nX-Other: 1"):
        monkeypatch.setenv("CENSUS_CONTACT", contact)
        with pytest.raises(ConfigError, match="is no e-mail address"):
            stage.run(config_for({"x": entry}, tmp_path))


def test_more_posts_at_one_moment_than_can_be_listed_stop_the_source(tmp_path, world_of, capsys):
    world = world_of(400, 3)
    model = world.forums["lw"].posts[0].facts
    crowd = Forum([Post({**model, "_id": f"{number:017d}"}) for number in range(2200)], world.forums["lw"].rng)
    site = Site(crowd.answer, clock=world.clock)
    sources = {"lw": {**world.sources["lw"], "url": site.url("/graphql"), "expect": {"min_items": 0}}}
    config = config_for(sources, tmp_path)
    assert stage.run(config, clock=world.clock) == stage.UNEVEN
    assert "more than 2000 posts with one postedAt" in capsys.readouterr().out
    site.close()


def test_openalex_needs_a_key_and_keeps_it_secret(tmp_path, monkeypatch, world_of, capsys):
    world = world_of(400, 3)
    work = {"id": "https://openalex.org/W1", "title": "Invented", "doi": "https://doi.org/10.48550/arXiv.2501.00001"}
    work |= {"abstract_inverted_index": {"safety": [1], "Invented": [0, 2]}, "publication_date": "2025-01-02"}

    def answer(asked):
        if not asked.params.get("api_key"):
            return Reply(b'{"error":"x","message":"Invalid key"}', status=401, kind="application/json")
        is_first = asked.params["cursor"] == "*"
        body = {"meta": {"next_cursor": "n" if is_first else None}, "results": [work] if is_first else []}
        return Reply(json.dumps(body).encode(), kind="application/json")

    site = Site(answer, clock=world.clock)
    entry = {"kind": "openalex", "url": site.url("/works"), "search": "x", "frame": "invented", "seconds_between": 0.0}
    config = config_for({"openalex": entry}, tmp_path)
    monkeypatch.delenv("OPENALEX_API_KEY", raising=False)
    assert stage.run(config, clock=world.clock) == stage.UNEVEN
    assert "$OPENALEX_API_KEY: is empty" in capsys.readouterr().out
    monkeypatch.setenv("OPENALEX_API_KEY", "hush-hush")
    assert stage.run(config, clock=world.clock) == 0
    (item,), _ = gather(config, "openalex")
    assert (item.doc_id, item.text) == ("arxiv:2501.00001", "Invented safety Invented")
    for path in (tmp_path / "data/raw/openalex").rglob("*"):
        if path.is_file():
            pages = snapshot.pages_of(path.parent, path.stat().st_size) if path.name == snapshot.ARCHIVE else ()
            assert "hush-hush" not in "".join(str(page) for page in pages)
            assert b"hush-hush" not in path.read_bytes()
    site.close()


@pytest.mark.parametrize("field", ["postedAt", "modifiedAt"])
def test_a_deletion_within_a_long_list_hides_no_post(tmp_path, world_of, field):
    """More posts than two pages share one moment; three already read are deleted before the next page is asked for."""
    world = world_of(400, 3)
    model, moment = world.forums["lw"].posts[0].facts, "2026-02-01T00:00:00.000Z"
    old = [Post({**model, "_id": f"{n:017d}", "postedAt": moment, "modifiedAt": moment}) for n in range(150)]
    forum = Forum(old if field == "postedAt" else [], world.forums["lw"].rng)
    n_asked = 0

    def answer(asked):
        nonlocal n_asked
        reply = forum.answer(asked)
        if asked.path == "/graphql" and len(json.loads(reply.body)["data"]["posts"]["results"]) == 50:
            n_asked += 1
            if n_asked in (1, 2):
                gone = {f"{3 * n_asked + n:017d}" for n in range(3)}
                forum.posts = [post for post in forum.posts if post.facts["_id"] not in gone]
        return reply

    site = Site(answer, clock=world.clock)
    sources = {"lw": {**world.sources["lw"], "url": site.url("/graphql"), "expect": {"min_items": 0}}}
    config = config_for(sources, tmp_path)
    assert stage.run(config, clock=world.clock) == 0
    if field == "modifiedAt":
        stamp = f"{datetime.fromtimestamp(world.clock.now(), UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}.000Z"
        forum.posts = [
            Post({**post.facts, "postedAt": "2025-01-01T00:00:00.000Z", "modifiedAt": stamp}) for post in old
        ]
        world.clock.sleep(86_400)
        assert stage.run(config, clock=world.clock) == 0
    assert n_asked >= 2
    ids = {item.doc_id for item in gather(config, "lw")[0]}
    assert ids >= {f"lw:{post.facts['_id']}" for post in forum.posts}
    site.close()


def test_more_changes_than_can_be_listed_are_asked_for_in_halves(tmp_path, world_of):
    world = world_of(400, 3)
    model = world.forums["lw"].posts[0].facts
    begun = datetime.fromtimestamp(world.clock.now(), UTC)
    forum = Forum([], world.forums["lw"].rng)
    site = Site(forum.answer, clock=world.clock)
    how = {"url": site.url("/graphql"), "page_size": 500, "expect": {"min_items": 0}}
    config = config_for({"lw": {**world.sources["lw"], **how}}, tmp_path)
    assert stage.run(config, clock=world.clock) == 0
    for number in range(2600):
        stamp = f"{begun + timedelta(seconds=20 + 30 * number):%Y-%m-%dT%H:%M:%S}.000Z"
        forum.posts.append(
            Post({**model, "_id": f"{number:017d}", "postedAt": "2025-01-01T00:00:00.000Z", "modifiedAt": stamp})
        )
    world.clock.sleep(86_400)
    assert stage.run(config, clock=world.clock) == 0
    assert {item.doc_id for item in gather(config, "lw")[0]} == {f"lw:{number:017d}" for number in range(2600)}
    site.close()


@pytest.mark.parametrize("name", ["lw", "eaf"])
def test_comments_are_archived_where_asked_for(tmp_path, world_of, name):
    world = world_of(400, 3)
    forum = world.forums[name]
    forum.posts = [
        Post({**post.facts, "commentCount": 2, "question": n == 0}) for n, post in enumerate(forum.posts[:5])
    ]
    config = config_for({name: {**world.sources[name], "has_comments": True}}, tmp_path)
    assert stage.run(config, clock=world.clock) == 0
    place, manifest = registry.current_snapshots(config, name)[-1]
    pages = [page for page in snapshot.pages_of(place, manifest.archive_bytes) if page.context["phase"] == "comments"]
    assert {page.context["post_id"] for page in pages} == {post.facts["_id"] for post in forum.posts}
    assert sorted(page.context["view"] for page in pages) == ["answersAndReplies", *["postCommentsOld"] * 5]
    comments = json.loads(pages[0].response.body)["data"]["comments"]["results"]
    assert [bool(comment.get("deleted")) for comment in comments] == [False, True]
    assert len(gather(config, name)[0]) == 5
