"""An extension of a round: more documents of a stratum, drawn from bands of predicted chances.

Every document of the stratum is written down with its band, and those not in the sample yet in a random order within
it. So no later prediction moves a document to another band, and the sample grows by prefix, never by choice.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.coding.sampling import draw_stratified
from pipeline.coding.sheets import read_csv_rows
from pipeline.errors import SheetError

NAME = "extension.csv"
COLUMNS = ("doc_id", "stratum", "band", "reserve_order", "is_wanted")
IN_SAMPLE = -1  # reserve_order of the documents that the round drew itself


def draw_extension(
    stratum: str, band: pd.Series, is_in_sample: pd.Series, more: Mapping[int, int], seed: int
) -> pd.DataFrame:
    """Returns the rows of an extension of one stratum: every document of it, by band and reserve order.

    Args:
        stratum: its name in the round's design.
        band: int by doc_id, for every document of the stratum.
        is_in_sample: bool by doc_id, whether the round drew it.
        more: documents to draw, by band; no more than the band has left.
        seed: of the round.
    """
    left = band[~is_in_sample.reindex(band.index)]
    names = {number: f"{stratum}/{number}" for number in sorted(set(band))}
    sizes = {names[number]: min(count, int((left == number).sum())) for number, count in more.items()}
    drawn = draw_stratified(left.map(names), sizes, seed)
    reserve = pd.DataFrame(
        {
            "doc_id": drawn["doc_id"],
            "stratum": stratum,
            "band": left.loc[drawn["doc_id"]].to_numpy(),
            "reserve_order": drawn["reserve_order"],
            "is_wanted": drawn["is_drawn"],
        }
    )
    known = band[is_in_sample.reindex(band.index)].sort_index()
    sampled = pd.DataFrame({"doc_id": known.index, "band": known.to_numpy()}).assign(
        stratum=stratum, reserve_order=IN_SAMPLE, is_wanted=False
    )
    rows = pd.concat([sampled, reserve], ignore_index=True)[list(COLUMNS)]
    return rows.sort_values(["band", "reserve_order", "doc_id"], ignore_index=True)


def add_extension(folder: Path, rows: pd.DataFrame) -> None:
    """Adds the extension of one stratum to a round's folder.

    Raises:
        SheetError: the stratum is extended already.
    """
    known = read_extension(folder)
    for stratum in sorted(set(rows["stratum"]) & set(known["stratum"])):
        wanted = int(known.loc[known["stratum"] == stratum, "is_wanted"].sum())
        raise SheetError(
            f"{stratum} is extended already, by {wanted} documents",
            where=str(folder / NAME),
            do="read those first (make check TASK=extension); a further draw needs a new round",
        )
    store.write_csv(folder / NAME, pd.concat([known, rows], ignore_index=True) if len(known) else rows)


def read_extension(folder: Path) -> pd.DataFrame:
    """Returns the extensions of a round: `COLUMNS`; no rows where there is none.

    Raises:
        SheetError: a line is malformed, or a document stands there twice.
    """
    path = folder / NAME
    rows = []
    for line, row in read_csv_rows(path, COLUMNS) if path.exists() else []:
        numbers = row["band"], row["reserve_order"]
        if not all(number.removeprefix("-").isdigit() for number in numbers) or row["is_wanted"] not in {
            "True",
            "False",
        }:
            raise SheetError(
                "band and reserve_order must be whole numbers, is_wanted True or False",
                where=f"{path}:{line}",
                do="restore the round's files from git",
            )
        rows.append((row["doc_id"], row["stratum"], int(numbers[0]), int(numbers[1]), row["is_wanted"] == "True"))
    found = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"is_wanted": bool})
    again = found["doc_id"][found["doc_id"].duplicated()]
    if len(again):
        raise SheetError(
            f"document {again.iloc[0]!r} stands there twice", where=str(path), do="restore the round's files from git"
        )
    return found


def wanted_ids(rows: pd.DataFrame) -> list[str]:
    """Returns the documents to be read, so that every band of every stratum is read at the same pace."""
    wanted = rows[rows["is_wanted"]]
    pace = (wanted["reserve_order"] + 0.5) / wanted.groupby(["stratum", "band"])["doc_id"].transform("size")
    return wanted.assign(pace=np.round(pace, 9)).sort_values(["pace", "doc_id"])["doc_id"].tolist()
