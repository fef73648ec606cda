"""The dial: at which reader error does a claim cease to hold.

A claim is data of the study ([[claims]] in its configuration). Reader error is turned up in one direction at a time;
each direction moves a share s, and the ends of its interval, to (1 - a) s + b (1 - s), where a is the chance that what
counts should not, and b that what is in the denominator only should. Errors of scope bring in what was put outside, as
counting: (s + e o) / (1 + e o), with o outside for one in the denominator. A trend moves most when readers err
differently in its first and its last year, so that is what its dials turn.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.errors import ConfigError
from pipeline.estimate.differences import compare_parts
from pipeline.estimate.reader_error import ASKED, COUNTS, GOLD, ONLY_INSIDE, OUTSIDE, STATES
from pipeline.estimate.shares import Shares, estimate_shares
from pipeline.estimate.survey import Survey
from pipeline.settings import Claim

log = logging.getLogger(__name__)
FINE = 1e-12
STEPS, COARSE = 1_000, 20  # of the dial from 0 to 1; how many at once, before the place is narrowed down
MISSED, OVERCALLED, BOTH, SCOPE = "missed", "overcalled", "both ways", "scope too narrow"
LATE, EARLY, ALIKE = "missed, last year only", "overcalled, first year only", "both ways, every year"
# What measured error each dial is compared with: the settled state, and what people are asked.
MEASURED = {
    MISSED: (STATES[ONLY_INSIDE], ASKED[0]),
    LATE: (STATES[ONLY_INSIDE], ASKED[0]),
    OVERCALLED: (STATES[COUNTS], ASKED[0]),
    EARLY: (STATES[COUNTS], ASKED[0]),
    SCOPE: (STATES[OUTSIDE], ASKED[0]),
}


def turn(shares: Shares, over: float, missed: float) -> Shares:
    """Returns shares after known reader errors: `over` of what counts should not, `missed` of the rest should."""

    def move(value: np.ndarray) -> np.ndarray:
        return (1 - over) * value + missed * (1 - value)

    ends = np.sort(np.stack([move(shares.low), move(shares.high)]), axis=0)
    apart = None if shares.apart is None else np.sort(move(shares.apart), axis=0)
    replicates = move(shares.replicates)
    return replace(shares, share=move(shares.share), low=ends[0], high=ends[1], replicates=replicates, apart=apart)


def widen_scope(shares: Shares, outside: float, error: float) -> Shares:
    """Returns shares if `error` of what was put outside is in the denominator and counts; `outside` for one inside."""

    def move(value: np.ndarray) -> np.ndarray:
        return (value + error * outside) / (1 + error * outside)

    return replace(
        shares,
        share=move(shares.share),
        low=move(shares.low),
        high=move(shares.high),
        replicates=move(shares.replicates),
        apart=None if shares.apart is None else move(shares.apart),
    )


def tabulate_claims(
    survey: Survey, claims: Sequence[Claim], errors: pd.DataFrame, source: np.ndarray, default: str
) -> pd.DataFrame:
    """Returns the rows of the table `claims`: every claim under every dial.

    Args:
        survey: the read sample with its weights.
        claims: of the study.
        errors: rows of the table `reader_error`.
        source: group of sources of each read document: text (n_read,).
        default: the denominator of claims that name none.
    """
    rows: list[dict[str, object]] = []
    usual = {
        domain.frame: str(pd.Series(source[domain.rows]).mode()[0]) for domain in survey.domains if not domain.year
    }
    for claim in claims:
        if not _is_known(survey, claim, claim.denominator or default):
            continue
        place = {
            "claim": claim.id,
            "title": claim.title,
            "frame": claim.frame,
            "definition": claim.definition,
            "denominator": claim.denominator or default,
        }
        for dial, holds in _dials(survey, claim, claim.denominator or default):
            measured = _find_measured(errors, dial, place, usual.get(claim.frame, ""))
            ends, turns = (_find_end(holds, by_interval) for by_interval in (True, False))
            rows.append({**place, "dial": dial, "ends_at": ends, "turns_at": turns, **measured})
    return pd.DataFrame(rows)


def _dials(survey: Survey, claim: Claim, name: str) -> Iterator[tuple[str, Callable[[float, bool], bool]]]:
    """Yields each dial, and whether the claim holds at an error of that kind: by its interval, or by its point."""
    if claim.from_year:
        early, late = (_share_of(survey, claim, name, year)[0] for year in _ends_of(survey, claim))

        def is_falling(one: Shares, other: Shares, by_interval: bool) -> bool:
            change, _, _, high = compare_parts(one, other, survey.level)
            return bool((high if by_interval else change)[0] < 0)

        yield LATE, lambda error, sure: is_falling(early, turn(late, 0, error), sure)
        yield EARLY, lambda error, sure: is_falling(turn(early, error, 0), late, sure)
        yield ALIKE, lambda error, sure: is_falling(turn(early, error, error), turn(late, error, error), sure)
        return
    shares, outside = _share_of(survey, claim, name, claim.year)

    def is_within(moved: Shares, by_interval: bool) -> bool:
        high, low = (moved.high, moved.low) if by_interval else (moved.share, moved.share)
        return bool((claim.below is None or high[0] < claim.below) and (claim.above is None or low[0] > claim.above))

    yield MISSED, lambda error, sure: is_within(turn(shares, 0, error), sure)
    yield OVERCALLED, lambda error, sure: is_within(turn(shares, error, 0), sure)
    yield BOTH, lambda error, sure: is_within(turn(shares, error, error), sure)
    yield SCOPE, lambda error, sure: is_within(widen_scope(shares, outside, error), sure)


def _ends_of(survey: Survey, claim: Claim) -> tuple[str, str]:
    years = sorted(domain.year for domain in survey.domains if domain.frame == claim.frame and domain.year)
    return claim.from_year, claim.year or years[-1]


def _share_of(survey: Survey, claim: Claim, name: str, year: str) -> tuple[Shares, float]:
    """Returns the share of a claim, and what is outside for one in the denominator."""
    definition = next(each for each in survey.codebook.definitions if each.id == claim.definition)
    domain = next(each for each in survey.domains if (each.frame, each.year) == (claim.frame, year))
    part = survey.part(domain)
    inside = survey.inside(survey.codebook.denominators[name])
    assert part is not None  # documents count as one each
    totals = part.totals[0]
    outside = float(totals @ ~inside) / max(float(totals @ inside), FINE)
    return estimate_shares(part, survey.definitions([definition]), inside, survey.level), outside


def _is_known(survey: Survey, claim: Claim, name: str) -> bool:
    """Whether the documents that a claim is about are read yet.

    Raises:
        ConfigError: it names a definition or denominator that the codebook does not have.
    """
    definitions = [definition.id for definition in survey.codebook.definitions]
    for kind, value, known in (
        ("definition", claim.definition, definitions),
        ("denominator", name, list(survey.codebook.denominators)),
    ):
        if value not in known:
            raise ConfigError(
                f"[claims] {claim.id}: there is no {kind} {value!r}",
                where="census.toml",
                do=f"use one of {', '.join(known)}",
            )
    read = {(domain.frame, domain.year) for domain in survey.domains}
    if claim.frame not in {frame for frame, _ in read}:
        return False  # another sample may have its frame
    years = {year for frame, year in read if frame == claim.frame and year}
    wanted = {claim.year} if not claim.from_year else {claim.from_year, claim.year or max(years, default="")}
    if {(claim.frame, year) for year in wanted} <= read:
        return True
    log.warning("claims: %s is about documents that nobody has read yet; it is left out", claim.id)
    return False


def _find_end(holds: Callable[[float, bool], bool], by_interval: bool) -> float | None:
    """Returns the least error at which a claim does not hold: 0 if it does not hold as read, None if none ends it."""
    for step in range(0, STEPS + 1, COARSE):
        if not holds(step / STEPS, by_interval):
            between = range(max(step - COARSE, 0), step)
            return next((fine / STEPS for fine in between if not holds(fine / STEPS, by_interval)), step / STEPS)
    return None


def _find_measured(errors: pd.DataFrame, dial: str, place: dict[str, str], source: str) -> dict[str, object]:
    """Returns the measured error that a dial is to be compared with: gold where there is some, else outside labels."""
    nothing = {"basis": "", "n_decided": 0, "measured_chance": None, "measured_low": None, "measured_high": None}
    if dial not in MEASURED or errors.empty:
        return nothing
    settled, asked = MEASURED[dial]
    rows = errors[
        (errors["source"] == source)
        & (errors["definition"] == place["definition"])
        & (errors["denominator"] == place["denominator"])
        & (errors["settled"] == settled)
        & (errors["asked"] == asked)
        & (errors["n_decided"] > 0)
    ]
    if rows.empty:
        return nothing
    row = rows.sort_values("basis", key=lambda names: names != GOLD).iloc[0]
    return {
        "basis": row["basis"],
        "n_decided": int(row["n_decided"]),
        "measured_chance": row["change_chance"],
        "measured_low": row["low"],
        "measured_high": row["high"],
    }
