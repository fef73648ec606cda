"""Recognising by content what a status does not say: challenges and throttling. Status 200 is never trusted."""

import re

from pipeline.errors import ChallengeError
from pipeline.scrape.response import Response, TryAgain

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
    header = response.header("x-vercel-mitigated").lower() == "challenge" or response.header("cf-mitigated") != ""
    if header or _CHALLENGE_TITLES.search(response.body[:_HEAD_BYTES]) or b'"ChallengeRequiredError"' in response.raw:
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
    if _THROTTLE.match(start) or _THROTTLE_TITLE.search(start):
        raise TryAgain(f"throttled with status {response.status}")
