"""The share of each research agenda by frame and year, and which agendas grew."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.coding.codebook import Codebook, Definition
from pipeline.coding.definitions import match_definition
from pipeline.coding.sample import Sample, settle_codes
from pipeline.estimate.domains import Domain, Population, Readings, list_domains

SPAN_YEARS = 3  # growth compares the first and the last three years: single years hold too few read documents
OUTSIDE = ("M", "N")  # groups that no share of safety output can hold
WHOLE_FRAME = "everything"


def list_agendas(codebook: Codebook, joined: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, Definition]]:
    """Returns every group, leaf and joined agenda: by its code (such as A, A1 or D1+D2), its title and its query."""
    agendas = {code: (title, _query(code, groups=(code,))) for code, title in codebook.groups.items()}
    agendas |= {code: (title, _query(code, leaves=(code,))) for code, title in codebook.leaves.items()}
    for title, codes in joined.items():
        name = "+".join(codes)
        agendas[name] = (title, _query(name, leaves=tuple(codes)))
    return agendas


def estimate_agendas(
    sample: Sample, population: Population, codebook: Codebook, level: float, joined: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Returns the rows of the table `agendas`.

    Shares are of the codebook's first denominator; those of the groups about the field and out of scope are of
    everything in the frame.
    """
    settled = settle_codes(sample)
    domains = list_domains(sample, population)
    rows = []
    for code, (title, query) in list_agendas(codebook, joined).items():
        name, readings = _read(sample, population, codebook, code, query)
        is_coded = match_definition(query, settled)
        tuning = {domain.frame: readings.tune(domain) for domain in domains if not domain.year}
        for domain in domains:
            estimate = readings.estimate(domain, level, tuning[domain.frame] if domain.year else None)
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
    sample: Sample, population: Population, codebook: Codebook, level: float, joined: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Returns the rows of the table `agenda_growth`: the first and the last years of every frame that has enough.

    The interval of the change adds the two variances, as of samples drawn apart (normal approximation).
    """
    columns = ["frame", "code", "title", "denominator", "early_years", "late_years", "early_share", "late_share"]
    columns += ["change_share", "low", "high", "n_read"]
    rows: list[tuple[object, ...]] = []
    quantile = float(stats.norm.ppf((1 + level) / 2))
    for code, (title, query) in list_agendas(codebook, joined).items():
        if code[0] in OUTSIDE or code in codebook.groups:
            continue
        name, readings = _read(sample, population, codebook, code, query)
        for whole, early, late in _spans(sample, population):
            tuning = readings.tune(whole)
            before, after = (readings.estimate(span, level, tuning) for span in (early, late))
            if before is None or after is None:
                continue
            half = quantile * float(np.hypot(before.standard_error, after.standard_error))
            change = after.share - before.share
            place = (whole.frame, code, title, name, early.year, late.year, before.share, after.share)
            ends = (max(change - half, -1.0), min(change + half, 1.0))
            rows.append((*place, change, *ends, int(early.rows.sum() + late.rows.sum())))
    return pd.DataFrame(rows, columns=columns)


def _read(
    sample: Sample, population: Population, codebook: Codebook, code: str, query: Definition
) -> tuple[str, Readings]:
    name = WHOLE_FRAME if code[0] in OUTSIDE else next(iter(codebook.denominators))
    return name, Readings.of(sample, population, query, name, codebook.denominators[name])


def _query(code: str, groups: tuple[str, ...] = (), leaves: tuple[str, ...] = ()) -> Definition:
    return Definition(id=f"agenda {code}", title="", reading="", groups=groups, leaves=leaves)


def _spans(sample: Sample, population: Population) -> Iterable[tuple[Domain, Domain, Domain]]:
    """Yields each frame that has enough years: the whole, the first years and the last years of it."""
    by_frame: dict[str, list[Domain]] = {}
    for domain in list_domains(sample, population):
        by_frame.setdefault(domain.frame, []).append(domain)
    for whole, *years in by_frame.values():
        if len(years) >= 2 * SPAN_YEARS:
            yield whole, _join(years[:SPAN_YEARS]), _join(years[-SPAN_YEARS:])


def _join(years: list[Domain]) -> Domain:
    strata = pd.concat([year.strata for year in years])
    rows = np.any([year.rows for year in years], axis=0)
    members = tuple(part for year in years for part in year.members)
    return Domain(years[0].frame, f"{years[0].year}–{years[-1].year}", strata, rows, members)
