"""Gold: a random part of the settled documents, read by people, from which the readers' error is learnt."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.coding.gold import NAME, read_gold, weigh_gold
from pipeline.coding.order import order_for
from pipeline.coding.precedence import CodedSheet
from pipeline.errors import SheetError
from pipeline.estimate.evidence import gather_evidence
from pipeline.estimate.reader_error import GOLD, tabulate_errors
from pipeline.rounds.gold import LEAST, PLAIN, SURPRISING, UNSURE, cut_gold, draw_gold
from tests.survey_of import CODEBOOK, codes_of, sample_of

SEED = 20261127
ROUND = f"""title = "made up"
seed = {SEED}
codebook = "1"
design = ""
shown = ""
"""


def strata_of(sizes: dict[str, int]) -> pd.Series:
    names = [name for name, size in sizes.items() for _ in range(size)]
    return pd.Series(names, [f"d{number:06d}" for number in range(len(names))])


def write_draw(folder: Path, drawn: pd.DataFrame) -> Path:
    place = folder / "rounds" / "one"
    place.mkdir(parents=True)
    (place / "round.toml").write_text(ROUND)
    drawn.to_csv(place / NAME, index=False)
    return folder


def person(ids: list[str], leaf: int = 0) -> CodedSheet:
    return CodedSheet("ada", "person", "reader", codes_of(np.full(len(ids), leaf), pd.Index(ids)))


def test_more_is_drawn_where_codes_are_less_sure_and_the_chance_is_the_part_drawn() -> None:
    strata = strata_of({f"x/{PLAIN}": 700, f"x/{UNSURE}": 200, f"x/{SURPRISING}": 90, f"y/{PLAIN}": 6})
    drawn = draw_gold(strata, 125, SEED)
    counts = drawn["gold_stratum"].value_counts()
    assert counts[f"y/{PLAIN}"] == LEAST
    assert counts[f"x/{UNSURE}"] / 200 > 1.2 * counts[f"x/{PLAIN}"] / 700
    for name, rows in drawn.groupby("gold_stratum"):
        assert rows["gold_probability"].iloc[0] == pytest.approx(len(rows) / int((strata == name).sum()))
    assert drawn["doc_id"].is_unique and len(drawn) == pytest.approx(125, abs=6)
    assert draw_gold(strata, 125, SEED).equals(drawn)  # the seed says who, and nobody chooses


def test_every_settled_document_can_be_drawn() -> None:
    strata = strata_of({f"x/{PLAIN}": 40})
    chance = np.mean([strata.index.isin(draw_gold(strata, 10, seed)["doc_id"]) for seed in range(400)], axis=0)
    assert (np.abs(chance - 0.25) < 0.1).all()


def test_strata_are_source_surprise_and_doubt_and_leave_out_what_people_read() -> None:
    sample, _ = sample_of(
        np.array([0, 0, 1, 1]),
        np.zeros(4, dtype=int),
        np.arange(4),
        is_settled=np.array([True, False, True, True]),
        phase2_probability=np.array([0.5, 0.5, 1.0, 1.0]),
    )
    sample.units["n_person"] = [0, 0, 0, 1]
    chance = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    strata = cut_gold(sample, np.array(["x", "x", "y", "y"]), chance, list(CODEBOOK.leaves))
    assert strata.tolist() == [f"x/{PLAIN}", f"x/{SURPRISING}", f"y/{UNSURE}"]


def test_what_is_read_in_order_is_a_random_part_and_a_gap_ends_it(tmp_path: Path) -> None:
    drawn = draw_gold(strata_of({f"x/{PLAIN}": 400}), 40, SEED)
    folder = write_draw(tmp_path, drawn)
    order = order_for("ada", drawn["doc_id"].tolist(), SEED)
    weights = weigh_gold(folder, [person(order[:10])])
    assert sorted(weights.index) == sorted(order[:10])
    assert weights.to_numpy() == pytest.approx(np.full(10, 40.0))  # ten speak for four hundred
    picked = weigh_gold(folder, [person([*order[:3], *order[5:30]])])
    assert sorted(picked.index) == sorted(order[:3])
    assert weigh_gold(folder, []).empty


def test_a_draw_that_was_tampered_with_is_answered_in_one_line(tmp_path: Path) -> None:
    drawn = draw_gold(strata_of({f"x/{PLAIN}": 40}), 10, SEED)
    folder = write_draw(tmp_path, pd.concat([drawn, drawn.head(1)]))
    with pytest.raises(SheetError, match="drawn twice"):
        read_gold(folder)
    drawn.assign(gold_probability="much").to_csv(folder / "rounds" / "one" / NAME, index=False)
    with pytest.raises(SheetError, match="gold_probability"):
        read_gold(folder)


def test_people_who_change_codes_are_found_both_ways_whatever_was_drawn_of_each_stratum(tmp_path: Path) -> None:
    """Of 600 settled documents people would change 40% of the surprising and 5% of the others: 12% of them all."""
    rng = np.random.default_rng(2)
    n = 600
    settled = rng.choice(2, size=n)
    is_odd = rng.random(n) < 0.2
    people = np.where(rng.random(n) < np.where(is_odd, 0.4, 0.05), 1 - settled, settled)
    sample, _ = sample_of(settled, np.zeros(n, dtype=int), np.arange(n))
    ids = sample.units.index
    strata = pd.Series(np.where(is_odd, f"x/{SURPRISING}", f"x/{PLAIN}"), ids)
    found = []
    for seed in range(12):
        drawn = draw_gold(strata, 150, seed)
        folder = write_draw(tmp_path / str(seed), drawn)
        read = pd.Index(drawn["doc_id"])
        codes = codes_of(people[ids.get_indexer(read)], read)
        sheets = (CodedSheet("ada", "person", "reader", codes),)
        machine = CodedSheet("m", "language model", "reader", sample.readers[0])
        own = replace(sample, people=sheets, coded=(machine, *sheets))
        evidence = gather_evidence(folder, own, np.full(n, "x"), CODEBOOK)
        assert [each.basis for each in evidence] == [GOLD]
        rows = tabulate_errors(evidence, CODEBOOK, 0.95).set_index(["definition", "denominator", "settled", "asked"])
        here = rows.loc[("strict", "safety")]
        found.append(
            [here.at[("counts", "counts"), "change_chance"], here.at[("denominator only", "counts"), "change_chance"]]
        )
    truth = [float((people[settled == code] != code).mean()) for code in (0, 1)]
    assert np.mean(found, axis=0) == pytest.approx(truth, abs=0.03)
