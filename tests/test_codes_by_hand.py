"""What read documents may be coded as, by hand: settled, open, split and marked ones, and the table they are in."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pipeline.coding.queries import Definition, Denominator
from pipeline.coding.sample import SCREENED, Sample
from pipeline.estimate.axis_donors import GOLDEN
from pipeline.estimate.published import read_weights, tabulate_weights, total_by_replicate
from pipeline.estimate.rulings import MORE_THAN_HALF, CodeChances, _draw_codes, settle_as, spread_codes
from pipeline.estimate.told import _find_likened, _is_assumed, _number_parts, _versions, number_codes, tabulate_chances
from pipeline.estimate.weights import Weights
from tests.invented_survey import CODEBOOK as INVENTED
from tests.survey_of import CODEBOOK, codes_of, sample_of

COUNTS, ONLY_INSIDE, OUTSIDE = range(3)


def test_chances_have_nine_decimals_and_sum_to_one() -> None:
    thirds = (np.array([1]), np.array([[0, 1, 2]]), np.array([[1 / 3, 1 / 3, 1 / 3]]))
    twice = (np.array([0]), np.array([[2, 0, 2]]), np.array([[0.25, 0.5, 0.25]]))
    tiny = (np.array([3, 4]), np.array([[1, 0], [0, 3]]), np.array([[0.9, 4e-10], [0.3, 0.7 + 3e-10]]))
    table = tabulate_chances([thirds, twice, tiny], (5, 4))
    expected = [[0.5, 0, 0.5, 0], [1 - 2 * 0.333333333, 0.333333333, 0.333333333, 0], [0] * 4, [0, 1, 0, 0]]
    assert table.toarray().tolist() == [*expected, [0.3, 0, 0, 0.7]] and table.nnz == 8
    six = (np.array([0]), np.array([[0, 1, 2, 3, 4, 5]]), np.array([[0.1] * 3 + [0.4, 0.2, 0.1]]))
    found = tabulate_chances([six], (1, 6)).toarray()[0]
    assert found[:3].tolist() == [0.1] * 3 and found[3] == 1 - (0.1 + 0.1 + 0.1 + 0.2 + 0.1)  # the likeliest takes it


def test_parts_are_numbered_together_and_keep_their_shapes() -> None:
    known, (first, second, none, last) = _number_parts(
        [np.array([30, 10]), np.array([[10, 50], [30, 30]]), np.zeros(0, dtype=int), np.array([20])]
    )
    assert known.tolist() == [10, 20, 30, 50]
    assert first.tolist() == [2, 0] and second.tolist() == [[0, 3], [2, 2]] and last.tolist() == [1]
    assert none.shape == (0,)


def test_versions_of_the_codebook_are_told_apart_by_what_is_assumed() -> None:
    assert _versions(pd.DataFrame({"leaf": ["A1"] * 2})).tolist() == [0, 0]
    assert _versions(pd.DataFrame({"assumed": ["purpose", "", "purpose"]})).tolist() == [1, 0, 1]
    assert _is_assumed(pd.DataFrame({"leaf": ["A1"] * 2})).tolist() == [False, False]


def test_a_wrong_mark_becomes_what_checked_ones_became_or_what_is_next_to_it() -> None:
    units = pd.DataFrame(index=list("abcdef"))
    leaf = np.array([[4, 4, 4, 1, 2, 4], [4, 3, 4, 1, 3, 0]])
    said = np.stack([leaf, np.arange(12).reshape(2, 6), leaf], axis=2)
    ruled = said[0].copy()
    ruled[0] = [3, 7, 3]
    is_checked = np.array([True, True, False, False, False, False])  # the first mark was wrong, the second right
    sample: Any = SimpleNamespace(units=units, likened=frozenset("adef"))
    codes, worth = _find_likened(sample, said, ruled, is_checked)
    # Of the next mark both readers' codes of d and e, and the second's of f: the first's is a mark of the checked ones.
    expected = [[3, 7, 3], [1, 3, 1], [2, 4, 2], [1, 9, 1], [3, 10, 3], [0, 11, 0]]
    assert codes.tolist() == expected and worth.tolist() == pytest.approx([0.5] + [0.1] * 5)
    alone = SimpleNamespace(units=units, likened=frozenset())
    codes, worth = _find_likened(alone, said, ruled, is_checked)  # type: ignore[arg-type]
    assert codes.tolist() == [[3, 7, 3]] and worth.tolist() == [1.0]
    one = SimpleNamespace(units=units, likened=frozenset("f"))
    codes, worth = _find_likened(one, said, ruled, is_checked)  # type: ignore[arg-type]
    assert codes.tolist() == [[3, 7, 3], [0, 11, 0]] and worth.tolist() == [0.5, 0.5]
    near = SimpleNamespace(units=units, likened=frozenset("d"))
    codes, worth = _find_likened(near, said, said[0], is_checked)  # type: ignore[arg-type]
    assert codes.tolist() == [[1, 3, 1], [1, 9, 1]] and worth.tolist() == pytest.approx([0.5, 0.5])
    codes, worth = _find_likened(alone, said, said[0], is_checked)  # type: ignore[arg-type]
    assert codes.tolist() == [[4, 0, 4]] and worth.tolist() == [1.0]  # nothing is known: any code, it is asked of none


def sample_by_hand() -> Sample:
    """Six of sixty: one is ruled otherwise, of two agreements one is drawn and upheld; a split, a mark and its like."""
    first = np.array([COUNTS, COUNTS, ONLY_INSIDE, COUNTS, OUTSIDE, OUTSIDE])
    second = np.array([ONLY_INSIDE, COUNTS, ONLY_INSIDE, OUTSIDE, ONLY_INSIDE, OUTSIDE])
    truth = np.concatenate([[ONLY_INSIDE, COUNTS, ONLY_INSIDE, COUNTS, OUTSIDE, ONLY_INSIDE], np.zeros(54, int)])
    settled = np.array([True, True, False, False, False, True])
    sample, _ = sample_of(
        truth,
        np.zeros(60, int),
        np.arange(6),
        readers=(first, second),
        is_settled=settled,
        phase2_probability=np.array([1.0, 0.5, 0.5, 0.0, 0.5, 0.5]),
    )
    units = sample.units.copy()
    units.loc[units.index[4:], "phase2_stratum"] = SCREENED
    return replace(sample, units=units)


def test_documents_are_sorted_by_what_is_known_of_their_codes() -> None:
    told = number_codes(sample_by_hand(), CODEBOOK)
    assert told.is_settled.tolist() == [True, True, False, False, False, True]
    assert told.is_screened.tolist() == [False] * 4 + [True] * 2
    assert told.is_split.tolist() == [False, False, False, True, False, False]
    rows = (told.own_rows, told.open_rows, told.split_rows, told.screened_rows)
    assert [part.tolist() for part in rows] == [[0, 1, 5], [2], [3], [4]]
    leaf = told.records["leaf"].to_numpy()
    assert leaf[told.own].tolist() == ["E1", "A1", "E1"] and leaf[told.votes].tolist() == [["A1", "N0"]]
    assert leaf[told.marks].tolist() == ["N0"] and leaf[told.moves].tolist() == [["A1", "E1", "N0"]]
    assert set(leaf[told.stays].reshape(-1)) == {"E1"}
    assert told.patterns.donors.tolist() == [1]  # the agreement that was drawn by chance and upheld
    assert told.ruled[[3, 4]].tolist() == told.said[0][[3, 4]].tolist()  # without a ruling, what the first reader said
    assert leaf[told.likes].tolist() == ["E1"] and told.worth.tolist() == [1.0]  # the mark that was checked was wrong
    chance = pd.DataFrame(told.kept.toarray(), columns=leaf).T.groupby(level=0).sum().T
    assert chance[["A1", "E1", "N0"]].to_numpy().tolist() == [
        [0, 1, 0],
        [1, 0, 0],
        [0, 1, 0],
        [0.5, 0, 0.5],
        [0, 0, 1],
        [0, 1, 0],
    ]


def test_readers_who_differ_on_an_axis_alone_differ_and_an_open_one_stays_as_the_first_said() -> None:
    index = pd.Index(list("abcd"), name="doc_id")

    def said(leaf: str, target: str) -> pd.DataFrame:
        names = {"A": "A1", "B": "B1", "E": "E1"}
        table = pd.DataFrame({"leaf": [names[one] for one in leaf], "leaf2": "", "target": list(target)}, index=index)
        return table.assign(confidence=3, note="", group=list(leaf), group2="")

    sample, _ = sample_of(np.zeros(40, int), np.zeros(40, int), np.arange(4))
    units = sample.units.set_axis(index).assign(
        is_adjudicated=False, phase2_stratum="disagree", phase2_probability=[0.0, 0.0, 0.5, 0.5]
    )
    first, second = said("ABAE", "xyxy"), said("ABBE", "yyxy")
    sample = replace(sample, units=units, readers=(first, second), adjudicator=first.iloc[:0])
    told = number_codes(sample, INVENTED)
    assert told.is_split.tolist() == [True, False, False, False]  # of the third a ruling is still to be drawn
    leaf, target = (told.records[name].to_numpy() for name in ("leaf", "target"))
    assert target[told.votes].tolist() == [["x", "y"]] and told.open_rows.tolist() == [1, 2, 3]
    assert leaf[told.stays[:, 0]].tolist() == ["B1", "A1", "E1"] and target[told.stays[:, 0]].tolist() == [
        "y",
        "x",
        "y",
    ]
    assert [sorted(set(target[codes])) for codes in told.moves] == [["y"], ["x"], ["y"]]
    # Where axes follow from the leaf, as the first reader's table says, they follow from the new one.
    assumed = replace(INVENTED, assumed={"target": {"A": "y", "B": "x", "E": "x", "N": "x"}})
    marked = replace(sample, readers=(first.assign(assumed=["", "target", "", ""]), second.assign(assumed="")))
    told = number_codes(marked, assumed)
    leaf, target = (told.records[name].to_numpy() for name in ("leaf", "target"))
    assert dict(zip(leaf[told.moves[0]], target[told.moves[0]], strict=True)) == {
        "A1": "y",
        "A2": "y",
        "B1": "x",
        "E1": "x",
        "N0": "x",
    }
    assert set(target[told.moves[1]]) == {"x"} and told.version.tolist() == [0, 1, 0, 0]


def test_without_a_classifier_a_leaf_goes_where_others_went_and_evenly() -> None:
    """One ruling on the leaf of an open agreement moved it; an even chance of any leaf weighs as much."""
    truth, said = np.array([ONLY_INSIDE, COUNTS, COUNTS]), np.full(3, COUNTS)
    settled = np.array([True, True, False])
    sample, _ = sample_of(
        np.concatenate([truth, np.zeros(27, int)]),
        np.zeros(30, int),
        np.arange(3),
        readers=(said, said),
        is_settled=settled,
        phase2_probability=np.array([1.0, 0.5, 0.5]),
    )
    codes = spread_codes(sample, CODEBOOK, None, np.ones((2, 3)), np.random.default_rng(1))
    leaf = codes.records["leaf"].to_numpy()
    moved = dict(zip(leaf[codes.changed[[2]].indices], codes.changed[[2]].data, strict=True))
    assert moved == pytest.approx({"E1": 0.8, "N0": 0.2})  # 4/3 and 1/3


def test_a_replicate_draws_a_reader_of_each_split_in_turn() -> None:
    told = number_codes(sample_by_hand(), CODEBOOK)
    rng = np.random.default_rng(7)
    drawn = _draw_codes(told, np.ones((40, 6)), np.random.default_rng(7))
    leaf = told.records["leaf"].to_numpy()[drawn]
    assert (leaf[:, [0, 1, 2, 4, 5]] == ["E1", "A1", "E1", "N0", "E1"]).all()
    start = rng.random(40)
    assert leaf[:, 3].tolist() == [("A1", "N0")[int(2 * place)] for place in start]
    # Three splits: each next one is a golden section further on.
    votes = np.array([[0, 1], [2, 3], [4, 5]])
    many = replace(told, split_rows=np.array([3, 3, 3]), votes=votes)
    many = replace(many, split_rows=np.array([0, 1, 3]), own_rows=np.array([5]), own=told.own[:1])
    drawn = _draw_codes(many, np.ones((40, 6)), np.random.default_rng(7))
    for turn, row in enumerate((0, 1, 3)):
        expected = [votes[turn][int(2 * ((place + turn * GOLDEN) % 1))] for place in start]
        assert drawn[:, row].tolist() == expected


def test_a_change_is_drawn_for_what_a_ruling_could_still_change() -> None:
    sample = sample_by_hand()
    codes = spread_codes(sample, CODEBOOK, None, np.ones((5, 6)), np.random.default_rng(1))
    is_open = np.array([False, False, True, False, True, False])  # an agreement and a mark; no split
    # Of agreements the one that was drawn was upheld; of marks the one that was checked was wrong: of one and a half
    # that were seen one, drawn to 1 of 1 in its group, as four, and in its window, as fifteen.
    assert codes.change.tolist() == pytest.approx([0, 0, 0, 0, (1 + 15 * (1 + 4 / 1.5) / 5) / 16, 0])
    assert ((codes.change_drawn > 0) == is_open).all() and codes.change_drawn.shape == codes.kept_drawn.shape == (5, 6)
    leaf = codes.records["leaf"].to_numpy()
    moved = pd.DataFrame(codes.changed.toarray(), columns=leaf).T.groupby(level=0).sum().T
    # The agreement on E1 goes elsewhere: A1 went to E1 where it moved, so the even classifier says where. The mark goes
    # where the other mark went.
    assert moved.loc[2, "E1"] == 0 and moved.loc[2, ["A1", "N0"]].tolist() == pytest.approx([0.5, 0.5])
    assert moved.loc[4, "E1"] == 1 and moved.sum(axis=1).tolist() == pytest.approx([1.0] * 6)
    # The mark is like that of a split as well, of which the first reader's code is no mark itself.
    near = replace(sample, likened=frozenset(sample.units.index[[3]]))
    both = spread_codes(near, CODEBOOK, None, np.ones((5, 6)), np.random.default_rng(1))
    own = both.changed[[4]]
    found = dict(zip(both.records["leaf"].to_numpy()[own.indices], own.data, strict=True))
    assert found == {"A1": 0.5, "E1": 0.5}
    assert codes.told is not None
    again = spread_codes(sample, CODEBOOK, None, np.ones((5, 6)), np.random.default_rng(1), codes.told)
    assert again.told is codes.told and (again.change_drawn == codes.change_drawn).all()


def chances_of(kept: list[list[float]], change: list[float]) -> CodeChances:
    """Returns codes A1, E1 and N0 with chances if kept; changed, each is N0. Two replicates."""
    n = len(kept)
    records = pd.DataFrame(
        {"leaf": ["A1", "E1", "N0"], "leaf2": ["", "E1", ""], "target": "x", "confidence": [3, 2, 1]}
    )
    records = records.assign(group=["A", "E", "N"], group2=["", "E", ""])
    drawn = np.array([np.argmax(kept, axis=1), np.full(n, 1)])
    rates = np.array([change, [2 * each for each in change]])
    never = sparse.csr_array(np.tile([0.0, 0, 1], (n, 1)))
    return CodeChances(
        records, sparse.csr_array(np.array(kept)), never, np.array(change), drawn, rates, np.array(change) == 0
    )


def test_the_chance_of_a_code_is_that_of_keeping_it_and_of_coming_to_it() -> None:
    codes = chances_of([[0.75, 0.25, 0], [0.5, 0.5, 0], [0, 0, 1]], [0.2, 0.25, 0.0])
    assert codes.chance.toarray() == pytest.approx(np.array([[0.6, 0.2, 0.2], [0.375, 0.375, 0.25], [0, 0, 1]]))
    code, is_sure = codes.likeliest
    assert code.tolist() == [0, 0, 2] and is_sure.tolist() == [True, False, True]  # of two alike, the first
    assert MORE_THAN_HALF == 0.50001
    half = chances_of([[0.50001, 0.49999, 0], [0.50002, 0.49998, 0]], [0.0, 0.0])
    assert half.likeliest[1].tolist() == [False, True]


def test_a_query_is_matched_once_and_its_answer_is_not_to_be_written_to() -> None:
    codes = chances_of([[1.0, 0, 0]], [0.0])
    strict, inside = CODEBOOK.definitions[0], CODEBOOK.denominators["safety"]
    assert codes.match(strict).tolist() == [True, False, False] and codes.match(inside).tolist() == [True, True, False]
    assert codes.match(strict) is codes.match(strict) and not codes.match(strict).flags.writeable
    second = Definition(id="second", title="", groups=("A",), count_second=True)
    assert codes.match(second).tolist() == [True, False, False]
    assert codes.match(Denominator(title="", groups=("E", "N"))).tolist() == [False, True, True]


def test_one_reader_taken_for_the_truth_is_settled_and_never_changed() -> None:
    reader = codes_of(np.array([OUTSIDE, COUNTS, OUTSIDE]), pd.Index(list("abc")))
    codes = settle_as(reader, CODEBOOK, 4)
    leaf = codes.records["leaf"].to_numpy()
    assert leaf[codes.kept_drawn].tolist() == [["N0", "A1", "N0"]] * 4 and len(leaf) == 2
    assert settle_as(reader, CODEBOOK, 1).change.tolist() == [0.0] * 3
    assert codes.change.tolist() == [0.0] * 3 and codes.change_drawn.tolist() == [[0.0] * 3] * 4
    assert codes.is_settled.tolist() == [True] * 3
    assert codes.kept.toarray().tolist() == codes.changed.toarray().tolist()
    assert leaf[codes.kept.toarray().argmax(axis=1)].tolist() == ["N0", "A1", "N0"] and codes.kept.sum() == 3


def weights_by_hand() -> Weights:
    units = pd.DataFrame(
        {"frame": "f", "year": ["2018", "2019"], "stratum": ["s", "t"], "inclusion_probability": [0.5, 1.0]},
        index=pd.Index(["a", "b"], name="doc_id"),
    )
    codes = chances_of([[0.75, 0.25, 0], [0, 1, 0]], [0.2, 0.0])
    return Weights(units, np.array([2.5, 1.0]), np.array([[3.0, 1.0], [2.0, 1.0]]), codes)


def test_the_published_table_says_what_each_document_weighs_and_may_be() -> None:
    table = tabulate_weights(weights_by_hand())
    open_row, settled = table.to_dict("records")
    assert open_row["doc_id"] == "a" and open_row["weight"] == 2.5 and open_row["year"] == "2018"
    # Codes in their order: leaf, second leaf, axes, confidence; empty parts are dashes.
    assert open_row["codes"] == ["A1 - x 3", "E1 E1 x 2", "N0 - x 1"] and not open_row["is_settled"]
    assert open_row["kept_chances"] == [0.75, 0.25, 0.0] and open_row["changed_chances"] == [0.0, 0.0, 1.0]
    assert open_row["change_chance"] == 0.2 and open_row["replicate_changes"] == [0.2, 0.4]
    assert open_row["replicate_codes"] == [0, 1] and open_row["replicate_weights"] == [3.0, 2.0]
    assert settled["codes"] == ["E1 E1 x 2", "N0 - x 1"] and settled["kept_chances"] == [1.0, 0.0]
    assert settled["is_settled"] and settled["changed_chances"] == settled["replicate_codes"] == []
    assert settled["replicate_changes"] == [] and settled["inclusion_probability"] == 1.0


def test_shares_follow_from_the_published_table_by_replicate() -> None:
    table = tabulate_weights(weights_by_hand())
    # a is A1 with .75 if kept, which happens in .8; in the replicates A1 surely and not at all, kept in .8 and .6.
    assert total_by_replicate(table, lambda code: code[0] == "A").tolist() == pytest.approx([2.5 * 0.6, 3 * 0.8, 0])
    size = pd.Series({"a": 4.0, "b": 7.0})
    found = total_by_replicate(table, lambda code: code[0] == "N", size)
    assert found.tolist() == pytest.approx([4 * 2.5 * 0.2, 4 * 3 * 0.2, 4 * 2 * 0.4])
    found = total_by_replicate(table, lambda code: code[0] == "E", size)
    assert found.tolist() == pytest.approx([4 * 2.5 * 0.2 + 7, 7, 4 * 2 * 0.6 + 7])


def test_the_published_table_read_again_is_what_was_written() -> None:
    weights = weights_by_hand()
    again = read_weights(tabulate_weights(weights), CODEBOOK)
    records = again.codes.records
    assert records["leaf"].tolist() == ["A1", "E1", "N0"] and records["leaf2"].tolist() == ["", "E1", ""]
    assert records["confidence"].tolist() == [3, 2, 1] and records["group"].tolist() == ["A", "E", "N"]
    assert again.weight.tolist() == [2.5, 1.0] and again.replicates.tolist() == weights.replicates.tolist()
    codes, own = again.codes, weights.codes
    assert codes.kept.toarray().tolist() == own.kept.toarray().tolist() and codes.kept.nnz == own.kept.nnz
    assert codes.changed.toarray().tolist() == [[0, 0, 1], [0, 1, 0]]  # what is settled stays
    assert codes.change.tolist() == [0.2, 0.0] and codes.change_drawn.tolist() == [[0.2, 0.0], [0.4, 0.0]]
    assert codes.kept_drawn.tolist() == [[0, 1], [1, 1]] and codes.is_settled.tolist() == [False, True]
    assert again.units["stratum"].tolist() == ["s", "t"] and again.units.index.tolist() == ["a", "b"]
    assert read_weights(tabulate_weights(weights).tail(1), CODEBOOK).weight.tolist() == [1.0]
    # Settled ones stay what they are, whichever row they are in.
    table = tabulate_weights(weights).iloc[[1, 0, 1, 1]].assign(doc_id=list("wxyz"))
    own = [["N0 - x 1", "E1 E1 x 2"], *table["codes"].tolist()[1:]]
    again = read_weights(table.assign(codes=own), CODEBOOK).codes
    assert again.changed.toarray().tolist() == [[0, 0, 1], [0, 0, 1], [0, 1, 0], [0, 1, 0]]
