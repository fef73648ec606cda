"""The rounds as they lie over the census of today, read or not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pydantic.dataclasses import dataclass

from pipeline.coding.codebook import Codebook
from pipeline.coding.coverage import Census, count_coverage
from pipeline.coding.design import Draw, read_draw
from pipeline.coding.facts import Facts, find_stale, gather_facts, screened_sheet
from pipeline.coding.mixtures import Mixture, read_mixture
from pipeline.coding.precedence import CodedSheet
from pipeline.coding.rounds import list_rounds, load_round
from pipeline.coding.union import Cells, Stratum, cut_cells, gather_strata
from pipeline.settings import Frame


@dataclass(frozen=True, config={"arbitrary_types_allowed": True})
class Survey:
    """The rounds as they lie over the census of today, read or not.

    Attributes:
        census: documents and membership.
        draws: the frozen files of every round.
        facts: every sheet of codes.
        screens: screeners' marks as sheets.
        strata: of all rounds, each once.
        cells: what the draws cover, by frame.
        stale: documents whose every code is of a text that has changed since.
        coverage: rows of the table `coverage`.
        mixtures: rounds drawn with replacement, which no stratum has a part in.
    """

    census: Census
    draws: tuple[Draw, ...]
    facts: Facts
    screens: tuple[CodedSheet, ...]
    strata: tuple[Stratum, ...]
    cells: Mapping[str, Cells]
    stale: frozenset[str]
    coverage: pd.DataFrame
    mixtures: tuple[Mixture, ...] = ()


def survey(
    handcheck: Path,
    name: str | Sequence[str],
    codebook: Codebook,
    documents: pd.DataFrame,
    members: pd.DataFrame | None = None,
    frames: Mapping[str, Frame] | None = None,
    versions: pd.DataFrame | None = None,
    is_coverage_wanted: bool = True,
) -> Survey:
    """Lays the rounds over the census of today, also where nothing is drawn or read yet. Arguments as `load_sample`.

    Raises:
        SheetError: a file is missing or malformed, or two files of a round disagree.
    """
    census = Census.of(documents, members, frames or {}, versions)
    orders = {each: load_round(handcheck / "rounds" / each).order for each in list_rounds(handcheck, name)}
    draws = tuple(read_draw(handcheck, each, census.aliases) for each, order in orders.items() if order != "mixture")
    mixed = [read_mixture(handcheck, each, census.aliases) for each, order in orders.items() if order == "mixture"]
    mixtures = tuple(replace(each, here={name: census.here(name) for name in each.frames.index}) for each in mixed)
    drawn_from = [rows.index.tolist() for draw in draws for rows in (draw.sample, draw.members) if rows is not None]
    facts = gather_facts(handcheck, codebook, census.known_ids.union(*drawn_from))
    strata = tuple(gather_strata(draws))
    screens = tuple(
        screened_sheet(draw.sample["screen"], draw.about.screened_as, codebook, f"screener of {draw.name}")
        for draw in draws
        if draw.about.screened_as
    )
    read = facts.read_ids().union(*(sheet.codes.index.tolist() for sheet in screens))
    cells = {
        frame: cut_cells(
            frame,
            [each for each in strata if each.frame == frame or _borrows(frames, frame)],
            census.here(frame),
            census.windows(frame),
            read,
        )
        for frame in census.frame_names(draws)
    }
    shown = {str(name): str(digest) for draw in draws for name, digest in draw.sample["text_sha256"].items() if digest}
    stale = frozenset(find_stale(facts.sheets, shown, census.texts))
    settled = {doc_id for sheet in (*facts.adjudicators, *facts.people) for doc_id in sheet.codes.index}
    parts = {name: frame.part_of for name, frame in (frames or {}).items() if frame.part_of}
    coverage = pd.DataFrame()
    if is_coverage_wanted:
        coverage = count_coverage(census, strata, cells, settled, stale, parts)
    return Survey(census, draws, facts, screens, strata, cells, stale, coverage, mixtures)


def _borrows(frames: Mapping[str, Frame] | None, name: str) -> bool:
    return not frames or name not in frames or (frames[name].borrows and not frames[name].part_of)
