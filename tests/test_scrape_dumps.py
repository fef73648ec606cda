"""Files that others published are read as they are: packed or not, with their odd lines."""

import gzip
import json

import pytest
import zstandard

from pipeline.errors import ConfigError, DataError
from pipeline.scrape import files
from pipeline.scrape.item import Item, Reject

PAPERS = [
    {
        "id": "2501.00001",
        "submitter": "Ada",
        "authors": "Ada Invented and Ben Made-Up",
        "title": "Invented\n  title on AI safety",
        "comments": "9 pages",
        "doi": "10.1/x",
        "categories": "cs.AI cs.LG",
        "license": "http://creativecommons.org/licenses/by/4.0/",
        "abstract": "  We invent $x$.\n",
        "versions": [
            {"version": "v1", "created": "Wed, 1 Jan 2025 10:00:00 GMT"},
            {"version": "v2", "created": "Sat, 1 Feb 2025 10:00:00 GMT"},
        ],
        "update_date": "2025-02-03",
        "authors_parsed": [["Invented", "Ada", ""], ["Made-Up", "Ben", "Jr."]],
    },
    {
        "id": "cs/0601001",
        "title": "0",
        "abstract": "This paper has been withdrawn",
        "categories": "cs.CR",
        "versions": [],
    },
    {"id": "../../x", "title": "Bad id", "categories": "cs.AI", "versions": []},
    {"id": "2501.00002", "title": "x" * 10_000_000, "categories": "cs.AI", "versions": []},
]
DOCUMENTS = [
    {
        "id": "a" * 32,
        "source": "arxiv",
        "url": "https://arxiv.org/abs/2501.00003v2",
        "title": "Paper",
        "text": "T",
        "authors": ["A", "B"],
    },
    {
        "id": "b" * 32,
        "source": "lesswrong",
        "url": "https://www.lesswrong.com/posts/" + "A" * 17 + "/x",
        "title": "Post",
        "karma": 12,
    },
    {
        "id": "c" * 32,
        "source": "eaforum",
        "url": "https://forum.effectivealtruism.org/posts/" + "B" * 17,
        "title": "Post",
        "tags": ["x"],
    },
    {
        "id": "d" * 32,
        "source": "miri",
        "url": "https://intelligence.org/2020/01/01/x/",
        "title": "Blog",
        "date_published": "2020-01-01",
    },
    {"id": "e" * 32, "source": "miri", "url": "", "title": "Nowhere"},
]


def write(path, rows, extra=()):
    text = "\n".join([*map(json.dumps, rows), *extra]) + "\n"
    data = text.encode()
    path.write_bytes({".gz": gzip.compress, ".zst": zstandard.compress}.get(path.suffix, bytes)(data))
    return {"kind": "files", "path": path.name, "frame": "f"}


@pytest.mark.parametrize("name", ["arxiv.json", "arxiv.json.gz", "arxiv.json.zst"])
def test_the_arxiv_snapshot_is_read_packed_or_not(tmp_path, name):
    entry = {**write(tmp_path / name, PAPERS, ["{broken", "[1]"]), "dump": "arxiv-metadata"}
    found = list(files.read_items(entry, tmp_path, "here"))
    papers, rejects = ([item for item in found if isinstance(item, kind)] for kind in (Item, Reject))
    assert [paper.doc_id for paper in papers] == ["arxiv:2501.00001", "arxiv:cs/0601001"]
    assert [(paper.title[:8], paper.is_withdrawn) for paper in papers] == [("Invented", False), ("0", True)]
    assert papers[0].authors == ("Ada Invented", "Ben Made-Up Jr.")
    assert papers[0].versions == ("2025-01-01T10:00:00Z", "2025-02-01T10:00:00Z")
    assert papers[0].title == "Invented title on AI safety"
    assert {reject.reason for reject in rejects} == {
        "not an arXiv id",
        "title longer than 2,000 characters",
        "not JSON",
        "not an object",
    }


def test_a_defined_query_picks_the_papers(tmp_path):
    rows = [
        {**PAPERS[0], "id": f"2501.0000{n}", "title": title, "categories": categories}
        for n, (title, categories) in enumerate(
            [
                ("On AI-safety", "cs.AI"),
                ("On AI safetyism", "cs.AI"),
                ("On jailbreaks", "cs.CR"),
                ("On AI safety", "math.CO"),
            ]
        )
    ]
    entry = {**write(tmp_path / "a.json", rows), "dump": "arxiv-metadata"}
    query = {"phrases": ["AI safety", "jailbreak*"], "categories": ["cs.AI", "cs.CR"], "submitted_from": "2025-01-01"}

    def ids(**more):
        return [item.doc_id[-1] for item in files.read_items({**entry, "query": {**query, **more}}, tmp_path, "here")]

    assert ids() == ["0", "2"]
    assert ids(submitted_before="2025-01-01") == []


def test_the_alignment_research_dataset_gets_ids_from_addresses(tmp_path):
    entry = {**write(tmp_path / "ard.jsonl", DOCUMENTS), "dump": "alignment-research-dataset"}
    found = list(files.read_items(entry, tmp_path, "here"))
    ids = [item.doc_id for item in found if isinstance(item, Item)]
    assert ids[:3] == ["arxiv:2501.00003", "lw:" + "A" * 17, "eaf:" + "B" * 17]
    assert ids[3].startswith("web:intelligence.org:")
    assert [item.reason for item in found if isinstance(item, Reject)] == ["no address"]
    assert (found[0].authors, found[1].karma, found[2].tags) == (("A", "B"), 12.0, ("x",))


def test_a_dump_that_ends_early_or_names_no_frame_is_refused(tmp_path):
    entry = {**write(tmp_path / "a.json.gz", PAPERS[:2] * 500), "dump": "arxiv-metadata"}
    whole = (tmp_path / "a.json.gz").read_bytes()
    (tmp_path / "a.json.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="ends early"):
        list(files.read_items(entry, tmp_path, "here"))
    with pytest.raises(DataError, match="missing"):
        list(files.read_items({**entry, "path": "no.json"}, tmp_path, "here"))
    with pytest.raises(ConfigError, match="frame"):
        list(files.read_items({**entry, "frame": ""}, tmp_path, "here"))
