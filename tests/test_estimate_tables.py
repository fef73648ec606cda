"""The tables of estimates from the shipped census: they agree with each other, and with what they say of themselves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.sample import Sample, load_sample
from pipeline.config import Config, load_config
from pipeline.errors import DataError
from pipeline.estimate.curve import estimate_specifications, list_specifications
from pipeline.estimate.domains import Population, Readings, list_domains
from pipeline.estimate.people import count_people, merge_name, size_by_people, truncate
from pipeline.estimate.robustness import dawid_skene
from pipeline.estimate.shares import ShareEstimate
from pipeline.estimate.tables import estimate_all, estimate_weighted
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
    return documents.assign(published_year=documents["published_year"].fillna(-1))


@pytest.fixture(scope="module")
def sample(root: Path, config: Config, codebook: Codebook, documents: pd.DataFrame) -> Sample:
    return load_sample(root / "data/raw/handcheck", config.estimate.round, codebook, documents)


@pytest.fixture(scope="module")
def population(documents: pd.DataFrame, sample: Sample) -> Population:
    return Population(documents, pd.Index(documents["doc_id"]).get_indexer(sample.units.index))


@pytest.fixture(scope="module")
def shares(sample: Sample, population: Population, codebook: Codebook) -> pd.DataFrame:
    return estimate_all(sample, population, codebook, 0.95)


def test_every_share_has_an_interval_around_it_and_no_width_is_zero(shares: pd.DataFrame) -> None:
    known = shares.dropna(subset="share")
    assert len(known) > 500
    assert ((known["low"] <= known["share"]) & (known["share"] <= known["high"])).all()
    assert (known["high"] - known["low"]).min() > 0.01
    assert known[["share", "low", "high", "n_effective", "standard_error"]].notna().all(axis=None)


def test_years_add_up_to_their_frame(sample: Sample, population: Population, codebook: Codebook) -> None:
    # shares of everything, each year by its size: what two-phase imputation must not break
    readings = Readings.of(
        sample, population, codebook.definitions[2], "everything", codebook.denominators["everything"]
    )
    domains = [domain for domain in list_domains(sample, population) if domain.frame == "alignmentforum-census"]
    found = {domain.year: (domain.n_population, readings.estimate(domain, 0.95)) for domain in domains}
    total, whole = found.pop("")
    parts = sum(size * estimate.share for size, estimate in found.values() if estimate)
    assert whole and parts / total == pytest.approx(whole.share, abs=1e-3)


def test_groups_of_every_frame_and_year_add_up_to_one(
    sample: Sample, population: Population, codebook: Codebook
) -> None:
    groups = measure_groups(sample, population, codebook, 0.95)
    assert groups.groupby(["frame", "year"])["share"].sum().to_numpy() == pytest.approx(1.0, abs=1e-9)


def test_the_curve_is_the_same_estimator(sample: Sample, population: Population, codebook: Codebook) -> None:
    specifications = list_specifications(codebook)
    picked = replace(specifications, is_direct=specifications.is_direct[[0, 77, 5000, -1]])
    for name in ("safety", "technical", "everything"):
        denominator = codebook.denominators[name]
        for domain in list_domains(sample, population)[:1]:
            curve = estimate_specifications(sample, population, domain, denominator, picked, 0.95)
            assert curve is not None
            for row, is_direct in zip(curve.itertuples(), picked.is_direct, strict=True):
                leaves = np.array(picked.leaves)[is_direct]
                one = Readings.matching(
                    sample,
                    population,
                    lambda codes, leaves=leaves: codes["leaf"].isin(leaves).to_numpy(),
                    lambda codes, denominator=denominator: match_denominator(denominator, codes),
                ).estimate(domain, 0.95)
                assert one and (row.share, row.low, row.high) == pytest.approx(
                    (one.share, one.low, one.high), abs=1e-12
                )


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
    documents = pd.DataFrame({"authors": [["Ada", "Ben"], ["Ada"], [], ["Ada", "Ada"]]})
    assert size_by_people(documents) == pytest.approx([1 / 3 + 1, 1 / 3, 0, 1 / 3])


def test_names_merge_by_surname_and_initial() -> None:
    assert merge_name("José M. García") == merge_name("J. Garcia") == "garcia j"
    assert merge_name("some_handle") == "some_handle"


def test_people_are_counted_both_ways() -> None:
    documents = pd.DataFrame({"frame": ["x"] * 3, "authors": [["Ann Lee", "A. Lee"], ["Bo Chi"], []]})
    row = count_people(documents).iloc[0]
    assert (row["n_people"], row["n_people_merged"], row["n_without_author"], row["n_author_slots"]) == (3, 2, 1, 3)


def test_a_heavy_tail_is_cut() -> None:
    assert truncate(np.array([1.0] * 199 + [1e6])).max() == 1.0


def test_frames_without_karma_or_full_texts_have_no_such_rows(
    sample: Sample, population: Population, codebook: Codebook
) -> None:
    weighted = estimate_weighted(sample, population, replace(codebook, definitions=codebook.definitions[:1]), 0.95)
    rows = set(zip(weighted["frame"], weighted["weight"], strict=True))
    assert ("alignmentforum-census", "people") in rows and ("alignmentforum-census", "words") not in rows
    assert ("arxiv-query-2025", "karma") not in rows and ("arxiv-query-2025", "author_slots") in rows
    assert weighted[["share", "low", "high"]].notna().all(axis=None)


def test_a_slope_and_its_steps_are_contrasts_of_the_years() -> None:
    known = [
        (year, ShareEstimate(share, 0.02, 0, 1, 0.95, 60, 60.0, 59, ""))
        for year, share in [(2020, 0.5), (2021, 0.4), (2022, 0.3)]
    ]
    rows = {(row["kind"], row["from_year"], row["to_year"]): row for row in contrast_years(known, 0.95)}
    assert rows["slope", "2020", "2022"]["value"] == pytest.approx(-0.1)
    assert rows["slope", "2020", "2022"]["standard_error"] == pytest.approx(0.02 / np.sqrt(2))
    assert rows["change", "2020", "2022"]["value"] == pytest.approx(-0.2)
    step = rows["step", "2020", "2021"]
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
