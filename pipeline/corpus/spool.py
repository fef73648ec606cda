"""Words on disk: which terms are frequent enough is known only at the end, so the words of every text wait in a file.

Words are numbered as they come, a pair of words is a pair of numbers, and both are 64-bit codes. Some texts at a time,
the codes of a text are noted once each; how many texts have a code is added up later, one part of the codes after the
other. So memory holds the distinct words, one part of the codes, and the terms that are kept: not every pair of words
that occurs anywhere, of which there are hundreds for each new text.
"""

import contextlib
import re
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np

TOKEN_PATTERN = r"(?u)\b[a-z][a-z0-9]*(?:-[a-z0-9]+)*[a-z0-9]\b"
# Words of the trade of writing rather than of a subject: they would name every cluster alike.
WRITING_WORDS = frozenset(
    """
    also abstract approach based different don does example examples figure good got https http introduction just like
    ll make method methods need new novel paper post posts propose proposed present problem problems recent result
    results seems section set show shows study studies think thing things use used using various ve want way ways work
    works www com org really lot people say said time let know going isn doesn thanks crossposted epistemic status
    """.split()
)
WORDS_AT_ONCE = 400_000  # twice as many codes, 8 bytes each, held a few times over
PART_COUNT = 64  # parts of the codes that are added up one after the other
PART_SHIFT = 64 - PART_COUNT.bit_length() + 1
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # an odd number that spreads codes over the parts
_WORDS = re.compile(TOKEN_PATTERN)


Listed = tuple[list[str], np.ndarray, np.ndarray]  # words, int32 places in them one text after the other, int32 lengths


@cache
def stop_words() -> frozenset[str]:
    """Returns the words that no term has."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # noqa: PLC0415  a second to load, for few runs

    return frozenset(ENGLISH_STOP_WORDS | WRITING_WORDS)


def list_words(texts: Iterable[str]) -> Listed:
    """Returns the words of texts, in their order, but for the stop words."""
    stopped = stop_words()
    places: dict[str, int] = dict.fromkeys(stopped, -1)
    found, lengths = array("i"), array("i")
    for text in texts:
        before = len(found)
        for word in _WORDS.findall(text.lower()):
            place = places.setdefault(word, len(places) - len(stopped))
            if place >= 0:
                found.append(place)
        lengths.append(len(found) - before)
    return list(places)[len(stopped) :], np.array(found, np.int32), np.array(lengths, np.int32)


@dataclass(frozen=True)
class Vocabulary:
    """The terms that are kept.

    Attributes:
        terms: sorted, str (n,).
        codes: their codes, sorted, uint64 (n,).
        places: the term of each code, int64 (n,), a place in `terms`.
    """

    terms: np.ndarray
    codes: np.ndarray
    places: np.ndarray


class Spool:
    """The words of texts, in the order in which these came. A class, because it grows text by text."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self.numbers: dict[str, int] = {}
        self.words: list[str] = []
        self.text_file, *self.part_files = files
        self.waiting, self.lengths = array("i"), array("i")
        self.batches: list[np.ndarray] = []  # lengths of the texts that were written together

    def add(self, listed: Listed) -> None:
        """Notes the words of some texts, one text after the other."""
        words, numbers, lengths = listed
        for word in words:
            if word not in self.numbers:
                self.numbers[word] = len(self.words)
                self.words.append(word)
        known = np.fromiter((self.numbers[word] for word in words), np.int32, len(words))[numbers]
        first = 0
        for length in lengths.tolist():
            self.waiting.frombytes(known[first : first + length].tobytes())
            self.lengths.append(length)
            first += length
            if len(self.waiting) >= WORDS_AT_ONCE:
                self._write()

    def _write(self) -> None:
        lengths, numbers = np.array(self.lengths, np.int32), np.array(self.waiting, np.int32)
        self.text_file.write(numbers.tobytes())
        self.batches.append(lengths)
        self.waiting, self.lengths = array("i"), array("i")
        texts, codes = list_codes(numbers, lengths)
        order = np.lexsort((texts, codes))
        texts, codes = texts[order], codes[order]
        is_new = np.ones(len(codes), dtype=bool)
        is_new[1:] = (codes[1:] != codes[:-1]) | (texts[1:] != texts[:-1])
        distinct, counts = np.unique(codes[is_new], return_counts=True)
        parts = (distinct * _SPREAD) >> np.uint64(PART_SHIFT)
        by_part = np.argsort(parts, kind="stable")
        bounds = np.searchsorted(parts[by_part], np.arange(PART_COUNT + 1, dtype=np.uint64))
        for number, file in enumerate(self.part_files):
            chosen = by_part[bounds[number] : bounds[number + 1]]
            file.write(np.stack([distinct[chosen], counts[chosen].astype(np.uint64)], axis=1).tobytes())

    def choose_terms(self, least: int, most: float) -> Vocabulary:
        """Returns the terms that at least `least` texts have, and at most `most`. No text may be added any more."""
        if self.lengths:
            self._write()
        kept = [np.empty(0, np.uint64)]
        for file in self.part_files:
            file.seek(0)
            pairs = np.frombuffer(file.read(), np.uint64).reshape(-1, 2)
            codes, places = np.unique(pairs[:, 0], return_inverse=True)
            counts = np.bincount(places, pairs[:, 1], len(codes))
            kept.append(codes[(counts >= least) & (counts <= most)])
        codes = np.sort(np.concatenate(kept))
        terms = np.array([self._name(int(code)) for code in codes], dtype=object)
        order = np.argsort(terms, kind="stable")
        places = np.empty(len(codes), dtype=np.int64)
        places[order] = np.arange(len(codes))
        return Vocabulary(terms[order], codes, places)

    def _name(self, code: int) -> str:
        first, second = code >> 32, code & 0xFFFFFFFF
        return f"{self.words[first - 1]} {self.words[second - 1]}" if second else self.words[first - 1]

    def count(
        self, vocabulary: Vocabulary, most_terms: int
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Yields, for some texts at a time, the number of the first, and how often each has its commonest terms.

        The arrays are int64 (n,): the text, from 0 for the first; the place of the term in the vocabulary; the count.
        They come by text and by term.
        """
        self.text_file.seek(0)
        first, width = 0, max(len(vocabulary.terms), 1)
        for lengths in self.batches:
            numbers = np.frombuffer(self.text_file.read(4 * int(lengths.sum())), np.int32)
            texts, codes = list_codes(numbers, lengths)
            found = np.minimum(np.searchsorted(vocabulary.codes, codes), max(len(vocabulary.codes) - 1, 0))
            is_kept = vocabulary.codes[found] == codes if len(vocabulary.codes) else np.zeros(len(codes), dtype=bool)
            keys, counts = np.unique(texts[is_kept] * width + vocabulary.places[found[is_kept]], return_counts=True)
            rows, places = np.divmod(keys, width)
            order = np.lexsort((places, -counts, rows))
            rank = np.arange(len(rows)) - np.searchsorted(rows, rows)  # rows rise, in this order as in that
            chosen = np.sort(order[rank < most_terms])
            yield first, rows[chosen], places[chosen], counts[chosen]
            first += len(lengths)


@contextlib.contextmanager
def open_spool(folder: Path | None) -> Iterator[Spool]:
    """Holds files for words in a folder, until the block ends; a kill leaves nothing behind."""
    with contextlib.ExitStack() as stack:
        files = (tempfile.TemporaryFile(dir=folder, prefix=".words.") for _ in range(1 + PART_COUNT))  # noqa: SIM115
        yield Spool([stack.enter_context(file) for file in files])


def list_codes(numbers: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the code of each word and of each pair of words that follow one another, and whose text they are in.

    Args:
        numbers: words of texts, one text after the other: int32 (n_words,).
        lengths: words of each text: int32 (n_texts,).

    Returns:
        texts int64 (n_codes,) and codes uint64 (n_codes,).
    """
    texts = np.repeat(np.arange(len(lengths)), lengths)
    words = (numbers.astype(np.uint64) + np.uint64(1)) << np.uint64(32)
    is_pair = texts[1:] == texts[:-1]
    pairs = (words[:-1] | (words[1:] >> np.uint64(32)))[is_pair]
    return np.concatenate([texts, texts[:-1][is_pair]]), np.concatenate([words, pairs])
