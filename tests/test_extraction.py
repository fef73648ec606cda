"""Markup to text: pinned on invented documents, safe on anything."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.documents import choose_documents
from pipeline.corpus.records import records_from_items
from pipeline.schemas import DOCUMENTS, RECORDS, REJECTS
from pipeline.scrape.item import Item
from pipeline.store import arrow_from_rows
from pipeline.text.extract import clean_text, extract_text
from pipeline.text.formats import TextFormat
from pipeline.text.markup import drop_crosspost_lines
from tests.corpus_scores import Case, read_cases, word_f1

# A change may raise these floors, never lower them.
FLOOR_WORD_F1 = {"html": 1.0, "markdown": 1.0, "latex": 1.0}
FLOOR_EXACT_COUNT = {"html": 41, "markdown": 15, "latex": 15}
FLOOR_REAL_F1 = 0.97
FORMATS: tuple[TextFormat, ...] = ("plain", "html", "markdown", "latex")

PIECES = (
    "<p> </p> <div class='spoilers'> </div> <ul> <li> <ol start='-9'> <table> <tr> <td> <sup> [1] <pre> <br> &nbsp; "
    "&#x1e; <math alttext='\\frac{'> $ $$ \\frac{1} { } \\begin{figure} \\end{figure} \\footnote{ % ``x'' :::spoiler "
    "+++ >! [^1] <!DOCTYPE html> <html> <body> <article> <!-- --> <![CDATA[ \x00 \x1e \ud800 <style> </style> word "
    "<a href='#fn1'>"
)
MARKUP = st.lists(st.sampled_from([*PIECES.split(" "), "\n", "\n\n", "é", "\u200b"]), max_size=40).map("".join)


@pytest.mark.parametrize("name", sorted(FLOOR_WORD_F1))
def test_extraction_scores_do_not_fall(name: str, record_score) -> None:
    cases = [case for case in read_cases() if case.format == name]
    texts = [extract_text(case.source, case.format) for case in cases]
    f1 = sum(word_f1(text, case.text) for text, case in zip(texts, cases, strict=True)) / len(cases)
    exact = [text == case.text for text, case in zip(texts, cases, strict=True)]
    record_score(
        f"extraction, {name}: word F1 {f1:.4f}, {sum(exact)} of {len(cases)} documents exactly as written by hand"
    )
    wrong = [case.name for case, is_exact in zip(cases, exact, strict=True) if not is_exact]
    assert f1 >= FLOOR_WORD_F1[name], wrong
    assert sum(exact) >= FLOOR_EXACT_COUNT[name], wrong


def test_there_are_enough_cases_and_each_has_its_own_name() -> None:
    cases = read_cases()
    assert len(cases) >= 60
    assert len({(case.format, case.name) for case in cases}) == len(cases)
    assert all(case.source and case.text for case in cases)


def test_real_posts_come_out_as_the_forums_own_plain_text(shared: Path, record_score) -> None:
    scores = {post["_id"]: _score_against_own_text(post) for post in _real_posts(shared / "samples")}
    mean = sum(scores.values()) / len(scores)
    record_score(f"extraction, {len(scores)} real posts against the site's own plain text: word F1 {mean:.4f}")
    assert mean >= FLOOR_REAL_F1, scores


@pytest.mark.parametrize("name", FORMATS)
@given(text=st.text() | MARKUP)
@settings(max_examples=150, deadline=None)
def test_any_characters_give_clean_text(name: TextFormat, text: str) -> None:
    found = extract_text(text, name)
    assert clean_text(found) == found
    found.encode("utf-8")


@pytest.mark.whole
@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_become_a_record_or_a_reject(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    items = [
        Item(
            place=name,
            doc_id=f"x:{name}",
            source="s",
            frame="f",
            title=text,
            text=text,
            url=text,
            authors=(text,),
            published_date=text,
            tags=(text,),
            text_format=name,
            external_url=text,
            crosspost_id=text,
            doi=text,
        )
        for name in FORMATS
    ]
    records, rejects = records_from_items("mine", items)
    assert len(records) + len(rejects) == len(FORMATS)
    documents, duplicates, works = choose_documents(records)
    assert len(records) == len(documents) + len(duplicates) == len(works)
    for table, rows in ((RECORDS, records), (DOCUMENTS, documents), (REJECTS, pd.DataFrame(rejects))):
        if len(rows):
            arrow_from_rows(table, rows, Path("nowhere"))  # all of it can be written


@pytest.mark.parametrize(
    "source",
    [
        "<b>" * 3000 + "deep",
        "<ul><li>" * 2000 + "deep",
        "\\begin{itemize}" * 300 + "deep",
        "{" * 3000 + "deep",
        "> " * 500 + "deep",
        "$" * 5001 + "deep",
    ],
)
@pytest.mark.parametrize("name", FORMATS)
def test_deep_nesting_is_survived(source: str, name: TextFormat) -> None:
    assert isinstance(extract_text(source, name), str)


@given(st.sampled_from(read_cases()))
def test_extracting_twice_from_plain_text_changes_nothing(case: Case) -> None:
    assert extract_text(case.text, "plain") == case.text


@pytest.mark.parametrize(
    "line",
    [
        "Crossposted from my blog.",
        "(Cross-posted to LessWrong)",
        "This is a cross-post from the EA Forum",
        "x-posted from Example Notes",
    ],
)
def test_crosspost_lines_are_dropped_at_the_edges_only(line: str) -> None:
    body = ["One.", "Two.", "Three.", "Four.", "Five.", "Six."]
    assert drop_crosspost_lines("\n\n".join([line, *body])) == "\n\n".join(body)
    assert drop_crosspost_lines("\n\n".join([*body, line])) == "\n\n".join(body)
    middle = "\n\n".join([*body[:3], line, *body[3:]])
    assert drop_crosspost_lines(middle) == middle


def _real_posts(folder: Path) -> list[dict]:
    posts = json.loads((folder / "af_graphql_posts_multi_SSR_2025-11.json").read_text())["data"]["posts"]["results"]
    for name in (
        "af_graphql_post_single_full_SSR_2025-11.json",
        "lesswrong_months/single_post_raw_response.json",
        "eaf_graphql_post_single_SSR_2025-10.json",
    ):
        post = json.loads((folder / name).read_text())["data"]["post"]["result"]
        posts += [post, *(post[key] for key in ("prevPost", "nextPost") if post.get(key))]
    return list({post["_id"]: post for post in posts}.values())


def _score_against_own_text(post: dict) -> float:
    """The site gives the first 2,000 characters as plain text; the best cut of ours near there is compared."""
    own = clean_text(post["contents"]["plaintextDescription"].replace(" * ", " - "))
    text = extract_text(post["contents"].get("html") or post["contents"]["htmlHighlight"], "html")
    return max(word_f1(text[:end], own) for end in range(len(own) - 150, len(own) + 151, 25))
