"""The nearest documents of a census, exactly."""

import numpy as np
import pandas as pd

from pipeline.release.load import Census

SPARE = 64  # candidates beyond those asked for, put in exact order in float64
BLOCK_ROWS = 65_536  # rows of vectors multiplied at once: 100 MB at 384 dimensions, so a mapped matrix stays mapped


def find_nearest(census: Census, vector: np.ndarray, count: int) -> pd.DataFrame:
    """Returns the `count` documents nearest to a vector, with `cosine_score`, most similar first.

    Every document is compared. Equal scores go by doc_id.

    Args:
        census: the release.
        vector: (n_dims,), unit length.
        count: how many.
    """
    query = vector.astype(np.float32)
    blocks = range(0, len(census.vectors), BLOCK_ROWS)
    rough = np.concatenate([census.vectors[first : first + BLOCK_ROWS] @ query for first in blocks])
    n_candidates = min(count + SPARE, len(rough))
    candidates = np.sort(np.argpartition(-rough, n_candidates - 1)[:n_candidates])
    exact = census.vectors[candidates].astype(np.float64) @ vector.astype(np.float64)
    order = np.argsort(-exact, kind="stable")[:count]
    return census.documents.iloc[candidates[order]].assign(cosine_score=exact[order])
