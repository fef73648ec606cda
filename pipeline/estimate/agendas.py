"""The share of each research agenda by frame and year, and which agendas grew."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_definition
from pipeline.coding.queries import Definition
from pipeline.coding.sample import settle_own
from pipeline.estimate.differences import compare_parts
from pipeline.estimate.domains import Domain
from pipeline.estimate.shares import estimate_shares
from pipeline.estimate.survey import DOCUMENTS, Found, Survey
from pipeline.estimate.trends import years_by_frame

SPAN_YEARS = 3  # growth compares the first and the last three years: single years hold too few read documents
JOIN = "+"  # between the leaves of a joined agenda


def list_agendas(codebook: Codebook, joined: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, Definition]]:
    """Returns every group, leaf and joined agenda: by its code (such as A, A1 or D1+D2), its title and its query."""
    agendas = {code: (title, _query(code, groups=(code,))) for code, title in codebook.groups.items()}
    agendas |= {code: (title, _query(code, leaves=(code,))) for code, title in codebook.leaves.items()}
    for title, codes in joined.items():
        name = JOIN.join(codes)
        agendas[name] = (title, _query(name, leaves=tuple(codes)))
    return agendas


def denominator_of(code: str, codebook: Codebook) -> str:
    """Returns what an agenda is a share of: the first denominator; everything, for what is outside of it."""
    if codebook.is_outside(code.split(JOIN, maxsplit=1)[0]):
        return codebook.everything
    return next(iter(codebook.denominators))


def estimate_agendas(survey: Survey, joined: Mapping[str, Sequence[str]], found: Found) -> pd.DataFrame:
    """Returns the rows of the table `agendas`.

    Shares are of the codebook's first denominator; those of the groups about the field and out of scope are of
    everything in the frame. Leaves add up to their group, and groups to everything.
    """
    codebook = survey.codebook
    settled = settle_own(survey.sample)
    rows = []
    for number, (code, (title, query)) in enumerate(list_agendas(codebook, joined).items()):
        name, is_coded = denominator_of(code, codebook), match_definition(query, settled)
        place = len(codebook.definitions) + number
        for domain in survey.domains:
            estimate = found[domain.frame, domain.year, DOCUMENTS, name]
            share, low, high = (float(column[place]) for column in (estimate.share, estimate.low, estimate.high))
            rows.append(
                {
                    "frame": domain.frame,
                    "year": domain.year,
                    "code": code,
                    "title": title,
                    "denominator": name,
                    "share": share,
                    "low": low,
                    "high": high,
                    "n_read": estimate.n_read,
                    "n_coded": int((is_coded & domain.rows).sum()),
                }
            )
    return pd.DataFrame(rows)


def estimate_growth(survey: Survey, joined: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Returns the rows of the table `agenda_growth`: the first and the last years of every frame that has enough."""
    columns = ["frame", "code", "title", "denominator", "early_years", "late_years", "early_share", "late_share"]
    columns += ["change_share", "low", "high", "n_read"]
    codebook = survey.codebook
    agendas = {
        code: agenda
        for code, agenda in list_agendas(codebook, joined).items()
        if not codebook.is_outside(code.split(JOIN)[0]) and code not in codebook.groups
    }
    counted = survey.definitions([query for _, query in agendas.values()])
    name = next(iter(codebook.denominators))
    inside = survey.inside(codebook.denominators[name])
    rows: list[tuple[object, ...]] = []
    for early, late in _spans(survey):
        parts = [survey.part(span) for span in (early, late)]
        if parts[0] is None or parts[1] is None:
            continue
        before, after = (estimate_shares(part, counted, inside, survey.level) for part in parts if part is not None)
        change, _, low, high = compare_parts(before, after, survey.level)
        for number, (code, (title, _)) in enumerate(agendas.items()):
            if not np.isfinite(change[number]):
                continue
            place = (early.frame, code, title, name, early.year, late.year)
            numbers = (before.share, after.share, change, low, high)
            rows.append((*place, *(float(values[number]) for values in numbers), before.n_read + after.n_read))
    return pd.DataFrame(rows, columns=columns)


def _query(code: str, groups: tuple[str, ...] = (), leaves: tuple[str, ...] = ()) -> Definition:
    return Definition(id=f"agenda {code}", title="", reading="", groups=groups, leaves=leaves)


def _spans(survey: Survey) -> Iterable[tuple[Domain, Domain]]:
    """Yields the first and the last years of each frame that has enough."""
    for years in years_by_frame(survey).values():
        if len(years) >= 2 * SPAN_YEARS:
            yield join_years(years[:SPAN_YEARS]), join_years(years[-SPAN_YEARS:])


def join_years(years: list[Domain]) -> Domain:
    """Returns years of one frame as one domain."""
    strata = pd.concat([year.strata for year in years])
    rows = np.any([year.rows for year in years], axis=0)
    members = tuple(part for year in years for part in year.members)
    return Domain(years[0].frame, f"{years[0].year}–{years[-1].year}", strata, rows, members)
