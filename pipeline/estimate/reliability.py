"""Do chances come true? Reliability curves, and the calibration error against what chance alone would show."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.estimate.intervals import wilson_interval

BAND_COUNT = 10  # of equal width (expected calibration error: Naeini et al. 2015)


@dataclass(frozen=True)
class Seen:
    """What was read of documents whose chance is known.

    Attributes:
        chance: float (n,), from a model that did not see them.
        is_so: bool (n,), what reading said.
        weight: float (n,), documents that each stands for.
    """

    chance: np.ndarray
    is_so: np.ndarray
    weight: np.ndarray

    def of(self, rows: np.ndarray) -> "Seen":
        """Returns the same of some of them."""
        return Seen(self.chance[rows], self.is_so[rows], self.weight[rows])

    @property
    def bands(self) -> np.ndarray:
        """The band of each chance, int (n,)."""
        return np.minimum((self.chance * BAND_COUNT).astype(int), BAND_COUNT - 1)


def tabulate_reliability(seen: Seen, level: float) -> pd.DataFrame:
    """Returns a row for each band with a read document: its mean chance, and the share that is so with its interval."""
    rows = []
    for band in np.unique(seen.bands):
        inside = seen.of(seen.bands == band)
        share, low, high = share_of(inside.is_so, np.ones(len(inside.chance), dtype=bool), inside.weight, level)
        rows.append(
            {
                "band": f"{band / BAND_COUNT:.1f}–{(band + 1) / BAND_COUNT:.1f}",
                "n_read": len(inside.chance),
                "chance": float(np.average(inside.chance, weights=inside.weight)),
                "share": share,
                "low": low,
                "high": high,
            }
        )
    return pd.DataFrame(rows)


def measure_calibration(seen: Seen) -> tuple[float, float]:
    """Returns the expected calibration error, and what chances that are exactly right would show on as many documents.

    The second is the mean of the absolute difference of a normal with the variance of each band's sum: with few
    documents read it is far from 0, and an error near it is none.
    """
    if not len(seen.chance):
        return np.nan, np.nan
    gap = np.bincount(seen.bands, seen.weight * (seen.chance - seen.is_so), BAND_COUNT)
    variance = np.bincount(seen.bands, seen.weight**2 * seen.chance * (1 - seen.chance), BAND_COUNT)
    total = seen.weight.sum()
    return float(np.abs(gap).sum() / total), float(np.sqrt(2 * variance / np.pi).sum() / total)


def share_of(part: np.ndarray, whole: np.ndarray, weight: np.ndarray, level: float) -> tuple[float, float, float]:
    """Returns the weighted share of `whole` that is in `part`, with Wilson's interval at Kish's effective size."""
    inside = weight[whole]
    if not inside.sum():
        return np.nan, np.nan, np.nan
    share = float(inside[part[whole]].sum() / inside.sum())
    low, high = wilson_interval(share, float(inside.sum() ** 2 / (inside**2).sum()), level)
    return share, float(low), float(high)
