"""Invented pages and records in the shapes that sources were seen to have, and what a reader would take from each."""

import json

import pytest

from pipeline.scrape import arxiv_atom, arxiv_oai, openalex
from pipeline.scrape.blog_lists import read_cards, read_casebook, read_contents
from pipeline.scrape.blog_pages import read_article
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.page_dates import page_date
from pipeline.web.archive import Page
from pipeline.web.response import Response

HOME = "https://x.example/"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("13/03/2026", "2026-03-13"),
        ("03/13/2026", "2026-03-13"),
        ("04.03.2026", "2026-03-04"),
        ("4. 3. 2026", "2026-03-04"),
        ("20260304", "2026-03-04"),
        ("04/03/2026", ""),
        ("20261304", ""),
        ("March 4, 2026 by Ada", "2026-03-04"),
        ("March 4, 2026", "2026-03-04"),
        ("Mar. 4th, 2026", "2026-03-04"),
        ("4 March 2026", "2026-03-04"),
        ("1st of March 2026", "2026-03-01"),
        ("Wednesday, March 4, 2026", "2026-03-04"),
        ("Published on March 4, 2026", "2026-03-04"),
        ("Last updated: 4 May 2026", "2026-05-04"),
        ("2026/3/4", "2026-03-04"),
        ("2026.03.04", "2026-03-04"),
        ("2026-03-04T10:00:00Z", "2026-03-04"),
        ("21-Jul-2026", "2026-07-21"),
        ("July 21-22, 2026", "2026-07-21"),
        ("03/25/2026", "2026-03-25"),
        ("Sept. 2026", "2026-09"),
        ("Augst 2026", "2026-08"),
        ("Jully 4 2026", "2026-07-04"),
        ("2026\u5e743\u67084\u65e5", "2026-03-04"),
        ("2026", "2026"),
        ("03/04/2026", ""),
        ("30 February 2026", ""),
        ("2026-13-01", ""),
        ("Mayonnaise 2026", ""),
        ("soon", ""),
    ],
)
def test_a_date_written_for_readers_is_read_as_precisely_as_it_is(text, date):
    assert page_date(text) == date


def test_cards_of_every_form_are_entries_and_headings_of_the_page_are_none():
    body = b"""<!doctype html><html><body><header><h1><a href="/">The Lab</a></h1></header><main><h2>Research</h2>
    <article><time datetime="2026-07-21">Jul 21</time><h3><a href="/a/">First</a></h3><p>Sum of it.</p></article>
    <a href="/b/"><div><h3>Second</h3><span class="card-date">June 5, 2026</span>
    <p class="byline">By Ada and Bo</p></div></a>
    <ul><li><h3><a href="https://elsewhere.example/c">Third \xe2\x86\x97</a></h3></li></ul>
    </main><footer><h4><a href="/jobs">Jobs</a></h4></footer></body></html>"""
    found = read_cards(body, HOME)
    assert [(entry.title, entry.link, entry.published_date) for entry in found] == [
        ("First", "https://x.example/a/", "2026-07-21"),
        ("Second", "https://x.example/b/", "2026-06-05"),
        ("Third", "https://elsewhere.example/c", ""),
    ]
    assert found[0].html == "Sum of it."
    assert found[1].authors == ("Ada", "Bo")


def test_a_casebook_gives_reports_notices_and_their_own_places():
    body = b"""<html><body><details data-date="2026-09-25" data-title="One"><summary><h3>One</h3></summary>
    <a href="#x">jump</a><a class="case-link" href="/reports/one/">Read</a></details>
    <details id="n-2"><summary><h3>Two</h3><p>Notice, <time datetime="2026-09-11">then</time></p></summary></details>
    <details><summary>Nothing</summary></details></body></html>"""
    found = read_casebook(body, HOME)
    assert [(entry.title, entry.link, entry.published_date) for entry in found] == [
        ("One", "https://x.example/reports/one/", "2026-09-25"),
        ("Two", "https://x.example/#n-2", "2026-09-11"),
    ]


def test_a_byline_with_marks_and_a_month_misspelt():
    body = b"""<div class="toc"><div class="date">Augst 2026</div><a href="x/" class="paper"><h3>T</h3>
    <div class="byline">Ada,* Bo\xe2\x80\xa0, Cy, 2026</div></a></div>"""
    (entry,) = read_contents(body, HOME)
    assert (entry.authors, entry.published_date) == (("Ada", "Bo", "Cy"), "2026-08")


@pytest.mark.parametrize(
    ("head", "date", "authors"),
    [
        ('<meta name="citation_publication_date" content="2026/03/04">', "2026-03-04", ()),
        ('<meta name="DC.date" content="2026-03">', "2026-03", ()),
        (
            '<meta property="article:published_time" content="soon"><time datetime="2026-03-04">x</time>',
            "2026-03-04",
            (),
        ),
        (
            '<script type="application/ld+json">{"@graph":[{"@type":["WebPage"],"datePublished":"2020-01-01"},'
            '{"@type":"BlogPosting","datePublished":"2026-03-04","author":[{"name":"Ada"},'
            '{"name":"Bo and Cy"}],}]}</script>',
            "2026-03-04",
            ("Ada", "Bo", "Cy"),
        ),
        (
            '<script type="application/ld+json">{"@type":</script><meta name="author" content="Ada Anders, PhD">',
            "",
            ("Ada Anders",),
        ),
    ],
)
def test_an_article_says_when_and_who_in_any_of_many_ways(head, date, authors):
    entry = read_article(f"<html><head><title>T &amp;amp; <i>x</i></title>{head}</head></html>".encode(), HOME)
    assert (entry.published_date, entry.authors) == (date, authors)


def oai(*versions: str, authors: str = "Ada Anders", comments: str = "", header: str = "") -> Item | Reject:
    body = (
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords><record>'
        f"<header{header}><identifier>oai:arXiv.org:2601.00001</identifier></header><metadata>"
        f'<arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/"><id>2601.00001</id>{"".join(versions)}<title>T</title>'
        f"<authors>{authors}</authors><comments>{comments}</comments><abstract>A</abstract></arXivRaw></metadata></record>"
        "</ListRecords></OAI-PMH>"
    )
    (found,) = arxiv_oai.parse_records(body.encode(), "s", "f")
    return found


def version(number: int, kind: str = "", size: str = "9kb") -> str:
    source_type = f"<source_type>{kind}</source_type>" if kind else ""
    date = f"Mon, {4 + number} Jan 2026 10:00:00 GMT"
    return f'<version version="v{number}"><date>{date}</date><size>{size}</size>{source_type}</version>'


def test_a_paper_whose_last_version_is_empty_is_withdrawn_and_an_earlier_one_is_not():
    assert oai(version(2, "I", "0kb"), version(1)).is_withdrawn
    assert oai(version(1), version(2, "", "0kb")).is_withdrawn
    assert not oai(version(1, "I", "0kb"), version(2)).is_withdrawn
    assert not oai(version(1, "D")).is_withdrawn
    assert oai(version(1), comments="Paper withdrawn by the author").is_withdrawn


def test_raw_authors_have_their_affiliations_and_a_deleted_record_is_said_to_be():
    paper = oai(version(1), authors="Ada Anders (1), Bo Berg Jr. (2) ((1) One Lab, Town (2) Two Lab) and Cy Cole")
    assert paper.authors[:2] == ("Ada Anders", "Bo Berg Jr.")
    assert oai(version(1), authors="Ada Anders (Some Lab, Town), Bo Berg").affiliations == ("Some Lab, Town", "")
    assert oai(version(1), header=' status="deleted"').reason == "deleted by the source"


def test_an_atom_entry_has_affiliations_and_says_that_it_was_withdrawn():
    entry = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"><entry>'
        "<id>http://arxiv.org/abs/2601.00001v2</id><title>T</title><summary>S</summary>"
        "<author><name>Ada Anders</name><arxiv:affiliation>Some Lab</arxiv:affiliation></author>"
        "<author><name>Bo Berg</name></author><arxiv:comment>Withdrawn by authors</arxiv:comment></entry></feed>"
    )
    (paper,) = arxiv_atom.parse_feed(entry.encode(), "s", "f")
    assert (paper.affiliations, paper.is_withdrawn) == (("Some Lab", ""), True)


def test_works_of_openalex_are_clean_and_known_by_their_arxiv_id():
    people = [
        {
            "author": {"display_name": "Ada", "orcid": "https://orcid.org/0000-0001"},
            "institutions": [{"display_name": "Lab"}],
        },
        {"author": {"display_name": "Bo"}, "institutions": []},
    ]
    works = [
        {"id": "https://openalex.org/W1", "title": "On <i>x</i> &amp; <scp>AI</scp>", "authorships": people},
        {"id": "https://openalex.org/W2", "display_name": "Two", "doi": "https://doi.org/10.48550/arXiv.2601.00002v3"},
        {
            "id": "https://openalex.org/W3",
            "title": "Three",
            "doi": "https://doi.org/10.1/x",
            "locations": [
                {"landing_page_url": "https://x.example"},
                {"landing_page_url": "http://arxiv.org/abs/2601.00003v1"},
            ],
        },
        {"id": "https://openalex.org/W4", "title": "Four", "is_retracted": True},
        {"id": "https://openalex.org/W5", "title": None},
        {
            "id": "https://openalex.org/W6",
            "title": "Six",
            "abstract_inverted_index": {"Abstract": [0], "<jats:p>We": [1], "test.</jats:p>": [2]},
        },
    ]
    response = Response("u", 200, "OK", (), json.dumps({"results": works}).encode())
    found = list(openalex.parse(Page("s", response, {}), openalex.Settings(kind="openalex", frame="f")))
    assert [item.doc_id for item in found if isinstance(item, Item)] == [
        "openalex:W1",
        "arxiv:2601.00002",
        "arxiv:2601.00003",
        "openalex:W6",
    ]
    assert [item.reason for item in found if isinstance(item, Reject)] == ["retracted", "no id or no fit title"]
    assert (found[0].title, found[0].orcids, found[0].affiliations) == ("On x & AI", ("0000-0001", ""), ("Lab", ""))
    assert found[-1].text == "We test."
