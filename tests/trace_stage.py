"""Runs one stage and prints, as JSON, what it really read: files, settings, and modules of the package.

`python -m tests.trace_stage CONFIG STAGE`. Files opened by Python are seen by an audit hook; those that Arrow opens by
itself, by its functions. What the run depended on is noted, as by make, which then has nothing to do.
"""

import dataclasses
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from pipeline.cli.registry import load_stages
from pipeline.config import Config, load_config

WRITES = set("wax+")
opened: set[str] = set()
read: set[str] = set()


def watch_files() -> None:
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


def main() -> None:
    path, name = sys.argv[1:]
    stage = load_stages()[name]
    config = load_config(Path(path))
    function = getattr(importlib.import_module(stage.module), stage.run.partition(":")[2])
    watch_files()
    watched: Config = Spy(config, "")  # type: ignore[assignment]
    assert not function(watched)
    modules = [module for module in sys.modules if module.split(".")[0] == "pipeline"]
    importlib.import_module("pipeline.cli.runner").run_recorded(config, stage, lambda: None)  # notes it as run
    print(json.dumps({"files": sorted(opened), "settings": sorted(read), "modules": sorted(modules)}))


if __name__ == "__main__":
    main()
