"""Weights: found in a folder or an installed package, checked by hash, never asked of a hub."""

import hashlib
import importlib.metadata
from pathlib import Path

from pipeline.errors import DataError
from pipeline.settings import Embed
from pipeline.store import sha256_of_file

WEIGHTS_NAME = "model.safetensors"
TOKENIZER_NAME = "tokenizer.json"
# What decides a vector besides the weights: how text becomes tokens, and how tokens become one vector.
SETTING_NAMES = ("config.json", "modules.json", TOKENIZER_NAME)


def find_weights(settings: Embed) -> Path:
    """Returns the folder of the encoder's weights, after checking their hash.

    `settings.model` is a folder, or the name of an installed package that carries one.

    Raises:
        DataError: there is no such folder or package, or the weights have another hash.
    """
    folder = Path(settings.model)
    if not folder.is_dir():
        folder = _folder_in_package(settings.model)
    path = folder / WEIGHTS_NAME
    found = sha256_of_file(path) if path.is_file() else "none: there is no such file"
    if found != settings.weights_sha256:
        raise DataError(
            f"the weights have SHA-256 {found}, not {settings.weights_sha256}",
            where=str(path),
            do="install the pinned package again, or correct [embed] weights_sha256",
        )
    return folder


def hash_settings(folder: Path) -> str:
    """Returns the SHA-256 of the encoder's tokenizer, layers and pooling: what the weights' hash leaves out."""
    digest = hashlib.sha256()
    pooling = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/config.json"))
    for name in (*SETTING_NAMES, *pooling):
        path = folder / name
        if path.is_file():
            digest.update(f"{name} {sha256_of_file(path)}\n".encode())
    return digest.hexdigest()


def _folder_in_package(name: str) -> Path:
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        raise DataError(
            f"there is neither a folder nor an installed package {name!r}",
            where="[embed] model",
            do="run make install, or correct the name",
        ) from None
    for file in files:
        if file.name == WEIGHTS_NAME:
            return Path(str(file.locate())).parent
    raise DataError(
        f"the package {name!r} carries no {WEIGHTS_NAME}",
        where="[embed] model",
        do="name a package that carries weights",
    )
