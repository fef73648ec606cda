"""How many documents are of each agenda: the sum of the chances, put right by what was read, with the public weights.

The difference estimator (Särndal, Swensson and Wretman 1992, section 6.3): the chances of all documents, plus the
weighted sum of what the read ones are less what their chances say. A wrong chance widens the interval and biases
nothing, since no chance rests on what was read of its own document.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.agendas.reading import Reading
from pipeline.estimate.intervals import effective_size, wilson_interval

SPAN_YEARS = 3  # growth compares the first and the last three years, as everywhere in the report


@dataclass(frozen=True)
class Domain:
    """A frame, or years of one.

    Attributes:
        frame, year: what it is; year is empty for all.
        rows: int, its documents.
        place: int (n_weighted,), rows of `weights` that are in it.
    """

    frame: str
    year: str
    rows: np.ndarray
    place: np.ndarray


def list_domains(documents: pd.DataFrame, members: pd.DataFrame, weights: pd.DataFrame) -> list[Domain]:
    """Returns every frame as a whole, then its years where the design has years.

    Args:
        documents: columns doc_id, published_year.
        members: columns frame, doc_id, gone: a document may be in several frames.
        weights: rows of the table `weights`.
    """
    domains = []
    index = pd.Index(documents["doc_id"])
    year = documents["published_year"].map(lambda value: "" if pd.isna(value) else str(int(value))).to_numpy()
    for frame, here in members[members["gone"].isna()].groupby("frame", sort=True):
        rows = np.sort(index.get_indexer(here["doc_id"]))
        rows = rows[rows >= 0]
        mine = np.flatnonzero((weights["frame"] == str(frame)).to_numpy())
        domains.append(Domain(str(frame), "", rows, mine))
        stratum = weights["year"].iloc[mine].to_numpy()
        for name in sorted(set(stratum) - {""}):
            domains.append(Domain(str(frame), name, rows[year[rows] == name], mine[stratum == name]))
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
        size = len(domain.rows)
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

    Where a document of the sample was not read against the list, nothing is put right: 0 were read.
    """
    total = chances[domain.rows].sum(axis=0)
    sampled = pd.Index(documents["doc_id"]).get_indexer(weights["doc_id"].iloc[domain.place])
    place = pd.Index(reading.rows).get_indexer(sampled)
    nothing = np.zeros(chances.shape[1])
    if not len(sampled) or (place < 0).any():
        return total, nothing, nothing, 0
    said = reading.is_member[place].astype(float)
    error = said - chances[sampled]
    weight = weights["weight"].to_numpy()[domain.place]
    replicates = np.stack(weights["replicate_weights"].iloc[domain.place].to_list(), axis=1).astype(float)
    variance = ((replicates @ error - weight @ error) ** 2).mean(axis=0)
    return total + weight @ error, variance, said.sum(axis=0), len(sampled)


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
    frame = max(sorted(able), key=lambda name: sum(len(year.rows) for year in able[name]))
    parts = []
    for years in (able[frame][:SPAN_YEARS], able[frame][-SPAN_YEARS:]):
        rows, place = (np.concatenate([getattr(year, name) for year in years]) for name in ("rows", "place"))
        joined = Domain(frame, "", rows, place)
        total, variance, found, n_read = measure_domain(joined, documents, weights, chances, reading)
        parts.append((np.maximum(total, found) / len(rows), variance / len(rows) ** 2, n_read))
    (early, early_variance, n_early), (late, late_variance, n_late) = parts
    if not (n_early and n_late):
        return table
    half = stats.norm.ppf((1 + level) / 2) * np.sqrt(early_variance + late_variance)
    change = late - early
    ends = {"change_low": np.maximum(change - half, -1), "change_high": np.minimum(change + half, 1)}
    return table.assign(frame=frame, early_share=early, late_share=late, change_share=change, **ends)
