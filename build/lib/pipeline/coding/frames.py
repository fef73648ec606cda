"""Frames by name and by window: earlier names, and the span of time that a date falls in."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from pipeline.config import Frame
from pipeline.errors import ConfigError


def list_aliases(frames: Mapping[str, Frame]) -> dict[str, str]:
    """Returns the frame that each earlier name stands for.

    Raises:
        ConfigError: an earlier name is declared as a frame still, or two frames claim it.
    """
    aliases: dict[str, str] = {}
    for name, frame in frames.items():
        for old in frame.renamed_from:
            if old in frames or old in aliases:
                other = old if old in frames else aliases[old]
                raise ConfigError(
                    f"{old!r} is an earlier name of {name!r}, and of {other!r} too",
                    where=f"[frames.{name}.renamed_from]",
                    do="let one frame have the name",
                )
            aliases[old] = name
    return aliases


def rename_frames(names: pd.Series, aliases: Mapping[str, str]) -> pd.Series:
    """Returns frames by the names they have now."""
    return names.map(lambda name: aliases.get(name, name)) if aliases else names


def window_of(date: object, kind: str) -> str:
    """Returns the window of an ISO date: YYYY, YYYY-Q1 to YYYY-Q4, or nothing where the date does not say."""
    if not isinstance(date, str) or not kind or not date[:4].isdigit():
        return ""
    if kind == "year":
        return date[:4]
    month = date[5:7]
    return f"{date[:4]}-Q{(int(month) + 2) // 3}" if month.isdigit() else ""


def windows_of(frames: Iterable[str], dates: Iterable[object], kinds: Mapping[str, str]) -> np.ndarray:
    """Returns the window of each date in its frame: str (n,)."""
    return np.array(
        [window_of(date, kinds.get(frame, "")) for frame, date in zip(frames, dates, strict=True)], dtype=object
    )


def join_stratum(frame: str, window: str, part: str = "") -> str:
    """Returns the name of the stratum of a frame's window, or of a part of it."""
    return "/".join(name for name in (frame, window, part) if name)
