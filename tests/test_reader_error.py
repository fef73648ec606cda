"""The readers' error: what labels decide, how it moves a share, and which claims survive it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.coding.definitions import bare_codes, match_definition
from pipeline.coding.outside import allow_leaves, decide, read_labels
from pipeline.coding.queries import Definition, Denominator, Query
from pipeline.errors import ConfigError, SheetError
from pipeline.estimate.as_people import AS_READ, THEIRS, tabulate_as_people
from pipeline.estimate.claims import BOTH, MISSED, OVERCALLED, SCOPE, tabulate_claims
from pipeline.estimate.evidence import pool_evidence
from pipeline.estimate.reader_error import (
    GOLD,
    OUTSIDE_LABELS,
    STATES,
    Evidence,
    gather_outside,
    tabulate_errors,
    tally,
)
from pipeline.estimate.survey import Survey, estimate_batch
from pipeline.settings import Claim
from tests.survey_of import CODEBOOK, LEAVES, codes_of, sample_of, survey_of

SAFE = CODEBOOK.denominators["safety"]
STRICT = CODEBOOK.definitions[0]


def labels_of(rows: list[tuple[str, tuple[str, ...]]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"doc_id": doc_id, "label_scheme": "s", "label": " ".join(leaves), "leaves": leaves}
            for doc_id, leaves in rows
        ]
    )


def write_labels(folder: Path, labels: str, crosswalk: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "labels.csv").write_text("doc_id,label_scheme,label\n" + labels)
    (folder / "crosswalk.csv").write_text("label_scheme,label,leaves\n" + crosswalk)
    return folder


def test_a_label_decides_only_what_all_its_leaves_agree_on(tmp_path: Path) -> None:
    folder = write_labels(
        tmp_path / "x", "d1,s,one\nd2,s,two\nd3,s,open\nd4,s,unknown\n", "s,one,A1\ns,two,A1 E1\ns,open,E1 N0\n"
    )
    found = allow_leaves(read_labels(folder, CODEBOOK), CODEBOOK)
    assert found.labels.index.tolist() == ["d1", "d2", "d3"]  # d4: the crosswalk does not know its label
    leaves = bare_codes(CODEBOOK)
    assert decide(found.leaves, match_definition(STRICT, leaves)).tolist() == [1, -1, 0]
    assert decide(found.leaves, match_definition(SAFE, leaves)).tolist() == [1, 1, -1]


def test_several_labels_narrow_each_other_and_contradictions_leave_open_what_they_differ_on() -> None:
    found = allow_leaves(
        labels_of([("d1", ("A1", "E1")), ("d1", ("E1", "N0")), ("d2", ("A1",)), ("d2", ("E1",))]), CODEBOOK
    )
    assert found.leaves.tolist() == [[False, True, False], [True, True, False]]
    assert decide(found.leaves, np.array([True, True, False])).tolist() == [1, 1]  # both schemes say: in scope
    assert decide(found.leaves, np.array([True, False, False])).tolist() == [0, -1]


@pytest.mark.parametrize(
    ("crosswalk", "problem"),
    [("s,one,Z9\n", "'Z9' is not in the codebook"), ("s,one,\n", "allows no leaf"), ("s,one,A1\ns,one,E1\n", "twice")],
)
def test_a_crosswalk_that_cannot_be_meant_is_answered_in_one_line(tmp_path: Path, crosswalk: str, problem: str) -> None:
    folder = write_labels(tmp_path / "x", "d1,s,one\n", crosswalk)
    with pytest.raises(SheetError, match=problem):
        read_labels(folder, CODEBOOK)


def test_a_census_without_outside_labels_has_none(tmp_path: Path) -> None:
    labels = read_labels(tmp_path, CODEBOOK)
    assert labels.empty and allow_leaves(labels, CODEBOOK).leaves.shape == (0, len(LEAVES))


def judge(settled: list[int], said: list[tuple[str, ...]], weight: list[float] | None = None) -> Evidence:
    index = pd.Index([f"d{i:06d}" for i in range(len(settled))])
    allowed = allow_leaves(labels_of(list(zip(index, said, strict=True))), CODEBOOK)
    sizes = np.ones(len(index)) if weight is None else np.array(weight)
    source = np.array(["x"] * len(index))
    return Evidence(
        OUTSIDE_LABELS, source, codes_of(np.array(settled), index), None, allowed.leaves, sizes, index.to_numpy()
    )


def test_the_matrix_counts_both_ways_by_hand() -> None:
    # Settled A: kept, changed, open. Settled E: kept, changed twice. Settled N: called in scope without counting.
    evidence = judge([0, 0, 0, 1, 1, 1, 2], [("A1",), ("E1",), ("A1", "E1"), ("E1",), ("A1",), ("A1",), ("E1",)])
    rows = (
        tabulate_errors([evidence], CODEBOOK, 0.95)
        .set_index(["definition", "denominator", "settled", "asked"])
        .sort_index()
    )
    here = rows.loc[("strict", "safety")]
    assert here.loc[(STATES[0], "counts"), ["n_decided", "n_changed"]].tolist() == [2, 1]
    assert here.loc[(STATES[1], "counts"), ["n_decided", "n_changed"]].tolist() == [3, 2]
    assert here.loc[(STATES[2], "counts"), ["n_decided", "n_changed"]].tolist() == [1, 0]
    assert here.loc[(STATES[0], "denominator"), ["n_decided", "n_changed"]].tolist() == [3, 0]
    assert here.loc[(STATES[2], "denominator"), ["n_decided", "n_changed"]].tolist() == [1, 1]
    cell = here.loc[(STATES[1], "counts")]
    assert cell["change_chance"] == pytest.approx(2 / 3)
    assert cell["low"] == pytest.approx(stats.beta.ppf(0.025, 2.5, 1.5)) and cell["high"] == pytest.approx(
        stats.beta.ppf(0.975, 2.5, 1.5)
    )
    assert rows.loc[("strict", "everything", STATES[2], "counts"), "n_decided"] == 0  # nothing is outside everything


def test_documents_drawn_less_often_count_for_more_and_for_fewer_effective_ones() -> None:
    verdict = judge([1, 1, 1], [("A1",), ("E1",), ("E1",)], [4.0, 1.0, 1.0]).judge(STRICT, SAFE, CODEBOOK)
    assert verdict is not None
    counted = tally(verdict)
    assert counted.rate[1, 0] == pytest.approx(4 / 6)
    assert counted.n[1, 0] == pytest.approx(36 / 18)  # Kish: (4 + 1 + 1)^2 / (16 + 1 + 1)
    assert counted.n_decided[1, 0] == 3


def settled_survey(n_read: int, rng: np.random.Generator, shares: tuple[float, float, float]) -> Survey:
    truth = rng.choice(3, size=4 * n_read, p=shares)
    drawn = rng.choice(len(truth), n_read, replace=False)
    return survey_of(*sample_of(truth, np.zeros(len(truth), dtype=int), drawn))


def second(survey: Survey, evidence: Evidence, definition: str = "strict", scope: str = THEIRS) -> pd.Series:
    source = np.array(["x"] * len(survey.sample.units))
    found = estimate_batch(survey, survey.codebook.definitions, [])
    rows = tabulate_as_people(survey, found, [evidence], source, seed=3).set_index(
        ["definition", "denominator", "scope"]
    )
    return rows.loc[(definition, "safety", scope)]


def test_many_labels_that_uphold_every_code_leave_the_first_interval() -> None:
    survey = settled_survey(400, np.random.default_rng(5), (0.3, 0.5, 0.2))
    n = 3_000
    row = second(survey, judge([0, 1, 2] * n, [("A1",), ("E1",), ("N0",)] * n))
    assert row["share"] == pytest.approx(row["share_as_read"], abs=0.005)
    assert row["high"] - row["low"] == pytest.approx(row["high_as_read"] - row["low_as_read"], rel=0.12)


def test_known_errors_move_the_share_by_arithmetic() -> None:
    survey = settled_survey(400, np.random.default_rng(5), (0.3, 0.5, 0.2))
    n = 2_000
    said = [("A1",)] * (9 * n) + [("E1",)] * n + [("A1",)] * n + [("E1",)] * (4 * n) + [("A1",)] * n + [("N0",)] * n
    row = second(survey, judge([0] * (10 * n) + [1] * (5 * n) + [2] * (2 * n), said))
    part = survey.part(survey.domains[0])
    assert part is not None
    mass = [float(part.totals[0] @ (survey.records["leaf"] == leaf).to_numpy()) for leaf in LEAVES]
    counts, inside = 0.9 * mass[0] + 0.2 * mass[1] + 0.5 * mass[2], mass[0] + mass[1] + 0.5 * mass[2]
    assert row["share"] == pytest.approx(counts / inside, abs=0.005)
    kept = second(survey, judge([0] * (10 * n) + [1] * (5 * n) + [2] * (2 * n), said), scope=AS_READ)
    assert kept["share"] == pytest.approx((0.9 * mass[0] + 0.2 * mass[1]) / (mass[0] + mass[1]), abs=0.005)


def test_a_source_without_a_label_is_unknown_and_few_labels_widen() -> None:
    survey = settled_survey(400, np.random.default_rng(5), (0.3, 0.5, 0.2))
    few, more = (judge([0, 1, 2] * n, [("A1",), ("E1",), ("N0",)] * n) for n in (5, 50))
    widths = [row["high"] - row["low"] for row in (second(survey, few), second(survey, more))]
    assert widths[0] > 1.5 * widths[1]
    elsewhere = Evidence(OUTSIDE_LABELS, np.array(["y"] * 15), few.settled, None, few.allowed, few.weight, few.doc_ids)
    row = second(survey, elsewhere)
    assert pd.isna(row["share"]) and (row["low"], row["high"]) == (0.0, 1.0)


def test_the_second_interval_covers_what_people_would_say() -> None:
    """Simulated: people change 10% of what counts and 16% of the rest, and take in 30% of what was put outside."""
    covered, first = [], []
    move = np.array([[0.9, 0.08, 0.02], [0.12, 0.84, 0.04], [0.10, 0.20, 0.7]])
    for number in range(70):
        rng = np.random.default_rng(number)
        settled = rng.choice(3, size=1_500, p=(0.25, 0.5, 0.25))
        people = np.array([rng.choice(3, p=move[code]) for code in settled])
        drawn = rng.choice(len(settled), 300, replace=False)
        survey = survey_of(*sample_of(settled, np.zeros(len(settled), dtype=int), drawn), seed=number)
        labelled = rng.choice(len(settled), 90, replace=False)
        row = second(survey, judge(settled[labelled].tolist(), [(LEAVES[code],) for code in people[labelled]]))
        truth = (people == 0).sum() / (people < 2).sum()
        covered.append(row["low"] <= truth <= row["high"])
        first.append(row["low_as_read"] <= truth <= row["high_as_read"])
    assert 0.90 <= np.mean(covered) <= 0.995
    assert np.mean(first) < 0.9  # the first interval knows nothing of it


def shares_and_claims(
    claims: list[Claim], errors: pd.DataFrame | None = None
) -> tuple[float, float, float, pd.DataFrame]:
    survey = settled_survey(400, np.random.default_rng(5), (0.25, 0.5, 0.25))
    shares = estimate_batch(survey, survey.codebook.definitions, [])["f", "", "documents", "safety"]
    table = tabulate_claims(
        survey, claims, pd.DataFrame() if errors is None else errors, np.array(["x"] * 400), "safety"
    )
    return float(shares.share[0]), float(shares.high[0]), float(shares.low[0]), table.set_index("dial")


def test_the_dial_stops_where_the_arithmetic_says() -> None:
    share, high, low, found = shares_and_claims([Claim("c", "", "f", "strict", below=0.5)])
    assert found.at[MISSED, "ends_at"] == pytest.approx((0.5 - high) / (1 - high), abs=0.0011)
    assert found.at[MISSED, "turns_at"] == pytest.approx((0.5 - share) / (1 - share), abs=0.0011)
    assert pd.isna(found.at[OVERCALLED, "ends_at"])  # calling too much direct never breaks "under a half"
    assert found.at[BOTH, "ends_at"] == pytest.approx(0.5, abs=0.0011)
    outside = 1 / 3  # in truth, a quarter of four quarters outside, three inside
    assert found.at[SCOPE, "ends_at"] == pytest.approx((0.5 - high) / (outside * 0.5), rel=0.15)
    _, _, _, above = shares_and_claims([Claim("c", "", "f", "strict", above=0.2)])
    assert above.at[OVERCALLED, "ends_at"] == pytest.approx(1 - 0.2 / low, abs=0.0011)
    _, _, _, false = shares_and_claims([Claim("c", "", "f", "strict", below=0.1)])
    assert false.at[MISSED, "ends_at"] == 0.0


def test_a_claim_stands_beside_the_error_as_measured() -> None:
    errors = tabulate_errors([judge([0, 1, 1, 2], [("A1",), ("E1",), ("A1",), ("N0",)])], CODEBOOK, 0.95)
    *_, found = shares_and_claims([Claim("c", "", "f", "strict", below=0.5)], errors)
    assert found.at[MISSED, "measured_chance"] == pytest.approx(0.5) and found.at[MISSED, "n_decided"] == 2
    gold = errors.assign(basis=GOLD, change_chance=0.125)
    *_, found = shares_and_claims([Claim("c", "", "f", "strict", below=0.5)], pd.concat([errors, gold]))
    assert found.at[MISSED, "basis"] == GOLD and found.at[MISSED, "measured_chance"] == 0.125


def test_a_claim_about_an_unknown_definition_is_refused_and_one_about_unread_documents_left_out() -> None:
    with pytest.raises(ConfigError, match="there is no definition 'nothing'"):
        shares_and_claims([Claim("c", "", "f", "nothing", below=0.5)])
    survey = settled_survey(50, np.random.default_rng(5), (0.25, 0.5, 0.25))
    source = np.array(["x"] * 50)
    assert tabulate_claims(survey, [Claim("c", "", "g", "strict", below=0.5)], pd.DataFrame(), source, "safety").empty


def test_outside_labels_are_compared_with_documents_that_are_read() -> None:
    settled = codes_of(np.array([0, 1]), pd.Index(["d1", "d2"]))
    labels = labels_of([("d1", ("A1",)), ("d9", ("A1",))])
    found = gather_outside(labels, settled, pd.Series({"d1": "x", "d2": "x"}), CODEBOOK)
    assert found.doc_ids.tolist() == ["d1"]


def test_where_no_label_decides_the_share_stays_and_the_interval_is_open() -> None:
    survey = settled_survey(400, np.random.default_rng(5), (0.3, 0.5, 0.2))
    row = second(survey, judge([1] * 200 + [2] * 200, [("E1",)] * 200 + [("N0",)] * 200))  # of what counts, none
    assert row["share"] == pytest.approx(row["share_as_read"], abs=0.002)
    assert row["low"] < 0.1 * row["share_as_read"] and row["high"] >= row["share_as_read"]


PURPOSES = {"P2": "safety", "P1": "beside it", "P0": "neither"}
SCOPED = replace(
    CODEBOOK,
    axes={"purpose": PURPOSES, **CODEBOOK.axes},
    assumed={"purpose": {"A": "P2", "E": "P2", "N": "P0"}},
    denominators={
        "safety": Denominator(title="safety", groups=("A", "E"), axes={"purpose": ("P2",)}),
        "field": Denominator(
            title="field", groups=("A", "E"), any_of=(Query(axes={"purpose": ("P2",)}), Query(groups=("A",)))
        ),
        "everything": CODEBOOK.denominators["everything"],
    },
)


def scoped(rows: list[tuple[str, str, bool, tuple[str, ...]]]) -> Evidence:
    """Settled leaf and purpose, whether the purpose follows from the leaf, and the leaves that labels allow."""
    index = pd.Index([f"d{number}" for number in range(len(rows))])
    codes = codes_of(np.array([LEAVES.index(leaf) for leaf, *_ in rows]), index)
    codes = codes.assign(purpose=[purpose for _, purpose, *_ in rows])
    allowed = allow_leaves(labels_of([(index[place], row[3]) for place, row in enumerate(rows)]), SCOPED)
    follows = np.array([row[2] for row in rows])
    source = np.array(["x"] * len(rows))
    return Evidence(OUTSIDE_LABELS, source, codes, None, allowed.leaves, np.ones(len(rows)), index.to_numpy(), follows)


def test_a_label_changes_the_leaf_and_leaves_what_the_work_is_for_to_its_readers() -> None:
    evidence = scoped(
        [
            ("A1", "P2", False, ("E1",)),  # still in scope, and does not count
            ("E1", "P1", False, ("A1",)),  # counts by its leaf, and its purpose keeps it out
            ("E1", "P2", False, ("A1",)),
            ("A1", "P2", False, ("A1", "N0")),  # open
            ("N0", "P0", False, ("A1",)),  # put outside: nobody was asked what else it is for
            ("N0", "P0", False, ("N0",)),  # outside for whatever purpose
            ("N0", "P0", True, ("A1",)),  # the purpose follows from the leaf: so it does from the new one
            ("A1", "P2", True, ("N0",)),
        ]
    )
    verdict = evidence.judge(STRICT, SCOPED.denominators["safety"], SCOPED)
    assert verdict is not None and verdict.as_read == ("purpose",)
    assert verdict.inside.tolist() == [1, 0, 1, -1, -1, 0, 1, 0]
    assert verdict.counts.tolist() == [0, 0, 1, -1, -1, 0, 1, 0]
    nobody = replace(evidence, follows=None, verdicts={}).judge(STRICT, SCOPED.denominators["safety"], SCOPED)
    assert nobody is not None and nobody.inside.tolist() == [
        1,
        0,
        1,
        -1,
        -1,
        0,
        -1,
        0,
    ]  # no purpose follows from a leaf
    field = evidence.judge(STRICT, SCOPED.denominators["field"], SCOPED)
    assert field is not None
    assert field.inside.tolist() == [1, 1, 1, -1, 1, 0, 1, 0], "the group alone takes it in, whatever it is for"
    everything = evidence.judge(STRICT, SCOPED.denominators["everything"], SCOPED)
    assert everything is not None and not everything.as_read
    assert set(tabulate_errors([evidence], SCOPED, 0.95)["basis"]) == {
        "outside labels",
        "outside labels, purpose as read",
    }


@pytest.mark.parametrize(
    "definition",
    [
        Definition(id="how", title="", groups=("A",), axes={"target": ("x",)}),
        Definition(id="second", title="", groups=("A",), count_second=True),
        Definition(id="sure", title="", groups=("A",), min_confidence=2),
    ],
)
def test_how_a_work_is_done_its_second_leaf_and_its_confidence_are_told_by_no_label(definition: Definition) -> None:
    evidence = scoped([("A1", "P2", True, ("A1",))])
    assert evidence.judge(definition, SCOPED.denominators["safety"], SCOPED) is None


def test_what_was_put_outside_by_its_purpose_has_a_second_interval_with_the_scope_as_read_alone() -> None:
    survey = settled_survey(400, np.random.default_rng(5), (0.3, 0.5, 0.2))
    evidence = scoped([("A1", "P2", False, ("E1",)), ("E1", "P2", False, ("E1",)), ("N0", "P0", False, ("N0",))] * 20)
    source = np.array(["x"] * len(survey.sample.units))
    readers = tuple(reader.assign(purpose="P2", assumed="") for reader in survey.sample.readers)
    for assumed, scopes in (("", {AS_READ}), ("purpose", {AS_READ, THEIRS})):
        told = tuple(reader.assign(assumed=assumed) for reader in readers)
        records = survey.records.assign(purpose=np.where(survey.records["leaf"] == "N0", "P0", "P2"))
        codes = replace(survey.weights.codes, records=records)
        asked = replace(
            survey,
            codebook=SCOPED,
            sample=replace(survey.sample, readers=told),
            weights=replace(survey.weights, codes=codes),
        )
        found = estimate_batch(asked, SCOPED.definitions, [])
        rows = tabulate_as_people(asked, found, [evidence], source, seed=3)
        assert set(rows.loc[rows["denominator"] == "safety", "scope"]) == scopes


def test_labels_of_several_samples_are_pooled_each_document_once() -> None:
    one, other = scoped([("A1", "P2", True, ("A1",))] * 3), scoped([("A1", "P2", True, ("E1",))] * 5)
    (pooled,) = pool_evidence([[one], [other], []])
    assert pooled.doc_ids.tolist() == [f"d{number}" for number in range(5)]
    verdict = pooled.judge(STRICT, SCOPED.denominators["safety"], SCOPED)
    assert verdict is not None and verdict.counts.tolist() == [1, 1, 1, 0, 0]
