"""A release becomes the census that the next one starts from: whole, once, with what changed, and after any kill."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import store
from pipeline.config import load_config
from pipeline.corpus import stage as corpus
from pipeline.dataset import publish
from pipeline.dataset import stage as dataset
from pipeline.dataset.contents import list_tables
from pipeline.dataset.verify import verify_release
from pipeline.errors import ConfigError, DataError
from pipeline.report.stage import check_version
from pipeline.schemas import DOCUMENTS, embeddings_table
from tests.small_project import invent_documents, write_project

pytestmark = pytest.mark.whole

CHILD = """
import sys
from pathlib import Path
from pipeline.config import load_config
from pipeline.dataset import publish
config = load_config(Path(sys.argv[1]))
print("ready", flush=True)
publish.run(config, "2026.10")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose corpus is made, with vectors that were not computed."""
    import numpy as np
    import pandas as pd

    path = write_project(tmp_path, invent_documents(30), version="2026.07")
    config = load_config(path)
    corpus.run(config)
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    vectors = np.random.default_rng(1).normal(size=(len(documents), 384))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    rows = pd.DataFrame(
        {
            "doc_id": documents["doc_id"],
            "text_sha256": documents["text_sha256"],
            "encoder": config.embed.model,
            "encoder_revision": config.embed.weights_sha256,
            "vector": list(vectors),
            "encoder_backend": "test",
        }
    )
    store.write_table(embeddings_table(384), rows, config.processed("embeddings"))
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- Something.\n\n## 0.1\n\n- Old.\n")
    return path


def test_a_release_is_put_in_force_once_and_the_next_one_says_what_changed(project: Path) -> None:
    publish.run(load_config(project), "2026.10")
    config = load_config(project)
    assert config.version == "2026.10" and config.sources["census"]["path"] == "data/raw/census/2026.10"
    verify_release(project.parent / "data/raw/census/2026.10")
    log = (project.parent / "CHANGELOG.md").read_text()
    assert log.index("## Unreleased") < log.index("## Census 2026.10") < log.index("## 0.1")
    publish.run(config, "2026.10")
    assert (project.parent / "CHANGELOG.md").read_text() == log
    with pytest.raises(ConfigError, match=r"2026\.09 is older than 2026\.10"):
        publish.run(config, "2026.09")
    corpus.run(config)  # the census and the file it was made from: the same documents
    publish.run(config, "2027.02")
    log = (project.parent / "CHANGELOG.md").read_text()
    assert "Against 2026.10: 0 added, 0 changed, 0 gone" in log
    assert load_config(project).sources["census"]["path"] == "data/raw/census/2027.02"


def test_what_is_left_out_is_in_the_release_and_not_in_the_repository(project: Path) -> None:
    config = load_config(project)
    small = replace(config, dataset=replace(config.dataset, left_out=("works",)))
    dataset.run(replace(small, version="2026.10"))
    whole = project.parent / "dist/census-2026.10"
    assert (whole / "works.parquet").is_file()
    publish.run(small, "2026.10")
    shipped = project.parent / "data/raw/census/2026.10"
    verify_release(shipped)
    assert not (shipped / "works.parquet").exists() and (shipped / "documents.parquet").is_file()
    with pytest.raises(ConfigError, match="'documents' may not be left out"):
        list(list_tables(config, ("documents",)))


def test_a_release_in_part_is_of_the_tables_of_the_whole_one(project: Path) -> None:
    config = load_config(project)
    small = replace(config, dataset=replace(config.dataset, left_out=("works",)))
    dataset.run(replace(small, version="2026.10"))
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    documents["title"] = "Another title"
    store.write_table(DOCUMENTS, documents, config.processed("documents"))
    with pytest.raises(DataError, match="has changed since the release was made"):
        publish.run(small, "2026.10")
    assert not (project.parent / "data/raw/census/2026.10").exists()


def test_only_two_lines_of_the_configuration_change(project: Path) -> None:
    publish.run(load_config(project), "2026.10")
    before = project.read_text()
    publish.run(load_config(project), "2026.11")
    after = project.read_text().splitlines()
    changed = [(old, new) for old, new in zip(before.splitlines(), after, strict=True) if old != new]
    assert changed == [
        ('version = "2026.10"', 'version = "2026.11"'),
        ('path = "data/raw/census/2026.10"', 'path = "data/raw/census/2026.11"'),
    ]


def test_the_report_of_a_released_version_is_not_made_of_other_documents(project: Path) -> None:
    publish.run(load_config(project), "2026.10")
    config = load_config(project)
    corpus.run(config)
    check_version(config)
    rows = project.with_name("documents.jsonl")
    rows.write_text(rows.read_text() + json.dumps(invent_documents(1, seed=9)[0]) + "\n")
    corpus.run(config)
    with pytest.raises(ConfigError, match=r"census 2026\.10 is released, and the corpus has 1 documents more") as error:
        check_version(config)
    assert "\n" not in str(error.value) and "set it to the version you make" in str(error.value)
    check_version(replace(config, version="2026.12"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_kill_leaves_the_last_census_in_force_or_the_new_one_whole(project: Path, root: Path, tmp_path: Path) -> None:
    home, keep = project.parent, tmp_path.parent / f"{tmp_path.name}-keep"
    shutil.copytree(home, keep, symlinks=True)

    def start() -> subprocess.Popen[str]:
        words = [sys.executable, "-c", CHILD, str(project)]
        child = subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        return child

    def reset() -> None:
        shutil.rmtree(home)
        shutil.copytree(keep, home, symlinks=True)

    old = project.read_text()
    began = time.perf_counter()
    assert start().wait() == 0
    seconds, new = time.perf_counter() - began, project.read_text()
    moments, seen = random.Random(2), set()
    for _ in range(30):
        reset()
        child = start()
        time.sleep(moments.random() * seconds)
        child.send_signal(signal.SIGKILL)
        child.wait()
        text = project.read_text()
        assert text in (old, new)
        seen.add(text == new)
        folder = home / "data/raw/census/2026.10"
        if text == new or folder.exists():
            verify_release(folder)
        assert start().wait() == 0
        assert project.read_text() == new and "## Census 2026.10" in (home / "CHANGELOG.md").read_text()
        verify_release(folder)
    assert False in seen
