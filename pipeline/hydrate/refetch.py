"""The archive of fetched texts: what was asked for and answered, as dated WARC snapshots that a kill cannot damage.

Snapshots lie under `data/raw/hydrated/<source>/<day>/`, as those of scraped sources do under their own folder. A run
asks only for documents that no snapshot answers; one with `is_full` begins a snapshot that asks for all again. A run
that was stopped, or in which a site failed, leaves its snapshot unfinished, and the next run goes on in it.
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from pipeline import store
from pipeline.config import Config
from pipeline.errors import ChallengeError, FetchError, PipelineError
from pipeline.hydrate.sites import ASKS_BEFORE_GONE, SITES, ask_site, read_page, site_of, split_batches
from pipeline.scrape import snapshot
from pipeline.scrape.snapshot import Checkpoint, Manifest, Step
from pipeline.settings import Hydrate
from pipeline.web.archive import Page
from pipeline.web.clock import iso_time
from pipeline.web.session import PoliteSession

log = logging.getLogger(__name__)
MAX_FAILURES_IN_A_ROW = 3  # requests
MAX_PASSES = 3  # of one run over documents that gave no clear answer
LICENCE = "the texts belong to their authors; for research, not for republication"
Place = tuple[Path, int]  # the folder of a snapshot, and how many bytes of its archive are whole


@dataclass
class Answers:
    """Which documents have answered, and how often a site was silent about the others."""

    found: set[str] = field(default_factory=set)
    absent_counts: dict[str, int] = field(default_factory=dict)

    def add(self, page: Page) -> None:
        """Takes note of one page."""
        for doc_id, fetched in read_page(page).items():
            if fetched:
                self.found.add(doc_id)
            else:
                self.absent_counts[doc_id] = self.absent_counts.get(doc_id, 0) + 1

    def is_settled(self, doc_id: str) -> bool:
        """Says whether a document was found, or its site has said often enough that it is gone."""
        return doc_id in self.found or self.absent_counts.get(doc_id, 0) >= ASKS_BEFORE_GONE[site_of(doc_id)]


@dataclass(frozen=True)
class Outcome:
    """What one run brought: every snapshot to read, oldest first, the one it worked on, and what stopped which site."""

    places: tuple[Place, ...]
    current: Path | None
    checkpoint: Checkpoint | None
    n_fetched: int
    problems: dict[str, str]


def folder_of(config: Config, name: str) -> Path:
    """Returns where the snapshots of the texts of the source `name` lie."""
    return config.path(config.paths.raw, "hydrated", name)


def missing_ids(folder: Path, doc_ids: Sequence[str], *, is_full: bool) -> list[str]:
    """Returns the documents that a run would ask for, in order; those of sites that cannot be asked are not among them.

    Raises:
        DataError: an archive or a manifest is damaged.
    """
    places = [] if is_full else _current(folder)
    started = _unfinished(folder)
    if started and started[1].is_full:
        places = []
    return _unsettled(doc_ids, _read_answers([*places, *([_place(started)] if started else [])]))


def refetch(config: Config, name: str, doc_ids: Sequence[str], session: PoliteSession, *, is_full: bool) -> Outcome:
    """Asks for what no snapshot answers yet. A site that fails does not stop the others.

    Raises:
        DataError: an archive or a manifest is damaged.
    """
    folder = folder_of(config, name)
    finished = _current(folder)
    if not is_full and not _unfinished(folder) and not missing_ids(folder, doc_ids, is_full=False):
        return Outcome(tuple(finished), None, None, 0, {})
    now = iso_time(session.clock.now())
    query = {"source": name}
    fresh = Checkpoint(started_at=now, query=query, is_full=is_full or not finished)
    current, checkpoint = snapshot.open_snapshot(folder, now[:10], query, fresh)
    counted = [*([] if checkpoint.is_full else finished), (current, checkpoint.length)]
    answers = _read_answers(counted)
    n_before, asked_before, problems = len(answers.found), checkpoint.request_count, {}
    for site in SITES:
        try:
            for step in _steps(session, config.hydrate, site, _unsettled(doc_ids, answers, site), answers):
                checkpoint = snapshot.save_step(current, checkpoint, step, asked_before + session.request_count)
        except PipelineError as error:
            problems[site] = f"{error.what} ({error.where[:100]})"
            log.error(
                "hydrate: %s stopped: %s; run make hydrate again later, it goes on from here", site, problems[site]
            )
    places = (*finished, (current, checkpoint.length))
    return Outcome(places, current, checkpoint, len(answers.found) - n_before, problems)


def read_pages(places: Sequence[Place]) -> Iterator[Page]:
    """Yields every page of some snapshots, oldest first. Raises as `archive.read_pages`."""
    for folder, length in places:
        yield from snapshot.pages_of(folder, length)


def finish(outcome: Outcome, name: str, session: PoliteSession, counts: dict[str, int]) -> None:
    """Writes the manifest of the snapshot that a run worked on, unless a site still owes answers.

    Args:
        counts: documents of each status of `hydrated`.
    """
    if not outcome.current or not outcome.checkpoint or outcome.problems:
        return
    place, checkpoint = outcome.current, outcome.checkpoint
    archive = place / snapshot.ARCHIVE
    rejects = {status: count for status, count in counts.items() if status in ("gone", "no text")}
    manifest = Manifest(
        source=name,
        kind="hydrate",
        snapshot=place.name,
        started_at=checkpoint.started_at,
        finished_at=iso_time(session.clock.now()),
        is_full=checkpoint.is_full,
        query=checkpoint.query,
        licence=LICENCE,
        frame="",
        archive_sha256=store.sha256_of_file(archive) if archive.exists() else "",
        archive_bytes=checkpoint.length,
        page_count=checkpoint.page_count,
        request_count=checkpoint.request_count,
        failures=dict(session.failures),
        state=checkpoint.cursor or {},
        item_count=sum(counts.values()),
        changed_count=counts.get("changed", 0),
        unchanged_count=counts.get("verified", 0) + counts.get("alike", 0),
        rejects=rejects,
    )
    snapshot.save_manifest(place, manifest)


def _steps(
    session: PoliteSession, settings: Hydrate, site: str, doc_ids: list[str], answers: Answers
) -> Iterator[Step]:
    """Yields a validated page for each batch, and asks again for what gave no clear answer."""
    n_asked = n_failed = 0
    for _ in range(MAX_PASSES):
        doc_ids = [doc_id for doc_id in doc_ids if not answers.is_settled(doc_id)]
        batches = list(split_batches(site, doc_ids, settings))
        for batch in tqdm(batches, desc=f"hydrate {site}", unit="request", disable=not sys.stderr.isatty()):
            try:
                response = ask_site(session, settings, site, batch)
            except ChallengeError:
                raise
            except FetchError as error:
                n_failed += 1
                if n_failed >= MAX_FAILURES_IN_A_ROW or "robots.txt" in error.what:
                    raise  # the site is down, not one document
                log.warning("hydrate: %s: %s; the others are asked for", ", ".join(batch[:3]), error.what)
                continue
            n_failed = 0
            context = {"site": site, "doc_ids": batch}
            answers.add(Page("", response, context))
            n_asked += len(batch)
            yield Step(response, context, {"site": site, "asked": n_asked})
    silent = [doc_id for doc_id in doc_ids if not answers.is_settled(doc_id)]
    if silent:
        raise FetchError(
            f"{len(silent)} documents gave no answer: {', '.join(silent[:5])}",
            where=settings.arxiv_url if site == "arxiv" else settings.forum_urls[site],
        )


def _unsettled(doc_ids: Sequence[str], answers: Answers, site: str = "") -> list[str]:
    sites = (site,) if site else SITES
    return sorted(doc_id for doc_id in doc_ids if site_of(doc_id) in sites and not answers.is_settled(doc_id))


def _read_answers(places: Sequence[Place]) -> Answers:
    answers = Answers()
    for page in read_pages(places):
        answers.add(page)
    return answers


def _current(folder: Path) -> list[Place]:
    """The finished snapshots that count: the last full one and what followed it."""
    found = snapshot.finished(folder)
    full = [number for number, (_, manifest) in enumerate(found) if manifest.is_full]
    return [(place, manifest.archive_bytes) for place, manifest in found[full[-1] :]] if full else []


def _unfinished(folder: Path) -> tuple[Path, Checkpoint] | None:
    """The snapshot that a stopped run left, if any."""
    begun = [path.parent for path in sorted(folder.glob(f"*/{snapshot.CHECKPOINT}"))]
    if not begun or (begun[-1] / snapshot.MANIFEST).exists():
        return None
    return begun[-1], snapshot.read_checkpoint(begun[-1])


def _place(started: tuple[Path, Checkpoint]) -> Place:
    return started[0], started[1].length
