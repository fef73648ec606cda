"""Shares of one's own: any definition, over the published weights, with its interval."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alignment_census.loading import Census, CensusError, load_census
from alignment_census.needs import needing
from alignment_census.results import check_known

if TYPE_CHECKING:
    from pipeline.coding.codebook import Codebook

__all__ = ["Estimate", "estimate_share", "load_definitions", "measure_agreement"]


@dataclass(frozen=True)
class Estimate:
    """A share with its interval.

    Attributes:
        share, low, high: from 0 to 1; not a number where no read document is in the denominator.
        level: of the interval.
        standard_error: of the share.
        n_effective: size of a simple random sample with the same precision, in documents.
        n_read: documents read that it rests on.
        n_population: documents that it is about.

    Raises:
        Nothing: `estimate_share` makes it.

    Source: `estimate_share`.

    Example:
        >>> Estimate(0.25, 0.2, 0.3, 0.95, 0.025, 300.0, 310, 4000)
        25.0% (20.0% to 30.0%, level 0.95; 310 of 4,000 documents read)
    """

    share: float
    low: float
    high: float
    level: float
    standard_error: float
    n_effective: float
    n_read: int
    n_population: int

    def __repr__(self) -> str:
        """Returns the numbers in words."""
        return (
            f"{self.share:.1%} ({self.low:.1%} to {self.high:.1%}, level {self.level:g}; "
            f"{self.n_read:,} of {self.n_population:,} documents read)"
        )


def estimate_share(
    definition: str | Mapping[str, Any],
    *,
    frame: str,
    year: str = "",
    denominator: str | Mapping[str, Any] = "",
    level: float = 0.95,
    census: Census | None = None,
) -> Estimate:
    """Returns the share of documents that count under a definition of yours, with its interval.

    Args:
        definition: the id of one of the codebook's, or a query in its form, such as
            `{"groups": ["A"], "leaves": ["B1"]}` or `{"mechanism": ["M1"], "min_confidence": 2}`: the leaf must be in
            `groups` or `leaves` and not in `without_leaves`; every axis named must have one of the codes given; one of
            `any_of` must hold where there are any.
        frame: the population, such as "alignmentforum-census".
        year: one year that was sampled as a stratum of its own; all years by default.
        denominator: what it is a share of: an id, or a query; the codebook's first by default.
        level: of the interval, between 0 and 1.
        census: from `load_census`; the newest by default.

    Returns:
        the estimate. For definitions of the codebook it is the published share; the published interval may be wider,
        since those of nested definitions are made to agree with each other.

    Raises:
        CensusError: there is no such frame, year or code, the query has an unknown key, the census has no weights, or
            the extra is missing.

    Source: `weights.parquet` (200 replicates); Wilson's interval on the effective sample size (Kott and Carr 1997;
        Dean and Pagano 2015), bounded by the finite population.

    Example:
        >>> own = estimate_share({"leaves": ["D1", "D2"]}, frame="alignmentforum-census")
        >>> bool(0 < own.low < own.share < own.high < 1)
        True
    """
    census = census or load_census()
    with needing("pipeline", "estimate_share"):
        from pipeline.coding.definitions import match_query  # noqa: PLC0415
        from pipeline.estimate.published import read_weights  # noqa: PLC0415
        from pipeline.estimate.shares import estimate_shares, take_part  # noqa: PLC0415

    codebook = _load_codebook(census)
    counts = _find_query(definition, codebook, "definition", census)
    inside = _find_query(denominator or next(iter(codebook.denominators)), codebook, "denominator", census)
    table, published = census.table("weights"), census.table("shares")
    table = table[table["frame"] == check_known(frame, table["frame"], "frame", census)]
    published = published[(published["frame"] == frame) & (published["weight"] == "documents")]
    if year:
        table = table[table["year"] == check_known(str(year), table.loc[table["year"] != "", "year"], "year", census)]
    population = int(published.loc[published["year"] == str(year), "n_population"].iloc[0])
    weights = read_weights(table.reset_index(drop=True), codebook)
    records = weights.codes.records
    part = take_part(weights, np.ones(len(table), dtype=bool), float(population))
    found = estimate_shares(part, match_query(counts, records)[None, :], match_query(inside, records), level)
    numbers = (found.share, found.low, found.high)
    share, low, high = (float(column[0]) for column in numbers)
    error, size = float(found.standard_error[0]), float(found.n_effective[0])
    return Estimate(share, low, high, level, error, size, found.n_read, population)


def load_definitions(*, census: Census | None = None) -> pd.DataFrame:
    """Returns the definitions and denominators of the census's codebook.

    Args:
        census: from `load_census`; the newest by default.

    Returns:
        one row each, in the codebook's order: `kind` ("definition" or "denominator"), `id`, `title`, `reading` (whose
        reading it is), and `query`, a mapping that `estimate_share` takes.

    Raises:
        CensusError: the census has no codebook.

    Source: `codebook.toml` of the census, which is `data/raw/handcheck/codebook/codebook.toml`.

    Example:
        >>> load_definitions().query("kind == 'denominator'")["id"].iloc[0]
        'safety'
    """
    path = (census or load_census()).folder / "codebook.toml"
    if not path.is_file():
        raise CensusError("the census has no codebook", where=str(path.parent), do="use a census that was read")
    book = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    listed = [("definition", item) for item in book["definitions"]]
    listed += [("denominator", {"id": name, **item}) for name, item in book["denominators"].items()]
    rows = [
        {
            "kind": kind,
            "id": item["id"],
            "title": item["title"],
            "reading": item.get("reading", ""),
            "query": {key: value for key, value in item.items() if key not in ("id", "title", "reading", "nested")},
        }
        for kind, item in listed
    ]
    return pd.DataFrame(rows)


def measure_agreement(
    one: Sequence[object],
    other: Sequence[object],
    *,
    weights: Sequence[float] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Returns how far two coders agree on the documents that both have read. Needs the extra `pipeline`.

    Args:
        one, other: the codes of n documents by each: texts, or bools for a yes-or-no code.
        weights: float (n,), 1 / inclusion probability of each document; one each by default.
        level: of the intervals.
        seed: of the bootstrap of documents (1,000 draws).

    Returns:
        one row a measure: `measure` (raw, kappa, alpha, ac1; positive with bools), `value`, `low`, `high`, and
        `n_both` in documents. What does not exist, such as kappa where both always say the same, is missing.

    Raises:
        CensusError: the two have not the same length, nobody has read anything, or the extra is missing.

    Source: Cohen 1960; Krippendorff 2019; Gwet 2008; Dice 1945. `pipeline/agreement/coefficients.py`.

    Example:
        >>> rows = measure_agreement(["A", "A", "B", "B"], ["A", "B", "B", "B"])
        >>> float(rows.set_index("measure").loc["kappa", "value"])
        0.5
    """
    if len(one) != len(other) or not len(one):
        raise CensusError(
            f"one coder has {len(one)} codes, the other {len(other)}",
            where="measure_agreement",
            do="give the codes of the documents that both have read, in one order",
        )
    with needing("pipeline", "measure_agreement"):
        from pipeline.agreement import coefficients  # noqa: PLC0415

    both = [np.asarray(codes) for codes in (one, other)]
    first, second = both if all(codes.dtype == bool for codes in both) else [codes.astype(str) for codes in both]
    factor = np.ones(len(first)) if weights is None else np.asarray(weights, dtype=float)
    draws = coefficients.resample(np.zeros(len(first), dtype=int), seed)
    return pd.DataFrame(coefficients.measure_agreement(first, second, factor, draws, level))


def _load_codebook(census: Census) -> "Codebook":
    with needing("pipeline", "the codebook"):
        from pipeline.coding.codebook import load_codebook  # noqa: PLC0415

    path = census.folder / "codebook.toml"
    if not path.is_file():
        raise CensusError("the census has no codebook", where=str(census.folder), do="use a census that was read")
    return load_codebook(path)


def _find_query(asked: str | Mapping[str, Any], codebook: "Codebook", kind: str, census: Census) -> Any:
    """Returns one of the codebook's queries, or one's own, checked against its codes."""
    from pipeline.coding import codebook as books  # noqa: PLC0415

    known = codebook.denominators if kind == "denominator" else {item.id: item for item in codebook.definitions}
    if isinstance(asked, str):
        return known[check_known(asked, known, kind, census)]
    return books.parse_query(asked, codebook, kind)
