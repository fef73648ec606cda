"""Facts: what is compared of each document to find which are one work: ids, addresses, title, authors and date."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace

import pandas as pd

from pipeline.corpus.same_work import PAPER_HOSTS, POST_HOSTS, Facts
from pipeline.text.identifiers import canonical_id, canonicalise_url, id_from_url, title_key

DECLARED = ("urls", "external_urls", "crosspost_ids", "dois")  # columns that `gather_declared` adds
ROWS_AT_ONCE = 4_096  # whose cells are Python objects while each is looked at once
FACTS_HELD = 65_536  # documents whose facts are remembered while pairs are compared: some 100 MB at most


def gather_declared(records: pd.DataFrame, doc_ids: Sequence[str]) -> pd.DataFrame:
    """Gathers what the records of each document say of its places: a row each, a sorted tuple in each column.

    A document of a published census has no such facts of its own; a scraped record of the same id brings them. Of a
    document with one record the address is left out, for its own row has it.
    """
    is_again = records["doc_id"].duplicated(keep=False).to_numpy()
    says_more = records[["external_url", "crosspost_id", "doi"]].notna().any(axis=1).to_numpy()
    telling = records[is_again | says_more]
    found: dict[str, tuple[set[str], ...]] = {}
    columns = (telling["doc_id"], telling["url"], telling["external_url"], telling["crosspost_id"], telling["doi"])
    for doc_id, *values in zip(*columns, strict=True):
        sets = found.setdefault(doc_id, tuple(set() for _ in DECLARED))
        for known, value in zip(sets, values, strict=True):
            if isinstance(value, str) and value:
                known.add(value)
    nothing: tuple[tuple[str, ...], ...] = tuple(() for _ in DECLARED)
    kept = {doc_id: tuple(tuple(sorted(known)) for known in sets) for doc_id, sets in found.items()}
    rows = [kept.get(doc_id, nothing) for doc_id in doc_ids]
    return pd.DataFrame({name: [row[place] for row in rows] for place, name in enumerate(DECLARED)}, dtype=object)


class ManyFacts:
    """The facts of each document, worked out when they are asked for: held for all they take more than the texts."""

    def __init__(self, documents: pd.DataFrame) -> None:
        names = ("doc_id", "url", "title", "authors", "published_date", "text_kind", *DECLARED)
        self.columns = {name: documents[name].array for name in names if name in documents}
        self.count = len(documents)
        self.remembered = functools.lru_cache(FACTS_HELD)(self._work_out)
        self.held: dict[int, Facts] = {}

    def __len__(self) -> int:
        return self.count

    def has_papers_and_posts(self) -> bool:
        """Returns whether there are documents of both kinds."""
        places = (str(doc_id).partition(":")[0] for doc_id in self.columns["doc_id"])
        kinds = set(zip(places, self.columns["text_kind"], strict=True))
        return len({is_paper_kind(canonical_id(f"{place}:"), kind) for place, kind in kinds}) > 1

    def __getitem__(self, position: int) -> Facts:
        """Returns the facts of the document at a position."""
        return self.held.get(position) or self.remembered(position)

    def __iter__(self) -> Iterator[Facts]:
        """Yields the facts of every document, remembering all or, of too many, none."""
        for first in range(0, self.count, ROWS_AT_ONCE):
            part = (column[first : first + ROWS_AT_ONCE].to_numpy(object) for column in self.columns.values())
            for position, values in enumerate(zip(*part, strict=True), first):
                facts = self._name(values)
                if self.count <= FACTS_HELD:
                    self.held[position] = facts
                yield facts

    def _work_out(self, position: int) -> Facts:
        return self._name(column[position] for column in self.columns.values())

    def _name(self, values: Iterable[object]) -> Facts:
        return facts_of(SimpleNamespace(**dict(zip(self.columns, values, strict=True))))


def facts_of(row: object) -> Facts:
    """Returns what is compared of one row of `documents`, with the columns of `gather_declared` where it has them."""
    doc_id, url = canonical_id(row.doc_id), row.url if isinstance(row.url, str) else ""  # type: ignore[attr-defined]
    urls, external, twins, dois = (getattr(row, name, ()) for name in DECLARED)
    own_ids, own_links = _name_addresses([url, *urls])
    target_ids, target_links = _name_addresses([*external, *(f"https://doi.org/{_bare_doi(doi)}" for doi in dois)])
    ids = frozenset([doc_id, *own_ids])
    return Facts(
        ids=ids,
        links=frozenset(own_links),
        site=doc_id.partition(":")[0],
        title=title_key(row.title),  # type: ignore[attr-defined]
        names=tuple(row.authors),  # type: ignore[attr-defined]
        published=row.published_date if isinstance(row.published_date, str) else "",  # type: ignore[attr-defined]
        is_paper=is_paper_kind(doc_id, row.text_kind),  # type: ignore[attr-defined]
        twins=frozenset(map(canonical_id, twins)) - ids,
        targets=frozenset([*target_ids, *target_links]) - ids - own_links,
    )


def is_paper_kind(doc_id: str, text_kind: str) -> bool:
    """Returns whether a document is a paper, not a post."""
    site = doc_id.partition(":")[0]
    return site in PAPER_HOSTS or (text_kind == "abstract" and site not in POST_HOSTS)


def _name_addresses(urls: Iterable[str]) -> tuple[set[str], set[str]]:
    """Returns the ids that addresses name, and the canonical form of the others that are one page, not a whole site."""
    ids, links = set(), set()
    for url in urls:
        named = id_from_url(url) if url else None
        address = canonicalise_url(url) if url and not named else ""
        if named:
            ids.add(named)
        elif address.count("/") > 2:
            links.add(address)
    return ids, links


def _bare_doi(doi: str) -> str:
    """Returns a DOI without the address or prefix that some sources put before it."""
    return doi[doi.find("10.") :] if "10." in doi else doi
