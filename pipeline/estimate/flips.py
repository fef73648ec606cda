"""The chance that a ruling changes what readers agree on, and what the document is coded as then."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.coding.sample import SCREENED, Sample

SURPRISE = 0.08  # chance of the readers' leaf under which an agreement surprises: of 125 rulings all 5 flips lie there
READERS_WORTH = 0.5  # adjudicated agreements that the readers' own word counts for
GROUP_WORTH = 4.0  # adjudicated agreements on a group that weigh as much as those on all groups
WINDOW_WORTH = 15.0  # adjudicated agreements of a window that weigh as much as what is known without it
PSEUDO = 0.5  # of each outcome in the replicates (Jeffreys 1946): none in a hundred proves no zero
FINE = 1e-9  # chances below this are rounding errors
AIM_WORTH = 1.0  # rulings that overturned a leaf of the same group that weigh as much as the classifier
TARGET_WORTH = 0.5  # overturned agreements that went to a group that weigh as much as what other rulings expect of it


def is_surprising(leaf_chance: np.ndarray) -> np.ndarray:
    """Returns where the classifier gave the readers' leaf a low chance: bool (n,)."""
    return leaf_chance < SURPRISE


def is_drawn_by_chance(units: pd.DataFrame, is_settled: np.ndarray) -> np.ndarray:
    """Returns which settled documents of a sample were drawn for adjudication, and so speak for others: bool (n,)."""
    return is_settled & units["phase2_probability"].between(0, 1, inclusive="neither").to_numpy()


def aim_flips(
    said: np.ndarray,
    ruled: np.ndarray,
    is_settled: np.ndarray,
    is_drawn: np.ndarray,
    probability: np.ndarray,
    groups: Sequence[str],
) -> np.ndarray:
    """Returns what an overturned document is coded as: float (n, n_leaves), rows sum to one, never the readers' leaf.

    First every ruling that overturned the code which would stand without it, disagreements and doubtful ones included,
    by the group of that code. Such rulings need not go where those on agreements go: so each group is made as large
    among the overturned agreements that were drawn as it was there, as far as so few can tell.
    """
    first, count = said[0][:, 0], len(groups)
    group = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    is_moved = is_settled & (first != ruled[:, 0])
    moved = np.zeros((int(group.max()) + 1, count))
    np.add.at(moved, (group[first[is_moved]], ruled[is_moved, 0]), 1.0)
    aims = moved[group[first]] + AIM_WORTH * probability
    aims = _norm_aims(aims, said)
    of_group = np.eye(int(group.max()) + 1)[group]
    is_flipped = is_drawn & (said[:, :, 0] != ruled[None, :, 0]).all(axis=0)
    seen = np.bincount(group[ruled[is_flipped, 0]], minlength=of_group.shape[1])
    factor = (seen + TARGET_WORTH) / ((aims[is_flipped] @ of_group).sum(axis=0) + TARGET_WORTH)
    return _norm_aims(aims * factor[group], said)


def _norm_aims(aims: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Returns chances that sum to one, without the readers' leaves; even ones where nothing is left."""
    rows = np.arange(len(aims))
    aims, even = aims.copy(), np.ones_like(aims)
    for reader in said:
        aims[rows, reader[:, 0]] = 0.0
    even[rows, said[0][:, 0]] = 0.0
    total = aims.sum(axis=1, keepdims=True)
    return np.where(total > FINE, aims / np.where(total > FINE, total, 1), even / max(aims.shape[1] - 1, 1))


@dataclass(frozen=True)
class FlipModel:
    """The chance that adjudication changes an agreement's leaf, by surprise and window.

    Attributes:
        cell: int (n,), odd where the readers' leaf surprises; two numbers for each version of the codebook, and one for
            marks of screeners.
        group, window: int (n,), group of the readers' leaf, and stratum.
        is_drawn, is_flipped: bool (n,), documents drawn for adjudication by chance, which speak for others (those of a
            stratum settled in full speak for none); rulings that change the leaf.
    """

    cell: np.ndarray
    group: np.ndarray
    window: np.ndarray
    is_drawn: np.ndarray
    is_flipped: np.ndarray

    @classmethod
    def of(
        cls,
        sample: Sample,
        said: np.ndarray,
        ruled: np.ndarray,
        is_settled: np.ndarray,
        probability: np.ndarray,
        has_classifier: bool,
        version: np.ndarray,
    ) -> "FlipModel":
        """Returns the model of a sample.

        Args:
            sample: whose rulings it learns from; n units.
            said: int (n_readers, n, n_columns), what the readers said, the leaf first.
            ruled: int (n, n_columns), what was ruled.
            is_settled: bool (n,).
            probability: float (n, n_leaves), the classifier's chances.
            has_classifier: whether `probability` says anything.
            version: int (n,), the codebook that each was read under.
        """
        units = sample.units
        window = pd.factorize(units["stratum"], sort=True)[0]
        group = pd.factorize(sample.readers[0]["group"], sort=True)[0]
        own = probability[np.arange(len(ruled)), said[0][:, 0]]
        cell = is_surprising(own).astype(int) if has_classifier else np.zeros(len(ruled), dtype=int)
        cell = cell + 2 * version
        is_screened = (units["phase2_stratum"] == SCREENED).to_numpy()
        cell = np.where(is_screened, 2 * (int(version.max(initial=0)) + 1), cell)
        is_drawn = is_drawn_by_chance(units, is_settled)
        is_flipped = (said[:, :, 0] != ruled[None, :, 0]).all(axis=0)
        return cls(cell, group, window, is_drawn, is_flipped)

    @property
    def n_cells(self) -> int:
        """How many cells there are; two at least."""
        return max(int(self.cell.max(initial=0)) + 1, 2)

    @property
    def chance(self) -> np.ndarray:
        """The estimate for each document: float (n,)."""
        return self._estimate(np.ones(len(self.cell)), 0.0, READERS_WORTH)

    def draw(self, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Returns the estimate from resampled rulings, with what so few leave open: float (n,).

        Args:
            times: float (n,), how often each document is drawn.
            rng: of what the rulings leave open: a gamma-weighted pseudo-ruling of each outcome (Rubin 1981).
        """
        extra = rng.gamma(PSEUDO, size=(2, self.n_cells))
        return self._estimate(times, extra[0], extra.sum(axis=0))

    def _estimate(
        self, times: np.ndarray, more_flipped: np.ndarray | float, more_seen: np.ndarray | float
    ) -> np.ndarray:
        """Returns rates by surprise; those of a group and of a window are drawn to the wider ones: float (n,)."""
        drawn = np.flatnonzero(self.is_drawn)
        counts = times[drawn], times[drawn] * self.is_flipped[drawn]
        n_cells = self.n_cells
        seen, flipped = (np.bincount(self.cell[drawn], count, n_cells) for count in counts)
        rate = ((flipped + more_flipped) / (seen + more_seen))[self.cell]
        for part, worth in ((self.group, GROUP_WORTH), (self.window, WINDOW_WORTH)):
            place = n_cells * part + self.cell
            seen, flipped = (np.bincount(place[drawn], count, int(place.max(initial=0)) + 1) for count in counts)
            rate = (flipped[place] + worth * rate) / (seen[place] + worth)
        return rate
