"""Blogs as they answer: a dated list, a feed in pages, a sitemap with articles, an index of links."""

from dataclasses import dataclass, field

from tests.fakes.server import Asked, Reply


@dataclass
class Blogs:
    """Invented posts for each layout, by number; `stamps` holds the sitemap's dates of change."""

    n_contents: int = 0
    n_feed: int = 0
    n_articles: int = 0
    feed_page: int = 20
    host: str = ""
    stamps: dict[int, str] = field(default_factory=dict)

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/contents/":
            return Reply(self._contents().encode(), kind="text/html")
        if asked.path == "/feed":
            return self._feed(int(asked.params.get("paged", 1)))
        if asked.path == "/sitemap.xml":
            urls = "".join(
                f"<url><loc>http://{self.host}/blog/{n}</loc>"
                f"<lastmod>{self.stamps.get(n, '2025-01-01')}</lastmod></url>"
                for n in range(self.n_articles)
            )
            return Reply(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode())
        if asked.path == "/index":
            links = "".join(
                f'<a href="/blog/{n}">post</a> <a href="/blog/{n}#top">again</a>' for n in range(self.n_articles)
            )
            return Reply(
                f'<html><body>{links}<a href="https://elsewhere.example/blog/1">x</a></body></html>'.encode(),
                kind="text/html",
            )
        if asked.path.startswith("/blog/") and asked.path.rpartition("/")[2].isdigit():
            return Reply(self._article(int(asked.path.rpartition("/")[2])).encode(), kind="text/html")
        return Reply(b"<html><body>gone</body></html>", status=404, kind="text/html")

    def _contents(self) -> str:
        parts = []
        for n in range(self.n_contents):
            if n % 10 == 0:
                parts.append(f'<div class="date">{["October", "May"][n // 10 % 2]} {2025 - n // 20}</div>')
            link = f"2025/invented-{n}/" if n % 7 else f"https://arxiv.org/abs/2501.{n:05d}"
            parts.append(
                f'<a href="{link}" class="note"><h3>Invented note {n}</h3><div class="byline">Ada et al., 2025</div>'
                f'<div class="description">Invented summary {n} &amp; more</div></a>'
            )
        return f'<html><body><div class="toc">{"".join(parts)}</div></body></html>'

    def _feed(self, page: int) -> Reply:
        numbers = range(self.n_feed)[(page - 1) * self.feed_page : page * self.feed_page]
        if not numbers:
            return Reply(b"<html><body>404</body></html>", status=404, kind="text/html")
        items = "".join(
            f"<item><title>Invented entry {n}</title><link>http://{self.host}/entry/{n}/</link><guid>entry-{n}</guid>"
            f"<pubDate>Tue, 18 Oct 2022 03:04:48 +0000</pubDate>"
            f"<description>&lt;p&gt;Invented {n}&lt;/p&gt;</description></item>"
            for n in numbers
        )
        return Reply(
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>Blog</title>{items}</channel></rss>'.encode()
        )

    def _article(self, n: int) -> str:
        head = f'<title>Invented article {n} - Blog</title><meta property="og:title" content="Invented article {n}">'
        head += f'<meta name="description" content="Invented summary {n}">'
        head += f'<meta property="article:published_time" content="2025-03-1{n % 10}T00:00:00Z">'
        return f"<html><head>{head}</head><body><article><p>Text</p></article></body></html>"
