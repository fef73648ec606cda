"""The vector store: whole after any kill, checked at every read, and never two encoders in one folder."""

import multiprocessing
import os
import random
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import corpus, embed, store
from pipeline.config import load_config
from pipeline.embed import engine, vectors
from pipeline.errors import DataError
from pipeline.schemas import DOCUMENTS
from tests.small_project import invent_documents, write_project

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

    monkeypatch.setattr(engine, "load_encoder", lambda *_: engine.Encoder("fake-float32", "settings", encode))
    monkeypatch.setattr(engine, "hash_settings", lambda _: "settings")


def test_what_was_saved_is_found_by_text_hash(config):
    hashes, rows = _rows(5)
    vectors.save_shard(config, MADE, hashes, rows)
    matrix, backends = vectors.align_vectors(pa.chunked_array([hashes[::-1]]), vectors.collect_vectors(config))
    assert (matrix == rows[::-1]).all()
    assert backends.to_pylist() == ["torch-float32"] * 5


def test_any_flipped_byte_of_a_shard_is_found(config):
    path = vectors.save_shard(config, MADE, *_rows(2))
    content = path.read_bytes()
    for position in random.Random(1).sample(range(len(content)), 40):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with pytest.raises(DataError, match="damaged"):
            vectors.collect_vectors(config)


def test_a_shard_of_another_encoder_is_refused_in_this_folder(config):
    vectors.save_shard(config, vectors.Provenance("f" * 64, "settings", 256, "torch-float32"), *_rows(2))
    with pytest.raises(DataError, match="another encoder"):
        vectors.collect_vectors(config)


def test_another_reading_length_has_a_folder_of_its_own(tmp_path):
    long = load_config(write_project(tmp_path, [], embed="max_tokens = 256"))
    short = load_config(write_project(tmp_path, [], embed="max_tokens = 128"))
    vectors.save_shard(long, MADE, *_rows(2))
    assert len(vectors.collect_vectors(long).hashes) == 2
    assert len(vectors.collect_vectors(short).hashes) == 0


def test_vectors_in_int8_have_a_folder_of_their_own(tmp_path):
    usual = load_config(write_project(tmp_path, []))
    coarse = load_config(write_project(tmp_path, [], embed='precision = "int8"'))
    vectors.save_shard(coarse, MADE, *_rows(2))
    assert len(vectors.collect_vectors(coarse).hashes) == 2
    assert len(vectors.collect_vectors(usual).hashes) == 0


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
    found = vectors.collect_vectors(config)
    wanted = {text_hash for seed in range(30) for text_hash in _rows(8, seed)[0]}
    assert set(found.hashes.to_pylist()) == wanted


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
    found = vectors.collect_vectors(config)
    assert len(found.hashes) == 9193
    assert found.backends.null_count == 9193  # the shipped file is older than the column


def _content(config) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in vectors.list_shards(config)}


def _embed_quickly(folder) -> None:
    """Runs the stage with the quick encoder, slowed down to a few seconds."""

    def encode(texts):
        time.sleep(0.1)
        return _quick_encode(texts)

    engine.hash_settings = lambda _: "settings"
    engine.load_encoder = lambda *_: engine.Encoder("fake-float32", "settings", encode)
    embed.run(load_config(folder / "census.toml"))


def _start_quick_run(folder):
    process = multiprocessing.get_context("spawn").Process(target=_embed_quickly, args=(folder,))
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
        found = vectors.collect_vectors(killed)  # whole after every kill
        progress.append(len(found.hashes))
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
