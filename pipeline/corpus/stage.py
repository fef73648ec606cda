"""Stage `corpus`: from the items of every source to one clean document per work."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline import store
from pipeline.config import Config
from pipeline.corpus.collapse import refuse_collapse
from pipeline.corpus.documents import check_counts, choose_documents
from pipeline.corpus.membership import census_date, list_members
from pipeline.corpus.records import read_sources
from pipeline.corpus.spread import forget_shards
from pipeline.corpus.terms import count_terms, merge_terms
from pipeline.corpus.texts import Read, open_texts, read_all
from pipeline.corpus.versions import list_versions, read_past
from pipeline.generations import open_generation
from pipeline.groups import write_groups
from pipeline.schemas import DOCUMENTS, DUPLICATES, FRAME_MEMBERS, RECORDS, REJECTS, TERMS, TEXT_VERSIONS, WORKS, Table
from pipeline.settings import Embed
from pipeline.workers import Part, Result, keep_workers, map_parts

log = logging.getLogger(__name__)
ROWS_AT_ONCE = 8_192  # whose texts are in memory while they are written


def run(config: Config) -> None:
    """Reads every source and writes the records, what was left out of them, the documents, the works and the terms."""
    start = time.perf_counter()
    with open_generation(config.path(config.paths.processed), "corpus") as draft:
        counts = write_corpus(config, draft)
    forget_shards(config)
    log.info(
        "corpus: %d items read = %d documents + %d duplicates + %d rejects; %d distinct works; words counted in %d"
        " texts, kept for %d documents without one, in %.1f s",
        *counts,
        time.perf_counter() - start,
    )


def write_corpus(config: Config, folder: Path) -> tuple[int, int, int, int, int, int, int]:
    """Writes the tables of the stage into a folder.

    Returns the numbers of items, documents, duplicates, rejects, works, documents with a text, and without one.

    Texts wait in a file. What is held of each record is its facts, and what is held of each text is where it is.
    """
    with open_texts(folder) as texts, contextlib.ExitStack() as later:
        records, rejects, known_terms = read_sources(config, texts.add)
        write_with_texts(RECORDS, records, folder / "records.parquet", texts.read)
        refuse_collapse(config.processed("records"), folder / "records.parquet")
        published = {
            name: census_date(Path(str(entry["path"])).name)
            for name, entry in config.sources.items()
            if entry["kind"] == "census"
        }
        fixed = config.corpus.fixed_frames
        later.enter_context(keep_workers(config.embed, len(records)))
        spread = partial(_spread, config.embed, len(records))
        documents, duplicates, works = choose_documents(records, published, fixed, texts.read, folder, spread)
        members = list_members(config, records, documents, works)
        versions = list_versions(records, documents, texts.read, read_past(config))
        check_counts(records, rejects, documents, duplicates)
        item_count, reject_count = len(records) + len(rejects), len(rejects)
        del records
        for table, rows in (
            (REJECTS, rejects),
            (DUPLICATES, duplicates),
            (WORKS, works),
            (FRAME_MEMBERS, members),
            (TEXT_VERSIONS, versions),
        ):
            store.write_table(table, rows, folder / f"{table.name}.parquet")
        del members, versions
        fresh = documents["doc_id"][documents["text"].notna()].tolist()
        counted = count_terms(documents, config.terms, texts.read, folder, spread)
        write_groups(TERMS, merge_terms(counted, fresh, known_terms), folder / "terms.parquet")
        write_with_texts(DOCUMENTS, documents, folder / "documents.parquet", texts.read)
    work_count, lacking = int(works["work_id"].nunique()), len(documents) - len(fresh)
    return item_count, len(documents), len(duplicates), reject_count, work_count, len(fresh), lacking


def _spread(settings: Embed, count: int, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    return map_parts(settings, work, parts, count)


def write_with_texts(table: Table, rows: pd.DataFrame, path: Path, read: Read) -> None:
    """Writes rows sorted by the key of their table, which is one column, with the texts that `read` gives.

    Raises:
        DataError: an empty cell where none may be, or a doubled key.
    """
    order = rows[table.key[0]].argsort(kind="stable").to_numpy()

    def parts() -> Iterator[pa.Table]:
        for first in range(0, len(order), ROWS_AT_ONCE):
            part = rows.iloc[order[first : first + ROWS_AT_ONCE]]
            texts = read_all(part["text"], read)
            facts = store.arrow_from_rows(table, part.assign(text=None), path)
            yield facts.set_column(facts.schema.get_field_index("text"), "text", texts)

    write_groups(table, parts(), path)
