"""How many more documents to read, and which, to halve an interval or to bring it to ten points either way."""

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.queries import Definition
from pipeline.estimate.domains import Domain, Population
from pipeline.estimate.intervals import normal_quantile
from pipeline.estimate.survey import DOCUMENTS, Found, Survey

BAND_EDGES = (0.05, 0.25, 0.75, 0.95)  # predicted chance of counting: five strata within a frame or year
FACTOR = 0.5  # of the width that the interval has now
TARGET = 0.10  # half width that the share of a year should not exceed
DECIMALS = 6  # beyond these, sums differ between processors, and a document or a band must not
LEAST_READ = 5  # in each band, so that a wrong prediction shows


def plan_reading(survey: Survey, found: Found, denominator_id: str, definition_ids: tuple[str, ...]) -> pd.DataFrame:
    """Returns the rows of the table `plan`, for every frame and year.

    The number is Neyman's for a ratio: n = (sum N_h S_h)^2 / (V N^2 + sum N_h S_h^2), with V the variance asked for and
    S_h^2 the mean variance of y - R d under the calibrated predictions (Neyman 1934). It supposes that everything
    read, before and after, is adjudicated.
    """
    rows: list[pd.DataFrame] = []
    codebook, is_settled = survey.codebook, survey.sample.units["is_adjudicated"].to_numpy()
    z = normal_quantile(survey.level)
    for number, definition in enumerate(codebook.definitions):
        guess = guess_shares(survey.population, definition, denominator_id, codebook)
        if definition.id not in definition_ids or guess is None:
            continue
        for domain in survey.domains:
            shares = found.get((domain.frame, domain.year, DOCUMENTS, denominator_id))
            if shares is None or not np.isfinite(shares.share[number]):
                continue
            half_width = float(shares.high[number] - shares.low[number]) / 2
            bands = _count_bands(guess, survey.population.units, domain, float(shares.share[number]))
            more = allocate(bands, (FACTOR * half_width / z) ** 2)
            for_target = allocate(bands, (TARGET / z) ** 2) if half_width > TARGET else np.zeros(len(bands), dtype=int)
            rows.append(
                bands.assign(
                    frame=domain.frame,
                    year=domain.year,
                    definition=definition.id,
                    denominator=denominator_id,
                    n_more=more,
                    n_to_adjudicate=int((~is_settled[domain.rows]).sum()),
                    half_width_now=half_width,
                    n_more_for_target=for_target,
                    half_width_planned=z * _standard_error(bands, more),
                ).drop(columns=["spread", "base"])
            )
    return pd.concat(rows, ignore_index=True)


def guess_shares(population: Population, definition: Definition, name: str, codebook: Codebook) -> np.ndarray | None:
    """Returns the chances that each document counts, and that it is in the denominator: float (n_documents, 2)."""
    if population.predictions is None:
        return None
    denominator = codebook.denominators[name]
    counted = population.predictions.count(definition, name, denominator)
    return np.stack([counted, population.predictions.inside(name, denominator)], axis=1)


def band_of(probability: np.ndarray) -> np.ndarray:
    """Returns the band of predicted chances that each document falls in: int (n,), 0 for the lowest."""
    return np.searchsorted(BAND_EDGES, np.round(probability, DECIMALS), side="right")


def allocate(bands: pd.DataFrame, variance: float) -> np.ndarray:
    """Returns how many more documents to read in each band, int (n_bands,), to bring the variance to `variance`."""
    sizes, spread = bands["n_population"].to_numpy(dtype=float), np.sqrt(bands["spread"].to_numpy(dtype=float))
    base = float(bands["base"].iloc[0])
    wanted, is_full = np.zeros(len(sizes)), np.zeros(len(sizes), dtype=bool)
    for _ in range(len(sizes)):  # a band read in full leaves its part of the variance to the others
        part = np.where(is_full, 0.0, sizes * spread)
        total = part.sum() ** 2 / max(variance * base**2 + part @ spread, 1e-12)
        wanted = np.where(is_full, sizes, np.ceil(np.round(total * part / max(part.sum(), 1e-12), DECIMALS)))
        is_full = wanted >= sizes
    wanted = np.minimum(np.maximum(wanted, LEAST_READ), sizes)
    return np.maximum(wanted - bands["n_read"].to_numpy(), 0).astype(int)


def _standard_error(bands: pd.DataFrame, more: np.ndarray) -> float:
    sizes = bands["n_population"].to_numpy(dtype=float)
    read = np.maximum(bands["n_read"].to_numpy() + more, 1)
    variance = sizes**2 * (1 - read / sizes) * bands["spread"].to_numpy() / read
    return float(np.sqrt(np.maximum(variance, 0).sum())) / float(bands["base"].iloc[0])


def _count_bands(guess: np.ndarray, units: np.ndarray, domain: Domain, share: float) -> pd.DataFrame:
    """Returns per band the documents, those read and the mean variance of y - share * d; and the documents inside."""
    members = np.unique(np.concatenate(domain.members))
    counted, inside = guess[members].T
    mean = counted - share * inside
    spread = counted * (1 - share) ** 2 + np.maximum(inside - counted, 0) * share**2 - mean**2
    band = band_of(counted)
    read = band_of(guess[units[domain.rows], 0])
    number = len(BAND_EDGES) + 1
    sizes = np.bincount(band, minlength=number)
    table = pd.DataFrame(
        {
            "band": np.arange(number),
            "n_population": sizes,
            "n_read": np.bincount(read, minlength=number),
            "spread": np.bincount(band, np.maximum(spread, 0), number) / np.maximum(sizes, 1),
            "base": inside.sum(),
        }
    )
    return table[table["n_population"] > 0].reset_index(drop=True)
