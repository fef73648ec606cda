"""Whose code counts when several read a document: a person before a language model, adjudication before reading."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.sheets import read_csv_rows, read_sheet
from pipeline.errors import SheetError

Kind = Literal["person", "language model"]
Role = Literal["reader", "adjudicator"]
ORDER: tuple[tuple[Kind, Role], ...] = (
    ("person", "adjudicator"),
    ("person", "reader"),
    ("language model", "adjudicator"),
    ("language model", "reader"),
)
# Empty cells of these say something, or are no codes.
NOT_FILLED = (
    "doc_id",
    "leaf",
    "leaf2",
    "group",
    "group2",
    "note",
    "confidence",
    "assumed",
    "text_sha256",
    "coder",
    "coder_kind",
    "coder_role",
)


@dataclass(frozen=True)
class CodedSheet:
    """A coder's finished rows: codes by doc_id, and who made them in which role."""

    coder: str
    kind: Kind
    role: Role
    codes: pd.DataFrame


def settle_by_precedence(sheets: Sequence[CodedSheet], doc_ids: Sequence[str]) -> pd.DataFrame:
    """Returns the code that counts for each document, whose it is, and how many people have read it.

    Of two coders of the same kind and role the one listed first counts. An axis that a coder left empty is taken
    from the next one who filled it in. Where several people have read a document and disagree in the group,
    `needs_adjudication` says so: until a person adjudicates, the first one's code stands.

    Args:
        sheets: any number of sheets, complete or not.
        doc_ids: the documents wanted; those that nobody has read are left out.

    Returns:
        index doc_id in the order of `doc_ids`; the columns of the codes, and coder, coder_kind, coder_role,
        n_person (people who read it), needs_adjudication.
    """
    ranked = sorted(sheets, key=lambda sheet: ORDER.index((sheet.kind, sheet.role)))
    wanted = pd.Index(doc_ids)
    parts: list[pd.DataFrame] = []
    left = wanted
    for sheet in ranked:
        mine = left.intersection(sheet.codes.index, sort=False)
        if parts and not len(mine):
            continue
        parts.append(sheet.codes.loc[mine].assign(coder=sheet.coder, coder_kind=sheet.kind, coder_role=sheet.role))
        left = left.difference(mine, sort=False)
    if not parts:
        return pd.DataFrame(columns=["leaf", "coder", "coder_kind", "coder_role", "n_person", "needs_adjudication"])
    settled = pd.concat(parts)
    settled = fill_cells(settled.loc[wanted.intersection(settled.index, sort=False)], ranked)
    people = [sheet for sheet in sheets if sheet.kind == "person"]
    votes = pd.concat(
        [
            pd.DataFrame({"coder": sheet.coder, "group": sheet.codes["group"]}, index=sheet.codes.index)
            for sheet in people
        ]
        or [pd.DataFrame({"coder": pd.Series(dtype=str), "group": pd.Series(dtype=str)})]
    )
    by_document = votes.groupby(level=0)
    is_open = (by_document["group"].nunique() > 1).reindex(settled.index, fill_value=False)
    has_ruling = (settled["coder_kind"] == "person") & (settled["coder_role"] == "adjudicator")
    return settled.assign(
        n_person=by_document["coder"].nunique().reindex(settled.index, fill_value=0).astype(int),
        needs_adjudication=is_open & ~has_ruling,
    )


def fill_cells(settled: pd.DataFrame, sheets: Sequence[CodedSheet]) -> pd.DataFrame:
    """Returns codes with the axes that are empty filled in from the first sheet that has them."""
    for axis in (name for name in settled.columns if name not in NOT_FILLED and not name.startswith("coder")):
        empty = settled.index[settled[axis] == ""]
        for sheet in (each for each in sheets if axis in each.codes):
            if not len(empty):
                break
            found = sheet.codes[axis].reindex(empty).fillna("")
            found = found[found != ""]
            settled.loc[found.index, axis] = found
            empty = empty.difference(found.index, sort=False)
    return settled


def find_page_sheets(
    handcheck: Path, listed: Collection[str], codebook: Codebook, known_ids: Collection[str]
) -> list[CodedSheet]:
    """Returns the sheets that the hand-check page made: everyone's but those that a round lists.

    Raises:
        SheetError: a sheet is malformed, or does not say in `coder_kind` who read.
    """
    found = []
    for path, kind, role in list_page_sheets(handcheck, listed):
        codes = read_sheet(path, codebook, known_ids)
        if len(codes):
            found.append(CodedSheet(path.stem, kind, role, codes))
    return found


def list_page_sheets(handcheck: Path, listed: Collection[str]) -> Iterator[tuple[Path, Kind, Role]]:
    """Yields the files of the sheets that the hand-check page made, with the kind and the role of who filled them in.

    Raises:
        SheetError: a sheet does not say in `coder_kind` who read.
    """
    places: tuple[tuple[Path, Role], ...] = (
        (handcheck / "sheets", "reader"),
        (handcheck / "sheets" / "adjudication", "adjudicator"),
    )
    for folder, role in places:
        for path in sorted(folder.glob("*.csv")):
            if role == "reader" and path.stem in listed:
                continue
            kinds = {row["coder_kind"] for _, row in read_csv_rows(path, ("doc_id", "coder_kind"))}
            if len(kinds) > 1 or not kinds <= {"person", "language model"}:
                raise SheetError(
                    f"coder_kind is {', '.join(sorted(kinds))}", where=str(path), do="give one kind on every line"
                )
            yield path, "person" if "person" in kinds else "language model", role
