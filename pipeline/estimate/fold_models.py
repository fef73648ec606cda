"""Kernel ridge regressions that each leave a fold of the read documents out, from one linear system.

Leaving documents out of a system whose inverse is known is a small system of its own (block inversion: Horn and Johnson
2013, 0.7.3).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri

from pipeline.estimate.kernel import Kernel

RIDGE = 1.0  # added to the kernel's diagonal; 0.3 and 2 change the explained variance by less than 0.01
MIRRORED = 512  # rows and columns of a triangle that are copied at once


@dataclass(frozen=True)
class FoldModel:
    """What the documents of the other folds teach.

    Attributes:
        learn, rest: int (n_learnt,), (n_rest,), places among the read documents: of the other folds, and of this one.
        centre: float (k,), the means of the targets of those learnt from.
        coefficients: float64 (n_learnt, k), of their likeness: with `centre` they give the score of a document.
        unseen: float64 (n_rest, k), the scores of the read documents of this fold.
    """

    learn: np.ndarray
    rest: np.ndarray
    centre: np.ndarray
    coefficients: np.ndarray
    unseen: np.ndarray


@dataclass(frozen=True)
class FoldModels:
    """The models of all folds.

    Attributes:
        fold: int (n_read,), of the read documents. targets: float (n_read, k).
        inverse: float64 (n_read, n_read), of their likeness with `RIDGE` on its diagonal.
    """

    fold: np.ndarray
    targets: np.ndarray
    inverse: np.ndarray

    @classmethod
    def of(cls, kernel: Kernel, fold: np.ndarray, targets: np.ndarray) -> "FoldModels":
        """Returns the models; `fold`, int (n,), is of every document."""
        return cls.invert(kernel.own(), fold[kernel.read], targets)

    @classmethod
    def invert(cls, own: np.ndarray, fold: np.ndarray, targets: np.ndarray) -> "FoldModels":
        """Returns the models from the likeness of the read documents, (n_read, n_read), which is written over."""
        own[np.diag_indices_from(own)] += RIDGE
        inverse = dpotri(cholesky(own.T, lower=True, overwrite_a=True), lower=True, overwrite_c=True)[0]
        _mirror(inverse)
        return cls(fold, targets, inverse)

    @cached_property
    def shares(self) -> dict[int, np.ndarray]:
        """The part of each fold in the product of the inverse with the targets and a column of ones: (n_read, k + 1).

        They are added for each model anew, for what is left out must not show even in the last digit.
        """
        ones = np.hstack([self.targets, np.ones((len(self.targets), 1))])
        rows = {int(number): np.flatnonzero(self.fold == number) for number in np.unique(self.fold)}
        return {number: self.inverse[own].T @ ones[own] for number, own in rows.items()}

    def leave_out(self, number: int) -> FoldModel | None:
        """Returns the model that did not see a fold; nothing, where it learnt from no document."""
        learn, rest = np.flatnonzero(self.fold != number), np.flatnonzero(self.fold == number)
        if not len(learn):
            return None
        centre = self.targets[learn].mean(axis=0)
        both = np.sum([share for other, share in self.shares.items() if other != number], axis=0)
        whole = both[:, :-1] - both[:, -1:] * centre
        unseen = -cho_solve((self._factor(rest), True), whole[rest])
        coefficients = whole[learn] + self.inverse[np.ix_(rest, learn)].T @ unseen
        return FoldModel(learn, rest, centre, coefficients, unseen + centre)

    def hold_out(self, model: FoldModel) -> np.ndarray:
        """Returns the leave-one-out scores of those that a model learnt from: float64 (n_learnt, k).

        (Rasmussen and Williams 2006, 5.4.2)
        """
        learn, rest = model.learn, model.rest
        across = solve_triangular(self._factor(rest), self.inverse[np.ix_(rest, learn)], lower=True, overwrite_b=True)
        diagonal = np.diagonal(self.inverse)[learn] - np.einsum("ij,ij->j", across, across)
        return self.targets[learn] - model.coefficients / diagonal[:, None]

    def _factor(self, rest: np.ndarray) -> np.ndarray:
        return cholesky(self.inverse[np.ix_(rest, rest)], lower=True)


def _mirror(matrix: np.ndarray) -> None:
    """Fills the upper triangle of a square matrix with the lower, in place: LAPACK fills one."""
    for first in range(0, len(matrix), MIRRORED):
        part, rest = slice(first, first + MIRRORED), slice(first + MIRRORED, None)
        matrix[part, rest] = matrix[rest, part].T
        square = matrix[part, part]
        square[:] = np.tril(square) + np.tril(square, -1).T
