"""Every kind of source by name, and one way to read the items of any of them."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pipeline.config import Config, build
from pipeline.errors import ConfigError
from pipeline.scrape import (
    arxiv_atom,
    arxiv_feed,
    arxiv_oai,
    blogs,
    files,
    forum,
    forum_dump,
    forum_feed,
    openalex,
    snapshot,
)
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.links import link_id
from pipeline.scrape.snapshot import Manifest, Step
from pipeline.web.archive import Page
from pipeline.web.hosts import HostRule
from pipeline.web.session import PoliteSession

log = logging.getLogger(__name__)


# Settings that change how a service is asked, and not what for.
_MANNERS = (
    "seconds_between",
    "page_size",
    "licence",
    "canaries",
    "access_header_variable",
    "key_variable",
    "expect",
    "organisation",
    "robots",
    "robots_reason",
)

# Kinds whose lists show the newest items only: what any snapshot of them brought stays, also through a full run and a
# corrected address. The settings named here say that two entries are the same source.
KEEPS_HISTORY: Mapping[str, tuple[str, ...]] = {
    "blog": ("kind", "site"),
    "forum-feed": ("kind", "site", "frame"),
    "arxiv-feed": ("kind", "frame"),
}


class Source(Protocol):
    """What a module gives to be a source, beside its `Settings`: a frozen dataclass with `kind`, `frame`, `licence`
    and `canaries`.

    `hosts` names who may be asked, `plan` says what would be, `pages` asks, `parse` reads what came and nothing else,
    and `is_wanted` says what belongs to the frame. It may have some more: `combine(known, found)` joins what two pages
    say of one item (without it the later page counts), `forget(past)` says what a full run still knows,
    `probes(settings)` parts an entry with several lists, `ledger(pages)` gives a table of what was seen when,
    `parse_all(pages, settings)` reads pages that only together are records, and `audit(pages, settings)` names what
    does not add up in a snapshot.
    """

    def hosts(self, settings: Any) -> dict[str, HostRule]:
        """Returns the rules of the hosts that may be asked."""

    def plan(self, settings: Any, past: Mapping[str, Any] | None, now: str) -> list[str]:
        """Returns what would be asked."""

    def pages(
        self, settings: Any, session: PoliteSession, cursor: Mapping[str, Any] | None, past: Mapping[str, Any] | None
    ) -> Iterator[Step]:
        """Yields validated pages, each with the cursor behind it."""

    def parse(self, page: Page, settings: Any) -> Iterator[Item | Reject]:
        """Yields what a page holds."""

    def is_wanted(self, item: Item, settings: Any) -> bool:
        """Says whether an item belongs to the frame."""


KINDS: dict[str, Source] = {
    "arxiv-oai": arxiv_oai,
    "arxiv-query": arxiv_atom,
    "arxiv-feed": arxiv_feed,
    "forum": forum,
    "forum-feed": forum_feed,
    "forum-dump": forum_dump,
    "blog": blogs,
    "openalex": openalex,
}


def is_scraped(entry: Mapping[str, Any]) -> bool:
    """Says whether an entry of `[sources]` is read from the network."""
    return entry["kind"] in KINDS


def settings_of(name: str, entry: Mapping[str, Any]) -> Any:
    """Returns the checked settings of a scraped source.

    Raises:
        ConfigError: the kind is unknown, or the entry has an unknown key or a wrong type.
    """
    where = f"[sources.{name}]"
    if entry["kind"] not in KINDS:
        raise ConfigError(
            f"unknown kind {entry['kind']!r}", where=where, do=f"use one of census, files, {', '.join(sorted(KINDS))}"
        )
    settings: type = vars(KINDS[entry["kind"]])["Settings"]
    return build(settings, dict(entry), where)


def folder_of(config: Config, name: str) -> Path:
    """Returns where the snapshots of a source lie."""
    return config.path(config.paths.raw, name)


def query_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the part of an entry that decides what is asked for."""
    return {key: value for key, value in entry.items() if key not in _MANNERS}


def current_snapshots(config: Config, name: str) -> list[tuple[Path, Manifest]]:
    """Returns the finished snapshots that answer the present query: the last full one and what followed it.

    Of a source that keeps its history, all snapshots ever finished count.

    Raises:
        DataError: a manifest is damaged.
    """
    found = history_of(config, name)
    if config.sources[name]["kind"] in KEEPS_HISTORY:
        return found
    full = [number for number, (_, manifest) in enumerate(found) if manifest.is_full]
    return found[full[-1] :] if full else []


def history_of(config: Config, name: str) -> list[tuple[Path, Manifest]]:
    """Returns every finished snapshot of the present query, oldest first.

    Raises:
        DataError: a manifest is damaged.
    """
    entry = config.sources[name]
    return [pair for pair in snapshot.finished(folder_of(config, name)) if _is_same(pair[1].query, entry)]


def _is_same(query: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Says whether a snapshot answers what an entry asks."""
    keys = KEEPS_HISTORY.get(entry["kind"])
    if keys:
        return all(query.get(key) == entry.get(key) for key in keys)
    return query_of(query) == query_of(entry)


def read_items(config: Config, name: str) -> Iterator[Item | Reject]:
    """Yields the items of a source: of a file, or of all finished snapshots, the newest of each doc_id.

    A source without a finished snapshot of the present query yields nothing.

    Raises:
        ConfigError: the kind is unknown, or the entry has an unknown key.
        DataError: a file or an archive is missing or damaged.
    """
    entry = config.sources[name]
    if entry["kind"] == "files":
        yield from files.read_items(entry, config.root, f"[sources.{name}]")
        return
    settings = settings_of(name, entry)
    found = current_snapshots(config, name)
    if not found:
        return
    kept, rejects, outside = merge(KINDS[entry["kind"]], settings, found)
    log.info("%s: %d items of %d snapshots, %d outside the query", name, len(kept), len(found), outside)
    yield from kept.values()
    yield from rejects


def merge(
    source: Source, settings: Any, snapshots: list[tuple[Path, Manifest]]
) -> tuple[dict[str, Item], list[Reject], int]:
    """Parses snapshots, oldest first, and keeps the newest item of each doc_id.

    Returns:
        the items by doc_id, the rejects (each reason and excerpt once), and how many lie outside the defined query.
    """
    combine: Callable[[Item, Item], Item] = vars(source).get("combine", lambda known, found: found)
    every: dict[str, Item] = {}
    rejects: dict[tuple[str, str], Reject] = {}
    for place, manifest in snapshots:
        for found in parse_snapshot(source, settings, place, manifest):
            if isinstance(found, Reject):
                rejects[(found.reason, found.excerpt)] = found
                if found.reason == "deleted by the source":
                    every.pop(found.excerpt, None)
            else:
                known = every.get(found.doc_id)
                every[found.doc_id] = combine(known, found) if known else found
    kept = {doc_id: item for doc_id, item in every.items() if source.is_wanted(item, settings)}
    missing = _missing(*snapshots[-1]) if snapshots else []
    # A record that was damaged once and whole another time is not lost.
    lost = [reject for reject in rejects.values() if reject.excerpt not in every and not _is_had(reject, every)]
    return kept, lost + missing, len(every) - len(kept)


def _missing(place: Path, manifest: Manifest) -> list[Reject]:
    """Returns a reject for each page that the last run could not have; the next one asks for it again."""
    failed = manifest.state.get("failed") or {}
    return [
        Reject(f"{place.name}/missing/{number:04d}", f"could not be had: {why[0]}", link)
        for number, (link, why) in enumerate(sorted(failed.items()))
    ]


def _is_had(reject: Reject, items: Mapping[str, Item]) -> bool:
    """Says whether a page that was refused once was had another time: its excerpt is its address."""
    return reject.excerpt.startswith("http") and link_id(reject.excerpt) in items


def parse_snapshot(source: Source, settings: Any, place: Path, manifest: Manifest) -> Iterator[Item | Reject]:
    """Yields what the pages of one snapshot hold, in the order they came. A pure function of the archive."""
    pages = snapshot.pages_of_manifest(place, manifest)
    together = vars(source).get("parse_all")
    if together:  # of a source whose records do not end with a page
        yield from together(pages, settings)
        return
    for page in pages:
        yield from source.parse(page, settings)


def count_reasons(rejects: list[Reject]) -> dict[str, int]:
    """Returns how many rejects have each reason."""
    return dict(sorted(Counter(reject.reason for reject in rejects).items()))
