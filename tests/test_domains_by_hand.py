"""Which documents a share is about, and what is known of the readers' error there, by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.codebook import ASSUMED
from pipeline.coding.precedence import CodedSheet
from pipeline.estimate import evidence
from pipeline.estimate.domains import Population, list_domains, parts_of
from pipeline.estimate.evidence import gather_evidence, name_sources, pool_evidence
from pipeline.estimate.leaf_answers import answer_by_leaf, kept_axes
from pipeline.estimate.reader_error import GOLD, OUTSIDE_LABELS, Evidence
from pipeline.settings import Frame
from tests.survey_of import CODEBOOK, codes_of, sample_of


def population_of() -> Population:
    documents = pd.DataFrame(
        {
            "doc_id": ["a", "b", "c", "d"],
            "frame": ["f", "f", "g", "f"],
            "published_year": [2019, 2020, 2019, -1],
            "source": ["one", "two", "one", "three"],
        }
    )
    return Population(documents, np.array([0, 2]))


def test_documents_of_a_year_of_a_frame_are_of_both_and_nobody_may_change_them() -> None:
    population = population_of()
    assert population.rows_of("f", "").tolist() == [True, True, False, True]
    assert population.rows_of("f", "2019").tolist() == [True, False, False, False]
    with pytest.raises(ValueError, match="read-only"):
        population.rows_of("f", "")[0] = False


def test_a_stratum_stands_for_its_list_or_else_for_its_frame_or_year() -> None:
    sample, population = sample_of(np.zeros(20, dtype=int), np.repeat([0, 1], [12, 8]), np.arange(14))
    assert population.rows_in(sample, "f/s0").sum() == 12 and population.rows_in(sample, "f/s1")[12:].all()
    assert population.knows(sample, "f/s0")
    more = replace(sample, strata=sample.strata.assign(n_population=[13, 7]))
    assert not population.knows(more, "f/s0") and population.knows(more, "f/s1")  # one is gone, one too many is none
    known = population.documents.assign(published_year=np.where(np.arange(20) < 5, 2019, 2020))
    listless = replace(sample, members={}, strata=sample.strata.assign(year=["2019", ""]))
    dated = Population(known, population.units)
    assert dated.rows_in(listless, "f/s0").sum() == 5 and dated.rows_in(listless, "f/s1").sum() == 20


def test_a_domain_is_a_frame_then_each_of_its_years_and_then_a_part_of_it() -> None:
    sample, population = sample_of(np.zeros(30, dtype=int), np.repeat([0, 1, 2], 10), np.arange(25))
    sample = replace(sample, strata=sample.strata.assign(year=["2019", "2020", ""], part=["", "core", "core"]))
    frames = {
        "e": Frame(title="", kind="census", description="", use="", is_quotable=True, part_of="f/core"),
        "z": Frame(title="", kind="census", description="", use="", is_quotable=True),
    }
    assert parts_of(frames) == {"e": "f/core"}
    domains = list_domains(sample, population, {"e": "f/core", "x": "g/core", "y": "f/none"})
    names = [(each.frame, each.year) for each in domains]
    assert names == [("e", ""), ("e", "2020"), ("f", ""), ("f", "2019"), ("f", "2020")]
    assert [each.n_population for each in domains] == [20, 10, 30, 10, 10]
    assert [int(each.rows.sum()) for each in domains] == [15, 10, 25, 10, 10]
    assert population.rows_within(domains[0]).tolist() == [False] * 10 + [True] * 20


def test_a_read_document_has_the_group_of_its_source_or_its_sources_own_name() -> None:
    assert name_sources(population_of(), {"all": ["one"]}).tolist() == ["all", "all"]
    assert name_sources(population_of(), {"others": ["two"]}).tolist() == ["one", "one"]


def evidence_of(ids: str, basis: str = OUTSIDE_LABELS, *, is_gold: bool = False, follows: bool = False) -> Evidence:
    index = pd.Index(list(ids))
    codes = codes_of(np.arange(len(ids)) % 3, index)
    allowed = None if is_gold else np.eye(3, dtype=bool)[np.arange(len(ids)) % 3]
    told = np.ones(len(ids), dtype=bool) if follows else None
    weight = np.arange(len(ids), dtype=float)
    return Evidence(
        basis, np.array(list(ids)), codes, codes if is_gold else None, allowed, weight, index.to_numpy(), told
    )


def test_evidence_of_two_samples_is_pooled_by_basis_and_what_both_have_counts_once() -> None:
    one, other, gold = evidence_of("abc"), evidence_of("cda", follows=True), evidence_of("xy", GOLD, is_gold=True)
    pooled, kept = pool_evidence([[one], [other, gold]])
    assert kept is gold and pooled.doc_ids.tolist() == ["a", "b", "c", "d"] and pooled.source.tolist() == list("abcd")
    assert pooled.settled.index.tolist() == list("abcd") and pooled.weight.tolist() == [0, 1, 2, 1]
    assert pooled.allowed is not None and pooled.allowed.shape == (4, 3)
    assert pooled.people is None and pooled.follows is None  # one of them does not say
    both = pool_evidence([[evidence_of("ab", follows=True)], [evidence_of("bc", follows=True)]])[0]
    assert both.follows is not None and both.follows.tolist() == [True] * 3
    people = pool_evidence([[evidence_of("ab", GOLD, is_gold=True)], [evidence_of("bc", GOLD, is_gold=True)]])[0]
    assert people.people is not None and people.people.index.tolist() == list("abc") and people.allowed is None


def test_labels_speak_of_documents_no_person_read_and_gold_of_what_people_were_drawn_to_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sample, _ = sample_of(np.tile([0, 1, 2], 4), np.zeros(12, dtype=int), np.arange(6),
                          is_settled=np.array([True, False, True, False, False, False]))  # fmt: skip
    ids = sample.units.index
    readers = codes_of(np.array([1, 1, 1, 1, 1, 1]), ids).assign(**{ASSUMED: ["", "target", "", "", "", ""]})
    ruled = sample.adjudicator.assign(**{ASSUMED: ["target", ""]})
    people = CodedSheet("ann", "person", "reader", codes_of(np.array([2, 2]), ids[[3, 5]]))
    machine = CodedSheet("m", "language model", "reader", codes_of(np.array([0] * 5), ids[:5]))
    sample = replace(
        sample, units=sample.units.assign(n_person=[0, 0, 1, 1, 0, 1]), readers=(readers, readers), adjudicator=ruled,
        people=(people,), coded=(machine, people),
    )  # fmt: skip
    labels = pd.DataFrame(
        [{"doc_id": each, "label_scheme": "s", "label": "x", "leaves": ("A1",)} for each in (*ids[:5], "elsewhere")]
    )
    monkeypatch.setattr(evidence, "read_labels", lambda *_: labels)
    drawn = pd.Series([2.0, 3.0, 5.0], [ids[3], ids[5], "gone"])
    monkeypatch.setattr(evidence, "weigh_gold", lambda *_: drawn)
    source = np.array(list("uvwxyz"))
    outside, gold = gather_evidence(tmp_path, sample, source, CODEBOOK)
    # Three and six were read by a person; what was ruled counts before what was read.
    assert outside.doc_ids.tolist() == ids[[0, 1, 4]].tolist() and outside.source.tolist() == ["u", "v", "y"]
    assert outside.settled["leaf"].tolist() == ["A1", "E1", "E1"]
    assert outside.follows is not None and outside.follows.tolist() == [True, True, False]
    # Of the gold only what others than people read can be compared: the fourth.
    assert gold.doc_ids.tolist() == [ids[3]] and gold.weight.tolist() == [2.0] and gold.source.tolist() == ["x"]
    assert gold.people is not None and gold.people["leaf"].tolist() == ["N0"]
    assert gold.settled["leaf"].tolist() == ["A1"] and gold.basis == GOLD
    monkeypatch.setattr(evidence, "weigh_gold", lambda *_: drawn[2:])
    assert [each.basis for each in gather_evidence(tmp_path, sample, source, CODEBOOK)] == [OUTSIDE_LABELS]
    monkeypatch.setattr(evidence, "read_labels", lambda *_: labels[5:])
    assert gather_evidence(tmp_path, sample, source, CODEBOOK) == []


def test_labels_answer_what_all_leaves_they_allow_agree_on() -> None:
    settled = codes_of(np.array([0, 0, 2, 1]), pd.Index(list("abcd")))
    allowed = np.array([[True, False, False], [True, True, False], [False, True, True], [False, False, True]])
    strict, safety = CODEBOOK.definitions[0], CODEBOOK.denominators["safety"]
    axes = kept_axes((strict, safety), CODEBOOK)
    assert axes == ()
    counts, inside = answer_by_leaf(allowed, strict, safety, settled, np.zeros(4, dtype=bool), axes, CODEBOOK)
    assert counts.tolist() == [1, -1, 0, 0] and inside.tolist() == [1, 1, -1, 0]
    assert kept_axes((replace(strict, min_confidence=2), safety), CODEBOOK) is None
    assert kept_axes((replace(strict, min_confidence=1), safety), CODEBOOK) == ()
    assert kept_axes((replace(strict, count_second=True), safety), CODEBOOK) is None
    assert kept_axes((replace(strict, any_of=(replace(strict, min_confidence=2),)), safety), CODEBOOK) is None
