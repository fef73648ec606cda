"""The raw archive: every validated page byte for byte, as WARC members that a kill cannot damage.

A page is packed into one gzip member, read back, appended and forced to disk; only then does the checkpoint move past
it. Whatever lies behind the checkpoint is cut off before the next page is written, and is never read.
"""

import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.errors import DataError
from pipeline.web.response import Response

_PIECE_BYTES = 2**20
_CONTEXT = "Census-Context"  # a header of ours in the WARC record: what the page was asked for


@dataclass(frozen=True)
class Page:
    """One archived answer. `place` is unique within the source; `context` is what the source asked it for."""

    place: str
    response: Response
    context: Mapping[str, Any]


def append_page(path: Path, length: int, response: Response, context: Mapping[str, Any]) -> int:
    """Appends one page behind the first `length` bytes of an archive and forces it to disk.

    Returns:
        The new length.

    Raises:
        DataError: the archive is shorter than `length`, or the page does not read back as it was written.
    """
    member = _pack(response, context)
    back = list(_read_members(io.BytesIO(member), len(member), str(path)))
    if len(back) != 1 or back[0][0].raw != response.raw or back[0][1] != dict(context):
        raise DataError("a page does not read back as it was written", where=str(path), do="report this")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if os.fstat(handle).st_size < length:
            raise DataError(
                "the archive is shorter than its checkpoint says",
                where=str(path),
                do="delete this snapshot's folder; it will be fetched again",
            )
        os.ftruncate(handle, length)
        os.lseek(handle, length, os.SEEK_SET)
        view = memoryview(member)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    return length + len(member)


def read_pages(path: Path, length: int, snapshot: str) -> Iterator[Page]:
    """Yields the pages within the first `length` bytes of an archive, in order.

    Raises:
        DataError: the archive is shorter than that, damaged, or a digest does not fit.
    """
    if not length:
        return
    if not path.is_file() or path.stat().st_size < length:
        raise DataError(
            "the archive is missing or cut short",
            where=str(path),
            do="restore it, or delete this snapshot's folder and run make scrape",
        )
    with path.open("rb") as file:
        for number, (response, context) in enumerate(_read_members(file, length, str(path))):
            yield Page(f"{snapshot}/{number:06d}", response, context)


def _unpack_members(file: BinaryIO, length: int) -> Iterator[bytes]:
    """Yields each gzip member within the first `length` bytes, unpacked; one without its checksum raises EOFError."""
    machine, pieces, rest = zlib.decompressobj(zlib.MAX_WBITS | 16), [], b""
    is_open = False
    while rest or length:
        if not rest:
            rest = file.read(min(length, _PIECE_BYTES))
            if not rest:
                break
            length -= len(rest)
        pieces.append(machine.decompress(rest))
        rest, is_open = machine.unused_data, True
        if machine.eof:
            yield b"".join(pieces)
            machine, pieces, is_open = zlib.decompressobj(zlib.MAX_WBITS | 16), [], False
    if is_open:
        raise EOFError("the archive ends within a member")


def _pack(response: Response, context: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=True)
    # The body was already taken out of its chunks, so the header that announces chunks would be false.
    headers = [(name, value) for name, value in response.headers if name.lower() != "transfer-encoding"]
    answer = writer.create_warc_record(
        response.url,
        "response",
        payload=io.BytesIO(response.raw),
        length=len(response.raw),
        warc_headers_dict={
            "WARC-Date": response.read_at,
            _CONTEXT: json.dumps(context, sort_keys=True),
        },
        http_headers=StatusAndHeaders(f"{response.status} {response.reason}".strip(), headers, protocol="HTTP/1.1"),
    )
    asked = writer.create_warc_record(
        response.url,
        "request",
        payload=io.BytesIO(response.request_body),
        length=len(response.request_body),
        warc_headers_dict={"WARC-Date": response.read_at},
        http_headers=StatusAndHeaders(
            f"{response.method} {response.url} HTTP/1.1", list(_public(response.request_headers)), is_http_request=True
        ),
    )
    writer.write_request_response_pair(asked, answer)
    return buffer.getvalue()


def _public(headers: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    """Leaves out what a service gave to this person only: keys stay out of the archive."""
    known = {"user-agent", "accept", "accept-encoding", "content-type"}
    yield from ((name, value) for name, value in headers if name.lower() in known)


def _read_members(file: BinaryIO, length: int, where: str) -> Iterator[tuple[Response, dict[str, Any]]]:
    found = None
    try:
        for member in _unpack_members(file, length):
            for record in ArchiveIterator(io.BytesIO(member), check_digests="raise"):
                body = record.raw_stream.read()
                if record.rec_type == "response":
                    found = (record, body)
                elif found:
                    yield _response_from(found[0], found[1], record, body)
                    found = None
        if found:
            raise EOFError("the archive ends within a page")
    except (ArchiveLoadFailed, EOFError, OSError, ValueError, zlib.error) as error:
        raise DataError(
            f"the archive is damaged ({(str(error) or type(error).__name__).splitlines()[0]})",
            where=where,
            do="restore it, or delete this snapshot's folder and run make scrape",
        ) from None


def _response_from(answer: Any, raw: bytes, asked: Any, request_body: bytes) -> tuple[Response, dict[str, Any]]:
    code, _, reason = answer.http_headers.statusline.partition(" ")
    response = Response(
        url=answer.rec_headers.get_header("WARC-Target-URI"),
        status=int(code),
        reason=reason,
        headers=tuple(answer.http_headers.headers),
        raw=raw,
        method=asked.http_headers.protocol if asked.http_headers else "GET",
        request_headers=tuple(asked.http_headers.headers) if asked.http_headers else (),
        request_body=request_body,
        read_at=answer.rec_headers.get_header("WARC-Date"),
    )
    return response, json.loads(answer.rec_headers.get_header(_CONTEXT) or "{}")
