"""Search: the documents nearest to a sentence, exactly, from the command line."""

import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config import Config
from pipeline.embed.encoder import load_encoder
from pipeline.embed.shards import CACHE_NAME
from pipeline.errors import DataError
from pipeline.release.load import Census, load_census

log = logging.getLogger(__name__)
SPARE = 64  # candidates beyond those asked for, put in exact order in float64
BLOCK_ROWS = 65_536  # rows of vectors multiplied at once: 100 MB at 384 dimensions, so a mapped matrix stays mapped


def run(config: Config, query: str, count: int, folder: str = "") -> None:
    """Prints the documents nearest to `query`, most similar first.

    Raises:
        DataError: there is nothing to look for, no such release, or it was made with another encoder than the
            configured one.
    """
    if not query.strip():
        raise DataError("the query is empty", where="search", do="say what to look for, in words")
    if count < 1:
        raise DataError(f"cannot find {count} documents", where="--count", do="ask for one or more")
    start = time.perf_counter()
    census = load_census(folder or shipped_folder(config))
    check_encoder(config, census)
    encoder = load_encoder(config.embed, config.path(config.paths.processed, CACHE_NAME))
    loaded = time.perf_counter()
    found = find_nearest(census, encoder([query])[0], count)
    for row in found.fillna({"published_date": "", "url": ""}).to_dict("records"):
        print(f"{row['cosine_score']:.3f}  {row['published_date']:10}  {row['title']}")
        print(f"       {row['url'] or row['doc_id']}")
    log.info(
        "search: %d documents, loaded in %.1f s, answered in %.3f s",
        len(census.documents),
        loaded - start,
        time.perf_counter() - loaded,
    )


def find_nearest(census: Census, vector: np.ndarray, count: int) -> pd.DataFrame:
    """Returns the `count` documents nearest to a vector, with `cosine_score`, most similar first.

    Every document is compared. Equal scores go by doc_id.

    Args:
        census: the release.
        vector: (n_dims,), unit length.
        count: how many.
    """
    query = vector.astype(np.float32)
    blocks = range(0, len(census.vectors), BLOCK_ROWS)
    rough = np.concatenate([census.vectors[first : first + BLOCK_ROWS] @ query for first in blocks])
    n_candidates = min(count + SPARE, len(rough))
    candidates = np.sort(np.argpartition(-rough, n_candidates - 1)[:n_candidates])
    exact = census.vectors[candidates].astype(np.float64) @ vector.astype(np.float64)
    order = np.argsort(-exact, kind="stable")[:count]
    return census.documents.iloc[candidates[order]].assign(cosine_score=exact[order])


def check_encoder(config: Config, census: Census) -> None:
    """Checks that queries and documents get their vectors from the same weights.

    Raises:
        DataError: they do not.
    """
    made_with = census.manifest["encoder"]
    if made_with["weights_sha256"] != config.embed.weights_sha256:
        raise DataError(
            f"the release was made with the encoder {made_with['name']}",
            where=str(census.folder),
            do="name that encoder under [embed]",
        )


def shipped_folder(config: Config) -> Path | None:
    """Returns the newest census among the sources, if there is one."""
    folders = [config.path(str(entry["path"])) for entry in config.sources.values() if entry["kind"] == "census"]
    return max(folders, key=lambda folder: folder.name, default=None)
