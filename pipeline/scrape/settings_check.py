"""Every entry of `[sources]`, checked before anything runs: its keys, its values, and that its frame is declared."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pipeline.coding.frames import list_aliases
from pipeline.config import Config, build
from pipeline.config_checks import check_values
from pipeline.errors import ConfigError
from pipeline.release import census
from pipeline.scrape import files, registry
from pipeline.scrape.item import Item
from pipeline.text.phrase_lists import LISTS


def check_sources(config: Config) -> None:
    """Checks every source of the configuration.

    Raises:
        ConfigError: an unknown kind or key, a wrong type, a value that cannot be meant, or a frame not declared.
    """
    _check_frames(config)
    known = {*config.frames, *(name for frame in config.frames.values() for name in frame.renamed_from)}
    for name, entry in config.sources.items():
        where = f"[sources.{name}]"
        settings = _settings_of(name, entry, where)
        check_values(settings, where)
        _check_settings(settings, where)
        frame = getattr(settings, "frame", "")
        if frame and frame not in known:
            raise ConfigError(
                f"[frame] {frame!r} is not declared", where=where, do=f"add [frames.{frame}] to the configuration file"
            )
        if entry["kind"] == "blog":
            _check_span(config, frame, where)


def _check_frames(config: Config) -> None:
    """Checks what frames say of each other, and what is said of frames.

    Raises:
        ConfigError: an earlier name that is taken, a part of a frame that is not declared, or a span without windows.
    """
    list_aliases(config.frames)
    for name, frame in config.frames.items():
        where = f"[frames.{name}]"
        if (frame.complete_from or frame.complete_before) and not frame.windows:
            raise ConfigError(
                "a frame that is complete for a span of time needs windows",
                where=where,
                do='set windows = "year" or "quarter"',
            )
        whole, _, part = frame.part_of.partition("/")
        if frame.part_of and (whole not in config.frames or whole == name or not part or "/" in part):
            raise ConfigError(f"[part_of] {frame.part_of!r} is no part of a frame", where=where, do="write frame/part")
    unknown = sorted(set(config.corpus.fixed_frames) - set(config.frames))
    if unknown:
        raise ConfigError(f"[fixed_frames] {unknown[0]!r} is not declared", where="[corpus]", do="take it out")


def _check_settings(settings: Any, where: str) -> None:
    """Checks phrases and expectations, which the forms of their texts and the bounds of their numbers do not tell.

    Raises:
        ConfigError: a list of phrases that does not exist, a phrase without a word, or a field that no item has.
    """
    for phrase in getattr(getattr(settings, "query", None), "phrases", ()):
        if phrase.startswith("@") and phrase not in LISTS:
            raise ConfigError(f"[query] there is no list {phrase!r}", where=where, do=f"use {', '.join(LISTS)}")
        if not any(char.isalnum() for char in phrase):
            raise ConfigError(f"[query] the phrase {phrase!r} has no word", where=where, do="take it out")
    known = {item.name for item in fields(Item)}
    unknown = sorted(set(getattr(getattr(settings, "expect", None), "min_filled", ())) - known)
    if unknown:
        raise ConfigError(f"[expect.min_filled] {unknown[0]!r} is no field of an item", where=where, do="take it out")


def _check_span(config: Config, frame: str, where: str) -> None:
    """Sees to it that a frame of blogs is quotable only for a declared span: their lists show what they please.

    Raises:
        ConfigError: it is quotable without one.
    """
    declared = config.frames.get(frame)
    if declared and declared.is_quotable and not (declared.complete_from or declared.complete_before):
        raise ConfigError(
            f"the frame {frame!r} of blogs may be quoted only for the span in which every list is complete",
            where=where,
            do=f"set complete_from in [frames.{frame}], or is_quotable = false",
        )


def _settings_of(name: str, entry: Mapping[str, Any], where: str) -> Any:
    if entry["kind"] == "census":
        return build(census.Settings, dict(entry), where)
    if entry["kind"] == "files":
        settings = build(files.Settings, dict(entry), where)
        files.check_settings(settings, where)
        return settings
    return registry.settings_of(name, entry)
