"""The features of texts that take longest to make, kept from the last run, and by whichever stage asked first."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

import pipeline.cluster.neighbours
import pipeline.estimate.features
import pipeline.estimate.kernel
from pipeline.estimate.features import TextFeatures, Weighed, weigh_terms
from pipeline.estimate.kept_arrays import FOLDER, load_arrays, name_code, save_arrays
from pipeline.text.word_counts import WordCounts

PLACE = (FOLDER, "features.npz")
MODULES = (pipeline.cluster.neighbours, pipeline.estimate.features, pipeline.estimate.kernel)
LIBRARIES = ("numpy", "scipy", "scikit-learn")


def keep_features(
    place: Path,
    neighbours: np.ndarray,
    words: WordCounts,
    titles: pd.Series,
    weighed: Weighed | None = None,
) -> TextFeatures:
    """Returns the features as `TextFeatures.of` does, made only if they are not kept.

    Args:
        place: the file that holds them; damaged, it is as if it were not there.
        neighbours: int (n, count), the nearest documents of each.
        words: term counts of the documents.
        titles: of the documents.
        weighed: terms and words of titles, if they are known.
    """
    name = _name_features(neighbours, words, titles)
    kept = load_arrays(place, name)
    if kept is not None:
        parts = kept["data"], kept["indices"], kept["indptr"]
        terms = weighed[0] if weighed else weigh_terms(words, len(titles))
        return TextFeatures(terms, sparse.csr_matrix(parts, shape=tuple(kept["shape"])), kept["lengths"])
    made = TextFeatures.of(neighbours, words, titles, weighed)
    words_of = {part: getattr(made.titles, part) for part in ("data", "indices", "indptr")}
    save_arrays(place, name, {"lengths": made.lengths, "shape": np.array(made.titles.shape), **words_of})
    return made


def _name_features(neighbours: np.ndarray, words: WordCounts, titles: pd.Series) -> str:
    """Returns the hash of all that has a part in the features."""
    arrays = (neighbours, words.rows, words.columns, words.counts)
    shapes = [[str(array.dtype), array.shape] for array in arrays]
    parts = [name_code(MODULES, LIBRARIES), shapes, titles.fillna("").tolist(), words.vocabulary]
    found = hashlib.sha256(json.dumps(parts).encode())
    for array in arrays:
        found.update(array.tobytes())
    return found.hexdigest()
