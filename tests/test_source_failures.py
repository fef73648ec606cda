"""A failure cannot look like success: invented sites with one fault each, week after week."""

import json

import pytest

from pipeline.scrape import registry, snapshot
from pipeline.scrape.stage import UNEVEN
from tests.fakes.pages_site import Pages, article, contents, rss, sitemap
from tests.fakes.server import Reply

WEEK = 7 * 86_400


@pytest.fixture
def pages(tmp_path):
    found = Pages(tmp_path)
    yield found
    found.close()


def ids(items):
    return {item.doc_id for item in items}


def last_manifest(pages):
    return snapshot.finished(registry.folder_of(pages.config(), "b"))[-1][1]


BLOG = {"url": "HOST/sitemap.xml", "layout": "sitemap", "keep_pattern": "/blog/"}


def test_four_weekly_runs_with_a_bad_page_a_redesign_and_a_moved_host(pages, capsys):
    """Ten articles, one always 500; then the list is redesigned; then the host moves; then the entry is corrected."""
    paths = [f"/blog/{n}" for n in range(10)]
    pages.routes |= {path: article(f"Invented {path[-1]}") for path in paths} | {"/sitemap.xml": sitemap(*paths)}
    pages.routes["/blog/3"] = Reply(b"oops", 500, "text/html")
    weeks = []

    def week(**entry):
        status, items, rejects = pages.run(**entry)
        weeks.append((status, len(items), [reject.excerpt.rpartition("/")[2] for reject in rejects]))
        pages.clock.sleep(WEEK)
        return capsys.readouterr().out

    assert "1 pages could not be had; the next run asks for them again" in week(**BLOG)
    pages.routes["/sitemap.xml"] = "<!doctype html><html><body><div id='app'></div></body></html>"
    assert "gave up after 6 attempts: not a feed" in week(**BLOG)
    pages.routes["/sitemap.xml"] = Reply(b"", 301, headers={"Location": "http://elsewhere.invalid/sitemap.xml"})
    assert "the host elsewhere.invalid is not one that this source may ask" in week(**BLOG)
    moved = Pages(pages.root / "other", clock=pages.clock)
    moved.routes |= {path: article(f"Invented {path[-1]}") for path in paths}
    moved.routes["/map.xml"] = sitemap(*paths, "/blog/new")
    moved.routes["/blog/new"] = article("Invented new")
    host = pages.site.host
    week(url=moved.url("/map.xml"), layout="sitemap", keep_pattern="/blog/", moved_from=[host])
    moved.close()
    # Bad page: nine and a reject. Redesign and move: named, and nothing lost. Corrected: ten, healed, and the new one.
    assert weeks == [(0, 9, ["3"]), (UNEVEN, 9, ["3"]), (UNEVEN, 9, ["3"]), (0, 11, [])]


def test_a_page_that_failed_is_had_as_soon_as_it_can_be(pages):
    pages.routes |= {"/sitemap.xml": sitemap("/blog/a", "/blog/b"), "/blog/a": article("A")}
    pages.routes["/blog/b"] = Reply(b"", 403, "text/html")
    status, items, rejects = pages.run(**BLOG)
    assert (status, len(items), [reject.reason for reject in rejects]) == (
        0,
        1,
        ["could not be had: access is refused (403)"],
    )
    manifest = last_manifest(pages)
    assert manifest.missing == {pages.url("/blog/b"): "access is refused (403)"}
    pages.routes["/blog/b"] = article("B")
    pages.routes["/sitemap.xml"] = sitemap("/blog/a")  # no list names it any more
    status, items, rejects = pages.run(**BLOG, is_full=True)
    assert (status, len(items), rejects) == (0, 2, [])


def test_five_failures_in_a_row_leave_the_rest_for_the_next_run_and_say_so(pages, capsys):
    paths = [f"/blog/{n}" for n in range(12)]
    pages.routes["/sitemap.xml"] = sitemap(*paths)
    pages.routes |= {path: Reply(b"oops", 500, "text/html") for path in paths[:5]}
    pages.routes |= {path: article(path[-2:]) for path in paths[5:]}
    status, items, rejects = pages.run(**BLOG)
    assert (status, len(items), len(rejects)) == (UNEVEN, 0, 12)
    assert "5 pages in a row failed" in capsys.readouterr().out
    status, items, rejects = pages.run(**BLOG)  # what never failed is asked first: the bad ones keep nothing out
    assert (status, len(items), len(rejects)) == (0 if len(items) else UNEVEN, 7, 5)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Reply(b"%PDF-1.7 ...", kind="application/pdf"), "a PDF, not a page"),
        (Reply(b"%PDF-1.7 ...", kind="text/html"), "a PDF, not a page"),
        (Reply(b"PK\x03\x04", kind="application/zip"), "a file (application/zip), not a page"),
        (Reply(b"{}", kind="application/json"), "application/json, not a page"),
        (Reply(b"gone", 404, "text/html"), "status 404"),
        (Reply(b"gone", 410, "text/html"), "status 410"),
        (Reply(b"", 301, headers={"Location": "https://other.invalid/x"}), "could not be had: the host other.invalid"),
        (Reply(b"<html><body></body></html>", kind="text/html"), "no title or link"),
    ],
)
def test_a_page_that_is_none_is_a_reject_with_its_reason(pages, said, reason):
    pages.routes |= {"/sitemap.xml": sitemap("/blog/a", "/blog/b"), "/blog/a": article("A"), "/blog/b": said}
    status, items, rejects = pages.run(**BLOG)
    assert (status, len(items), len(rejects)) == (0, 1, 1)
    assert rejects[0].reason.startswith(reason)
    assert rejects[0].excerpt == pages.url("/blog/b")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Reply(b"", 302, headers={"Location": "/login?next=/blog/b"}), "sent on to HOST/login?next=/blog/b"),
        (Reply(b"", 302, headers={"Location": "/"}), "sent on to HOST/"),
        (Reply(b"", 301, headers={"Location": "/blog/page/1"}), "sent on to HOST/blog/page/1"),
        (article("Page not found | Invented Lab"), 'a page that says "Page not found"'),
        (article("404"), 'a page that says "404"'),
        (article("Oops! That page could not be found."), 'a page that says "Oops! That page could not be found."'),
        (article("Nothing is found where nobody looks"), ""),
        (article("Sign in - Invented Lab"), 'a page that says "Sign in"'),
    ],
)
def test_what_a_site_gives_in_the_place_of_an_article_is_no_document_and_is_asked_for_again(pages, said, reason):
    other = article("Something else")
    pages.routes |= {"/sitemap.xml": sitemap("/blog/a", "/blog/b"), "/blog/a": article("A"), "/blog/b": said}
    pages.routes |= {"/login": other, "/": other, "/blog/page/1": other}
    status, items, rejects = pages.run(**BLOG)
    if not reason:  # a title that may be an article's
        assert (status, len(items)) == (0, 2)
        return
    assert (status, [item.title for item in items]) == (0, ["A"])
    wanted = reason.replace("HOST", pages.site.url(""))
    assert [reject.reason for reject in rejects] == [f"could not be had: no article is there: {wanted}"]
    pages.routes["/blog/b"] = article("404 ways to be wrong")
    status, items, rejects = pages.run(**BLOG)
    assert (status, sorted(item.title for item in items), rejects) == (0, ["404 ways to be wrong", "A"], [])


def test_an_item_whose_only_address_is_none_is_a_reject(pages):
    item = "<item><title>A</title><guid>urn:uuid:1</guid></item><item><title>B</title><link>HOST/p/2</link></item>"
    pages.routes["/feed"] = f'<rss version="2.0"><channel>{item}</channel></rss>'
    status, items, rejects = pages.run(url="HOST/feed")
    assert (status, [item.title for item in items]) == (0, ["B"])
    assert [reject.reason for reject in rejects] == ["no title or link"]


def test_pages_without_end_tags_are_whole_if_they_come_the_same_again(pages):
    paths = [f"/blog/{n}" for n in range(4)]
    pages.routes |= {path: article(f"Invented {path[-1]}", end="") for path in paths} | {
        "/sitemap.xml": sitemap(*paths)
    }
    status, items, rejects = pages.run(**BLOG)
    assert (status, len(items), rejects) == (0, 4, [])
    assert len(pages.asked()) == 1 + 3 + 3  # the first is asked for three times, the others once


@pytest.mark.parametrize(
    ("body", "layout"),
    [
        ("<!doctype html><html><body><p>We have moved.</p></body></html>", "contents"),
        ("<!doctype html><html><body><p>We have moved.</p></body></html>", "cards"),
        ("<!doctype html><html><body><p>We have moved.</p></body></html>", "links"),
        ("<!doctype html><html><body><p>We have moved.</p></body></html>", "casebook"),
        (rss(range(0)), "feed"),
        (sitemap(), "sitemap"),
        ("<!doctype html><html><body>not a feed</body></html>", "feed"),
        ("[]", "substack"),
    ],
)
def test_a_list_that_names_nothing_is_a_failure_and_what_was_there_stays(pages, body, layout, capsys):
    pages.routes["/feed"] = rss(range(5))
    assert pages.run(url="HOST/feed")[0] == 0
    pages.routes["/x"] = Reply(body.encode(), kind="application/json" if layout == "substack" else "text/html")
    status, items, _ = pages.run(url="HOST/x", layout=layout)
    assert (status, len(items)) == (UNEVEN, 5)
    assert "b: " in capsys.readouterr().out


def test_a_sitemap_of_the_other_host_name_and_of_any_namespace_is_read(pages):
    body = sitemap("/blog/a").replace(' xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"', "")
    pages.routes |= {"/sitemap.xml": f"\n{body}", "/blog/a": article("A")}
    assert len(pages.run(**BLOG)[1]) == 1
    from pipeline.scrape import blogs
    from pipeline.scrape.blog_routes import read_listing
    from pipeline.web.response import Response

    entry = {"kind": "blog", "site": "x", "frame": "f", "url": "https://x.example/s.xml", "layout": "sitemap"}
    settings = registry.settings_of("x", entry)
    assert set(blogs.hosts(settings)) == {"x.example", "www.x.example"}
    (route,) = blogs.routes_of(settings)
    response = Response("https://x.example/s.xml", 200, "OK", (), sitemap("/a", host="https://www.x.example").encode())
    assert [link for link, _ in read_listing(route, response, 1, is_first=True).links] == ["https://www.x.example/a"]


def test_rss_1_is_a_feed(pages):
    pages.routes["/feed"] = (
        '<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="HOST/">'
        "<title>B</title></channel><item rdf:about='HOST/p/1'><title>One</title><link>HOST/p/1</link>"
        "<dc:creator>Ada Anders and Bo Berg</dc:creator><dc:date>2026-03-04T05:06:07+02:00</dc:date></item></rdf:RDF>"
    )
    status, (item,), _ = pages.run(url="HOST/feed")
    assert (status, item.authors) == (0, ("Ada Anders", "Bo Berg"))
    assert item.published_date == "2026-03-04T03:06:07Z"


def test_routes_of_one_publisher_are_one_list_and_what_each_knows_is_joined(pages):
    pages.routes |= {
        "/feed": rss(range(2, 4), dc_creator="Ada Anders"),
        "/toc": contents(range(3)).replace("/n/", "/p/").replace('/" class', '" class'),
        "/": '<!doctype html><html><body><article><time datetime="2026-05-06"></time><h2><a href="/p/9">Nine</a></h2>'
        "</article></body></html>",
    }
    routes = [
        {"url": "HOST/feed"},
        {"url": "HOST/toc", "layout": "contents"},
        {"url": "HOST/", "layout": "cards"},
    ]
    status, items, _ = pages.run(routes=routes, organisation="Invented Lab")
    assert (status, len(items)) == (0, 5)  # 2 and 3 of the feed, 0 to 2 of the contents, 9 of the cards
    two = next(item for item in items if item.url.endswith("/p/2"))
    assert two.authors == ("Ada Anders",)
    assert two.published_date == "2026-07-21T08:10:00Z" or two.published_date == "2026-05"
    assert {item.organisation for item in items} == {"Invented Lab"}


def test_one_route_that_fails_rings_an_alarm_and_the_others_count(pages, capsys):
    pages.routes["/feed"] = rss(range(3))
    routes = [{"url": "HOST/feed"}, {"url": "HOST/gone", "layout": "cards"}]
    status, items, _ = pages.run(routes=routes)
    assert (status, len(items)) == (UNEVEN, 3)
    assert "/gone: the list is gone (status 404)" in capsys.readouterr().out


def test_archives_in_pages_are_followed_to_their_end(pages):
    def archive(asked):
        start = int(asked.params.get("offset", 0))
        posts = [
            {
                "title": f"Invented {n}",
                "canonical_url": pages.url(f"/p/{n}"),
                "post_date": "2026-05-06T07:08:09.000Z",
                "publishedBylines": [{"name": "Ada Anders"}, {"name": "Bo Berg"}],
                "subtitle": "S",
            }
            for n in range(start, min(30, start + 12))
        ]
        return Reply(json.dumps(posts).encode(), kind="application/json")

    pages.routes |= {"/api/v1/archive": archive, "/feed": rss(range(20, 30))}
    routes = [
        {"url": "HOST/feed"},
        {"url": "HOST/api/v1/archive?sort=new", "layout": "substack", "page_parameter": "offset"},
    ]
    status, items, _ = pages.run(routes=routes)
    assert (status, len(items)) == (0, 30)
    assert {item.authors for item in items} == {("Ada Anders", "Bo Berg")}
    listed = "".join(f'<a href="/blog/{n}">x</a>' for n in range(3)) + '<a href="/blog?page=2">2</a>'
    pages.routes |= {
        "/blog": lambda asked: Reply(
            listed.replace("/blog/", f"/blog/{asked.params.get('page', 1)}").encode(), kind="text/html"
        )
    }
    pages.routes |= {f"/blog/{p}{n}": article(f"Invented {p}{n}") for p in (1, 2) for n in range(3)}
    status, items, rejects = pages.run("c", site="c", url="HOST/blog", layout="links", keep_pattern="/blog/[^/]+")
    assert (status, len(items), rejects) == (0, 6, [])


def test_entries_without_authors_are_filled_from_their_pages(pages):
    pages.routes["/feed"] = rss(range(2))
    pages.routes["/p/0"] = article("Zero", head='<meta name="citation_author" content="Ada Anders">')
    pages.routes["/p/1"] = Reply(b"oops", 500, "text/html")
    status, items, _ = pages.run(url="HOST/feed", fills_from_pages=True)
    found = {item.url.rpartition("/")[2]: item for item in items}
    assert (status, found["0"].authors, found["1"].authors) == (0, ("Ada Anders",), ())
    assert found["0"].published_date == "2026-07-21T08:10:00Z"
    assert found["1"].title == "Invented 1"
    assert last_manifest(pages).missing


@pytest.mark.parametrize(
    ("links", "n_items"),
    [
        (("/p?id=1", "/p?id=2", "/p?id=3"), 3),
        (("/?p=1", "/?p=2"), 2),
        (("/notices#a-1", "/notices#a-2", "/notices#a-3"), 3),
        (("/p/1?utm_source=x", "/p/1?ref=y", "/p/1#comments", "/p/1/", "/p/1"), 1),
        (("/p/1?id=2&utm_medium=x", "/p/1?id=2"), 1),
        (("/view?post_id=1", "/view?post_id=2", "/view?r=1"), 3),
        (("/p/one?r=ab12&s=r&publication_id=7&post_id=9", "/p/one"), 1),
        (("/%7Eada", "/~ada", "/~ada/index.html"), 1),
        (("/a%2Fb", "/a%2fb", "/a/b"), 2),
        (("/#/post/1", "/#/post/2", "/#!/3"), 3),
        (("/A", "/a"), 2),
    ],
)
def test_what_names_a_page_is_identity_and_what_only_leads_there_is_not(pages, links, n_items):
    entries = "".join(f'<a href="{link}" class="note"><h3>Invented {n}</h3></a>' for n, link in enumerate(links))
    pages.routes["/toc"] = f'<html><body><div class="toc"><div class="date">May 2026</div>{entries}</div></body></html>'
    assert len(pages.run(url="HOST/toc", layout="contents")[1]) == n_items


def test_translations_stay_outside_and_are_counted(pages):
    items = "".join(
        f"<item><title>T{n}</title><link>HOST{path}</link></item>"
        for n, path in enumerate(("/blog/x", "/zh-Hans/blog/x", "/es/blog/x", "/blog/pt-BR/x", "/ai/x", "/en/y"))
    )
    pages.routes["/feed"] = f'<rss version="2.0"><channel>{items}</channel></rss>'
    status, found, _ = pages.run(url="HOST/feed")
    assert (status, sorted(item.title for item in found)) == (0, ["T0", "T4", "T5"])
    assert last_manifest(pages).outside_query_count == 3


def test_a_shrunken_list_and_an_unmet_expectation_ring_alarms(pages, capsys):
    pages.routes["/toc"] = contents(range(40))
    expect = {"min_items": 40, "max_age_days": 400_000}
    assert pages.run(url="HOST/toc", layout="contents", expect=expect)[0] == 0
    pages.clock.sleep(WEEK)
    pages.routes["/toc"] = contents(range(3))
    status, items, _ = pages.run(url="HOST/toc", layout="contents", expect=expect)
    assert (status, len(items)) == (UNEVEN, 40)
    assert "its lists name 3 items" in capsys.readouterr().out
    status, _, _ = pages.run(url="HOST/toc", layout="contents", expect={"min_items": 41})
    assert "40 items, where at least 41 are expected" in capsys.readouterr().out


def test_a_record_that_the_forum_cannot_give_is_a_reject_and_is_asked_for_again(pages):
    posts = [
        {"_id": f"{n:017d}", "title": f"Invented {n}", "postedAt": f"2026-01-0{n + 1}T00:00:00.000Z"} for n in range(3)
    ]
    is_broken = True

    def answer(asked):
        query = json.loads(asked.body)
        if "post(" in query["query"] and "posts(" not in query["query"]:
            body = {"data": {"post": {"result": posts[1]}}}
        else:
            after = query["variables"]["selector"]["old"]["after"]
            found = [post for post in posts if post["postedAt"] >= after]
            body = {"data": {"posts": {"results": found}}}
            where = [n for n, post in enumerate(found) if post is posts[1]]
            if is_broken and where:
                body["errors"] = [{"message": "broken", "path": ["posts", "results", where[0], "contents"]}]
        return Reply(json.dumps(body).encode(), kind="application/json")

    pages.routes["/graphql"] = answer
    entry = {"kind": "forum", "site": "lesswrong", "url": "HOST/graphql", "after": "2025-12-31T00:00:00Z"}
    status, items, rejects = pages.run(**entry)
    assert (status, len(items)) == (0, 2)
    assert [(reject.reason, reject.excerpt) for reject in rejects] == [
        ("the site failed to give it: broken", f"lw:{1:017d}")
    ]
    assert last_manifest(pages).missing == {f"{1:017d}": "the site failed to give it"}
    is_broken = False
    pages.clock.sleep(WEEK)
    status, items, rejects = pages.run(**entry)
    assert (status, len(items), rejects) == (0, 3, [])


def test_markdown_posts_that_fail_keep_no_others_out(pages):
    text = "".join(f"### [Invented {n}](/api/post/invented-{n})\n\nBy [Ada](/users/ada)\n\n" for n in range(3))
    pages.routes["/api/latest"] = Reply(f"# Latest\n\n{text}".encode(), kind="text/markdown")
    for n in range(3):
        body = f"# Invented {n}\n\n*   By [Ada](/users/ada)\n*   5 points\n\nText. /posts/{n:017d}/invented-{n}\n"
        pages.routes[f"/api/post/invented-{n}"] = Reply(body.encode(), kind="text/markdown")
    pages.routes["/api/post/invented-1"] = Reply(b"oops", 500, "text/plain")
    entry = {"kind": "forum-feed", "site": "lesswrong", "access": "markdown", "url": "HOST/api/latest"}
    status, items, rejects = pages.run(**entry)
    assert (status, len(items), len(rejects)) == (0, 2, 1)
    body = f"# Invented 1\n\nText. /posts/{1:017d}/invented-1\n"
    pages.routes["/api/post/invented-1"] = Reply(body.encode(), kind="text/markdown")
    status, items, rejects = pages.run(**entry)
    assert (status, len(items), rejects) == (0, 3, [])
    pages.routes["/api/latest"] = Reply(b"# Latest Posts\n\nNothing here.\n", kind="text/markdown")
    assert pages.run(**entry)[0] == UNEVEN


@pytest.mark.parametrize(
    ("author", "names"),
    [
        ("ada@x.institute (Ada Anders)", ("Ada Anders",)),
        ("Ada Anders &lt;ada@x.institute&gt;", ("Ada Anders",)),
        ("Bo Berg, ada@x.academy", ("Bo Berg",)),
        ("Ada Anders (Inst, X)", ("Ada Anders",)),
        ("ada@x.org", ()),
    ],
)
def test_an_address_is_no_author_whatever_its_ending(pages, author, names):
    pages.routes["/feed"] = rss(range(1), author=author)
    assert pages.run(url="HOST/feed")[1][0].authors == names


def test_two_creators_with_addresses_keep_their_names(pages):
    pages.routes["/feed"] = rss(range(1), dc_creator="ada@x.institute (Ada)</dc:creator><dc:creator>Bo Berg")
    assert pages.run(url="HOST/feed")[1][0].authors == ("Ada", "Bo Berg")


def test_a_packed_sitemap_is_read(pages):
    import gzip

    body = gzip.compress(sitemap("/blog/a").replace("HOST", pages.site.url("")).encode())
    pages.routes |= {"/sitemap.xml": Reply(body, kind="application/gzip"), "/blog/a": article("A")}
    assert len(pages.run(**BLOG)[1]) == 1


def test_a_bomb_of_entities_is_no_harm(pages):
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    pages.routes["/feed"] = (
        f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY e0 "aaaaaaaaaa">{entities}]><rss version="2.0"><channel><item>'
        "<title>&e9;</title><link>https://b.example/a</link></item></channel></rss>"
    )
    (item,) = pages.run(url="HOST/feed")[1]
    assert len(item.title) < 100


def test_a_post_whose_page_does_not_name_its_id_is_not_lost(pages):
    pages.routes["/api/latest"] = Reply(b"### [Invented](/api/post/invented)\n", kind="text/markdown")
    head = b"# Invented\n\nBy Ada Anders\nKarma: 19\n2026-04-02 22:56:31Z\nTags: [AI](/w/ai)\n\n"
    text = head + b"Text of it.\n\n## Navigation\nx"
    pages.routes["/api/post/invented"] = Reply(text, kind="text/markdown")
    entry = {"kind": "forum-feed", "site": "lesswrong", "access": "markdown", "url": "HOST/api/latest"}
    status, (item,), _ = pages.run(**entry)
    assert (status, item.authors, item.karma, item.tags) == (0, ("Ada Anders",), 19.0, ("AI",))
    assert (item.published_date, item.text, item.url) == (
        "2026-04-02T22:56:31Z",
        "Text of it.",
        pages.url("/posts/invented"),
    )
    assert item.doc_id.startswith("web:")


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("### [A](/api/post/a)\n\n> see [B](/api/post/b)", ["a"]),
        ("## [A](https://www.lesswrong.com/api/post/a)", ["a"]),
        ("- [A](/posts/Abcdefghijklmn001/a)", ["Abcdefghijklmn001"]),
        ("* **[A](/api/post/a)**", ["a"]),
        ("### [A \\[x\\]](/api/post/a)", ["a"]),
        ("### [A [x]](/api/post/a)", ["a"]),
        ('### [A](/api/post/a "On A")', ["a"]),
        ("#### [A](</api/post/a>)", ["a"]),
        ("Text with [B](/api/post/b) inside", []),
        ("    [B](/api/post/b)", []),
    ],
)
def test_the_posts_of_a_list_are_those_that_its_lines_begin_with(line, names):
    from pipeline.scrape.forum_markdown import listed_posts

    assert listed_posts(f"# Latest\n\n{line}\n") == names
