"""The texts that `hydrate` fetched again, as records of the census they belong to."""

from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.config import Config
from pipeline.schemas import HYDRATED
from pipeline.text.extract import text_sha256


def hydrated_path(config: Config, name: str) -> Path:
    """Returns where the texts of the source `name` are kept."""
    return config.path(config.paths.raw, "hydrated", f"{name}.parquet")


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
