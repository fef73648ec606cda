"""Many machines: the same shards as a Ray Data job, one encoder in each worker.

Workers read `documents` and add shards to the store by themselves, so both must lie on a disk that all of them see.
A worker that dies is started again and its shard encoded again, to the same bytes.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

import pipeline
from pipeline.config import Config
from pipeline.embed.encoder import load_encoder
from pipeline.embed.engine import CACHE_NAME, Shard, encode_shard, read_group
from pipeline.errors import ConfigError

RESTARTS = 8  # of one worker, before the run gives up: more is not bad luck


class ShardEncoder:
    """One worker: an encoder and the row group it read last. A class, because Ray keeps its state between shards."""

    def __init__(self, config: Config, path: Path, thread_count: int) -> None:
        self.config = config
        self.path = path
        self.encoder = load_encoder(config.embed, config.path(config.paths.processed, CACHE_NAME), thread_count)
        self.group, self.rows = -1, pa.table({})

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Encodes the shards of a batch and returns the number of texts of each."""
        counts = []
        for row in batch.to_pylist():
            if row["row_group"] != self.group:
                self.group, self.rows = row["row_group"], read_group(self.path, row["row_group"])
            shard = Shard(row["row_group"], np.array(row["rows"], dtype=np.int32))
            counts.append(encode_shard(self.config, self.encoder, shard, self.rows))
        return pa.table({"count": pa.array(counts, pa.int64())})


def encode_shards(config: Config, path: Path, shards: list[Shard]) -> Iterator[int]:
    """Encodes shards on every worker of the cluster (RAY_ADDRESS), or of this machine, yielding counts as they end.

    Raises:
        ConfigError: Ray is not installed.
    """
    try:
        import ray  # noqa: PLC0415  an optional extra
        import ray.data  # noqa: PLC0415
    except ImportError:
        raise ConfigError(
            "[embed.engine] ray is not installed", do="pip install '.[ray]', or write engine = \"local\""
        ) from None
    workers = config.embed.worker_count
    cores = len(os.sched_getaffinity(0))
    is_cluster = "RAY_ADDRESS" in os.environ
    thread_count = 1 if is_cluster else max(1, cores // workers)
    code = str(Path(pipeline.__file__).resolve().parent.parent)
    started = not ray.is_initialized()
    if started:
        ray.init(
            num_cpus=None if is_cluster else workers,
            runtime_env={"env_vars": {"PYTHONPATH": code, "HF_HUB_OFFLINE": "1"}},
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        rows = [{"row_group": shard.row_group, "rows": shard.rows.tolist()} for shard in shards]
        job = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            ShardEncoder,
            fn_constructor_args=(config, path, thread_count),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=1,
            max_restarts=RESTARTS,
            max_task_retries=RESTARTS,
        )
        for row in job.iter_rows():
            yield int(row["count"])
    finally:
        if started:
            ray.shutdown()
