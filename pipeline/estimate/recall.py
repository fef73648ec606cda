"""Recall: of the documents of a frame that count, the share that a part of it holds, such as what a query finds.

The part and the rest are strata of one sample, so both are estimated from the same weights and replicates.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.estimate.domains import Domain
from pipeline.estimate.shares import Part, estimate_shares
from pipeline.estimate.survey import Survey


def measure_recall(survey: Survey, parts: Mapping[str, str]) -> pd.DataFrame:
    """Returns the rows of the table `recall`: of everything in a denominator (definition "") and of what counts.

    Args:
        survey: the read sample with its weights.
        parts: frames that are a part of another one's strata: name -> `frame/part`.
    """
    columns = ["frame", "part", "year", "definition", "denominator", "recall", "low", "high"]
    columns += ["count_found", "count_missed", "n_read", "level"]
    places = {(domain.frame, domain.year): domain for domain in survey.domains}
    counted = survey.definitions(survey.codebook.definitions)
    rows: list[dict[str, object]] = []
    for name, place in parts.items():
        frame = place.partition("/")[0]
        for (found, year), inner in places.items():
            if found != name or (frame, year) not in places:
                continue
            both = _join_parts(survey, places[frame, year], inner)
            if both is None:
                continue
            for denominator, query in survey.codebook.denominators.items():
                inside = survey.inside(query)
                named = {"": inside} | {
                    definition.id: mask & inside
                    for definition, mask in zip(survey.codebook.definitions, counted, strict=True)
                }
                for definition, mask in named.items():
                    where = (frame, name, year, definition, denominator)
                    numbers = _find(both, mask, survey.level)
                    rows.append(dict(zip(columns, (*where, *numbers, both.n_read, survey.level), strict=True)))
    return pd.DataFrame(rows, columns=columns)


def _find(both: Part, mask: np.ndarray, level: float) -> tuple[float | None, ...]:
    """Returns the share of what counts that the part holds, its ends, and how many it holds and misses."""
    nothing = np.zeros_like(mask)
    shares = estimate_shares(both, np.concatenate([mask, nothing])[None, :], np.concatenate([mask, mask]), level)
    half = len(mask)
    found, missed = (float(both.totals[0, half * side : half * (side + 1)] @ mask) for side in (0, 1))
    if not np.isfinite(shares.share[0]):
        return None, None, None, found, missed
    return float(shares.share[0]), float(shares.low[0]), float(shares.high[0]), found, missed


def _join_parts(survey: Survey, whole: Domain, inner: Domain) -> Part | None:
    """Returns a frame with the codes of the part first and those of the rest after them, so that both can be asked."""
    kept = [not name for name in whole.strata.index.isin(inner.strata.index)]
    members = tuple(rows for rows, is_kept in zip(whole.members, kept, strict=True) if is_kept)
    rest = replace(whole, strata=whole.strata[kept], rows=whole.rows & ~inner.rows, members=members)
    one, other = survey.part(inner), survey.part(rest)
    if one is None or other is None or not rest.rows.any():
        return None
    return Part(
        np.hstack([one.totals, other.totals]),
        np.concatenate([one.read, other.read]),
        np.concatenate([one.sure, other.sure]),
        sparse.csr_array(sparse.block_diag([one.chances, other.chances])),
        np.concatenate([one.leverage, other.leverage]),
        one.population + other.population,
        one.n_read + other.n_read,
        one.degrees + other.degrees,
    )
