"""Whose groups agree best with what experts published and readers coded: python -m tests.bench.clusters.

Our shipped layers, the same layers by a second encoder where they are stored, k-means with as many clusters, and, with
`--rival PYTHON` (an interpreter that has BERTopic), BERTopic's default: all on the shipped vectors. Adjusted mutual
information and purity on the documents that carry a label. Writes reports/bench/cluster_labels.csv.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from pipeline import store
from pipeline.schemas import embeddings_table

ROOT = Path(__file__).resolve().parents[2]
CENSUS = ROOT / "data/raw/census/2026.07"
HANDCHECK = ROOT / "data/raw/handcheck"
TABLE = ROOT / "reports/bench/cluster_labels.csv"
NOISE = -1
RIVAL_PROGRAM = """
import sys, numpy as np, pandas as pd
from bertopic import BERTopic
titles = pd.read_csv(sys.argv[1], keep_default_na=False)["title"].tolist()
topics, _ = BERTopic().fit_transform(titles, np.load(sys.argv[2]))
np.save(sys.argv[3], np.asarray(topics))
"""


def read_labels() -> pd.DataFrame:
    """Returns every label at hand: published expert labels, and the settled leaves and groups of the read sample."""
    parts = [pd.read_csv(HANDCHECK / "external/labels.csv")[["doc_id", "label_scheme", "label"]]]
    reader, ruled = (pd.read_csv(HANDCHECK / f"sheets/{name}.csv", dtype=str) for name in ("reader-1", "adjudicator"))
    leaves = reader.set_index("doc_id")["leaf"]
    leaves.update(ruled.set_index("doc_id")["leaf"])
    for scheme, labels in (("settled leaves", leaves), ("settled groups", leaves.str[0])):
        parts.append(pd.DataFrame({"doc_id": leaves.index, "label_scheme": scheme, "label": labels.to_numpy()}))
    return pd.concat(parts, ignore_index=True).dropna()


def list_own(doc_ids: list[str], vectors: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the shipped layers, those of the second encoder, and k-means with as many clusters as each layer."""
    for name, column in (("cluster_members", "cluster_id"), ("second_members", "cluster_number")):
        path = CENSUS / f"{name}.parquet"
        if not path.exists():
            continue
        for layer, part in pd.read_parquet(path).groupby("layer"):
            found = pd.factorize(part.set_index("doc_id")[column].reindex(doc_ids), sort=True)[0]
            yield f"{'shipped' if name == 'cluster_members' else 'second encoder'}, {layer}", found
            if name == "cluster_members":
                yield f"k-means, {found.max() + 1}", run_k_means(vectors, found.max() + 1, 1)


def run_k_means(vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Returns the clusters of scikit-learn's k-means."""
    return KMeans(int(count), n_init=1, random_state=seed).fit_predict(vectors.astype(np.float32))


def run_rival(
    python: str, doc_ids: list[str], vectors: np.ndarray, number: int, documents: Path = CENSUS / "documents.parquet"
) -> tuple[str, np.ndarray]:
    """Runs BERTopic's default on the titles and our vectors, and says how long it took."""
    titles = pd.read_parquet(documents, columns=["doc_id", "title"]).set_index("doc_id").loc[doc_ids, ["title"]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        titles.to_csv(folder / "titles.csv", index=False)
        np.save(folder / "vectors.npy", vectors.astype(np.float32))
        start = time.perf_counter()
        files = [str(folder / file) for file in ("titles.csv", "vectors.npy", "topics.npy")]
        subprocess.run([python, "-c", RIVAL_PROGRAM, *files], check=True)
        print(f"BERTopic, run {number}: {time.perf_counter() - start:.0f} s")
        return f"BERTopic, run {number}", np.load(folder / "topics.npy")


def score(name: str, found: pd.Series, labels: pd.DataFrame) -> list[dict[str, object]]:
    """Returns a row for each set of labels; noise counts as one cluster."""
    rows: list[dict[str, object]] = []
    for scheme, part in labels.groupby("label_scheme"):
        known = part[part["doc_id"].isin(found.index)]
        mine, truth = found[known["doc_id"]].to_numpy(), known["label"].to_numpy()
        rows.append(
            {
                "clusters": name,
                "cluster_count": int(found[found != NOISE].nunique()),
                "noise_share": round(float((found == NOISE).mean()), 4),
                "labels": scheme,
                "n_labelled": len(known),
                "ami": round(float(adjusted_mutual_info_score(truth, mine)), 4),
                "purity": round(float(pd.crosstab(mine, truth).max(axis=1).sum() / len(known)), 4),
            }
        )
    return rows


def main() -> None:
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival", help="an interpreter that has BERTopic")
    options = parser.parse_args()
    table = store.read_arrow(embeddings_table(384), CENSUS / "embeddings.parquet")
    doc_ids, vectors = table.column("doc_id").to_pylist(), store.matrix_from_column(table.column("vector"))
    labels = read_labels()
    runs = list(list_own(doc_ids, vectors))
    if options.rival:
        rivals = [run_rival(options.rival, doc_ids, vectors, number) for number in (1, 2)]
        print(f"BERTopic, ARI of two runs: {adjusted_rand_score(rivals[0][1], rivals[1][1]):.3f}")
        runs += rivals
    rows = [row for name, found in runs for row in score(name, pd.Series(found, index=doc_ids), labels)]
    store.write_csv(TABLE, pd.DataFrame(rows))
    pd.DataFrame(rows).to_string(sys.stdout, index=False)
    print()


if __name__ == "__main__":
    main()
