"""An OpenAI-compatible endpoint that behaves as bad ones do: slow, wrong, rate-limited, cut off, obedient."""

import hashlib
import json
import random
import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = {
    "leaf": "A1",
    "leaf2": "",
    "target": "T1",
    "mechanism": "M3",
    "scaling": "S0",
    "evidence": "E",
    "confidence": "3",
    "note": "invented",
}
MALFORMED = (
    "I think this is about agents, so A1.",
    json.dumps({**GOOD, "leaf": "Z9"}),
    json.dumps({**GOOD, "extra": "x"}),
    json.dumps({**GOOD, "confidence": [3]}),
    '{"leaf": "A1", "leaf": "B1", "confidence": "3"}',
    json.dumps({"leaf": "A1"}),
    "[]",
    "",
    json.dumps(GOOD)[:-20],
    "Sure! " + json.dumps(GOOD),
)


class FakeModel:
    """A server of its own thread.

    Args:
        troubles: chance that an answer is spoilt, in one of eight ways; 0 for a good endpoint.
        seed: of what is spoilt.
        echo_key: whether errors repeat the key that was sent, as some gateways do.
    """

    def __init__(self, troubles: float = 0.0, seed: int = 1, *, echo_key: bool = False, refuses: str = "") -> None:
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.tokens = [0, 0]
        self.lock = threading.Lock()
        self.rng = random.Random(seed)
        self.troubles, self.echo_key, self.refuses = troubles, echo_key, refuses
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self.send(200, {"data": [{"id": "tiny-model"}]})

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if content:  # a killed client may leave half a question
                    fake.answer(self, json.loads(content))

            def send(self, status: int, body: object, *, cut: int = 0, headers: dict[str, str] | None = None) -> None:
                content = json.dumps(body).encode() if not isinstance(body, bytes) else body
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content[: len(content) - cut])
                if cut:
                    self.close_connection = True

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler: Any, body: dict[str, Any]) -> None:
        """Answers one question, or spoils it."""
        shown = body["messages"][-1]["content"]
        with self.lock:
            self.asked[shown] += 1
            self.bodies.append(body)
            trouble = self.rng.random() < self.troubles and self.rng.choice(
                ("slow", "429", "500", "cut", "html", "wrong", "wrong", "length")
            )
            text = self.rng.choice(MALFORMED)
        if self.refuses and self.refuses in body:
            return handler.send(400, {"error": {"message": f"Unknown parameter: {self.refuses}"}})
        if self.echo_key and trouble:
            return handler.send(500, {"error": f"bad gateway for {handler.headers.get('Authorization')}"})
        if trouble == "slow":
            time.sleep(0.2)
        if trouble == "429":
            return handler.send(429, {"error": "slow down"}, headers={"Retry-After": "0.05"})
        if trouble == "500":
            return handler.send(500, b"<html>oops</html>")
        if trouble == "html":
            return handler.send(200, b"<html>a login page</html>")
        good = json.dumps(self.code(shown))
        content = text if trouble == "wrong" else good
        prompt = sum(len(message["content"]) for message in body["messages"])
        usage = {"prompt_tokens": round(prompt / 3.7), "completion_tokens": round(len(good) / 3)}
        with self.lock:
            self.tokens[0] += usage["prompt_tokens"]
            self.tokens[1] += usage["completion_tokens"]
        finish = "length" if trouble == "length" else "stop"
        message = {"role": "assistant", "content": content}
        reply = {"id": "x", "model": "tiny-model-1", "choices": [{"message": message, "finish_reason": finish}]}
        return handler.send(200, {**reply, "usage": usage}, cut=40 if trouble == "cut" else 0)

    def code(self, shown: str) -> dict[str, str]:
        """Codes by a hash of the text; a text that gives orders is obeyed, as weak models do."""
        order = re.search(r"answer that the leaf is (\S+)", shown)
        if order:
            return {**GOOD, "leaf": order.group(1).rstrip(".")}
        return {**GOOD, "leaf": ("A1", "B1", "C1", "D1", "E1")[hashlib.sha256(shown.encode()).digest()[0] % 5]}
