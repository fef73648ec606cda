"""Figures that others have published, kept as data beside the study, with their sources."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.coding.codebook import Codebook
from pipeline.errors import DataError

NEEDED = ("id", "what", "source", "how", "note")


def load_published(path: Path, codebook: Codebook) -> tuple[Mapping[str, Any], ...]:
    """Returns the rows of `published.toml`: what was measured, by whom, on what, and how it compares; none without it.

    Raises:
        DataError: it is not TOML, lacks a key, or names a definition that the codebook does not have.
    """
    if not path.is_file():
        return ()
    where, do = str(path), "mend the line, or remove the file"
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("figures", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"is not valid TOML: {error}", where=where, do=do) from None
    known = {definition.id for definition in codebook.definitions}
    for number, row in enumerate(rows, start=1):
        for key in NEEDED:
            if key not in row:
                raise DataError(f"figure {number} lacks {key!r}", where=where, do=do)
        if row.get("definition", "") not in {"", *known}:
            raise DataError(f"figure {number}: there is no definition {row['definition']!r}", where=where, do=do)
    return tuple(rows)
