"""Progress of a long run: documents a second and the time left, as a bar on a terminal and as a line now and then.

The longest texts come first, so the number of documents says too little: what is left is reckoned in characters.
"""

import logging
import sys
import time
from collections.abc import Iterable, Sequence

import numpy as np
from tqdm import tqdm

from pipeline.embed.shards import Shard

log = logging.getLogger(__name__)
LOG_SECONDS = 60.0  # between two lines where nobody watches a terminal


def follow(saved: Iterable[int], shards: Sequence[Shard]) -> None:
    """Takes the number of texts of each shard that is done, and shows how far the run is.

    Args:
        saved: yields once a shard, in about the order of `shards`.
        shards: all that is to do.
    """
    documents = np.cumsum([0, *map(len, shards)])
    characters = np.cumsum([0, *(shard.character_count for shard in shards)])
    start = last = time.monotonic()
    done, total = 0, int(documents[-1])
    with tqdm(total=total, desc="embed", unit="document", disable=not sys.stderr.isatty()) as bar:
        for number in saved:
            done += number
            bar.update(number)
            now = time.monotonic()
            share = float(np.interp(done, documents, characters)) / max(float(characters[-1]), 1.0)
            line = describe(done, total, now - start, share)
            bar.set_postfix_str(line.rpartition(", ")[2])
            if now - last >= LOG_SECONDS and bar.disable:
                log.info("embed: %s", line)
                last = now


def describe(done: int, total: int, seconds: float, share: float) -> str:
    """Returns how far a run is.

    Args:
        done, total: documents.
        seconds: since it began.
        share: of the work that is done, 0 to 1.
    """
    left = seconds * (1 - share) / share if share else float("inf")
    rate = done / seconds if seconds else 0.0
    told = (
        f"{left / 3600:.1f} hours"
        if left >= 5400
        else f"{left / 60:.0f} minutes"
        if left >= 90
        else f"{left:.0f} seconds"
    )
    return f"{done:,} of {total:,} documents, {rate:.1f} a second, {told} left"
