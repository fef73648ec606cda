"""Which tables a release holds, under which names: those that every release has, and the results of the stages."""

from collections.abc import Collection, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.rounds import list_rounds, read_sample_ids
from pipeline.config import Config
from pipeline.dataset.changes import compare_versions, find_previous
from pipeline.dataset.licences import licence_of_texts
from pipeline.errors import ConfigError
from pipeline.groups import read_groups
from pipeline.schemas import (
    AGENDA_LIST,
    AGENDA_MEMBERS,
    AGENDA_SCORES,
    AGENDA_SIZES,
    AGENDAS,
    CALLS,
    CENSUS_DOCUMENTS,
    CHANGES,
    CLUSTER_CHANGES,
    CLUSTER_MEMBERS,
    CLUSTERS,
    CODES,
    COVERAGE,
    DOCUMENTS,
    DRAWN_MEMBERS,
    FRAME_MEMBERS,
    LAYOUT,
    PERSONS,
    PREDICTIONS,
    ROUND_MEMBERS,
    SCOPE_CALLS,
    SECOND_MEMBERS,
    SHARES,
    TERMS,
    TEXT_VERSIONS,
    TEXTS_TABLE,
    WEIGHTS,
    WORKS,
    Table,
    codes_table,
    embeddings_table,
)

# Results, each part of the release where its stage has run and found rows: the derived table, by its name there.
RESULTS = {
    "clusters": CLUSTERS,
    "cluster_members": CLUSTER_MEMBERS,
    "cluster_changes": CLUSTER_CHANGES,
    "second_members": SECOND_MEMBERS,
    "layout": LAYOUT,
    "codes": CODES,
    "weights": WEIGHTS,
    "predictions": PREDICTIONS,
    "calls": CALLS,
    "scope_calls": SCOPE_CALLS,
    "shares": SHARES,
    "agendas": AGENDAS,
    "agenda_list": AGENDA_LIST,
    "agenda_members": AGENDA_MEMBERS,
    "agenda_sizes": AGENDA_SIZES,
    "agenda_scores": AGENDA_SCORES,
    "coverage": COVERAGE,
    "frame_members": FRAME_MEMBERS,
    "text_versions": TEXT_VERSIONS,
    "works": WORKS,
    "people": PERSONS,
}
KNOWN_TABLES = {
    "documents": CENSUS_DOCUMENTS,
    "terms": TERMS,
    **RESULTS,
    "drawn_members": DRAWN_MEMBERS,
    "changes": CHANGES,
    "texts": TEXTS_TABLE,
}


def list_tables(config: Config, left_out: Collection[str] = ()) -> Iterator[tuple[Table, Iterator[pa.Table]]]:
    """Yields the tables of the release, in the order of the card, each with its rows a part at a time.

    Raises:
        ConfigError: a table that is left out is none, or one that no release is without.
    """
    may_be_left = {*RESULTS, DRAWN_MEMBERS.name}
    for name in left_out:
        if name not in may_be_left:
            do = f"use some of {', '.join(sorted(may_be_left))}"
            raise ConfigError(f"[dataset.left_out] {name!r} may not be left out", where=str(config.file), do=do)
    facts = [column.name for column in CENSUS_DOCUMENTS.columns]
    documents = config.processed("documents")
    yield named("documents", CENSUS_DOCUMENTS), read_groups(DOCUMENTS, documents, facts)
    for table in (embeddings_table(config.embed.dimension_count), TERMS):
        yield table, read_groups(table, config.processed(table.name))
    for name, table in RESULTS.items():
        path = config.processed(table.name)
        if name not in left_out and path.is_file() and pq.read_metadata(path).num_rows:
            yield named(name, _with_axes(config) if table is CODES else table), _read(config, table, path)
    drawn = list_drawn(config.path(config.paths.handcheck))
    if len(drawn) and DRAWN_MEMBERS.name not in left_out:
        yield DRAWN_MEMBERS, iter([store.arrow_from_rows(DRAWN_MEMBERS, drawn, documents)])
    previous = find_previous(config)
    if previous:
        old = read_groups(CENSUS_DOCUMENTS, previous / "documents.parquet")
        yield CHANGES, compare_versions(old, read_groups(DOCUMENTS, documents, facts))
    if config.dataset.text == "licensed":
        yield TEXTS_TABLE, _free_texts(config, documents)


def list_drawn(handcheck: Path) -> pd.DataFrame:
    """Returns the rows of `drawn_members`, in their order; none where no round has its members written down."""
    parts = []
    for name in list_rounds(handcheck, "all"):
        path = handcheck / "rounds" / name / "members.parquet"
        if path.is_file():
            members = store.read_table(ROUND_MEMBERS, path, ("doc_id", "stratum"))
            is_drawn = members["doc_id"].isin(read_sample_ids(handcheck, name))
            parts.append(members.assign(round=name, is_drawn=is_drawn))
    if not parts:
        return pd.DataFrame(columns=[column.name for column in DRAWN_MEMBERS.columns])
    return pd.concat(parts).sort_values(list(DRAWN_MEMBERS.key), ignore_index=True)


def named(name: str, table: Table) -> Table:
    """Returns the table under the name of its file."""
    return Table(name, table.meaning, table.key, table.columns)


def codebook_path(config: Config) -> Path:
    """Returns where the codebook of the study is; a census that nobody reads has none."""
    return config.path(config.paths.handcheck, "codebook", "codebook.toml")


def _read(config: Config, table: Table, path: Path) -> Iterator[pa.Table]:
    return read_groups(_with_axes(config) if table is CODES else table, path)


def _with_axes(config: Config) -> Table:
    """Returns the table `codes` with a column for each axis of the codebook."""
    return codes_table(load_codebook(codebook_path(config)).axis_meanings)


def _free_texts(config: Config, documents: Path) -> Iterator[pa.Table]:
    for part in read_groups(DOCUMENTS, documents):
        rows = part.to_pandas()
        rows = rows.assign(licence=licence_of_texts(rows, config.dataset.licences))
        yield store.arrow_from_rows(TEXTS_TABLE, rows[rows["licence"].notna() & rows["text"].notna()], documents)
