"""The mixture draw has its estimator: shares of documents and of karma, with intervals that hold."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_sample
from pipeline.coding.sampling import draw_mixture
from pipeline.errors import SheetError
from pipeline.estimate.mixture import estimate_mixture
from pipeline.estimate.mixture_tables import tabulate_mixtures
from pipeline.rounds import draw, status
from pipeline.schemas import DOCUMENTS, MIXTURES
from tests.test_draw import folder_of, make_project, read_round


@pytest.mark.parametrize("weighs", [False, True])
def test_intervals_of_a_mixture_hold_the_truth(weighs: bool) -> None:
    rng = np.random.default_rng(3)
    ids = [f"d{number:04d}" for number in range(3_000)]
    karma = pd.Series(np.exp(rng.normal(2, 1.2, 3_000)).round(), index=ids)
    is_in = pd.Series(rng.random(3_000) < 0.7, index=ids)
    is_direct = pd.Series(rng.random(3_000) < 0.2 + 0.3 * (karma.rank() / 3_000), index=ids) & is_in
    size = karma if weighs else pd.Series(1.0, index=ids)
    truth = float((size * is_direct).sum() / (size * is_in).sum())
    hits, errors = 0, []
    for seed in range(500):
        rows = draw_mixture(karma, 400, seed)
        drawn = rows["doc_id"].to_numpy()
        weight = karma[drawn].to_numpy() if weighs else None
        found = estimate_mixture(
            is_direct[drawn].to_numpy(float), is_in[drawn].to_numpy(float), rows["draw_probability"].to_numpy(), weight
        )
        hits += found.low <= truth <= found.high
        errors.append(found.share - truth)
    assert 0.92 <= hits / 500 <= 0.98
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(500)


def test_even_draws_are_a_plain_share_of_the_denominator() -> None:
    y, inside = np.array([1.0, 0, 0, 1]), np.array([1.0, 1, 1, 0])
    found = estimate_mixture(y, inside, np.full(4, 0.01))
    assert found.share == pytest.approx(1 / 3)


@pytest.mark.parametrize("chance", [0.0, 1.5])
def test_a_probability_that_is_none_is_refused(chance: float) -> None:
    with pytest.raises(SheetError, match="each with its probability"):
        estimate_mixture(np.ones(3), np.ones(3), np.array([0.1, chance, 0.1]))


def test_readers_who_differ_count_in_part() -> None:
    y, inside = np.array([0.5, 1, 0]), np.array([0.5, 1, 1])
    assert estimate_mixture(y, inside, np.full(3, 0.01)).share == pytest.approx(1.5 / 2.5)


def test_a_mixture_that_is_read_is_tabulated_as_the_formula_says(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Two readers of all of it, an adjudicator of a part, and one drawn document that is gone from the frame since."""
    config = make_project(tmp_path, root)
    config = replace(config, estimate=replace(config.estimate, rounds="all"))
    codebook = load_codebook(config.path(config.paths.handcheck, "codebook/codebook.toml"))
    draw.run(config, "m", 80, frames="alignmentforum-census", by="mixture", weight="karma")
    assert re.search(r"Next: make check CONFIG=\S+ CODER=yourname ROUND=m\n", capsys.readouterr().out)
    documents = store.read_table(DOCUMENTS, config.processed("documents"))
    sample = read_sample(config, codebook)
    assert tabulate_mixtures(sample, codebook, documents, 0.95).empty  # documents of it are not read yet
    status.run(config)
    assert "of the mixture m are not read" in capsys.readouterr().out
    folder, sheets = folder_of(config, "m"), config.path(config.paths.handcheck, "sheets")
    read_round(config, "m", "m1", "A1")
    read_round(config, "m", "m2", "A1")
    rows = pd.read_csv(sheets / "m2.csv", keep_default_na=False)
    rows.loc[::3, "leaf"] = "E1"
    rows.loc[1::3, "leaf"] = "N0"
    rows.to_csv(sheets / "m2.csv", index=False)
    ruled = rows.iloc[:12].assign(leaf="A1")
    (sheets / "adjudication").mkdir(exist_ok=True)
    ruled.to_csv(sheets / "adjudication/judge.csv", index=False)
    known = {
        path.stem: pd.read_csv(path, dtype=str).set_index("doc_id")["leaf"]
        for path in [*sheets.glob("*.csv"), *(sheets / "adjudication").glob("*.csv")]
    }
    sample = read_sample(config, codebook)
    assert [mixture.name for mixture in sample.mixtures] == ["m"]
    table = tabulate_mixtures(sample, codebook, documents, 0.95)
    store.write_table(MIXTURES, table, tmp_path / "mixtures.parquet")
    draws = pd.read_csv(folder / "mixture.csv")
    karma = documents.set_index("doc_id")["karma"]
    for weight in ("documents", "karma"):
        up = base = 0.0
        for doc_id, chance in zip(draws["doc_id"], draws["draw_probability"], strict=True):
            judges = [known[name][doc_id] for name in ("adjudicator", "judge") if doc_id in known[name]]
            readers = ("m1", "m2", "reader-1", "reader-2")
            said = judges[:1] or [known[name][doc_id] for name in readers if doc_id in known[name]]
            stands_for = (max(karma[doc_id], 0) if weight == "karma" else 1) / chance / len(said)
            up += stands_for * sum(leaf[0] == "A" or leaf == "B1" for leaf in said)
            base += stands_for * sum(codebook.group_of[leaf] not in codebook.outside for leaf in said)
        row = table[
            (table["weight"] == weight) & (table["denominator"] == "safety") & (table["definition"] == "strict")
        ].iloc[0]
        assert row["share"] == pytest.approx(up / base, abs=1e-9)
        assert row["n_draws"] == 80 and row["low"] < row["share"] < row["high"]
