"""The files and settings that a stage's declaration names, found in one configuration."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline.config import Config
from pipeline.stages import Stage

_SETTING = re.compile(r"\{([a-z_]+\.[a-z_]+)\}")


def settle(config: Config, stage: Stage) -> Stage:
    """Returns the stage with the inputs and settings of those of its cases that hold in this configuration."""
    holding = [case for case in stage.cases if _read_key(config, case.setting) == case.value]
    return replace(
        stage,
        inputs=(*stage.inputs, *(each for case in holding for each in case.inputs)),
        settings=(*stage.settings, *(each for case in holding for each in case.settings)),
        cases=(),
    )


def find_files(config: Config, pattern: str) -> list[Path]:
    """Returns the files that a pattern of a declaration names, sorted; none where none exists."""
    found: set[Path] = set()
    for place in _expand(config, pattern):
        path = config.path(place)
        if any(letter in place for letter in "*?["):
            base = Path(path.anchor)
            found |= {each for each in base.glob(str(path.relative_to(base))) if each.is_file()}
        elif path.is_file():
            found.add(path)
    return sorted(path for path in found if not path.name.startswith("."))


def read_settings(config: Config, stage: Stage) -> dict[str, Any]:
    """Returns the settings that a stage reads, by their declared keys, as plain values."""
    table = TypeAdapter(Config).dump_python(config, mode="json")
    return {key: _look_up(table, key) for key in stage.settings}


def _look_up(table: dict[str, Any], key: str) -> Any:
    if key == "sources[census]":
        return {name: entry for name, entry in table["sources"].items() if entry.get("kind") == "census"}
    value: Any = table
    parts = key.split(".")
    for place, part in enumerate(parts):
        if part == "*":
            rest = parts[place + 1 :]
            return {name: _look_up(entry, ".".join(rest)) for name, entry in value.items()} if rest else list(value)
        value = value[part]
    return json.loads(json.dumps(value))


def _expand(config: Config, pattern: str) -> Iterator[str]:
    """Yields a pattern once for each folder or file that its placeholder stands for."""
    folders = {
        "raw": [config.paths.raw],
        "handcheck": [config.paths.handcheck],
        "reports": [config.paths.reports],
        "dist": [config.paths.dist],
        "root": ["."],
        "reuse": list(config.embed.reuse),
        "census": [str(entry["path"]) for entry in config.sources.values() if _is_census(entry)],
        "files": [
            str(path)
            for entry in config.sources.values()
            if not _is_census(entry) and "path" in entry
            for path in (entry["path"], *entry.get("only", ()))
        ],
        "version": [config.version],
        "frames.*.members": [frame.members for frame in config.frames.values() if frame.members],
        "other_reports": [],
    }
    folders["other_reports"] = [
        str(path)
        for path in sorted(config.path(config.paths.reports).glob("*"))
        if path.is_dir() and path.name != config.version
    ]
    setting = _SETTING.search(pattern)
    if setting:
        value = _read_key(config, setting.group(1))
        if value:
            yield from _expand(config, pattern.replace(setting.group(0), str(value)))
        return
    for name, places in folders.items():
        if f"{{{name}}}" in pattern:
            for place in places:
                yield from _expand(config, pattern.replace(f"{{{name}}}", place))
            return
    yield pattern


def _read_key(config: Config, key: str) -> Any:
    """Returns the setting `b` of `[a]`, named `a.b`."""
    section, _, name = key.partition(".")
    return getattr(getattr(config, section), name)


def _is_census(entry: dict[str, Any]) -> bool:
    return entry.get("kind") == "census"
