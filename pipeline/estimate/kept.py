"""Predictions kept from the last run: where nothing that they are made of has changed, they need not be made again.

They are known by a hash of all that has a part in them: documents, vectors, terms, what was read of what, the queries,
the code and the libraries. Most edits touch none of it: of a setting, a claim, a note, a level, a reader who agrees.
What is kept is the work of the classifier to the last digit, so that no table can tell whether it was.
"""

import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

import pipeline.cluster.neighbours
import pipeline.estimate.classify
import pipeline.estimate.features
import pipeline.estimate.fold_models
import pipeline.estimate.kernel
from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.estimate.classify import DECIMALS, Predictions, list_queries

log = logging.getLogger(__name__)
PLACE = (".kept", "predictions.npz")  # under data/processed
MODULES = (
    pipeline.cluster.neighbours,
    pipeline.estimate.classify,
    pipeline.estimate.features,
    pipeline.estimate.fold_models,
    pipeline.estimate.kernel,
)
LIBRARIES = ("numpy", "scipy", "scikit-learn", "pandas")
WHOLE = 10**DECIMALS  # predictions have so many decimals, and are kept as whole numbers


def name_predictions(files: Iterable[Path], codes: pd.DataFrame, codebook: Codebook) -> str:
    """Returns the hash of all that has a part in the predictions.

    Args:
        files: the tables that they are made from besides the codes.
        codes: rows of the table `codes` that are learnt from.
        codebook: its leaves, definitions and denominators.
    """
    queries = list_queries(codebook, codes)
    parts = {
        "code": [store.sha256_of_file(Path(str(module.__file__))) for module in MODULES],
        "libraries": [metadata.version(name) for name in LIBRARIES],
        "files": [store.sha256_of_file(path) for path in files],
        "leaves": [[leaf, codebook.group_of[leaf]] for leaf in codebook.leaves],
        "codes": [codes["doc_id"].tolist(), codes["leaf"].tolist()],
        "queries": [[key, np.packbits(held).tobytes().hex()] for key, held in queries.items()],
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def keep_predictions(place: Path, name: str, make: Callable[[], Predictions]) -> Predictions:
    """Returns the predictions of this name if they are kept, else makes and keeps them in place of the last.

    Args:
        place: the file that holds them; damaged, it is as if it were not there.
        name: from `name_predictions`.
        make: what makes them.
    """
    kept = _load(place, name)
    if kept is not None:
        log.debug("predictions: nothing that they are made of has changed")
        return kept
    made = make()
    try:
        _save(place, name, made)
    except OSError as error:  # a folder that may only be read: what was made is as good
        log.warning("predictions are not kept for the next run: %s", error)
    return made


def _load(place: Path, name: str) -> Predictions | None:
    try:
        with np.load(place, allow_pickle=False) as file:
            if str(file["name"]) != name:
                return None
            keys = [tuple(key) if isinstance(key, list) else key for key in json.loads(str(file["queries"]))]
            chances = dict(zip(keys, file["chances"].T / WHOLE, strict=True))
            return Predictions(
                file["doc_ids"].astype(object),
                file["fold"],
                tuple(file["leaves"].tolist()),
                tuple(file["groups"].tolist()),
                file["leaf_probability"] / WHOLE,
                {key: chance for key, chance in chances.items() if isinstance(key, tuple)},
                {key: chance for key, chance in chances.items() if isinstance(key, str)},
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _save(place: Path, name: str, made: Predictions) -> None:
    keys = [*map(list, made.counted), *made.belongs]
    chances = [*made.counted.values(), *made.belongs.values()]
    file = io.BytesIO()
    np.savez(
        file,
        name=name,
        doc_ids=made.doc_ids.astype(str),
        fold=made.fold,
        leaves=np.array(made.leaves),
        groups=np.array(made.groups),
        leaf_probability=_to_whole(made.leaf_probability),
        queries=json.dumps(keys),
        chances=_to_whole(np.array(chances).reshape(len(chances), len(made.doc_ids)).T),
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    store.write_bytes(place, file.getvalue())


def _to_whole(chances: np.ndarray) -> np.ndarray:
    return np.rint(chances * WHOLE).astype(np.uint16)
