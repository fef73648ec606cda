"""The end of a snapshot: its archive read back, compared with the snapshots before, and what is wrong with it named."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.config import Config
from pipeline.scrape import registry, snapshot
from pipeline.scrape.alarms import Facts, find_alarms, gather_facts
from pipeline.scrape.health import Expectation, Health, lost_canaries, measure_health, unmet
from pipeline.scrape.item import Item
from pipeline.scrape.snapshot import Checkpoint, Manifest
from pipeline.web.clock import iso_time
from pipeline.web.session import PoliteSession

log = logging.getLogger(__name__)
LEDGER = "ledger.csv"


def finish_snapshot(
    config: Config, name: str, settings: Any, session: PoliteSession, place: Path, checkpoint: Checkpoint
) -> Manifest:
    """Reads the archive back, compares it with the snapshots before, and writes index and manifest."""
    source = registry.KINDS[settings.kind]
    history = registry.history_of(config, name)
    keeps = settings.kind in registry.KEEPS_HISTORY
    earlier = [] if checkpoint.is_full and not keeps else registry.current_snapshots(config, name)
    draft = _draft(name, settings, session, place, checkpoint)
    kept, rejects, outside = registry.merge(source, settings, [*earlier, (place, draft)])
    index = {doc_id: _digest(item) for doc_id, item in kept.items()}
    known = snapshot.read_index(history[-1][0]) if history else {}
    own = [item for item in kept.values() if item.place.startswith(f"{place.name}/")]
    n_new = sum(item.doc_id not in known for item in own)
    n_same = sum(known.get(item.doc_id) == index[item.doc_id] for item in own)
    facts = gather_facts(own)
    health = measure_health(kept.values(), draft.finished_at[:10])
    manifest = replace(
        draft,
        full_request_count=draft.request_count if draft.is_full or not earlier else earlier[-1][1].full_request_count,
        item_count=len(index),
        new_count=n_new,
        changed_count=len(own) - n_new - n_same,
        unchanged_count=n_same,
        rejects=registry.count_reasons(rejects),
        outside_query_count=outside,
        windows=facts.windows,
        filled=facts.filled,
        newest_date=health.newest_date,
        filled_all=health.filled,
        unknown_author_count=health.n_without_author,
    )
    alarms = _alarms(settings, manifest, facts, health, index, [found for _, found in history])
    if "audit" in vars(source):
        alarms += source.audit(snapshot.pages_of(place, manifest.archive_bytes), settings)  # type: ignore[attr-defined]
    manifest = replace(manifest, alarms=tuple(alarms))
    _write_ledger(source, name, [*earlier, (place, manifest)])
    snapshot.write_index(place, index)
    snapshot.save_manifest(place, manifest)
    return manifest


def _write_ledger(source: Any, name: str, snapshots: list[tuple[Path, Manifest]]) -> None:
    """Writes the table of what a source has seen when, if it keeps one, beside its snapshots."""
    if "ledger" not in vars(source):
        return
    pages = (page for place, found in snapshots for page in snapshot.pages_of(place, found.archive_bytes))
    text, notes = source.ledger(pages)
    path = snapshots[-1][0].parent / LEDGER
    store.write_text(path, text)
    for note in notes:
        log.warning("%s: %s; see %s", name, note, path)


def _alarms(
    settings: Any,
    manifest: Manifest,
    facts: Facts,
    health: Health,
    known_ids: Collection[str],
    earlier: list[Manifest],
) -> list[str]:
    """Returns one line for each thing that a person should look at after a run."""
    return [
        *lost_canaries(settings.canaries, known_ids, earlier),
        *unmet(getattr(settings, "expect", None) or Expectation(), health, manifest.finished_at[:10], earlier),
        *(f"{what}: {why}" for what, why in manifest.short),
        *find_alarms(
            facts, earlier, is_full=manifest.is_full, n_kept=manifest.item_count, n_listed=manifest.listed_count
        ),
    ]


def _draft(name: str, settings: Any, session: PoliteSession, place: Path, checkpoint: Checkpoint) -> Manifest:
    """Returns the manifest as far as it is known before the archive is read."""
    archive = place / snapshot.ARCHIVE
    return Manifest(
        source=name,
        kind=settings.kind,
        snapshot=place.name,
        started_at=checkpoint.started_at,
        finished_at=iso_time(session.clock.now()),
        is_full=checkpoint.is_full,
        query=checkpoint.query,
        licence=settings.licence,
        frame=settings.frame,
        archive_sha256=snapshot.archive_digest(archive, checkpoint.length) if archive.exists() else "",
        archive_bytes=checkpoint.length,
        page_count=checkpoint.page_count,
        request_count=checkpoint.request_count,
        failures=dict(session.failures),
        state=checkpoint.cursor or {},
        missing=_missing(checkpoint.cursor or {}),
        short=tuple((str(what), str(why)) for what, why in (checkpoint.cursor or {}).get("short") or ()),
        robots={host: rule.robots_exemption for host, rule in session.rules.items() if rule.robots_exemption},
        listed_count=int((checkpoint.cursor or {}).get("listed") or 0),
    )


def _missing(cursor: Mapping[str, Any]) -> dict[str, str]:
    """Returns what the run could not have, by name, with the reason: the next run asks for it again."""
    failed = {link: str(why[0]) for link, why in sorted((cursor.get("failed") or {}).items())}
    return failed | dict.fromkeys(cursor.get("refused") or (), "the site failed to give it")


def _digest(item: Item) -> str:
    """Returns the hash of what an item says; votes and the place it was read at are no change."""
    facts = {key: value for key, value in asdict(item).items() if key not in ("place", "karma", "karma_read_date")}
    return store.sha256_of_text(repr(sorted(facts.items())))[:32]
