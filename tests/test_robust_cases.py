"""The handed dirty inputs, each as the source that it was made for: documents and rejects, or one line and nothing."""

import shutil
from pathlib import Path

import pytest

from pipeline import store
from pipeline.config import load_config
from pipeline.corpus import stage as corpus
from pipeline.errors import DataError
from pipeline.schemas import DOCUMENTS, REJECTS
from tests.small_project import write_project

MINE = 'source = "arxiv"\nframe = "small"'
PAPERS = 'dump = "arxiv-metadata"\nframe = "small"'
POSTS = 'dump = "alignment-research-dataset"\nframe = "small"'


def write(folder: Path, file: Path, entry: str) -> Path:
    shutil.copy(file, folder)
    return write_project(folder, [], sources=f'[sources.mine]\nkind = "files"\npath = "{file.name}"\n{entry}')


@pytest.mark.parametrize(
    ("name", "entry", "n_documents", "place", "reason"),
    [
        ("csv-authors-num__m.csv", MINE, 8, "", ""),  # in CSV every cell is text, and this name is 7
        ("csv-tags-num__m.csv", MINE, 8, "", ""),
        ("csv-karma-na__m.csv", MINE, 7, "00000002", "karma is no number"),
        ("jl-authors-float__m.jsonl", MINE, 7, "00000001", "authors is a number"),
        ("jl-authors-true__m.jsonl", MINE, 7, "00000001", "authors is a truth value"),
        ("jl-karma-list__m.jsonl", MINE, 7, "00000001", "karma is a list"),
        ("jl-null-line__m.jsonl", MINE, 8, "00000009", "not an object"),
        ("pq-ts-badtz__m.parquet", MINE, 8, "", ""),  # a moment is one in any zone
        ("ard-surrogate-source__m.jsonl", POSTS, 7, "00000001", "source holds control characters or half a character"),
    ],
)
def test_good_rows_are_documents_and_a_bad_one_a_reject_with_its_line(
    name: str, entry: str, n_documents: int, place: str, reason: str, shared: Path, tmp_path: Path
) -> None:
    config = load_config(write(tmp_path, shared / "cases/robust" / name, entry))
    corpus.run(config)
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    rejects = store.read_table(REJECTS, config.processed("rejects"))
    assert len(documents) == n_documents
    wanted = [(f"mine/{place}", reason)] if reason else []
    assert list(zip(rejects["record_id"], rejects["reason"], strict=True)) == wanted
    assert documents["published_date"].str.len().min() >= 10


@pytest.mark.parametrize(
    ("name", "entry", "words"),
    [
        ("pq-bool-authors__m.parquet", MINE, "authors: 8 of 8 cells could not be read"),
        ("dump-gz-flip__m.json.gz", PAPERS, "is damaged or ends early"),
        ("dump-zst-stream-trunc-mid__m.json.zst", PAPERS, "is damaged or ends early (the file ends within a frame)"),
        ("dump-zst-stream-trunc-block__m.json.zst", PAPERS, "is damaged or ends early (the file ends within a frame)"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_one_line_and_nothing_is_written(
    name: str, entry: str, words: str, shared: Path, tmp_path: Path
) -> None:
    config = load_config(write(tmp_path, shared / "cases/robust" / name, entry))
    with pytest.raises(DataError) as caught:
        corpus.run(config)
    assert words in str(caught.value) and name in str(caught.value) and "\n" not in str(caught.value)
    assert not config.processed("documents").exists() and not list(tmp_path.rglob("*.part"))
