"""Texts, words and signatures on disk: the same tables as if everything were held, in parts of any size."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from pipeline.config import load_config
from pipeline.corpus import near, records, spool, stage
from pipeline.corpus.terms import count_terms, merge_terms
from pipeline.corpus.texts import open_texts
from pipeline.schemas import TERMS
from pipeline.settings import Terms
from tests.small_project import WORDS, invent_documents, write_project


def invent_texts(count: int) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    texts = [
        " ".join(draw.choice([*WORDS, "the", "state-of-the-art", "A1"], draw.integers(0, 40))) for _ in range(count)
    ]
    return pd.DataFrame({"doc_id": [f"d{n:04d}" for n in range(count)], "title": "Über it", "text": texts})


def count_by_hand(documents: pd.DataFrame, settings: Terms) -> list[tuple[str, str, int]]:
    """Counts with scikit-learn, all at once."""
    counter = CountVectorizer(
        token_pattern=spool.TOKEN_PATTERN, stop_words=sorted(spool.stop_words()), ngram_range=(1, 2),
        min_df=settings.min_document_count, max_df=settings.max_document_share,
    )  # fmt: skip
    table = counter.fit_transform(documents["title"] + "\n\n" + documents["text"]).toarray()
    names, rows = counter.get_feature_names_out(), []
    for doc_id, counts in zip(documents["doc_id"], table, strict=True):
        best = sorted(np.flatnonzero(counts), key=lambda place, counts=counts: (-counts[place], place))
        rows += [
            (doc_id, names[place], int(counts[place])) for place in sorted(best[: settings.max_terms_per_document])
        ]
    return rows


@pytest.mark.parametrize("words_at_once", [1, 300, 400_000])
def test_terms_counted_on_disk_are_those_counted_at_once(monkeypatch, words_at_once: int) -> None:
    monkeypatch.setattr(spool, "WORDS_AT_ONCE", words_at_once)
    documents, settings = (
        invent_texts(150),
        Terms(min_document_count=5, max_document_share=0.4, max_terms_per_document=9),
    )
    found = pa.concat_tables(count_terms(documents, settings)).to_pylist()
    assert [tuple(row.values()) for row in found] == count_by_hand(documents, settings)


def test_where_no_term_is_frequent_enough_there_are_no_rows() -> None:
    assert list(count_terms(invent_texts(20), Terms(min_document_count=20, max_document_share=0.1))) == []
    assert list(count_terms(invent_texts(3), Terms(min_document_count=20))) == []


def counts_of(*rows: tuple[str, str, int]) -> pa.Table:
    return pa.table(dict(zip(TERMS.arrow_schema.names, zip(*rows, strict=True), strict=True))).cast(TERMS.arrow_schema)


@pytest.mark.parametrize("size", [1, 2, 9])
def test_fresh_counts_win_over_published_ones_and_a_first_census_over_a_second(size: int) -> None:
    fresh = counts_of(("b", "new", 1), ("d", "new", 2))
    first = counts_of(("a", "x", 1), ("a", "y", 1), ("b", "old", 1), ("c", "x", 3))
    second = counts_of(("a", "z", 1), ("c", "z", 1), ("e", "x", 1), ("e", "y", 4))

    def parts(table: pa.Table):
        return (table.slice(start, size) for start in range(0, len(table), size))

    merged = merge_terms(parts(fresh), ["b", "d"], [lambda: parts(first), lambda: parts(second)])
    found = [tuple(row.values()) for row in pa.concat_tables(merged).to_pylist()]
    wanted = [
        ("a", "x", 1),
        ("a", "y", 1),
        ("b", "new", 1),
        ("c", "x", 3),
        ("d", "new", 2),
        ("e", "x", 1),
        ("e", "y", 4),
    ]
    assert found == wanted
    assert list(merge_terms(iter([]), [], [])) == []


def test_a_text_comes_back_by_its_number_and_leaves_no_file(tmp_path: Path) -> None:
    kept = ["", "plain", "Ünïcode \U0001f9ea\n\nand lines", "x" * 100_000]
    with open_texts(tmp_path) as texts:
        numbers = [texts.add(text) for text in kept]
        assert [texts.read(number) for number in reversed(numbers)] == kept[::-1]
        assert texts.read(texts.add("after reading")) == "after reading"
        assert list(tmp_path.iterdir()) == []


def test_signatures_on_disk_find_the_pairs_whatever_is_written_at_a_time(monkeypatch, tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    texts = [" ".join(draw.choice(WORDS, 80)) for _ in range(40)]
    texts += [text + " and a little more" for text in texts[::4]]
    phrases = [near.phrase_hashes(text) for text in texts]
    found = []
    for size in (1, 7, 4_096):
        monkeypatch.setattr(near, "SETS_AT_ONCE", size)
        found.append(set(near.candidate_pairs(phrases, tmp_path)))
    assert found[0] == found[1] == found[2] >= {(4 * number, 40 + number) for number in range(10)}


def test_the_tables_are_the_same_bytes_whatever_is_read_and_written_at_a_time(tmp_path: Path, monkeypatch) -> None:
    documents = invent_documents(60, words=200)
    documents[7] = {**documents[3], "text": str(documents[3]["text"]) + " again"}  # one id twice
    documents[9] = {**documents[5], "doc_id": "arxiv:other", "url": ""}  # one text twice
    kept = []
    for size in (1, 13, 1_024):
        monkeypatch.setattr(records, "ITEMS_AT_ONCE", size)
        monkeypatch.setattr(stage, "ROWS_AT_ONCE", size)
        config = load_config(write_project(tmp_path / str(size), documents))
        stage.run(config)
        folder = config.path(config.paths.processed)
        kept.append({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})
    assert kept[0] == kept[1] == kept[2] and len(kept[0]) >= 8
    assert not [name for name in kept[0] if name.startswith(".")]
    assert len(pd.read_parquet(tmp_path / "1/data/processed/duplicates.parquet")) == 2
