"""The daily announcements of arXiv: who is announced when, and a ledger in which a hole is seen."""

import csv
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.scrape import registry, stage
from pipeline.scrape.arxiv_feed import parse
from pipeline.scrape.item import Item, Reject
from pipeline.web.clock import VirtualClock
from tests.fakes.arxiv_site import Arxiv, Paper
from tests.fakes.pages_site import Pages
from tests.fakes.server import Asked
from tests.fakes.world import config_for

MONDAY = datetime(2026, 9, 7, 12, tzinfo=UTC)


def item(number: int, kind: str, day: str, title: str = "On AI control", classes: str = "cs.AI") -> str:
    tags = "".join(f"<category>{name}</category>" for name in classes.split())
    return (
        f"<item><title>{title}</title><description>arXiv:2609.{number:05d}v1 Announce Type: {kind} \nAbstract: An "
        f'abstract.</description><guid isPermaLink="false">oai:arXiv.org:2609.{number:05d}v1</guid>{tags}'
        f"<pubDate>{day}</pubDate><arxiv:announce_type>{kind}</arxiv:announce_type>"
        "<dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>"
        "<dc:creator>Ada Anders (Inst, Town), Bo Berg</dc:creator></item>"
    )


def feed(*items: str, day: str = "Mon, 07 Sep 2026 00:00:00 -0400") -> str:
    spaces = 'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return (
        f"<?xml version='1.0' encoding='UTF-8'?><rss {spaces} version=\"2.0\"><channel><title>x</title>"
        f"<pubDate>{day}</pubDate>{''.join(items)}</channel></rss>"
    )


@pytest.fixture
def pages(tmp_path):
    found = Pages(tmp_path, clock=VirtualClock(MONDAY.timestamp()))
    yield found
    found.close()


def run(pages, classes=("cs.AI", "cs.LG"), **query):
    entry = {"kind": "arxiv-feed", "classes": list(classes), "url": "HOST/rss/", "frame": "invented", "query": query}
    config = config_for({"f": pages.with_host({**entry, "seconds_between": 0.0})}, pages.root)
    status = stage.run(config, clock=pages.clock)
    found = list(registry.read_items(config, "f"))
    ledger = list(csv.DictReader((registry.folder_of(config, "f") / "ledger.csv").open()))
    return status, [entry for entry in found if isinstance(entry, Item)], ledger


DAYS = ["Mon, 07 Sep 2026 00:00:00 -0400", "Wed, 09 Sep 2026 00:00:00 -0400"]


def test_new_and_cross_listed_papers_count_on_their_first_day_and_replacements_do_not(pages):
    pages.routes["/rss/cs.AI"] = feed(item(1, "new", DAYS[0]), item(2, "replace", DAYS[0]), day=DAYS[0])
    pages.routes["/rss/cs.LG"] = feed(item(1, "cross", DAYS[0]), item(3, "cross", DAYS[0]), day=DAYS[0])
    status, items, ledger = run(pages)
    assert (status, sorted(found.doc_id for found in items)) == (0, ["arxiv:2609.00001", "arxiv:2609.00003"])
    assert {found.announced_date for found in items} == {"2026-09-07"}
    assert items[0].authors == ("Ada Anders", "Bo Berg") and items[0].affiliations == ("Inst, Town", "")
    assert items[0].licence.endswith("/by/4.0/")
    assert [(row["class"], row["new"], row["cross"], row["replace"]) for row in ledger] == [
        ("cs.AI", "1", "0", "1"),
        ("cs.LG", "0", "2", "0"),
    ]
    pages.clock.sleep(2 * 86_400)
    pages.routes["/rss/cs.AI"] = feed(item(1, "replace", DAYS[1], "On AI control, again"), day=DAYS[1])
    pages.routes["/rss/cs.LG"] = feed(item(2, "cross", DAYS[1]), day=DAYS[1])
    status, items, ledger = run(pages)
    days = {found.doc_id: found.announced_date for found in items}
    assert days == {
        "arxiv:2609.00001": "2026-09-07",
        "arxiv:2609.00003": "2026-09-07",
        "arxiv:2609.00002": "2026-09-09",
    }
    # Tuesday was not asked for: a hole in both classes.
    assert [row["class"] for row in ledger if row["is_hole"] == "true" and row["day"] == "2026-09-08"] == [
        "cs.AI",
        "cs.LG",
    ]


def test_a_day_without_announcements_is_no_failure(pages):
    pages.routes |= {"/rss/cs.AI": feed(day="Sat, 05 Sep 2026 00:00:00 -0400")}
    status, items, _ = run(pages, ("cs.AI",))
    assert (status, items) == (0, [])


def test_the_query_decides_who_of_the_announced_belongs(pages):
    pages.routes["/rss/cs.AI"] = feed(item(1, "new", DAYS[0]), item(2, "new", DAYS[0], "On tides"))
    status, items, _ = run(pages, ("cs.AI",), phrases=["@core"], announced_from="2026-09-07")
    assert (status, [found.doc_id for found in items]) == (0, ["arxiv:2609.00001"])
    assert run(pages, ("cs.AI",), phrases=["@core"], announced_from="2026-09-08")[1] == []


def test_a_page_instead_of_a_feed_is_a_failure(pages):
    pages.routes["/rss/cs.AI"] = "<!doctype html><html><body>Sorry</body></html>"
    entry = {"kind": "arxiv-feed", "classes": ["cs.AI"], "url": pages.url("/rss/"), "frame": "invented"}
    config = config_for({"f": {**entry, "seconds_between": 0.0}}, pages.root)
    assert stage.run(config, clock=pages.clock) == stage.UNEVEN


def test_the_bulk_interface_and_the_feed_agree_on_the_day(tmp_path):
    """A paper submitted on a Thursday before the deadline stands in Friday's feed, as its first submission says."""
    from pipeline.scrape.arxiv import announced_on

    submitted = datetime(2026, 9, 3, 17, tzinfo=UTC)
    assert announced_on(f"{submitted:%Y-%m-%dT%H:%M:%SZ}") == "2026-09-04"


def test_the_local_feed_has_the_shape_of_the_parser(tmp_path):
    clock = VirtualClock(MONDAY.timestamp())
    day = MONDAY - timedelta(days=2)
    papers = [
        Paper(f"2609.{n:05d}", f"T {n}", "A", ("cs.AI", "cs.LG"), day, day, 1, "", f"{day:%Y-%m-%d}") for n in range(3)
    ]
    site = Arxiv(papers, None, clock)
    reply = site.answer(Asked("GET", "/rss/cs.LG", {}, {"user-agent": "x"}, b"", 0.0, 1))
    from pipeline.web.archive import Page
    from pipeline.web.response import Response

    settings = registry.settings_of("f", {"kind": "arxiv-feed", "frame": "f", "classes": ["cs.LG"]})
    found = list(parse(Page("p", Response("u", 200, "OK", (), reply.body), {"class": "cs.LG"}), settings))
    assert not [entry for entry in found if isinstance(entry, Reject)]
    assert [entry.announced_date for entry in found] == [f"{day:%Y-%m-%d}"] * 3
