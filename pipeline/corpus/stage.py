"""Stage `corpus`: from the items of every source to one clean document per work."""

import logging
import time
from pathlib import Path

from pipeline import store
from pipeline.config import Config
from pipeline.corpus.documents import check_counts, choose_documents
from pipeline.corpus.membership import census_date, list_members
from pipeline.corpus.records import read_sources
from pipeline.corpus.spread import forget_shards
from pipeline.corpus.terms import count_terms, merge_terms
from pipeline.corpus.versions import list_versions
from pipeline.generations import open_generation
from pipeline.schemas import DOCUMENTS, DUPLICATES, FRAME_MEMBERS, RECORDS, REJECTS, TERMS, TEXT_VERSIONS, WORKS

log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Reads every source and writes the records, what was left out of them, the documents, the works and the terms."""
    start = time.perf_counter()
    with open_generation(config.path(config.paths.processed), "corpus") as draft:
        counts = write_corpus(config, draft)
    forget_shards(config)
    log.info(
        "corpus: %d items read = %d documents + %d duplicates + %d rejects; %d distinct works in %.1f s",
        *counts,
        time.perf_counter() - start,
    )


def write_corpus(config: Config, folder: Path) -> tuple[int, int, int, int, int]:
    """Writes the tables of the stage into a folder. Returns the numbers of items, documents, duplicates, rejects and
    works."""
    records, rejects, known_terms = read_sources(config)
    store.write_table(RECORDS, records, folder / "records.parquet")  # first, while nothing else holds the texts
    published = {
        name: census_date(Path(str(entry["path"])).name)
        for name, entry in config.sources.items()
        if entry["kind"] == "census"
    }
    documents, duplicates, works = choose_documents(records, published, config.corpus.fixed_frames)
    members = list_members(config, records, documents, works)
    versions = list_versions(records, documents)
    check_counts(records, rejects, documents, duplicates)
    item_count, reject_count = len(records) + len(rejects), len(rejects)
    del records  # its texts are a second copy
    for table, rows in (
        (REJECTS, rejects),
        (DUPLICATES, duplicates),
        (WORKS, works),
        (FRAME_MEMBERS, members),
        (TEXT_VERSIONS, versions),
    ):
        store.write_table(table, rows, folder / f"{table.name}.parquet")
    terms = merge_terms(count_terms(documents, config.terms), known_terms)
    store.write_arrow(TERMS, terms, folder / "terms.parquet")
    store.write_table(DOCUMENTS, documents, folder / "documents.parquet")
    return item_count, len(documents), len(duplicates), reject_count, int(works["work_id"].nunique())
