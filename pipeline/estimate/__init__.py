"""Stage `estimate`: the share under every definition, denominator, frame and year, from the read documents."""

import itertools
import logging
import time
from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.check.codebook import Codebook, load_codebook
from pipeline.config import Config
from pipeline.estimate.agendas import estimate_agendas, estimate_growth
from pipeline.estimate.classify import DECIMALS, Predictions, predict_codes
from pipeline.estimate.curve import draw_curves
from pipeline.estimate.definitions import check_nesting
from pipeline.estimate.design import Sample, load_sample, settle_codes
from pipeline.estimate.guesses import tabulate_guesses
from pipeline.estimate.people import WEIGHTS, count_people
from pipeline.estimate.planning import plan_reading
from pipeline.estimate.readers import add_person_counts
from pipeline.estimate.readings import Population, Readings, list_domains
from pipeline.estimate.robustness import add_second_encoder, vary_estimates
from pipeline.estimate.shares import ShareEstimate
from pipeline.estimate.trends import measure_groups, measure_trends
from pipeline.estimate.verify import compare_tables, read_published
from pipeline.schemas import (
    CLUSTER_MEMBERS,
    CODES,
    DOCUMENTS,
    PREDICTIONS,
    SECOND_MEMBERS,
    SHARE_TABLES,
    TERMS,
    embeddings_table,
)

log = logging.getLogger(__name__)
DOCUMENT_COLUMNS = ("doc_id", "frame", "published_year", "title", "authors", "karma", "word_count", "text_kind")


def run(config: Config) -> None:
    """Reads the census and the hand check, and writes `codes`, `predictions`, `shares` and the tables around them."""
    start = time.perf_counter()
    codebook, sample, population = load_inputs(config)
    if population.predictions is not None:
        predictions = tabulate_predictions(population.predictions, codebook)
        store.write_table(PREDICTIONS, predictions, config.processed("predictions"))
    store.write_table(CODES, settle_codes(sample), config.processed("codes"))
    tables = estimate_tables(config, codebook, sample, population)
    for table, rows in tables.items():
        store.write_table(SHARE_TABLES[table], rows, config.processed(table))
    log.info(
        "estimate: %d documents read (%d by a person) -> %d shares in %.1f s",
        len(sample.units),
        int((sample.units["n_person"] > 0).sum()),
        len(tables["shares"]),
        time.perf_counter() - start,
    )


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


def verify_shares(config: Config) -> None:
    """Recomputes every table of estimates and compares it with what was written, and with what was published.

    Raises:
        DataError: a table has other rows, or another number, than comes out now.
    """
    codebook, sample, population = load_inputs(config)
    published = config.path(config.paths.reports, config.version, "tables")
    count = 0
    for name, fresh in estimate_tables(config, codebook, sample, population).items():
        written, path = config.processed(name), published / f"{name}.csv"
        compare_tables(name, fresh, store.read_table(SHARE_TABLES[name], written), str(written))
        if path.exists():
            compare_tables(name, fresh, read_published(name, path), str(path))
            count += 1
    log.info("verify: %d published tables of estimates come out again", count)


def load_inputs(config: Config) -> tuple[Codebook, Sample, Population]:
    """Returns the codebook, the read sample, and all documents with their predicted codes."""
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    check_nesting(codebook)
    documents = store.read_table(DOCUMENTS, config.processed("documents"), DOCUMENT_COLUMNS)
    sample = load_sample(handcheck, config.estimate.round, codebook, documents)
    vectors = store.matrix_from_column(
        store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings")).column(
            "vector"
        )
    )
    terms = store.read_table(TERMS, config.processed("terms"))
    predictions = predict_codes(vectors, terms, documents, settle_codes(sample), codebook)
    documents = documents.assign(published_year=documents["published_year"].fillna(-1))
    units = pd.Index(documents["doc_id"]).get_indexer(sample.units.index)
    return codebook, sample, Population(documents, units, predictions)


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
