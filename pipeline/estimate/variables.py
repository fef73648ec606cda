"""What weights are calibrated on: few numbers of each document that are known without reading it, chosen by rule."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

# A group of the codebook calibrates a stratum where the classifier expects so many read documents of it there, and such
# a part of those read: fewer variables than that lose more by their own noise than they gain (simulated).
LEAST_EXPECTED = 6.0
LEAST_PART = 0.08
READ_PER_VARIABLE = 10  # documents read for each calibration variable of a frame, at the least
SOFT = 0.1  # penalty of what need not be met exactly, in documents' mean design weight: residual over slope variance


def choose_variables(
    stratum: np.ndarray, read: np.ndarray, probability: np.ndarray | None, groups: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns calibration variables, float (n, p), and which of them must be met exactly, bool (p,).

    First the number of documents in each stratum, exactly; then the documents that the classifier expects of each group
    in each stratum: largest groups first, as many as the read documents bear.

    Args:
        stratum: int (n,), of every document of the frame, read or not.
        read: int (n_read,), rows of the read ones.
        probability: float (n, n_leaves), the classifier's; None without one.
        groups: the group of each of its columns.
    """
    number = int(stratum.max()) + 1
    columns = [np.eye(number)[stratum]]
    if probability is not None:
        letters = np.array(groups)
        chances = {str(letter): probability[:, letters == letter].sum(axis=1) for letter in np.unique(letters)}
        room = max(len(read) // READ_PER_VARIABLE - number, 0)
        columns += [column[:, None] for column in _by_stratum(chances, stratum, read, number)[:room]]
    table = np.hstack(columns)
    is_exact = np.arange(table.shape[1]) < number
    spread = table.std(axis=0)
    table[:, ~is_exact] /= np.where(spread > 0, spread, 1)[~is_exact]
    return table, is_exact


def _by_stratum(
    groups: Mapping[str, np.ndarray], stratum: np.ndarray, read: np.ndarray, number: int
) -> list[np.ndarray]:
    """Returns each group's chances inside each stratum, where it is large enough, the largest first."""
    found = []
    for place in range(number):
        inside = stratum == place
        expected = {letter: float((chance * inside)[read].sum()) for letter, chance in groups.items()}
        least = max(LEAST_EXPECTED, LEAST_PART * math.fsum(expected.values()))
        # The groups' chances add up to one: the largest is what the others leave.
        largest = max(expected, key=lambda letter: round(expected[letter], 6))
        kept = [letter for letter in expected if letter != largest and expected[letter] >= least]
        found += [(round(expected[letter], 6), groups[letter] * inside) for letter in kept]
    return [column for _, column in sorted(found, key=lambda pair: -pair[0])]
