"""Answers of odd servers: each is an answer or one line, soon. A case returns what went wrong."""

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.web.clock import VirtualClock
from pipeline.web.hosts import HostRule, check_address, host_of, rule_for
from pipeline.web.response import TryAgain, read_json
from pipeline.web.safe_xml import parse_xml
from pipeline.web.session import Limits, PoliteSession

Case = Callable[[Path], str]
Send = Callable[[socket.socket], None]
MAX_SECONDS = 8.0  # two attempts of a second and a half each, on a busy machine
LIMITS = Limits(timeout_seconds=1.0, body_seconds=1.5, max_attempts=2, max_raw_bytes=4 * 2**20)
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def serve(page: Send, robots: bytes = NOT_FOUND) -> Iterator[str]:
    """Answers `/robots.txt` with bytes and every other address by `page`. Yields the address of the server."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    is_over = threading.Event()

    def answer(client: socket.socket) -> None:
        with client:
            try:
                client.settimeout(5)
                asked = client.recv(65_536)
                if asked.split(b" ")[1:2] == [b"/robots.txt"]:
                    client.sendall(robots)
                else:
                    page(client)
            except OSError:
                pass

    def accept() -> None:
        while not is_over.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                continue
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        is_over.set()
        listener.close()


def ask(page: Send, robots: bytes = NOT_FOUND, path: str = "/page") -> tuple[bytes | str, float]:
    """Asks once. Returns the body or the line that says what is wrong, and the seconds it took."""
    start = time.monotonic()
    with serve(page, robots) as address:
        session = PoliteSession(
            rule_for(address, 0.0), user_agent="test/1 (mailto:a@b.org)", clock=VirtualClock(), limits=LIMITS
        )
        try:
            return session.get(address + path, accept="*/*").body, time.monotonic() - start
        except PipelineError as error:
            return str(error), time.monotonic() - start
        except TryAgain as error:
            return f"again: {error}", time.monotonic() - start
        finally:
            session.close()


def whole(content: bytes) -> Send:
    """Returns a page that sends these bytes and closes."""
    return lambda client: client.sendall(content)


def slow(pieces: list[bytes], pause: float) -> Send:
    """Returns a page that pauses behind each piece."""

    def send(client: socket.socket) -> None:
        for piece in pieces:
            client.sendall(piece)
            time.sleep(pause)

    return send


def page(*headers: str, body: bytes = b"", status: str = "200 OK") -> bytes:
    """Returns the bytes of an answer."""
    return (
        "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers, "Connection: close", "")).encode("latin-1")
        + body
    )


def packed(body: bytes) -> bytes:
    """Returns an answer with a packed body."""
    return page("Content-Encoding: gzip", f"Content-Length: {len(body)}", body=body)


BODY = b"whole body"
LENGTH = f"Content-Length: {len(BODY)}"
GOOD: dict[str, Send] = {
    "plain": whole(page(LENGTH, body=BODY)),
    "without a length": whole(page(body=BODY)),
    "chunked": whole(page("Transfer-Encoding: chunked", body=b"a\r\nwhole body\r\n0\r\n\r\n")),
    "chunks with extensions": whole(page("Transfer-Encoding: chunked", body=b"a;x=y\r\nwhole body\r\n0\r\n\r\n")),
    "packed": whole(packed(gzip.compress(BODY))),
    "packed in members": whole(packed(b"".join(gzip.compress(BODY[n : n + 1]) for n in range(len(BODY))))),
    "packed with empty members": whole(packed(gzip.compress(b"") * 50 + gzip.compress(BODY))),
    "as zlib": whole(page("Content-Encoding: deflate", body=zlib.compress(BODY))),
    "slow within the limit": slow([page(LENGTH), BODY[:4], BODY[4:]], 0.1),
    "latin-1 in a header": whole(page("X-Name: caf\xe9", LENGTH, body=BODY)),
    "many headers": whole(page(*(f"X-{n}: 1" for n in range(90)), LENGTH, body=BODY)),
    "header without value": whole(page("X-Empty:", LENGTH, body=BODY)),
    "HTTP/1.0": whole(b"HTTP/1.0 200 OK\r\n\r\n" + BODY),
    "behind a 100": whole(b"HTTP/1.1 100 Continue\r\n\r\n" + page(LENGTH, body=BODY)),
    "a length twice": whole(page(LENGTH, LENGTH, body=BODY)),
    "a length and chunks": whole(page(LENGTH, "Transfer-Encoding: chunked", body=b"a\r\nwhole body\r\n0\r\n\r\n")),
    "a folded header": whole(b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\n" + f"{LENGTH}\r\n\r\n".encode() + BODY),
    "a NUL in a header": whole(page("X-A: a\0b", LENGTH, body=BODY)),
    "a header without a colon": whole(page("garbage", LENGTH, body=BODY)),
    "line feeds alone": whole(f"HTTP/1.1 200 OK\n{LENGTH}\n\n".encode() + BODY),
    "trailers": whole(page("Transfer-Encoding: chunked", body=b"a\r\nwhole body\r\n0\r\nX-T: 1\r\n\r\n")),
    "deflate without a head": whole(page("Content-Encoding: deflate", body=zlib.compress(BODY, wbits=-15))),
    "packed, named in capitals": whole(page("content-encoding: GZIP", body=gzip.compress(BODY))),
    "packed, named as of old": whole(page("Content-Encoding: x-gzip", body=gzip.compress(BODY))),
    "not packed, and said so": whole(page("Content-Encoding: identity", LENGTH, body=BODY)),
    "another alphabet in the status line": whole(
        "HTTP/1.1 200 \u65e5\u672c\r\nContent-Length: 10\r\n\r\n".encode() + BODY
    ),
    "more than its length": whole(page(LENGTH, body=BODY + b"more")),
}
BAD: dict[str, Send] = {
    "nothing": whole(b""),
    "silence": slow([b""], 4),
    "junk": whole(b"\x00\xff junk\r\n\r\n"),
    "half a status line": whole(b"HTTP/1.1 2"),
    "a status that is no number": whole(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a status of a million": whole(b"HTTP/1.1 1000000 OK\r\n\r\n"),
    "a negative status": whole(b"HTTP/1.1 -1 OK\r\n\r\n"),
    "slow status line": slow([bytes([sign]) for sign in page(LENGTH, body=BODY)], 0.3),
    "slow headers": slow([b"HTTP/1.1 200 OK\r\n", *[b"X-A: 1\r\n"] * 30], 0.3),
    "one slow header": slow([b"HTTP/1.1 200 OK\r\nX-A: ", *[b"a"] * 30], 0.3),
    "slow body": slow([page("Content-Length: 30"), *[b"a"] * 30], 0.3),
    "slow body without length": slow([page(), *[b"a"] * 30], 0.3),
    "slow chunks": slow([page("Transfer-Encoding: chunked"), *[b"1\r\na\r\n"] * 30], 0.3),
    "slow chunk size": slow([page("Transfer-Encoding: chunked"), *[b"0"] * 30], 0.3),
    "slow continue": slow([b"HTTP/1.1 100 Continue\r\n\r\n"] * 30, 0.3),
    "shorter than its length": whole(page("Content-Length: 500", body=BODY)),
    "a chunk of size -3": whole(page("Transfer-Encoding: chunked", body=b"-3\r\nabc\r\n0\r\n\r\n")),
    "a chunk of size x": whole(page("Transfer-Encoding: chunked", body=b"x\r\nabc\r\n0\r\n\r\n")),
    "a chunk without end": whole(page("Transfer-Encoding: chunked", body=b"ff\r\nabc")),
    "a huge chunk size": whole(page("Transfer-Encoding: chunked", body=b"f" * 40 + b"\r\nabc")),
    "an endless chunk size": whole(page("Transfer-Encoding: chunked", body=b"1" * 200_000)),
    "too many headers": whole(page(*(f"X-{n}: 1" for n in range(500)), body=BODY)),
    "a header of 200 kB": whole(page(f"X-A: {'a' * 200_000}", body=BODY)),
    "larger than allowed": whole(page("Content-Length: 5000000", body=bytes(5_000_000))),
    "unknown packing": whole(page("Content-Encoding: br", LENGTH, body=BODY)),
    "packed twice by name": whole(page("Content-Encoding: gzip, gzip", body=gzip.compress(BODY))),
    "a bomb": whole(packed(gzip.compress(bytes(80 * 2**20)))),
    "a bomb in members": whole(packed(gzip.compress(bytes(2**20)) * 80)),
    "80,000 empty members": whole(packed(gzip.compress(b"", mtime=0) * 80_000)),
    "80,000 members of a byte": whole(packed(gzip.compress(b"a", mtime=0) * 80_000)),
    "packed body cut": whole(packed(gzip.compress(BODY * 50)[:-5])),
    "packed body flipped": whole(packed(gzip.compress(BODY)[:-6] + b"xxxxxx")),
    "not packed at all": whole(packed(BODY)),
    "packed with junk behind": whole(packed(gzip.compress(BODY) + b"junk")),
    "throttled": whole(page(LENGTH, body=b"Slow down.")),
    "asked to wait a day": whole(page("Retry-After: 86400", status="429 Too Many Requests")),
    "asked to wait until nonsense": whole(page("Retry-After: Thu, 99 Foo 2026", status="503 Busy")),
    "asked to wait forever": whole(page(f"Retry-After: {'9' * 400}", status="503 Busy")),
    "a challenge": whole(page("cf-mitigated: challenge", LENGTH, body=BODY)),
    "two lengths": whole(page(LENGTH, "Content-Length: 3", body=BODY)),
    "a length of thirty digits": whole(page(f"Content-Length: {'9' * 30}", body=BODY)),
    "another protocol": whole(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "encrypted": whole(b"\x16\x03\x01\x02\x00\x01"),
    "no head at all": whole(BODY),
    "a version that is none": whole(b"HTTP/9.9 200 OK\r\n\r\n" + BODY),
    "zeros behind gzip": whole(packed(gzip.compress(BODY) + bytes(100))),
    "deflate without a head, cut": whole(
        page("Content-Encoding: deflate", body=zlib.compress(BODY * 9, wbits=-15)[:-3])
    ),
    "packed by another name": whole(page("Content-Encoding: zstd", LENGTH, body=BODY)),
    "sent on to itself": whole(page("Location: /page", "Content-Length: 0", status="302 Found")),
    "asked to wait until the past": whole(page("Retry-After: Wed, 01 Jan 2020 00:00:00 GMT", status="429 Too Many")),
    "asked to wait minus five": whole(page("Retry-After: -5", status="429 Too Many")),
}
TARGETS = (
    "http://[ http://[::1 //[ http://:99999/ http://127.0.0.1:x/ http://\xff\xfe/ \xe9\xff /%zz\x00 http:// ftp://127.0.0.1/ "
    "file:///etc/passwd javascript:alert(1) data:,x gopher://x/ http://169.254.169.254/ http://user:pw@127.0.0.1/ "
    "http://2130706433/ http://0x7f000001/ http://[::ffff:127.0.0.1]/ http://127.1/ https:///x http://example.org/ /page ? # "
    "http://127.0.0.1:0/ http://localhost/"
).split(" ")
ROBOTS: dict[str, tuple[bytes, bool]] = {  # the file, and whether /page may then be asked for
    "forbids": (b"User-agent: *\nDisallow: /", False),
    "byte-order mark": (b"\xef\xbb\xbfUser-agent: *\nDisallow: /", False),
    "carriage returns": (b"User-agent: *\rDisallow: /", False),
    "lower case": (b"user-agent: *\ndisallow: /page", False),
    "a comment": (b"# x\nUser-agent: * # all\nDisallow: /page # no", False),
    "allows": (b"User-agent: *\nDisallow:", True),
    "another path": (b"User-agent: *\nDisallow: /other", True),
    "junk": (b"\x00\xff\xfe<html>", True),
    "a delay of nonsense": (b"User-agent: *\nCrawl-delay: soon", True),
    "UTF-16": ("User-agent: *\nDisallow: /".encode("utf-16"), False),
    "UTF-16, the other way": (b"\xfe\xff" + "User-agent: *\nDisallow: /".encode("utf-16-be"), False),
    "a NUL": (b"User-agent: *\0\nDisallow: /", False),
    "blanks that do not break": ("User-agent:\u00a0*\nDisallow:\u00a0/".encode(), False),
    "no blank": (b"User-agent:*\nDisallow:/", False),
    "two agents": (b"User-agent: x\nUser-agent: *\nDisallow: /page", False),
    "this agent": (b"User-agent: test\nDisallow: /\n\nUser-agent: *\nAllow: /", False),
    "a pattern with an end": (b"User-agent: *\nDisallow: /*page$", False),
    "written in hexadecimal": (b"User-agent: *\nDisallow: /%70age", False),
    "a longer path allows": (b"User-agent: *\nDisallow: /\nAllow: /page", True),
    "a page": (b"<html>User-agent: *<br>Disallow: /</html>", True),
    "a delay that is negative": (b"User-agent: *\nCrawl-delay: -5", True),
    "a delay that is no number": (b"User-agent: *\nCrawl-delay: nan", True),
    "a delay without end": (b"User-agent: *\nCrawl-delay: inf", True),
    "a wide pattern": (b"User-agent: *\nDisallow: " + b"*" * 2_000 + b"x", True),
}
ADDRESSES = {  # whether a host may be asked
    **dict.fromkeys(
        "[64:ff9b::7f00:1] [64:ff9b::808:808] [64:ff9b:1::1] [2002:7f00:1::] [::127.0.0.1] [::ffff:127.0.0.1] [::] [::1] [fec0::1] "
        "[fe80::1] [fc00::1] [2001::1] [2001:db8::1] [3fff::1] [ff02::1] [5f00::1] [100::1] [4000::1] 127.0.0.1 10.0.0.1 "
        "169.254.169.254 100.64.0.1 192.88.99.1 192.0.0.8 198.18.0.1 0.0.0.0 224.0.0.1 240.0.0.1 255.255.255.255".split(),
        False,
    ),
    **dict.fromkeys("[2606:4700::1111] [2a00:1450:4001::1] 1.1.1.1 8.8.8.8".split(), True),
}
XML: dict[str, tuple[bytes, bool]] = {
    "plain": (b"<?xml version='1.0'?><a>b</a>", True),
    "latin-1": ("<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>".encode("latin-1"), True),
    "byte-order mark": (b"\xef\xbb\xbf<a/>", True),
    "document type": (b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", False),
    "document type with a NUL": (b"<!DOC\x00TYPE a [<!ENTITY x 'y'>]><a>&x;</a>", False),
    "document type in lower case": (b"<!doctype a><a/>", False),
    "UTF-7": (b"<?xml version='1.0' encoding='UTF-7'?>+ADw-+ACE-DOCTYPE a+AD4-<a/>", False),
    "UTF-16": ("<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a><a/>".encode("utf-16"), False),
    "EBCDIC": (b"<?xml version='1.0' encoding='cp037'?><a/>", False),
    "unknown": (b"<?xml version='1.0' encoding='x-none'?><a/>", False),
    "billion laughs": (
        b"<!DOCTYPE a [<!ENTITY b 'x'>" + b"".join(b"<!ENTITY c%d '&b;&b;'>" % n for n in range(50)) + b"]><a/>",
        False,
    ),
    "deep": (b"<a>" * 100_000, False),
    "nothing": (b"", False),
    "blanks": (b"   ", False),
}


def check_answer(send: Send, is_good: bool) -> str:
    found, seconds = ask(send)
    if seconds > MAX_SECONDS:
        return f"took {seconds:.1f} s"
    if is_good:
        return "" if found == BODY else f"gave {found!r}"
    return "" if isinstance(found, str) and found and "\n" not in found else f"gave {found!r}"


def check_redirect(target: str, status: int) -> str:
    found, seconds = ask(whole(page(f"Location: {target}", "Content-Length: 0", status=f"{status} Moved")))
    is_line = isinstance(found, str) and "\n" not in found and found.isprintable()
    return "" if is_line and seconds < MAX_SECONDS else f"gave {found!r} after {seconds:.1f} s"


def check_robots(content: bytes, is_allowed: bool) -> str:
    found, seconds = ask(GOOD["plain"], page(f"Content-Length: {len(content)}", body=content))
    is_right = found == BODY if is_allowed else isinstance(found, str) and "forbids" in found
    return "" if is_right and seconds < MAX_SECONDS else f"gave {found!r} after {seconds:.1f} s"


def check_delay(seconds: str) -> str:
    content = f"User-agent: *\nCrawl-delay: {seconds}".encode()
    found, _ = ask(GOOD["plain"], page(f"Content-Length: {len(content)}", body=content))
    return "" if isinstance(found, str) and "seconds between requests" in found else f"gave {found!r}"


def check_host(host: str, is_allowed: bool) -> str:
    url = f"http://{host}/"
    try:
        check_address(url, {host_of(url): HostRule()})
    except PipelineError as error:
        return f"refused: {error}" if is_allowed else ""
    return "" if is_allowed else "is allowed"


def check_xml(content: bytes, is_allowed: bool) -> str:
    try:
        parse_xml(content, "here")
    except (PipelineError, TryAgain) as error:
        return f"refused: {error}" if is_allowed else ""
    return "" if is_allowed else "is read"


def check_json(content: bytes) -> str:
    from pipeline.web.response import Response

    try:
        read_json(Response("here", 200, "", (), content))
    except (PipelineError, TryAgain):
        return ""
    return "is read"


def all_cases() -> dict[str, Case]:
    """Returns every case by name."""
    cases: dict[str, Case] = {}
    for table, is_good in ((GOOD, True), (BAD, False)):
        for name, send in table.items():
            cases[f"answer-{name}"] = lambda folder, send=send, is_good=is_good: check_answer(send, is_good)
    for number, target in enumerate(TARGETS):
        for status in (301, 307):
            cases[f"redirect-{number}-{status}"] = lambda folder, target=target, status=status: check_redirect(
                target, status
            )
    for name, (content, is_allowed) in ROBOTS.items():
        cases[f"robots-{name}"] = lambda folder, content=content, is_allowed=is_allowed: check_robots(
            content, is_allowed
        )
    for seconds in ("1e300", "100000", "3600.5"):
        cases[f"robots-delay-{seconds}"] = lambda folder, seconds=seconds: check_delay(seconds)
    for host, is_allowed in ADDRESSES.items():
        cases[f"host-{host}"] = lambda folder, host=host, is_allowed=is_allowed: check_host(host, is_allowed)
    for name, (content, is_allowed) in XML.items():
        cases[f"xml-{name}"] = lambda folder, content=content, is_allowed=is_allowed: check_xml(content, is_allowed)
    for name, content in {
        "deep": b"[" * 200_000,
        "long number": b"9" * 10_000,
        "cut": b'{"a": ',
        "latin-1": b'"\xe9"',
    }.items():
        cases[f"json-{name}"] = lambda folder, content=content: check_json(content)
    return cases
