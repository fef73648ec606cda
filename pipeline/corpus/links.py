"""Links: which pairs of documents are one work. Candidates come from shared ids, addresses, titles and phrases."""

import functools
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.corpus import near
from pipeline.corpus.facts import ManyFacts
from pipeline.corpus.same_work import (
    CLOSE_TITLE,
    DECLARED_BY_AUTHOR,
    points_to,
    same_work_reason,
)
from pipeline.corpus.texts import Read, has_text
from pipeline.text.identifiers import day_gap, title_overlap

LONG_TEXT_PHRASES = 60  # an abstract; shorter texts are often built from a template
MAX_TITLE_BLOCK = 200  # "Open thread" and its like
Pair = tuple[
    int, int, str, float | None
]  # two positions, why they are one work (or nothing), how alike their texts are
Map = Callable[[Callable[[list[str | None]], near.Signed], Iterable[list[str | None]]], Iterable[near.Signed]]
Phrases = Callable[[int], np.ndarray]  # the phrases of the text at a position
PHRASES_HELD = 4_096  # texts whose phrases are remembered while pairs are compared: a few tens of MB
_NO_GAP = 10**6  # days; where a date is unknown, any known gap comes first


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
    has_both = facts.has_papers_and_posts()
    for position, item in enumerate(facts):
        for name in item.ids | item.links | item.twins | item.targets:
            names.add(f"id {name}", position)
        if item.title:
            names.add(f"title {item.title}", position)
        for name in item.authors if has_both else ():
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
