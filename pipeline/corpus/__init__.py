"""Stage `corpus`: from the items of every source to one clean document per work."""

import logging
import re
import time
from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

from pipeline import store
from pipeline.config import Config
from pipeline.corpus import dedupe
from pipeline.corpus.extract import clean_title, extract_text, strip_ellipsis, text_sha256
from pipeline.corpus.hydrate import hydrated_path, records_from_texts
from pipeline.corpus.identity import canonical_id
from pipeline.corpus.links import find_links
from pipeline.corpus.spread import extract_spread, forget_shards
from pipeline.corpus.terms import count_terms, merge_terms
from pipeline.errors import ConfigError, DataError
from pipeline.schemas import DOCUMENTS, DUPLICATES, FRAME_MEMBERS, RECORDS, REJECTS, TERMS, WORKS
from pipeline.scrape import census, registry
from pipeline.scrape.item import Item, Reject

log = logging.getLogger(__name__)
DECLARED_COLUMNS = ("external_url", "crosspost_id", "doi")  # of records; a published census has none of them
_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")


def run(config: Config) -> None:
    """Reads every source and writes the records, what was left out of them, the documents, the works and the terms."""
    start = time.perf_counter()
    records, rejects, known_terms = read_sources(config)
    store.write_table(RECORDS, records, config.processed("records"))  # first, while nothing else holds the texts
    published = [name for name, entry in config.sources.items() if entry["kind"] == "census"]
    documents, duplicates, works = choose_documents(records, published, config.corpus.fixed_frames)
    members = dedupe.frame_members(records)
    check_counts(records, rejects, documents, duplicates)
    item_count, reject_count = len(records) + len(rejects), len(rejects)
    del records  # its texts are a second copy
    for table, rows in (
        (REJECTS, rejects),
        (DUPLICATES, duplicates),
        (WORKS, works),
        (FRAME_MEMBERS, members),
    ):
        store.write_table(table, rows, config.processed(table.name))
    terms = merge_terms(count_terms(documents, config.terms), known_terms)
    store.write_arrow(TERMS, terms, config.processed("terms"))
    store.write_table(DOCUMENTS, documents, config.processed("documents"))
    forget_shards(config)
    log.info(
        "corpus: %d items read = %d documents + %d duplicates + %d rejects; %d distinct works in %.1f s",
        item_count,
        len(documents),
        len(duplicates),
        reject_count,
        works["work_id"].nunique(),
        time.perf_counter() - start,
    )


def read_sources(config: Config) -> tuple[pd.DataFrame, pd.DataFrame, list[pa.Table]]:
    """Returns the records and rejects of every source, and the term counts of the published ones.

    Raises:
        ConfigError: a source is of an unknown kind, or an item is in a frame that is not declared.
        DataError: no source has any document, or a file of one is missing or damaged.
    """
    records, rejects, terms, empty = [], [], [], []
    for name, entry in config.sources.items():
        where = f"[sources.{name}]"
        if entry["kind"] == "census":
            rows = census.read_documents(entry, config.root, where)
            rows = rows.assign(
                record_id=name + "/" + rows["doc_id"], origin=name, text=None, **dict.fromkeys(DECLARED_COLUMNS)
            )
            texts = hydrated_path(config, name)
            if texts.exists():
                rows = pd.concat([rows, records_from_texts(rows, texts, name)], ignore_index=True)
            terms.append(census.read_terms(entry, config.root, where))
            left_out: list[dict[str, str]] = []
        else:
            rows, left_out = extract_items(config, name, registry.read_items(config, name))
        for frame in sorted(set(rows["frame"]) - set(config.frames)):
            raise ConfigError(
                f"has documents in the frame {frame!r}, which is not declared",
                where=where,
                do=f"add [frames.{frame}] to the configuration file",
            )
        if len(rows):
            records.append(rows)
        elif not left_out:
            empty.append(name)
        rejects += left_out
    if empty:
        log.info("corpus: nothing yet from %s (make scrape brings it)", ", ".join(empty))
    if not records:
        raise DataError(
            f"no source has a document yet ({len(rejects)} items could not be used)",
            where="corpus",
            do="run make scrape, or name a census or a file under [sources]",
        )
    reject_columns = [column.name for column in REJECTS.columns]
    return pd.concat(records, ignore_index=True), pd.DataFrame(rejects, columns=reject_columns), terms


def extract_items(
    config: Config, origin: str, items: Iterable[Item | Reject]
) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """Cleans the items of one source, here or with `[embed] engine = "ray"` on many workers: the same either way."""
    if config.embed.engine == "ray":
        return extract_spread(config, origin, items, records_from_items)
    return records_from_items(origin, items)


def records_from_items(origin: str, items: Iterable[Item | Reject]) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """Cleans the items of one source. Returns its records and its rejects."""
    rows, rejects = [], []
    for item in items:
        record_id = _encodable(f"{origin}/{item.place}")
        title = clean_title(item.title) if isinstance(item, Item) else ""
        if isinstance(item, Reject) or not title:
            reason = item.reason if isinstance(item, Reject) else "no title"
            excerpt = item.excerpt if isinstance(item, Reject) else item.doc_id
            rejects.append(
                {"record_id": record_id, "origin": origin, "reason": reason, "excerpt": _encodable(excerpt[:200])}
            )
            continue
        rows.append({"record_id": record_id, "origin": origin, **_record_from_item(item, title)})
    return pd.DataFrame(rows, columns=[column.name for column in RECORDS.columns]), rejects


def choose_documents(
    records: pd.DataFrame, published_origins: Iterable[str] = (), fixed_frames: Iterable[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Finds the documents and the works among records, by the rules of `dedupe`; their order does not matter.

    Returns:
        documents, duplicates and works. Records = documents + duplicates.
    """
    if records.empty:
        tables = (DOCUMENTS, DUPLICATES, WORKS)
        return tuple(pd.DataFrame(columns=[column.name for column in table.columns]) for table in tables)  # type: ignore[return-value]
    candidates, same_id = dedupe.merge_same_id(records, published_origins)
    links = find_links(candidates)
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


def _record_from_item(item: Item, title: str) -> dict[str, object]:
    text = extract_text(item.text, item.text_format)
    if item.is_opening:
        text = strip_ellipsis(text)
    kind = "none" if not text else "opening" if item.is_opening else "abstract" if item.source == "arxiv" else "full"
    date = item.published_date.strip()[:10]
    date = date if _DATE.fullmatch(date) else ""
    return {
        "doc_id": canonical_id(_encodable(item.doc_id)),
        "source": item.source,
        "frame": item.frame,
        "title": title,
        "text": text,
        "text_kind": kind,
        "url": _encodable(item.url) or None,
        "authors": [clean_title(name) for name in item.authors],
        "tags": [clean_title(tag) for tag in item.tags],
        "published_date": date or None,
        "published_year": int(date[:4]) if date else None,
        "karma": item.karma,
        "karma_read_date": item.karma_read_date or None,
        "word_count": len(text.split()),
        "character_count": len(text),
        "text_sha256": text_sha256(title, text),
        "external_url": _encodable(item.external_url) or None,
        "crosspost_id": canonical_id(_encodable(item.crosspost_id)) or None,
        "doi": _encodable(item.doi) or None,
    }


def _encodable(text: str) -> str:
    """Replaces what UTF-8 cannot hold: halves of characters, from bytes that were never text."""
    return text.encode("utf-8", "replace").decode("utf-8")
