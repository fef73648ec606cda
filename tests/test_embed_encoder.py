"""Encoders: the fast one gives the vectors of the reference, and says so when it is not there."""

import importlib.util
import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.config import load_config
from pipeline.dataset import load_census
from pipeline.embed.batches import make_batches, run_ahead
from pipeline.embed.encoder import choose_backend, load_encoder, name_backend
from pipeline.embed.quantization import read_calibration
from pipeline.embed.weights import find_weights, hash_settings
from pipeline.errors import ConfigError, DataError
from pipeline.settings import Embed
from tests.small_project import invent_documents

pytestmark = pytest.mark.whole

has_openvino = importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not has_openvino, reason="openvino is not installed")
needs_nncf = pytest.mark.skipif(importlib.util.find_spec("nncf") is None, reason="nncf is not installed")


@pytest.fixture(scope="module")
def settings(root) -> Embed:
    return load_config(root / "census.toml").embed


@pytest.fixture(scope="module")
def texts() -> list[str]:
    short = [f"{row['title']}\n\n{row['text']}" for row in invent_documents(30, words=40)]
    return [*short, "", "one", " ".join(short)]  # nothing, one word, and far more than fits


@pytest.fixture(scope="module")
def reference(settings, texts) -> np.ndarray:
    return load_encoder(replace(settings, backend="torch", precision="float32"))(texts).astype(np.float64)


@pytest.fixture(scope="module")
def cache(encoder_cache) -> Path:
    return encoder_cache


@needs_openvino
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_openvino_gives_the_vectors_of_the_reference(settings, texts, reference, cache, precision):
    encoder = load_encoder(replace(settings, backend="openvino", precision=precision), cache)
    vectors = encoder(texts).astype(np.float64)
    assert encoder.backend == f"openvino-{precision}"
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-3
    cosines = (vectors * reference).sum(axis=1)
    assert cosines.min() > 0.999


@pytest.mark.slow
@needs_openvino
@needs_nncf
def test_int8_stays_near_the_reference_and_is_not_the_same(settings, texts, reference, cache):
    chosen = replace(settings, precision="int8")
    encoder = load_encoder(chosen, cache)
    vectors = encoder(texts).astype(np.float64)
    assert encoder.backend == "openvino-int8"
    cosines = (vectors * reference).sum(axis=1)[:30]  # of texts such as there are; an empty one gets 0.94
    assert cosines.min() > 0.99 and cosines.mean() < 0.99999
    assert load_encoder(chosen, cache, thread_count=1)(texts).tobytes() == encoder(texts).tobytes()


def test_int8_is_calibrated_on_titles_of_the_census(root):
    titles = set(load_census(root / "data/raw/census/2026.07", memory_map=False).documents["title"])
    lines = read_calibration()
    assert sum(line in titles for line in lines) >= 16
    assert all(any(line.startswith(title) for title in titles) for line in lines)


def test_onnx_gives_the_vectors_of_the_reference_whatever_the_number_of_threads(settings, texts, reference, cache):
    pytest.importorskip("onnxruntime")
    chosen = replace(settings, backend="onnx")
    encoder = load_encoder(chosen, cache)
    vectors = encoder(texts)
    assert encoder.backend == "onnx-float32"
    assert (vectors.astype(np.float64) * reference).sum(axis=1).min() > 0.999
    assert load_encoder(chosen, cache, thread_count=1)(texts).tobytes() == vectors.tobytes()


def test_torch_in_bfloat16_stays_near_the_reference(settings, texts, reference):
    vectors = load_encoder(replace(settings, backend="torch", precision="bfloat16"))(texts).astype(np.float64)
    assert (vectors * reference).sum(axis=1).min() > 0.999


@pytest.mark.gpu
def test_a_cuda_device_gives_the_vectors_of_the_reference(settings, texts, reference):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    encoder = load_encoder(replace(settings, device="cuda"))
    assert encoder.backend == "torch-cuda-float32"
    assert (encoder(texts).astype(np.float64) * reference).sum(axis=1).min() > 0.999


@needs_openvino
def test_same_texts_give_the_same_bytes(settings, texts, cache):
    encoder = load_encoder(replace(settings, backend="openvino"), cache)
    again = load_encoder(replace(settings, backend="openvino"), cache, thread_count=1)
    assert encoder(texts).tobytes() == encoder(texts).tobytes() == again(texts).tobytes()


@needs_openvino
@pytest.mark.slow
def test_a_model_just_converted_gives_the_bytes_of_one_read_from_the_cache_and_nothing_is_reported(
    settings, texts, tmp_path, cache, monkeypatch
):
    openvino_telemetry = pytest.importorskip("openvino_telemetry")
    monkeypatch.delenv("CI", raising=False)
    fast = replace(settings, backend="openvino")
    fresh, without, cached = load_encoder(fast, tmp_path), load_encoder(fast), load_encoder(fast, cache)
    assert fresh(texts).tobytes() == without(texts).tobytes() == cached(texts).tobytes()
    assert not openvino_telemetry.Telemetry().consent  # else its converter reports to its maker at every use
    assert "CI" not in os.environ


@needs_openvino
def test_a_converted_model_is_read_from_the_cache_the_next_time(settings, cache, monkeypatch):
    load_encoder(replace(settings, backend="openvino"), cache)
    monkeypatch.setattr("pipeline.embed.openvino_backend.convert_model", None)
    assert load_encoder(replace(settings, backend="openvino"), cache)(["a text"]).shape == (1, 384)


def test_without_openvino_torch_encodes_and_one_line_says_so(settings, monkeypatch, caplog):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with caplog.at_level(logging.INFO, logger="pipeline"):
        chosen = choose_backend(replace(settings, device="cpu"))
    assert name_backend(chosen) == "torch-float32"
    assert [record.getMessage() for record in caplog.records if "openvino" in record.getMessage()] != []
    assert load_encoder(replace(settings, device="cpu"))(["a text"]).shape == (1, 384)


def test_asking_for_openvino_without_it_says_what_to_install(settings, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="fast"):
        choose_backend(replace(settings, backend="openvino"))


@pytest.mark.parametrize(("backend", "precision"), [("torch", "int8"), ("onnx", "bfloat16"), ("onnx", "int8")])
def test_a_precision_that_a_backend_lacks_is_refused(settings, backend, precision):
    with pytest.raises(ConfigError, match=f"{backend} does not run in {precision}"):
        choose_backend(replace(settings, backend=backend, precision=precision))


@pytest.mark.parametrize(("asked", "extra"), [({"precision": "int8"}, "int8"), ({"backend": "onnx"}, "onnx")])
def test_what_is_asked_for_and_not_installed_is_named_with_its_extra(settings, monkeypatch, asked, extra):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"pip install '\.\[{extra}\]'"):
        choose_backend(replace(settings, device="cpu", **asked))


def test_cuda_takes_torch_and_stands_in_the_provenance(settings):
    assert name_backend(choose_backend(replace(settings, device="cuda"))) == "torch-cuda-float32"


def test_no_texts_give_no_rows(settings):
    assert load_encoder(replace(settings, backend="torch"))([]).shape == (0, 384)


def test_weights_with_another_hash_are_refused(settings):
    with pytest.raises(DataError, match="SHA-256"):
        find_weights(replace(settings, weights_sha256="0" * 64))


def test_a_model_may_be_a_folder_and_one_flipped_byte_of_its_weights_is_refused(settings, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(find_weights(settings), folder)
    elsewhere = replace(settings, model=str(folder))
    assert find_weights(elsewhere) == folder
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(DataError, match=r"model/model\.safetensors: the weights have SHA-256"):
        load_encoder(elsewhere)


def test_a_model_that_is_nowhere_is_refused(settings):
    with pytest.raises(DataError, match="neither a folder nor an installed package"):
        find_weights(replace(settings, model="no-such-package"))


def test_a_wrong_dimension_count_is_refused(settings):
    with pytest.raises(DataError, match="384 dimensions"):
        load_encoder(replace(settings, backend="torch", dimension_count=768))(["a text"])


def test_settings_hash_changes_with_the_tokenizer(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    first = hash_settings(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"lower": true}')
    assert hash_settings(tmp_path) != first


def _tokenize(texts):
    return [SimpleNamespace(ids=list(range(1, len(text) + 1))) for text in texts]


def test_batches_hold_every_text_once_with_its_tokens():
    texts = ["x" * (number * 7 % 41) for number in range(300)]
    seen = []
    for batch in run_ahead(make_batches(_tokenize, texts, 8)):
        assert len(batch.rows) <= 8
        assert batch.mask.sum(axis=1).tolist() == [len(texts[row]) for row in batch.rows]
        assert (batch.token_ids[batch.mask == 0] == 0).all()
        seen += batch.rows.tolist()
    assert sorted(seen) == list(range(300))


def test_batches_of_like_length_are_padded_little():
    counts = [1 + number * 37 % 200 for number in range(800)]
    texts = ["x" * count + " " * (-count % 50) for count in counts]  # characters tell the tokens only roughly
    batches = list(make_batches(lambda part: _tokenize([text.strip() for text in part]), texts, 8))
    padding = sum(int((batch.mask == 0).sum()) for batch in batches)
    assert padding < 0.1 * sum(counts)


def test_a_fault_in_the_tokenizer_thread_reaches_the_caller():
    def fail(texts):
        raise ValueError("no such token")

    with pytest.raises(ValueError, match="no such token"):
        list(run_ahead(make_batches(fail, ["a"], 8)))


def test_leaving_early_stops_the_tokenizer_thread():
    stream = run_ahead(make_batches(_tokenize, ["x"] * 100_000, 1))
    next(stream)
    stream.close()  # joins the thread: would hang here if it did not stop
