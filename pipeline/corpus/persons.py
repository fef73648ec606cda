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
        rows.loc[rows["organisations"].map(len) > 0, "person"].nunique(),
        (authorship["persons"].map(len) == 0).sum(),
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
            places[mention].update(text for text in (author.affiliation, owner) if isinstance(text, str) and text)
    person_of = group_people(counts)
    found = {text: find_organisation(text) for texts in places.values() for text in texts}
    known = [_organisations([found[text] for text in sorted(places[mention])]) for mention in counts]
    rows = {
        "name": [mention.name for mention in counts],
        "orcid": [mention.orcid for mention in counts],
        "person": [person_of[mention] for mention in counts],
        "document_count": list(counts.values()),
        "organisations": [list(kinds) for kinds in known],
        "organisation_kinds": [list(kinds.values()) for kinds in known],
    }
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


def _organisations(found: list[Organisation | None]) -> dict[str, str]:
    """Returns the kind of each organisation, by name, in the order of names."""
    return dict(sorted({place.name: place.kind for place in found if place}.items()))
