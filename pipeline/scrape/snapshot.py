"""Dated snapshots of a source: the checkpoint of one under way, the manifest of a finished one."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.config import build
from pipeline.errors import DataError
from pipeline.web import archive
from pipeline.web.response import Response

ARCHIVE, CHECKPOINT, MANIFEST, INDEX = "pages.warc.gz", "checkpoint.json", "manifest.json", "index.tsv"
_NAME = re.compile(r"\d{4}-\d{2}-\d{2}(?:\.\d{2})?")


@dataclass(frozen=True)
class Step:
    """One validated page, what it was asked for, and where to go on after it.

    Without a response it is a page that could not be had: only the cursor moves, and names what is missing.
    """

    response: Response | None
    context: Mapping[str, Any]
    cursor: Mapping[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """How far a snapshot is: the pages within the first `length` bytes are whole, and `cursor` follows them."""

    started_at: str
    query: dict[str, Any]
    is_full: bool
    cursor: dict[str, Any] | None = None
    length: int = 0
    page_count: int = 0
    request_count: int = 0


@dataclass(frozen=True)
class Manifest:
    """What a finished snapshot holds.

    Attributes:
        query: the settings that decide what is asked for.
        state: the last cursor, from which the next snapshot asks only for what is new or changed.
        full_request_count: requests of the last snapshot that asked for everything.
        windows: items by source and month, to notice one that falls empty.
        filled: share of items that have each field, to notice one that vanishes.
        missing: what could not be fetched, with its reason; asked for again by the next run.
        short: parts of the source that gave less than they announce.
        robots: hosts whose robots.txt was not asked for, with the declared reason.
        listed_count: items that the lists of the source name, new or not.
        newest_date, filled_all, unknown_author_count: of all items of the source, with those of earlier snapshots.
    """

    source: str
    kind: str
    snapshot: str
    started_at: str
    finished_at: str
    is_full: bool
    query: dict[str, Any]
    licence: str
    frame: str
    archive_sha256: str
    archive_bytes: int
    page_count: int
    request_count: int
    failures: dict[str, int]
    state: dict[str, Any]
    full_request_count: int = 0
    item_count: int = 0
    new_count: int = 0
    changed_count: int = 0
    unchanged_count: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    outside_query_count: int = 0
    windows: dict[str, int] = field(default_factory=dict)
    filled: dict[str, float] = field(default_factory=dict)
    alarms: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    short: tuple[tuple[str, str], ...] = ()
    robots: dict[str, str] = field(default_factory=dict)
    listed_count: int = 0
    newest_date: str = ""
    filled_all: dict[str, float] = field(default_factory=dict)
    unknown_author_count: int = 0


def finished(folder: Path) -> list[tuple[Path, Manifest]]:
    """Returns the finished snapshots of a source, oldest first.

    Raises:
        DataError: a manifest is damaged.
    """
    found = sorted(path for path in folder.glob(f"*/{MANIFEST}") if _NAME.fullmatch(path.parent.name))
    return [(path.parent, read_manifest(path)) for path in found]


def read_manifest(path: Path) -> Manifest:
    """Reads a manifest.

    Raises:
        DataError: it is damaged.
    """
    return build(Manifest, _read_json(path), str(path))


def open_snapshot(folder: Path, day: str, query: Mapping[str, Any], fresh: Checkpoint) -> tuple[Path, Checkpoint]:
    """Returns the snapshot that was interrupted, if it asks the same question, or else a new one of `day`."""
    names = sorted(path.name for path in folder.glob("*") if _NAME.fullmatch(path.name))
    if names and not (folder / names[-1] / MANIFEST).exists() and (folder / names[-1] / CHECKPOINT).exists():
        found = read_checkpoint(folder / names[-1])
        if found.query == dict(query) and (found.is_full or not fresh.is_full):
            return folder / names[-1], found
    taken = [name for name in names if name.startswith(day)]
    place = folder / (day if not taken else f"{day}.{len(taken) + 1:02d}")
    save_checkpoint(place, fresh)
    return place, fresh


def read_checkpoint(place: Path) -> Checkpoint:
    """Reads how far a snapshot is.

    Raises:
        DataError: the checkpoint is damaged.
    """
    return build(Checkpoint, _read_json(place / CHECKPOINT), str(place / CHECKPOINT))


def save_step(place: Path, checkpoint: Checkpoint, step: Step, request_count: int) -> Checkpoint:
    """Archives a page, forces it to disk, and only then moves the checkpoint past it. Returns the new checkpoint."""
    if step.response is None:
        moved = replace(checkpoint, cursor=dict(step.cursor), request_count=request_count)
        save_checkpoint(place, moved)
        return moved
    length = archive.append_page(place / ARCHIVE, checkpoint.length, step.response, step.context)
    moved = replace(
        checkpoint,
        cursor=dict(step.cursor),
        length=length,
        page_count=checkpoint.page_count + 1,
        request_count=request_count,
    )
    save_checkpoint(place, moved)
    return moved


def save_checkpoint(place: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint, atomically."""
    store.write_text(place / CHECKPOINT, json.dumps(asdict(checkpoint), sort_keys=True) + "\n")


def save_manifest(place: Path, manifest: Manifest) -> None:
    """Writes the manifest, which is what makes a snapshot finished."""
    store.write_text(place / MANIFEST, json.dumps(asdict(manifest), sort_keys=True, indent=1) + "\n")


def pages_of(place: Path, length: int) -> Iterator[archive.Page]:
    """Yields the pages of a snapshot. Raises as `archive.read_pages`."""
    return archive.read_pages(place / ARCHIVE, length, place.name)


def pages_of_manifest(place: Path, manifest: Manifest) -> Iterator[archive.Page]:
    """Yields the pages of a finished snapshot, which are those that its manifest describes, in their order.

    Raises:
        DataError: the archive is missing, damaged or another, or has another number of pages.
    """
    path = place / ARCHIVE
    if manifest.archive_bytes < 0:
        raise DataError("is damaged (a negative size)", where=str(place / MANIFEST), do="restore the snapshot")
    if manifest.archive_bytes and archive_digest(path, manifest.archive_bytes) != manifest.archive_sha256:
        raise DataError(
            "the archive is not the one that was fetched: its SHA-256 differs from the manifest's",
            where=str(path),
            do="restore it, or delete this snapshot's folder and run make scrape",
        )
    count = 0
    for page in pages_of(place, manifest.archive_bytes):
        count += 1
        yield page
    if count != manifest.page_count:
        raise DataError(
            f"the archive has {count} pages, and the manifest says {manifest.page_count}",
            where=str(path),
            do="restore it, or delete this snapshot's folder and run make scrape",
        )


def archive_digest(path: Path, length: int) -> str:
    """Returns the SHA-256 of the first `length` bytes of an archive: what lies behind them is no part of it.

    Raises:
        DataError: the archive is missing.
    """
    digest, left = hashlib.sha256(), length
    with store.explain_damage(path), path.open("rb") as file:
        while left and (piece := file.read(min(left, 2**20))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


def read_index(place: Path) -> dict[str, str]:
    """Returns the hash of every item that the source had given up to and with this snapshot, by doc_id.

    Raises:
        DataError: the index is missing or damaged.
    """
    try:
        lines = (place / INDEX).read_text(encoding="utf-8").splitlines()
        return dict(line.split("\t", 1) for line in lines)
    except (OSError, ValueError):
        raise DataError(
            "the index of the snapshot is missing or damaged", where=str(place / INDEX), do="restore the snapshot"
        ) from None


def write_index(place: Path, index: Mapping[str, str]) -> None:
    """Writes the index, sorted by doc_id."""
    store.write_text(place / INDEX, "".join(f"{doc_id}\t{digest}\n" for doc_id, digest in sorted(index.items())))


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"is damaged ({str(error).splitlines()[0]})", where=str(path), do="delete the folder it lies in"
        ) from None
