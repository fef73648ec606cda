"""What should make a person look: a drop, a window fallen empty, a list that shrank, a field that vanished."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.scrape.health import FIELDS
from pipeline.scrape.item import Item
from pipeline.scrape.snapshot import Manifest

_MAX_DROP = 0.10  # share of the items that may be gone before somebody should look
_MAX_LIST_DROP = 0.5  # a list that names half of what it did has changed its form
_MIN_WINDOW_ITEMS = 5  # a month with fewer may well be empty the next time
_MIN_FILLED_ITEMS = 20
_MIN_FILLED_SHARE, _VANISHED_SHARE = 0.5, 0.05


@dataclass(frozen=True)
class Facts:
    """What one snapshot brought: items by source and month, the share that has each field, and how many."""

    windows: dict[str, int]
    filled: dict[str, float]
    n_items: int


def gather_facts(items: Iterable[Item]) -> Facts:
    """Returns the facts of a snapshot."""
    windows: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    n_items = 0
    for item in items:
        n_items += 1
        windows[f"{item.source} {item.published_date[:7] or 'undated'}"] += 1
        filled.update(name for name in FIELDS if getattr(item, name) not in ("", (), None))
    shares = {name: filled[name] / n_items if n_items else 0.0 for name in FIELDS}
    return Facts(dict(sorted(windows.items())), shares, n_items)


def find_alarms(
    facts: Facts,
    earlier: Sequence[Manifest],
    *,
    is_full: bool,
    n_kept: int,
    n_listed: int = 0,
) -> list[str]:
    """Returns one line for each thing that looks wrong.

    Args:
        earlier: the finished snapshots before this one, oldest first.
        n_kept: items of the source after this snapshot.
        n_listed: items that its lists name, new or not; 0 where it has no lists.
    """
    alarms = []
    listed = next((manifest for manifest in reversed(earlier) if manifest.listed_count and not manifest.alarms), None)
    if listed and n_listed < listed.listed_count * (1 - _MAX_LIST_DROP):
        alarms.append(
            f"its lists name {n_listed:,} items, where they named {listed.listed_count:,} ({listed.snapshot})"
        )
    if earlier and n_kept < earlier[-1].item_count * (1 - _MAX_DROP):
        alarms.append(f"{n_kept:,} items, down from {earlier[-1].item_count:,}")
    alike = [manifest for manifest in earlier if manifest.is_full == is_full]
    if not alike:
        return alarms
    last = alike[-1]
    if is_full:
        emptied = [name for name, n in last.windows.items() if n >= _MIN_WINDOW_ITEMS and not facts.windows.get(name)]
        alarms += [f"no items for {name}, where there were {last.windows[name]}" for name in emptied]
    elif not facts.n_items and sum(last.windows.values()) >= _MIN_WINDOW_ITEMS:
        alarms.append(f"nothing since the last snapshot, which brought {sum(last.windows.values())} items")
    if facts.n_items >= _MIN_FILLED_ITEMS and sum(last.windows.values()) >= _MIN_FILLED_ITEMS:
        alarms += [
            f"field {name} vanished: {100 * share:.0f} % had it, now {100 * facts.filled[name]:.0f} %"
            for name, share in last.filled.items()
            if share >= _MIN_FILLED_SHARE and facts.filled.get(name, 0.0) < _VANISHED_SHARE
        ]
    return alarms
