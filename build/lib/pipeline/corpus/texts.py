"""Texts on disk: a text is kept in a file and known by its number, so that memory holds where it is, not what it says.

Everything that handles records and documents takes their texts as they come: as text, or as the number of a text and
a function that reads it again.
"""

import contextlib
import os
import tempfile
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa

Read = Callable[[Any], str]


class Texts:
    """Texts in a file without a name: a kill leaves nothing behind. A class, because it grows while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.starts = array("q", [0])
        self.is_flushed = True

    def add(self, text: str) -> int:
        """Keeps a text and returns its number."""
        self.file.write(content := text.encode("utf-8", "surrogatepass"))
        self.is_flushed = False
        self.starts.append(self.starts[-1] + len(content))
        return len(self.starts) - 2

    def read(self, number: int) -> str:
        """Returns the text of a number."""
        if not self.is_flushed:
            self.file.flush()
            self.is_flushed = True
        start, end = self.starts[int(number)], self.starts[int(number) + 1]
        return os.pread(self.file.fileno(), end - start, start).decode("utf-8", "surrogatepass")


@contextlib.contextmanager
def open_texts(folder: Path) -> Iterator[Texts]:
    """Holds a place for texts in a folder, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, prefix=".texts.") as file:
        yield Texts(file)


def read_all(texts: pd.Series, read: Read) -> pa.Array:
    """Returns a column of texts as texts; missing ones stay missing."""
    pairs = zip(texts.array, has_text(texts), strict=True)
    return pa.array([read(text) if is_there else None for text, is_there in pairs], pa.string())


def has_text(texts: pd.Series) -> np.ndarray:
    """Returns which rows have a text: bool (n,)."""
    return texts.notna().to_numpy(dtype=bool)
