"""`make scrape SCRAPE=--probe`: the first page of every list, robots.txt and redirects, before anything is taken.

A layout that nobody has looked at is checked here: a list that names nothing, an address that moved, a host that says
no. Nothing is archived and no snapshot is begun.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from pipeline.config import Config
from pipeline.errors import PipelineError
from pipeline.scrape import registry
from pipeline.scrape.health import Expectation, describe_expectation, measure_health
from pipeline.scrape.item import Item, Reject
from pipeline.scrape.outcomes import align
from pipeline.web.archive import Page
from pipeline.web.clock import Clock, iso_time
from pipeline.web.contact import user_agent
from pipeline.web.session import Limits, PoliteSession

ATTEMPTS = 2  # a probe asks whether a source works now, not whether it will
MAX_STEPS = 3  # a list, and the first of the pages that it only names
_HEADINGS = ("source", "list", "robots.txt", "redirects to", "items", "rejects", "newest", "verdict")


@dataclass(frozen=True)
class Probe:
    """What the first pages of one list brought; `problem` is empty where it works."""

    source: str
    address: str
    robots: str
    redirect: str = ""
    n_items: int = 0
    n_rejects: int = 0
    newest: str = ""
    problem: str = ""


def probe_sources(config: Config, names: Sequence[str], clock: Clock, limits: Limits | None = None) -> bool:
    """Asks the first page of every list of some sources and prints a table, with what is expected of each.

    Returns:
        whether every list works.
    """
    patience = replace(limits or Limits(), max_attempts=ATTEMPTS, first_wait_seconds=5.0)
    probes: list[Probe] = []
    for name in names:
        settings = registry.settings_of(name, config.sources[name])
        parts = vars(registry.KINDS[settings.kind]).get("probes", lambda whole: [whole])
        probes += [_probe(config, name, part, clock, patience) for part in parts(settings)]
    print(align([_HEADINGS, *(_row(probe) for probe in probes)]))
    for probe in probes:
        if probe.problem:
            print(f"{probe.source}: {probe.problem}")
    for name in names:
        print(f"{name}: expected: {expectation_line(config, name)}")
    return not any(probe.problem for probe in probes)


def expectation_line(config: Config, name: str) -> str:
    """Returns what is expected of a source, with the values of its last run without alarms."""
    settings = registry.settings_of(name, config.sources[name])
    manifests = [manifest for _, manifest in registry.history_of(config, name)]
    good = next((manifest for manifest in reversed(manifests) if not manifest.alarms), None)
    last = {"run": good.snapshot, "items": f"{good.item_count:,}", "newest": good.newest_date} if good else {}
    return describe_expectation(getattr(settings, "expect", None) or Expectation(), settings.canaries, last)


def _probe(config: Config, name: str, settings: Any, clock: Clock, limits: Limits) -> Probe:
    source = registry.KINDS[settings.kind]
    address = _address(settings)
    try:
        rules = source.hosts(settings)
        agent = user_agent(config, is_local=all(rule.allows_private for rule in rules.values()))
    except PipelineError as error:
        return Probe(name, address, "", problem=str(error))
    session = PoliteSession(rules, user_agent=agent, clock=clock, limits=limits, rng=random.Random(config.seed))
    problem, found = "", []
    try:
        for step in islice(source.pages(settings, session, None, None), MAX_STEPS):
            if step.response is not None:
                found += _parse(source, settings, Page("probe", step.response, step.context))
            if any(isinstance(item, Item) for item in found):
                break
    except PipelineError as error:
        problem = str(error)
    finally:
        session.close()
    items = [item for item in found if isinstance(item, Item) and source.is_wanted(item, settings)]
    health = measure_health(items, iso_time(clock.now())[:10])
    return Probe(
        name,
        address,
        "; ".join(sorted(set(session.robots_notes.values()))) or "not reached",
        next((target for _, target in reversed(session.redirects)), ""),
        len([item for item in found if isinstance(item, Item)]),
        len([item for item in found if isinstance(item, Reject)]),
        health.newest_date,
        problem or ("" if found or _may_be_empty(settings) else "the first pages hold nothing that can be read"),
    )


def _parse(source: Any, settings: Any, page: Page) -> list[Item | Reject]:
    try:
        return list(source.parse(page, settings))
    except PipelineError:  # a slice of a dump is no dump: that it came is all there is to see
        return []


def _may_be_empty(settings: Any) -> bool:
    """Says whether a first page without items is no failure: a day without announcements, a slice of a dump."""
    return settings.kind in ("arxiv-feed", "arxiv-oai", "forum-dump")


def _address(settings: Any) -> str:
    routes = getattr(settings, "routes", ())
    return str(settings.url or (routes[0].url if routes else ""))


def _row(probe: Probe) -> tuple[str, ...]:
    verdict = "fails" if probe.problem else "moved" if probe.redirect else "works"
    counts = (f"{probe.n_items:,}", f"{probe.n_rejects:,}")
    return (probe.source, probe.address, probe.robots, probe.redirect, *counts, probe.newest, verdict)
