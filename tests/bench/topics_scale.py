"""BERTopic as it comes on a project of tests/bench/scale.py: python -m tests.bench.topics_scale FOLDER.

Writes topics_scale.csv and its table in scale.md. BERTopic gets the vectors of the project, so that what is measured is
everything but encoding: fitted twice on the same papers, and where FOLDER holds an update, fitted again on the papers
after it, for it cannot add to what it has fitted. Each fit is a process of its own, imports and compilation included,
as a user's would be.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from sklearn.metrics import adjusted_rand_score

from pipeline import store
from pipeline.schemas import embeddings_table
from pipeline.text.extract import compose_text
from tests.bench.scale import put_between

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "reports/bench/topics_scale.csv"
WIDTH = 384  # dimensions of all-MiniLM-L6-v2


def fit(project: Path, target: Path) -> None:
    """Fits BERTopic to the documents of a project and writes the topic of each."""
    from bertopic import BERTopic
    from sentence_transformers import SentenceTransformer

    from pipeline.config import load_config
    from pipeline.embed.weights import find_weights

    folder = project / "data/processed"
    rows = pq.read_table(folder / "documents.parquet", columns=["doc_id", "title", "text"]).to_pandas()
    texts = [compose_text(title, text) for title, text in zip(rows["title"], rows["text"], strict=True)]
    vectors = store.matrix_from_column(
        store.read_arrow(embeddings_table(WIDTH), folder / "embeddings.parquet").column("vector")
    )
    encoder = SentenceTransformer(str(find_weights(load_config(project / "census.toml").embed)), device="cpu")
    topics, _ = BERTopic(embedding_model=encoder).fit_transform(texts, vectors.astype("float32"))
    pd.DataFrame({"doc_id": rows["doc_id"], "topic": topics}).to_parquet(target)


def measure(project: Path, target: Path) -> dict[str, object]:
    """Fits in a process of its own. Returns its seconds and memory."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "tests.bench.topics_scale", str(project), "--target", str(target)]
    child = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit("error: the fit failed; its message stands above")
    return {
        "wall_seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": usage.ru_maxrss // 1024,
        "load": round(os.getloadavg()[1], 1),
    }


def compare(folder: Path) -> None:
    """Fits twice, and again after the update, and writes the table as it grows."""
    projects = [("first", folder), ("again", folder)]
    projects += [("after the update", folder / "update")] if (folder / "update").exists() else []
    rows: list[dict[str, object]] = []
    known: pd.Series | None = None
    with tempfile.TemporaryDirectory() as name:
        for run, project in projects:
            target = Path(name) / "topics.parquet"
            facts = measure(project, target)
            topics = pd.read_parquet(target).set_index("doc_id")["topic"]
            known = topics if known is None else known
            both = topics.index.intersection(known.index)
            agreement = round(float(adjusted_rand_score(known[both], topics[both])), 3)
            count, noise = topics[topics >= 0].nunique(), round(float((topics < 0).mean()), 3)
            rows.append({"run": run, "document_count": len(topics), **facts, "topic_count": count})
            rows[-1] |= {"noise_share": noise, "agreement_with_first": agreement}
            print(rows[-1], flush=True)
            with TABLE.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
            put_between(TABLE.name, render(rows))


def render(rows: list[dict[str, object]]) -> str:
    """Returns the table of the record."""
    lines = [
        "| BERTopic | papers | processor seconds | seconds on the wall | load | topics | noise | same as first (ARI) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    names: tuple[str, ...] = ("run", "document_count", "processor_seconds", "wall_seconds", "load")
    names += ("topic_count", "noise_share", "agreement_with_first")
    return "\n".join([*lines, *(f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows)]) + "\n"


def main() -> None:
    """Measures and writes the table; with --target, fits once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a project of tests/bench/scale.py, its stages run")
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.target:
        fit(options.folder, options.target)
    else:
        compare(options.folder)


if __name__ == "__main__":
    main()
