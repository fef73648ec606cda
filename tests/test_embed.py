"""Real weights, real vectors: each text once, and never those of another encoder."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import Config, load_config
from pipeline.corpus import stage as corpus
from pipeline.embed import engine
from pipeline.embed import stage as embed
from pipeline.embed.encoder import load_encoder
from pipeline.embed.weights import find_weights
from pipeline.errors import DataError
from pipeline.schemas import embeddings_table
from pipeline.store import matrix_from_column, read_arrow

TEXTS = ["A debate between two models helps a judge.", "Sparse autoencoders find features.", "Bread rises with yeast."]


@pytest.fixture
def project(root: Path, tmp_path: Path, encoder_cache: Path) -> Config:
    """A small project of three documents in a file, without the census."""
    text = (root / "census.toml").read_text()
    start, end = text.index("[sources.census]"), text.index("[terms]")
    entry = (
        '[sources.mine]\nkind = "files"\npath = "mine.jsonl"\nsource = "lesswrong"\nframe = "lesswrong-ai-partial"\n\n'
    )
    (tmp_path / "census.toml").write_text(text[:start] + entry + text[end:])
    write(tmp_path, TEXTS)
    (tmp_path / "data/processed").mkdir(parents=True)
    (tmp_path / "data/processed/encoders").symlink_to(encoder_cache)
    return load_config(tmp_path / "census.toml")


def write(folder: Path, texts: list[str]) -> None:
    rows = [{"doc_id": f"lw:{number}", "title": f"Title {number}", "text": text} for number, text in enumerate(texts)]
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def vectors_of(config: Config) -> np.ndarray:
    return matrix_from_column(read_arrow(embeddings_table(384), config.processed("embeddings")).column("vector"))


def test_texts_become_unit_vectors_near_their_like(project: Config) -> None:
    encode = load_encoder(project.embed, project.path("data/processed/encoders"))
    debate, features, bread, judge = encode([*TEXTS, "Two AIs argue and a human judge decides."]).astype(float)
    assert np.allclose(np.linalg.norm(np.stack([debate, features, bread]), axis=1), 1, atol=2e-3)
    assert debate @ judge > 0.5 > features @ judge > bread @ judge - 0.2


def test_only_new_texts_are_encoded(project: Config, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    corpus.run(project)
    embed.run(project)
    first = vectors_of(project)
    write(project.root, [*TEXTS, "A fourth text."])
    corpus.run(project)
    embed.run(project)
    counts = [record.message for record in caplog.records if record.message.startswith("embed:")]
    assert "3 texts encoded, 0 vectors found" in counts[0] and "1 texts encoded, 3 vectors found" in counts[1]
    assert np.array_equal(vectors_of(project)[:3], first)


def test_a_changed_text_gets_a_new_vector(project: Config) -> None:
    corpus.run(project)
    embed.run(project)
    first = vectors_of(project)
    write(project.root, [TEXTS[0], "Something else altogether.", TEXTS[2]])
    corpus.run(project)
    embed.run(project)
    second = vectors_of(project)
    assert np.array_equal(first[[0, 2]], second[[0, 2]]) and not np.array_equal(first[1], second[1])


def test_other_weights_than_the_named_ones_are_refused(project: Config) -> None:
    settings = dataclasses.replace(project.embed, weights_sha256="0" * 64)
    with pytest.raises(DataError, match=r"model\.safetensors: the weights have SHA-256 53aa5117"):
        find_weights(settings)


def test_an_unknown_model_is_named(project: Config) -> None:
    with pytest.raises(DataError, match="neither a folder nor an installed package 'no-such-model'"):
        find_weights(dataclasses.replace(project.embed, model="no-such-model"))


def test_a_document_of_the_census_without_a_vector_of_this_encoder_is_refused(root: Path, project: Config) -> None:
    text = (root / "census.toml").read_text().replace("data/raw/census", str(root / "data/raw/census"))
    (project.root / "census.toml").write_text(text)
    config = load_config(project.root / "census.toml")
    corpus.run(config)
    other = dataclasses.replace(config, embed=dataclasses.replace(config.embed, weights_sha256="0" * 64))
    with pytest.raises(DataError, match="9193 documents have neither a vector of this encoder nor a text"):
        embed.run(other)


@pytest.mark.whole
def test_the_shipped_census_needs_no_encoder(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (root / "census.toml").read_text().replace("data/raw/census", str(root / "data/raw/census"))
    (tmp_path / "census.toml").write_text(text)
    config = load_config(tmp_path / "census.toml")
    monkeypatch.setattr(engine, "load_encoder", lambda *_: pytest.fail("the encoder was loaded"))
    corpus.run(config)
    embed.run(config)
    lengths = np.linalg.norm(vectors_of(config).astype(float), axis=1)
    assert lengths.shape == (9193,) and np.all(np.abs(lengths - 1) < 2e-3)
