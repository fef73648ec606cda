"""The frozen files of a round: strata, sample, members, and what was drawn of it for adjudication.

`design.csv` has the strata (stratum, n_population, n_sample; rounds drawn by the program also frame, window, part,
n_before and members_sha256), `sample.csv` the drawn documents with their probabilities, `members.parquet` every
document of every stratum when it was drawn, and `adjudication*.csv` the draws of phase 2, a later one superseding an
earlier one for the documents it names. None of them is ever changed: what becomes of a document later is read from the
census.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.coding.rounds import Round, load_round
from pipeline.coding.sampling import hash_frame
from pipeline.coding.sheets import read_csv_rows
from pipeline.errors import SheetError
from pipeline.schemas import ROUND_MEMBERS

TOLERANCE = 1e-9  # recorded probabilities are ratios of integers, written with at least 15 digits
RESTORE = "restore the round's files from git"
MEMBERS = "members.parquet"
WINDOW = re.compile(r"\d{4}(?:-Q[1-4])?")


@dataclass(frozen=True)
class Draw:
    """What a round drew, from what, and what was drawn of it again.

    Attributes:
        strata: index stratum, in the order of the file; columns frame, window, year, part, n_population, n_sample,
            n_before (documents of it that earlier rounds had drawn).
        sample: index doc_id; columns stratum, inclusion_probability, text_sha256 (of the text when it was drawn; empty
            where it was not recorded), screen (a screener's mark, or empty).
        members: stratum by doc_id, every document of every stratum when it was drawn; None where it was not recorded.
        phase2: index doc_id; columns phase2_stratum, phase2_probability, is_drawn.
    """

    name: str
    about: Round
    strata: pd.DataFrame
    sample: pd.DataFrame
    members: pd.Series | None
    phase2: pd.DataFrame


def read_draw(handcheck: Path, name: str, aliases: Mapping[str, str]) -> Draw:
    """Reads the frozen files of a round and checks them against each other.

    Args:
        handcheck: the folder of codebook, rounds and sheets.
        name: of the round.
        aliases: frames by earlier names.

    Raises:
        SheetError: a file is missing or malformed, or two of them disagree.
    """
    folder = handcheck / "rounds" / name
    about = load_round(folder)
    strata, hashes = _read_strata(folder / "design.csv", aliases)
    sample = _read_sample(folder / "sample.csv", strata)
    if about.screener:
        sample["screen"] = _read_marks(handcheck / "sheets" / "screening" / f"{about.screener}.csv", sample)
    members = _read_members(folder / MEMBERS, strata, sample, hashes)
    if members is not None:
        recorded = members["text_sha256"].reindex(sample.index).fillna("")
        sample["text_sha256"] = sample["text_sha256"].where(sample["text_sha256"] != "", recorded)
    phase2 = read_phase2(folder, sample)
    return Draw(name, about, strata, sample, None if members is None else members["stratum"], phase2)


def _read_strata(path: Path, aliases: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Reads design.csv. A stratum is `frame`, `frame/window`, `frame/window/part`, or `frame/anything`."""
    rows: dict[str, dict[str, object]] = {}
    hashes = {}
    for line, row in read_csv_rows(path, ("stratum", "n_population", "n_sample")):
        where = f"{path}:{line}"
        if not all(row.get(name, "0").isdigit() for name in ("n_population", "n_sample", "n_before")):
            raise SheetError("n_population and n_sample must be whole numbers", where=where, do="mend the line")
        if row["stratum"] in rows:
            raise SheetError(f"stratum {row['stratum']!r} is there twice", where=where, do=RESTORE)
        frame, window, part = _split_name(row)
        year = window[:4] if WINDOW.fullmatch(window) else ""
        if "window" not in row:  # in files without this column, what is no window is a part
            window, part = (window, part) if year else ("", "/".join(name for name in (window, part) if name))
        rows[row["stratum"]] = {
            "frame": aliases.get(frame, frame),
            "window": window,
            "year": year,
            "part": part,
            "n_population": int(row["n_population"]),
            "n_sample": int(row["n_sample"]),
            "n_before": int(row.get("n_before", "0")),
        }
        hashes[row["stratum"]] = row.get("members_sha256", "")
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("stratum"), hashes


def _split_name(row: Mapping[str, str]) -> tuple[str, str, str]:
    if "frame" in row and "window" in row:
        return row["frame"], row["window"], row.get("part", "")
    frame, _, rest = row["stratum"].partition("/")
    window, _, part = rest.partition("/")
    return frame, window, part


def _read_sample(path: Path, strata: pd.DataFrame) -> pd.DataFrame:
    rows: dict[str, dict[str, object]] = {}
    for line, row in read_csv_rows(path, ("doc_id", "stratum", "inclusion_probability")):
        where, doc_id, stratum = f"{path}:{line}", row["doc_id"], row["stratum"]
        if stratum not in strata.index or doc_id in rows:
            problem = "has an unknown stratum" if stratum not in strata.index else "is drawn twice"
            raise SheetError(f"document {doc_id!r} {problem}", where=where, do=RESTORE)
        try:
            chance = float(row["inclusion_probability"])
        except ValueError:
            raise SheetError("inclusion_probability must be a number", where=where, do=RESTORE) from None
        rows[doc_id] = {
            "stratum": stratum,
            "inclusion_probability": chance,
            "text_sha256": row.get("text_sha256", ""),
            "screen": row.get("screen", ""),
        }
    columns = ["stratum", "inclusion_probability", "text_sha256", "screen"]
    sample = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("doc_id").sort_index()
    counts = sample.groupby("stratum").size().reindex(strata.index, fill_value=0)
    designed = (strata["n_before"] + strata["n_sample"]) / strata["n_population"]
    is_off = (sample["inclusion_probability"] - sample["stratum"].map(designed)).abs() > TOLERANCE
    if (counts != strata["n_sample"]).any() or is_off.any():
        off = sample.loc[is_off, "stratum"].iloc[0] if is_off.any() else counts.index[counts != strata["n_sample"]][0]
        raise SheetError(
            f"the sample of {off} is not the design's (number drawn, or probability)", where=str(path), do=RESTORE
        )
    return sample


def _read_marks(path: Path, sample: pd.DataFrame) -> pd.Series:
    """Returns a screener's mark of each drawn document, empty where there is none."""
    marks = {row["doc_id"]: row["screen"] for _, row in read_csv_rows(path, ("doc_id", "screen"))}
    return sample.index.to_series().map(marks).fillna("")


def _read_members(
    path: Path, strata: pd.DataFrame, sample: pd.DataFrame, hashes: Mapping[str, str]
) -> pd.DataFrame | None:
    if not path.exists():
        return None
    rows = store.read_table(ROUND_MEMBERS, path).set_index("doc_id")
    rows.index = rows.index.astype(object)  # each is asked for by name, more than once
    places = rows.groupby("stratum").indices
    sizes = pd.Series({name: len(own) for name, own in places.items()}, dtype=int).reindex(strata.index, fill_value=0)
    wrong = sizes.index[sizes != strata["n_population"]]
    if len(wrong) or len(rows) != int(strata["n_population"].sum()):
        name = str(wrong[0]) if len(wrong) else "another stratum"
        raise SheetError(
            f"{name} has {int(sizes.get(name, 0))} members here and {int(strata['n_population'].get(name, 0))} in "
            "design.csv",
            where=str(path),
            do=RESTORE,
        )
    for name, digest in hashes.items():
        if digest and hash_frame(rows.index[places[name]].tolist()) != digest:
            raise SheetError(f"{name} has other members than when it was drawn", where=str(path), do=RESTORE)
    lost = sample.index[rows["stratum"].reindex(sample.index).fillna("") != sample["stratum"]]
    if len(lost):
        first = sample["stratum"][lost].reset_index().iloc[0]
        raise SheetError(
            f"document {first['doc_id']!r} is drawn from {first['stratum']}, and is no member of it",
            where=str(path.parent / "sample.csv"),
            do=RESTORE,
        )
    return rows


def read_phase2(folder: Path, sample: pd.DataFrame) -> pd.DataFrame:
    """Reads every draw of phase 2 of a round, later ones over earlier ones.

    Where a later draw took documents out of a stratum, what the earlier one drew of the rest is a simple random part of
    the rest: its probability is counted anew.

    Raises:
        SheetError: a line is malformed, or about a document that the round did not draw.
    """
    rows: dict[str, dict[str, object]] = {}
    paths = _list_phase2(folder)
    for number, path in enumerate(paths):
        for line, row in read_csv_rows(path, ("doc_id", "phase2_stratum", "phase2_probability", "adjudicated")):
            if row["doc_id"] not in sample.index:
                raise SheetError(f"document {row['doc_id']!r} is not in sample.csv", where=f"{path}:{line}", do=RESTORE)
            rows[row["doc_id"]] = {
                "phase2_stratum": row["phase2_stratum"],
                "phase2_probability": float(row["phase2_probability"]),
                "is_drawn": row["adjudicated"] == "True",
                "draw": number,
            }
    columns = ["phase2_stratum", "phase2_probability", "is_drawn", "draw"]
    found = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("doc_id")
    found = found.astype({"is_drawn": bool, "phase2_probability": float})
    if len(paths) > 1 and len(found):
        found["phase2_probability"] = found.groupby(["phase2_stratum", "draw"])["is_drawn"].transform("mean")
    return found.drop(columns="draw").sort_index()


def list_drawn(folder: Path) -> list[str]:
    """Returns the documents of a round that any draw of phase 2 took, the latest draw that names one counting."""
    is_drawn: dict[str, bool] = {}
    for path in _list_phase2(folder):
        for _, row in read_csv_rows(path, ("doc_id", "adjudicated")):
            is_drawn[row["doc_id"]] = row["adjudicated"] == "True"
    return [doc_id for doc_id, flag in is_drawn.items() if flag]


def _list_phase2(folder: Path) -> list[Path]:
    """Returns the files of phase 2, the oldest draw first."""
    return sorted(folder.glob("adjudication*.csv"), key=lambda path: (len(path.name), path.name))
