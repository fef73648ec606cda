"""Work on every processor of this machine: processes that share what this one holds, without a copy.

Cuts hold Python's lock while they run, so threads would take turns. Processes are forked, not started: a graph of
millions of edges is there at once, and its memory is shared. Where a system cannot fork, tasks run one after another.
"""

import contextlib
import ctypes
import gc
import itertools
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from pipeline.errors import DataError

_PARENT_DEATH_SIGNAL = 1  # linux/prctl.h
WAITING = 4  # parts a processor that are given out before their turn, of a stream of them: more would fill memory
Part = TypeVar("Part")
Result = TypeVar("Result")
_work: Callable[[Any], object] | None = None  # what the forked processes inherit


def run_forked(tasks: Sequence[Callable[[], Result]]) -> list[Result]:
    """Returns what each task returns, in their order; the longest should come first.

    Raises:
        DataError: a process ended before its task did.
    """
    return list(map_forked(lambda number: tasks[number](), range(len(tasks))))


def map_forked(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Yields what `work` returns for each part, in their order. Parts are sent to the processes, `work` is inherited.

    A sequence is given out at once; of a stream, which may be longer than memory, no more than some parts.

    Raises:
        DataError: a process ended before its part was done.
    """
    stream = iter(parts)
    first = list(itertools.islice(stream, 2))
    if len(first) < 2 or count_processors() < 2 or not _can_fork():
        yield from map(work, itertools.chain(first, stream))
        return
    most = len(parts) if isinstance(parts, Sequence) else WAITING * count_processors()
    waiting: deque[Future[object]] = deque()
    with _open_pool(work, count_processors()) as pool:
        for part in itertools.chain(first, stream):
            waiting.append(pool.submit(_run, part))
            if len(waiting) >= most:
                yield waiting.popleft().result()  # type: ignore[misc]
        while waiting:
            yield waiting.popleft().result()  # type: ignore[misc]


@contextlib.contextmanager
def run_beside(steps: Iterator[Result], count: int) -> Iterator[Iterator[Result]]:
    """Takes `count` results from an iterator in a process beside this one, which starts now; yields them as they come.

    Where there is no second processor, each is made when it is asked for.

    Raises:
        DataError: the process ended before its work did.
    """
    with begin_forked([lambda: next(steps)] * count, 1) as waiting:
        yield (wait() for wait in waiting)


@contextlib.contextmanager
def begin_forked(
    tasks: Sequence[Callable[[], Any]], process_count: int, niceness: int = 0
) -> Iterator[list[Callable[[], Any]]]:
    """Begins tasks in processes beside this one; yields what waits for the result of each, to be called once.

    Where there is no second processor, each is done when it is asked for.

    Args:
        tasks: what to do.
        process_count: in how many processes.
        niceness: by which they let this one go first, where all processors are busy.

    Raises:
        DataError: a process ended before its work did.
    """
    if count_processors() < 2 or not _can_fork():
        yield list(tasks)
        return
    with _open_pool(lambda number: tasks[number](), process_count, niceness) as pool:
        waiting = [pool.submit(_run, number) for number in range(len(tasks))]
        try:
            yield [future.result for future in waiting]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextlib.contextmanager
def _open_pool(work: Callable[[Any], object], count: int, niceness: int = 0) -> Iterator[ProcessPoolExecutor]:
    """Opens a pool of processes that do `work`, which they inherit.

    Raises:
        DataError: a process ended before its part was done.
    """
    global _work  # noqa: PLW0603  a closure cannot be sent to another process, but it can be inherited
    outer, _work = _work, work
    fork = multiprocessing.get_context("fork")
    try:
        with ProcessPoolExecutor(count, fork, initializer=_end_with, initargs=(os.getpid(), niceness)) as pool:
            yield pool
    except BrokenProcessPool:
        raise DataError("a worker process was ended", do="free some memory and run it again") from None
    finally:
        _work = outer


def _can_fork() -> bool:
    return sys.platform == "linux" and not multiprocessing.current_process().daemon


def count_processors() -> int:
    """Returns how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_with(parent: int, niceness: int) -> None:
    """Asks the kernel to end this process with the one that started it: a kill must leave none behind that waits.

    What it inherits is not looked through for circles: that takes time, and each page looked at would be copied.
    """
    gc.freeze()
    os.nice(niceness)
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before we could ask
        os._exit(1)


def _run(part: object) -> object:
    if _work is None:
        raise RuntimeError("this process was not forked by `map_forked`")
    return _work(part)
