"""The local sites speak as the recorded responses do: same elements, same keys, same errors, same tokens."""

import json
import random
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlencode

import pytest
from bs4 import BeautifulSoup
from lxml import etree

from pipeline.errors import ChallengeError
from pipeline.scrape.forum_query import posts_query
from pipeline.web.challenge import refuse_challenge
from pipeline.web.clock import VirtualClock
from pipeline.web.response import Response
from tests.fakes.arxiv_site import Arxiv, invent_papers
from tests.fakes.blog_site import Blogs
from tests.fakes.forum_site import CHALLENGE, Forum, Post, invent_posts
from tests.fakes.server import Asked

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK = VirtualClock(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
AGENT = {"user-agent": "x", "accept": "application/atom+xml"}


def ask(site, path, *, params=None, body=None, headers=AGENT):
    method = "POST" if body is not None else "GET"
    return site.answer(Asked(method, path, params or {}, headers, json.dumps(body).encode(), 0.0, 1))


@pytest.fixture(scope="module")
def samples(shared):
    return shared / "samples"


@pytest.fixture(scope="module")
def arxiv():
    papers = [paper for paper in invent_papers(200, random.Random(1), FIRST, 20) if paper.is_readable]
    return Arxiv(papers, random.Random(9), CLOCK, oai_page=50)


def paths(body, root_tag):
    """Returns the element paths below `root_tag`, with namespaces."""
    found = set()
    for root in etree.fromstring(body).iter(f"{{*}}{root_tag}"):
        tree = etree.ElementTree(root)
        found |= {tree.getelementpath(element) for element in root.iter()}
    return {"/".join(part.split("[")[0] for part in path.split("/")) for path in found}


def atom(arxiv, **params):
    query = {
        "search_query": "submittedDate:[202601010000 TO 202702010000]",
        "start": "0",
        "max_results": "10",
        **params,
    }
    for _ in range(20):
        reply = ask(arxiv, "/api/query", params=query)
        if b"<entry>" in reply.body or reply.status != 200:
            return reply
    return reply


def test_atom_entries_have_the_elements_of_real_ones(samples, arxiv):
    real = paths((samples / "arxiv_atom_search_page0_m10.xml").read_bytes(), "entry")
    ours = paths(atom(arxiv).body, "entry")
    assert ours <= real
    assert {"{http://www.w3.org/2005/Atom}author/{http://www.w3.org/2005/Atom}name"} <= ours
    heads = [
        {child.tag for child in etree.fromstring(body) if etree.QName(child).localname != "entry"}
        for body in ((samples / "arxiv_atom_single.xml").read_bytes(), atom(arxiv).body)
    ]
    assert heads[1] <= heads[0]


def test_atom_errors_have_the_shape_of_real_ones(samples, arxiv):
    real = etree.fromstring((samples / "arxiv_atom_id_abc_error.xml").read_bytes())
    reply = ask(arxiv, "/api/query", params={"search_query": "submittedDate:2024*", "max_results": "1"})
    ours = etree.fromstring(reply.body)
    assert reply.status == 400
    for root in (real, ours):
        assert root.findtext("{*}entry/{*}title") == "Error"
        assert "/api/errors#" in root.findtext("{*}entry/{*}id")
    assert atom(arxiv, start="10000").status == 500
    assert atom(arxiv, max_results="0").status == 500
    assert ask(arxiv, "/api/query", params={"search_query": "x"}, headers={"user-agent": "x"}).status == 406
    assert ask(arxiv, "/http/api/query").status == 301
    assert ask(arxiv, "/api/query", headers={}).status == 403


def oai(arxiv, **params):
    return ask(arxiv, "/oai", params={"verb": "ListRecords", **params})


def test_oai_records_have_the_elements_of_real_ones(samples, arxiv):
    real = paths((samples / "oai_getrecord_arXivRaw_2026-09-14.xml").read_bytes(), "record")
    ours = paths(
        oai(arxiv, metadataPrefix="arXivRaw", set="cs:cs:AI", **{"from": "2026-01-01", "until": "2026-02-01"}).body,
        "record",
    )
    assert ours <= real


def test_oai_tokens_are_written_as_real_ones(samples, arxiv):
    real = etree.fromstring((samples / "oai_listrecords_arXiv_measured_2026-09-25.xml").read_bytes()).find(
        ".//{*}resumptionToken"
    )
    reply = oai(arxiv, metadataPrefix="arXivRaw", set="cs:cs:AI", **{"from": "2026-01-01", "until": "2026-02-01"})
    ours = etree.fromstring(reply.body).find(".//{*}resumptionToken")
    assert set(real.attrib) == set(ours.attrib) == {"expirationDate"}
    for token in (real.text, ours.text):
        values = parse_qs(unquote(token))
        assert {"verb", "metadataPrefix", "skip"} <= set(values)
        assert "%3D" in token
    seen, token = set(), ours.text
    while token:
        reply = oai(arxiv, resumptionToken=token)
        root = etree.fromstring(reply.body)
        seen |= {found.text for found in root.iterfind(".//{*}identifier")}
        token = root.findtext(".//{*}resumptionToken")
    assert len(seen) > 30
    assert root.find(".//{*}resumptionToken") is not None  # the last page of a sequence has an empty one


def test_oai_errors_come_with_status_200_and_the_codes_of_real_ones(samples, arxiv):
    day = {"from": "2026-01-01", "until": "2026-02-01", "metadataPrefix": "arXivRaw"}
    wanted = {
        "badArgument": oai(arxiv, set="cs.AI", **day),
        "noRecordsMatch": oai(arxiv, set="cs:cs:AI", **{**day, "from": "2025-01-01", "until": "2025-01-02"}),
        "badResumptionToken": oai(arxiv, resumptionToken=urlencode({"verb": "x"})),
    }
    for code, reply in wanted.items():
        real = etree.fromstring((samples / f"oai_error_{code}_HTTP200.xml").read_bytes())
        ours = etree.fromstring(reply.body)
        assert reply.status == 200
        assert real.find("{*}error").get("code") == ours.find("{*}error").get("code") == code
        assert {child.tag for child in ours} <= {child.tag for child in real}


def test_a_paper_modified_meanwhile_moves_the_others_up():
    papers = [paper for paper in invent_papers(300, random.Random(1), FIRST, 2) if paper.is_readable]
    site = Arxiv(papers, random.Random(9), CLOCK, oai_page=20, n_modified=1)
    before = [paper.datestamp for paper in site.papers]
    oai(site, metadataPrefix="arXivRaw", set="cs:cs:AI", **{"from": "2026-01-01", "until": "2026-01-01"})
    assert len(site.modified) == 1
    assert [paper.datestamp for paper in site.papers] != before


def test_posts_have_the_keys_of_real_ones(samples):
    posts = invent_posts(300, random.Random(1), FIRST, 20)
    for name in ("DERIVED_lw_posts_recommended_query_shape.json", "DERIVED_eaf_posts_recommended_query_shape.json"):
        (real,) = json.loads((samples / name).read_text())["data"]["posts"]["results"]
        for post in posts:
            # modifiedAt and contents.markdown are in the field list of SOURCES.md, and not in the recorded pages.
            assert set(post.facts) - {"modifiedAt"} <= set(real)
            assert set(post.facts["contents"] or {}) - {"markdown"} <= set(real["contents"])
            assert set(post.facts["fmCrosspost"]) <= set(real["fmCrosspost"])
            assert set(post.facts["user"] or {}) <= set(real["user"])
    assert any(len(post.facts["_id"]) == 24 for post in posts)
    assert any(post.facts["user"] is None for post in posts)
    assert any(post.facts["contents"] is None for post in posts)
    times = [post.facts["postedAt"] for post in posts]
    assert max(map(times.count, times)) > 100


@pytest.mark.parametrize("dialect", ["selector", "terms"])
def test_graphql_errors_are_those_of_the_real_ones(samples, dialect):
    site = Forum(invent_posts(50, random.Random(1), FIRST, 20), random.Random(2), dialect)

    def put(terms, limit=5, offset=0, extra=""):
        question = posts_query(dialect, terms, limit, offset)
        question["query"] = question["query"].replace("results { ", f"results {{ {extra} ")
        reply = ask(site, "/graphql", body=question)
        return reply.status, json.loads(reply.body)

    status, answer = put({"after": "2026-01-01T00:00:00Z"})
    assert (status, len(answer["data"]["posts"]["results"])) == (200, 5)
    status, answer = put({}, offset=2001)
    real = json.loads((samples / "DERIVED_lw_graphql_error_skip.json").read_text())
    assert (status, answer["errors"][0]["message"], answer["data"]) == (200, real["errors"][0]["message"], real["data"])
    status, answer = put({}, extra="foo")
    real = json.loads((samples / "DERIVED_lw_graphql_error_validation_HTTP400.json").read_text())
    assert (status, answer["errors"][0]["message"]) == (400, real["errors"][0]["message"])
    assert "data" not in answer
    assert ask(site, "/graphql", headers={}, body={}).status == 403
    other = posts_query("terms" if dialect == "selector" else "selector", {}, 5, 0)
    if dialect == "selector":
        assert ask(site, "/graphql", body=other).status == 400


def test_after_is_included_and_before_is_not():
    posts = [post for post in invent_posts(50, random.Random(1), FIRST, 20) if not post.is_draft]
    site = Forum([Post(post.facts) for post in posts], random.Random(2))
    moment = posts[30].facts["postedAt"]
    for terms, n in (
        ({"after": moment}, sum(p.facts["postedAt"] >= moment for p in posts)),
        ({"before": moment}, sum(p.facts["postedAt"] < moment for p in posts)),
    ):
        answer = json.loads(ask(site, "/graphql", body=posts_query("selector", terms, 9999, 0)).body)
        assert len(answer["data"]["posts"]["results"]) == n


def test_the_challenge_is_recognised_as_the_real_one_is(samples):
    real = (samples / "html/error_vercel_security_checkpoint.html").read_bytes()
    for body in (real, CHALLENGE):
        with pytest.raises(ChallengeError):
            refuse_challenge(Response("u", 200, "OK", (), body))


def test_the_feed_has_the_elements_of_the_real_one(samples):
    site = Forum(invent_posts(50, random.Random(1), FIRST, 20), random.Random(2))
    body = ask(site, "/feed.xml").body
    real = paths((samples / "DERIVED_lw_rss_posts.xml").read_bytes(), "item")
    assert paths(body, "item") == real
    assert body.count(b"<item>") == 10


def test_the_list_of_contents_has_the_markup_of_the_real_ones(samples):
    ours = BeautifulSoup(ask(Blogs(n_contents=30), "/contents/").body, "lxml")
    for name in ("alignment_anthropic_index_2025.html", "transformer_circuits_index_2025.html"):
        real = BeautifulSoup((samples / "html" / name).read_bytes(), "lxml")
        for soup in (ours, real):
            assert soup.select("div.toc > div.date")
            assert soup.select("div.toc > a.note[href] > h3")
            assert soup.select("div.toc > a > div.description")
