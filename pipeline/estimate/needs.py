"""What it would take to bring an interval to the width that is asked for: how many rulings, and how many readings.

Two steps, the cheap one first. Once every open document of a share is ruled on, the part of its variance that open
rulings make is gone. What is left is sampling, stratum by stratum; more documents are read where they tell most
(Neyman 1934), and all of them settled. A stratum in which nobody has read a hit yet is taken to hold half of one among
as many as were read, as the intervals themselves take it: it may be large, and then it is what keeps them wide. The
interval is Wilson's as it is now, with the effective sample growing as the variance falls; the share is taken to stay
where it is.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.errors import ConfigError
from pipeline.estimate.intervals import wilson_interval
from pipeline.estimate.price_targets import Target, find_targets
from pipeline.estimate.survey import DOCUMENTS, Found, Survey

COLUMNS = (
    *("frame", "year", "definition", "denominator", "width_now", "width_asked", "n_read", "n_to_adjudicate"),
    *("width_adjudicated", "n_more", "width_then", "level"),
)
STEPS = 60  # halvings of the factor that readings grow by
MOST_READ = 1e6  # that factor, at the most
HALF = 0.5  # a hit
TINY = 1e-15


def tabulate_needs(
    survey: Survey, found: Found, denominator: str, asked: Mapping[str, Mapping[str, float]]
) -> pd.DataFrame:
    """Returns the rows of the table `needs`: of every year of a frame, and all together, for which a width is asked.

    Args:
        survey: the read sample with its weights.
        found: its shares.
        denominator: of the shares.
        asked: widths by frame and definition, as shares.

    Raises:
        ConfigError: the codebook has no such definition.
    """
    known = [definition.id for definition in survey.codebook.definitions]
    for definition in {name for widths in asked.values() for name in widths}:
        if definition not in known:
            raise ConfigError(
                f"there is no definition {definition!r}",
                where="[estimate] asked_widths",
                do=f"use one of {', '.join(known)}",
            )
    wanted = [(domain.frame, domain.year, name) for domain in survey.domains for name in asked.get(domain.frame, {})]
    rows = []
    for target in find_targets(survey, found, denominator, wanted):
        domain, definition = target.domain, target.definition.id
        shares = found[domain.frame, domain.year, DOCUMENTS, denominator].of(known.index(definition))
        place = {"frame": domain.frame, "year": domain.year, "definition": definition, "denominator": denominator}
        width = asked[domain.frame][definition]
        numbers = need_of(survey, target, float(shares.share[0]), float(shares.n_effective[0]), width)
        rows.append({**place, "width_asked": width, **numbers, "level": survey.level})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def need_of(survey: Survey, target: Target, share: float, n_effective: float, asked: float) -> dict[str, object]:
    """Returns what one share needs, and how wide its interval is expected to be after each step.

    Args:
        survey: the read sample with its weights.
        target: the share, with the influence of each read document.
        share, n_effective: the estimate.
        asked: the width.
    """
    influence, strata = target.influence, target.domain.strata
    is_open = ~survey.weights.codes.is_settled[influence.rows]
    stratum = survey.sample.units["stratum"].to_numpy()[influence.rows]
    read = np.array([(stratum == name).sum() for name in strata.index], dtype=float)
    size = strata["n_population"].to_numpy(dtype=float)
    unread = np.maximum(_unread(read, size), TINY)
    half = HALF / (read + 1)
    part = survey.part(target.domain)
    assert part is not None  # documents count as one each
    inside = max(float(part.totals[0] @ survey.inside(survey.codebook.denominators[target.denominator])), TINY)
    spread = np.maximum(  # of a stratum: the square of its size times its deviation, by the documents inside
        [influence.part_of(stratum == name) for name in strata.index] / unread, (size / inside) ** 2 * half * (1 - half)
    )
    ruled = float((influence.total - influence.ruling[:, is_open].sum(axis=1)).var())

    def width_at(variance: float) -> float:
        grown = n_effective * influence.variance / max(variance, TINY)
        low, high = wilson_interval(np.array([share]), np.array([grown]), survey.level)
        return float(high[0] - low[0])

    def after(more: np.ndarray) -> float:
        left = float(spread @ _unread(read + more, size)) / max(float(spread @ _unread(read, size)), TINY)
        return width_at(ruled * left)

    deviation = np.sqrt(spread)
    low, high = 0.0, MOST_READ
    for _ in range(STEPS if width_at(ruled) > asked else 0):
        factor = (low + high) / 2
        low, high = (low, factor) if after(_share_out(factor, deviation, read, size)) <= asked else (factor, high)
    more = _share_out(high, deviation, read, size) if width_at(ruled) > asked else np.zeros(len(read))
    return {
        "width_now": influence.width,
        "n_read": len(influence.rows),
        "n_to_adjudicate": int(is_open.sum()),
        "width_adjudicated": min(width_at(ruled), influence.width),
        "n_more": int(more.sum()),
        "width_then": min(after(more), influence.width),
    }


def _unread(read: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Returns 1 / n - 1 / N of each stratum: float (n_strata,)."""
    return np.maximum(1 / np.maximum(read, 1.0) - 1 / size, 0.0)


def _share_out(factor: float, deviation: np.ndarray, read: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Returns how many more to read of each stratum if each is to be read in proportion to its size times deviation."""
    largest = max(float(deviation.max(initial=0)), TINY)
    return np.ceil(np.clip(factor * deviation / largest, read, size) - read)
