"""Stage `persons`: every name that a document carries, the person it means, and where that person works.

Unknown authors are counted, not guessed: the log says how many documents name nobody.
"""

import logging
import time
from collections import Counter, defaultdict

import pandas as pd

from pipeline import store
from pipeline.config import Config
from pipeline.generations import open_generation
from pipeline.schemas import DOCUMENTS, PERSONS
from pipeline.text.organisations import Organisation, find_organisation
from pipeline.text.persons import Mention, group_people

log = logging.getLogger(__name__)
_READ = ("doc_id", "authors", "affiliations", "orcids", "organisation")


def run(config: Config) -> None:
    """Reads the documents and writes who their authors are."""
    start = time.perf_counter()
    documents = store.read_table(DOCUMENTS, config.processed("documents"), _READ)
    rows = list_persons(documents)
    with open_generation(config.path(config.paths.processed), "persons") as draft:
        store.write_table(PERSONS, rows, draft / "persons.parquet")
    log.info(
        "persons: %d names mean %d people, %d of them with an organisation; %d of %d documents name nobody in %.1f s",
        len(rows),
        rows["person"].nunique(),
        rows.loc[rows["organisations"].str.len() > 0, "person"].nunique(),
        sum(not len(authors) for authors in documents["authors"]),
        len(documents),
        time.perf_counter() - start,
    )


def list_persons(documents: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of `persons`.

    Args:
        documents: columns authors, affiliations, orcids (lists, the last two empty or as long as the first) and
            organisation.
    """
    counts: Counter[Mention] = Counter()
    places: dict[Mention, set[str]] = defaultdict(set)
    for authors, affiliations, orcids, owner in zip(*(documents[name] for name in _READ[1:]), strict=True):
        names = [str(name) for name in authors]
        for number, name in enumerate(names):
            mention = Mention(name, _beside(orcids, number, len(names)))
            counts[mention] += 1
            places[mention] |= {_beside(affiliations, number, len(names)), owner if isinstance(owner, str) else ""}
    person_of = group_people(counts)
    found = {text: find_organisation(text) for texts in places.values() for text in texts if text}
    rows = [
        {
            "name": mention.name,
            "orcid": mention.orcid,
            "person": person_of[mention],
            "document_count": count,
            **_organisations([found[text] for text in sorted(places[mention]) if text]),
        }
        for mention, count in counts.items()
    ]
    return pd.DataFrame(rows, columns=[column.name for column in PERSONS.columns])


def _beside(values: object, number: int, count: int) -> str:
    """Returns what stands beside an author, where the source says something of each."""
    is_list = isinstance(values, list | tuple) or (hasattr(values, "__len__") and not isinstance(values, str))
    return str(values[number]) if is_list and len(values) == count else ""  # type: ignore[index, arg-type]


def _organisations(found: list[Organisation | None]) -> dict[str, list[str]]:
    known = {place.name: place.kind for place in found if place}
    return {"organisations": sorted(known), "organisation_kinds": [known[name] for name in sorted(known)]}
