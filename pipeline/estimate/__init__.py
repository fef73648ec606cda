"""Stage `estimate`: the share under every definition, denominator, frame and year, from the read documents."""

import logging
import time

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.check.codebook import Codebook, load_codebook
from pipeline.config import Config
from pipeline.estimate.classify import Predictions, predict_codes
from pipeline.estimate.definitions import check_nesting
from pipeline.estimate.design import Sample, load_sample, settle_codes
from pipeline.estimate.readings import Population, Readings, list_domains
from pipeline.estimate.shares import ShareEstimate
from pipeline.schemas import CODES, DOCUMENTS, PREDICTIONS, SHARES, TERMS, embeddings_table

log = logging.getLogger(__name__)
DOCUMENT_COLUMNS = ("doc_id", "frame", "published_year", "title", "authors", "karma", "word_count", "text_kind")


def run(config: Config) -> None:
    """Reads the census and the hand check, and writes `codes`, `predictions`, `shares` and the tables around them."""
    start = time.perf_counter()
    codebook, sample, population = load_inputs(config)
    assert population.predictions is not None
    shares = estimate_all(sample, population, codebook, config.estimate.level)
    store.write_table(CODES, settle_codes(sample), config.processed("codes"))
    store.write_table(
        PREDICTIONS, tabulate_predictions(population.predictions, codebook), config.processed("predictions")
    )
    store.write_table(SHARES, shares, config.processed("shares"))
    log.info(
        "estimate: %d documents read -> %d shares in %.1f s",
        len(sample.units),
        len(shares),
        time.perf_counter() - start,
    )


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
    return (
        codebook,
        sample,
        Population(documents.assign(published_year=documents["published_year"].fillna(-1)), predictions),
    )


def estimate_all(sample: Sample, population: Population, codebook: Codebook, level: float) -> pd.DataFrame:
    """Returns the rows of the table `shares`: every definition, denominator, frame and year.

    The years of a frame share the lambda of the frame: sixty documents are too few to learn one from.
    """
    rows = []
    domains = list_domains(sample)
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
                    "probability": probability.round(3),
                }
            )
            for query, probability in queries.items()
        ],
        ignore_index=True,
    )
