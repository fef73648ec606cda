"""The population, and the parts of it that shares are about: frames, and years of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.coding.sample import Sample
from pipeline.settings import Frame

if TYPE_CHECKING:  # of the whole room the report reads populations and domains, and loads no classifier for it
    from pipeline.estimate.classify import Predictions


@dataclass(frozen=True)
class Population:
    """All documents, with what is known of each without reading it.

    Attributes:
        documents: columns doc_id, frame, published_year (missing: -1); in doc_id order.
        predictions: rows as in `documents`; or None.
        units: int (n_read,), the rows of the read documents, in the order of the sample.
        found: the rows of lists of documents, and of frames and years, that were asked for before.
    """

    documents: pd.DataFrame
    units: np.ndarray
    predictions: "Predictions | None" = None
    found: dict[frozenset[str] | tuple[str, str], np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each document."""
        return {doc_id: row for row, doc_id in enumerate(self.documents["doc_id"].tolist())}

    def of(self, sample: Sample) -> "Population":
        """Returns the same with the read documents of a sample."""
        return replace(self, units=pd.Index(self.documents["doc_id"]).get_indexer(sample.units.index))

    def rows_of(self, frame: str, year: str) -> np.ndarray:
        """Returns the documents of a frame, or of one year of it: bool (n,), not to be written to."""
        if (frame, year) not in self.found:
            rows = (self.documents["frame"] == frame).to_numpy()
            if year:
                rows = rows & (self.documents["published_year"] == int(year)).to_numpy()
            self.found[frame, year] = _lock(rows)
        return self.found[frame, year]

    def knows(self, sample: Sample, stratum: str) -> bool:
        """Whether every document of a stratum is here, so that predictions can be added up over it."""
        return int(self.rows_in(sample, stratum).sum()) >= int(sample.strata["n_population"].loc[stratum])

    def rows_within(self, domain: "Domain") -> np.ndarray:
        """Returns the documents of a domain: bool (n,)."""
        rows = np.zeros(len(self.documents), dtype=bool)
        for members in domain.members:
            rows[members] = True
        return rows

    def rows_in(self, sample: Sample, stratum: str) -> np.ndarray:
        """Returns the documents that a stratum stands for: bool (n,), not to be written to; its frame, where it is a
        part without a list."""
        members = sample.members.get(stratum)
        if members is None:
            return self.rows_of(str(sample.strata.at[stratum, "frame"]), str(sample.strata.at[stratum, "year"]))
        if members not in self.found:
            rows = np.zeros(len(self.documents), dtype=bool)
            rows[[self.places[doc_id] for doc_id in self.places.keys() & members]] = True
            self.found[members] = _lock(rows)
        return self.found[members]


def _lock(rows: np.ndarray) -> np.ndarray:
    """Returns rows that everyone may read and nobody change."""
    rows.setflags(write=False)
    return rows


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

    @cached_property
    def n_population(self) -> int:
        """Documents in it, read or not."""
        return int(self.strata["n_population"].sum())


def parts_of(frames: Mapping[str, Frame]) -> dict[str, str]:
    """Returns the frames that are a part of another one's strata: name -> `frame/part`."""
    return {name: frame.part_of for name, frame in frames.items() if frame.part_of}


def list_domains(sample: Sample, population: Population, parts: Mapping[str, str] | None = None) -> list[Domain]:
    """Returns each frame as a whole, then each year that is a stratum of its own.

    Args:
        sample: the read documents.
        population: all documents.
        parts: frames that are a part of another one's strata: name -> `frame/part`.
    """
    domains = []
    own = [(str(frame), strata) for frame, strata in sample.strata.groupby("frame", sort=True)]
    for name, place in (parts or {}).items():
        whole, _, part = place.partition("/")
        rows = sample.strata["frame"] == whole
        if rows.any():
            own.append((name, sample.strata[rows & (sample.strata["part"] == part)]))
    for frame, strata in sorted(own, key=lambda pair: pair[0]):
        if strata.empty:
            continue
        for year, inside in [("", strata), *strata[strata["year"] != ""].groupby("year")]:
            read = sample.units["stratum"].isin(inside.index).to_numpy()
            members = tuple(np.flatnonzero(population.rows_in(sample, name)) for name in inside.index)
            domains.append(Domain(frame, str(year), inside, read, members))
    return domains
