"""What can be drawn from: the strata that earlier rounds drew from, and what no draw covers yet."""

from collections.abc import Collection, Sequence

import pandas as pd

from pipeline.coding.frames import join_stratum
from pipeline.coding.rounds_today import Survey
from pipeline.errors import SheetError
from pipeline.rounds.allocate import Target


def list_targets(found: Survey, members: pd.DataFrame, frames: Collection[str], name: str) -> list[Target]:
    """Returns the strata of the frames that can be drawn from, old ones first.

    Documents that no draw of the frame covers form new strata, one for each window and part: a frame grows by strata
    and never changes an old one. What other frames' draws read of them counts all the same. Where a stratum of that
    name exists, the new one is named after its round too.

    Args:
        found: the rounds over the census of today.
        members: rows of `frame_members` that are not gone.
        frames: to draw from.
        name: of the new round.
    """
    targets: list[Target] = []
    taken = {stratum.name for stratum in found.strata}
    for frame in frames:
        rows = members[members["frame"] == frame]
        cells = found.cells.get(frame)
        covered: set[str] = set()
        for stratum in found.strata:
            if stratum.frame == frame and cells is not None:
                here = frozenset(rows["doc_id"])
                inside = cells.members.get(stratum.name, frozenset()) if stratum.members is None else stratum.members
                inside &= here
                covered |= inside
                targets.append(
                    Target(stratum.name, frame, stratum.window, stratum.part, inside, stratum.drawn & inside)
                )
        for (window, part), group in rows[~rows["doc_id"].isin(covered)].groupby(["window", "part"]):
            stratum_name = join_stratum(frame, str(window), str(part))
            if stratum_name in taken:
                stratum_name = f"{stratum_name}+{name}"
            docs = frozenset(group["doc_id"])
            targets.append(Target(stratum_name, frame, str(window), str(part), docs, frozenset()))
    return [target for target in targets if target.members]


def choose_frames(wanted: str, found: Survey, members: pd.DataFrame, quotable: Collection[str]) -> list[str]:
    """Returns the frames to draw from: those named, else all that were drawn before or may be quoted.

    Raises:
        SheetError: a frame that is named has no members.
    """
    known = list(dict.fromkeys([*(stratum.frame for stratum in found.strata), *sorted(set(members["frame"]))]))
    if not wanted:
        drawn = {stratum.frame for stratum in found.strata}
        return [name for name in known if name in drawn or name in quotable]
    names = [found.census.aliases.get(name.strip(), name.strip()) for name in wanted.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise SheetError(
                f"there is no document in the frame {name!r}",
                where="FRAMES",
                do=f"use some of {', '.join(known)}",
            )
    return names


def read_sizes(text: str, targets: Sequence[Target], table: pd.DataFrame | None) -> dict[str, int]:
    """Returns the documents to draw by stratum, as they are spelt out: by stratum, part or window, or in a table.

    Raises:
        SheetError: a name fits no stratum, or a number is none.
    """
    if table is not None:
        pairs = dict(zip(table["stratum"], table["n_sample"].astype(str), strict=True))
    else:
        pairs = dict(item.partition("=")[::2] for item in text.replace(" ", "").split(",") if item)
    sizes: dict[str, int] = {}
    for key, count in pairs.items():
        fitting = [target.name for target in targets if key in (target.name, target.part, target.window)]
        if not fitting or not count.isdigit():
            problem = f"no stratum, part or window is called {key!r}" if not fitting else f"{count!r} is no number"
            raise SheetError(problem, where="SIZES", do="use names such as " + ", ".join(t.name for t in targets[:4]))
        sizes |= dict.fromkeys(fitting, int(count))
    return sizes
