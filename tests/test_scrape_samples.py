"""Every recorded response parses to the fields it shows, and every error page is recognised as one."""

import json
from pathlib import Path

import pytest

from pipeline.errors import ChallengeError, FetchError
from pipeline.scrape import arxiv_atom, arxiv_oai, forum, forum_feed
from pipeline.scrape.blog_lists import read_contents
from pipeline.scrape.blog_pages import check_html, read_article
from pipeline.scrape.forum_parse import parse_posts
from pipeline.scrape.item import Item
from pipeline.web.archive import Page
from pipeline.web.challenge import refuse_challenge, refuse_throttling
from pipeline.web.response import Response, TryAgain


@pytest.fixture(scope="module")
def samples(shared) -> Path:
    return shared / "samples"


def response(path: Path, status: int = 200, **headers: str) -> Response:
    return Response(str(path), status, "", tuple(headers.items()), path.read_bytes(), read_at="2026-11-01T00:00:00Z")


def papers(path: Path) -> list[Item]:
    arxiv_atom.check_feed(response(path))
    return list(arxiv_atom.parse_feed(path.read_bytes(), "s", "f"))


def records(path: Path) -> list[Item]:
    arxiv_oai.check_answer(response(path))
    return list(arxiv_oai.parse_records(path.read_bytes(), "s", "f"))


def posts(path: Path, site: str) -> list[Item]:
    return list(parse_posts(path.read_bytes(), "s", site, "f", "2026-11-01"))


def test_an_old_style_arxiv_id_keeps_its_archive(samples):
    (paper,) = papers(samples / "arxiv_atom_oldid.xml")
    assert paper.doc_id == "arxiv:astro-ph/0601001"
    assert paper.published_date == paper.modified_date == "2006-01-02T14:57:58Z"
    assert paper.authors == ("Andrew Gould", "Susan Dorsher", "B. Scott Gaudi", "Andrzej Udalski")
    assert paper.tags == ("astro-ph",)


def test_a_title_of_one_zero_is_a_title(samples):
    (paper,) = papers(samples / "arxiv_atom_title0.xml")
    assert (paper.doc_id, paper.title, paper.tags) == ("arxiv:2104.12255", "0", ("cs.CR",))


def test_atom_pages_give_all_their_entries(samples):
    pages = [papers(samples / f"arxiv_atom_search_page{number}_m10.xml") for number in (0, 1)]
    assert [len(page) for page in pages] == [10, 10]
    assert len({paper.doc_id for page in pages for paper in page}) == 20
    first = pages[0][0]
    assert first.doc_id == "arxiv:2202.12139"
    assert first.tags == ("cs.SE", "cs.LG")
    assert first.doi == "10.1109/ICSTW55395.2022.00035"
    assert first.versions == ("2022-02-24T15:05:19Z",)
    assert all(
        isinstance(paper, Item) and paper.text and paper.text_format == "latex" for page in pages for paper in page
    )


def test_an_entry_missing_from_an_id_list_is_no_error(samples):
    (paper,) = papers(samples / "arxiv_atom_idlist_one_bad.xml")
    assert paper.doc_id == "arxiv:1707.08567"
    assert len(paper.authors) == 34
    assert [paper.doc_id for paper in papers(samples / "arxiv_atom_single.xml")] == ["arxiv:1707.08567"]


def test_an_unknown_id_is_an_empty_feed(samples):
    assert papers(samples / "arxiv_atom_id_0000.0000.xml") == []


def test_the_atom_error_feed_is_an_error_with_either_status(samples):
    for status in (200, 400):
        with pytest.raises(FetchError, match="incorrect id format for abc"):
            arxiv_atom.check_feed(response(samples / "arxiv_atom_id_abc_error.xml", status))


def test_raw_records_have_every_version_and_the_licence(samples):
    (paper,) = records(samples / "oai_getrecord_arXivRaw_2026-09-14.xml")
    assert paper.doc_id == "arxiv:1412.6980"
    assert paper.versions == ("2014-12-22T13:54:29Z", "2017-01-30T01:27:54Z")
    assert (paper.published_date, paper.modified_date) == paper.versions
    assert paper.licence.endswith("/nonexclusive-distrib/1.0/")
    assert paper.authors == ("Diederik P. Kingma", "Jimmy Ba")
    (paper,) = records(samples / "arxiv_oai_2015" / "GetRecordResponse.xml")
    assert paper.doc_id == "arxiv:1302.2146"
    assert paper.published_date == "2013-02-08T21:00:01Z"
    assert paper.authors == ("Joshua Berger", "Maxim Perelstein", "Michael Saelim", "Philip Tanedo")
    assert len(paper.text) > 800


def test_the_other_oai_format_is_read_too(samples):
    (paper,) = records(samples / "oai_getrecord_arXiv_2026-02-13.xml")
    assert (paper.doc_id, paper.authors, paper.tags) == ("arxiv:2511.11447", ("Liza Daly",), ("cs.DL", "cs.IR"))
    (paper,) = records(samples / "oai_listrecords_arXiv_measured_2026-09-25.xml")
    assert paper.doc_id == "arxiv:adap-org/9710003"
    assert paper.title == "The \"traffic\" & its 'flow' <characteristics>"
    assert paper.authors == ("Kai Nagel", "Paula Stretz")


def test_oai_errors_are_told_apart(samples):
    for name in (
        "oai_error_noRecordsMatch_HTTP200.xml",
        "oai_error_badResumptionToken_HTTP200.xml",
        "arxiv_oai_2015/ErrorResponseNoRecordsMatch.xml",
    ):
        assert records(samples / name) == []
    for name in ("oai_error_badArgument_HTTP200.xml", "arxiv_oai_2015/ErrorResponseBadArgument.xml"):
        with pytest.raises(FetchError, match="badArgument"):
            arxiv_oai.check_answer(response(samples / name))


def test_a_withdrawn_paper_is_marked(samples):
    raw = (samples / "oai_getrecord_arXivRaw_2026-09-14.xml").read_bytes()
    taken_back = raw.replace(b"Published at ICLR 2015", b"This paper has been withdrawn by the authors due to an error")
    (paper,) = arxiv_oai.parse_records(taken_back, "s", "f")
    assert paper.is_withdrawn
    assert not records(samples / "oai_getrecord_arXivRaw_2026-09-14.xml")[0].is_withdrawn


def test_a_lesswrong_post_has_its_tags_karma_and_cross_post(samples):
    (post,) = posts(samples / "DERIVED_lw_posts_recommended_query_shape.json", "lesswrong")
    assert (post.doc_id, post.source) == ("lw:rP66bz34crvDudzcJ", "alignmentforum")
    assert post.crosspost_id == "eaf:TDEukvfsDE3fCzvLK"
    assert post.is_crosspost_original
    assert (post.karma, post.karma_read_date) == (171.0, "2026-11-01")
    assert len(post.tags) == 4
    assert "Acausal Trade" in post.tags
    assert post.authors == ("So8res",)
    assert post.published_date == "2022-10-18T03:04:48.682Z"
    assert (post.text_format, len(post.text) > 10_000) == ("html", True)


def test_a_link_post_of_the_ea_forum_has_its_target_and_the_readers_address(samples):
    for name in ("DERIVED_eaf_posts_recommended_query_shape.json", "eaf_graphql_post_single_SSR_2025-10.json"):
        (post,) = posts(samples / name, "eaforum")
        assert (post.doc_id, post.source) == ("eaf:QXpxioWSQcNuNnNTy", "eaforum")
        assert post.external_url == "https://laneless.substack.com/p/the-copenhagen-interpretation-of-ethics"
        assert post.url.startswith("https://forum.effectivealtruism.org/posts/QXpxioWSQcNuNnNTy/")
        assert post.crosspost_id == ""
        assert post.licence == ""  # posted before the forum's licence


def test_a_month_of_posts_has_hidden_users_old_ids_and_links(samples):
    path = samples / "lesswrong_months" / "posts_month_2016-08_htmlBody.json"
    found, shown = posts(path, "lesswrong"), json.loads(path.read_text())
    assert len(found) == 87
    assert all(isinstance(post, Item) for post in found)
    assert {post.doc_id for post in found} == {f"lw:{post['_id']}" for post in shown}
    assert (
        sum(len(post.doc_id) == len("lw:") + 24 for post in found) == sum(len(post["_id"]) == 24 for post in shown) == 5
    )
    assert [post.authors == () for post in found] == [post["user"] is None for post in shown]
    assert [bool(post.external_url) for post in found] == [bool(post["url"]) for post in shown]
    assert all(post.text_format == "html" for post in found if post.text)


def test_single_posts_and_lists_without_bodies_are_read(samples):
    (post,) = posts(samples / "lesswrong_months" / "single_post_raw_response.json", "lesswrong")
    assert (post.doc_id, post.title, post.karma) == ("lw:uMQ3cqWDPHhjtiesc", "AGI Ruin: A List of Lethalities", 956.0)
    (post,) = posts(samples / "af_graphql_post_single_full_SSR_2025-11.json", "alignmentforum")
    assert (post.doc_id, len(post.text) > 10_000) == ("lw:rP66bz34crvDudzcJ", True)
    found = posts(samples / "af_graphql_posts_multi_SSR_2025-11.json", "alignmentforum")
    assert [post.source for post in found] == ["alignmentforum"] * 2
    assert found[0].authors == ("Scott Alexander", "Eliezer Yudkowsky")


def test_null_contents_are_a_post_without_text_and_markdown_is_preferred(samples):
    answer = json.loads((samples / "DERIVED_lw_posts_recommended_query_shape.json").read_text())
    facts = answer["data"]["posts"]["results"][0]
    facts["contents"]["markdown"] = "Formula $x$"
    (post,) = parse_posts(json.dumps(answer).encode(), "s", "lesswrong", "f", "2026-11-01")
    assert (post.text, post.text_format) == ("Formula $x$", "markdown")
    facts |= {"contents": None, "htmlBody": None, "user": None}
    (post,) = parse_posts(json.dumps(answer).encode(), "s", "lesswrong", "f", "2026-11-01")
    assert (post.text, post.authors) == ("", ())


def test_graphql_errors_are_errors(samples):
    with pytest.raises(FetchError, match="Exceeded maximum value for skip"):
        forum.check_answer(response(samples / "DERIVED_lw_graphql_error_skip.json"))
    with pytest.raises(FetchError, match="missing_document"):
        forum.check_answer(response(samples / "DERIVED_lw_graphql_error_missing_document.json"))
    with pytest.raises(forum.UnknownFieldError, match="foo"):
        forum.check_answer(response(samples / "DERIVED_lw_graphql_error_validation_HTTP400.json", 400))


def test_the_feed_of_a_forum_is_a_fall_back(samples):
    path = samples / "DERIVED_lw_rss_posts.xml"
    settings = forum_feed.Settings(
        kind="forum-feed", frame="f", site="lesswrong", url="https://www.lesswrong.com/feed.xml"
    )
    (post,) = forum_feed.parse_feed(path.read_bytes(), "s", settings, "https://www.lesswrong.com/feed.xml")
    assert (post.doc_id, post.authors) == ("lw:rP66bz34crvDudzcJ", ("So8res",))
    assert post.published_date == "2022-10-18T03:04:48Z"
    assert "Discuss" not in post.text


@pytest.mark.parametrize("name", ["error_vercel_security_checkpoint.html", "error_cloudflare_just_a_moment.html"])
@pytest.mark.parametrize("status", [200, 403, 429])
def test_challenge_pages_are_challenges_whatever_the_status(samples, name, status):
    with pytest.raises(ChallengeError, match="challenge"):
        refuse_challenge(response(samples / "html" / name, status))


def test_throttle_pages_are_not_answers(samples):
    for path in (samples / "arxiv_api_429_body.txt", samples / "html" / "error_429_too_many_requests.html"):
        refuse_challenge(response(path))
        with pytest.raises(TryAgain, match="throttled"):
            refuse_throttling(response(path))
    for check in (arxiv_atom.check_feed, arxiv_oai.check_answer, forum.check_answer):
        for path in (samples / "html" / "error_403_forbidden_151b.html", samples / "arxiv_api_429_body.txt"):
            with pytest.raises(TryAgain):
                check(response(path))


def test_no_real_page_is_taken_for_a_challenge(samples):
    for path in samples.rglob("*"):
        if path.is_file() and not path.name.startswith("error_"):
            refuse_challenge(response(path))
            if path.name != "arxiv_api_429_body.txt":
                refuse_throttling(response(path))


def test_the_lists_of_two_blogs_give_title_date_link_and_summary(samples):
    found = read_contents(
        (samples / "html/alignment_anthropic_index_2025.html").read_bytes(), "https://alignment.anthropic.com/"
    )
    assert found[0].title.startswith("Inoculation Prompting")
    assert (found[0].link, found[0].published_date) == (
        "https://alignment.anthropic.com/2025/inoculation-prompting/",
        "2025-10",
    )
    assert len(found) > 30
    assert all(entry.title and entry.link.startswith("http") and entry.published_date for entry in found)
    found = read_contents(
        (samples / "html/transformer_circuits_index_2025.html").read_bytes(), "https://transformer-circuits.pub/"
    )
    assert (found[0].authors, found[0].published_date) == (("Gurnee",), "2025-10")
    assert found[0].link == "https://transformer-circuits.pub/2025/linebreaks/index.html"
    assert any(entry.link.startswith("https://alignment.anthropic.com/") for entry in found)


def test_an_article_says_what_it_is(samples):
    path = samples / "html/metr_post_2025.html"
    check_html(response(path))
    entry = read_article(path.read_bytes(), "https://metr.org/x")
    assert entry.title == "Why it’s good for AI reasoning to be legible and faithful"
    assert (entry.published_date, entry.authors) == ("2025-03-11", ("METR",))
    assert entry.link == "https://metr.org/blog/2025-03-11-good-for-ai-to-reason-legibly-and-faithfully/"
    assert entry.html.startswith("Why legible")
    entry = read_article(
        (samples / "html/arxiv_abs_2502.04878_2025.html").read_bytes(), "https://arxiv.org/abs/2502.04878"
    )
    assert entry.title == "Sparse Autoencoders Do Not Find Canonical Units of Analysis"


def test_archive_pages_parse_as_the_files_do(samples):
    path = samples / "arxiv_atom_search_page0_m10.xml"
    settings = arxiv_atom.Settings(kind="arxiv-query", frame="f", query=arxiv_atom.Query())
    assert list(arxiv_atom.parse(Page("s", response(path), {}), settings)) == papers(path)
