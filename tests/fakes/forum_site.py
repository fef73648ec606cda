"""A ForumMagnum site as it answers: GraphQL in two dialects, RSS and the Markdown API, over invented posts."""

import json
import random
import re
import string
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.server import Asked, Reply

KNOWN_FIELDS = set(
    "_id title slug url pageUrl postedAt modifiedAt baseScore voteCount extendedScore commentCount wordCount af "
    "question isEvent shortform draft unlisted rejected debate postCategory curatedDate frontpageDate canonicalSource "
    "fmCrosspost isCrosspost hostedHere foreignPostId user slug displayName coauthors tags name contents version html "
    "markdown plaintextDescription results parentCommentId postId topLevelCommentId lastEditedAt deleted deletedPublic "
    "retracted answer plaintextMainText".split()
)
CHALLENGE = (
    b'<html lang="en"><head><meta charset="utf-8"><title>Vercel Security Checkpoint</title></head>'
    b"<body>We're verifying your browser</body></html>"
)


@dataclass(frozen=True)
class Post:
    """One invented post. A doomed post is deleted while somebody reads; a draft is never listed."""

    facts: dict[str, Any]
    is_readable: bool = True
    is_doomed: bool = False
    is_draft: bool = False


def invent_posts(n: int, rng: random.Random, first: datetime, days: int, host: str = "www.lesswrong.com") -> list[Post]:
    """Returns posts, some of the odd kinds that the live sites have."""
    posts, moment = [], first
    times = sorted(rng.randrange(days * 86_400_000) for _ in range(n))
    alphabet = string.ascii_letters + string.digits
    for number, millis in enumerate(times):
        # Every 500 posts, 120 share one moment: more than two pages of fifty.
        moment = moment if number % 500 < 120 and number % 500 else first + timedelta(milliseconds=millis)
        draw = rng.random()
        post_id = (
            "".join(rng.choices(alphabet, k=17)) if draw > 0.02 else "".join(rng.choices("0123456789abcdef", k=24))
        )
        is_bad = draw > 0.996
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
        contents = {
            "_id": "x",
            "version": "1.0.0",
            "html": f"<p>Invented body {number}</p>",
            "markdown": f"Invented *body* {number}",
        }
        if draw < 0.5:
            del contents["markdown"]
        facts = {
            "_id": post_id if not is_bad else f"../{number}",
            "title": f"Invented post {number}" if not 0.992 < draw <= 0.996 else "",
            "slug": f"invented-{number}",
            "url": "https://example.org/x" if draw < 0.05 else None,
            "pageUrl": f"https://{host}/posts/{post_id}/invented-{number}",
            "postedAt": stamp,
            "modifiedAt": stamp,
            "baseScore": rng.randrange(1, 200),
            "commentCount": 0,
            "af": draw < 0.3,
            "draft": None,
            "rejected": False,
            "postCategory": "linkpost" if draw < 0.05 else "post",
            "fmCrosspost": {
                "isCrosspost": draw < 0.04,
                "hostedHere": True,
                "foreignPostId": "TDEukvfsDE3fCzvLK" if draw < 0.04 else None,
            },
            "user": None if 0.1 < draw < 0.13 else {"_id": "u", "slug": "ada", "displayName": "Ada Invented"},
            "coauthors": [],
            "tags": [{"_id": "sYm3HiWcfZvrGu3ui", "slug": "ai", "name": "AI"}] if draw < 0.9 else [],
            "contents": None if 0.2 < draw < 0.22 else contents,
        }
        is_readable = not is_bad and bool(facts["title"])
        posts.append(
            Post(facts, is_readable, is_doomed=is_readable and rng.random() < 0.004, is_draft=rng.random() < 0.01)
        )
    return posts


class Forum:
    """GraphQL over a list of posts. `dialect` is selector or terms; `is_challenged` puts the wall up."""

    def __init__(
        self, posts: list[Post], rng: random.Random, dialect: str = "selector", unknown: tuple[str, ...] = ()
    ) -> None:
        self.posts, self.rng, self.dialect = [post for post in posts if not post.is_draft], rng, dialect
        self.doomed_ids = {post.facts["_id"] for post in posts if post.is_doomed}
        self.known_fields = KNOWN_FIELDS - set(unknown)
        self.is_challenged = False
        self.failures: dict[str, str] = {}  # what the site says instead of giving a single post, by id
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Reply:
        if "user-agent" not in asked.headers:
            return Reply(b"<html><head><title>403 Forbidden</title></head></html>", status=403, kind="text/html")
        if self.is_challenged:
            return Reply(CHALLENGE, status=429, kind="text/html", headers={"x-vercel-mitigated": "challenge"})
        with self._lock:
            if asked.path == "/graphql":
                return self._graphql(json.loads(asked.body))
            if asked.path == "/main/graphql":
                return Reply(b"", status=307, headers={"Location": "/graphql"})
            if asked.path == "/feed.xml":
                return self._feed()
            if asked.path == "/api/latest":
                return Reply(self._latest().encode(), kind="text/markdown")
            if asked.path.startswith("/api/post/"):
                return self._markdown(asked.path.rpartition("/")[2])
        return Reply(b"not here", status=404, kind="text/plain")

    def _graphql(self, question: dict[str, Any]) -> Reply:
        text = question["query"]
        if "results" not in text:
            return self._by_id(text)
        words = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
        selection = set(re.findall(r"[_A-Za-z]\w*", words[words.index("results") :]))
        for field in sorted(selection - self.known_fields):
            message = f'Cannot query field "{field}" on type "Post".'
            return _json({"errors": [{"message": message, "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]}, 400)
        if re.search(r"\bcomments\(", text):
            return self._comments(question)
        if self.dialect == "selector":
            if "selector:" not in text:
                return _json({"errors": [{"message": "terms are deprecated"}]}, 400)
            view, terms = next(iter(question["variables"]["selector"].items()))
            if view != "old":
                return _json({"errors": [{"message": f'Field "{view}" is not defined by type "PostSelector".'}]}, 400)
            limit, offset = question["variables"]["limit"], question["variables"]["offset"]
        else:
            literal = re.search(r"terms: (\{.*\})\}\)", text)[1]
            terms = json.loads(re.sub(r"([{,] ?)(\w+):", r'\1"\2":', literal))
            limit, offset = terms["limit"], terms["offset"]
        if offset > 2000:
            error = {"message": "Exceeded maximum value for skip", "path": ["posts"]}
            return _json({"errors": [error], "data": {"posts": None}})
        page = self._select(terms)[offset : offset + min(limit, 5000)]
        reply = _json({"data": {"posts": {"results": [post.facts for post in page], "totalCount": None}}})
        doomed = [post for post in page if post.is_doomed]
        if doomed:
            self.posts.remove(self.rng.choice(doomed))
        return reply

    def _by_id(self, text: str) -> Reply:
        """Single posts, several in one question under aliases; one that is not there is null."""
        new, old = r"selector:\{_id:", r"input:\{selector:\{documentId:"
        form = rf'(p\d+):post\({new if self.dialect == "selector" else old}"(\w+)"\}},allowNull:true'
        asked, posts = re.findall(form, text), {post.facts["_id"]: post.facts for post in self.posts}
        if len(asked) != text.count(":post("):
            return _json({"errors": [{"message": "Unknown argument on field Query.post"}]}, 400)
        fields = ("_id", "title", "contents")
        data = {
            alias: {"result": {key: posts[name][key] for key in fields} if name in posts else None}
            for alias, name in asked
        }
        errors = [{"message": self.failures[name], "path": [alias]} for alias, name in asked if name in self.failures]
        data |= {error["path"][0]: None for error in errors}
        return _json({"data": data, **({"errors": errors} if errors else {})})

    def _comments(self, question: dict[str, Any]) -> Reply:
        if self.dialect == "selector":
            view, terms = next(iter(question["variables"]["selector"].items()))
            post_id = terms["postId"]
        else:
            view, post_id = re.search(r'view: "(\w+)", postId: "(\w+)"', question["query"]).groups()
        if view not in ("postCommentsOld", "answersAndReplies"):
            return _json({"errors": [{"message": f'Field "{view}" is not defined by type "CommentSelector".'}]}, 400)
        stub = {"_id": "C" * 17, "postId": post_id, "deleted": True, "contents": None, "user": None, "baseScore": 1}
        found = {
            "_id": f"{view[0]}" * 17,
            "postId": post_id,
            "contents": {"html": "<p>x</p>"},
            "user": {"displayName": "Ada"},
        }
        return _json({"data": {"comments": {"results": [found, stub]}}})

    def _select(self, terms: dict[str, Any]) -> list[Post]:
        stamp = terms.get("timeField", "postedAt")
        tags = [tag["tagId"] for tag in terms.get("filterSettings", {}).get("tags", ())]
        found = [
            post
            for post in self.posts
            if _moment(post.facts[stamp]) >= _moment(terms.get("after", "1970-01-01T00:00:00Z"))
            and _moment(post.facts[stamp]) < _moment(terms.get("before", "2200-01-01T00:00:00Z"))
            and post.facts["baseScore"] >= (terms.get("karmaThreshold") or -1000)
            and set(tags) <= {tag["_id"] for tag in post.facts["tags"]}
        ]
        return sorted(found, key=lambda post: (post.facts["postedAt"], post.facts["_id"]))

    def _feed(self) -> Reply:
        items = "".join(
            f"<item><title><![CDATA[{post.facts['title']}]]></title><description><![CDATA[<p>Invented</p><br/><br/>"
            f'<a href="{post.facts["pageUrl"]}#comments">Discuss</a>]]></description>'
            f"<link>{post.facts['pageUrl']}</link>"
            f'<guid isPermaLink="false">{post.facts["_id"]}</guid><dc:creator><![CDATA[Ada]]></dc:creator>'
            "<pubDate>Tue, 18 Oct 2022 03:04:48 GMT</pubDate></item>"
            for post in self.posts[-10:]
        )
        head = '<rss xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0"><channel><title>LessWrong</title>'
        return Reply(f'<?xml version="1.0" encoding="UTF-8"?>{head}{items}</channel></rss>'.encode())

    def _latest(self) -> str:
        """The newest posts, with excerpts that link to other posts, as the Markdown interface lists them."""
        parts = ["# Latest Posts\n"]
        for post in self.posts[-5:]:
            slug, other = post.facts["slug"], self.posts[0].facts
            parts.append(
                f"### [{post.facts['title']}](/api/post/{slug})\n\nBy [Ada Invented](/users/ada)  \n"
                f"{post.facts['postedAt'][:19].replace('T', ' ')}Z\n\n*   Karma: {post.facts['baseScore']}\n"
                "*   [AI](/w/ai)\n\n> As "
                f"[an older post](https://www.lesswrong.com/posts/{other['_id']}/{other['slug']}) "
                f"says.\n\nRead more: [/api/post/{slug}](/api/post/{slug})\n"
            )
        return "\n".join([*parts, "### Navigation\n\n*   [Front page](https://www.lesswrong.com/api/home)\n"])

    def _markdown(self, name: str) -> Reply:
        for post in self.posts:
            if name in (post.facts["_id"], post.facts["slug"]):
                facts = post.facts
                comments = f"/api/post/{facts['slug']}/comments"
                home = f"https://www.lesswrong.com/posts/{facts['_id']}/{facts['slug']}"
                text = (
                    f"# {facts['title']}\n\n*   By [Ada Invented](/users/ada), [Bo Invented](/users/bo)\n"
                    f"*   {facts['postedAt'][:19].replace('T', ' ')}Z\n*   {facts['baseScore']} points\n"
                    f"*   Tag: [AI](/w/ai)\n*   Frontpage\n*   Comments: 3\n*   Post URL (HTML): [{home}]({home})\n"
                    f"*   Comments URL (Markdown): [{comments}]({comments})\n\n"
                    "Invented *markdown* text.\n\n## Top Comments Index\n\n*   [A comment](/api/post/x/comments/y)\n"
                )
                return Reply(text.encode(), kind="text/markdown")
        return Reply(b"not here", status=404, kind="text/plain")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _json(value: object, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status=status, kind="application/json")
