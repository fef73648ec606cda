"""Work on every processor of this machine: tasks in processes that share what this one holds, without a copy.

Cuts hold Python's lock while they run, so threads would take turns. Processes are forked, not started: a graph of
millions of edges is there at once, and its memory is shared. Where a system cannot fork, tasks run one after another.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from pipeline.errors import DataError

_PARENT_DEATH_SIGNAL = 1  # linux/prctl.h
Result = TypeVar("Result")
_tasks: Sequence[Callable[[], object]] = ()  # what the forked processes inherit


def run_forked(tasks: Sequence[Callable[[], Result]]) -> list[Result]:
    """Returns what each task returns, in their order; the longest should come first.

    Raises:
        DataError: a process ended before its task did.
    """
    global _tasks  # noqa: PLW0603  a closure cannot be sent to another process, but it can be inherited
    count = min(count_processors(), len(tasks))
    if count < 2 or sys.platform != "linux" or multiprocessing.current_process().daemon:
        return [task() for task in tasks]
    _tasks = tasks
    try:
        fork = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(count, fork, initializer=_end_with, initargs=(os.getpid(),)) as pool:
            return list(pool.map(_run, range(len(tasks))))  # type: ignore[arg-type]
    except BrokenProcessPool:
        raise DataError("a worker process was ended", do="free some memory and run it again") from None
    finally:
        _tasks = ()


def count_processors() -> int:
    """Returns how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_with(parent: int) -> None:
    """Asks the kernel to end this process with the one that started it: a kill must leave none behind that waits."""
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before we could ask
        os._exit(1)


def _run(number: int) -> object:
    return _tasks[number]()
