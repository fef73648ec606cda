"""What a number type does to neighbours, clusters and shares; writes reports/bench/precision.md.

Every document is encoded in bfloat16 and in int8 and set beside the shipped vectors (torch, float32). Clusters are cut
anew from each, and the shares estimated anew from the same read documents. The yardstick for clusters is the same
vectors under other seeds; for shares it is half the width of their intervals.
"""

import argparse
import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from pipeline import store
from pipeline.cluster.layers import CUT_COUNT, build_graph, choose_partition, dissolve_small
from pipeline.cluster.neighbours import find_neighbours
from pipeline.coding.sample import settle_codes
from pipeline.config import Config, load_config
from pipeline.embed.encoder import load_encoder
from pipeline.estimate.classify import predict_codes
from pipeline.estimate.inputs import DOCUMENT_COLUMNS, load_inputs
from pipeline.estimate.share_table import tabulate_shares
from pipeline.estimate.survey import estimate_batch, open_survey
from pipeline.groups import read_groups
from pipeline.schemas import DOCUMENTS, TERMS, embeddings_table
from pipeline.text.extract import compose_text
from pipeline.text.word_counts import code_terms
from tests.bench.embed import compare_vectors

log = logging.getLogger(__name__)
PRECISIONS = ("bfloat16", "int8")
OTHER_SEEDS = (1000, 2000, 3000)  # added to the seed: groups of cuts that share none with it
REPORT = """\
# What a number type does to neighbours, clusters and shares

`python -m tests.bench.precision`: all {count:,} documents encoded anew by OpenVINO, set beside the shipped vectors
(torch, float32). Clusters are cut anew from each set of vectors; shares are estimated anew from the same {n_read:,}
read documents.

| vectors | documents/s | cosine mean (least) | documents under 0.99 | 10-NN overlap | {layers} | {changes} |
|---|---|---|---|---|{rules}---|---|---|
{lines}

ARI: agreement of the clusters with those of the shipped vectors under the same seed. The last rows are its yardstick:
the shipped vectors under other seeds. Shares are all {n_shares} of the frames that may be quoted, every definition,
denominator and year with an estimate; the half width is that of the share's own interval.
"""
CHANGES = ("shares: mean change, points", "largest change, points", "largest change, as a part of the half width")


def encode_all(config: Config, precision: str, texts: list[str]) -> tuple[np.ndarray, float]:
    """Returns float16 (n, n_dims) vectors in a number type, and documents a second."""
    settings = replace(config.embed, backend="openvino", precision=precision)
    encoder = load_encoder(settings, config.path(config.paths.processed, "encoders"))
    start = time.perf_counter()
    vectors = encoder(texts)
    return vectors, len(texts) / (time.perf_counter() - start)


def cut_layers(config: Config, vectors: np.ndarray, seed: int) -> list[np.ndarray]:
    """Returns the cluster of each document in each layer, cut anew."""
    graph = build_graph(*find_neighbours(vectors, config.cluster.neighbour_count))
    cuts = []
    for layer in config.cluster.layers:
        found, _ = choose_partition(graph, layer.resolution, range(seed, seed + CUT_COUNT))
        cuts.append(dissolve_small(graph, found, config.cluster.min_size))
    return cuts


def estimate_shares(config: Config, vectors: np.ndarray) -> tuple[pd.DataFrame, int]:
    """Returns the shares that come out with these vectors, for the frames that may be quoted, and the number read."""
    codebook, sample, population = load_inputs(config)
    documents = store.read_table(DOCUMENTS, config.processed("documents"), DOCUMENT_COLUMNS)
    words = code_terms(read_groups(TERMS, config.processed("terms")), pd.Index(documents["doc_id"]))
    predictions = predict_codes(vectors, words, documents, settle_codes(sample), codebook)
    changed = replace(population, predictions=predictions)
    survey = open_survey(sample, changed, codebook, config.estimate.level, config.seed)
    rows = tabulate_shares(survey, estimate_batch(survey, codebook.definitions, []))
    quotable = [name for name, frame in config.frames.items() if frame.is_quotable]
    rows = rows[rows["frame"].isin(quotable)]
    return rows.set_index(["frame", "year", "definition", "denominator"]), len(sample.units)


def describe_change(shares: pd.DataFrame, reference: pd.DataFrame) -> str:
    """Returns the cells on how far the shares moved."""
    change = (shares["share"] - reference["share"]).astype(float).abs()
    half = ((reference["high"] - reference["low"]) / 2).astype(float)
    return f"{change.mean() * 100:.2f} | {change.max() * 100:.2f} | {(change / half)[half > 0].max():.2f}"


def main() -> None:
    """Measures and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("data/raw/census/build-2026.07.toml"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_config(options.config)
    rows = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "title", "text"))
    texts = [compose_text(title, text) for title, text in zip(rows["title"], rows["text"], strict=True)]
    table = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    shipped = store.matrix_from_column(table.column("vector"))
    wanted = cut_layers(config, shipped, config.seed)
    reference, n_read = estimate_shares(config, shipped)
    lines = []
    for precision in PRECISIONS:
        vectors, speed = encode_all(config, precision, texts)
        close = compare_vectors(vectors, shipped)
        cosines = (vectors.astype(np.float32) * shipped.astype(np.float32)).sum(axis=1)
        scores = list(map(adjusted_rand_score, wanted, cut_layers(config, vectors, config.seed)))
        lines.append(
            f"| {precision} | {speed:.0f} | {close['mean']:.5f} ({close['least']:.5f}) | {(cosines < 0.99).sum()} "
            f"| {close['overlap']:.3f} | {' | '.join(f'{score:.3f}' for score in scores)} "
            f"| {describe_change(estimate_shares(config, vectors)[0], reference)} |"
        )
        log.info(lines[-1])
    for shift in OTHER_SEEDS:
        scores = list(map(adjusted_rand_score, wanted, cut_layers(config, shipped, config.seed + shift)))
        scored = " | ".join(f"{score:.3f}" for score in scores)
        lines.append(f"| shipped, seed + {shift} | | 1 | 0 | 1.000 | {scored} | | | |")
    report = REPORT.format(
        count=len(rows),
        n_read=n_read,
        n_shares=int(reference["share"].notna().sum()),
        layers=" | ".join(f"ARI {layer.name}" for layer in config.cluster.layers),
        changes=" | ".join(CHANGES),
        rules="---|" * len(config.cluster.layers),
        lines="\n".join(lines),
    )
    store.write_text(config.path(config.paths.reports, "bench", "precision.md"), report)


if __name__ == "__main__":
    main()
