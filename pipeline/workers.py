"""Workers: work in parts, in processes forked here, or as a Ray Data job on this machine or a cluster (RAY_ADDRESS).

`map_parts` gives the same results in the same order either way. With Ray, what all parts share is sent to each machine
once. Parts are handed out as workers get free, so a slow worker takes fewer. A worker that dies is started again and
its part done again; one that hangs ends itself. Workers that read and write files by themselves (`map_pieces` of
extraction and encoding) need a disk that all of them see.
"""

import contextlib
import faulthandler
import logging
import os
import pickle
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from pipeline.errors import ConfigError
from pipeline.forked import map_forked
from pipeline.settings import Embed

RESTARTS = 8  # of one worker, before the run gives up: more is not bad luck
PIECES_IN_FLIGHT = 2  # of a worker: one in work and one waiting, so that a slow worker holds little back
HANGING_SECONDS = 1800.0  # for one piece: a hundred times what a busy machine needs
# Documents from which parts go to Ray: its start of 20 s is won back by two workers at about 95,000 abstracts or 15,000
# forum posts (reports/bench/ray.md).
SPREAD_FROM = 50_000
Part = TypeVar("Part")
Result = TypeVar("Result")


class Worker(Protocol):
    """What works in a process of its own: made once, then called for one piece after the other."""

    def __call__(self, piece: Any) -> Any:
        """Does a piece, for which it may be called again, and returns what is made of it."""


class Guarded:
    """A worker as Ray Data calls it. A class, because Ray keeps its state between pieces."""

    def __init__(self, shared: Any, hanging_seconds: float) -> None:
        import ray  # noqa: PLC0415  an optional extra

        self.hanging_seconds = hanging_seconds
        with end_if_hanging(hanging_seconds):
            kind, arguments = ray.get(shared)
            self.work: Worker = kind(*arguments)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Does the pieces of a batch and returns what is made of them."""
        made = []
        for piece in batch.column("piece").to_pylist():
            with end_if_hanging(self.hanging_seconds):
                made.append(pickle.dumps(self.work(pickle.loads(piece)), protocol=5))
        return pa.table({"made": pa.array(made, pa.large_binary())})


class Numbered:
    """A worker for `map_parts`: parts come back in any order, so each has its number."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self.work = work

    def __call__(self, piece: tuple[int, Any]) -> tuple[int, Any]:
        """Does a part."""
        number, part = piece
        return number, self.work(part)


def map_parts(
    settings: Embed, work: Callable[[Part], Result], parts: Iterable[Part], document_count: int
) -> Iterator[Result]:
    """Yields what `work` returns for each part, in their order, the same whatever does it.

    Args:
        settings: `engine` and `worker_count`.
        work: what to do; for Ray, something that can be pickled, with what all parts share in it.
        parts: what to do it with, the longest first.
        document_count: how many documents there are: with few, Ray would take longer to start than they take.

    Raises:
        ConfigError: Ray is asked for and not installed.
        DataError: a forked process ended before its part was done.
    """
    if settings.engine == "local" or document_count < SPREAD_FROM:
        yield from map_forked(work, parts)
        return
    made, following = dict[int, Result](), 0
    for number, result in map_pieces(Numbered, (work,), list(enumerate(parts)), settings.worker_count, "embed.engine"):
        made[number] = result
        while following in made:
            yield made.pop(following)
            following += 1


def map_pieces(
    kind: type, arguments: tuple[Any, ...], pieces: Sequence[Any], worker_count: int, key: str
) -> Iterator[Any]:
    """Does pieces of work on several workers, in any order, and yields what each piece returned as it ends.

    Args:
        kind: the class of the workers (see `Worker`).
        arguments: what a worker is made with.
        pieces: what each call is given.
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
        shared = ray.put((kind, arguments))
        packed = [{"piece": pickle.dumps(piece, protocol=5)} for piece in pieces]
        job = ray.data.from_items(packed, override_num_blocks=len(packed)).map_batches(
            Guarded,
            fn_constructor_args=(shared, HANGING_SECONDS),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=worker_count, max_tasks_in_flight_per_actor=PIECES_IN_FLIGHT),
            num_cpus=1,
            max_restarts=RESTARTS,
            max_task_retries=RESTARTS,
        )
        for row in job.iter_rows():
            yield pickle.loads(row["made"])


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
def keep_workers(settings: Embed, document_count: int) -> Iterator[None]:
    """Starts Ray once for all of a block, where `map_parts` will use it."""
    if settings.engine == "local" or document_count < SPREAD_FROM:
        yield
        return
    try:
        import ray  # noqa: PLC0415  an optional extra
    except ImportError:
        yield  # whatever needs it says so
        return
    with _session(ray, settings.worker_count):
        yield


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
