"""Draws what the plan asks for: more documents of each stratum of a frame or year, by bands of predicted chances."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from pipeline.coding.design import read_draw
from pipeline.coding.extension import NAME, add_extension, draw_extension, read_extension
from pipeline.coding.rounds import list_rounds, rounds_of, shown_round
from pipeline.coding.sample import Sample
from pipeline.coding.sampling import allocate_proportional
from pipeline.config import Config
from pipeline.errors import SheetError
from pipeline.estimate.domains import Population
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.planning import band_of, guess_shares

log = logging.getLogger(__name__)
LEAST = 2  # more documents of a band of which nothing is read yet: it would keep the others waiting


def draw_documents(config: Config, plan: pd.DataFrame, draw: str) -> None:
    """Draws the documents that would halve an interval, and writes them into the folders of the rounds.

    What the plan asks for in a band is shared out over the strata in proportion to the documents that each has left in
    it. Where one stratum is named, its part alone is drawn.

    Args:
        config: of the census.
        plan: rows of the table `plan`.
        draw: "FRAME/YEAR DEFINITION", "FRAME DEFINITION", or "STRATUM DEFINITION".

    Raises:
        SheetError: there is no such line in the plan, it asks for no document, or no stratum of it can be extended.
    """
    target, _, definition_id = draw.rpartition(" ")
    frame, year = _split_target(target, plan)
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
    folders = find_folders(config)
    own = sample.strata[(sample.strata["frame"] == frame) & ((sample.strata["year"] == year) | (year == ""))]
    strata = choose_strata(sample, population, folders, own.index, frame)
    wanted = strata if target in (frame, f"{frame}/{year}") else [name for name in strata if name == target]
    if not wanted:
        raise SheetError(
            f"{target} is no stratum that can be extended",
            where="DRAW",
            do=f"name one of {', '.join(strata)}, or {f'{frame}/{year}' if year else frame} for all of them",
        )
    definition = next(item for item in codebook.definitions if item.id == definition_id)
    guess = guess_shares(population, definition, str(rows["denominator"].iloc[0]), codebook)
    if guess is None:
        raise SheetError("the census has no predictions to draw by", where="DRAW", do="run make estimate")
    bands = {
        name: pd.Series(band_of(guess[inside, 0]), population.documents["doc_id"][inside])
        for name in strata
        for inside in [population.rows_in(sample, name)]
    }
    more = share_out(bands, sample, dict(zip(rows["band"].astype(int), rows["n_more"].astype(int), strict=True)))
    write_draw(config, sample, folders, {name: bands[name] for name in wanted}, more)


def write_draw(
    config: Config,
    sample: Sample,
    folders: Mapping[str, Path],
    bands: Mapping[str, pd.Series],
    more: Mapping[str, Mapping[int, int]],
) -> None:
    """Draws more documents of some strata, and writes them into the folders of their rounds.

    Args:
        config: of the census.
        sample: what is read.
        folders: of the round that drew each stratum.
        bands: of the strata to draw from: int by doc_id, for every document of the stratum.
        more: documents to draw, by stratum and band.
    """
    shown = shown_round(config.path(config.paths.handcheck), config.estimate)
    for name, band in bands.items():
        stratum_of = sample.units["stratum"].reindex(band.index)
        drawn = draw_extension(name, band, stratum_of == name, more[name], sample.about.seed)
        elsewhere = stratum_of.index[
            stratum_of.notna() & (stratum_of != name)
        ]  # read for another frame: not twice here
        drawn["is_wanted"] &= ~drawn["doc_id"].isin(elsewhere)
        add_extension(folders[name], drawn)
        is_shown = folders[name].name == shown
        log.info(
            "plan: %d documents of %s drawn -> %s; read them with make check CODER=name TASK=extension%s",
            int(drawn["is_wanted"].sum()),
            name,
            folders[name] / NAME,
            "" if is_shown else f" ROUND={folders[name].name}",
        )


def _split_target(target: str, plan: pd.DataFrame) -> tuple[str, str]:
    """Returns frame and year of a frame, of a year of it, or of a stratum: `frame/2025/part` lies in 2025."""
    frame, _, rest = target.partition("/")
    window, _, _ = rest.partition("/")
    years = set(plan.loc[plan["frame"] == frame, "year"])
    return frame, window if window in years else "" if window[:4] not in years else window[:4]


def find_folders(config: Config) -> dict[str, Path]:
    """Returns the folder of the round that drew each stratum; of several, the first."""
    handcheck = config.path(config.paths.handcheck)
    found: dict[str, Path] = {}
    for name in list_rounds(handcheck, rounds_of(config.estimate)):
        folder = handcheck / "rounds" / name
        if (folder / "sample.csv").exists():
            for stratum in read_draw(handcheck, name, {}).strata.index:
                found.setdefault(str(stratum), folder)
    return found


def choose_strata(
    sample: Sample, population: Population, folders: Mapping[str, Path], own: Iterable[str], frame: str
) -> list[str]:
    """Returns those of the strata of a frame (called `frame`), or of a year of it, that can be extended.

    Raises:
        SheetError: there is none.
    """
    extended = {name for folder in set(folders.values()) for name in read_extension(folder)["stratum"]}
    own = [str(name) for name in own]
    done = [name for name in own if name in extended or name.rpartition("/")[0] in extended]
    left = [name for name in own if name not in done]
    mixed = [name for name in left if name not in folders]
    thin = [name for name in left if name in folders and not population.knows(sample, name)]
    chosen = [name for name in left if name not in mixed and name not in thin]
    for names, reason in (
        (done, "extended already: read what was drawn first (make check TASK=extension)"),
        (mixed, "cut by several rounds: draw a new one (make draw)"),
        (
            thin,
            "not all of its documents are in the census, so that nothing predicts them: draw a new round (make draw)",
        ),
    ):
        if names and chosen:
            log.info("plan: %s: %s", ", ".join(names), reason)
        elif names:
            raise SheetError(f"{names[0]} cannot be extended", where="DRAW", do=reason)
    if not chosen:
        raise SheetError(
            f"{frame} has no stratum of its own here", where="DRAW", do="draw a new round of it (make draw)"
        )
    return chosen


def share_out(bands: Mapping[str, pd.Series], sample: Sample, more: Mapping[int, int]) -> dict[str, dict[int, int]]:
    """Returns how many more documents each stratum gets of each band."""
    found: dict[str, dict[int, int]] = {name: {} for name in bands}
    for number, count in more.items():
        inside = {name: band.index[band == number] for name, band in bands.items()}
        left = {name: int((~ids.isin(sample.units.index)).sum()) for name, ids in inside.items()}
        given = allocate_proportional(left, min(count, sum(left.values())), 0)
        for name, size in given.items():
            if inside[name].empty:
                continue
            is_read = left[name] < len(inside[name])
            found[name][number] = size if is_read else max(size, min(LEAST, left[name]))
    return found
