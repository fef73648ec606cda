"""What the next steps cost and need, and how readers err: made-up variances and answers, with sums made by hand."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.coding.sample import SCREENED
from pipeline.estimate import needs, price_readings
from pipeline.estimate.influence import Influence
from pipeline.estimate.needs import _cut, _find_least, _Pieces, _share_out, _unread, need_of
from pipeline.estimate.plan import tell_needs, tell_prices
from pipeline.estimate.price_readings import BATCH, UNREAD_CELL, Cells, allocate_bands, cut_cells
from pipeline.estimate.price_targets import (
    ADJUDICATE,
    AT_RANDOM,
    BY_BANDS,
    READ,
    TOGETHER,
    Target,
    find_targets,
    make_row,
)
from pipeline.estimate.prices import _find_surprising, _rank, _rulings
from pipeline.estimate.reader_error import (
    COUNTS,
    GOLD,
    ONLY_INSIDE,
    OUTSIDE,
    OUTSIDE_LABELS,
    PRIOR,
    Evidence,
    Tally,
    Verdict,
    gather_outside,
    name_basis,
    tabulate_errors,
    tally,
)
from pipeline.estimate.survey import Survey, estimate_batch
from pipeline.settings import Minutes
from tests.survey_of import CODEBOOK, codes_of, sample_of, survey_of

Z = 1.959963985
WANTED = [("f", "", "strict"), ("f", "", "broad")]


def wilson_width(share: float, size: float) -> float:
    return float(2 * Z * (share * (1 - share) / size + Z**2 / (4 * size**2)) ** 0.5 / (1 + Z**2 / size))


def pieces_of(read: list[float], size: list[float], spread: list[float], full: list[float] | None = None) -> _Pieces:
    return _Pieces(*(np.array(each) for each in (read, size, spread, full or [1.0] * len(read))))


def influence_of(ruling: float, other: float, width: float) -> Influence:
    """Two documents, the second open: the share varies by `other` beside what the ruling on it makes, uncorrelated."""
    rest, own = np.array([1.0, -1, 1, -1]) * other, np.array([1.0, 1, -1, -1]) * ruling
    rulings = np.stack([np.zeros(4), own], axis=1)
    return Influence(np.array([3, 5]), rest + own, rulings, np.zeros((4, 2)), width)


def needed(monkeypatch: pytest.MonkeyPatch, influence: Influence, plain: _Pieces, banded: _Pieces, asked: float) -> Any:
    monkeypatch.setattr(needs._Pieces, "of", lambda survey, target, *, by_bands: banded if by_bands else plain)
    settled = np.array([True, True, False, True, False, False])
    survey: Any = SimpleNamespace(weights=SimpleNamespace(codes=SimpleNamespace(is_settled=settled)), level=0.95)
    target: Any = SimpleNamespace(influence=influence)
    return need_of(survey, target, 0.5, 100.0, asked)


def test_rulings_are_asked_for_where_they_narrow_by_a_fiftieth(monkeypatch: pytest.MonkeyPatch) -> None:
    now = wilson_width(0.5, 100)
    plain, banded = pieces_of([100.0], [1000.0], [1.0], [0.5]), pieces_of([100.0], [1000.0], [1.0], [0.5])
    # Without the ruling .0016 of .0025 is left: the sample is worth 156 documents.
    row = needed(monkeypatch, influence_of(0.03, 0.04, now), plain, banded, 0.16)
    ruled = wilson_width(0.5, 156.25)
    assert row["n_read"] == 2 and row["n_to_adjudicate"] == 1 and row["width_now"] == now
    assert row["width_adjudicated"] == pytest.approx(ruled) == row["width_then"] and ruled < 0.16
    assert row["n_more"] == row["n_full"] == row["n_more_banded"] == row["n_full_banded"] == 0
    # A part of .043 or .039 of the variance moves the width by less or more than a fiftieth.
    for part, count in ((0.043, 1), (0.039, 0)):
        influence = influence_of(0.05 * part**0.5, 0.05 * (1 - part) ** 0.5, now)
        row = needed(monkeypatch, influence, plain, banded, 0.5)
        left = wilson_width(0.5, 100 / (1 - part)) / now
        assert (left <= 0.98) == bool(count) and row["n_to_adjudicate"] == count
        assert row["width_adjudicated"] == pytest.approx(now * (left if count else 1.0))
    # An interval that is narrower now than its size says is not told to grow.
    narrow = needed(monkeypatch, influence_of(0.0, 0.05, 0.9 * now), plain, banded, 0.5)
    assert narrow["width_adjudicated"] == narrow["width_then"] == 0.9 * now


def test_readings_bring_the_rest_and_bands_are_taken_where_they_need_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = wilson_width(0.5, 100)
    influence = influence_of(0.0, 0.05, now)
    plain = pieces_of([100.0], [1000.0], [1.0], [0.5])
    banded = pieces_of([50.0, 50.0], [500.0, 500.0], [1.0, 0.0001], [0.25, 0.25])
    row = needed(monkeypatch, influence, plain, banded, 0.1)

    def width(more: float) -> float:
        return wilson_width(0.5, 100 * (1 / 100 - 1 / 1000) / (1 / (100 + more) - 1 / 1000))

    count = row["n_more"]
    assert width(count) <= 0.1 < width(count - 1) and row["n_full"] == round(count * 0.5)
    assert row["width_then"] == pytest.approx(width(count)) and row["n_to_adjudicate"] == 0
    assert 0 < row["n_more_banded"] < count and row["n_full_banded"] == round(row["n_more_banded"] * 0.25)
    # As many by bands as without them, of which less is read in full: bands are kept.
    alike = needed(monkeypatch, influence, plain, pieces_of([100.0], [1000.0], [1.0], [0.25]), 0.1)
    assert alike["n_more_banded"] == count and alike["n_full_banded"] == round(count * 0.25)
    worse = pieces_of([50.0, 50.0], [5000.0, 5000.0], [1.0, 1.0], [0.25, 0.25])
    row = needed(monkeypatch, influence, plain, worse, 0.1)
    assert row["n_more_banded"] == row["n_more"] == count and row["n_full_banded"] == row["n_full"]


def test_what_is_left_of_the_variance_is_that_of_its_pieces() -> None:
    assert _unread(np.array([0.0, 1, 4, 10, 12]), np.array([10.0] * 5)) == pytest.approx([0.9, 0.9, 0.15, 0, 0])
    pieces = pieces_of([4.0, 5], [10.0, 20], [2.0, 3])
    now, then = 2 * 0.15 + 3 * 0.15, 2 * (1 / 5 - 1 / 10) + 3 * (1 / 10 - 1 / 20)
    assert pieces.left(np.array([1.0, 5])) == pytest.approx(then / now) and pieces.left(np.zeros(2)) == 1.0
    assert pieces_of([10.0], [10.0], [2.0]).left(np.zeros(1)) == 0.0


def test_the_least_number_is_found_that_is_enough() -> None:
    pieces = pieces_of([4.0], [400.0], [1.0])

    def width(variance: float) -> float:
        return variance

    # 1/n - 1/400 of .2475 is to be .04 of 1: n is 80.5.
    assert _find_least(pieces, 1.0, width, 0.04).tolist() == [77.0]
    assert _find_least(pieces, 0.04, width, 0.04).tolist() == [0.0]  # narrow enough now
    assert _find_least(pieces, 1.0, width, 0.0).tolist() == [396.0]
    assert _find_least(pieces, 1.0, width, pieces.left(np.array([76.0]))).tolist() == [76.0]  # just enough is enough
    two = pieces_of(
        [10.0, 10], [1e5, 1e5], [4.0, 1.0]
    )  # in proportion to 2 and 1, and as many as are read at the least
    more = _find_least(two, 1.0, width, 0.5)
    assert more[0] == 2 * (more[1] + 10) - 10 or abs(more[0] - 2 * (more[1] + 10) + 10) <= 1
    assert _share_out(15.0, np.array([2.0, 1]), np.array([10.0, 10]), np.array([100.0, 100])).tolist() == [5, 0]
    assert _share_out(30.0, np.array([0.2, 0.1]), np.array([10.0, 10]), np.array([100.0, 100])).tolist() == [20, 5]
    assert _share_out(15.3, np.zeros(2), np.array([1.0, 1]), np.array([9.0, 9])).tolist() == [0, 0]


def test_a_piece_without_a_hit_is_taken_to_hold_half_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = [(9.0, 100.0, 0.0, 1.0), (0.0, 50.0, 0.0, 0.5), (9.0, 100.0, 7.0, 1.0)]
    monkeypatch.setattr(needs, "_cut", lambda survey, target, *, by_bands: iter(cut))
    part = SimpleNamespace(totals=np.array([[30.0, 10, 60]]))
    survey: Any = SimpleNamespace(
        part=lambda _: part, inside=lambda _: np.array([True, True, False]), codebook=CODEBOOK
    )
    target: Any = SimpleNamespace(domain=None, denominator="safety")
    pieces = _Pieces.of(survey, target, by_bands=True)
    # Of 40 inside: half of one among nine, and among one where nobody read any.
    assert pieces.spread.tolist() == pytest.approx([(100 / 40) ** 2 * 0.05 * 0.95, (50 / 40) ** 2 * 0.25 * 0.75, 7.0])
    assert pieces.read.tolist() == [9, 0, 9] and pieces.size.tolist() == [100, 50, 100]
    assert pieces.full.tolist() == [1, 0.5, 1]


def test_strata_are_cut_with_the_part_of_them_that_is_read_in_full() -> None:
    truth = np.tile([0, 1], 30)
    sample, population = sample_of(truth, np.repeat([0, 1, 2], 20), np.r_[:10, 20:40])
    units = sample.units.copy()
    units.loc[units.index[:4], "phase2_stratum"] = SCREENED
    units.loc[units.index[:5], "is_adjudicated"] = [False, False, False, True, False]
    survey = survey_of(replace(sample, units=units), population)
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    target = find_targets(survey, found, "safety", [("f", "", "strict")])[0]
    (first, second, third) = _cut(survey, target, by_bands=True)
    mine = (units["stratum"] == "f/s0").to_numpy()
    spread = target.influence.part_of(mine) / (1 / 10 - 1 / 20)
    assert first == pytest.approx((10, 20, spread, 0.7))  # three of ten are marked alone
    assert second[:2] == (20.0, 20.0) and second[3] == 1.0
    assert third[:2] == (0.0, 20.0) and third[3] == 1.0  # nothing is read of it


@pytest.mark.parametrize(("n_read", "pieces"), [(1, 2), (20, 2), (40, 1)])
def test_a_stratum_is_cut_into_its_bands_unless_all_of_it_is_read(n_read: int, pieces: int) -> None:
    prediction = np.tile([[0.1, 0.8, 0.1], [0.6, 0.3, 0.1]], (20, 1))
    truth, stratum = np.tile([0, 1, 1, 2], 20), np.repeat([0, 1], 40)
    drawn = np.r_[:n_read, 40:60]
    survey = survey_of(*sample_of(truth, stratum, drawn, prediction=np.vstack([prediction, prediction])))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    target = find_targets(survey, found, "safety", WANTED[:1])[0]
    assert len(list(_cut(survey, target, by_bands=True))) == pieces + 2
    assert len(list(_cut(survey, target, by_bands=False))) == 2


def test_what_is_left_of_a_stratum_is_neymans_sum_over_its_cells() -> None:
    cells = Cells(("a", "b"), np.array([10.0, 20]), np.array([5.0, 4]), np.array([[0.2, 0.3], [1.0, 0.0]]))
    now = np.array([0.2 * 100 * 0.1 + 0.3 * 400 * 0.2, 100 * 0.1])
    assert cells.variance(np.zeros(2)) == pytest.approx(now)
    assert cells.variance(np.array([5.0, 6])) == pytest.approx([0.3 * 400 * (1 / 10 - 1 / 20), 0.0])


def read_with_bands(sizes: tuple[int, int, int], read: tuple[int, int, int]) -> tuple[Survey, list[Target]]:
    """Documents of three bands, .1, .5 and .9, of which so many are read; the targets strict and broad."""
    prediction = np.repeat([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.9, 0.08, 0.02]], sizes, axis=0)
    truth = np.concatenate([np.tile([0, 1, 2, 2, 1], size)[:size] for size in sizes])
    starts = np.cumsum([0, *sizes[:2]])
    drawn = np.concatenate([start + np.arange(count) for start, count in zip(starts, read, strict=True)])
    survey = survey_of(*sample_of(truth, np.zeros(sum(sizes), int), drawn, prediction=prediction))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    return survey, find_targets(survey, found, "everything", WANTED)


def test_cells_are_what_is_alike_under_every_target_and_make_up_the_variance_of_the_stratum() -> None:
    survey, targets = read_with_bands((40, 60, 50), (10, 20, 0))
    cells = cut_cells(survey, targets, "f/s0", 150.0, 30.0)
    # Of broad the chances are .3, .8 and .98: the bands are told of both.
    assert cells.names == (", band 1/2", ", band 2/3", ", band 3/4") and cells.size.tolist() == [40, 60, 50]
    assert UNREAD_CELL == 0.5 and cells.read.tolist() == [10, 20, 0.5]
    rows = np.arange(30)
    for number, target in enumerate(targets):
        part = target.influence.part_of(np.isin(target.influence.rows, rows))
        assert part > 0 and cells.variance(np.zeros(3))[number] == pytest.approx(part)
    # In proportion to what the classifier leaves: of a share of everything c (1 - c).
    assert cells.spread[0] / cells.spread[0, 0] == pytest.approx(np.array([0.09, 0.25, 0.09]) / 0.09)
    assert cells.spread[1] / cells.spread[1, 0] == pytest.approx(np.array([0.21, 0.16, 0.0196]) / 0.21)
    # A document is of a cell by all of its bands, and one that is read counts as one.
    prediction = np.repeat([[0.1, 0.2, 0.7], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2]], 10, axis=0)
    mixed = survey_of(
        *sample_of(np.tile([0, 1, 2], 10), np.zeros(30, int), np.r_[:4, 10:13, 20], prediction=prediction)
    )
    both = find_targets(mixed, estimate_batch(mixed, CODEBOOK.definitions, []), "everything", WANTED)
    assert cut_cells(mixed, both, "f/s0", 30.0, 8.0).read.tolist() == [4, 3, 1]
    whole = cut_cells(survey, targets[:1], "f/s0", 151.0, 30.0)  # one document is known by its number alone
    part = targets[0].influence.part_of(np.ones(30, dtype=bool))
    assert whole.names == ("",) and (whole.size.tolist(), whole.read.tolist()) == ([151], [30])
    assert whole.spread[0, 0] == pytest.approx(part / (151**2 * (1 / 30 - 1 / 151)))


def test_readings_are_priced_by_cell_at_random_and_by_bands() -> None:
    survey, targets = read_with_bands((40, 60, 50), (10, 20, 50))
    rows = list(price_readings.price_readings(survey, targets))
    assert [row["action"] for row in rows] == [AT_RANDOM, BY_BANDS, READ, READ]
    assert [row["what"] for row in rows] == ["f/s0", "f/s0", "f/s0, band 1/2", "f/s0, band 2/3"]  # one is read in full
    assert [row["n_documents"] for row in rows] == [70, 70, 1, 1] and BATCH == 100
    cells = cut_cells(survey, targets, "f/s0", 150.0, 80.0)
    before = cells.variance(np.zeros(3))

    def points(more: np.ndarray) -> float:
        after = cells.variance(more)
        saved = [target.influence.save(b - a) for target, b, a in zip(targets, before, after, strict=True)]
        return float(100 * sum(saved) / 2)

    worth = sum(t.influence.width / (2 * t.influence.variance) * cells.spread[n] for n, t in enumerate(targets))
    assert rows[1]["points_saved"] == pytest.approx(points(allocate_bands(cells.size, worth, cells.read, 70)))
    assert rows[2]["points_saved"] == pytest.approx(points(np.array([1.0, 0, 0])))
    assert rows[3]["points_saved"] == pytest.approx(points(np.array([0, 1.0, 0])))


def test_many_at_random_are_of_each_cell_in_its_proportion() -> None:
    survey, targets = read_with_bands((80, 120, 100), (20, 30, 25))  # a quarter of each
    rows = list(price_readings.price_readings(survey, targets))
    cells = cut_cells(survey, targets, "f/s0", 300.0, 75.0)
    before, after = cells.variance(np.zeros(3)), cells.variance(np.array([80, 120, 100]) / 3)
    saved = [target.influence.save(b - a) for target, b, a in zip(targets, before, after, strict=True)]
    assert rows[0]["action"] == AT_RANDOM and rows[0]["n_documents"] == 100
    assert rows[0]["points_saved"] == pytest.approx(float(100 * sum(saved) / 2))


def test_many_at_random_are_of_what_is_left_of_each_cell() -> None:
    # 30, 100 and none are left: of a hundred more 30 in 130 are of the first, and the others of the second.
    survey, targets = read_with_bands((80, 120, 100), (50, 20, 100))
    rows = list(price_readings.price_readings(survey, targets))
    cells = cut_cells(survey, targets, "f/s0", 300.0, 170.0)
    more = 100 * np.array([30, 100, 0]) / 130
    saved = [
        target.influence.save(b - a)
        for target, b, a in zip(targets, cells.variance(np.zeros(3)), cells.variance(more), strict=True)
    ]
    assert cells.read.tolist() == [50, 20, 100] and rows[0]["n_documents"] == 100
    assert rows[0]["points_saved"] == pytest.approx(float(100 * sum(saved) / 2))


def test_reading_all_that_is_left_leaves_no_variance_of_a_cell_that_nobody_had_read() -> None:
    survey, targets = read_with_bands((40, 30, 10), (20, 20, 0))  # of the last cell half a document counts as read
    cells = cut_cells(survey, targets, "f/s0", 80.0, 40.0)
    assert cells.variance(np.array([20, 10, 10])).tolist() == [0, 0]
    assert (cells.variance(np.array([20, 10, 9])) > 0).all()
    rows = {row["action"]: row for row in price_readings.price_readings(survey, targets)}
    before = cells.variance(np.zeros(3))
    whole = sum(target.influence.save(part) for target, part in zip(targets, before, strict=True))
    for action in (AT_RANDOM, BY_BANDS):
        assert rows[action]["n_documents"] == 40
        assert rows[action]["points_saved"] == pytest.approx(float(100 * whole / 2))


def test_bands_are_weighed_by_what_they_make_of_each_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    survey, targets = read_with_bands((40, 60, 50), (10, 20, 30))
    asked: list[np.ndarray] = []

    def allocate(size: np.ndarray, spread: np.ndarray, read: np.ndarray, count: int) -> np.ndarray:
        asked.extend((size, spread, read, np.array([count])))
        return np.array([1, 0, 0])

    monkeypatch.setattr(price_readings, "allocate_bands", allocate)
    rows = list(price_readings.price_readings(survey, targets))
    cells = cut_cells(survey, targets, "f/s0", 150.0, 60.0)
    slopes = [target.influence.width / (2 * target.influence.variance) for target in targets]
    assert asked[1] == pytest.approx(slopes[0] * cells.spread[0] + slopes[1] * cells.spread[1])
    assert [each.tolist() for each in (asked[0], asked[2], asked[3])] == [[40, 60, 50], [10, 20, 30], [90]]
    assert [row["n_documents"] for row in rows if row["action"] == BY_BANDS] == [1]


def test_where_the_classifier_is_sure_of_all_that_is_unread_no_cell_has_a_spread() -> None:
    prediction = np.repeat([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], 20, axis=0)
    truth = np.concatenate([np.tile([0, 1], 10), np.zeros(20, int)])
    survey = survey_of(*sample_of(truth, np.zeros(40, int), np.arange(30), prediction=prediction))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    targets = find_targets(survey, found, "safety", [("f", "", "strict")])
    cells = cut_cells(survey, targets, "f/s0", 40.0, 30.0)
    assert cells.size.tolist() == [20, 20] and cells.read.tolist() == [20, 10] and cells.spread.tolist() == [[0.0, 0.0]]


def test_two_bands_are_enough_to_draw_by_and_one_is_not() -> None:
    for sizes, read, actions in (((40, 60, 0), (10, 20, 0), [BY_BANDS]), ((40, 0, 0), (10, 0, 0), [])):
        survey, targets = read_with_bands(sizes, read)
        rows = list(price_readings.price_readings(survey, targets))
        assert [row["action"] for row in rows if row["action"] == BY_BANDS] == actions


def test_cells_that_leave_next_to_nothing_still_make_up_their_stratum() -> None:
    prediction = np.array([[0.999, 0.001, 0.0], [0.999, 0.001, 0.0], [0.001, 0.999, 0.0], [0.001, 0.999, 0.0]])
    survey = survey_of(*sample_of(np.array([0, 1, 0, 1]), np.zeros(4, int), np.arange(3), prediction=prediction))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    targets = find_targets(survey, found, "safety", [("f", "", "strict")])
    cells = cut_cells(survey, targets, "f/s0", 4.0, 3.0)
    part = targets[0].influence.part_of(np.ones(3, dtype=bool))
    assert part > 0 and cells.variance(np.zeros(2))[0] == pytest.approx(part)


def test_each_next_document_is_of_the_band_with_more_of_them_though_all_are_alike() -> None:
    # N^2 S^2 / (n (n + 1)): 200 documents gain as much at fourteen as 100 at seven, (4 / (14 x 15) < 1 / (7 x 8)).
    read = np.array([7.0, 14.0])
    assert allocate_bands(np.array([100.0, 200]), np.ones(2), read, 1).tolist() == [0, 1]
    assert allocate_bands(np.array([100.0, 200]), np.array([1.1, 1.0]), read, 1).tolist() == [1, 0]
    assert allocate_bands(np.array([9.0, 20]), np.zeros(2), np.ones(2), 3).tolist() == [3, 0]  # as many as are asked


def test_prices_are_alike_to_the_sixth_digit() -> None:
    rows = [(READ, "b", 1, 4 * 0.1000004), (READ, "a", 1, 4 * 0.0999996), (READ, "c", 1, 4 * 0.100001)]
    table = pd.DataFrame(rows, columns=["action", "what", "n_documents", "points_saved"])
    assert _rank(table, Minutes(read=4.0))["what"].tolist() == ["c", "a", "b"]


def test_what_surprises_is_what_the_first_reader_said() -> None:
    truth, drawn = np.tile([0, 1], 20), np.arange(10)
    second = np.where(drawn == 3, 0, truth[:10])
    prediction = np.where(truth[:, None] == 0, [[0.9, 0.05, 0.05]], [[0.05, 0.9, 0.05]])
    survey = survey_of(*sample_of(truth, np.zeros(40, int), drawn, readers=(truth[:10], second), prediction=prediction))
    assert not _find_surprising(survey).any()
    other = replace(survey, sample=replace(survey.sample, readers=survey.sample.readers[::-1]))
    assert np.flatnonzero(_find_surprising(other)).tolist() == [3]


def test_a_stratum_of_which_one_is_read_or_all_are_has_no_price() -> None:
    truth, stratum = np.tile([0, 1], 30), np.repeat([0, 1, 2], 20)
    survey = survey_of(*sample_of(truth, stratum, np.r_[:1, 20:22, 40:60]))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    wanted = [("f", "", "strict"), ("f", "", "broad")]
    targets = find_targets(survey, found, "safety", wanted)
    rows = list(price_readings.price_readings(survey, targets))
    assert [(row["action"], row["what"], row["n_documents"]) for row in rows] == [
        (AT_RANDOM, "f/s1", 18),
        (READ, "f/s1", 1),
    ]


def test_a_step_is_told_in_points_of_the_mean_interval() -> None:
    targets: Any = [SimpleNamespace(influence=SimpleNamespace(width=width)) for width in (0.1, 0.3)]
    row = make_row(targets, READ, "d", 7, 0.05)
    assert row == {
        "action": READ,
        "what": "d",
        "interval": "as read",
        "n_documents": 7,
        "points_now": pytest.approx(20.0),
        "points_saved": pytest.approx(2.5),
    }


def test_targets_are_the_wanted_shares_that_are_known() -> None:
    survey = survey_of(*sample_of(np.full(20, 2), np.zeros(20, int), np.arange(8)))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    wanted = [("f", "", "strict"), ("f", "", "broad")]
    assert find_targets(survey, found, "safety", wanted) == []  # nothing is inside
    names = [target.name for target in find_targets(survey, found, "everything", wanted[1:])]
    assert names == ["f broad"] and find_targets(survey, {}, "everything", wanted) == []
    year = replace(survey.domains[0], year="2019")
    strict = CODEBOOK.definitions[0]
    assert Target(year, strict, "safety", influence_of(0, 0.1, 0.2)).name == "f/2019 strict"


def test_what_surprises_is_priced_apart_from_all_that_is_open() -> None:
    truth = np.tile([0, 1, 1, 2], 50)
    prediction = np.eye(3)[truth] * 0.7 + 0.1
    prediction[[1, 4, 9]] = [[0.9, 0.07, 0.03], [0.05, 0.9, 0.05], [0.3, 0.08, 0.62]]  # the last is just no surprise
    drawn, settled = np.arange(80), np.arange(80) % 4 == 2
    survey = survey_of(
        *sample_of(truth, np.zeros(200, int), drawn, is_settled=settled, phase2_probability=0.25, prediction=prediction)
    )
    assert np.flatnonzero(_find_surprising(survey)).tolist() == [1, 4]
    blind = replace(survey, population=replace(survey.population, predictions=None))
    assert not _find_surprising(blind).any() and len(_find_surprising(blind)) == 80
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    targets = find_targets(survey, found, "safety", [("f", "", "strict")])
    rows = list(_rulings(survey, targets))
    together = [row for row in rows if row["action"] == TOGETHER]
    assert [(row["what"], row["n_documents"]) for row in together] == [
        ("surprising agreements", 2),
        ("every open document", 60),
    ]
    odd, every = (100 * targets[0].influence.settle_all(chosen) for chosen in (np.isin(drawn, [1, 4]), ~settled))
    assert [row["points_saved"] for row in together] == pytest.approx([odd, every])
    singles = [row for row in rows if row["action"] == ADJUDICATE]
    assert [row["what"] for row in singles] == [f"d{number:06d}" for number in drawn[~settled]]


def test_prices_and_needs_are_told_in_their_columns() -> None:
    assert tell_prices(pd.DataFrame(), "f strict")[0].startswith("There is no step to price for f strict")
    head = tell_prices(
        pd.DataFrame(
            {"action": [READ], "what": "d", "points_saved": 1.25, "minutes": 4.0, "saved_per_minute": 0.3125}
        ).assign(points_now=9.0, interval="as read"),
        "f strict",
    )
    assert head[2:] == [
        "points a minute  points  minutes  step",
        "         0.3125    1.25        4  read one: d (9.0 wide as read now)",
    ]
    row = {"width_now": 0.1234, "width_asked": 0.05, "width_adjudicated": 0.08, "width_then": 0.05, "n_more_banded": 1}
    row |= {
        "n_to_adjudicate": 2,
        "n_more": 3,
        "n_full": 4,
        "n_full_banded": 5,
        "frame": "f",
        "year": "",
        "definition": "s",
    }
    assert tell_needs(pd.DataFrame([row]))[-1].split() == "12.3 5.0 2 8.0 3 4 1 5 5.0 f s".split()


def verdict_of(state: list[int], counts: list[int], inside: list[int], weight: list[float]) -> Verdict:
    return Verdict(np.array(state), np.array(counts, dtype=np.int8), np.array(inside, dtype=np.int8), np.array(weight))


def test_answers_are_counted_by_state_and_question_as_many_as_their_weights_are_worth() -> None:
    verdict = verdict_of(
        [COUNTS, COUNTS, COUNTS, ONLY_INSIDE, ONLY_INSIDE], [1, 0, -1, 1, 0], [1, 1, 0, -1, -1], [1.0, 3, 2, 5, 5]
    )
    counted = tally(verdict)
    # Of what counts two are decided, of weights 1 and 3: 16 / 10 documents, a quarter of them yes.
    assert counted.n == pytest.approx(np.array([[1.6, 36 / 14], [2, 0], [0, 0]]))
    assert counted.yes == pytest.approx(np.array([[0.4, 36 / 14 * 4 / 6], [1, 0], [0, 0]]))
    assert counted.n_decided.tolist() == [[2, 3], [2, 0], [0, 0]] and counted.n_yes.tolist() == [[1, 2], [1, 0], [0, 0]]
    assert counted.rate == pytest.approx(np.array([[0.25, 4 / 6], [0.5, 1.0], [0.0, 0.0]]))  # as settled, where none is
    nothing = tally(verdict, np.zeros(5, dtype=bool))
    assert nothing.rate.tolist() == [[1, 1], [0, 1], [0, 0]] and not nothing.n.any()
    some = tally(verdict, np.array([True, False, False, True, False]))
    assert some.n_decided.tolist() == [[1, 1], [1, 0], [0, 0]] and some.rate[1, 0] == 1.0


def test_rates_have_jeffreys_intervals_and_draws() -> None:
    n, yes = np.array([[4.0, 3], [2, 0], [0, 5]]), np.array([[1.0, 3], [0, 0], [0, 2]])
    counted = Tally(n, yes, n, yes)
    low, high = counted.interval(0.9)
    assert PRIOR == 0.5 and low[0, 0] == pytest.approx(stats.beta.ppf(0.05, 1.5, 3.5))
    assert high[0, 0] == pytest.approx(stats.beta.ppf(0.95, 1.5, 3.5))
    assert (low[0, 1], high[0, 1]) == pytest.approx((stats.beta.ppf(0.05, 3.5, 0.5), 1.0))
    assert (low[1, 0], high[1, 0]) == pytest.approx((0.0, stats.beta.ppf(0.95, 0.5, 2.5)))
    assert (low[1, 1], high[1, 1]) == (0.0, 1.0)
    drawn = counted.draw(np.random.default_rng(3), 5)
    expected = np.random.default_rng(3).beta(yes + 0.5, n - yes + 0.5, size=(5, 3, 2))
    assert drawn.tolist() == expected.tolist()


def test_gold_counts_what_people_count_inside_what_they_put_inside() -> None:
    index = pd.Index(list("abcd"))
    settled, people = codes_of(np.array([0, 1, 2, 0]), index), codes_of(np.array([0, 0, 1, 2]), index)
    gold = Evidence(GOLD, np.full(4, "x"), settled, people, None, np.ones(4), index.to_numpy())
    strict, safety = CODEBOOK.definitions[0], CODEBOOK.denominators["safety"]
    verdict = gold.judge(strict, safety, CODEBOOK)
    assert verdict is not None and verdict is gold.judge(strict, safety, CODEBOOK)  # asked once
    assert verdict.state.tolist() == [COUNTS, ONLY_INSIDE, OUTSIDE, COUNTS]
    assert verdict.counts.tolist() == [1, 1, 0, 0] and verdict.inside.tolist() == [1, 1, 1, 0]
    assert name_basis(gold, verdict) == "gold"
    assert name_basis(gold, replace(verdict, as_read=("how", "why"))) == "gold, how as read, why as read"
    rows = tabulate_errors([gold], CODEBOOK, 0.9).set_index(["definition", "denominator", "settled", "asked"])
    counts = rows.loc[("strict", "safety", "counts", "counts")]
    assert counts[["n_decided", "n_changed", "change_chance"]].tolist() == [2, 1, 0.5]
    low, high = stats.beta.ppf([0.05, 0.95], 1.5, 1.5)
    assert (counts["low"], counts["high"]) == pytest.approx((1 - high, 1 - low))
    only = rows.loc[("strict", "safety", "denominator only", "counts")]
    assert only[["n_decided", "n_changed", "change_chance", "high"]].tolist() == [1, 1, 1.0, 1.0]
    assert only["low"] == pytest.approx(stats.beta.ppf(0.05, 1.5, 0.5))
    outside = rows.loc[("strict", "safety", "outside", "denominator")]
    assert outside[["n_decided", "n_changed"]].tolist() == [1, 1]
    none = rows.loc[("broad", "safety", "denominator only", "counts")]  # all that is inside counts
    assert none["n_decided"] == 0 and np.isnan(none["change_chance"]) and (none["low"], none["high"]) == (0.0, 1.0)
    bare = replace(gold, people=None)
    assert replace(bare, verdicts={}).judge(strict, safety, CODEBOOK) is None  # there is no label


def test_labels_are_those_of_read_documents_with_their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    settled = codes_of(np.array([0, 1, 2]), pd.Index(list("abc")))

    def allow(labels: pd.DataFrame, codebook: object) -> Any:
        assert labels["doc_id"].tolist() == ["c", "a"]
        return SimpleNamespace(labels=labels.set_index("doc_id"), leaves="leaves")

    monkeypatch.setattr("pipeline.estimate.reader_error.allow_leaves", allow)
    labels = pd.DataFrame({"doc_id": ["c", "x", "a"]})
    groups, follows = pd.Series({"a": "forum", "b": "b", "c": "arxiv"}), pd.Series({"a": True, "b": True, "c": False})
    found = gather_outside(labels, settled, groups, CODEBOOK, follows)
    assert found.basis == OUTSIDE_LABELS and found.source.tolist() == ["arxiv", "forum"]
    assert found.settled["leaf"].tolist() == ["N0", "A1"] and found.weight.tolist() == [1.0, 1.0]
    assert (
        found.follows is not None and found.follows.tolist() == [False, True] and found.doc_ids.tolist() == ["c", "a"]
    )
    assert gather_outside(labels, settled, groups, CODEBOOK).follows is None
