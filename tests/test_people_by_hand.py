"""People who count and shares as people would code, by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, special, stats

from pipeline.coding.codebook import ASSUMED
from pipeline.estimate.as_people import (
    AS_READ,
    THEIRS,
    Stock,
    _add_up,
    _count_by_source,
    _Draws,
    _follow_leaf,
    _keep_scope,
    _spread,
    name_states,
    take_stock,
)
from pipeline.estimate.direct_people import (
    FARTHEST,
    LEAST_CHANCE,
    LEAST_SEEN,
    NODES,
    _describe,
    _has_hits,
    _is_known,
    _tell,
    count_people,
    find_ends,
    index_people,
    lift_chances,
    tabulate_direct_people,
)
from pipeline.estimate.reader_error import Evidence, Tally, Verdict
from pipeline.settings import Frame
from tests.survey_of import CODEBOOK, codes_of, sample_of, survey_of

QUOTABLE = Frame(title="f", kind="census", description="", use="", is_quotable=True)


def test_a_person_counts_for_the_chance_that_any_document_does() -> None:
    # a has two documents, of chances .5 and .2: 1 - .5 x .8; b one of .2; c one of .3.
    wrote = index_people([["a"], ["b", "a"], ["c"]])
    assert wrote.toarray().tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    predicted, nobody = np.array([0.5, 0.2, 0.3]), np.array([], dtype=int)
    found = count_people(predicted, wrote, nobody, np.zeros((1, 0)), np.zeros((1, 0)))
    assert found == pytest.approx([0.6 + 0.2 + 0.3])


def test_a_read_document_adds_what_it_differs_from_its_chance_by_for_all_it_stands_for() -> None:
    # The first of two documents is read and counts; it stands for three, in one replicate for four and counts half.
    wrote = index_people([["a"], ["b"]])
    told, weights = np.array([[1.0], [0.5]]), np.array([[3.0], [4.0]])
    found = count_people(np.array([0.25, 0.5]), wrote, np.array([0]), told, weights)
    assert found == pytest.approx([0.75 + 3 * 0.75, 0.75 + 4 * 0.25])
    # Where both are of one person, each stands for less: the integral of 1 - .5 (1 - t) for the read one, of t for the
    # other, whose fellow counts for certain.
    both = count_people(np.array([0.25, 0.5]), index_people([["a"], ["a"]]), np.array([0]), told, weights)
    assert both == pytest.approx([0.25 * 0.75 + 0.5 * 0.5 + 3 * 0.75 * 0.75, 0.4375 + 4 * 0.25 * 0.75])


def test_thirty_two_nodes_are_exact_for_sixty_three_other_documents() -> None:
    assert len(NODES) == 32
    wrote = index_people([["a"]] * 64)
    found = count_people(np.full(64, 0.5), wrote, np.array([], dtype=int), np.zeros((1, 0)), np.zeros((1, 0)))
    assert found == pytest.approx([1 - 0.5**64], abs=1e-12)


def test_chances_are_moved_on_their_logits_until_they_add_up() -> None:
    # Odds of 1 and 1/3 become odds of 3 and 1: .75 and .5.
    predicted = np.array([0.5, 0.25, 0.9])
    lifted = lift_chances(predicted, np.array([False, False, True]), 1.25)
    assert lifted == pytest.approx([0.75, 0.5, 27 / 28])
    # None and all are a ten-thousandth away from certain, however far the others are moved.
    sure = lift_chances(np.array([0.0, 1.0, 0.5]), np.array([False] * 3), 1.5)
    assert sure == pytest.approx([LEAST_CHANCE, 1 - LEAST_CHANCE, 0.5]) and LEAST_CHANCE == 1e-4
    most = lift_chances(np.full(2, 0.5), np.array([False, False]), 2 - 1e-11)
    assert most.sum() == pytest.approx(2, abs=1e-9) and special.logit(most).max() < FARTHEST == 30
    # Exactly as many as there are is impossible, and a little less is not.
    same = np.array([0.5, 0.5])
    assert lift_chances(same, np.array([False, False]), 2.0) is same
    assert lift_chances(same, np.array([False, True]), 1.0) is same
    assert lift_chances(same, np.array([False, True]), 0.9)[0] == pytest.approx(0.9)


def test_an_interval_of_a_number_is_made_on_its_logarithm() -> None:
    # Replicates 8, 10, 12: a spread of sqrt(8 / 3), whatever the estimate is.
    width = stats.norm.ppf(0.95) * np.sqrt(8 / 3) / 20
    assert find_ends(np.array([20.0, 8.0, 10.0, 12.0]), 0, 100, 0.9) == pytest.approx(
        (20 * np.exp(-width), 20 * np.exp(width))
    )
    assert find_ends(np.array([-1.0, 8.0, 12.0]), 0, 7, 0.9) == (0, 7)  # none: whatever there is
    low, high = find_ends(np.array([0.5, 0.4, 0.6]), 0, 100, 0.95)
    assert (low, high) == pytest.approx((0.5 * np.exp(-0.392), 0.5 * np.exp(0.392)), rel=1e-3)


def test_the_busiest_tenth_have_the_documents_that_most_likely_count() -> None:
    # Ten people: a wrote three documents, b two, the others one each.
    people = [["a"], ["a"], ["a", "b"], ["b"], *[[name] for name in "cdefghij"]]
    wrote, read = index_people(people), np.array([0, 3, 4])
    chances, told = np.full(12, 0.5), np.array([1.0, 0.0, 1 - 1.2e-6])
    numbers = np.array([10.0, 9.0, 11.0])
    found = _describe(numbers, chances, wrote, read, told, 0.95)
    assert (found["n_people"], found["count"], found["n_read"], found["level"]) == (10, 10, 3, 0.95)
    # Expected: a 1 + .5 + .5, b .5 + 0, c (nearly) 1, seven others .5.
    assert found["top_tenth_share"] == pytest.approx(2 / 7, abs=1e-5)
    assert not found["has_first_author_only"]
    assert (found["low"], found["high"]) == pytest.approx((10 * np.exp(-0.195996), 10))
    # Seen for certain is a alone: c, a millionth short, is not.
    assert _describe(np.array([0.0, 0.0]), chances, wrote, read, told, 0.95)["count"] == 1
    # Of 15 and more the two busiest: a 2 and c 1.
    assert _describe(np.array([15.0, 15.0]), chances, wrote, read, told, 0.95)["count"] == 10  # no more than there are
    few = _describe(np.array([4.0, 4.0]), chances, wrote, read, told, 0.95)
    assert few["top_tenth_share"] == pytest.approx(2 / 7, abs=1e-5)  # one person at least
    twenty = index_people([[f"p{number}"] for number in range(20)])
    two = _describe(np.array([16.0, 16.0]), np.full(20, 0.8), twenty, np.array([0]), np.array([1.0]), 0.95)
    assert two["top_tenth_share"] == pytest.approx(1.8 / 16.2) and two["has_first_author_only"]
    none = _describe(np.zeros(2), np.zeros(20), twenty, np.array([0]), np.array([0.0]), 0.95)
    assert np.isnan(none["top_tenth_share"]) and none["count"] == 0 and (none["low"], none["high"]) == (0, 20)


def test_a_domain_has_a_row_from_five_documents_that_surely_count_under_every_definition() -> None:
    domain: Any = type("Domain", (), {"rows": np.array([True] * 6 + [False])})()
    five, four = np.ones((2, 7)), np.ones((2, 7))
    five[0, 5], four[0, 4:6] = 1 - 1.2e-6, 0.99  # a millionth short of certain is not
    assert LEAST_SEEN == 5
    assert _has_hits(domain, [five]) and not _has_hits(domain, [four]) and not _has_hits(domain, [five, four])
    nearly = five.copy()
    nearly[0, :5] = 1 - 0.8e-6
    assert _has_hits(domain, [nearly])


def test_a_frame_is_known_if_all_its_documents_are_here_and_it_may_be_quoted() -> None:
    sample, population = sample_of(np.zeros(20, dtype=int), np.repeat([0, 1], 10), np.arange(12))
    survey = survey_of(sample, population)
    domain = survey.domains[0]
    assert _is_known(survey, domain, {"f": QUOTABLE})
    assert not _is_known(survey, domain, {}) and not _is_known(survey, domain, {"g": QUOTABLE})
    assert not _is_known(survey, domain, {"f": replace(QUOTABLE, is_quotable=False)})
    more = replace(sample, strata=sample.strata.assign(n_population=[10, 11]))
    assert not _is_known(replace(survey, sample=more), domain, {"f": QUOTABLE})


def test_read_in_full_the_table_counts_the_people_who_wrote_what_counts() -> None:
    truth = np.tile([0, 0, 1, 2], 5)
    chance = np.full((20, 3), 1 / 3)
    sample, population = sample_of(truth, np.zeros(20, dtype=int), np.arange(20), prediction=chance)
    persons = [[f"p{number % 7}", f"q{number // 10}"] for number in range(20)]
    population = replace(population, documents=population.documents.assign(persons=persons))
    survey = survey_of(sample, population)
    table = tabulate_direct_people(survey, "safety", ("broad", "strict"), {"f": QUOTABLE})
    assert table["definition"].tolist() == ["strict", "broad"] and table["year"].tolist() == ["", ""]
    strict = {name for number in np.flatnonzero(truth == 0) for name in persons[number]}
    broad = {name for number in np.flatnonzero(truth < 2) for name in persons[number]}
    assert table["count"].tolist() == pytest.approx([len(strict), len(broad)], abs=1e-3)
    assert table["low"].tolist() == table["count"].tolist() and table["n_people"].tolist() == [9, 9]
    assert table["n_read"].tolist() == [20, 20] and table["level"].tolist() == [0.95, 0.95]
    assert tabulate_direct_people(survey, "safety", (), {"f": QUOTABLE}).empty
    blind = replace(survey, population=replace(population, predictions=None))
    assert tabulate_direct_people(blind, "safety", ("strict",), {"f": QUOTABLE}).empty


def test_what_is_open_counts_by_its_chance_and_in_a_replicate_as_it_was_drawn() -> None:
    weights: Any = type("Weights", (), {})()
    codes: Any = type("Codes", (), {})()
    weights.codes = codes
    codes.chance = sparse.csr_array(np.array([[1.0, 0.0], [0.75, 0.25]]))
    codes.changed = sparse.csr_array(np.array([[0.0, 0.0], [0.0, 1.0]]))
    codes.is_settled = np.array([True, False])
    codes.change_drawn, codes.kept_drawn = np.array([[0.9, 0.2]]), np.array([[0, 0]])
    assert _tell(weights, np.array([1.0, 0.5])).tolist() == [[1.0, 0.875], [1.0, 0.8 * 1.0 + 0.2 * 0.5]]


# As people would code -------------------------------------------------------------------------------------------------


def test_records_count_are_in_the_denominator_only_or_outside() -> None:
    states = name_states(np.array([True, False, False, True]), np.array([True, True, False, False]))
    assert states.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]


def test_what_states_weigh_goes_where_the_rates_of_each_replicates_draws_put_it() -> None:
    mass = np.array([[1.0, 2.0, 3.0], [10.0, 0.0, 0.0]])
    rates = np.array([[0.5, 0.6, 0.7, 0.8], [0.1, 0.2, 0.3, 0.4], [0.0, 0.1, 0.0, 0.1]])
    assert _add_up(mass, rates) == pytest.approx(np.array([[0.7, 1.3], [7.0, 8.0]]))


def test_with_the_scope_as_read_nothing_enters_or_leaves_the_denominator() -> None:
    rates = np.full((2, 3, 2), 0.3)
    kept = _keep_scope(rates)
    assert kept[0].tolist() == [[0.3, 0.3], [0.3, 0.3], [0.0, 0.0]]
    assert kept[1].tolist() == [[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]] and (rates == 0.3).all()


def test_a_share_is_put_where_people_put_it_and_what_a_person_read_stays() -> None:
    # One source of 6 counting, 3 inside, 1 outside; people read 2 counting and 8 inside. Two draws a replicate.
    states = np.eye(3)
    stock = Stock({"x": np.array([[6.0, 3, 1], [6.0, 3, 1], [3.0, 6, 1]])}, np.array([[2.0, 8, 5]] * 3))
    rates = np.zeros((2, 3, 5))
    rates[0] = [[0.9, 1.0, 0.5, 1.0, 0.5], [0.1] * 5, [0.0] * 5]
    rates[1] = [[1.0] * 5, [1.0] * 5, [0.5] * 5]
    found = _spread(stock, states, {"x": rates}, 0.9)
    assert found["share"] == pytest.approx((2 + 5.4 + 0.3) / (10 + 9.5))
    drawn = [each / 19.5 for each in (8.3, 5.3, 5.6, 4.1)]
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(drawn, (0.05, 0.95))))
    # The share as seen is never outside of its interval.
    far = rates.copy()
    far[0, 0, 0] = 0.0
    low = _spread(stock, states, {"x": far}, 0.5)
    assert low["low"] == low["share"] == pytest.approx(2.3 / 19.5)
    assert _spread(stock, states, {"y": rates}, 0.5) == {"share": None, "low": 0.0, "high": 1.0}
    alone = _spread(Stock({}, np.array([[2.0, 8, 5]] * 3)), states, {}, 0.5)
    assert (alone["share"], alone["low"], alone["high"]) == pytest.approx((0.2, 0.2, 0.2))
    nothing = _spread(Stock({}, np.zeros((3, 3))), states, {}, 0.5)
    assert (nothing["share"], nothing["low"], nothing["high"]) == (0, 0, 0)


def test_documents_that_a_person_read_are_kept_apart_in_the_stock() -> None:
    sample, population = sample_of(np.tile([0, 1, 2], 10), np.zeros(30, dtype=int), np.arange(12))
    sample = replace(sample, units=sample.units.assign(n_person=[1, 2, *[0] * 10]))
    survey = survey_of(sample, population)
    source = np.array(["x", "x"] + ["x"] * 4 + ["y"] * 6)
    stock = take_stock(survey, survey.domains[0], source)
    assert list(stock.unread_by_people) == ["x", "y"]
    assert [float(stock.unread_by_people[name][0].sum()) for name in ("x", "y")] == pytest.approx([10, 15])
    assert float(stock.by_people[0].sum()) == pytest.approx(5)
    assert stock.by_people.shape == (201, 3)


@pytest.mark.parametrize(("n_told", "axes"), [(5, set()), (6, {"purpose"}), (10, {"purpose"}), (0, set())])
def test_an_axis_follows_from_the_leaf_where_it_does_in_most_documents(n_told: int, axes: set[str]) -> None:
    sample, population = sample_of(np.zeros(30, dtype=int), np.zeros(30, dtype=int), np.arange(10))
    codebook = replace(CODEBOOK, assumed={"purpose": {"A": "P2"}})
    survey = replace(survey_of(sample, population), codebook=codebook)
    assert _follow_leaf(survey, survey.domains[0]) == set()
    told = sample.readers[0].assign(**{ASSUMED: np.where(np.arange(10) < n_told, "purpose", "")})
    survey = replace(survey, sample=replace(sample, readers=(told, told)))
    assert _follow_leaf(survey, survey.domains[0]) == axes


def test_answers_are_counted_by_source_and_with_the_scope_as_read_of_those_left_inside() -> None:
    index = pd.Index(["a", "b", "c", "d"])
    evidence = Evidence("gold", np.array(["x", "y", "x", "x"]), codes_of(np.zeros(4, dtype=int), index), None, None,
                        np.ones(4), index.to_numpy())  # fmt: skip
    verdict = Verdict(np.zeros(4, dtype=int), np.array([1, 1, 0, 0]), np.array([1, 1, 1, 0]), np.ones(4))
    theirs, as_read = (_count_by_source(evidence, verdict, scope) for scope in (THEIRS, AS_READ))
    assert list(theirs) == ["x", "y"]
    assert (theirs["x"].n_decided[0, 0], theirs["x"].n_yes[0, 0]) == (3, 1)
    assert (as_read["x"].n_decided[0, 0], as_read["x"].n_yes[0, 0]) == (2, 1)
    open_scope = replace(verdict, inside=np.array([1, 1, 1, -1]))
    assert _count_by_source(evidence, open_scope, AS_READ)["x"].n_decided[0, 0] == 3  # open is not outside


def test_rates_are_drawn_once_for_the_same_answers() -> None:
    n = np.array([[10.0, 10], [5, 5], [2, 2]])
    counted = Tally(n, n / 2, n, n / 2)
    draws = _Draws(3, 4)
    rates = draws.of(counted, THEIRS)
    assert rates.shape == (2, 3, 5) and rates[:, :, 0].tolist() == [[0.5] * 3] * 2
    expected = np.random.default_rng(3).beta(n / 2 + 0.5, n / 2 + 0.5, size=(4, 3, 2))
    assert rates[:, :, 1:] == pytest.approx(np.moveaxis(expected, 0, 2).transpose(1, 0, 2))
    assert draws.of(counted, THEIRS) is rates and draws.of(counted, AS_READ)[1, 2].tolist() == [0.0] * 5
    assert len(draws.known) == 2
