"""Dedupe: records to documents, documents to works.

Three rules, in this order:

1. **Records with one canonical id are one document.** Its facts are those of the record with the fullest text (full
   before abstract before opening before none, text at hand before text known by its hash, then length), except that
   a document of a published census keeps the facts of the newest census that has it; a newer snapshot of a source
   corrects its title and its date. The frame stays that of the census; samples are not moved by either, since
   `membership` keeps the window that a document was first counted in.
2. **Documents of one frame that are one work are merged**, into the one that `representative_order` puts first; the
   others become rows of `duplicates`. Members of a published census, and of the frames that `[corpus] fixed_frames`
   names, are never merged away: their counts per frame and year are the sizes of sampling strata. They are linked.
3. **Documents of different frames that are one work are linked, not merged.** A share is a share of a frame, so an
   arXiv paper and its linkpost each count in their own frame. `works` gives both the same `work_id`; the number of
   distinct works is the number of distinct `work_id`.

Whether two documents are one work is decided by `same_work`, from what any of their records declares (cross-post
fields, linkpost targets, DOIs) and from ids, addresses, titles, authors, dates and texts.

The representative of a work is its paper, before a blog post, before a forum post; among equals the earliest, then
the smallest id. The date of a work is the earliest date of any of its places. `membership` keeps every frame that
any record puts a document in, also those that rule 1 set aside.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from pipeline.corpus.facts import gather_declared, is_paper_kind
from pipeline.corpus.links import group_works
from pipeline.corpus.texts import Read
from pipeline.schemas import DOCUMENTS
from pipeline.text.extract import text_sha256

TEXT_COLUMNS = ("text", "text_kind", "word_count", "character_count", "text_sha256")
KIND_RANK: Mapping[str, int] = {"full": 0, "abstract": 1, "opening": 2, "none": 3}
FORUM_RANK: Mapping[str, int] = {"alignmentforum": 2, "lesswrong": 3, "eaforum": 4}
ORDERED_BY = ("record_id", "doc_id", "source", "frame", "url", "published_date", "text_kind", "is_published")
ONLY_PLACE = "only place"
MIN_TEXT_SHARE = 0.5  # a new text with less than half the characters of the known one does not replace it


def merge_same_id(
    records: pd.DataFrame, published: Iterable[str], read: Read = str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Applies rule 1. Returns one row a canonical id, and the duplicates.

    Rows carry `record_id`, `is_published`, and what any record of the id declares of its places (`gather_declared`).

    Args:
        records: rows of `records`.
        published: the origins that are published censuses; as a mapping, with the date each stands for.
        read: gives the text of what stands in the column `text`.
    """
    dates = dict(published) if isinstance(published, Mapping) else dict.fromkeys(published, "")
    rows = records.assign(
        is_published=records["origin"].isin(set(dates)),
        seen=records["origin"]
        .map(dates)
        .astype(object)
        .where(records["origin"].isin(set(dates)), _snapshot_days(records)),
        kind_rank=records["text_kind"].map(KIND_RANK),
        has_no_text=records["text"].isna() & (records["text_kind"] != "none"),
        length=-records["character_count"],
    )
    rows = rows.sort_values(["doc_id", "kind_rank", "has_no_text", "length", "text_sha256", "record_id"], kind="stable")
    fullest = rows.drop_duplicates("doc_id")
    facts = rows.assign(age=rows["seen"].where(rows["is_published"], ""))
    facts = facts.sort_values(["doc_id", "is_published", "age"], ascending=[True, False, False], kind="stable")
    facts = _correct_facts(facts.drop_duplicates("doc_id").set_index("doc_id", drop=False), rows)
    texts = fullest.set_index("doc_id")[[*TEXT_COLUMNS, "record_id"]]
    is_shorter = texts["character_count"] < MIN_TEXT_SHARE * facts["character_count"].where(facts["is_published"], 0)
    replaced = texts.index[~is_shorter]
    kept = facts.astype({"text": object})
    kept.loc[replaced, list(TEXT_COLUMNS)] = texts.loc[replaced, list(TEXT_COLUMNS)]
    for doc_id in replaced[(fullest.set_index("doc_id")["title"] != kept["title"])[replaced]]:
        title, text = kept.loc[doc_id, ["title", "text"]]
        if not pd.isna(text):  # the hash is of the title that is kept
            kept.loc[doc_id, "text_sha256"] = text_sha256(title, read(text))
    again = rows[~rows["record_id"].isin(set(kept["record_id"]))][["record_id", "doc_id"]]
    again = again.assign(kept_record_id=again["doc_id"].map(kept["record_id"]), reason="same id")
    kept = kept.reset_index(drop=True)
    declared = gather_declared(records, kept["doc_id"].tolist())
    return pd.concat([kept, declared], axis=1), again.reset_index(drop=True)


def _snapshot_days(records: pd.DataFrame) -> pd.Series:
    """Returns the day of the snapshot that each record was read from; empty where it is from none."""
    return records["record_id"].str.extract(r"^[^/]+/(\d{4}-\d{2}-\d{2})", expand=False).fillna("")


def _correct_facts(facts: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Takes title and date of a published document from a snapshot that is newer than the census, where it has them."""
    fresh = rows[~rows["is_published"] & (rows["seen"] != "") & rows["doc_id"].isin(facts.index[facts["is_published"]])]
    fresh = fresh.sort_values(["doc_id", "seen", "record_id"], kind="stable").drop_duplicates("doc_id", keep="last")
    fresh = fresh.set_index("doc_id")
    since = facts.loc[fresh.index, "seen"]
    fresh = fresh[(since != "") & (fresh["seen"] > since)]
    facts = facts.copy()
    facts.loc[fresh.index, "title"] = fresh["title"]
    precision = facts.loc[fresh.index, "published_date"].str.len().fillna(0)
    dated = fresh.index[fresh["published_date"].str.len().fillna(0) >= precision.clip(lower=1)]
    for column in ("published_date", "published_year"):
        facts.loc[dated, column] = fresh.loc[dated, column]
    return facts


def merge_works(
    documents: pd.DataFrame, links: pd.DataFrame, fixed_frames: Iterable[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Applies rules 2 and 3.

    Args:
        documents: rows of `merge_same_id`.
        links: rows of `find_links` over them.
        fixed_frames: frames whose members are never merged away.

    Returns:
        the rows of `documents`, of `duplicates`, and of `works`.
    """
    rows = documents[list(ORDERED_BY)].reset_index(drop=True)  # the other columns need not be sorted along
    rows = rows.assign(group=group_works(len(documents), links), reason=_reason_by_position(len(documents), links))
    rows = rows.assign(**representative_order(rows)).sort_values(
        ["group", "rank", "first_date", "doc_id"], kind="stable"
    )
    heads = rows.drop_duplicates("group").set_index("group")["doc_id"]
    rows = rows.assign(work_id=rows["group"].map(heads))
    # A fixed member stays; of the others, the first of each frame and work stays if no fixed one does.
    rows = rows.assign(is_fixed=rows["is_published"] | rows["frame"].isin(set(fixed_frames)))
    by_frame = rows.sort_values(["group", "frame", "is_fixed"], ascending=[True, True, False], kind="stable")
    is_again = by_frame.duplicated(["group", "frame"]) & ~by_frame["is_fixed"]
    kept_ids = by_frame[~is_again].drop_duplicates(["group", "frame"]).set_index(["group", "frame"])
    again = by_frame[is_again]
    places = pd.MultiIndex.from_frame(again[["group", "frame"]])
    duplicates = pd.DataFrame(
        {
            "record_id": again["record_id"].to_numpy(),
            "doc_id": kept_ids.loc[places, "doc_id"].to_numpy() if len(again) else [],
            "kept_record_id": kept_ids.loc[places, "record_id"].to_numpy() if len(again) else [],
            "reason": again["reason"].to_numpy(),
        }
    )
    kept = by_frame.loc[~is_again, "doc_id"].sort_values(kind="stable").index
    columns = [column.name for column in DOCUMENTS.columns]
    return documents[columns].iloc[kept].reset_index(drop=True), duplicates, _works(rows)


def representative_order(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Returns the two columns that say which record represents a work: papers first, forums last; then the date."""
    is_paper = pd.Series(
        [is_paper_kind(doc_id, kind) for doc_id, kind in zip(rows["doc_id"], rows["text_kind"], strict=True)],
        rows.index,
    )
    rank = rows["source"].map(FORUM_RANK).fillna(1).where(~is_paper, 0).astype(int)
    return {"rank": rank, "first_date": rows["published_date"].fillna("9999")}


def _works(rows: pd.DataFrame) -> pd.DataFrame:
    dates = rows.groupby("group")["first_date"].transform("min")
    is_head = (rows["doc_id"] == rows["work_id"]) & (rows["reason"] != ONLY_PLACE)
    return pd.DataFrame(
        {
            "doc_id": rows["doc_id"],
            "work_id": rows["work_id"],
            "frame": rows["frame"],
            "url": rows["url"],
            "first_published_date": dates.where(dates != "9999", None),
            "reason": rows["reason"].mask(is_head, "represents the work"),
        }
    ).reset_index(drop=True)


def _reason_by_position(count: int, links: pd.DataFrame) -> list[str]:
    reasons = [ONLY_PLACE] * count
    # What a source declares says more than what two records look like.
    is_guess = ~links["reason"].astype(str).str.startswith("declared")
    links = links.assign(is_guess=is_guess).sort_values("is_guess", kind="stable")
    for left, right, reason in zip(links["left"], links["right"], links["reason"], strict=True):
        for place in (left, right):
            if reasons[place] == ONLY_PLACE:
                reasons[place] = reason
    return reasons
