"""How shares move: the slope over the years, the change from each year to the next, and the groups of a frame."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.estimate.differences import compare_parts
from pipeline.estimate.domains import Domain
from pipeline.estimate.intervals import student_quantile
from pipeline.estimate.nesting import find_wider, nest_ends
from pipeline.estimate.shares import Shares, estimate_shares
from pipeline.estimate.survey import Survey


def measure_trends(survey: Survey) -> pd.DataFrame:
    """Returns the rows of the table `trends`: for every frame with years, definition and denominator.

    The slope is that of a straight line through the yearly shares, each year counting the same: sum c_t p_t with
    c_t = (t - mean) / sum (t - mean)^2. Its variance is that of the same contrast over the replicates, in which years
    vary together as far as they share rulings.
    """
    rows: list[dict[str, object]] = []
    for frame, name, years in shares_by_year(survey):
        known = [(year, shares) for year, shares in years if np.isfinite(shares.share).all()]
        for definition, own in zip(survey.codebook.definitions, contrast_years(known, survey.level), strict=False):
            place = {"frame": frame, "definition": definition.id, "denominator": name, "level": survey.level}
            rows += [{**place, **row} for row in own]
    return pd.DataFrame(rows)


def shares_by_year(survey: Survey) -> Iterator[tuple[str, str, list[tuple[int, Shares]]]]:
    """Yields frame, denominator and the shares of every definition in each year, for every frame with years."""
    counted = survey.definitions(survey.codebook.definitions)
    for frame, domains in years_by_frame(survey).items():
        parts = [(int(domain.year), survey.part(domain)) for domain in domains]
        for name, denominator in survey.codebook.denominators.items():
            inside = survey.inside(denominator)
            yield (
                frame,
                name,
                [
                    (year, estimate_shares(part, counted, inside, survey.level))
                    for year, part in parts
                    if part is not None
                ],
            )


def years_by_frame(survey: Survey) -> dict[str, list[Domain]]:
    """Returns the years of every frame that has some, in order."""
    years: dict[str, list[Domain]] = {}
    for domain in survey.domains:
        if domain.year:
            years.setdefault(domain.frame, []).append(domain)
    return years


def contrast_years(known: list[tuple[int, Shares]], level: float) -> list[list[dict[str, object]]]:
    """Returns, for each query, the slope per year, the change over the whole time, and that from each year to the next.

    The changes from year to year are a family: their simultaneous interval is Bonferroni's.

    Args:
        known: each year with its shares, where something was read.
        level: of the intervals.
    """
    if len(known) < 2:
        return []
    found = [[_slope(known, number, level)] for number in range(len(known[0][1].share))]
    steps = [(0, len(known) - 1), *itertools.pairwise(range(len(known)))]
    for position, (start, end) in enumerate(steps):
        kind, family = ("change", 1) if position == 0 else ("step", len(known) - 1)
        early, late = known[start][1], known[end][1]
        degrees = early.degrees + late.degrees
        widen = student_quantile(level, degrees, family) / student_quantile(level, degrees)
        place = {"kind": kind, "from_year": str(known[start][0]), "to_year": str(known[end][0])}
        for rows, numbers in zip(found, zip(*compare_parts(early, late, level), strict=True), strict=True):
            change, error, low, high = map(float, numbers)
            simultaneous = {
                "simultaneous_low": max(change - widen * (change - low), -1.0),
                "simultaneous_high": min(change + widen * (high - change), 1.0),
            }
            rows.append({**place, "value": change, "standard_error": error, "low": low, "high": high, **simultaneous})
    return found


def _slope(known: list[tuple[int, Shares]], number: int, level: float) -> dict[str, object]:
    time = np.array([year for year, _ in known], dtype=float)
    weights = (time - time.mean()) / ((time - time.mean()) @ (time - time.mean()))
    value = float(weights @ np.array([shares.share[number] for _, shares in known]))
    replicates = np.array([shares.replicates[:, number] for _, shares in known])
    error = float(np.nanstd(weights @ replicates))
    half = error * student_quantile(level, math.fsum(shares.degrees for _, shares in known))
    return {
        "kind": "slope",
        "from_year": str(known[0][0]),
        "to_year": str(known[-1][0]),
        "value": value,
        "standard_error": error,
        "low": value - half,
        "high": value + half,
        "simultaneous_low": value - half,
        "simultaneous_high": value + half,
    }


def measure_groups(survey: Survey) -> pd.DataFrame:
    """Returns the rows of the table `groups`: the share of each letter in everything, by frame and year.

    The shares are those of the tables `shares` and `agendas` and add up to one; their intervals hold together
    (Bonferroni).
    """
    rows: list[dict[str, object]] = []
    letters = list(survey.codebook.groups)
    counted = np.array([(survey.records["group"] == letter).to_numpy() for letter in letters])
    everything = np.ones(counted.shape[1], dtype=bool)
    for domain in survey.domains:
        part = survey.part(domain)
        if part is None:
            continue
        shares = estimate_shares(part, counted, everything, 1 - (1 - survey.level) / len(letters))
        low, high = nest_ends(find_wider(counted), shares.low, shares.high)
        place = {"frame": domain.frame, "year": domain.year, "level": survey.level, "n_read": part.n_read}
        rows += [
            {**place, "group": letter, "share": float(shares.share[i]), "low": float(low[i]), "high": float(high[i])}
            for i, letter in enumerate(letters)
        ]
    return pd.DataFrame(rows)
