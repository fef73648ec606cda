"""Stage `persons`: every name that a document carries, the person it means and where they work; and who wrote what.

Unknown authors are counted, not guessed: the log says how many documents name nobody.
"""

import logging
import time
from collections import Counter, defaultdict

import pandas as pd

from pipeline import store
from pipeline.config import Config
from pipeline.generations import open_generation
from pipeline.schemas import AUTHORSHIP, DOCUMENTS, PERSONS
from pipeline.text.author_lists import list_authors
from pipeline.text.organisations import Organisation, find_organisation
from pipeline.text.persons import Mention, group_people

log = logging.getLogger(__name__)
_READ = ("doc_id", "authors", "affiliations", "orcids", "organisation")


def run(config: Config) -> None:
    """Reads the documents and writes who their authors are."""
    start = time.perf_counter()
    documents = store.read_table(DOCUMENTS, config.processed("documents"), _READ)
    rows, authorship = list_persons(documents)
    with open_generation(config.path(config.paths.processed), "persons") as draft:
        store.write_table(PERSONS, rows, draft / "persons.parquet")
        store.write_table(AUTHORSHIP, authorship, draft / "authorship.parquet")
    log.info(
        "persons: %d names mean %d people, %d of them with an organisation; %d of %d documents name nobody in %.1f s",
        len(rows),
        rows["person"].nunique(),
        rows.loc[rows["organisations"].str.len() > 0, "person"].nunique(),
        (authorship["persons"].str.len() == 0).sum(),
        len(documents),
        time.perf_counter() - start,
    )


def list_persons(documents: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the rows of `persons` and those of `authorship`.

    Args:
        documents: columns doc_id, authors, affiliations, orcids (lists, the last two empty or as long as the first)
            and organisation.
    """
    counts: Counter[Mention] = Counter()
    places: dict[Mention, set[str]] = defaultdict(set)
    authors_of: list[list[Mention]] = []
    for names, affiliations, orcids, owner in zip(*(documents[name] for name in _READ[1:]), strict=True):
        authors = list_authors(names, affiliations, orcids)
        authors_of.append([Mention(author.name, author.orcid) for author in authors])
        for mention, author in zip(authors_of[-1], authors, strict=True):
            counts[mention] += 1
            places[mention] |= {author.affiliation, owner if isinstance(owner, str) else ""}
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
    named: list[dict[str, str]] = [{} for _ in authors_of]
    for people, mentions in zip(named, authors_of, strict=True):
        for mention in mentions:
            people.setdefault(person_of[mention], mention.name)
    authorship = {
        "doc_id": documents["doc_id"].to_numpy(),
        "names": [list(people.values()) for people in named],
        "persons": [list(people) for people in named],
    }
    return pd.DataFrame(rows, columns=[column.name for column in PERSONS.columns]), pd.DataFrame(authorship)


def _organisations(found: list[Organisation | None]) -> dict[str, list[str]]:
    known = {place.name: place.kind for place in found if place}
    return {"organisations": sorted(known), "organisation_kinds": [known[name] for name in sorted(known)]}
