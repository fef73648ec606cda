"""Notes what a stage really reads while make runs it: files, settings, and modules of the package.

Loaded by tests/watch/sitecustomize.py in each process of a stage; leaves CENSUS_TRACES/<stage>.json. Files opened by
Python are seen by an audit hook; those that Arrow opens by itself, by its functions. Modules are those that the command
line had not loaded before it looked the stage up.
"""

import dataclasses
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

WRITES = set("wax+")
opened: set[str] = set()
read: set[str] = set()


def watch_files() -> None:
    import pandas as pd
    import pyarrow.parquet as pq

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and all(isinstance(word, str) for word in arguments[:2]) and not set(arguments[1]) & WRITES:
            opened.add(str(Path(arguments[0]).absolute()))

    sys.addaudithook(hook)
    for owner, name in ((pq, "read_table"), (pq, "read_schema"), (pq, "ParquetFile"), (pd, "read_parquet")):
        setattr(owner, name, _noting(getattr(owner, name)))


def _noting(function: Any) -> Any:
    class Noting:
        def __call__(self, source: Any, *arguments: Any, **keywords: Any) -> Any:
            if isinstance(source, str | Path):
                opened.add(str(Path(source).absolute()))
            return function(source, *arguments, **keywords)

        def __getattr__(self, name: str) -> Any:
            return getattr(function, name)

    return Noting()


class Spy:
    """A part of the configuration that notes what is read of it."""

    def __init__(self, value: Any, place: str) -> None:
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "_place", place)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._value, name)
        if callable(value):  # path and processed: they read `paths`, which all may
            return value
        return spy(value, f"{self._place}.{name}".lstrip("."))

    def __eq__(self, other: object) -> bool:
        return bool(self._value == other)

    def __hash__(self) -> int:
        return hash(self._value)


class SpyTable(dict):
    """A table of the configuration, such as `frames`: the names in it, and what is read of each."""

    def __init__(self, value: dict[str, Any], place: str) -> None:
        super().__init__({name: spy(each, f"{place}.*") for name, each in value.items()})
        read.add(f"{place}.*")


def spy(value: Any, place: str) -> Any:
    if dataclasses.is_dataclass(value):
        return Spy(value, place)
    if isinstance(value, dict) and value and all(dataclasses.is_dataclass(each) for each in value.values()):
        return SpyTable(value, place)
    read.add(place)
    return value


def watch_stage(words: list[str]) -> None:
    """Watches the function of the stage that these words of a command line name, as soon as it is looked up."""
    load = importlib.import_module

    def load_and_watch(name: str, package: str | None = None) -> ModuleType:
        before = {*sys.modules}
        module = load(name, package)
        if name.count(".") < 2:  # a room, for what it declares
            return module
        from pipeline.cli.registry import load_stages

        stages = load_stages()
        stage = next(stages[word] for word in words if word in stages)
        if name == stage.module:
            importlib.import_module = load  # type: ignore[assignment]
            function = stage.run.partition(":")[2]
            setattr(module, function, _traced(getattr(module, function), stage.name, before))
        return module

    importlib.import_module = load_and_watch  # type: ignore[assignment]


def _traced(function: Callable[..., int | None], name: str, before: set[str]) -> Callable[..., int | None]:
    def run(config: Any, **keywords: Any) -> int | None:
        watch_files()
        status = function(Spy(config, ""), **keywords)
        modules = [module for module in {*sys.modules} - before if module.split(".")[0] == "pipeline"]
        found = {"files": sorted(opened), "settings": sorted(read), "modules": sorted(modules)}
        Path(os.environ["CENSUS_TRACES"], f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
        return status

    return run
