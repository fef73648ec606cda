"""How many distinct people wrote something that counts: against populations in which it is known."""

import numpy as np
import pytest

from pipeline.report.writers import count_people, find_ends

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
        numbers = count_people(predicted, people, read, told, weights)
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
    numbers = count_people(predicted, people, np.arange(len(people)), counts[None, :].astype(float), ones)
    assert numbers[0] == pytest.approx(truth, abs=1e-6)


def test_one_person_of_many_documents_is_one_and_many_of_one_are_many() -> None:
    ones = np.ones((1, 6))
    told = np.ones((1, 6))
    assert count_people(np.ones(6), [["a"]] * 6, np.arange(6), told, ones)[0] == pytest.approx(1)
    apart = [[name] for name in "abcdef"]
    assert count_people(np.ones(6), apart, np.arange(6), told, ones)[0] == pytest.approx(6)
    assert count_people(np.ones(6), [["a", "a", "b"]] * 6, np.arange(6), told, ones)[0] == pytest.approx(2)
    assert count_people(np.ones(3), [[], [], []], np.arange(3), told[:, :3], ones[:, :3])[0] == 0


def test_an_interval_stays_between_what_was_seen_and_what_there_is() -> None:
    numbers = np.array([20.0, 5.0, 40.0, 90.0])
    assert find_ends(numbers, 12, 30, LEVEL) == (12, 30)
    assert find_ends(np.zeros(4), 0, 30, LEVEL) == (0, 30)
