"""The tables of estimates from the shipped census: they agree with each other, and with what they say of themselves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.definitions import match_definition
from pipeline.coding.queries import Definition
from pipeline.coding.sample import Sample, load_sample
from pipeline.config import Config, load_config
from pipeline.corpus.persons import list_persons
from pipeline.errors import DataError
from pipeline.estimate.agendas import estimate_agendas, list_agendas
from pipeline.estimate.curve import draw_lines, estimate_specifications, list_specifications
from pipeline.estimate.domains import Population
from pipeline.estimate.other_truths import dawid_skene
from pipeline.estimate.people import WEIGHTS, count_people, merge_name, name_people, size_by_people, truncate
from pipeline.estimate.published import read_weights, tabulate_weights, total_by_replicate
from pipeline.estimate.share_table import tabulate_shares
from pipeline.estimate.shares import Shares, estimate_shares
from pipeline.estimate.survey import Found, Survey, estimate_batch, open_survey
from pipeline.estimate.trends import contrast_years, measure_groups
from pipeline.release.published import compare_tables, read_published
from pipeline.store import write_csv

CENSUS = Path("data/raw/census/2026.07/documents.parquet")


@pytest.fixture(scope="module")
def config(root: Path) -> Config:
    return load_config(root / "census.toml")


@pytest.fixture(scope="module")
def codebook(root: Path) -> Codebook:
    return load_codebook(root / "data/raw/handcheck/codebook/codebook.toml")


@pytest.fixture(scope="module")
def documents(root: Path) -> pd.DataFrame:
    documents = pd.read_parquet(root / CENSUS).sort_values("doc_id", ignore_index=True)
    documents = documents.assign(affiliations=None, orcids=None, organisation=None)
    documents = name_people(documents, list_persons(documents)[1])
    return documents.assign(published_year=documents["published_year"].fillna(-1))


@pytest.fixture(scope="module")
def sample(root: Path, config: Config, codebook: Codebook, documents: pd.DataFrame) -> Sample:
    return load_sample(root / "data/raw/handcheck", config.estimate.round, codebook, documents)


@pytest.fixture(scope="module")
def population(documents: pd.DataFrame, sample: Sample) -> Population:
    return Population(documents, pd.Index(documents["doc_id"]).get_indexer(sample.units.index))


@pytest.fixture(scope="module")
def survey(sample: Sample, population: Population, codebook: Codebook) -> Survey:
    return open_survey(sample, population, codebook, 0.95, 1)


@pytest.fixture(scope="module")
def agendas(codebook: Codebook, config: Config) -> list[Definition]:
    return [query for _, query in list_agendas(codebook, config.estimate.agendas).values()]


@pytest.fixture(scope="module")
def found(survey: Survey, agendas: list[Definition]) -> Found:
    return estimate_batch(survey, [*survey.codebook.definitions, *agendas], list(WEIGHTS))


@pytest.fixture(scope="module")
def shares(survey: Survey, found: Found) -> pd.DataFrame:
    return tabulate_shares(survey, found)


def test_every_share_has_an_interval_around_it_and_no_width_is_zero(shares: pd.DataFrame) -> None:
    known = shares.dropna(subset="share")
    assert len(known) > 500
    assert ((known["low"] <= known["share"]) & (known["share"] <= known["high"])).all()
    assert (known["high"] - known["low"]).min() > 0.005
    assert known[["share", "low", "high", "n_effective", "standard_error"]].notna().all(axis=None)


def test_leaves_add_up_to_groups_groups_to_one_and_years_to_their_frame(
    survey: Survey, found: Found, config: Config
) -> None:
    table = estimate_agendas(survey, config.estimate.agendas, found)
    groups = measure_groups(survey)
    assert groups.groupby(["frame", "year"])["share"].sum().to_numpy() == pytest.approx(1.0, abs=1e-9)
    by_code = table[~table["code"].str.contains(r"\+")]
    leaves = by_code[by_code["code"].str.len() > 1]
    sums = leaves.assign(code=leaves["code"].str[0]).groupby(["frame", "year", "code"])["share"].sum()
    whole = by_code[by_code["code"].str.len() == 1].set_index(["frame", "year", "code"])["share"]
    assert (sums - whole.reindex(sums.index)).abs().max() < 1e-9
    safety = whole[whole.index.get_level_values("code").isin(list("ABCDE"))].groupby(["frame", "year"]).sum()
    assert safety.to_numpy() == pytest.approx(1.0, abs=1e-9)
    for number in range(3):
        years = [
            (domain.n_population, found[domain.frame, domain.year, "documents", "everything"].share[number])
            for domain in survey.domains
            if domain.year
        ]
        total = sum(size for size, _ in years)
        one = found["alignmentforum-census", "", "documents", "everything"].share[number]
        assert sum(size * share for size, share in years) / total == pytest.approx(one, abs=1e-9)


def test_one_quantity_has_one_value_in_every_table(
    survey: Survey, found: Found, shares: pd.DataFrame, config: Config
) -> None:
    table = estimate_agendas(survey, config.estimate.agendas, found).set_index(["code", "frame", "year"])
    theory = shares[(shares["definition"] == "theory") & (shares["denominator"] == "safety")]
    theory = theory[theory["weight"] == "documents"].set_index(["frame", "year"])
    group = table.loc["A"]
    assert len(group) == len(theory)
    for column in ("share", "low", "high"):
        assert (theory[column] - group[column]).abs().max() == 0


def test_no_narrower_definition_is_above_a_wider_one(shares: pd.DataFrame, codebook: Codebook) -> None:
    nested = [definition.id for definition in codebook.definitions if definition.nested]
    for _, rows in shares.groupby(["frame", "year", "denominator", "weight"]):
        order = rows.set_index("definition").loc[nested]
        for column in ("share", "low", "high"):
            assert (order[column].diff().dropna() >= -1e-12).all()


def test_nothing_lies_below_what_was_read(survey: Survey, found: Found, config: Config) -> None:
    table = estimate_agendas(survey, config.estimate.agendas, found)
    n_population = {(domain.frame, domain.year): domain.n_population for domain in survey.domains}
    settled = survey.sample.units["is_adjudicated"].to_numpy()
    everything = table[table["code"].isin(["M", "N", "M1", "M2", "N0"])]
    leaf = survey.sample.readers[0]["leaf"].copy()
    leaf.loc[survey.sample.adjudicator.index] = survey.sample.adjudicator["leaf"]
    for row in everything.itertuples():
        here = (survey.sample.units["frame"] == row.frame).to_numpy() & settled
        here &= (survey.sample.units["year"] == row.year).to_numpy() | (row.year == "")
        read = int((leaf.str.startswith(row.code).to_numpy() & here).sum())
        assert row.low >= read / n_population[row.frame, row.year] - 1e-12
        assert row.share >= read / n_population[row.frame, row.year] - 1e-9


def test_the_curve_is_the_same_estimator(survey: Survey) -> None:
    specifications = list_specifications(survey.codebook)
    domain = survey.domains[0]
    part = survey.part(domain)
    assert part is not None
    for denominator in survey.codebook.denominators.values():
        lines = draw_lines(survey, denominator, specifications)
        curve = estimate_specifications(survey, domain, lines, len(specifications.toggles))
        assert curve is not None and len(curve) == len(specifications.is_direct)
        for number in (0, 77, 5000, len(curve) - 1):
            leaves = np.array(specifications.leaves)[specifications.is_direct[number]]
            counted = survey.records["leaf"].isin(leaves).to_numpy()
            one = estimate_shares(part, counted[None], survey.inside(denominator), 0.95)
            assert curve.at[number, "share"] == pytest.approx(one.share[0], abs=1e-9)
            assert curve.at[number, "low"] <= one.low[0] + 1e-9 and curve.at[number, "high"] >= one.high[0] - 1e-9


def test_the_curve_never_falls_when_a_line_is_counted(survey: Survey) -> None:
    specifications = list_specifications(survey.codebook)
    lines = draw_lines(survey, survey.codebook.denominators["safety"], specifications)
    curve = estimate_specifications(survey, survey.domains[0], lines, len(specifications.toggles))
    assert curve is not None
    for column in ("share", "low", "high"):
        cube = curve[column].to_numpy().reshape((2,) * len(specifications.toggles))
        for axis in range(cube.ndim):
            assert (np.diff(cube, axis=axis) >= -1e-12).all()


def test_anyone_computes_a_share_again_from_the_table_of_weights(
    survey: Survey, shares: pd.DataFrame, codebook: Codebook
) -> None:
    table = tabulate_weights(survey.weights)
    here = table[table["frame"] == "alignmentforum-census"]
    counted = total_by_replicate(here, lambda code: code[0] == "A")
    inside = total_by_replicate(here, lambda code: code[0] in "ABCDE")
    again = counted / inside
    row = shares.set_index(["frame", "year", "denominator", "definition", "weight"]).loc[
        ("alignmentforum-census", "", "safety", "theory", "documents")
    ]
    assert again[0] == pytest.approx(row["share"], abs=1e-9)
    assert again[1:].std() == pytest.approx(row["standard_error"], abs=1e-9)
    back = read_weights(table, codebook)
    rows = (back.units["frame"] == "alignmentforum-census").to_numpy()
    match = (back.codes.records["group"] == "A").to_numpy()
    assert back.totals(rows)[:, match].sum(axis=1) == pytest.approx(counted, abs=1e-6)


def test_the_curve_runs_over_every_toggle_and_starts_from_the_narrowest(codebook: Codebook) -> None:
    specifications = list_specifications(codebook)
    assert {leaf for toggle in specifications.toggles for leaf in toggle} >= set(codebook.toggles.leaves)
    assert len(specifications.is_direct) == 2 ** len(specifications.toggles)
    codes = pd.DataFrame(
        {"leaf": specifications.leaves, "group": [x[0] for x in specifications.leaves], "confidence": 3}
    )
    theory = next(definition for definition in codebook.definitions if definition.id == "theory")
    assert (specifications.is_direct[0] == match_definition(theory, codes)).all()


def test_each_person_weighs_one() -> None:
    documents = pd.DataFrame({"persons": [["Ada", "Ben"], ["Ada"], [], ["Ada"]]})
    assert size_by_people(documents) == pytest.approx([1 / 3 + 1, 1 / 3, 0, 1 / 3])


def test_names_merge_by_surname_and_initial() -> None:
    assert merge_name("José M. García") == merge_name("J. Garcia") == "garcia j"
    assert merge_name("some_handle") == "some_handle"


def test_people_are_counted_both_ways() -> None:
    persons = [["Ann Lee", "Anna Lee"], ["Bo Chi"], ["Bo Chi"], []]
    names = [["Ann Lee", "Anna Lee"], ["bochi"], ["Bo Chi"], []]
    documents = pd.DataFrame({"frame": ["x"] * 4, "names": names, "persons": persons})
    row = count_people(documents).iloc[0]
    assert (row["n_names"], row["n_people"], row["n_people_merged"]) == (4, 3, 2)
    assert (row["n_without_author"], row["n_author_slots"]) == (1, 4)


def test_people_are_persons_whatever_they_are_called() -> None:
    documents = pd.DataFrame({"doc_id": ["a", "b", "c"], "frame": "x"})
    authorship = pd.DataFrame(
        {"doc_id": ["c", "b", "a"], "names": [[], ["bochi"], ["Bo Chi"]], "persons": [[], ["Bo Chi"], ["Bo Chi"]]}
    )
    named = name_people(documents, authorship)
    assert named["names"].tolist() == [["Bo Chi"], ["bochi"], []]
    assert size_by_people(named) == pytest.approx([0.5, 0.5, 0])
    with pytest.raises(DataError, match="has no row for a and 0 other documents"):
        name_people(documents, authorship.iloc[:2])


def test_a_heavy_tail_is_cut() -> None:
    assert truncate(np.array([1.0] * 199 + [1e6])).max() == 1.0


def test_frames_without_karma_or_full_texts_have_no_such_rows(shares: pd.DataFrame) -> None:
    weighted = shares[shares["weight"] != "documents"]
    rows = set(zip(weighted["frame"], weighted["weight"], strict=True))
    assert ("alignmentforum-census", "people") in rows and ("alignmentforum-census", "words") not in rows
    assert ("arxiv-query-2025", "karma") not in rows and ("arxiv-query-2025", "author_slots") in rows
    assert weighted[["share", "low", "high"]].notna().all(axis=None)


def test_a_slope_and_its_steps_are_contrasts_of_the_years() -> None:
    rng = np.random.default_rng(0)
    known = []
    for year, share in [(2020, 0.5), (2021, 0.4), (2022, 0.3)]:
        one = np.array([share])
        replicates = share + 0.02 * rng.standard_normal((4_000, 1))
        known.append((year, Shares(one, one - 0.04, one + 0.04, one * 0 + 0.02, one * 0 + 60, replicates, 60, 59)))
    rows = {(row["kind"], row["from_year"], row["to_year"]): row for row in contrast_years(known, 0.95)[0]}
    assert rows["slope", "2020", "2022"]["value"] == pytest.approx(-0.1)
    assert rows["slope", "2020", "2022"]["standard_error"] == pytest.approx(0.02 / np.sqrt(2), rel=0.05)
    assert rows["change", "2020", "2022"]["value"] == pytest.approx(-0.2)
    step = rows["step", "2020", "2021"]
    assert step["high"] - step["low"] == pytest.approx(2 * 0.04 * np.sqrt(2), rel=0.05)
    assert step["simultaneous_low"] < step["low"] < -0.1 < step["high"] < step["simultaneous_high"]
    assert contrast_years(known[:1], 0.95) == []


def test_dawid_skene_trusts_the_coders_who_agree_with_each_other() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    votes = np.stack([np.where(rng.random(400) < error, 1 - truth, truth) for error in (0.05, 0.05, 0.45)])
    votes[2, :100] = -1
    found = dawid_skene(votes, 2).argmax(axis=1)
    assert (found == truth).mean() > 0.93


def test_a_changed_number_is_found_and_named(shares: pd.DataFrame) -> None:
    written = shares.copy()
    compare_tables("shares", shares, written, "here")
    written.loc[3, "share"] = float(written.loc[3, "share"]) + 1e-5
    with pytest.raises(DataError, match="share is"):
        compare_tables("shares", shares, written, "here")
    with pytest.raises(DataError, match="other rows"):
        compare_tables("shares", shares, shares.iloc[1:], "here")


@pytest.mark.parametrize(
    ("name", "column"), [("shares", "low"), ("curve", "share"), ("robustness", "difference"), ("agreement", "value")]
)
def test_one_digit_changed_in_a_published_table_is_found(root: Path, name: str, column: str) -> None:
    path = root / "reports/2026.07/tables" / f"{name}.csv"
    rows = read_published(name, path)
    compare_tables(name, rows, read_published(name, path), str(path))
    changed, row = rows.copy(), int(rows[column].first_valid_index())
    changed.loc[row, column] = float(changed.loc[row, column]) + 1e-3
    with pytest.raises(DataError, match=f"{name}.*{column} is"):
        compare_tables(name, rows, changed, str(path))


def test_a_published_table_reads_back_as_it_was_computed(shares: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "shares.csv"
    write_csv(path, shares.drop(columns="standard_error"))
    compare_tables("shares", shares, read_published("shares", path), str(path))
