"""Numbers of documents, positions, and what a query misses: by hand, on samples of which every document is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.positions import Position
from pipeline.estimate.recall import measure_recall
from pipeline.estimate.survey import Survey, estimate_batch, open_survey
from pipeline.estimate.totals import count_totals, estimate_positions
from tests.survey_of import CODEBOOK, sample_of, survey_of

COUNTS, ONLY_INSIDE, OUTSIDE = range(3)  # leaves of the codebook by their place


def survey_by_hand() -> Survey:
    """Two hundred documents in one frame, of whom 40 are read: 8 count, 20 are inside only, 12 are outside."""
    truth = np.repeat([COUNTS, ONLY_INSIDE, OUTSIDE], [8, 20, 12])
    return survey_of(*sample_of(np.concatenate([truth, np.zeros(160, int)]), np.zeros(200, int), np.arange(40)))


def test_a_number_of_documents_is_the_size_of_the_frame_times_the_share_of_everything() -> None:
    survey = survey_by_hand()
    table = count_totals(survey, CODEBOOK.definitions).set_index(["definition", "denominator"])
    assert table["count"].to_dict() == pytest.approx(
        {
            ("", "safety"): 140,
            ("strict", "safety"): 40,
            ("broad", "safety"): 140,
            ("", "everything"): 200,
            ("strict", "everything"): 40,
            ("broad", "everything"): 140,
        }
    )
    shares = estimate_batch(survey, CODEBOOK.definitions, [])["f", "", "documents", "everything"]
    for number, name in enumerate(("strict", "broad")):
        for denominator in ("safety", "everything"):
            row = table.loc[(name, denominator)]
            assert (row["low"], row["high"]) == pytest.approx((200 * shares.low[number], 200 * shares.high[number]))
    assert set(table["n_population"]) == {200} and set(table["n_read"]) == {40} and set(table["level"]) == {0.95}


def test_a_position_has_the_share_and_the_number_that_its_leaves_have() -> None:
    survey = survey_by_hand()
    positions = [
        Position("as-strict", "", "", "", definition="strict"),
        Position("one-more", "", "", "", definition="strict", include=("E1",)),
        Position("none", "", "", "", definition="strict", exclude=("A1",)),
    ]
    table = estimate_positions(survey, positions, CODEBOOK.definitions).set_index(["position", "denominator"])
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    totals = count_totals(survey, CODEBOOK.definitions).set_index(["definition", "denominator"])
    for denominator in ("safety", "everything"):
        shares = found["f", "", "documents", denominator]
        for number, (position, definition) in enumerate([("as-strict", "strict"), ("one-more", "broad")]):
            row = table.loc[(position, denominator)]
            own = (shares.share[number], shares.low[number], shares.high[number])
            assert (row["share"], row["low"], row["high"]) == pytest.approx(own)
            total = totals.loc[(definition, denominator)]
            counts = (total["count"], total["low"], total["high"])
            assert (row["count"], row["count_low"], row["count_high"]) == pytest.approx(counts)
        assert table.loc[("none", denominator)][["share", "low", "count", "count_low"]].tolist() == [0, 0, 0, 0]
    assert estimate_positions(survey, [], CODEBOOK.definitions).empty


def test_where_nothing_is_in_the_denominator_a_position_has_a_number_and_no_share() -> None:
    survey = survey_of(*sample_of(np.full(30, OUTSIDE), np.zeros(30, int), np.arange(10)))
    table = estimate_positions(survey, [Position("p", "", "", "", definition="strict")], CODEBOOK.definitions)
    row = table.set_index("denominator").loc["safety"]
    assert pd.isna(row["share"]) and pd.isna(row["low"]) and row["count"] == 0 and row["count_high"] > 0


def survey_of_parts(read_of_rest: int = 30) -> Survey:
    """A frame of which a query finds 40 documents, all read, 10 counting; of the 60 others half are read, 5 counting.

    Of what a query finds 20 more are inside, of the read others 10.
    """
    found = np.repeat([COUNTS, ONLY_INSIDE, OUTSIDE], [10, 20, 10])
    rest = np.repeat([COUNTS, ONLY_INSIDE, OUTSIDE], [5, 10, 15])
    truth, stratum = np.concatenate([found, rest, np.zeros(30, int)]), np.repeat([0, 1], [40, 60])
    sample, population = sample_of(truth, stratum, np.arange(40 + read_of_rest))
    sample = replace(sample, strata=sample.strata.assign(part=["core", "rest"]))
    return open_survey(sample, population, CODEBOOK, 0.95, 1, {"core": "f/core"})


def test_recall_is_what_the_part_holds_of_what_the_whole_holds() -> None:
    table = measure_recall(survey_of_parts(), {"core": "f/core"}).set_index(["definition", "denominator"])
    strict = table.loc[("strict", "safety")]
    assert (strict["count_found"], strict["count_missed"], strict["recall"]) == pytest.approx((10, 10, 1 / 2))
    inside = table.loc[("", "safety")]
    assert (inside["count_found"], inside["count_missed"], inside["recall"]) == pytest.approx((30, 30, 1 / 2))
    everything = table.loc[("", "everything")]
    assert (everything["count_found"], everything["count_missed"], everything["recall"]) == pytest.approx((40, 60, 0.4))
    assert set(table["frame"]) == {"f"} and set(table["part"]) == {"core"} and set(table["n_read"]) == {70}
    # Of the 30 others that nobody read none or all might count: then 10 of 15, or 10 of 45.
    assert (table["low"] <= table["recall"]).all() and (table["recall"] <= table["high"]).all()
    assert 10 / 45 - 1e-9 <= strict["low"] < 0.45 and 0.55 < strict["high"] <= 10 / 15 + 1e-9


def test_recall_needs_a_part_and_a_rest_that_are_both_read() -> None:
    survey = survey_of_parts()
    assert measure_recall(survey, {}).empty and measure_recall(survey, {"other": "f/other"}).empty
    one = replace(survey, domains=tuple(domain for domain in survey.domains if domain.frame == "core"))
    assert measure_recall(one, {"core": "f/core"}).empty
    nothing = survey_of(*sample_of(np.full(30, OUTSIDE), np.zeros(30, int), np.arange(10)))
    assert measure_recall(nothing, {"f": "f/all"}).empty  # the part is the whole: there is no rest


def test_what_nothing_counts_for_has_no_recall() -> None:
    truth, stratum = np.full(40, OUTSIDE), np.repeat([0, 1], 20)
    sample, population = sample_of(truth, stratum, np.concatenate([np.arange(10), np.arange(20, 30)]))
    sample = replace(sample, strata=sample.strata.assign(part=["core", "rest"]))
    survey = open_survey(sample, population, CODEBOOK, 0.95, 1, {"core": "f/core"})
    row = measure_recall(survey, {"core": "f/core"}).set_index(["definition", "denominator"]).loc[("strict", "safety")]
    assert pd.isna(row["recall"]) and pd.isna(row["low"]) and row["count_found"] == row["count_missed"] == 0
