"""Precision and recall of the assignment, from the read sample, weighted to the documents it stands for."""

import numpy as np
import pandas as pd

from pipeline.agendas.reading import Reading
from pipeline.estimate.intervals import wilson_interval

BANDS = 10  # of the chance, for the calibration error (Naeini et al. 2015)


def score_agendas(
    chances: np.ndarray, reading: Reading, weight: np.ndarray, ids: tuple[str, ...], threshold: float, level: float
) -> pd.DataFrame:
    """Returns the rows of the table `agenda_scores`: one an agenda, and one for all pairs together.

    Args:
        chances: float (n, n_agendas), cross-fitted.
        reading: what was read.
        weight: float (n_read,), documents that each read one stands for.
        ids: of the agendas.
        threshold: chance from which a document is assigned.
        level: of the intervals.
    """
    if not len(reading.rows):
        return pd.DataFrame()
    chance, said = chances[reading.rows], reading.is_member
    is_assigned = chance >= threshold
    rows: list[dict[str, object]] = [
        _score("", chance, said, is_assigned, np.repeat(weight[:, None], len(ids), axis=1), level)
    ]
    for place, name in enumerate(ids):
        one = slice(place, place + 1)
        rows.append(_score(name, chance[:, one], said[:, one], is_assigned[:, one], weight[:, None], level))
    return pd.DataFrame([{**row, "n_read": len(said), "coder_kinds": list(reading.kinds)} for row in rows])


def _score(
    name: str, chance: np.ndarray, said: np.ndarray, assigned: np.ndarray, weight: np.ndarray, level: float
) -> dict[str, object]:
    both = said & assigned
    precision, recall = _share(both, assigned, weight, level), _share(both, said, weight, level)
    total = precision[0] + recall[0]
    return {
        "agenda": name,
        "n_member": int(said.sum()),
        "n_assigned": int(assigned.sum()),
        "n_both": int(both.sum()),
        **dict(zip(("precision", "precision_low", "precision_high"), precision, strict=True)),
        **dict(zip(("recall", "recall_low", "recall_high"), recall, strict=True)),
        "f1": 2 * precision[0] * recall[0] / total if total > 0 else (np.nan if np.isnan(total) else 0.0),
        "calibration_error": measure_calibration(chance, said, weight),
    }


def _share(part: np.ndarray, whole: np.ndarray, weight: np.ndarray, level: float) -> tuple[float, float, float]:
    """Returns a weighted share with Wilson's interval at Kish's effective size; nothing of nothing."""
    inside = np.broadcast_to(weight, whole.shape)[whole]
    if not len(inside):
        return np.nan, np.nan, np.nan
    share = float(inside[part[whole]].sum() / inside.sum())
    low, high = wilson_interval(share, float(inside.sum() ** 2 / (inside**2).sum()), level)
    return share, float(low), float(high)


def measure_calibration(chance: np.ndarray, said: np.ndarray, weight: np.ndarray) -> float:
    """Returns the expected calibration error over the pairs that have a chance of a tenth or more.

    Nearly all other pairs are of documents that nobody would take for the agenda: with them it would always be nothing.
    """
    asked = chance >= 1 / BANDS
    weights = np.broadcast_to(weight, chance.shape)[asked]
    if not len(weights):
        return float("nan")
    band = np.minimum((chance[asked] * BANDS).astype(int), BANDS - 1)
    gap = np.bincount(band, weights * (chance[asked] - said[asked]), BANDS)
    return float(np.abs(gap).sum() / weights.sum())
