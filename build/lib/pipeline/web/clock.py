"""Time as the session sees it, so that tests can wait an hour in no time."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Seconds since 1970 in UTC, and a way to let some pass."""

    def now(self) -> float:
        """Returns the time."""

    def sleep(self, seconds: float) -> None:
        """Returns after `seconds`."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Returns the time."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class VirtualClock:
    """A clock that stands still until somebody sleeps."""

    def __init__(self, start: float = 1_790_000_000.0) -> None:
        self.time = start

    def now(self) -> float:
        """Returns the time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Moves the clock on."""
        self.time += max(0.0, seconds)


def iso_time(seconds: float) -> str:
    """Returns a time as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
