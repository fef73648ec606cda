"""Sampling, agreement, precedence and verdicts, against hand-made cases, published numbers and other packages."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from pipeline.agreement import coefficients as agreement
from pipeline.agreement.coefficients import measure_agreement, resample
from pipeline.agreement.verdicts import compose_clusters, explain_codes, judge_clusters, judge_intrusion
from pipeline.check.tasks import draw_intrusion
from pipeline.coding.certify import certify, lower_bound
from pipeline.coding.order import order_for
from pipeline.coding.precedence import CodedSheet, settle_by_precedence
from pipeline.coding.sampling import (
    allocate_equal,
    allocate_neyman,
    allocate_proportional,
    check_frame,
    draw_mixture,
    draw_stratified,
    hash_frame,
)
from pipeline.errors import SheetError

FRAME = pd.Series(["x"] * 60 + ["y"] * 40, index=[f"d{number:03d}" for number in range(100)])


def test_a_larger_sample_begins_with_the_smaller_one_whatever_the_order_of_the_frame() -> None:
    small = draw_stratified(FRAME, {"x": 6, "y": 4}, 1)
    large = draw_stratified(FRAME.sample(frac=1, random_state=2), {"x": 20, "y": 30}, 1)
    drawn = {name: set(rows.loc[rows["is_drawn"], "doc_id"]) for name, rows in (("small", small), ("large", large))}
    assert drawn["small"] < drawn["large"] and len(drawn["large"]) == 50
    assert small["doc_id"].tolist() == large["doc_id"].tolist()
    assert set(draw_stratified(FRAME, {"x": 6, "y": 4}, 2).query("is_drawn")["doc_id"]) != drawn["small"]


def test_every_document_is_drawn_as_often_as_its_probability_says() -> None:
    counts = pd.Series(0, index=FRAME.index)
    for seed in range(400):
        rows = draw_stratified(FRAME, {"x": 6, "y": 20}, seed)
        counts[rows.loc[rows["is_drawn"], "doc_id"]] += 1
    rows = draw_stratified(FRAME, {"x": 6, "y": 20}, 0).set_index("doc_id")
    expected = 400 * rows["inclusion_probability"].reindex(FRAME.index)
    z = (counts - expected) / np.sqrt(expected * (1 - rows["inclusion_probability"].reindex(FRAME.index)))
    assert z.abs().max() < 4.5 and abs(z.mean()) < 0.5


def test_a_changed_frame_is_refused() -> None:
    digest = hash_frame(FRAME.index)
    check_frame(list(FRAME.index)[::-1], digest, "design.csv")
    with pytest.raises(SheetError, match="other documents"):
        check_frame(FRAME.index[1:], digest, "design.csv")


def test_neyman_gives_most_to_large_and_mixed_strata() -> None:
    found = allocate_neyman({"pure": 1000, "mixed": 1000, "tiny": 3}, {"pure": 0.0, "mixed": 0.5, "tiny": 0.5}, 100)
    assert found["tiny"] == 3 and found["mixed"] + found["pure"] == 97
    assert found["mixed"] / found["pure"] == pytest.approx(0.5 / np.sqrt(0.02 * 0.98), rel=0.05)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.floats(0, 1), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_an_allocation_adds_up_and_keeps_floors_and_sizes(sizes: list[int], part: float, floor: int) -> None:
    by_name = {f"s{number:02d}": size for number, size in enumerate(sizes)}
    least = sum(min(floor, size) for size in sizes)
    total = least + round(part * (sum(sizes) - least))
    for found in (
        allocate_proportional(by_name, total, floor),
        allocate_neyman(by_name, {name: (size % 10) / 10 for name, size in by_name.items()}, total, floor),
    ):
        assert sum(found.values()) == total
        assert all(min(floor, by_name[name]) <= count <= by_name[name] for name, count in found.items())


def test_equal_sizes_stop_at_what_a_year_has() -> None:
    assert allocate_equal({"2017": 30, "2018": 300}, 60) == {"2017": 30, "2018": 60}


def test_the_mixture_estimates_both_totals() -> None:
    weights = pd.Series(np.random.default_rng(3).pareto(1.5, 500), index=[f"d{n:03d}" for n in range(500)])
    rows = draw_mixture(weights, 20_000, 1)
    assert (1 / rows["draw_probability"]).mean() == pytest.approx(500, rel=0.03)
    assert (weights[rows["doc_id"]].to_numpy() / rows["draw_probability"]).mean() == pytest.approx(
        weights.sum(), rel=0.03
    )
    assert draw_mixture(weights.sample(frac=1, random_state=1), 50, 1).equals(rows.head(50))
    with pytest.raises(SheetError, match="none negative"):
        draw_mixture(weights - 1, 5, 1)


TABLE = np.array([[20, 5], [10, 15]]) / 50  # Cohen's kappa of this table is 0.4 in every textbook


def test_the_measures_are_the_textbook_ones() -> None:
    assert agreement.raw(TABLE) == pytest.approx(0.7)
    assert agreement.kappa(TABLE) == pytest.approx(0.4)
    assert agreement.alpha(TABLE) == pytest.approx(1 - 0.3 / (2 * 0.55 * 0.45))
    assert agreement.ac1(TABLE) == pytest.approx((0.7 - 2 * 0.55 * 0.45) / (1 - 2 * 0.55 * 0.45))
    assert agreement.positive(TABLE) == pytest.approx(30 / 45)
    assert np.isnan(agreement.kappa(np.array([[1.0, 0], [0, 0]]))) and agreement.ac1(np.array([[1.0, 0], [0, 0]])) == 1


def test_kappa_and_its_interval_agree_with_statsmodels() -> None:
    rng = np.random.default_rng(5)
    one = rng.choice(list("ABC"), 600)
    other = np.where(rng.random(600) < 0.7, one, rng.choice(list("ABC"), 600))
    rows = measure_agreement(one, other, np.ones(600), resample(np.repeat("s", 600), 1), 0.95)
    row = next(row for row in rows if row["measure"] == "kappa")
    reference = cohens_kappa(pd.crosstab(one, other).to_numpy())
    assert row["value"] == pytest.approx(reference.kappa, abs=1e-6)
    assert row["low"] == pytest.approx(reference.kappa_low, abs=0.01)
    assert row["high"] == pytest.approx(reference.kappa_upp, abs=0.01)


def test_weights_count_documents_that_stand_for_many() -> None:
    one, other = np.array([True, True, False, False]), np.array([True, False, False, False])
    rows = measure_agreement(one, other, np.array([1.0, 9, 1, 1]), resample(np.array(list("ssss")), 1), 0.95)
    assert {row["measure"]: row["value"] for row in rows}["raw"] == pytest.approx(3 / 12)


def codes(leaves: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"leaf": leaves, "group": {doc_id: leaf[0] for doc_id, leaf in leaves.items()}})


def test_a_person_comes_before_a_language_model_and_a_ruling_before_a_reading() -> None:
    sheets = [
        CodedSheet("r1", "language model", "reader", codes({"a": "A1", "b": "A1", "c": "A1", "d": "A1"})),
        CodedSheet("adj", "language model", "adjudicator", codes({"a": "B1", "b": "B1", "c": "B1"})),
        CodedSheet("ann", "person", "reader", codes({"a": "C1", "b": "C1"})),
        CodedSheet("ben", "person", "reader", codes({"b": "D1", "a": "C2"})),
        CodedSheet("cat", "person", "adjudicator", codes({"a": "E1"})),
    ]
    found = settle_by_precedence(sheets, ["d", "c", "b", "a", "unread"])
    assert found["leaf"].to_dict() == {"d": "A1", "c": "B1", "b": "C1", "a": "E1"}
    assert found["n_person"].to_dict() == {"d": 0, "c": 0, "b": 2, "a": 3}
    assert found["needs_adjudication"].to_dict() == {"d": False, "c": False, "b": True, "a": False}


@pytest.mark.parametrize(("read", "off", "bound"), [(10, 0, 0.741), (10, 2, 0.493), (20, 1, 0.784), (30, 0, 0.905)])
def test_the_bound_is_the_published_one(read: int, off: int, bound: float) -> None:
    assert lower_bound(read - off, read) == pytest.approx(bound, abs=5e-4)


def test_a_group_holds_from_seven_of_ten() -> None:
    assert "the group holds" in certify(7, 10) and "does not hold" in certify(6, 10)


def test_every_coder_reads_the_same_fifty_first_in_an_order_of_their_own() -> None:
    keys = [f"d{number}" for number in range(120)]
    ann, ben = order_for("ann", keys, 1), order_for("ben", keys, 1)
    assert set(ann[:50]) == set(ben[:50]) and ann[:50] != ben[:50] and sorted(ann) == sorted(keys)
    assert order_for("ann", keys[::-1], 1) == ann


def test_an_intruder_is_from_another_cluster_of_the_layer() -> None:
    members = pd.DataFrame(
        {
            "layer": "fine",
            "doc_id": [f"d{n:02d}" for n in range(30)],
            "cluster_id": list("aaaaaaaaaabbbbbbbbbbccccccccdd"),
        }
    )
    rows = draw_intrusion(members, 1)
    home = members.set_index("doc_id")["cluster_id"]
    assert set(rows["cluster_id"]) == {"a", "b", "c"} and (rows.groupby("cluster_id").size() == 5).all()
    assert ((home[rows["doc_id"]].to_numpy() == rows["cluster_id"]) == (rows["kind"] == "member")).all()
    assert draw_intrusion(members.sample(frac=1, random_state=1), 1).equals(rows)


def test_intruders_found_are_counted_against_chance() -> None:
    draws = pd.DataFrame(
        {"cluster_id": [f"fine-{n}" for n in range(10)], "doc_id": [f"d{n}" for n in range(10)], "kind": "intruder"}
    )
    sheet = pd.DataFrame(
        {
            "cluster_id": draws["cluster_id"],
            "choice": ["d0", "d1", "d2", "d3", "d4", "d5", "x", "x", "x", "x"],
            "coder_kind": "person",
        }
    )
    row = judge_intrusion(draws, {"ann": sheet}, 0.95).iloc[0]
    assert (row["n_found"], row["n_shown"]) == (6, 10)
    assert (row["low"], row["high"]) == pytest.approx((0.2624, 0.8784), abs=1e-4)
    assert row["chance_probability"] == pytest.approx(0.0064, abs=1e-4)


def test_a_cluster_is_judged_on_its_random_members_only() -> None:
    draws = pd.DataFrame({"cluster_id": "c", "doc_id": list("abcdefgh"), "kind": ["random"] * 5 + ["border"] * 3})
    row = {"cluster_id": "c", "off_ids": "a f g h", "is_one_agenda": "yes", "name": "n", "coder_kind": "person"}
    members = pd.DataFrame({"cluster_id": "c", "doc_id": list("abcdefgh")})
    found = judge_clusters(draws, {"ann": pd.DataFrame([row])}, members, 0.95).iloc[0]
    assert (found["n_random"], found["n_belong"], found["holds"]) == (5, 4, True)


def test_what_was_said_of_a_cluster_that_holds_other_documents_now_is_left_out() -> None:
    draws = pd.DataFrame({"cluster_id": "c", "doc_id": list("abcde"), "kind": "random"})
    row = {"cluster_id": "c", "off_ids": "", "is_one_agenda": "yes", "name": "n", "coder_kind": "person"}
    for now, count in (("abc", 1), ("ab", 0), ("", 0)):
        members = pd.DataFrame({"cluster_id": ["c"] * len(now), "doc_id": list(now)})
        assert len(judge_clusters(draws, {"ann": pd.DataFrame([row])}, members, 0.95)) == count


def test_the_mix_of_a_cluster_is_weighted_and_its_interval_knows_how_few_were_read() -> None:
    members = pd.DataFrame({"layer": "fine", "doc_id": list("abcdef"), "cluster_id": list("xxxxyy")})
    read = pd.DataFrame(
        {
            "doc_id": list("abcdef"),
            "group": list("AANNNN"),
            "n_person": 0,
            "inclusion_probability": [0.1, 0.1, 0.2, 0.2, 0.5, 0.5],
        }
    )
    found = compose_clusters(members, read, 0.95).set_index(["cluster_id", "group"])
    assert found.at[("x", "A"), "share"] == pytest.approx(20 / 30, abs=1e-6)
    assert found.at[("x", "A"), "low"] < 0.3 and found.at[("x", "A"), "high"] > 0.9
    assert found.at[("y", "N"), "low"] < 0.5


def test_clusters_that_are_the_groups_explain_all_and_others_nothing() -> None:
    read = pd.DataFrame(
        {"doc_id": [f"d{n}" for n in range(40)], "group": ["A", "B"] * 20, "n_person": 0, "inclusion_probability": 0.5}
    )
    perfect = pd.DataFrame({"layer": "perfect", "doc_id": read["doc_id"], "cluster_id": read["group"]})
    useless = pd.DataFrame({"layer": "useless", "doc_id": read["doc_id"], "cluster_id": ["x"] * 20 + ["y"] * 20})
    found = explain_codes(pd.concat([perfect, useless]), read).set_index("layer")["eta_squared"]
    assert found["perfect"].tolist() == [1, 1] and found["useless"].tolist() == [0, 0]


def test_the_cells_of_the_first_round_follow_from_its_sheets(root: Path) -> None:
    handcheck = root / "data/raw/handcheck"
    one, other = (pd.read_csv(handcheck / f"sheets/reader-{n}.csv", dtype=str).set_index("doc_id") for n in (1, 2))
    cells = pd.read_csv(handcheck / "rounds/2026-11/adjudication.csv").set_index("doc_id")["phase2_stratum"]
    other = other.loc[one.index]
    is_doubtful = (one["confidence"] == "1") | (other["confidence"] == "1")
    found = np.where(one["leaf"] != other["leaf"], "disagree", np.where(is_doubtful, "doubtful", "agree"))
    assert (found == cells[one.index]).all()
