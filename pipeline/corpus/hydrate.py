"""Stage `hydrate`: the texts of the shipped census, fetched again and verified.

A census carries no text, only the hash of each. This stage asks each site for its documents by id and compares:

- `verified`: the text, or its beginning of the known length where the census read only a beginning, has the known hash;
- `alike`: another rendering or a small edit: the hash differs, but the vector of the same stretch of text is nearly
  the stored one. The text is kept, the census's vector stays;
- `changed`: neither. `corpus` takes the new text and `embed` gives it a new vector;
- `gone`: the site no longer has it. Its facts and its vector stay;
- `no text`: the census read no text (a hash of the title alone proves nothing), or the site now gives none.

Texts are other people's: they go under `data/raw/hydrated/`, which git ignores. A stopped run goes on where it was.
"""

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from pipeline import store
from pipeline.config import Config
from pipeline.corpus.extract import compose_text, text_sha256
from pipeline.corpus.origins import Ask, Fetched, fetch_documents, open_session
from pipeline.embed.encoder import load_encoder
from pipeline.schemas import HYDRATED
from pipeline.scrape import census

log = logging.getLogger(__name__)
SAVED_BATCHES = 20  # a stop loses at most so many requests' answers
ALIKE = 0.95  # cosine; of five real posts in another rendering 3 lie above (0.957 to 0.995), 2 below (0.697, 0.892)
Compare = Callable[[str, str], float]


def run(config: Config, ask: Ask | None = None) -> None:
    """Fetches and verifies the texts of every census among the sources; writes them under `data/raw/hydrated/`."""
    ask = ask or open_session(config)
    for name, entry in config.sources.items():
        if entry["kind"] == "census":
            where = f"[sources.{name}]"
            documents = census.read_documents(entry, config.root, where).set_index("doc_id", drop=False)
            compare = _comparison(
                config, census.read_embeddings(entry, config.root, where, config.embed.dimension_count)
            )
            hydrate_census(documents, config, hydrated_path(config, name), ask, compare)


def hydrated_path(config: Config, name: str) -> Path:
    """Returns where the texts of the source `name` are kept."""
    return config.path(config.paths.raw, "hydrated", f"{name}.parquet")


def hydrate_census(documents: pd.DataFrame, config: Config, path: Path, ask: Ask, compare: Compare) -> pd.DataFrame:
    """Fetches what is not at hand yet, and returns and saves every row of `hydrated`.

    Args:
        documents: the census, indexed by doc_id.
        config: whose `[hydrate]` says where and how to ask.
        path: the file of earlier runs, if any, and of this one.
        ask: one polite request.
        compare: cosine of a stored vector, by doc_id, with a text; NaN where it cannot be had.
    """
    start = time.perf_counter()
    rows: list[Any] = store.read_table(HYDRATED, path).to_dict("records") if path.exists() else []
    missing = sorted(set(documents.index) - {row["doc_id"] for row in rows})
    facts = documents.to_dict("index")
    fresh = 0
    try:
        batches = fetch_documents(missing, config.hydrate, ask)
        for number, batch in enumerate(tqdm(batches, desc="hydrate", unit="request", disable=not sys.stderr.isatty())):
            rows += [verify(facts[doc_id], found, compare) for doc_id, found in batch.items()]
            fresh += len(batch)
            if number % SAVED_BATCHES == SAVED_BATCHES - 1:
                store.write_table(HYDRATED, pd.DataFrame(rows), path)
    finally:
        table = pd.DataFrame(rows, columns=[column.name for column in HYDRATED.columns])
        store.write_table(HYDRATED, table, path)
    counts = table["status"].value_counts()
    log.info(
        "hydrate: %d of %d documents at hand, %d fetched now: %s; %d not asked for in %.1f s",
        len(table),
        len(documents),
        fresh,
        ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none",
        len(documents) - len(table),
        time.perf_counter() - start,
    )
    for status in ("changed", "gone"):
        ids = table.loc[table["status"] == status, "doc_id"]
        if len(ids):
            log.info("hydrate: %s: %s", status, ", ".join(ids))
    return table


def verify(known: Mapping[Any, Any], found: Fetched | None, compare: Compare) -> dict[str, object]:
    """Compares what a site has with what the census knows. Returns one row of `hydrated`."""
    row = {"doc_id": known["doc_id"], "status": "gone", "text": None, "text_kind": "none", "similarity_score": None}
    if found is None:
        return row
    if not found.texts or known["text_kind"] == "none":
        text = found.texts[0] if found.texts else None
        return {**row, "status": "no text", "text": text, "text_kind": found.text_kind if text else "none"}
    for text in found.texts:
        part = known_part(known, text)
        if text_sha256(known["title"], part) == known["text_sha256"]:
            return {**row, "status": "verified", "text": part, "text_kind": known["text_kind"]}
    text = found.texts[0]
    alike = compare(known["doc_id"], compose_text(known["title"], known_part(known, text)))
    status = "alike" if alike >= ALIKE else "changed"
    score = None if np.isnan(alike) else round(alike, 4)
    return {**row, "status": status, "text": text, "text_kind": found.text_kind, "similarity_score": score}


def known_part(known: Mapping[Any, Any], text: str) -> str:
    """Returns the stretch of a text that the census read: all of it, or a beginning of the known length."""
    return text[: known["character_count"]].rstrip() if known["text_kind"] == "opening" else text


def records_from_texts(documents: pd.DataFrame, path: Path, name: str) -> pd.DataFrame:
    """Returns the fetched texts as records of the source `name`: verified and changed ones, with the census's facts."""
    rows = store.read_table(HYDRATED, path)
    rows = rows[rows["status"].isin(["verified", "changed"])].set_index("doc_id")
    kept = documents[documents["doc_id"].isin(rows.index)].copy()
    texts = rows.loc[kept["doc_id"], "text"].tolist()
    return kept.assign(
        record_id=name + "/hydrated/" + kept["doc_id"],
        origin=name,
        text=texts,
        text_kind=rows.loc[kept["doc_id"], "text_kind"].tolist(),
        word_count=[len(text.split()) for text in texts],
        character_count=[len(text) for text in texts],
        text_sha256=[text_sha256(title, text) for title, text in zip(kept["title"], texts, strict=True)],
    )


def _comparison(config: Config, embeddings: pa.Table) -> Compare:
    """Compares with the vectors of the census; the encoder is loaded at the first need."""
    place_of = {doc_id: place for place, doc_id in enumerate(embeddings.column("doc_id").to_pylist())}
    vectors = store.matrix_from_column(embeddings.column("vector"))
    encoders: list[Callable[[Sequence[str]], np.ndarray]] = []

    def compare(doc_id: str, text: str) -> float:
        if doc_id not in place_of:
            return float("nan")
        if not encoders:
            encoders.append(load_encoder(config.embed))
        return float(encoders[0]([text])[0].astype(np.float32) @ vectors[place_of[doc_id]].astype(np.float32))

    return compare
