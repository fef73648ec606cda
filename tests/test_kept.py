"""Predictions that are kept: the same to the last digit, and never those of anything else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.cluster.neighbours import find_neighbours
from pipeline.coding.codebook import Codebook
from pipeline.estimate.classify import Predictions
from pipeline.estimate.features import TextFeatures
from pipeline.estimate.kept import MODULES, keep_predictions, name_predictions
from pipeline.estimate.kept_features import keep_features
from pipeline.estimate.kept_neighbours import keep_neighbours
from pipeline.text.word_counts import WordCounts
from tests.invented_survey import CODEBOOK, invent_sample
from tests.test_rooms import read_imports


def invent_predictions() -> Predictions:
    """With a definition and a denominator that are no sets of leaves."""
    made = invent_sample()[1].predictions
    assert made is not None
    return Predictions(
        made.doc_ids.astype(object), made.fold, made.leaves, made.groups, made.leaf_probability, made.counted,
        {"sure": made.counted["sure", "safety"]},
    )  # fmt: skip


def never() -> Predictions:
    raise AssertionError("made again")


def assert_same(one: Predictions, other: Predictions) -> None:
    assert one.doc_ids.tolist() == other.doc_ids.tolist() and one.doc_ids.dtype == other.doc_ids.dtype
    assert (one.leaves, one.groups) == (other.leaves, other.groups)
    assert np.array_equal(one.fold, other.fold) and np.array_equal(one.leaf_probability, other.leaf_probability)
    for name in ("counted", "belongs"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert list(ours) == list(theirs)
        assert all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_what_is_kept_is_what_was_made_to_the_last_digit(tmp_path: Path) -> None:
    made = invent_predictions()
    assert keep_predictions(tmp_path / "a" / "kept.npz", "one", lambda: made) is made
    assert_same(keep_predictions(tmp_path / "a" / "kept.npz", "one", never), made)


def test_under_another_name_they_are_made_again_and_take_its_place(tmp_path: Path) -> None:
    made, place = invent_predictions(), tmp_path / "kept.npz"
    keep_predictions(place, "one", lambda: made)
    assert keep_predictions(place, "two", lambda: made) is made
    assert_same(keep_predictions(place, "two", never), made)
    with pytest.raises(AssertionError, match="made again"):
        keep_predictions(place, "one", never)


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data[:3_000] + bytes(8) + data[3_008:],
        lambda data: b"no archive at all",
    ],
    ids=["cut", "empty", "eight bytes", "text"],
)
def test_a_damaged_file_is_as_if_it_were_not_there(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    made, place = invent_predictions(), tmp_path / "kept.npz"
    keep_predictions(place, "one", lambda: made)
    place.write_bytes(harm(place.read_bytes()))
    assert keep_predictions(place, "one", lambda: made) is made
    assert_same(keep_predictions(place, "one", never), made)


def test_where_nothing_can_be_written_they_are_made_all_the_same(tmp_path: Path) -> None:
    made, folder = invent_predictions(), tmp_path / "a file"
    folder.write_text("in the way")
    assert keep_predictions(folder / "kept.npz", "one", lambda: made) is made


def invent_codes() -> pd.DataFrame:
    reader = invent_sample()[0].readers[0]
    return reader.reset_index().assign(phase2_stratum="agree", is_adjudicated=False)


def test_all_that_has_a_part_in_predictions_has_one_in_their_name(tmp_path: Path) -> None:
    file, codes = tmp_path / "terms.parquet", invent_codes()
    file.write_bytes(b"one")
    name = name_predictions([file], codes, CODEBOOK)
    assert name == name_predictions([file], codes.assign(note="a word"), CODEBOOK)
    other_leaf = codes.assign(leaf=codes["leaf"].where(codes.index != 3, "N0"), group=codes["group"])
    other_axis = codes.assign(target=codes["target"].map({"x": "y", "y": "x"}))
    fewer = Codebook(**{**vars(CODEBOOK), "definitions": CODEBOOK.definitions[:2]})
    others = [
        name_predictions([file], other_leaf, CODEBOOK),
        name_predictions([file], other_axis, CODEBOOK),
        name_predictions([file], codes.iloc[1:], CODEBOOK),
        name_predictions([file], codes, fewer),
    ]
    file.write_bytes(b"two")
    others.append(name_predictions([file], codes, CODEBOOK))
    assert len({name, *others}) == 6


def test_every_module_that_can_change_a_prediction_has_a_part_in_their_name(shipped: Path) -> None:
    """An import that is new to the classifier belongs into MODULES, or, with the reason, here."""
    no_part = {"pipeline.forked"}  # how many processors there are
    imports, waiting, reached = read_imports(shipped), ["pipeline.estimate.classify"], set()
    while waiting:
        module = waiting.pop()
        if module in reached | no_part or module.startswith("pipeline.coding."):  # what it says is in codes and queries
            continue
        reached.add(module)
        waiting += imports[module]
    assert {module for module in reached if not module.endswith(".__init__")} == {each.__name__ for each in MODULES}


def test_neighbours_are_made_once_for_the_same_vectors_and_anew_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = np.random.default_rng(3).normal(size=(60, 8))
    vectors = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float16)
    place, calls = tmp_path / "a" / "neighbours.npz", []
    monkeypatch.setattr(
        "pipeline.estimate.kept_neighbours.find_neighbours",
        lambda *asked: calls.append(asked) or find_neighbours(*asked),  # type: ignore[func-returns-value]
    )
    wanted = find_neighbours(vectors, 5)
    for _ in range(2):
        for one, other in zip(keep_neighbours(place, vectors, 5), wanted, strict=True):
            assert np.array_equal(one, other) and one.dtype == other.dtype
    assert len(calls) == 1
    assert np.array_equal(keep_neighbours(place, vectors, 4)[0], wanted[0][:, :4]) and len(calls) == 2
    turned = vectors[::-1].copy()
    assert np.array_equal(keep_neighbours(place, turned, 4)[1], wanted[1][::-1, :4]) and len(calls) == 3
    place.write_bytes(place.read_bytes()[:700])
    assert np.array_equal(keep_neighbours(place, turned, 4)[1], wanted[1][::-1, :4]) and len(calls) == 4


def test_features_of_texts_are_made_once_for_the_same_texts_and_anew_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbours = np.array([[1, 2], [0, 2], [3, 0], [2, 1]])
    rows, columns = np.array([0, 0, 1, 2, 3], dtype=np.int32), np.array([0, 1, 1, 2, 0], dtype=np.int32)
    words = WordCounts(rows, columns, np.array([1, 3, 2, 1, 1], dtype=np.int16), ["cup", "plate", "spoon"])
    titles = pd.Series(["Cups hold tea", "Plates hold cake", None, "Tea and cake"])
    place, calls, make = tmp_path / "a" / "features.npz", [], TextFeatures.of
    monkeypatch.setattr(TextFeatures, "of", lambda *asked: calls.append(asked) or make(*asked))  # type: ignore[func-returns-value]
    wanted = make(neighbours, words, titles)
    for _ in range(2):
        found = keep_features(place, neighbours, words, titles)
        assert np.array_equal(found.lengths, wanted.lengths) and (found.titles != wanted.titles).nnz == 0
    assert len(calls) == 1 and wanted.titles.nnz and (wanted.lengths > 0).all()
    keep_features(place, neighbours, words, titles.str.replace("tea", "cake"))
    keep_features(place, neighbours[:, ::-1], words, titles)
    keep_features(place, neighbours, replace(words, counts=words.counts[::-1]), titles)
    keep_features(place, neighbours, replace(words, vocabulary=["cup", "plate", "knife"]), titles)
    assert len(calls) == 5
