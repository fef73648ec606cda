"""Draws documents whose scope is most doubtful: `make plan DRAW="scope/FRAME" N=100`.

They are an extension of the round, as all that `make plan` draws: every document of a stratum is written down with its
band (likely out of scope, doubtful, likely in scope), and those to be read are a random part of the doubtful ones. So
each has a known chance of having been drawn, the bands are strata once they are read, and shares stay unbiased.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.coding.sample import Sample
from pipeline.coding.sampling import allocate_proportional
from pipeline.config import Config
from pipeline.errors import SheetError
from pipeline.estimate.domains import parts_of
from pipeline.estimate.draw_more import LEAST, choose_strata, find_folders, write_draw
from pipeline.estimate.edge_replay import DOUBT
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.planning import DECIMALS
from pipeline.schemas import CALLS

PREFIX = "scope/"
DOUBTFUL = 1  # the band between likely out of scope (0) and likely in scope (2)
BATCH = 100  # documents that are drawn, and priced, where no number is given


def doubt_of(chance: np.ndarray) -> np.ndarray:
    """Returns whether each document is likely out of scope (0), doubtful (1) or likely in scope (2): int (n,)."""
    return np.searchsorted(DOUBT, np.round(chance, DECIMALS), side="right")


def draw_edge(config: Config, draw: str, count: int) -> None:
    """Draws documents of a frame whose scope is doubtful, and writes them into the folders of the rounds.

    Args:
        config: of the census.
        draw: "scope/FRAME".
        count: how many; 0 for `BATCH`.

    Raises:
        SheetError: nothing is called in this census, there is no such frame, no stratum of it can be extended, or no
            document of it is doubtful and unread.
    """
    frame, count = draw.removeprefix(PREFIX), count or BATCH
    if count < 0:
        raise SheetError(f"{count} documents cannot be drawn", where="N", do="give how many to read, such as N=100")
    calls = store.read_table(CALLS, config.processed("calls"))
    if calls.empty:
        raise SheetError(
            "no document is called in or out of scope here",
            where="DRAW",
            do="set scope_recall of [estimate] in census.toml, such as 0.98, and run make estimate",
        )
    _, sample, population = load_inputs(config)
    place, _, part = parts_of(config.frames).get(frame, frame).partition("/")
    own = sample.strata[(sample.strata["frame"] == place) & ((sample.strata["part"] == part) | (part == ""))]
    if own.empty:
        names = sorted({*sample.strata["frame"], *parts_of(config.frames)})
        raise SheetError(f"no frame {frame!r} was drawn from", where="DRAW", do=f"name one of {', '.join(names)}")
    folders = find_folders(config)
    strata = choose_strata(sample, population, folders, own.index, frame)
    chance = calls.set_index("doc_id")["chance"]
    bands = {
        name: pd.Series(doubt_of(chance.reindex(ids).to_numpy()), ids)
        for name in strata
        for ids in [population.documents["doc_id"][population.rows_in(sample, name)].to_numpy()]
    }
    more = share_doubtful(bands, sample, count)
    if not any(each[DOUBTFUL] for each in more.values()):
        raise SheetError(f"no unread document of {frame} is doubtful", where="DRAW", do="take another frame")
    wanted = {name: band for name, band in bands.items() if more[name][DOUBTFUL]}
    write_draw(config, sample, folders, wanted, more)


def share_doubtful(bands: Mapping[str, pd.Series], sample: Sample, count: int) -> dict[str, dict[int, int]]:
    """Returns how many more documents each stratum gets of each band: doubtful ones, in proportion to those left.

    Of a band of which nothing is read yet a few are drawn too: it would keep the others waiting.
    """
    left = {name: band[~band.index.isin(sample.units.index)] for name, band in bands.items()}
    doubtful = {name: int((band == DOUBTFUL).sum()) for name, band in left.items()}
    given = allocate_proportional(doubtful, min(count, sum(doubtful.values())), 0)
    found: dict[str, dict[int, int]] = {}
    for name, band in bands.items():
        found[name] = {DOUBTFUL: given[name]}
        for number in sorted(set(band)):
            n_left = int((left[name] == number).sum())
            if n_left == (band == number).sum():
                found[name][number] = max(found[name].get(number, 0), min(LEAST, n_left))
    return found
