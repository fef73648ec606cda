"""The tables of estimates: every definition, denominator, frame, year and weight."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.coding.frames import may_be_quoted
from pipeline.coding.positions import FILE as POSITIONS_FILE
from pipeline.coding.positions import load_positions
from pipeline.coding.queries import Definition
from pipeline.coding.sample import Sample
from pipeline.config import Config
from pipeline.estimate.agendas import estimate_agendas, estimate_growth, list_agendas
from pipeline.estimate.as_people import tabulate_as_people
from pipeline.estimate.claims import tabulate_claims
from pipeline.estimate.curve import draw_curves
from pipeline.estimate.direct_people import tabulate_direct_people
from pipeline.estimate.domains import Population, parts_of
from pipeline.estimate.evidence import gather_evidence, name_sources, pool_evidence
from pipeline.estimate.growth import measure_total_growth
from pipeline.estimate.mixture_tables import tabulate_mixtures
from pipeline.estimate.needs import tabulate_needs
from pipeline.estimate.people import WEIGHTS, count_people
from pipeline.estimate.person_counts import add_person_counts
from pipeline.estimate.planning import plan_reading
from pipeline.estimate.prediction_tables import tabulate_guesses
from pipeline.estimate.price_targets import find_targets, list_headlines
from pipeline.estimate.prices import price_actions
from pipeline.estimate.published import tabulate_weights
from pipeline.estimate.reader_error import Evidence, tabulate_errors
from pipeline.estimate.recall import measure_recall
from pipeline.estimate.robustness import add_second_encoder, vary_estimates
from pipeline.estimate.scope_calls import tabulate_calls
from pipeline.estimate.share_table import tabulate_shares
from pipeline.estimate.smooth import tabulate_smoothed
from pipeline.estimate.survey import Survey, estimate_batch, merge_records, open_survey
from pipeline.estimate.totals import count_totals, estimate_positions
from pipeline.estimate.trends import measure_groups, measure_trends
from pipeline.estimate.weights import make_weights
from pipeline.forked import begin_forked, run_forked
from pipeline.schemas import (
    CLUSTER_MEMBERS,
    SECOND_MEMBERS,
)

log = logging.getLogger(__name__)
BLIND_REPLICATES = 2  # of weights whose share alone is wanted
Tables = dict[str, pd.DataFrame]
Task = Callable[[], Tables]


def estimate_tables(
    config: Config,
    codebook: Codebook,
    sample: Sample,
    population: Population,
    beside: Callable[[], None] | None = None,
) -> Tables:
    """Returns every table of estimates by its name: of the sample, and of the frames that have one of their own.

    Its products are small: threads of the linear algebra would wait for one another, and round otherwise.

    Args:
        config: of the census.
        codebook: its definitions.
        sample: the read documents.
        population: all documents with their predictions.
        beside: what else is to be done meanwhile, in a process of its own.
    """
    with threadpool_limits(1):
        return _estimate_samples(config, codebook, sample, population, beside)


def _estimate_samples(
    config: Config, codebook: Codebook, sample: Sample, population: Population, beside: Callable[[], None] | None
) -> Tables:
    samples = (sample, *sample.for_frames)
    largest, open_largest, others = _list_tasks(config, codebook, sample, population)
    order = sorted(others, key=lambda number: -len(samples[number].units))
    rest = partial(_tabulate_rest, config, codebook, sample, population)
    early: list[Task] = [*(others[number] for number in order), rest]
    if beside:
        early.append(partial(_do_beside, beside))
    with begin_forked(early, 1) as waiting:  # while the largest sample is opened
        in_parts = run_forked(open_largest())
        done = [wait() for wait in waiting]
    by_sample: list[Tables] = [{} for _ in samples]
    for number, found in [*((largest, part) for part in in_parts), *zip(order, done, strict=False)]:
        by_sample[number] |= found
    tables = _join_samples(by_sample) | done[len(order)]
    read = set(tables["shares"]["frame"])
    for claim in config.claims:
        if claim.frame not in read:
            log.warning("claims: nothing of %s is read yet, so %s is left out", claim.frame, claim.id)
    return {name: rows.reset_index(drop=True) for name, rows in tables.items()}


def _list_tasks(
    config: Config, codebook: Codebook, sample: Sample, population: Population
) -> tuple[int, Callable[[], list[Task]], dict[int, Task]]:
    """Returns the number of the largest sample, what opens it and lists what is to be done of it, in parts so that no
    process waits for another, the longest first; and what is to be done of each other sample, by its number."""
    members, samples = _load_layers(config), (sample, *sample.for_frames)
    handcheck, groups = config.path(config.paths.handcheck), config.estimate.reader_sources
    evidence = pool_evidence(
        [gather_evidence(handcheck, each, name_sources(population.of(each), groups), codebook) for each in samples]
    )
    quotable = [name for name, frame in config.frames.items() if may_be_quoted(frame)]

    def open_one(each: Sample) -> list[Task]:
        parts = parts_of(config.frames)
        survey = open_survey(each, population.of(each), codebook, config.estimate.level, config.seed, parts)
        return [
            partial(_estimate_shares, config, survey, sample.coverage, evidence, quotable),
            partial(_vary_sample, survey, members, quotable),
            partial(_list_records, survey),  # the most numbers: they come over while the others are made
            partial(_estimate_others, config, survey, evidence),
            partial(_draw_sample, survey),
        ]

    def do_one(each: Sample) -> Tables:
        tables: Tables = {}
        for task in open_one(each):
            tables |= task()
        return tables

    largest = max(range(len(samples)), key=lambda number: len(samples[number].units))
    others: dict[int, Task] = {
        number: partial(do_one, each) for number, each in enumerate(samples) if number != largest
    }
    return largest, partial(open_one, samples[largest]), others


def _join_samples(by_sample: Sequence[Tables]) -> Tables:
    """Returns the tables of all samples, one after another; those about the reading as a whole once."""
    tables = {
        name: pd.concat([part[name] for part in by_sample if len(part[name])] or [rows])
        for name, rows in by_sample[0].items()
    }
    tables["guesses"] = tables["guesses"].drop_duplicates(["kind", "id", "query"])
    tables["reader_error"] = by_sample[0]["reader_error"]  # of every reading, whatever frame it is in
    tables["prices"] = by_sample[0]["prices"]  # of the whole reading: the sample that holds most of it
    return tables


def _do_beside(work: Callable[[], None]) -> Tables:
    work()
    return {}


def _tabulate_rest(config: Config, codebook: Codebook, sample: Sample, population: Population) -> Tables:
    """Returns the tables that no sample has a share in."""
    return {
        "people": count_people(population.documents),
        "mixtures": tabulate_mixtures(sample, codebook, population.documents, config.estimate.level),
        **tabulate_calls(population, sample, codebook, config.estimate.scope_recall, config.estimate.level),
    }


def _draw_sample(survey: Survey) -> Tables:
    """Returns the tables of what comes out under every way to draw the line."""
    curve, toggles = draw_curves(survey)
    return add_person_counts({"curve": curve, "toggles": toggles}, survey.sample)


def _vary_sample(survey: Survey, members: pd.DataFrame, quotable: Sequence[str]) -> Tables:
    """Returns the table of what would come out by other ways."""
    return add_person_counts({"robustness": vary_estimates(survey, members, quotable)}, survey.sample)


def _estimate_shares(
    config: Config, survey: Survey, coverage: pd.DataFrame, evidence: Sequence[Evidence], quotable: Sequence[str]
) -> Tables:
    """Returns the tables of one sample that start from the shares of whole frames and years."""
    codebook, joined = survey.codebook, config.estimate.agendas
    queries = _list_queries(config, codebook)
    found = estimate_batch(survey, queries, list(WEIGHTS))
    blind = estimate_batch(_leave_out_predictions(survey), codebook.definitions, list(WEIGHTS))
    source = name_sources(survey.population, config.estimate.reader_sources)
    as_people = tabulate_as_people(survey, found, evidence, source, config.seed)
    headlines = list_headlines(survey, quotable, config.report.headline_definitions)
    targets = find_targets(survey, found, config.report.denominator, headlines)
    tables = {
        "shares": tabulate_shares(survey, found, blind, coverage),
        "agendas": estimate_agendas(survey, joined, found),
        "as_people": as_people,
        "plan": plan_reading(survey, found, config.report.denominator, config.report.headline_definitions),
        "needs": tabulate_needs(survey, found, config.report.denominator, config.estimate.asked_widths),
        "prices": price_actions(survey, targets, evidence, source, as_people, config.estimate.minutes),
    }
    return add_person_counts(tables, survey.sample)


def _list_records(survey: Survey) -> Tables:
    """Returns the tables of one sample that have a row for each read document."""
    return {"weights": tabulate_weights(survey.full_weights), "guesses": tabulate_guesses(survey.population)}


def _estimate_others(config: Config, survey: Survey, evidence: Sequence[Evidence]) -> Tables:
    """Returns the other tables of one sample."""
    codebook, population = survey.codebook, survey.population
    queries = _list_queries(config, codebook)
    positions = load_positions(config.path(config.paths.handcheck, POSITIONS_FILE), codebook)
    source = name_sources(population, config.estimate.reader_sources)
    errors = tabulate_errors(evidence, codebook, survey.level)
    tables = {
        "totals": count_totals(survey, queries),
        "total_growth": measure_total_growth(survey, queries),
        "recall": measure_recall(survey, parts_of(config.frames)),
        "positions": estimate_positions(survey, positions, queries),
        "groups": measure_groups(survey),
        "trends": measure_trends(survey),
        "agenda_growth": estimate_growth(survey, config.estimate.agendas),
        "direct_people": tabulate_direct_people(
            survey, config.report.denominator, config.report.headline_definitions, config.frames
        ),
        "reader_error": errors,
        "claims": tabulate_claims(survey, config.claims, errors, source, config.report.denominator),
        "smoothed": tabulate_smoothed(survey),
    }
    return add_person_counts(tables, survey.sample)


def _list_queries(config: Config, codebook: Codebook) -> list[Definition]:
    return [*codebook.definitions, *(query for _, query in list_agendas(codebook, config.estimate.agendas).values())]


def _load_layers(config: Config) -> pd.DataFrame:
    """Returns which cluster each document is in, by every layer, of the second encoder too where one is stored."""
    members = store.read_table(CLUSTER_MEMBERS, config.processed("cluster_members"))
    path = config.processed("second_members")
    second = store.read_table(SECOND_MEMBERS, path) if path.exists() else None
    if second is None or second.empty:
        log.info("robustness: no clusters of a second encoder come with this census; its rows are left out")
        return members
    return add_second_encoder(members, second)


def _leave_out_predictions(survey: Survey) -> Survey:
    """Returns the survey with weights that no prediction has a part in; its replicates are none to speak of."""
    blind = replace(survey.population, predictions=None)
    told = survey.full_weights.codes.told
    weights = make_weights(survey.sample, blind, survey.codebook, seed=0, count=BLIND_REPLICATES, told=told)
    return replace(survey, population=blind, weights=merge_records(weights, survey.codebook))
