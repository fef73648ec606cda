"""The permanent lists of dirty input: never a traceback, never a value changed without a word."""

from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.corpus import stage as corpus
from pipeline.dataset import stage as release
from pipeline.embed import stage as embed
from pipeline.release.load import load_census
from tests.fuzz.file_cases import WRITERS
from tests.fuzz.file_cases import all_cases as file_cases
from tests.small_project import FILES as SOURCES
from tests.small_project import invent_documents, write_project

FILES = file_cases()


@pytest.mark.parametrize("name", FILES)
def test_a_dirty_file_gives_documents_and_rejects_or_one_line(name: str, tmp_path: Path) -> None:
    assert FILES[name](tmp_path) == ""


def test_the_lists_stay_as_long_as_they_are() -> None:
    assert len(FILES) >= 300


@pytest.mark.whole
@pytest.mark.parametrize("form", WRITERS)
def test_ids_that_look_like_numbers_pass_through_corpus_release_and_loader_unchanged(form: str, tmp_path: Path) -> None:
    ids = ["2501.00010", "2501.0001", "2501.1", "2501.10", "2501.100", "00000", "0", "1e10", "9007199254740993", "NA"]
    documents = invent_documents(len(ids))
    rows = [{**row, "doc_id": doc_id} for row, doc_id in zip(documents, ids, strict=True)]
    path = write_project(tmp_path, [], sources=SOURCES.replace("documents.jsonl", WRITERS[form](tmp_path, rows)))
    config = load_config(path)
    corpus.run(config)
    embed.run(config)
    release.run(config)
    census = load_census(tmp_path / "dist/census-1")
    assert sorted(census.documents["doc_id"]) == sorted(ids)
    title_of = {str(row["doc_id"]): row["title"] for row in rows}
    assert census.documents.set_index("doc_id")["title"].to_dict() == title_of
