"""What open agreements may become, by hand: how often a ruling changes them, into what, and which donor speaks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.queries import Definition, Denominator, Query
from pipeline.coding.sample import SCREENED, Sample
from pipeline.estimate.axis_donors import GOLDEN, AxisDonors, _sort_readers, draw_kept, read_axes
from pipeline.estimate.code_numbers import CodeNumbers, tidy_records
from pipeline.estimate.flips import FlipModel, _norm_aims, aim_flips, is_drawn_by_chance, is_surprising
from tests.survey_of import CODEBOOK, codes_of, sample_of


def test_under_eight_in_a_hundred_the_readers_leaf_surprises() -> None:
    assert is_surprising(np.array([0.0, 0.0799, 0.08, 0.11, 1.0])).tolist() == [True, True, False, False, False]


def test_who_was_sure_to_be_ruled_on_or_sure_not_to_be_speaks_for_nobody() -> None:
    units = pd.DataFrame({"phase2_probability": [0.0, 0.01, 0.5, 0.99, 1.0, 0.5]})
    settled = np.array([True, True, True, True, True, False])
    assert is_drawn_by_chance(units, settled).tolist() == [False, True, True, True, False, False]


def test_what_neither_reader_said_is_shared_out_and_evenly_where_nothing_is_left() -> None:
    said = np.array([[[0], [1], [2], [0]], [[0], [2], [2], [0]]])
    aims = np.array([[5.0, 1, 3], [2, 9, 9], [0, 0, 7], [9, 1e-10, 0]])
    assert _norm_aims(aims, said).tolist() == [[0, 0.25, 0.75], [1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]]
    assert _norm_aims(np.ones((1, 1)), np.zeros((1, 1, 1), dtype=int)).tolist() == [[0.0]]
    little = np.array([[0.0, 1.2e-9, 0.0], [0.0, 0.8e-9, 0.0]])  # a thousand-millionth and more is no rounding error
    assert _norm_aims(little, np.zeros((1, 2, 1), dtype=int)).tolist() == [[0, 1, 0], [0, 0.5, 0.5]]


def test_a_change_goes_where_rulings_on_its_group_went_and_the_drawn_ones_tell_how_often() -> None:
    # Leaves 0 and 1 of group A, 2 of B. Documents: 0 and 1 ruled from leaf 0 to 2, 2 drawn and ruled from 1 to 0,
    # 3 settled as it was, 4 open with leaf 0; the classifier gives .5, .3 and .2.
    said = np.array([[[0], [0], [1], [2], [0]]])
    ruled = np.array([[2], [2], [0], [2], [1]])
    settled = np.array([True, True, True, True, False])
    drawn = np.array([False, False, True, False, False])
    chance = np.tile([0.5, 0.3, 0.2], (5, 1))
    aims = aim_flips(said, ruled, settled, drawn, chance, ("A", "A", "B"))
    # Of A went: leaf 0 once, leaf 2 twice. The open one: leaf 1 .3, leaf 2 2.2, of 2.5.
    # The drawn one, leaf 1: leaf 0 1.5, leaf 2 2.2, of 3.7. Seen of it: A once, B never; half a one is added.
    a, b = (1 + 0.5) / (1.5 / 3.7 + 0.5), 0.5 / (2.2 / 3.7 + 0.5)
    own = np.array([0, 0.3 / 2.5 * a, 2.2 / 2.5 * b])
    assert aims[4] == pytest.approx(own / own.sum())
    assert aims[3] == pytest.approx([0.625, 0.375, 0])  # nothing of B was ever moved


def model_of(cell: list[int], group: list[int], window: list[int], drawn: str, flipped: str) -> FlipModel:
    parts = (np.array(part, dtype=int) for part in (cell, group, window))
    return FlipModel(
        *parts, *(np.isin(np.arange(len(cell)), [int(each) for each in told]) for told in (drawn, flipped))
    )


def test_a_rate_is_that_of_all_drawn_to_its_group_and_then_to_its_window() -> None:
    # Six agreements, four drawn, one flipped; all of them in one cell.
    model = model_of([0] * 6, [0, 0, 1, 1, 0, 1], [0, 0, 0, 1, 1, 1], "0123", "0")
    every = 1 / 4.5  # readers' word counts for half a ruling
    group = (1 + 4 * every) / (2 + 4), 4 * every / (2 + 4)
    window = [(1 + 15 * group[0]) / (3 + 15), (1 + 15 * group[1]) / (3 + 15), 15 * group[0] / 16, 15 * group[1] / 16]
    assert model.chance == pytest.approx([window[0], window[0], window[1], window[3], window[2], window[3]])
    assert model.n_cells == 2


def test_each_cell_has_a_rate_of_its_own() -> None:
    model = model_of([0, 0, 1, 1, 3], [0] * 5, [0] * 5, "0123", "2")
    every = [0.0, 1 / 2.5, 0.0]
    group = [4 * every[0] / (2 + 4), (1 + 4 * every[1]) / (2 + 4), every[2]]
    window = [15 * group[0] / 17, (1 + 15 * group[1]) / 17, group[2]]
    assert model.chance == pytest.approx([window[0], window[0], window[1], window[1], window[2]])
    assert model.n_cells == 4
    nobody = model_of([], [], [], "", "")
    assert nobody.n_cells == 2 and nobody.chance.shape == (0,)


def test_replicates_of_a_rate_take_resampled_rulings_and_half_a_ruling_of_each_outcome() -> None:
    model = model_of([0, 0, 1], [0, 0, 0], [0, 0, 0], "012", "02")
    extra = np.random.default_rng(5).gamma(0.5, size=(2, 2))
    times = np.array([2.0, 1.0, 0.0])
    found = model.draw(times, np.random.default_rng(5))
    every = (np.array([2.0, 0.0]) + extra[0]) / (np.array([3.0, 0.0]) + extra.sum(axis=0))
    group = (2 + 4 * every[0]) / (3 + 4), every[1]
    assert found == pytest.approx([(2 + 15 * group[0]) / 18] * 2 + [group[1]])


def screened_sample() -> tuple[Sample, np.ndarray]:
    """Returns four documents, of which the last bears a screener's mark, with their leaves."""
    leaf = np.array([0, 0, 1, 2])
    settled = np.array([True, False, True, True])
    sample, _ = sample_of(leaf, np.array([0, 0, 1, 1]), np.arange(4), is_settled=settled, phase2_probability=0.4)
    stratum = sample.units["phase2_stratum"].to_numpy().copy()
    stratum[3] = SCREENED
    return replace(sample, units=sample.units.assign(phase2_stratum=stratum)), leaf


@pytest.mark.parametrize(
    ("version", "has_classifier", "cell"),
    [([0, 0, 0, 0], True, [1, 0, 0, 2]), ([0, 1, 1, 0], True, [1, 2, 2, 4]), ([0, 0, 0, 0], False, [0, 0, 0, 2])],
)
def test_cells_are_surprise_by_version_of_the_codebook_and_marks_have_one_of_their_own(
    version: list[int], has_classifier: bool, cell: list[int]
) -> None:
    sample, leaf = screened_sample()
    said = np.stack([leaf[:, None], leaf[:, None]])
    said[1, 2, 0] = 0  # readers differ: a ruling is a flip where neither said it
    ruled = np.array([[1], [0], [0], [2]])
    chance = np.array([[0.05, 0.9, 0.05], [0.5, 0.5, 0], [0.9, 0.09, 0.01], [0.0, 0.0, 1.0]])
    chance[2] = [0.9, 0.1, 0.0]
    settled = sample.units["is_adjudicated"].to_numpy()
    model = FlipModel.of(sample, said, ruled, settled, chance, has_classifier, np.array(version))
    assert model.cell.tolist() == cell
    assert model.group.tolist() == [0, 0, 1, 2] and model.window.tolist() == [0, 0, 1, 1]
    assert model.is_drawn.tolist() == [True, False, True, True]
    assert model.is_flipped.tolist() == [True, False, False, False]


ASSUMING = replace(
    CODEBOOK,
    axes={"purpose": {"P2": "", "P1": "", "P0": ""}, **CODEBOOK.axes},
    assumed={"purpose": {"A": "P2", "N": "P0"}},
)


def test_codes_are_numbers_in_mixed_radix_and_back() -> None:
    table = codes_of(np.array([0, 2, 1]), pd.Index(["a", "b", "c"])).assign(purpose=["P2", None, "P1"])
    numbers = CodeNumbers.of(ASSUMING, [table])
    assert numbers.values[0] == ("A1", "E1", "N0")
    sizes = dict(zip(numbers.names, map(len, numbers.values), strict=True))
    # What was seen, what is assumed, and none: of purposes ``, P0, P1, P2.
    assert sizes == {"leaf": 3, **{name: sizes[name] for name in numbers.names[1:]}} and sizes["purpose"] == 4
    rows = numbers.encode(table)
    place = numbers.names.index("purpose")
    assert rows[:, 0].tolist() == [0, 2, 1] and rows[:, place].tolist() == [3, 0, 2]
    keys = numbers.join_rows(rows)
    after = int(np.prod([sizes[name] for name in numbers.names[1:]]))
    assert (keys // after).tolist() == [0, 2, 1]
    assert numbers.decode(keys)["leaf"].tolist() == ["A1", "N0", "E1"]
    assert numbers.decode(keys)["purpose"].tolist() == ["P2", "", "P1"]
    axes = np.stack([rows[:, 1:], rows[[1, 1, 1], 1:]], axis=1)
    joined = numbers.join(rows[:, None, :1], axes)
    assert joined.shape == (3, 2) and joined[:, 0].tolist() == keys.tolist() and joined[1, 1] == keys[1]


def test_with_every_leaf_an_axis_that_follows_from_it_moves_along_and_another_stays() -> None:
    table = codes_of(np.array([0, 0]), pd.Index(["a", "b"])).assign(purpose=["P2", "P1"])
    numbers = CodeNumbers.of(ASSUMING, [table])
    rows = numbers.encode(table)
    keys = numbers.join_leaves(rows, np.array([True, False]))
    assert keys.shape == (2, 3)
    told = [numbers.decode(each) for each in keys]
    assert told[0]["leaf"].tolist() == told[1]["leaf"].tolist() == ["A1", "E1", "N0"]
    assert told[0]["purpose"].tolist() == ["P2", "", "P0"]  # of E nothing is assumed: the first value, none
    assert told[1]["purpose"].tolist() == ["P1", "P1", "P1"]
    assert told[0]["target"].tolist() == ["x", "x", "x"]


def test_a_confidence_that_is_missing_is_the_highest_and_a_missing_second_group_is_none() -> None:
    table = pd.DataFrame({"leaf": ["A1", "", "N0"], "leaf2": ["E1", "", "?"], "confidence": ["2", None, "3"]})
    found = tidy_records(table, CODEBOOK)
    assert found["confidence"].tolist() == [2, 3, 3]
    assert found["group"].tolist() == ["A", "", "N"] and found["group2"].tolist() == ["E", "", ""]


def test_what_axes_say_is_a_bit_for_each_query_whatever_the_leaf() -> None:
    inner = Query(groups=("A",), axes={"target": ("y",)})
    codebook = replace(
        CODEBOOK,
        definitions=(
            Definition(id="one", title="", leaves=("A1",), axes={"target": ("x",)}),
            Definition(id="two", title="", any_of=(inner,)),
        ),
        denominators={
            "some": Denominator(title="", groups=("A",), axes={"target": ("x", "z")}),
            "all": Denominator(title="", groups=("A", "E", "N")),
        },
    )
    table = codes_of(np.array([2, 2, 2]), pd.Index(["a", "b", "c"])).assign(target=["x", "y", "z"])
    meant, scope = read_axes(codebook, [table, table[::-1]])
    # One, two, some, all as bits: x 1011, y 0101, z 0011.
    assert meant.tolist() == [[0b1011, 0b0101, 0b0011], [0b0011, 0b0101, 0b1011]]
    assert scope.tolist() == [[0b11, 0b01, 0b11], [0b11, 0b01, 0b11]]


def test_the_odd_word_of_a_scope_comes_first_and_of_two_usual_ones_the_smaller() -> None:
    meant = np.array([[5, 5, 9, 7], [5, 6, 9, 9], [1, 2, 3, 4]])
    scope = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]])
    axes = np.arange(8).reshape(2, 4, 1)
    sorted_axes, sorted_meant, sorted_scope, is_odd = _sort_readers(axes, meant, scope)
    assert sorted_meant.tolist() == [[5, 6, 9, 7], [5, 5, 9, 9], [1, 2, 3, 4]]
    assert is_odd.tolist() == [[False, True, False, True], [False] * 4]
    assert sorted_axes[:, :, 0].tolist() == [[0, 5, 2, 3], [4, 1, 6, 7]] and sorted_scope.tolist() == scope.tolist()
    three = np.array([[8], [4], [6], [0]])  # three readers of one document: the first of the equally usual is usual
    assert _sort_readers(np.zeros((3, 1, 1)), three, np.zeros((4, 1)))[1][:3, 0].tolist() == [6, 8, 4]


def donors_of(likeness: list[list[float]], donors: list[int], order: list[int]) -> AxisDonors:
    codes = np.zeros((len(likeness), len(donors) + 1, 1), dtype=int)
    return AxisDonors(np.array(donors), codes, np.array(likeness), np.array(order))


def test_open_documents_take_evenly_spread_places_among_their_donors() -> None:
    assert abs(GOLDEN - 0.6180339887) < 1e-9
    # Donors 1 and 3 weigh 1 and 2 x .5, the readers' own word .5: ends at .4, .8 and 1.
    patterns = donors_of([[1.0, 0.5, 0.5]] * 3 + [[0.0, 0.0, 0.5]], [1, 3], [0, 1, 2, 0])
    places = np.arange(12).reshape(4, 3)
    times = np.array([9.0, 1.0, 9.0, 2.0])
    rows, kind = patterns.kinds
    assert rows.tolist() == [[0.0, 0.0, 0.5], [1.0, 0.5, 0.5]] and kind.tolist() == [1, 1, 1, 0]
    # Places .1, .718 and .336; the last has none but its own word.
    assert draw_kept(patterns, times, places, 0.1).tolist() == [0, 4, 6, 11]
    # From .85: .85, .468 and .086.
    assert draw_kept(patterns, times, places, 0.85).tolist() == [2, 4, 6, 11]
    assert draw_kept(patterns, times, places, 0.4).tolist()[:2] == [0, 3]  # .4 itself is the first donor's; 1.018
    # Donors that are not drawn in a replicate speak for nobody.
    assert draw_kept(patterns, np.array([0.0, 0.0, 0.0, 2.0]), places, 0.1).tolist() == [1, 5, 7, 11]


def test_a_ruling_that_upheld_a_reader_upholds_the_same_reader_of_the_open_document() -> None:
    # Axis words: readers of the open document say 1 (odd) and 2, those of the donors alike; the first donor's ruling
    # upheld the odd word, the second's the usual one, the third's neither.
    meant = np.array([[1, 1, 1, 1, 2, 2, 2], [2, 2, 2, 2, 2, 2, 2], [0, 1, 2, 3, 2, 2, 2]])
    said = np.zeros((2, 7, 2), dtype=int)
    said[:, :, 1] = 10 * meant[:2]
    said[0, 1:, 1] += 1  # the donors' own words, which are not the open document's
    ruled = np.zeros((7, 2), dtype=int)
    ruled[:, 1] = 77
    drawn = np.array([False, True, True, True, False, False, False])
    zeros = np.zeros_like(meant)
    found = AxisDonors.of(said, ruled, np.array([0]), drawn, meant, zeros, zeros[0])
    assert found.donors.tolist() == [1, 2, 3]
    assert found.codes[0, :, 0].tolist() == [10, 20, 77, 10, 20]  # the last two keep each reader's own word
    assert found.likeness[0].tolist() == [1.0, 1.0, 1.0, 0.05, 0.05]


def test_a_donor_has_a_leaf_that_one_of_its_readers_said_and_order_counts_alike_documents() -> None:
    said = np.zeros((2, 6, 2), dtype=int)
    said[1, 1, 0] = 2  # one of its readers said what was ruled
    ruled = np.zeros((6, 2), dtype=int)
    ruled[0, 0], ruled[2, 0] = 1, 1  # overturned
    ruled[1, 0] = 2
    drawn = np.array([True, True, True, False, False, False])
    meant = np.array([[0, 0, 0, 5, 0, 5], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    zeros = np.zeros_like(meant)
    found = AxisDonors.of(said, ruled, np.array([3, 4, 5]), drawn, meant, zeros, zeros[0])
    assert found.donors.tolist() == [1]
    assert found.order.tolist() == [0, 0, 1]
    nobody = AxisDonors.of(said, ruled, np.array([], dtype=int), drawn, meant, zeros, zeros[0])
    assert nobody.order.shape == (0,) and nobody.likeness.shape == (0, 3)
