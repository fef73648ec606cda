"""How many distinct people wrote something that counts: against populations in which it is known."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.estimate.direct_people import (
    LEAST_SEEN,
    count_people,
    find_ends,
    index_people,
    lift_chances,
    nest_counts,
    tabulate_direct_people,
)
from pipeline.estimate.nesting import find_wider
from pipeline.estimate.people import name_people
from pipeline.settings import Frame
from tests.invented_survey import invent_survey

REPLICATES, DRAWN, LEVEL = 200, 80, 0.95


def make_population(rng: np.random.Generator, *, is_predicted: bool) -> tuple[list[list[str]], np.ndarray, np.ndarray]:
    """People of very different output, some of whom lean to what counts; co-authors; chances that know some of it."""
    leaning = rng.beta(0.7, 1.3, 150)
    output = np.minimum(rng.zipf(1.9, 150), 25)
    people, chance = [], []
    for person, count in enumerate(output):
        for _ in range(count):
            others = rng.choice(150, rng.integers(0, 3), replace=False)
            people.append([f"p{person}", *(f"p{other}" for other in others if other != person)])
            chance.append(leaning[person])
    counts = rng.random(len(chance)) < np.array(chance)
    told = np.clip(np.array(chance) + rng.normal(0, 0.15, len(chance)), 0.02, 0.98)
    return people, counts, told if is_predicted else np.full(len(chance), counts.mean())


def draw(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A simple random sample and its weights, redrawn with replacement."""
    read = np.sort(rng.choice(count, DRAWN, replace=False))
    redrawn = rng.multinomial(DRAWN, np.full(DRAWN, 1 / DRAWN), REPLICATES)
    shrunk = 1 + (redrawn - 1) * np.sqrt(1 - DRAWN / count)  # what is read of a finite whole is certain
    return read, np.vstack([np.ones(DRAWN), shrunk]) * count / DRAWN


@pytest.mark.parametrize("is_predicted", [True, False], ids=["good predictions", "none better than the mean"])
def test_the_number_of_people_is_found_and_its_interval_holds_it(is_predicted: bool) -> None:
    rng = np.random.default_rng(4)
    people, counts, predicted = make_population(rng, is_predicted=is_predicted)
    truth = len({name for names, is_in in zip(people, counts, strict=True) if is_in for name in names})
    everyone = len({name for names in people for name in names})
    found, held = [], 0
    for _ in range(120):
        read, weights = draw(rng, len(people))
        told = np.tile(counts[read].astype(float), (1 + REPLICATES, 1))
        numbers = count_people(predicted, index_people(people), read, told, weights)
        low, high = find_ends(numbers, 0, everyone, LEVEL)
        found.append(numbers[0])
        held += low <= truth <= high
    print(f"truth {truth} of {everyone}, mean {np.mean(found):.1f}, held {held}/120")
    assert abs(np.mean(found) / truth - 1) < (0.06 if is_predicted else 0.12)
    assert held >= 105


def test_where_all_is_read_the_number_is_exact() -> None:
    rng = np.random.default_rng(6)
    people, counts, predicted = make_population(rng, is_predicted=True)
    truth = len({name for names, is_in in zip(people, counts, strict=True) if is_in for name in names})
    ones = np.ones((1, len(people)))
    numbers = count_people(predicted, index_people(people), np.arange(len(people)), counts[None, :].astype(float), ones)
    assert numbers[0] == pytest.approx(truth, abs=1e-6)


def test_one_person_of_many_documents_is_one_and_many_of_one_are_many() -> None:
    ones = np.ones((1, 6))
    told = np.ones((1, 6))
    assert count_people(np.ones(6), index_people([["a"]] * 6), np.arange(6), told, ones)[0] == pytest.approx(1)
    apart = [[name] for name in "abcdef"]
    assert count_people(np.ones(6), index_people(apart), np.arange(6), told, ones)[0] == pytest.approx(6)
    assert count_people(np.ones(6), index_people([["a", "a", "b"]] * 6), np.arange(6), told, ones)[0] == pytest.approx(
        2
    )
    assert count_people(np.ones(3), index_people([[], [], []]), np.arange(3), told[:, :3], ones[:, :3])[0] == 0


def test_an_interval_stays_between_what_was_seen_and_what_there_is() -> None:
    numbers = np.array([20.0, 5.0, 40.0, 90.0])
    assert find_ends(numbers, 12, 30, LEVEL) == (12, 30)
    assert find_ends(np.zeros(4), 0, 30, LEVEL) == (0, 30)


def test_moved_chances_add_up_and_keep_their_order() -> None:
    predicted, is_read = np.array([0.1, 0.2, 0.5, 0.9, 0.0]), np.array([False, False, True, False, False])
    lifted = lift_chances(predicted, is_read, 2.5)
    assert lifted[~is_read].sum() == pytest.approx(2.5)
    assert np.array_equal(np.argsort(lifted), np.argsort(predicted))
    assert lifted[2] > 0.5
    for impossible in (0.0, 4.0, -1.0):
        assert lift_chances(predicted, is_read, impossible) is predicted


@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_predictions_that_expect_too_few_or_too_many_are_no_bias(factor: float) -> None:
    rng = np.random.default_rng(8)
    people, counts, predicted = make_population(rng, is_predicted=True)
    wrong, wrote = np.clip(predicted * factor, 0.01, 0.99), index_people(people)
    truth = len({name for names, is_in in zip(people, counts, strict=True) if is_in for name in names})
    found = []
    for _ in range(60):
        read, weights = draw(rng, len(people))
        told = np.tile(counts[read].astype(float), (1 + REPLICATES, 1))
        is_read = np.isin(np.arange(len(people)), read)
        lifted = lift_chances(wrong, is_read, ((weights[0] - 1) * told[0]).sum())
        found.append(count_people(lifted, wrote, read, told, weights)[0])
    assert abs(np.mean(found) / truth - 1) < 0.08


def test_narrower_definitions_never_have_more_people() -> None:
    counted = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=bool)
    found = pd.DataFrame({"count": [9.0, 7, 20, 12], "low": [5.0, 6, 10, 8], "high": [20.0, 12, 30, 18]})
    nested = nest_counts(find_wider(counted), found)
    assert nested["count"].tolist() == [8.0, 8.0, 16.0, 16.0]
    assert nested["low"].tolist() == [5.0, 6.0, 8.0, 8.0] and nested["high"].tolist() == [20.0, 20.0, 30.0, 30.0]


def test_the_table_is_of_quotable_frames_all_of_whose_documents_are_known() -> None:
    survey = invent_survey()
    frame = Frame(title="f", kind="census", description="", use="", is_quotable=True)
    table = tabulate_direct_people(survey, "safety", ("strict", "broad"), {"f": frame})
    assert set(table["definition"]) == {"strict", "broad"} and table["n_read"].min() > LEAST_SEEN
    assert "" in set(table["year"]) and "2023" not in set(table["year"])  # two documents of 2023 were read
    whole = table[table["year"] == ""].set_index("definition")
    assert (whole["n_people"] == 67).all() and (whole["low"] <= whole["count"]).all()
    assert whole.loc["strict", "count"] <= whole.loc["broad", "count"] <= 67
    by_year = table[table["year"] != ""].pivot(index="year", columns="definition", values="count")
    assert (by_year["strict"] < by_year["broad"]).all()
    unquotable = Frame(title="f", kind="list", description="", use="", is_quotable=False)
    assert tabulate_direct_people(survey, "safety", ("strict",), {"f": unquotable}).empty
    late = Frame(title="f", kind="census", description="", use="", is_quotable=True, complete_from="2020-01-01")
    assert set(tabulate_direct_people(survey, "safety", ("strict",), {"f": late})["year"]) <= {"2020", "2021", "2022"}


def test_the_busiest_tenth_is_of_the_people_who_count() -> None:
    survey = invent_survey()
    frame = Frame(title="f", kind="census", description="", use="", is_quotable=True)
    table = tabulate_direct_people(survey, "safety", ("strict",), {"f": frame})
    whole = table[table["year"] == ""].iloc[0]
    # Seven of the 67 people are on every document, one in seven each; the four busiest of about 40 are among them.
    n_busiest = round(0.1 * whole["count"])
    assert n_busiest > 1
    slots = 1 + 2 / 3  # names on a document
    assert whole["top_tenth_share"] == pytest.approx(n_busiest / 7 / slots, rel=0.5)
    assert whole["top_tenth_share"] > 1.5 / 7 / slots  # more than one person's part


def test_documents_that_the_table_of_people_lacks_are_counted() -> None:
    documents = pd.DataFrame({"doc_id": ["a", "b", "c"]})
    authorship = pd.DataFrame({"doc_id": ["b"], "names": [["N"]], "persons": [["N"]]})
    with pytest.raises(DataError, match="has no row for a and 1 other documents"):
        name_people(documents, authorship)
