"""The session is polite, bounded, and works nothing around: proved by the log of a server on 127.0.0.1."""

import gzip
import itertools
import random
import socket
import subprocess
import sys
import threading
import zlib
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from pipeline.errors import ChallengeError, FetchError
from pipeline.web.clock import SystemClock, VirtualClock
from pipeline.web.hosts import HostRule, check_address, rule_for
from pipeline.web.response import Response, TryAgain, retry_after_seconds, unpack
from pipeline.web.safe_xml import parse_xml
from pipeline.web.session import Limits, PoliteSession
from tests.fakes.server import Reply, Site


class Script:
    """Answers from a list, the last one for ever."""

    def __init__(self, *replies):
        self.replies = list(replies)

    def __call__(self, asked):
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@pytest.fixture
def site_of():
    sites = []

    def start(*replies, clock=None, **how):
        sites.append(Site(Script(*replies), clock=clock or VirtualClock(), **how))
        return sites[-1]

    yield start
    for site in sites:
        site.close()


def session_for(site, seconds=3.0, **limits):
    return PoliteSession(
        rule_for(site.url("/"), seconds),
        user_agent="census-test/1.0 (mailto:a@example.org)",
        clock=site.clock,
        limits=Limits(**limits),
        rng=random.Random(1),
    )


def gaps(site):
    times = [asked.time for asked in site.log]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


OK = Reply(b"fine", kind="text/plain")


def test_requests_keep_the_pace_on_one_connection(site_of):
    site = site_of(OK, seconds_between=3.0)
    session = session_for(site)
    start = site.clock.now()
    for _ in range(20):
        assert session.get(site.url("/a"), accept="text/plain").text == "fine"
    assert min(gaps(site)) >= 3.0
    assert site.log[0].time - start >= 3.0  # a run killed a moment ago may have asked
    assert site.too_fast == 0
    assert site.most_at_once == 1
    assert len({asked.connection for asked in site.log}) == 1
    assert session.request_count == len(site.log) == 21  # robots.txt counts


def test_hosts_of_one_owner_share_the_pace(site_of):
    clock = VirtualClock()
    first, second = site_of(OK, clock=clock), site_of(OK, clock=clock)
    rules = {**rule_for(first.url("/"), 3.0, "arxiv"), **rule_for(second.url("/"), 3.0, "arxiv")}
    session = PoliteSession(rules, user_agent="x", clock=clock)
    for _ in range(3):
        session.get(first.url("/a"), accept="*/*")
        session.get(second.url("/a"), accept="*/*")
    times = sorted(asked.time for site in (first, second) for asked in site.log)
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 3.0


def test_who_asks_and_for_what_is_said(site_of):
    site = site_of(OK)
    session_for(site).get(site.url("/a"), accept="application/atom+xml")
    assert site.log[-1].headers["user-agent"] == "census-test/1.0 (mailto:a@example.org)"
    assert site.log[-1].headers["accept"] == "application/atom+xml"
    assert "python-requests" not in str(site.log[-1].headers)


def test_robots_txt_is_obeyed_and_its_delay_is_kept(site_of):
    site = site_of(OK, robots="User-agent: *\nCrawl-delay: 15\nDisallow: /private\nDisallow: /*?commentId=*\n")
    session = session_for(site)
    for _ in range(3):
        session.get(site.url("/public"), accept="*/*")
    for forbidden in ("/private/x", "/posts/1?commentId=2"):
        with pytest.raises(FetchError, match=r"robots\.txt of the service forbids"):
            session.get(site.url(forbidden), accept="*/*")
    assert min(gaps(site)) >= 15.0
    assert [asked.path for asked in site.log] == ["/robots.txt", "/public", "/public", "/public"]


def test_an_unreadable_robots_txt_forbids_everything(site_of):
    site = site_of(OK, robots="broken")
    with pytest.raises(FetchError, match=r"robots\.txt cannot be read"):
        session_for(site, max_attempts=3).get(site.url("/a"), accept="*/*")
    assert [asked.path for asked in site.log] == ["/robots.txt"] * 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured_in_both_forms(site_of, form):
    clock = VirtualClock(1_790_000_000.0)
    moment = format_datetime(datetime.fromtimestamp(clock.now() + 500, UTC), usegmt=True)
    site = site_of(
        Reply(b"", status=503, headers={"Retry-After": "120" if form == "seconds" else moment}), OK, clock=clock
    )
    session_for(site).get(site.url("/a"), accept="*/*")
    first, second = site.log[1].time, site.log[2].time
    assert second - first >= 120 if form == "seconds" else second >= 1_790_000_500


def test_a_wait_of_hours_ends_the_source_instead(site_of):
    site = site_of(Reply(b"{}", status=429, headers={"Retry-After": "54000"}))
    with pytest.raises(FetchError, match=r"wait 15\.0 hours"):
        session_for(site).get(site.url("/works"), accept="*/*")
    assert len(site.log) == 2


def test_pauses_double_with_jitter_and_end(site_of):
    site = site_of(Reply(b"Rate exceeded.", status=429, kind="text/plain"))
    with pytest.raises(FetchError, match="gave up after 6 attempts"):
        session_for(site).get(site.url("/a"), accept="*/*")
    waits = gaps(site)[1:]
    assert len(waits) == 5
    for number, wait in enumerate(waits):
        assert 30 * 2**number <= wait <= 30 * 2**number * 1.25 + 3
    assert len({round(wait / 2**number, 3) for number, wait in enumerate(waits)}) == 5


def test_throttling_with_status_200_is_not_an_answer(site_of):
    site = site_of(Reply(b"Rate exceeded.", kind="text/plain"), OK)
    assert session_for(site).get(site.url("/a"), accept="*/*").text == "fine"


def test_a_second_403_ends_the_attempts(site_of):
    site = site_of(Reply(b"<html>no</html>", status=403))
    with pytest.raises(FetchError, match="refused"):
        session_for(site).get(site.url("/a"), accept="*/*")
    assert len(site.log) == 3  # robots.txt, one attempt, one more after a pause


def test_a_challenge_stops_at_once(site_of):
    site = site_of(Reply(b"<html></html>", status=429, headers={"x-vercel-mitigated": "challenge"}))
    with pytest.raises(ChallengeError, match="nothing is worked around"):
        session_for(site).get(site.url("/a"), accept="*/*")
    assert len(site.log) == 2


def test_a_cut_connection_is_asked_again(site_of):
    site = site_of(Reply(b"x" * 9000, cut_at=4000), Reply(b"x" * 9000))
    assert len(session_for(site).get(site.url("/a"), accept="*/*").body) == 9000


def test_redirects_go_to_allowed_hosts_only(site_of):
    clock = VirtualClock()
    other = site_of(OK, clock=clock)
    for target in (
        other.url("/x"),
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "https://example.org/",
    ):
        site = site_of(Reply(b"", status=302, headers={"Location": target}), clock=clock)
        with pytest.raises(FetchError):
            session_for(site).get(site.url("/a"), accept="*/*")
    assert other.log == []
    site = site_of(Reply(b"", status=301, headers={"Location": "/b"}), OK, clock=clock)
    assert session_for(site).get(site.url("/a"), accept="*/*").url == site.url("/b")


def test_a_307_repeats_the_question_and_a_302_of_it_is_refused(site_of):
    site = site_of(Reply(b"", status=307, headers={"Location": "/b"}), OK)
    session_for(site).post(site.url("/a"), json={"q": 1}, accept="*/*")
    assert (site.log[-1].method, site.log[-1].path, site.log[-1].body) == ("POST", "/b", b'{"q": 1}')
    site = site_of(Reply(b"", status=302, headers={"Location": "/b"}))
    with pytest.raises(FetchError, match="redirects a POST"):
        session_for(site).post(site.url("/a"), json={}, accept="*/*")


def test_endless_redirects_end(site_of):
    site = site_of(Reply(b"", status=302, headers={"Location": "/a"}))
    with pytest.raises(FetchError, match="redirects more than 5"):
        session_for(site).get(site.url("/a"), accept="*/*")


def test_a_private_address_is_refused_unless_the_configuration_names_it():
    port_rule = {"localhost:8123": HostRule()}
    with pytest.raises(FetchError, match="private address"):
        check_address("http://localhost:8123/", port_rule)
    assert check_address("http://localhost:8123/", rule_for("http://localhost:8123/", 1.0)).allows_private
    assert not rule_for("https://arxiv.org/", 1.0)["arxiv.org"].allows_private
    with pytest.raises(FetchError, match="password"):
        check_address("http://a:b@localhost:8123/", rule_for("http://localhost:8123/", 1.0))


def test_secrets_stay_out_of_addresses_and_messages(site_of):
    site = site_of(Reply(b"no", status=500))
    with pytest.raises(FetchError) as caught:
        session_for(site, max_attempts=1).get(site.url("/works"), accept="*/*", secret={"api_key": "hush"})
    assert site.log[-1].params == {"api_key": "hush"}
    assert "hush" not in str(caught.value)


def test_retry_after_in_neither_form_is_ignored():
    assert retry_after_seconds("soon", 0.0) is None
    assert retry_after_seconds("5", 0.0) == 5.0
    assert retry_after_seconds("Thu, 01 Jan 1970 00:00:30 GMT", 10.0) == 20.0
    assert retry_after_seconds("Thu, 01 Jan 1970 00:00:30 GMT", 90.0) == 0.0


def test_packed_bodies_that_end_early_or_are_damaged_are_asked_for_again():
    packed = gzip.compress(b"x" * 100_000)
    assert unpack(packed, "gzip", "here") == b"x" * 100_000
    assert unpack(packed + packed, "gzip", "here") == b"x" * 200_000
    assert unpack(zlib.compress(b"abc"), "deflate", "here") == b"abc"
    with pytest.raises(TryAgain, match="ends early"):
        unpack(packed[:-9], "gzip", "here")
    with pytest.raises(TryAgain, match="damaged"):
        unpack(packed[:10] + b"\xff" * 50, "gzip", "here")
    with pytest.raises(FetchError, match="not asked for"):
        unpack(b"", "br", "here")


def test_xml_with_a_document_type_or_entities_is_refused():
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;">]><feed>&z;</feed>'
    outside = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><feed>&x;</feed>'
    for body in (bomb, outside):
        with pytest.raises(FetchError, match="document type"):
            parse_xml(body, "here")
    with pytest.raises(TryAgain):
        parse_xml(b"<feed>&undeclared;</feed>", "here")


def test_control_characters_are_cleaned_away():
    assert parse_xml(b"<a>one\x00\x0b&#x1b;two&#11;&#10;</a>", "here").text == "onetwo\n"


HOSTILE = """
import re, sys
from pipeline.errors import FetchError
from pipeline.web.clock import VirtualClock
from pipeline.web.hosts import rule_for
from pipeline.web.session import PoliteSession, Limits
url = sys.argv[1]
session = PoliteSession(rule_for(url, 0.0), user_agent="x", clock=VirtualClock())
try:
    session.get(url, accept="*/*")
except FetchError as error:
    print("refused:", error)
print(int(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]) // 1024)
"""


def refuse(url):
    run = subprocess.run([sys.executable, "-c", HOSTILE, url], capture_output=True, text=True, timeout=120, check=True)
    message, megabytes = run.stdout.strip().splitlines()
    return message, int(megabytes)


def test_a_two_gigabyte_bomb_is_refused_in_little_memory(site_of):
    machine = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    head = machine.compress(b"") + machine.flush(zlib.Z_FULL_FLUSH)
    block = machine.compress(bytes(2**20)) + machine.flush(zlib.Z_FULL_FLUSH)
    bomb = head + block * 2048
    assert len(zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head + block * 3)) == 3 * 2**20
    site = site_of(Reply(bomb, headers={"Content-Encoding": "gzip"}, kind="application/octet-stream"))
    message, megabytes = refuse(site.url("/bomb"))
    assert "unpacks to more than 64 MiB" in message
    assert megabytes < 500


def test_an_endless_body_is_refused_in_little_memory():
    listener = socket.create_server(("127.0.0.1", 0))

    def talk():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked = connection.recv(65536)
                if b"robots.txt" in asked:
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    continue
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
                    while True:
                        connection.sendall(b"x" * 65536)
                except OSError:
                    continue

    threading.Thread(target=talk, daemon=True).start()
    message, megabytes = refuse(f"http://127.0.0.1:{listener.getsockname()[1]}/endless")
    listener.close()
    assert "larger than 24 MiB" in message
    assert megabytes < 500


@pytest.mark.slow
def test_the_pace_holds_in_real_time(site_of):
    site = site_of(OK, clock=SystemClock(), seconds_between=3.0)
    session = session_for(site)
    for _ in range(8):
        session.get(site.url("/a"), accept="*/*")
    assert min(gaps(site)) >= 3.0
    assert site.too_fast == 0


def test_a_body_that_is_no_text_is_read_with_marks():
    assert Response("u", 200, "OK", (), b"caf\xe9").text == "caf\ufffd"


def test_a_post_that_quotes_a_challenge_is_none(site_of):
    body = b'{"data": {"html": "<title>Just a moment...</title> \\"ChallengeRequiredError\\" <title>429: x</title>"}}'
    site = site_of(Reply(body, kind="application/json"))
    assert session_for(site).get(site.url("/a"), accept="*/*").body == body


def test_a_login_that_is_demanded_is_a_challenge(site_of):
    site = site_of(Reply(b'{"name":"ChallengeRequiredError"}', status=403, kind="application/json"))
    with pytest.raises(ChallengeError):
        session_for(site).get(site.url("/notes"), accept="*/*")


DENSE = """
import re, sys
from pipeline.errors import FetchError
from pipeline.scrape import arxiv_atom, blog_pages, forum
from pipeline.web.response import Response, TryAgain
def check_article(response):
    blog_pages.check_html(response)
    blog_pages.read_article(response.body, "u")
kind = sys.argv[1]
head = b'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:o="http://a9.com/-/spec/opensearch/1.1/">'
head += b"<o:totalResults>1</o:totalResults><o:startIndex>0</o:startIndex>"
n = int(sys.argv[2])
body, check = {
    "xml": (head + b"<entry/>" * n + b"</feed>", arxiv_atom.check_feed),
    "deep": (head + b"<a>" * n + b"</a>" * n + b"</feed>", arxiv_atom.check_feed),
    "json": (b'{"data": {"posts": {"results": [' + b"{}," * n + b"{}]}}}", forum.check_answer),
    "nest": (b"[" * n + b"]" * n, forum.check_answer),
    "html": (b"<html><body>" + b"<p>" * n + b"</body></html>", check_article),
}[kind]
try:
    check(Response("u", 200, "", (), body))
    print("read")
except (FetchError, TryAgain) as error:
    print("refused:", error)
print(int(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]) // 1024)
"""


@pytest.mark.whole
@pytest.mark.parametrize(
    ("kind", "n", "outcome"),
    [
        ("xml", 490_000, "read"),
        ("xml", 6_000_000, "refused"),
        ("deep", 240_000, ""),
        ("json", 990_000, "read"),
        ("json", 6_000_000, "refused"),
        ("nest", 500_000, "refused"),
        ("html", 95_000, "read"),
        ("html", 5_000_000, "refused"),
    ],
)
def test_bodies_of_countless_small_parts_need_little_memory(kind, n, outcome):
    run = subprocess.run(
        [sys.executable, "-c", DENSE, kind, str(n)], capture_output=True, text=True, timeout=120, check=True
    )
    message, megabytes = run.stdout.strip().splitlines()
    assert message.startswith(outcome)
    assert int(megabytes) < 500
