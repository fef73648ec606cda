"""What the coders' codes say under one definition and denominator, ready to be estimated from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.coding.bands import EXTENSION
from pipeline.coding.codebook import Definition, Denominator
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.overlay import PICKED
from pipeline.coding.sample import Sample
from pipeline.estimate.classify import Predictions
from pipeline.estimate.observations import EstimateError, Reads
from pipeline.estimate.phases import Phase2
from pipeline.estimate.shares import ShareEstimate, estimate_reads, tune

ALWAYS_SETTLED = (
    "doubtful",
    "disagree",
    PICKED,
    EXTENSION,
)  # phase-2 strata that are settled in full, and speak for no other
LEAST_POOL = 15  # adjudicated documents of a cell; with fewer in a frame, the cell is learnt from all frames


@dataclass(frozen=True)
class Population:
    """All documents, with what is known of each without reading it.

    Attributes:
        documents: columns doc_id, frame, published_year (missing: -1); in doc_id order.
        predictions: rows as in `documents`; or None.
        size: float (n,), what each document counts for; None: one each.
        units: int (n_read,), the rows of the read documents, in the order of the sample.
    """

    documents: pd.DataFrame
    units: np.ndarray
    predictions: Predictions | None = None
    size: np.ndarray | None = None

    def rows_of(self, frame: str, year: str) -> np.ndarray:
        """Returns the documents of a frame, or of one year of it: bool (n,)."""
        rows = (self.documents["frame"] == frame).to_numpy()
        return rows & (self.documents["published_year"] == int(year)).to_numpy() if year else rows

    def rows_in(self, sample: Sample, stratum: str) -> np.ndarray:
        """Returns the documents that a stratum stands for: bool (n,); its frame, where it is a part without a list."""
        if stratum in sample.members:
            return self.documents["doc_id"].isin(sample.members[stratum]).to_numpy()
        return self.rows_of(str(sample.strata.at[stratum, "frame"]), str(sample.strata.at[stratum, "year"]))


@dataclass(frozen=True)
class Domain:
    """The part of the sample that a share is about: a frame, or one year of it.

    Attributes:
        frame, year: its name; year is "" for all years.
        strata: rows of `Sample.strata`.
        rows: bool (n_read,), its read documents.
        members: int arrays, for each of its strata the documents that it stands for in the population (the whole
            frame, where a stratum is neither a frame nor a year: only the sum over the strata is used then).
    """

    frame: str
    year: str
    strata: pd.DataFrame
    rows: np.ndarray
    members: tuple[np.ndarray, ...]

    @property
    def n_population(self) -> int:
        """Documents in it, read or not."""
        return int(self.strata["n_population"].sum())


def list_domains(sample: Sample, population: Population) -> list[Domain]:
    """Returns each frame as a whole, then each year that is a stratum of its own."""
    domains = []
    for frame, strata in sample.strata.groupby("frame", sort=True):
        parts = [("", strata), *strata[strata["year"] != ""].groupby("year")]
        for year, part in parts:
            rows = sample.units["stratum"].isin(part.index).to_numpy()
            members = tuple(np.flatnonzero(population.rows_in(sample, name)) for name in part.index)
            domains.append(Domain(str(frame), str(year), part, rows, members))
    return domains


@dataclass(frozen=True)
class Readings:
    """The codes of all read documents as values; arrays (n,) in the order of the sample's units.

    `cell` numbers what the readers said: documents on which they said the same form one agreement cell; -1 where every
    document is adjudicated. `guess` holds the predictions of all documents of the population, float (n_documents, 2).
    """

    sample: Sample
    population: Population
    y: np.ndarray
    denominator: np.ndarray
    reader_y: np.ndarray
    reader_denominator: np.ndarray
    cell: np.ndarray
    guess: np.ndarray | None

    @classmethod
    def of(
        cls, sample: Sample, population: Population, definition: Definition, name: str, denominator: Denominator
    ) -> "Readings":
        """Applies a definition, and a denominator called `name`, to every coder's codes and to the predictions."""
        guess = None
        if population.predictions is not None:
            counted = population.predictions.count(definition, name, denominator)
            guess = np.stack([counted, population.predictions.inside(denominator)], axis=1)
        return cls.matching(
            sample,
            population,
            lambda codes: match_definition(definition, codes),
            lambda codes: match_denominator(denominator, codes),
            guess,
        )

    @classmethod
    def matching(
        cls,
        sample: Sample,
        population: Population,
        is_counted: Callable[[pd.DataFrame], np.ndarray],
        is_inside: Callable[[pd.DataFrame], np.ndarray],
        guess: np.ndarray | None = None,
    ) -> "Readings":
        """Applies two queries over codes, for shares that no definition of the codebook names."""
        inside = np.array([is_inside(codes) for codes in sample.readers], dtype=float)
        counted = np.array([is_counted(codes) for codes in sample.readers], dtype=float) * inside
        reader_y, reader_denominator = counted.mean(axis=0), inside.mean(axis=0)
        y, base = reader_y.copy(), reader_denominator.copy()
        rows = sample.units.index.get_indexer(sample.adjudicator.index)
        base[rows] = is_inside(sample.adjudicator)
        y[rows] = is_counted(sample.adjudicator) * base[rows]
        _, cell = np.unique(np.stack([reader_y, reader_denominator]), axis=1, return_inverse=True)
        in_part = ~sample.units["phase2_stratum"].isin(ALWAYS_SETTLED).to_numpy()
        cell = np.where(in_part, cell.reshape(-1), -1)
        return cls(sample, population, y, base, reader_y, reader_denominator, cell, guess)

    def estimate(self, domain: Domain, level: float, tuning: float | None = None) -> ShareEstimate | None:
        """Returns the share in a domain, or None where no read document of it is in the denominator.

        Args:
            domain: a frame or a year of it.
            level: of the interval.
            tuning: lambda learnt on a wider domain.
        """
        if not self.denominator[domain.rows].any():
            return None
        try:
            return estimate_reads(self.reads(domain), level, tuning)
        except EstimateError as error:
            raise EstimateError(error.what, where=f"{domain.frame} {domain.year}".strip(), do=error.do) from None

    def has_size(self, domain: Domain) -> bool:
        """Whether any read document of a domain that is in the denominator counts for something."""
        if self.population.size is None:
            return True
        inside = domain.rows & (self.denominator > 0)
        return bool(self.population.size[self.population.units[inside]].any())

    def tune(self, domain: Domain) -> float:
        """Returns lambda learnt on a domain, for the years of it."""
        return tune(self.reads(domain)) if self.denominator[domain.rows].any() else 0.0

    def reads(self, domain: Domain) -> Reads:
        """Returns the read documents of a domain with their strata, predictions and adjudication."""
        rows, strata = domain.rows, domain.strata
        stratum = strata.index.get_indexer(pd.Index(self.sample.units["stratum"][rows]))
        counts = np.bincount(stratum, minlength=len(strata)).astype(float)
        sizes = strata["n_population"].to_numpy(dtype=float)
        units, size = self.population.units[rows], self.population.size
        guess, means = None, None
        if self.guess is not None:
            weighted = self.guess if size is None else self.guess * size[:, None]
            guess, means = self.guess[units], np.array([weighted[rows].mean(axis=0) for rows in domain.members])
        return Reads(
            self.y[rows],
            self.denominator[rows],
            stratum,
            sizes,
            counts,
            guess,
            means,
            None if size is None else size[units],
            self._phase2(domain),
        )

    def _phase2(self, domain: Domain) -> Phase2:
        """Returns the adjudication: each cell is learnt from its frame where that suffices, else from all frames."""
        units, rows = self.sample.units, domain.rows
        is_settled = units["is_adjudicated"].to_numpy()
        pool = is_settled & (self.cell >= 0)
        in_frame = (units["frame"] == domain.frame).to_numpy()
        counts = np.bincount(self.cell[pool & in_frame], minlength=self.cell.max(initial=0) + 1)
        pool &= in_frame | (counts[self.cell] < LEAST_POOL)
        return Phase2(
            self.cell[rows],
            is_settled[rows],
            self.reader_y[rows],
            self.reader_denominator[rows],
            self.cell[pool],
            self.y[pool],
            self.denominator[pool],
            1 / units["inclusion_probability"].to_numpy()[pool],
            None if self.guess is None else self.guess[self.population.units[pool]],
        )
