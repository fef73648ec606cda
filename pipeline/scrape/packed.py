"""Lines of a file, packed or not, a piece at a time; a packed file must prove where each of its frames ends."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import zstandard

from pipeline.errors import DataError

PACKINGS = (".gz", ".zst")
MAX_LINE_BYTES = 64 * 2**20  # the longest line known, a book in the alignment research dataset, has 6 MB
_PIECE_BYTES = 2**11  # a packed piece of this size cannot unpack to more than some 64 MiB
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_WINDOW_BYTES = 2**31  # what `zstd --long=31` needs; published dumps are packed so


def split_suffix(path: Path) -> tuple[str, str]:
    """Returns the ending that says what a file holds, and the one that says how it is packed, in lower case."""
    last = path.suffix.lower()
    return (path.with_suffix("").suffix.lower(), last) if last in PACKINGS else (last, "")


@contextmanager
def open_packed(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file for reading, unpacked, behind its byte-order mark.

    Raises:
        DataError: the file is missing, empty although packed, damaged, ends early, or is not UTF-8 but UTF-16.
    """
    try:
        if split_suffix(path)[1] and not path.stat().st_size:
            raise EOFError("a packed file is never empty")
        with path.open("rb") as raw, _unpacked(raw, path.suffix.lower()) as file:
            start = file.peek(4)[:4] if isinstance(file, io.BufferedReader) else b""
            if start.startswith(_WIDE_MARKS):
                raise DataError("is UTF-16 or UTF-32", where=str(path), do="save it as UTF-8")
            if start.startswith(BYTE_ORDER_MARK):
                file.read(len(BYTE_ORDER_MARK))
            yield file
    except FileNotFoundError:
        raise DataError(
            "the file is missing", where=str(path), do="put it there, or correct the path in census.toml"
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        raise DataError(f"is damaged or ends early ({error})", where=str(path), do="fetch it again") from None
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror or error})", where=str(path), do="check the file and the disk"
        ) from None


def read_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Yields each line with its number, from 1; None for one of more than `MAX_LINE_BYTES`. Empty ones are left out."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        is_whole = len(line) <= MAX_LINE_BYTES
        while not line.endswith(b"\n") and len(line) > MAX_LINE_BYTES:
            line = file.readline(MAX_LINE_BYTES + 1)
        if not is_whole:
            yield number, None
        elif line.strip():
            yield number, line


def _unpacked(raw: BinaryIO, packing: str) -> Any:
    if packing == ".gz":
        return io.BufferedReader(_GzipFile(raw), 2**17)
    if packing == ".zst":
        return io.BufferedReader(_ZstandardFile(raw), 2**17)
    return io.BufferedReader(raw, 2**17)


class _GzipFile(gzip.GzipFile):
    """A packed file that is closed by whoever opened it."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__(fileobj=raw, mode="rb")


class _ZstandardFile(io.RawIOBase):
    """Unpacks frame after frame, and asks of each whether it ended: the library's own reader does not."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._packed = b""
        self._ready = memoryview(b"")
        self._frame: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            self._packed = self._packed or self._raw.read(_PIECE_BYTES)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("the file ends within a frame")
                return 0
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()
            self._ready = memoryview(self._frame.decompress(self._packed))
            self._packed = b""
            if self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
