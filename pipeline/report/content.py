"""What the report says, as data: the same numbers for the page, the Markdown, the tables and the figures."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

import pipeline.schemas as schemas
from pipeline import __version__, store
from pipeline.coding.codebook import Codebook
from pipeline.coding.current import read_sample
from pipeline.coding.frames import as_quoted, is_complete_in
from pipeline.coding.positions import FILE as POSITIONS_FILE
from pipeline.coding.positions import Position, load_positions
from pipeline.coding.sample import Sample
from pipeline.config import Config
from pipeline.errors import ConfigError, DataError
from pipeline.estimate.domains import Population
from pipeline.estimate.people import name_people
from pipeline.release.manifest import SUMS_NAME, release_digest
from pipeline.report.published import load_published
from pipeline.schemas import (
    AGENDA_GROWTH,
    AGENDAS,
    AUTHORSHIP,
    CLUSTER_MEMBERS,
    CLUSTERS,
    DOCUMENTS,
    LAYOUT,
    PREDICTIONS,
    SHARES,
    WEIGHTS,
    codes_table,
    embeddings_table,
)
from pipeline.settings import Dataset, Frame, Report

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
# Tables that a section of the report shows when the stage that makes them has made them, and does without otherwise.
OPTIONAL_TABLES = (
    "agenda_list",
    "agenda_scores",
    "agenda_sizes",
    "agreement",
    "agreement_parts",
    "as_people",
    "calls",
    "claims",
    "cluster_changes",
    "cluster_checks",
    "cluster_codes",
    "controls",
    "coverage",
    "curve",
    "direct_people",
    "groups",
    "intrusion",
    "layer_codes",
    "mixtures",
    "needs",
    "outside_labels",
    "people",
    "plan",
    "positions",
    "predictions",
    "prices",
    "reader_error",
    "recall",
    "reliability",
    "robustness",
    "scope_calls",
    "smoothed",
    "toggles",
    "total_growth",
    "totals",
    "trends",
    "truth",
)


@dataclass(frozen=True)
class Content:
    """The derived tables, joined with the words that explain them.

    Attributes:
        documents: columns `FACTS`, x, y, and one column of cluster ids per layer; by doc_id.
        frames: the frames that were read, quotable ones first.
        hints: for some leaves, what the codebook's prose says counts there.
        growth: how the share of each agenda changed, the largest growth first.
        weights: the read documents with what they stand for: the table every share comes from.
        joined: leaves that are reported together, by the name of the agenda.
        sample: the read documents with every coder's codes.
        population: all documents, without predictions.
        extras: the optional tables that exist, by name.
        positions: what people said in the discussion, as queries.
        vectors: float16 (n_documents, n_dims), rows as in `documents`; None where there are none.
        published: figures of others, for comparison.
        releases: the digest of each published census that was read, by the name of its folder.
        counts: rows of the tables `records`, `rejects` and `duplicates`.
        corpus_sha256: hash of every document's id and text hash: which corpus the numbers are about.
    """

    version: str
    code_version: str
    settings: Report
    dataset: Dataset
    level: float
    codebook: Codebook
    hints: Mapping[str, str]
    frames: Mapping[str, Frame]
    documents: pd.DataFrame
    clusters: pd.DataFrame
    codes: pd.DataFrame
    shares: pd.DataFrame
    agendas: pd.DataFrame
    growth: pd.DataFrame
    weights: pd.DataFrame
    joined: Mapping[str, tuple[str, ...]]
    layers: tuple[str, ...]
    sample: Sample
    population: Population
    extras: Mapping[str, pd.DataFrame]
    positions: tuple[Position, ...]
    vectors: np.ndarray | None
    published: tuple[Mapping[str, Any], ...]
    corpus_sha256: str
    counts: Mapping[str, int]
    releases: Mapping[str, str] = field(default_factory=dict)

    def share_of(
        self, frame: str, definition: str, year: str = "", denominator: str = "", weight: str = "documents"
    ) -> dict[Any, Any]:
        """Returns one row of the table `shares`; the default denominator is the headline's.

        Raises:
            DataError: there is no such row.
        """
        key = (frame, year, denominator or self.settings.denominator, definition, weight)
        try:
            return self._share_rows[key]
        except KeyError:
            raise DataError(
                f"table shares has no row {' / '.join(key)}", do="run make estimate again, then make report"
            ) from None

    def years_of(self, frame: str) -> list[str]:
        """Returns the years for which the shares of a frame were estimated, those alone in which it is complete."""
        years = {year for own, year, *_ in self._share_rows if own == frame and year}
        return sorted(year for year in years if is_complete_in(self.frames[frame], year))

    def weights_of(self, frame: str) -> list[str]:
        """Returns what documents were counted for in a frame, besides one each."""
        return sorted({weight for own, *_, weight in self._share_rows if own == frame} - {"documents"})

    @cached_property
    def _share_rows(self) -> dict[tuple[str, ...], dict[Any, Any]]:
        """The rows of `shares` by their keys: hundreds are asked for, one by one."""
        return dict(zip(self.shares.index.tolist(), self.shares.to_dict("records"), strict=True))


def load_content(config: Config, codebook: Codebook) -> Content:
    """Reads the derived tables.

    Raises:
        DataError: a table is missing or damaged.
        ConfigError: the report names a definition or denominator that the codebook does not have.
    """
    _check_names(config, codebook)
    sample = read_sample(config, codebook, is_coverage_wanted=False)
    documents = _load_documents(config)
    facts = documents.reset_index().assign(published_year=documents["published_year"].fillna(-1).to_numpy())
    facts = name_people(facts, store.read_table(AUTHORSHIP, config.processed("authorship")))
    shares = store.read_table(SHARES, config.processed("shares"))
    read = set(shares["frame"])
    # A document that was read in another frame than its own is shown in that one where its own was never read.
    own = documents.loc[sample.units.index, "frame"]
    documents.loc[sample.units.index, "frame"] = own.where(own.isin(list(read)), sample.units["frame"])
    # As a whole a frame is quotable only if it is complete throughout; `years_of` gives the years in which it is.
    frames = {name: as_quoted(frame) for name, frame in config.frames.items() if name in read}
    weights = store.read_table(WEIGHTS, config.processed("weights"))
    hashes = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "text_sha256"))
    return Content(
        version=config.version,
        code_version=__version__,
        settings=config.report,
        dataset=config.dataset,
        level=config.estimate.level,
        codebook=codebook,
        hints=read_hints(config.path(config.paths.handcheck, "codebook", "CODEBOOK.md"), codebook.leaves),
        frames=dict(sorted(frames.items(), key=lambda item: not item[1].is_quotable)),
        documents=documents,
        clusters=store.read_table(CLUSTERS, config.processed("clusters")),
        codes=store.read_table(codes_table(codebook.axis_meanings), config.processed("codes")),
        shares=shares.set_index(list(SHARES.key), drop=False).rename_axis([None] * len(SHARES.key)).sort_index(),
        agendas=store.read_table(AGENDAS, config.processed("agendas")),
        growth=store.read_table(AGENDA_GROWTH, config.processed("agenda_growth")).sort_values(
            ["frame", "change_share", "code"], ascending=[True, False, True], ignore_index=True
        ),
        weights=weights[weights["frame"].isin(list(sample.strata["frame"]))].reset_index(drop=True),
        joined=config.estimate.agendas,
        layers=tuple(layer.name for layer in config.cluster.layers),
        sample=sample,
        population=Population(facts, facts["doc_id"].searchsorted(sample.units.index)),
        extras=load_extras(config),
        positions=load_positions(config.path(config.paths.handcheck, POSITIONS_FILE), codebook),
        vectors=_load_vectors(config, documents),
        published=load_published(config.path(config.paths.handcheck, "published.toml"), codebook),
        releases=_list_releases(config),
        counts={name: pq.read_metadata(config.processed(name)).num_rows for name in COUNTED},
        corpus_sha256=store.sha256_of_text("\n".join(sorted(hashes["doc_id"] + " " + hashes["text_sha256"]))),
    )


def _list_releases(config: Config) -> dict[str, str]:
    folders = [config.path(str(entry["path"])) for entry in config.sources.values() if entry["kind"] == "census"]
    return {folder.name: release_digest(folder) for folder in folders if (folder / SUMS_NAME).is_file()}


def load_extras(config: Config) -> dict[str, pd.DataFrame]:
    """Returns the optional tables: those that are declared in `schemas` and whose file exists."""
    extras = {}
    for name in OPTIONAL_TABLES:
        table = getattr(schemas, name.upper(), None)
        if table is not None and config.processed(name).exists():
            extras[name] = (
                _read_chances(config) if table is PREDICTIONS else store.read_table(table, config.processed(name))
            )
    return extras


def _read_chances(config: Config) -> pd.DataFrame:
    """Returns the predicted chances of the groups: the others, a million rows, nothing here asks for."""
    rows = store.read_arrow(PREDICTIONS, config.processed(PREDICTIONS.name))
    return rows.filter(pc.starts_with(rows["query"], "group ")).to_pandas()


def has_rows(content: Content, name: str) -> bool:
    """Whether an optional table exists and says something."""
    return name in content.extras and len(content.extras[name]) > 0


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


def _check_names(config: Config, codebook: Codebook) -> None:
    known = [definition.id for definition in codebook.definitions]
    for name in config.report.headline_definitions:
        if name not in known:
            raise ConfigError(
                f"[report.headline_definitions] there is no definition {name!r}",
                where="census.toml",
                do=f"use one of {', '.join(known)}",
            )
    if config.report.denominator not in codebook.denominators:
        raise ConfigError(
            f"[report.denominator] there is no denominator {config.report.denominator!r}",
            where="census.toml",
            do=f"use one of {', '.join(codebook.denominators)}",
        )
