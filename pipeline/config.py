"""The configuration: one TOML file, read into frozen dataclasses, each stage with its own slice."""

import json
import tomllib
from dataclasses import field, fields, replace
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.config_checks import check_name, check_values
from pipeline.errors import ConfigError
from pipeline.settings import (
    STRICT,
    Claim,
    Cluster,
    Corpus,
    Dataset,
    Embed,
    Estimate,
    Frame,
    Hydrate,
    Paths,
    Report,
    Scope,
    Scrape,
    Terms,
)

T = TypeVar("T")


@dataclass(frozen=True, config=STRICT)
class Config:
    """The whole file. `sources` stays as tables, since each source validates its own entry."""

    version: str
    seed: int
    sources: dict[str, dict[str, Any]]
    frames: dict[str, Frame]
    embed: Embed
    cluster: Cluster
    estimate: Estimate
    report: Report
    dataset: Dataset
    paths: Paths = field(default_factory=Paths)
    terms: Terms = field(default_factory=Terms)
    corpus: Corpus = field(default_factory=Corpus)
    scope: Scope = field(default_factory=Scope)
    hydrate: Hydrate = field(default_factory=Hydrate)
    claims: tuple[Claim, ...] = ()
    scrape: Scrape = field(default_factory=Scrape)
    root: Path = Path()
    file: Path = Path("census.toml")

    def path(self, *parts: str) -> Path:
        """Returns a path of the project, starting at its root."""
        return self.root.joinpath(*parts)

    def processed(self, name: str) -> Path:
        """Returns the path of the derived table `name`."""
        return self.path(self.paths.processed, f"{name}.parquet")


def build(kind: type[T], table: object, where: str) -> T:
    """Checks a table of the configuration against a frozen dataclass and returns it filled in.

    Raises:
        ConfigError: for the first unknown key, missing key or wrong type, naming its place.
    """
    adapter = TypeAdapter(kind)
    try:
        # JSON mode turns TOML arrays into tuples while staying strict about every other type.
        return adapter.validate_json(json.dumps(table, default=_as_text))
    except (RecursionError, TypeError) as error:
        raise ConfigError(f"cannot be read ({error})", where=where, do="write it as census.toml does") from None
    except ValidationError as error:
        # A misspelt key is missing under its right name too: the spelling is the cause.
        errors = sorted(error.errors(), key=lambda item: item["type"] != "unexpected_keyword_argument")
        first = errors[0]
        place = ".".join(str(part) for part in first["loc"])
        hint = {
            "unexpected_keyword_argument": "unknown key; remove it or correct its spelling",
            "missing": "missing key; add it",
            "missing_argument": "missing key; add it",
        }.get(first["type"], f"{first['msg']} (it is {repr(first['input'])[:80]})")
        raise ConfigError(
            f"[{place}] {hint}", where=where, do="see census.toml in the repository for every key"
        ) from None


def _as_text(value: object) -> str:
    """Writes a date of TOML, which JSON does not have, as it would stand in quotes."""
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__}")


def load_config(path: Path) -> Config:
    """Reads and checks the configuration file.

    Raises:
        ConfigError: the file is missing, is not TOML, or has a key or type that is not declared.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(
            "the configuration file is missing",
            where=str(path),
            do="run from the repository root, or pass --config FILE",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read ({error})", where=str(path), do="restore the file from git") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(f"is not valid TOML: {error}", where=str(path), do="mend the line it names") from None
    if "file" in table:
        raise ConfigError("[file] unknown key; remove it", where=str(path))
    if "root" in table:
        raise ConfigError("[root] unknown key; remove it", where=str(path))
    config = build(Config, table, str(path))
    check_values(config, str(path))
    _check_names(config, str(path))
    config = replace(config, root=(path.resolve().parent / config.paths.root).resolve(), file=path.resolve())
    _check_references(config, str(path))
    return config


def _check_names(config: Config, where: str) -> None:
    """Checks what becomes the name of a folder or a file, so that none leads out of its place."""
    check_name(config.version, "version", where)
    rounds = config.estimate.rounds if isinstance(config.estimate.rounds, tuple) else ()
    for name in (config.estimate.round, *rounds):
        if name:
            check_name(name, "estimate.rounds", where)
    for name in config.sources:
        check_name(name, f"sources.{name[:40]}", where)
    for name in config.frames:
        check_name(name, f"frames.{name[:40]}", where)
    layers = [layer.name for layer in config.cluster.layers]
    for name in layers:
        check_name(name, "cluster.layers", where)
    if len(set(layers)) < len(layers):
        raise ConfigError("[cluster.layers] has two layers of one name", where=where, do="rename one")
    for item in fields(config.paths):
        if not getattr(config.paths, item.name).strip():
            raise ConfigError(f"[paths.{item.name}] is empty", where=where, do="name a folder, or take the key out")


def _check_references(config: Config, where: str) -> None:
    """Checks what a type cannot say: names that must exist, and ranges."""
    if config.report.headline_frame not in config.frames:
        raise ConfigError(
            f"[report.headline_frame] there is no frame {config.report.headline_frame!r}",
            where=where,
            do=f"use one of {', '.join(config.frames)}",
        )
    if not 0 < config.estimate.level < 1:
        raise ConfigError(f"[estimate.level] must lie between 0 and 1, not {config.estimate.level}", where=where)
    _check_claims(config, where)
    if config.cluster.neighbour_count < 1:
        raise ConfigError(
            f"[cluster.neighbour_count] must be at least 1, not {config.cluster.neighbour_count}", where=where
        )
    if not config.sources:
        raise ConfigError("[sources] names no source", where=where, do="add one, such as [sources.census]")
    for name, entry in config.sources.items():
        if not isinstance(entry.get("kind"), str):
            raise ConfigError(f"[sources.{name}.kind] missing key; add it", where=where)


def _check_claims(config: Config, where: str) -> None:
    seen: set[str] = set()
    for claim in config.claims:
        place = f"[claims] {claim.id}"
        if claim.id in seen:
            raise ConfigError(f"{place} is there twice", where=where, do="rename one")
        seen.add(claim.id)
        if claim.frame not in config.frames:
            do = f"use one of {', '.join(config.frames)}"
            raise ConfigError(f"{place}: there is no frame {claim.frame!r}", where=where, do=do)
        said = [claim.below is not None or claim.above is not None, bool(claim.from_year)]
        if sum(said) != 1:
            do = "give below, above or both, or from_year"
            raise ConfigError(f"{place} says nothing, or two things", where=where, do=do)
        for value in (claim.below, claim.above):
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"{place}: {value} is no share", where=where, do="give a number from 0 to 1")
