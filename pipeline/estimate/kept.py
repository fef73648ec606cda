"""Predictions kept from the last run: where nothing that they are made of has changed, they need not be made again.

They are known by a hash of all that has a part in them: documents, vectors, terms, what was read of what, the queries,
the code and the libraries. Most edits touch none of it: of a setting, a claim, a note, a level, a reader who agrees.
What is kept is the work of the classifier to the last digit, so that no table can tell whether it was.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

import pipeline.cluster.neighbours
import pipeline.estimate.classify
import pipeline.estimate.features
import pipeline.estimate.fold_models
import pipeline.estimate.kernel
import pipeline.text.word_counts
from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.estimate.classify import DECIMALS, Predictions, list_queries
from pipeline.estimate.kept_arrays import FOLDER, load_arrays, name_code, save_arrays

log = logging.getLogger(__name__)
PLACE = (FOLDER, "predictions.npz")
MODULES = (
    pipeline.cluster.neighbours,
    pipeline.estimate.classify,
    pipeline.estimate.features,
    pipeline.estimate.fold_models,
    pipeline.estimate.kernel,
    pipeline.text.word_counts,
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
        "code": name_code(MODULES, LIBRARIES),
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
    save_arrays(place, name, _to_arrays(made))
    return made


def _load(place: Path, name: str) -> Predictions | None:
    arrays = load_arrays(place, name)
    if arrays is None:
        return None
    keys = [tuple(key) if isinstance(key, list) else key for key in json.loads(str(arrays["queries"]))]
    chances = dict(zip(keys, arrays["chances"].T / WHOLE, strict=True))
    return Predictions(
        arrays["doc_ids"].astype(object),
        arrays["fold"],
        tuple(arrays["leaves"].tolist()),
        tuple(arrays["groups"].tolist()),
        arrays["leaf_probability"] / WHOLE,
        {key: chance for key, chance in chances.items() if isinstance(key, tuple)},
        {key: chance for key, chance in chances.items() if isinstance(key, str)},
    )


def _to_arrays(made: Predictions) -> dict[str, np.ndarray]:
    keys = [*map(list, made.counted), *made.belongs]
    chances = [*made.counted.values(), *made.belongs.values()]
    return {
        "doc_ids": made.doc_ids.astype(str),
        "fold": made.fold,
        "leaves": np.array(made.leaves),
        "groups": np.array(made.groups),
        "leaf_probability": _to_whole(made.leaf_probability),
        "queries": np.array(json.dumps(keys)),
        "chances": _to_whole(np.array(chances).reshape(len(chances), len(made.doc_ids)).T),
    }


def _to_whole(chances: np.ndarray) -> np.ndarray:
    return np.rint(chances * WHOLE).astype(np.uint16)
