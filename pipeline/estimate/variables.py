"""What weights are calibrated on: few numbers of each document that are known without reading it, chosen by rule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from pipeline.coding.codebook import Codebook
from pipeline.estimate.classify import Predictions

# A column calibrates where so many of its documents are expected among those read: fewer lose more by their own noise
# than they gain. The expectation is the population's: by the read documents' own chances a group would be chosen just
# where the sample holds too many of it, and be corrected one way only.
LEAST_EXPECTED = 3.0
LEAST_OF_DEFINITION = 10.0  # definitions overlap: what a rare one adds to the leaves is mostly noise
FINE = 1e-9  # a spread of chances below it is a rounding error
READ_PER_VARIABLE = 10  # documents read for each calibration variable of a frame, at the least
# Read documents that count against a slope (a ridge: residual over slope variance). What the classifier expects of a
# group tells nearly as much in every stratum, and of a leaf nearly as much as of its group: so a stratum's slope is
# drawn to the frame's and a leaf's to its group's. (Chosen on made-up populations, of seeds that no table shows.)
GROUP_WORTH, STRATUM_WORTH, LEAF_WORTH = 50.0, 50.0, 500.0


@dataclass(frozen=True)
class Expected:
    """What the classifier expects of documents.

    Attributes:
        leaves: float (n, n_leaves), chances. groups: the group of each leaf.
        definitions: float (n, n_definitions), chances of counting under each within the first denominator.
    """

    leaves: np.ndarray
    groups: Sequence[str]
    definitions: np.ndarray

    @classmethod
    def of(cls, predictions: Predictions, codebook: Codebook) -> "Expected":
        """Returns it for all documents."""
        name, denominator = next(iter(codebook.denominators.items()))
        columns = [predictions.count(definition, name, denominator) for definition in codebook.definitions]
        table = np.stack(columns, axis=1) if columns else np.empty((len(predictions.leaf_probability), 0))
        return cls(predictions.leaf_probability, predictions.groups, table)

    def take(self, rows: np.ndarray) -> "Expected":
        """Returns it for some documents."""
        return replace(self, leaves=self.leaves[rows], definitions=self.definitions[rows])


def choose_variables(stratum: np.ndarray, read: np.ndarray, expected: Expected | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns calibration variables, float (n, p), and what read documents each slope is held against, float (p,).

    First the number of documents in each stratum, which must be met exactly (0 documents against it); then what the
    classifier expects of each group and each definition in the frame, of each group in each stratum, and of each leaf
    in the frame: the largest first, as many as the read documents bear.

    Args:
        stratum: int (n,), of every document of the frame, read or not.
        read: int (n_read,), rows of the read ones.
        expected: of all n; None without a classifier.
    """
    number = int(stratum.max()) + 1
    columns, worth = [np.eye(number)[stratum]], [0.0] * number
    if expected is not None:
        room = max(len(read) // READ_PER_VARIABLE - number, 0)
        for column, against in islice(_list_columns(stratum, read, expected), room):
            spread = column.std()
            columns.append(column[:, None] / (spread if spread > FINE else 1.0))
            worth.append(against)
    return np.hstack(columns), np.array(worth)


def _list_columns(stratum: np.ndarray, read: np.ndarray, expected: Expected) -> Iterator[tuple[np.ndarray, float]]:
    """Yields columns, float (n,), and what their slopes are held against: the widest first."""
    number = int(stratum.max()) + 1
    part_read = np.bincount(stratum[read], minlength=number) / np.maximum(np.bincount(stratum, minlength=number), 1)
    each = part_read[stratum]
    leaves, groups = expected.leaves, np.array(expected.groups)
    of_groups = np.stack([leaves[:, groups == letter].sum(axis=1) for letter in np.unique(groups)], axis=1)
    for _, place in _find_large(of_groups, each, is_whole=True):
        yield of_groups[:, place], GROUP_WORTH
    for size, place in _find_large(expected.definitions, each):
        if size >= LEAST_OF_DEFINITION:
            yield expected.definitions[:, place], GROUP_WORTH
    if number > 1:
        inside = [stratum == own for own in range(number)]
        found = [(*large, own) for own in inside for large in _find_large(of_groups, each * own, is_whole=True)]
        for _, place, own in sorted(found, key=lambda large: -large[0]):
            yield of_groups[:, place] * own, STRATUM_WORTH
    for _, place in _find_large(leaves, each):
        yield leaves[:, place], LEAF_WORTH


def _find_large(chances: np.ndarray, part_read: np.ndarray, is_whole: bool = False) -> list[tuple[float, int]]:
    """Returns the columns that are large enough, the largest first: documents expected of each among the read ones, and
    its place.

    Args:
        chances: float (n, k).
        part_read: float (n,), the part of documents like each one that was read; 0 for those that do not count.
        is_whole: that chances add up to one: the largest column is what the others leave, and is left out.
    """
    size = np.round(part_read @ chances, 6)
    order = np.argsort(-size, kind="stable")[int(is_whole) :]
    return [(float(size[place]), int(place)) for place in order if size[place] >= LEAST_EXPECTED]
