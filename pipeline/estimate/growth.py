"""How the number of documents that count grows from year to year, beside that of all documents of the frame.

Growth is a ratio of two years' totals. Its interval is MOVER's on the logarithm (Donner and Zou 2012, for ratios; Zou
and Donner 2008), less what the replicates say that the two years share. Years that are not whole grow by their length
too; growth relative to all documents of the frame does not, as far as the missing days are like the others.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.coding.queries import Definition
from pipeline.estimate.differences import share_variation
from pipeline.estimate.shares import FINE, Shares
from pipeline.estimate.survey import Survey
from pipeline.estimate.totals import estimate_nested
from pipeline.estimate.trends import years_by_frame

COLUMNS = (
    *("frame", "denominator", "definition", "kind", "from_year", "to_year", "count_from", "count_to"),
    *("ratio", "low", "high", "whole_ratio", "relative", "relative_low", "relative_high", "level"),
)


def measure_total_growth(survey: Survey, queries: Sequence[Definition]) -> pd.DataFrame:
    """Returns the rows of the table `total_growth`: from the first year to the last, and from each to the next.

    Args:
        survey: the read sample with its weights.
        queries: the definitions first, then what else is estimated in one batch with them (as in `totals`).
    """
    rows: list[dict[str, object]] = []
    counted = survey.definitions(queries)
    names = ["", *(definition.id for definition in survey.codebook.definitions)]
    for frame, domains in years_by_frame(survey).items():
        parts = [(domain, part) for domain in domains if (part := survey.part(domain)) is not None]
        for name, denominator in survey.codebook.denominators.items():
            inside = survey.inside(denominator)
            batch = np.vstack([inside, counted & inside])
            years = [(domain, estimate_nested(part, batch, survey.level)) for domain, part in parts]
            steps = [("change", 0, len(years) - 1)] if len(years) > 2 else []
            steps += [("step", start, end) for start, end in itertools.pairwise(range(len(years)))]
            for kind, start, end in steps:
                (early, before), (late, after) = years[start], years[end]
                whole = late.n_population / early.n_population
                grown = compare_ratio(before, after)
                for number, definition in enumerate(names):
                    place = {"frame": frame, "denominator": name, "definition": definition, "level": survey.level}
                    span = {"kind": kind, "from_year": early.year, "to_year": late.year, "whole_ratio": whole}
                    counts = {
                        "count_from": float(before.share[number]) * early.n_population,
                        "count_to": float(after.share[number]) * late.n_population,
                    }
                    rows.append({**place, **span, **counts, **_tell(grown[:, number], whole)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def compare_ratio(early: Shares, late: Shares) -> np.ndarray:
    """Returns late by early: low end, ratio and high end, float (3, n_queries); not a number where early is none."""
    together = share_variation(early, late)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(early.share > FINE, late.share / early.share, np.nan)
        up_early, down_early = np.log(early.high / early.share), np.log(early.share / early.low)
        up_late, down_late = np.log(late.high / late.share), np.log(late.share / late.low)

    def reach(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        finite = np.isfinite(one) & np.isfinite(other)
        one, other = np.where(finite, one, 0.0), np.where(finite, other, 0.0)
        found = np.sqrt(np.maximum(one**2 + other**2 - 2 * together * one * other, 0.0))
        return np.where(finite, found, np.inf)

    with np.errstate(invalid="ignore"):  # none, times whatever: no end is known
        low, high = ratio * np.exp(-reach(down_late, up_early)), ratio * np.exp(reach(up_late, down_early))
    return np.stack([low, ratio, high])


def _tell(grown: np.ndarray, whole: float) -> Mapping[str, float | None]:
    """Returns growth relative to all documents, and of the number itself; nothing where no end is known."""
    known = [float(value) if np.isfinite(value) else None for value in grown]
    relative = dict(zip(("relative_low", "relative", "relative_high"), known, strict=True))
    times = [None if value is None else value * whole for value in known]
    return {**relative, **dict(zip(("low", "ratio", "high"), times, strict=True))}
