"""Many machines: the same shards as a Ray Data job, one encoder in each worker.

A worker that dies is started again and its shard encoded again, to the same bytes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.config import Config
from pipeline.embed.encoder import load_encoder
from pipeline.embed.shards import CACHE_NAME, Shard, encode_shard, read_group
from pipeline.workers import map_pieces, threads_per_worker


class ShardEncoder:
    """One worker: an encoder and the row group it read last."""

    def __init__(self, config: Config, path: Path, thread_count: int) -> None:
        self.config = config
        self.path = path
        self.encoder = load_encoder(config.embed, config.path(config.paths.processed, CACHE_NAME), thread_count)
        self.group, self.rows = -1, pa.table({})

    def __call__(self, piece: dict[str, Any]) -> int:
        """Encodes one shard and returns the number of its texts."""
        if piece["row_group"] != self.group:
            self.group, self.rows = piece["row_group"], read_group(self.path, piece["row_group"])
        shard = Shard(self.group, np.array(piece["rows"], dtype=np.int32))
        return encode_shard(self.config, self.encoder, shard, self.rows)


def encode_shards(config: Config, path: Path, shards: list[Shard]) -> Iterator[int]:
    """Encodes shards on every worker, yielding the number of texts of each as it ends.

    Raises:
        ConfigError: Ray is not installed.
    """
    workers = config.embed.worker_count
    pieces = [{"row_group": shard.row_group, "rows": shard.rows.tolist()} for shard in shards]
    yield from map_pieces(ShardEncoder, (config, path, threads_per_worker(workers)), pieces, workers, "embed.engine")
