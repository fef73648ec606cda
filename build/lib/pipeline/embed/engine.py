"""Engines: who encodes the texts that have no vector yet. One process here, or many with Ray.

The unit of work is a shard: texts of one row group, of like length, in a fixed order. Every engine encodes the same
shards, so it makes the same vectors, and a run that was cut off goes on with the same shards as if it had not been.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.config import Config
from pipeline.embed.encoder import load_encoder
from pipeline.embed.shards import CACHE_NAME, Shard, encode_shard, plan_shards, read_group
from pipeline.embed.vectors import open_for_writing
from pipeline.embed.weights import find_weights, hash_settings


def encode_missing(config: Config, is_known: np.ndarray, is_first: np.ndarray) -> int:
    """Encodes every text of `documents` that has no vector and adds the vectors to the store. Returns how many.

    The arguments are those of `plan_shards`.

    Raises:
        DataError: a document has neither a vector nor a text.
    """
    path = config.processed("documents")
    shards = list(plan_shards(path, is_known, is_first))
    count = sum(map(len, shards))
    if not shards:
        return 0
    with open_for_writing(config, hash_settings(find_weights(config.embed))):
        if config.embed.engine == "ray":
            from pipeline.embed.ray_engine import encode_shards  # noqa: PLC0415  an optional extra

            saved = encode_shards(config, path, shards)
        else:
            saved = encode_here(config, path, shards)
        with tqdm(total=count, desc="embed", unit="document", disable=not sys.stderr.isatty()) as bar:
            for number in saved:
                bar.update(number)
    return count


def encode_here(config: Config, path: Path, shards: list[Shard]) -> Iterator[int]:
    """Encodes shards in this process, yielding the number of texts after each."""
    encoder = load_encoder(config.embed, config.path(config.paths.processed, CACHE_NAME))
    group, rows = -1, None
    for shard in shards:
        if rows is None or shard.row_group != group:
            group, rows = shard.row_group, read_group(path, shard.row_group)
        yield encode_shard(config, encoder, shard, rows)
