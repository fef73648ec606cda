"""Measures every encoder backend in one interleaved run and writes reports/bench/embed.md.

Each backend runs in a process of its own, so that its memory can be told apart; the processes take turns, round
after round, so that a slow moment of the machine falls on all of them. Figures are medians over the rounds. The
rival is sentence-transformers as it comes: `SentenceTransformer(folder).encode(texts)`.
"""

import argparse
import logging
import multiprocessing
import os
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.config import Config, load_config
from pipeline.dataset import load_census
from pipeline.dataset.search import shipped_folder
from pipeline.embed.conversion import load_tokenizer
from pipeline.embed.encoder import load_encoder
from pipeline.embed.weights import find_weights
from pipeline.schemas import DOCUMENTS, embeddings_table
from pipeline.text.extract import compose_text
from tests.bench.machine import measure_peak, processor_name

log = logging.getLogger(__name__)
RIVAL = "sentence-transformers default"
BACKENDS: tuple[tuple[Any, Any], ...] = (
    (RIVAL, "float32"),
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("onnx", "float32"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("openvino", "int8"),
)
PACKAGES = ("torch", "sentence-transformers", "openvino", "nncf", "onnxruntime")
ROUNDS = 5
NEIGHBOURS = 10
TITLES_A_TEXT = 16  # about as many tokens as an abstract
REPORT = """\
# Encoders, measured

`make bench-embed` on {processor}, {processors} processors, Python {python}, {versions}.
{count} {kind} of {mean:.0f} tokens on average (cut at {limit}); {rounds} rounds in which the backends take turns,
each in a process of its own; medians. The rival is `SentenceTransformer(folder).encode(texts)` as it comes. Load of the
machine over the last 15 minutes: {load:.1f}; where other programs ran too (the least and most lie far apart), the
columns by processor time are the fair ones.

{table}

The share of peak is operations on real tokens (no padding) a second, against the best product of two 2048 x 2048
matrices on all processors between the rounds: {peaks}. By processor time it is set against the part of one processor.

{whole}

CUDA: the code path is there and tested as far as it goes without a device; its speed is not measured.
int8 has to be asked for; `precision.md` says what it does to clusters and shares (`python -m tests.bench.precision`).
"""


def load_rival(config: Config) -> Callable[[list[str]], np.ndarray]:
    """Returns sentence-transformers with every default."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(find_weights(config.embed)), device="cpu").encode


def serve(config: Config, backend: Any, precision: Any, pipe: Connection) -> None:
    """Runs in the process of one backend: loads, then encodes as often as asked."""
    start = time.perf_counter()
    if backend == RIVAL:
        encoder: Callable[[list[str]], np.ndarray] = load_rival(config)
    else:
        settings = replace(config.embed, backend=backend, precision=precision, device="cpu")
        encoder = load_encoder(settings, config.path(config.paths.processed, "encoders"))
    encoder(["a first text, to prepare everything"])
    pipe.send(time.perf_counter() - start)
    while (texts := pipe.recv()) is not None:
        start, cpu = time.perf_counter(), time.process_time()
        vectors = encoder(texts)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pipe.send((time.perf_counter() - start, time.process_time() - cpu, peak, vectors))


def measure_backends(config: Config, texts: list[str], rounds: int) -> dict[str, dict[str, Any]]:
    """Returns load time, seconds per round, peak memory and vectors of every backend."""
    context = multiprocessing.get_context("spawn")
    found: dict[str, dict[str, Any]] = {}
    peaks: dict[str, list[float]] = {precision: [] for _, precision in BACKENDS}
    running = {}
    for backend, precision in BACKENDS:
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(config, backend, precision, theirs))
        process.start()
        name = backend if backend == RIVAL else f"{backend}-{precision}"
        running[name] = (process, ours)
        found[name] = {"load": ours.recv(), "seconds": [], "cpu": [], "precision": precision}
    for number in range(rounds + 1):
        for precision, values in peaks.items():
            values.append(measure_peak(precision))
        for name, (_, pipe) in running.items():
            pipe.send(texts)
            seconds, cpu, peak, vectors = pipe.recv()
            if number:  # the first round warms caches
                found[name]["seconds"].append(seconds)
                found[name]["cpu"].append(cpu)
            found[name] |= {"peak": peak, "vectors": vectors.astype(np.float32)}
        log.info("round %d of %d", number, rounds)
    for process, pipe in running.values():
        pipe.send(None)
        process.join()
    for row in found.values():
        row["machine_peak"] = max(peaks[row["precision"]])
    return found


def count_tokens(config: Config, texts: list[str]) -> np.ndarray:
    """Returns the tokens of each text after the cut, int64 (n,)."""
    tokenizer = load_tokenizer(find_weights(config.embed), config.embed.max_tokens)
    return np.array([len(encoding.ids) for encoding in tokenizer.encode_batch(texts)])


def count_flops(config: Config, tokens: np.ndarray) -> float:
    """Returns the useful operations on real tokens: 24 h^2 per token and layer, and 4 h n for attention."""
    shape = pd.read_json(find_weights(config.embed) / "config.json", typ="series")
    width, layers, inner = int(shape["hidden_size"]), int(shape["num_hidden_layers"]), int(shape["intermediate_size"])
    dense = tokens * layers * (8 * width**2 + 4 * width * inner)
    return float((dense + tokens.astype(float) ** 2 * layers * 4 * width).sum())


def compare_vectors(found: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Returns mean and least cosine, and the share of the ten nearest neighbours that are the same."""
    found, reference = found.astype(np.float32), reference.astype(np.float32)
    cosines = (found * reference).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(reference, axis=1)
    near = [nearest(rows) for rows in (found, reference)]
    shared = [len(np.intersect1d(a, b)) / NEIGHBOURS for a, b in zip(*near, strict=True)]
    return {"mean": float(cosines.mean()), "least": float(cosines.min()), "overlap": float(np.mean(shared))}


def nearest(rows: np.ndarray) -> np.ndarray:
    """Returns the ten nearest other rows of each row, int64 (n, 10)."""
    parts = []
    for first in range(0, len(rows), 1024):
        block = rows[first : first + 1024] @ rows.T
        block[np.arange(len(block)), first + np.arange(len(block))] = -np.inf
        parts.append(np.argpartition(-block, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS])
    return np.concatenate(parts)


def render_table(found: dict[str, dict[str, Any]], tokens: np.ndarray, flops: float) -> str:
    """Returns the table of backends as Markdown."""
    rival, processors = found[RIVAL], len(os.sched_getaffinity(0))
    lines = [
        "| backend | documents/s, median (least-most) | times the default | tokens/s | share of peak of its type "
        "| documents per processor-second | times the default | share of peak by processor time "
        "| cosine mean (least) | 10-NN overlap | peak memory, MiB | load, s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        rates = len(tokens) / np.array(row["seconds"])
        seconds, cpu = float(np.median(row["seconds"])), float(np.median(row["cpu"]))
        close = compare_vectors(row["vectors"], rival["vectors"])
        lines.append(
            f"| {name} | {len(tokens) / seconds:.1f} ({rates.min():.1f}-{rates.max():.1f}) "
            f"| {np.median(rival['seconds']) / seconds:.2f} | {tokens.sum() / seconds:,.0f} "
            f"| {flops / seconds / 1e9 / row['machine_peak']:.0%} "
            f"| {len(tokens) / cpu:.1f} | {np.median(rival['cpu']) / cpu:.2f} "
            f"| {flops / cpu / 1e9 / (row['machine_peak'] / processors):.0%} "
            f"| {close['mean']:.5f} ({close['least']:.5f}) | {close['overlap']:.3f} "
            f"| {row['peak']:,.0f} | {row['load']:.1f} |"
        )
    return "\n".join(lines)


def read_texts(config: Config, count: int) -> tuple[str, list[str]]:
    """Returns what the texts are, and the texts: abstracts where they are at hand, else titles strung together."""
    path = config.processed("documents")
    if path.is_file():
        documents = store.read_table(DOCUMENTS, path)
        documents = documents[(documents["text_kind"] == "abstract") & documents["text"].notna()]
        if len(documents) >= count:
            chosen = documents.sample(count, random_state=config.seed)
            pairs = zip(chosen["title"], chosen["text"], strict=True)
            return "abstracts", [compose_text(title, text) for title, text in pairs]
    titles = load_census(memory_map=False).documents["title"].sample(frac=1, random_state=config.seed).tolist()
    starts = range(0, TITLES_A_TEXT * count, TITLES_A_TEXT)
    return "strings of titles", [". ".join(titles[start : start + TITLES_A_TEXT]) for start in starts]


def measure_whole_census(config: Config) -> str:
    """Encodes every document with the default backend and compares with the vectors of the shipped census."""
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    texts = [compose_text(title, text) for title, text in zip(documents["title"], documents["text"], strict=True)]
    folder = shipped_folder(config) or config.path(config.embed.reuse[0])
    shipped = store.read_arrow(embeddings_table(config.embed.dimension_count), folder / "embeddings.parquet")
    place_of = {text_hash: place for place, text_hash in enumerate(shipped.column("text_sha256").to_pylist())}
    places = [place_of[text_hash] for text_hash in documents["text_sha256"]]
    encoder = load_encoder(config.embed, config.path(config.paths.processed, "encoders"))
    start = time.perf_counter()
    vectors = encoder(texts)
    seconds = time.perf_counter() - start
    close = compare_vectors(vectors, store.matrix_from_column(shipped.column("vector"))[places])
    return (
        f"All {len(texts):,} documents of the census with `{encoder.backend}`: {seconds:.1f} s, "
        f"{len(texts) / seconds:.1f} documents/s. Against the shipped vectors (torch, float32): cosine mean "
        f"{close['mean']:.5f}, least {close['least']:.5f}; 10-NN overlap {close['overlap']:.3f}."
    )


def main() -> None:
    """Measures and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("data/raw/census/build-2026.07.toml"))
    parser.add_argument("--count", type=int, default=96, help="texts a round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_config(options.config)
    kind, texts = read_texts(config, options.count)
    tokens = count_tokens(config, texts)
    found = measure_backends(config, texts, options.rounds)
    table = render_table(found, tokens, count_flops(config, tokens))
    peaks = {row["precision"]: row["machine_peak"] for row in found.values()}
    store.write_text(
        config.path(config.paths.reports, "bench", "embed.md"),
        REPORT.format(
            processor=processor_name(),
            processors=len(os.sched_getaffinity(0)),
            python=platform.python_version(),
            versions=", ".join(f"{name} {version(name)}" for name in PACKAGES),
            load=os.getloadavg()[2],
            count=len(texts),
            kind=kind,
            mean=tokens.mean(),
            limit=config.embed.max_tokens,
            rounds=options.rounds,
            peaks=", ".join(f"{name} {peak:.0f} GFLOP/s" for name, peak in peaks.items()),
            table=table,
            whole=measure_whole_census(config) if kind == "abstracts" else "The texts of the census were not at hand.",
        ),
    )


if __name__ == "__main__":
    main()
