"""Records to documents and works: order does not matter, frames keep their members, counts reconcile."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus import near
from pipeline.corpus.documents import choose_documents
from pipeline.corpus.records import records_from_items
from pipeline.scrape.item import Item
from pipeline.text.extract import text_sha256

WORDS = "the overseer asks a model about tides and nets while nobody reads the log of the harbour at night".split()
LONG = " ".join(f"{word}{number % 7}" for number in range(12) for word in WORDS)
OTHER = " ".join(f"{word}{number % 5}x" for number in range(12) for word in WORDS)
TITLE = "A long title about quiet failures"


def item(doc_id: str, **facts: object) -> Item:
    return Item(
        **{
            "place": doc_id + str(len(str(facts))),
            "doc_id": doc_id,
            "source": doc_id.split(":", maxsplit=1)[0],
            "frame": "posts",
            "title": TITLE,
            "text": LONG,
            "authors": ("Ada Lovelace",),
            "published_date": "2024-05-01",
            **facts,
        }
    )


def choose(*items: Item, published: pd.DataFrame | None = None, fixed: tuple[str, ...] = ()):
    records, rejects = records_from_items("mine", items)
    assert not rejects
    if published is not None:
        records = pd.concat([published, records], ignore_index=True)
    return choose_documents(records, ["census"], fixed)


def published(*items: Item) -> pd.DataFrame:
    records, _ = records_from_items("census", items)
    return records.assign(text=None)


def test_a_paper_its_linkpost_and_the_blog_post_are_one_work_in_three_frames() -> None:
    paper = item("arxiv:2405.00001v2", frame="papers", text="An abstract. " * 20, published_date="2024-05-03")
    post = item("lw:abcdefghijklmnopq", title=f"[Linkpost] {TITLE}")
    blog = item(
        "blog:1", frame="blog", url="https://www.lab.org/quiet/?utm_source=x", authors=(), published_date="2024-05-02"
    )
    documents, duplicates, works = choose(paper, post, blog)
    assert len(documents) == 3 and duplicates.empty
    assert set(works["work_id"]) == {"arxiv:2405.00001"}
    assert set(works["first_published_date"]) == {"2024-05-01"}
    assert works.set_index("doc_id").at["arxiv:2405.00001", "reason"] == "represents the work"


def test_two_places_in_one_frame_are_merged_and_counted() -> None:
    documents, duplicates, works = choose(item("lw:1"), item("lw:2", published_date="2024-05-02"))
    assert documents["doc_id"].tolist() == ["lw:1"]
    assert duplicates[["doc_id", "reason"]].values.tolist() == [["lw:1", "same title and text"]]
    assert works["work_id"].tolist() == ["lw:1", "lw:1"]


@pytest.mark.parametrize("fixed", [("posts",), ()])
def test_members_of_a_fixed_frame_are_linked_never_merged(fixed: tuple[str, ...]) -> None:
    documents, duplicates, works = choose(item("lw:1"), item("lw:2"), fixed=fixed)
    assert (len(documents), len(duplicates)) == ((2, 0) if fixed else (1, 1))
    assert works["work_id"].nunique() == 1


def test_a_published_census_keeps_its_members_frames_and_dates() -> None:
    census = published(item("lw:1"), item("lw:2"))
    moved = item("lw:1", frame="elsewhere", published_date="2025-01-01", title="Retitled")
    documents, duplicates, _ = choose(moved, item("lw:3"), published=census)
    kept = documents.set_index("doc_id")
    assert kept.index.tolist() == ["lw:1", "lw:2"]
    assert kept.at["lw:1", "frame"] == "posts" and kept.at["lw:1", "published_year"] == 2024
    assert kept.at["lw:1", "title"] == TITLE
    assert sorted(duplicates["reason"]) == ["same id", "same title and text"]
    assert kept.at["lw:1", "text_sha256"] == text_sha256(TITLE, LONG)


def test_a_fresh_text_with_the_known_hash_fills_the_text_of_a_census_document() -> None:
    census = published(item("lw:1"))
    documents, _, _ = choose(item("lw:1"), published=census)
    assert documents["text"].tolist() == [LONG]
    assert documents["text_sha256"].tolist() == census["text_sha256"].tolist()


def test_a_stub_does_not_replace_the_known_text() -> None:
    census = published(item("lw:1"))
    documents, _, _ = choose(item("lw:1", text="Gone."), published=census)
    assert documents["text_sha256"].tolist() == census["text_sha256"].tolist()


def test_posts_of_a_series_stay_apart() -> None:
    documents, _, _ = choose(
        item("lw:1", title="Weekly open thread", published_date="2024-05-01"),
        item("lw:2", title="Weekly open thread", published_date="2024-05-08"),
        item("lw:3", title="Notes on tides, part 1"),
        item("lw:4", title="Notes on tides, part 2"),
    )
    assert len(documents) == 4


ITEMS = st.lists(
    st.builds(
        lambda number, title, text, frame, day, link, twin: item(
            f"lw:{number}",
            title=title,
            text=text,
            frame=frame,
            published_date=f"2024-05-0{day}",
            url=f"https://lab.org/{number}",
            external_url=link,
            crosspost_id=twin,
        ),
        st.integers(0, 5),
        st.sampled_from([TITLE, "Another long title about nets", "Short"]),
        st.sampled_from([LONG, OTHER, "Few words.", ""]),
        st.sampled_from(["posts", "blog"]),
        st.integers(1, 3),
        st.sampled_from(["", "", "https://lab.org/0/?utm_source=x", "https://www.lab.org/3", "https://lab.org/"]),
        st.sampled_from(["", "", "", "lw:1", "lw:4"]),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.whole
@given(ITEMS, st.randoms())
@settings(max_examples=40, deadline=None)
def test_order_changes_nothing_and_counts_reconcile(items: list[Item], random) -> None:
    records, _ = records_from_items("mine", items)
    records = records.drop_duplicates("record_id")
    first = choose_documents(records)
    order = list(range(len(records)))
    random.shuffle(order)
    again = choose_documents(records.iloc[order])
    for left, right in zip(first, again, strict=True):
        key = "record_id" if "record_id" in left else "doc_id"
        pd.testing.assert_frame_equal(
            left.sort_values(key).reset_index(drop=True), right.sort_values(key).reset_index(drop=True)
        )
    documents, duplicates, _ = first
    assert len(records) == len(documents) + len(duplicates)
    assert set(duplicates["doc_id"]) <= set(documents["doc_id"])


@pytest.mark.whole
@given(ITEMS, st.data())
@settings(max_examples=40, deadline=None)
def test_adding_a_duplicate_changes_no_document(items: list[Item], data) -> None:
    records, _ = records_from_items("mine", items)
    records = records.drop_duplicates("record_id")
    copy = records.iloc[[data.draw(st.integers(0, len(records) - 1))]].assign(record_id="mine/zz-copy")
    before, _, _ = choose_documents(records)
    after, duplicates, _ = choose_documents(pd.concat([records, copy], ignore_index=True))
    pd.testing.assert_frame_equal(before, after)
    assert "mine/zz-copy" in set(duplicates["record_id"])


def test_candidates_are_found_and_resemblance_is_exact() -> None:
    texts = [LONG, LONG + " and a little more at the end of it", OTHER, "too short to say"]
    phrases = [near.phrase_hashes(text) for text in texts]
    assert list(near.candidate_pairs(phrases)) == [(0, 1)]
    assert near.resemblance(np.array([1, 2, 3], np.uint64), np.array([2, 3, 4], np.uint64)) == 0.5
    assert near.resemblance(phrases[0], phrases[0]) == 1.0
    assert near.resemblance(phrases[0], phrases[3]) == 0.0
