"""A round with the documents that people read beyond it: bands of an extended stratum become strata of their own.

The round drew n_h of a stratum's N_h documents at random. Given how many of them fall into each band of predicted
chances, they are a random part of the band (post-stratification: Holt and Smith 1979), and so are those drawn since
from the rest of it. The bands are frozen when the extension is drawn; what is read later cannot move a document.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.coding.extension import IN_SAMPLE
from pipeline.coding.overlay import warn_of_disputes
from pipeline.coding.precedence import CodedSheet, settle_by_precedence
from pipeline.errors import SheetError

log = logging.getLogger(__name__)
EXTENSION = "extension"  # the phase-2 stratum of its documents: each is settled by the person who read it


@dataclass(frozen=True)
class Extended:
    """A round's documents with those read beyond it.

    Attributes:
        strata, units: as in `Sample`.
        added: codes of the documents read beyond the round, indexed by doc_id, with coder and coder_kind.
        members: the documents of each band that became a stratum, by its name.
    """

    strata: pd.DataFrame
    units: pd.DataFrame
    added: pd.DataFrame
    members: Mapping[str, frozenset[str]]


def extend_sample(
    strata: pd.DataFrame, units: pd.DataFrame, rows: pd.DataFrame, people: Sequence[CodedSheet], where: str
) -> Extended:
    """Returns the round with what people have read of its extension.

    Of each band the documents count that people have read without a gap from the beginning of its reserve order. A
    stratum stays as it was until some document of each of its bands is read.

    Args:
        strata, units: as in `Sample`, of the round alone.
        rows: from `check.extension.read_extension`.
        people: sheets of people, complete or not.
        where: the file, for errors.

    Raises:
        SheetError: the extension is not of this round's sample.
    """
    found = settle_by_precedence(people, rows.loc[rows["is_wanted"], "doc_id"].tolist())
    warn_of_disputes(found)
    bands = []
    for stratum, part in rows.groupby("stratum", sort=True):
        _check_stratum(str(stratum), part, strata, units, where)
        own = [_Band.of(str(stratum), int(str(number)), band, found.index) for number, band in part.groupby("band")]
        if all(band.drawn or band.read for band in own) and any(band.read for band in own):
            bands += own
        elif any(band.read for band in own):
            log.info("estimate: the extension of %s waits until some document of each band is read", stratum)
    if not bands:
        return Extended(strata, units, found.iloc[:0], {})
    parts = strata.loc[[band.stratum for band in bands]].assign(
        n_population=[len(band.inside) for band in bands],
        n_sample=[band.count for band in bands],
        n_drawn=[band.count for band in bands],
    )
    parts.index = pd.Index([band.name for band in bands], name="stratum")
    whole = strata.drop(index=sorted({band.stratum for band in bands}))
    new = _describe_units(bands, strata, found)
    stratum_of = {doc_id: band for band in bands for doc_id in band.drawn}
    place = [stratum_of.get(doc_id) for doc_id in units.index]
    units = units.assign(
        stratum=[band.name if band else old for band, old in zip(place, units["stratum"], strict=True)],
        inclusion_probability=[
            band.count / len(band.inside) if band else old
            for band, old in zip(place, units["inclusion_probability"], strict=True)
        ],
    )
    return Extended(
        pd.concat([whole, parts]).sort_index(),
        pd.concat([units, new[units.columns]]).sort_index(),
        found.loc[new.index],
        {band.name: band.inside for band in bands},
    )


@dataclass(frozen=True)
class _Band:
    """A band of an extended stratum: its documents, those the round drew, and those that people read since."""

    stratum: str
    name: str
    inside: frozenset[str]
    drawn: frozenset[str]
    read: tuple[str, ...]

    @classmethod
    def of(cls, stratum: str, number: int, rows: pd.DataFrame, read: pd.Index) -> "_Band":
        """Takes the documents of the reserve order that are read, up to the first that is not."""
        wanted = rows[rows["is_wanted"]].sort_values("reserve_order")
        leading = wanted.loc[wanted["doc_id"].isin(read).cumprod().astype(bool), "doc_id"]
        drawn = rows.loc[rows["reserve_order"] == IN_SAMPLE, "doc_id"]
        return cls(stratum, f"{stratum}/{number}", frozenset(rows["doc_id"]), frozenset(drawn), tuple(leading))

    @property
    def count(self) -> int:
        """Documents of it that count as drawn."""
        return len(self.drawn) + len(self.read)


def _describe_units(bands: Sequence[_Band], strata: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of `units` of the documents read beyond the round."""
    rows = [
        {
            "doc_id": doc_id,
            "stratum": band.name,
            "frame": strata.at[band.stratum, "frame"],
            "window": strata.at[band.stratum, "window"],
            "year": strata.at[band.stratum, "year"],
            "inclusion_probability": band.count / len(band.inside),
            "phase2_stratum": EXTENSION,
            "phase2_probability": 1.0,
            "is_adjudicated": True,
            "n_readers": 1,
            "is_stale": False,
        }
        for band in bands
        for doc_id in band.read
    ]
    units = pd.DataFrame(rows).set_index("doc_id")
    units = units.join(found[["n_person", "coder", "coder_kind"]])
    return units.assign(reader=units["coder"], reader_kind=units["coder_kind"])


def _check_stratum(stratum: str, part: pd.DataFrame, strata: pd.DataFrame, units: pd.DataFrame, where: str) -> None:
    if stratum not in strata.index:
        raise SheetError(f"stratum {stratum!r} is not in the design", where=where, do="remove its lines")
    size = int(strata["n_population"].loc[stratum])
    drawn = set(part.loc[part["reserve_order"] == IN_SAMPLE, "doc_id"])
    if len(part) != size or drawn != set(units.index[units["stratum"] == stratum]):
        raise SheetError(
            f"the extension of {stratum} is not of this sample: {len(part)} documents, {len(drawn)} of them in it, "
            f"where the design has {size} and {int(strata['n_sample'].loc[stratum])}",
            where=where,
            do="restore the file from git, or draw it anew",
        )
