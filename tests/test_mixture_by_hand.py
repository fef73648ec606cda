"""Mixtures, people and counts of persons: every number beside the sum that a hand makes."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.coding.mixtures import Mixture
from pipeline.coding.precedence import CodedSheet, Kind, Role
from pipeline.errors import DataError, SheetError
from pipeline.estimate.mixture import estimate_mixture
from pipeline.estimate.mixture_tables import METHOD, tabulate_mixtures
from pipeline.estimate.people import (
    _share_of_busiest,
    count_people,
    merge_name,
    name_people,
    size_by_merged_people,
    size_by_people,
    size_by_slots,
    truncate,
)
from pipeline.estimate.person_counts import add_person_counts
from tests.survey_of import CODEBOOK, ROUND, codes_of

Z = 1.959963985
COUNTS, ONLY_INSIDE, OUTSIDE = range(3)


def wilson(share: float, size: float, z: float = Z) -> tuple[float, float]:
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z * (share * (1 - share) / size + z**2 / (4 * size**2)) ** 0.5 / (1 + z**2 / size)
    return centre - half, centre + half


def test_two_draws_are_enough_and_a_sure_one_may_be_among_them() -> None:
    # They stand for 2 and 1: 2/3 counts. Residuals are 4/9 either way: their variance 32/81, and of the mean half.
    found = estimate_mixture(np.array([1.0, 0.0]), np.ones(2), np.array([0.5, 1.0]))
    assert found.share == pytest.approx(2 / 3) and found.standard_error == pytest.approx(4 / 9) and found.n_draws == 2
    size = (2 / 9) / (16 / 81) * (Z / 12.7062047) ** 2  # Student's t of one degree
    assert (found.low, found.high) == pytest.approx(wilson(2 / 3, size))
    with pytest.raises(SheetError, match="needs two draws"):
        estimate_mixture(np.ones(1), np.ones(1), np.ones(1))
    with pytest.raises(SheetError, match="no document drawn is in the denominator"):
        estimate_mixture(np.ones(2), np.zeros(2), np.ones(2))


def test_draws_that_do_not_differ_are_as_many_as_they_are() -> None:
    t = stats.t.ppf(0.975, 7)
    for y, inside, share in ((0.5, 1.0, 0.5), (0.0, 1.0, 0.0), (1.0, 1.0, 1.0), (1.0, 0.5, 1.0)):
        found = estimate_mixture(np.full(8, y), np.full(8, inside), np.full(8, 0.1))
        assert found.share == pytest.approx(share) and found.standard_error == pytest.approx(0)  # no more than inside
        assert (found.low, found.high) == pytest.approx(wilson(share, 8 * (Z / t) ** 2))


def sheet(coder: str, kind: Kind, role: Role, leaf: dict[str, int]) -> CodedSheet:
    codes = codes_of(np.array(list(leaf.values())), pd.Index(list(leaf), name="doc_id"))
    return CodedSheet(coder, kind, role, codes)


def mixture_of(ids: list[str], chance: list[float], here: dict[str, frozenset[str]]) -> Mixture:
    frames = pd.DataFrame({"n_population": [40, 9], "weight": ["karma", "word_count"]}, index=["f", "g"])
    draws = pd.DataFrame({"doc_id": ids, "draw_probability": chance})
    return Mixture("m", ROUND, draws, frames.rename_axis("frame"), here)


def tabulate(mixture: Mixture, *coded: CodedSheet) -> pd.DataFrame:
    windows = pd.DataFrame({"frame": ["f", "f"], "window": ["", "2019"], "n_members": [44, 7]})
    sample: Any = SimpleNamespace(coverage=windows, mixtures=(mixture,), coded=coded)
    documents = pd.DataFrame({"doc_id": list("abcdef"), "karma": [4.0, -3, np.nan, 2, 9, 9], "word_count": 100})
    return tabulate_mixtures(sample, CODEBOOK, documents, 0.9)


def test_a_mixture_counts_each_draw_of_what_is_still_in_its_frame() -> None:
    # Drawn are a, b, a, c of f, d and d of g, x of f that is gone altogether, and e, which has left its frame since.
    here = {"f": frozenset("abcx"), "g": frozenset("d")}
    chance = [0.1, 0.2, 0.1, 0.4, 0.5, 0.5, 0.3, 0.3]
    mixture = mixture_of(list("abacddxe"), chance, here)
    one = sheet("one", "language model", "reader", {"a": COUNTS, "b": COUNTS, "c": ONLY_INSIDE, "d": OUTSIDE})
    two = sheet("two", "language model", "reader", {"a": COUNTS, "b": OUTSIDE, "c": ONLY_INSIDE, "d": OUTSIDE})
    judge = sheet("judge", "language model", "adjudicator", {"c": COUNTS})
    person = sheet("p", "person", "reader", {"a": ONLY_INSIDE})
    table = tabulate(mixture, one, two, judge, person).set_index(["frame", "weight", "denominator", "definition"])
    # a is inside only, by the person; c counts, by the adjudicator; b counts by one of two, and is inside by that one.
    row = table.loc[("f", "documents", "safety", "strict")]
    expected = estimate_mixture(
        np.array([0, 0.5, 0, 1]), np.array([1, 0.5, 1, 1]), np.array([0.1, 0.2, 0.1, 0.4]), None, 0.9
    )
    assert expected.share == pytest.approx((0.5 / 0.2 + 1 / 0.4) / (10 + 2.5 + 10 + 2.5))
    names = ["share", "low", "high", "standard_error", "n_draws"]
    assert row[names].tolist() == pytest.approx([getattr(expected, name) for name in names])
    assert row[["n_population", "n_members", "n_read", "n_person", "level"]].tolist() == [40, 44, 3, 1, 0.9]
    assert row["round"] == "m" and row["method"] == METHOD
    everything = table.loc[("f", "documents", "everything", "strict")]
    assert everything["share"] == pytest.approx((2.5 + 2.5) / (10 + 5 + 10 + 2.5))
    # Of karma a has 4; b has less than none and c is not known: both count for nothing.
    karma = table.loc[("f", "karma", "safety", "broad")]
    assert karma["share"] == 1.0 and table.loc[("f", "karma", "safety", "strict"), "share"] == 0.0
    # Both draws of g are one document, which is outside: of safety there is nothing to say.
    assert set(table.loc["g"].index) == {
        (weight, "everything", name) for weight in ("documents", "word_count") for name in ("strict", "broad")
    }
    assert table.loc[("g", "documents", "everything", "strict"), ["n_members", "n_draws", "n_read"]].tolist() == [
        9,
        2,
        1,
    ]


def test_a_mixture_says_nothing_before_it_is_read_and_nothing_of_a_single_draw(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = sheet("one", "language model", "reader", {"a": COUNTS, "d": COUNTS})
    mixture = mixture_of(["a", "a", "d"], [0.1, 0.1, 0.5], {"f": frozenset("a"), "g": frozenset("d")})
    assert set(tabulate(mixture, one)["frame"]) == {"f"}  # of g there is one draw
    unread = mixture_of(["a", "a", "b", "c"], [0.1] * 4, {"f": frozenset("abc"), "g": frozenset()})
    assert tabulate(unread, one).empty
    assert caplog.messages == ["round m: 2 of its documents are not read yet; it says nothing so far"]
    assert tabulate(mixture_of(["x"], [0.1], {"f": frozenset("x"), "g": frozenset()}), one).empty


def test_what_is_read_and_weighs_nothing_says_nothing_of_what_weighs() -> None:
    one = sheet("one", "language model", "reader", {"b": COUNTS, "c": COUNTS})
    table = tabulate(mixture_of(["b", "c"], [0.1, 0.1], {"f": frozenset("bc"), "g": frozenset()}), one)
    assert set(table["weight"]) == {"documents"}  # of karma they have none


def test_each_person_weighs_one_in_all() -> None:
    lists = [["Ada", "Bo"], ["Ada"], [], ["Ada", "Cy", "Cy"]]
    documents = pd.DataFrame({"persons": lists})
    assert size_by_people(documents).tolist() == pytest.approx([1 / 3 + 1, 1 / 3, 0, 1 / 3 + 1])
    # Ada Lee and A. Lee are one, and are no author twice of one document.
    merged = pd.DataFrame({"persons": [["Ada Lee", "A. Lee"], ["A. Lee", "Bo"], ["Lee"]]})
    assert size_by_merged_people(merged).tolist() == pytest.approx([1 / 2, 1 / 2 + 1, 1])


@pytest.mark.parametrize(
    ("name", "merged"),
    [
        ("Ada Lee", "lee a"),
        ("A. M. Lee", "lee a"),
        ("A.M.Lee", "lee a"),
        ("José Ñandú", "nandu j"),
        ("Handle", "handle"),
        ("汉字", "汉字"),
    ],
)
def test_people_with_one_surname_and_first_initial_are_one_and_a_handle_is_itself(name: str, merged: str) -> None:
    assert merge_name(name) == merged


def test_sizes_are_cut_at_the_first_that_is_not_below_the_ninety_ninth_percentile() -> None:
    # Of 0 to 100 the percentile is 99 itself; of 0 to 50 it is 49.5, between two that occur.
    assert truncate(np.arange(101.0))[-3:].tolist() == [98, 99, 99]
    assert truncate(np.arange(51.0))[-2:].tolist() == [49, 50]
    assert truncate(np.arange(201.0))[-4:].tolist() == [197, 198, 198, 198]
    assert truncate(np.zeros(0)).tolist() == []
    persons = [["a"] * count for count in range(101)]
    assert size_by_slots(pd.DataFrame({"persons": persons}))[-2:].tolist() == [99, 99]


def test_the_busiest_tenth_is_rounded_and_one_person_at_least() -> None:
    slots = pd.Series([5, 3] + [1] * 13)
    assert _share_of_busiest(slots.head(14)) == pytest.approx(5 / 20)  # 1.4 people
    assert _share_of_busiest(pd.concat([slots, slots.tail(1)])) == pytest.approx(8 / 22)  # 1.6
    assert _share_of_busiest(slots.head(2)) == pytest.approx(5 / 8)
    assert _share_of_busiest(slots.tail(1)) == 1.0 and _share_of_busiest(slots.head(0)) == 0.0


def test_people_are_counted_by_frame_with_what_is_in_doubt() -> None:
    names = [["Ada Lee", "Bo"], ["A. Lee"], [], [], ["Bo"]]
    persons = [["Ada Lee", "Bo"], ["Ada Lee"], [], [], ["Cy"]]
    documents = pd.DataFrame({"frame": ["f", "f", "f", "f", "g"], "names": names, "persons": persons})
    first, other = count_people(documents).to_dict("records")
    assert first == {
        "frame": "f",
        "n_population": 4,
        "n_without_author": 2,
        "n_author_slots": 3,
        "n_names": 3,
        "n_people": 2,
        "n_people_merged": 2,
        "top_tenth_share": pytest.approx(2 / 3),
        "has_first_author_only": False,
    }
    assert other["has_first_author_only"] and other["n_population"] == other["n_names"] == 1


def test_every_document_needs_its_row_of_authorship() -> None:
    authorship = pd.DataFrame({"doc_id": ["b", "a"], "names": [["B"], ["A"]], "persons": [["PB"], ["PA"]]})
    named = name_people(pd.DataFrame({"doc_id": ["a", "b", "a"]}), authorship)
    assert named["names"].tolist() == [["A"], ["B"], ["A"]] and named["persons"].tolist() == [["PA"], ["PB"], ["PA"]]
    with pytest.raises(DataError, match="no row for x and 1 other documents"):
        name_people(pd.DataFrame({"doc_id": ["b", "x", "a", "y"]}), authorship)


def test_rows_tell_how_many_documents_of_their_frame_and_years_a_person_read() -> None:
    units = pd.DataFrame(
        {
            "frame": ["f", "f", "f", "f", "g", "f"],
            "year": ["2018", "2019", "2020", "2021", "2019", ""],
            "n_person": [1, 2, 1, 0, 1, 1],
        },
        index=pd.Index(list("abcdef"), name="doc_id"),
    )
    sample: Any = SimpleNamespace(units=units)
    by_year = pd.DataFrame({"frame": ["f", "f", "g", "f"], "year": ["", "2019", "", "2021"], "low": 0.0})
    spans = pd.DataFrame(
        {"frame": "f", "from_year": ["2018", "2019"], "to_year": ["2019", "2020"], "year": "2018", "low": 0.0}
    )
    halves = pd.DataFrame({"frame": ["f"], "early_years": ["2018"], "late_years": ["2020–2021"], "mean_effect": 0.0})
    others = {"no frame": pd.DataFrame({"low": [0.1]}), "no estimate": pd.DataFrame({"frame": ["f"], "x": [1]})}
    found = add_person_counts({"years": by_year, "spans": spans, "halves": halves, **others}, sample)
    assert found["years"]["n_person"].tolist() == [4, 1, 1, 0]
    assert found["spans"]["n_person"].tolist() == [2, 2]  # from and to come before a single year
    assert found["halves"]["n_person"].tolist() == [2]
    assert "n_person" not in found["no frame"] and "n_person" not in found["no estimate"]
