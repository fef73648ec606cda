"""Stage `estimate`: the share under every definition, denominator, frame and year, from the read documents."""

import logging
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.check.codebook import Codebook, Definition, Denominator, load_codebook
from pipeline.config import Config
from pipeline.estimate.definitions import check_nesting, match_definition, match_denominator
from pipeline.estimate.design import Sample, load_sample, settle_codes
from pipeline.estimate.shares import Phase2, ShareEstimate, estimate_share
from pipeline.schemas import CODES, DOCUMENTS, SHARES

log = logging.getLogger(__name__)
ALWAYS_SETTLED = ("doubtful", "disagree")  # phase-2 strata that are adjudicated in full


@dataclass(frozen=True)
class Domain:
    """The part of the sample that a share is about: a frame, or one year of it."""

    frame: str
    year: str
    rows: np.ndarray
    sizes: dict[str, int]


def run(config: Config) -> None:
    """Reads `documents` and the hand check, and writes `codes` and `shares`."""
    start = time.perf_counter()
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    check_nesting(codebook)
    documents = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "frame", "published_year"))
    sample = load_sample(handcheck, config.estimate.round, codebook, documents)
    shares = estimate_all(sample, codebook, config.estimate.level)
    store.write_table(CODES, settle_codes(sample), config.processed("codes"))
    store.write_table(SHARES, shares, config.processed("shares"))
    log.info(
        "estimate: %d documents read -> %d shares in %.1f s",
        len(sample.units),
        len(shares),
        time.perf_counter() - start,
    )


def estimate_all(sample: Sample, codebook: Codebook, level: float) -> pd.DataFrame:
    """Returns the rows of the table `shares`: every definition, denominator, frame and year."""
    rows = []
    for denominator_id, denominator in codebook.denominators.items():
        for definition in codebook.definitions:
            readings = Readings.of(sample, definition, denominator)
            for domain in list_domains(sample):
                estimate = readings.estimate(domain, level)
                rows.append(
                    {
                        "frame": domain.frame,
                        "year": domain.year,
                        "definition": definition.id,
                        "denominator": denominator_id,
                        "weight": "documents",
                        "level": level,
                        "n_population": sum(domain.sizes.values()),
                        "n_read": int(domain.rows.sum()),
                        "share": estimate.share if estimate else None,
                        "low": estimate.low if estimate else None,
                        "high": estimate.high if estimate else None,
                        "n_effective": estimate.n_effective if estimate else None,
                        "method": estimate.method if estimate else "none: no read document is in the denominator",
                    }
                )
    return pd.DataFrame(rows)


def list_domains(sample: Sample) -> list[Domain]:
    """Returns each frame as a whole, then each year that is a stratum of its own."""
    domains = []
    for frame, strata in sample.strata.groupby("frame", sort=True):
        domains.append(_domain(sample, str(frame), "", strata))
        domains += [
            _domain(sample, str(frame), str(year), part) for year, part in strata[strata["year"] != ""].groupby("year")
        ]
    return domains


def _domain(sample: Sample, frame: str, year: str, strata: pd.DataFrame) -> Domain:
    rows = sample.units["stratum"].isin(strata.index).to_numpy()
    return Domain(frame, year, rows, {str(name): int(size) for name, size in strata["n_population"].items()})


@dataclass(frozen=True)
class Readings:
    """What the coders' codes say under one definition and denominator; arrays (n,) in the order of the sample's units.

    `cell` numbers what the readers said: documents on which they said the same form one agreement cell.
    """

    y: np.ndarray
    denominator: np.ndarray
    reader_y: np.ndarray
    reader_denominator: np.ndarray
    cell: np.ndarray
    is_settled: np.ndarray
    is_pool: np.ndarray
    stratum: np.ndarray

    @classmethod
    def of(cls, sample: Sample, definition: Definition, denominator: Denominator) -> "Readings":
        """Applies the queries to every coder's codes."""
        inside = np.array([match_denominator(denominator, codes) for codes in sample.readers], dtype=float)
        counted = np.array([match_definition(definition, codes) for codes in sample.readers], dtype=float) * inside
        reader_y, reader_denominator = counted.mean(axis=0), inside.mean(axis=0)
        y, base = reader_y.copy(), reader_denominator.copy()
        rows = sample.units.index.get_indexer(sample.adjudicator.index)
        base[rows] = match_denominator(denominator, sample.adjudicator)
        y[rows] = match_definition(definition, sample.adjudicator) * base[rows]
        is_settled = sample.units["is_adjudicated"].to_numpy()
        in_part = ~sample.units["phase2_stratum"].isin(ALWAYS_SETTLED).to_numpy()
        _, cell = np.unique(np.stack([reader_y, reader_denominator]), axis=1, return_inverse=True)
        return cls(
            y,
            base,
            reader_y,
            reader_denominator,
            np.where(in_part, cell.reshape(-1), -1),
            is_settled,
            in_part & is_settled,
            sample.units["stratum"].to_numpy(),
        )

    def estimate(self, domain: Domain, level: float) -> ShareEstimate | None:
        """Returns the share in a domain, or None where no read document of it is in the denominator."""
        rows, pool = domain.rows, self.is_pool
        phase2 = Phase2(
            self.cell[rows],
            self.is_settled[rows],
            self.reader_y[rows],
            self.reader_denominator[rows],
            self.cell[pool],
            self.y[pool],
            self.denominator[pool],
        )
        if not self.denominator[rows].any():
            return None
        return estimate_share(
            self.y[rows],
            self.stratum[rows],
            domain.sizes,
            denominator=self.denominator[rows],
            phase2=phase2,
            level=level,
        )
