"""The manifest: hashes, sizes, counts and provenance of a release, by which it can be verified."""

import json
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
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            "the folder is no release: it has no manifest", where=str(path), do="run make dataset"
        ) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"is damaged ({error})", where=str(path), do="restore it, or run make dataset again") from None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or not {"documents.parquet", "embeddings.parquet"} <= set(files):
        raise DataError(
            "is damaged (it lists no documents or no embeddings)",
            where=str(path),
            do="restore it, or run make dataset again",
        )
    return manifest
