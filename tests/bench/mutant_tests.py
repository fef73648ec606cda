"""Which tests execute a line of the estimating room, and whether one of them fails on a mutant.

A plugin of one pytest process that has collected the tests and runs none itself: each mutant has a process forked from
it, in which the function has its mutated code. The files are never touched, and no module is loaded anew.
"""

import gc
import importlib.abc
import importlib.machinery
import multiprocessing
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import _lru_cache_wrapper
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest

from tests.bench.mutants import ROOM, ROOT, Key, Mutant, find_uses, list_functions, mutate, put_in_place

NO_NEWS = 50  # calls of a function in a test that add no line to those seen: later ones are not looked at
LEAST_SECONDS = 60.0  # that the tests of one mutant may take, and five times what they take on the code as it is
Line = tuple[str, int]  # module and line


class Reach(NamedTuple):
    """What a test executes of the room, and the seconds it takes with its fixtures."""

    lines: frozenset[Line]
    seconds: float


class Lines:
    """Notes the lines of the room that each test executes, those of a fixture for all who use it."""

    def __init__(self, caches: "Sequence[_lru_cache_wrapper[Any]]" = ()) -> None:
        self.caches = caches
        self.now: set[Line] = set()
        self.news: dict[CodeType, tuple[int, int]] = {}
        self.of_fixtures: dict[int, tuple[set[Line], float]] = {}
        self.found: dict[str, Reach] = {}

    def _enter(self, frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(str(ROOM)):
            return None
        calls, known = self.news.get(code, (0, -1))
        self.news[code] = (calls + 1, known) if known == len(self.now) else (0, len(self.now))
        return self._step if calls < NO_NEWS else None

    def _step(self, frame: FrameType, event: str, _: object) -> Any:
        self.now.add((frame.f_code.co_filename, frame.f_lineno))
        return self._step

    def start(self) -> None:
        self.now, self.news = set(), {}
        sys.settrace(self._enter)
        threading.settrace(self._enter)

    def stop(self) -> frozenset[Line]:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        return name_lines(self.now)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        before, self.now, began = self.now, set(), time.monotonic()
        yield
        self.of_fixtures[id(fixturedef)] = (self.now, time.monotonic() - began)
        self.now = before | self.now

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        for cache in self.caches:  # what an earlier test computed and kept
            cache.cache_clear()
        began = time.monotonic()
        self.start()
        yield
        lines, seconds = set(self.stop()), time.monotonic() - began
        for fixtures in item._fixtureinfo.name2fixturedefs.values():
            more, extra = self.of_fixtures.get(id(fixtures[-1]), (set(), 0.0))
            seconds = max(seconds, extra)
            lines |= name_lines(more)
        self.found[item.nodeid] = Reach(frozenset(lines), seconds)


def name_lines(lines: Iterable[Line]) -> frozenset[Line]:
    """Returns lines of files as lines of modules."""
    return frozenset((Path(file).stem, number) for file, number in lines)


def list_caches() -> "list[_lru_cache_wrapper[Any]]":
    """Returns the functions of the project that keep their results."""
    caches = [one for one in gc.get_objects() if isinstance(one, _lru_cache_wrapper)]
    return [one for one in caches if str(getattr(one, "__module__", "")).startswith(("pipeline", "tests"))]


def choose_tests(mutant: Mutant, reach: Mapping[str, Reach], kills: Mapping[tuple[str, str], int]) -> list[str]:
    """Returns the tests that execute a mutant's statement, for what an import executes those that use its value, else
    any of its module: first those that killed another of its mutants, then the quickest."""
    first, last = mutant.lines
    wanted = {(mutant.module, line) for line in range(first, last + 1)}
    if not mutant.function:
        wanted = find_uses(mutant.names)
        wanted = wanted or {line for one in reach.values() for line in one.lines if line[0] == mutant.module}
    chosen = [name for name, (lines, _) in reach.items() if wanted & lines]
    return sorted(chosen, key=lambda name: (-min(kills.get((mutant.module, name), 0), 1), reach[name].seconds))


class Bench:
    """Runs nothing but what `work` asks for, once the tests are collected."""

    def __init__(self, work: "Callable[[Bench], None]") -> None:
        self.work, self.items, self.imported = work, dict[str, pytest.Item](), frozenset[Line]()
        self.loading, self.kills = Lines(), Counter[tuple[str, str]]()
        self.functions: dict[Key, list[FunctionType]] = {}
        self.caches: list[_lru_cache_wrapper[Any]] = []
        self.loading.start()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.imported = self.loading.stop()
        if session.testsfailed:
            return False  # pytest says which file cannot be loaded
        self.items = {item.nodeid: item for item in session.items if "built" not in getattr(item, "fixturenames", ())}
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one for all processes
        self.functions, self.caches = list_functions(), list_caches()
        gc.freeze()  # so that no forked process copies what it need not
        self.work(self)
        return True

    def map_lines(self, names: Sequence[str]) -> dict[str, Reach] | str:
        """Returns what each test executes; the name of one, where it fails on the code as it is."""
        return run_apart(self._map, 3600.0, names) or f"the process of {names[0]}"

    def _map(self, names: Sequence[str]) -> dict[str, Reach] | str:
        lines = Lines(self.caches)
        self.items[names[0]].config.pluginmanager.register(lines)
        return self._run(names) or lines.found

    def _run(self, names: Sequence[str]) -> str:
        """Returns the first test that fails; "" if none does."""
        chosen = [self.items[name] for name in names]
        for item, following in zip(chosen, [*chosen[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if item.session.testsfailed:
                return item.nodeid
        return ""

    def _run_mutated(self, mutant: Mutant, names: Sequence[str]) -> tuple[str, str]:
        if not put_in_place(mutant, self.functions):
            return "broken", "the function is not loaded"
        for cache in self.caches:
            cache.cache_clear()
        killer = self._run(names)
        return ("killed", killer) if killer else ("survived", f"{len(names)} tests")

    def try_mutant(self, mutant: Mutant, reach: Mapping[str, Reach]) -> tuple[str, str]:
        """Returns whether a mutant is killed or survives, and by which test or how many."""
        names = choose_tests(mutant, reach, self.kills)
        if not names:
            return "survived", "no test runs it"
        seconds = max(LEAST_SECONDS, 5 * sum(reach[name].seconds for name in names))
        is_loaded = mutant.function and not any(
            (mutant.module, line) in self.imported for line in range(mutant.lines[0], mutant.lines[1] + 1)
        )
        if is_loaded:
            found = run_apart(self._run_mutated, seconds, mutant, names)
        else:
            found = run_apart(_run_anew, seconds + LEAST_SECONDS, mutant.module, mutant.site, names, is_anew=True)
        result, note = found or ("killed", "died or never ended")
        if result == "killed":
            self.kills[mutant.module, note] += 1
        return result, note


class Loader(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Loads one module of the room from the code of a mutant."""

    def __init__(self, module: str, site: int) -> None:
        self.name, self.code = f"pipeline.estimate.{module}", mutate(module, site).code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        place = ROOM / f"{fullname.rpartition('.')[2]}.py"  # code that names its own file finds it
        return spec_from_file_location(fullname, place, loader=self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


class _First:
    """The name of the first test that fails, or of the file that cannot be loaded."""

    name = ""

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        self.name = self.name or (report.nodeid if report.failed else "")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)


def _run_anew(module: str, site: int, names: Sequence[str]) -> tuple[str, str]:
    """Runs tests in a process that has not loaded the room yet, for what an import executes."""
    sys.meta_path.insert(0, Loader(module, site))
    first = _First()
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider"]
    status = pytest.main([*options, *(str(ROOT / name) for name in names)], [first])
    if status and not first.name:
        return "broken", f"pytest ended with {status}, and no test failed"
    return ("killed", first.name) if status else ("survived", f"{len(names)} tests")


def run_apart(work: Callable[..., Any], seconds: float, *arguments: object, is_anew: bool = False) -> Any:
    """Returns what a function returns in a process of its own; None where it dies or never ends.

    Args:
        is_anew: whether it shares nothing that was loaded.
    """
    context = multiprocessing.get_context("spawn" if is_anew else "fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, work, *arguments))
    process.start()
    theirs.close()
    found = None
    with suppress(EOFError):
        found = ours.recv() if ours.poll(seconds) else None
    process.kill()
    process.join()
    return found


def _send(channel: Any, work: Callable[..., Any], *arguments: object) -> None:
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    channel.send(work(*arguments))
    os._exit(0)
