"""What a plan says, beside numbers worked out by hand: how many more to read, what a step costs, which rows join."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.estimate.as_people import AS_READ, THEIRS
from pipeline.estimate.domains import Domain
from pipeline.estimate.intervals import normal_quantile
from pipeline.estimate.needs import _cut
from pipeline.estimate.planning import (
    BAND_EDGES,
    FACTOR,
    LEAST_READ,
    TARGET,
    _count_bands,
    _standard_error,
    allocate,
    band_of,
    guess_shares,
    plan_reading,
)
from pipeline.estimate.price_readings import price_readings
from pipeline.estimate.price_targets import ADJUDICATE, AT_RANDOM, CHECK, HEADLINE, READ, TOGETHER, Target, find_targets
from pipeline.estimate.prices import SHOWN, _guess_rates, _rank, _second_width, expect_second_width, price_actions
from pipeline.estimate.reader_error import GOLD, OUTSIDE_LABELS, Evidence
from pipeline.estimate.shares import estimate_ends
from pipeline.estimate.survey import Survey, estimate_batch
from pipeline.estimate.tables import _join_samples, _leave_out_predictions
from pipeline.settings import Minutes
from tests.survey_of import CODEBOOK, codes_of, sample_of, survey_of


def bands_of(size: list[float], spread: list[float], read: list[int], base: float) -> pd.DataFrame:
    return pd.DataFrame({"n_population": size, "spread": spread, "n_read": read, "base": base})


def test_more_are_read_where_documents_are_many_and_unlike() -> None:
    # N S is 50 and 10, so n = 60^2 / (0.0016 x 200^2 + 25 + 1) = 40: of them 33.3 and 6.7.
    bands = bands_of([100, 100], [0.25, 0.01], [10, 4], 200.0)
    assert allocate(bands, 0.0016).tolist() == [34 - 10, 7 - 4]
    assert allocate(bands.assign(n_read=[40, 0]), 0.0016).tolist() == [0, 7]  # what is read beyond it is not given back
    # A quarter of the variance: n = 3600 / (16 + 26) = 85.7, of them 71.4 and 14.3.
    assert allocate(bands, 0.0004).tolist() == [72 - 10, 15 - 4]


def test_a_band_that_is_read_in_full_leaves_the_rest_to_the_others_and_none_is_left_out() -> None:
    # n = 105^2 / (10.5 + 2.5 + 10) = 479, of them 22.8 of the first band, which has 10: it is read in full, and the
    # other gets 100^2 / (10.5 + 10) = 487.8.
    bands = bands_of([10, 1000], [0.25, 0.01], [0, 0], 1010.0)
    assert allocate(bands, 10.5 / 1010**2).tolist() == [10, 488]
    # n = 105^2 / (45 + 12.5) = 191.7, of them 9.1 of the first: that is all of it, and the other gets 181.8.
    assert allocate(bands, 45 / 1010**2).tolist() == [10, 182]
    assert (LEAST_READ, TARGET, FACTOR, BAND_EDGES) == (5, 0.1, 0.5, (0.05, 0.25, 0.75, 0.95))
    sure = bands_of([100, 100, 3], [0.25, 0.0, 0.0], [2, 2, 1], 203.0)
    assert allocate(sure, 0.001).tolist()[1:] == [LEAST_READ - 2, 3 - 1]  # a few of what the classifier is sure of
    assert allocate(bands_of([100], [0.0], [0], 100.0), 0.0).tolist() == [LEAST_READ]


def test_the_error_that_is_planned_is_that_of_a_sample_without_replacement() -> None:
    # 100^2 (1 - 0.5) 0.25 / 50 + 100^2 (1 - 0.2) 0.01 / 20 = 25 + 4.
    bands = bands_of([100, 100], [0.25, 0.01], [10, 20], 200.0)
    assert _standard_error(bands, np.array([40, 0])) == pytest.approx(np.sqrt(29) / 200)
    assert _standard_error(bands, np.array([90, 80])) == 0.0
    # A band of which nothing is read counts as if one were.
    assert _standard_error(bands_of([4], [0.25], [0], 4.0), np.array([0])) == pytest.approx(np.sqrt(3) / 4)


def test_a_chance_at_an_edge_is_in_the_band_above_whatever_its_thirteenth_digit() -> None:
    chances = np.array([0.0, 0.0499, 0.05, 0.05 - 1e-13, 0.2499, 0.25, 0.75, 0.9499, 0.95, 1.0])
    assert band_of(chances).tolist() == [0, 0, 1, 1, 1, 2, 3, 3, 4, 4]
    assert band_of(0.25 - np.array([4e-7, 6e-7])).tolist() == [2, 1]  # six digits count


def test_bands_count_the_documents_of_a_domain_and_the_mean_variance_left_in_each() -> None:
    counted = np.array([0.0, 0.5, 0.5, 1.0, 0.9])
    inside = np.array([0.2, 0.5, 1.0, 1.0, 1.0])
    strata = pd.DataFrame({"n_population": [4]})
    domain = Domain("f", "", strata, np.array([True, True, False]), (np.array([0, 1]), np.array([1, 2, 3])))
    table = _count_bands(np.stack([counted, inside], axis=1), np.array([1, 3, 4]), domain, 0.5)
    assert table["band"].tolist() == [0, 2, 4] and table["n_population"].tolist() == [1, 2, 1]  # the fifth is elsewhere
    assert table["n_read"].tolist() == [0, 1, 1] and table["base"].tolist() == [2.7] * 3
    # c (1 - R)^2 + (d - c) R^2 - (c - R d)^2: 0.2 / 4 - 0.01; 0.125 - 0.0625 and 0.125 + 0.125 - 0; 0.25 - 0.25.
    assert table["spread"].tolist() == pytest.approx([0.04, (0.0625 + 0.25) / 2, 0.0])


def test_the_plan_halves_every_interval_and_brings_wide_ones_to_the_target() -> None:
    prediction = np.repeat([[0.1, 0.8, 0.1], [0.6, 0.3, 0.1]], 200, axis=0)
    truth = np.concatenate([np.tile([1, 1, 1, 0], 50), np.tile([0, 0, 0, 1], 50)])
    drawn, settled = np.r_[:20, 200:220], np.arange(40) >= 3
    survey = survey_of(
        *sample_of(truth, np.zeros(400, int), drawn, prediction=prediction, is_settled=settled, phase2_probability=0.9)
    )
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    table = plan_reading(survey, found, "safety", ("strict",))
    shares = found["f", "", "documents", "safety"]
    half = float(shares.high[0] - shares.low[0]) / 2
    assert (
        set(table["definition"]) == {"strict"}
        and set(table["denominator"]) == {"safety"}
        and set(table["year"]) == {""}
    )
    assert half > TARGET and table["half_width_now"].tolist() == pytest.approx([half, half])
    assert table["n_to_adjudicate"].tolist() == [3, 3] and table["n_read"].tolist() == [20, 20]
    guess = guess_shares(survey.population, CODEBOOK.definitions[0], "safety", CODEBOOK)
    assert guess is not None and guess[0] == pytest.approx([0.1, 0.9]) and guess[-1] == pytest.approx([0.6, 0.9])
    bands = _count_bands(guess, survey.population.units, survey.domains[0], float(shares.share[0]))
    z = normal_quantile(0.95)
    assert z == pytest.approx(1.959964)
    assert table["n_more"].tolist() == allocate(bands, (half / 2 / z) ** 2).tolist()
    assert table["n_more_for_target"].tolist() == allocate(bands, (TARGET / z) ** 2).tolist()
    assert 0 < table["n_more_for_target"].sum() < table["n_more"].sum()
    planned = z * _standard_error(bands, table["n_more"].to_numpy())
    assert table["half_width_planned"].tolist() == pytest.approx([planned, planned])
    assert 0.4 * half < planned <= half / 2  # the numbers are whole, and rounded up
    assert not {"spread", "base"} & set(table.columns)


def test_a_narrow_interval_needs_nothing_to_reach_the_target() -> None:
    prediction = np.tile([[0.5, 0.4, 0.1]], (400, 1))
    survey = survey_of(*sample_of(np.tile([0, 1], 200), np.zeros(400, int), np.arange(390), prediction=prediction))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    table = plan_reading(survey, found, "everything", ("strict", "broad"))
    assert set(table["definition"]) == {"strict", "broad"} and (table["half_width_now"] < TARGET).all()
    assert table["n_more_for_target"].tolist() == [0] * len(table)


MINUTES = Minutes(read=4.0, adjudicate=2.0, check=8.0)


def steps(rows: list[tuple[str, str, int, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["action", "what", "n_documents", "points_saved"])


def test_steps_stand_in_the_order_of_what_a_minute_saves() -> None:
    rows = [(READ, "b", 1, 0.4), (READ, "a", 1, 0.4), (CHECK, "gold", 10, 16.0), (TOGETHER, "all", 10, 8.0)]
    rows += [(ADJUDICATE, "d1", 1, 0.6), (READ, "worth nothing", 1, 0.0)]
    ranked = _rank(steps(rows), MINUTES)
    assert ranked["what"].tolist() == ["all", "d1", "gold", "a", "b", "worth nothing"]  # alike: by their names
    assert ranked["minutes"].tolist() == [20, 2, 80, 4, 4, 4] and ranked["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert ranked["saved_per_minute"].tolist() == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.1, 0.0])


def test_of_single_rulings_the_best_fifty_are_listed_and_none_that_saves_nothing() -> None:
    rows = [(ADJUDICATE, f"d{number:02d}", 1, 2.0 + number) for number in range(SHOWN + 5)]
    ranked = _rank(steps([*rows, (READ, "last", 1, 0.0)]), MINUTES)
    assert SHOWN == 50 and ranked["what"].tolist() == [f"d{number:02d}" for number in range(54, 4, -1)] + ["last"]
    few = _rank(
        steps([(ADJUDICATE, "useless", 1, 0.0), (ADJUDICATE, "harmful", 1, -1.0), (TOGETHER, "t", 1, 0.0)]), MINUTES
    )
    assert few["what"].tolist() == ["t"] and few["rank"].tolist() == [1]


def read_survey() -> tuple[Survey, Target]:
    survey = survey_of(*sample_of(np.tile([0, 1, 1, 2], 50), np.zeros(200, int), np.arange(80)))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    return survey, find_targets(survey, found, "safety", [("f", "", "strict")])[0]


def test_the_second_interval_is_that_of_gold_where_there_is_gold() -> None:
    _, target = read_survey()
    key = {"frame": "f", "year": "", "definition": "strict", "denominator": "safety"}
    rows = pd.DataFrame(
        [
            {**key, "basis": OUTSIDE_LABELS, "scope": THEIRS, "low": 0.1, "high": 0.6},
            {**key, "basis": "a basis named before gold", "scope": THEIRS, "low": 0.1, "high": 0.7},
            {**key, "basis": GOLD, "scope": THEIRS, "low": 0.25, "high": 0.5},
            {**key, "basis": GOLD, "scope": AS_READ, "low": 0.0, "high": 0.9},
            {**key, "year": "2019", "basis": GOLD, "scope": THEIRS, "low": 0.0, "high": 0.8},
        ]
    )
    assert _second_width(target, rows) == 0.25
    assert _second_width(target, rows[rows["basis"] != GOLD].head(1)) == 0.5
    assert _second_width(target, rows[rows["scope"] == AS_READ]) is None
    assert _second_width(target, rows[rows["year"] != ""]) is None and _second_width(target, rows.head(0)) is None


def test_without_labels_nine_in_ten_stand_and_labels_draw_that_to_what_they_say() -> None:
    survey, target = read_survey()
    guess = _guess_rates(survey, target, [], "x")
    assert guess.tolist() == pytest.approx(np.array([[0.9, 0.9], [0.1, 0.9], [0.1, 0.1]]))
    # Of four that counted people count one, and put three inside; of the source y there is no label.
    ids = pd.Index([f"d{number}" for number in range(4)])
    allowed = np.eye(3, dtype=bool)[[0, 1, 1, 2]]
    label = Evidence(
        OUTSIDE_LABELS, np.full(4, "x"), codes_of(np.zeros(4, int), ids), None, allowed, np.ones(4), ids.to_numpy()
    )
    rates = _guess_rates(survey, target, [label], "x")
    assert rates[0].tolist() == pytest.approx([(1 + 0.9) / 5, (3 + 0.9) / 5]) and rates[1:] == pytest.approx(guess[1:])
    assert _guess_rates(survey, target, [label], "y") == pytest.approx(guess)


def test_rulings_on_open_documents_are_priced_one_by_one_and_together() -> None:
    truth, drawn = np.tile([0, 1, 1, 2], 50), np.arange(80)
    settled = drawn % 2 == 0
    said = np.where(drawn % 16 == 0, 1, truth[drawn])  # what counts was taken for something else, now and then
    survey = survey_of(
        *sample_of(truth, np.zeros(200, int), drawn, readers=(said, said), is_settled=settled, phase2_probability=0.5)
    )
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    targets = find_targets(survey, found, "safety", [("f", "", "strict"), ("f", "", "broad")])
    rows = price_actions(survey, targets, [], np.full(80, "x"), pd.DataFrame(), MINUTES)
    assert set(rows["target"]) == {HEADLINE, "f strict", "f broad"}
    for name, group in ((HEADLINE, targets), ("f strict", targets[:1])):
        own = rows[rows["target"] == name]
        together = own[own["action"] == TOGETHER]
        assert together["what"].tolist() == ["every open document"] and together["n_documents"].tolist() == [40]
        assert together["minutes"].tolist() == [80.0]  # no classifier, so nothing surprises
        all_saved = sum(target.influence.settle_all(~settled[target.influence.rows]) for target in group)
        assert together["points_saved"].tolist() == pytest.approx([100 * all_saved / len(group)])
        saved = pd.Series(0.0, survey.sample.units.index)
        for target in group:
            saved.iloc[target.influence.rows] += 100 * target.influence.settle_one() / len(group)
        singles = own[own["action"] == ADJUDICATE].set_index("what")
        assert len(singles) and set(singles.index) <= set(survey.sample.units.index[~settled])
        assert singles["points_saved"].tolist() == pytest.approx(saved[singles.index].tolist())
        assert set(singles["minutes"]) == {2.0} and (saved[~settled].sort_values().tail(9) > 0).all()
        widths = [100 * target.influence.width for target in group]
        assert set(own["points_now"].round(9)) == {round(sum(widths) / len(widths), 9)}


def read_in_full() -> tuple[Survey, list[Target]]:
    survey = survey_of(*sample_of(np.tile([0, 1, 1, 2], 20), np.zeros(80, int), np.arange(80)))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    return survey, find_targets(survey, found, "safety", [("f", "", "strict"), ("f", "", "broad")])


def test_what_gold_would_leave_is_the_variance_of_its_rates_times_what_each_moves() -> None:
    """Twenty count, forty are inside only, twenty outside, all read and settled: only people's rates are in doubt.

    Gold of 80 has 20, 40 and 20 of them. The rates .9 and .1 with half a document more of either answer vary by
    18.5 x 2.5 / (21^2 x 22) and 36.5 x 4.5 / (41^2 x 42). A third of the inside counts, so that a change of the states
    moves the share by 20/60, 40/60 and 20/60 where it is about counting, and by a third of that where about scope.
    """
    survey, (strict, _) = read_in_full()
    few, many = 18.5 * 2.5 / (21**2 * 22), 36.5 * 4.5 / (41**2 * 42)
    variance = 2 * few * (1 / 9 + 1 / 81) + many * (4 / 9 + 4 / 81)
    assert strict.influence.variance == pytest.approx(0, abs=1e-15)
    width = expect_second_width(survey, strict, [], np.full(80, "x"), 80)
    assert width == pytest.approx(2 * 1.959964 * np.sqrt(variance))
    # Of two sources each has half of every state, and half of the gold.
    few, many = 9.5 * 1.5 / (11**2 * 12), 18.5 * 2.5 / (21**2 * 22)
    variance = (2 * few * (1 / 9 + 1 / 81) + many * (4 / 9 + 4 / 81)) / 2
    halves = np.repeat(["x", "y"], 40)
    assert expect_second_width(survey, strict, [], halves, 80) == pytest.approx(2 * 1.959964 * np.sqrt(variance))


def test_checks_are_priced_by_what_gold_of_four_sizes_saves_of_the_second_interval() -> None:
    survey, targets = read_in_full()
    source = np.full(80, "x")
    key = {"frame": "f", "year": "", "denominator": "safety", "basis": OUTSIDE_LABELS, "scope": THEIRS}
    strict_row, broad_row = ({**key, "definition": name} for name in ("strict", "broad"))
    wide = [{**strict_row, "low": 0.1, "high": 0.6}, {**broad_row, "low": 0.9, "high": 0.91}]
    rows = price_actions(survey, targets, [], source, pd.DataFrame(wide), MINUTES)
    assert set(rows["action"]) == {CHECK} and set(rows["interval"]) == {"as people would"}
    strict = rows[rows["target"] == "f strict"].sort_values("n_documents")
    assert strict["what"].tolist() == [f"gold of {size}" for size in (50, 125, 250, 500)]
    assert strict["n_documents"].tolist() == [50, 125, 250, 500]
    left = [expect_second_width(survey, targets[0], [], source, size) for size in (50, 125, 250, 500)]
    assert strict["points_saved"].tolist() == pytest.approx([100 * (0.5 - width) for width in left])
    assert strict["points_now"].tolist() == pytest.approx([50.0] * 4)
    assert strict["minutes"].tolist() == [400, 1000, 2000, 4000]
    broad = rows[rows["target"] == "f broad"]  # narrower than gold of fifty makes it: that saves nothing
    assert broad["points_saved"].min() == 0.0
    both = rows[rows["target"] == HEADLINE].sort_values("n_documents")
    assert both["points_now"].tolist() == pytest.approx([25.5] * 4)
    alone = broad.sort_values("n_documents")["points_saved"].to_numpy()
    assert both["points_saved"].tolist() == pytest.approx(((strict["points_saved"].to_numpy() + alone) / 2).tolist())


def test_no_more_is_read_of_a_stratum_than_it_has_and_then_nothing_is_left_to_doubt() -> None:
    survey = survey_of(*sample_of(np.tile([0, 1, 1, 2], 50), np.zeros(200, int), np.arange(150)))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    targets = find_targets(survey, found, "safety", [("f", "", "strict")])
    rows = {row["action"]: row for row in price_readings(survey, targets)}
    assert rows[AT_RANDOM]["n_documents"] == 50 and rows[READ]["n_documents"] == 1
    assert rows[AT_RANDOM]["points_saved"] == pytest.approx(100 * targets[0].influence.width)


@pytest.mark.parametrize("by_bands", [False, True])
def test_the_pieces_that_are_shared_out_make_up_the_variance_of_their_strata(by_bands: bool) -> None:
    prediction = np.tile([[0.1, 0.8, 0.1], [0.5, 0.4, 0.1], [0.9, 0.05, 0.05]], (200, 1))
    truth = (np.random.default_rng(5).random(600)[:, None] > prediction.cumsum(axis=1)[:, :2]).sum(axis=1)
    stratum, drawn = np.repeat([0, 1], 300), np.r_[:60, 300:390]
    survey = survey_of(*sample_of(truth, stratum, drawn, prediction=prediction))
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    target = find_targets(survey, found, "safety", [("f", "", "strict")])[0]
    pieces = list(_cut(survey, target, by_bands=by_bands))
    assert len(pieces) == (6 if by_bands else 2) and sum(size for _, size, _, _ in pieces) == 600
    assert sum(read for read, _, _, _ in pieces) == 150 and {full for *_, full in pieces} == {1.0}
    for number, own in enumerate((pieces[: len(pieces) // 2], pieces[len(pieces) // 2 :])):
        rows = (survey.sample.units["stratum"] == f"f/s{number}").to_numpy()
        part = target.influence.part_of(rows[target.influence.rows])
        assert part > 0 and sum(spread * (1 / n - 1 / of) for n, of, spread, _ in own) == pytest.approx(part)


def test_a_replicate_without_anything_inside_costs_no_share_its_ends() -> None:
    survey = survey_of(*sample_of(np.tile([0, 1, 1, 2], 50), np.zeros(200, int), np.arange(80)))
    part = survey.part(survey.domains[0])
    assert part is not None
    counted = survey.definitions(CODEBOOK.definitions)
    inside = survey.inside(CODEBOOK.denominators["safety"])
    totals = part.totals.copy()
    totals[1] = 0.0
    share, low, high = estimate_ends(replace(part, totals=totals), counted, inside, 0.95)
    whole = estimate_ends(part, counted, inside, 0.95)
    assert share.tolist() == whole[0].tolist() and low[0] == pytest.approx(whole[1][0], abs=0.01)
    assert high[0] == pytest.approx(whole[2][0], abs=0.01) and low[0] < share[0] < high[0]
    totals[0] = 0.0
    assert np.isnan(estimate_ends(replace(part, totals=totals), counted, inside, 0.95)).all()


def test_samples_join_row_by_row_and_what_is_of_the_whole_reading_stands_once() -> None:
    def part(share: float, names: list[str]) -> dict[str, pd.DataFrame]:
        guesses = pd.DataFrame({"kind": "document", "id": names, "query": "leaf A1", "probability": share})
        one = pd.DataFrame({"share": [share]})
        return {"shares": one, "guesses": guesses, "reader_error": one, "prices": one, "claims": one.head(0)}

    first = part(0.1, ["a", "b"])
    tables = _join_samples([first, part(0.2, ["b", "c"]) | {"claims": pd.DataFrame({"share": [0.7]})}])
    assert tables["shares"]["share"].tolist() == [0.1, 0.2] and tables["claims"]["share"].tolist() == [0.7]
    assert tables["guesses"]["id"].tolist() == ["a", "b", "c"]
    assert tables["guesses"]["probability"].tolist() == [0.1, 0.1, 0.2]  # the first sample's
    assert tables["reader_error"]["share"].tolist() == tables["prices"]["share"].tolist() == [0.1]
    bare = _join_samples([first | {"claims": first["claims"]}])
    assert bare["claims"].empty and list(bare["claims"]) == ["share"]


def test_without_predictions_a_share_is_that_of_what_was_read() -> None:
    prediction = np.tile([[0.9, 0.05, 0.05]], (200, 1))  # far from the truth: a quarter counts
    survey = survey_of(*sample_of(np.tile([0, 1, 1, 1], 50), np.zeros(200, int), np.arange(81), prediction=prediction))
    blind = _leave_out_predictions(survey)
    assert blind.population.predictions is None and survey.population.predictions is not None
    assert len(blind.weights.replicates) == 2 and blind.weights.weight.tolist() == pytest.approx([200 / 81] * 81)
    share = estimate_batch(blind, CODEBOOK.definitions, [])["f", "", "documents", "safety"].share
    assert share.tolist() == pytest.approx([21 / 81, 1.0])
