"""Membership: several frames a document, windows that stay, tombstones, other names, and the newest census."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipeline import store
from pipeline.coding.frames import list_aliases, may_be_quoted, window_of, windows_of
from pipeline.config import Config, load_config
from pipeline.corpus.membership import list_members
from pipeline.corpus.stage import run
from pipeline.corpus.versions import list_versions
from pipeline.errors import ConfigError, DataError
from pipeline.schemas import CENSUS_DOCUMENTS, DOCUMENTS, FRAME_MEMBERS, TERMS, TEXT_VERSIONS
from pipeline.scrape import registry, snapshot
from pipeline.scrape.snapshot import Manifest
from pipeline.settings import Frame
from pipeline.text.extract import text_sha256

FORUM = {"kind": "forum", "site": "lesswrong", "url": "http://127.0.0.1:1/graphql", "frame": "posts"}
FEED = {"kind": "forum-feed", "site": "lesswrong", "url": "http://127.0.0.1:1/feed", "frame": "posts"}


def frame(**facts: object) -> Frame:
    return Frame(**{"title": "T", "kind": "census", "description": "d", "use": "u", "is_quotable": True, **facts})


@pytest.fixture
def config(root: Path, tmp_path: Path) -> Config:
    shipped = load_config(root / "census.toml")
    return replace(shipped, root=tmp_path, sources={}, frames={"posts": frame(windows="year"), "list": frame()})


def documents(*rows: tuple[str, str, str], title: str = "A title") -> pd.DataFrame:
    """Returns rows of a census: id, frame and date of each."""
    return pd.DataFrame(
        [
            {
                "doc_id": doc_id,
                "source": "lesswrong",
                "frame": name,
                "url": f"https://example.org/{doc_id}",
                "title": f"{title} {doc_id}",
                "authors": ["Ada"],
                "published_date": date,
                "published_year": int(date[:4]),
                "tags": [],
                "karma": 1.0,
                "karma_read_date": None,
                "text_kind": "none",
                "word_count": 0,
                "character_count": 0,
                "text_sha256": text_sha256(title, doc_id),
            }
            for doc_id, name, date in rows
        ]
    )


def publish(config: Config, version: str, rows: pd.DataFrame, members: pd.DataFrame | None = None) -> dict[str, str]:
    """Writes a census release as far as the corpus stage reads it. Returns its entry of [sources]."""
    folder = config.path("data/raw/census", version)
    store.write_table(CENSUS_DOCUMENTS, rows, folder / "documents.parquet")
    store.write_arrow(TERMS, TERMS.arrow_schema.empty_table(), folder / "terms.parquet")
    if members is not None:
        store.write_table(FRAME_MEMBERS, members, folder / "frame_members.parquet")
    return {"kind": "census", "path": f"data/raw/census/{version}"}


def list_snapshot(config: Config, name: str, day: str, ids: list[str], alarms: tuple[str, ...] = ()) -> None:
    """Writes a finished snapshot that lists these documents."""
    place = registry.folder_of(config, name) / day
    query = registry.query_of(config.sources[name])
    facts = {"is_full": True, "query": query, "licence": "", "frame": "posts", "archive_sha256": "", "state": {}}
    counts = {"archive_bytes": 0, "page_count": 0, "request_count": 1, "failures": {}, "alarms": alarms}
    days = {"snapshot": day, "started_at": f"{day}T00:00:00Z", "finished_at": f"{day}T00:00:00Z"}
    snapshot.write_index(place, dict.fromkeys(ids, "0"))
    snapshot.save_manifest(place, Manifest(source=name, kind="forum", **days, **facts, **counts))


def members_of(config: Config, rows: pd.DataFrame, extra: list[tuple[str, str]] = ()) -> pd.DataFrame:
    records = pd.concat([rows[["frame", "doc_id"]], pd.DataFrame(extra, columns=["frame", "doc_id"])])
    works = rows[["doc_id", "frame"]].assign(work_id=rows["doc_id"])
    found = list_members(config, records, rows, works)
    return found.set_index(["frame", "doc_id"])


def test_a_document_is_a_member_of_every_frame_that_any_source_puts_it_in(config: Config) -> None:
    rows = documents(("lw:1", "posts", "2024-05-01"), ("lw:2", "posts", "2025-05-01"))
    found = members_of(config, rows, [("list", "lw:1")])
    assert found.index.tolist() == [("list", "lw:1"), ("posts", "lw:1"), ("posts", "lw:2")]
    assert found["window"].tolist() == ["", "2024", "2025"]


@pytest.mark.parametrize(
    ("date", "kind", "window"),
    [
        ("2026-03-31", "quarter", "2026-Q1"),
        ("2026-10", "quarter", "2026-Q4"),
        ("2026", "year", "2026"),
        ("", "year", ""),
        ("2026", "quarter", ""),
        (None, "year", ""),
        ("2026-03-31", "", ""),
    ],
)
def test_windows_follow_the_date_as_far_as_it_is_known(date: str, kind: str, window: str) -> None:
    assert window_of(date, kind) == window


def test_a_date_that_is_corrected_later_leaves_the_window_as_it_was(config: Config) -> None:
    old = documents(("lw:1", "posts", "2025-05-01"))
    config = replace(config, sources={"old": publish(config, "2026.01", old)})
    now = documents(("lw:1", "posts", "2024-12-31"), ("lw:2", "posts", "2024-12-31"))
    assert members_of(config, now)["window"].tolist() == ["2025", "2024"]
    # The release hands the window on: the next version need not know the first one.
    members = members_of(config, now).reset_index()
    config = replace(config, sources={"new": publish(config, "2026.02", now, members)})
    assert members_of(config, now)["window"].tolist() == ["2025", "2024"]


def test_what_a_complete_listing_no_longer_has_is_a_tombstone_and_comes_back(config: Config) -> None:
    rows = documents(("lw:1", "posts", "2024-05-01"), ("lw:2", "posts", "2024-05-01"))
    config = replace(config, sources={"census": publish(config, "2026.01", rows), "live": FORUM})
    list_snapshot(config, "live", "2026-02-01", ["lw:1", "lw:2", "lw:3"])
    assert members_of(config, rows)["gone"].isna().all()
    list_snapshot(config, "live", "2026-03-01", ["lw:1"])
    found = members_of(config, rows)
    assert found["gone"].to_dict() == {
        ("posts", "lw:1"): None,
        ("posts", "lw:2"): "2026-03-01",
        ("posts", "lw:3"): "2026-03-01",
    }
    assert found.loc[("posts", "lw:2"), ["first_seen", "last_seen"]].tolist() == ["2026-01", "2026-02-01"]
    list_snapshot(config, "live", "2026-04-01", ["lw:1", "lw:2"])
    assert pd.isna(members_of(config, rows).loc[("posts", "lw:2"), "gone"])


def test_a_member_of_the_census_that_its_source_never_listed_since_is_gone(config: Config) -> None:
    rows = documents(("lw:1", "posts", "2024-05-01"), ("lw:2", "posts", "2024-05-01"))
    config = replace(config, sources={"census": publish(config, "2026.01", rows), "live": FORUM})
    list_snapshot(config, "live", "2026-03-01", ["lw:1"])
    assert members_of(config, rows)["gone"].tolist() == [None, "2026-03-01"]


@pytest.mark.parametrize("entry", [FEED, FORUM])
def test_a_feed_and_a_listing_with_an_alarm_say_nothing_of_what_is_gone(config: Config, entry: dict[str, str]) -> None:
    rows = documents(("lw:1", "posts", "2024-05-01"), ("lw:2", "posts", "2024-05-01"))
    config = replace(config, sources={"census": publish(config, "2026.01", rows), "live": entry})
    alarms = ("1 items, down from 2",) if entry is FORUM else ()
    list_snapshot(config, "live", "2026-02-01", ["lw:1", "lw:2"])
    list_snapshot(config, "live", "2026-03-01", ["lw:1"], alarms)
    assert members_of(config, rows)["gone"].isna().all()


@pytest.mark.parametrize("order", [("old", "new"), ("new", "old")])
def test_of_two_censuses_in_either_order_the_newest_facts_come_out(config: Config, order: tuple[str, str]) -> None:
    """The ids sort the old one first, so that only its date can put the new one before it."""
    old = documents(("lw:1", "posts", "2025-05-01"), title="Old")
    new = documents(("lw:1", "posts", "2024-05-01"), ("lw:2", "posts", "2026-05-01"), title="New")
    entries = {"old": publish(config, "2026.01", old), "new": publish(config, "2026.02", new)}
    config = replace(config, sources={f"{number}-{name}": entries[name] for number, name in enumerate(order)})
    run(config)
    found = store.read_table(DOCUMENTS, config.processed("documents")).set_index("doc_id")
    assert found.loc["lw:1", ["title", "published_date", "published_year"]].tolist() == ["New lw:1", "2024-05-01", 2024]
    members = store.read_table(FRAME_MEMBERS, config.processed("frame_members")).set_index("doc_id")
    assert members["window"].to_dict() == {"lw:1": "2025", "lw:2": "2026"}
    assert members.loc["lw:1", ["first_seen", "last_seen"]].tolist() == ["2026-01", "2026-02"]


def test_a_renamed_frame_keeps_its_documents_under_the_new_name(config: Config) -> None:
    rows = documents(("lw:1", "forum", "2024-05-01"))
    sources = {"census": publish(config, "2026.01", rows)}
    with pytest.raises(
        ConfigError, match=r"frame 'forum', which is not declared; add \[frames.forum\] .* renamed_from"
    ):
        run(replace(config, sources=sources))
    frames = {"posts": frame(windows="year", renamed_from=("forum",))}
    config = replace(config, sources=sources, frames=frames)
    run(config)
    assert store.read_table(DOCUMENTS, config.processed("documents"))["frame"].tolist() == ["posts"]
    assert store.read_table(FRAME_MEMBERS, config.processed("frame_members"))["frame"].tolist() == ["posts"]


def test_an_earlier_name_of_two_frames_is_refused() -> None:
    with pytest.raises(ConfigError, match="'old' is an earlier name of 'b', and of 'a' too"):
        list_aliases({"a": frame(renamed_from=("old",)), "b": frame(renamed_from=("old",))})
    with pytest.raises(ConfigError, match="'a' is an earlier name of 'b', and of 'a' too"):
        list_aliases({"a": frame(), "b": frame(renamed_from=("a",))})


def test_a_file_lists_a_population_that_the_census_does_not_hold(config: Config) -> None:
    path = config.path("members.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("id,stratum\narxiv:1,posts/2024/core\narxiv:2,posts/2024/rest\nlw:1,posts/2025/core\n")
    config = replace(config, frames={"posts": frame(members="members.csv"), "list": frame()})
    rows = documents(("lw:1", "list", "2024-05-01"))
    found = members_of(config, rows)
    assert found.loc["posts", "part"].to_dict() == {"arxiv:1": "core", "arxiv:2": "rest", "lw:1": "core"}
    assert found.loc[("posts", "lw:1"), "window"] == "2025" and ("list", "lw:1") in found.index
    path.write_text("id,stratum\narxiv:1,elsewhere/2024\n")
    with pytest.raises(DataError, match=r"members.csv: arxiv:1 is in 'elsewhere/2024', not in posts"):
        members_of(config, rows)
    path.write_text("id,stratum\narxiv:1,posts\narxiv:1,posts\n")
    with pytest.raises(DataError, match="arxiv:1 is listed twice"):
        members_of(config, rows)


def test_the_whole_text_of_a_known_opening_is_the_same_text_and_a_rewritten_one_is_not() -> None:
    opening, whole = "It begins here", "It begins here and goes on."
    records = pd.DataFrame(
        [
            ("lw:1", "T", "opening", len(opening), text_sha256("T", opening)),
            ("lw:1", "T", "full", len(whole), text_sha256("T", whole)),
            ("lw:2", "T", "opening", len(opening), text_sha256("T", "It began there")),
        ],
        columns=["doc_id", "title", "text_kind", "character_count", "text_sha256"],
    )
    now = text_sha256("T", whole)
    texts = pd.DataFrame({"doc_id": ["lw:1", "lw:2"], "text": whole, "text_sha256": now})
    found = list_versions(records, texts)
    assert set(found.loc[found["doc_id"] == "lw:1", "text_sha256"]) == {now, text_sha256("T", opening)}
    assert found.loc[found["doc_id"] == "lw:2", "text_sha256"].tolist() == [now]
    assert list(found.columns) == [column.name for column in TEXT_VERSIONS.columns]


@pytest.mark.parametrize(
    ("span", "quotable"),
    [
        ({}, {"", "2025", "2026", "2026-Q4", "2027"}),
        ({"complete_from": "2026-01-01"}, {"2026", "2026-Q4", "2027"}),
        ({"complete_from": "2026-01-02"}, {"2026-Q4", "2027"}),
        ({"complete_before": "2027-01-01"}, {"2025", "2026", "2026-Q4"}),
        ({"complete_from": "2026-01-01", "complete_before": "2026-12-31"}, set()),
        ({"complete_from": "2026-10-01", "complete_before": "2027-01-01"}, {"2026-Q4"}),
        ({"is_quotable": False, "complete_from": "2000-01-01"}, set()),
    ],
)
def test_a_frame_is_quotable_for_the_windows_in_which_it_is_complete(span: dict, quotable: set[str]) -> None:
    frame = Frame(**{"title": "F", "kind": "k", "description": "d", "use": "u", "is_quotable": True} | span)
    assert {window for window in ("", "2025", "2026", "2026-Q4", "2027") if may_be_quoted(frame, window)} == quotable


def test_the_report_shows_the_years_alone_in_which_a_frame_is_complete() -> None:
    from types import SimpleNamespace

    from pipeline.report.results import Results

    frame = Frame("F", "k", "d", "u", is_quotable=False, windows="year", complete_from="2025-06-01")
    rows = {("f", year, "safety", "strict", "documents"): {} for year in ("", "2024", "2025", "2026")}
    assert Results.years_of(SimpleNamespace(_share_rows=rows, frames={"f": frame}), "f") == ["2026"]


def test_dates_that_are_missing_or_cut_lie_in_no_window_or_in_their_year() -> None:
    kinds = {"papers": "year", "posts": "quarter"}
    frames = ["papers", "posts", "papers", "posts", "other", "posts", "papers"]
    dates = ["2024-05-01", "2024-05-01", None, "2024", "2024-05-01", "2024-12-31", float("nan")]
    found = windows_of(frames, dates, kinds)
    assert found.tolist() == ["2024", "2024-Q2", "", "", "", "2024-Q4", ""]
    assert windows_of([], [], kinds).tolist() == []
