"""What a run came to: one line for each source, and below them what was wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

_HEADINGS = ("source", "window", "requests", "new", "changed", "unchanged", "rejected", "alarms")


@dataclass(frozen=True)
class Outcome:
    """One line of the final table, and what was wrong.

    Attributes:
        problem: why the source stopped, if it did.
        missing_count: pages that could not be had; the next run asks for them again.
    """

    source: str
    window: str
    request_count: int
    new_count: int = 0
    changed_count: int = 0
    unchanged_count: int = 0
    reject_count: int = 0
    alarms: tuple[str, ...] = ()
    problem: str = ""
    missing_count: int = 0


def is_uneven(outcomes: Sequence[Outcome]) -> bool:
    """Says whether some source stopped or raised an alarm."""
    return any(outcome.problem or outcome.alarms for outcome in outcomes)


def table_of(outcomes: Sequence[Outcome]) -> str:
    """Returns the table of a run and its notes."""
    notes = [f"{outcome.source}: {note}" for outcome in outcomes for note in _notes(outcome)]
    return "\n".join([align([_HEADINGS, *(_row(outcome) for outcome in outcomes)]), *notes])


def align(rows: Sequence[Sequence[str]]) -> str:
    """Returns rows with their columns under one another."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _notes(outcome: Outcome) -> list[str]:
    missing = f"{outcome.missing_count} pages could not be had; the next run asks for them again"
    return [note for note in (outcome.problem, *outcome.alarms, missing if outcome.missing_count else "") if note]


def _row(outcome: Outcome) -> tuple[str, ...]:
    counts = (
        outcome.request_count,
        outcome.new_count,
        outcome.changed_count,
        outcome.unchanged_count,
        outcome.reject_count,
        len(outcome.alarms),
    )
    return (outcome.source, outcome.window, *(f"{count:,}" for count in counts))
