"""One person across handles and spellings, measured on a hand-made set of pairs among all names of the census."""

import csv

import pytest

from pipeline.text.persons import Mention, group_people, is_same_person, name_words

# A change may raise these floors, never lower them.
FLOOR_PRECISION = 0.97
FLOOR_RECALL = 0.90


@pytest.fixture(scope="module")
def named(root):
    from pipeline import store
    from pipeline.schemas import CENSUS_DOCUMENTS

    documents = store.read_table(CENSUS_DOCUMENTS, root / "data/raw/census/2026.07/documents.parquet")
    names = [str(name) for authors in documents["authors"] for name in authors]
    return group_people(Mention(name) for name in [*names, *(name for pair in pairs(root) for name in pair[:2])])


def pairs(root):
    with (root / "tests/fixtures/people/pairs.csv").open(encoding="utf-8") as file:
        return [(row["left"], row["right"], row["is_same"] == "yes") for row in csv.DictReader(file)]


def test_judged_pairs_are_told_apart(root, named, record_score):
    judged = pairs(root)
    found = [named[Mention(left)] == named[Mention(right)] for left, right, _ in judged]
    n_right = sum(is_found and is_same for is_found, (_, _, is_same) in zip(found, judged, strict=True))
    precision, recall = n_right / sum(found), n_right / sum(is_same for _, _, is_same in judged)
    record_score(
        f"people, {len(judged)} judged pairs among {len(named):,} names: precision {precision:.4f}, recall {recall:.4f}"
    )
    assert len(judged) >= 150
    assert precision >= FLOOR_PRECISION
    assert recall >= FLOOR_RECALL


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Ada Anders", "ada_anders"),
        ("Ada Anders", "AdaAnders"),
        ("Ada Anders", "Anders, Ada"),
        ("Ada Anders", "adaxanders"),
        ("Søren Ångström", "Soren Angstrom"),
        ("Łukasz Berg", "Lukasz Berg"),
        ("Ada B. Anders", "Ada Anders"),
        ("Ada B. Anders", "Ada Bea Anders"),
        ("Alexander Berg", "Alex Berg"),
        ("So8res", "Nate Soares"),
    ],
)
def test_strong_signs_join_two_spellings(left, right):
    assert is_same_person(left, right)
    assert is_same_person(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Ada Anders", "Ada Andersen"),
        ("Ada B. Anders", "Ada C. Anders"),
        ("Ada Anders", "Bea Anders"),
        ("Ada", "Ada Anders"),
        ("ada", "Ada Anders"),
        ("Bo Li", "Bo Lin"),
        ("Jin Gan", "Jing An"),
        ("Xiaofeng", "Xiao Feng"),
        ("Yan-Lei Zhang", "Yan Zhang"),
        ("ada0461", "Ad Adams"),
    ],
)
def test_what_is_not_enough_joins_nothing(left, right):
    assert not is_same_person(left, right)


def test_a_weak_sign_counts_only_while_no_other_name_fits():
    assert is_same_person("A. Anders", "Ada Anders")
    assert not is_same_person("A. Anders", "Ada Anders", ["Alma Anders"])
    assert is_same_person("AdaA", "Ada Anders")
    assert not is_same_person("AdaA", "Ada Anders", ["Ada Abel"])
    assert is_same_person("aanders", "Ada Anders")
    assert not is_same_person("aanders", "Ada Anders", ["Abel Anders"])


def test_an_orcid_joins_and_parts():
    one, two, three = Mention("A. Anders", "1"), Mention("Ada Anders", "1"), Mention("Ada Anders", "2")
    named = group_people([one, two, three])
    assert named[one] == named[two] == "Ada Anders"
    assert named[three] == "Ada Anders (2)"


def test_a_person_goes_by_the_fullest_spelling_and_the_order_does_not_matter():
    names = ["VojtaKovarik", "Vojtech Kovarik", "Vojtěch Kovařík", "Bo Berg"]
    first = group_people(map(Mention, names))
    assert set(first.values()) == {"Vojtěch Kovařík", "Bo Berg"}
    assert group_people(map(Mention, reversed(names))) == first
    assert name_words("Kovařík, Vojtěch") == ("vojtech", "kovarik")


def test_the_table_of_persons_counts_spellings_and_says_where_people_work():
    import pandas as pd

    from pipeline.corpus.persons import list_persons

    documents = pd.DataFrame(
        {
            "doc_id": ["a", "b", "c"],
            "authors": [["Ada Anders", "Bo Berg"], ["ada_anders"], []],
            "affiliations": [["University of Invention", ""], None, None],
            "orcids": [["0000-0001", ""], None, None],
            "organisation": [None, "Redwood Research", None],
        }
    )
    rows, authorship = list_persons(documents)
    assert authorship["persons"].tolist() == [["Ada Anders", "Bo Berg"], ["Ada Anders"], []]
    rows = rows.set_index("name")
    assert rows.loc["Ada Anders", "person"] == rows.loc["ada_anders", "person"] == "Ada Anders"
    assert rows.loc["Ada Anders", "orcid"] == "0000-0001"
    assert rows.loc["Ada Anders", "organisation_kinds"] == ["academia"]
    assert rows.loc["ada_anders", ["organisations", "organisation_kinds"]].tolist() == [
        ["Redwood Research"],
        ["independent"],
    ]
    assert rows.loc["Bo Berg", "organisations"] == []
