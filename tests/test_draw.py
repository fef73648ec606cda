"""Draws: the handed one comes out to the byte, samples extend by prefix, and a kill leaves the old state or the new."""

import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_survey
from pipeline.coding.numbers import draw_smallest, order_by_number, permanent_numbers
from pipeline.coding.rounds import load_round
from pipeline.config import Config, load_config
from pipeline.corpus.membership import list_members
from pipeline.errors import SheetError
from pipeline.rounds import adjudicate, draw, status
from pipeline.schemas import DOCUMENTS, FRAME_MEMBERS, PREDICTIONS
from pipeline.settings import Frame

pytestmark = pytest.mark.whole

HANDED = "labels/round-2"
SIZES = "core=180,rest=400,wide-high=40,wide-low=400"


def make_project(folder: Path, root: Path, **frames: Frame) -> Config:
    """Writes a project with the shipped documents, codes and rounds, without texts and without having run a stage."""
    shutil.copy(root / "census.toml", folder / "census.toml")
    shutil.copytree(root / "data/raw/handcheck", folder / "data/raw/handcheck")
    config = load_config(folder / "census.toml")
    config = replace(config, frames=config.frames | frames)
    documents = pd.read_parquet(root / "data/raw/census/2026.07/documents.parquet").assign(text=None)
    write_census(config, documents)
    return config


def write_census(config: Config, documents: pd.DataFrame) -> None:
    store.write_table(DOCUMENTS, documents, config.processed("documents"))
    works = documents[["doc_id", "frame"]].assign(work_id=documents["doc_id"])
    members = list_members(replace(config, sources={}), documents[["frame", "doc_id"]], documents, works)
    store.write_table(FRAME_MEMBERS, members, config.processed("frame_members"))


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Config:
    return make_project(tmp_path, root)


def add_posts(config: Config, frame: str, count: int, date: str = "2026-09-01", first: int = 0) -> pd.DataFrame:
    """Adds invented posts to a frame."""
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    fresh = documents[documents["frame"] == frame].head(count)
    ids = [f"lw:new{number:04d}" for number in range(first, first + count)]
    fresh = fresh.assign(doc_id=ids, published_date=date, published_year=int(date[:4]))
    documents = pd.concat([documents, fresh], ignore_index=True)
    write_census(config, documents)
    return fresh


def folder_of(config: Config, name: str) -> Path:
    return config.path(config.paths.handcheck, "rounds", name)


def survey_of(config: Config):
    return read_survey(config, load_codebook(config.path(config.paths.handcheck, "codebook/codebook.toml")))


# ---- permanent random numbers ----------------------------------------------------------------------------------------


def test_a_number_is_the_beginning_of_a_hash_and_stays() -> None:
    # sha256sum of "20261126/arxiv:2404.15059" begins so
    import hashlib

    digest = hashlib.sha256(b"20261126/arxiv:2404.15059").hexdigest()
    assert permanent_numbers(["arxiv:2404.15059"], 20261126)[0] == int(digest[:16], 16)


def test_a_larger_sample_begins_with_the_smaller_one_and_newcomers_enter_below_the_threshold() -> None:
    ids = [f"d{number}" for number in range(500)]
    strata = pd.Series("s", index=ids)
    small, large = (set(draw_smallest(strata, {"s": n}, 7)["doc_id"]) for n in (40, 90))
    assert small < large
    grown = pd.Series("s", index=[*ids, *(f"new{number}" for number in range(50))])
    order = order_by_number(strata, 7)
    threshold = permanent_numbers([order["doc_id"].iloc[39]], 7)[0]
    now = set(draw_smallest(grown, {"s": 40}, 7)["doc_id"])
    below = {doc_id for doc_id in grown.index if permanent_numbers([doc_id], 7)[0] <= threshold}
    assert now <= below
    highest = permanent_numbers(sorted(now), 7).max()
    assert all(permanent_numbers([doc_id], 7)[0] > highest for doc_id in below - now)


def test_an_extension_passes_over_what_is_drawn_and_counts_it_in_the_probability() -> None:
    strata = pd.Series("s", index=[f"d{number}" for number in range(100)])
    first = draw_smallest(strata, {"s": 20}, 7)
    more = draw_smallest(strata, {"s": 10}, 7, dict.fromkeys(first["doc_id"], "s"))
    assert set(first["doc_id"]) | set(more["doc_id"]) == set(draw_smallest(strata, {"s": 30}, 7)["doc_id"])
    assert more["inclusion_probability"].eq(0.3).all()
    with pytest.raises(SheetError, match="has 80 documents left, not 81"):
        draw_smallest(strata, {"s": 81}, 7, dict.fromkeys(first["doc_id"], "s"))


def test_every_document_has_the_same_chance() -> None:
    strata = pd.Series("s", index=[f"d{number}" for number in range(50)])
    counts = sum(
        (strata.index.isin(draw_smallest(strata, {"s": 10}, seed)["doc_id"]) for seed in range(500)), np.zeros(50)
    )
    assert abs(counts / 500 - 0.2).max() < 4 * np.sqrt(0.2 * 0.8 / 500)


# ---- the handed draw -------------------------------------------------------------------------------------------------


def test_the_handed_draw_of_arxiv_comes_out_exactly(root: Path, tmp_path: Path) -> None:
    shared = root.parent / "shared"
    if not (shared / HANDED).exists():
        pytest.skip("the handed sample is not here")
    frame = Frame("arXiv", "census", "d", "u", True, windows="year", members=str(shared / "corpus/arxiv/frame.parquet"))
    config = make_project(tmp_path, root, **{"arxiv-announced": frame})
    draw.run(config, "2026-12", frames="arxiv-announced", seed=20261126, sizes=SIZES)
    folder = folder_of(config, "2026-12")
    for name, columns in (
        ("sample.csv", ["doc_id", "stratum", "order", "inclusion_probability"]),
        ("design.csv", ["stratum", "n_population", "n_sample"]),
    ):
        ours, theirs = (pd.read_csv(place / name, dtype=str)[columns] for place in (folder, shared / HANDED))
        pd.testing.assert_frame_equal(ours, theirs)
    assert (folder / "members.parquet").stat().st_size < 2_000_000
    row = survey_of(config).coverage.set_index(["frame", "window"]).loc[("arxiv-announced", "2025")]
    assert row["n_members"] == 83_273 and row["n_drawn"] == 1_020 and row["n_uncovered"] == 83_273


# ---- make draw -------------------------------------------------------------------------------------------------------


def test_new_posts_are_a_new_stratum_and_old_ones_keep_their_size(
    project: Config, capsys: pytest.CaptureFixture
) -> None:
    add_posts(project, "alignmentforum-census", 200)
    before = survey_of(project).coverage.set_index(["frame", "window"])
    assert before.loc[("alignmentforum-census", "2026"), ["n_uncovered", "n_late"]].tolist() == [200, 200]
    old = (folder_of(project, "2026-11") / "design.csv").read_bytes()
    draw.run(project, "2026-12", 40, frames="alignmentforum-census", by="proportional")
    shown = capsys.readouterr().out
    design = pd.read_csv(folder_of(project, "2026-12") / "design.csv").set_index("stratum")
    assert design.loc["alignmentforum-census/2026+2026-12", ["n_population", "n_before"]].tolist() == [200, 0]
    assert design["n_sample"].sum() == 40 and "expected half-width" in shown and "ROUND=2026-12" in shown
    about = load_round(folder_of(project, "2026-12"))
    assert about.after == ("2026-11",) and about.order == "permanent" and about.seed == project.seed
    assert (folder_of(project, "2026-11") / "design.csv").read_bytes() == old
    status.run(project)
    shown = capsys.readouterr().out
    assert "40 drawn documents are not read: make check" in shown
    found = survey_of(project)
    assert {stratum.name for stratum in found.strata} >= {
        "alignmentforum-census/2026",
        "alignmentforum-census/2026+2026-12",
    }


def test_the_same_draw_twice_is_the_same_bytes_and_a_drawn_round_is_never_changed(project: Config) -> None:
    add_posts(project, "alignmentforum-census", 60)
    draw.run(project, "a", 30, by="equal")
    first = {path.name: path.read_bytes() for path in folder_of(project, "a").iterdir()}
    with pytest.raises(SheetError, match="the round is drawn already"):
        draw.run(project, "a", 30, by="equal")
    shutil.rmtree(folder_of(project, "a"))
    draw.run(project, "a", 30, by="equal")
    assert {path.name: path.read_bytes() for path in folder_of(project, "a").iterdir()} == first


def test_predictions_send_the_draw_to_where_it_is_least_sure(project: Config) -> None:
    members = store.read_table(FRAME_MEMBERS, project.processed("frame_members"))
    rows = members[["doc_id", "window"]].assign(query="definition strict", fold=0)
    rows["probability"] = np.where(rows["window"] == "2019", 0.5, 0.001)
    rows = rows[["doc_id", "query", "probability", "fold"]]
    store.write_table(PREDICTIONS, rows, project.processed("predictions"))
    project = replace(project, report=replace(project.report, headline_definitions=("strict",)))
    draw.run(project, "b", 60, frames="alignmentforum-census")
    design = pd.read_csv(folder_of(project, "b") / "design.csv").set_index("stratum")
    assert design["n_sample"].idxmax() == "alignmentforum-census/2019" and design["n_before"].eq(60).all()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": ""}, "ROUND: '' cannot name a round"),
        ({"name": "../x"}, "cannot name a round"),
        ({"name": "c", "total": 0}, "N: how many documents"),
        ({"name": "c", "total": 10, "frames": "nowhere"}, "no document in the frame 'nowhere'"),
        ({"name": "c", "total": 10**6}, "1000000 documents do not fit"),
        ({"name": "c", "sizes": "nothing=3"}, "no stratum, part or window is called 'nothing'"),
        ({"name": "c", "sizes": "2019=x"}, "'x' is no number"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(project: Config, options: dict[str, object], problem: str) -> None:
    with pytest.raises(SheetError, match=problem) as error:
        draw.run(project, **{"total": 5, **options})
    assert "\n" not in str(error.value) and not folder_of(project, "c").exists()


def test_a_mixture_is_drawn_with_its_probabilities(project: Config) -> None:
    draw.run(project, "m", 80, frames="alignmentforum-census", by="mixture", weight="karma")
    rows = pd.read_csv(folder_of(project, "m") / "mixture.csv")
    assert len(rows) == 80 and rows["draw_probability"].between(0, 1).all()
    assert [each.name for each in survey_of(project).draws] == ["2026-11"]


# ---- make adjudicate -------------------------------------------------------------------------------------------------


def read_round(
    config: Config, name: str, coder: str, leaf: str, count: int | None = None, confidence: str = "3"
) -> None:
    """Writes a language model's sheet for the first documents of a round."""
    ids = pd.read_csv(folder_of(config, name) / "sample.csv")["doc_id"].head(count) if count else None
    ids = pd.read_csv(folder_of(config, name) / "sample.csv")["doc_id"] if ids is None else ids
    axes = {"leaf2": "", "target": "T1", "mechanism": "M1", "scaling": "S1", "evidence": "E", "note": ""}
    rows = pd.DataFrame({"doc_id": ids, "leaf": leaf, **axes, "confidence": confidence, "coder_kind": "language model"})
    rows.to_csv(config.path(config.paths.handcheck, "sheets", f"{coder}.csv"), index=False)


def test_all_disagreements_and_doubts_are_drawn_and_a_part_of_the_rest(project: Config) -> None:
    add_posts(project, "alignmentforum-census", 200)
    draw.run(project, "d", 160, frames="alignmentforum-census", by="proportional")
    read_round(project, "d", "m1", "A1")
    read_round(project, "d", "m2", "A1", 80)
    rows = pd.read_csv(project.path(project.paths.handcheck, "sheets/m2.csv"))
    rows.loc[:9, "leaf"] = "B1"
    rows.loc[10:14, "confidence"] = 1
    rows.to_csv(project.path(project.paths.handcheck, "sheets/m2.csv"), index=False)
    adjudicate.run(project, "judge", 20)
    drawn = pd.read_csv(folder_of(project, "d") / "adjudication.csv")
    part = drawn.groupby("phase2_stratum")["adjudicated"].agg(["size", "sum"])
    assert part.loc["disagree"].tolist() == [10, 10] and part.loc["doubtful"].tolist() == [5, 5]
    assert part.loc["agree"].tolist() == [65, 9] and part.loc["single"].tolist() == [80, 11]
    agreed = drawn[drawn["phase2_stratum"] == "agree"]
    assert agreed["phase2_probability"].eq(9 / 65).all()
    assert len(list(folder_of(project, "2026-11").glob("adjudication*.csv"))) == 1
    with pytest.raises(SheetError, match="every reading has had its draw"):
        adjudicate.run(project, "judge")
    with pytest.raises(SheetError, match="CODER: who will adjudicate"):
        adjudicate.run(project)


def test_a_draw_of_one_kind_leaves_the_other_readings_for_another(project: Config) -> None:
    add_posts(project, "alignmentforum-census", 100)
    draw.run(project, "d", 60, frames="alignmentforum-census", by="proportional")
    read_round(project, "d", "m1", "A1")
    read_round(project, "d", "m2", "A1")
    path = project.path(project.paths.handcheck, "sheets/m2.csv")
    rows = pd.read_csv(path)
    rows.loc[:9, "leaf"] = "B1"
    rows.loc[10:14, "confidence"] = 1
    rows.to_csv(path, index=False)
    adjudicate.run(project, "judge", name="d", only="doubtful")
    first = pd.read_csv(folder_of(project, "d") / "adjudication.csv")
    assert first["phase2_stratum"].tolist() == ["doubtful"] * 5 and first["adjudicated"].all()
    with pytest.raises(SheetError, match="every reading has had its draw"):
        adjudicate.run(project, "judge", name="d", only="doubtful")
    adjudicate.run(project, "judge", name="d")
    second = pd.read_csv(folder_of(project, "d") / "adjudication-2.csv")
    assert len(second) == 55 and set(second["phase2_stratum"]) == {"disagree", "agree"}


def test_who_has_read_does_not_adjudicate(project: Config) -> None:
    add_posts(project, "alignmentforum-census", 100)
    draw.run(project, "d", 50, frames="alignmentforum-census", by="proportional")
    read_round(project, "d", "m1", "A1", confidence="1")
    with pytest.raises(SheetError, match="m1 has read 50 of these documents"):
        adjudicate.run(project, "m1")


def test_agreements_that_look_surprising_are_drawn_beside_an_earlier_draw_that_stays(
    project: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder_of(project, "2026-11") / "adjudication.csv"
    before, old = path.read_bytes(), pd.read_csv(path).set_index("doc_id")
    reader = pd.read_csv(project.path(project.paths.handcheck, "sheets/reader-1.csv"), dtype=str).set_index("doc_id")
    agreed = old.index[old["phase2_stratum"] == "agree"]
    surprising = set(agreed[:81])
    pairs = pd.MultiIndex.from_arrays([old.index, reader.loc[old.index, "leaf"]])
    chances = pd.Series(np.where(old.index.isin(list(surprising)), 0.01, 0.9), pairs)
    monkeypatch.setattr(adjudicate, "_read_chances", lambda config: chances)
    adjudicate.run(project, "judge")
    assert path.read_bytes() == before
    second = pd.read_csv(path.with_name("adjudication-2.csv"))
    assert set(second["doc_id"]) == surprising and second["adjudicated"].all()
    phase2 = survey_of(project).draws[0].phase2
    rest = phase2[phase2["phase2_stratum"] == "agree"]
    assert len(rest) == len(agreed) - 81 and rest["phase2_probability"].eq(rest["is_drawn"].mean()).all()


# ---- kills -----------------------------------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from pipeline.config import load_config
from pipeline.rounds import adjudicate, draw
config = load_config(Path(sys.argv[1]))
print("ready", flush=True)
if sys.argv[2] == "draw":
    draw.run(config, "k", 60, by="proportional")
else:
    adjudicate.run(config, "judge")
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", ["draw", "adjudicate"])
def test_a_kill_leaves_the_old_state_or_the_new_one(project: Config, root: Path, command: str) -> None:
    add_posts(project, "alignmentforum-census", 100)
    if command == "adjudicate":
        draw.run(project, "k", 60, by="proportional")
        read_round(project, "k", "m1", "A1")
    rounds = folder_of(project, "k").parent

    def state() -> dict[str, bytes]:
        return {
            str(path.relative_to(rounds)): path.read_bytes()
            for path in sorted(rounds.rglob("*"))
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(rounds).parts)
        }

    def start() -> subprocess.Popen[str]:
        words = [sys.executable, "-c", CHILD, str(project.root / "census.toml"), command]
        child = subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        return child

    old = state()
    began = time.perf_counter()
    assert start().wait() == 0
    seconds, new = time.perf_counter() - began, state()
    assert new != old
    moments, seen = random.Random(1), set()
    for _ in range(30):
        shutil.rmtree(rounds)
        for name, content in old.items():
            (rounds / name).parent.mkdir(parents=True, exist_ok=True)
            (rounds / name).write_bytes(content)
        child = start()
        time.sleep(moments.random() * seconds)
        child.send_signal(signal.SIGKILL)
        child.wait()
        found = state()
        assert found in (old, new)
        seen.add(found == new)
        if found == old:
            assert start().wait() == 0  # a rerun completes it
            assert state() == new
    assert False in seen


def test_what_is_drawn_and_not_read_waits_for_readers_and_not_for_another_draw(
    project: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    add_posts(project, "alignmentforum-census", 30, date="2027-01-05")
    draw.run(project, "later", 20, frames="alignmentforum-census")
    capsys.readouterr()
    status.run(project)
    words = capsys.readouterr().out
    assert "20 drawn documents are not read" in words and "covered by no draw" not in words
