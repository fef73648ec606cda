"""Search: the documents nearest to a sentence, exactly, from the command line."""

import logging
import time
from pathlib import Path

from pipeline.config import Config
from pipeline.embed.encoder import load_encoder
from pipeline.embed.shards import CACHE_NAME
from pipeline.errors import DataError
from pipeline.release.load import Census, load_census
from pipeline.release.nearest import find_nearest

log = logging.getLogger(__name__)


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
