"""One polite session for every source: one connection, a pace for each service, limits, and no tricks.

session = PoliteSession(rule_for(url, seconds_between=3.0), user_agent=agent)
page = session.get(url, accept="application/json")
page.status, page.body, page.text, page.header("content-type")
"""

import codecs
import json as json_format
import logging
import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from urllib.parse import urlencode, urljoin, urlsplit

import requests
import urllib3
from protego import Protego

from pipeline.errors import FetchError
from pipeline.web.challenge import refuse_challenge, refuse_throttling
from pipeline.web.clock import Clock, SystemClock, iso_time
from pipeline.web.hosts import HostRule, check_address, host_of, shown, take_apart
from pipeline.web.response import MAX_RAW_BYTES, Response, TryAgain, retry_after_seconds
from pipeline.web.transport import Watch, open_transport

log = logging.getLogger(__name__)

Check = Callable[[Response], None]
RETRY_STATUSES = frozenset({403, 406, 408, 429, 500, 502, 503, 504})  # arXiv throttles with 406 and 403 as well
MAX_CRAWL_DELAY_SECONDS = 3_600.0
_CHUNK_BYTES = 2**16
# What the libraries below raise at an answer that is none: a negative chunk size is a ValueError.
_BROKEN = (OSError, ValueError, AttributeError, HTTPException, urllib3.exceptions.HTTPError)


@dataclass(frozen=True)
class Limits:
    """How patient a session is.

    Attributes:
        timeout_seconds: longest silence of a server.
        body_seconds: longest time for one whole answer: connection, headers and body.
        max_attempts: requests for one page before the source gives up.
        first_wait_seconds: first pause after a failure; doubles each time, with up to a quarter of jitter.
        max_wait_seconds: a server that asks for a longer pause than this ends the source for today.
    """

    timeout_seconds: float = 60.0
    body_seconds: float = 600.0
    max_attempts: int = 6
    first_wait_seconds: float = 30.0
    max_wait_seconds: float = 900.0
    max_redirects: int = 5
    max_raw_bytes: int = MAX_RAW_BYTES


class PoliteSession:
    """Asks for pages one at a time. Not for use from several threads.

    Args:
        rules: the hosts that may be asked, by name (with port, if the address names one).
        user_agent: name, version and contact of who asks.
        rng: for the jitter of the pauses.
    """

    def __init__(
        self,
        rules: Mapping[str, HostRule],
        *,
        user_agent: str,
        clock: Clock | None = None,
        limits: Limits | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.rules = dict(rules)
        self.user_agent = user_agent
        self.clock = clock or SystemClock()
        self.limits = limits or Limits()
        self.request_count = 0
        self.failures: Counter[str] = Counter()
        self._rng = rng or random.Random()  # jitter only; no result depends on it
        # A session starts as if it had just asked: a run killed a moment ago may have.
        self._free_at = {self._group(host): self.clock.now() + rule.seconds_between for host, rule in rules.items()}
        self._robots: dict[str, Protego] = {}
        self.robots_notes: dict[str, str] = {}  # by host, what its robots.txt says of what was asked
        self.redirects: list[tuple[str, str]] = []
        self._watch = Watch()
        self._transport = open_transport(self._watch, self._allows_private)

    def get(
        self,
        url: str,
        *,
        accept: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        secret: Mapping[str, str] | None = None,
        check: Check | None = None,
        max_attempts: int | None = None,
    ) -> Response:
        """Returns the answer to a GET, after as many attempts as the limits allow.

        Args:
            max_attempts: fewer than the limits allow, for one page among many.
            secret: parameters that no message and no archive may show, such as a key.
            check: raises `TryAgain` if the answer is not whole, which is then treated like a failure to retry.

        Raises:
            ChallengeError: the service answered with a challenge.
            FetchError: refused by robots.txt or the rules, too large, or still failing after all attempts.
                Statuses that no retry cures (400, 404) are returned, not raised.
        """
        full = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(params)}" if params else url
        return self._ask(
            _Ask("GET", full, self._headers(accept, headers), secret=dict(secret or {})), check, max_attempts
        )

    def post(
        self,
        url: str,
        *,
        accept: str,
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        check: Check | None = None,
    ) -> Response:
        """Returns the answer to a POST of a JSON value or of form fields. Raises as `get`."""
        kind = "application/json" if form is None else "application/x-www-form-urlencoded"
        body = json_format.dumps(json, sort_keys=True).encode() if form is None else urlencode(form).encode()
        sent = self._headers(accept, {"Content-Type": kind, **(headers or {})})
        return self._ask(_Ask("POST", url, sent, body), check)

    def _allows_private(self, name: str) -> bool:
        """Says whether a host may lie at a private address: the address is looked at again where it is reached."""
        return any(rule.allows_private for host, rule in self.rules.items() if take_apart(f"//{host}").hostname == name)

    def close(self) -> None:
        """Closes the connection."""
        self._transport.close()

    def _headers(self, accept: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {"User-Agent": self.user_agent, "Accept": accept, "Accept-Encoding": "gzip", **(more or {})}

    def _ask(self, ask: "_Ask", check: Check | None, max_attempts: int | None = None) -> Response:
        url = ask.url
        reason = ""
        n_attempts = min(max_attempts or self.limits.max_attempts, self.limits.max_attempts)
        for attempt in range(n_attempts):
            try:
                response = self._follow(ask)
                refuse_challenge(response)
                refuse_throttling(response)
                if response.status in RETRY_STATUSES:
                    # A single 403 may be a limit; a second means no.
                    if response.status == 403 and attempt:
                        raise FetchError(
                            "access is refused (403)", where=url, do="stop for today; write to the service if it lasts"
                        )
                    raise TryAgain(f"status {response.status}")
                if check:
                    check(response)
                return response
            except TryAgain as problem:
                reason = str(problem)
                answer = response if reason.startswith(("status", "throttled")) else None
            except requests.RequestException as problem:
                reason, answer = f"connection failed ({type(problem).__name__})", None
            self.failures[reason] += 1
            if attempt + 1 < n_attempts:
                self._wait_after(answer, attempt, url, reason)
        raise FetchError(
            f"gave up after {n_attempts} attempts: {reason}",
            where=url,
            do="run make scrape again later; it goes on from here",
        )

    def _follow(self, ask: "_Ask") -> Response:
        url, method = ask.url, ask.method
        for _ in range(self.limits.max_redirects + 1):
            take_apart(url)
            url = requests.utils.requote_uri(url)  # a redirect may name an address in another alphabet
            rule = check_address(url, self.rules)
            if not ask.is_robots_file:
                self._heed_robots(url)
            response = self._send(replace(ask, url=url), rule)
            target = response.header("location")
            if response.status not in (301, 302, 303, 307, 308) or not target:
                return response
            try:
                followed = urljoin(url, target)
            except ValueError:
                raise FetchError(f"redirects to {shown(target)}, which is no address", where=url) from None
            if not ask.is_robots_file:
                self.redirects.append((url, followed))
            if url.startswith("https:") and not followed.startswith("https:"):
                raise FetchError(f"redirects from https to {shown(followed)}", where=url)
            if method == "POST" and response.status not in (307, 308):
                raise FetchError(f"redirects a POST with status {response.status} to {shown(followed)}", where=url)
            url = followed
        raise FetchError(f"redirects more than {self.limits.max_redirects} times", where=url)

    def _send(self, ask: "_Ask", rule: HostRule) -> Response:
        url = ask.url
        group = self._group(host_of(url))
        self.clock.sleep(max(0.0, self._free_at.get(group, 0.0) - self.clock.now()))
        self.request_count += 1
        try:
            with self._watch.deadline(self.limits.body_seconds):
                return self._exchange(ask, url)
        except (requests.RequestException, *_BROKEN) as problem:
            if self._watch.is_over:
                raise FetchError(
                    f"the answer did not end within {self.limits.body_seconds:.0f} s",
                    where=url,
                    do="run make scrape again later",
                ) from None
            if isinstance(problem, requests.RequestException):
                raise
            raise requests.ConnectionError(str(problem)) from None
        finally:
            self._free_at[group] = self.clock.now() + self._pace(url, rule)

    def _exchange(self, ask: "_Ask", url: str) -> Response:
        with self._transport.request(
            ask.method,
            url,
            params=ask.secret,
            headers=ask.headers,
            data=ask.body or None,
            timeout=self.limits.timeout_seconds,
            allow_redirects=False,
            stream=True,
        ) as answer:
            raw = self._read(answer, url)
            if self._watch.is_over:  # a body without a length ends where the connection does
                raise requests.ConnectionError("cut off")
            return Response(
                url=url,
                status=answer.status_code,
                reason=answer.reason or "",
                headers=tuple(answer.raw.headers.items()),
                raw=raw,
                method=ask.method,
                request_headers=tuple(ask.headers.items()),
                request_body=ask.body,
                read_at=iso_time(self.clock.now()),
            )

    def _read(self, answer: requests.Response, url: str) -> bytes:
        pieces, size = [], 0
        for piece in answer.raw.stream(_CHUNK_BYTES, decode_content=False):
            size += len(piece)
            if size > self.limits.max_raw_bytes:
                raise FetchError(
                    f"the body is larger than {self.limits.max_raw_bytes // 2**20} MiB; it was refused",
                    where=url,
                    do="ask for smaller pages, or report it if the service really sends this much",
                )
            pieces.append(piece)
        return b"".join(pieces)

    def _wait_after(self, answer: Response | None, attempt: int, url: str, reason: str) -> None:
        steps = attempt + 2 if answer and answer.status == 403 else attempt  # asking on after a 403 counts as an attack
        wait = self.limits.first_wait_seconds * 2**steps * (1 + self._rng.random() / 4)
        asked = retry_after_seconds(answer.header("retry-after"), self.clock.now()) if answer else None
        if asked is not None and asked > self.limits.max_wait_seconds:
            raise FetchError(
                f"the service asks to wait {asked / 3600:.1f} hours ({reason})",
                where=url,
                do="run make scrape again after that; it goes on from here",
            )
        wait = min(wait, self.limits.max_wait_seconds) if asked is None else asked
        log.info("%s: %s; asking again in %.0f s", host_of(url), reason, wait)
        self.clock.sleep(wait)

    def _heed_robots(self, url: str) -> None:
        host = host_of(url)
        if exemption := self.rules[host].robots_exemption:
            self.robots_notes[host] = f"not asked: {exemption}"
            return
        if host not in self._robots:
            self._robots[host] = self._fetch_robots(url)
            self._free_at[self._group(host)] = self.clock.now() + self._pace(url, self.rules[host])
        if not self._robots[host].can_fetch(url, self.user_agent):
            self.robots_notes[host] = "forbids this"
            raise FetchError(
                "robots.txt of the service forbids this address",
                where=url,
                do="use another interface of the service, or leave it out; it is never asked against its robots.txt",
            )

    def _fetch_robots(self, url: str) -> Protego:
        parts = urlsplit(url)
        address = f"{parts.scheme}://{parts.netloc}/robots.txt"
        ask = _Ask("GET", address, self._headers("text/plain, */*"), is_robots_file=True)
        for attempt in range(self.limits.max_attempts):
            try:
                response = self._follow(ask)
                refuse_challenge(response)
            except requests.RequestException as problem:
                response, reason = None, f"connection failed ({type(problem).__name__})"
            if response is not None and response.status < 500 and response.status != 429:
                # RFC 9309, 2.3.1.3: a file that is not there forbids nothing.
                self.robots_notes[host_of(url)] = "allows it" if response.status == 200 else f"none ({response.status})"
                return Protego.parse(_robots_text(response.body) if response.status == 200 else "")
            reason = f"status {response.status}" if response is not None else reason
            self.failures[f"robots.txt: {reason}"] += 1
            if attempt + 1 < self.limits.max_attempts:
                self._wait_after(response, attempt, address, reason)
        raise FetchError(  # RFC 9309, 2.3.1.4: a file that cannot be had forbids everything
            f"robots.txt cannot be read ({reason}), so nothing may be asked", where=address, do="try again later"
        )

    def _pace(self, url: str, rule: HostRule) -> float:
        robots = self._robots.get(host_of(url))
        delay = float((robots.crawl_delay(self.user_agent) if robots else None) or 0.0)
        if math.isfinite(delay) and delay > MAX_CRAWL_DELAY_SECONDS:
            raise FetchError(
                f"robots.txt of the service asks for {delay:g} seconds between requests",
                where=url,
                do="use another interface of the service, or leave it out",
            )
        return max(rule.seconds_between, delay if math.isfinite(delay) else 0.0)

    def _group(self, host: str) -> str:
        rule = self.rules.get(host)
        return (rule.pace_group if rule else "") or host


def _robots_text(body: bytes) -> str:
    """Returns the text of a robots.txt, whatever mark it begins with."""
    is_wide = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return body.decode("utf-16" if is_wide else "utf-8-sig", "replace").replace("\0", "")


@dataclass(frozen=True)
class _Ask:
    """One request as it is sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    secret: Mapping[str, str] = field(default_factory=dict)
    is_robots_file: bool = False
