"""How each read document makes a share vary: what actions that settle or add documents would save of its interval.

A share's deviation in a replicate is, to first order, a sum over read documents (Taylor linearisation: Woodruff 1971):

    e_ri = w_ri [(1 - c_ri) z_i(kept) + c_ri z_i(changed)] - w_i z_i,    z = (counts - share * inside) / total inside.

Settling a document leaves of its term the weight's variation alone. Reading more documents of a stratum leaves less of
the weights' variation there.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pipeline.estimate.domains import Domain
from pipeline.estimate.shares import Shares
from pipeline.estimate.weights import Weights

TINY = 1e-15


@dataclass(frozen=True)
class Influence:
    """A share's deviations in the replicates, by read document.

    Attributes:
        rows: int (n,), the read documents of its domain, as places in the sample.
        total: float (n_replicates,), the deviation of the share.
        ruling: float (n_replicates, n), the part that a ruling on the document would take away; 0 where settled.
        sampling: float (n_replicates, n), the part that comes from the document's weight.
        width: of the interval, as a share.
    """

    rows: np.ndarray
    total: np.ndarray
    ruling: np.ndarray
    sampling: np.ndarray
    width: float

    @property
    def variance(self) -> float:
        """Variance of the share over the replicates."""
        return float(self.total.var())

    def save(self, variance: np.ndarray | float) -> np.ndarray:
        """Returns how much narrower the interval is if its variance falls by so much: its width goes as the root."""
        left = np.clip(1 - np.asarray(variance) / max(self.variance, TINY), 0.0, 1.0)
        return self.width * (1 - np.sqrt(left))

    def settle_one(self) -> np.ndarray:
        """Returns what settling each document alone would save: float (n,), as a share."""
        return self.save(self.variance - (self.total[:, None] - self.ruling).var(axis=0))

    def settle_all(self, chosen: np.ndarray) -> float:
        """Returns what settling documents together would save; chosen: bool (n,)."""
        return float(self.save(self.variance - (self.total - self.ruling[:, chosen].sum(axis=1)).var()))

    def part_of(self, chosen: np.ndarray) -> float:
        """Returns the variance that comes from the weights of some documents; chosen: bool (n,)."""
        own = self.sampling[:, chosen].sum(axis=1)
        return max(float(((self.total - self.total.mean()) * (own - own.mean())).mean()), 0.0)


def trace(
    weights: Weights, domain: Domain, shares: Shares, number: int, counted: np.ndarray, inside: np.ndarray
) -> Influence:
    """Returns the influence of each read document on one share.

    Args:
        weights: of the read documents.
        domain: the share's.
        shares: with it; number: its place there.
        counted, inside: bool (n_records,), the codes that count, and those in the denominator.
    """
    rows, codes = np.flatnonzero(domain.rows), weights.codes
    weight, replicates = weights.weight[rows], weights.replicates[:, rows]
    value = (counted & inside).astype(float) - float(shares.share[number]) * inside
    mean = np.asarray(codes.chance[rows] @ value)
    total_inside = max(float(weight @ (codes.chance[rows] @ inside.astype(float))), TINY)
    change = codes.change_drawn[:, rows]
    kept = value[codes.kept_drawn[:, rows]]
    changed = np.asarray(sparse.csr_array(codes.changed[rows]) @ value)
    said = (1 - change) * kept + change * changed
    said = np.where(codes.is_settled[rows], mean, said)
    ruling = replicates * (said - mean) / total_inside
    sampling = (replicates - weight) * mean / total_inside
    return Influence(
        rows, (ruling + sampling).sum(axis=1), ruling, sampling, float(shares.high[number] - shares.low[number])
    )
