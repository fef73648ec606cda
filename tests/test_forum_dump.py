"""A forum's own dump, from a file or from the site in slices: each post once, counts held against the manifest."""

import json

import pytest

from pipeline.errors import DataError
from pipeline.scrape import files, registry, stage
from pipeline.scrape.item import Item
from pipeline.web.clock import VirtualClock
from tests.fakes.dump_site import META, Dump, pack
from tests.fakes.server import Site
from tests.fakes.world import config_for


def post(number: int, **more) -> dict:
    facts = {
        "type": "post",
        "_id": f"{number:017d}",
        "title": f"Invented {number}",
        "slug": f"invented-{number}",
        "postedAt": "2026-01-02T00:00:00.000Z",
        "baseScore": 12,
        "af": number % 2 == 0,
        "url": None,
        "html": f"<p>Body {number}</p>" * 40,
        "user": {"displayName": "Ada", "slug": "ada"},
        "tags": [{"slug": "ai", "name": "AI"}] if number % 3 else [],
    }
    return {**facts, **more}


def comment(number: int) -> dict:
    return {"type": "comment", "_id": f"c{number:016d}", "postId": f"{number:017d}", "html": "<p>c</p>"}


@pytest.fixture
def scrape(tmp_path):
    sites = []

    def run(dump, **more):
        site = Site(dump.answer, clock=VirtualClock())
        sites.append(site)
        entry = {"kind": "forum-dump", "site": "lesswrong", "frame": "invented", "url": site.url("/api/public-dump")}
        sources = {"dump": {**entry, "seconds_between": 0.0, "slice_bytes": 700, **more}}
        config = config_for(sources, tmp_path)
        status = stage.run(config, clock=site.clock)
        return status, list(registry.read_items(config, "dump"))

    yield run
    for site in sites:
        site.close()


ROWS = [META, *(post(n) for n in range(60)), *(comment(n) for n in range(5))]


def test_a_dump_in_slices_gives_every_post_once_and_its_counts_add_up(scrape):
    dump = Dump(ROWS)
    status, found = scrape(dump)
    assert (status, len(found)) == (0, 60)
    assert dump.n_slices > 2
    assert found[0].doc_id == "lw:00000000000000000"
    assert {item.source for item in found} == {"lesswrong", "alignmentforum"}
    assert (found[1].authors, found[1].karma, found[1].tags) == (("Ada",), 12.0, ("AI",))
    assert found[1].text.startswith("<p>Body 1</p>")


def test_counts_that_the_manifest_does_not_share_ring_an_alarm(scrape, capsys):
    status, found = scrape(Dump(ROWS, posts=61, comments=4))
    assert (status, len(found)) == (stage.UNEVEN, 60)
    shown = capsys.readouterr().out
    assert "the dump has 60 posts, its manifest says 61" in shown
    assert "the dump has 5 comments, its manifest says 4" in shown


def test_a_dump_that_changes_on_the_way_is_begun_again(scrape):
    dump = Dump(ROWS)
    dump.replacement = pack([META, *(post(n) for n in range(30, 90))])
    dump.changes_after, dump.manifest = 2, {"posts": 60, "comments": 0}
    status, found = scrape(dump)
    assert status == 0
    assert [item.doc_id for item in found] == [f"lw:{n:017d}" for n in range(30, 90)]


def test_tag_time_karma_and_events_decide_who_belongs(scrape):
    rows = [
        META,
        post(1),
        post(2, baseScore=0),
        post(3),
        post(4, isEvent=True),
        post(5, postedAt="2015-01-01T00:00:00Z"),
    ]
    status, found = scrape(Dump(rows), tag="AI", after="2017-01-01T00:00:00Z")
    assert (status, [item.doc_id for item in found]) == (0, ["lw:00000000000000001"])


def read(path, **more):
    entry = {"kind": "files", "path": path.name, "dump": "lesswrong", "frame": "f", **more}
    return list(files.read_items(entry, path.parent, "[sources.x]"))


def test_a_dump_on_disk_is_read_the_same_way(tmp_path):
    path = tmp_path / "dump.ndjson.gz"
    path.write_bytes(pack(ROWS))
    assert len(read(path)) == 60
    (tmp_path / "manifest.json").write_text(json.dumps({"posts": 60, "comments": 5}))
    assert len(read(path)) == 60
    (tmp_path / "manifest.json").write_text(json.dumps({"posts": 60, "comments": 6}))
    with pytest.raises(DataError, match="the dump has 5 comments, its manifest says 6"):
        read(path)


def test_case_50_the_dump_has_one_post(shared):
    (item,) = read(shared / "cases" / "sources" / "50_lw_public_dump.ndjson.gz")
    assert isinstance(item, Item)
    assert (item.doc_id, item.source, item.title) == ("lw:Abcdefghijklmn001", "alignmentforum", "Invented one")
    assert (item.authors, item.karma, item.tags, item.text) == (("Ada",), 12.0, ("AI",), "<p>Body</p>")
