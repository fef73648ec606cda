"""Stage `plan`: how many more documents to read, and to adjudicate, to halve an interval; and drawing them."""

import logging

import pandas as pd

from pipeline import store
from pipeline.coding.extension import NAME, add_extension, draw_extension
from pipeline.config import Config
from pipeline.errors import SheetError
from pipeline.estimate.domains import Readings
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.planning import band_of
from pipeline.schemas import PLAN

log = logging.getLogger(__name__)


def run(config: Config, draw: str = "") -> None:
    """Prints one line per interval of the report's headline definitions, from the table `plan`; or draws for one.

    Args:
        config: of the census.
        draw: "FRAME/YEAR DEFINITION", or "FRAME DEFINITION" where a frame is one stratum; "" only prints.
    """
    rows = store.read_table(PLAN, config.processed("plan"))
    if draw:
        draw_documents(config, rows, draw)
        return
    for (frame, year, definition), part in rows.groupby(["frame", "year", "definition"], sort=True):
        first = part.iloc[0]
        log.info(
            "plan: %s %s, %s: %.1f points either way now; %.1f with %d more read and %d more adjudicated",
            frame,
            year or "all years",
            definition,
            100 * first["half_width_now"],
            100 * first["half_width_planned"],
            part["n_more"].sum(),
            first["n_to_adjudicate"],
        )


def draw_documents(config: Config, plan: pd.DataFrame, draw: str) -> None:
    """Draws the documents that would halve an interval, and writes them into the round's folder.

    Raises:
        SheetError: there is no such line in the plan, it asks for no document, it is not about one stratum, or the
            stratum is extended already.
    """
    stratum, _, definition_id = draw.rpartition(" ")
    frame, _, year = stratum.partition("/")
    rows = plan[(plan["frame"] == frame) & (plan["year"] == year) & (plan["definition"] == definition_id)]
    if rows.empty:
        raise SheetError(
            f"{draw!r} is not in the plan",
            where="DRAW",
            do='run make plan, and give frame, year and definition of one of its lines: "FRAME/YEAR DEFINITION"',
        )
    if not rows["n_more"].sum():
        raise SheetError(
            f"{draw!r} needs no more documents read", where="DRAW", do="adjudicate what is read, or take another line"
        )
    codebook, sample, population = load_inputs(config)
    if stratum not in sample.strata.index:
        is_split = any(name.startswith(f"{stratum}/") for name in sample.members)
        raise SheetError(
            f"{stratum} is {'extended already' if is_split else 'more than one stratum'}",
            where="DRAW",
            do="read what was drawn first (make check TASK=extension)" if is_split else "name one year of it",
        )
    name = str(rows["denominator"].iloc[0])
    definition = next(item for item in codebook.definitions if item.id == definition_id)
    guess = Readings.of(sample, population, definition, name, codebook.denominators[name]).guess
    if guess is None:
        raise SheetError("the census has no predictions to draw by", where="DRAW", do="run make estimate")
    inside = population.rows_in(sample, stratum)
    band = pd.Series(band_of(guess[inside, 0]), population.documents["doc_id"][inside])
    more = dict(zip(rows["band"].astype(int), rows["n_more"].astype(int), strict=True))
    is_drawn = pd.Series(band.index.isin(sample.units.index), band.index)
    drawn = draw_extension(stratum, band, is_drawn, more, sample.about.seed)
    folder = config.path(config.paths.handcheck, "rounds", config.estimate.round)
    add_extension(folder, drawn)
    log.info(
        "plan: %d documents of %s drawn -> %s; read them with make check CODER=name TASK=extension",
        int(drawn["is_wanted"].sum()),
        stratum,
        folder / NAME,
    )
