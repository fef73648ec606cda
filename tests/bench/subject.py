"""Are clusters of the subject better ones, and is form out of them? After `make report`: python -m tests.bench.subject.

On the documents that the shipped clusters hold in scope: agreement with every set of labels (adjusted mutual
information; labels of five documents and more that some cluster has with F1 of a half; their mean F1), what a logistic
regression can tell of a document's source inside its cluster (area under the curve in five folds, mean over clusters),
and which share of the podcasts and of the newsletters their fullest cluster holds. Beside the clusters of before, a cut
of the stored vectors with the same settings, and k-means. Writes reports/bench/cluster_subject.csv.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score, roc_auc_score
from sklearn.model_selection import cross_val_predict

from pipeline import store
from pipeline.cluster.inputs import Inputs, load_inputs
from pipeline.cluster.layers import build_graph, choose_partition, dissolve_small
from pipeline.cluster.neighbours import find_neighbours
from pipeline.cluster.subject import FORMS, keep_subject
from pipeline.coding.agenda_list import FILE as AGENDA_LIST
from pipeline.coding.agenda_list import load_agendas
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_sample
from pipeline.coding.sample import settle_codes
from pipeline.config import Config, load_config
from pipeline.release.census import release_folder

TABLE = Path("reports/bench/cluster_subject.csv")
LABEL_MIN_COUNT = 5
PROBE_MIN_COUNT, PROBE_ROWS, PROBE_FOLDS = 10, 600, 5
SEEDS = 3


def read_labels(config: Config) -> dict[str, pd.Series]:
    """Returns label by doc_id of every scheme; the settled leaves are what the space has learnt from, cross-fitted."""
    handcheck = config.path(config.paths.handcheck)
    rows = pd.read_csv(handcheck / "external/labels.csv")
    found = {str(name): part.set_index("doc_id")["label"] for name, part in rows.groupby("label_scheme")}
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    return {**found, "settled leaves": settle_codes(read_sample(config, codebook)).set_index("doc_id")["leaf"]}


def cut(vectors: np.ndarray, config: Config) -> dict[str, np.ndarray]:
    """Returns the clusters of each layer in a space, int64 (n,)."""
    graph = build_graph(*find_neighbours(vectors, config.cluster.neighbour_count))
    seeds = range(config.seed, config.seed + SEEDS)
    return {
        layer.name: dissolve_small(graph, choose_partition(graph, layer.resolution, seeds)[0], config.cluster.min_size)
        for layer in config.cluster.layers
    }


def list_clusterings(
    config: Config, inputs: Inputs, kept: pd.Index, folders: dict[str, Path]
) -> Iterator[tuple[str, pd.Series]]:
    """Yields cluster by doc_id of every way, of all documents that it clusters."""
    counts = []
    for name, folder in folders.items():
        members = pd.read_parquet(folder / "cluster_members.parquet")
        for layer, part in members.groupby("layer"):
            yield f"{name}, {layer}", part.set_index("doc_id")["cluster_id"]
            counts.append(part["cluster_id"].nunique() - 1)
    rows = inputs.documents.index.get_indexer(kept)
    for layer, found in cut(inputs.vectors, config).items():
        yield f"stored vectors, all documents, {layer}", pd.Series(found, index=inputs.documents.index)
    for layer, found in cut(inputs.vectors[rows], config).items():
        yield f"stored vectors, in scope, {layer}", pd.Series(found, index=kept)
    for count in sorted(set(counts[:2])):
        model = KMeans(count, n_init=1, random_state=1)
        yield f"k-means, in scope, {count}", pd.Series(model.fit_predict(inputs.vectors[rows].astype(np.float32)), kept)


def score_labels(found: pd.Series, labels: pd.Series) -> tuple[int, float, int, int, float]:
    """Returns labelled documents, AMI, labels with a cluster of F1 of a half, labels, and their mean best F1."""
    known = labels[labels.index.isin(found.index)]
    mine = found[known.index]
    best = []
    for label in known.unique():
        is_label = (known == label).to_numpy()
        if is_label.sum() >= LABEL_MIN_COUNT:
            inside = mine[is_label].value_counts()
            best.append(float((2 * inside / (mine.value_counts()[inside.index] + is_label.sum())).max()))
    scores = np.array(best)
    ami = float(adjusted_mutual_info_score(known, mine))
    return len(known), round(ami, 4), int((scores >= 0.5).sum()), len(scores), round(float(scores.mean()), 4)


def probe(vectors: np.ndarray, is_paper: np.ndarray, clusters: np.ndarray) -> float:
    """Returns the mean area under the curve over clusters with enough of both kinds, weighted by their size."""
    rng = np.random.default_rng(0)
    areas, weights = [], []
    for name in np.unique(clusters):
        rows = np.flatnonzero(clusters == name)
        rows = rng.permutation(rows)[:PROBE_ROWS]
        if min(is_paper[rows].sum(), (~is_paper[rows]).sum()) < PROBE_MIN_COUNT:
            continue
        model = LogisticRegression(class_weight="balanced", max_iter=300)
        chance = cross_val_predict(model, vectors[rows], is_paper[rows], cv=PROBE_FOLDS, method="predict_proba")[:, 1]
        areas.append(roc_auc_score(is_paper[rows], chance))
        weights.append(len(rows))
    return round(float(np.average(areas, weights=weights)), 3)


def main() -> None:
    """Measures, writes and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="a folder with the cluster_members.parquet of before")
    options = parser.parse_args()
    config = load_config(Path("census.toml"))
    config = replace(config, cluster=replace(config.cluster, space="subject"))
    (entry,) = (entry for entry in config.sources.values() if entry["kind"] == "census")
    folders = {"shipped": release_folder(entry, config.root, "census")}
    folders.update({"before": options.before} if options.before else {})
    inputs = load_inputs(config)
    members = pd.read_parquet(folders["shipped"] / "cluster_members.parquet")
    fine = members[members["layer"] == config.cluster.layers[-1].name].set_index("doc_id")["cluster_id"]
    kept = pd.Index(sorted(fine.index[~fine.str.endswith("-ground")]))
    subject, _ = keep_subject(config, inputs)
    rows, labels = [], read_labels(config)
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook/codebook.toml")
    chance_count = len(codebook.leaves) + len(load_agendas(handcheck / AGENDA_LIST, codebook).agendas)
    own = subject.vectors[:, :-chance_count]
    own_rows = pd.Index(subject.documents.index).get_indexer(kept)
    places, titles = inputs.documents.index.get_indexer(kept), inputs.documents.loc[kept, "title"].fillna("")
    is_paper = (inputs.documents.loc[kept, "source"] == "arxiv").to_numpy()
    for name, found in list_clusterings(config, inputs, kept, folders):
        here = found[kept]
        row: dict[str, object] = {"clusters": name, "cluster_count": here.nunique()}
        for scheme, known in labels.items():
            values = score_labels(here, known)
            row.update(
                dict(
                    zip(
                        (f"{scheme}: {what}" for what in ("n", "AMI", "F1 of .5", "labels", "mean F1")),
                        values,
                        strict=True,
                    )
                )
            )
        numbers = pd.factorize(here)[0]
        row["source probe, stored vectors"] = probe(inputs.vectors[places].astype(np.float32), is_paper, numbers)
        is_there = own_rows >= 0
        row["source probe, subject space"] = probe(
            own[own_rows[is_there]].astype(np.float32), is_paper[is_there], numbers[is_there]
        )
        for form, pattern in FORMS.items():
            held = here[titles.str.contains(pattern).to_numpy()].value_counts()
            row[f"{form}s in one cluster"] = round(float(held.max() / held.sum()), 3)
        rows.append(row)
        print(row, flush=True)
    store.write_csv(TABLE, pd.DataFrame(rows))


if __name__ == "__main__":
    main()
