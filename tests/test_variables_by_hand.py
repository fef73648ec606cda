"""Which numbers weights are calibrated on: chosen by rule from what the classifier expects of the whole frame."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.estimate.variables import Expected, _find_large
from pipeline.estimate.variables import choose_variables as choose_from
from tests.invented_survey import CODEBOOK, invent_survey

GROUPS = ("A", "A", "B", "C")


def choose_variables(
    stratum: np.ndarray, read: np.ndarray, leaves: np.ndarray, groups: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses where the codebook has no definitions."""
    return choose_from(stratum, read, Expected(leaves, groups, np.empty((len(leaves), 0))))


def _frame(chances: list[list[float]], sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the stratum and the leaf chances of every document: of each stratum all alike but for the swaps."""
    stratum = np.repeat(np.arange(len(sizes)), sizes)
    table = np.array(chances)[stratum]
    table[::2] += np.array([0.01, -0.01, 0.02, -0.02])  # so that they vary, around the same mean
    table[1::2] -= np.array([0.01, -0.01, 0.02, -0.02])
    return stratum, table


def test_without_predictions_only_the_documents_of_strata_are_counted() -> None:
    table, worth = choose_from(np.repeat([0, 1], 250), np.arange(200), None)
    assert table.sum(axis=0).tolist() == [250, 250] and worth.tolist() == [0.0, 0.0]


def test_groups_of_the_frame_come_first_then_those_of_strata_then_leaves_and_the_largest_group_never() -> None:
    stratum, chances = _frame([[0.3, 0.2, 0.4, 0.1], [0.1, 0.3, 0.1, 0.5]], (200, 200))
    table, worth = choose_variables(stratum, np.arange(0, 400, 2), chances, GROUPS)
    # 100 of 200 read in each: expected B 40 and 10, C 10 and 50, A 50 and 40 (leaves 30 + 20, 10 + 30).
    wanted = [0.0, 0.0, 50.0, 50.0, *[50.0] * 4, *[500.0] * 4]
    assert worth.tolist() == wanted
    assert table[:, :2].tolist() == np.eye(2)[stratum].tolist()
    first = stratum == 0
    columns = [chances[:, 3], chances[:, 2]]  # C 60 before B 50; A, of 90, is what is left
    columns += [chances[:, 2] * first, chances[:, :2].sum(axis=1) * ~first]  # B 40; A 40, as C is largest
    columns += [chances[:, 3] * first, chances[:, 2] * ~first]  # C 10, B 10
    columns += [chances[:, leaf] for leaf in (3, 1, 2, 0)]  # 60, 50, 50, 40 expected: of two alike the first
    assert table[:, 2:] == pytest.approx(np.stack([column / column.std() for column in columns], axis=1))


def test_definitions_of_ten_expected_documents_calibrate_beside_the_groups() -> None:
    stratum, chances = _frame([[0.3, 0.2, 0.4, 0.1]], (400,))
    definitions = np.column_stack([np.linspace(0, 0.2, 400), np.linspace(0, 0.6, 400), np.linspace(0, 0.199, 400)])
    table, worth = choose_from(stratum, np.arange(0, 400, 4), Expected(chances, GROUPS, definitions))
    assert worth.tolist() == [0.0, *[50.0] * 4, *[500.0] * 4]  # expected: 10, 30, and 9.95, which is too few
    columns = [chances[:, 2], chances[:, 3], definitions[:, 1], definitions[:, 0]]
    assert table[:, 1:5] == pytest.approx(np.stack([column / column.std() for column in columns], axis=1))


def test_in_a_frame_of_one_stratum_its_groups_count_once() -> None:
    stratum, chances = _frame([[0.3, 0.2, 0.4, 0.1]], (400,))
    _, worth = choose_variables(stratum, np.arange(200), chances, GROUPS)
    assert worth.tolist() == [0.0, 50.0, 50.0, *[500.0] * 4]


def test_a_column_of_three_expected_documents_calibrates_and_one_of_fewer_does_not() -> None:
    stratum, read = np.zeros(300, dtype=int), np.arange(100)
    for expected, known in ((3.0, [0.0, 50.0, 500.0, 500.0]), (2.99, [0.0, 500.0])):
        rare = expected / 100
        _, worth = choose_variables(stratum, read, np.tile([1 - rare, rare], (300, 1)), ("A", "B"))
        assert worth.tolist() == known


def test_what_was_read_by_chance_does_not_choose_what_calibrates() -> None:
    chances = np.zeros((300, 2))
    chances[:30, 1] = 1.0  # a tenth of the frame is of group B
    chances[:, 0] = 1 - chances[:, 1]
    stratum = np.zeros(300, dtype=int)
    too_many, none = choose_variables(stratum, np.arange(40), chances, ("A", "B")), np.arange(100, 140)
    assert too_many[1].tolist() == choose_variables(stratum, none, chances, ("A", "B"))[1].tolist()
    assert too_many[1].tolist() == [0.0, 50.0, 500.0, 500.0]  # 4 of 40 are expected, be 30 read or none


def test_sizes_are_alike_to_the_sixth_digit() -> None:
    # Of 10 read documents 2.9999996 are expected of the first, which rounds to three, and less of the second.
    chances = np.tile([0.29999996, 0.29999994, 0.50000001, 0.50000002], (10, 1))
    assert _find_large(chances, np.ones(10)) == [(5.0, 2), (5.0, 3), (3.0, 0)]
    assert _find_large(chances, np.ones(10), is_whole=True) == [(5.0, 3), (3.0, 0)]


def test_ten_read_documents_bear_one_variable() -> None:
    stratum, chances = _frame([[0.3, 0.2, 0.4, 0.1]], (400,))
    for read, variables in ((200, 7), (69, 6), (60, 6), (59, 5), (20, 2), (19, 1), (1, 1)):
        rows = np.arange(read)
        assert choose_variables(stratum, rows, chances, GROUPS)[0].shape == (400, variables), read
    two, chances = _frame([[0.3, 0.2, 0.4, 0.1]] * 2, (200, 200))
    assert choose_variables(two, np.arange(170, 230), chances, GROUPS)[0].shape[1] == 6  # its strata are of the six


def test_a_column_that_does_not_vary_stays_as_it_is() -> None:
    table, _ = choose_variables(np.zeros(100, dtype=int), np.arange(50), np.tile([0.75, 0.25], (100, 1)), ("A", "B"))
    assert table[:, 1].tolist() == [0.25] * 100


def test_definitions_are_expected_as_the_first_denominator_counts_them() -> None:
    survey = invent_survey()
    predictions, (name, denominator) = survey.population.predictions, next(iter(CODEBOOK.denominators.items()))
    assert predictions is not None
    expected = Expected.of(predictions, CODEBOOK).take(np.arange(5, 9))
    wanted = [predictions.count(definition, name, denominator)[5:9] for definition in CODEBOOK.definitions]
    assert expected.definitions.T.tolist() == [column.tolist() for column in wanted]
    assert expected.leaves.tolist() == predictions.leaf_probability[5:9].tolist()
    bare = Expected.of(predictions, replace(CODEBOOK, definitions=()))
    assert bare.definitions.shape == (len(predictions.leaf_probability), 0)
