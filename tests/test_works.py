"""One work at several places, by what the sources declare: scraped from local sites, then through the corpus stage."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from pipeline.config import Config, load_config
from pipeline.corpus import same_work
from pipeline.corpus.documents import choose_documents
from pipeline.corpus.facts import gather_declared
from pipeline.corpus.places import describe_places
from pipeline.corpus.records import read_sources, records_from_items
from pipeline.corpus.stage import run
from pipeline.errors import DataError
from pipeline.schemas import DOCUMENTS, DUPLICATES, FRAME_MEMBERS, RECORDS, WORKS
from pipeline.scrape import stage
from pipeline.scrape.item import Item
from pipeline.settings import Frame
from pipeline.store import read_table
from pipeline.text.identifiers import author_keys
from pipeline.web.clock import VirtualClock
from tests.fakes.arxiv_site import Arxiv, Paper
from tests.fakes.forum_site import Forum, Post
from tests.fakes.server import Asked, Reply, Site
from tests.fakes.world import ROOT, config_for

DAY = datetime(2026, 2, 10, tzinfo=UTC)
PAPER_ID, POST_ID, TWIN_ID, BLOG_POST_ID = "2602.00042", "A" * 17, "B" * 17, "C" * 17
AGAIN = "lw:" + "E" * 17
CENSUS_PAPER, CENSUS_POST = (
    "arxiv:2508.16245",
    "lw:PuGxDb27xhRPBPbiv",
)  # in the shipped census, with nothing to join them
FRAMES = ("papers", "posts", "twins", "blog")


def invent_post(post_id: str, title: str, **facts: object) -> Post:
    stamp = "2026-02-12T00:00:00.000Z"
    return Post(
        {
            "_id": post_id,
            "title": title,
            "slug": "x",
            "url": None,
            "pageUrl": f"https://www.lesswrong.com/posts/{post_id}/x",
            "postedAt": stamp,
            "modifiedAt": stamp,
            "baseScore": 30,
            "user": {"_id": "u", "slug": "ada", "displayName": "Ada Invented"},
            "tags": [],
            "contents": {"_id": "x", "html": f"<p>What {title.lower()} says, in a few words of our own.</p>"},
            **facts,
        }
    )


def crosspost(foreign_id: str, *, is_original: bool) -> dict[str, object]:
    return {"fmCrosspost": {"isCrosspost": True, "hostedHere": is_original, "foreignPostId": foreign_id}}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The local sites, scraped and made into a corpus: arXiv, both forums and a lab's blog."""
    clock = VirtualClock(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    title = "Quiet failures of tidal overseers"
    paper = Paper(PAPER_ID, title, "We measure tides.", ("cs.AI",), DAY, DAY, 1, "9 pages", f"{DAY:%Y-%m-%d}")

    def blog(asked: Asked) -> Reply:
        entry = f'<a href="2026/quiet/" class="note"><h3>{title}</h3><div class="byline">Invented, 2026</div></a>'
        page = f'<html><body><div class="toc"><div class="date">February 2026</div>{entry}</div></body></html>'
        return Reply(page.encode(), kind="text/html")

    sites = {"blog": Site(blog, clock=clock)}
    lesswrong = [
        invent_post(POST_ID, "Our overseers fail quietly", url=f"https://arxiv.org/pdf/{PAPER_ID}v2.pdf"),
        invent_post(BLOG_POST_ID, "Nets that mend themselves", **crosspost(TWIN_ID, is_original=True)),
        invent_post("D" * 17, "Thoughts on tides", user=None, url=f"https://arxiv.org/abs/{PAPER_ID}"),
        invent_post(AGAIN[3:], title, user=None, url=sites["blog"].url("/notes/2026/quiet/?utm_source=x")),
        invent_post(CENSUS_POST[3:], "Retitled since", user=None, url=f"https://arxiv.org/abs/{CENSUS_PAPER[6:]}"),
    ]
    eaforum = [invent_post(TWIN_ID, "Self-mending nets (from our notes)", **crosspost(BLOG_POST_ID, is_original=False))]
    sites |= {
        "papers": Site(Arxiv([paper], random.Random(1), clock).answer, clock=clock),
        "posts": Site(Forum(lesswrong, random.Random(2)).answer, clock=clock),
        "twins": Site(Forum(eaforum, random.Random(3), "terms").answer, clock=clock),
    }
    pace = {"seconds_between": 0.0}
    query = {"categories": ["cs.AI"], "submitted_from": "2026-02-01"}
    url = {name: site.url for name, site in sites.items()}
    after = {"after": "2026-02-01T00:00:00Z"}
    sources = {
        "papers": {"kind": "arxiv-query", "frame": "papers", "url": url["papers"]("/api/query"), "query": query},
        "posts": {"kind": "forum", "frame": "posts", "site": "lesswrong", "url": url["posts"]("/graphql"), **after},
        "twins": {"kind": "forum", "frame": "twins", "site": "eaforum", "url": url["twins"]("/graphql"), **after},
        "blog": {"kind": "blog", "frame": "blog", "site": "lab", "layout": "contents", "url": url["blog"]("/notes/")},
    }
    sources = {name: {**entry, **pace} for name, entry in sources.items()}
    sources["twins"]["dialect"] = "terms"
    found = config_for(sources, tmp_path_factory.mktemp("works"))
    frame = Frame("Invented", "census", "invented records", "none", False)
    found = replace(found, frames={**dict.fromkeys(FRAMES, frame)})
    assert stage.run(found, clock=clock) == 0
    for site in sites.values():
        site.close()
    run(found)
    return found


def test_a_scraped_paper_its_linkpost_and_the_labs_page_are_one_work_with_three_places(config: Config) -> None:
    works = read_table(WORKS, config.processed("works"))
    places = works[(works["work_id"] == f"arxiv:{PAPER_ID}") & (works["doc_id"] != AGAIN)].set_index("frame")
    assert sorted(places.index) == ["blog", "papers", "posts"]
    assert places.at["posts", "doc_id"] == f"lw:{POST_ID}"
    assert places.at["posts", "reason"] == "declared link of an author"
    assert places.at["papers", "reason"] == "represents the work"
    assert places.at["blog", "url"].endswith("/notes/2026/quiet/")
    assert set(places["first_published_date"]) == {"2026-02"}
    members = read_table(FRAME_MEMBERS, config.processed("frame_members"))
    assert set(members[members["doc_id"].isin(places["doc_id"])]["frame"]) == {"blog", "papers", "posts"}
    documents = read_table(DOCUMENTS, config.processed("documents"))
    assert set(places["doc_id"]) <= set(documents["doc_id"])  # each counts in its own frame


def test_a_person_sees_the_places_of_a_work_from_any_of_them(config: Config) -> None:
    lines = describe_places(config, f"lw:{POST_ID}")
    assert lines[0] == f"arxiv:{PAPER_ID}: 4 places, first published 2026-02"
    assert f"arxiv:{PAPER_ID}  https://arxiv.org/abs/{PAPER_ID}  in papers (represents the work)" in lines[1]
    assert [line.split("  in ")[1].split(" ")[0] for line in lines[1:]] == ["papers", "blog", "posts", "posts"]
    page = next(line.split("  ")[2] for line in lines[1:] if " in blog " in line)
    for name in (f"https://www.arxiv.org/pdf/{PAPER_ID}v3", page, f"af:{POST_ID}"):
        assert describe_places(config, name) == lines
    with pytest.raises(DataError, match="no document has this id or address"):
        describe_places(config, "lw:nobody")


def test_a_second_post_of_the_same_page_in_one_frame_is_a_duplicate_with_its_reason(config: Config) -> None:
    duplicates = read_table(DUPLICATES, config.processed("duplicates"))
    again = duplicates[duplicates["doc_id"] == f"lw:{POST_ID}"]
    assert again["reason"].tolist() == ["declared link"]
    works = read_table(WORKS, config.processed("works")).set_index("doc_id")
    assert works.at[AGAIN, "work_id"] == f"arxiv:{PAPER_ID}"


def test_what_a_stranger_says_of_a_paper_under_another_title_is_a_work_of_its_own(config: Config) -> None:
    works = read_table(WORKS, config.processed("works")).set_index("doc_id")
    assert works.at["lw:" + "D" * 17, "reason"] == "only place"


def test_the_forums_own_field_joins_two_titles(config: Config) -> None:
    works = read_table(WORKS, config.processed("works")).set_index("doc_id")
    twins = works.loc[[f"lw:{BLOG_POST_ID}", f"eaf:{TWIN_ID}"]]
    assert set(twins["work_id"]) == {f"lw:{BLOG_POST_ID}"}
    assert twins.at[f"eaf:{TWIN_ID}", "reason"] == "declared cross-post"


def test_records_keep_what_the_source_declared(config: Config) -> None:
    records = read_table(RECORDS, config.processed("records")).set_index("doc_id")
    assert records.at[f"lw:{POST_ID}", "external_url"] == f"https://arxiv.org/pdf/{PAPER_ID}v2.pdf"
    assert records.at[f"eaf:{TWIN_ID}", "crosspost_id"] == f"lw:{BLOG_POST_ID}"


@pytest.mark.whole
def test_a_scraped_field_links_documents_of_the_shipped_census(config: Config) -> None:
    folder = "data/raw/census/2026.07"
    shipped = load_config(ROOT / "studies/2026.07/census.toml")
    census = {"kind": "census", "path": str(ROOT / folder)}
    alone = replace(config, sources={"census": census}, frames={**shipped.frames, **config.frames})
    before = choose_documents(read_sources(alone)[0], ["census"])[2].set_index("doc_id")
    assert before.at[CENSUS_POST, "work_id"] == CENSUS_POST
    joined = replace(alone, sources={"census": census, "posts": config.sources["posts"]})
    joined = replace(joined, paths=replace(joined.paths, processed="data/processed-joined"))
    run(joined)
    after = read_table(WORKS, joined.processed("works")).set_index("doc_id")
    assert after.at[CENSUS_POST, "work_id"] == CENSUS_PAPER
    assert after.at[CENSUS_POST, "reason"] == "declared link of an author"
    documents = read_table(DOCUMENTS, joined.processed("documents")).set_index("doc_id")
    known = pd.read_parquet(ROOT / folder / "documents.parquet").set_index("doc_id")
    assert set(known.index) <= set(documents.index)
    assert (documents.loc[known.index, ["frame", "title"]] == known[["frame", "title"]]).all(axis=None)
    members = read_table(FRAME_MEMBERS, joined.processed("frame_members"))
    assert set(members[members["doc_id"] == CENSUS_POST]["frame"]) == {"alignmentforum-census", "posts"}


def invent_item(doc_id: str, title: str, **facts: object) -> Item:
    basics = {"place": doc_id, "doc_id": doc_id, "source": doc_id.partition(":")[0], "frame": "f", "title": title}
    return Item(**{**basics, "text": "", "published_date": "2026-02-10", **facts})


def works_of(*items: Item) -> list[set[str]]:
    """Returns the works that stand at more than one place."""
    records, _ = records_from_items("mine", items)
    works = choose_documents(records, fixed_frames=["f"])[2]
    groups = works.groupby("work_id")["doc_id"].agg(set)
    return sorted((found for found in groups if len(found) > 1), key=sorted)


def test_a_doi_joins_a_preprint_and_its_published_version() -> None:
    preprint = invent_item("arxiv:2602.00001", "Tides, measured", doi="10.1000/ABC", authors=("Ada Invented",))
    version = invent_item("doi:10.1000/abc", "The measurement of tides", authors=("A. Invented",))
    other = invent_item("arxiv:2602.00002", "Nets", doi="https://doi.org/10.1000/abc", authors=("Ben Other",))
    assert works_of(preprint, version, other) == [{"arxiv:2602.00001", "doi:10.1000/abc"}]


def test_of_an_authors_posts_about_a_paper_the_first_is_its_linkpost() -> None:
    paper = invent_item("arxiv:2602.00001", "Tides, measured", authors=("Ada Invented",))
    posts = [
        invent_item(f"lw:{number}", title, external_url="https://arxiv.org/abs/2602.00001", authors=("Ada Invented",))
        for number, title in enumerate(["How nets mend", "Why gates open", "What the harbour log says"])
    ]
    days = ("2026-02-19", "2026-02-12", "2026-02-17")
    dated = [replace(post, published_date=day) for post, day in zip(posts, days, strict=True)]
    assert works_of(paper, *dated) == [{"arxiv:2602.00001", "lw:1"}]
    assert works_of(*reversed(dated), paper) == [{"arxiv:2602.00001", "lw:1"}]


def test_a_post_that_is_mostly_the_abstract_it_links_to_is_the_paper() -> None:
    abstract = " ".join(f"{word}{number}" for number in range(9) for word in "we show that tides turn nets".split())
    paper = invent_item("arxiv:2602.00001", "Tides, measured", text=abstract, authors=("Ada Invented",))
    paper = replace(paper, source="arxiv")
    link = {"external_url": "https://arxiv.org/abs/2602.00001", "authors": ("somebody",)}
    quote = invent_item("lw:1", "A new one from the harbour", text=f"Found this today. {abstract}", **link)
    essay = invent_item("lw:2", "What I make of it", text=" ".join(f"other{number}" for number in range(300)), **link)
    assert works_of(paper, quote, essay) == [{"arxiv:2602.00001", "lw:1"}]


def test_parts_of_a_series_are_not_joined_by_one_link() -> None:
    link = {"external_url": "https://example.org/reports/tides", "authors": ("Ada Invented",)}
    parts = [invent_item(f"lw:{number}", f"Report on tides, part {number}", **link) for number in range(1, 4)]
    home = [invent_item(f"eaf:{number}", "Report on tides", external_url="https://example.org/") for number in (1, 2)]
    assert works_of(*parts) == []
    assert works_of(*(replace(item, published_date=f"202{n}-01-01") for n, item in enumerate(home))) == []


def test_what_any_record_of_a_document_declares_is_gathered() -> None:
    first = invent_item("lw:1", "Nets", url="https://www.lesswrong.com/posts/1")
    second = replace(first, place="again", external_url="https://example.org/a", crosspost_id="eaf:9", url="")
    declared = gather_declared(records_from_items("mine", [first, second])[0], ["lw:1"])
    expected = (("https://www.lesswrong.com/posts/1",), ("https://example.org/a",), ("eaf:9",), ())
    assert tuple(declared.iloc[0]) == expected


def test_names_of_authors_are_looked_at_only_where_they_can_join_a_paper_and_a_post(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(same_work, "author_keys", lambda names: asked.append(names) or author_keys(names))
    first, second = (f"arxiv:2602.0000{number}" for number in (1, 2))
    papers = [invent_item(doc_id, f"On kites and {doc_id}", authors=("Ada Invented",)) for doc_id in (first, second)]
    assert not works_of(*papers) and not asked
    post = invent_item("lw:" + "F" * 17, "Kites and arxiv 2602 00001", authors=("Ada Invented",))
    works_of(*papers, post)
    assert len(asked) == 3
