"""What reader error a claim bears: falls and shares of one year, beside the arithmetic of their points."""

import logging

import numpy as np
import pandas as pd
import pytest

from pipeline.config import Claim
from pipeline.errors import ConfigError
from pipeline.estimate.claims import ALIKE, BOTH, EARLY, LATE, MISSED, OVERCALLED, SCOPE, _find_end, tabulate_claims
from pipeline.estimate.reader_error import ASKED, GOLD, ONLY_INSIDE, OUTSIDE_LABELS, STATES
from pipeline.estimate.survey import Survey, estimate_batch
from tests.invented_survey import CODEBOOK, invent_survey

DIAL = 1_000  # steps of it


@pytest.fixture(scope="module")
def survey() -> Survey:
    return invent_survey()


def share_in(survey: Survey, year: str, denominator: str = "safety") -> float:
    return float(estimate_batch(survey, CODEBOOK.definitions[:1], [])["f", year, "documents", denominator].share[0])


def ask(survey: Survey, claim: Claim, errors: pd.DataFrame | None = None) -> pd.DataFrame:
    source = np.full(len(survey.sample.units), "forum")
    table = tabulate_claims(survey, [claim], pd.DataFrame() if errors is None else errors, source, "safety")
    return table.set_index("dial")


def reach(error: float) -> float:
    """Returns the first step of the dial at or beyond an error."""
    return np.ceil(error * DIAL - 1e-9) / DIAL


def test_a_fall_ends_where_the_arithmetic_of_its_two_years_says(survey: Survey) -> None:
    early, late = share_in(survey, "2018"), share_in(survey, "2022")
    assert early > late + 0.05
    found = ask(survey, Claim("fall", "it fell", "f", "strict", year="2022", from_year="2018"))
    assert found["turns_at"].to_dict() == pytest.approx(
        {LATE: reach((early - late) / (1 - late)), EARLY: reach(1 - late / early), ALIKE: reach(0.5)}
    )
    assert (found["ends_at"] <= found["turns_at"]).all()  # it is unsure before it is untrue


def test_a_fall_without_a_last_year_is_to_the_last_there_is(survey: Survey) -> None:
    claim = Claim("fall", "", "f", "strict", from_year="2018")
    last = Claim("fall", "", "f", "strict", from_year="2018", year="2023")
    pd.testing.assert_frame_equal(ask(survey, claim), ask(survey, last))
    rise = ask(survey, Claim("rise", "", "f", "strict", from_year="2022", year="2018"))
    assert (rise["ends_at"] == 0).all() and (rise["turns_at"] == 0).all()  # it does not hold as read


def test_a_share_of_a_year_and_of_another_denominator_turns_where_it_should(survey: Survey) -> None:
    share, outside = share_in(survey, "2022", "everything"), 0.0
    limit = share + 0.2
    found = ask(survey, Claim("low", "", "f", "strict", denominator="everything", year="2022", below=limit))["turns_at"]
    assert found[MISSED] == pytest.approx(reach(0.2 / (1 - share)))
    assert found[BOTH] == pytest.approx(reach(0.2 / (1 - 2 * share)))
    assert pd.isna(found[OVERCALLED])  # it would only be lower
    assert pd.isna(found[SCOPE]) and outside == 0  # nothing is outside everything
    above = ask(survey, Claim("high", "", "f", "strict", year="2022", above=share_in(survey, "2022") - 0.1))["turns_at"]
    assert above[OVERCALLED] == pytest.approx(reach(0.1 / share_in(survey, "2022")))
    assert pd.isna(above[MISSED])


def test_work_put_outside_comes_in_as_counting(survey: Survey) -> None:
    part = survey.part(survey.domains[0])
    assert part is not None
    inside = survey.inside(CODEBOOK.denominators["safety"])
    outside = float(part.totals[0] @ ~inside / (part.totals[0] @ inside))
    share = share_in(survey, "")
    limit = (share + 0.3 * outside) / (1 + 0.3 * outside)
    found = ask(survey, Claim("low", "", "f", "strict", below=limit))["turns_at"]
    assert found[SCOPE] == pytest.approx(0.3, abs=1.5 / DIAL)


def errors_of(basis: str, chance: float, n_decided: int = 12, **others: str) -> dict[str, object]:
    place = {"source": "forum", "definition": "strict", "denominator": "safety", "settled": STATES[ONLY_INSIDE]}
    numbers = {"n_decided": n_decided, "change_chance": chance, "low": chance / 2, "high": 2 * chance}
    return {**place, "asked": ASKED[0], "basis": basis, **numbers, **others}


def test_the_measured_error_is_that_of_the_same_share_and_gold_comes_first(survey: Survey) -> None:
    claim = Claim("low", "", "f", "strict", below=0.9)
    rows = [errors_of(OUTSIDE_LABELS, 0.1), errors_of(GOLD, 0.2), errors_of(GOLD, 0.3, source="arxiv")]
    rows += [errors_of(GOLD, 0.4, definition="broad"), errors_of(GOLD, 0.5, denominator="everything")]
    found = ask(survey, claim, pd.DataFrame(rows))
    assert found.loc[MISSED, ["basis", "measured_chance", "measured_low", "measured_high"]].tolist() == [
        GOLD,
        0.2,
        0.1,
        0.4,
    ]
    assert (found.loc[[OVERCALLED, BOTH, SCOPE], "n_decided"] == 0).all()
    undecided = ask(survey, claim, pd.DataFrame([errors_of(GOLD, 0.2, n_decided=0)]))
    assert undecided.loc[MISSED, "basis"] == "" and pd.isna(undecided.loc[MISSED, "measured_chance"])


def test_a_claim_about_a_year_that_nobody_read_is_left_out_and_said(
    survey: Survey, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert tabulate_claims(
            survey,
            [Claim("far", "", "f", "strict", year="2031", below=0.5)],
            pd.DataFrame(),
            np.array(["x"] * 182),
            "safety",
        ).empty
    assert "far is about documents that nobody has read yet" in caplog.text
    with pytest.raises(ConfigError, match="there is no denominator 'nothing'"):
        ask(survey, Claim("c", "", "f", "strict", denominator="nothing", below=0.5))


def test_the_end_of_a_claim_is_found_to_a_thousandth_wherever_it_lies() -> None:
    for end in (0.0, 0.001, 0.019, 0.02, 0.021, 0.5, 0.999, 1.0):
        assert _find_end(lambda error, by_interval, end=end: error < end and by_interval, True) == end
    assert _find_end(lambda *_: True, False) is None and _find_end(lambda _, by_interval: by_interval, False) == 0.0
