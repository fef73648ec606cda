"""Arrays kept for the next run, under a name that is a hash of all that they are made from."""

import io
import logging
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np

from pipeline import store

log = logging.getLogger(__name__)
FOLDER = ".kept"  # under data/processed


def load_arrays(place: Path, name: str) -> dict[str, np.ndarray] | None:
    """Returns the arrays kept under this name, or none: a damaged file is as if it were not there."""
    try:
        with np.load(place, allow_pickle=False) as file:
            return dict(file) if str(file["name"]) == name else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def save_arrays(place: Path, name: str, arrays: dict[str, np.ndarray]) -> None:
    """Keeps arrays in place of the last, if anything may be written there."""
    file, contents = io.BytesIO(), cast(dict[str, Any], {**arrays, "name": np.array(name)})
    np.savez(file, **contents)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        store.write_bytes(place, file.getvalue())
    except OSError as error:  # a folder that may only be read: what was made is as good
        log.warning("%s is not kept for the next run: %s", place.name, error)


def name_code(modules: Iterable[ModuleType], libraries: Iterable[str]) -> list[str]:
    """Returns hashes of modules and versions of libraries: the part that code has in a name."""
    hashes = [store.sha256_of_file(Path(str(module.__file__))) for module in modules]
    return hashes + [f"{name} {metadata.version(name)}" for name in libraries]
