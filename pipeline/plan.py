"""Stage `plan`: prints how many more documents to read, and how many to adjudicate, to halve an interval."""

import logging

from pipeline import store
from pipeline.config import Config
from pipeline.schemas import PLAN

log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Prints one line per interval of the report's headline definitions, from the table `plan`."""
    rows = store.read_table(PLAN, config.processed("plan"))
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
