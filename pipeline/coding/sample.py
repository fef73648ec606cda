"""One round of reading: the strata, the drawn sample, the adjudication, and the codes that follow from them."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

import pandas as pd
from pydantic.dataclasses import dataclass

from pipeline.coding.bands import EXTENSION, extend_sample
from pipeline.coding.codebook import Codebook
from pipeline.coding.extension import NAME, read_extension
from pipeline.coding.overlay import lay_over
from pipeline.coding.precedence import CodedSheet, find_page_sheets
from pipeline.coding.rounds import Coder, Round, _load_round, list_coders
from pipeline.coding.sheets import read_csv_rows, read_sheet
from pipeline.errors import SheetError

TOLERANCE = 1e-9  # recorded probabilities are ratios of integers, written with at least 15 digits


@dataclass(frozen=True, config={"arbitrary_types_allowed": True})
class Sample:
    """The read documents and what each coder said.

    Attributes:
        about: who read, and how.
        strata: index stratum; columns frame, year ("" where the stratum is no year), n_population, n_sample.
        units: index doc_id, sorted; columns stratum, frame, year, inclusion_probability, phase2_stratum,
            phase2_probability, is_adjudicated (settled by an adjudicator or a person), n_person, coder and coder_kind
            (of the settled code).
        readers: one table of codes per reader, rows as in `units`.
        adjudicator: the settled codes of those documents, indexed by doc_id, with coder and coder_kind: a person's
            before the round's adjudicator's (see `human`).
        people: people's sheets, as far as they are done.
        members: the documents of the population in each stratum that is neither a frame nor a year of one.

    Documents that people read beyond the round (see `extension`) stand in every table with the code that settled them.
    """

    about: Round
    strata: pd.DataFrame
    units: pd.DataFrame
    readers: tuple[pd.DataFrame, ...]
    adjudicator: pd.DataFrame
    people: tuple[CodedSheet, ...] = ()
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)


def load_sample(handcheck: Path, name: str, codebook: Codebook, documents: pd.DataFrame) -> Sample:
    """Reads a round and checks it against the census.

    Args:
        handcheck: the folder of codebook, rounds and sheets.
        name: of the round.
        codebook: whose codes are allowed.
        documents: columns doc_id, frame and published_year of the census.

    Raises:
        SheetError: a file is missing or malformed, a document is not in the census, a stratum's size is not the
            census's, or a probability is not the design's.
    """
    folder = handcheck / "rounds" / name
    about = _load_round(folder / "round.toml")
    known_ids = set(documents["doc_id"])
    strata = _load_strata(folder / "design.csv", documents)
    units = _load_units(folder, strata, known_ids)
    sheets = {
        coder: read_sheet(handcheck / "sheets" / f"{coder.sheet}.csv", codebook, known_ids) for coder in about.coders
    }
    readers = tuple(_rows_for(units, sheet, coder) for coder, sheet in sheets.items() if coder.role == "reader")
    adjudicators = [sheet for coder, sheet in sheets.items() if coder.role == "adjudicator"]
    if len(readers) < 2 or len(adjudicators) != 1:
        raise SheetError(
            "needs two readers and one adjudicator", where=str(folder / "round.toml"), do="list them under [[coders]]"
        )
    settled = units.index[units["is_adjudicated"]]
    missing = settled.difference(adjudicators[0].index)
    if len(missing):
        raise SheetError(
            f"{missing[0]} is marked adjudicated but is not on the adjudicator's sheet",
            where=str(folder / "adjudication.csv"),
            do="add the codes, or mark it False",
        )
    ruling = next(coder for coder in about.coders if coder.role == "adjudicator")
    page = find_page_sheets(handcheck, list_coders(handcheck), codebook, known_ids)
    people = tuple(sheet for sheet in page if sheet.kind == "person")
    base = CodedSheet(ruling.sheet, ruling.kind, "adjudicator", adjudicators[0].loc[settled])
    laid = lay_over(units, base, people, about.seed)
    extended = extend_sample(strata, laid.units, read_extension(folder), people, str(folder / NAME))
    ruled = laid.settled
    if len(extended.added):
        readers = tuple(_join(reader, extended.added, extended.units.index) for reader in readers)
        ruled = _join(ruled, extended.added, ruled.index.union(extended.added.index))
    return Sample(about, extended.strata, extended.units, readers, ruled, people, extended.members)


def _join(codes: pd.DataFrame, added: pd.DataFrame, order: pd.Index) -> pd.DataFrame:
    """Returns a reader's codes with those of documents that the reader never saw, in an order."""
    return pd.concat([codes, added[codes.columns.tolist()]]).reindex(order)


def settle_codes(sample: Sample) -> pd.DataFrame:
    """Returns the table `codes`: a person's codes, else the adjudicator's, else the first reader's."""
    columns = ["leaf", "leaf2", "group", "target", "mechanism", "scaling", "evidence", "confidence"]
    settled = sample.readers[0][columns].copy()
    settled.loc[sample.adjudicator.index] = sample.adjudicator[columns]
    reader = next(coder for coder in sample.about.coders if coder.role == "reader")
    units = sample.units
    return settled.assign(
        doc_id=units.index,
        leaf2=settled["leaf2"].replace("", None),
        confidence=settled["confidence"].astype(int),
        reader_1_leaf=sample.readers[0]["leaf"].mask(units["phase2_stratum"] == EXTENSION, None),
        reader_2_leaf=sample.readers[1]["leaf"].mask(units["phase2_stratum"] == EXTENSION, None),
        coder_kind=units["coder_kind"].fillna(reader.kind),
        coder=units["coder"].fillna(reader.sheet),
        n_person=units["n_person"],
        **{
            name: units[name]
            for name in ("stratum", "inclusion_probability", "phase2_stratum", "phase2_probability", "is_adjudicated")
        },
    ).reset_index(drop=True)


def _load_strata(path: Path, documents: pd.DataFrame) -> pd.DataFrame:
    """Reads design.csv. A stratum is `frame`, or `frame/year`, or `frame/anything` within one frame."""
    rows = []
    sizes = documents.groupby("frame").size()
    sizes_by_year = documents.groupby(["frame", "published_year"]).size()
    for line, row in read_csv_rows(path, ("stratum", "n_population", "n_sample")):
        where = f"{path}:{line}"
        frame, _, part = row["stratum"].partition("/")
        if not row["n_population"].isdigit() or not row["n_sample"].isdigit():
            raise SheetError("n_population and n_sample must be whole numbers", where=where, do="mend the line")
        size, year = int(row["n_population"]), part if part.isdigit() and len(part) == 4 else ""
        if year and size != sizes_by_year.get((frame, int(year)), 0):
            raise _changed_frame(row["stratum"], size, int(sizes_by_year.get((frame, int(year)), 0)), where)
        rows.append(
            {
                "stratum": row["stratum"],
                "frame": frame,
                "year": year,
                "n_population": size,
                "n_sample": int(row["n_sample"]),
            }
        )
    strata = pd.DataFrame(rows).set_index("stratum")
    for name, size in strata.groupby("frame")["n_population"].sum().items():
        if size != sizes.get(name, 0):
            raise _changed_frame(str(name), int(size), int(sizes.get(name, 0)), str(path))
    return strata


def _changed_frame(name: str, then: int, now: int, where: str) -> SheetError:
    return SheetError(
        f"{name} had {then} documents when the sample was drawn and has {now} in the census now",
        where=where,
        do="give new documents a frame of their own, or draw a new round",
    )


def _load_units(folder: Path, strata: pd.DataFrame, known_ids: set[str]) -> pd.DataFrame:
    phase2 = {
        row["doc_id"]: row
        for _, row in read_csv_rows(
            folder / "adjudication.csv", ("doc_id", "phase2_stratum", "phase2_probability", "adjudicated")
        )
    }
    rows: dict[str, dict[str, object]] = {}
    for line, row in read_csv_rows(folder / "sample.csv", ("doc_id", "stratum", "inclusion_probability")):
        where, doc_id, stratum = f"{folder / 'sample.csv'}:{line}", row["doc_id"], row["stratum"]
        if doc_id not in known_ids:
            raise SheetError(
                f"there is no document {doc_id!r} in the census", where=where, do="correct the id, or remove the line"
            )
        if stratum not in strata.index or doc_id not in phase2 or doc_id in rows:
            problem = (
                "has an unknown stratum"
                if stratum not in strata.index
                else "is not in adjudication.csv"
                if doc_id not in phase2
                else "is drawn twice"
            )
            raise SheetError(f"document {doc_id!r} {problem}", where=where, do="restore the round's files from git")
        second = phase2[doc_id]
        rows[doc_id] = {
            "doc_id": doc_id,
            "stratum": stratum,
            "frame": strata.at[stratum, "frame"],
            "year": strata.at[stratum, "year"],
            "inclusion_probability": float(row["inclusion_probability"]),
            "phase2_stratum": second["phase2_stratum"],
            "phase2_probability": float(second["phase2_probability"]),
            "is_adjudicated": second["adjudicated"] == "True",
        }
    units = pd.DataFrame(list(rows.values())).set_index("doc_id").sort_index()
    counts = units.groupby("stratum").size().reindex(strata.index, fill_value=0)
    designed = strata["n_sample"] / strata["n_population"]
    is_off = (units["inclusion_probability"] - units["stratum"].map(designed)).abs() > TOLERANCE
    if (counts != strata["n_sample"]).any() or is_off.any():
        stratum = (
            units.loc[is_off, "stratum"].iloc[0] if is_off.any() else counts.index[counts != strata["n_sample"]][0]
        )
        raise SheetError(
            f"the sample of {stratum} is not the design's (number drawn, or probability)",
            where=str(folder / "sample.csv"),
            do="restore the round's files from git",
        )
    return units


def _rows_for(units: pd.DataFrame, sheet: pd.DataFrame, coder: Coder) -> pd.DataFrame:
    missing = units.index.difference(sheet.index)
    if len(missing):
        raise SheetError(
            f"{len(missing)} drawn documents are not coded, {missing[0]} first",
            where=f"sheets/{coder.sheet}.csv",
            do="finish the sheet",
        )
    return sheet.loc[units.index]
