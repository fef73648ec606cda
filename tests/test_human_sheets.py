"""People's sheets flow into the estimate by themselves: whose code counts, and what it speaks for."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import store
from pipeline.check.page import make_app
from pipeline.check.session import load_session
from pipeline.coding.bands import EXTENSION
from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.extension import add_extension, draw_extension, read_extension
from pipeline.coding.facts import list_kinds
from pipeline.coding.order import order_for
from pipeline.coding.overlay import PICKED, lay_over
from pipeline.coding.precedence import CodedSheet
from pipeline.coding.sample import Sample, load_sample, settle_codes
from pipeline.config import Config, load_config
from pipeline.errors import SheetError
from pipeline.estimate.domains import Population
from pipeline.estimate.draw_more import draw_documents
from pipeline.estimate.person_counts import add_person_counts
from pipeline.estimate.share_table import tabulate_shares
from pipeline.estimate.stage import run
from pipeline.estimate.survey import estimate_batch, open_survey
from pipeline.schemas import CODES, DOCUMENTS, SHARES
from tests.survey_of import sample_of, share_of, survey_of
from tests.warm import Warm

pytestmark = pytest.mark.whole

AXES = {"target": "T1", "mechanism": "M1", "scaling": "S1", "evidence": "E", "confidence": "3"}


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Config:
    """The shipped round and census, in a folder of its own, without texts and without having run a stage."""
    shutil.copy(root / "census.toml", tmp_path / "census.toml")
    shutil.copytree(root / "data/raw/handcheck", tmp_path / "data/raw/handcheck")
    documents = pd.read_parquet(root / "data/raw/census/2026.07/documents.parquet").assign(text=None)
    config = load_config(tmp_path / "census.toml")
    store.write_table(DOCUMENTS, documents, config.processed("documents"))
    return config


def read_as(config: Config, coder: str, leaf: str, places: range, task: str = "documents") -> list[str]:
    """Codes documents through the page's interface as a person; returns their ids."""
    session = load_session(config, task, coder, "person")
    client = make_app(session, "secret", ("localhost",)).test_client()
    for place in places:
        quoted = session.items[place].text[:40] or "the words that decide"  # who overturns an agreement quotes the text
        cells = {"leaf": leaf, **AXES, "note": f'"{quoted}"', "state": "done"}
        answer = client.post(f"/api/item/{place}", json=cells, headers={"X-Census-Token": "secret"})
        assert answer.status_code == 200 and answer.json["row"]["state"] == "done"
    return [session.items[place].key for place in places]


def load(config: Config) -> tuple[Sample, Population, pd.DataFrame]:
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook/codebook.toml")
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    sample = load_sample(handcheck, config.estimate.round, codebook, documents)
    documents = documents.assign(published_year=documents["published_year"].fillna(-1))
    documents = documents.assign(names=documents["authors"], persons=documents["authors"])
    units = pd.Index(documents["doc_id"]).get_indexer(sample.units.index)
    return sample, Population(documents, units), settle_codes(sample).set_index("doc_id")


def tabulate_all(sample: Sample, population: Population, codebook: Codebook) -> pd.DataFrame:
    survey = open_survey(sample, population, codebook, 0.95, 1)
    return tabulate_shares(survey, estimate_batch(survey, codebook.definitions, []))


def test_codes_given_on_the_page_count_and_the_shares_say_how_many_a_person_read(project: Config) -> None:
    codebook = load_codebook(project.path(project.paths.handcheck) / "codebook/codebook.toml")
    sample, population, before = load(project)
    assert set(before["n_person"]) == {0} and set(before["coder_kind"]) == {"language model"}
    shares = add_person_counts({"shares": tabulate_all(sample, population, codebook)}, sample)["shares"]
    assert set(shares["n_person"]) == {0}
    handcheck = project.path(project.paths.handcheck)
    assert list_kinds(handcheck) == {"language model"}

    read = read_as(project, "ann", "A1", range(40))
    assert list_kinds(handcheck) == {"language model", "person"}
    sample, population, after = load(project)
    assert set(after.loc[read, "leaf"]) == {"A1"} and set(after.loc[read, "coder"]) == {"ann"}
    assert set(after.loc[read, "coder_kind"]) == {"person"} and set(after.loc[read, "n_person"]) == {1}
    pd.testing.assert_series_equal(after["leaf"].drop(read), before["leaf"].drop(read))
    again = add_person_counts({"shares": tabulate_all(sample, population, codebook)}, sample)["shares"]
    whole = again[(again["year"] == "") & (again["definition"] == "strict") & (again["denominator"] == "safety")]
    counted = sample.units.loc[read].groupby("frame").size()
    assert dict(zip(whole["frame"], whole["n_person"], strict=True)) == {
        frame: int(counted.get(frame, 0)) for frame in whole["frame"]
    }
    by_year = again[(again["definition"] == "strict") & (again["denominator"] == "safety") & (again["year"] != "")]
    assert by_year["n_person"].sum() == counted["alignmentforum-census"]
    assert not np.allclose(again["share"].astype(float), shares["share"].astype(float), equal_nan=True)


def test_what_is_read_in_order_speaks_for_its_cell_and_what_is_picked_for_itself_only(project: Config) -> None:
    in_order = read_as(project, "ann", "A1", range(30))
    picked = read_as(project, "ben", "B1", range(500, 560))  # out of the page's order
    sample, population, _ = load(project)
    units = sample.units
    was_agreed = load_rounds_stratum(project) == "agree"
    assert set(units.loc[picked, "phase2_stratum"][was_agreed[picked]]) == {PICKED}
    assert PICKED not in set(units.loc[in_order, "phase2_stratum"])
    assert units.loc[[*in_order, *picked], "is_adjudicated"].all()
    codebook = load_codebook(project.path(project.paths.handcheck) / "codebook/codebook.toml")
    survey = open_survey(sample, population, codebook, 0.95, 1)
    place = pd.Series(np.arange(len(units)), index=units.index)
    # What people settled is one code; and only what was drawn by chance speaks for other documents.
    assert survey.weights.codes.is_settled[place[[*in_order, *picked]]].all()
    assert (units.loc[picked, "phase2_probability"] == 1.0).all()
    agreed = [doc_id for doc_id in in_order if was_agreed[doc_id]]
    assert agreed and units.loc[agreed, "phase2_probability"].between(0, 1, inclusive="neither").all()


def load_rounds_stratum(config: Config) -> pd.Series:
    path = config.path(config.paths.handcheck, "rounds", config.estimate.round, "adjudication.csv")
    return pd.read_csv(path).set_index("doc_id")["phase2_stratum"]


def test_a_person_who_adjudicates_replaces_the_ruling_and_leaves_the_drawn_part_as_it_is(project: Config) -> None:
    sample, _, _ = load(project)
    read = read_as(project, "cat", "C1", range(20), "adjudication")
    after, _, codes = load(project)
    assert set(codes.loc[read, "leaf"]) == {"C1"} and set(codes.loc[read, "coder_kind"]) == {"person"}
    columns = ["is_adjudicated", "phase2_stratum", "phase2_probability"]
    pd.testing.assert_frame_equal(after.units[columns], sample.units[columns])


def test_a_sheet_that_does_not_say_who_read_it_is_refused(project: Config) -> None:
    path = project.path(project.paths.handcheck, "sheets", "dora.csv")
    path.write_text((path.parent / "reader-1.csv").read_text())
    with pytest.raises(Exception, match=r"dora\.csv:1: lacks the column 'coder_kind'"):
        load(project)


def test_picked_documents_bias_nothing_however_they_were_picked() -> None:
    """1,000 agreements of which 30% are truly wrong; the person picks three in five of the wrong ones only."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(120):
        truth = rng.random(1_000) < 0.7
        ids = [f"d{number:04d}" for number in range(1_000)]
        drawn = rng.random(1_000) < 0.15
        chosen = ~truth & (rng.random(1_000) < 0.6)
        units = pd.DataFrame(
            {"phase2_stratum": "agree", "phase2_probability": 0.15, "is_adjudicated": drawn}, index=pd.Index(ids)
        )
        codes = pd.DataFrame({"leaf": np.where(truth, "A1", "N0"), "group": np.where(truth, "A", "N")}, units.index)
        person = CodedSheet("ann", "person", "reader", codes[chosen])
        laid = lay_over(units, CodedSheet("adj", "language model", "adjudicator", codes[drawn]), [person], 1)
        settled = laid.units["is_adjudicated"].to_numpy()
        pool = settled & (laid.units["phase2_stratum"] == "agree").to_numpy()
        estimate = (truth[settled].sum() + (~settled).sum() * truth[pool].mean()) / 1_000
        found.append(estimate - truth.mean())
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))


def test_the_run_in_order_ends_at_the_first_gap() -> None:
    ids = [f"d{number:03d}" for number in range(80)]
    order = order_for("ann", ids, 5)
    units = pd.DataFrame(
        {"phase2_stratum": "agree", "phase2_probability": 0.2, "is_adjudicated": False}, index=pd.Index(ids)
    )
    read = [*order[:7], *order[8:20]]
    codes = pd.DataFrame({"leaf": "A1", "group": "A"}, index=pd.Index(read))
    nobody = CodedSheet("adj", "language model", "adjudicator", codes.iloc[:0])
    laid = lay_over(units, nobody, [CodedSheet("ann", "person", "reader", codes)], 5).units
    assert set(laid.index[laid["phase2_stratum"] == PICKED]) == set(order[8:20])
    assert laid.loc[order[0], "phase2_probability"] == pytest.approx(1 - 0.8 * (1 - 7 / 80))


@pytest.mark.slow
def test_a_persons_sheet_reaches_every_table_of_the_stage(workshop: Path) -> None:
    config = load_config(workshop / "census.toml")
    try:
        read = read_as(config, "ann", "A1", range(25))
        run(config)
        codes = store.read_table(CODES, config.processed("codes")).set_index("doc_id")
        assert set(codes.loc[read, "leaf"]) == {"A1"} and (codes["n_person"] > 0).sum() == 25
        shares = store.read_table(SHARES, config.processed("shares"))
        assert shares.groupby(["year", "definition", "denominator", "weight"])["n_person"].sum().max() == 25
    finally:
        (workshop / "data/raw/handcheck/sheets/ann.csv").unlink(missing_ok=True)
        run(config)


STRATUM = "alignmentforum-census/2021"


def extend(config: Config, more: dict[int, int]) -> pd.DataFrame:
    """Draws beyond the round in one year of the Alignment Forum, in two bands that stand in for predictions."""
    sample, population, _ = load(config)
    doc_ids = population.documents["doc_id"][population.rows_in(sample, STRATUM)]
    band = pd.Series((np.arange(len(doc_ids)) % 3 == 0).astype(int), doc_ids)
    is_in_sample = pd.Series(band.index.isin(sample.units.index), band.index)
    folder = config.path(config.paths.handcheck, "rounds", config.estimate.round)
    add_extension(folder, draw_extension(STRATUM, band, is_in_sample, more, sample.about.seed))
    return read_extension(folder)


def test_what_a_person_reads_beyond_the_round_joins_the_sample_band_by_band(project: Config) -> None:
    before, _, _ = load(project)
    rows = extend(project, {0: 20, 1: 10})
    untouched, _, _ = load(project)
    pd.testing.assert_frame_equal(untouched.units, before.units)

    read = read_as(project, "ann", "A1", range(30), "extension")
    assert set(read) == set(rows.loc[rows["is_wanted"], "doc_id"]) and not set(read) & set(before.units.index)
    sample, population, codes = load(project)
    assert STRATUM not in sample.strata.index
    bands = sample.strata.loc[[f"{STRATUM}/0", f"{STRATUM}/1"]]
    assert bands["n_population"].tolist() == rows.groupby("band").size().tolist()
    assert bands["n_population"].sum() == before.strata.at[STRATUM, "n_population"] and set(bands["year"]) == {"2021"}
    assert bands["n_sample"].sum() == before.strata.at[STRATUM, "n_sample"] + 30
    units = sample.units[sample.units["year"] == "2021"]
    wanted = (bands["n_sample"] / bands["n_population"])[units["stratum"]]
    assert np.allclose(units["inclusion_probability"], wanted) and units.loc[read, "is_adjudicated"].all()
    assert set(codes.loc[read, "leaf"]) == {"A1"} and codes.loc[read, "reader_1_leaf"].isna().all()
    others = before.units[before.units["stratum"] != STRATUM]
    pd.testing.assert_frame_equal(sample.units.loc[others.index], others)

    codebook = load_codebook(project.path(project.paths.handcheck) / "codebook/codebook.toml")
    survey = open_survey(sample, population, codebook, 0.95, 1)
    domain = next(item for item in survey.domains if item.year == "2021")
    assert [len(members) for members in domain.members] == domain.strata["n_population"].tolist()
    weight = pd.Series(survey.weights.weight, sample.units.index)[domain.rows]
    assert len(weight) == 90
    by_band = weight.groupby(sample.units["stratum"]).sum()
    assert by_band.to_dict() == pytest.approx(domain.strata["n_population"].to_dict())


def test_only_what_is_read_without_a_gap_counts(project: Config) -> None:
    rows = extend(project, {0: 20, 1: 10})
    wanted = rows[rows["is_wanted"]].sort_values(["band", "reserve_order"])
    first = wanted[wanted["band"] == 0]["doc_id"].tolist()
    session = load_session(project, "extension", "ann", "person")
    place = {item.key: number for number, item in enumerate(session.items)}
    for doc_id in (first[0], first[1], first[3]):  # the third is left out
        read_as(project, "ann", "A1", range(place[doc_id], place[doc_id] + 1), "extension")
    sample, _, _ = load(project)
    added = sample.units.index[sample.units["phase2_stratum"] == EXTENSION]
    assert sorted(added) == sorted(first[:2])


def test_a_stratum_stays_whole_until_a_document_of_each_band_is_read(project: Config) -> None:
    before, population, _ = load(project)
    doc_ids = population.documents["doc_id"][population.rows_in(before, STRATUM)]
    is_in_sample = pd.Series(doc_ids.isin(before.units.index).to_numpy(), doc_ids)
    band = (~is_in_sample).astype(int)  # the round drew nothing of the second band
    folder = project.path(project.paths.handcheck, "rounds", project.estimate.round)
    band[doc_ids[~is_in_sample.to_numpy()].iloc[:50]] = 0
    add_extension(folder, draw_extension(STRATUM, band, is_in_sample, {0: 1, 1: 1}, before.about.seed))
    session = load_session(project, "extension", "ann", "person")
    place = {int(band[item.key]): number for number, item in enumerate(session.items)}
    read_as(project, "ann", "A1", range(place[0], place[0] + 1), "extension")
    waiting, _, _ = load(project)
    pd.testing.assert_frame_equal(waiting.units, before.units)
    assert STRATUM in waiting.strata.index
    read_as(project, "ann", "A1", range(place[1], place[1] + 1), "extension")
    split, _, _ = load(project)
    assert split.strata["n_sample"][[f"{STRATUM}/0", f"{STRATUM}/1"]].tolist() == [61, 1]


def test_people_who_disagree_beyond_the_round_are_heard_in_adjudication(
    project: Config, caplog: pytest.LogCaptureFixture
) -> None:
    extend(project, {0: 2, 1: 1})
    before = len(load_session(project, "adjudication", "cat", "person").items)
    [disputed] = read_as(project, "ann", "A1", range(1), "extension")
    session = load_session(project, "extension", "ben", "person")
    place = [item.key for item in session.items].index(disputed)
    read_as(project, "ben", "E5", range(place, place + 1), "extension")
    load(project)
    assert f"people disagree on 1 documents, {disputed} first" in caplog.text
    items = load_session(project, "adjudication", "cat", "person").items
    assert len(items) == before + 1 and disputed in {item.key for item in items}
    place = [item.key for item in items].index(disputed)
    read_as(project, "cat", "B1", range(place, place + 1), "adjudication")
    read_as(project, "ann", "A1", range(3), "extension")
    _, _, codes = load(project)
    assert codes.loc[disputed, "leaf"] == "B1" and codes.loc[disputed, "coder"] == "cat"


def test_a_stratum_is_extended_once_and_only_by_the_file_that_was_drawn(project: Config) -> None:
    with pytest.raises(SheetError, match="no document is drawn beyond the round"):
        load_session(project, "extension", "ann", "person")
    extend(project, {0: 5, 1: 5})
    with pytest.raises(SheetError, match="is extended already, by 10 documents"):
        extend(project, {0: 5, 1: 5})
    path = project.path(project.paths.handcheck, "rounds", project.estimate.round, "extension.csv")
    lines = path.read_text().splitlines(keepends=True)
    for damaged, problem in (
        ([*lines[:-1]], "is not of this sample"),
        ([*lines, lines[-1]], "stands there twice"),
        ([*lines[:-1], lines[-1].replace("False", "perhaps").replace("True", "perhaps")], "must be whole numbers"),
    ):
        path.write_text("".join(damaged))
        with pytest.raises(SheetError, match=problem):
            load(project)


def test_a_sample_extended_by_bands_has_no_bias_and_intervals_that_hold() -> None:
    rng = np.random.default_rng(4)
    chance = rng.random(400) ** 2
    truth = (rng.random(400) < chance).astype(float)
    ids = pd.Index([f"lw:{number}" for number in range(400)])
    band = pd.Series(np.searchsorted([0.25, 0.75], chance, side="right"), ids)
    errors, held, apart = [], [], []
    for seed in range(150):
        drawn = pd.Series(np.isin(np.arange(400), rng.choice(400, 60, replace=False)), ids)
        rows = draw_extension("all", band, drawn, {0: 10, 1: 40, 2: 10}, seed)
        chosen = rows[rows["is_wanted"] | (rows["reserve_order"] < 0)]
        y = truth[ids.get_indexer(chosen["doc_id"])]
        leaf = np.where(truth > 0, 0, 1)
        sample, population = sample_of(leaf, band.to_numpy(), ids.get_indexer(chosen["doc_id"]))
        found = share_of(survey_of(sample, population), "everything")
        errors.append(found.share[0] - truth.mean())
        held.append(found.low[0] <= truth.mean() <= found.high[0])
        apart.append(y.mean() - truth.mean())
    assert abs(np.mean(errors)) < 0.006 < abs(np.mean(apart))  # bands drawn unevenly must be weighted
    assert 0.92 <= np.mean(held) <= 0.99


@pytest.fixture
def run_here(warm: Warm) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command in a folder."""
    return lambda folder, *words: warm.run(words, folder=folder)


@pytest.mark.parametrize(
    ("draw", "problem"),
    [("nowhere/2021 strict", "is not in the plan"), ("alignmentforum-census/2021", "is not in the plan")],
)
def test_a_draw_that_is_no_line_of_the_plan_is_answered_in_one_line(
    built: Path, run_here, draw: str, problem: str
) -> None:
    done = run_here(built, "plan", "--draw", draw)
    assert done.returncode == 1 and problem in done.stderr and done.stderr.count("\n") == 1


def test_a_line_of_the_plan_that_asks_for_no_document_draws_none(project: Config) -> None:
    line = {"frame": "alignmentforum-census", "year": "2021", "definition": "strict", "denominator": "safety"}
    plan = pd.DataFrame([{**line, "band": band, "n_more": 0} for band in range(3)])
    with pytest.raises(SheetError, match="needs no more documents read"):
        draw_documents(project, plan, f"{STRATUM} strict")


def test_what_a_whole_frame_needs_is_drawn_from_each_of_its_strata_and_a_stratum_only_once(
    built: Path, run_here, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built, copy, ignore=shutil.ignore_patterns(".venv", ".git", "reports"))
    assert run_here(copy, "plan", "--draw", "alignmentforum-census/2019 strict").returncode == 0
    done = run_here(copy, "plan", "--draw", "alignmentforum-census strict")
    assert done.returncode == 0 and "2019: extended already" in done.stderr
    rows = read_extension(copy / "data/raw/handcheck/rounds/2026-11")
    plan = pd.read_parquet(copy / "data/processed/plan.parquet")
    asked = plan.query("frame == 'alignmentforum-census' and year == '' and definition == 'strict'")["n_more"].sum()
    assert sorted(set(rows["stratum"])) == [f"alignmentforum-census/{year}" for year in range(2017, 2027)]
    drawn = rows[rows["is_wanted"] & (rows["stratum"] != "alignmentforum-census/2019")]
    assert 0.8 * asked < len(drawn) < 1.2 * asked and rows["doc_id"].is_unique
    again = run_here(copy, "plan", "--draw", "alignmentforum-census strict")
    assert again.returncode == 1 and "extended already" in again.stderr and "Traceback" not in again.stderr


@pytest.mark.slow
def test_what_the_plan_asks_for_is_drawn_shown_read_and_narrows_the_interval(
    built: Path, run_here, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built, copy, ignore=shutil.ignore_patterns(".venv", ".git", "reports"))
    before = pd.read_parquet(copy / "data/processed/shares.parquet")
    assert run_here(copy, "plan", "--draw", "alignmentforum-census/2021 strict").returncode == 0
    coder = ("--coder", "ann", "--task", "extension")
    assert run_here(copy, "export", *coder, "--count", "999", "--file", "sheet.csv").returncode == 0
    sheet = pd.read_csv(copy / "sheet.csv", dtype=str, keep_default_na=False)
    sheet = sheet.assign(**AXES, leaf=np.where(np.arange(len(sheet)) % 2, "A1", "E5"))
    sheet.to_csv(copy / "sheet.csv", index=False)
    assert run_here(copy, "import", *coder, "--kind", "person", "--file", "sheet.csv").returncode == 0
    assert run_here(copy, "estimate").returncode == 0
    after = pd.read_parquet(copy / "data/processed/shares.parquet")
    query = "year == '2021' and definition == 'strict' and denominator == 'safety' and weight == 'documents'"
    old, new = (rows.query(query).iloc[0] for rows in (before, after))
    assert new["n_read"] == old["n_read"] + len(sheet) and new["n_person"] == len(sheet) > 30
    assert new["high"] - new["low"] < 0.75 * (old["high"] - old["low"])
