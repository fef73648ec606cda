"""The classifier's parts by hand: features, likeness, powers, and what predictions are made from."""

import contextlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pipeline.coding.sample import SCREENED
from pipeline.estimate import classify, features, inputs, kernel
from pipeline.estimate.classify import (
    Predictions,
    _choose_power,
    _choose_powers,
    assign_folds,
    cross_predict,
    list_queries,
    predict_codes,
    to_probabilities,
)
from pipeline.estimate.features import (
    TextFeatures,
    _make_unit,
    _make_unit_rows,
    _name_matrix,
    _weigh_titles,
    compute_kernel,
    find_near_duplicates,
    weigh_terms,
)
from pipeline.estimate.fold_models import FoldModels, _mirror
from pipeline.estimate.kept import _to_whole
from pipeline.estimate.kernel import Kernel, NeighbourMeans, _compare, measure_sums
from pipeline.text.word_counts import WordCounts
from tests.survey_of import CODEBOOK, codes_of, sample_of


def words_of(*documents: dict[str, int]) -> WordCounts:
    vocabulary = sorted({word for each in documents for word in each})
    cells = [(row, vocabulary.index(word), count) for row, each in enumerate(documents) for word, count in each.items()]
    rows, columns, counts = (np.array(part) for part in zip(*cells, strict=True))
    return WordCounts(rows.astype(np.int32), columns.astype(np.int32), counts.astype(np.int16), vocabulary)


def test_terms_are_weighed_by_the_logarithm_of_their_number_and_of_how_rare_they_are() -> None:
    found = weigh_terms(words_of({"a": 3, "b": 1}, {"b": 2}, {"b": 1}), 3).toarray()
    rare, common = np.log(4 / 2) + 1, np.log(4 / 4) + 1  # smooth: one more document that has every word
    first = np.array([(1 + np.log(3)) * rare, common])
    assert found[0] == pytest.approx(first / np.linalg.norm(first)) and found[1:].tolist() == [[0, 1], [0, 1]]


def test_a_title_has_words_and_pairs_of_them_that_two_titles_share() -> None:
    found = _weigh_titles(pd.Series(["Reward hacking grows", "Reward hacking", "The of and", None, "Alone"]))
    assert found.shape == (5, 3)  # reward, hacking, and both
    assert found.toarray()[1] == pytest.approx([3**-0.5] * 3) and not found.toarray()[2:].any()
    assert found.toarray()[0] == pytest.approx([3**-0.5] * 3)
    empty = _weigh_titles(pd.Series(["", "the"]))
    assert empty.shape == (2, 1) and empty.nnz == 0


def test_a_name_tells_from_three_documents_on_and_none_of_a_long_list() -> None:
    authors = pd.Series([["a", "b", "a"], ["a"], ["a", "b"], ["c"] * 3, [f"n{number}" for number in range(61)]])
    found = _name_matrix(authors)
    assert found.toarray().tolist() == [[1], [1], [1], [0], [0]]  # twice in one list is once; b and c are too rare
    sixty = pd.Series([[f"n{number}" for number in range(60)]] * 3)
    assert _name_matrix(sixty).shape == (3, 60) and _name_matrix(pd.Series([["a"], ["b"]])).shape == (2, 1)


def test_rows_are_made_unit_and_an_empty_one_stays_empty() -> None:
    with np.errstate(all="raise"):
        assert _make_unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])) == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))
        doubled = sparse.csr_matrix((np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1]), np.array([0, 3, 3])), shape=(2, 2))
        assert _make_unit(doubled).toarray() == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))


def test_near_duplicates_of_near_duplicates_are_one_group_from_the_threshold_on() -> None:
    neighbours = np.array([[1, 3], [0, 3], [3, 0], [2, 0], [0, 1]])
    cosines = np.array([[0.95, 0.1], [0.95, 0.9499], [0.97, 0.2], [0.97, 0.95], [0.2, 0.1]])
    group = find_near_duplicates(neighbours, cosines, 0.95)
    assert group[0] == group[1] == group[2] == group[3] != group[4]
    assert len(set(find_near_duplicates(neighbours, cosines, 0.96))) == 4


def test_likeness_is_the_weighted_sum_over_seven_features() -> None:
    # Two documents, each the other's neighbour, and a third that is the neighbour of none.
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], dtype=np.float16)
    neighbours = np.array([[1, 1], [0, 0], [0, 1]])
    words = words_of({"a": 1}, {"a": 1}, {"b": 1})
    documents = pd.DataFrame(
        {
            "doc_id": ["x", "y", "z"],
            "title": ["Reward", "Reward", ""],
            "authors": [["n"], ["n"], ["n"]],
            "frame": ["f", "f", "g"],
        }
    )
    found = compute_kernel(vectors, neighbours, words, documents, np.arange(3)).own()
    # Vectors and means of neighbours lie at a right angle: exp(-2) and exp(-2 / .5).
    assert found[0, 1] == pytest.approx(np.exp(-2) + np.exp(-4) + 1 + 1 + 0.5 + 0.3 + 0.3)
    assert found[0, 0] == pytest.approx(5.1)
    # The third has a title without a word; its mean of neighbours is half way between both: a squared distance of
    # 2 - sqrt 2; both have the terms of its neighbours.
    half = np.exp(-(2 - 2**0.5) / 0.5)
    assert found[0, 2] == pytest.approx(np.exp(-2) + half + 0 + 1 + 0 + 0.3 + 0)
    assert found[1, 2] == pytest.approx(1 + half + 0 + 1 + 0 + 0.3 + 0)
    assert found[2, 2] == pytest.approx(1 + 1 + 1 + 1 + 0 + 0.3 + 0.3)
    wordless = WordCounts(*(np.empty(0, dtype) for dtype in (np.int32, np.int32, np.int16)), [])
    without = compute_kernel(vectors, neighbours, wordless, documents, np.arange(3)).own()
    assert without[0, 1] == pytest.approx(found[0, 1] - 2)
    assert TextFeatures.of(neighbours, wordless, documents["title"]).lengths.tolist() == [0, 0, 0]


def test_neighbours_sums_have_their_length_whatever_is_added_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    near = sparse.csr_matrix(np.array([[0.0, 1, 1], [0, 0, 0], [1, 0, 0]]))
    table = sparse.csr_matrix(np.array([[2.0, 0], [3, 0], [0, 4]]))
    for rows in (1, 2, 32):
        monkeypatch.setattr(kernel, "SUMS_AT_ONCE", rows)
        assert measure_sums(near, table).tolist() == [5.0, 0.0, 2.0]
    means = NeighbourMeans.of(near, table)
    assert means[np.arange(3)].toarray() == pytest.approx(np.array([[0.6, 0.8], [0, 0], [1, 0]]))
    monkeypatch.setattr(kernel, "COLUMNS_AT_ONCE", 2)
    coefficients = np.arange(10.0).reshape(2, 5)
    whole = np.array([[0.6, 0.8], [0, 0], [1, 0]])
    found = means.weigh(np.array([2, 1]), np.array([0, 2]), coefficients)
    assert found == pytest.approx(whole[[2, 1]] @ whole[[0, 2]].T @ coefficients)


def test_dense_features_are_alike_by_the_gaussian_of_their_distance() -> None:
    left, right = np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert _compare(left, right, "vector") == pytest.approx(np.exp([[0.0, -2.0, -4.0]]))
    assert _compare(left, right, "neighbourhood") == pytest.approx(np.exp([[0.0, -4.0, -8.0]]))


def test_a_feature_is_common_in_more_than_fifteen_in_a_hundred_of_the_read_documents() -> None:
    table = np.zeros((20, 2))
    table[:3, 0], table[:4, 1] = 1, 1  # exactly 15 per cent, and 20
    common, rare = Kernel({"terms": sparse.csr_matrix(table)}, np.arange(20))._join_sparse()
    assert common.shape == (20, 1) and common[:4, 0].tolist() == [1] * 4 and rare.nnz == 3
    only = Kernel({"vector": np.eye(3)}, np.arange(2))._join_sparse()
    assert only[0].shape == (2, 0) and only[1].shape == (2, 1) and only[1].nnz == 0
    half = Kernel({"title": sparse.csr_matrix(np.eye(3))}, np.arange(3))
    assert half._join_sparse()[0] == pytest.approx(np.sqrt(0.5) * np.eye(3))


def test_a_triangle_is_mirrored_whatever_is_copied_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.arange(25.0).reshape(5, 5)
    whole = whole + whole.T
    for rows in (1, 2, 3, 5, 512):
        monkeypatch.setattr("pipeline.estimate.fold_models.MIRRORED", rows)
        lower = np.tril(whole)
        _mirror(lower)
        assert lower.tolist() == whole.tolist()


def test_two_alike_documents_share_what_one_of_them_teaches() -> None:
    # Likeness 1 to itself and .5 to the other, a ridge of 1: left out, a document scores the mean of those it learns
    # from and .5 of their excess over 1 + 1.
    models = FoldModels.invert(np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([0, 1]), np.array([[1.0], [0.0]]))
    assert models.inverse == pytest.approx(np.linalg.inv([[2.0, 0.5], [0.5, 2.0]]))
    model = models.leave_out(1)
    assert model is not None and model.centre.tolist() == [1.0] and model.unseen == pytest.approx(np.array([[1.0]]))
    three = FoldModels.invert(np.eye(3) + 0.5 * (1 - np.eye(3)), np.array([0, 0, 1]), np.array([[1.0], [0.0], [1.0]]))
    one = three.leave_out(1)
    # Of .5 and -.5 the system (2, .5; .5, 2) makes 1 / 3 and -1 / 3.
    assert one is not None and one.coefficients[:, 0] == pytest.approx([1 / 3, -1 / 3])
    assert one.unseen[0, 0] == pytest.approx(0.5) and three.leave_out(0) is not None
    assert three.hold_out(one)[:, 0] == pytest.approx([0.5 - 0.125, 0.5 + 0.125])
    assert FoldModels.invert(np.eye(2), np.zeros(2, dtype=int), np.ones((2, 1))).leave_out(0) is None


def test_scores_below_nothing_are_none_and_a_single_column_leaves_the_rest() -> None:
    assert to_probabilities(np.array([[0.5, -0.5, 0.5], [0.2, 0.0, 0.8]]), 1.0).tolist() == [
        [0.5, 0, 0.5],
        [0.2, 0, 0.8],
    ]
    assert to_probabilities(np.array([[0.0, 0.0, 0.0, 0.0]]), 2.0).tolist() == [[0.25] * 4]
    assert to_probabilities(np.array([[0.75], [1.5], [-0.2]]), 2.0)[:, 0].tolist() == [0.9, 1.0, 0.0]


def test_of_seven_powers_the_one_with_the_least_squared_error_is_taken() -> None:
    assert classify.POWERS == (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
    for power in classify.POWERS:
        chance = 0.7**power / (0.7**power + 0.3**power)
        count = 1_000
        targets = np.zeros((count, 2))
        targets[: round(count * chance), 0] = 1
        targets[:, 1] = 1 - targets[:, 0]
        assert _choose_power(np.tile([0.7, 0.3], (count, 1)), targets) == power
        both = np.hstack([targets[:, :1], targets[:, 1:]])
        assert _choose_powers(np.tile([0.7, 0.3], (count, 1)), both) == [power, power]


def test_a_fold_hangs_on_the_first_id_of_a_group_of_near_duplicates() -> None:
    ids = pd.Series(["lw:b", "lw:a", "lw:c"])
    found = assign_folds(ids, np.array([0, 0, 1]))
    assert found.tolist() == [zlib.crc32(b"lw:a") % 10] * 2 + [zlib.crc32(b"lw:c") % 10]


def test_with_one_fold_there_is_nothing_to_learn_from_and_every_class_is_as_likely() -> None:
    vectors = Kernel({"vector": np.eye(3)}, np.array([0, 1]))
    four, one = cross_predict(vectors, np.zeros(3, dtype=int), [np.eye(4)[:2], np.ones((2, 1))])
    assert four.tolist() == [[0.25] * 4] * 3 and one.tolist() == [[0.5]] * 3


def predictions_of(chance: np.ndarray) -> Predictions:
    return Predictions(np.array(["a", "b"]), np.zeros(2, dtype=int), ("A1", "E1", "N0"), ("A", "E", "N"), chance, {})


def test_chances_of_questions_are_sums_over_leaves_and_all_leaves_are_certain() -> None:
    made = predictions_of(np.array([[0.5, 0.3, 0.1999], [0.2, 0.0, 0.8]]))
    assert made.of_leaves(np.array([True, True, True])).tolist() == [1.0, 1.0]
    assert made.inside("safety", CODEBOOK.denominators["safety"]) == pytest.approx([0.8, 0.2])
    strict, safety = CODEBOOK.definitions[0], CODEBOOK.denominators["safety"]
    assert made.count(strict, "safety", safety) == pytest.approx([0.5, 0.2])
    told = np.array([0.1, 0.9])
    known = Predictions(*(made.doc_ids, made.fold, made.leaves, made.groups, made.leaf_probability),
                        {("strict", "safety"): told}, {"safety": 1 - told})  # fmt: skip
    assert known.count(strict, "safety", safety) is told and known.inside("safety", safety).tolist() == [0.9, 1 - 0.9]
    assert _to_whole(np.array([0.12345, 0.12344, 1.0, 0.0])).tolist() == [1234, 1234, 10_000, 0]


def test_every_document_is_predicted_to_four_decimals_and_read_ones_by_others() -> None:
    rng = np.random.default_rng(2)
    side = np.repeat([1.0, -1.0], 40)
    vectors = np.stack([side, 0.3 * rng.normal(size=80)], axis=1)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    documents = pd.DataFrame(
        {"doc_id": [f"d{number:02d}" for number in range(80)], "title": "", "authors": [[]] * 80, "frame": "f"}
    )
    read = np.array([*range(0, 40, 2), *range(41, 80, 2)])
    codes = codes_of(np.where(side[read] > 0, 0, 2), pd.Index(documents["doc_id"].to_numpy()[read], name="doc_id"))
    codes = codes.reset_index()
    words = words_of(*[{"a": 1} if each > 0 else {"b": 1} for each in side])
    near = (np.argsort(-(vectors @ vectors.T), axis=1)[:, 1:16], np.full((80, 15), 0.5))
    found = predict_codes(vectors, words, documents, codes, CODEBOOK, near)
    assert found.leaves == ("A1", "E1", "N0") and found.groups == ("A", "E", "N")
    assert not found.counted and not found.belongs
    assert (found.leaf_probability[:40, 0] > 0.9).all() and (found.leaf_probability[40:, 2] > 0.9).all()
    assert np.array_equal(found.leaf_probability, found.leaf_probability.round(4))
    assert (found.fold == [zlib.crc32(each.encode()) % 10 for each in documents["doc_id"]]).all()
    assert list_queries(CODEBOOK, codes) == {}


# What an estimate starts from -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_fresh", [False, True])
def test_nothing_is_learnt_from_a_screeners_mark_that_nobody_ruled_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_fresh: bool
) -> None:
    sample, population = sample_of(np.tile([0, 1, 2], 4), np.zeros(12, dtype=int), np.arange(6))
    for name in ("coder", "coder_kind", "reader", "reader_kind"):
        sample.units[name] = "one"
    sample.units["n_readers"], sample.units["is_stale"] = 2, False
    sample.units["phase2_stratum"] = ["agree", SCREENED, SCREENED, "agree", "agree", "agree"]
    sample.units["is_adjudicated"] = [True, True, False, True, False, False]
    documents = population.documents.assign(title="t", published_year=[2019, None] * 6)
    taught: list[list[str]] = []
    opened: list[dict[str, bool]] = []

    @contextlib.contextmanager
    def open_material(config: Any, documents: Any, **how: bool) -> Iterator[Any]:
        opened.append(how)
        yield Mock

    def predict(vectors: Any, words: Any, documents: Any, codes: pd.DataFrame, *_: Any) -> str:
        taught.append(codes["doc_id"].tolist())
        return "made"

    replaced = {
        "load_codebook": lambda _: CODEBOOK,
        "read_sample": lambda *_: sample,
        "name_people": lambda documents, _: documents,
        "open_material": open_material,
        "predict_codes": predict,
        "name_predictions": lambda files, *_: ",".join(files),
        "keep_predictions": lambda place, name, make: f"{name}: {make()}",
    }
    for name, function in replaced.items():
        monkeypatch.setattr(inputs, name, function)
    monkeypatch.setattr(inputs.store, "read_table", lambda *_: documents)
    paths = SimpleNamespace(handcheck="h", processed="p")
    config: Any = SimpleNamespace(path=tmp_path.joinpath, processed=str, paths=paths)
    codebook, read, found = inputs.load_inputs(config, is_fresh=is_fresh)
    assert codebook is CODEBOOK and read is sample
    known = sample.units.index.tolist()
    assert taught == [[known[number] for number in (0, 1, 3, 4, 5)]]
    assert found.predictions == ("made" if is_fresh else "documents,embeddings,terms: made")
    assert found.units.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.documents["published_year"].tolist() == [2019, -1] * 6
    assert opened == [{"is_fresh": is_fresh, "at_once": True}]
    place = tmp_path.joinpath("p", *inputs.PLACE)
    place.parent.mkdir(parents=True)
    place.touch()
    inputs.load_inputs(config, is_fresh=is_fresh)  # what is made of it is there: the rest may never be asked for
    assert opened[1] == {"is_fresh": is_fresh, "at_once": is_fresh}


def test_features_count_fifteen_neighbours() -> None:
    assert features.NEIGHBOUR_COUNT == 15  # what the kept files and the published neighbours hold
