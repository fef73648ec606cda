"""Damaged archives of finished snapshots: the pages that were fetched, in their order, or one line."""

import gzip
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.scrape import snapshot
from pipeline.web import archive
from pipeline.web.response import Response

Case = Callable[[Path], str]
PAGE_COUNT = 8


def page(number: int) -> Response:
    body = json.dumps({"page": number, "words": f"invented {number} " * 20}).encode()
    headers = (("Content-Type", "application/json"),)
    return Response(f"https://example.org/{number}", 200, "OK", headers, body, read_at="2026-01-01T00:00:00Z")


@lru_cache(maxsize=1)
def members() -> tuple[bytes, ...]:
    """Returns the bytes that each page is in an archive."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path, length, parts = Path(folder) / snapshot.ARCHIVE, 0, []
        for number in range(PAGE_COUNT):
            end = archive.append_page(path, length, page(number), {"n": number})
            parts.append(path.read_bytes()[length:end])
            length = end
    return tuple(parts)


def check(folder: Path, content: bytes | None, **facts: object) -> str:
    """Reads an archive under the manifest of the whole one. Returns what was read instead of it, if anything."""
    import hashlib

    whole = b"".join(members())
    place = folder / "2026-01-01"
    place.mkdir(exist_ok=True)
    if content is not None:
        (place / snapshot.ARCHIVE).write_bytes(content)
    manifest = {
        **dict.fromkeys(("source", "kind", "started_at", "finished_at", "licence", "frame"), "x"),
        "snapshot": place.name,
        "is_full": True,
        "query": {},
        "archive_sha256": hashlib.sha256(whole).hexdigest(),
        "archive_bytes": len(whole),
        "page_count": PAGE_COUNT,
        "request_count": PAGE_COUNT,
        "failures": {},
        "state": {},
        **facts,
    }
    (place / snapshot.MANIFEST).write_text(json.dumps(manifest))
    try:
        read = snapshot.read_manifest(place / snapshot.MANIFEST)
        found = [(each.context["n"], each.response.raw) for each in snapshot.pages_of_manifest(place, read)]
    except PipelineError as error:
        return "" if "\n" not in str(error) and str(error).isprintable() else f"several lines: {error}"
    return "" if found == [(number, page(number).raw) for number in range(PAGE_COUNT)] else f"{len(found)} pages"


def all_cases() -> dict[str, Case]:
    """Returns every case by name."""
    parts = list(members())
    whole = b"".join(parts)
    changed: dict[str, bytes | None] = {
        "whole": whole,
        "missing": None,
        "empty": b"",
        "text": b"hello\n",
        "with a tail": whole + b"junk",
    }
    empty = gzip.compress(b"")
    changed |= {
        "in the other order": b"".join(parts[::-1]),
        "first and last in each other's place": b"".join([parts[-1], *parts[1:-1], parts[0]]),
        "the first page alone": parts[0],
        "twice over": whole + whole,
        "packed as one": gzip.compress(gzip.decompress(whole)),
        "zeros before": bytes(100) + whole,
        "a zero behind": whole + b"\0",
        "an empty member before": empty + whole,
        "an empty member between": b"".join([*parts[:3], empty, *parts[3:]]),
        "an empty member behind": whole + empty,
        "a foreign member between": b"".join([*parts[:3], gzip.compress(b'{"x": 1}\n'), *parts[3:]]),
        "without its first byte": whole[1:],
        "without its last byte": whole[:-1],
    }
    for n in range(PAGE_COUNT):
        changed[f"page {n} dropped"] = b"".join(parts[:n] + parts[n + 1 :])
        changed[f"page {n} doubled"] = b"".join([*parts[: n + 1], *parts[n:]])
        changed[f"page {n} in the place of the next"] = b"".join([*parts[:n], *parts[n : n + 2][::-1], *parts[n + 2 :]])
        changed[f"page {n} in the place of another"] = b"".join(
            [*parts[:n], parts[(n + 3) % PAGE_COUNT], *parts[n + 1 :]]
        )
    for share in range(5, 100, 10):
        place = len(whole) * share // 100
        changed[f"cut at {share} %"] = whole[:place]
        changed[f"flipped at {share} %"] = whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :]
        changed[f"zeros at {share} %"] = whole[:place] + bytes(50) + whole[place + 50 :]
    cases: dict[str, Case] = {
        name: lambda folder, content=content: check(folder, content) for name, content in changed.items()
    }
    odd: dict[str, tuple[object, ...]] = {
        "archive_sha256": ("../../x", None, 5, "", "A" * 64),
        "archive_bytes": (-1, None, "5", 1.5, 10**30),
        "page_count": (10**9, None, -1, "8", PAGE_COUNT - 1, PAGE_COUNT + 1),
        "windows": ({"x": "y"}, 5, []),
        "failures": ([], 5, {"a": "b"}),
        "state": (None, 5, []),
        "snapshot": ("../x", 5, None),
        "query": ([], "x"),
        "started_at": (5, None),
        "finished_at": (5, "soon"),
    }
    for key, values in odd.items():
        for value in values:
            cases[f"manifest says of {key} {value!r}"] = lambda folder, key=key, value=value: check(
                folder, whole, **{key: value}
            )
    return cases
