"""What it would take to bring an interval to the width that is asked for: how many rulings, and how many readings.

Two steps, the cheap one first. Once every open document of a share is ruled on, the part of its variance that open
rulings make is gone; where that is next to nothing, no ruling is asked for. What is left is sampling, stratum by
stratum; more documents are read where they tell most (Neyman 1934), and all of them settled. A stratum in which nobody
has read a hit yet is taken to hold half of one among as many as were read, as the intervals themselves take it: it may
be large, and then it is what keeps them wide. The interval is Wilson's as it is now, with the effective sample growing
as the variance falls; the share is taken to stay where it is.

Two things make it cheaper. Of a stratum that is screened first only what its screeners let through is read in full: as
large a part as of those drawn before. And where every document of a stratum is known, more may be drawn of those that
the classifier is unsure of (`make plan DRAW=`): its bands of predicted chances are strata then. The same rule of half a
hit holds for a band, so that a large band in which nobody has read a hit keeps an interval wide however sure the
classifier is of it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.coding.sample import SCREENED
from pipeline.errors import ConfigError
from pipeline.estimate.intervals import wilson_interval
from pipeline.estimate.price_readings import cut_cells
from pipeline.estimate.price_targets import Target, find_targets
from pipeline.estimate.survey import DOCUMENTS, Found, Survey

COLUMNS = (
    *("frame", "year", "definition", "denominator", "width_now", "width_asked", "n_read", "n_to_adjudicate"),
    *("width_adjudicated", "n_more", "n_full", "n_more_banded", "n_full_banded", "width_then", "level"),
)
STEPS = 60  # halvings of the factor that readings grow by
MOST_READ = 1e6  # that factor, at the most
HALF = 0.5  # a hit
TINY = 1e-15
WORTH = 0.98  # of its width: rulings that leave more than this of an interval are not asked for


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
    influence = target.influence
    is_open = ~survey.weights.codes.is_settled[influence.rows]
    ruled = float((influence.total - influence.ruling[:, is_open].sum(axis=1)).var())

    def width_at(variance: float) -> float:
        grown = n_effective * influence.variance / max(variance, TINY)
        low, high = wilson_interval(np.array([share]), np.array([grown]), survey.level)
        return float(high[0] - low[0])

    is_worth = width_at(ruled) <= WORTH * influence.width
    ruled = ruled if is_worth else influence.variance
    plain, banded = (_Pieces.of(survey, target, by_bands=flag) for flag in (False, True))
    more, fewer = (_find_least(pieces, ruled, width_at, asked) for pieces in (plain, banded))
    if fewer.sum() > more.sum():  # bands are of no use here
        banded, fewer = plain, more
    return {
        "width_now": influence.width,
        "n_read": len(influence.rows),
        "n_to_adjudicate": int(is_open.sum()) if is_worth else 0,
        "width_adjudicated": min(width_at(ruled), influence.width),
        "n_more": int(more.sum()),
        "n_full": round(float(more @ plain.full)),
        "n_more_banded": int(fewer.sum()),
        "n_full_banded": round(float(fewer @ banded.full)),
        "width_then": min(width_at(ruled * plain.left(more)), influence.width),
    }


@dataclass(frozen=True)
class _Pieces:
    """What more is read of: strata, or bands of them; float (n_pieces,) each.

    Attributes:
        read, size: documents read, and all.
        spread: square of its size times its deviation, by the documents inside, squared.
        full: the part of its drawn documents that is read in full; the others are screened.
    """

    read: np.ndarray
    size: np.ndarray
    spread: np.ndarray
    full: np.ndarray

    @classmethod
    def of(cls, survey: Survey, target: Target, *, by_bands: bool) -> "_Pieces":
        part = survey.part(target.domain)
        assert part is not None  # documents count as one each
        inside = survey.inside(survey.codebook.denominators[target.denominator])
        total = max(float(part.totals[0] @ inside), TINY)
        rows = [
            (read, size, max(spread, (size / total) ** 2 * (half := HALF / (max(read, 1) + 1)) * (1 - half)), full)
            for read, size, spread, full in _cut(survey, target, by_bands=by_bands)
        ]
        return cls(*(np.array(column, dtype=float) for column in zip(*rows, strict=True)))

    def left(self, more: np.ndarray) -> float:
        """Returns which part of the sampling variance is left after reading more of each piece."""
        now = max(float(self.spread @ _unread(self.read, self.size)), TINY)
        return float(self.spread @ _unread(self.read + more, self.size)) / now


def _cut(survey: Survey, target: Target, *, by_bands: bool) -> Iterator[tuple[float, float, float, float]]:
    """Yields read documents, size, spread and part read in full of each stratum, or of each band of one."""
    units = survey.sample.units
    stratum = units["stratum"].to_numpy()
    is_full = (units["phase2_stratum"] != SCREENED).to_numpy() | units["is_adjudicated"].to_numpy(dtype=bool)
    for name, size in target.domain.strata["n_population"].items():
        mine = stratum == name
        read, full = float(mine.sum()), float(is_full[mine].mean()) if mine.any() else 1.0
        cells = cut_cells(survey, [target], str(name), float(size), read) if by_bands and 0 < read < size else None
        if cells is not None and len(cells.size) > 1:
            of_cells = zip(cells.read, cells.size, cells.size**2 * cells.spread[0], strict=True)
            yield from ((float(n), float(of), float(spread), full) for n, of, spread in of_cells)
            continue
        unread = max(float(_unread(np.array([read]), np.array([float(size)]))[0]), TINY)
        yield read, float(size), target.influence.part_of(mine[target.influence.rows]) / unread, full


def _find_least(pieces: _Pieces, ruled: float, width_at: Callable[[float], float], asked: float) -> np.ndarray:
    """Returns how many more documents of each piece bring the width that is asked: float (n_pieces,).

    Args:
        pieces: what is read of.
        ruled: the variance once everything read is ruled on.
        width_at: the width of the interval at a variance.
        asked: the width.
    """
    if width_at(ruled) <= asked:
        return np.zeros(len(pieces.read))
    deviation = np.sqrt(pieces.spread)
    low, high = 0.0, MOST_READ
    for _ in range(STEPS):
        factor = (low + high) / 2
        enough = width_at(ruled * pieces.left(_share_out(factor, deviation, pieces.read, pieces.size))) <= asked
        low, high = (low, factor) if enough else (factor, high)
    return _share_out(high, deviation, pieces.read, pieces.size)


def _unread(read: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Returns 1 / n - 1 / N of each stratum: float (n_strata,)."""
    return np.maximum(1 / np.maximum(read, 1.0) - 1 / size, 0.0)


def _share_out(factor: float, deviation: np.ndarray, read: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Returns how many more to read of each stratum if each is to be read in proportion to its size times deviation."""
    largest = max(float(deviation.max(initial=0)), TINY)
    return np.ceil(np.clip(factor * deviation / largest, read, size) - read)
