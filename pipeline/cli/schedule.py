"""Which stage starts when: each as soon as the tables that it reads are written, two at once if processors allow."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from pipeline.stages import Stage

AT_ONCE = min(2, os.cpu_count() or 1)  # each may hold a gigabyte


def run_in_order(stages: Sequence[Stage], run: Callable[[Stage], int], at_once: int = AT_ONCE) -> int:
    """Runs stages, several at once where none reads what another is still to write.

    Args:
        stages: in an order in which each comes after those it reads from.
        run: runs one and returns its exit status; called in a thread of its own.
        at_once: the most that run at the same time.

    Returns:
        the first status that is not 0, after which nothing more is started; what runs then is waited for.
    """
    needs = _list_needs(stages)
    waiting, done, status = list(stages), set[str](), 0
    running: dict[Future[int], str] = {}
    with ThreadPoolExecutor(at_once) as pool:
        while running or (waiting and not status):
            ready = [stage for stage in waiting if needs[stage.name] <= done]
            for stage in ready[: at_once - len(running)] if not status else ():
                waiting.remove(stage)
                running[pool.submit(run, stage)] = stage.name
            for finished in wait(running, return_when=FIRST_COMPLETED).done:
                done.add(running.pop(finished))
                status = status or finished.result()
    return status


def _list_needs(stages: Sequence[Stage]) -> dict[str, set[str]]:
    """Returns, by name, the stages that each has to wait for: those before it whose tables it reads, or may read."""
    writer: dict[str, str] = {}
    needs = {}
    for stage in stages:
        needs[stage.name] = {writer[table] for table in (*stage.reads, *stage.may_read) if table in writer}
        writer |= dict.fromkeys(stage.writes, stage.name)
    return needs
