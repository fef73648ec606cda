"""From items to documents: cleaned, counted, and each left-out one with a reason."""

import hashlib
import json
import unicodedata
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import load_config
from pipeline.corpus.documents import check_counts, choose_documents
from pipeline.corpus.records import records_from_items
from pipeline.corpus.stage import run
from pipeline.corpus.terms import count_terms
from pipeline.errors import ConfigError, DataError
from pipeline.schemas import DOCUMENTS, DUPLICATES, REJECTS, TERMS
from pipeline.scrape.files import join_split_names, read_items
from pipeline.scrape.item import Item, Reject
from pipeline.store import read_table
from pipeline.text import extract
from pipeline.text.extract import clean_text, clean_title, strip_ellipsis, text_sha256
from tests.small_project import invent_documents, write_project

FRAME = """
[frames.mine]
title = "Mine"
kind = "list"
description = "a list"
use = "none"
is_quotable = false
"""


def item(doc_id: str = "lw:1", text: str = "Some words.", **facts: object) -> Item:
    return Item(
        **{
            "place": doc_id,
            "doc_id": doc_id,
            "source": "lesswrong",
            "frame": "mine",
            "title": "A title",
            "text": text,
            **facts,
        }
    )


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once
    assert clean_title(clean_title(text)) == clean_title(text)


@given(st.text(alphabet=st.characters(max_codepoint=0x7E)))
def test_plain_text_needs_no_mending(text: str) -> None:
    if extract._PLAIN.fullmatch(text):
        assert extract._mend_characters(text) == text
    assert clean_text(text) == clean_text(text + "\u200b")  # the invisible character sends it the long way


def test_control_characters_are_those_of_unicode() -> None:
    every = "".join(map(chr, range(0x110000)))
    wanted = [char for char in every if unicodedata.category(char) == "Cc" and char not in "\n\t"]
    assert extract._CONTROL.findall(every) == wanted


def test_cleaning_repairs_what_sources_send() -> None:
    assert clean_text("caf\u00c3\u00a9\u00a0bar\u200b\r\n\r\n\r\n\x07end ") == "café bar\n\nend"
    assert clean_text("e\u0301") == "é"
    assert clean_title(" two\n lines ") == "two lines"
    assert strip_ellipsis("an opening...") == "an opening"


def test_the_hash_is_of_title_empty_line_text() -> None:
    assert text_sha256("a", "b") == hashlib.sha256(b"a\n\nb").hexdigest()


@pytest.mark.parametrize(
    ("split", "joined"),
    [
        (["Doe", "Jane", "Poe", "Tom T."], ("Jane Doe", "Tom T. Poe")),
        (["The Great Big Team", "Doe", "Jane"], ("The Great Big Team", "Jane Doe")),
        (["Jane Doe", "Tom Poe"], ("Jane Doe", "Tom Poe")),
        (["Plato"], ("Plato",)),
        ([], ()),
    ],
)
def test_author_lists_split_at_every_comma_are_joined(split: list[str], joined: tuple[str, ...]) -> None:
    assert join_split_names(split) == joined


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_file_of_each_format_gives_the_same_items(tmp_path: Path, suffix: str) -> None:
    rows = pd.DataFrame(
        {
            "id": ["lw:1", "", "lw:3"],
            "name": ["One", "Two", "Three"],
            "body": ["Text one...", "x", "y"],
            "by": ["A B; C D", "", ""],
        }
    )
    path = tmp_path / f"mine{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows.to_dict("records")))
    else:
        rows.to_csv(path, index=False) if suffix == ".csv" else rows.to_parquet(path)
    columns = {"doc_id": "id", "title": "name", "text": "body", "authors": "by"}
    entry = {"kind": "files", "path": path.name, "source": "lesswrong", "frame": "mine", "columns": columns}
    first, second, third = read_items(entry, tmp_path, "[sources.mine]")
    assert isinstance(first, Item) and first.doc_id == "lw:1" and first.authors == ("A B", "C D") and first.is_opening
    assert isinstance(second, Reject) and second.reason == "no id"
    assert isinstance(third, Item) and not third.is_opening


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("id,title\n1,x\n")
    with pytest.raises(ConfigError, match=r"has no column 'text' for text.*the file has id, title"):
        list(read_items({"kind": "files", "path": "mine.csv", "columns": {"doc_id": "id"}}, tmp_path, "[sources.mine]"))


def test_an_item_without_a_title_is_a_counted_reject() -> None:
    records, rejects = records_from_items("mine", [item(), item("lw:2", title="\u200b ")])
    assert records["doc_id"].tolist() == ["lw:1"]
    assert rejects == [{"record_id": "mine/lw:2", "origin": "mine", "reason": "no title", "excerpt": "lw:2"}]


def test_of_records_with_one_id_the_longest_text_is_kept() -> None:
    short, long = item(text="Short.", place="1"), item(text="Much longer text.", place="2")
    records, _ = records_from_items("mine", [short, long])
    for order in (records, records.iloc[::-1]):
        documents, duplicates, _ = choose_documents(order)
        assert documents["text"].tolist() == ["Much longer text."]
        assert duplicates[["record_id", "kept_record_id"]].values.tolist() == [["mine/1", "mine/2"]]


def test_counts_reconcile_and_a_census_and_a_file_join(root: Path, tmp_path: Path, caplog) -> None:
    text = (root / "census.toml").read_text().replace("data/raw/census", str(root / "data/raw/census"))
    entry = '[sources.mine]\nkind = "files"\npath = "mine.jsonl"\nsource = "lesswrong"\nframe = "mine"\n\n'
    (tmp_path / "census.toml").write_text(text.replace("[terms]", entry + "[terms]") + FRAME)
    rows = [
        {"doc_id": "lw:new", "title": "New", "text": "Words."},
        {"doc_id": "lw:new", "title": "New", "text": "Words again."},
        {"doc_id": "", "title": "x", "text": ""},
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = load_config(tmp_path / "census.toml")
    caplog.set_level("INFO")
    run(config)
    documents = read_table(DOCUMENTS, config.processed("documents"))
    assert "9196 items read = 9194 documents + 1 duplicates + 1 rejects" in caplog.text
    assert len(documents) == 9194 and documents.set_index("doc_id").at["lw:new", "text"] == "Words again."
    assert (
        len(read_table(DUPLICATES, config.processed("duplicates")))
        == len(read_table(REJECTS, config.processed("rejects")))
        == 1
    )
    assert read_table(TERMS, config.processed("terms"))["doc_id"].nunique() > 9000


def test_counts_that_do_not_reconcile_are_refused() -> None:
    items = [item(place="1"), item(place="2"), item("lw:2", place="3", title="\u200b")]
    records, rejects = records_from_items("mine", items)
    documents, duplicates, _ = choose_documents(records)
    left_out = pd.DataFrame(rejects)
    check_counts(records, left_out, documents, duplicates)
    for parts in (
        (records, left_out, documents, duplicates.iloc[:0]),
        (records.iloc[:1], left_out, documents, duplicates),
        (records, left_out.assign(record_id=records["record_id"].iloc[0]), documents, duplicates),
        (records, left_out, documents.assign(doc_id="lw:other"), duplicates),
    ):
        with pytest.raises(DataError, match="records are not"):
            check_counts(*parts)


def test_sources_without_a_document_are_refused_with_one_line(root: Path, tmp_path: Path) -> None:
    text = (root / "census.toml").read_text()
    start, end = text.index("[sources.census]"), text.index("[corpus]")
    entry = '[sources.mine]\nkind = "files"\npath = "mine.jsonl"\nsource = "lesswrong"\nframe = "mine"\n\n'
    (tmp_path / "census.toml").write_text(text[:start] + entry + text[end:] + FRAME)
    (tmp_path / "mine.jsonl").write_text('{"doc_id": "", "title": "x", "text": ""}\n')
    with pytest.raises(DataError, match=r"no source has a document yet \(1 items could not be used\)"):
        run(load_config(tmp_path / "census.toml"))


def test_a_frame_that_is_not_declared_is_refused(root: Path, tmp_path: Path) -> None:
    text = (root / "census.toml").read_text().replace("data/raw/census", str(root / "data/raw/census"))
    start = text.index("[frames.eaforum-ai-partial]")
    (tmp_path / "census.toml").write_text(text[:start])
    with pytest.raises(ConfigError, match="frame 'eaforum-ai-partial', which is not declared"):
        run(load_config(tmp_path / "census.toml"))


def test_term_counts_hold_no_rare_word_and_no_order() -> None:
    from pipeline.settings import Terms

    texts = ["interpretability circuits " * 3 + f"unique{number}" for number in range(30)] + ["gardening tulips"] * 70
    documents = pd.DataFrame({"doc_id": [f"d{number:03d}" for number in range(100)], "title": "", "text": texts})
    rows = pa.concat_tables(count_terms(documents, Terms(min_document_count=5, max_document_share=0.5))).to_pandas()
    assert set(rows["term"]) == {
        "circuits",
        "circuits interpretability",
        "interpretability",
        "interpretability circuits",
    }
    assert rows[(rows["doc_id"] == "d000") & (rows["term"] == "circuits")]["term_count"].item() == 3


@pytest.mark.parametrize(
    ("column", "count", "is_stopped"), [("published_date", 30, True), ("authors", 30, True), ("url", 8, False)]
)
def test_a_column_that_was_filled_and_is_empty_now_stops_the_run(
    tmp_path: Path, column: str, count: int, is_stopped: bool
) -> None:
    rows = invent_documents(count)
    config = load_config(write_project(tmp_path, rows))
    run(config)
    before = config.processed("records").read_bytes()
    write_project(tmp_path, [{name: cell for name, cell in row.items() if name != column} for row in rows])
    if is_stopped:
        with pytest.raises(DataError, match=rf"\[sources\.mine\]: {column} was filled in 100%.*in 0% now"):
            run(config)
        assert config.processed("records").read_bytes() == before
        config.processed("records").unlink()
    run(config)
    assert config.processed("records").read_bytes() != before
