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
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

PHRASE_WORDS = 5
MIN_PHRASES = 12  # shorter texts say too little to be recognised by
BAND_COUNT = 32
BAND_ROWS = 4  # 32 bands of 4: resemblance 0.5 is found with probability 0.87, 0.8 with 1.00
MAX_BUCKET = 60  # larger groups are compared with their first member only
PHRASES_AT_ONCE = 256  # whose products stay close to the processor
OPENING_WORDS = 70  # a text and its first 500 characters are compared by this many words
SETS_AT_ONCE = 4_096  # whose signatures are made and written together: 1 MB
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


Signed = tuple[int, np.ndarray, np.ndarray]  # how many sets, which of them are signed, and their bands


def candidate_pairs(phrases: Iterable[np.ndarray], folder: Path | None = None) -> Iterator[tuple[int, int]]:
    """Yields each pair of positions that share a band of their signatures, once, smaller position first.

    Args:
        phrases: sets of phrases; those with fewer than `MIN_PHRASES` are passed over.
        folder: where signatures wait; that of the system by default.
    """
    sets = iter(phrases)
    return pair_signed(map(_sign, iter(lambda: list(itertools.islice(sets, SETS_AT_ONCE)), [])), folder)


def sign_texts(texts: Sequence[str | None], word_limit: int = 0) -> Signed:
    """Returns the signatures of texts, as `pair_signed` takes them; where there is no text there is none."""
    nothing = np.empty(0, dtype=np.uint64)
    return _sign([nothing if text is None else phrase_hashes(text, word_limit) for text in texts])


def pair_signed(signed: Iterable[Signed], folder: Path | None = None) -> Iterator[tuple[int, int]]:
    """Yields each pair of positions that share a band, once, smaller position first.

    Args:
        signed: what `sign_texts` returns for one part of the texts after the other. Signatures wait on disk, 256 bytes
            each, and are looked at a band at a time.
        folder: where they wait; that of the system by default.
    """
    with tempfile.TemporaryFile(dir=folder, prefix=".signatures.") as file:
        positions, sizes, first = array("q"), list[int](), 0
        for count, places, bands in signed:
            positions.extend((first + places).tolist())
            file.write(bands.tobytes())
            sizes.append(len(places))
            first += count
        file.flush()
        seen: set[tuple[int, int]] = set()
        numbers = np.array(positions, dtype=np.int64)
        for band in range(BAND_COUNT):
            for members in _buckets(_read_band(file.fileno(), sizes, band)):
                found = numbers[members].tolist()
                firsts = found if len(found) <= MAX_BUCKET else found[:1]
                for place, one in enumerate(firsts):
                    for other in found[place + 1 :]:
                        if (one, other) not in seen:
                            seen.add((one, other))
                            yield one, other


def _sign(sets: Sequence[np.ndarray]) -> Signed:
    """Returns which sets are large enough for a signature, int64 (n,), and the bands of these: uint64 (n_bands, n)."""
    rng = np.random.default_rng(_SEED)
    factors = rng.integers(0, 1 << 63, size=BAND_COUNT * BAND_ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    places = np.array([place for place, hashes in enumerate(sets) if len(hashes) >= MIN_PHRASES], dtype=np.int64)
    rows = [_signature(sets[place], factors) for place in places]
    halves = np.stack(rows).view(np.uint64) if rows else np.empty((0, 2 * BAND_COUNT), dtype=np.uint64)
    with np.errstate(over="ignore"):  # a band of four rows is two numbers, and these are mixed into one
        mixed = (halves[:, 0::2] * _MIXERS[0] + halves[:, 1::2]) * _MIXERS[1]
    return len(sets), places, np.ascontiguousarray((mixed ^ (mixed >> np.uint64(31))).T)


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
