"""The order in which a coder gets documents: the same batches for everyone, each in an order of the coder's own."""

import hashlib
from collections.abc import Sequence

BATCH = 50  # all coders read the same fifty before the next fifty, each in an order of their own


def order_for(coder: str, keys: Sequence[str], seed: int, batch: int = BATCH) -> list[str]:
    """Returns the keys in the order a coder gets them.

    A hash under the round's seed shuffles all keys, the same for everyone; each batch of it is shuffled again for the
    coder. Two coders who stop early have read nearly the same documents, in different orders.
    """
    return shuffle_batches(coder, sorted(keys, key=lambda key: _hash(f"{seed}/{key}")), seed, batch)


def shuffle_batches(coder: str, keys: Sequence[str], seed: int, batch: int = BATCH) -> list[str]:
    """Returns the keys batch by batch, each batch in an order of the coder's own."""
    shuffled: list[str] = []
    for first in range(0, len(keys), batch):
        shuffled += sorted(keys[first : first + batch], key=lambda key: _hash(f"{coder}/{seed}/{key}"))
    return shuffled


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
