"""Recognising by content what a status does not say: challenges and throttling. Status 200 is never trusted."""

import re

from pipeline.errors import ChallengeError
from pipeline.web.response import Response, TryAgain

_CHALLENGE_TITLES = re.compile(
    rb"<title>\s*(?:Vercel Security Checkpoint|Just a moment\.\.\.|Attention Required! \| Cloudflare)\s*</title>", re.I
)
_THROTTLE = re.compile(rb"\A\s*(?:Rate exceeded\.?|Too many requests\.?|Slow down\.?)\s*\Z", re.I)
_THROTTLE_TITLE = re.compile(rb"<title>\s*429\b[^<]*</title>", re.I)
_HEAD_BYTES = 20_000  # the title of every recorded challenge page lies in its first 2 kB


def refuse_challenge(response: Response) -> None:
    """Stops at a challenge page, whatever its status.

    Raises:
        ChallengeError: the answer is a challenge.
    """
    is_marked = response.header("x-vercel-mitigated").lower() == "challenge" or response.header("cf-mitigated") != ""
    is_page = _is_page(response) and _CHALLENGE_TITLES.search(response.body[:_HEAD_BYTES])
    is_login = response.status == 403 and b'"ChallengeRequiredError"' in response.body[:_HEAD_BYTES]
    if is_marked or is_page or is_login:
        raise ChallengeError(
            "the service answered with a challenge for browsers; this source stops here and nothing is worked around",
            where=response.url,
            do="wait some hours, ask the service for access, or use a fall-back of this source (see CONTRIBUTING.md)",
        )


def refuse_throttling(response: Response) -> None:
    """Notices throttling that came with a good status.

    Raises:
        TryAgain: the answer says that requests come too fast.
    """
    start = response.body[:_HEAD_BYTES]
    if _THROTTLE.match(start) or (_is_page(response) and _THROTTLE_TITLE.search(start)):
        raise TryAgain(f"throttled with status {response.status}")


def _is_page(response: Response) -> bool:
    """Says whether an answer is a page: a post that quotes a challenge, inside JSON or a feed, is none."""
    return bool(re.match(rb"<(?:!doctype|html|head|!--)", response.body[:_HEAD_BYTES].lstrip(), re.I))
