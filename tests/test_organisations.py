"""Organisations by one name, with their kind: from the table, or from words that are clear."""

import tomllib

import pytest

from pipeline.text.organisations import KINDS, TABLE, find_organisation


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("MIRI", "Machine Intelligence Research Institute", "independent"),
        ("Google DeepMind, London", "Google DeepMind", "lab"),
        ("Dept. of Physics, University of Oxford", "University of Oxford", "academia"),
        ("UK AI Safety Institute", "UK AI Security Institute", "government"),
        ("University of Invention", "University of Invention", "academia"),
        ("École Inventée", "École Inventée", "academia"),
        ("Independent", "Independent", "independent"),
        ("Ministry of Invention", "Ministry of Invention", "government"),
    ],
)
def test_an_affiliation_has_a_name_and_a_kind(text, name, kind):
    found = find_organisation(text)
    assert (found.name, found.kind) == (name, kind)


@pytest.mark.parametrize("text", ["", "Inv Univ", "Meta-learning group", "Some Company", "Arc welding"])
def test_what_is_not_known_has_none(text):
    assert find_organisation(text) is None


def test_every_row_of_the_table_has_a_kind_and_says_where_it_is_from():
    for name, facts in tomllib.loads(TABLE.read_text(encoding="utf-8")).items():
        assert facts["kind"] in KINDS, name
        assert facts["source_url"].startswith("https://"), name
