"""What every table of estimates starts from: the weights, the queries, and the parts that shares are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_definition
from pipeline.coding.queries import Definition, Denominator
from pipeline.coding.sample import Sample
from pipeline.estimate.domains import Domain, Population, list_domains
from pipeline.estimate.nesting import find_wider, nest_ends
from pipeline.estimate.people import WEIGHTS
from pipeline.estimate.shares import Part, Shares, estimate_shares, take_part
from pipeline.estimate.weights import Weights, make_weights

DOCUMENTS = "documents"  # one each

Found = Mapping[tuple[str, str, str, str], Shares]  # by frame, year, way of counting and denominator


@dataclass(frozen=True)
class Survey:
    """A read sample with its weights, ready for any share.

    Attributes:
        sample, population, codebook: as read.
        weights: records that no definition tells apart are one.
        full_weights: every record for itself, for definitions that nobody has thought of yet.
        sizes: what documents are counted in besides one each: float (n_documents,) by name and frame; a frame that
            cannot be counted so is missing.
        domains: each frame as a whole, then each of its years that is a stratum.
        level: of the intervals.
    """

    sample: Sample
    population: Population
    codebook: Codebook
    weights: Weights
    full_weights: Weights
    sizes: Mapping[str, Mapping[str, np.ndarray]]
    domains: tuple[Domain, ...]
    level: float

    @property
    def records(self) -> pd.DataFrame:
        """The codes that documents may have."""
        return self.weights.codes.records

    def part(self, domain: Domain, weight: str = DOCUMENTS) -> Part | None:
        """Returns a frame or years of one, in what documents count for; None where they cannot count for it."""
        known = self.parts.get((id(domain), weight))
        if known is None:
            known = self.parts[id(domain), weight] = (domain, self._take_part(domain, weight))
        return known[1]

    @cached_property
    def parts(self) -> dict[tuple[int, str], tuple[Domain, Part | None]]:
        """Parts asked for before: by the identity of the domain, which is held here too, and by what is counted."""
        return {}

    def _take_part(self, domain: Domain, weight: str) -> Part | None:
        members = self.population.rows_within(domain)
        if weight == DOCUMENTS:
            return take_part(self.weights, domain.rows, float(domain.n_population))
        size = self.sizes[weight].get(domain.frame)
        if size is None or not size[self.population.units][domain.rows].any():
            return None
        return take_part(self.weights, domain.rows, float(size[members].sum()), size[self.population.units])

    def definitions(self, definitions: Sequence[Definition]) -> np.ndarray:
        """Returns which codes count under each definition: bool (n_definitions, n_records)."""
        return np.array([self.weights.codes.match(definition) for definition in definitions])

    def inside(self, denominator: Denominator) -> np.ndarray:
        """Returns which codes are in a denominator: bool (n_records,)."""
        return self.weights.codes.match(denominator)


def open_survey(
    sample: Sample,
    population: Population,
    codebook: Codebook,
    level: float,
    seed: int,
    parts: Mapping[str, str] | None = None,
    sizes: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> Survey:
    """Returns a sample with its weights; `parts` as in `list_domains`, `sizes` where they are known already."""
    sizes = measure_sizes(sample, population) if sizes is None else sizes
    weights = make_weights(sample, population, codebook, seed)
    domains = tuple(list_domains(sample, population, parts))
    merged = merge_records(weights, codebook)
    return Survey(sample, population, codebook, merged, weights, sizes, domains, level)


def measure_sizes(sample: Sample, population: Population) -> dict[str, dict[str, np.ndarray]]:
    """Returns what documents count for by name and frame: float (n_documents,), 0 outside the frame.

    Frames of which some documents are known by id alone cannot be counted so.
    """
    sizes: dict[str, dict[str, np.ndarray]] = {}
    strata = sample.strata
    known = [
        str(frame)
        for frame, own in strata.groupby("frame", sort=True)
        if all(population.knows(sample, str(name)) for name in own.index)
    ]
    for name, (measure, _) in WEIGHTS.items():
        sizes[name] = {}
        for frame in known:
            own = strata.index[strata["frame"] == frame]
            rows = np.any([population.rows_in(sample, str(stratum)) for stratum in own], axis=0)
            values = measure(population.documents[rows])
            if values is not None:
                sizes[name][str(frame)] = np.zeros(len(rows))
                sizes[name][str(frame)][rows] = values
    return sizes


def merge_records(weights: Weights, codebook: Codebook) -> Weights:
    """Returns weights in which codes of one leaf that no query and no toggle tells apart are one code: its first."""
    records = weights.codes.records
    queries = (*codebook.definitions, *codebook.denominators.values())
    matches = np.array([match_definition(query, weights.codes.columns) for query in queries])
    number = np.zeros(len(records), dtype=np.int64)
    for column in (*np.packbits(matches, axis=0), records["leaf"], *mark_contested(records, codebook).values()):
        kind, kinds = pd.factorize(column)
        number = pd.factorize(number * len(kinds) + kind)[0]
    return weights.merged(number)


def mark_contested(records: pd.DataFrame, codebook: Codebook) -> dict[str, np.ndarray]:
    """Returns the contested codes of axes that codes have, by axis: text (n_records,), empty for every other code."""
    return {
        f"axis {axis}": records[axis].where(records[axis].isin(codes), "").to_numpy(dtype=object)
        for axis, codes in codebook.toggles.axes.items()
    }


def estimate_batch(survey: Survey, queries: Sequence[Definition], weights: Sequence[str]) -> Found:
    """Returns every query's share in every domain, way of counting and denominator: of one batch, so that they agree.

    Ends of intervals are such that none of a narrower query's is above a wider one's.
    """
    codebook, found = survey.codebook, {}
    counted = survey.definitions(queries)
    insides = {name: survey.inside(denominator) for name, denominator in codebook.denominators.items()}
    widers = {name: find_wider(counted & inside) for name, inside in insides.items()}
    for domain in survey.domains:
        for weight in (DOCUMENTS, *(() if domain.year else weights)):
            part = survey.part(domain, weight)
            if part is None:
                continue
            for name, inside in insides.items():
                shares = estimate_shares(part, counted, inside, survey.level)
                low, high = nest_ends(widers[name], shares.low, shares.high)
                found[domain.frame, domain.year, weight, name] = replace(shares, low=low, high=high)
    return found
