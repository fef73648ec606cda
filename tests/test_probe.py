"""A probe asks the first page of every list, says what it found, and keeps nothing."""

from pipeline.scrape import stage
from tests.fakes.pages_site import Pages, article, contents, rss, sitemap
from tests.fakes.server import Reply
from tests.fakes.world import config_for


def probe(pages: Pages, capsys, **sources):
    found = {
        name: {"kind": "blog", "site": name, "frame": "invented", "seconds_between": 0.0, **pages.with_host(entry)}
        for name, entry in sources.items()
    }
    status = stage.run(config_for(found, pages.root), clock=pages.clock, is_probe=True)
    lines = capsys.readouterr().out.splitlines()
    return status, lines


def test_a_probe_shows_every_list_with_robots_and_verdict(tmp_path, capsys):
    pages = Pages(tmp_path, robots="User-agent: *\nDisallow: /secret\n")
    pages.routes |= {
        "/feed": rss(range(3)),
        "/toc": contents(range(4)),
        "/sitemap.xml": sitemap("/blog/a", "/blog/b"),
        "/blog/a": article("A"),
        "/moved": Reply(b"", 301, headers={"Location": "HOST/feed"}),
        "/secret": rss(range(1)),
        "/spa": "<!doctype html><html><body><div id='root'></div><script src='/x.js'></script></body></html>",
    }
    status, lines = probe(
        pages,
        capsys,
        two={"routes": [{"url": "HOST/feed"}, {"url": "HOST/toc", "layout": "contents"}]},
        map={"url": "HOST/sitemap.xml", "layout": "sitemap", "keep_pattern": "/blog/"},
        moved={"url": "HOST/moved", "expect": {"min_items": 3, "max_age_days": 90}, "canaries": ["web:x"]},
        secret={"url": "HOST/secret"},
        gone={"url": "HOST/nowhere"},
        spa={"url": "HOST/spa", "layout": "links"},
    )
    assert status == stage.UNEVEN
    rows = {(line.split()[0], line.split()[1]): line.split() for line in lines[1:8]}
    verdicts = {key[0] + key[1].removeprefix(pages.url("")): row[-1] for key, row in rows.items()}
    assert verdicts == {
        "two/feed": "works",
        "two/toc": "works",
        "map/sitemap.xml": "works",
        "moved/moved": "moved",
        "secret/secret": "fails",
        "gone/nowhere": "fails",
        "spa/spa": "fails",
    }
    assert " allows it " in lines[1] and " forbids this " in next(line for line in lines if line.startswith("secret "))
    text = "\n".join(lines)
    assert "moved: expected: at least 3 items; newest at most 90 days old; canaries web:x" in text
    assert "gone: " in text and "the list is gone (status 404)" in text
    assert "it is drawn by JavaScript" in text
    assert not list(tmp_path.rglob("manifest.json")) and not list(tmp_path.rglob("*.warc.gz"))
    pages.close()


def test_a_dry_run_prints_what_is_expected_with_the_last_good_values(tmp_path, capsys):
    pages = Pages(tmp_path)
    pages.routes["/feed"] = rss(range(5))
    entry = {"url": "HOST/feed", "expect": {"min_items": 2, "min_filled": {"authors": 0.5}}}
    assert pages.run(**{**entry, "expect": {"min_items": 2}})[0] == 0
    stage.run(pages.config(**entry), clock=pages.clock, is_dry_run=True)
    shown = capsys.readouterr().out
    assert "expected: at least 2 items; authors in 50 % (last good: run 2026-" in shown
    assert "items 5, newest 2026-07-21)" in shown
    status, _, _ = pages.run(**entry)
    assert status == stage.UNEVEN
    assert "0 % of the items have authors, where 50 % are expected" in capsys.readouterr().out
    pages.close()
