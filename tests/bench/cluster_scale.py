"""What clusters cost at up to a million vectors: python -m tests.bench.cluster_scale; writes cluster_scale.csv.

The vectors of the shipped census are repeated with noise (cosine about 0.9 to the original). Each size runs in a
process of its own; recall is measured on rows whose nearest neighbours are also searched for exactly.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from pipeline import store
from pipeline.cluster.cells import find_near_neighbours, put_into_cells
from pipeline.cluster.layers import build_graph, cut_layer
from pipeline.cluster.neighbours import find_neighbours, find_neighbours_among
from pipeline.schemas import embeddings_table

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "reports/bench/cluster_scale.csv"
COUNT = 30  # neighbours, as in census.toml
RESOLUTION = 3.0  # of the finer layer
NOISE = 0.025  # standard deviation in each of 384 dimensions
CHECKED = 1_000  # rows whose neighbours are also searched for exactly
RUNS = (
    (10_000, "exact"),
    (30_000, "exact"),
    (100_000, "exact"),
    (100_000, "cells"),
    (300_000, "cells"),
    (1_000_000, "cells"),
)


def make_vectors(count: int) -> np.ndarray:
    """Returns float16 (count, 384), unit rows: real ones, repeated with noise."""
    path = ROOT / "data/raw/census/2026.07/embeddings.parquet"
    real = store.matrix_from_column(store.read_arrow(embeddings_table(384), path).column("vector"))
    rng = np.random.default_rng(1)
    found = np.empty((count, real.shape[1]), dtype=np.float16)
    for first in range(0, count, 50_000):
        size = min(50_000, count - first)
        rows = real[rng.integers(0, len(real), size)].astype(np.float32)
        rows += rng.normal(0, NOISE, rows.shape).astype(np.float32)
        found[first : first + size] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def measure(count: int, search: str) -> dict[str, object]:
    """Clusters `count` vectors and returns seconds, memory and recall."""
    vectors = make_vectors(count)
    base, times = peak(), [time.perf_counter()]
    near = (
        find_neighbours(vectors, COUNT)
        if search == "exact"
        else find_near_neighbours(vectors, COUNT, put_into_cells(vectors, 1))
    )
    times.append(time.perf_counter())
    rows = np.sort(np.random.default_rng(2).choice(count, min(CHECKED, count), replace=False))
    truth = find_neighbours_among(vectors[rows], vectors, COUNT + 1)[0]
    pairs = zip(rows, truth, near[0][rows], strict=True)
    recall = np.mean([len((set(own) - {row}) & set(got)) for row, own, got in pairs])
    times.append(time.perf_counter())
    say(f"{count} {search}: neighbours {times[1] - times[0]:.1f} s, recall {recall / COUNT:.3f}")
    graph = build_graph(*near)
    times.append(time.perf_counter())
    say(f"{count} {search}: graph {times[3] - times[2]:.1f} s, {peak()} MiB")
    cut = cut_layer(graph, RESOLUTION, 1)
    times.append(time.perf_counter())
    return {
        "vector_count": count,
        "search": search,
        "neighbour_seconds": round(times[1] - times[0], 1),
        "recall": round(float(recall) / COUNT, 4),
        "graph_seconds": round(times[3] - times[2], 1),
        "cut_seconds": round(times[4] - times[3], 1),
        "edge_count": graph.ecount(),
        "cluster_count": int(cut.max()) + 1,
        "vectors_mib": base,
        "peak_mib": peak(),
    }


def say(line: str) -> None:
    """Prints a stage that is over, so that a run cut short still says how far it came."""
    print(line, file=sys.stderr, flush=True)


def peak() -> int:
    """Returns the most memory this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Runs the sizes asked for, or all, and adds their rows to the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="such as 100000/cells")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    runs = [(int(options.only.split("/")[0]), options.only.split("/")[1])] if options.only else list(RUNS)
    if options.child:
        print(json.dumps(measure(*runs[0])))
        return
    for count, search in runs:
        command = [sys.executable, "-m", "tests.bench.cluster_scale", "--child", "--only", f"{count}/{search}"]
        row = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
        add_row(row)


def add_row(row: dict[str, object]) -> None:
    """Puts a row into the table in the place of the last one of the same size and search."""
    rows: list[dict[str, object]] = []
    if TABLE.exists():
        with TABLE.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    same = {"vector_count": str(row["vector_count"]), "search": str(row["search"])}
    rows = [old for old in rows if any(str(old[key]) != value for key, value in same.items())]
    rows = sorted([*rows, row], key=lambda item: (int(str(item["vector_count"])), str(item["search"])))
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
