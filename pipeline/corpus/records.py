"""From the items of every source to records: one cleaned row each, or a reject with its reason."""

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.coding.frames import list_aliases, rename_frames
from pipeline.config import Config
from pipeline.corpus.spread import Extract, extract_spread
from pipeline.errors import ConfigError, DataError
from pipeline.release import census
from pipeline.schemas import RECORDS, REJECTS, TEXTS
from pipeline.scrape import registry
from pipeline.scrape.hydrated import hydrated_path, records_from_texts
from pipeline.scrape.item import Item, Reject
from pipeline.text.dates import read_date
from pipeline.text.extract import clean_title, extract_text, strip_ellipsis, text_sha256
from pipeline.text.identifiers import canonical_id

log = logging.getLogger(__name__)
WITHDRAWN = "withdrawn by its authors"
ITEMS_AT_ONCE = 1_024


def read_sources(
    config: Config, keep: Callable[[str], Any] = str
) -> tuple[pd.DataFrame, pd.DataFrame, list[Callable[[], Iterator[pa.Table]]]]:
    """Returns the records and rejects of every source, and what gives the term counts of the published ones.

    Args:
        config: names the sources.
        keep: gives what stands for a text in the column `text`: itself, or the number by which it is found again.

    Raises:
        ConfigError: a source is of an unknown kind, or an item is in a frame that is not declared.
        DataError: no source has any document, or a file of one is missing or damaged.
    """
    records, rejects, empty = [], [], []
    terms: list[Callable[[], Iterator[pa.Table]]] = []
    aliases = list_aliases(config.frames)
    for name, entry in config.sources.items():
        where = f"[sources.{name}]"
        count = 0
        for rows, left_out in _read_parts(config, name, entry):
            rows = rows.assign(frame=rename_frames(rows["frame"], aliases))
            _check_frames(config, rows, where)
            if len(rows):
                records.append(_pack(rows, keep))
            rejects += left_out
            count += len(rows) + len(left_out)
        if entry["kind"] == "census":
            terms.append(partial(census.read_terms, entry, config.root, where))
        if not count:
            empty.append(name)
    if empty:
        log.info("corpus: nothing yet from %s (make scrape brings it)", ", ".join(empty))
    if not records:
        raise DataError(
            f"no source has a document yet ({len(rejects)} items could not be used)",
            where="corpus",
            do="run make scrape, or name a census or a file under [sources]",
        )
    reject_columns = [column.name for column in REJECTS.columns]
    return _unpack(records), pd.DataFrame(rejects, columns=reject_columns), terms


def _read_parts(config: Config, name: str, entry: Mapping[str, Any]) -> Iterator[Extract]:
    """Yields the records and the rejects of one source, in parts."""
    if entry["kind"] != "census":
        yield from extract_items(config, name, registry.read_items(config, name))
        return
    rows = census.read_documents(entry, config.root, f"[sources.{name}]")
    yield rows.assign(record_id=name + "/" + rows["doc_id"], origin=name, text=None), []
    texts = hydrated_path(config, name)
    if texts.exists():
        yield records_from_texts(rows, texts, name), []


def _check_frames(config: Config, rows: pd.DataFrame, where: str) -> None:
    for frame in sorted(set(rows["frame"]) - set(config.frames)):
        raise ConfigError(
            f"has documents in the frame {frame!r}, which is not declared",
            where=where,
            do=f"add [frames.{frame}] to the configuration file, or put it into renamed_from of the frame it is",
        )


def _pack(rows: pd.DataFrame, keep: Callable[[str], Any]) -> pa.Table:
    """Returns rows of `records` in the form in which they take the least memory, their texts put away."""
    missing = [name for name in RECORDS.arrow_schema.names if name not in rows]
    texts = [keep(text) if isinstance(text, str) else None for text in rows["text"]]
    rows = rows.drop(columns="text").assign(**dict.fromkeys(missing))
    schema = RECORDS.arrow_schema
    place = schema.get_field_index("text")
    packed = pa.Table.from_pandas(rows, schema=schema.remove(place), preserve_index=False)
    return packed.add_column(place, "text", pa.array(texts, pa.string() if keep is str else pa.int64()))


def _unpack(records: list[pa.Table]) -> pd.DataFrame:
    """Returns records in pandas; lists stay with Arrow, which needs a tenth of the memory for them."""
    table = pa.concat_tables(records).combine_chunks().replace_schema_metadata(None)
    records.clear()
    kinds = {TEXTS: pd.ArrowDtype(TEXTS), pa.int64(): pd.Int64Dtype()}
    return table.to_pandas(types_mapper=kinds.get, self_destruct=True, split_blocks=True)


def extract_items(config: Config, origin: str, items: Iterable[Item | Reject]) -> Iterator[Extract]:
    """Cleans the items of one source, here or with `[embed] engine = "ray"` on many workers: the same either way."""
    if config.embed.engine == "ray":
        yield from extract_spread(config, origin, items, records_from_items)
        return
    stream = iter(items)
    while part := list(itertools.islice(stream, ITEMS_AT_ONCE)):
        yield records_from_items(origin, part)


def records_from_items(origin: str, items: Iterable[Item | Reject]) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """Cleans the items of one source. Returns its records and its rejects."""
    rows, rejects = [], []
    for item in items:
        record_id = _encodable(f"{origin}/{item.place}")
        title = clean_title(item.title) if isinstance(item, Item) else ""
        reason = item.reason if isinstance(item, Reject) else _why_not(item, title)
        if reason or isinstance(item, Reject):
            excerpt = item.excerpt if isinstance(item, Reject) else item.doc_id
            excerpt += f" {item.published_date}" if isinstance(item, Item) and reason.startswith("its date") else ""
            rejects.append(
                {"record_id": record_id, "origin": origin, "reason": reason, "excerpt": _encodable(excerpt[:200])}
            )
            continue
        rows.append({"record_id": record_id, "origin": origin, **_record_from_item(item, title)})
    return pd.DataFrame(rows, columns=[column.name for column in RECORDS.columns]), rejects


def _why_not(item: Item, title: str) -> str:
    """Returns why an item is no record, or nothing."""
    if not title:
        return "no title"
    if item.published_date and read_date(item.published_date) is None:
        return "its date cannot be read"
    return WITHDRAWN if item.is_withdrawn else ""


def _record_from_item(item: Item, title: str) -> dict[str, object]:
    text = extract_text(item.text, item.text_format)
    if item.is_opening:
        text = strip_ellipsis(text)
    kind = "none" if not text else "opening" if item.is_opening else "abstract" if item.source == "arxiv" else "full"
    date = read_date(item.published_date) or ""
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
        "affiliations": _beside_authors(item.affiliations, item),
        "orcids": _beside_authors(item.orcids, item),
        "organisation": clean_title(item.organisation) or None,
    }


def _beside_authors(values: tuple[str, ...], item: Item) -> list[str] | None:
    """Returns one text for each author, or nothing where the source says nothing or the lists do not fit together."""
    return [clean_title(value) for value in values] if values and len(values) == len(item.authors) else None


def _encodable(text: str) -> str:
    """Replaces what UTF-8 cannot hold: halves of characters, from bytes that were never text."""
    return text.encode("utf-8", "replace").decode("utf-8")
