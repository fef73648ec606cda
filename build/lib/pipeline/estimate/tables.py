"""The tables of estimates: every definition, denominator, frame, year and weight."""

import itertools
import logging
from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.coding.sample import Sample
from pipeline.config import Config
from pipeline.estimate.agendas import estimate_agendas, estimate_growth
from pipeline.estimate.calibration import tabulate_guesses
from pipeline.estimate.classify import DECIMALS, Predictions
from pipeline.estimate.curve import draw_curves
from pipeline.estimate.domains import Population, Readings, list_domains
from pipeline.estimate.people import WEIGHTS, count_people
from pipeline.estimate.person_counts import add_person_counts
from pipeline.estimate.planning import plan_reading
from pipeline.estimate.robustness import add_second_encoder, vary_estimates
from pipeline.estimate.shares import ShareEstimate
from pipeline.estimate.trends import measure_groups, measure_trends
from pipeline.schemas import (
    CLUSTER_MEMBERS,
    SECOND_MEMBERS,
)

log = logging.getLogger(__name__)


def estimate_tables(
    config: Config, codebook: Codebook, sample: Sample, population: Population
) -> dict[str, pd.DataFrame]:
    """Returns every table of estimates by its name."""
    level = config.estimate.level
    members = _load_layers(config)
    quotable = [name for name, frame in config.frames.items() if frame.is_quotable]
    by_documents = estimate_all(sample, population, codebook, level)
    by_weights = estimate_weighted(sample, population, codebook, level)
    curve, toggles = draw_curves(sample, population, codebook, level)
    tables = {
        "shares": pd.concat([by_documents, by_weights], ignore_index=True),
        "groups": measure_groups(sample, population, codebook, level),
        "trends": measure_trends(sample, population, codebook, level),
        "people": count_people(population.documents),
        "agendas": estimate_agendas(sample, population, codebook, level, config.estimate.agendas),
        "agenda_growth": estimate_growth(sample, population, codebook, level, config.estimate.agendas),
        "guesses": tabulate_guesses(sample, population),
        "curve": curve,
        "toggles": toggles,
        "plan": plan_reading(
            sample, population, codebook, config.report.denominator, config.report.headline_definitions, level
        ),
        "robustness": vary_estimates(sample, population, codebook, members, level, quotable),
    }
    return add_person_counts(tables, sample)


def _load_layers(config: Config) -> pd.DataFrame:
    """Returns which cluster each document is in, by every layer, of the second encoder too where one is stored."""
    members = store.read_table(CLUSTER_MEMBERS, config.processed("cluster_members"))
    path = config.processed("second_members")
    second = store.read_table(SECOND_MEMBERS, path) if path.exists() else None
    if second is None or second.empty:
        log.info("robustness: no clusters of a second encoder come with this census; its rows are left out")
        return members
    return add_second_encoder(members, second)


def estimate_all(sample: Sample, population: Population, codebook: Codebook, level: float) -> pd.DataFrame:
    """Returns the rows of the table `shares`: every definition, denominator, frame and year.

    The years of a frame share the lambda of the frame: sixty documents are too few to learn one from.
    """
    rows = []
    domains = list_domains(sample, population)
    for name, denominator in codebook.denominators.items():
        for definition in codebook.definitions:
            readings = Readings.of(sample, population, definition, name, denominator)
            tuning = {domain.frame: readings.tune(domain) for domain in domains if not domain.year}
            for domain in domains:
                estimate = readings.estimate(domain, level, tuning[domain.frame] if domain.year else None)
                place = {"frame": domain.frame, "year": domain.year, "definition": definition.id, "denominator": name}
                counts = {"n_population": domain.n_population, "n_read": int(domain.rows.sum())}
                rows.append({**place, "weight": "documents", "level": level, **counts, **describe(estimate)})
    return pd.DataFrame(rows)


def estimate_weighted(sample: Sample, population: Population, codebook: Codebook, level: float) -> pd.DataFrame:
    """Returns more rows of the table `shares`: output counted in people, author slots, words and karma, per frame."""
    rows = []
    domains = [domain for domain in list_domains(sample, population) if not domain.year]
    for weight, (measure, note) in WEIGHTS.items():
        sizes = {
            domain.frame: measure(population.documents[population.rows_of(domain.frame, "")]) for domain in domains
        }
        size = np.zeros(len(population.documents))
        for frame, values in sizes.items():
            size[population.rows_of(frame, "")] = 0.0 if values is None else values
        weighted = replace(population, size=size)
        for (name, denominator), definition in itertools.product(codebook.denominators.items(), codebook.definitions):
            readings = Readings.of(sample, weighted, definition, name, denominator)
            for domain in domains:
                if sizes[domain.frame] is None or not readings.has_size(domain):
                    continue
                estimate = describe(readings.estimate(domain, level))
                place = {"frame": domain.frame, "year": "", "definition": definition.id, "denominator": name}
                counts = {"n_population": domain.n_population, "n_read": int(domain.rows.sum())}
                method = f"{estimate['method']}; {note}"
                rows.append({**place, "weight": weight, "level": level, **counts, **estimate, "method": method})
    return pd.DataFrame(rows)


def describe(estimate: ShareEstimate | None) -> dict[str, object]:
    """Returns the columns of a share; empty where nothing could be estimated."""
    if estimate is None:
        empty = dict.fromkeys(("share", "low", "high", "standard_error", "n_effective"))
        return {**empty, "method": "none: no read document is in the denominator"}
    return {
        "share": estimate.share,
        "low": estimate.low,
        "high": estimate.high,
        "standard_error": estimate.standard_error,
        "n_effective": estimate.n_effective,
        "method": estimate.method,
    }


def tabulate_predictions(predictions: Predictions, codebook: Codebook) -> pd.DataFrame:
    """Returns the rows of the table `predictions`: each document's chance of each group, definition and denominator."""
    queries: dict[str, np.ndarray] = {}
    for letter in codebook.groups:
        queries[f"group {letter}"] = predictions.of_leaves(np.array([leaf[0] == letter for leaf in predictions.leaves]))
    for name, denominator in codebook.denominators.items():
        queries[f"denominator {name}"] = predictions.inside(denominator)
    widest = max(codebook.denominators, key=lambda name: len(codebook.denominators[name].groups))
    for definition in codebook.definitions:
        queries[f"definition {definition.id}"] = predictions.count(definition, widest, codebook.denominators[widest])
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "doc_id": predictions.doc_ids,
                    "query": query,
                    "fold": predictions.fold,
                    "probability": probability.round(DECIMALS),
                }
            )
            for query, probability in queries.items()
        ],
        ignore_index=True,
    )
