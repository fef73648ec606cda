"""One question to an OpenAI-compatible endpoint: patient where patience helps, plain where it does not."""

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from pipeline.errors import FetchError

KEY_VARIABLE = "CENSUS_MODEL_KEY"
ATTEMPTS = 8  # a rate limit of a minute is outlived, an endpoint that is down is not waited for all night
FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 1.0, 60.0
BUSY = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))
DROPPABLE = ("response_format", "seed", "temperature", "max_tokens")  # what some servers do not know


@dataclass
class Endpoint:
    """Where a model is asked.

    Attributes:
        url: the base, such as http://localhost:8000/v1.
        key: from the environment; never written anywhere.
        timeout_seconds: for one answer.
        dropped: parameters that this server refused, left out from then on.
        wait: sleeps; another one in tests.
    """

    url: str
    key: str = ""
    timeout_seconds: float = 120.0
    dropped: tuple[str, ...] = ()
    wait: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Reply:
    """What came back: the answer's text and why it ended, what it took, and the body without the key."""

    text: str
    finish: str
    model: str
    prompt_tokens: int
    answer_tokens: int
    seconds: float
    attempts: int
    body: Mapping[str, Any]


def open_endpoint(url: str, timeout_seconds: float = 120.0) -> Endpoint:
    """Checks the address and takes the key from the environment.

    Raises:
        FetchError: it is no address, or carries a secret.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise FetchError(f"{url!r} is no address", where="MODEL_URL", do="write it as http://localhost:8000/v1")
    if parts.username or parts.password or parts.query:
        raise FetchError(
            "the address carries a secret or a query", where="MODEL_URL", do=f"put the key into ${KEY_VARIABLE} instead"
        )
    base = url.rstrip("/").removesuffix("/chat/completions")
    return Endpoint(base, os.environ.get(KEY_VARIABLE, "").strip(), timeout_seconds)


def find_model(endpoint: Endpoint) -> str:
    """Returns the one model that the endpoint serves.

    Raises:
        FetchError: it does not say, or serves several.
    """
    try:
        answer = requests.get(
            f"{endpoint.url}/models",
            headers=_headers(endpoint),
            timeout=endpoint.timeout_seconds,
            allow_redirects=False,
        )
        names = [str(model["id"]) for model in answer.json()["data"]]
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise FetchError(
            f"does not say which models it serves ({type(error).__name__})",
            where=endpoint.url,
            do="see that it runs, or name the model: MODEL=name",
        ) from None
    if len(names) != 1:
        raise FetchError(f"serves {len(names)} models", where=endpoint.url, do=f"say which: {', '.join(names[:8])}")
    return names[0]


def ask(endpoint: Endpoint, body: Mapping[str, Any], rng: random.Random) -> Reply:
    """Asks for one chat completion.

    Raises:
        FetchError: it refuses, or is still busy after all attempts.
    """
    begun, problem = time.monotonic(), ""
    attempt = 0
    while attempt < ATTEMPTS:
        attempt += 1
        sent = {name: value for name, value in body.items() if name not in endpoint.dropped}
        pause = min(LAST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (attempt - 1)) * (0.5 + rng.random() / 2)
        try:
            answer = requests.post(
                f"{endpoint.url}/chat/completions",
                json=sent,
                headers=_headers(endpoint),
                timeout=endpoint.timeout_seconds,
                allow_redirects=False,
            )
            if answer.status_code == requests.codes.ok:
                return _read(answer, time.monotonic() - begun, attempt, endpoint)
            problem = f"answers {answer.status_code}: {hide_key(answer.text[:200], endpoint)}"
            refused = [name for name in DROPPABLE if name in answer.text and name in sent]
            if answer.status_code in {400, 422} and refused:
                endpoint.dropped = tuple(dict.fromkeys((*endpoint.dropped, refused[0])))
                attempt -= 1  # the next question is another one, and cannot be asked for ever
                continue
            if answer.status_code not in BUSY:
                raise FetchError(problem, where=endpoint.url, do=_remedy(answer.status_code))
            pause = _retry_after(answer) or pause
        except (requests.RequestException, ValueError, KeyError, IndexError, TypeError) as error:
            problem = f"gave no whole answer ({type(error).__name__})"
        if attempt < ATTEMPTS:
            endpoint.wait(pause)
    raise FetchError(f"{problem}, {ATTEMPTS} times", where=endpoint.url, do="run it again: it goes on from here")


def hide_key(text: str, endpoint: Endpoint) -> str:
    """Returns a text in which the key does not stand, whatever a server may echo."""
    return text.replace(endpoint.key, "[key]") if endpoint.key else text


def _headers(endpoint: Endpoint) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}


def _read(answer: requests.Response, seconds: float, attempts: int, endpoint: Endpoint) -> Reply:
    body = answer.json()
    choice = body["choices"][0]
    text = choice["message"]["content"]
    if not isinstance(text, str):
        text = ""  # a refusal, or a call of a tool nobody offered: malformed, for the caller to reject
    usage = body.get("usage") or {}
    return Reply(
        hide_key(text, endpoint),
        str(choice.get("finish_reason") or ""),
        str(body.get("model") or ""),
        int(usage.get("prompt_tokens") or 0),
        int(usage.get("completion_tokens") or 0),
        round(seconds, 3),
        attempts,
        {"id": str(body.get("id") or ""), "fingerprint": str(body.get("system_fingerprint") or "")},
    )


def _retry_after(answer: requests.Response) -> float:
    told = answer.headers.get("Retry-After", "")
    return min(float(told), LAST_WAIT_SECONDS) if told.replace(".", "", 1).isdigit() else 0.0


def _remedy(status: int) -> str:
    if status in {401, 403}:
        return f"put a valid key into ${KEY_VARIABLE}"
    if status == requests.codes.not_found:
        return "see whether MODEL_URL ends in /v1 and MODEL is right"
    return "mend what it names"
