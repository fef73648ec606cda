"""The frozen files of a mixture: documents drawn with replacement, half evenly and half by what they count for.

`mixture.csv` has one row a draw (draw, doc_id, draw_probability), `design.csv` one row a frame (frame, n_population,
weight), `sample.csv` each drawn document once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pipeline.coding.rounds import Round, load_round
from pipeline.coding.sheets import read_csv_rows
from pipeline.errors import SheetError

DRAWS, DESIGN = "mixture.csv", "design.csv"
RESTORE = "restore the round's files from git"


@dataclass(frozen=True)
class Mixture:
    """What a mixture drew.

    Attributes:
        draws: in the order of drawing; columns doc_id (one drawn twice stands there twice), draw_probability.
        frames: index frame; columns n_population (its documents then), weight (the column of `documents`).
        here: by frame, the documents that it has now.
    """

    name: str
    about: Round
    draws: pd.DataFrame
    frames: pd.DataFrame
    here: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read_mixture(handcheck: Path, name: str, aliases: Mapping[str, str]) -> Mixture:
    """Reads the files of a mixture.

    Args:
        handcheck: the folder of codebook, rounds and sheets.
        name: of the round.
        aliases: frames by earlier names.

    Raises:
        SheetError: a file is missing or malformed.
    """
    folder = handcheck / "rounds" / name
    draws = []
    for line, row in read_csv_rows(folder / DRAWS, ("doc_id", "draw_probability")):
        try:
            chance = float(row["draw_probability"])
        except ValueError:
            chance = 0.0
        if not 0 < chance <= 1:
            raise SheetError(
                "draw_probability must be above 0 and at most 1", where=f"{folder / DRAWS}:{line}", do=RESTORE
            )
        draws.append({"doc_id": row["doc_id"], "draw_probability": chance})
    frames = {}
    for line, row in read_csv_rows(folder / DESIGN, ("frame", "n_population", "weight")):
        if not row["n_population"].isdigit():
            raise SheetError("n_population must be a whole number", where=f"{folder / DESIGN}:{line}", do=RESTORE)
        frame = aliases.get(row["frame"], row["frame"])
        frames[frame] = {"n_population": int(row["n_population"]), "weight": row["weight"]}
    columns = ["n_population", "weight"]
    return Mixture(
        name,
        load_round(folder),
        pd.DataFrame(draws, columns=["doc_id", "draw_probability"]),
        pd.DataFrame.from_dict(frames, orient="index", columns=columns).rename_axis("frame"),
    )
