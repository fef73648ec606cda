"""A site on 127.0.0.1 that behaves as a live one does: it logs, keeps a pace, and fails on purpose from a seed."""

import gzip
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as the site saw it."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    time: float
    connection: int


@dataclass(frozen=True)
class Reply:
    """What the site says. `kind` is the content type."""

    body: bytes
    status: int = 200
    kind: str = "text/xml; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None


class Site:
    """One server in a thread. `answer` says what it would say without faults."""

    def __init__(
        self,
        answer: Callable[[Asked], Reply],
        *,
        clock,
        seed: int = 0,
        fault_share: float = 0.0,
        faults: tuple[str, ...] = (),
        seconds_between: float = 0.0,
        robots: str = "",
    ) -> None:
        self.answer, self.clock, self.robots = answer, clock, robots
        self.rng, self.fault_share, self.faults = random.Random(seed), fault_share, faults
        self.seconds_between = seconds_between
        self.log: list[Asked] = []
        self.injected: Counter[str] = Counter()
        self.too_fast = 0
        self.most_at_once = 0
        self._at_once = 0
        self._streak = 0
        self._last_end = 0.0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.log.append(asked)
            is_early = asked.time - self._last_end < self.seconds_between - 1e-6
            self.too_fast += is_early
        try:
            if asked.path == "/robots.txt":
                status = 503 if self.robots == "broken" else 200 if self.robots else 404
                return Reply(self.robots.encode(), kind="text/plain", status=status)
            if is_early:
                return Reply(b"Rate exceeded.", status=429, kind="text/plain")
            with self._lock:
                fault = self._draw_fault()
            return _spoil(fault, self.answer(asked), self.clock.now()) if fault else self.answer(asked)
        finally:
            with self._lock:
                self._at_once -= 1
                self._last_end = self.clock.now()

    def _draw_fault(self) -> str:
        # Never more than three in a row, so that a patient client gets through.
        if not self.faults or self._streak >= 3 or self.rng.random() >= self.fault_share:
            self._streak = 0
            return ""
        self._streak += 1
        fault = self.rng.choice(self.faults)
        self.injected[fault] += 1
        return fault


def _spoil(fault: str, reply: Reply, now: float) -> Reply:
    if fault == "429":
        return Reply(b"Rate exceeded.", status=429, kind="text/plain")
    if fault == "200-throttled":
        return Reply(b"Rate exceeded.", kind="text/plain")
    if fault == "429-html":
        return Reply(b"<html><head><title>429: Too Many Requests</title></head></html>", status=429, kind="text/html")
    if fault == "406":
        return Reply(b"", status=406, kind="text/plain")
    if fault == "500":
        return Reply(b"<html><body>Internal Server Error</body></html>", status=500, kind="text/html")
    if fault == "503-seconds":
        return Reply(b"", status=503, headers={"Retry-After": "5"})
    if fault == "503-date":
        moment = datetime.fromtimestamp(now + 7, UTC)
        return Reply(b"", status=503, headers={"Retry-After": format_datetime(moment, usegmt=True)})
    if fault == "cut-connection":
        return Reply(reply.body, reply.status, reply.kind, reply.headers, cut_at=len(reply.body) // 2)
    if fault == "cut-body":
        return Reply(reply.body[: len(reply.body) * 2 // 3], reply.status, reply.kind, reply.headers)
    if fault == "control-char":
        body = reply.body.replace(b"Invented", b"Inv\x0bented", 1)
        return Reply(body, reply.status, reply.kind, reply.headers)
    if fault == "html-200":
        return Reply(b"<!DOCTYPE html><html><head><title>Sorry</title></head><body></body></html>", kind="text/html")
    return Reply(reply.body, reply.status, reply.kind, {**reply.headers, "X-Fault": fault})


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet; apart, each answer waits 40 ms for an acknowledgement

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            asked = Asked(
                method=self.command,
                path=parts.path,
                params={key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()},
                headers={key.lower(): value for key, value in self.headers.items()},
                body=self.rfile.read(length),
                time=site.clock.now(),
                connection=self.client_address[1],
            )
            reply = site.reply(asked)
            body = reply.body
            headers = {"Content-Type": reply.kind, **reply.headers}
            is_special = reply.cut_at is not None or "Content-Encoding" in headers
            if "gzip" in asked.headers.get("accept-encoding", "") and len(body) > 500 and not is_special:
                body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
            self.send_response(reply.status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if reply.cut_at is not None:
                self.wfile.write(body[: reply.cut_at])
                self.close_connection = True
                return
            self.wfile.write(body)

        do_GET = do_POST = _serve  # noqa: N815  the names that the base class looks for

        def log_message(self, *_) -> None:
            pass

    return Handler


def wait_until(test: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not test() and time.monotonic() < end:
        time.sleep(0.01)
