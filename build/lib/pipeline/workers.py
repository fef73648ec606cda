"""Workers: pieces of work as a Ray Data job, on the processors of this machine or on a cluster (RAY_ADDRESS).

Workers read and write files by themselves, so these must lie on a disk that all of them see. Pieces are small and are
handed out as workers get free, so a slow worker takes fewer. A worker that dies is started again and its piece done
again; one that hangs ends itself.
"""

import contextlib
import faulthandler
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from pipeline.errors import ConfigError

RESTARTS = 8  # of one worker, before the run gives up: more is not bad luck
PIECES_IN_FLIGHT = 2  # of a worker: one in work and one waiting, so that a slow worker holds little back
HANGING_SECONDS = 1800.0  # for one piece: a hundred times what a busy machine needs


class Worker(Protocol):
    """What works in a process of its own: made once, then called for one piece after the other."""

    def __call__(self, piece: dict[str, Any]) -> int:
        """Does a piece, for which it may be called again, and returns a count to show as progress."""


class Guarded:
    """A worker as Ray Data calls it. A class, because Ray keeps its state between pieces."""

    def __init__(self, kind: type, arguments: tuple[Any, ...], hanging_seconds: float) -> None:
        self.hanging_seconds = hanging_seconds
        with end_if_hanging(hanging_seconds):
            self.work: Worker = kind(*arguments)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Does the pieces of a batch and returns their counts."""
        counts = []
        for piece in batch.to_pylist():
            with end_if_hanging(self.hanging_seconds):
                counts.append(self.work(piece))
        return pa.table({"count": pa.array(counts, pa.int64())})


def map_pieces(
    kind: type, arguments: tuple[Any, ...], pieces: Sequence[dict[str, Any]], worker_count: int, key: str
) -> Iterator[int]:
    """Does pieces of work on several workers, in any order, and yields what each piece returned as it ends.

    Args:
        kind: the class of the workers (see `Worker`).
        arguments: what a worker is made with.
        pieces: what each call is given; plain values only.
        worker_count: how many processes.
        key: the setting that asked for Ray, to name if Ray is not there.

    Raises:
        ConfigError: Ray is not installed.
    """
    try:
        import ray  # noqa: PLC0415  an optional extra
        import ray.data  # noqa: PLC0415
    except ImportError:
        raise ConfigError(
            f"[{key}] ray is not installed", do="pip install '.[ray]', or write engine = \"local\""
        ) from None
    with _session(ray, worker_count), warnings.catch_warnings():
        # Limits of restarting have no other name before Ray 2.64, which the extra `ray` leaves out.
        warnings.filterwarnings("ignore", message=".*ray_remote_args", category=DeprecationWarning)
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # our own bar shows progress
        job = ray.data.from_items(list(pieces), override_num_blocks=len(pieces)).map_batches(
            Guarded,
            fn_constructor_args=(kind, arguments, HANGING_SECONDS),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=worker_count, max_tasks_in_flight_per_actor=PIECES_IN_FLIGHT),
            num_cpus=1,
            max_restarts=RESTARTS,
            max_task_retries=RESTARTS,
        )
        for row in job.iter_rows():
            yield int(row["count"])


def threads_per_worker(worker_count: int) -> int:
    """Returns how many processor threads each worker may use: all of this machine's, shared out; one on a cluster."""
    return 1 if _is_cluster() else max(1, len(os.sched_getaffinity(0)) // worker_count)


@contextlib.contextmanager
def end_if_hanging(seconds: float) -> Iterator[None]:
    """Ends this process, saying where it was, if the block takes longer: Ray then starts another."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def _session(ray: Any, worker_count: int) -> Iterator[None]:
    """Joins the cluster, or starts one on this machine; what was started here is stopped again."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what ends a run is raised here all the same
    ray.init(
        num_cpus=None if _is_cluster() else worker_count,
        runtime_env={"env_vars": {"PYTHONPATH": _code_folder(), "HF_HUB_OFFLINE": "1"}},
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        yield
    finally:
        ray.shutdown()


def _is_cluster() -> bool:
    return "RAY_ADDRESS" in os.environ


def _code_folder() -> str:
    return str(Path(__file__).resolve().parent.parent)
