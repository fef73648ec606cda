"""Groups that are the same tomorrow, on another processor, and in another order."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.cluster.layers import build_graph, cut_layer, find_neighbours, number_by_size, score_centrality
from pipeline.cluster.layout import place_documents
from pipeline.cluster.names import choose_terms, name_clusters


def blobs(seed: int = 5, groups: int = 4, size: int = 40, width: int = 32) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.normal(size=(groups, width)), size, axis=0) + 0.35 * rng.normal(size=(groups * size, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def test_neighbours_are_the_exact_ones() -> None:
    vectors = blobs()
    neighbours, similarities = find_neighbours(vectors, 7)
    all_pairs = vectors.astype(float) @ vectors.astype(float).T
    np.fill_diagonal(all_pairs, -9)
    assert np.allclose(similarities, -np.sort(-all_pairs, axis=1)[:, :7])
    assert np.allclose(np.take_along_axis(all_pairs, neighbours, axis=1), similarities)


def test_equal_similarities_go_to_the_lower_row_number() -> None:
    vectors = np.tile(np.array([[1, 0]], dtype=np.float16), (6, 1))
    neighbours, _ = find_neighbours(vectors, 2)
    assert neighbours.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


@pytest.mark.parametrize(("rows", "wanted"), [(1, 0), (2, 1), (3, 2)])
def test_few_documents_have_few_neighbours(rows: int, wanted: int) -> None:
    assert find_neighbours(blobs()[:rows], 15)[0].shape == (rows, wanted)


@pytest.mark.parametrize("kernel", ["Haswell", "Sandybridge", "SkylakeX"])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_similarities_are_the_same_bits_on_every_kernel_and_number_of_threads(
    tmp_path: Path, root: Path, kernel: str, threads: str
) -> None:
    program = (
        "import sys, numpy as np; from pipeline.cluster.layers import find_neighbours\n"
        "from tests.test_cluster import blobs\n"
        "n, s = find_neighbours(blobs(groups=9, size=60, width=384), 15); np.savez(sys.argv[1], n=n, s=s)"
    )
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": threads}
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "x.npz")], env=environment, cwd=root, check=True)
    found = np.load(tmp_path / "x.npz")
    neighbours, similarities = find_neighbours(blobs(groups=9, size=60, width=384), 15)
    assert np.array_equal(found["n"], neighbours) and found["s"].tobytes() == similarities.tobytes()


def test_the_layer_finds_the_groups_and_twice_the_same() -> None:
    graph = build_graph(*find_neighbours(blobs(), 10))
    first, second = cut_layer(graph, 1.0, 3), cut_layer(graph, 1.0, 3)
    assert np.array_equal(first, second)
    assert len(set(first)) == 4 and all(len(set(first[start : start + 40])) == 1 for start in (0, 40, 80, 120))


def test_a_higher_resolution_gives_more_groups() -> None:
    graph = build_graph(*find_neighbours(blobs(), 10))
    assert cut_layer(graph, 6.0, 1).max() > cut_layer(graph, 1.0, 1).max()


def test_clusters_are_numbered_by_size_then_by_first_row() -> None:
    assert number_by_size(np.array([7, 3, 3, 9, 7])).tolist() == [0, 1, 1, 2, 0]


def test_centrality_is_the_cosine_with_the_centre() -> None:
    vectors, membership = blobs(), np.repeat(np.arange(4), 40)
    centre = vectors[:40].astype(float).sum(axis=0)
    expected = vectors[:40].astype(float) @ centre / np.linalg.norm(centre)
    assert np.allclose(score_centrality(vectors, membership)[:40], expected)


def test_the_map_keeps_groups_together_and_repeats_itself() -> None:
    graph = build_graph(*find_neighbours(blobs(), 10))
    places = place_documents(graph, 1)
    assert np.array_equal(places, place_documents(graph, 1))
    assert places.min() == 0 and places.max() == 1
    centres = places.reshape(4, 40, 2).mean(axis=1)
    spread = np.linalg.norm(places.reshape(4, 40, 2) - centres[:, None], axis=2).mean()
    gaps = [np.linalg.norm(centres[a] - centres[b]) for a in range(4) for b in range(a)]
    assert spread < min(gaps)


def test_names_tell_clusters_apart() -> None:
    rows = [(f"a{n}", "safety", 1) for n in range(9)] + [(f"a{n}", "debate", 2) for n in range(9)]
    rows += [(f"b{n}", "safety", 1) for n in range(9)] + [(f"b{n}", "circuits", 2) for n in range(9)]
    terms = pd.DataFrame(rows, columns=["doc_id", "term", "term_count"])
    cluster_of = pd.Series({doc_id: doc_id[0] for doc_id in terms["doc_id"].unique()})
    names = name_clusters(terms, cluster_of, 1)
    assert names == {"a": "debate", "b": "circuits"}


def test_a_name_does_not_say_the_same_word_twice() -> None:
    assert choose_terms(["agent", "agents", "rational agent", "utility"], 3) == ["agent", "utility"]


def test_equal_names_get_longer() -> None:
    terms = pd.DataFrame([(d, t, 1) for d in "ab" for t in ("x1", f"z{d}")], columns=["doc_id", "term", "term_count"])
    names = name_clusters(terms.assign(term_count=[9, 1, 9, 1]), pd.Series({"a": "a", "b": "b"}), 1)
    assert len(set(names.values())) == 2
