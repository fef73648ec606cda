"""Phrases: one rule for what it means that a text holds a phrase, for every interface and every frame.

Text and phrase are put in lower case; hyphens, slashes and dashes become blanks and white space is folded. A phrase
begins at a word boundary and ends at one, after an optional plural s; a trailing * stands for any ending.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from pipeline.text.phrase_lists import expand_phrases

_BLANKS = re.compile("[-/\u2010-\u2015\\s]+")


def fold_text(text: str) -> str:
    """Returns a text as phrases are looked for in it."""
    return _BLANKS.sub(" ", text.lower()).strip()


@lru_cache(maxsize=64)
def phrase_pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Returns the pattern that finds any of some phrases in folded text."""
    parts = []
    for phrase in phrases:
        words = re.escape(fold_text(phrase.rstrip("* ")))
        parts.append(words if phrase.rstrip().endswith("*") else rf"{words}s?\b")
    return re.compile(rf"\b(?:{'|'.join(sorted(parts))})")


def holds_phrase(title: str, abstract: str, phrases: Iterable[str]) -> bool:
    """Says whether title or abstract hold any of the phrases (or of a named list); a phrase does not span the two."""
    known, text = _expanded(tuple(phrases)), fold_text(f"{title} . {abstract}")
    # Plain search first: most texts hold no phrase, and it is several times as fast as the pattern.
    return any(map(text.__contains__, _stems(known))) and bool(phrase_pattern(known).search(text))


@lru_cache(maxsize=64)
def _expanded(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return expand_phrases(phrases)


@lru_cache(maxsize=64)
def _stems(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(fold_text(phrase.rstrip("* ")) for phrase in phrases)
