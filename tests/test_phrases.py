"""One rule of phrases for every interface, and the list that defines the core of arXiv."""

import pytest

from pipeline.scrape.arxiv import Query, announced_on, is_in_query, search_text
from pipeline.scrape.item import Item
from pipeline.text.phrase_lists import CORE, expand_phrases
from pipeline.text.phrases import holds_phrase


@pytest.mark.parametrize(
    ("phrase", "text", "is_held"),
    [
        ("AI control", "Methods of AI-control", True),
        ("AI control", "ai\u2013controls", True),
        ("AI control", "An AI\ncontrol", True),
        ("AI control", "AI/control", True),
        ("AI control", "AI controllers", False),
        ("AI control", "OpenAI control", False),
        ("corrigib*", "Corrigibility", True),
        ("corrigib*", "incorrigible", False),
        ("weak to strong", "weak-to-strong generalisation", True),
        ("red team*", "red-teaming", True),
        ("rlhf", "RLHF.", True),
        ("rlhf", "(RLHFs)", True),
        ("ai act", "AI acts", True),
        ("ai act", "AI action", False),
        ("safety case*", "safety-cases", True),
        ("a.b", "axb", False),
    ],
)
def test_a_phrase_is_found_by_one_rule(phrase, text, is_held):
    assert holds_phrase(text, "", (phrase,)) is is_held
    assert holds_phrase("", text, (phrase,)) is is_held


def test_a_phrase_does_not_span_title_and_abstract():
    assert not holds_phrase("On AI", "control of tides", ("AI control",))


def test_a_list_is_named_and_goes_to_the_service_phrase_by_phrase():
    assert len(CORE) == 119
    assert expand_phrases(("@core", "x")) == (*CORE, "x")
    assert '"ai control"' in search_text(Query(phrases=("@core",)), "202601010000", "202602010000").lower()


@pytest.mark.slow
def test_the_core_list_finds_the_papers_that_it_defines(shared, record_score):
    import pandas as pd

    papers = pd.read_parquet(shared / "corpus/arxiv/announced.parquet", columns=["id", "title", "text"])
    frame = pd.read_parquet(shared / "corpus/arxiv/frame.parquet", columns=["id", "part"]).set_index("id")
    found = [holds_phrase(title, text, ("@core",)) for title, text in zip(papers["title"], papers["text"], strict=True)]
    record_score(f"core phrases: {sum(found):,} of {len(found):,} announced papers")
    assert (sum(found), len(found)) == (10_684, 205_973)
    assert ((frame.loc[papers["id"], "part"] == "core").to_numpy() == found).all()


@pytest.mark.parametrize(
    ("submitted", "day"),
    [
        ("2026-08-19T17:59:00Z", "2026-08-20"),  # a Wednesday before 14:00 in New York: the feed of Thursday
        ("2026-08-19T18:00:00Z", "2026-08-21"),
        ("2026-08-20T20:00:00Z", "2026-08-24"),  # Thursday afternoon closes on Friday and stands in Monday's feed
        ("2026-08-21T20:00:00Z", "2026-08-25"),  # Friday afternoon closes on Monday
        ("2026-08-22T12:00:00Z", "2026-08-25"),
        ("2026-01-07T18:59:00Z", "2026-01-08"),  # in winter New York is an hour further away
        ("2026-08-19", "2026-08-19"),
    ],
)
def test_a_submission_leads_to_the_day_of_a_feed(submitted, day):
    assert announced_on(submitted) == day


def test_a_query_by_announcement_takes_the_day_that_is_said_or_else_the_one_that_follows():
    query = Query(announced_from="2026-08-22", announced_before="2026-09-01")
    paper = Item("p", "arxiv:2608.00001", "arxiv", "f", "T", "x", published_date="2026-08-21T20:00:00Z")
    assert is_in_query(paper, query)
    assert not is_in_query(Item("p", "a", "arxiv", "f", "T", "x", announced_date="2026-08-21"), query)
    assert is_in_query(
        Item("p", "a", "arxiv", "f", "T", "x", published_date="2019-01-01", announced_date="2026-08-24"), query
    )
