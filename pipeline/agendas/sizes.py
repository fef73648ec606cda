"""How many documents are of each agenda: the sum of the chances, put right by what was read, with the public weights.

The difference estimator (Särndal, Swensson and Wretman 1992, section 6.3): the chances of all documents, plus the
weighted sum of what the read ones are less what their chances say. A wrong chance widens the interval and biases
nothing, since no chance rests on what was read of its own document. Where the census holds only what was read of a
stratum, there are no chances of the rest to add up: what was read counts with its weight alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.agendas.reading import LEAST_READ, Reading
from pipeline.coding.frames import join_stratum
from pipeline.estimate.intervals import effective_size, normal_quantile, wilson_interval

SPAN_YEARS = 3  # growth compares the first and the last three years, as everywhere in the report


@dataclass(frozen=True)
class Domain:
    """A frame, or years of one.

    Attributes:
        frame, year: what it is; year is empty for all.
        rows: int, its documents, but for those of strata of which the census does not hold every document.
        place: int (n_weighted,), rows of `weights` that are in it.
        is_held: bool (n_weighted,), whether the census holds every document of their stratum, so that chances of all of
            them can be added up; None: all.
        size: documents in it; None: as many as `rows`.
    """

    frame: str
    year: str
    rows: np.ndarray
    place: np.ndarray
    is_held: np.ndarray | None = None
    size: int | None = None

    @property
    def n_population(self) -> int:
        """Documents in it, at hand or not."""
        return len(self.rows) if self.size is None else self.size


def list_domains(
    documents: pd.DataFrame, members: pd.DataFrame, weights: pd.DataFrame, parts: Mapping[str, str] | None = None
) -> list[Domain]:
    """Returns every frame as a whole, then its years where the design has years.

    Args:
        documents: columns doc_id, published_year.
        members: columns frame, doc_id, window, part, gone: a document may be in several frames, or not at hand.
        weights: rows of the table `weights`.
        parts: frames that are a part of another one's strata: name -> `frame/part` (see `estimate.domains`).
    """
    domains = []
    index = pd.Index(documents["doc_id"])
    year = documents["published_year"].map(lambda value: "" if pd.isna(value) else str(int(value))).to_numpy()
    for frame, here in members[members["gone"].isna()].groupby("frame", sort=True):
        whole, _, part = (parts or {}).get(str(frame), f"{frame}/").partition("/")
        is_mine = (weights["frame"] == whole).to_numpy()
        if part:
            is_mine = is_mine & weights["stratum"].str.endswith(f"/{part}").to_numpy(dtype=bool)
        mine = np.flatnonzero(is_mine)
        found = index.get_indexer(here["doc_id"])
        if (found < 0).any():
            domains += _list_parts(str(frame), here, found, weights.iloc[mine], mine)
            continue
        rows = np.sort(found)
        domains.append(Domain(str(frame), "", rows, mine))
        stratum = weights["year"].iloc[mine].to_numpy()
        windows = (
            pd.Series(here["window"].fillna("").str[:4].to_numpy(), index=found)[rows].to_numpy()
            if part
            else year[rows]
        )
        for name in sorted(set(stratum) - {""}):
            domains.append(Domain(str(frame), name, rows[windows == name], mine[stratum == name]))
    return domains


def _list_parts(
    frame: str, here: pd.DataFrame, found: np.ndarray, weights: pd.DataFrame, mine: np.ndarray
) -> list[Domain]:
    """Returns a frame of which the census holds some strata whole and of others only what was read, and its years."""
    (window, windows), (part, parts) = (pd.factorize(here[name].fillna("").to_numpy()) for name in ("window", "part"))
    cells, cell = np.unique(window * len(parts) + part, return_inverse=True)
    names = np.array([join_stratum(frame, windows[each // len(parts)], parts[each % len(parts)]) for each in cells])
    is_whole = np.bincount(cell, found < 0, len(cells)) == 0
    is_held = weights["stratum"].isin(names[is_whole].tolist()).to_numpy()
    years = weights["year"].to_numpy(dtype=str)
    domains = []
    for year in ["", *sorted(set(years) - {""})]:
        inside = (years == year) | (not year)
        is_in = np.array([name.startswith(year) for name in windows], dtype=bool)[window]
        rows = np.sort(found[is_whole[cell] & is_in])
        size = round(float(weights["weight"].to_numpy()[inside].sum())) if inside.any() else len(here)
        domains.append(Domain(frame, year, rows, mine[inside], is_held[inside], size))
    return domains


def estimate_sizes(
    domains: list[Domain],
    documents: pd.DataFrame,
    weights: pd.DataFrame,
    chances: np.ndarray,
    reading: Reading,
    ids: tuple[str, ...],
    level: float,
) -> pd.DataFrame:
    """Returns the rows of the table `agenda_sizes`."""
    rows = []
    for domain in domains:
        total, variance, found, n_read = measure_domain(domain, documents, weights, chances, reading)
        size = domain.n_population
        share = np.clip(total / max(size, 1), found / max(size, 1), 1)
        low = high = np.full(len(ids), np.nan)
        if n_read:
            low, high = share_interval(share, variance / max(size, 1) ** 2, n_read, level)
            low = np.maximum(low, found / size)  # no fewer than were found
        for place, name in enumerate(ids):
            rows.append(
                {
                    "frame": domain.frame,
                    "year": domain.year,
                    "agenda": name,
                    "document_count": share[place] * size,
                    "low": low[place] * size,
                    "high": max(high[place], share[place]) * size,
                    "share": share[place],
                    "n_population": size,
                    "n_read": n_read,
                    "n_found": int(found[place]),
                    "basis": "read" if n_read else "chances",
                }
            )
    table = pd.DataFrame(rows)
    table.loc[table["basis"] == "chances", ["low", "high"]] = np.nan
    return table


def measure_domain(
    domain: Domain, documents: pd.DataFrame, weights: pd.DataFrame, chances: np.ndarray, reading: Reading
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Returns totals, their variances and the members found, float (n_agendas,) each, and how many were read.

    Where too little of the sample was read against the list, nothing is put right: 0 were read. A document of it that
    was not counts as its chances say. Of a stratum that the census does not hold whole, no chances are added up: what
    was read counts with its weight alone.
    """
    total = chances[domain.rows].sum(axis=0)
    sampled = pd.Index(documents["doc_id"]).get_indexer(weights["doc_id"].iloc[domain.place])
    place = pd.Index(reading.rows).get_indexer(sampled)
    nothing = np.zeros(chances.shape[1])
    is_read = place >= 0
    if not len(sampled) or is_read.mean() <= LEAST_READ:
        return total, nothing, nothing, 0
    said = np.where(is_read[:, None], reading.is_member[place], chances[sampled])
    expected = chances[sampled] if domain.is_held is None else chances[sampled] * domain.is_held[:, None]
    error = said - expected
    weight = weights["weight"].to_numpy()[domain.place]
    replicates = np.stack(weights["replicate_weights"].iloc[domain.place].to_list(), axis=1).astype(float)
    variance = ((replicates @ error - weight @ error) ** 2).mean(axis=0)
    found = reading.is_member[place[is_read]].sum(axis=0).astype(float)
    return total + weight @ error, variance, found, int(is_read.sum())


def share_interval(share: np.ndarray, variance: np.ndarray, n_read: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns Wilson's interval at the effective sample size, as every share of the report has it."""
    n_effective = effective_size(share, variance, n_read, n_read, np.full(len(share), max(n_read - 1, 1)), level)
    return wilson_interval(share, np.maximum(n_effective, 1.0), level)


def measure_growth(
    domains: list[Domain],
    documents: pd.DataFrame,
    weights: pd.DataFrame,
    chances: np.ndarray,
    reading: Reading,
    level: float,
) -> pd.DataFrame:
    """Returns frame, early_share, late_share and change_share with its interval, one row an agenda, of the largest
    frame with years; all empty where no frame has twice `SPAN_YEARS`, or too little of it was read."""
    columns = ["frame", "early_share", "late_share", "change_share", "change_low", "change_high"]
    by_frame: dict[str, list[Domain]] = {}
    for domain in domains:
        if domain.year:
            by_frame.setdefault(domain.frame, []).append(domain)
    able = {frame: years for frame, years in by_frame.items() if len(years) >= 2 * SPAN_YEARS}
    table = pd.DataFrame(np.nan, index=range(chances.shape[1]), columns=columns[1:])
    table.insert(0, "frame", pd.Series([None] * len(table), dtype=object))
    if not able:
        return table
    frame = max(sorted(able), key=lambda name: sum(year.n_population for year in able[name]))
    parts = []
    for years in (able[frame][:SPAN_YEARS], able[frame][-SPAN_YEARS:]):
        joined = _join(years)
        total, variance, found, n_read = measure_domain(joined, documents, weights, chances, reading)
        size = joined.n_population
        parts.append((np.maximum(total, found) / size, variance / size**2, n_read))
    (early, early_variance, n_early), (late, late_variance, n_late) = parts
    if not (n_early and n_late):
        return table
    half = normal_quantile(level) * np.sqrt(early_variance + late_variance)
    change = late - early
    ends = {"change_low": np.maximum(change - half, -1), "change_high": np.minimum(change + half, 1)}
    return table.assign(frame=frame, early_share=early, late_share=late, change_share=change, **ends)


def _join(years: list[Domain]) -> Domain:
    """Returns several years of a frame as one domain."""
    held = [np.ones(len(year.place), dtype=bool) if year.is_held is None else year.is_held for year in years]
    return Domain(
        frame=years[0].frame,
        year="",
        rows=np.concatenate([year.rows for year in years]),
        place=np.concatenate([year.place for year in years]),
        is_held=np.concatenate(held),
        size=sum(year.n_population for year in years),
    )
