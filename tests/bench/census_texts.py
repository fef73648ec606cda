"""The texts of the shipped census, which itself holds none: from the folder of real samples beside the checkout.

A text counts where its hash is the one that the census has; nothing is guessed from a title.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config import Config
from pipeline.embed.encoder import load_encoder
from pipeline.text.extract import clean_text, clean_title, compose_text, strip_ellipsis, text_sha256
from tests.bench.labelled import samples_folder

FILES = ("corpus/snapshot.parquet", "corpus/arxiv/announced.parquet")


def read_census_texts(config: Config, documents: pd.DataFrame) -> pd.Series:
    """Returns what is encoded of each document, by doc_id; those whose text is not at hand are missing.

    Args:
        config: of the census, which says where the samples lie.
        documents: columns doc_id and text_sha256.
    """
    wanted = documents.set_index("doc_id")["text_sha256"]
    found: dict[str, str] = {}
    for name in FILES:
        rows = pd.read_parquet(samples_folder(config) / name, columns=["id", "title", "text"])
        rows = rows[rows["id"].isin(wanted.index.difference(pd.Index(list(found))))]
        for doc_id, raw_title, raw_text in rows.itertuples(index=False):
            title, text = clean_title(raw_title), clean_text(strip_ellipsis(raw_text))
            if text_sha256(title, text) == wanted[doc_id]:
                found[doc_id] = compose_text(title, text)
    return pd.Series(found, dtype=str).sort_index()


def encode_kept(config: Config, texts: Sequence[str], kept: Path, **settings: object) -> tuple[np.ndarray, float]:
    """Returns float16 (n, n_dims) vectors of the texts, and documents a processor second; both kept in a file.

    Args:
        config: names the encoder.
        texts: what to encode.
        kept: file that holds them after the first time.
        settings: of `[embed]`, in the place of those of the configuration.
    """
    if not kept.exists():
        encoder = load_encoder(
            replace(config.embed, **settings),  # type: ignore[arg-type]
            config.path(config.paths.processed, "encoders"),
        )
        encoder(texts[:64])  # what it makes ready once does not count
        start = time.process_time()
        vectors = encoder(texts)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, vectors=vectors, speed=len(texts) / (time.process_time() - start))
    with np.load(kept) as held:
        if len(held["vectors"]) != len(texts):
            raise SystemExit(f"{kept} holds vectors of other texts: delete it")
        return held["vectors"], float(held["speed"])
