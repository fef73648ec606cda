"""Stage `scrape`: brings every scraped source up to date. The only stage that uses the network."""

import contextlib
import fcntl
import logging
import random
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from pipeline.config import Config
from pipeline.errors import ChallengeError, ConfigError, PipelineError
from pipeline.scrape import registry, snapshot
from pipeline.scrape.finish import finish_snapshot
from pipeline.scrape.outcomes import Outcome, is_uneven, table_of
from pipeline.scrape.probe import expectation_line, probe_sources
from pipeline.scrape.snapshot import Checkpoint, Manifest
from pipeline.web.clock import Clock, SystemClock, iso_time
from pipeline.web.contact import user_agent
from pipeline.web.session import Limits, PoliteSession

log = logging.getLogger(__name__)
UNEVEN = 3  # exit status: some source stopped or raised an alarm, the others are up to date
INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def run(
    config: Config,
    *,
    only: str = "",
    is_dry_run: bool = False,
    is_full: bool = False,
    is_probe: bool = False,
    clock: Clock | None = None,
    limits: Limits | None = None,
) -> int:
    """Asks every scraped source for what is new and prints a table.

    Returns:
        the exit status: 0; 3 if a source stopped or raised an alarm; 130 after Ctrl-C.

    Args:
        only: the one entry of `[sources]` to ask; empty for all.
        is_full: ask for everything again.
        is_probe: ask the first page of every list only, and print what it is; nothing is kept.

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
    if is_probe:
        with only_run(config):
            return 0 if probe_sources(config, names, clock, limits) else UNEVEN
    outcomes = []
    with only_run(config):
        for name in names:
            try:
                outcomes.append(_scrape_safely(config, name, settings[name], clock, limits, is_full=is_full))
            except KeyboardInterrupt:
                log.warning("%s: interrupted; make scrape goes on from here", name)
                return INTERRUPTED
    print(table_of(outcomes))
    return UNEVEN if is_uneven(outcomes) else 0


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
    manifest = finish_snapshot(config, name, settings, session, place, checkpoint)
    _log_end(manifest)
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
    print(f"  expected: {expectation_line(config, name)}")
