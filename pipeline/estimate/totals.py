"""How many documents count, and not only which share: by frame and year, for definitions and named positions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.coding.positions import Position, match_position
from pipeline.coding.queries import Definition
from pipeline.estimate.domains import Domain
from pipeline.estimate.nesting import find_wider, nest_ends
from pipeline.estimate.shares import Part, Shares, estimate_shares
from pipeline.estimate.survey import Survey

ENDS = ("share", "low", "high")


def count_totals(survey: Survey, queries: Sequence[Definition]) -> pd.DataFrame:
    """Returns the rows of the table `totals`: of every definition, and of everything in the denominator.

    The weights reproduce the number of documents of each frame and year, so a number of documents is that number times
    the share of everything: its interval is that share's.

    Args:
        survey: the read sample with its weights.
        queries: the definitions first, then what else is estimated in one batch with them.
    """
    rows: list[dict[str, object]] = []
    counted = survey.definitions(queries)
    names = ["", *(definition.id for definition in survey.codebook.definitions)]
    for domain, part in _parts(survey):
        for name, denominator in survey.codebook.denominators.items():
            inside = survey.inside(denominator)
            low, share, high = _count(part, np.vstack([inside, counted & inside]), survey.level)
            for number, definition in enumerate(names):
                place = {"frame": domain.frame, "year": domain.year, "definition": definition, "denominator": name}
                counts = _times(domain, share[number], low[number], high[number])
                rows.append({**place, **counts, **_size(domain, part, survey)})
    return pd.DataFrame(rows)


def estimate_positions(survey: Survey, positions: Sequence[Position], queries: Sequence[Definition]) -> pd.DataFrame:
    """Returns the rows of the table `positions`: the share and the number of documents that count for each.

    Ends of intervals are nested with those of the codebook's queries, as the page does for a position one builds.
    """
    rows: list[dict[str, object]] = []
    counted = survey.definitions(queries)
    matches = [match_position(position, survey.codebook, survey.records) for position in positions]
    for domain, part in _parts(survey):
        for name, denominator in survey.codebook.denominators.items():
            inside = survey.inside(denominator)
            batches = [np.vstack([inside, match & inside, counted & inside]) for match in matches]
            alone = _estimate_each(part, batches, inside, survey.level, start=1)
            of_all = _estimate_each(part, batches, np.ones_like(inside), survey.level, start=0)
            for position, own_ends, (low, share, high) in zip(positions, alone, of_all, strict=True):
                own = dict(zip(ENDS, (float(own_ends[place][0]) for place in (1, 0, 2)), strict=True))
                place = {"frame": domain.frame, "year": domain.year, "position": position.id, "denominator": name}
                known = own if np.isfinite(own["share"]) else dict.fromkeys(ENDS)
                counts = _times(domain, share[1], low[1], high[1])
                named = {f"count_{key}" if key != "count" else key: value for key, value in counts.items()}
                rows.append({**place, **known, **named, **_size(domain, part, survey)})
    columns = ["frame", "year", "position", "denominator", *ENDS, "count", "count_low", "count_high"]
    return pd.DataFrame(rows, columns=[*columns, "n_population", "n_read", "level"])


def _parts(survey: Survey) -> list[tuple[Domain, Part]]:
    found = ((domain, survey.part(domain)) for domain in survey.domains)
    return [(domain, part) for domain, part in found if part is not None]


def _count(part: Part, counted: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns low end, estimate and high end of the share of everything that counts, float (n_queries,) each."""
    shares = estimate_nested(part, counted, level)
    return shares.low, shares.share, shares.high


def estimate_nested(part: Part, counted: np.ndarray, level: float) -> Shares:
    """Returns shares of everything, none of whose ends is above that of a wider query."""
    shares = estimate_shares(part, counted, np.ones(counted.shape[1], dtype=bool), level)
    low, high = nest_ends(find_wider(counted), shares.low, shares.high)
    return replace(shares, low=low, high=high)


def _estimate_each(
    part: Part, batches: Sequence[np.ndarray], inside: np.ndarray, level: float, start: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Returns low ends, estimates and high ends of each batch from row `start` on, all but one of their rows alike."""
    if not batches:
        return []
    own = len(batches)
    shares = estimate_shares(part, np.vstack([*(batch[1] for batch in batches), batches[0]]), inside, level)
    found = []
    for number, batch in enumerate(batches):
        rows = np.r_[own : own + len(batch)]
        rows[1] = number
        low, share, high = (values[rows[start:]] for values in (shares.low, shares.share, shares.high))
        low, high = nest_ends(find_wider(batch[start:]), low, high)
        found.append((low, share, high))
    return found


def _times(domain: Domain, share: float, low: float, high: float) -> Mapping[str, float]:
    return {key: float(x) * domain.n_population for key, x in (("count", share), ("low", low), ("high", high))}


def _size(domain: Domain, part: Part, survey: Survey) -> Mapping[str, object]:
    return {"n_population": domain.n_population, "n_read": part.n_read, "level": survey.level}
