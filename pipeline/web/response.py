"""What a server said: bytes as they came, and the body within a limit."""

import json
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from pipeline.errors import FetchError

MAX_RAW_BYTES = 24 * 2**20  # the largest known page, 1,300 OAI records, has 3.4 MB unpacked
MAX_BODY_BYTES = 64 * 2**20  # fifty long forum posts in two formats stay under 30 MB
MAX_JSON_PARTS = 1_000_000  # fifty posts with bodies have some 20,000; a part needs 70 bytes or more
MAX_MEMBERS = 1_000  # of one packed body; servers send one, or one for each piece they flush
_PIECE_BYTES = 2**20
_FIRST_FEED_BYTES = 2**9


class TryAgain(Exception):  # noqa: N818  not an error: a reason to wait and ask again
    """What came is not an answer yet; the session waits and asks again. The argument is the reason."""


class EndsEarly(TryAgain):
    """What came lacks its end. If the same bytes come again, that is how the site writes it (`accept_repeated`)."""


@dataclass(frozen=True)
class Response:
    """One answer. `raw` is the body as it was sent, still packed if a Content-Encoding says so."""

    url: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    raw: bytes = field(repr=False)
    method: str = "GET"
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: bytes = field(default=b"", repr=False)
    read_at: str = ""

    def header(self, name: str) -> str:
        """Returns the first header of that name, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @cached_property
    def body(self) -> bytes:
        """The unpacked body.

        Raises:
            FetchError: it is packed in an unknown way, or unpacks to more than `MAX_BODY_BYTES`.
            TryAgain: it is damaged or ends early.
        """
        return unpack(self.raw, self.header("content-encoding"), self.url)

    @property
    def text(self) -> str:
        """The body as UTF-8 text, without a byte-order mark; bytes that are none become U+FFFD."""
        return self.body.decode("utf-8-sig", "replace")


def accept_repeated(check: Callable[[Response], None], n_times: int = 3) -> Callable[[Response], None]:
    """Returns a check that takes a body without its end for whole once the very same bytes came `n_times`.

    Once is not enough: a body that was cut on its way looks the same. A short body whose length the server named is
    refused by the transport before.
    """
    seen: Counter[bytes] = Counter()

    def patient(response: Response) -> None:
        try:
            check(response)
        except EndsEarly:
            seen[response.body] += 1
            if seen[response.body] < n_times:
                raise

    return patient


def unpack(raw: bytes, encoding: str, where: str, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Unpacks a body, piece by piece, and stops at the limit.

    Raises:
        FetchError: an unknown encoding, or more than `max_bytes`.
        TryAgain: the data is damaged or ends early.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return raw
    if name not in ("gzip", "x-gzip", "deflate"):
        raise FetchError(f"the body is packed as {name!r}, which was not asked for", where=where)
    try:
        # Many servers send what is named so without the head that it should have.
        is_bare = name == "deflate" and bool(raw) and (raw[0] & 0x0F != 8 or int.from_bytes(raw[:2], "big") % 31 != 0)
        return _unpack_members(memoryview(raw), where, max_bytes, -zlib.MAX_WBITS if is_bare else zlib.MAX_WBITS | 32)
    except zlib.error as error:
        raise TryAgain(f"the packed body is damaged ({error})") from None


def _unpack_members(raw: memoryview, where: str, max_bytes: int, window_bits: int) -> bytes:
    """Unpacks gzip members in a row. A member is fed little at first: what lies behind its end is copied each time."""
    pieces, size, place, member_count, feed = [], 0, 0, 0, 0
    machine = None
    while place < len(raw):
        if machine is None or machine.eof:
            machine, feed, member_count = zlib.decompressobj(window_bits), _FIRST_FEED_BYTES, member_count + 1
        given = raw[place : place + feed]
        piece = machine.decompress(given, _PIECE_BYTES)
        place += len(given) - len(machine.unused_data) - len(machine.unconsumed_tail)
        feed = min(2 * feed, _PIECE_BYTES)
        size += len(piece)
        pieces.append(piece)
        if size > max_bytes or member_count > MAX_MEMBERS:
            how = (
                f"to more than {max_bytes // 2**20} MiB" if size > max_bytes else f"from more than {MAX_MEMBERS} parts"
            )
            raise FetchError(
                f"the body unpacks {how}; it was refused",
                where=where,
                do="ask for smaller pages, or report it if the service really sends this much",
            )
    if machine is not None and not machine.eof:
        raise TryAgain("the packed body ends early")
    return b"".join(pieces)


def refuse_dense(body: bytes, marks: tuple[bytes, ...], max_marks: int, max_bytes: int, where: str) -> None:
    """Refuses a body whose parsed form would need far more memory than its bytes: many small parts.

    Args:
        marks: what begins a part, such as b"<".

    Raises:
        FetchError: it is larger than `max_bytes`, or has more than `max_marks` marks.
    """
    if len(body) > max_bytes or sum(map(body.count, marks)) > max_marks:
        raise FetchError(
            f"the body is larger ({len(body) / 2**20:.0f} MiB) or has more parts than any page of ours; it was refused",
            where=where,
            do="ask for smaller pages, or report it if the service really sends this",
        )


def read_json(response: Response) -> Any:
    """Returns the JSON value of an answer.

    Raises:
        FetchError: it has far more parts than any page of ours.
        TryAgain: it is not JSON, or ends early.
    """
    refuse_dense(response.body, (b"{", b"["), MAX_JSON_PARTS, MAX_BODY_BYTES, response.url)
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise TryAgain(f"not JSON (status {response.status})") from None


def retry_after_seconds(value: str, now: float) -> float | None:
    """Returns how long a `Retry-After` header asks to wait, in either form, or nothing if it says neither."""
    value = value.strip()
    if value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())
