"""The manifest: hashes, sizes, counts and provenance of a release, by which it can be verified."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import store
from pipeline.errors import DataError
from pipeline.release.columns import describe_table
from pipeline.schemas import Table

MANIFEST_NAME = "manifest.json"
CARD_NAME = "README.md"
REMAKE = "restore it, or run make dataset again"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # never a path
_DIGEST = re.compile(r"[0-9a-f]{64}")
SUMS_NAME = "SHA256SUMS"  # `sha256sum -c SHA256SUMS` checks a release without this program


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Writes the manifest, and the checksums of every file with it."""
    store.write_text(folder / MANIFEST_NAME, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    store.write_text(folder / SUMS_NAME, make_sums(folder))


def add_table(folder: Path, table: Table, rows: pd.DataFrame) -> None:
    """Puts one more table into a release, and into its card, manifest and checksums; the rest stays as it is.

    Raises:
        DataError: the folder is no release, or the rows do not fit the table.
    """
    manifest = read_manifest(folder)
    path = folder / f"{table.name}.parquet"
    store.write_table(table, rows, path)
    manifest["files"][path.name] = {**_measure(path), "row_count": len(rows)}
    card = folder / CARD_NAME
    if card.exists():
        text = card.read_text(encoding="utf-8")
        if f"### {table.name}: " not in text:
            store.write_text(card, text + describe_table(table))
        manifest["files"][CARD_NAME] = _measure(card)
    manifest["files"] = dict(sorted(manifest["files"].items()))
    write_manifest(folder, manifest)


def _measure(path: Path) -> dict[str, object]:
    return {"sha256": store.sha256_of_file(path), "byte_count": path.stat().st_size}


def make_sums(folder: Path) -> str:
    """Returns the checksums of every file of a release but this one, in the form of sha256sum."""
    names = sorted([*list_files(folder), MANIFEST_NAME])
    return "".join(f"{store.sha256_of_file(folder / name)}  {name}\n" for name in names)


def list_files(folder: Path) -> list[str]:
    """Returns the names of the files that the manifest lists."""
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and path.name not in (MANIFEST_NAME, SUMS_NAME) and not path.name.startswith(".")
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """Returns the manifest of a release.

    Raises:
        DataError: it is missing or is not what a release has.
    """
    path = folder / MANIFEST_NAME
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise DataError("is no file", where=str(path), do=REMAKE)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            "the folder is no release: it has no manifest", where=str(path), do="run make dataset"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"is damaged ({error})", where=str(path), do=REMAKE) from None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or not {"documents.parquet", "embeddings.parquet"} <= set(files):
        raise DataError("is damaged (it lists no documents or no embeddings)", where=str(path), do=REMAKE)
    for name, entry in files.items():
        if not _FILE_NAME.fullmatch(name):
            raise DataError(f"lists {name[:100]!r}, which is no name of a file", where=str(path), do=REMAKE)
        if not isinstance(entry, dict) or not _is_described(entry):
            raise DataError(f"does not say size and SHA-256 of {name}", where=str(path), do=REMAKE)
    return manifest


def check_file(folder: Path, name: str, manifest: Mapping[str, Any]) -> None:
    """Checks that a file of a release is the one that its manifest lists.

    Raises:
        DataError: it is missing, not listed, or has another size or hash.
    """
    path, entry = folder / name, manifest["files"].get(name)
    if entry is None:
        raise DataError("is not in the manifest", where=str(path), do=REMAKE)
    with store.explain_damage(path):
        if path.stat().st_size != entry["byte_count"] or not path.is_file():
            raise DataError("has another size than the manifest says", where=str(path), do=REMAKE)
        if store.sha256_of_file(path) != entry["sha256"]:
            raise DataError("has another SHA-256 than the manifest says", where=str(path), do=REMAKE)


def release_digest(folder: Path) -> str:
    """Returns the one hash that stands for a release: the SHA-256 of its `SHA256SUMS`, which names every file.

    `sha256sum SHA256SUMS` prints it, and `sha256sum -c SHA256SUMS` checks the rest.

    Raises:
        DataError: the file is missing.
    """
    with store.explain_damage(folder / SUMS_NAME):
        return store.sha256_of_file(folder / SUMS_NAME)


def check_digest(folder: Path, digest: str) -> None:
    """Checks that a release, manifest included, is the one that a digest stands for.

    Raises:
        DataError: it is another.
    """
    found = release_digest(folder)
    if found != digest.strip().lower():
        raise DataError(f"has the digest {found}, not {digest}", where=str(folder), do="fetch the release again")
    if (folder / SUMS_NAME).read_bytes() != make_sums(folder).encode():
        raise DataError(f"{SUMS_NAME} does not agree with the files", where=str(folder), do=REMAKE)


def _is_described(entry: Mapping[str, Any]) -> bool:
    digest, size = entry.get("sha256"), entry.get("byte_count")
    return isinstance(digest, str) and bool(_DIGEST.fullmatch(digest)) and type(size) is int and size >= 0
