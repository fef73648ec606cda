"""Stage `agendas`: which documents are of which named agenda, and how large, how sure and how near each is."""

import logging
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline import store
from pipeline.agendas.assign import assign_chances, gather_evidence
from pipeline.agendas.draw import score_draws
from pipeline.agendas.profile import profile_agendas
from pipeline.agendas.reading import Reading, lay_reading
from pipeline.agendas.scores import score_agendas
from pipeline.agendas.sizes import estimate_sizes, list_domains, measure_growth
from pipeline.coding.agenda_list import FILE, AgendaList, load_agendas, read_agenda_sheets
from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.config import Config
from pipeline.estimate.domains import parts_of
from pipeline.estimate.features import NEIGHBOUR_COUNT, TextFeatures
from pipeline.estimate.kept_features import PLACE as FEATURES_PLACE
from pipeline.estimate.kept_features import keep_features
from pipeline.estimate.kept_neighbours import PLACE, Near, keep_neighbours
from pipeline.estimate.people import name_people
from pipeline.generations import open_generation
from pipeline.groups import read_groups
from pipeline.schemas import (
    AGENDA_LIST,
    AGENDA_MEMBERS,
    AGENDA_SCORES,
    AGENDA_SIZES,
    AUTHORSHIP,
    DOCUMENTS,
    FRAME_MEMBERS,
    PREDICTIONS,
    TERMS,
    WEIGHTS,
    Table,
    codes_table,
    embeddings_table,
)
from pipeline.text.word_counts import WordCounts, code_terms

log = logging.getLogger(__name__)
THRESHOLD = 0.25  # chance from which a document is assigned: precision and recall of round 1's pairs are equal there
KEPT_CHANCE = 0.05  # smaller chances are not stored
CODE_COLUMNS = ("doc_id", "leaf", "stratum")
DOCUMENT_COLUMNS = ("doc_id", "frame", "title", "authors", "published_year")
MEMBER_COLUMNS = ("frame", "doc_id", "window", "part", "gone")


@dataclass(frozen=True)
class Inputs:
    """Everything that agendas are made from; n documents, in the order of their ids."""

    listed: AgendaList
    documents: pd.DataFrame
    vectors: np.ndarray
    near: Near
    words: WordCounts
    texts: TextFeatures
    members: pd.DataFrame
    parts: dict[str, str]
    weights: pd.DataFrame
    predicted: dict[str, np.ndarray]
    reading: Reading
    draws: pd.DataFrame


def run(config: Config) -> None:
    """Reads the list, the census and what was read of it; writes the four tables of agendas."""
    start = time.perf_counter()
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    listed = load_agendas(handcheck / FILE, codebook)
    tables = {table: _empty(table) for table in (AGENDA_LIST, AGENDA_MEMBERS, AGENDA_SIZES, AGENDA_SCORES)}
    if listed.agendas:
        inputs = load_inputs(config, codebook, listed)
        if len(inputs.documents):
            tables = tabulate_agendas(inputs, config.estimate.level)
    with open_generation(config.path(config.paths.processed), "agendas") as draft:
        for table, rows in tables.items():
            store.write_table(table, rows, draft / f"{table.name}.parquet")
    members = tables[AGENDA_MEMBERS]
    assigned = members[members["is_assigned"].astype(bool)]
    log.info(
        "agendas: %d agendas, %d documents assigned %d times in %.1f s",
        len(listed.agendas),
        assigned["doc_id"].nunique(),
        len(assigned),
        time.perf_counter() - start,
    )


def load_inputs(config: Config, codebook: Codebook, listed: AgendaList) -> Inputs:
    """Reads everything that agendas are made from."""
    documents = store.read_table(DOCUMENTS, config.processed("documents"), DOCUMENT_COLUMNS)
    documents = name_people(documents, store.read_table(AUTHORSHIP, config.processed("authorship")))
    vectors = store.matrix_from_column(
        store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings")).column(
            "vector"
        )
    )
    codes = store.read_table(codes_table(codebook.axis_meanings), config.processed("codes"), CODE_COLUMNS)
    near = keep_neighbours(config.path(config.paths.processed, *PLACE), vectors, NEIGHBOUR_COUNT)
    words = code_terms(read_groups(TERMS, config.processed("terms")), pd.Index(documents["doc_id"]))
    kept = config.path(config.paths.processed, *FEATURES_PLACE)
    columns = ("doc_id", "frame", "year", "stratum", "weight", "replicate_weights")
    sheets = read_agenda_sheets(config.path(config.paths.handcheck), listed)
    return Inputs(
        listed=listed,
        documents=documents,
        vectors=vectors,
        near=near,
        words=words,
        texts=keep_features(kept, near[0], words, documents["title"]),
        members=store.read_table(FRAME_MEMBERS, config.processed("frame_members"), MEMBER_COLUMNS),
        parts=parts_of(config.frames),
        weights=store.read_table(WEIGHTS, config.processed("weights"), columns),
        predicted=read_leaf_chances(config, codebook, documents["doc_id"]),
        reading=lay_reading(documents["doc_id"], sheets, codes, listed.ids, codebook),
        draws=score_draws(config.path(config.paths.handcheck), listed, sheets),
    )


def read_leaf_chances(config: Config, codebook: Codebook, doc_ids: pd.Series) -> dict[str, np.ndarray]:
    """Returns the predicted chance of each leaf's group, float (n,) by leaf; nothing where nothing was predicted."""
    path = config.processed("predictions")
    if not path.exists():
        return {}
    rows = store.read_table(PREDICTIONS, path, ("doc_id", "query", "probability"))
    groups = {leaf: f"group {group}" for leaf, group in codebook.group_of.items()}
    wanted = rows[rows["query"].isin(list(groups.values()))]
    chances = {
        str(query): mine.set_index("doc_id")["probability"].reindex(doc_ids).fillna(0.0).to_numpy()
        for query, mine in wanted.groupby("query")
    }
    return {leaf: chances[query] for leaf, query in groups.items() if query in chances}


def tabulate_agendas(inputs: Inputs, level: float) -> dict[Table, pd.DataFrame]:
    """Returns the rows of the four tables."""
    listed, documents, reading = inputs.listed, inputs.documents, inputs.reading
    is_seed = mark_seeds(listed, documents["doc_id"])
    known = np.union1d(np.flatnonzero(is_seed.any(axis=1)), reading.rows)
    evidence = gather_evidence(
        documents, inputs.vectors, inputs.near, inputs.words, listed.agendas, known, inputs.predicted, inputs.texts
    )
    scored, weight = weigh_reading(documents["doc_id"], inputs.weights, reading)
    is_sampled = np.isin(reading.rows, scored.rows)
    chances = assign_chances(evidence, is_seed, reading.rows, reading.is_member, is_sampled)
    with threadpool_limits(1):  # threads of the linear algebra would round otherwise
        return describe_agendas(inputs, chances, scored, weight, level)


def describe_agendas(
    inputs: Inputs, chances: np.ndarray, scored: Reading, weight: np.ndarray, level: float
) -> dict[Table, pd.DataFrame]:
    """Returns the rows of the four tables.

    Args:
        inputs: of the stage.
        chances: float (n, n_agendas), of every document.
        scored: the part of the reading that was drawn. weight: float (n_drawn,), the documents each stands for.
        level: of the intervals.
    """
    listed, documents, reading, weights = inputs.listed, inputs.documents, inputs.reading, inputs.weights
    is_assigned = chances >= THRESHOLD
    is_assigned[reading.rows] = reading.is_member
    domains = list_domains(documents, inputs.members, weights, inputs.parts)
    growth = measure_growth(domains, documents, weights, chances, reading, level)
    profiles = profile_agendas(listed, documents, inputs.vectors, chances, is_assigned)
    scores = score_agendas(chances, scored, weight, listed.ids, THRESHOLD, level)
    if len(scores):
        draws = pd.concat([inputs.draws, inputs.draws.sum().to_frame("").T])
        scores = scores.join(draws, on="agenda")
    return {
        AGENDA_LIST: pd.concat([profiles, growth], axis=1),
        AGENDA_MEMBERS: list_members(documents["doc_id"], listed, chances, is_assigned, reading),
        AGENDA_SIZES: estimate_sizes(domains, documents, weights, chances, reading, listed.ids, level),
        AGENDA_SCORES: scores if len(scores) else _empty(AGENDA_SCORES),
    }


def mark_seeds(listed: AgendaList, doc_ids: pd.Series) -> np.ndarray:
    """Returns which documents are seeds of which agenda, bool (n, n_agendas); seeds that are gone are told of."""
    index = pd.Index(doc_ids)
    is_seed = np.zeros((len(index), len(listed.agendas)), dtype=bool)
    for place, agenda in enumerate(listed.agendas):
        rows = index.get_indexer(pd.Index(agenda.seeds))
        is_seed[rows[rows >= 0], place] = True
        if (rows < 0).all():
            log.warning("agendas: no seed of %s is in this census: it is known by its phrases alone", agenda.id)
    return is_seed


def weigh_reading(doc_ids: pd.Series, weights: pd.DataFrame, reading: Reading) -> tuple[Reading, np.ndarray]:
    """Returns the part of the reading that was drawn, and the documents each stands for: float (n_drawn,)."""
    drawn = weights.drop_duplicates("doc_id").set_index("doc_id")["weight"]
    weight = drawn.reindex(doc_ids.iloc[reading.rows]).to_numpy(dtype=float)
    is_drawn = ~np.isnan(weight)
    return Reading(reading.rows[is_drawn], reading.is_member[is_drawn], reading.kinds), weight[is_drawn]


def list_members(
    doc_ids: pd.Series, listed: AgendaList, chances: np.ndarray, is_assigned: np.ndarray, reading: Reading
) -> pd.DataFrame:
    """Returns the rows of the table `agenda_members`."""
    is_read = np.zeros(len(doc_ids), dtype=bool)
    is_read[reading.rows] = True
    row, place = np.nonzero((chances >= KEPT_CHANCE) | is_assigned)
    return pd.DataFrame(
        {
            "agenda": np.array(listed.ids)[place],
            "doc_id": doc_ids.to_numpy()[row],
            "chance": chances[row, place],
            "is_read": is_read[row],
            "is_assigned": is_assigned[row, place],
        }
    )


def _empty(table: Table) -> pd.DataFrame:
    return table.arrow_schema.empty_table().to_pandas()
