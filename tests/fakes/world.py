"""All sites at once, the configuration that points at them, and what a faithful scrape must bring back."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.config import Config, load_config
from pipeline.scrape.links import link_id
from pipeline.settings import Frame
from pipeline.web.clock import VirtualClock
from tests.fakes.arxiv_site import Arxiv, invent_papers
from tests.fakes.blog_site import Blogs
from tests.fakes.dump_site import Dump, dump_rows
from tests.fakes.forum_site import Forum, Post, invent_posts
from tests.fakes.server import Site

ROOT = Path(__file__).resolve().parent.parent.parent
DAYS = 40
XML_FAULTS = (
    "429",
    "200-throttled",
    "406",
    "500",
    "503-seconds",
    "503-date",
    "cut-connection",
    "cut-body",
    "control-char",
    "html-200",
)
JSON_FAULTS = ("429-html", "500", "503-seconds", "503-date", "cut-connection", "cut-body", "html-200")


# As recorded: the host of the Atom interface forbids everything, that of the bulk interface has no such file.
ROBOTS = {"arxiv": "User-agent: *\nDisallow: /\n", "bulk": ""}


@dataclass
class World:
    """The sites, their contents, and the sources that ask them."""

    clock: Any
    sites: dict[str, Site]
    sources: dict[str, dict[str, Any]]
    arxiv: Arxiv
    bulk: Arxiv
    forums: dict[str, Forum]
    blogs: Blogs
    dumped: list[Post]
    robots: str = "User-agent: *\nDisallow: /private\n"

    def expected(self, name: str) -> set[str]:
        """Returns the ids that a source must give, each once; posts deleted meanwhile may or may not be there."""
        if name in ("arxiv", "bulk"):
            site = self.arxiv if name == "arxiv" else self.bulk
            papers = [paper for paper in site.papers if paper.is_readable]
            wanted = {"cs.AI", "cs.LG"}
            return {f"arxiv:{paper.arxiv_id}" for paper in papers if wanted & set(paper.categories)}
        if name in self.forums:
            prefix = "eaf" if name == "eaf" else "lw"
            posts = self.forums[name].posts
            return {f"{prefix}:{post.facts['_id']}" for post in posts if post.is_readable and not post.is_doomed}
        if name == "announced":
            return set()  # as many as the day of the run has: see the tests of the feeds
        if name == "dump":
            return {f"lw:{post.facts['_id']}" for post in self.dumped if post.is_readable}
        host = self.sites["blogs"].host
        if name == "contents":
            links = [
                f"http://{host}/contents/2025/invented-{n}/" if n % 7 else f"https://arxiv.org/abs/2501.{n:05d}"
                for n in range(self.blogs.n_contents)
            ]
        else:
            kind, n_links = ("entry", self.blogs.n_feed) if name == "feed" else ("blog", self.blogs.n_articles)
            links = [f"http://{host}/{kind}/{n}" for n in range(n_links)]
        return {link_id(link) for link in links}

    def doomed_ids(self, name: str) -> set[str]:
        """Returns the ids of the posts that are deleted while somebody reads."""
        if name not in self.forums:
            return set()
        prefix = "eaf" if name == "eaf" else "lw"
        return {f"{prefix}:{post_id}" for post_id in self.forums[name].doomed_ids}

    def n_rejects(self, name: str) -> int:
        """Returns how many records of a source cannot be read."""
        if name in ("arxiv", "bulk"):
            site, wanted = (self.arxiv if name == "arxiv" else self.bulk), {"cs.AI", "cs.LG"}
            return sum(not paper.is_readable for paper in site.papers if wanted & set(paper.categories))
        if name in self.forums:
            return sum(not post.is_readable for post in self.forums[name].posts)
        if name == "dump":
            return sum(not post.is_readable for post in self.dumped)
        return 0

    def close(self) -> None:
        for site in self.sites.values():
            site.close()


def build_world(
    n_records: int, seed: int, *, clock: Any = None, fault_share: float = 0.0, seconds: float = 0.0
) -> World:
    """Starts every site with about `n_records` invented records in all.

    Args:
        fault_share: share of the answers that are spoilt on purpose.
        seconds: the pace that the sites keep.
    """
    clock = clock or VirtualClock(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    rng = random.Random(seed)
    first = datetime.fromtimestamp(clock.now(), UTC) - timedelta(days=DAYS + 1)
    share = n_records // 20
    arxiv = Arxiv(invent_papers(6 * share, rng, first, DAYS), random.Random(seed + 1), clock)
    bulk = Arxiv(
        invent_papers(5 * share, rng, first, DAYS),
        random.Random(seed + 2),
        clock,
        oai_page=max(20, share // 20),
        n_modified=4,
    )
    forums = {
        "lw": Forum(invent_posts(4 * share, rng, first, DAYS), random.Random(seed + 3)),
        "eaf": Forum(
            invent_posts(3 * share, rng, first, DAYS, "forum-bots.effectivealtruism.org"),
            random.Random(seed + 4),
            "terms",
            unknown=("curatedDate", "wordCount"),
        ),
    }
    dumped = invent_posts(share, rng, first, DAYS)
    blogs = Blogs(n_contents=share, n_feed=share - share // 4, n_articles=share // 4)
    makers = {
        "arxiv": (arxiv.answer, XML_FAULTS),
        "bulk": (bulk.answer, XML_FAULTS),
        "lw": (forums["lw"].answer, JSON_FAULTS),
        "eaf": (forums["eaf"].answer, JSON_FAULTS),
        "blogs": (blogs.answer, tuple(fault for fault in XML_FAULTS if fault not in ("control-char", "html-200"))),
    }
    makers["dump"] = (Dump(dump_rows(dumped, 3)).answer, tuple(name for name in XML_FAULTS if name != "control-char"))
    world = World(clock, {}, {}, arxiv, bulk, forums, blogs, dumped)
    for number, (name, (answer, faults)) in enumerate(makers.items()):
        world.sites[name] = Site(
            answer,
            clock=clock,
            seed=seed * 10 + number,
            fault_share=fault_share,
            faults=faults if fault_share else (),
            seconds_between=seconds,
            robots=ROBOTS.get(name, world.robots),
        )
    blogs.host = world.sites["blogs"].host
    world.sources = sources_for(world, seconds, f"{first:%Y-%m-%d}")
    return world


def sources_for(world: World, seconds: float, first_day: str) -> dict[str, dict[str, Any]]:
    """Returns one entry of `[sources]` for each kind of site."""
    pace = {"frame": "invented", "seconds_between": float(seconds)}
    query = {"categories": ["cs.AI", "cs.LG"], "submitted_from": first_day}
    site = {name: found.url for name, found in world.sites.items()}
    return {
        "arxiv": {
            "kind": "arxiv-query",
            "url": site["arxiv"]("/api/query"),
            "query": query,
            "max_window_count": 700,
            "robots": "documented API",
            "robots_reason": "the operator's terms of the interface",
            **pace,
        },
        "bulk": {
            "kind": "arxiv-oai",
            "url": site["bulk"]("/oai"),
            "query": query,
            "sets": ["cs:cs:AI", "cs:cs:LG"],
            "from_date": first_day,
            **pace,
        },
        "dump": {
            "kind": "forum-dump",
            "site": "lesswrong",
            "url": site["dump"]("/api/public-dump"),
            "slice_bytes": 20_000,
            **pace,
        },
        "lw": {
            "kind": "forum",
            "site": "lesswrong",
            "url": site["lw"]("/graphql"),
            "after": f"{first_day}T00:00:00Z",
            **pace,
        },
        "eaf": {
            "kind": "forum",
            "site": "eaforum",
            "dialect": "terms",
            "url": site["eaf"]("/graphql"),
            "after": f"{first_day}T00:00:00Z",
            **pace,
        },
        "contents": {
            "kind": "blog",
            "site": "contents",
            "layout": "contents",
            "url": site["blogs"]("/contents/"),
            **pace,
        },
        "feed": {"kind": "blog", "site": "feed", "url": site["blogs"]("/feed"), "page_parameter": "paged", **pace},
        "articles": {
            "kind": "blog",
            "site": "articles",
            "layout": "sitemap",
            "url": site["blogs"]("/sitemap.xml"),
            "keep_pattern": "/blog/",
            **pace,
        },
    }


def config_for(sources: dict[str, dict[str, Any]], root: Path) -> Config:
    """Returns the configuration of the repository with these sources and one frame, at another root."""
    frame = Frame("Invented", "census", "invented records", "none", False)
    return replace(load_config(ROOT / "census.toml"), sources=sources, frames={"invented": frame}, root=root)
