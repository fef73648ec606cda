"""The release: complete, checked, and open to the tools people already use."""

import io
import json
import random
import re
import shutil
import socket
import subprocess
import time
import urllib.request
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import store
from pipeline.__main__ import main
from pipeline.config import load_config
from pipeline.corpus import stage as corpus
from pipeline.dataset import load_census
from pipeline.dataset import stage as release
from pipeline.dataset.card import ATLAS
from pipeline.dataset.changes import compare_documents
from pipeline.dataset.checks import check_content
from pipeline.dataset.licences import licence_of_texts
from pipeline.dataset.verify import verify_release, verify_shares
from pipeline.embed import stage as embed
from pipeline.errors import DataError, PipelineError
from pipeline.release.manifest import make_sums
from pipeline.release.nearest import find_nearest
from pipeline.schemas import CENSUS_DOCUMENTS, DOCUMENTS
from tests.small_project import FILES, invent_documents, write_project

pytestmark = pytest.mark.whole

SHIPPED = Path("data/raw/census/2026.07")
LICENCES = load_config(Path(__file__).parent.parent / "census.toml").dataset.licences


@pytest.fixture(scope="session")
def shipped(root) -> Path:
    return root / SHIPPED


@pytest.fixture(scope="session")
def released(root, tmp_path_factory, encoder_cache) -> Path:
    """The release that the shipped census makes, with the text off."""
    folder = tmp_path_factory.mktemp("release")
    text = (root / "census.toml").read_text().replace("data/raw/census", str(root / "data/raw/census"))
    (folder / "census.toml").write_text(text)
    (folder / "data/processed").mkdir(parents=True)
    (folder / "data/processed/encoders").symlink_to(encoder_cache)
    config = load_config(folder / "census.toml")
    corpus.run(config)
    embed.run(config)
    release.run(config)
    return folder / "dist" / "census-2026.07"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return _release(tmp_path_factory.mktemp("small"), invent_documents(30))


def _release(folder: Path, documents, **options) -> Path:
    config = load_config(write_project(folder, documents, embed='backend = "torch"', **options))
    corpus.run(config)
    embed.run(config)
    release.run(config)
    return folder / "dist" / f"census-{config.version}"


def _copy(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target / "copy", ignore=shutil.ignore_patterns(".*")))


def test_the_release_of_the_shipped_census_has_its_vectors_bit_for_bit(released, shipped):
    old, new = (pq.read_table(folder / "embeddings.parquet") for folder in (shipped, released))
    assert old.column("doc_id").equals(new.column("doc_id"))
    assert (
        store.matrix_from_column(old.column("vector")).tobytes()
        == store.matrix_from_column(new.column("vector")).tobytes()
    )


def test_the_same_files_in_give_the_same_bytes_out(small, tmp_path):
    again = _release(tmp_path, invent_documents(30))
    assert make_sums(again) == make_sums(small)


def test_no_text_leaves_unless_asked(small):
    texts = [row["text"] for row in invent_documents(30)]
    content = b"".join(path.read_bytes() for path in small.iterdir() if path.name != "terms.parquet")
    assert not (small / "texts.parquet").exists()
    assert not any(str(text).encode() in content for text in texts)


def test_pandas_opens_it(released):
    documents = pd.read_parquet(released / "documents.parquet")
    vectors = np.stack(pd.read_parquet(released / "embeddings.parquet")["vector"])
    assert vectors.shape == (len(documents), 384) and len(documents) == 9193


def test_polars_opens_it(released):
    polars = pytest.importorskip("polars")
    joined = polars.read_parquet(released / "documents.parquet").join(
        polars.read_parquet(released / "embeddings.parquet"), on="doc_id"
    )
    assert joined.height == 9193 and joined["vector"].to_numpy().shape == (9193, 384)


def test_duckdb_opens_it(released):
    duckdb = pytest.importorskip("duckdb")
    counts = duckdb.sql(f"select source, count(*) n from '{released}/documents.parquet' group by source").fetchall()
    assert sum(count for _, count in counts) == 9193
    rows = duckdb.sql(f"select vector from '{released}/embeddings.parquet' limit 1").fetchall()
    assert len(rows[0][0]) == 384


def test_datasets_opens_it(released, tmp_path):
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(
        "parquet", data_files=str(released / "embeddings.parquet"), split="train", cache_dir=str(tmp_path)
    )
    assert loaded.num_rows == 9193 and len(loaded[0]["vector"]) == 384


def test_datasets_opens_every_table_that_the_head_of_the_card_names(released, tmp_path):
    datasets = pytest.importorskip("datasets")
    names = datasets.get_dataset_config_names(str(released))
    counts = {
        name: datasets.load_dataset(str(released), name, split="train", cache_dir=str(tmp_path)).num_rows
        for name in names
    }
    assert {"documents", "embeddings", "terms", "frame_members", "text_versions", "works"} == set(counts)
    assert counts["documents"] == counts["embeddings"] == 9193
    unasked = datasets.load_dataset(str(released), split="train", cache_dir=str(tmp_path))
    assert unasked.num_rows == 9193 and "title" in unasked.column_names


def test_the_head_of_the_card_tells_viewers_the_types_that_the_tables_have(released):
    datasets = pytest.importorskip("datasets")
    head = pytest.importorskip("yaml").safe_load((released / "README.md").read_text().split("---\n")[1])
    told = {entry["config_name"]: entry for entry in head["dataset_info"]}
    assert list(told) == [entry["config_name"] for entry in head["configs"]]
    for name, entry in told.items():
        file = pq.ParquetFile(released / f"{name}.parquet")
        found = datasets.Features.from_arrow_schema(file.schema_arrow)
        assert datasets.Features._from_yaml_list(entry["features"]) == found, name
        assert entry["splits"] == [{"name": "train", "num_examples": file.metadata.num_rows}], name


def test_every_python_line_of_the_card_runs(released, monkeypatch, tmp_path):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (released / "README.md").read_text(), re.DOTALL)
    assert [
        sum(name in block for block in blocks) for name in ("load_census(", "pd.", "pl.", "import duckdb", "_dataset(")
    ] == [1] * 5
    monkeypatch.chdir(released)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)


@pytest.mark.slow
def test_embedding_atlas_serves_it_as_the_card_says(tmp_path, root, monkeypatch):
    """With an embedding-atlas on the PATH, from an environment of its own: it brings gigabytes not needed here."""
    viewer = shutil.which("embedding-atlas")
    if viewer is None:
        pytest.skip("there is no embedding-atlas on the PATH")
    duckdb = pytest.importorskip("duckdb")
    for name in ("documents", "layout"):
        shutil.copy2(root / SHIPPED / f"{name}.parquet", tmp_path)
    monkeypatch.chdir(tmp_path)
    statement, command = re.findall(r"^(?:duckdb.sql\(\"(.*)\"\)|embedding-atlas (.*?)(?: *#.*))$", ATLAS, re.MULTILINE)
    duckdb.sql(statement[0])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = ["--host", "127.0.0.1", "--port", str(port)]
    command = [viewer, *command[1].split(), *place]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            served = _fetch(f"http://127.0.0.1:{port}/data/dataset.parquet")
            page = _fetch(f"http://127.0.0.1:{port}/").decode()
        finally:
            server.terminate()
    table = pq.read_table(io.BytesIO(served))
    assert table.num_rows == 9193 and {"title", "x", "y"} <= set(table.column_names)
    assert "<title>Embedding Atlas" in page


def _fetch(url: str) -> bytes:
    for _ in range(120):
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return bytes(answer.read())
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"no answer from {url}")


def test_croissant_is_valid_without_a_warning_and_its_records_can_be_read(small, caplog):
    croissant = pytest.importorskip("mlcroissant")
    with caplog.at_level("WARNING"), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # between the libraries it is made of
        dataset = croissant.Dataset(jsonld=str(small / "croissant.json"))
    report = dataset.metadata.ctx.issues
    assert not report.errors and not report.warnings and not caplog.records, (report.report(), caplog.text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        records = list(dataset.records("documents"))
    assert len(records) == 30
    assert records[0]["documents/doc_id"] == b"arxiv:01.00000"


def test_loading_gives_aligned_tables_and_float32_vectors(small, tmp_path):
    copy = _copy(small, tmp_path)
    plain, mapped = load_census(copy, memory_map=False), load_census(copy)
    assert plain.vectors.dtype == mapped.vectors.dtype == np.float32
    assert isinstance(mapped.vectors, np.memmap) and (plain.vectors == mapped.vectors).all()
    stored = pq.read_table(copy / "embeddings.parquet")
    assert stored.column("doc_id").to_pylist() == plain.documents["doc_id"].tolist()
    assert (store.matrix_from_column(stored.column("vector")) == plain.vectors).all()
    assert set(mapped.table("terms")["doc_id"]) <= set(mapped.documents["doc_id"])
    with pytest.raises(DataError, match="no table 'nothing'"):
        mapped.table("nothing")


def test_the_map_of_older_vectors_is_never_used_for_newer_ones(small, tmp_path):
    copy = _copy(small, tmp_path)
    before = load_census(copy).vectors.copy()
    newer = _release(tmp_path / "newer", invent_documents(30, seed=3))
    for path in newer.iterdir():
        shutil.copy2(path, copy / path.name)
    assert not np.array_equal(load_census(copy).vectors, before)


def test_the_shipped_census_loads_without_a_path():
    census = load_census(memory_map=False)
    newest = max((Path(__file__).parent.parent / "data/raw/census").glob("*/manifest.json")).parent
    assert census.folder == newest
    assert census.vectors.shape == (len(census.documents), 384)
    assert len(census.documents) == json.loads((newest / "manifest.json").read_text())["document_count"]


def test_search_is_exact(shipped):
    census = load_census(shipped, memory_map=False)
    scores = census.vectors.astype(np.float64) @ census.vectors[41].astype(np.float64)
    found = find_nearest(census, census.vectors[41], 25)
    wanted = census.documents["doc_id"].to_numpy()[np.argsort(-scores, kind="stable")[:25]]
    assert found["doc_id"].tolist() == wanted.tolist()
    assert found["cosine_score"].iloc[0] == pytest.approx(1, abs=1e-3)


def test_search_answers_with_more_than_there_is(small):
    census = load_census(small, memory_map=False)
    assert len(find_nearest(census, census.vectors[0], 1000)) == 30


def test_verify_accepts_what_was_released(small, released, shipped):
    for folder in (small, released, shipped):
        verify_release(folder)


def test_verify_finds_a_flipped_bit_anywhere(small, tmp_path):
    copy = _copy(small, tmp_path)
    draw = random.Random(3)
    for path in sorted(copy.iterdir()):
        content = path.read_bytes()
        places = [0, len(content) - 1, *(draw.randrange(len(content)) for _ in range(4))]
        for place in places:
            flipped = content[place] ^ (1 << draw.randrange(8))
            path.write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
            with pytest.raises(PipelineError):
                verify_release(copy)
        path.write_bytes(content)
    verify_release(copy)


def test_verify_finds_a_missing_and_a_strange_file(small, tmp_path):
    copy = _copy(small, tmp_path)
    (copy / "extra.csv").write_text("1")
    with pytest.raises(DataError, match=r"extra\.csv is not in the manifest"):
        verify_release(copy)
    (copy / "extra.csv").unlink()
    (copy / "terms.parquet").unlink()
    with pytest.raises(DataError, match=r"terms\.parquet is missing"):
        verify_release(copy)


def _rewrite(folder: Path, name: str, change) -> None:
    """Changes a table and puts every hash right, as a faulty stage would."""
    path = folder / f"{name}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = manifest["files"][path.name]
    entry |= {"sha256": store.sha256_of_file(path), "byte_count": path.stat().st_size}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "SHA256SUMS").write_text(make_sums(folder))


def _halve(rows: pa.Table) -> pa.Table:
    shorter = store.column_from_matrix(store.matrix_from_column(rows.column("vector")) / np.float16(2))
    return rows.set_column(rows.schema.get_field_index("vector"), rows.schema.field("vector"), shorter)


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("embeddings", lambda rows: rows.slice(1), "has no row"),
        ("documents", lambda rows: rows.slice(1), "is no document"),
        ("documents", lambda rows: rows.take(list(range(len(rows)))[::-1]), "not in key order"),
        ("terms", lambda rows: rows.take([0, *range(len(rows))]), "a key is there twice"),
        ("terms", lambda rows: rows.slice(0, 5), "has 5 rows"),
        ("embeddings", _halve, "unit length"),
    ],
)
def test_verify_finds_a_broken_key_or_count_behind_right_hashes(small, tmp_path, name, change, problem):
    copy = _copy(small, tmp_path)
    _rewrite(copy, name, change)
    assert any(problem in found for found in check_content(copy))
    with pytest.raises(DataError):
        verify_release(copy)


def test_verify_recomputes_the_shares_where_the_estimate_offers_it(monkeypatch, root):
    import pipeline.agreement.stage
    import pipeline.estimate.stage

    config = load_config(root / "census.toml")
    asked = []
    monkeypatch.setattr(pipeline.estimate.stage, "verify_shares", asked.append)
    monkeypatch.setattr(pipeline.agreement.stage, "verify_agreement", asked.append)
    assert verify_shares(config) and asked == [config, config]


def _documents(**columns) -> pd.DataFrame:
    rows = {column.name: None for column in DOCUMENTS.columns} | {"tags": [], "authors": []}
    count = len(next(iter(columns.values())))
    return pd.DataFrame(
        [{**rows, **{name: values[place] for name, values in columns.items()}} for place in range(count)]
    )


def test_changes_name_what_came_went_and_differs():
    old = _documents(doc_id=["a", "b", "c"], title=["A", "B", "C"], authors=[["x"], ["y"], []], karma=[1.0, None, None])
    new = _documents(
        doc_id=["b", "c", "d"], title=["B", "C2", "D"], authors=[["y"], ["z"], []], karma=[None, None, 2.0]
    )
    found = compare_documents(old, new).set_index("doc_id")
    assert found["change"].to_dict() == {"a": "gone", "c": "changed", "d": "added"}
    assert found.loc["c", "columns"] == ["title", "authors"]


def test_a_second_version_counts_its_changes_from_the_first(tmp_path):
    first = _release(tmp_path / "first", invent_documents(20))
    sources = FILES + f'\n[sources.old]\nkind = "census"\npath = "{first}"'
    more = [*invent_documents(20)[5:], *invent_documents(3, seed=2)]
    second = _release(tmp_path / "second", more, sources=sources, version="2", dataset=f'previous = "{first}"')
    changes = pd.read_parquet(second / "changes.parquet")
    assert changes["change"].value_counts().to_dict() == {"added": 3}
    assert "3 added, 0 changed, 0 gone" in (second / "README.md").read_text()


@pytest.mark.parametrize(
    ("source", "kind", "date", "licence"),
    [
        ("arxiv", "abstract", None, "CC0-1.0"),
        ("arxiv", "full", "2024-01-01", None),
        ("eaforum", "full", "2022-12-01", "CC-BY-4.0"),
        ("eaforum", "full", "2022-11-30", None),
        ("eaforum", "full", "2022-12", "CC-BY-4.0"),
        ("eaforum", "full", "2022", None),
        ("eaforum", "full", None, None),
        ("lesswrong", "full", "2024-01-01", None),
    ],
)
def test_only_free_texts_have_a_licence(source, kind, date, licence):
    rows = _documents(doc_id=["a"], source=[source], text_kind=[kind], published_date=[date])
    found = licence_of_texts(rows, LICENCES).iloc[0]
    assert (None if pd.isna(found) else found) == licence


def test_free_texts_are_released_when_asked_for_and_no_others(tmp_path):
    documents = invent_documents(4)
    documents[0]["source"] = "lesswrong"
    sources = FILES.replace('source = "arxiv"\n', "")
    for row in documents[1:]:
        row["source"] = "arxiv"
    rule = '[[dataset.licences]]\nsource = "arxiv"\ntext_kinds = ["abstract"]\nlicence = "CC0-1.0"'
    folder = _release(tmp_path, documents, sources=sources, dataset=f'text = "licensed"\n{rule}')
    texts = pd.read_parquet(folder / "texts.parquet")
    assert texts["doc_id"].tolist() == [row["doc_id"] for row in documents[1:]]
    assert set(texts["licence"]) == {"CC0-1.0"}
    known = pd.read_parquet(folder / "documents.parquet").set_index("doc_id")["text_sha256"]
    assert texts["text_sha256"].tolist() == known[texts["doc_id"]].tolist()
    _rewrite(folder, "texts", lambda rows: rows.set_column(1, "text", pa.array(["Another."] * len(rows))))
    with pytest.raises(DataError, match="is another text"):
        verify_release(folder)


def test_every_column_is_in_the_dictionary_of_the_card(small):
    card = (small / "README.md").read_text()
    for column in CENSUS_DOCUMENTS.columns:
        assert f"| `{column.name}` |" in card
    for name in ("pandas", "polars", "duckdb", "load_dataset", "load_census", "arrow::read_parquet"):
        assert name in card


def test_search_prints_the_nearest_documents_from_the_command_line(released, capsys):
    config = released.parent.parent / "census.toml"
    query = "chain of thought monitoring"
    assert main(["--config", str(config), "search", query, "--count", "3", "--release", str(released)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert all("thought" in line.lower() for line in lines[::2])
    assert all(line.strip().startswith("http") for line in lines[1::2])


def test_search_refuses_a_release_of_another_encoder(small, root, tmp_path, capsys):
    copy = _copy(small, tmp_path)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["encoder"] = {"name": "another", "weights_sha256": "0" * 64, "max_tokens": 256}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert main(["--config", str(root / "census.toml"), "search", "agents", "--release", str(copy)]) == 1
    assert "another" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["  "], "the query is empty"),
        (["agents", "--count", "0"], "cannot find 0 documents"),
        (["agents", "--release", "nowhere"], "nowhere/manifest.json: the folder is no release"),
        (["agents", "--release", __file__], "the folder is no release"),
    ],
)
def test_search_says_in_one_line_what_is_wrong_with_the_question(root, capsys, arguments, problem):
    assert main(["--config", str(root / "census.toml"), "search", *arguments]) == 1
    error = capsys.readouterr().err
    assert problem in error and error.count("\n") == 1


@pytest.mark.parametrize("memory_map", [True, False])
@pytest.mark.parametrize("name", ["documents.parquet", "embeddings.parquet"])
@pytest.mark.parametrize("content", [None, b"half a file"])
def test_loading_names_the_file_that_is_missing_or_damaged(small, tmp_path, memory_map, name, content):
    copy = _copy(small, tmp_path)
    (copy / name).unlink() if content is None else (copy / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        load_census(copy, memory_map=memory_map)


def test_a_manifest_that_lists_no_vectors_is_refused(small, tmp_path):
    copy = _copy(small, tmp_path)
    (copy / "manifest.json").write_text('{"files": {}}')
    for read in (load_census, verify_release):
        with pytest.raises(DataError, match="lists no documents"):
            read(copy)


def test_verify_from_the_command_line_fails_on_one_flipped_byte(released, capsys):
    config = released.parent.parent / "census.toml"
    assert main(["--config", str(config), "verify"]) == 0
    path = released / "embeddings.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    assert main(["--config", str(config), "verify"]) == 1
    path.write_bytes(content)
    assert "embeddings.parquet has another SHA-256" in capsys.readouterr().err
