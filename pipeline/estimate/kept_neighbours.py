"""The nearest documents of each, kept from the last run, and by whichever stage asked first.

They hang on the vectors alone and are the same on every processor to the last bit, so no table can tell whether they
were kept. Readings, settings and words change far more often than vectors.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

import pipeline.cluster.neighbours
from pipeline.cluster.neighbours import find_neighbours
from pipeline.estimate.kept_arrays import FOLDER, load_arrays, name_code, save_arrays

PLACE = (FOLDER, "neighbours.npz")
Near = tuple[np.ndarray, np.ndarray]


def keep_neighbours(place: Path, vectors: np.ndarray, count: int) -> Near:
    """Returns the nearest neighbours of every row as `find_neighbours` does, made only if they are not kept.

    Args:
        place: the file that holds them; damaged, it is as if it were not there.
        vectors: float16 (n, n_dims), unit rows.
        count: neighbours per row.
    """
    name = _name_neighbours(vectors, count)
    kept = load_arrays(place, name)
    if kept is not None:
        return kept["neighbours"].astype(np.int64), kept["cosines"]
    neighbours, cosines = find_neighbours(vectors, count)
    save_arrays(place, name, {"neighbours": neighbours.astype(np.uint32), "cosines": cosines})
    return neighbours, cosines


def _name_neighbours(vectors: np.ndarray, count: int) -> str:
    """Returns the hash of all that has a part in the neighbours."""
    parts = [name_code([pipeline.cluster.neighbours], ["numpy"]), str(vectors.dtype), vectors.shape, count]
    found = hashlib.sha256(json.dumps(parts).encode())
    found.update(vectors.tobytes())
    return found.hexdigest()
