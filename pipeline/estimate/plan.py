"""Stage `plan`: what every next step costs and saves, how much reading halves an interval, and drawing it."""

import logging

import pandas as pd

from pipeline import store
from pipeline.config import Config
from pipeline.errors import SheetError
from pipeline.estimate.domains import parts_of
from pipeline.estimate.draw_edge import PREFIX, draw_edge
from pipeline.estimate.draw_more import draw_documents
from pipeline.estimate.edge import tell_edge
from pipeline.estimate.evidence import gather_evidence, name_sources
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.price_targets import AT_RANDOM, BY_BANDS, HEADLINE, SECOND, find_targets
from pipeline.estimate.prices import price_actions
from pipeline.estimate.survey import estimate_batch, open_survey
from pipeline.schemas import AS_PEOPLE, EDGE_PRICES, NEEDS, PLAN, PRICES

log = logging.getLogger(__name__)
SHOWN_EACH = 3  # steps of each kind that are printed; all are in the table


def run(config: Config, draw: str = "", share: str = "", count: int = 0) -> None:
    """Prints what every step saves for a minute of reading, and what would halve each interval; or draws for one.

    Args:
        config: of the census.
        draw: "FRAME/YEAR DEFINITION", "FRAME DEFINITION" or "STRATUM DEFINITION"; "scope/FRAME" draws documents of
            doubtful scope; "" only prints.
        share: whose interval the steps are priced for, in the same form; "" for every headline share together.
        count: documents of doubtful scope to draw; 0 for the usual number.

    Raises:
        SheetError: there is no such share, or a number is given for a draw that has its own.
    """
    if draw.startswith(PREFIX) and " " not in draw:
        draw_edge(config, draw, count)
        return
    if count:
        raise SheetError(
            "a number is for draws of doubtful scope",
            where="N",
            do=f'leave it out (the plan says how many), or give DRAW="{PREFIX}FRAME"',
        )
    rows = store.read_table(PLAN, config.processed("plan"))
    if draw:
        draw_documents(config, rows, draw)
        return
    prices = store.read_table(PRICES, config.processed("prices"))
    wanted = share or HEADLINE
    own = prices[prices["target"] == wanted]
    if own.empty and share:
        own = _price_share(config, share)
    print("\n".join(tell_prices(own, wanted)))
    if share:
        return
    print("\n".join(tell_needs(store.read_table(NEEDS, config.processed("needs")))))
    print("\n".join(tell_edge(store.read_table(EDGE_PRICES, config.processed("edge_prices")))))
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


def _price_share(config: Config, share: str) -> pd.DataFrame:
    """Returns the prices for a share that is no headline."""
    place, _, definition = share.rpartition(" ")
    frame, _, year = place.partition("/")
    codebook, sample, population = load_inputs(config)
    survey = open_survey(sample, population, codebook, config.estimate.level, config.seed, parts_of(config.frames))
    found = estimate_batch(survey, codebook.definitions, [])
    targets = find_targets(survey, found, config.report.denominator, [(frame, year, definition)])
    if not targets:
        raise SheetError(
            f"there is no share {share!r}",
            where="FOR",
            do='give frame, year and definition of a row of tables/shares.csv: "FRAME/YEAR DEFINITION"',
        )
    source = name_sources(population, config.estimate.reader_sources)
    evidence = gather_evidence(config.path(config.paths.handcheck), sample, source, codebook)
    as_people = store.read_table(AS_PEOPLE, config.processed("as_people"))
    return price_actions(survey, targets, evidence, source, as_people, config.estimate.minutes)


def tell_needs(rows: pd.DataFrame) -> list[str]:
    """Returns what each interval needs to be as narrow as is asked; nothing where nothing is asked.

    Args:
        rows: of the table `needs`.
    """
    if rows.empty:
        return []
    lines = ["", "What it takes to bring an interval to the width that is asked, in points (table needs):", ""]
    heads = f"{'and read':>9} {'in full':>8} {'by bands':>9} {'in full':>8}"
    lines.append(f"{'now':>6} {'asked':>6} {'rulings':>8} {'then':>6} {heads} {'then':>6}  share")
    for row in rows.to_dict("records"):
        widths = [100 * row[name] for name in ("width_now", "width_asked", "width_adjudicated", "width_then")]
        lines.append(
            f"{widths[0]:6.1f} {widths[1]:6.1f} {row['n_to_adjudicate']:8,} {widths[2]:6.1f} {row['n_more']:9,} "
            f"{row['n_full']:8,} {row['n_more_banded']:9,} {row['n_full_banded']:8,} "
            f"{widths[3]:6.1f}  {row['frame']}{'/' if row['year'] else ''}{row['year']} {row['definition']}"
        )
    return lines


def tell_prices(rows: pd.DataFrame, wanted: str) -> list[str]:
    """Returns the best steps of every kind as lines, and what drawing by bands buys.

    Args:
        rows: of the table `prices`, of one target.
        wanted: its name.
    """
    if rows.empty:
        return [f"There is no step to price for {wanted}: it has no share, or everything is read and settled."]
    lines = [f"What a minute of reading saves of {wanted}, in percentage points of its interval's width:", ""]
    lines.append(f"{'points a minute':>15} {'points':>7} {'minutes':>8}  step")
    for action, part in rows.groupby("action", sort=False):
        for row in part.head(SHOWN_EACH).to_dict("records"):
            numbers = f"{row['saved_per_minute']:15.4f} {row['points_saved']:7.2f} {row['minutes']:8.0f}"
            lines.append(f"{numbers}  {action}: {row['what']} ({row['points_now']:.1f} wide {row['interval']} now)")
    lines += _tell_bands(rows)
    if (rows["interval"] == SECOND).any():
        lines.append(
            "What people check narrows the second interval, as people would code (draw it: make gold N=number)."
        )
    return lines


def _tell_bands(rows: pd.DataFrame) -> list[str]:
    """Returns what drawing by bands saves beyond drawing at random, and what it costs."""
    both = rows[rows["action"] == BY_BANDS].merge(rows[rows["action"] == AT_RANDOM], on="what", suffixes=("", "_plain"))
    both = both[both["points_saved_plain"] > 0]
    if both.empty:
        return []
    gain = both["points_saved"].sum() / both["points_saved_plain"].sum() - 1
    return [
        "",
        f"Drawing by bands saves {gain:+.0%} against drawing at random, over all strata (make plan DRAW= draws so). It "
        "costs the design: the bands become strata for good, and shares of other definitions gain less.",
    ]
