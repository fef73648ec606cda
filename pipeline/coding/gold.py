"""Gold: settled documents drawn at random for people to read, from which the readers' error is learnt.

A draw is frozen in `rounds/<round>/gold.csv`: which documents, from which stratum, with which chance. What a person has
read of a stratum from the beginning of the page's order to the first gap is a random part of it.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.coding.overlay import leading_run
from pipeline.coding.precedence import CodedSheet
from pipeline.coding.rounds import load_round
from pipeline.coding.sheets import read_csv_rows
from pipeline.errors import SheetError

NAME = "gold.csv"
COLUMNS = ("doc_id", "gold_stratum", "n_stratum", "gold_probability")


def read_gold(handcheck: Path) -> pd.DataFrame:
    """Returns every draw: the columns `COLUMNS` and round, one row a document.

    Raises:
        SheetError: a draw is malformed, or a document is drawn twice.
    """
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    for path in sorted((handcheck / "rounds").glob(f"*/{NAME}")):
        for line, row in read_csv_rows(path, COLUMNS):
            where = f"{path}:{line}"
            if row["doc_id"] in seen:
                raise SheetError(f"{row['doc_id']} is drawn twice", where=where, do="restore the draw from git")
            seen.add(row["doc_id"])
            rows.append({**row, **_read_numbers(row, where), "round": path.parent.name})
    return pd.DataFrame(rows, columns=[*COLUMNS, "round"])


def _read_numbers(row: dict[str, str], where: str) -> dict[str, float]:
    try:
        size, chance = int(row["n_stratum"]), float(row["gold_probability"])
    except ValueError:
        size, chance = 0, 0.0
    if size < 1 or not 0 < chance <= 1:
        raise SheetError(
            "n_stratum must be a number of documents, and gold_probability above 0 and at most 1",
            where=where,
            do="restore the draw from git",
        )
    return {"n_stratum": size, "gold_probability": chance}


def weigh_gold(handcheck: Path, people: Sequence[CodedSheet]) -> pd.Series:
    """Returns the documents of the draws that people have read so far, each with how many it speaks for: by doc_id.

    Args:
        handcheck: the folder of codebook, rounds and sheets.
        people: their sheets.
    """
    weights: dict[str, float] = {}
    for name, drawn in read_gold(handcheck).groupby("round", sort=True):
        seed = load_round(handcheck / "rounds" / str(name)).seed
        stratum_of = dict(zip(drawn["doc_id"], drawn["gold_stratum"], strict=True))
        order = drawn["doc_id"].tolist()
        read = {doc_id for sheet in people for doc_id in leading_run(sheet, order, seed, stratum_of)}
        for _, rows in drawn.groupby("gold_stratum", sort=True):
            here = [doc_id for doc_id in rows["doc_id"] if doc_id in read]
            share = float(rows["gold_probability"].iloc[0]) * len(here) / len(rows)
            weights |= dict.fromkeys(here, 1 / share if here else 0.0)
    return pd.Series(weights, dtype=float).sort_index()
