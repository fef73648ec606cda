"""Denominators and definitions that ask for axes or the second leaf go through every part of the estimate."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.coding.codebook import check_codebook
from pipeline.coding.definitions import match_query
from pipeline.coding.queries import Definition, Denominator, Toggles
from pipeline.coding.sample import Sample
from pipeline.errors import CodebookError
from pipeline.estimate.classify import predict_codes
from pipeline.estimate.curve import draw_curves, list_specifications
from pipeline.estimate.domains import Population
from pipeline.estimate.planning import guess_shares
from pipeline.estimate.prediction_tables import tabulate_predictions
from pipeline.estimate.robustness import vary_estimates
from pipeline.estimate.survey import estimate_batch, open_survey
from pipeline.text.word_counts import code_terms
from tests.survey_of import CODEBOOK, sample_of

STATED = Denominator(title="with a purpose stated", groups=("A", "E"), axes={"purpose": ("yes",)})
BOTH = Denominator(title="either leaf", groups=("A",), count_second=True)
SURE = Definition(id="sure", title="", groups=("A",), axes={"purpose": ("yes",)})
ASKING = replace(
    CODEBOOK,
    axes={"purpose": {"yes": "", "no": ""}, "confidence": {"2": "", "1": ""}},
    denominators={"stated": STATED, "either": BOTH, "everything": CODEBOOK.denominators["everything"]},
    definitions=(SURE,),
)


def purposes_of(index: pd.Index) -> np.ndarray:
    """Every third document has a purpose."""
    return np.where(np.arange(len(index)) % 3 == 0, "yes", "no")


def made_up(count: int = 120) -> tuple[Sample, Population, np.ndarray]:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, size=400)
    sample, population = sample_of(truth, np.zeros(400, dtype=int), np.sort(rng.permutation(400)[:count]))
    purpose = purposes_of(sample.units.index)
    second = np.where(np.arange(count) % 5 == 0, "A1", None)  # an empty cell of a table, not an empty text

    def code(table: pd.DataFrame) -> pd.DataFrame:
        group2 = pd.Series(second, table.index).map({"A1": "A"})
        return table.drop(columns="target").assign(purpose=purpose, leaf2=second, group2=group2)

    readers = tuple(code(reader) for reader in sample.readers)
    units = sample.units.assign(coder="a", coder_kind="language model", reader="a", reader_kind="language model")
    return replace(sample, readers=readers, adjudicator=code(sample.adjudicator), units=units), population, truth


def test_an_empty_second_leaf_is_none() -> None:
    codes = pd.DataFrame({"leaf": ["A1", "E1", "N0"], "group": ["A", "E", "N"], "confidence": 2})
    codes = codes.assign(leaf2=[None, "A1", None], group2=[None, "A", np.nan])
    assert match_query(BOTH, codes).tolist() == [True, True, False]
    anything = replace(BOTH, groups=())
    assert match_query(anything, codes).tolist() == [True, True, True]


def test_chances_of_queries_that_ask_for_axes_are_learnt_from_those_who_have_them() -> None:
    sample, population, _ = made_up()
    rng = np.random.default_rng(1)
    documents = population.documents.assign(title=[f"t{number % 7}" for number in range(400)])
    vectors = rng.normal(size=(400, 8))
    is_stated = np.zeros(400, dtype=bool)
    codes = sample.readers[0].assign(doc_id=sample.units.index)
    is_stated[population.units] = match_query(STATED, codes)
    vectors[:, 0] = np.where(is_stated, 6, -1)  # a vector that tells who belongs, for those that are read
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = predict_codes(vectors.astype(np.float16), code_terms([], pd.Index([])), documents, codes, ASKING)
    inside = found.inside("stated", STATED)[population.units]
    truth = match_query(STATED, codes)
    assert inside[truth].mean() > inside[~truth].mean() + 0.3
    assert set(found.counted) == {("sure", name) for name in ASKING.denominators}
    table = pa.concat_tables(tabulate_predictions(found, ASKING, {})).to_pandas()
    assert {"denominator stated", "denominator either", "definition sure"} <= set(table["query"])
    assert np.isfinite(table["probability"]).all()
    guessed = guess_shares(replace(population, predictions=found), SURE, "stated", ASKING)
    assert guessed is not None and (guessed[:, 0] <= guessed[:, 1] + 0.35).all()


def test_shares_of_queries_with_axes_are_those_counted_by_hand() -> None:
    sample, population, truth = made_up()
    survey = open_survey(sample, population, ASKING, 0.95, 1)
    found = estimate_batch(survey, ASKING.definitions, [])
    leaf, purpose = truth[population.units], purposes_of(sample.units.index)
    inside = (leaf < 2) & (purpose == "yes")
    assert found["f", "", "documents", "stated"].share[0] == pytest.approx((leaf[inside] == 0).mean())
    assert len(vary_estimates(survey, pd.DataFrame({"layer": [], "doc_id": [], "cluster_id": []}), ["f"]))


def test_the_curve_keeps_documents_apart_that_a_denominator_tells_apart() -> None:
    sample, population, truth = made_up()
    plain = replace(ASKING, definitions=CODEBOOK.definitions)
    survey = open_survey(sample, population, plain, 0.95, 1)
    curve, _ = draw_curves(survey)
    leaf, purpose = truth[population.units], purposes_of(sample.units.index)
    inside = (leaf < 2) & (purpose == "yes")
    least = curve[curve["denominator"] == "stated"].sort_values("rank")["share"].iloc[0]
    assert least == pytest.approx((leaf[inside] == 0).mean())


def test_where_every_nested_definition_asks_for_an_axis_the_contested_leaves_alone_are_moved() -> None:
    contested = replace(ASKING, toggles=replace(CODEBOOK.toggles, leaves=("E1",)))
    found = list_specifications(contested)
    assert found.toggles == (("E1",),) and found.is_direct.tolist() == [[False] * 3, [False, True, False]]


def test_works_with_a_contested_code_of_an_axis_are_in_or_out_whatever_their_leaf() -> None:
    sample, population, truth = made_up()
    codebook = replace(
        ASKING, definitions=CODEBOOK.definitions, toggles=Toggles(leaves=("E1",), axes={"purpose": ("no",)})
    )
    survey = open_survey(sample, population, codebook, 0.95, 1)
    curve, toggles = draw_curves(survey)
    assert list_specifications(codebook).toggles == (("E1",), ("purpose no",))
    leaf, purpose = truth[population.units], purposes_of(sample.units.index)
    rows = curve[curve["denominator"] == "everything"]
    for included, counts in (
        ("", (leaf == 0) & (purpose == "yes")),
        ("purpose no", leaf == 0),
        ("E1", (leaf < 2) & (purpose == "yes")),
        ("E1 purpose no", leaf < 2),
    ):
        assert rows.set_index("included").at[included, "share"] == pytest.approx(counts.mean()), included
    effect = toggles[(toggles["denominator"] == "stated") & (toggles["toggle"] == "purpose no")]
    assert effect["greatest_effect"].item() == pytest.approx(0), "no such work is in that denominator"
    named = replace(codebook, axes={"purpose": {"yes": "", "no": "none is stated"}})
    assert [named.name_toggle(name) for name in ("purpose no", "E1", "A1 E1")] == [
        "none is stated",
        "in the denominator",
        "",
    ]


@pytest.mark.parametrize(("axes", "known"), [({"nothing": ("no",)}, "purpose"), ({"purpose": ("maybe",)}, "no")])
def test_a_contested_code_that_the_codebook_does_not_have_is_named(axes: dict[str, tuple[str]], known: str) -> None:
    with pytest.raises(CodebookError, match=known):
        check_codebook(replace(ASKING, toggles=Toggles(axes=axes)), "codebook.toml")
