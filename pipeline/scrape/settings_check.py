"""Every entry of `[sources]`, checked before anything runs: its keys, its values, and that its frame is declared."""

from collections.abc import Mapping
from typing import Any

from pipeline.config import Config, build
from pipeline.config_checks import check_values
from pipeline.errors import ConfigError
from pipeline.release import census
from pipeline.scrape import files, registry


def check_sources(config: Config) -> None:
    """Checks every source of the configuration.

    Raises:
        ConfigError: an unknown kind or key, a wrong type, a value that cannot be meant, or a frame not declared.
    """
    for name, declared in config.frames.items():
        if (declared.complete_from or declared.complete_before) and not declared.windows:
            raise ConfigError(
                "a frame that is complete for a span of time needs windows",
                where=f"[frames.{name}]",
                do='set windows = "year" or "quarter"',
            )
    known = {*config.frames, *(name for frame in config.frames.values() for name in frame.renamed_from)}
    for name, entry in config.sources.items():
        where = f"[sources.{name}]"
        settings = _settings_of(name, entry, where)
        check_values(settings, where)
        frame = getattr(settings, "frame", "")
        if frame and frame not in known:
            raise ConfigError(
                f"[frame] {frame!r} is not declared", where=where, do=f"add [frames.{frame}] to the configuration file"
            )
        if entry["kind"] == "blog":
            _check_span(config, frame, where)


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
