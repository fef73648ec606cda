"""Codes as facts: what each coder said of each document, whatever round it was drawn in.

A code is about a document and the text that was shown, under a version of the codebook, by a coder of a kind. Nothing
here knows of rounds: that a document read in an earlier round is read already follows from the join.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.coding.codebook import ASSUMED, CONFIDENCE, Codebook
from pipeline.coding.precedence import CodedSheet, find_page_sheets, list_page_sheets
from pipeline.coding.rounds import Coder, list_coders, listed_coders
from pipeline.coding.sheets import code_columns_of, read_csv_rows, read_sheet

MOST_SLOTS = 12
MOST = 0.5  # of a frame's read documents: where more than these rest on an assumption, all go by it


@dataclass(frozen=True)
class Facts:
    """Every sheet of codes, by who made it and in which role; complete or not, in the order of precedence.

    Attributes:
        readers: language models' sheets as readers.
        adjudicators: language models' sheets as adjudicators.
        people: people's sheets, in either role.
        doubt: the confidence at and below which a reader is in doubt.
    """

    readers: tuple[CodedSheet, ...]
    adjudicators: tuple[CodedSheet, ...]
    people: tuple[CodedSheet, ...]
    doubt: int = 1

    @property
    def sheets(self) -> tuple[CodedSheet, ...]:
        """Every sheet."""
        return (*self.readers, *self.adjudicators, *self.people)

    def read_ids(self) -> set[str]:
        """Returns the documents that any coder has read."""
        return set().union(*(sheet.codes.index.tolist() for sheet in self.sheets))


def gather_facts(handcheck: Path, codebook: Codebook, known_ids: Collection[str]) -> Facts:
    """Reads every sheet of documents under `sheets/`.

    Args:
        handcheck: the folder of codebook, rounds and sheets.
        codebook: whose codes are allowed.
        known_ids: documents of the census, and those that any round has drawn from.

    Raises:
        SheetError: a sheet is missing or malformed.
    """
    listed = [
        CodedSheet(coder.sheet, coder.kind, coder.role, read_sheet(_path(handcheck, coder), codebook, known_ids))
        for coder in listed_coders(handcheck)
    ]
    everyone = [*listed, *find_page_sheets(handcheck, list_coders(handcheck), codebook, known_ids)]
    models = [sheet for sheet in everyone if sheet.kind == "language model"]
    return Facts(
        tuple(sheet for sheet in models if sheet.role == "reader"),
        tuple(sheet for sheet in models if sheet.role == "adjudicator"),
        tuple(sheet for sheet in everyone if sheet.kind == "person"),
        codebook.doubt,
    )


def list_kinds(handcheck: Path) -> set[str]:
    """Returns which kinds of coders there are sheets of, without reading codes: a sheet of drafts alone is none."""
    listed = listed_coders(handcheck)
    kinds: set[str] = {coder.kind for coder in listed}
    for path, kind, _ in list_page_sheets(handcheck, {coder.sheet for coder in listed}):
        if kind not in kinds and any(row.get("state") != "draft" for _, row in read_csv_rows(path, ("doc_id",))):
            kinds.add(kind)
    return kinds


def _path(handcheck: Path, coder: Coder) -> Path:
    return handcheck / "sheets" / f"{coder.sheet}.csv"


def fill_slots(
    doc_ids: Sequence[str], sheets: Sequence[CodedSheet], otherwise: Sequence[CodedSheet] = ()
) -> tuple[tuple[pd.DataFrame, ...], pd.DataFrame]:
    """Puts what any number of readers said of each document into tables of the same length.

    A document of k readers stands in each table with the code of one of them, every reader equally often: so the mean
    over the tables is the mean over its readers, and they say the same if and only if its readers do.

    Args:
        doc_ids: the documents; each has at least one reader.
        sheets: the readers' sheets, complete or not.
        otherwise: sheets of which the first counts for a document that no reader has read.

    Returns:
        the tables, rows as in `doc_ids`; and one row a document: n_readers, reader and reader_kind of the first.
    """
    wanted = pd.Index(doc_ids, name="doc_id")
    readings = [[] for _ in wanted]  # type: list[list[int]]
    parts, first = [], 0
    for number, sheet in enumerate((*sheets, *otherwise)):
        mine = sheet.codes.loc[sheet.codes.index.intersection(wanted)]
        if number >= len(sheets):
            mine = mine[[not readings[place] for place in wanted.get_indexer(mine.index)]]
        for offset, place in enumerate(wanted.get_indexer(mine.index)):
            readings[place].append(first + offset)
        parts.append(mine.assign(_reader=sheet.coder, _kind=sheet.kind))
        first += len(mine)
    everything = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["_reader", "_kind"])
    counts = [len(rows) for rows in readings]
    n_slots = max(2, min(math.lcm(*sorted(set(counts))), MOST_SLOTS)) if counts else 2
    about = pd.DataFrame(
        {
            "n_readers": counts,
            "reader": everything["_reader"].to_numpy()[[rows[0] for rows in readings]],
            "reader_kind": everything["_kind"].to_numpy()[[rows[0] for rows in readings]],
        },
        index=wanted,
    )
    codes = everything.drop(columns=["_reader", "_kind"])
    slots = tuple(
        codes.iloc[[rows[slot % len(rows)] for rows in readings]].set_index(wanted) for slot in range(n_slots)
    )
    return slots, about


def describe_agreement(slots: Sequence[pd.DataFrame], n_readers: pd.Series, doubt: int = 1) -> pd.Series:
    """Returns what the readers of each document said of it together: agree, doubtful, disagree, or single.

    Args:
        slots: the readers' codes.
        n_readers: how many read each document.
        doubt: the confidence at and below which a reader is in doubt.
    """
    first = slots[0]["leaf"]
    least = np.min([slot["confidence"] for slot in slots], axis=0)
    is_split = np.any([slot["leaf"].to_numpy() != first.to_numpy() for slot in slots], axis=0)
    said = pd.Series("agree", index=first.index)
    said = said.mask(least <= doubt, "doubtful").mask(is_split, "disagree")
    return said.mask((n_readers == 1) & (said == "agree"), "single")


def ask_alike(
    frame: pd.Series, readers: Sequence[pd.DataFrame], settled: pd.DataFrame, codebook: Codebook
) -> tuple[tuple[pd.DataFrame, ...], pd.DataFrame]:
    """Returns codes of which those of one frame go by one rule, where most of its readers were not asked for an axis.

    An assumed code stands for itself and for those above it: nobody knows which of the others are above. What is ruled
    on or read later is no picture of all, so that a share of what is above would be one of the few alone: there a code
    above the assumed one counts as that. One below it contradicts the assumption, and counts. Sheets stay as they are.

    Args:
        frame: of each read document, by doc_id.
        readers: what they said, rows as in `frame`.
        settled: what settles some of them.
        codebook: its assumptions; the codes of an axis from the highest down.
    """
    if not codebook.assumed or any(ASSUMED not in table for table in readers):
        return tuple(readers), settled
    told = [[said.split() for said in table[ASSUMED].tolist()] for table in readers]
    for axis, by_group in codebook.assumed.items():
        is_unasked = np.all([[axis in axes for axes in one] for one in told], axis=0)
        part = pd.Series(is_unasked.astype(float), frame.index).groupby(frame).transform("mean")
        rows = frame.index[part.to_numpy(dtype=float) > MOST]
        height = {code: place for place, code in enumerate(codebook.axes[axis])}
        readers = [_lower(table, rows, axis, by_group, height) for table in readers]
        settled = _lower(settled, rows, axis, by_group, height)
    return tuple(readers), settled


def _lower(
    codes: pd.DataFrame, rows: pd.Index, axis: str, by_group: Mapping[str, str], height: Mapping[str, int]
) -> pd.DataFrame:
    """Returns codes in which those of an axis that are above the assumed one, or missing, are the assumed one."""
    mine = codes.index.intersection(rows)
    assumed = codes.loc[mine, "group"].map(by_group).fillna("")
    own = codes.loc[mine, axis]
    is_above = (own.map(height) <= assumed.map(height)) | (own == "")
    codes, mine = codes.copy(), mine[is_above.to_numpy(dtype=bool)]
    codes.loc[mine, axis] = assumed[mine]
    codes.loc[mine, ASSUMED] = [
        told if axis in told.split() else f"{told} {axis}".strip() for told in codes.loc[mine, ASSUMED].fillna("")
    ]
    return codes


def find_stale(
    sheets: Sequence[CodedSheet], shown: Mapping[str, str], known: Mapping[str, Collection[str]]
) -> set[str]:
    """Returns the documents whose every code is of a text that has changed since.

    Args:
        sheets: what coders said; the column text_sha256, where a sheet has it, is the hash of the text it was said of.
        shown: the hash of the text when it was drawn, for sheets that do not say.
        known: every hash that the present text has been known under, by document.
    """
    fresh: set[str] = set()
    stale: set[str] = set()
    for sheet in sheets:
        own = sheet.codes["text_sha256"] if "text_sha256" in sheet.codes else pd.Series("", sheet.codes.index)
        for doc_id, digest in own.items():
            digest = digest or shown.get(str(doc_id), "")
            is_changed = digest and doc_id in known and digest not in known[str(doc_id)]
            (stale if is_changed else fresh).add(str(doc_id))
    return stale - fresh


def screened_sheet(marks: pd.Series, leaf_of: Mapping[str, str], codebook: Codebook, name: str) -> CodedSheet:
    """Returns a screener's marks as codes: the leaf each mark stands for, and the last code of every axis."""
    leaves = marks.map(leaf_of).dropna()
    axes = {axis: list(codebook.axes[axis])[-1] for axis in codebook.code_axes}
    sure = {CONFIDENCE: codebook.confidences[-1]}
    codes = pd.DataFrame({"doc_id": leaves.index, "leaf": leaves.to_numpy(), "leaf2": "", **axes, **sure})
    groups = leaves.map(codebook.group_of).to_numpy()
    codes = codes.assign(note="", group=groups, group2="", text_sha256="").set_index("doc_id", drop=False)
    columns = ["doc_id", *code_columns_of(codebook), "note", "group", "group2", "text_sha256"]
    if codebook.assumed:
        codes, columns = codes.assign(**{ASSUMED: ""}), [*columns, ASSUMED]
    return CodedSheet(name, "language model", "reader", codes[columns])
