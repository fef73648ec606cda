"""What an interval would take: against drawing as many and looking, and at the edges."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import ConfigError
from pipeline.estimate.needs import COLUMNS, _share_out, _unread, tabulate_needs
from pipeline.estimate.plan import tell_needs
from pipeline.estimate.survey import Survey, estimate_batch
from tests.survey_of import sample_of, survey_of


def drawn_survey(
    n_read: int, seed: int = 3, *, n_settled: int | None = None, wrong: float = 0.0, sharpness: float | None = None
) -> Survey:
    """Two strata of 800 and 1,600; of the second few count. Open documents may be overturned as settled ones were.

    Readers get a part `wrong` of the first stratum wrong; a classifier gives the true leaf `sharpness` more than any.
    """
    rng = np.random.default_rng(seed)
    stratum = np.repeat([0, 1], [800, 1_600])
    truth = np.where(rng.random(2_400) < np.where(stratum == 0, 0.5, 0.05), 0, 1)
    half = n_read // 2
    drawn = np.concatenate([rng.permutation(800)[:half], 800 + rng.permutation(1_600)[: n_read - half]])
    settled = np.arange(n_read) % 3 == 0 if n_settled is not None else None
    said = np.where((rng.random(n_read) < wrong) & (stratum[drawn] == 0), 1 - truth[drawn], truth[drawn])
    even = np.tile([0.5, 0.5, 0.0], (len(truth), 1))
    prediction = None if sharpness is None else (1 - sharpness) * even + sharpness * np.eye(3)[truth]
    return survey_of(
        *sample_of(
            truth,
            stratum,
            drawn,
            readers=(said, said),
            is_settled=settled,
            phase2_probability=1.0 if settled is None else 1 / 3,
            prediction=prediction,
        )
    )


def needs_of(survey: Survey, width: float, definition: str = "strict") -> dict[str, float]:
    found = estimate_batch(survey, survey.codebook.definitions, [])
    (row,) = tabulate_needs(survey, found, "safety", {"f": {definition: width}}).to_dict("records")
    return row


def test_as_many_more_as_it_says_bring_the_width_that_is_asked() -> None:
    first = needs_of(drawn_survey(200), 0.05)
    assert first["width_now"] > 0.08 and first["n_to_adjudicate"] == 0 and first["width_then"] <= 0.05
    widths = [needs_of(drawn_survey(200 + int(first["n_more"]), seed), 0.05)["width_now"] for seed in range(4, 10)]
    assert np.mean(widths) == pytest.approx(0.05, rel=0.15)


def test_what_is_narrow_enough_needs_nothing_and_narrower_needs_more() -> None:
    survey = drawn_survey(200)
    assert needs_of(survey, 0.5)["n_more"] == 0
    counts = [needs_of(survey, width)["n_more"] for width in (0.08, 0.06, 0.04, 0.02)]
    assert counts == sorted(counts) and counts[0] > 0 and counts[-1] < 2_200


def test_rulings_come_first_and_leave_less_to_read() -> None:
    survey = drawn_survey(200, n_settled=67, wrong=0.25)
    row = needs_of(survey, 0.06)
    assert row["n_to_adjudicate"] == 133
    assert row["width_adjudicated"] < 0.98 * row["width_now"] and row["width_then"] <= 0.06
    lines = tell_needs(pd.DataFrame([row]))
    assert "and read" in lines[3] and lines[4].endswith("f strict")


def test_rulings_that_narrow_next_to_nothing_are_not_asked_for() -> None:
    row = needs_of(drawn_survey(200, n_settled=67), 0.06)
    assert row["n_to_adjudicate"] == 0 and row["n_more"] > 0 and row["width_then"] <= 0.06


def test_what_is_screened_first_is_not_read_in_full() -> None:
    survey = drawn_survey(200)
    assert needs_of(survey, 0.05)["n_full"] == needs_of(survey, 0.05)["n_more"]
    units = survey.sample.units
    is_marked = (units["stratum"] == "f/s1") & (np.arange(len(units)) % 4 > 0)
    units.loc[is_marked, ["phase2_stratum", "is_adjudicated"]] = ["screened", False]
    row = needs_of(survey, 0.05)
    assert 0.3 * row["n_more"] < row["n_full"] < 0.9 * row["n_more"]


def test_bands_of_a_sharp_classifier_need_fewer_and_those_of_a_blind_one_no_more() -> None:
    for sharpness, most in ((0.9, 0.6), (0.0, 1.0)):
        survey = drawn_survey(200, sharpness=sharpness)
        row = needs_of(survey, 0.6 * needs_of(survey, 1.0)["width_now"])
        assert 0 < row["n_more_banded"] <= most * row["n_more"] and row["n_full_banded"] == row["n_more_banded"]


def test_nothing_is_asked_where_nothing_is_written_and_unknown_definitions_are_named() -> None:
    survey = drawn_survey(60)
    found = estimate_batch(survey, survey.codebook.definitions, [])
    empty = tabulate_needs(survey, found, "safety", {})
    assert empty.empty and list(empty.columns) == list(COLUMNS) and not tell_needs(empty)
    assert tabulate_needs(survey, found, "safety", {"elsewhere": {"strict": 0.1}}).empty
    with pytest.raises(ConfigError, match="no definition 'none'"):
        tabulate_needs(survey, found, "safety", {"f": {"none": 0.1}})


def test_strata_are_read_in_proportion_to_what_they_make_of_the_variance() -> None:
    read, size = np.array([10.0, 10.0, 10.0]), np.array([100.0, 40.0, 20.0])
    assert _unread(read, size) == pytest.approx([0.09, 0.075, 0.05])
    assert _share_out(50, np.array([2.0, 1.0, 0.1]), read, size).tolist() == [40, 15, 0]
    assert _share_out(500, np.array([2.0, 1.0, 0.1]), read, size).tolist() == [90, 30, 10], "no more than there are"


def test_a_large_stratum_without_a_hit_needs_reading_too() -> None:
    """Nobody has read one there; what may hide in it grows with its size."""

    def needed(n_hidden: int) -> float:
        stratum = np.repeat([0, 1], [400, n_hidden])
        truth = np.where(stratum == 0, np.arange(len(stratum)) % 2, 1)
        drawn = np.concatenate([np.arange(0, 400, 5), 400 + np.arange(0, n_hidden, n_hidden // 50)[:50]])
        return needs_of(survey_of(*sample_of(truth, stratum, drawn)), 0.01)["n_more"]

    assert needed(20_000) > needed(1_000) > 320, "more than is left of the stratum with the hits"
