"""What a number type does to neighbours, clusters and shares; writes reports/bench/precision.md.

Every document of the shipped census whose text is at hand is encoded in each number type and set beside the stored
vectors. Clusters are cut anew from each, in the space that the census cuts them in, and shares are estimated anew from
the same read documents. The yardstick for clusters is the stored vectors under other seeds; for shares it is half the
width of their intervals.
"""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from pipeline import store
from pipeline.cluster.assign import make_graphs
from pipeline.cluster.inputs import Graphs
from pipeline.cluster.inputs import load_inputs as load_cluster_inputs
from pipeline.cluster.layers import CUT_COUNT, choose_partition, dissolve_small
from pipeline.coding.frames import may_be_quoted
from pipeline.coding.sample import SCREENED, settle_codes
from pipeline.config import Config, load_config
from pipeline.estimate.classify import Predictions, predict_codes
from pipeline.estimate.domains import parts_of
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.share_table import tabulate_shares
from pipeline.estimate.survey import estimate_batch, open_survey
from pipeline.groups import read_groups
from pipeline.schemas import TERMS
from pipeline.text.word_counts import code_terms
from tests.bench.census_texts import encode_kept, read_census_texts
from tests.bench.embed import compare_vectors

log = logging.getLogger(__name__)
PRECISIONS = ("bfloat16", "int8")
OTHER_SEEDS = (1000, 2000, 3000)  # added to the seed: groups of cuts that share none with it
KEY = ["frame", "year", "definition", "denominator", "weight"]
REPORT = """\
# What a number type does to neighbours, clusters and shares

`python -m tests.bench.precision`: {count:,} of the {total:,} documents of the census {version} (those whose text is at
hand, by its hash) encoded anew by OpenVINO, set beside the stored vectors (by backend: {mix}).
Clusters are cut anew from each set of vectors, in the space of the census (`{space}`); shares are estimated anew from
the same {n_read:,} read documents.

| {head} |
{rules}
{lines}

ARI: agreement of the clusters with those of the stored vectors under the same seed, among the documents that both cut.
The last rows are its yardstick: the stored vectors under other seeds. Shares are all {n_shares:,} of the frames that
may be quoted, every definition, denominator and year with an estimate, each document counting one; the half width is
that of the share's own interval.
"""
COLUMNS = (
    "vectors",
    "documents a processor second",
    "cosine mean (least)",
    "documents under 0.99",
    "10-NN overlap",
    "in scope otherwise",
)
CHANGES = (
    "another likeliest leaf",
    "shares: mean change, points",
    "99 of 100 change by less, points",
    "largest change, points",
    "largest change, as a part of the half width",
)


def cut_layers(config: Config, graphs: Graphs, total: int, seed: int) -> list[pd.Series]:
    """Returns the cluster of each document that is cut in each layer, cut anew, by row."""
    rows = np.arange(total) if graphs.inside is None else np.flatnonzero(graphs.inside)
    cuts = []
    for layer in config.cluster.layers:
        found, _ = choose_partition(graphs.vectors, layer.resolution, range(seed, seed + CUT_COUNT))
        found = graphs.to_documents(dissolve_small(graphs.vectors, found, config.cluster.min_size))
        cuts.append(pd.Series(found, index=rows))
    return cuts


def compare_cuts(found: Sequence[pd.Series], wanted: Sequence[pd.Series]) -> list[str]:
    """Returns the cells on how many documents one alone cuts, and how far the layers agree on the others."""
    both = found[0].index.intersection(wanted[0].index)
    otherwise = len(found[0].index.symmetric_difference(wanted[0].index))
    scores = [adjusted_rand_score(one[both], other[both]) for one, other in zip(found, wanted, strict=True)]
    return [f"{otherwise:,}", *(f"{score:.3f}" for score in scores)]


def estimate_shares(config: Config, vectors: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, int]:
    """Estimates all that hangs on the classifier with these vectors.

    Returns the shares of the frames that may be quoted, the likeliest leaf of every document, and the number read.
    """
    codebook, sample, population = load_inputs(config)
    documents = population.documents
    words = code_terms(read_groups(TERMS, config.processed("terms")), pd.Index(documents["doc_id"]))
    codes = settle_codes(sample)
    codes = codes[(codes["phase2_stratum"] != SCREENED) | codes["is_adjudicated"]].reset_index(drop=True)
    predictions: Predictions = predict_codes(vectors, words, documents, codes, codebook)
    changed, parts = [], parts_of(config.frames)
    for each in (sample, *sample.for_frames):
        known = replace(population.of(each), predictions=predictions)
        survey = open_survey(each, known, codebook, config.estimate.level, config.seed, parts)
        changed.append(tabulate_shares(survey, estimate_batch(survey, codebook.definitions, []), None, sample.coverage))
    rows = pd.concat(changed)
    quotable = [name for name, frame in config.frames.items() if may_be_quoted(frame)]
    rows = rows[rows["frame"].isin(quotable) & rows["share"].notna()].drop_duplicates(KEY)
    return rows.set_index(KEY), predictions.leaf_probability.argmax(axis=1), len(sample.units)


def describe_change(shares: pd.DataFrame, reference: pd.DataFrame) -> str:
    """Returns the cells on how far the shares moved."""
    change = (shares["share"] - reference["share"]).astype(float).abs().dropna()
    half = ((reference["high"] - reference["low"]) / 2).astype(float).reindex(change.index)
    points = 100 * change
    ratio = (change / half)[half > 0].max()
    return f"{points.mean():.2f} | {points.quantile(0.99):.2f} | {points.max():.2f} | {ratio:.2f}"


def main() -> None:
    """Measures and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("census.toml"))
    parser.add_argument("--vectors", type=Path, default=Path("data/processed/bench-vectors"), help="kept between runs")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_config(options.config)
    inputs = load_cluster_inputs(config)
    texts = read_census_texts(config, inputs.documents.reset_index())
    rows, shipped = inputs.documents.index.get_indexer(texts.index), inputs.vectors
    graphs = make_graphs(config, inputs)
    wanted = cut_layers(config, graphs, len(shipped), config.seed)
    reference, leaves, n_read = estimate_shares(config, shipped)
    lines = []
    for precision in PRECISIONS:
        settings = {"backend": "openvino", "precision": precision}
        found, speed = encode_kept(config, texts.tolist(), options.vectors / f"{precision}.npz", **settings)
        close = compare_vectors(found, shipped[rows])
        cosines = (found.astype(np.float32) * shipped[rows].astype(np.float32)).sum(axis=1)
        vectors = shipped.copy()
        vectors[rows] = found
        cuts = cut_layers(config, make_graphs(config, replace(inputs, vectors=vectors)), len(vectors), config.seed)
        shares, likeliest = estimate_shares(config, vectors)[:2]
        lines.append(
            f"| {precision} | {speed:.0f} | {close['mean']:.5f} ({close['least']:.5f}) | {(cosines < 0.99).sum()} "
            f"| {close['overlap']:.3f} | {' | '.join(compare_cuts(cuts, wanted))} "
            f"| {(likeliest != leaves).mean():.1%} | {describe_change(shares, reference)} |"
        )
        log.info(lines[-1])
    for shift in OTHER_SEEDS:
        cuts = cut_layers(config, graphs, len(shipped), config.seed + shift)
        scored = " | ".join(compare_cuts(cuts, wanted))
        lines.append(f"| stored, seed + {shift} | | 1 | 0 | 1.000 | {scored} | | | | | |")
        log.info(lines[-1])
    head = [*COLUMNS, *(f"ARI {layer.name}" for layer in config.cluster.layers), *CHANGES]
    report = REPORT.format(
        count=len(texts),
        total=len(shipped),
        version=config.version,
        mix=_tell_backends(config),
        space=config.cluster.space,
        n_read=n_read,
        n_shares=len(reference),
        head=" | ".join(head),
        rules=f"|{'---|' * len(head)}",
        lines="\n".join(lines),
    )
    store.write_text(config.path(config.paths.reports, "bench", "precision.md"), report)


def _tell_backends(config: Config) -> str:
    names = pd.read_parquet(config.processed("embeddings"), columns=["encoder_backend"])["encoder_backend"]
    counts = names.fillna("not on record").value_counts()
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


if __name__ == "__main__":
    main()
