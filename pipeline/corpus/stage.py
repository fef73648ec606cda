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
from pipeline.schemas import DOCUMENTS, DUPLICATES, FRAME_MEMBERS, RECORDS, REJECTS, TERMS, TEXT_VERSIONS, WORKS

log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Reads every source and writes the records, what was left out of them, the documents, the works and the terms."""
    start = time.perf_counter()
    records, rejects, known_terms = read_sources(config)
    store.write_table(RECORDS, records, config.processed("records"))  # first, while nothing else holds the texts
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
