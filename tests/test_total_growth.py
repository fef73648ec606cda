"""Growth of totals: by hand, against the table of totals, and against the replicates themselves."""

import numpy as np
import pandas as pd
import pytest

from pipeline.estimate.growth import _tell, compare_ratio, measure_total_growth
from pipeline.estimate.shares import Shares
from pipeline.estimate.totals import count_totals
from tests.invented_survey import CODEBOOK, invent_survey


def shares(share: list[float], low: list[float], high: list[float], replicates: np.ndarray) -> Shares:
    none = np.zeros(len(share))
    return Shares(np.array(share), np.array(low), np.array(high), none, none, replicates, 50, 49)


def test_the_ends_are_those_of_both_years_on_the_logarithm() -> None:
    still = np.zeros((4, 3))  # nothing varies together
    early = shares([0.2, 0.0, 0.2], [0.1, 0.0, 0.0], [0.4, 0.1, 0.4], still)
    late = shares([0.3, 0.3, 0.3], [0.2, 0.2, 0.2], [0.45, 0.45, 0.45], still)
    low, ratio, high = compare_ratio(early, late)
    assert ratio[0] == pytest.approx(1.5) and np.isnan(ratio[1]), "of none there is no growth"
    assert low[0] == pytest.approx(1.5 * np.exp(-np.hypot(np.log(1.5), np.log(2.0))))
    assert high[0] == pytest.approx(1.5 * np.exp(np.hypot(np.log(1.5), np.log(2.0))))
    assert low[2] == pytest.approx(low[0]) and high[2] == np.inf, "if there may have been none, there is no upper end"


def test_growth_of_the_number_is_that_of_the_share_times_that_of_the_frame() -> None:
    told = _tell(np.array([0.5, 1.0, np.inf]), 3.0)
    assert (told["low"], told["ratio"], told["high"]) == (1.5, 3.0, None)
    assert (told["relative_low"], told["relative"], told["relative_high"]) == (0.5, 1.0, None)


def test_years_that_vary_together_are_compared_more_closely() -> None:
    wave = np.array([[0.01], [-0.01], [0.02], [-0.02]])
    early, late = shares([0.2], [0.15], [0.26], 0.2 + wave), shares([0.3], [0.22], [0.38], 0.3 + wave)
    apart = shares([0.3], [0.22], [0.38], 0.3 + wave[[2, 3, 1, 0]])
    close, far = compare_ratio(early, late), compare_ratio(early, apart)
    assert close[1] == far[1] and close[2] - close[0] < far[2] - far[0]


def test_growth_is_that_of_the_table_of_totals_and_its_interval_that_of_the_replicates() -> None:
    survey = invent_survey()
    table = measure_total_growth(survey, CODEBOOK.definitions)
    totals = count_totals(survey, CODEBOOK.definitions).set_index(["frame", "year", "denominator", "definition"])
    assert (
        len(table)
        and not table.duplicated(["frame", "denominator", "definition", "kind", "from_year", "to_year"]).any()
    )
    for row in table.to_dict("records"):
        early, late = (
            totals.loc[(row["frame"], row[year], row["denominator"], row["definition"])]
            for year in ("from_year", "to_year")
        )
        assert (row["count_from"], row["count_to"]) == pytest.approx((early["count"], late["count"]))
        assert row["whole_ratio"] == pytest.approx(late["n_population"] / early["n_population"])
        if pd.notna(row["ratio"]):
            assert row["ratio"] == pytest.approx(late["count"] / early["count"])
            assert row["ratio"] == pytest.approx(row["relative"] * row["whole_ratio"])
            assert row["low"] <= row["ratio"] and (pd.isna(row["high"]) or row["ratio"] <= row["high"])
    frame = table["frame"].iloc[0]
    years = sorted(domain.year for domain in survey.domains if domain.frame == frame and domain.year)[:2]
    name, denominator = next(iter(CODEBOOK.denominators.items()))
    domains = {(domain.frame, domain.year): domain for domain in survey.domains}
    parts = [survey.part(domains[frame, year]) for year in years]
    drawn = [part.totals @ survey.inside(denominator) for part in parts if part is not None]
    wanted = (table["frame"] == frame) & (table["denominator"] == name) & (table["definition"] == "")
    row = table[wanted & (table["from_year"] == years[0]) & (table["to_year"] == years[1])].iloc[0]
    spread = 2 * 1.96 * float(np.std(np.log(drawn[1][1:] / drawn[0][1:])))
    assert np.log(row["high"] / row["low"]) == pytest.approx(spread, rel=0.3)
