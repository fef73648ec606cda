"""Stage `verify`: recomputes every hash, key, foreign key and count of the releases, and the published shares."""

import collections
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline import store
from pipeline.agreement import stage as agreement
from pipeline.config import Config
from pipeline.dataset.checks import check_content
from pipeline.errors import DataError
from pipeline.estimate import stage as estimate
from pipeline.release.manifest import MANIFEST_NAME, SUMS_NAME, list_files, make_sums, read_manifest, release_digest
from pipeline.release.vector_cache import FOLDER, check_caches
from pipeline.scrape import registry, snapshot

log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Verifies the shipped censuses, what is under dist/, and the published shares.

    Raises:
        DataError: something does not hold; each problem is logged first.
    """
    start = time.perf_counter()
    sources = [config.path(str(entry["path"])) for entry in config.sources.values() if entry["kind"] == "census"]
    # Earlier versions lie beside the one in force: reports are compared with them.
    beside = {path.parent for folder in sources for path in folder.parent.glob(f"*/{MANIFEST_NAME}")}
    folders = sorted({*sources, *beside})
    folders += sorted(config.path(config.paths.dist).glob("census-*"))
    for folder in folders:
        verify_release(folder)
        place = folder.relative_to(config.root) if folder.is_relative_to(config.root) else folder
        log.info("verify: %s holds; digest %s", place, release_digest(folder))
    snapshot_count = verify_snapshots(config)
    has_shares = verify_shares(config)
    log.info(
        "verify: %d releases and %d snapshots%s in %.1f s",
        len(folders),
        snapshot_count,
        " and the published shares" if has_shares else "",
        time.perf_counter() - start,
    )


def verify_snapshots(config: Config) -> int:
    """Reads the archive of every finished snapshot back. Returns how many there are.

    Raises:
        DataError: an archive is not the one that its manifest describes.
    """
    count = 0
    for name in sorted(config.sources):
        if not registry.is_scraped(config.sources[name]):
            continue
        for place, manifest in snapshot.finished(registry.folder_of(config, name)):
            collections.deque(snapshot.pages_of_manifest(place, manifest), maxlen=0)
            count += 1
    return count


def verify_shares(config: Config) -> bool:
    """Recomputes the published shares and agreement, where a report has been published. Returns whether one has.

    Raises:
        PipelineError: a share is not what the sheets give.
    """
    if not config.path(config.paths.reports, config.version, "tables", "shares.csv").is_file():
        return False
    estimate.verify_shares(config)
    agreement.verify_agreement(config)
    return True


def verify_release(folder: Path) -> None:
    """Recomputes every hash, key, foreign key and count of a release.

    Raises:
        DataError: something does not hold; every problem is logged, the first is in the message.
    """
    problems = list(check_files(folder)) or [
        *check_content(folder),
        *check_caches(folder, read_manifest(folder)),
    ]
    for problem in problems:
        log.error("verify: %s: %s", folder.name, problem)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DataError(
            f"{problems[0]}{more}", where=str(folder), do="restore the folder from git, or run make dataset again"
        )


def check_files(folder: Path) -> Iterator[str]:
    """Yields each file that is missing, unlisted, or has other bytes than when the release was made."""
    listed = read_manifest(folder)["files"]
    present = set(list_files(folder))
    for name in sorted(set(listed) - present):
        yield f"{name} is missing"
    for name in sorted(present - set(listed)):
        yield f"{name} is not in the manifest"
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            yield f"{path.name} is a link, and what it leads to may change"
        elif not path.is_file() and path.name != FOLDER:
            yield f"{path.name} is no file"
    for name in sorted(present & set(listed)):
        if (folder / name).stat().st_size != listed[name].get("byte_count"):
            yield f"{name} has another size than the manifest says"
        elif store.sha256_of_file(folder / name) != listed[name].get("sha256"):
            yield f"{name} has another SHA-256 than the manifest says"
    sums = folder / SUMS_NAME
    if not sums.is_file():
        yield f"{SUMS_NAME} is missing"
    elif sums.read_bytes() != make_sums(folder).encode():
        yield f"{SUMS_NAME} does not agree with the files"
