"""The table of shares: every definition, denominator, frame, year and way of counting, with how it was estimated."""

import itertools
from functools import cache, partial

import numpy as np
import pandas as pd

from pipeline.coding.codebook import ASSUMED
from pipeline.coding.definitions import axes_asked
from pipeline.estimate.domains import Domain
from pipeline.estimate.people import WEIGHTS
from pipeline.estimate.survey import DOCUMENTS, Found, Survey

METHOD = "calibrated weights, replicates, Wilson on effective n"
UNREAD = "none: no read document is in the denominator"


def count_members(coverage: pd.DataFrame, domain: Domain) -> int:
    """Returns how many documents a frame, or a year of one, has now, whether a draw covers them or not."""
    if domain.frame not in set(domain.strata["frame"]):  # a part of another frame's strata
        return domain.n_population
    rows = coverage[coverage["frame"] == domain.frame]
    is_mine = rows["window"].str[:4] == domain.year if domain.year else rows["window"] == ""
    return int(rows.loc[is_mine, "n_members"].sum()) or domain.n_population


def tabulate_shares(
    survey: Survey, found: Found, unpredicted: Found | None = None, coverage: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Returns the rows of the table `shares`: every definition, denominator, frame, year and way of counting.

    Args:
        survey: the read sample with its weights.
        found: its shares.
        unpredicted: the same shares where no prediction has a part in the weights; None leaves them out.
        coverage: rows of the table `coverage`; None: the draws cover everything.
    """
    rows = []
    notes = {DOCUMENTS: "", **{name: f"; {note}" for name, (_, note) in WEIGHTS.items()}}
    sizes = [domain.n_population if coverage is None else count_members(coverage, domain) for domain in survey.domains]
    places = itertools.product(notes, zip(survey.domains, sizes, strict=True), survey.codebook.denominators)
    tell_assumed = cache(partial(_tell_assumed, survey))  # the same few questions for every row
    asked = {query.id: axes_asked(query) for query in survey.codebook.definitions}
    for weight, (domain, n_members), name in places:
        shares = found.get((domain.frame, domain.year, weight, name))
        if shares is None:
            continue
        asked_inside = axes_asked(survey.codebook.denominators[name])
        for number, definition in enumerate(survey.codebook.definitions):
            assumed = tell_assumed(domain.frame, domain.year, asked[definition.id] | asked_inside)
            columns = ("share", "low", "high", "standard_error", "n_effective")
            numbers = {column: float(getattr(shares, column)[number]) for column in columns}
            is_known = bool(np.isfinite(numbers["share"]))
            plain = None if unpredicted is None else unpredicted[domain.frame, domain.year, weight, name].share[number]
            rows.append(
                {
                    "frame": domain.frame,
                    "year": domain.year,
                    "definition": definition.id,
                    "denominator": name,
                    "weight": weight,
                    "level": survey.level,
                    "n_population": domain.n_population,
                    "n_members": n_members,
                    "n_read": shares.n_read,
                    **{column: value if is_known else None for column, value in numbers.items()},
                    "share_unpredicted": float(plain) if plain is not None and np.isfinite(plain) else None,
                    "method": (METHOD if is_known else UNREAD) + notes[weight] + assumed,
                }
            )
    return pd.DataFrame(rows)


def _tell_assumed(survey: Survey, frame: str, year: str, asked: frozenset[str]) -> str:
    """Returns which axes that are asked for were told from the leaf, and of how many documents; or nothing."""
    axes = sorted(asked & survey.codebook.assumed.keys())
    if not axes:
        return ""
    domain = next(each for each in survey.domains if (each.frame, each.year) == (frame, year))
    assumed = survey.sample.readers[0][ASSUMED].to_numpy()[domain.rows]
    count = sum(any(axis in told.split() for axis in axes) for told in assumed)
    return f"; {' and '.join(axes)} assumed for {count:,} of {len(assumed):,} read documents" if count else ""
