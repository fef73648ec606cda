"""The union of rounds: what changes since a draw is counted and stops nothing; two draws of a stratum are one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import store
from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.coverage import Census, count_coverage
from pipeline.coding.facts import describe_agreement, fill_slots
from pipeline.coding.precedence import CodedSheet
from pipeline.coding.sample import Sample, load_sample, settle_codes
from pipeline.coding.union import Stratum, cut_cells
from pipeline.config import load_config
from pipeline.errors import SheetError
from pipeline.schemas import CENSUS_DOCUMENTS, ROUND_MEMBERS
from pipeline.settings import Frame

FORUM = "alignmentforum-census"
COLUMNS = ("doc_id", "frame", "published_year", "published_date", "text_sha256")


@pytest.fixture(scope="module")
def codebook(root: Path) -> Codebook:
    return load_codebook(root / "data/raw/handcheck/codebook/codebook.toml")


@pytest.fixture(scope="module")
def frames(root: Path) -> dict[str, Frame]:
    return load_config(root / "census.toml").frames


@pytest.fixture(scope="module")
def documents(root: Path) -> pd.DataFrame:
    return store.read_table(CENSUS_DOCUMENTS, root / "data/raw/census/2026.07/documents.parquet", COLUMNS)


@pytest.fixture
def handcheck(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / "data/raw/handcheck", tmp_path / "handcheck"))


def members_of(documents: pd.DataFrame, frames: dict[str, Frame]) -> pd.DataFrame:
    """Returns `frame_members` with each document in its own frame, in the window of its year."""
    years = documents["published_year"].map(lambda year: f"{year:.0f}" if year == year else "")
    has = documents["frame"].map(lambda name: frames[name].windows == "year").to_numpy()
    return documents[["frame", "doc_id"]].assign(window=years.where(has, ""), gone=None)


def cover(sample: Sample, frame: str, window: str = "") -> pd.Series:
    rows = sample.coverage.set_index(["frame", "window"])
    assert rows.index.is_unique
    return rows.loc[(frame, window)]


@pytest.mark.parametrize("has_list", [True, False])
def test_five_new_one_moved_one_removed_and_a_frame_renamed_are_counted_and_stop_nothing(
    handcheck: Path, codebook: Codebook, frames: dict[str, Frame], documents: pd.DataFrame, has_list: bool
) -> None:
    if not has_list:
        (handcheck / "rounds/2026-11/members.parquet").unlink()
    before = load_sample(handcheck, "all", codebook, documents, members_of(documents, frames), frames)
    read = before.units.index[before.units["stratum"] == f"{FORUM}/2025"]
    gone, moved = read[0], read[1]
    renamed = dict(frames)
    renamed["forum"] = Frame(**{**vars(frames[FORUM]), "renamed_from": (FORUM,)})
    del renamed[FORUM]
    now = documents.assign(frame=documents["frame"].replace(FORUM, "forum"))
    is_moved = now["doc_id"] == moved
    now.loc[is_moved, ["published_date", "published_year"]] = ["2024-12-31", 2024]
    fresh = now[now["frame"] == "forum"].head(5)
    fresh = fresh.assign(doc_id=[f"lw:new{n}" for n in range(5)], published_date="2025-06-01", published_year=2025)
    now = pd.concat([now, fresh])
    members = members_of(now, renamed)
    members.loc[members["doc_id"] == gone, "gone"] = "2026-10-01"
    members.loc[members["doc_id"] == moved, "window"] = "2025"  # as the corpus stage keeps it
    sample = load_sample(handcheck, "all", codebook, now, members, renamed)
    assert len(sample.units) == len(before.units) - 1 and gone not in sample.units.index
    assert sample.units.at[moved, "stratum"] == f"{FORUM}/2025" and set(sample.strata["frame"]) >= {"forum"}
    year, whole = cover(sample, "forum", "2025"), cover(sample, "forum")
    size = int(before.strata.at[f"{FORUM}/2025", "n_population"])
    assert year["n_members"] == size - 1 + 5 and year["n_uncovered"] == year["n_late"] == 5
    assert year["n_moved"] == 1 and year["n_gone"] == 1 and year["n_covered"] == size - 1
    assert whole["n_members"] == whole["n_covered"] + whole["n_uncovered"] == 4274 - 1 + 5
    assert sample.strata.at[f"{FORUM}/2025", "n_population"] == size - 1
    assert sample.units.loc[read[1:], "inclusion_probability"].eq(59 / (size - 1)).all()
    assert cover(sample, "forum", "2024")["n_moved"] == 0
    kept = before.units.index.difference([gone])
    codes, old = (settle_codes(each).set_index("doc_id").loc[kept, "leaf"] for each in (sample, before))
    pd.testing.assert_series_equal(codes, old)  # codes carry over


def test_one_reader_and_no_adjudicator_is_enough_and_a_half_finished_third_reader_counts(
    handcheck: Path, codebook: Codebook, documents: pd.DataFrame
) -> None:
    about = handcheck / "rounds/2026-11/round.toml"
    text = about.read_text()
    about.write_text(text.split("[[coders]]")[0] + "[[coders]]" + text.split("[[coders]]")[1])
    for name in ("reader-2", "adjudicator"):
        (handcheck / f"sheets/{name}.csv").rename(handcheck / f"{name}.csv")
    (handcheck / "rounds/2026-11/adjudication.csv").unlink()
    sample = load_sample(handcheck, "2026-11", codebook, documents)
    assert len(sample.units) == 1090 and not sample.units["is_adjudicated"].any()
    assert set(sample.units["phase2_stratum"]) == {"single", "doubtful"}
    assert settle_codes(sample)["coder"].eq("reader-1").all()
    rows = pd.read_csv(handcheck / "reader-2.csv", dtype=str, keep_default_na=False).head(500)
    rows.assign(coder_kind="language model").to_csv(handcheck / "sheets/reader-3.csv", index=False)
    sample = load_sample(handcheck, "2026-11", codebook, documents)
    assert sample.units["n_readers"].value_counts().to_dict() == {1: 590, 2: 500}
    assert {"agree", "single", "disagree"} <= set(sample.units["phase2_stratum"])


def test_an_unfinished_adjudication_counts_as_far_as_it_is(
    handcheck: Path, codebook: Codebook, documents: pd.DataFrame
) -> None:
    path = handcheck / "sheets/adjudicator.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows.iloc[::2].to_csv(path, index=False)
    sample = load_sample(handcheck, "2026-11", codebook, documents)
    done = sample.units["is_adjudicated"]
    assert done.sum() == (len(rows) + 1) // 2
    for _, part in sample.units.groupby("phase2_stratum"):
        assert part["phase2_probability"].eq(part["is_adjudicated"].mean()).all()


def test_a_text_that_has_changed_makes_its_codes_stale_and_nothing_else(
    handcheck: Path, codebook: Codebook, documents: pd.DataFrame
) -> None:
    read = pd.read_csv(handcheck / "rounds/2026-11/sample.csv")["doc_id"]
    now = documents.copy()
    now.loc[now["doc_id"].isin([read[0], read[1]]), "text_sha256"] = "0" * 64
    old = documents.set_index("doc_id").loc[[read[1]], "text_sha256"].reset_index()
    versions = pd.concat([now[["doc_id", "text_sha256"]], old])  # the second is the same text, longer
    sample = load_sample(handcheck, "2026-11", codebook, now, versions=versions)
    assert sample.units.index[sample.units["is_stale"]].tolist() == [read[0]]
    assert sample.coverage.loc[sample.coverage["window"] == "", "n_stale"].sum() == 1


def test_a_frame_that_shares_documents_with_a_read_one_is_covered_as_far_as_they_go(
    handcheck: Path, codebook: Codebook, frames: dict[str, Frame], documents: pd.DataFrame
) -> None:
    """Of 200 posts of the live frame 150 are in the census's, so that its share covers those."""
    members = members_of(documents, frames)
    shared = members[(members["frame"] == FORUM) & (members["window"] == "2025")].head(150)
    alone = pd.DataFrame({"doc_id": [f"lw:live{n}" for n in range(50)], "window": "2025"})
    live = pd.concat([shared, alone]).assign(frame="alignmentforum", gone=None)
    sample = load_sample(handcheck, "all", codebook, documents, pd.concat([members, live]), frames)
    row = cover(sample, "alignmentforum")
    drawn = set(sample.units.index) & set(shared["doc_id"])
    assert (row["n_members"], row["n_covered"], row["n_read"]) == (200, 150, len(drawn))
    assert row["n_borrowed"] == row["n_read"] > 0
    (other,) = sample.for_frames
    assert other.strata["n_population"].tolist() == [150] and set(other.units.index) == drawn
    assert other.units["frame"].eq("alignmentforum").all()
    assert sample.strata.at[f"{FORUM}/2025", "n_population"] == sum(
        (members["frame"] == FORUM) & (members["window"] == "2025")
    )


def stratum(name: str, docs: set[str], drawn: set[str], frame: str = "f", window: str = "") -> Stratum:
    return Stratum(name, frame, window, "", "", len(docs), frozenset(docs), frozenset(drawn))


def ids(*numbers: int) -> set[str]:
    return {f"d{number:03d}" for number in numbers}


def test_a_stratum_drawn_twice_is_one_sample_and_overlapping_ones_are_cut_into_cells() -> None:
    old = stratum("f/old", ids(*range(60)), ids(*range(12)))
    wide = stratum("f/wide", ids(*range(100)), ids(*range(8, 20), *range(60, 68)))
    here = ids(*range(100))
    cells = cut_cells("f", [old, wide], here, {}, here)
    assert cells.strata["n_population"].to_dict() == {"f/old & f/wide": 60, "f/wide": 40}
    assert cells.strata["n_sample"].to_dict() == {"f/old & f/wide": 20, "f/wide": 8}
    assert cells.units.loc["d000", "inclusion_probability"] == 20 / 60


def test_frames_that_share_read_documents_are_estimated_each_from_all_of_its_own(
    handcheck: Path, codebook: Codebook, frames: dict[str, Frame], documents: pd.DataFrame
) -> None:
    """A second round draws from a wider frame, which holds half of a frame that was read before."""
    small, wide = "arxiv-query-2025", "wide"
    members = members_of(documents, frames)
    inside = members[members["frame"].isin([small, "arxiv-review-pool-2025"])]
    everyone = inside["doc_id"].sort_values().tolist()
    both = [doc_id for doc_id in everyone if doc_id in set(members.loc[members["frame"] == small, "doc_id"])]
    wider = pd.DataFrame({"frame": wide, "doc_id": everyone, "window": "", "gone": None})
    folder = handcheck / "rounds/2026-12"
    folder.mkdir()
    read = load_sample(handcheck, "2026-11", codebook, documents).units.index
    drawn = [doc_id for doc_id in everyone if doc_id in read]
    chance = len(drawn) / len(everyone)
    about = {"title": "r", "seed": 1, "codebook": "v1", "design": "d", "shown": "s", "after": ["2026-11"]}
    (folder / "round.toml").write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in about.items()))
    design = pd.DataFrame({"stratum": [wide], "n_population": [len(everyone)], "n_sample": [len(drawn)]})
    design.to_csv(folder / "design.csv", index=False)
    rows = pd.DataFrame({"doc_id": drawn, "stratum": wide, "inclusion_probability": chance})
    rows.to_csv(folder / "sample.csv", index=False)
    listed = pd.DataFrame({"doc_id": everyone, "stratum": wide, "text_sha256": None})
    store.write_table(ROUND_MEMBERS, listed, folder / "members.parquet")
    sample = load_sample(handcheck, "all", codebook, documents, pd.concat([members, wider]), frames, first=FORUM)
    whole = [sample, *sample.for_frames]
    assert {FORUM, wide} <= set(sample.strata["frame"]) and small not in set(sample.strata["frame"])
    for each in whole:
        assert not each.units.index.duplicated().any()
        for name, row in each.strata.iterrows():
            mine = each.units[each.units["stratum"] == name]
            assert len(mine) == row["n_sample"]
            assert (1 / mine["inclusion_probability"]).sum() == pytest.approx(row["n_population"])
    (own,) = [each for each in sample.for_frames if small in set(each.strata["frame"])]
    assert own.strata["n_population"].sum() == len(both) and own.units["frame"].eq(small).all()
    codes = settle_codes(sample)
    assert not codes["doc_id"].duplicated().any()
    assert set(codes["doc_id"]) == {doc_id for each in whole for doc_id in each.units.index}
    with_small = load_sample(handcheck, "all", codebook, documents, pd.concat([members, wider]), frames, first=small)
    assert small in set(with_small.strata["frame"]) and wide not in set(with_small.strata["frame"])


def test_cells_too_small_to_estimate_from_are_put_together_and_guests_do_not_count_there() -> None:
    own = stratum("f/all", ids(*range(50)), ids(*range(10)))
    guest = stratum("g/few", ids(48, 49), ids(48), frame="g")
    here = ids(*range(50))
    cells = cut_cells("f", [own, guest], here, {}, here)
    assert cells.strata["n_population"].to_dict() == {"f/all": 50} and "d048" not in cells.units.index


def test_means_over_slots_are_means_over_coders() -> None:
    def sheet(name: str, **leaves: str) -> CodedSheet:
        codes = pd.DataFrame({"doc_id": list(leaves), "leaf": list(leaves.values()), "confidence": 2})
        return CodedSheet(name, "language model", "reader", codes.set_index("doc_id", drop=False))

    sheets = [sheet("x", a="A1", b="A1", c="A1"), sheet("y", b="B1", c="B1"), sheet("z", c="B1")]
    slots, who = fill_slots(["a", "b", "c"], sheets)
    is_counted = np.array([slot["leaf"] == "A1" for slot in slots]).mean(axis=0)
    assert is_counted.tolist() == [1, 1 / 2, 1 / 3] and who["n_readers"].tolist() == [1, 2, 3]
    assert describe_agreement(slots, who["n_readers"]).tolist() == ["single", "disagree", "disagree"]


def test_a_round_of_which_nobody_has_read_anything_is_one_line(
    handcheck: Path, codebook: Codebook, documents: pd.DataFrame
) -> None:
    about = handcheck / "rounds/2026-11/round.toml"
    about.write_text(about.read_text().split("[[coders]]")[0])
    for path in (handcheck / "sheets").glob("*.csv"):
        path.unlink()
    with pytest.raises(SheetError, match="no document of any round is read yet"):
        load_sample(handcheck, "all", codebook, documents)


def test_a_reading_that_another_draw_began_is_no_random_part_of_this_one() -> None:
    """Of ten drawn here, the two that are read are those that another frame's readers happened to read."""
    own = stratum("f/all", ids(*range(50)), ids(*range(10)))
    guest = stratum("g/many", ids(*range(8, 40)), ids(8, 9, *range(10, 20)), frame="g")
    here = ids(*range(50))
    begun = cut_cells("f", [own, guest], here, {}, ids(*range(8, 20)))
    assert begun.units.empty and begun.strata["n_sample"].tolist() == [0]
    half = cut_cells("f", [own, guest], here, {}, ids(*range(3), *range(8, 20)))
    assert half.strata.loc[["f/all", "f/all & g/many"], "n_sample"].tolist() == [3, 12]
    done = cut_cells("f", [own, guest], here, {}, ids(*range(20)))
    assert done.strata.loc[["f/all", "f/all & g/many"], "n_sample"].tolist() == [8, 12]


def test_a_frame_that_is_a_part_of_another_is_covered_by_the_draws_of_that_part() -> None:
    ids = [f"arxiv:{number}" for number in range(100)]
    core = ids[:40]
    documents = pd.DataFrame({"doc_id": ids, "frame": "all", "published_year": 2025})
    members = pd.concat([documents[["frame", "doc_id"]], pd.DataFrame({"frame": "core", "doc_id": core})])
    census = Census.of(documents, members.assign(window="2025", gone=None), {}, None)
    drawn = {"core": frozenset(core[:10]), "rest": frozenset(ids[40:45])}
    inside = {"core": frozenset(core), "rest": frozenset(ids[40:])}
    strata = [
        Stratum(f"all/2025/{part}", "all", "2025", "2025", part, len(inside[part]), inside[part], drawn[part])
        for part in inside
    ]
    read = drawn["core"] | drawn["rest"]
    cells = {name: cut_cells(name, strata, census.here(name), census.windows(name), read) for name in ("all", "core")}
    found = count_coverage(census, strata, cells, set(), set(), {"core": "all/core"})
    rows = found[found["window"] == ""].set_index("frame")
    assert rows.loc["core", ["n_members", "n_covered", "n_drawn", "n_read", "n_borrowed"]].tolist() == [
        40,
        40,
        10,
        10,
        0,
    ]
    assert rows.loc["all", ["n_members", "n_covered", "n_drawn", "n_read"]].tolist() == [100, 100, 15, 15]
