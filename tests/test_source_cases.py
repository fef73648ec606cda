"""The handed cases of the sources, run as they are: each file has one right answer, in its table."""

import json
from pathlib import Path

import pytest

from pipeline.scrape import arxiv_atom, arxiv_oai, openalex, registry, stage
from pipeline.scrape.arxiv import Query, is_in_query
from pipeline.scrape.blog_lists import read_cards, read_casebook, read_contents
from pipeline.scrape.blog_pages import read_article
from pipeline.scrape.item import Item
from pipeline.scrape.links import link_id
from pipeline.scrape.stage import UNEVEN
from pipeline.scrape.withdrawal import is_withdrawn
from pipeline.web.archive import Page
from pipeline.web.response import Response
from tests.fakes.pages_site import Pages, rss
from tests.fakes.server import Reply
from tests.fakes.world import config_for


@pytest.fixture(scope="module")
def cases(shared) -> Path:
    return shared / "cases" / "sources"


@pytest.fixture
def pages(tmp_path):
    found = Pages(tmp_path)
    yield found
    found.close()


def of_json(pages: Pages, path: Path) -> dict:
    """Sets the routes of a case up and returns its entry."""
    case = json.loads(path.read_text())
    for where, said in case["routes"].items():
        headers = {key: value.replace("OTHERHOST", "other.invalid") for key, value in said.get("headers", {}).items()}
        body = said.get("body", "").encode()
        kind = said.get("type", "text/xml" if body.startswith(b"<?xml") else "text/html")
        pages.routes[where] = Reply(body, said.get("status", 200), kind, headers)
    pages.site.robots = case.get("robots", "")
    return case["entry"]


def in_feed(pages: Pages, path: Path, **entry) -> list[Item]:
    pages.routes["/feed"] = path.read_bytes()
    return pages.run(url="HOST/feed", **entry)[1]


def test_case_01_joined_creators_are_four_none_and_two(pages, cases):
    found = in_feed(pages, cases / "01_rss_creator_joined.xml")
    assert [item.authors for item in found] == [
        ("Ada Anders", "Bo Berg", "Cy Cole", "Di Dahl"),
        (),
        ("Ada Anders", "Bo Berg"),
    ]


@pytest.mark.parametrize(
    ("name", "n_items"),
    [
        ("02_leading_blank_line", 1),
        ("03_no_link_guid_permalink", 3),
        ("05_nbsp_entity", 2),
        ("80_metr_translations", 1),
    ],
)
def test_cases_of_feeds_that_readers_read(pages, cases, name, n_items):
    assert len(in_feed(pages, cases / f"{name}.xml")) == n_items


def test_case_07_a_feed_names_its_author_once(pages, cases):
    assert [item.authors for item in in_feed(pages, cases / "07_atom_feed_author.xml")] == [("Invented Team",)]


def test_case_79_an_unknown_author_is_counted(pages, cases):
    (item,) = in_feed(pages, cases / "79_feed_without_author.xml")
    assert item.authors == ()
    (_, manifest), *_ = registry.current_snapshots(pages.config(), "b")
    assert manifest.unknown_author_count == 1


def test_case_10_a_query_is_identity(pages, cases):
    pages.routes["/"] = (cases / "10_query_identity.html").read_bytes()
    assert len(pages.run(url="HOST/", layout="contents")[1]) == 3


def test_case_11_bylines_lose_their_marks_and_a_misspelt_month_is_read(cases):
    first, second, third = read_contents((cases / "11_byline_asterisk.html").read_bytes(), "https://x.example/")
    assert first.authors == ("Qix", "Wrox", "MacDax", "Hubix")
    assert second.authors == ()
    assert third.published_date == "2026-08"


def test_cases_12_and_14_a_redesign_after_a_good_run_is_a_failure_and_loses_nothing(pages, cases, capsys):
    entries = "".join(f'<a href="/n/{n}/" class="note"><h3>Invented note {n}</h3></a>' for n in range(40))
    pages.routes["/"] = f'<html><body><div class="toc"><div class="date">May 2026</div>{entries}</div></body></html>'
    assert (pages.run(url="HOST/", layout="contents")[0], 40) == (0, 40)
    pages.routes["/"] = (cases / "12_contents_redesigned.html").read_bytes()
    for _ in range(2):
        status, items, _ = pages.run(url="HOST/", layout="contents")
        assert (status, len(items)) == (UNEVEN, 40)
        assert "the list names no publication" in capsys.readouterr().out


def test_case_13_a_feed_that_is_gone_is_a_failure(pages, cases, capsys):
    assert pages.run(**of_json(pages, cases / "13_feed_404.json")) == (UNEVEN, [], [])
    assert "the list is gone (status 404)" in capsys.readouterr().out


def test_case_15_a_feed_that_moved_names_its_new_host_and_keeps_its_history(pages, cases, capsys):
    pages.routes["/feed"] = rss(range(20))
    pages.run(url="HOST/feed")
    status, items, _ = pages.run(**of_json(pages, cases / "15_feed_301_other_host.json"))
    assert (status, len(items)) == (UNEVEN, 20)
    assert "the host other.invalid is not one that this source may ask; if the service moved" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("16_one_article_500", "could not be had: gave up after 4 attempts: status 500"),
        ("17_one_link_pdf", "a PDF, not a page"),
        ("19_robots_one_article", "could not be had: robots.txt of the service forbids this address"),
    ],
)
def test_cases_16_17_19_one_bad_page_keeps_nothing_else_out(pages, cases, name, reason):
    entry = of_json(pages, cases / f"{name}.json")
    for _ in range(4):
        status, items, rejects = pages.run(**entry)
        assert (status, len(items)) == (0, 2)
        assert [(reject.reason, reject.excerpt) for reject in rejects] == [(reason, pages.url("/blog/b"))]
        pages.clock.sleep(7 * 86_400)


def test_case_23_an_index_of_links_names_one_article(pages, cases):
    pages.routes |= {"/blog/": (cases / "23_links_index.html").read_bytes(), "/blog/a": "<html><title>A</title></html>"}
    status, items, rejects = pages.run(url="HOST/blog/", layout="links", keep_pattern="/blog/[^/]+")
    assert (status, [item.url for item in items], rejects) == (0, [pages.url("/blog/a")], [])


def test_case_24_a_page_drawn_by_javascript_is_a_failure(pages, cases, capsys):
    pages.routes["/blog"] = (cases / "24_spa_index.html").read_bytes()
    assert pages.run(url="HOST/blog", layout="links") == (UNEVEN, [], [])
    assert "it is drawn by JavaScript" in capsys.readouterr().out


def test_case_30_openalex_works_are_clean(cases):
    settings = openalex.Settings(kind="openalex", frame="f")
    response = Response("u", 200, "OK", (), (cases / "30_openalex_works.json").read_bytes())
    found = list(openalex.parse(Page("s", response, {}), settings))
    assert [item.doc_id for item in found] == ["openalex:W1", "arxiv:2601.00002", "arxiv:2601.00003", "openalex:W4"]
    assert [item.title for item in found][::3] == ["On invented AI & safety", "Invented four"]
    assert found[1].text == "We test"
    assert (found[0].affiliations, found[0].orcids) == (("Inv Univ",), ("0000-0000-0000-0000",))


def test_case_38_a_page_with_broken_linked_data_still_has_its_date(cases):
    entry = read_article((cases / "38_ld_graph_broken_json.html").read_bytes(), "https://x.example/")
    assert entry.published_date == "2026-03-04"


def test_case_43_withdrawal_is_recognised_in_any_words(cases):
    comments = json.loads((cases / "43_withdrawn_wording.json").read_text())["routes"]["comments"]
    assert [is_withdrawn(comment, "") for comment in comments] == [True] * 6 + [False]


def test_case_49a_the_listed_posts_are_asked_for_and_no_other(pages, cases):
    pages.routes["/api/latest"] = Reply((cases / "49a_lw_markdown_latest.md").read_bytes(), kind="text/markdown")
    for number, name in enumerate(("invented-first-post", "invented-second-post")):
        text = f"# Invented {number}\n\nBy [Ada](/users/ada)\n\nSee /posts/Abcdefghijklmn00{number}/{name}.\n"
        pages.routes[f"/api/post/{name}"] = Reply(text.encode(), kind="text/markdown")
    entry = {"kind": "forum-feed", "site": "lesswrong", "access": "markdown", "url": "HOST/api/latest"}
    status, items, rejects = pages.run(**entry)
    assert (status, [item.doc_id for item in items], rejects) == (
        0,
        ["lw:Abcdefghijklmn000", "lw:Abcdefghijklmn001"],
        [],
    )
    assert pages.asked() == ["/api/latest", "/api/post/invented-first-post", "/api/post/invented-second-post"]


def test_case_55_a_total_that_is_never_reached_keeps_the_window_and_says_so(pages, capsys):
    from tests.fakes.arxiv_site import FEED

    entry = (
        "<entry><id>http://arxiv.org/abs/2601.00001v1</id><title>T</title><summary>S</summary>"
        "<published>2026-01-05T00:00:00Z</published></entry>"
    )

    def answer(asked):
        start = int(asked.params["start"])
        body = FEED.format(size=1, total=3, start=start, entries="" if start else entry)
        return Reply(body.encode(), kind="application/atom+xml")

    pages.routes["/api/query"] = answer
    query = {"submitted_from": "2026-01-01", "submitted_before": "2026-02-01"}
    found = {
        "kind": "arxiv-query",
        "url": "HOST/api/query",
        "query": query,
        "seconds_between": 0.0,
        "frame": "invented",
    }
    config = config_for({"a": pages.with_host(found)}, pages.root)
    assert stage.run(config, clock=pages.clock) == UNEVEN
    assert "3 announced, 1 given" in capsys.readouterr().out
    assert len(list(registry.read_items(config, "a"))) == 1


def test_case_41_two_unknown_fields_are_both_left_out(pages):
    import json as json_format

    questions = []

    def answer(asked):
        query = json_format.loads(asked.body)["query"]
        questions.append(query)
        names = [name for name in ("wordCount", "curatedDate") if f" {name} " in query]
        if names:
            said = [f'Cannot query field "{name}" on type "Post". Did you mean "x"?' for name in names]
            body = {"errors": [{"message": message} for message in said]}
            return Reply(json_format.dumps(body).encode(), 400, "application/json")
        post = {"_id": "Abcdefghijklmn001", "title": "T", "postedAt": "2026-01-01T00:00:00.000Z"}
        return Reply(json_format.dumps({"data": {"posts": {"results": [post]}}}).encode(), kind="application/json")

    pages.routes["/graphql"] = answer
    found = {"kind": "forum", "site": "lesswrong", "url": "HOST/graphql", "frame": "invented", "seconds_between": 0.0}
    config = config_for({"lw": pages.with_host(found)}, pages.root)
    assert stage.run(config, clock=pages.clock) == 0
    assert [" wordCount " in query for query in questions][:2] == [True, False]
    assert " curatedDate " not in questions[1]


def test_cases_60_and_61_the_shipped_routes_to_arxiv_obey_robots(cases, root):
    """The file forbids the query interface; harvest and hydrate go to the bulk interface, which has no such file."""
    from protego import Protego

    from pipeline.config import load_config

    config = load_config(root / "census.toml")
    rules = Protego.parse((cases / "60_export_arxiv_robots.txt").read_text())
    asked = [entry.get("url", "") for entry in config.sources.values()] + [config.hydrate.arxiv_url]
    assert not rules.can_fetch("https://export.arxiv.org/api/query", "alignment-census")
    assert not [url for url in asked if "export.arxiv.org" in url]
    settings = registry.settings_of("arxiv", config.sources["arxiv"])
    assert list(arxiv_oai.hosts(settings)) == ["oaipmh.arxiv.org"]


def test_case_52_a_full_run_forgets_nothing_that_a_window_scrolled_past(pages):
    for numbers, days, is_full in ((range(20), 0, False), (range(15, 35), 200, False), (range(40, 60), 7, True)):
        pages.clock.sleep(days * 86_400)
        pages.routes["/feed"] = rss(numbers)
        status, items, _ = pages.run(url="HOST/feed", is_full=is_full)
        assert status == 0
    assert len(items) == 55


def test_case_56_a_withdrawn_paper_is_marked_and_has_its_affiliation(cases):
    (paper,) = arxiv_atom.parse_feed((cases / "56_atom_withdrawn.xml").read_bytes(), "s", "f")
    assert (paper.is_withdrawn, paper.affiliations) == (True, ("Inv Univ",))


def test_case_71_withdrawn_by_source_type_deleted_and_empty(cases):
    found = list(arxiv_oai.parse_records((cases / "71_oai_withdrawn_0kb_deleted_empty.xml").read_bytes(), "s", "f"))
    assert isinstance(found[0], Item) and found[0].is_withdrawn
    assert [item.reason for item in found[1:3]] == ["deleted by the source", "a record without metadata"]
    assert (found[3].authors, found[3].is_withdrawn) == ((), False)


def test_case_72_a_corrected_address_keeps_what_the_old_one_brought(pages):
    pages.routes |= {"/feed": rss(range(20)), "/newfeed": rss(range(15, 35))}
    pages.run(url="HOST/feed")
    status, items, _ = pages.run(url="HOST/newfeed")
    assert (status, len(items)) == (0, 35)


def test_case_82_an_index_of_cards_has_two_dated_posts(cases):
    found = read_cards((cases / "82_openai_alignment_index.html").read_bytes(), "https://x.example/")
    assert [(entry.title, entry.published_date) for entry in found] == [
        ("Invented A", "2026-07-21"),
        ("Invented B", "2026-09-06"),
    ]


def test_case_83_a_casebook_has_reports_and_notices(cases):
    found = read_casebook((cases / "83_openai_casebook.html").read_bytes(), "https://x.example/")
    assert [(entry.title, entry.published_date) for entry in found] == [
        ("Invented report", "2026-09-25"),
        ("Invented notice", "2026-09-11"),
    ]
    assert len({link_id(entry.link) for entry in found}) == 2


def test_case_84_the_shipped_entry_keeps_four_sections(cases, root):
    from pipeline.config import load_config
    from pipeline.scrape import blogs

    settings = registry.settings_of("apollo", load_config(root / "census.toml").sources["apollo"])
    paths = json.loads((cases / "84_apollo_paths.json").read_text())["routes"]["sitemap locs"]
    (route,) = blogs.routes_of(settings)
    kept = [path for path in paths if blogs.is_of_route(f"https://www.apolloresearch.ai{path}", (), route)]
    assert kept == paths


def test_case_85_a_phrase_is_enforced(cases):
    case = json.loads((cases / "85_atom_phrase_not_enforced.json").read_text())
    said = case["routes"]["entry"]
    query = Query(categories=("cs.AI",), phrases=tuple(case["entry"]["query"]["phrases"]))
    item = Item("p", "arxiv:2601.00001", "arxiv", "f", said["title"], said["summary"], tags=("cs.AI",))
    assert not is_in_query(item, query)
