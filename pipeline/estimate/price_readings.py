"""What reading more of a stratum saves: one document, many at random, or many where the classifier is least sure.

Documents alike in their predicted chances of counting are a cell; once more of one is read than of another, cells are
strata of their own (`pipeline.coding.bands`). What is left of a stratum's part of the variance is Neyman's for such
strata, with the variance that the classifier leaves in each, scaled to what the replicates show of the stratum now.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.estimate.planning import DECIMALS, band_of, guess_shares
from pipeline.estimate.price_targets import AT_RANDOM, BY_BANDS, READ, Target, make_row
from pipeline.estimate.survey import Survey

BATCH = 100  # documents that drawing at random and by bands are compared on
UNREAD_CELL = 0.5  # documents that a cell of which nobody has read any counts as read by: chance left it out


@dataclass(frozen=True)
class Cells:
    """The documents of a stratum, by their bands of predicted chances under every target.

    Attributes:
        names: of each cell; empty for a stratum without predictions.
        size, read: float (n_cells,), documents, and those read.
        spread: float (n_targets, n_cells), mean variance that the classifier leaves, scaled so that the stratum's part
            of a target's variance is sum size^2 spread (1 / read - 1 / size).
    """

    names: tuple[str, ...]
    size: np.ndarray
    read: np.ndarray
    spread: np.ndarray

    def variance(self, more: np.ndarray) -> np.ndarray:
        """Returns the stratum's part of each target's variance after reading more of each cell: float (n_targets,).

        None is left of a cell that is read in full, be it that it was held to have half a read one.
        """
        return self.spread @ (self.size**2 * (1 / np.minimum(self.read + more, self.size) - 1 / self.size))


def price_readings(survey: Survey, targets: Sequence[Target]) -> Iterator[dict[str, object]]:
    """Yields the price of reading one more document of each cell, and of many, at random and by cells."""
    strata = pd.concat([target.domain.strata for target in targets])
    for stratum, size in strata[~strata.index.duplicated()]["n_population"].items():
        about = [target for target in targets if stratum in target.domain.strata.index]
        n_read = int((survey.sample.units["stratum"] == stratum).sum())
        if n_read < 2 or int(size) <= n_read:
            continue
        cells = cut_cells(survey, about, str(stratum), float(size), float(n_read))
        before, none = cells.variance(np.zeros(len(cells.size))), np.zeros(len(cells.size))
        count = min(BATCH, int(size) - n_read)

        def gain(
            more: np.ndarray, about: Sequence[Target] = about, cells: Cells = cells, before: np.ndarray = before
        ) -> float:
            after = cells.variance(more)
            return math.fsum(t.influence.save(b - a) for t, b, a in zip(about, before, after, strict=True))

        unread = cells.size - cells.read  # of which chance takes: a cell that is read in full gets none
        yield make_row(targets, AT_RANDOM, str(stratum), count, gain(count * unread / unread.sum()))
        worth = np.array([t.influence.width / max(2 * t.influence.variance, 1e-15) for t in about]) @ cells.spread
        if len(cells.size) > 1:
            more = allocate_bands(cells.size, worth, cells.read, count)
            yield make_row(targets, BY_BANDS, str(stratum), int(more.sum()), gain(more.astype(float)))
        for cell in np.flatnonzero(cells.size > cells.read):
            one = none.copy()
            one[cell] = 1
            yield make_row(targets, READ, f"{stratum}{cells.names[cell]}", 1, gain(one))


def cut_cells(survey: Survey, targets: Sequence[Target], stratum: str, size: float, n_read: float) -> Cells:
    """Returns the cells of a stratum; the whole of it, where there are no predictions."""
    rows = np.flatnonzero((survey.sample.units["stratum"] == stratum).to_numpy())
    parts = np.array([target.influence.part_of(np.isin(target.influence.rows, rows)) for target in targets])
    members = np.flatnonzero(survey.population.rows_in(survey.sample, stratum))
    guesses = [guess_shares(survey.population, t.definition, t.denominator, survey.codebook) for t in targets]
    known = [guess for guess in guesses if guess is not None]
    if len(known) < len(targets) or len(members) < size:
        spread = parts[:, None] / (size**2 * (1 / n_read - 1 / size))
        return Cells(("",), np.array([size]), np.array([n_read]), spread)
    bands = np.stack([band_of(guess[:, 0]) for guess in known], axis=1)
    found, cell = np.unique(bands[members], axis=0, return_inverse=True)
    count = np.bincount(cell.reshape(-1), minlength=len(found)).astype(float)
    read = np.array([(bands[survey.population.units[rows]] == one).all(axis=1).sum() for one in found], dtype=float)
    read = np.where(read > 0, read, np.minimum(count, UNREAD_CELL))
    left = np.stack([_mean_spread(guess[members], cell.reshape(-1), len(found)) for guess in known])
    whole = left @ (count**2 * (1 / read - 1 / count))
    scale = np.where(whole > 0, parts / np.where(whole > 0, whole, 1.0), 0.0)
    names = tuple(", band " + "/".join(str(band) for band in one) for one in found)
    return Cells(names, count, read, left * scale[:, None])


def _mean_spread(guess: np.ndarray, cell: np.ndarray, number: int) -> np.ndarray:
    """Returns the mean variance of counts - share * inside that the classifier leaves, by cell: float (n_cells,)."""
    counted, inside = guess.T
    share = float(np.clip(counted.sum() / max(float(inside.sum()), 1e-9), 0, 1))
    mean = counted - share * inside
    spread = counted * (1 - share) ** 2 + np.maximum(inside - counted, 0) * share**2 - mean**2
    return np.bincount(cell, np.maximum(spread, 0), number) / np.maximum(np.bincount(cell, minlength=number), 1)


def allocate_bands(size: np.ndarray, spread: np.ndarray, read: np.ndarray, count: int) -> np.ndarray:
    """Returns how many more to read of each band, int (n_bands,): each next one where it gains most (Wright 2012).

    Args:
        size, spread, read: float (n_bands,): documents, mean variance, read ones.
        count: more documents in all.
    """
    more = np.zeros(len(size), dtype=int)
    for _ in range(count):
        now = read + more
        gain = np.where(now < size, size**2 * spread / (now * (now + 1)), -1.0)
        best = int(np.argmax(np.round(gain, DECIMALS)))
        if gain[best] < 0:
            break
        more[best] += 1
    return more
