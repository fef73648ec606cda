"""Two-phase reading: every drawn document is read, and some of those that the readers agree on are adjudicated.

The unsettled documents take the mean of the adjudicated ones of their agreement cell (Tenenbein 1970; Cochran 1977,
chapter 12); the variance of those means, and of the documents around them, is added to the variance of the sample.
"""

from dataclasses import dataclass

import numpy as np

# A cell of which m documents were adjudicated gets PSEUDO / m documents of each outcome: few prove little.
# 0.02 of a document each is too little where m is 3, and 0.05 too much where m is 30 (tests/bench/coverage.py).
PSEUDO = 0.3
READERS_WORTH = 0.5  # adjudicated documents that the readers' own code counts for in a cell; 1 biases shares by 0.005
LEAST_PAIRS = 10  # adjudicated documents of a cell; fewer say nothing of how codes and predictions go together in it


@dataclass(frozen=True)
class Pool:
    """The adjudicated documents of a cell: how many (effective for their weights), and the means of their codes."""

    size: float
    counted: float
    inside: float


@dataclass(frozen=True)
class Phase2:
    """Which documents were adjudicated, and what is known about those that were not.

    Attributes:
        cell: int (n,), agreement cell of each document, such as "both readers say direct"; cells may be pooled over
            a wider sample than the one a share is estimated from, which takes the readers' error rate in a cell to
            be the same there.
        is_settled: bool (n,), whether `y` and `denominator` are adjudicated. Elsewhere their values are not used.
        reader_y, reader_denominator: float (n,), what the readers said (their mean): half a document of the cell.
        pool_cell, pool_y, pool_denominator: (m,), the adjudicated documents that the cells' means are learnt from,
            drawn at random within each cell.
        pool_weight: float (m,), how many documents each of them stands for, up to a factor; None: as many each.
        pool_prediction: float (m, 2), their predicted y and denominator; None: nothing is known of them.
    """

    cell: np.ndarray
    is_settled: np.ndarray
    reader_y: np.ndarray
    reader_denominator: np.ndarray
    pool_cell: np.ndarray
    pool_y: np.ndarray
    pool_denominator: np.ndarray
    pool_weight: np.ndarray | None = None
    pool_prediction: np.ndarray | None = None

    @property
    def open_cells(self) -> np.ndarray:
        """The cells that still have unsettled documents."""
        return np.unique(self.cell[~self.is_settled])

    def pool(self, cell: int) -> "Pool":
        """What the adjudicated documents of a cell say."""
        rows, weight = self.pool_rows(cell)
        total = float(weight.sum())
        if total <= 0:
            return Pool(0.0, 0.0, 0.0)
        size = total**2 / float((weight**2).sum())
        return Pool(
            size, float(weight @ self.pool_y[rows]) / total, float(weight @ self.pool_denominator[rows]) / total
        )

    def pool_rows(self, cell: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns which documents of the pool are of a cell, bool (m,), and what each of them weighs."""
        rows = self.pool_cell == cell
        return rows, np.ones(int(rows.sum())) if self.pool_weight is None else self.pool_weight[rows]

    def open_rows(self, cell: int) -> np.ndarray:
        """The unsettled documents of a cell: bool (n,)."""
        return (self.cell == cell) & ~self.is_settled


def impute_codes(y: np.ndarray, denominator: np.ndarray, phase2: Phase2) -> tuple[np.ndarray, np.ndarray]:
    """Gives every unsettled document the weighted mean of its agreement cell. Returns y and denominator, float (n,)."""
    y, denominator = y.copy(), denominator.copy()
    for cell in phase2.open_cells:
        rows, pool = phase2.open_rows(cell), phase2.pool(cell)
        # Half a document, coded as the readers did, keeps a small cell from being overturned by one adjudication.
        part = pool.size / (pool.size + READERS_WORTH)
        y[rows] = part * pool.counted + (1 - part) * phase2.reader_y[rows].mean()
        denominator[rows] = part * pool.inside + (1 - part) * phase2.reader_denominator[rows].mean()
    return y, denominator


def within_variance(phase2: Phase2, share: float) -> np.ndarray:
    """Returns, per document, the variance of y - share * denominator inside its cell; 0 where settled. Float (n,).

    Of the three outcomes (counts, in the denominator only, outside), those that occur at all get a part of a
    pseudo-document, so that a cell of which little was adjudicated is never taken for certain.
    """
    variance = np.zeros(len(phase2.cell))
    outcomes = np.array([1 - share, -share, 0.0])
    is_possible = np.array([1.0, 1.0, float(np.any(phase2.pool_denominator < 1))])
    for cell in phase2.open_cells:
        pool = phase2.pool(cell)
        seen = pool.size * np.array([pool.counted, pool.inside - pool.counted, 1 - pool.inside])
        chances = seen + PSEUDO / max(pool.size, 1) * is_possible
        chances /= chances.sum()
        variance[phase2.open_rows(cell)] = float(chances @ outcomes**2 - (chances @ outcomes) ** 2)
    return variance


def explained_variance(phase2: Phase2, contrast: np.ndarray, factor: float, within: np.ndarray) -> np.ndarray:
    """Returns, per document, how much less a true residual varies than its code and its prediction do: float (n,).

    An unsettled document has its cell's mean for a code, which knows nothing of how code and prediction go together
    inside the cell. With e = contrast . (y, denominator) and g = factor * contrast . predictions, var(e - g) is
    var(e) + var(g) - 2 cov(e, g); the covariance is that of the adjudicated documents of the cell. 0 where settled.

    Args:
        phase2: the adjudication.
        contrast: float (2,), what the linearised share makes of y and denominator.
        factor: lambda.
        within: float (n,), var(e) from `within_variance`; the covariance stays within what Cauchy and Schwarz allow.
    """
    explained = np.zeros(len(phase2.cell))
    if phase2.pool_prediction is None or not factor:
        return explained
    wanted = np.stack([phase2.pool_y, phase2.pool_denominator], axis=1) @ contrast
    guessed = factor * phase2.pool_prediction @ contrast
    for cell in phase2.open_cells:
        rows, weight = phase2.pool_rows(cell)
        if rows.sum() < LEAST_PAIRS:
            continue
        part = weight / weight.sum()
        e, g = (column[rows] - part @ column[rows] for column in (wanted, guessed))
        unsettled = phase2.open_rows(cell)
        most = float(np.sqrt(within[unsettled].max() * (part @ g**2)))
        explained[unsettled] = 2 * float(np.clip(part @ (e * g), -most, most))
    return explained


def adjudication_variance(phase2: Phase2, weight: np.ndarray, within: np.ndarray) -> float:
    """Returns the variance from adjudicating a part: of the documents around the cells' means, and of the means.

    sum_i w_i^2 s_c^2 over the unsettled documents, plus (sum_i w_i)^2 (m_c / (m_c + 1/2))^2 s_c^2 / (m_c - 1) for each
    cell of which m_c documents were adjudicated: the mean that is used is drawn to the readers' code by half a
    document (`impute_codes`). But for that this is, with equal weights, Cochran's
    w^2 (n - m)^2 s^2 (1/m + 1/(n - m)).

    Args:
        phase2: the adjudication.
        weight: float (n,), what each document counts for in the share.
        within: float (n,), from `within_variance`.
    """
    variance = float((weight**2 * within).sum())
    for cell in phase2.open_cells:
        rows, size = phase2.open_rows(cell), phase2.pool(cell).size
        part = size / (size + READERS_WORTH)
        variance += (part * float(weight[rows].sum())) ** 2 * float(within[rows].max()) / max(size - 1, 1)
    return variance
