"""What else might be taken for the truth, by hand: votes, latent classes, doubtful codes, whole clusters."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.estimate import other_truths
from pipeline.estimate.other_truths import (
    ROUNDS_OF_EM,
    Case,
    Taken,
    _take_high,
    _take_low,
    count_votes,
    dawid_skene,
    list_doubts,
    numbers_of,
)
from pipeline.estimate.robustness import (
    FOUND,
    VARIANT_REPLICATES,
    _add_up_majorities,
    _both_codes,
    _clusters,
    _list_variants,
    _pool_changes,
    _predict_by_cluster,
    vary_estimates,
)
from pipeline.estimate.rulings import MORE_THAN_HALF
from pipeline.estimate.shares import Part, Shares
from pipeline.estimate.survey import Survey
from pipeline.estimate.weights import Weights
from tests.survey_of import CODEBOOK, codes_of, sample_of, survey_of

COUNTS, ONLY_INSIDE, OUTSIDE = range(3)


def case_of(
    survey: Any, plain: Any = None, codes: Any = None, clusters: Mapping[str, np.ndarray] | None = None
) -> Case:
    strict, safety = CODEBOOK.definitions[0], CODEBOOK.denominators["safety"]
    return Case(survey, plain or survey.weights, strict, safety, codes, clusters or {})


def plain_weights() -> Any:
    units = pd.DataFrame({"inclusion_probability": [0.5, 0.25, 1.0, 0.2]})
    weights = SimpleNamespace(weight=np.array([2.0, 4, 1, 5]), replicates=np.arange(12.0).reshape(3, 4), units=units)
    weights.stratum = np.array([0, 0, 1, 1])
    return weights


def test_codes_are_matched_once_and_what_counts_is_inside() -> None:
    case = case_of(None, plain_weights())
    codes = codes_of(np.array([COUNTS, ONLY_INSIDE, OUTSIDE]), pd.Index(list("abc")))
    y, inside = case.match(codes)
    assert y.tolist() == [1, 0, 0] and inside.tolist() == [1, 1, 0]
    assert case.match(codes)[0] is y and case.match(codes.copy())[0] is not y


def test_what_is_taken_is_three_chances_and_sure_where_both_are_yes_or_no() -> None:
    case = case_of(None, plain_weights())
    taken = case.take(np.array([1.0, 0, 0, 0.5, 0, 0.5]), np.array([1.0, 1, 0, 1, 0.5, 0.25]))
    assert taken.table.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.75]]
    assert taken.is_settled.tolist() == [True, True, True, False, False, False]
    assert case.all_weights.tolist() == [[2, 0, 4, 8], [4, 1, 5, 9], [1, 2, 6, 10], [5, 3, 7, 11]]
    assert case.leverage.tolist() == [4 * 0.5, 16 * 0.75, 0, 25 * 0.8]


def test_a_truth_is_estimated_as_any_share_with_its_own_chances(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def estimate(part: Part, counted: np.ndarray, inside: np.ndarray, level: float) -> Shares:
        asked.append((part, counted, inside, level))
        return Shares(np.array([0.3]), np.array([0.2]), np.array([0.4]), *[np.zeros(1)] * 3, 4, 2)

    monkeypatch.setattr(other_truths, "estimate_shares", estimate)
    case = case_of(SimpleNamespace(level=0.9), plain_weights())
    table = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0, 0.25, 0.75], [0, 1, 0]])
    rows = np.array([True, True, True, False])
    domain: Any = SimpleNamespace(rows=rows, n_population=30)
    assert Taken(case, table, np.array([True, False, False, True])).settle(domain) == (0.3, 0.2, 0.4)
    part, counted, inside, level = asked[0]
    assert counted.tolist() == [[True, False, False]] and inside.tolist() == [True, True, False] and level == 0.9
    weights = case.all_weights[:3]
    assert part.totals.tolist() == (weights.T @ table[:3]).tolist()
    assert part.read.tolist() == [1, 0, 0]  # the last is elsewhere
    assert part.sure.tolist() == [1, 0, 1] and part.chances.toarray().tolist() == [[0.5, 0.5, 0]]
    assert part.leverage.tolist() == pytest.approx([2 + 6, 6, 0]) and part.population == 30.0
    assert (part.n_read, part.degrees) == (3, 1)  # of two strata
    outside = Taken(case, np.tile([0.0, 0, 1], (4, 1)), np.ones(4, dtype=bool))
    assert outside.settle(domain) is None and len(asked) == 1
    edge = np.array([[0.50001, 0.49999, 0], [0.50002, 0.49998, 0], [0, 1, 0], [0, 1, 0]])
    assert MORE_THAN_HALF == 0.50001
    assert Taken(case, edge, np.zeros(4, dtype=bool)).settle(domain) and asked[1][0].chances.shape == (1, 3)
    one = np.array([[0.0, 0, 1], [0, 0, 1], [0.01, 0, 0.99], [1, 0, 0]])
    assert Taken(case, one, np.ones(4, dtype=bool)).settle(domain) is not None


def test_numbers_are_those_of_the_query() -> None:
    rows = np.arange(3.0)
    shares = Shares(rows, rows + 10, rows + 20, rows, rows, np.zeros((2, 3)), 1, 1)
    assert numbers_of(shares, 1) == (1.0, 11.0, 21.0)


def test_readers_vote_and_the_adjudicator_where_they_read(monkeypatch: pytest.MonkeyPatch) -> None:
    index = pd.Index(list("abcde"), name="doc_id")
    first = codes_of(np.array([COUNTS, COUNTS, COUNTS, OUTSIDE, ONLY_INSIDE]), index)
    second = codes_of(np.array([ONLY_INSIDE, COUNTS, OUTSIDE, OUTSIDE, OUTSIDE]), index)
    ruled = codes_of(np.array([ONLY_INSIDE, COUNTS]), pd.Index(["c", "a"]))
    sample = SimpleNamespace(readers=(first, second), adjudicator=ruled, units=pd.DataFrame(index=index))
    asked: list[Any] = []

    def classes(votes: np.ndarray, n_classes: int) -> np.ndarray:
        asked.append((votes.tolist(), n_classes))
        return np.tile([0.5, 0.25, 0.25], (5, 1))

    monkeypatch.setattr(other_truths, "dawid_skene", classes)
    (name, majority, note), (other, latent, _) = count_votes(case_of(SimpleNamespace(sample=sample), plain_weights()))
    assert name == "majority of readers" and "adjudicator" in note and other == "Dawid-Skene"
    # a: counts by two of three; b: by both; c: one vote each; d: outside; e: inside by half.
    assert majority.table.tolist() == pytest.approx(
        np.array([[1, 0, 0], [1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0, 0, 1], [0, 0.5, 0.5]])
    )
    assert asked == [([[2, 2, 2, 0, 1], [1, 2, 0, 0, 0], [2, -1, 1, -1, -1]], 3)]
    assert latent.table.tolist() == [[0.25, 0.25, 0.5]] * 5


def test_latent_classes_are_found_in_two_hundred_rounds_that_are_never_quite_certain() -> None:
    # Two coders agree on all of one class: it is all there is, and of each class coders say each with .01 more.
    assert ROUNDS_OF_EM == 200
    found = dawid_skene(np.zeros((2, 4), dtype=int), 2)
    assert found == pytest.approx(np.tile([1.0, 0.0], (4, 1)), abs=1e-9)
    # One coder, two classes, three documents: a round keeps what it says, but for .01 of either answer.
    votes = np.array([[0, 0, 1]])
    chance = np.array([[1.0, 0], [1, 0], [0, 1]])
    for _ in range(200):
        prior = chance.mean(axis=0)
        said = np.array([[chance[:2, c].sum(), chance[2, c]] for c in range(2)]) + 0.01
        said /= said.sum(axis=1, keepdims=True)
        chance = np.array([[prior[c] * said[c, vote] for c in range(2)] for vote in votes[0]])
        chance /= chance.sum(axis=1, keepdims=True)
    found = dawid_skene(votes, 2)
    assert found == pytest.approx(chance, abs=1e-9) and 0.001 < found[0, 1] < 0.5


def test_a_second_code_makes_the_share_smaller_or_larger_by_what_it_says_of_either() -> None:
    # By (counts, inside): first (1, 1) may become (0, 1) or (0, 0), (0, 1) may become (1, 1) or (0, 0), and so on.
    first = np.array([[1, 1, 1, 0, 0, 0, 0, 0, 0.0], [1, 1, 1, 1, 1, 1, 0, 0, 0]])
    other = np.array([[0, 0, 1, 1, 0, 0, 1, 0, 0.0], [1, 0, 1, 1, 0, 1, 1, 1, 0]])
    here, there = (first[0], first[1]), (other[0], other[1])
    assert _take_low(here, there).tolist() == [True, True, False, False, False, False, False, True, False]
    assert _take_high(here, there).tolist() == [False, False, False, True, True, False, True, False, False]
    # What counts either way stays, wherever else it would be.
    counts = np.ones(2), np.array([1.0, 0])
    assert not _take_low(counts, (np.ones(2), np.array([0, 1.0]))).any()
    assert not _take_high(counts, (np.ones(2), np.array([0, 1.0]))).any()


def test_doubtful_codes_are_swapped_where_they_are_doubtful_alone() -> None:
    index = pd.Index(list("abcdef"))
    first = codes_of(np.array([COUNTS, ONLY_INSIDE, ONLY_INSIDE, OUTSIDE, COUNTS, COUNTS]), index)
    second = codes_of(np.array([ONLY_INSIDE, COUNTS, OUTSIDE, ONLY_INSIDE, OUTSIDE, ONLY_INSIDE]), index)
    is_doubtful = np.array([True, True, True, True, True, False])
    found = list_doubts(case_of(None, plain_weights(), (first, second, is_doubtful)))
    states = {name: taken.table.argmax(axis=1).tolist() for name, taken, _ in found}
    assert states == {
        "every doubtful code out": [1, 1, 1, 1, 2, 0],
        "every doubtful code in": [0, 0, 2, 2, 0, 0],
        "doubtful scope out": [0, 1, 2, 2, 2, 0],
        "doubtful scope in": [0, 1, 1, 1, 0, 0],
    }
    assert [is_open.sum() for _, _, is_open in found] == [5, 5, 3, 3]


def test_pooled_codes_have_the_mean_chance_of_all_open_ones() -> None:
    codes: Any = survey_of(*sample_of(np.zeros(8, int), np.zeros(8, int), np.arange(4))).weights.codes
    is_settled = np.array([True, False, False, True])
    change, drawn = np.array([0.7, 0.1, 0.3, 0.0]), np.array([[0.5, 0.0, 0.4, 0.0], [0.5, 0.6, 0.2, 0.0]])
    codes = replace(codes, is_settled=is_settled, change=change, change_drawn=drawn)
    weights: Any = SimpleNamespace(codes=codes)
    pooled = _pool_changes(weights)
    assert pooled.change.tolist() == pytest.approx([0, 0.2, 0.2, 0])
    assert pooled.change_drawn == pytest.approx(np.array([[0.5, 0.2, 0.2, 0], [0.5, 0.4, 0.4, 0]]))
    assert drawn[0].tolist() == [0.5, 0.0, 0.4, 0.0]  # its own copy
    settled: Any = SimpleNamespace(codes=replace(codes, is_settled=np.ones(4, dtype=bool)))
    assert _pool_changes(settled) is settled.codes


def test_the_second_leaf_is_taken_where_there_is_one_and_doubtful_at_the_least_confidence() -> None:
    sample, _ = sample_of(np.array([COUNTS, COUNTS, ONLY_INSIDE, OUTSIDE]), np.zeros(4, int), np.arange(4))
    codes = sample.readers[0].assign(leaf2=["E1", "E1", "", "A1"], group2=["E", "E", "", "A"], confidence=[1, 2, 1, 1])
    ruled = codes.iloc[[3]].assign(leaf="E1", group="E")
    settled, swapped, is_doubtful = _both_codes(
        replace(sample, readers=(codes, codes.assign(leaf="N0", leaf2="")), adjudicator=ruled), CODEBOOK
    )
    assert settled["leaf"].tolist() == ["A1", "A1", "E1", "E1"]
    assert swapped["leaf"].tolist() == ["E1", "E1", "E1", "A1"] and swapped["group"].tolist() == list("EEEA")
    assert CODEBOOK.doubt == 1 and is_doubtful.tolist() == [True, False, False, True]


def test_clusters_are_numbered_and_those_without_one_come_last() -> None:
    _, population = sample_of(np.zeros(5, int), np.zeros(5, int), np.arange(2))
    ids = population.documents["doc_id"]
    members = pd.DataFrame({"layer": "fine", "doc_id": ids[[0, 2, 3]], "cluster_id": ["b", "a", "b"]})
    assert _clusters(population, members, "fine").tolist() == [1, 2, 0, 1, 2]
    assert _clusters(population, members, "none").tolist() == [0] * 5


def majorities(y: list[float], inside: list[float], cluster: list[int], rows: list[bool], read: list[int]) -> Any:
    n_read = len(read)
    population = SimpleNamespace(
        units=np.array(read), rows_within=lambda _: np.arange(len(cluster)) < 10
    )  # the frame has ten documents
    case: Any = SimpleNamespace(
        survey=SimpleNamespace(population=population),
        match=lambda _: (np.array(y), np.array(inside)),
        codes=(None,),
    )
    assert n_read == len(y) == len(rows)
    domain: Any = SimpleNamespace(rows=np.array(rows))
    return _add_up_majorities(case, domain, np.array(cluster))


def test_whole_clusters_take_the_class_of_more_than_half_of_what_was_read_in_them() -> None:
    # Six documents in cluster 0, four in cluster 1, two of another frame in cluster 2.
    cluster = [0] * 6 + [1] * 4 + [2] * 2
    everything = [True] * 5
    assert majorities([1, 1, 0, 0, 0], [1, 1, 1, 1, 1], cluster, everything, [0, 1, 2, 6, 7]) == pytest.approx(6 / 10)
    # Half of what was read is not most of it: neither of what counts nor of what is inside.
    assert majorities([1, 0, 1, 1, 1], [1, 1, 1, 1, 1], cluster, everything, [0, 1, 6, 7, 8]) == pytest.approx(4 / 10)
    assert majorities([1, 0, 0, 0, 0], [1, 0, 1, 1, 1], cluster, everything, [0, 1, 6, 7, 8]) == 0.0
    # Nor is it of what is inside, where half of that counts.
    assert majorities([1, 0, 0, 0, 0], [1, 1, 1, 1, 1], cluster, everything, [0, 1, 6, 7, 8]) == 0.0
    assert majorities([0, 0, 0, 0, 0], [1, 0, 1, 1, 1], cluster, everything, [0, 1, 6, 7, 8]) == 0.0
    assert (
        majorities([0, 0, 1, 0, 1], [1, 0, 1, 0, 1], cluster, everything, [0, 1, 6, 7, 8]) == 1.0
    )  # of cluster 1 alone
    # Two of three are most of it.
    assert majorities([1, 1, 0, 0, 0], [1, 1, 0, 0, 0], cluster, everything, [0, 1, 2, 6, 7]) == 1.0
    assert majorities([0, 0, 0, 1, 1], [1, 1, 0, 1, 1], cluster, everything, [0, 1, 2, 6, 7]) == pytest.approx(4 / 10)
    # One read document is most of what was read.
    assert majorities([1, 0], [1, 1], cluster, [True, True], [0, 6]) == pytest.approx(6 / 10)
    # What was read elsewhere says nothing, and a cluster of which nothing was read is not inside.
    assert majorities([1, 1, 0, 0, 0], [1] * 5, cluster, [True, True, False, False, False], [0, 1, 6, 7, 8]) == 1.0
    assert majorities([0] * 5, [0] * 5, cluster, everything, [0, 1, 6, 7, 8]) is None


def test_a_cluster_predicts_by_its_read_documents_and_one_more_of_what_is_common() -> None:
    sample, population = sample_of(
        np.array([COUNTS, ONLY_INSIDE, OUTSIDE, COUNTS, COUNTS]),
        np.zeros(5, int),
        np.arange(3),
        prediction=np.full((5, 3), 1 / 3),
    )
    assert population.predictions is not None
    survey = survey_of(sample, population)
    predictions = replace(population.predictions, fold=np.array([0, 0, 0, 0, 1]))
    found = _predict_by_cluster(survey, predictions, np.array([0, 0, 1, 1, 1]))
    assert found.leaf_probability[:4] == pytest.approx(np.full((4, 3), 1 / 3))  # fold 0 has nothing to learn from
    # Fold 1 learns from all three: of cluster 1 the one outside, and a third each of what is common.
    assert found.leaf_probability[4] == pytest.approx(np.array([1 / 3, 1 / 3, 4 / 3]) / 2)


def test_variants_tell_what_was_done_and_the_share_after_it() -> None:
    domain: Any = SimpleNamespace(rows=np.array([True, True, False]), strata=pd.DataFrame(index=["f/s0", "f/s1"]))
    settles: Any = SimpleNamespace(settle=lambda _: (0.3, 0.2, 0.4))
    nothing: Any = SimpleNamespace(settle=lambda _: None)
    is_open = np.array([True, False, True])
    known = {"f/s0": True, "f/s1": False}
    survey = SimpleNamespace(population=SimpleNamespace(knows=lambda _, name: known[name]), sample=None)
    case: Any = SimpleNamespace(survey=survey, clusters={"fine": np.zeros(3)})
    rows = list(
        _list_variants(case, domain, [("a", settles, "n"), ("b", nothing, "")], [("c", settles, is_open)], 0.25)
    )
    assert rows[0] == ("a", (0.3, 0.2, 0.4), "n")
    assert rows[1] == ("c", (0.3, 0.2, 0.4), "1 read documents take the worse of their two leaves")
    assert FOUND == ((0.9, 0.7), (0.7, 0.9)) and [name for name, *_ in rows[2:]] == [
        "coverage 0.9/0.7",
        "coverage 0.7/0.9",
    ]
    direct, other = 0.25 / 0.9, 0.75 / 0.7
    assert rows[2][1] == pytest.approx(direct / (direct + other)) and "90% of the direct and 70%" in rows[2][2]


def test_variants_are_of_whole_frames_and_of_a_hundred_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = np.repeat([COUNTS, ONLY_INSIDE, OUTSIDE], [6, 10, 4])
    survey = survey_of(*sample_of(np.concatenate([truth, np.zeros(30, int)]), np.zeros(50, int), np.arange(20)))
    year = replace(survey.domains[0], year="2019")
    made: list[Weights] = []
    plain = other_truths.Case

    def note(*parts: Any) -> Case:
        made.append(parts[1])
        return plain(*parts)

    monkeypatch.setattr("pipeline.estimate.robustness.Case", note)
    members = pd.DataFrame({"layer": "fine", "doc_id": survey.population.documents["doc_id"], "cluster_id": "c"})
    table = vary_estimates(replace(survey, domains=(*survey.domains, year)), members, ["f"])
    assert not table.duplicated(["frame", "definition", "variant"]).any()  # the year has none
    assert VARIANT_REPLICATES == 100 and made[0].replicates.shape == (100, 20)
    first = table.iloc[0]
    assert first["variant"] == "headline" and first["difference"] == 0.0 and first["share"] == pytest.approx(6 / 16)
    assert {"reader 1 alone", "reader 2 alone"} <= set(table["variant"])


def test_the_settled_codes_taken_for_the_truth_give_the_share_itself() -> None:
    truth = np.repeat([COUNTS, ONLY_INSIDE, OUTSIDE], [6, 10, 4])
    survey: Survey = survey_of(*sample_of(np.concatenate([truth, np.zeros(30, int)]), np.zeros(50, int), np.arange(20)))
    case = case_of(survey)
    y = (truth == COUNTS).astype(float)
    found = case.take(y, (truth != OUTSIDE).astype(float)).settle(survey.domains[0])
    part = survey.part(survey.domains[0])
    assert part is not None and found is not None
    own = other_truths.estimate_shares(
        part, survey.definitions(CODEBOOK.definitions[:1]), survey.inside(CODEBOOK.denominators["safety"]), 0.95
    )
    assert found == pytest.approx((own.share[0], own.low[0], own.high[0]))
