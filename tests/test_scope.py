"""The scope score: the threshold keeps the recall asked for, the intervals cover, nothing read scores itself."""

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.scope.stage import Sides, choose_threshold, count_sides, recall_and_precision, score_documents
from pipeline.settings import Scope


def test_the_threshold_keeps_the_recall_asked_for() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.95, 0.1])
    is_in = np.array([True, True, True, True, False, False])
    equal = np.ones(6)
    assert choose_threshold(scores, is_in, equal, 0.75) == 0.7
    assert choose_threshold(scores, is_in, equal, 1.0) == 0.2
    assert choose_threshold(scores, is_in, np.array([1, 1, 1, 7, 1, 1.0]), 0.75) == 0.2


def test_recall_and_precision_count_each_side_at_its_size() -> None:
    scores = np.array([0.9] * 80 + [0.1] * 20)
    read = np.array([0.9, 0.9, 0.9, 0.9, 0.1, 0.1])
    is_in = np.array([True, True, True, False, True, False])
    sides = count_sides(scores, read, is_in, np.ones(6), 0.5)
    assert sides == Sides(80, 20, 0.75, 0.5, 4.0, 2.0)
    found = recall_and_precision(sides, 0.95, np.random.default_rng(1))
    assert found["recall"][0] == pytest.approx(60 / 70)
    assert found["precision"][0] == 0.75
    assert all(low <= value <= high for value, low, high in found.values())


def test_the_interval_covers_the_recall_even_where_no_miss_is_found() -> None:
    rng = np.random.default_rng(5)
    accepted, rejected, share, missed = 1000, 9000, 0.85, 0.011
    truth = accepted * share / (accepted * share + rejected * missed)
    covered = 0
    for _ in range(400):
        sides = Sides(accepted, rejected, rng.binomial(100, share) / 100, rng.binomial(300, missed) / 300, 100, 300)
        _, low, high = recall_and_precision(sides, 0.95, rng)["recall"]
        covered += low <= truth <= high
    assert covered / 400 >= 0.92


def test_read_documents_are_scored_by_models_that_did_not_see_them() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(600, 300)).astype(np.float32)
    read, is_in = np.arange(500), rng.random(500) < 0.5  # labels that nothing can predict
    none = np.empty((0, 300), dtype=np.float32)
    scores, _ = score_documents(vectors, read, is_in, np.ones(500), none, Scope(repeat_count=2), 1)
    gap = scores[read][is_in].mean() - scores[read][~is_in].mean()
    assert abs(gap) < 0.15
    again, _ = score_documents(vectors, read, is_in, np.ones(500), none, Scope(repeat_count=2), 1)
    assert (scores == again).all()


def test_the_background_lowers_the_scores_of_its_like() -> None:
    rng = np.random.default_rng(4)
    field = rng.normal(size=(100, 10)) + 2
    other = rng.normal(size=(60, 10)) - 2
    vectors = np.concatenate([field, other]).astype(np.float32)
    read, is_in = np.arange(100), field[:, 0] > 2
    bare, _ = score_documents(vectors, read, is_in, np.ones(100), other[:0].astype(np.float32), Scope(), 1)
    backed, _ = score_documents(vectors, read, is_in, np.ones(100), other[:30].astype(np.float32), Scope(), 1)
    assert backed[130:].mean() <= bare[130:].mean()


def test_labels_on_one_side_are_refused() -> None:
    vectors = np.eye(4, dtype=np.float32)
    with pytest.raises(DataError, match="one side"):
        score_documents(vectors, np.arange(4), np.ones(4, dtype=bool), np.ones(4), vectors[:0], Scope(), 1)
