"""What the estimate found: all that the figures show. The documents behind it are in `content`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import pyarrow.compute as pc

import pipeline.schemas as schemas
from pipeline import __version__, store
from pipeline.coding.codebook import Codebook
from pipeline.coding.facts import list_kinds
from pipeline.coding.frames import as_quoted, is_complete_in
from pipeline.coding.positions import FILE as POSITIONS_FILE
from pipeline.coding.positions import Position, load_positions
from pipeline.config import Config
from pipeline.errors import ConfigError, DataError
from pipeline.report.published import load_published
from pipeline.schemas import PREDICTIONS, SHARES
from pipeline.settings import Dataset, Frame, Report

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
class Results:
    """The estimated tables, joined with the words that explain them.

    Attributes:
        frames: the frames that were read, quotable ones first.
        extras: the optional tables that exist, by name.
        positions: what people said in the discussion, as queries.
        published: figures of others, for comparison.
        reader_kinds: which kinds of coders have read, in the order of the alphabet.
    """

    version: str
    code_version: str
    settings: Report
    dataset: Dataset
    level: float
    codebook: Codebook
    frames: Mapping[str, Frame]
    shares: pd.DataFrame
    extras: Mapping[str, pd.DataFrame]
    positions: tuple[Position, ...]
    published: tuple[Mapping[str, Any], ...]
    reader_kinds: tuple[str, ...]

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


def load_results(config: Config, codebook: Codebook) -> Results:
    """Reads the tables of the estimate. Raises as `load_content`."""
    _check_names(config, codebook)
    handcheck = config.path(config.paths.handcheck)
    shares = store.read_table(SHARES, config.processed("shares"))
    read = set(shares["frame"])
    # As a whole a frame is quotable only if it is complete throughout; `years_of` gives the years in which it is.
    frames = {name: as_quoted(frame) for name, frame in config.frames.items() if name in read}
    return Results(
        version=config.version,
        code_version=__version__,
        settings=config.report,
        dataset=config.dataset,
        level=config.estimate.level,
        codebook=codebook,
        frames=dict(sorted(frames.items(), key=lambda item: not item[1].is_quotable)),
        shares=shares.set_index(list(SHARES.key), drop=False).rename_axis([None] * len(SHARES.key)).sort_index(),
        extras=load_extras(config),
        positions=load_positions(handcheck / POSITIONS_FILE, codebook),
        published=load_published(handcheck / "published.toml", codebook),
        reader_kinds=tuple(sorted(list_kinds(handcheck))),
    )


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


def has_rows(results: Results, name: str) -> bool:
    """Whether an optional table exists and says something."""
    return name in results.extras and len(results.extras[name]) > 0


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
