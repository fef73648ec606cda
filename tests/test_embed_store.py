"""The vector store: whole after any kill, checked at every read, and never two encoders in one folder."""

import dataclasses
import multiprocessing
import os
import random
import sys
import time

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline import store
from pipeline.config import load_config
from pipeline.corpus import stage as corpus
from pipeline.embed import engine, progress, vectors
from pipeline.embed import stage as embed
from pipeline.embed.encoder import Encoder
from pipeline.embed.shards import Shard
from pipeline.errors import DataError
from pipeline.schemas import DOCUMENTS
from tests.small_project import invent_documents, write_project

pytestmark = pytest.mark.whole

MADE = vectors.Provenance(
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", "settings", 256, "torch-float32"
)


def _rows(count: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    hashes = [store.sha256_of_text(f"{seed} {number}") for number in range(count)]
    return hashes, np.random.default_rng(seed).normal(size=(count, 384)).astype(np.float16)


@pytest.fixture
def config(tmp_path):
    return load_config(write_project(tmp_path, invent_documents(3)))


def _quick_encode(texts) -> np.ndarray:
    """A vector drawn from the text alone: quick, and the same in every process."""
    return np.stack([_rows(1, int(store.sha256_of_text(text)[:8], 16))[1][0] for text in texts])


def _fake_encoder(monkeypatch, calls: list[int]) -> None:
    def encode(texts):
        calls.append(len(texts))
        return _quick_encode(texts)

    monkeypatch.setattr(engine, "load_encoder", lambda *_: Encoder("fake-float32", "settings", encode))
    monkeypatch.setattr(engine, "hash_settings", lambda _: "settings")


def _hashes_at_hand(config) -> list[str]:
    parts = [*vectors.read_published(config), *vectors.read_made(config, vectors.list_shards(config))]
    return [text_hash for part in parts for text_hash in part.hashes.to_pylist()]


def _write_documents(config, hashes: list[str]) -> None:
    """Writes `documents` with these text hashes, a text or none each, in this order."""
    corpus.run(config)
    rows = store.read_table(DOCUMENTS, config.processed("documents"))
    rows = pd.concat([rows.iloc[:1]] * len(hashes), ignore_index=True)
    rows = rows.assign(doc_id=[f"lw:{number:04d}" for number in range(len(hashes))], text_sha256=hashes)
    store.write_table(DOCUMENTS, rows, config.processed("documents"))


@pytest.mark.parametrize("row_group_rows", [2, 1000])
def test_what_was_saved_is_found_by_text_hash(config, monkeypatch, row_group_rows):
    monkeypatch.setattr(store, "ROW_GROUP_ROWS", row_group_rows)
    hashes, rows = _rows(6)
    other = dataclasses.replace(MADE, backend="openvino-bfloat16")
    vectors.save_shard(config, MADE, hashes[:4], rows[:4])
    vectors.save_shard(config, other, hashes[4:], rows[4:])
    order = [5, 0, 3, 0, 4, 2, 1, 5]  # some texts twice
    _write_documents(config, [hashes[place] for place in order])
    embed.run(config)
    table = pq.read_table(config.processed("embeddings"))
    assert (store.matrix_from_column(table.column("vector")) == rows[order]).all()
    assert table.column("text_sha256").to_pylist() == [hashes[place] for place in order]
    named = ["openvino-bfloat16" if place > 3 else "torch-float32" for place in order]
    assert table.column("encoder_backend").to_pylist() == named


def test_of_two_vectors_for_one_text_the_published_one_counts(tmp_path, root):
    shipped = root / "data/raw/census/2026.07"
    config = load_config(write_project(tmp_path, invent_documents(2), embed=f'reuse = ["{shipped}"]'))
    known = pq.read_table(shipped / "embeddings.parquet").slice(41, 3)
    hashes = known.column("text_sha256").to_pylist()
    vectors.save_shard(config, MADE, hashes, np.zeros((3, 384), np.float16))
    _write_documents(config, hashes)
    embed.run(config)
    table = pq.read_table(config.processed("embeddings"))
    assert table.column("vector").equals(known.column("vector"))
    assert table.column("encoder_backend").null_count == 3


def test_a_hash_that_is_none_is_named(config):
    _write_documents(config, ["0" * 64, "0" * 63])
    with pytest.raises(DataError, match="no SHA-256"):
        embed.run(config)


def test_any_flipped_byte_of_a_shard_is_found(config):
    path = vectors.save_shard(config, MADE, *_rows(2))
    content = path.read_bytes()
    for position in random.Random(1).sample(range(len(content)), 40):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with pytest.raises(DataError, match="damaged"):
            _hashes_at_hand(config)


def test_a_shard_of_another_encoder_is_refused_in_this_folder(config):
    vectors.save_shard(config, vectors.Provenance("f" * 64, "settings", 256, "torch-float32"), *_rows(2))
    with pytest.raises(DataError, match="another encoder"):
        _hashes_at_hand(config)


def test_another_reading_length_has_a_folder_of_its_own(tmp_path):
    long = load_config(write_project(tmp_path, [], embed="max_tokens = 256"))
    short = load_config(write_project(tmp_path, [], embed="max_tokens = 128"))
    vectors.save_shard(long, MADE, *_rows(2))
    assert len(_hashes_at_hand(long)) == 2
    assert len(_hashes_at_hand(short)) == 0


def test_vectors_in_int8_have_a_folder_of_their_own(tmp_path):
    usual = load_config(write_project(tmp_path, []))
    coarse = load_config(write_project(tmp_path, [], embed='precision = "int8"'))
    vectors.save_shard(coarse, MADE, *_rows(2))
    assert len(_hashes_at_hand(coarse)) == 2
    assert len(_hashes_at_hand(usual)) == 0


def test_two_tokenizers_for_the_same_weights_are_refused(config):
    vectors.save_shard(config, MADE, *_rows(2))
    with pytest.raises(DataError, match="tokenizer"), vectors.open_for_writing(config, "other settings"):
        pass


def test_who_comes_first_removes_the_drafts_of_killed_runs_and_nobody_else(config):
    draft = vectors.store_folder(config) / ".x.parquet.abc.part"
    with vectors.open_for_writing(config, "settings"):
        draft.write_bytes(b"half")
        with vectors.open_for_writing(config, "settings"):
            assert draft.exists()  # the first run still holds the store
    with vectors.open_for_writing(config, "settings"):
        assert not draft.exists()


def _save_many(folder, seed):
    config = load_config(folder / "census.toml")
    for number in range(20):
        vectors.save_shard(config, MADE, *_rows(8, seed * 10 + number))


def test_runs_at_the_same_time_lose_nothing(config, tmp_path):
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=_save_many, args=(tmp_path, seed)) for seed in (0, 1)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    wanted = {text_hash for seed in range(30) for text_hash in _rows(8, seed)[0]}
    assert set(_hashes_at_hand(config)) == wanted


def test_a_document_without_vector_or_text_stops_the_run_before_it_encodes(tmp_path, monkeypatch):
    config = load_config(write_project(tmp_path, invent_documents(3)))
    corpus.run(config)
    rows = store.read_table(DOCUMENTS, config.processed("documents"))
    store.write_table(DOCUMENTS, rows.assign(text=[None, *rows["text"][1:]]), config.processed("documents"))
    calls: list[int] = []
    _fake_encoder(monkeypatch, calls)
    with pytest.raises(DataError, match=rf"{rows['doc_id'][0]}.*neither a vector"):
        embed.run(config)
    assert calls == []


def test_one_hundred_more_documents_cost_one_hundred_encodings(tmp_path, monkeypatch):
    calls: list[int] = []
    _fake_encoder(monkeypatch, calls)
    first = invent_documents(1200)
    for documents, wanted in ((first, 1200), (first + invent_documents(100, seed=2), 100), (first, 0)):
        calls.clear()
        config = load_config(write_project(tmp_path, documents))
        corpus.run(config)
        embed.run(config)
        assert sum(calls) == wanted
    assert pq.read_metadata(config.processed("embeddings")).num_rows == 1200


@pytest.mark.parametrize("row_group_rows", [1, 1000])
def test_two_documents_of_one_text_are_encoded_once(tmp_path, monkeypatch, row_group_rows):
    monkeypatch.setattr(store, "ROW_GROUP_ROWS", row_group_rows)
    calls: list[int] = []
    _fake_encoder(monkeypatch, calls)
    document = invent_documents(1)[0]
    config = load_config(write_project(tmp_path, [document]))
    corpus.run(config)
    once = store.read_table(DOCUMENTS, config.processed("documents"))
    both = pd.concat([once, once.assign(doc_id="arxiv:again")])  # as in a census, where one work may stand twice
    store.write_table(DOCUMENTS, both, config.processed("documents"))
    embed.run(config)
    matrix = store.matrix_from_column(pq.read_table(config.processed("embeddings")).column("vector"))
    assert calls == [1]
    assert (matrix[0] == matrix[1]).all()


def test_a_release_named_under_reuse_gives_its_vectors(tmp_path, monkeypatch, root):
    calls: list[int] = []
    _fake_encoder(monkeypatch, calls)
    shipped = root / "data/raw/census/2026.07"
    config = load_config(write_project(tmp_path, invent_documents(2), embed=f'reuse = ["{shipped}"]'))
    parts = list(vectors.read_published(config))
    assert sum(len(part.hashes) for part in parts) == 9193
    assert sum(part.backends.null_count for part in parts) == 9193  # the shipped file is older than the column


def _content(config) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in vectors.list_shards(config)}


def _embed_quickly(folder) -> None:
    """Runs the stage with the quick encoder, slowed down to a few seconds."""

    def encode(texts):
        time.sleep(0.1)
        return _quick_encode(texts)

    engine.hash_settings = lambda _: "settings"
    engine.load_encoder = lambda *_: Encoder("fake-float32", "settings", encode)
    embed.run(load_config(folder / "census.toml"))


def _start_quick_run(folder):
    context = multiprocessing.get_context("forkserver")  # which loads the modules once for all runs
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_embed_quickly, args=(folder,))
    process.start()
    return process


def _start_real_run(folder):
    script = "import sys; from pipeline.__main__ import main; sys.exit(main(sys.argv[1:]))"
    command = (sys.executable, ["-c", script, "--config", str(folder / "census.toml"), "embed"])
    process = multiprocessing.get_context("spawn").Process(target=_run_command, args=command)
    process.start()
    return process


def _run_command(program, arguments) -> None:
    os.execv(program, [program, *arguments])


def _kill_at_random_moments(tmp_path, start_run, count: int, n_documents: int):
    """Runs `embed` once undisturbed, and once killed `count` times and then left alone.

    Returns both configurations, and the number of shards after each kill.
    """
    documents = invent_documents(n_documents, words=8)
    whole, killed = (load_config(write_project(tmp_path / name, documents)) for name in ("whole", "killed"))
    for config in (whole, killed):
        corpus.run(config)
    start_run(tmp_path / "whole").join()
    draw = random.Random(7)
    progress = []
    for number in range(count):
        goal = len(vectors.list_shards(killed)) + (number + 1) % 3  # some before the first new shard, some after
        process = start_run(tmp_path / "killed")
        while process.is_alive() and len(vectors.list_shards(killed)) < goal:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.5))
        process.kill()
        process.join()
        progress.append(len(_hashes_at_hand(killed)))  # whole after every kill
    start_run(tmp_path / "killed").join()
    return whole, killed, progress


def test_killed_runs_resume_to_the_same_store(tmp_path):
    whole, killed, progress = _kill_at_random_moments(tmp_path, _start_quick_run, count=2, n_documents=2500)
    assert any(0 < number < 2500 for number in progress)
    assert _content(killed) == _content(whole)
    assert killed.processed("embeddings").read_bytes() == whole.processed("embeddings").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_twenty_random_moments_it_resumes_to_the_same_store(tmp_path):
    whole, killed, progress = _kill_at_random_moments(tmp_path, _start_real_run, count=20, n_documents=9193)
    assert any(0 < number < 9193 for number in progress)
    assert _content(killed) == _content(whole)
    assert killed.processed("embeddings").read_bytes() == whole.processed("embeddings").read_bytes()


@pytest.mark.parametrize(
    ("seconds", "share", "told"),
    [(10.0, 0.5, "10 seconds"), (60.0, 0.1, "9 minutes"), (3600.0, 0.1, "9.0 hours")],
)
def test_the_time_left_is_reckoned_in_what_is_left_to_read(seconds, share, told):
    assert (
        progress.describe(50, 1_000, seconds, share)
        == f"50 of 1,000 documents, {50 / seconds:.1f} a second, {told} left"
    )


def test_where_nobody_watches_a_line_tells_now_and_then(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    shards = [Shard(0, np.arange(4), 900), Shard(0, np.arange(4), 90), Shard(0, np.arange(2), 10)]
    progress.follow(iter([4, 4, 2]), shards)
    lines = [record.message for record in caplog.records]
    assert [line.split(" documents")[0] for line in lines] == [f"embed: {done} of 10" for done in (4, 8, 10)]
    assert lines[-1].endswith(", 0 seconds left")
