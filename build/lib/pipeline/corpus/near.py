"""Near-duplicates: texts that share most of their five-word phrases, found by MinHash without comparing all pairs.

Signatures use multiply-shift hashing (Dietzfelbinger et al. 1997) of 64-bit phrase hashes, all texts of a band at
once; candidates share a whole band (Leskovec, Rajaraman & Ullman 2014, section 3.4), and are then compared
exactly, so that the signature decides only what is looked at.
"""

import itertools
import os
import re
import tempfile
import zlib
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

PHRASE_WORDS = 5
MIN_PHRASES = 12  # shorter texts say too little to be recognised by
BAND_COUNT = 32
BAND_ROWS = 4  # 32 bands of 4: resemblance 0.5 is found with probability 0.87, 0.8 with 1.00
MAX_BUCKET = 60  # larger groups are compared with their first member only
PHRASES_AT_ONCE = 256  # whose products stay close to the processor
OPENING_WORDS = 70  # a text and its first 500 characters are compared by this many words
SETS_AT_ONCE = 4_096  # whose signatures are written together: 1 MB
_MIXERS = np.array([0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93], dtype=np.uint64)
_WORD = re.compile(r"\w+")
_SEED = 20261123


def phrase_hashes(text: str, word_limit: int = 0) -> np.ndarray:
    """Returns the distinct 64-bit hashes of the five-word phrases of a text, sorted: uint64 (n_phrases,).

    Args:
        text: cleaned text.
        word_limit: compare only so many words from the beginning; 0 for all.
    """
    words = _WORD.findall(text.casefold())
    if word_limit:
        words = words[:word_limit]
    if len(words) < PHRASE_WORDS:
        return np.empty(0, dtype=np.uint64)
    codes = np.fromiter((zlib.crc32(word.encode("utf-8", "replace")) for word in words), np.uint64, len(words))
    mixed = np.zeros(len(words) - PHRASE_WORDS + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(PHRASE_WORDS):
            mixed = (mixed ^ codes[offset : offset + len(mixed)]) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed)


def resemblance(left: np.ndarray, right: np.ndarray) -> float:
    """Returns the Jaccard resemblance of two sorted sets of phrases, 0 to 1."""
    if not len(left) or not len(right):
        return 0.0
    common = len(np.intersect1d(left, right, assume_unique=True))
    return common / (len(left) + len(right) - common)


def candidate_pairs(phrases: Iterable[np.ndarray], folder: Path | None = None) -> Iterator[tuple[int, int]]:
    """Yields each pair of positions that share a band of their signatures, once, smaller position first.

    Args:
        phrases: sets of phrases; those with fewer than `MIN_PHRASES` are passed over. Their signatures wait on disk,
            256 bytes a set, and are looked at a band at a time.
        folder: where they wait; that of the system by default.
    """
    with tempfile.TemporaryFile(dir=folder, prefix=".signatures.") as file:
        positions, sizes = _write_bands(phrases, file)
        seen: set[tuple[int, int]] = set()
        for band in range(BAND_COUNT):
            for members in _buckets(_read_band(file.fileno(), sizes, band)):
                found = positions[members].tolist()
                firsts = found if len(found) <= MAX_BUCKET else found[:1]
                for place, first in enumerate(firsts):
                    for second in found[place + 1 :]:
                        if (first, second) not in seen:
                            seen.add((first, second))
                            yield first, second


def _write_bands(phrases: Iterable[np.ndarray], file: IO[bytes]) -> tuple[np.ndarray, list[int]]:
    """Writes the signatures, a number a band, band after band for some sets at a time.

    Returns the positions of the sets that have one, int64 (n,), and how many sets were written at a time.
    """
    rng = np.random.default_rng(_SEED)
    factors = rng.integers(0, 1 << 63, size=BAND_COUNT * BAND_ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    positions, sizes = array("q"), []
    long = ((place, hashes) for place, hashes in enumerate(phrases) if len(hashes) >= MIN_PHRASES)
    while part := list(itertools.islice(long, SETS_AT_ONCE)):
        positions.extend(place for place, _ in part)
        halves = np.stack([_signature(hashes, factors) for _, hashes in part]).view(np.uint64)
        with np.errstate(over="ignore"):  # a band of four rows is two numbers, and these are mixed into one
            mixed = (halves[:, 0::2] * _MIXERS[0] + halves[:, 1::2]) * _MIXERS[1]
        file.write(np.ascontiguousarray((mixed ^ (mixed >> np.uint64(31))).T).tobytes())
        sizes.append(len(part))
    file.flush()
    return np.array(positions, dtype=np.int64), sizes


def _read_band(file: int, sizes: list[int], band: int) -> np.ndarray:
    """Returns one band of every signature: uint64 (n,)."""
    parts, start = [np.empty(0, dtype=np.uint64)], 0
    for size in sizes:
        content = os.pread(file, 8 * size, start + 8 * size * band)
        parts.append(np.frombuffer(content, dtype=np.uint64))
        start += 8 * size * BAND_COUNT
    return np.concatenate(parts)


def _buckets(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the rows, in their order, of each group of two or more with equal keys."""
    order = np.argsort(keys, kind="stable")
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(keys[order])) + 1, [len(order)]])
    for number in np.flatnonzero(np.diff(bounds) > 1):
        yield order[bounds[number] : bounds[number + 1]]


def _signature(hashes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """The smallest hash under each of the permutations: uint32 (n_permutations,)."""
    smallest = np.full(len(factors), np.iinfo(np.uint64).max)
    for first in range(0, len(hashes), PHRASES_AT_ONCE):
        # The upper half of the smallest product is the smallest upper half.
        products = hashes[first : first + PHRASES_AT_ONCE, None] * factors
        np.minimum(smallest, products.min(axis=0), out=smallest)
    return (smallest >> np.uint64(32)).astype(np.uint32)
