"""What the report says, as data: the same numbers for the page, the Markdown, the tables and the figures."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline import store
from pipeline.check.codebook import Codebook
from pipeline.config import Config, Frame, Report
from pipeline.errors import ConfigError
from pipeline.schemas import CLUSTER_MEMBERS, CLUSTERS, CODES, DOCUMENTS, LAYOUT, SHARES

FACTS = ("doc_id", "source", "frame", "url", "title", "authors", "published_date", "published_year", "text_kind")


@dataclass(frozen=True)
class Content:
    """The derived tables, joined with the words that explain them.

    Attributes:
        documents: columns `FACTS`, x, y, and one column of cluster ids per layer; by doc_id.
        frames: the frames that were read, quotable ones first.
    """

    version: str
    settings: Report
    codebook: Codebook
    frames: Mapping[str, Frame]
    documents: pd.DataFrame
    clusters: pd.DataFrame
    codes: pd.DataFrame
    shares: pd.DataFrame
    layers: tuple[str, ...]

    def share_of(self, frame: str, definition: str, year: str = "", denominator: str = "") -> pd.Series:
        """Returns one row of the table `shares`; the default denominator is the headline's."""
        rows = self.shares
        wanted = (
            (rows["frame"] == frame)
            & (rows["definition"] == definition)
            & (rows["year"] == year)
            & (rows["denominator"] == (denominator or self.settings.denominator))
            & (rows["weight"] == "documents")
        )
        return rows[wanted].iloc[0]

    def years_of(self, frame: str) -> list[str]:
        """Returns the years for which the shares of a frame were estimated."""
        return sorted(set(self.shares.loc[(self.shares["frame"] == frame) & (self.shares["year"] != ""), "year"]))


def load_content(config: Config, codebook: Codebook) -> Content:
    """Reads the derived tables.

    Raises:
        DataError: a table is missing or damaged.
        ConfigError: the report names a definition or denominator that the codebook does not have.
    """
    _check_names(config, codebook)
    documents = store.read_table(DOCUMENTS, config.processed("documents"), FACTS).set_index("doc_id")
    members = store.read_table(CLUSTER_MEMBERS, config.processed("cluster_members"))
    layers = tuple(layer.name for layer in config.cluster.layers)
    for layer in layers:
        documents[layer] = members[members["layer"] == layer].set_index("doc_id")["cluster_id"]
    documents = documents.join(store.read_table(LAYOUT, config.processed("layout")).set_index("doc_id"))
    shares = store.read_table(SHARES, config.processed("shares"))
    read = set(shares["frame"])
    frames = {name: frame for name, frame in config.frames.items() if name in read}
    return Content(
        config.version,
        config.report,
        codebook,
        dict(sorted(frames.items(), key=lambda item: not item[1].is_quotable)),
        documents,
        store.read_table(CLUSTERS, config.processed("clusters")),
        store.read_table(CODES, config.processed("codes")),
        shares,
        layers,
    )


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
