"""Weights and what is made of them, by hand: sums by code, strata made up, ways of counting, rows of shares."""

import logging
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from pipeline.coding.codebook import ASSUMED, Toggles
from pipeline.errors import DataError
from pipeline.estimate import recall, stage, weights
from pipeline.estimate.domains import Domain
from pipeline.estimate.prediction_tables import tabulate_guesses, tabulate_predictions
from pipeline.estimate.rulings import CodeChances
from pipeline.estimate.share_table import METHOD, UNREAD, count_members, tabulate_shares
from pipeline.estimate.shares import Part, Shares
from pipeline.estimate.survey import (
    DOCUMENTS,
    estimate_batch,
    mark_contested,
    measure_sizes,
    merge_records,
    open_survey,
)
from pipeline.estimate.weights import Weights, _thin_digits, count_up, digit_of, make_weights
from tests.survey_of import CODEBOOK, sample_of

COUNTS, ONLY_INSIDE, OUTSIDE = range(3)


def weights_by_hand() -> Weights:
    """Three documents and three codes: an open one, a settled one, and an open one of another stratum."""
    records = pd.DataFrame({"leaf": ["A1", "E1", "N0"]})
    kept = sparse.csr_array([[0.75, 0.25, 0], [0, 1, 0], [0, 0.5, 0.5]])
    changed = sparse.csr_array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
    drawn = np.array([[0, 1, 2], [1, 1, 1]])
    rates = np.array([[0.2, 0.0, 0.4], [0.5, 0.0, 0.1]])
    settled = np.array([False, True, False])
    codes = CodeChances(records, kept, changed, np.array([0.4, 0.0, 0.2]), drawn, rates, settled)
    units = pd.DataFrame({"stratum": ["t", "s", "t"]}, index=pd.Index(list("abc"), name="doc_id"))
    return Weights(units, np.array([2.0, 3, 5]), np.array([[1.0, 3, 6], [4, 3, 2]]), codes)


def test_what_each_code_weighs_is_what_its_documents_do_by_their_chances() -> None:
    whole = weights_by_hand().totals(np.ones(3, dtype=bool))
    # Of a .45 are A1, .15 E1 and .4 N0; of c .2 are A1, .4 E1 and .4 N0.
    assert whole[0] == pytest.approx([2 * 0.45 + 5 * 0.2, 2 * 0.15 + 3 + 5 * 0.4, 2 * 0.4 + 5 * 0.4])
    assert whole[1] == pytest.approx([0.8 + 6 * 0.4, 3, 0.2 + 6 * 0.6])
    assert whole[2] == pytest.approx([2 * 0.1, 4 * 0.5 + 3 + 2 * 0.9, 4 * 0.5])
    part = weights_by_hand().totals(np.array([True, True, False]))
    assert part == pytest.approx(np.array([[0.9, 3.3, 0.8], [0.8, 3, 0.2], [0, 5, 2]]))
    sized = weights_by_hand().totals(np.array([True, True, False]), np.array([10.0, 0, 7]))
    assert sized == pytest.approx(np.array([[9.0, 3, 8], [8, 0, 2], [0, 20, 20]]))
    assert weights_by_hand().totals(np.zeros(3, dtype=bool)).tolist() == [[0.0] * 3] * 3
    assert weights_by_hand().stratum.tolist() == [0, 1, 0]


def test_merged_codes_are_the_first_of_their_group_and_weigh_as_much_together() -> None:
    own = weights_by_hand()
    merged = own.merged(np.array([0, 1, 0]))
    assert merged.codes.records["leaf"].tolist() == ["A1", "E1"] and merged.codes.records.index.tolist() == [0, 1]
    assert merged.codes.kept.toarray().tolist() == [[0.75, 0.25], [0, 1], [0.5, 0.5]]
    assert merged.codes.changed.toarray().tolist() == [[1, 0], [0, 1], [1, 0]]
    assert merged.codes.kept_drawn.tolist() == [[0, 1, 0], [1, 1, 1]]
    rows = np.ones(3, dtype=bool)
    whole = own.totals(rows)
    assert merged.totals(rows) == pytest.approx(np.stack([whole[:, 0] + whole[:, 2], whole[:, 1]], axis=1))


def test_strata_that_calibration_missed_are_made_up_and_others_left() -> None:
    member = np.array([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    weight = np.array([[4.0, 6, 9, 0], [5.0, 5, 10, 0]])
    found = count_up(weight, member, np.array([20.0, 10, 5]))
    assert found.tolist() == [[8, 12, 10, 0], [10, 10, 10, 0]]  # of the last stratum nothing is left to make up from
    # A millionth of a stratum is rounding, and of one of less than one a millionth of one.
    near = np.array([[10.0, 10 + 1.9e-5, 10, 3], [10, 10 + 2.1e-5, 10, 3]])
    found = count_up(near, member, np.array([20.0, 10, 3]))
    assert found[0].tolist() == near[0].tolist() and found[1, :2].sum() == pytest.approx(20.0, abs=1e-9)
    few = np.array([[0.0, 0, 10, 9e-7], [0, 0, 10, 1.1e-6]])
    found = count_up(few, member, np.array([0.0, 10, 0.0]))
    assert found[:, 3].tolist() == [9e-7, 0.0]
    right = np.array([[10.0, 10, 10, 3]])
    assert count_up(right, member, np.array([20.0, 10, 3])) is right


def test_replicates_are_whole_multiples_of_a_power_of_two_that_sixteen_bits_hold() -> None:
    assert digit_of(np.array([1.0])) == digit_of(np.array([0.3])) == digit_of(np.zeros(0)) == 2.0**-15
    assert digit_of(np.array([2.0])) == 2.0**-14 and digit_of(np.array([1.9])) == 2.0**-15
    assert digit_of(np.array([65_535.0])) == 1.0 and digit_of(np.array([65_536.0])) == 2.0
    assert _thin_digits(np.array([1.0, 0.3, 2.0**-16])).tolist() == [1.0, round(0.3 * 2**15) / 2**15, 0.0]


def test_a_sample_without_predictions_weighs_each_document_as_its_stratum_says() -> None:
    stratum = np.repeat([0, 1], [7, 30])
    sample, population = sample_of(np.zeros(37, int), stratum, np.r_[:3, 7:17])
    made = make_weights(sample, population, CODEBOOK, seed=4, count=50)
    assert made.weight[:3].tolist() == [round(7 / 3, 9)] * 3 and made.weight[3:].tolist() == [3.0] * 10
    assert made.replicates.shape == (50, 13)
    assert made.replicates[:, :3].sum(axis=1) == pytest.approx([7] * 50, abs=1e-3)
    assert made.replicates.min() >= 1 and made.replicates[:, :3].std() > 0  # each counts for itself at least
    again = make_weights(sample, population, CODEBOOK, seed=4, count=50)
    other = make_weights(sample, population, CODEBOOK, seed=5, count=50)
    assert again.replicates.tolist() == made.replicates.tolist() != other.replicates.tolist()
    # Documents that vary together are drawn together.
    cluster = np.r_[[0, 0, 0], np.repeat([0, 1], 5)]
    together = make_weights(sample, population, CODEBOOK, 4, 50, cluster=cluster)
    assert (together.replicates[:, 3:8] == together.replicates[:, 3:4]).all() and together.replicates[:, 3].std() > 0


def test_strata_that_share_a_list_are_counted_by_their_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    sample, population = sample_of(np.zeros(40, int), np.repeat([0, 1], 20), np.r_[:5, 20:24])
    called: list[list[str]] = []
    plain = weights._count_strata

    def note(sample: Any, strata: list[str], *others: Any) -> Any:
        called.append(strata)
        return plain(sample, strata, *others)

    monkeypatch.setattr(weights, "_count_strata", note)
    assert make_weights(sample, population, CODEBOOK, 1, 3).weight[[0, 5]].tolist() == [4.0, 5.0] and not called
    parts = replace(sample, members={})  # either stratum stands for the whole frame
    documents = population.documents.assign(frame="f")
    made = make_weights(parts, replace(population, documents=documents), CODEBOOK, 1, 3)
    assert called == [["f/s0", "f/s1"]] and made.weight[[0, 5]].tolist() == [4.0, 5.0]
    # One of which a document is missing is counted, the other is known.
    called.clear()
    missing = replace(sample, strata=sample.strata.assign(n_population=[20, 21]))
    made = make_weights(missing, population, CODEBOOK, 1, 3)
    assert called == [["f/s1"]] and made.weight[[0, 5]].tolist() == [4.0, 5.25]


def test_a_stratum_of_which_little_is_drawn_is_made_up_to_its_size() -> None:
    sample, _ = sample_of(np.zeros(10, int), np.zeros(10, int), np.arange(9))
    unread = np.full(9, 1 / 9)
    redrawn = np.stack([np.full(9, 0.5), np.arange(9) / 36, np.zeros(9)])
    weight, replicates = weights._count_strata(sample, ["f/s0"], np.arange(9), unread, redrawn)
    assert weight.tolist() == pytest.approx([1 + 1 / 9] * 9) and replicates[0].tolist() == pytest.approx(
        [1 + 1 / 9] * 9
    )
    assert replicates[1] == pytest.approx(1 + np.arange(9) / 36) and replicates[2].tolist() == [1.0] * 9


def test_ways_of_counting_are_of_the_documents_of_a_frame_alone() -> None:
    sample, population = sample_of(np.zeros(6, int), np.repeat([0, 1], 3), np.array([0, 3]))
    sample = replace(sample, strata=sample.strata.assign(frame=["f", "g"]))
    persons = [["a"], ["a", "b"], [], ["c"], ["c"], ["c", "d"]]
    documents = population.documents.assign(
        persons=persons,
        karma=[5.0, -1, 2, 7, np.nan, 1],
        text_kind=["full"] * 4 + ["opening", "full"],
        word_count=[3, 1, 2, 9, 9, 9],
    )
    sizes = measure_sizes(sample, replace(population, documents=documents))
    assert sizes["people"]["f"].tolist() == [0.5, 1.5, 0, 0, 0, 0]
    assert sizes["people"]["g"] == pytest.approx([0, 0, 0, 1 / 3, 1 / 3, 4 / 3])
    assert sizes["karma"].keys() == sizes["words"].keys() == {"f"}
    assert sizes["karma"]["f"].tolist() == [5, 0, 2, 0, 0, 0] and sizes["words"]["f"].tolist() == [3, 1, 2, 0, 0, 0]
    assert sizes["author_slots"]["g"].tolist() == [0, 0, 0, 1, 1, 2]


def test_a_frame_that_counts_for_nothing_has_no_part_and_one_that_does_has_all_it_counts_for() -> None:
    sample, population = sample_of(np.tile([COUNTS, ONLY_INSIDE], 10), np.zeros(20, int), np.arange(6))
    size = np.arange(20.0)
    sizes = {"karma": {"f": size}, "words": {"f": np.where(np.arange(20) < 6, 0.0, 1.0)}, "people": {}}
    survey = open_survey(sample, population, CODEBOOK, 0.9, 1, sizes=sizes)
    domain = survey.domains[0]
    part = survey.part(domain, "karma")
    assert part is not None and part.population == 190.0 and survey.part(domain, "karma") is part
    assert survey.part(domain, "words") is None and survey.part(domain, "people") is None
    assert part.totals[0].sum() == pytest.approx(15 * 20 / 6)
    whole = survey.part(domain)
    assert whole is not None and whole.population == 20.0 and survey.level == 0.9
    # Years are counted in documents alone.
    year = replace(domain, year="2019")
    found = estimate_batch(replace(survey, domains=(domain, year)), CODEBOOK.definitions, ["karma", "words"])
    assert {key[:3] for key in found} == {("f", "", DOCUMENTS), ("f", "", "karma"), ("f", "2019", DOCUMENTS)}


def test_codes_that_no_query_tells_apart_are_one_unless_a_toggle_turns_on_them() -> None:
    sample, population = sample_of(np.array([COUNTS] * 4 + [OUTSIDE]), np.zeros(5, int), np.arange(5))
    readers = tuple(reader.assign(target=["x", "y", "x", "z", "x"]) for reader in sample.readers)
    sample = replace(sample, readers=readers, adjudicator=readers[0])
    codebook = replace(
        CODEBOOK, axes={"target": {"x": "", "y": "", "z": ""}, "confidence": CODEBOOK.axes["confidence"]}
    )
    made = make_weights(sample, population, codebook, 1, 3)
    assert made.codes.records["target"].tolist() == ["x", "y", "z", "x"]
    merged = merge_records(made, codebook).codes.records
    assert merged["leaf"].tolist() == ["A1", "N0"] and merged["target"].tolist() == ["x", "x"]
    contested = replace(codebook, toggles=replace(codebook.toggles, axes={"target": ("y",)}))
    assert mark_contested(made.codes.records, contested)["axis target"].tolist() == ["", "y", "", ""]
    assert merge_records(made, contested).codes.records["target"].tolist() == ["x", "y", "x"]
    assert isinstance(codebook.toggles, Toggles)


def test_codes_are_merged_by_what_every_query_and_toggle_says_of_them_together() -> None:
    sample, population = sample_of(
        np.array([COUNTS, COUNTS, ONLY_INSIDE, OUTSIDE, COUNTS]), np.zeros(5, int), np.arange(5)
    )
    readers = tuple(reader.assign(target=["x", "y", "x", "x", "z"]) for reader in sample.readers)
    sample = replace(sample, readers=readers, adjudicator=readers[0])
    axes = {"target": {"x": "", "y": "", "z": ""}, "confidence": CODEBOOK.axes["confidence"]}
    codebook = replace(CODEBOOK, axes=axes, toggles=replace(CODEBOOK.toggles, axes={"target": ("y",)}))
    own = make_weights(sample, population, codebook, 1, 3)
    merged = merge_records(own, codebook)
    records = merged.codes.records
    assert records["leaf"].tolist() == ["A1", "A1", "E1", "N0"] and records["target"].tolist() == ["x", "y", "x", "x"]
    assert merged.codes.kept.toarray().argmax(axis=1).tolist() == [0, 1, 2, 3, 0]


def domain_of(frame: str, year: str, n_population: int, strata_of: str, n_read: int = 3) -> Domain:
    strata = pd.DataFrame({"frame": [strata_of], "n_population": [n_population]}, index=["s"])
    return Domain(frame, year, strata, np.arange(4) < n_read, ())


def test_members_of_a_frame_are_those_it_has_now_and_of_a_part_those_of_its_strata() -> None:
    rows = [("f", "", 50), ("f", "2019", 20), ("f", "2019-07", 5), ("f", "2020", 9), ("g", "", 7)]
    coverage = pd.DataFrame(rows, columns=["frame", "window", "n_members"])
    assert count_members(coverage, domain_of("f", "", 44, "f")) == 50
    assert count_members(coverage, domain_of("f", "2019", 18, "f")) == 25
    assert count_members(coverage, domain_of("f", "2021", 18, "f")) == 18  # nothing is told of it
    assert count_members(coverage, domain_of("core", "", 12, "f")) == 12


def shares_of(*share: float) -> Shares:
    rows = np.array(share)
    return Shares(rows, rows - 0.1, rows + 0.1, rows / 10, rows * 100, np.zeros((2, len(rows))), 3, 2)


def test_rows_of_shares_say_what_was_read_and_what_was_assumed() -> None:
    told = pd.DataFrame({ASSUMED: ["target", "target other", "", "target"]})
    codebook: Any = replace(CODEBOOK, assumed={"target": {}})
    by_axis = replace(CODEBOOK.definitions[0], id="by_axis", axes={"target": ("x",)})
    codebook = replace(codebook, definitions=(CODEBOOK.definitions[0], by_axis))
    domains = (domain_of("f", "", 44, "f"), domain_of("f", "2019", 18, "f", 0))
    survey: Any = SimpleNamespace(codebook=codebook, domains=domains, level=0.9, sample=SimpleNamespace(readers=[told]))
    keys = [("f", "", DOCUMENTS, "safety"), ("f", "2019", DOCUMENTS, "safety"), ("f", "", "karma", "everything")]
    found = dict(zip(keys, (shares_of(0.2, 0.4), shares_of(np.nan, 0.3), shares_of(0.5, 0.6)), strict=True))
    blind = dict(zip(keys, (shares_of(0.21, np.nan), shares_of(0.1, 0.31), shares_of(0.51, 0.61)), strict=True))
    coverage = pd.DataFrame({"frame": ["f"], "window": [""], "n_members": [50]})
    table = tabulate_shares(survey, found, blind, coverage)
    first, second, third, fourth, *karma = table.to_dict("records")
    assert [row["weight"] for row in table.to_dict("records")] == [DOCUMENTS] * 4 + ["karma"] * 2
    numbers = ("share", "low", "high", "standard_error", "n_effective", "share_unpredicted")
    assert [first[name] for name in numbers] == pytest.approx([0.2, 0.1, 0.3, 0.02, 20, 0.21])
    assert (first["n_population"], first["n_members"], first["n_read"], first["level"]) == (44, 50, 3, 0.9)
    assert first["method"] == METHOD and first["definition"] == "strict" and first["denominator"] == "safety"
    assert second["method"] == f"{METHOD}; target assumed for 2 of 3 read documents"
    assert np.isnan(second["share_unpredicted"])
    assert third["method"] == UNREAD and np.isnan(third["share"]) and np.isnan(third["high"])
    assert third["share_unpredicted"] == 0.1 and (third["n_members"], third["year"]) == (18, "2019")
    assert fourth["method"] == METHOD  # none is read there
    # Of two axes that are asked for one was assumed here and there: that is told of both.
    both = replace(by_axis, id="both", axes={"target": ("x",), "purpose": ("y",)})
    survey.codebook = replace(
        codebook, definitions=(CODEBOOK.definitions[0], both), assumed={"target": {}, "purpose": {}}
    )
    last = tabulate_shares(survey, found)["method"].iloc[1]
    assert last == f"{METHOD}; purpose and target assumed for 2 of 3 read documents"
    survey.codebook = codebook
    assert "99th percentile" in karma[0]["method"] and karma[0]["denominator"] == "everything"
    plain = tabulate_shares(survey, found)
    assert plain["share_unpredicted"].isna().all() and plain["n_members"].tolist() == [44, 44, 18, 18, 44, 44]


def test_recall_compares_the_part_with_what_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = np.repeat([COUNTS, ONLY_INSIDE, COUNTS, ONLY_INSIDE], [20, 20, 20, 40])
    sample, population = sample_of(truth, np.repeat([0, 1], [40, 60]), np.r_[10:30, 50:80])
    sample = replace(sample, strata=sample.strata.assign(part=["core", "rest"]))
    survey = open_survey(sample, population, CODEBOOK, 0.95, 1, {"core": "f/core"})
    both: list[Part] = []
    plain = recall.estimate_shares

    def note(part: Part, *others: Any) -> Shares:
        both.append(part)
        return plain(part, *others)

    monkeypatch.setattr(recall, "estimate_shares", note)
    row = (
        recall.measure_recall(survey, {"core": "f/core"})
        .set_index(["definition", "denominator"])
        .loc[("strict", "safety")]
    )
    # Ten of twenty of the part, and ten of thirty of the rest: 20 of 40 documents, and 20 of 60.
    assert row[["count_found", "count_missed", "recall"]].tolist() == pytest.approx([20, 20, 0.5])
    assert row["n_read"] == 50 and row["year"] == "" and row["level"] == 0.95
    joined = both[0]
    core, whole = (next(domain for domain in survey.domains if domain.frame == name) for name in ("core", "f"))
    one, everything = survey.part(core), survey.part(whole)
    assert one is not None and everything is not None
    codes = len(survey.records)
    assert joined.totals[:, :codes].tolist() == one.totals.tolist()
    assert joined.totals[:, :codes] + joined.totals[:, codes:] == pytest.approx(everything.totals)
    for name in ("read", "sure", "leverage"):
        halves = getattr(joined, name)
        assert halves[:codes] == pytest.approx(getattr(one, name))
        assert halves[:codes] + halves[codes:] == pytest.approx(getattr(everything, name))
    assert joined.population == 100 and one.population == 40 and joined.degrees == one.degrees + 29


def test_tables_of_predictions_hold_every_query_of_every_document() -> None:
    prediction = np.array([[0.123456, 0.5, 0.376544], [0.25, 0.25, 0.5], [0.0, 0.0, 1.0]])
    sample, population = sample_of(np.zeros(3, int), np.zeros(3, int), np.array([0, 2]), prediction=prediction)
    guesses = tabulate_guesses(population)
    assert guesses["id"].tolist() == ["d000000", "d000002"] * 3 and set(guesses["kind"]) == {"document"}
    assert guesses["query"].tolist() == ["leaf A1"] * 2 + ["leaf E1"] * 2 + ["leaf N0"] * 2
    assert guesses["probability"].tolist() == [0.123456, 0, 0.5, 0, 0.376544, 1]
    empty = tabulate_guesses(replace(population, predictions=None))
    assert empty.empty and list(empty) == ["kind", "id", "query", "probability"]
    assert population.predictions is not None
    table = pa.concat_tables(tabulate_predictions(population.predictions, CODEBOOK, {"both": ("A1", "N0")})).to_pandas()
    first = table[table["doc_id"] == "d000000"].set_index("query")["probability"].to_dict()
    assert first == pytest.approx(
        {
            "group A": 0.1235,
            "group E": 0.5,
            "group N": 0.3765,
            "leaf A1": 0.1235,
            "leaf E1": 0.5,
            "leaf N0": 0.3765,
            "agenda A1+N0": 0.5,
            "denominator safety": 0.6235,
            "denominator everything": 1.0,
            "definition strict": 0.1235,
            "definition broad": 0.6235,
        },
        abs=1e-12,
    )
    assert table["fold"].tolist() == [0] * 33 and len(sample.units) == 2


def test_definitions_are_predicted_within_the_denominator_of_most_groups() -> None:
    prediction = np.array([[0.2, 0.3, 0.5]])
    _, population = sample_of(np.zeros(1, int), np.zeros(1, int), np.array([0]), prediction=prediction)
    outside = replace(CODEBOOK.definitions[0], id="outside", groups=("N",))
    codebook = replace(CODEBOOK, definitions=(outside,))
    assert population.predictions is not None
    table = pa.concat_tables(tabulate_predictions(population.predictions, codebook, {})).to_pandas().set_index("query")
    assert table.at["definition outside", "probability"] == 0.5


def stage_config(tmp_path: Any) -> Any:
    return SimpleNamespace(
        path=lambda *parts: tmp_path.joinpath(*map(str, parts)),
        paths=SimpleNamespace(processed="processed", reports="reports"),
        processed=lambda name: tmp_path / f"{name}.parquet",
        version="1",
        estimate=SimpleNamespace(agendas={}),
    )


def test_the_stage_tells_how_many_were_read_and_by_whom(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    units = pd.DataFrame({"n_person": [0, 1, 3, 0]})
    sample = SimpleNamespace(units=units, coverage=pd.DataFrame({"n_members": range(2)}))
    codebook = SimpleNamespace(axis_meanings={})
    monkeypatch.setattr(stage, "load_inputs", lambda *_, **__: (codebook, sample, SimpleNamespace(predictions=None)))
    monkeypatch.setattr(stage, "open_generation", lambda folder, name: nullcontext(tmp_path))
    beside: list[Any] = []

    def tables(*parts: Any) -> dict[str, pd.DataFrame]:
        beside.extend(parts[4:])
        return {"shares": pd.DataFrame({"share": [0.1, 0.2, 0.3]})}

    monkeypatch.setattr(stage, "estimate_tables", tables)
    monkeypatch.setattr(stage, "settle_codes", lambda _: pd.DataFrame({"leaf": range(9)}))
    monkeypatch.setattr(stage, "LONG_TABLE", 2)
    monkeypatch.setattr(stage, "begin_forked", lambda tasks, _: nullcontext(tasks))  # as where there is one processor
    written: list[Any] = []
    monkeypatch.setattr(stage.store, "write_table", lambda table, rows, path: written.append((len(rows), path.name)))
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(stage.time, "perf_counter", lambda: next(clock))
    with caplog.at_level(logging.INFO):
        stage.run(stage_config(tmp_path))
    assert caplog.messages == ["estimate: 4 documents read (2 by a person) -> 3 shares in 2.5 s"]
    assert written == [(2, "coverage.parquet"), (3, "shares.parquet"), (9, "codes.parquet")]  # the long ones beside
    beside[0]()  # there are no predictions to write
    assert len(written) == 3


def test_published_tables_are_compared_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    fresh = {name: pd.DataFrame({"share": [0.1]}) for name in ("shares", "totals", "trends")}
    monkeypatch.setattr(stage, "load_inputs", lambda *_, **__: (None, None, None))
    monkeypatch.setattr(stage, "estimate_tables", lambda *_: fresh)
    monkeypatch.setattr(stage.store, "read_table", lambda *_: fresh["shares"])
    monkeypatch.setattr(stage, "read_published", lambda name, path: fresh[name].assign(share=0.2))

    def compare(name: str, fresh: pd.DataFrame, other: pd.DataFrame, where: str) -> None:
        if not fresh.equals(other):
            raise DataError(name, where=where)

    monkeypatch.setattr(stage, "compare_tables", compare)
    folder = tmp_path / "reports" / "1" / "tables"
    folder.mkdir(parents=True)
    with caplog.at_level(logging.INFO):
        stage.verify_shares(stage_config(tmp_path))
    assert caplog.messages == ["verify: 0 published tables of estimates come out again"]
    (folder / "totals.csv").touch()
    with pytest.raises(DataError):
        stage.verify_shares(stage_config(tmp_path))
    monkeypatch.setattr(stage, "read_published", lambda name, path: fresh[name])
    (folder / "trends.csv").touch()
    caplog.clear()
    with caplog.at_level(logging.INFO):
        stage.verify_shares(stage_config(tmp_path))
    assert caplog.messages == ["verify: 2 published tables of estimates come out again"]
