"""Batches: texts become token arrays in a thread of their own, texts of like length together."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CHUNK_BATCHES = 16  # batches tokenized at once: enough to sort by length, few enough to start soon
QUEUE_BATCHES = 64  # batches waiting for the encoder: a few hundred kilobytes
LENGTH_STEP = 8  # lengths are rounded up to this: fewer shapes to prepare for, at most 7 tokens of padding


@dataclass(frozen=True)
class Batch:
    """Texts for one call of the encoder.

    Attributes:
        rows: positions of the texts, int64 (n,).
        token_ids: int64 (n, length), padded with 0.
        mask: int64 (n, length), 1 for tokens and 0 for padding.
    """

    rows: np.ndarray
    token_ids: np.ndarray
    mask: np.ndarray


def make_batches(tokenize: Callable[[list[str]], list[Any]], texts: Sequence[str], size: int) -> Iterator[Batch]:
    """Yields every text once, in batches of at most `size`: the same batches for the same texts.

    Args:
        tokenize: from texts to encodings with `ids`, such as `Tokenizer.encode_batch`.
        texts: in any order.
        size: texts a batch.
    """
    order = np.argsort([-len(text) for text in texts], kind="stable")  # the longest first: memory peaks at once
    for first in range(0, len(order), size * CHUNK_BATCHES):
        chunk = order[first : first + size * CHUNK_BATCHES]
        token_ids = [encoding.ids for encoding in tokenize([texts[row] for row in chunk])]
        by_length = np.argsort([-len(ids) for ids in token_ids], kind="stable")
        for start in range(0, len(chunk), size):
            places = by_length[start : start + size]
            yield _pad(chunk[places], [token_ids[place] for place in places])


def run_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yields the same batches, made in a thread while the encoder works on earlier ones.

    What goes wrong in the thread is raised here. Leaving early stops the thread.
    """
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=QUEUE_BATCHES)
    stopped = threading.Event()

    def fill() -> None:
        last: BaseException | None = None
        try:
            for batch in batches:
                if not _put(ready, batch, stopped):
                    return
        except BaseException as error:
            last = error
        _put(ready, last, stopped)

    thread = threading.Thread(target=fill, name="tokenizer", daemon=True)
    thread.start()
    try:
        while isinstance(item := ready.get(), Batch):
            yield item
        if item is not None:
            raise item
    finally:
        stopped.set()
        thread.join()


def _put(ready: queue.Queue, item: Batch | BaseException | None, stopped: threading.Event) -> bool:
    while not stopped.is_set():
        try:
            ready.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False


def _pad(rows: np.ndarray, token_ids: Sequence[list[int]]) -> Batch:
    longest = max(len(ids) for ids in token_ids)
    length = -(-longest // LENGTH_STEP) * LENGTH_STEP
    padded = np.zeros((len(rows), length), dtype=np.int64)
    mask = np.zeros((len(rows), length), dtype=np.int64)
    for place, ids in enumerate(token_ids):
        padded[place, : len(ids)] = ids
        mask[place, : len(ids)] = 1
    return Batch(rows, padded, mask)
