"""A codebook of any groups, axes and queries; what cannot be told apart or is not declared is named."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.code_columns import CodeColumns
from pipeline.coding.codebook import Codebook, parse_codebook
from pipeline.coding.definitions import bare_codes, check_nesting, is_set_of_leaves, match_query
from pipeline.errors import CodebookError

BARE = {
    "version": 1,
    "groups": {
        "inside": {"title": "looks inside", "colour": 2},
        "inside-trained": "trained to be read",
        "none": {"title": "another subject", "outside": True},
    },
    "leaves": {
        "circuits": {"title": "circuits", "group": "inside"},
        "inside-trained-1": "sparse by design",
        "inside1": "probes",
        "other": {"title": "other", "group": "none"},
    },
    "denominators": {"all": {"title": "everything"}},
    "definitions": [{"id": "mechanistic", "title": "Mechanistic", "groups": ["inside"]}],
}
AXES = {"method": {"causal": "an intervention", "passive": "none"}, "size": {"small": "toy", "large": "real"}}


def parse(**changes: object) -> Codebook:
    return parse_codebook({**BARE, **changes}, "codebook.toml")


def test_a_leaf_belongs_to_the_group_it_names_or_to_the_longest_name_it_starts_with() -> None:
    codebook = parse()
    assert codebook.group_of == {
        "circuits": "inside",
        "inside-trained-1": "inside-trained",
        "inside1": "inside",
        "other": "none",
    }
    assert codebook.outside == ("none",) and codebook.is_outside("other") and not codebook.is_outside("inside")
    assert codebook.colours == {"inside": 2} and codebook.leaves_of("inside") == ["circuits", "inside1"]


def test_no_axis_and_no_confidence_are_needed() -> None:
    codebook = parse()
    assert codebook.code_axes == () and codebook.confidences == (1,) and codebook.doubt == 0
    assert match_query(codebook.definitions[0], bare_codes(codebook)).tolist() == [True, False, True, False]
    assert match_query(codebook.denominators["all"], bare_codes(codebook)).all()
    assert is_set_of_leaves(codebook.definitions[0])


def test_a_denominator_that_holds_every_leaf_is_added_where_the_codebook_has_none() -> None:
    inside = {"title": "inside", "groups": ["inside", "inside-trained"]}
    assert parse().everything == "all" and list(parse().denominators) == ["all"]
    assert list(parse(denominators={"of": inside}).denominators) == ["of", "every-document"]
    whole = {**inside, "groups": ["inside", "inside-trained", "none"]}
    assert parse(denominators={"of": inside, "whole": whole}).everything == "whole"
    with pytest.raises(CodebookError, match="every-document does not hold every leaf; let it hold every group"):
        parse(denominators={"every-document": inside})


def test_codes_may_have_letters_of_any_alphabet_and_no_sign_that_a_page_or_a_file_needs() -> None:
    groups = {**BARE["groups"], "außen_2": "German"}
    assert "außen_2" in parse(groups=groups).groups
    for code in ("a b", "a+b", "_a", "<b>", "a,b", "a;b", ""):
        with pytest.raises(CodebookError, match="the code cannot be used"):
            parse(groups={**BARE["groups"], code: "odd"})


def test_a_query_asks_for_axes_confidence_parts_and_second_leaves_as_a_person_would_read_it() -> None:
    query = {
        "id": "strict",
        "title": "Strict",
        "groups": ["inside"],
        "leaves": ["other"],
        "without_leaves": ["circuits"],
        "method": ["causal"],
        "min_confidence": 2,
        "count_second": True,
        "any_of": [{"size": ["large"]}, {"leaves": ["inside1"]}],
    }
    codebook = parse(axes={**AXES, "confidence": {"1": "", "2": "", "3": ""}}, definitions=[query])
    groups = {"": "", **codebook.group_of}
    rows = pd.DataFrame(
        product(codebook.leaves, ["", *codebook.leaves], ["", *AXES["method"]], ["", *AXES["size"]], (1, 2, 3)),
        columns=["leaf", "leaf2", "method", "size", "confidence"],
    )
    rows = rows.assign(group=rows["leaf"].map(groups), group2=rows["leaf2"].map(groups))

    def expected(row: dict[str, object]) -> bool:
        named = {"inside1", "other"}  # the group but circuits, and the leaf named beside it
        has_leaf = row["leaf"] in named or row["leaf2"] in named
        part = row["size"] == "large" or row["leaf"] == "inside1"
        return has_leaf and row["method"] == "causal" and int(str(row["confidence"])) >= 2 and part

    assert match_query(codebook.definitions[0], rows).tolist() == [expected(row) for row in rows.to_dict("records")]
    assert not is_set_of_leaves(codebook.definitions[0])


def test_codes_asked_by_many_queries_answer_as_if_each_cell_were_looked_at() -> None:
    codebook = parse(
        axes=AXES,
        definitions=[
            {"id": "one", "title": "one", "groups": ["inside"], "method": ["causal"]},
            {"id": "two", "title": "two", "without_leaves": ["other"], "count_second": True},
        ],
    )
    leaf = pd.Series(["other", "inside1", None, "inside1", "other"])
    leaf2 = pd.Series([None, "", "inside1", "other", "inside1"])
    rows = pd.DataFrame({"leaf": leaf, "leaf2": leaf2, "method": ["causal", None, "causal", "causal", "x"]})
    rows = rows.assign(group=leaf.map(codebook.group_of), group2=leaf2.map(codebook.group_of))
    for frame in (rows, rows.astype(object)):
        asked = CodeColumns(frame)
        for definition, expected in zip(codebook.definitions * 2, [[3], [1, 2, 3, 4]] * 2, strict=True):
            assert np.flatnonzero(match_query(definition, asked)).tolist() == expected
        assert asked.are_among("leaf", ("inside1",)).tolist() == [leaf == "inside1" for leaf in rows["leaf"]]
        assert asked.are_among("leaf2", ("", None)).tolist() == [True, True, False, False, False]
        assert not asked.are_among("leaf", ()).any()


def test_leaves_left_out_of_everything_stay_out_whatever_the_second_leaf() -> None:
    codebook = parse(denominators={"rest": {"title": "rest", "without_leaves": ["other"], "count_second": True}})
    rows = pd.DataFrame({"leaf": ["other", "other", "inside1"], "leaf2": ["", "inside1", ""]})
    rows = rows.assign(group=rows["leaf"].map(codebook.group_of), group2=["", "inside", ""])
    assert match_query(codebook.denominators["rest"], rows).tolist() == [False, True, True]


def test_a_wider_definition_that_loses_a_second_leaf_or_an_empty_axis_is_named() -> None:
    narrow = {"id": "narrow", "title": "Narrow", "groups": ["inside"], "count_second": True}
    wide = {"id": "wide", "title": "Wide", "groups": ["inside", "none"]}
    with pytest.raises(
        CodebookError, match="definition 'wide' does not contain 'narrow': it leaves out inside-trained"
    ):
        check_nesting(parse(definitions=[narrow, wide]))
    check_nesting(parse(definitions=[narrow, {**wide, "nested": False}]))
    every_code = {"id": "wide", "title": "Wide", "groups": ["inside"], "method": list(AXES["method"])}
    with pytest.raises(CodebookError, match="does not contain 'mechanistic'"):
        check_nesting(parse(axes=AXES, definitions=[*BARE["definitions"], every_code]))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"groups": {"inside": {"title": "x", "outsid": True}}}, r"\[groups.inside\] has an unknown key 'outsid'"),
        ({"groups": {"inside": {"colour": 1}}}, r"\[groups.inside\] has no title"),
        ({"groups": []}, r"\[groups\] is not a table"),
        ({"leaves": {"circuits": "no group fits"}}, "leaf 'circuits' has no group 'c'"),
        ({"leaves": {"inside": "as the group"}}, "'inside' is a leaf and a group"),
        ({"leaves": {"inside 1": "two words"}}, "leaf 'inside 1': the code cannot be used"),
        ({"axes": {"leaf": {"a": "b"}}}, "axis 'leaf': the name cannot be used"),
        ({"axes": {"method": {}}}, "axis 'method' has no code"),
        ({"axes": {"confidence": {"sure": "yes"}}}, "confidence 'sure' is not a whole number"),
        ({"axis_titles": {"method": "how"}}, "axis_titles: there is no code 'method'"),
        ({"definitions": []}, "there is no definition"),
        ({"denominators": {"a": {"title": "a", "groups": ["x"]}}}, "denominator 'a', groups: there is no code 'x'"),
        (
            {"definitions": [{"id": "a", "title": "a", "any_of": [{"leaves": ["x"]}]}]},
            "definition 'a', any_of 1, leaves: there is no code 'x'",
        ),
        ({"definitions": [{"id": "a", "title": "a", "method": ["causal"]}]}, r"method\] unknown key"),
        (
            {"definitions": [{"id": "a", "title": "a", "leaves": ["other"], "without_leaves": ["other"]}]},
            "'other' is taken in and left out",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(CodebookError, match=problem) as error:
        parse(**changes)
    assert "codebook.toml" in str(error.value) and "\n" not in str(error.value)
