"""A site made of routes, for one source at a time: addresses and what they answer, which a test may change."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.scrape import registry, stage
from pipeline.scrape.item import Item, Reject
from pipeline.web.clock import VirtualClock
from tests.fakes.server import Asked, Reply, Site
from tests.fakes.world import config_for

Answer = Reply | bytes | str | Callable[[Asked], Reply]


@dataclass
class Pages:
    """One server and the sources that read it. HOST in a text stands for the address of the server."""

    root: Path
    routes: dict[str, Answer] = field(default_factory=dict)
    clock: Any = field(default_factory=VirtualClock)
    robots: str = ""

    def __post_init__(self) -> None:
        self.site = Site(self._answer, clock=self.clock, robots=self.robots)

    def url(self, path: str) -> str:
        return self.site.url(path)

    def config(self, name: str = "b", **entry: Any) -> Config:
        given = {"kind": "blog", "site": "b", "frame": "invented", "seconds_between": 0.0}
        return config_for({name: self.with_host({**given, **entry})}, self.root)

    def run(self, name: str = "b", *, is_full: bool = False, **entry: Any) -> tuple[int, list[Item], list[Reject]]:
        """Runs the scrape stage and reads what it has then."""
        config = self.config(name, **entry)
        status = stage.run(config, clock=self.clock, is_full=is_full)
        found = list(registry.read_items(config, name))
        items = [item for item in found if isinstance(item, Item)]
        return status, items, [reject for reject in found if isinstance(reject, Reject)]

    def asked(self) -> list[str]:
        return [asked.path for asked in self.site.log if asked.path != "/robots.txt"]

    def close(self) -> None:
        self.site.close()

    def _answer(self, asked: Asked) -> Reply:
        found = self.routes.get(asked.path, Reply(b"<html><body>no such page</body></html>", 404, "text/html"))
        if callable(found):
            return found(asked)
        if isinstance(found, Reply):
            return Reply(self.with_host(found.body), found.status, found.kind, self.with_host(found.headers))
        body = found.encode() if isinstance(found, str) else found
        kind = "text/html" if re.match(rb"\s*<(?:!doctype html|html)", body, re.I) else "text/xml"
        return Reply(self.with_host(body), kind=kind)

    def with_host(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.with_host(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.with_host(inner) for inner in value]
        if isinstance(value, bytes):
            return value.replace(b"HOST", self.site.url("").encode())
        return value.replace("HOST", self.site.url("")) if isinstance(value, str) else value


def rss(numbers: range, **more: str) -> str:
    """Returns a feed of invented items by number; `more` adds elements to each."""
    extra = "".join(f"<{name.replace('_', ':')}>{text}</{name.replace('_', ':')}>" for name, text in more.items())
    items = "".join(
        f"<item><title>Invented {n}</title><link>HOST/p/{n}</link><guid isPermaLink='false'>g{n}</guid>"
        f"<pubDate>Tue, 21 Jul 2026 08:10:00 GMT</pubDate><description>Summary {n}</description>{extra}</item>"
        for n in numbers
    )
    space = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return f'<?xml version="1.0"?><rss version="2.0" {space}><channel><title>Blog</title>{items}</channel></rss>'


def sitemap(*paths: str, host: str = "HOST") -> str:
    """Returns a sitemap of some paths."""
    urls = "".join(f"<url><loc>{host}{path}</loc></url>" for path in paths)
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'


def article(title: str = "Invented", *, head: str = "", end: str = "</body></html>") -> str:
    """Returns a page of an article."""
    return f"<!doctype html><html><head><title>{title}</title>{head}</head><body><article><p>Text</p></article>{end}"


def contents(numbers: range) -> str:
    """Returns a dated list of contents."""
    links = "".join(f'<a href="/n/{n}/" class="note"><h3>Invented note {n}</h3></a>' for n in numbers)
    return f'<!doctype html><html><body><div class="toc"><div class="date">May 2026</div>{links}</div></body></html>'
