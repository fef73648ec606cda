"""What weights are calibrated on: few numbers of each document that are known without reading it, chosen by rule."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

# A column calibrates where so many of its documents are expected among those read: fewer lose more by their own noise
# than they gain. The expectation is the population's: by the read documents' own chances a group would be chosen just
# where the sample holds too many of it, and be corrected one way only.
LEAST_EXPECTED = 3.0
FINE = 1e-9  # a spread of chances below it is a rounding error
READ_PER_VARIABLE = 10  # documents read for each calibration variable of a frame, at the least
# Read documents that count against a slope (a ridge: residual over slope variance). What the classifier expects of a
# group tells nearly as much in every stratum, and of a leaf nearly as much as of its group: so a stratum's slope is
# drawn to the frame's and a leaf's to its group's. (Chosen on made-up populations, of seeds that no table shows.)
GROUP_WORTH, STRATUM_WORTH, LEAF_WORTH = 50.0, 50.0, 500.0


def choose_variables(
    stratum: np.ndarray, read: np.ndarray, probability: np.ndarray | None, groups: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns calibration variables, float (n, p), and what read documents each slope is held against, float (p,).

    First the number of documents in each stratum, which must be met exactly (0 documents against it); then what the
    classifier expects of each group in the frame, of each group in each stratum, and of each leaf in the frame: the
    largest first, as many as the read documents bear.

    Args:
        stratum: int (n,), of every document of the frame, read or not.
        read: int (n_read,), rows of the read ones.
        probability: float (n, n_leaves), the classifier's; None without one.
        groups: the group of each of its columns.
    """
    number = int(stratum.max()) + 1
    columns, worth = [np.eye(number)[stratum]], [0.0] * number
    if probability is not None:
        room = max(len(read) // READ_PER_VARIABLE - number, 0)
        for column, against in list(_list_columns(stratum, read, probability, np.array(groups), number))[:room]:
            spread = column.std()
            columns.append(column[:, None] / (spread if spread > FINE else 1.0))
            worth.append(against)
    return np.hstack(columns), np.array(worth)


def _list_columns(
    stratum: np.ndarray, read: np.ndarray, probability: np.ndarray, groups: np.ndarray, number: int
) -> Iterator[tuple[np.ndarray, float]]:
    """Yields columns, float (n,), and what their slopes are held against: widest first."""
    ratio = np.bincount(stratum[read], minlength=number) / np.maximum(np.bincount(stratum, minlength=number), 1)
    chances = {str(letter): probability[:, groups == letter].sum(axis=1) for letter in np.unique(groups)}
    for column in _keep_large(chances, ratio[stratum]):
        yield column, GROUP_WORTH
    if number > 1:
        inside = [np.where(stratum == place, ratio[place], 0.0) for place in range(number)]
        kept = [(column, own > 0) for own in inside for column in _keep_large(chances, own)]
        for column, own in kept:
            yield column * own, STRATUM_WORTH
    expected = np.round(ratio[stratum] @ probability, 6)
    for place in np.argsort(-expected, kind="stable"):
        if expected[place] >= LEAST_EXPECTED:
            yield probability[:, place], LEAF_WORTH


def _keep_large(chances: Mapping[str, np.ndarray], ratio: np.ndarray) -> list[np.ndarray]:
    """Returns the chances of the groups that are large enough, largest first, without the largest of all.

    Args:
        chances: float (n,), by group; they add up to one, so the largest is what the others leave.
        ratio: float (n,), the part of documents like each one that was read; 0 for those that do not count.
    """
    expected = {letter: round(float(ratio @ chance), 6) for letter, chance in chances.items()}
    order = sorted(expected, key=lambda letter: -expected[letter])
    return [chances[letter] for letter in order[1:] if expected[letter] >= LEAST_EXPECTED]
