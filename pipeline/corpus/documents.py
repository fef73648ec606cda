"""From records to documents and works, with nothing lost on the way."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pipeline.corpus import dedupe
from pipeline.corpus.links import Map, find_links
from pipeline.corpus.texts import Read
from pipeline.errors import DataError
from pipeline.schemas import DOCUMENTS, DUPLICATES, WORKS


def choose_documents(
    records: pd.DataFrame,
    published: Iterable[str] = (),
    fixed_frames: Iterable[str] = (),
    read: Read = str,
    folder: Path | None = None,
    spread: Map = map,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Finds the documents and the works among records, by the rules of `dedupe`; their order does not matter.

    Args:
        records: rows of `records`.
        published: the origins that are published censuses; as a mapping, with the date each stands for.
        fixed_frames: frames whose members are never merged away.
        read: gives the text of what stands in the column `text`.
        folder: where what is compared of the texts waits on disk.
        spread: works out what is compared of each part of the texts, here or elsewhere.

    Returns:
        documents, duplicates and works. Records = documents + duplicates.
    """
    if records.empty:
        tables = (DOCUMENTS, DUPLICATES, WORKS)
        return tuple(pd.DataFrame(columns=[column.name for column in table.columns]) for table in tables)  # type: ignore[return-value]
    candidates, same_id = dedupe.merge_same_id(records, published, read)
    links = find_links(candidates, read, folder, spread)
    documents, same_work, works = dedupe.merge_works(candidates, links, fixed_frames)
    # A record set aside for its id belongs to whatever its document was merged into.
    moved = same_id.merge(same_work, left_on="kept_record_id", right_on="record_id", how="left", suffixes=("", "_new"))
    for column in ("doc_id", "kept_record_id"):
        same_id[column] = moved[f"{column}_new"].fillna(moved[column])
    return documents, pd.concat([same_id, same_work], ignore_index=True), works


def check_counts(
    records: pd.DataFrame, rejects: pd.DataFrame, documents: pd.DataFrame, duplicates: pd.DataFrame
) -> None:
    """Checks that every item is a document, a duplicate or a reject, and only one of these.

    Raises:
        DataError: the counts do not reconcile.
    """
    again, known = set(duplicates["record_id"]), set(records["record_id"])
    is_whole = (
        len(records) == len(documents) + len(duplicates) == len(known)
        and len(again) == len(duplicates)
        and again <= known
        and not known & set(rejects["record_id"])
        and set(duplicates["doc_id"]) <= set(documents["doc_id"])
    )
    if not is_whole:
        raise DataError(
            f"{len(records)} records are not {len(documents)} documents + {len(duplicates)} duplicates",
            where="corpus",
            do="two items of one source have the same place, or this is a fault of the stage; report it",
        )
