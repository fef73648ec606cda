"""Stages in processes that load no library: forked from one that loaded what they import while the first stage ran.

Loading pandas, scikit-learn and matplotlib takes each stage one to two seconds of processor, a fork a fiftieth of one.
"""

import multiprocessing
import os
import runpy
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import connection, forkserver

from pipeline.cli.code import PACKAGE

MODULES = "CENSUS_MODULES"  # in the environment: what the process that stages are forked from loads
_CHANGING = threading.Lock()  # of the list of processes, which multiprocessing keeps for one thread


def start_loading(modules: Sequence[str]) -> bool:
    """Starts the process that stages are forked from, once, and does not wait for it. Returns whether there is one."""
    if sys.platform != "linux":  # elsewhere libraries do not bear being forked
        return False
    os.environ[MODULES] = " ".join([f"{PACKAGE}.cli.main", *modules])
    forkserver.set_forkserver_preload([f"{__package__}.preload"])
    forkserver.ensure_running()
    return True


def run_loaded(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs `python -m pipeline WORDS`, in a process forked from the one that has loaded what it needs.

    Args:
        words: of the command line.
        environment: variables that it has besides the present ones.

    Returns:
        its exit status, negative for the signal that ended it.
    """
    process = multiprocessing.get_context("forkserver").Process(target=_be_stage, args=(words, dict(environment)))
    with _CHANGING:
        process.start()
    connection.wait([process.sentinel])
    with _CHANGING:
        process.join()
    return process.exitcode or 0


def _be_stage(words: Sequence[str], environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    sys.argv[1:] = words
    runpy.run_module(PACKAGE, run_name="__main__", alter_sys=True)
