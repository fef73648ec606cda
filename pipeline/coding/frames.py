"""Frames by name and by window: earlier names, and the span of time that a date falls in."""

from collections.abc import Iterable, Mapping
from dataclasses import fields

import numpy as np
import pandas as pd

from pipeline.errors import ConfigError
from pipeline.settings import Frame


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


def may_be_quoted(frame: Frame, window: str = "") -> bool:
    """Says whether shares of a frame may be quoted, of a window or (empty) of all windows together.

    A frame with a span in which it is complete may be quoted for windows that lie inside it, and never as a whole.
    """
    return frame.is_quotable and is_complete_in(frame, window)


def as_quoted(frame: Frame) -> Frame:
    """Returns a frame of which `is_quotable` says whether it may be quoted as a whole."""
    declared = {item.name: getattr(frame, item.name) for item in fields(Frame)}
    return Frame(**{**declared, "is_quotable": may_be_quoted(frame)})


def is_complete_in(frame: Frame, window: str = "") -> bool:
    """Says whether a window, or (empty) the whole frame, lies in the span in which the frame is complete."""
    if not (frame.complete_from or frame.complete_before):
        return True
    if not window:
        return False
    first, end = _days_of(window)
    return frame.complete_from[:10] <= first and (not frame.complete_before or end <= frame.complete_before[:10])


def _days_of(window: str) -> tuple[str, str]:
    """Returns the first day of a window, and the first one after it."""
    year, quarter = int(window[:4]), window.partition("-Q")[2]
    if not quarter:
        return f"{year:04d}-01-01", f"{year + 1:04d}-01-01"
    month = 3 * int(quarter) - 2
    return f"{year:04d}-{month:02d}-01", f"{year:04d}-{month + 3:02d}-01" if month < 10 else f"{year + 1:04d}-01-01"


def windows_of(frames: Iterable[str], dates: Iterable[object], kinds: Mapping[str, str]) -> np.ndarray:
    """Returns the window of each date in its frame: str (n,)."""
    frame, names = pd.factorize(pd.Series(frames, dtype=object), use_na_sentinel=False)
    day, days = pd.factorize(pd.Series(dates, dtype=object), use_na_sentinel=False)
    # A few thousand days of a few frames, asked for by every document.
    pairs, place = np.unique(frame * max(len(days), 1) + day, return_inverse=True)
    known = [window_of(days[pair % len(days)], kinds.get(names[pair // len(days)], "")) for pair in pairs.tolist()]
    return np.array(known, dtype=object)[place]


def join_stratum(frame: str, window: str, part: str = "") -> str:
    """Returns the name of the stratum of a frame's window, or of a part of it."""
    return "/".join(name for name in (frame, window, part) if name)
