"""Stage `corpus`: from the items of every source to one clean document per work."""

import logging
import time
from collections.abc import Iterable
from dataclasses import asdict

import pandas as pd
import pyarrow as pa

from pipeline import store
from pipeline.config import Config
from pipeline.corpus.extract import clean_text, clean_title, strip_ellipsis, text_sha256
from pipeline.corpus.terms import count_terms, merge_terms
from pipeline.errors import ConfigError
from pipeline.schemas import DOCUMENTS, DUPLICATES, RECORDS, REJECTS, TERMS
from pipeline.scrape import census, registry
from pipeline.scrape.item import Item, Reject

log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Reads every source and writes `records`, `rejects`, `documents`, `duplicates` and `terms`."""
    start = time.perf_counter()
    records, rejects, known_terms = read_sources(config)
    documents, duplicates = choose_documents(records)
    terms = merge_terms(count_terms(documents, config.terms), known_terms)
    for table, rows in ((RECORDS, records), (REJECTS, rejects), (DUPLICATES, duplicates)):
        store.write_table(table, rows, config.processed(table.name))
    store.write_arrow(TERMS, terms, config.processed("terms"))
    store.write_table(DOCUMENTS, documents, config.processed("documents"))
    log.info(
        "corpus: %d items read = %d documents + %d duplicates + %d rejects in %.1f s",
        len(records) + len(rejects),
        len(documents),
        len(duplicates),
        len(rejects),
        time.perf_counter() - start,
    )


def read_sources(config: Config) -> tuple[pd.DataFrame, pd.DataFrame, list[pa.Table]]:
    """Returns the records and rejects of every source, and the term counts of the published ones.

    Raises:
        ConfigError: a source is of an unknown kind, or an item is in a frame that is not declared.
    """
    records, rejects, terms, empty = [], [], [], []
    for name, entry in config.sources.items():
        where = f"[sources.{name}]"
        if entry["kind"] == "census":
            rows = census.read_documents(entry, config.root, where)
            rows = rows.assign(record_id=name + "/" + rows["doc_id"], origin=name, text=None)
            terms.append(census.read_terms(entry, config.root, where))
            left_out: list[dict[str, str]] = []
        else:
            rows, left_out = records_from_items(name, registry.read_items(config, name))
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
    reject_columns = [column.name for column in REJECTS.columns]
    return pd.concat(records, ignore_index=True), pd.DataFrame(rejects, columns=reject_columns), terms


def records_from_items(origin: str, items: Iterable[Item | Reject]) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """Cleans the items of one source. Returns its records and its rejects."""
    rows, rejects = [], []
    for item in items:
        record_id = f"{origin}/{item.place}"
        title = clean_title(item.title) if isinstance(item, Item) else ""
        if isinstance(item, Reject) or not title:
            reason = item.reason if isinstance(item, Reject) else "no title"
            excerpt = item.excerpt if isinstance(item, Reject) else item.doc_id
            rejects.append({"record_id": record_id, "origin": origin, "reason": reason, "excerpt": excerpt[:200]})
            continue
        rows.append({"record_id": record_id, "origin": origin, **_record_from_item(item, title)})
    return pd.DataFrame(rows, columns=[column.name for column in RECORDS.columns]), rejects


def choose_documents(records: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keeps one record per document: the one with most text, then the first. Returns documents and duplicates.

    Records are one document if they have the same id.
    """
    ordered = records.sort_values(
        ["doc_id", "character_count", "record_id"], ascending=[True, False, True], kind="stable"
    )
    is_again = ordered.duplicated("doc_id")
    kept = ordered[~is_again]
    again = ordered.loc[is_again, ["record_id", "doc_id"]].merge(
        kept[["doc_id", "record_id"]].rename(columns={"record_id": "kept_record_id"}), on="doc_id", how="left"
    )
    return kept[[column.name for column in DOCUMENTS.columns]].reset_index(drop=True), again.assign(reason="same id")


def _record_from_item(item: Item, title: str) -> dict[str, object]:
    text = clean_text(item.text)
    if item.is_opening:
        text = strip_ellipsis(text)
    kind = "none" if not text else "opening" if item.is_opening else "abstract" if item.source == "arxiv" else "full"
    date = item.published_date.strip()[:10]
    facts = asdict(item)
    for name in ("place", "text_format", "is_opening"):
        del facts[name]
    return {
        **facts,
        "title": title,
        "text": text,
        "text_kind": kind,
        "url": item.url or None,
        "authors": [clean_title(name) for name in item.authors],
        "tags": [clean_title(tag) for tag in item.tags],
        "published_date": date or None,
        "published_year": int(date[:4]) if date[:4].isdigit() else None,
        "karma_read_date": item.karma_read_date or None,
        "word_count": len(text.split()),
        "character_count": len(text),
        "text_sha256": text_sha256(title, text),
    }
