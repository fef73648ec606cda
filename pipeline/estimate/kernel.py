"""The likeness of every document to the read ones: a weighted sum of kernels, of which parts are made as they are asked
for. Written down in full it would be half a gigabyte.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from pipeline.cluster.neighbours import run_threads

ROWS_AT_ONCE = 256  # documents a thread compares with the read ones at once: 256 x 4,700 x 8 bytes = 10 MB
SUMS_AT_ONCE = 1_024  # documents whose neighbours a thread adds up at once: about 1,024 x 500 words x 12 bytes = 6 MB
COLUMNS_AT_ONCE = 80  # of coefficients: 80 x 19,000 words x 8 bytes = 12 MB, which a processor keeps at hand
COMMON_SHARE = 0.15  # of the read documents; what is in more of them is multiplied faster as if it were in all

# Chosen once on the round of 2026-11 (five settings within 0.01 of each other).
KERNEL_WEIGHTS = {
    "vector": 1.0,
    "neighbourhood": 1.0,
    "terms": 1.0,
    "neighbourhood terms": 1.0,
    "title": 0.5,
    "authors": 0.3,
    "frame": 0.3,
}
# Of the Gaussian of the distance of dense vectors: means of neighbours lie closer together.
WIDTHS = {"vector": 1.0, "neighbourhood": 0.5}


@dataclass(frozen=True)
class NeighbourMeans:
    """Means of sparse features over the neighbours of each document, unit rows; made for the documents asked for.

    Those of a whole census are ten times as many numbers as the features themselves.

    Attributes:
        around: (n, n), for each neighbour of a document what makes their sum a unit row. features: (n, n_features).
    """

    around: sparse.csr_matrix
    features: sparse.csr_matrix

    @classmethod
    def of(
        cls, is_near: sparse.csr_matrix, features: sparse.csr_matrix, lengths: np.ndarray | None = None
    ) -> "NeighbourMeans":
        """Returns the means over neighbours: (n, n), 1 for each neighbour of a document. `lengths`, if known."""
        lengths = measure_sums(is_near, features) if lengths is None else lengths
        scale = sparse.diags_array(1 / np.where(lengths > 0, lengths, 1))
        return cls(sparse.csr_matrix(scale @ is_near), features)

    def __getitem__(self, rows: np.ndarray) -> sparse.csr_matrix:
        """Returns the means of some documents: (n_rows, n_features)."""
        return self.around[rows] @ self.features

    def weigh(self, wanted: np.ndarray, known: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Returns the products of the means of some documents and of others, times coefficients: (n_wanted, k).

        The sums over neighbours come first and last: between them stand the features alone, a tenth of the numbers.
        """
        around, near = self.around[wanted], self.around[known]
        first, last = np.unique(near.indices), np.unique(around.indices)  # whose features are asked for at all
        gathering, spreading = self.features[first].T, self.features[last]
        around, spread = around[:, last], near[:, first].T
        found = np.empty((len(wanted), coefficients.shape[1]))
        for start in range(0, coefficients.shape[1], COLUMNS_AT_ONCE):
            part = slice(start, start + COLUMNS_AT_ONCE)
            gathered = gathering @ (spread @ coefficients[:, part])
            found[:, part] = around @ (spreading @ gathered)
        return found


def measure_sums(is_near: sparse.csr_matrix, features: sparse.csr_matrix) -> np.ndarray:
    """Returns the length of the sum of features over the neighbours of each document: float64 (n,)."""
    lengths = np.zeros(is_near.shape[0])

    def measure(first: int) -> None:
        part = slice(first, first + SUMS_AT_ONCE)
        sums = is_near[part] @ features
        lengths[part] = np.sqrt(np.asarray(sums.multiply(sums).sum(axis=1)).reshape(-1))

    run_threads(measure, range(0, len(lengths), SUMS_AT_ONCE))
    return lengths


Features = np.ndarray | sparse.csr_matrix | NeighbourMeans


@dataclass(frozen=True)
class Kernel:
    """The likeness of every document to every read one, symmetric among the read.

    Attributes:
        features: of every document, unit rows, by name.
        read: int (n_read,), rows of the read documents.
    """

    features: dict[str, Features]
    read: np.ndarray

    @cached_property
    def known(self) -> dict[str, np.ndarray | sparse.csr_matrix]:
        """The features of the read documents."""
        return {name: features[self.read] for name, features in self.features.items()}

    def own(self) -> np.ndarray:
        """Returns the likeness of the read documents among themselves: float64 (n_read, n_read)."""
        from sklearn.utils.extmath import safe_sparse_dot  # noqa: PLC0415  half a second to load, which a run with kept predictions saves

        total = len(self.read)
        kernel = np.empty((total, total))
        common, rare = self._join_sparse()
        dense = dict(_dense(self.known))

        def compare(first: int) -> None:
            part, rest = slice(first, first + ROWS_AT_ONCE), slice(first, None)
            likeness = common[part] @ common[rest].T
            likeness += safe_sparse_dot(rare[rest], rare[part].T.tocsr(), dense_output=True).T
            for name, features in dense.items():
                likeness += _compare(features[part], features[rest], name)
            kernel[part, rest] = likeness
            kernel[rest, part] = likeness.T

        run_threads(compare, range(0, total, ROWS_AT_ONCE))
        return kernel

    def _join_sparse(self) -> tuple[np.ndarray, sparse.csr_matrix]:
        """Returns the sparse features of the read documents, put together by weight: common ones dense, and the rest.

        A product of sparse rows takes the square of the documents that a feature is in: nearly all of it for few.
        """
        parts = [
            features * np.sqrt(KERNEL_WEIGHTS[name])
            for name, features in self.known.items()
            if not isinstance(features, np.ndarray)
        ]
        joined = sparse.csr_matrix(sparse.hstack(parts or [sparse.csr_matrix((len(self.read), 1))], format="csr"))
        counts = np.bincount(joined.indices, minlength=joined.shape[1])
        is_common = counts > COMMON_SHARE * len(self.read)
        return joined[:, is_common].toarray(), joined[:, ~is_common]

    def weigh(self, wanted: np.ndarray, learnt: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Returns the likeness of some documents to those learnt from, times coefficients: float64 (n_wanted, k).

        Where likeness is a product of features it is never written down: coefficients are gathered by feature first.

        Args:
            wanted: int (n_wanted,), rows.
            learnt: int (n_learnt,), places among the read documents.
            coefficients: float64 (n_learnt, k).
        """
        found = np.zeros((len(wanted), coefficients.shape[1]))
        for name, features in self.features.items():
            if isinstance(features, NeighbourMeans):
                found += KERNEL_WEIGHTS[name] * features.weigh(wanted, self.read[learnt], coefficients)
            elif not isinstance(features, np.ndarray):
                gathered = self.known[name][learnt].T @ coefficients
                found += KERNEL_WEIGHTS[name] * (features[wanted] @ gathered)
        dense = [(name, features, features[self.read[learnt]]) for name, features in _dense(self.features)]
        for first in range(0, len(wanted), ROWS_AT_ONCE):
            part = wanted[first : first + ROWS_AT_ONCE]
            likeness = np.zeros((len(part), len(learnt)))
            for name, features, known in dense:
                likeness += _compare(features[part], known, name)
            found[first : first + ROWS_AT_ONCE] += likeness @ coefficients
        return found


def _dense(features: Mapping[str, Features]) -> Iterator[tuple[str, np.ndarray]]:
    return ((name, each) for name, each in features.items() if isinstance(each, np.ndarray))


def _compare(left: np.ndarray, right: np.ndarray, name: str) -> np.ndarray:
    """Returns the Gaussian of the distance of unit rows, times its weight: float64 (n_left, n_right)."""
    scale = 2 / WIDTHS[name]
    likeness = (scale * left) @ right.T
    likeness += np.log(KERNEL_WEIGHTS[name]) - scale
    return np.exp(likeness, out=likeness)
