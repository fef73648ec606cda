"""The agenda tables: the share of each code by frame and year, and which agendas grew."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.check.codebook import Codebook, Definition
from pipeline.estimate import Domain, Readings, list_domains
from pipeline.estimate.definitions import match_definition
from pipeline.estimate.design import Sample, settle_codes

SPAN_YEARS = 3  # growth compares the first and the last three years: single years hold too few read documents
OUTSIDE = ("M", "N")  # groups that no share of safety output can hold
WHOLE_FRAME = "everything"


def list_agendas(codebook: Codebook, joined: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, Definition]]:
    """Returns every group, leaf and joined agenda: by its code (such as A, A1 or D1+D2), its title and its query."""
    agendas = {code: (title, _query(groups=(code,))) for code, title in codebook.groups.items()}
    agendas |= {code: (title, _query(leaves=(code,))) for code, title in codebook.leaves.items()}
    return agendas | {"+".join(codes): (title, _query(leaves=tuple(codes))) for title, codes in joined.items()}


def estimate_agendas(
    sample: Sample, codebook: Codebook, denominator_id: str, level: float, joined: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Returns the share of each leaf, group and joined agenda, by frame and year.

    Shares of the groups about the field and out of scope are shares of everything in the frame.
    """
    settled = settle_codes(sample).set_index("doc_id")
    rows = []
    for code, (title, query) in list_agendas(codebook, joined).items():
        name = WHOLE_FRAME if code[0] in OUTSIDE else denominator_id
        readings = Readings.of(sample, query, codebook.denominators[name])
        is_coded = match_definition(query, settled)
        for domain in list_domains(sample):
            estimate = readings.estimate(domain, level)
            rows.append(
                {
                    "frame": domain.frame,
                    "year": domain.year,
                    "code": code,
                    "title": title,
                    "denominator": name,
                    "share": estimate.share if estimate else None,
                    "low": estimate.low if estimate else None,
                    "high": estimate.high if estimate else None,
                    "n_read": int(domain.rows.sum()),
                    "n_coded": int((is_coded & domain.rows).sum()),
                }
            )
    return pd.DataFrame(rows)


def estimate_growth(
    sample: Sample, codebook: Codebook, denominator_id: str, level: float, joined: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Returns each agenda's share in the first and the last years of every frame that has enough of them.

    The interval of the change adds the two variances, as of samples drawn apart (normal approximation).
    """
    spans = list(_spans(sample))
    rows = []
    for code, (title, query) in list_agendas(codebook, joined).items():
        if code[0] in OUTSIDE or code in codebook.groups:
            continue
        readings = Readings.of(sample, query, codebook.denominators[denominator_id])
        for early, late in spans:
            before, after = readings.estimate(early, level), readings.estimate(late, level)
            if before is None or after is None:
                continue
            half = float(stats.norm.ppf((1 + level) / 2) * np.hypot(before.standard_error, after.standard_error))
            change = after.share - before.share
            rows.append(
                {
                    "frame": early.frame,
                    "code": code,
                    "title": title,
                    "denominator": denominator_id,
                    "early_years": early.year,
                    "late_years": late.year,
                    "early_share": before.share,
                    "late_share": after.share,
                    "change_share": change,
                    "low": max(change - half, -1.0),
                    "high": min(change + half, 1.0),
                    "n_read": int(early.rows.sum() + late.rows.sum()),
                }
            )
    columns = ["frame", "code", "change_share"]
    grown = pd.DataFrame(rows, columns=list(rows[0]) if rows else columns)
    return grown.sort_values(["frame", "change_share", "code"], ascending=[True, False, True], ignore_index=True)


def _query(groups: tuple[str, ...] = (), leaves: tuple[str, ...] = ()) -> Definition:
    return Definition(id="agenda", title="", reading="", groups=groups, leaves=leaves)


def _spans(sample: Sample) -> Iterable[tuple[Domain, Domain]]:
    """Yields the first and the last years of each frame, each joined to one domain."""
    by_frame: dict[str, list[Domain]] = {}
    for domain in list_domains(sample):
        if domain.year:
            by_frame.setdefault(domain.frame, []).append(domain)
    for years in by_frame.values():
        if len(years) >= 2 * SPAN_YEARS:
            yield _join(years[:SPAN_YEARS]), _join(years[-SPAN_YEARS:])


def _join(years: list[Domain]) -> Domain:
    sizes = {name: size for year in years for name, size in year.sizes.items()}
    rows = np.any([year.rows for year in years], axis=0)
    return Domain(years[0].frame, f"{years[0].year}–{years[-1].year}", rows, sizes)
