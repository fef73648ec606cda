"""The health contract: what a source is expected to bring, so that a failure cannot look like success."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass as plain
from dataclasses import field
from datetime import date

from pydantic.dataclasses import dataclass

from pipeline.scrape.item import Item
from pipeline.scrape.snapshot import Manifest
from pipeline.settings import STRICT

FIELDS = (
    "text",
    "url",
    "authors",
    "published_date",
    "tags",
    "karma",
    "versions",
    "licence",
    "affiliations",
    "organisation",
)


@dataclass(frozen=True, config=STRICT)
class Expectation:
    """What a source should have after any run; an alarm rings where it does not.

    Attributes:
        min_items: items in all, those of earlier snapshots included.
        max_age_days: how old the newest item may be; 0 for any age.
        min_filled: least share of the items that have a field, by its name.
    """

    min_items: int = 1
    max_age_days: int = 0
    min_filled: dict[str, float] = field(default_factory=dict)


@plain(frozen=True)
class Health:
    """What a source has: items, the newest date, the share that has each field, and how many lack an author."""

    n_items: int
    newest_date: str
    filled: dict[str, float]
    n_without_author: int


def measure_health(items: Iterable[Item], today: str) -> Health:
    """Returns the health of the items of a source; a date in the future is a mistake and counts as none."""
    kept = list(items)
    dates = [item.announced_date or item.published_date for item in kept]
    counts = {name: sum(getattr(item, name) not in ("", (), None) for item in kept) for name in FIELDS}
    return Health(
        n_items=len(kept),
        newest_date=max((found[:10] for found in dates if found[:10] <= today), default=""),
        filled={name: round(count / len(kept), 4) if kept else 0.0 for name, count in counts.items()},
        n_without_author=sum(not item.authors for item in kept),
    )


def unmet(expected: Expectation, health: Health, today: str, earlier: Sequence[Manifest]) -> list[str]:
    """Returns one line for each expectation that is not met, with the last value of a run without alarms."""
    good = next((manifest for manifest in reversed(earlier) if not manifest.alarms), None)

    def before(text: str) -> str:
        return f" ({good.snapshot}: {text})" if good and text else ""

    lines = []
    if health.n_items < expected.min_items:
        was = before(f"{good.item_count:,}" if good else "")
        lines.append(f"{health.n_items:,} items, where at least {expected.min_items:,} are expected{was}")
    if expected.max_age_days and health.n_items:
        age = (date.fromisoformat(today) - _day(health.newest_date)).days if health.newest_date else None
        if age is None or age > expected.max_age_days:
            was = before(f"newest {good.newest_date}" if good and good.newest_date else "")
            newest = f"of {health.newest_date}, {age} days old" if health.newest_date else "without a date"
            lines.append(f"the newest item is {newest}, where {expected.max_age_days} days are expected at most{was}")
    for name, share in expected.min_filled.items():
        has = health.filled.get(name, 0.0)
        if health.n_items and has < share:
            had = good.filled_all.get(name) if good else None
            was = before(f"{100 * had:.0f} %" if had is not None else "")
            lines.append(f"{100 * has:.0f} % of the items have {name}, where {100 * share:.0f} % are expected{was}")
    return lines


def lost_canaries(canaries: Sequence[str], known_ids: Collection[str], earlier: Sequence[Manifest]) -> list[str]:
    """Returns one line for each item that is known to exist and is not there, with the last run that had it."""
    missing = [name for name in canaries if name not in known_ids]
    had = next((manifest.snapshot for manifest in reversed(earlier) if not manifest.alarms), "")
    return [f"known item {name} is missing{f' ({had} had it)' if had else ''}" for name in missing]


def describe_expectation(expected: Expectation, canaries: Sequence[str], last: Mapping[str, str]) -> str:
    """Returns what is expected of a source, in one line, with the last good values."""
    parts = [f"at least {expected.min_items:,} items"]
    if expected.max_age_days:
        parts.append(f"newest at most {expected.max_age_days} days old")
    parts += [f"{name} in {100 * share:.0f} %" for name, share in expected.min_filled.items()]
    if canaries:
        parts.append(f"canaries {', '.join(canaries)}")
    known = ", ".join(f"{name} {value}" for name, value in last.items() if value)
    return "; ".join(parts) + (f" (last good: {known})" if known else "")


def _day(text: str) -> date:
    year, month, day = (f"{text}-01-01" if len(text) == 4 else f"{text}-01" if len(text) == 7 else text).split("-")
    return date(int(year), int(month), int(day))
