"""Whether a stage has something to do: its code, settings, tables and inputs against those of its last run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.cli.code import PACKAGE, path_of
from pipeline.cli.inputs import find_files, read_settings, settle
from pipeline.cli.memory import Memory
from pipeline.config import Config
from pipeline.stages import Stage

FOLDER = ".stages"
PACKAGE_ROOT = Path(__file__).resolve().parents[2 + PACKAGE.count(".")]  # the folder that it is imported from
Parts = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What was found of a stage.

    Attributes:
        parts: what it depends on: hashes by module, asset, input and table, and its settings.
        reasons: what differs from its last run, in words; none if it is up to date.
    """

    parts: Parts
    reasons: tuple[str, ...]


def judge(config: Config, stage: Stage, memory: Memory) -> Verdict:
    """Compares a stage's parts and outputs with those of its last run.

    Raises:
        SyntaxError: a module of it is not Python.
    """
    parts = list_parts(config, stage, memory)
    record = read_record(config, stage)
    if record is None:
        return Verdict(parts, ("it has not run yet",))
    reasons = [*_compare(record["parts"], parts), *_compare_outputs(config, stage, record["outputs"], memory)]
    return Verdict(parts, tuple(reasons))


def list_parts(config: Config, stage: Stage, memory: Memory) -> Parts:
    """Returns all that a stage depends on. A file that is missing has no entry."""
    stage = settle(config, stage)
    tables = [config.processed(name) for name in (*stage.reads, *stage.may_read)]
    inputs = [path for pattern in stage.inputs for path in find_files(config, pattern)]
    assets = [
        path
        for pattern in stage.assets
        for path in PACKAGE_ROOT.joinpath(*PACKAGE.split(".")).glob(pattern)
        if path.is_file()
    ]
    return {
        "code": digest_code(stage, memory),
        "assets": {str(path.relative_to(PACKAGE_ROOT)): memory.asset(path) for path in sorted(assets)},
        "settings": read_settings(config, stage),
        "inputs": {_name(config, path): _digest_input(path, memory) for path in inputs},
        "tables": {path.name: memory.content(path) for path in tables if path.is_file()},
    }


def digest_code(stage: Stage, memory: Memory) -> dict[str, str]:
    """Returns the digest of every module that the stage's function reaches, by name."""
    found: dict[str, str] = {}
    waiting = [stage.module, stage.module.rpartition(".")[0]]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        path = path_of(module, PACKAGE_ROOT)
        if path is None:
            continue
        found[module], imports = memory.module(path, module, PACKAGE_ROOT, shows_meanings=stage.shows_meanings)
        waiting += imports
    return dict(sorted(found.items()))


def list_outputs(config: Config, stage: Stage) -> list[Path]:
    """Returns the files of a stage's outputs that exist."""
    tables = [config.processed(name) for name in stage.writes]
    return [path for path in tables if path.is_file()] + [
        path for pattern in stage.outputs for path in find_files(config, pattern)
    ]


def write_record(config: Config, stage: Stage, parts: Parts, memory: Memory) -> None:
    """Notes what a run that ended well depended on, and what it wrote."""
    outputs = {_name(config, path): memory.content(path) for path in list_outputs(config, stage)}
    path = config.path(config.paths.processed, FOLDER, f"{stage.name}.json")
    store.write_text(path, json.dumps({"parts": parts, "outputs": outputs}, sort_keys=True, indent=1) + "\n")


def read_record(config: Config, stage: Stage) -> dict[str, Any] | None:
    """Returns what the last run that ended well noted, or None."""
    path = config.path(config.paths.processed, FOLDER, f"{stage.name}.json")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and {"parts", "outputs"} <= set(record) else None


def _digest_input(path: Path, memory: Memory) -> str:
    return memory.asset(path) if path.suffix == ".toml" else memory.content(path)


def _name(config: Config, path: Path) -> str:
    return str(path.relative_to(config.root)) if path.is_relative_to(config.root) else str(path)


def _compare(old: Parts, new: Parts) -> list[str]:
    reasons = []
    for kind in ("code", "assets", "settings", "inputs", "tables"):
        before, after = old.get(kind, {}), new[kind]
        for name in sorted(set(before) | set(after)):
            if name not in before:
                reasons.append(f"{name} is new")
            elif name not in after:
                reasons.append(f"{name} is gone")
            elif before[name] != after[name]:
                reasons.append(f"{name} has changed")
    return reasons


def _compare_outputs(config: Config, stage: Stage, known: dict[str, str], memory: Memory) -> list[str]:
    """Says which of its outputs are missing, or are not what it wrote."""
    reasons = []
    for name, digest in known.items():
        path = config.path(name)
        if not path.is_file():
            reasons.append(f"{name} is missing")
        elif memory.content(path) != digest:
            reasons.append(f"{name} is not what it wrote")
    return reasons
