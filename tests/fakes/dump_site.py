"""A forum's public dump as it answers: a stable address that redirects to a packed file, read by ranges; a manifest."""

import gzip
import json
from typing import Any

from tests.fakes.forum_site import Post
from tests.fakes.server import Asked, Reply

META = {"type": "meta", "format": 1, "site": "https://www.lesswrong.com", "generatedAt": "2026-03-01T09:00:00Z"}


def dump_rows(posts: list[Post], n_comments: int = 0) -> list[dict[str, Any]]:
    """Returns the lines of a dump: about itself, every post, then comments."""
    rows: list[dict[str, Any]] = [META]
    for post in posts:
        facts = {key: value for key, value in post.facts.items() if key != "contents"}
        contents = post.facts["contents"] or {}
        rows.append({"type": "post", **facts, "html": contents.get("html")})
    return rows + [
        {"type": "comment", "_id": f"{n:017d}", "postId": "x", "html": "<p>c</p>"} for n in range(n_comments)
    ]


class Dump:
    """The three addresses of a dump. `replacement` takes the place of the file after `changes_after` slices."""

    def __init__(self, rows: list[dict[str, Any]], **counts: int) -> None:
        self.body, self.mark = pack(rows), '"1"'
        self.replacement, self.changes_after, self.n_slices = b"", 0, 0
        kinds = [row["type"] for row in rows]
        self.manifest = {"posts": kinds.count("post"), "comments": kinds.count("comment"), **counts}

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/api/public-dump":
            return Reply(b"", 302, headers={"Location": "/public-dumps/latest.ndjson.gz"})
        if asked.path == "/public-dumps/manifest.json":
            return Reply(json.dumps(self.manifest).encode(), kind="application/json")
        if asked.path != "/public-dumps/latest.ndjson.gz":
            return Reply(b"not here", 404, "text/plain")
        self.n_slices += 1
        if self.changes_after and self.n_slices == self.changes_after + 1:
            self.body, self.mark = self.replacement, '"2"'
        start, end = map(int, asked.headers["range"].removeprefix("bytes=").split("-"))
        piece = self.body[start : end + 1]
        where = {"Content-Range": f"bytes {start}-{start + len(piece) - 1}/{len(self.body)}", "ETag": self.mark}
        return Reply(piece, 206, "application/gzip", {**where, "Content-Encoding": "identity"})


def pack(rows: list[dict[str, Any]]) -> bytes:
    return gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0)
