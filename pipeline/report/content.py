"""What the report says, as data, with the documents behind it: the same for the page, the Markdown and the tables."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.coding.current import read_sample
from pipeline.coding.sample import Sample
from pipeline.config import Config
from pipeline.estimate.domains import Population
from pipeline.estimate.people import name_people
from pipeline.release.manifest import SUMS_NAME, release_digest
from pipeline.report.results import Results, load_results
from pipeline.schemas import (
    AGENDA_GROWTH,
    AGENDAS,
    AUTHORSHIP,
    CLUSTER_MEMBERS,
    CLUSTERS,
    DOCUMENTS,
    LAYOUT,
    WEIGHTS,
    codes_table,
    embeddings_table,
)

FACTS = (
    "doc_id",
    "source",
    "frame",
    "url",
    "title",
    "authors",
    "published_date",
    "published_year",
    "text_kind",
    "word_count",
    "karma",
    "affiliations",
    "organisation",
)
COUNTED = ("records", "rejects", "duplicates")  # what the flow of documents counts, unread


@dataclass(frozen=True)
class Content(Results):
    """All derived tables: the results, and the documents, read and unread, that they are about.

    Attributes:
        documents: columns `FACTS`, x, y, and one column of cluster ids per layer; by doc_id.
        hints: for some leaves, what the codebook's prose says counts there.
        growth: how the share of each agenda changed, the largest growth first.
        weights: the read documents with what they stand for: the table every share comes from.
        joined: leaves that are reported together, by the name of the agenda.
        sample: the read documents with every coder's codes.
        population: all documents, without predictions.
        vectors: float16 (n_documents, n_dims), rows as in `documents`; None where there are none.
        releases: the digest of each published census that was read, by the name of its folder.
        counts: rows of the tables `records`, `rejects` and `duplicates`.
        corpus_sha256: hash of every document's id and text hash: which corpus the numbers are about.
    """

    hints: Mapping[str, str]
    documents: pd.DataFrame
    clusters: pd.DataFrame
    codes: pd.DataFrame
    agendas: pd.DataFrame
    growth: pd.DataFrame
    weights: pd.DataFrame
    joined: Mapping[str, tuple[str, ...]]
    layers: tuple[str, ...]
    sample: Sample
    population: Population
    vectors: np.ndarray | None
    corpus_sha256: str
    counts: Mapping[str, int]
    releases: Mapping[str, str] = field(default_factory=dict)


def load_content(config: Config, codebook: Codebook, results: Results | None = None) -> Content:
    """Reads the derived tables; `results` are those that were read before.

    Raises:
        DataError: a table is missing or damaged.
        ConfigError: the report names a definition or denominator that the codebook does not have.
    """
    results = results or load_results(config, codebook)
    sample = read_sample(config, codebook, is_coverage_wanted=False)
    documents = _load_documents(config)
    facts = documents.reset_index().assign(published_year=documents["published_year"].fillna(-1).to_numpy())
    facts = name_people(facts, store.read_table(AUTHORSHIP, config.processed("authorship")))
    # A document that was read in another frame than its own is shown in that one where its own was never read.
    own = documents.loc[sample.units.index, "frame"]
    documents.loc[sample.units.index, "frame"] = own.where(own.isin(list(results.frames)), sample.units["frame"])
    weights = store.read_table(WEIGHTS, config.processed("weights"))
    hashes = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "text_sha256"))
    return Content(
        **{item.name: getattr(results, item.name) for item in fields(Results)},
        hints=read_hints(config.path(config.paths.handcheck, "codebook", "CODEBOOK.md"), codebook.leaves),
        documents=documents,
        clusters=store.read_table(CLUSTERS, config.processed("clusters")),
        codes=store.read_table(codes_table(codebook.axis_meanings), config.processed("codes")),
        agendas=store.read_table(AGENDAS, config.processed("agendas")),
        growth=store.read_table(AGENDA_GROWTH, config.processed("agenda_growth")).sort_values(
            ["frame", "change_share", "code"], ascending=[True, False, True], ignore_index=True
        ),
        weights=weights[weights["frame"].isin(list(sample.strata["frame"]))].reset_index(drop=True),
        joined=config.estimate.agendas,
        layers=tuple(layer.name for layer in config.cluster.layers),
        sample=sample,
        population=Population(facts, facts["doc_id"].searchsorted(sample.units.index)),
        vectors=_load_vectors(config, documents),
        releases=_list_releases(config),
        counts={name: pq.read_metadata(config.processed(name)).num_rows for name in COUNTED},
        corpus_sha256=store.sha256_of_text("\n".join(sorted(hashes["doc_id"] + " " + hashes["text_sha256"]))),
    )


def _list_releases(config: Config) -> dict[str, str]:
    folders = [config.path(str(entry["path"])) for entry in config.sources.values() if entry["kind"] == "census"]
    return {folder.name: release_digest(folder) for folder in folders if (folder / SUMS_NAME).is_file()}


def read_hints(path: Path, leaves: Collection[str]) -> dict[str, str]:
    """Returns what counts under each leaf, from the tables of the codebook's prose; empty without that file."""
    if not path.exists():
        return {}
    hints = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 4 and cells[0] in leaves and cells[2]:
            hints[cells[0]] = cells[2]
    return hints


def _load_vectors(config: Config, documents: pd.DataFrame) -> np.ndarray | None:
    path = config.processed("embeddings")
    if not path.exists():
        return None
    table = store.read_arrow(embeddings_table(config.embed.dimension_count), path)
    ids = pd.Index(table.column("doc_id").to_pylist())
    rows = ids.get_indexer(documents.index)
    return None if (rows < 0).any() else store.matrix_from_column(table.column("vector"))[rows]


def _load_documents(config: Config) -> pd.DataFrame:
    documents = store.read_table(DOCUMENTS, config.processed("documents"), FACTS).set_index("doc_id").sort_index()
    members = store.read_table(CLUSTER_MEMBERS, config.processed("cluster_members"))
    for layer in (layer.name for layer in config.cluster.layers):
        documents[layer] = members[members["layer"] == layer].set_index("doc_id")["cluster_id"]
    return documents.join(store.read_table(LAYOUT, config.processed("layout")).set_index("doc_id"))
