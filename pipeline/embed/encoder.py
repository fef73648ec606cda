"""Encoders: a text becomes a unit vector, with weights from a package, never from a hub."""

import importlib.metadata
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.config import Embed
from pipeline.errors import DataError
from pipeline.store import sha256_of_file

Encoder = Callable[[Sequence[str]], np.ndarray]
WEIGHTS_NAME = "model.safetensors"
CHARACTERS_PER_TOKEN = 12  # a generous bound: text beyond max_tokens times this cannot reach the encoder


def load_encoder(settings: Embed) -> Encoder:
    """Returns a function from n texts to float16 (n, dimension_count) unit rows.

    Raises:
        DataError: the weights are not there, or are not the ones named by their hash.
    """
    folder = find_weights(settings)
    os.environ["HF_HUB_OFFLINE"] = "1"  # the weights are here: no library may ask a hub for more
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415  takes seconds to import

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    model.max_seq_length = settings.max_tokens
    if model.get_embedding_dimension() != settings.dimension_count:
        raise DataError(
            f"the encoder has {model.get_embedding_dimension()} dimensions, not {settings.dimension_count}",
            where=str(folder),
            do="correct [embed] dimension_count",
        )
    limit = settings.max_tokens * CHARACTERS_PER_TOKEN

    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = model.encode(
            [text[:limit] for text in texts],
            batch_size=settings.batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return vectors.astype(np.float16)

    return encode


def find_weights(settings: Embed) -> Path:
    """Returns the folder of the encoder's weights, after checking their hash.

    `settings.model` is a folder, or the name of an installed package that carries one.

    Raises:
        DataError: there is no such folder or package, or the weights have another hash.
    """
    folder = Path(settings.model)
    if not folder.is_dir():
        folder = _folder_in_package(settings.model)
    found = sha256_of_file(folder / WEIGHTS_NAME)
    if found != settings.weights_sha256:
        raise DataError(
            f"the weights have SHA-256 {found}, not {settings.weights_sha256}",
            where=str(folder / WEIGHTS_NAME),
            do="install the pinned package again, or correct [embed] weights_sha256",
        )
    return folder


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
