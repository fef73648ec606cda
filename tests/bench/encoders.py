"""What a second encoder costs and gains on labelled documents; writes reports/bench/encoders.md.

`python -m tests.bench.encoders FOLDER`, with the folder of tests/bench/second_encoder.py: documents of the census have
the vectors that lie there, the others are encoded now.
"""

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline import store
from pipeline.config import Config, load_config
from pipeline.embed.encoder import Encoder, load_encoder
from pipeline.embed.weights import WEIGHTS_NAME, find_weights
from pipeline.schemas import embeddings_table
from pipeline.settings import Embed
from pipeline.text.extract import compose_text
from tests.bench.labelled import FOLDS, count_words, judge, read_labelled, score
from tests.bench.second_encoder import assemble_model, describe_encoder

log = logging.getLogger(__name__)
SPEED_TEXTS = 128
REPORT = """\
# A second encoder: what it costs, what it gains

`python -m tests.bench.encoders`: logistic regression in {folds} folds (one seed; right with its standard error) on the
groups of the read documents and on labels that experts published; both encoders read {limit} tokens, in bfloat16.
all-mpnet-base-v2 would read 384.

| labels | features | documents | right | macro F1 |
|---|---|---|---|---|
{lines}

| encoder | dimensions | documents/s | weights |
|---|---|---|---|
{costs}

Speed: the same {speed_count} labelled documents, the encoders one after the other in one process.
"""


def find_vectors(encoder: Encoder, rows: pd.DataFrame, known_ids: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Returns float32 (n, n_dims) rows for the documents: known ones where there are any, else encoded now."""
    places = pd.Index(known_ids).get_indexer(rows["doc_id"])
    is_new = places < 0
    vectors = np.empty((len(rows), known.shape[1]), dtype=np.float32)
    vectors[~is_new] = known[places[~is_new]]
    vectors[is_new] = encoder(compose(rows[is_new]))
    return vectors


def compose(rows: pd.DataFrame) -> list[str]:
    """Returns what is encoded of each document."""
    return [compose_text(title, text) for title, text in zip(rows["title"], rows["text"], strict=True)]


def measure_labels(labelled: pd.DataFrame, vectors: dict[str, np.ndarray], seed: int) -> list[str]:
    """Returns a line for each set of labels and each set of features."""
    lines = []
    for scheme, part in labelled.groupby("scheme"):
        places = part.index.to_numpy()
        words, labels = count_words(part), part["label"].to_numpy()
        features: dict[str, np.ndarray | sparse.csr_matrix] = {"TF-IDF": words}
        for name, found in vectors.items():
            features[name] = found[places]
            features[f"{name} + TF-IDF"] = sparse.hstack([sparse.csr_matrix(found[places]), words], format="csr")
        for name, columns in features.items():
            right, error, f1 = score(judge(columns, labels, seed), labels)
            lines.append(f"| {scheme} | {name} | {len(part):,} | {right:.3f} ± {error:.3f} | {f1:.3f} |")
            log.info(lines[-1])
    return lines


def main() -> None:
    """Measures and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--config", type=Path, default=Path("data/raw/census/build-2026.07.toml"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_config(options.config)
    labelled = read_labelled(config)
    vectors, costs = {}, []
    for name, settings, known_ids, known in list_encoders(config, options.folder):
        encoder = load_encoder(settings, config.path(config.paths.processed, "encoders"))
        texts = compose(labelled.iloc[:: len(labelled) // SPEED_TEXTS][:SPEED_TEXTS])
        encoder(texts[:8])
        start = time.perf_counter()
        encoder(texts)
        speed = len(texts) / (time.perf_counter() - start)
        size = (find_weights(settings) / WEIGHTS_NAME).stat().st_size / 1e6
        costs.append(f"| {name} | {known.shape[1]} | {speed:.1f} | {size:.0f} MB |")
        vectors[name] = find_vectors(encoder, labelled, known_ids, known)
    report = REPORT.format(
        folds=FOLDS,
        limit=config.embed.max_tokens,
        lines="\n".join(measure_labels(labelled, vectors, config.seed)),
        costs="\n".join(costs),
        speed_count=SPEED_TEXTS,
    )
    store.write_text(config.path(config.paths.reports, "bench", "encoders.md"), report)


def list_encoders(config: Config, folder: Path) -> list[tuple[str, Embed, np.ndarray, np.ndarray]]:
    """Returns name, settings, and the ids and vectors of the census of both encoders."""
    table = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    ids = np.array(table.column("doc_id").to_pylist())
    first = ("MiniLM", config.embed, ids, store.matrix_from_column(table.column("vector")))
    settings = describe_encoder(assemble_model(folder / "model").resolve(), config.embed.max_tokens)
    return [first, ("mpnet", settings, np.load(folder / "ids.npy"), np.load(folder / "vectors.npy"))]


if __name__ == "__main__":
    main()
