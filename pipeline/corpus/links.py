"""Links: which pairs of documents are one work. Candidates come from shared ids, addresses, titles and phrases."""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

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
Phrases = Callable[[int], np.ndarray]  # the phrases of the text at a position
PHRASES_HELD = 4_096  # texts whose phrases are remembered while pairs are compared: a few tens of MB
_NO_GAP = 10**6  # days; where a date is unknown, any known gap comes first


def gather_declared(records: pd.DataFrame) -> pd.DataFrame:
    """Gathers what any record of a document says of its places: indexed by doc_id, a sorted tuple in each column.

    A document of a published census has no such facts of its own; a scraped record of the same id brings them.
    """
    found: dict[str, tuple[set[str], ...]] = {}
    columns = (records["doc_id"], records["url"], records["external_url"], records["crosspost_id"], records["doi"])
    for doc_id, *values in zip(*columns, strict=True):
        sets = found.setdefault(doc_id, tuple(set() for _ in DECLARED))
        for known, value in zip(sets, values, strict=True):
            if isinstance(value, str) and value:
                known.add(value)
    rows = {doc_id: [tuple(sorted(known)) for known in sets] for doc_id, sets in found.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(DECLARED), dtype=object)


def find_links(documents: pd.DataFrame) -> pd.DataFrame:
    """Finds pairs of documents that are one work: columns `left`, `right` (positions, left < right) and `reason`."""
    facts = [facts_of(row) for row in documents.itertuples(index=False)]
    found = [pair for pair in compare_candidates(documents, facts) if pair[2]]
    found = _keep_one_announcement(found, facts)
    return pd.DataFrame(found, columns=["left", "right", "reason", "resemblance_score"])


def compare_candidates(documents: pd.DataFrame, facts: Sequence[Facts]) -> Iterator[Pair]:
    """Yields every pair that is looked at, by position: with the reason why it is one work, or nothing, and how alike.

    Args:
        documents: rows of `merge_same_id`.
        facts: what is compared of each.
    """
    whole, opening = _phrases(documents)
    kinds = documents["text_kind"].to_numpy()
    pairs: set[tuple[int, int]] = set(_block_pairs(facts))
    for phrases in (whole, opening):
        pairs.update(near.candidate_pairs(map(phrases, range(len(documents)))))
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


def _keep_one_announcement(found: list[Pair], facts: Sequence[Facts]) -> list[Pair]:
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


def _phrases(documents: pd.DataFrame) -> tuple[Phrases, Phrases]:
    """Returns what gives the phrases of a whole text, and of its beginning, by position; none where there is no text.

    They are worked out anew each time: held for every document they take more memory than the texts.
    """
    texts = [text if isinstance(text, str) else "" for text in documents["text"]]
    kinds = documents["text_kind"].to_numpy()

    def whole(position: int) -> np.ndarray:
        return near.phrase_hashes(texts[position] if kinds[position] != "opening" else "")

    def opening(position: int) -> np.ndarray:
        return near.phrase_hashes(texts[position] if kinds[position] != "abstract" else "", near.OPENING_WORDS)

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


def _block_pairs(facts: Sequence[Facts]) -> Iterable[tuple[int, int]]:
    """Pairs that share an id, a link, or a title; and papers and posts of one author under close titles."""
    blocks: dict[str, list[int]] = defaultdict(list)
    posts_of: dict[str, list[int]] = defaultdict(list)
    for position, item in enumerate(facts):
        for name in item.ids | item.links | item.twins | item.targets:
            blocks[f"id {name}"].append(position)
        if item.title:
            blocks[f"title {item.title}"].append(position)
        for name in item.authors if not item.is_paper else ():
            posts_of[name].append(position)
    for members in blocks.values():
        for place, first in enumerate(members[:MAX_TITLE_BLOCK]):
            for second in members[place + 1 : MAX_TITLE_BLOCK]:
                yield first, second
    for paper, item in enumerate(facts):
        for name in item.authors if item.is_paper else ():
            for post in posts_of.get(name, ()):
                if title_overlap(item.title, facts[post].title) >= CLOSE_TITLE:
                    yield min(paper, post), max(paper, post)
