"""Measures what of a long document to embed; writes reports/bench/reading.md.

Compared are the title alone, title and opening up to the reading length, and the mean of the vectors of windows over
the whole text (the title before each). The judge is a logistic regression in five folds: on the settled codes of the
read documents, and on published expert labels where the folder of real samples is at hand.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from pipeline import store
from pipeline.config import load_config
from pipeline.corpus.extract import compose_text
from pipeline.embed.encoder import Encoder, load_encoder
from pipeline.schemas import CODES, DOCUMENTS

WINDOW_WORDS = 170  # about 230 tokens: with the title, one reading length
WINDOW_LIMIT = 6  # windows a document: about a thousand words, which is where the texts at hand end
LONG_WORDS = 2 * WINDOW_WORDS
FOLDS = 5


def embed_titles(encoder: Encoder, titles: list[str], texts: list[str]) -> tuple[np.ndarray, int]:
    """Returns the vectors of the titles alone, and how many texts were encoded."""
    return encoder(titles).astype(np.float32), len(titles)


def embed_openings(encoder: Encoder, titles: list[str], texts: list[str]) -> tuple[np.ndarray, int]:
    """Returns the vectors of title and opening, cut at the reading length."""
    return encoder([compose_text(*pair) for pair in zip(titles, texts, strict=True)]).astype(np.float32), len(titles)


def embed_windows(encoder: Encoder, titles: list[str], texts: list[str]) -> tuple[np.ndarray, int]:
    """Returns the mean of the vectors of the windows of each text, at unit length."""
    parts: list[str] = []
    owners: list[int] = []
    for owner, (title, text) in enumerate(zip(titles, texts, strict=True)):
        words = text.split()
        starts = range(0, max(len(words), 1), WINDOW_WORDS)[:WINDOW_LIMIT]
        parts += [compose_text(title, " ".join(words[start : start + WINDOW_WORDS])) for start in starts]
        owners += [owner] * len(starts)
    sums = np.zeros((len(titles), encoder(["a"]).shape[1]), dtype=np.float32)
    np.add.at(sums, owners, encoder(parts).astype(np.float32))
    return sums / np.linalg.norm(sums, axis=1, keepdims=True), len(parts)


CHOICES: dict[str, Callable[[Encoder, list[str], list[str]], tuple[np.ndarray, int]]] = {
    "title alone": embed_titles,
    "title and opening (the choice)": embed_openings,
    "mean of windows": embed_windows,
}


def judge(vectors: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Returns the label that five folds predict for each row."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return cross_val_predict(LogisticRegression(max_iter=3000, C=10.0), vectors, labels, cv=folds)


def measure(encoder: Encoder, rows: pd.DataFrame, seed: int, name: str) -> list[str]:
    """Returns the lines of the table for one set of labels, with labels of fewer than ten documents left out."""
    rows = rows[rows.groupby("label")["label"].transform("size") >= 2 * FOLDS]
    labels = rows["label"].to_numpy()
    is_long = np.array([len(text.split()) > LONG_WORDS for text in rows["text"]])
    lines = []
    for choice, make in CHOICES.items():
        start = time.process_time()
        vectors, n_encoded = make(encoder, rows["title"].tolist(), rows["text"].tolist())
        seconds = time.process_time() - start
        found = judge(vectors, labels, seed)
        right = found == labels
        of_long = f"{right[is_long].mean():.3f} ({is_long.sum():,})"
        lines.append(
            f"| {name} | {choice} | {len(rows):,} | {right.mean():.3f} | {of_long} "
            f"| {f1_score(labels, found, average='macro'):.3f} | {n_encoded:,} | {seconds:.0f} |"
        )
    return lines


def main() -> None:
    """Measures and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("data/raw/census/build-2026.07.toml"))
    parser.add_argument("--codes", type=Path, default=Path("data/processed/codes.parquet"))
    options = parser.parse_args()
    config = load_config(options.config)
    encoder = load_encoder(config.embed, config.path(config.paths.processed, "encoders"))
    documents = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "title", "text"))
    codes = store.read_table(CODES, options.codes, ("doc_id", "group")).rename(columns={"group": "label"})
    lines = measure(encoder, documents.merge(codes), config.seed, "group of the settled code")
    shared = Path(os.environ.get("ALIGNMENT_SHARED", config.path("..", "shared")))
    if shared.is_dir():
        labels = pd.read_parquet(shared / "corpus" / "external_labels.parquet")
        for scheme, part in labels.groupby("label_scheme"):
            lines += measure(encoder, part, config.seed, str(scheme))
    table = "\n".join(lines)
    store.write_text(
        config.path(config.paths.reports, "bench", "reading.md"),
        f"""# What of a long document to embed

`python -m tests.bench.reading` with `{encoder.backend}`: logistic regression on the vectors alone, {FOLDS} folds, one
seed; labels of fewer than {2 * FOLDS} documents are left out. Long: more than {LONG_WORDS} words;
texts end at 6,000 characters.

| labels | embedded | documents | right | right among the long (n) | macro F1 | texts encoded | processor, s |
|---|---|---|---|---|---|---|---|
{table}
""",
    )


if __name__ == "__main__":
    main()
