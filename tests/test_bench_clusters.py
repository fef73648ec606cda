"""Measurements of the clusters, not checks: pytest -m bench -s tests/test_bench_clusters.py."""

import dataclasses
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from pipeline import store
from pipeline.cluster.assign import assign_layer
from pipeline.cluster.cuts import LayerCuts
from pipeline.cluster.inputs import Graphs, Inputs
from pipeline.cluster.layers import build_graph, choose_partition, cut_layer, dissolve_small
from pipeline.cluster.matching import Reference
from pipeline.cluster.neighbours import find_neighbours
from pipeline.config import load_config
from pipeline.schemas import CLUSTER_CHANGES, CLUSTER_MEMBERS, CLUSTERS, LAYOUT, embeddings_table
from pipeline.text.word_counts import WordCounts

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
CENSUS = "data/raw/census/2026.07"


def load(root: Path) -> tuple[pd.Index, np.ndarray]:
    table = store.read_arrow(embeddings_table(384), root / CENSUS / "embeddings.parquet")
    return pd.Index(table.column("doc_id").to_pylist()), store.matrix_from_column(table.column("vector"))


def purity(clusters: pd.Series, labels: pd.Series) -> float:
    return float(pd.crosstab(clusters, labels).max(axis=1).sum() / len(labels))


def compare(name: str, clusters: pd.Series, labels: pd.DataFrame) -> None:
    for scheme, part in labels.groupby("label_scheme"):
        known = part[part["doc_id"].isin(clusters.index)]
        found = clusters[known["doc_id"]].reset_index(drop=True)
        truth = known["label"].reset_index(drop=True)
        score = adjusted_mutual_info_score(truth, found)
        print(
            f"{name:24} {clusters.nunique():4d} clusters | {scheme:30} n={len(known):4d} "
            f"AMI {score:.3f} purity {purity(found, truth):.3f}"
        )


def expert_labels(root: Path) -> pd.DataFrame:
    labels = pd.read_csv(root / "data/raw/handcheck/external/labels.csv")
    sheet = pd.read_csv(root / "data/raw/handcheck/sheets/reader-1.csv", dtype=str)
    leaves = sheet[["doc_id"]].assign(label_scheme="leaves of reader-1", label=sheet["leaf"])
    return pd.concat([labels, leaves], ignore_index=True)


def test_clusters_against_published_labels_and_bertopic(root: Path) -> None:
    labels = expert_labels(root)
    members = pd.read_parquet(root / CENSUS / "cluster_members.parquet")
    for layer, part in members.groupby("layer"):
        compare(f"shipped {layer}", part.set_index("doc_id")["cluster_id"], labels)
    bertopic = pytest.importorskip("bertopic")
    doc_ids, vectors = load(root)
    titles = pd.read_parquet(root / CENSUS / "documents.parquet").set_index("doc_id").loc[doc_ids, "title"].tolist()
    runs = []
    for number in range(2):
        start = time.perf_counter()
        topics, _ = bertopic.BERTopic(calculate_probabilities=False).fit_transform(titles, vectors.astype(np.float32))
        runs.append(pd.Series(topics, index=doc_ids))
        noise = float((runs[-1] == -1).mean())
        print(
            f"BERTopic run {number}: {time.perf_counter() - start:.0f} s, "
            f"{runs[-1].nunique()} topics, noise {noise:.3f}"
        )
    print(f"BERTopic, ARI between two runs: {adjusted_rand_score(runs[0], runs[1]):.3f}")
    compare("BERTopic", runs[0], labels)
    inside = runs[0][runs[0] >= 0]
    compare("BERTopic without noise", inside, labels)


EMPTY = Reference(
    *(table.arrow_schema.empty_table().to_pandas() for table in (CLUSTERS, CLUSTER_MEMBERS, LAYOUT, CLUSTER_CHANGES))
)


def test_the_same_twice_shuffled_and_with_five_percent_more(root: Path) -> None:
    config = load_config(root / "census.toml")
    doc_ids, vectors = load(root)
    graph = build_graph(*find_neighbours(vectors, config.cluster.neighbour_count))
    order = np.random.default_rng(3).permutation(len(doc_ids))
    for layer in config.cluster.layers:
        cut = [dissolve_small(graph, choose_partition(graph, layer.resolution, range(5))[0], 25) for _ in range(2)]
        assert np.array_equal(*cut)
    shuffled = pd.DataFrame({"doc_id": doc_ids[order], "row": order}).sort_values("doc_id")
    assert (shuffled["row"].to_numpy() == np.arange(len(order))).all()
    for recluster, draws in ((False, 1), (True, 2)):
        settings = dataclasses.replace(config.cluster, recluster=recluster)
        grown = dataclasses.replace(config, cluster=settings)
        for seed in range(draws):
            is_old = np.random.default_rng(seed).random(len(doc_ids)) < 0.95
            kept = []
            for layer in config.cluster.layers:
                first, reference = first_cut(grown, layer, doc_ids[is_old], vectors[is_old])
                second, news = assign(grown, layer, doc_ids, vectors, reference)
                changed = news["change"].value_counts().to_dict() if len(news) else {}
                share = (second[first.index] == first).mean()
                assert recluster or share >= 0.95
                kept.append(f"{layer.name} {share:.4f} {changed}")
            print(f"5% more, recluster={recluster}, draw {seed}:", "; ".join(kept))


def first_cut(config, layer, doc_ids: pd.Index, vectors: np.ndarray) -> tuple[pd.Series, Reference]:
    found, news = assign(config, layer, doc_ids, vectors, EMPTY)
    clusters = pd.DataFrame({"layer": layer.name, "cluster_id": sorted(set(found))})
    clusters = clusters.assign(resolution=layer.resolution, neighbour_count=config.cluster.neighbour_count)
    members = pd.DataFrame({"layer": layer.name, "doc_id": found.index, "cluster_id": found.to_numpy()})
    return found, Reference(clusters, members, EMPTY.layout, news)


def assign(config, layer, doc_ids: pd.Index, vectors: np.ndarray, reference: Reference):
    near = find_neighbours(vectors, config.cluster.neighbour_count)
    graph = build_graph(*near)
    no_words = WordCounts(*(np.empty(0, np.int32) for _ in range(3)), [])
    inputs = Inputs(pd.DataFrame(index=doc_ids), vectors, no_words, reference, {})
    _, cuts = choose_partition(graph, layer.resolution, range(config.seed, config.seed + 11))
    graphs = Graphs(vectors, near, graph, graph, near[0])
    return assign_layer(config, layer, inputs, graphs, LayerCuts(cuts, [], np.empty(0)))


@pytest.mark.parametrize("count", [10_000, 25_000, 50_000, 100_000])
def test_time_and_memory_by_size(root: Path, count: int) -> None:
    """Real vectors repeated with noise: cosine about 0.9 to the original."""
    _, real = load(root)
    rng = np.random.default_rng(1)
    rows = real[rng.integers(0, len(real), count)].astype(np.float32)
    rows += rng.normal(0, 0.025, rows.shape).astype(np.float32)
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    start = time.perf_counter()
    near = find_neighbours(vectors, 30)
    searched = time.perf_counter()
    graph = build_graph(*near)
    built = time.perf_counter()
    cut = cut_layer(graph, 3.0, 1)
    ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} vectors: neighbours {searched - start:.1f} s, graph {built - searched:.1f} s, "
        f"one cut {ended - built:.1f} s, "
        f"{cut.max() + 1} clusters, peak of the process so far {peak:.0f} MiB"
    )
