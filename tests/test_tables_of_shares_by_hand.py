"""Tables that follow from shares, by hand: growth, agendas, the curve of specifications, claims under a dial."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.codebook import Toggles
from pipeline.estimate.agendas import denominator_of, estimate_growth, list_agendas
from pipeline.estimate.claims import (
    ALIKE,
    BOTH,
    EARLY,
    LATE,
    MEASURED,
    MISSED,
    OVERCALLED,
    SCOPE,
    _find_end,
    _find_measured,
    tabulate_claims,
    turn,
    widen_scope,
)
from pipeline.estimate.curve import (
    Specifications,
    _describe,
    _measure_toggles,
    _nest,
    _thin,
    draw_lines,
    estimate_specifications,
    list_specifications,
)
from pipeline.estimate.growth import COLUMNS, _tell, compare_ratio, measure_total_growth
from pipeline.estimate.shares import Shares
from pipeline.estimate.survey import Survey
from pipeline.settings import Claim
from tests.invented_survey import CODEBOOK, invent_survey
from tests.survey_of import CODEBOOK as THREE
from tests.survey_of import sample_of, share_of, survey_of


@pytest.fixture(scope="module")
def survey() -> Survey:
    return invent_survey()


def shares_of(share: float, low: float, high: float, replicates: list[float]) -> Shares:
    none = np.zeros(1)
    return Shares(
        np.array([share]), np.array([low]), np.array([high]), none, none, np.array(replicates)[:, None], 50, 49
    )


@pytest.mark.parametrize(("years", "kinds"), [(1, []), (2, ["step"]), (3, ["change", "step", "step"])])
def test_growth_is_from_each_year_to_the_next_and_of_three_or_more_from_the_first_to_the_last(
    survey: Survey, years: int, kinds: list[str]
) -> None:
    wanted = ["2018", "2019", "2020"][:years]
    few = replace(survey, domains=tuple(each for each in survey.domains if each.year in wanted))
    rows = measure_total_growth(few, CODEBOOK.definitions)
    assert list(rows.columns) == list(COLUMNS)
    rows = rows.query("denominator == 'everything' and definition == 'strict'")
    assert rows["kind"].tolist() == kinds
    spans = list(zip(rows["from_year"], rows["to_year"], strict=True))
    steps = list(itertools.pairwise(wanted))
    assert spans == ([("2018", "2020")] if years == 3 else []) + steps
    assert (rows["whole_ratio"] == 1).all()  # a hundred documents a year


def test_the_whole_grows_by_documents_and_each_count_is_its_share_of_them() -> None:
    # 20 of 100 in the first year, read in full, and 120 of 200 in the second: 0.2 and 0.6, 20 and 120.
    truth = np.concatenate([np.where(np.arange(100) < 20, 0, 1), np.where(np.arange(200) < 120, 0, 1)])
    stratum = np.repeat([0, 1], [100, 200])
    sample, population = sample_of(truth, stratum, np.arange(300))
    strata = sample.strata.assign(year=["2019", "2020"])
    survey = survey_of(replace(sample, strata=strata), population)
    rows = measure_total_growth(survey, THREE.definitions)
    [row] = rows.query("denominator == 'safety' and definition == 'strict'").to_dict("records")
    assert (row["count_from"], row["count_to"], row["whole_ratio"]) == pytest.approx((20, 120, 2))
    assert (row["relative"], row["ratio"], row["low"], row["high"]) == pytest.approx((3, 6, 6, 6))


def test_what_two_years_share_is_taken_off_their_growth() -> None:
    # Both years' replicates are the same: the distance of each end is that of the ends apart, ln 1.5 less ln 1.2.
    wave = [0.01, -0.01, 0.02, -0.02]
    early = shares_of(0.2, 0.2 / 1.2, 0.2 * 1.2, [0.2 + each for each in wave])
    late = shares_of(0.3, 0.3 / 1.5, 0.3 * 1.5, [0.3 + each for each in wave])
    low, ratio, high = compare_ratio(early, late)[:, 0]
    assert (low, ratio, high) == pytest.approx((1.5 / 1.25, 1.5, 1.5 * 1.25))
    against = replace(late, replicates=0.6 - late.replicates)
    assert compare_ratio(early, against)[:, 0] == pytest.approx([1.5 / 1.8, 1.5, 1.5 * 1.8])
    assert _tell(np.array([np.nan, 2.0, 4.0]), 0.5) == {
        **{"relative_low": None, "relative": 2.0, "relative_high": 4.0},
        **{"low": None, "ratio": 1.0, "high": 2.0},
    }


def test_an_agenda_is_a_group_a_leaf_or_leaves_together_of_the_first_denominator_or_of_everything() -> None:
    agendas = list_agendas(CODEBOOK, {"both": ("A1", "B1")})
    assert list(agendas) == ["A", "B", "E", "N", "A1", "A2", "B1", "E1", "N0", "A1+B1"]
    assert agendas["A1+B1"][0] == "both" and agendas["A1+B1"][1].leaves == ("A1", "B1")
    assert [denominator_of(code, CODEBOOK) for code in ("A", "A1", "A1+B1", "N", "N0", "N0+A1", "A1+N0")] == [
        *["safety"] * 3,
        *["everything"] * 3,
        "safety",
    ]


def test_growth_of_agendas_needs_three_years_at_both_ends(survey: Survey) -> None:
    years = [each for each in survey.domains if each.year]
    rows = estimate_growth(survey, {})
    assert set(rows["early_years"]) == {"2018–2020"} and set(rows["late_years"]) == {"2021–2023"}
    assert set(rows["code"]) == {"A1", "A2", "B1", "E1"}  # neither groups nor what is outside
    assert (rows["n_read"] == 18 + 20 + 22 + 20 + 100 + 2).all()
    np.testing.assert_allclose(rows["change_share"], rows["late_share"] - rows["early_share"])
    assert estimate_growth(replace(survey, domains=tuple(years[:5])), {}).empty


def test_ends_of_specifications_are_nested_one_toggle_at_a_time() -> None:
    # Numbers are 00, 01, 10, 11: what counts more has no lower end below, and no upper end below.
    found = _nest(np.array([0.3, 0.2, 0.1, 0.4]), np.array([0.5, 0.4, 0.6, 0.55]), 2)
    assert found["low"].tolist() == [0.1, 0.2, 0.1, 0.4]
    assert found["high"].tolist() == [0.5, 0.5, 0.6, 0.6]
    alone = _nest(np.array([0.3, 0.1]), np.array([0.5, 0.2]), 1)
    assert alone["low"].tolist() == [0.1, 0.1] and alone["high"].tolist() == [0.5, 0.5]


def test_each_toggle_moves_the_share_by_so_much_over_all_states_of_the_others() -> None:
    names = np.array(["a", "b"])
    rows = _measure_toggles(np.array([0.1, 0.2, 0.4, 0.9]), names).to_dict("records")
    assert rows[0] == pytest.approx(
        {"toggle": "a", "mean_effect": 0.5, "least_effect": 0.3, "greatest_effect": 0.7}, nan_ok=True
    )
    assert rows[1] == pytest.approx({"toggle": "b", "mean_effect": 0.3, "least_effect": 0.1, "greatest_effect": 0.5})
    assert [_describe(number, names) for number in range(4)] == ["", "b", "a", "a b"]


def test_points_of_the_curve_are_in_the_order_of_shares_and_then_of_numbers() -> None:
    none = np.zeros((1, 0), dtype=bool)
    specifications, names = Specifications((), (), none, (), none), np.array(["a", "b"])
    thin = _thin(pd.DataFrame({"share": [0.4, 0.1, 0.4 - 1e-12, 0.1 + 1e-8]}), specifications, names)
    assert thin["included"].tolist() == ["b", "a b", "", "a"] and thin["rank"].tolist() == [0, 1, 2, 3]


def test_specifications_are_every_way_of_drawing_the_contested_lines() -> None:
    contested = replace(CODEBOOK, toggles=Toggles(leaves=("E1", "A1"), axes={"target": ("y",)}))
    found = list_specifications(contested)
    # The narrowest is A1 and A2; B1, uncontested, moves with the widest; A1 counts always.
    assert found.toggles == (("E1",), ("B1",), ("target y",)) and found.leaves == ("A1", "A2", "B1", "E1", "N0")
    expected = [[True, True, rest, leaf, False] for leaf in (False, True) for rest in (False, True) for _ in range(2)]
    assert found.is_direct.tolist() == expected
    assert found.allows.ravel().tolist() == [False, True] * 4
    records = pd.DataFrame({"leaf": ["A1", "E1", "B1", "N0"], "target": ["y", "x", "y", "x"]})
    matched = found.match(records)
    assert matched[0].tolist() == [False, False, False, False] and matched[1].tolist() == [True, False, False, False]
    assert matched[4].tolist() == [False, True, False, False] and matched[7].tolist() == [True, True, True, False]


def test_every_specification_is_estimated_as_if_it_were_a_definition_of_its_own(survey: Survey) -> None:
    codebook = replace(CODEBOOK, toggles=Toggles(leaves=("E1", "A2", "N0")))
    survey = replace(survey, codebook=codebook)
    specifications = list_specifications(codebook)
    base = codebook.denominators["everything"]
    lines = draw_lines(survey, base, specifications)
    domain = survey.domains[0]
    found = estimate_specifications(survey, domain, lines, len(specifications.toggles))
    part = survey.part(domain)
    assert found is not None and part is not None
    records = survey.weights.codes.records
    counted = specifications.match(records)
    share = counted @ part.totals[0] / part.totals[0].sum()
    np.testing.assert_allclose(found["share"], share, atol=1e-12)
    outside = replace(survey, codebook=codebook)
    nobody = replace(domain, rows=np.zeros(len(domain.rows), dtype=bool))
    assert estimate_specifications(outside, nobody, lines, 2) is None


def test_a_dial_moves_a_share_its_ends_and_its_replicates_alike() -> None:
    shares = shares_of(0.4, 0.3, 0.6, [0.35, 0.45])
    moved = turn(shares, 0.25, 0.1)  # 0.75 s + 0.1 (1 - s)
    assert (moved.share[0], moved.low[0], moved.high[0]) == pytest.approx((0.36, 0.295, 0.49))
    assert moved.replicates[:, 0] == pytest.approx([0.3275, 0.3925])
    turned = turn(shares, 0.75, 0.75)  # 0.75 - 0.5 s: the ends change places
    assert (turned.share[0], turned.low[0], turned.high[0]) == pytest.approx((0.55, 0.45, 0.6))
    wide = widen_scope(shares, 0.5, 0.4)  # (s + 0.2) / 1.2
    assert (wide.share[0], wide.low[0], wide.high[0]) == pytest.approx((0.5, 0.5 / 1.2, 0.8 / 1.2))
    assert wide.replicates[:, 0] == pytest.approx([0.55 / 1.2, 0.65 / 1.2])


def test_a_claim_ends_at_the_first_thousandth_of_error_at_which_it_does_not_hold() -> None:
    for end in (0, 1, 19, 20, 21, 40, 979, 980, 999, 1_000):
        assert _find_end(lambda error, _, end=end: error < end / 1_000, by_interval=True) == end / 1_000
    assert _find_end(lambda *_: True, by_interval=True) is None
    assert _find_end(lambda _, sure: sure, by_interval=False) == 0


def test_a_claim_of_a_limit_holds_strictly_below_or_above_it() -> None:
    # A census read in full: a quarter counts, a half is inside only, a quarter is outside.
    survey = survey_of(*sample_of(np.tile([0, 1, 1, 2], 10), np.zeros(40, dtype=int), np.arange(40)))
    share = float(share_of(survey).share[0])
    assert share == pytest.approx(1 / 3)

    def tell(**limits: float) -> pd.DataFrame:
        claim = Claim("one", "", "f", "strict", **limits)  # type: ignore[arg-type]
        return tabulate_claims(survey, [claim], pd.DataFrame(), np.full(40, "x"), "safety").set_index("dial")

    assert (tell(below=share)["turns_at"] == 0).all() and (tell(above=share)["turns_at"] == 0).all()
    # (1 - e) / 3 = 0.3, 1 / 3 + 2 e / 3 = 0.4, (1 - e) / 3 + 2 e / 3 = 0.4; outside is a third of what is inside:
    # (1 / 3 + e / 3) / (1 + e / 3) = 0.4.
    below, above = tell(below=0.4 - 1e-9)["turns_at"], tell(above=0.3 + 1e-9)["turns_at"]
    assert below[MISSED] == pytest.approx(0.1) and below[BOTH] == pytest.approx(0.2)
    assert below[SCOPE] == pytest.approx(0.334) and np.isnan(below[OVERCALLED])
    assert above[OVERCALLED] == pytest.approx(0.1) and above.drop(OVERCALLED).isna().all()
    assert (tell(below=0.4 - 1e-9)["ends_at"] == below)[[MISSED, BOTH, SCOPE]].all()  # read in full: no interval


def test_each_dial_stands_beside_the_error_of_its_own_kind() -> None:
    states = {dial: MEASURED[dial] for dial in MEASURED}
    assert states == {
        **{MISSED: ("denominator only", "counts"), LATE: ("denominator only", "counts")},
        **{OVERCALLED: ("counts", "counts"), EARLY: ("counts", "counts"), SCOPE: ("outside", "counts")},
    }
    errors = pd.DataFrame(
        {
            "source": "x",
            "definition": "strict",
            "denominator": "safety",
            "settled": "counts",
            "asked": "counts",
            "basis": ["outside labels", "gold", "gold"],
            "n_decided": [1, 1, 0],
            "change_chance": [0.1, 0.2, 0.3],
            "low": 0.0,
            "high": 0.5,
        }
    )
    place = {"definition": "strict", "denominator": "safety"}
    found = _find_measured(errors, OVERCALLED, place, "x")
    assert (found["basis"], found["n_decided"], found["measured_chance"]) == ("gold", 1, 0.2)
    assert _find_measured(errors[:1], OVERCALLED, place, "x")["measured_chance"] == 0.1
    for nothing in (
        _find_measured(errors[2:], OVERCALLED, place, "x"),
        _find_measured(errors, MISSED, place, "x"),
        _find_measured(errors, OVERCALLED, place, "y"),
        _find_measured(errors, ALIKE, place, "x"),
        _find_measured(errors[:0], OVERCALLED, place, "x"),
    ):
        assert (nothing["basis"], nothing["n_decided"], nothing["measured_chance"]) == ("", 0, None)
