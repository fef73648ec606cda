"""Stage `scrape`: brings every scraped source up to date. The only stage that uses the network."""

import contextlib
import fcntl
import logging
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pipeline import store
from pipeline.config import Config
from pipeline.errors import ChallengeError, ConfigError, PipelineError
from pipeline.scrape import registry, snapshot
from pipeline.scrape.alarms import Facts, find_alarms, gather_facts
from pipeline.scrape.health import Expectation, Health, lost_canaries, measure_health, unmet
from pipeline.scrape.item import Item
from pipeline.scrape.snapshot import Checkpoint, Manifest
from pipeline.web.clock import Clock, SystemClock, iso_time
from pipeline.web.contact import user_agent
from pipeline.web.session import Limits, PoliteSession

log = logging.getLogger(__name__)
UNEVEN = 3  # exit status: some source stopped or raised an alarm, the others are up to date
INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it
LEDGER = "ledger.csv"
_HEADINGS = ("source", "window", "requests", "new", "changed", "unchanged", "rejected", "alarms")


@dataclass(frozen=True)
class Outcome:
    """One line of the final table, and what was wrong."""

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


def run(
    config: Config,
    *,
    only: str = "",
    is_dry_run: bool = False,
    is_full: bool = False,
    clock: Clock | None = None,
    limits: Limits | None = None,
) -> int:
    """Asks every scraped source for what is new and prints a table.

    Returns:
        the exit status: 0; 3 if a source stopped or raised an alarm; 130 after Ctrl-C.

    Args:
        only: the one entry of `[sources]` to ask; empty for all.
        is_full: ask for everything again.

    Raises:
        ConfigError: an entry is wrong, or nobody is named as contact.
    """
    names = [name for name, entry in config.sources.items() if registry.is_scraped(entry) and only in ("", name)]
    if only and not names:
        raise ConfigError(f"there is no scraped source {only!r}", where="[sources]", do="see census.toml")
    settings = {name: registry.settings_of(name, config.sources[name]) for name in names}
    clock = clock or SystemClock()
    if is_dry_run:
        for name in names:
            _print_plan(config, name, settings[name], iso_time(clock.now()), is_full=is_full)
        return 0
    outcomes = []
    with only_run(config):
        for name in names:
            try:
                outcomes.append(_scrape_safely(config, name, settings[name], clock, limits, is_full=is_full))
            except KeyboardInterrupt:
                log.warning("%s: interrupted; make scrape goes on from here", name)
                return INTERRUPTED
    print(_table(outcomes))
    return UNEVEN if any(outcome.problem or outcome.alarms for outcome in outcomes) else 0


def _scrape_safely(
    config: Config, name: str, settings: Any, clock: Clock, limits: Limits | None, *, is_full: bool
) -> Outcome:
    """Scrapes one source; what goes wrong with it does not stop the others."""
    source = registry.KINDS[settings.kind]
    rules = source.hosts(settings)
    for host, rule in rules.items():
        if rule.robots_exemption:
            log.info("%s: robots.txt of %s is not asked for: %s", name, host, rule.robots_exemption)
    agent = user_agent(config, is_local=all(rule.allows_private for rule in rules.values()))
    session = PoliteSession(rules, user_agent=agent, clock=clock, limits=limits, rng=random.Random(config.seed))
    try:
        outcome = _scrape(config, name, settings, session, is_full=is_full)
    except PipelineError as error:
        kind = "challenged" if isinstance(error, ChallengeError) else "stopped"
        log.error("%s: %s: %s", name, kind, error)
        return Outcome(name, kind, session.request_count, problem=str(error))
    finally:
        session.close()
    for alarm in outcome.alarms:
        log.warning("%s: alarm: %s", name, alarm)
    if outcome.missing_count:
        log.warning(
            "%s: %d pages could not be had; they are rejects now, and asked for again by the next run",
            name,
            outcome.missing_count,
        )
    return outcome


def _scrape(config: Config, name: str, settings: Any, session: PoliteSession, *, is_full: bool) -> Outcome:
    source, entry = registry.KINDS[settings.kind], config.sources[name]
    earlier = registry.current_snapshots(config, name)
    past = earlier[-1][1].state if earlier else None
    now = iso_time(session.clock.now())
    fresh = Checkpoint(started_at=now, query=registry.query_of(entry), is_full=is_full or not earlier)
    folder = registry.folder_of(config, name)
    place, checkpoint = snapshot.open_snapshot(folder, now[:10], registry.query_of(entry), fresh)
    if checkpoint.is_full:
        past = vars(source)["forget"](past) if past and "forget" in vars(source) else None
    before = checkpoint.request_count
    if checkpoint.page_count:
        log.info("%s: going on after %d pages", name, checkpoint.page_count)
    with tqdm(desc=name, unit=" pages", initial=checkpoint.page_count, disable=None, leave=False) as bar:
        for step in source.pages(settings, session, checkpoint.cursor, past):
            checkpoint = snapshot.save_step(place, checkpoint, step, before + session.request_count)
            bar.update()
    manifest = _finish(config, name, settings, session, place, checkpoint)
    return Outcome(
        name,
        "all" if manifest.is_full or not earlier else f"since {earlier[-1][1].started_at[:10]}",
        manifest.request_count,
        manifest.new_count,
        manifest.changed_count,
        manifest.unchanged_count,
        sum(manifest.rejects.values()),
        manifest.alarms,
        missing_count=len(manifest.missing),
    )


def _finish(
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
    _log_end(manifest)
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


def _log_end(manifest: Manifest) -> None:
    saved = max(0, manifest.full_request_count - manifest.request_count)
    log.info(
        "%s: %d requests, %d items (%d new, %d changed; %d without a known author), %d rejects, %d outside the query%s",
        manifest.source,
        manifest.request_count,
        manifest.item_count,
        manifest.new_count,
        manifest.changed_count,
        manifest.unknown_author_count,
        sum(manifest.rejects.values()),
        manifest.outside_query_count,
        "" if manifest.is_full else f"; {saved} requests saved against the last full harvest",
    )


def _digest(item: Item) -> str:
    """Returns the hash of what an item says; votes and the place it was read at are no change."""
    facts = {key: value for key, value in asdict(item).items() if key not in ("place", "karma", "karma_read_date")}
    return store.sha256_of_text(repr(sorted(facts.items())))[:32]


@contextlib.contextmanager
def only_run(config: Config) -> Iterator[None]:
    """Lets one scrape run at a time: the services count all requests of a person together."""
    path = config.path(config.paths.raw, ".scrape.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError("another scrape is running", where=str(path), do="wait for it to end") from None
        yield


def _print_plan(config: Config, name: str, settings: Any, now: str, *, is_full: bool) -> None:
    earlier = [] if is_full else registry.current_snapshots(config, name)
    lines = registry.KINDS[settings.kind].plan(settings, earlier[-1][1].state if earlier else None, now)
    print(
        f"{name}: {len(lines)} first request{'s' if len(lines) != 1 else ''}, one each {settings.seconds_between:g} s"
    )
    for line in lines:
        print(f"  {line}")


def _table(outcomes: list[Outcome]) -> str:
    rows = [_HEADINGS, *(_row(outcome) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"{outcome.source}: {note}" for outcome in outcomes for note in _notes(outcome)]
    return "\n".join([*lines, *notes])


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
