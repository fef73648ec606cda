"""`make status`: what is drawn, read, adjudicated, stale and not covered, by frame and window, and what to do next."""

from collections.abc import Collection

import pandas as pd

from pipeline.coding.codebook import load_codebook
from pipeline.coding.coverage import drawn_from
from pipeline.coding.current import read_survey
from pipeline.coding.rounds_today import Survey
from pipeline.config import Config
from pipeline.hints import name_study
from pipeline.rounds.phase2 import list_undecided

COLUMNS = {
    "n_members": "members",
    "n_drawn": "drawn",
    "n_read": "read",
    "n_adjudicated": "settled",
    "n_stale": "stale",
    "n_uncovered": "uncovered",
    "n_late": "late",
    "n_moved": "moved",
    "n_gone": "gone",
}


def run(config: Config) -> None:
    """Prints one line a frame and window, and the commands that come next.

    Raises:
        DataError: `corpus` has not run.
        SheetError: a round or a sheet is malformed.
    """
    codebook = load_codebook(config.path(config.paths.handcheck, "codebook", "codebook.toml"))
    found = read_survey(config, codebook)
    quotable = {name for name, frame in config.frames.items() if frame.is_quotable}
    parts = {name for name, frame in config.frames.items() if frame.part_of}
    print("\n".join([*describe(found), ""]))
    print(name_study("\n".join(list_next(found, quotable, parts)), config.file))


def describe(found: Survey) -> list[str]:
    """Returns the table as lines: frames with their windows, those that anything is drawn of first."""
    rows = found.coverage.sort_values(["frame", "window"], kind="stable")
    drawn = set(rows.loc[rows["n_drawn"] > 0, "frame"])
    rows = pd.concat([rows[rows["frame"].isin(drawn)], rows[~rows["frame"].isin(drawn) & (rows["window"] == "")]])
    lines = [f"{'frame':34} {'window':8}" + "".join(f"{name:>10}" for name in COLUMNS.values())]
    for row in rows.to_dict("records"):
        name = row["frame"] if not row["window"] else ""
        lines.append(f"{name:34} {row['window'] or 'all':8}" + "".join(f"{row[key]:10,}" for key in COLUMNS))
    return lines


def list_next(found: Survey, quotable: Collection[str], parts: Collection[str] = ()) -> list[str]:
    """Returns the commands that come next, the most urgent first, each with its reason.

    Args:
        found: the rounds as they lie over the census.
        quotable: frames that are to be covered.
        parts: frames that are a part of another one, and drawn, read and counted there.
    """
    whole = found.coverage[found.coverage["window"] == ""].set_index("frame").drop(index=list(parts), errors="ignore")
    lines = []
    stale, unread = int(whole["n_stale"].sum()), int((whole["n_drawn"] - whole["n_read"]).clip(lower=0).sum())
    if stale:
        ids = sorted(found.stale)
        lines.append(
            f"{stale} documents were rewritten since they were read ({', '.join(ids[:3])}"
            f"{', …' if len(ids) > 3 else ''}): read them again first: make check CODER=yourname"
        )
    if unread:
        lines.append(f"{unread} drawn documents are not read: make check CODER=yourname")
    read = found.facts.read_ids()
    for mixture in found.mixtures:
        count = len(set(mixture.draws["doc_id"]) - read)
        if count:
            lines.append(f"{count} documents of the mixture {mixture.name} are not read: make check CODER=yourname")
    undecided = list_undecided(found)
    fresh, waiting = int((~undecided["is_drawn"]).sum()), int(undecided["is_drawn"].sum())
    if fresh:
        lines.append(f"{fresh} readings have had no draw for adjudication: make adjudicate CODER=name")
    if waiting:
        lines.append(f"{waiting} documents wait for the adjudicator: make check CODER=name TASK=adjudication")
    frames = [name for name in whole.index if name in quotable or whole.at[name, "n_drawn"]]
    beyond = {name: len(found.census.here(name) - _reached(found, name)) for name in frames}
    lines += [
        f"{count:,} documents of {name} are covered by no draw: make draw ROUND=name N=number FRAMES={name}"
        for name, count in beyond.items()
        if count
    ]
    return lines or ["Everything is drawn, read and settled: make report, then make release VERSION=…"]


def _reached(found: Survey, frame: str) -> frozenset[str]:
    """Returns the documents of a frame that some draw could have drawn, or that another frame's draw covers."""
    cells = found.cells.get(frame)
    covered = [doc_id for docs in cells.members.values() for doc_id in docs] if cells else []
    return drawn_from(frame, found.strata) | frozenset(covered)
