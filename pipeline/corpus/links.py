"""Links: which pairs of documents are one work. Candidates come from shared ids, addresses, titles and phrases."""

import functools
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from pipeline.corpus import near
from pipeline.corpus.same_work import (
    CLOSE_TITLE,
    DECLARED_BY_AUTHOR,
    PAPER_HOSTS,
    POST_HOSTS,
    Facts,
    points_to,
    same_work_reason,
)
from pipeline.corpus.texts import Read, has_text
from pipeline.text.identifiers import (
    author_keys,
    canonical_id,
    canonicalise_url,
    day_gap,
    id_from_url,
    title_key,
    title_overlap,
)

DECLARED = ("urls", "external_urls", "crosspost_ids", "dois")  # columns that `gather_declared` adds
LONG_TEXT_PHRASES = 60  # an abstract; shorter texts are often built from a template
MAX_TITLE_BLOCK = 200  # "Open thread" and its like
Pair = tuple[
    int, int, str, float | None
]  # two positions, why they are one work (or nothing), how alike their texts are
Map = Callable[[Callable[[list[str | None]], near.Signed], Iterable[list[str | None]]], Iterable[near.Signed]]
Phrases = Callable[[int], np.ndarray]  # the phrases of the text at a position
PHRASES_HELD = 4_096  # texts whose phrases are remembered while pairs are compared: a few tens of MB
FACTS_HELD = 65_536  # documents whose facts are remembered while pairs are compared: some 100 MB at most
_NO_GAP = 10**6  # days; where a date is unknown, any known gap comes first


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


def find_links(
    documents: pd.DataFrame, read: Read = str, folder: Path | None = None, spread: Map = map
) -> pd.DataFrame:
    """Finds pairs of documents that are one work: columns `left`, `right` (positions, left < right) and `reason`.

    Args:
        documents: rows of `merge_same_id`.
        read: gives the text of what stands in the column `text`.
        folder: where signatures wait.
        spread: makes the signatures of each part of the texts, here or elsewhere.
    """
    facts = ManyFacts(documents)
    found = [pair for pair in compare_candidates(documents, facts, read, folder, spread) if pair[2]]
    found = _keep_one_announcement(found, facts)
    return pd.DataFrame(found, columns=["left", "right", "reason", "resemblance_score"])


class ManyFacts:
    """The facts of each document, worked out when they are asked for: held for all they take more than the texts."""

    def __init__(self, documents: pd.DataFrame) -> None:
        names = ("doc_id", "url", "title", "authors", "published_date", "text_kind", *DECLARED)
        self.columns = {name: documents[name].array for name in names if name in documents}
        self.count = len(documents)
        self.remembered = functools.lru_cache(FACTS_HELD)(self._work_out)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, position: int) -> Facts:
        """Returns the facts of the document at a position."""
        return self.remembered(position)

    def __iter__(self) -> Iterator[Facts]:
        """Yields the facts of every document, remembering none."""
        return map(self._work_out, range(self.count))

    def _work_out(self, position: int) -> Facts:
        return facts_of(SimpleNamespace(**{name: column[position] for name, column in self.columns.items()}))


def compare_candidates(
    documents: pd.DataFrame, facts: ManyFacts, read: Read = str, folder: Path | None = None, spread: Map = map
) -> Iterator[Pair]:
    """Yields every pair that is looked at, by position: with the reason why it is one work, or nothing, and how alike.

    Args:
        documents: rows of `merge_same_id`.
        facts: what is compared of each.
        read: gives the text of what stands in the column `text`.
        folder: where signatures wait.
        spread: makes the signatures of each part of the texts, here or elsewhere.
    """
    whole, opening = _phrases(documents, read)
    kinds = documents["text_kind"].to_numpy()
    pairs: set[tuple[int, int]] = set(_block_pairs(facts))
    for other_kind, word_limit in (("opening", 0), ("abstract", near.OPENING_WORDS)):
        signed = spread(partial(near.sign_texts, word_limit=word_limit), _list_texts(documents, other_kind, read))
        pairs.update(near.pair_signed(signed, folder))
    whole, opening = (functools.lru_cache(PHRASES_HELD)(phrases) for phrases in (whole, opening))
    for left, right in sorted(pairs):
        is_declared = points_to(facts[left], facts[right]) or points_to(facts[right], facts[left])
        alike = _resemblance(left, right, kinds, whole, opening, is_declared=is_declared)
        is_long = min(len(whole(left)), len(whole(right))) >= LONG_TEXT_PHRASES
        yield left, right, same_work_reason(facts[left], facts[right], alike, is_long) or "", alike


def group_works(count: int, links: pd.DataFrame) -> np.ndarray:
    """Returns the group of each of `count` positions: int64 (count,), the smallest position it is linked to."""
    parents = np.arange(count)

    def root(position: int) -> int:
        while parents[position] != position:
            parents[position] = parents[parents[position]]
            position = parents[position]
        return position

    for left, right in zip(links["left"], links["right"], strict=True):
        first, second = sorted((root(left), root(right)))
        parents[second] = first
    return np.array([root(position) for position in range(count)], dtype=np.int64)


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
        authors=author_keys(row.authors),  # type: ignore[attr-defined]
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


def _keep_one_announcement(found: list[Pair], facts: ManyFacts) -> list[Pair]:
    """Keeps, of the posts that an author linked to a work under other titles, the one nearest in time on each site.

    Authors also link to their paper from posts about it; those stay documents of their own.
    """
    best: dict[tuple[int, str], tuple[int, str, int]] = {}
    rows = {}
    for number, (left, right, reason, _) in enumerate(found):
        if reason != DECLARED_BY_AUTHOR:
            continue
        post, work = (left, right) if points_to(facts[left], facts[right]) else (right, left)
        gap = day_gap(facts[post].published, facts[work].published)
        order = (_NO_GAP if gap is None else gap, min(facts[post].ids), number)
        rows[number] = (work, facts[post].site)
        best[rows[number]] = min(best.get(rows[number], order), order)
    return [row for number, row in enumerate(found) if number not in rows or best[rows[number]][2] == number]


def _list_texts(documents: pd.DataFrame, other_kind: str, read: Read) -> Iterator[list[str | None]]:
    """Yields some texts at a time, None where there is none or where it is of the other kind."""
    texts, kinds = documents["text"].array, documents["text_kind"].to_numpy()
    is_taken = has_text(documents["text"]) & (kinds != other_kind)
    for first in range(0, len(documents), near.SETS_AT_ONCE):
        places = range(first, min(first + near.SETS_AT_ONCE, len(documents)))
        yield [read(texts[place]) if is_taken[place] else None for place in places]


def _phrases(documents: pd.DataFrame, read: Read) -> tuple[Phrases, Phrases]:
    """Returns what gives the phrases of a whole text, and of its beginning, by position; none where there is no text.

    They are worked out anew each time: held for every document they take more memory than the texts.
    """
    texts, is_there = documents["text"].array, has_text(documents["text"])
    kinds = documents["text_kind"].to_numpy()
    nothing = np.empty(0, dtype=np.uint64)

    def whole(position: int) -> np.ndarray:
        if not is_there[position] or kinds[position] == "opening":
            return nothing
        return near.phrase_hashes(read(texts[position]))

    def opening(position: int) -> np.ndarray:
        if not is_there[position] or kinds[position] == "abstract":
            return nothing
        return near.phrase_hashes(read(texts[position]), near.OPENING_WORDS)

    return whole, opening


def _resemblance(
    left: int, right: int, kinds: np.ndarray, whole: Phrases, opening: Phrases, *, is_declared: bool
) -> float | None:
    phrases = opening if "opening" in (kinds[left], kinds[right]) else whole
    if (kinds[left] == "abstract") != (kinds[right] == "abstract") and not is_declared:
        return None
    first, second = phrases(left), phrases(right)
    if min(len(first), len(second)) < near.MIN_PHRASES:
        return None
    return near.resemblance(first, second)


def _block_pairs(facts: ManyFacts) -> Iterator[tuple[int, int]]:
    """Pairs that share an id, a link, or a title; and papers and posts of one author under close titles.

    Names are held as 64-bit hashes. Two that share one by chance are compared for nothing, and no more.
    """
    names, papers, posts = (_Named() for _ in range(3))
    for position, item in enumerate(facts):
        for name in item.ids | item.links | item.twins | item.targets:
            names.add(f"id {name}", position)
        if item.title:
            names.add(f"title {item.title}", position)
        for name in item.authors:
            (papers if item.is_paper else posts).add(name, position)
    for members in names.blocks():
        for place, first in enumerate(members[:MAX_TITLE_BLOCK]):
            for second in members[place + 1 : MAX_TITLE_BLOCK]:
                yield first, second
    for paper, post in papers.join(posts):
        if title_overlap(facts[paper].title, facts[post].title) >= CLOSE_TITLE:
            yield min(paper, post), max(paper, post)


class _Named:
    """Positions of documents by the hashes of names: 12 bytes each."""

    def __init__(self) -> None:
        self.hashes, self.positions = array("q"), array("i")

    def add(self, name: str, position: int) -> None:
        """Notes that a document has a name."""
        self.hashes.append(hash(name))
        self.positions.append(position)

    def sort(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns hashes and positions by hash, then by position."""
        hashes, positions = np.array(self.hashes, np.int64), np.array(self.positions, np.int32)
        order = np.argsort(hashes, kind="stable")
        return hashes[order], positions[order]

    def blocks(self) -> Iterator[list[int]]:
        """Yields the positions of each name that two documents or more have."""
        hashes, positions = self.sort()
        bounds = np.concatenate([[0], np.flatnonzero(np.diff(hashes)) + 1, [len(hashes)]])
        for number in np.flatnonzero(np.diff(bounds) > 1):
            yield positions[bounds[number] : bounds[number + 1]].tolist()

    def join(self, others: "_Named") -> Iterator[tuple[int, int]]:
        """Yields each pair of positions, of these and of others, that share a name."""
        (left, right), (names, positions) = self.sort(), others.sort()
        first, last = (np.searchsorted(names, left, side=side) for side in ("left", "right"))
        for place in np.flatnonzero(last > first):
            for other in positions[first[place] : last[place]].tolist():
                yield int(right[place]), other
