"""How much of a text the encoder must read: python -m tests.bench.reading_length; writes reading_length.csv.

Labelled documents (tests/bench/labelled.py) are encoded at several reading lengths; a logistic regression in five folds
says how well each length tells the labels apart, and processor seconds say what it costs.
"""

import argparse
import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.config import load_config
from pipeline.embed.encoder import load_encoder
from tests.bench.encoders import compose
from tests.bench.labelled import judge, read_labelled, score

LENGTHS = (64, 128, 192, 256)
TABLE = Path(__file__).resolve().parents[2] / "reports/bench/reading_length.csv"
log = logging.getLogger(__name__)


def main() -> None:
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path("data/raw/census/build-2026.07.toml"))
    parser.add_argument("--most", type=int, default=2_500, help="documents of each set of labels")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_config(options.config)
    labelled = read_labelled(config)
    order = np.random.default_rng(config.seed).permutation(len(labelled))
    labelled = labelled.iloc[np.sort(order)].groupby("scheme").sample(frac=1, random_state=1)
    labelled = labelled.groupby("scheme").head(options.most).sort_index()
    sizes = labelled.groupby(["scheme", "label"])["label"].transform("size")
    labelled = labelled[sizes >= 10]
    texts = labelled.drop_duplicates("doc_id")
    rows = []
    for length in LENGTHS:
        settings = replace(config.embed, max_tokens=length)
        encoder = load_encoder(settings, config.path(config.paths.processed, "encoders"))
        start = time.process_time()
        vectors = encoder(compose(texts)).astype(np.float32)
        seconds = time.process_time() - start
        place = pd.Series(np.arange(len(texts)), index=texts["doc_id"])
        for scheme, part in labelled.groupby("scheme"):
            labels = part["label"].to_numpy()
            right, error, f1 = score(judge(vectors[place[part["doc_id"]]], labels, config.seed), labels)
            rows.append(
                {
                    "max_tokens": length,
                    "labels": scheme,
                    "n_documents": len(part),
                    "right_share": round(right, 4),
                    "standard_error": round(error, 4),
                    "macro_f1": round(f1, 4),
                    "documents_per_processor_second": round(len(texts) / seconds, 1),
                }
            )
            log.info(rows[-1])
    store.write_csv(TABLE, pd.DataFrame(rows))


if __name__ == "__main__":
    main()
