"""What predictions are made from: the same whether it is made beside the sheets, after them, or was kept."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline import store
from pipeline.cluster.neighbours import find_neighbours
from pipeline.errors import DataError
from pipeline.estimate.features import NEIGHBOUR_COUNT, TextFeatures
from pipeline.estimate.kernel import measure_sums
from pipeline.estimate.material import Material, open_material
from pipeline.schemas import TERMS, embeddings_table
from pipeline.text.word_counts import code_terms

COUNT, WIDTH = 40, 8
IDS = [f"arxiv:{number:04d}" for number in range(COUNT)]


def write_tables(folder: Path, ids: list[str]) -> Any:
    """Writes vectors and terms of documents and returns what stands for the configuration."""
    rng, table = np.random.default_rng(4), embeddings_table(WIDTH)
    points = rng.normal(size=(COUNT, WIDTH))
    vectors = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float16)
    columns = {"doc_id": pa.array(ids), "vector": store.column_from_matrix(vectors)}
    others = {name: pa.array(["a"] * COUNT) for name in table.arrow_schema.names if name not in columns}
    arrow = pa.table({name: {**columns, **others}[name] for name in table.arrow_schema.names})
    store.write_arrow(table, arrow, folder / "embeddings.parquet")
    counts = rng.integers(0, 3, size=(COUNT, 12))
    rows, words = counts.nonzero()
    named = {
        "doc_id": np.array(IDS)[rows],
        "term": [f"w{word:02d}" for word in words],
        "term_count": counts[rows, words],
    }
    store.write_table(TERMS, pd.DataFrame(named), folder / "terms.parquet")
    return SimpleNamespace(
        embed=SimpleNamespace(dimension_count=WIDTH),
        paths=SimpleNamespace(processed=""),
        path=folder.joinpath,
        processed=lambda name: folder / f"{name}.parquet",
    )


def gather(config: Any, *, is_fresh: bool, at_once: bool) -> Material:
    titles = [f"Cups {number % 5} hold tea number{number % 3}" for number in range(COUNT)]
    authors = [[f"name {number % 4}", f"name {number % 9}"] for number in range(COUNT)]
    documents = pd.DataFrame({"doc_id": IDS, "title": titles, "authors": authors, "frame": "f"})
    with open_material(config, documents, is_fresh=is_fresh, at_once=at_once) as join:
        return join()


def test_the_same_material_is_made_beside_or_after_the_sheets_or_was_kept(tmp_path: Path) -> None:
    config = write_tables(tmp_path, IDS)
    plain = gather(config, is_fresh=True, at_once=False)
    assert not (tmp_path / ".kept").exists() and plain.texts.terms.nnz and plain.texts.titles.nnz
    neighbours, cosines = find_neighbours(plain.vectors, NEIGHBOUR_COUNT)
    assert np.array_equal(plain.near[0], neighbours) and np.array_equal(plain.near[1], cosines)
    for is_fresh, at_once in ((True, True), (False, True), (False, False), (False, True)):
        found = gather(config, is_fresh=is_fresh, at_once=at_once)
        assert (tmp_path / ".kept" / "features.npz").exists() != is_fresh
        assert np.array_equal(found.vectors, plain.vectors) and found.vectors.dtype == np.float16
        assert all(np.array_equal(one, other) for one, other in zip(found.near, plain.near, strict=True))
        assert np.array_equal(found.words.counts, plain.words.counts)
        assert found.words.vocabulary == plain.words.vocabulary
        assert np.array_equal(found.texts.lengths, plain.texts.lengths)
        for name in ("terms", "titles"):
            assert (getattr(found.texts, name) != getattr(plain.texts, name)).nnz == 0
        assert np.array_equal(np.asarray(found.laid["neighbourhood"]), np.asarray(plain.laid["neighbourhood"]))


@pytest.mark.parametrize("at_once", [True, False])
def test_vectors_of_other_documents_are_refused(tmp_path: Path, at_once: bool) -> None:
    config = write_tables(tmp_path, [*IDS[:-1], "arxiv:9999"])
    with pytest.raises(DataError, match="other documents"):
        gather(config, is_fresh=True, at_once=at_once)


def test_the_length_of_a_sum_over_neighbours_is_that_of_the_sum_written_down(tmp_path: Path) -> None:
    plain = gather(write_tables(tmp_path, IDS), is_fresh=True, at_once=False)
    terms = plain.texts.terms.toarray()
    assert np.allclose(plain.texts.lengths, np.linalg.norm(terms[plain.near[0]].sum(axis=1), axis=1), atol=1e-12)
    assert np.allclose(np.linalg.norm(terms, axis=1)[plain.texts.lengths > 0], 1)


def test_documents_without_terms_have_no_length() -> None:
    words = code_terms([], pd.Index(IDS))
    near = np.tile(np.arange(3), (COUNT, 1))
    texts = TextFeatures.of(near, words, pd.Series(["Cups hold tea"] * COUNT))
    assert texts.terms.shape == (COUNT, 0) and not texts.lengths.any() and len(texts.lengths) == COUNT
    assert not measure_sums(texts.terms @ texts.terms.T, texts.terms).any()
