"""What would come out otherwise: each variant of a share by hand, on twenty read documents of a hundred."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.estimate.other_truths import ROUNDS_OF_EM, dawid_skene
from pipeline.estimate.robustness import _clusters, _predict_by_cluster, vary_estimates
from pipeline.estimate.survey import Survey
from tests.survey_of import LEAVES, codes_of, sample_of, survey_of

COUNTS, ONLY_INSIDE, OUTSIDE = range(3)
TRUTH = np.repeat([COUNTS, ONLY_INSIDE, OUTSIDE], [6, 10, 4])  # of the read ones, which are rows 0 to 19
SECOND = np.where(np.isin(np.arange(20), [0, 1]), ONLY_INSIDE, TRUTH)  # the other reader differs about the first two
PREDICTED = np.tile([0.2, 0.6, 0.2], (100, 1))


def vary(survey: Survey, cluster: np.ndarray | None = None) -> pd.DataFrame:
    """Returns the rows of the strict definition, by variant; `cluster` of each document, or they are all in one."""
    ids = survey.population.documents["doc_id"]
    numbers = np.zeros(len(ids), dtype=int) if cluster is None else cluster
    members = pd.DataFrame({"layer": "fine", "doc_id": ids, "cluster_id": [f"c{number}" for number in numbers]})
    table = vary_estimates(survey, members, ["f"])
    assert set(table["definition"]) == {"strict", "broad"} and set(table["denominator"]) == {"safety"}
    return table[table["definition"] == "strict"].set_index("variant")


def read_twice(is_settled: np.ndarray | None = None, **options: np.ndarray) -> Survey:
    """Returns the survey in which two readers differ about two of the six documents that count."""
    truth = np.concatenate([TRUTH, np.zeros(80, dtype=int)])
    readers = (TRUTH, SECOND)
    return survey_of(
        *sample_of(truth, np.zeros(100, int), np.arange(20), readers=readers, is_settled=is_settled, **options)
    )


def test_each_reader_alone_has_the_share_of_their_own_codes() -> None:
    rows = vary(read_twice())
    assert rows["share"][["headline", "reader 1 alone", "reader 2 alone"]].tolist() == pytest.approx(
        [6 / 16, 6 / 16, 4 / 16]
    )
    assert rows["difference"]["reader 2 alone"] == pytest.approx(-2 / 16)
    assert rows.loc["reader 2 alone", "low"] < 4 / 16 < rows.loc["reader 2 alone", "high"]


def test_votes_are_counted_and_a_tie_is_half_of_either() -> None:
    rows = vary(read_twice())
    assert rows["share"]["majority of readers"] == pytest.approx(6 / 16)  # the adjudicator outvotes the second reader
    is_settled = np.arange(20) >= 2
    tied = vary(read_twice(is_settled, phase2_probability=np.where(is_settled, 1.0, 0.0)))
    assert tied["share"]["majority of readers"] == pytest.approx(5 / 16)
    assert tied["share"]["reader 2 alone"] == pytest.approx(4 / 16)


def test_dawid_and_skene_give_what_all_coders_say() -> None:
    votes = np.array([[0, 1, 2, 2], [0, 1, 2, 2], [0, -1, 2, 2]])
    assert dawid_skene(votes, 3).argmax(axis=1).tolist() == [0, 1, 2, 2]
    # One coder says 0 of all: an adjudicator who differs is believed as far as the others are like them.
    found = dawid_skene(np.array([[0] * 10, [0] * 5 + [1] * 5, [0] * 5 + [1] * 5]), 2)
    assert found[:5, 0] == pytest.approx(1, abs=0.01) and found[5:, 1] == pytest.approx(1, abs=0.01)
    assert found.sum(axis=1) == pytest.approx(1)


def test_sources_that_hold_less_of_one_kind_move_the_share_by_arithmetic() -> None:
    rows = vary(read_twice())
    for direct, indirect in ((0.9, 0.7), (0.7, 0.9)):
        real, other = 6 / direct, 10 / indirect
        assert rows["share"][f"coverage {direct}/{indirect}"] == pytest.approx(real / (real + other))


def test_clusters_are_added_up_whole_by_most_of_what_was_read_in_each() -> None:
    # Cluster 0 holds 30 documents, of whom 4 that count and 2 of the inside are read; cluster 1 holds 50: 2 that count,
    # 8 inside. Cluster 2 holds 20: the 4 outside are read. So by majorities 30 of 80 count.
    cluster = np.concatenate([[0] * 4, [1] * 2, [0] * 2, [1] * 8, [2] * 4, [0] * 24, [1] * 40, [2] * 16])
    rows = vary(read_twice(), cluster)
    assert rows["share"]["WRONG: majority of fine clusters"] == pytest.approx(30 / 80)
    half = np.concatenate([[0] * 4, [1] * 2, [0] * 4, [1] * 6, [2] * 4, [0] * 24, [1] * 40, [2] * 16])
    assert vary(read_twice(), half)["share"]["WRONG: majority of fine clusters"] == 0  # four of eight are not most


def test_clusters_as_predictions_tell_each_document_from_the_others_of_its_cluster() -> None:
    cluster = np.concatenate([[0] * 6, [1] * 10, [2] * 4, [0] * 60, [1] * 10, [2] * 10])
    rows = vary(read_twice(prediction=PREDICTED), cluster)
    assert {"fine clusters as predictions", "no predictions"} <= set(rows.index)
    assert rows["share"]["no predictions"] == pytest.approx(6 / 16)
    assert rows["share"]["fine clusters as predictions"] == pytest.approx(6 / 16)  # too few are read to calibrate on
    assert "fine clusters as predictions" not in vary(read_twice(), cluster).index


def test_a_document_is_predicted_by_those_read_in_its_cluster_in_the_other_folds() -> None:
    # Read: two that count and one inside only of cluster 0, in folds 0, 1 and 1; one outside of cluster 1, in fold 0.
    sample, population = sample_of(
        np.array([COUNTS, COUNTS, ONLY_INSIDE, OUTSIDE, COUNTS, COUNTS]),
        np.zeros(6, int),
        np.arange(4),
        prediction=np.full((6, 3), 1 / 3),
    )
    survey = survey_of(sample, population)
    assert population.predictions is not None
    predictions = replace(population.predictions, fold=np.array([0, 1, 1, 0, 0, 1]))
    found = _predict_by_cluster(survey, predictions, np.array([0, 0, 0, 1, 1, 0])).leaf_probability
    # Fold 0 learns from the second and third: half each, and one document of what is common to all clusters.
    assert found[0] == pytest.approx(np.array([1.5, 1.5, 0]) / 3)
    assert found[4] == pytest.approx([0.5, 0.5, 0])  # nothing was read of its cluster: what is common
    assert found[5] == pytest.approx(np.array([1.5, 0, 0.5]) / 2)  # from the first, and half of each of both
    assert found.sum(axis=1) == pytest.approx(1)


def test_documents_without_a_cluster_are_one_together() -> None:
    _, population = sample_of(np.zeros(4, int), np.zeros(4, int), np.arange(2))
    ids = population.documents["doc_id"]
    members = pd.DataFrame(
        {"layer": ["fine", "fine", "broad"], "doc_id": ids[[2, 0, 1]], "cluster_id": ["a", "b", "c"]}
    )
    assert _clusters(population, members, "fine").tolist() == [1, 2, 0, 2]
    assert _clusters(population, members, "other").tolist() == [0, 0, 0, 0]


def survey_of_doubts(changes: Mapping[int, int], confidence: int = 1) -> Survey:
    """Returns a survey in which the second leaf of some documents, by row, is another one."""
    sample, population = sample_of(np.concatenate([TRUTH, np.zeros(80, int)]), np.zeros(100, int), np.arange(20))
    codes = codes_of(TRUTH, sample.units.index)
    for row, leaf in changes.items():
        codes.loc[codes.index[row], ["leaf2", "group2"]] = LEAVES[leaf], LEAVES[leaf][0]
        codes.loc[codes.index[row], "confidence"] = confidence
    return survey_of(replace(sample, readers=(codes, codes), adjudicator=codes), population)


def test_doubtful_codes_are_pushed_either_way() -> None:
    # One that counts might be inside only; two of the inside might count; one inside might be outside, and one outside
    # might be inside only.
    changes = {0: ONLY_INSIDE, 6: COUNTS, 7: COUNTS, 8: OUTSIDE, 16: ONLY_INSIDE}
    rows = vary(survey_of_doubts(changes))["share"]
    assert rows["headline"] == pytest.approx(6 / 16)
    assert rows["every doubtful code out"] == pytest.approx(5 / 17)  # one counts less, and the outside one comes in
    assert rows["every doubtful code in"] == pytest.approx(8 / 15)  # two count more, and one inside goes out
    assert rows["doubtful scope out"] == pytest.approx(6 / 15)
    assert rows["doubtful scope in"] == pytest.approx(6 / 17)
    sure = vary(survey_of_doubts(changes, confidence=3))["share"]
    assert sure["every doubtful code out"] == sure["every doubtful code in"] == pytest.approx(6 / 16)


def test_the_number_of_doubtful_codes_is_told() -> None:
    rows = vary(survey_of_doubts({0: ONLY_INSIDE, 6: COUNTS, 8: OUTSIDE}))["note"]
    assert rows["every doubtful code out"].startswith("3 read documents")
    assert rows["doubtful scope in"].startswith("1 read documents")


def test_pooled_adjudication_overturns_every_open_agreement_alike() -> None:
    # Of the agreements that the classifier finds odd one of two drawn is overturned; of the others none of eight.
    rng = np.random.default_rng(2)
    truth = np.repeat([COUNTS, ONLY_INSIDE], [60, 60])
    said = truth.copy()
    odd = np.arange(120) % 10 == 0
    truth[np.flatnonzero(odd)[::2]] = 1 - truth[np.flatnonzero(odd)[::2]]
    chance = np.where(odd[:, None], np.eye(3)[1 - said], np.eye(3)[said]) * 0.94 + 0.02
    is_settled = rng.random(120) < 0.5
    survey = survey_of(
        *sample_of(
            np.concatenate([truth, truth]),
            np.zeros(240, int),
            np.arange(120),
            readers=(said, said),
            is_settled=is_settled,
            phase2_probability=0.5,
            prediction=np.vstack([chance, chance]),
        )
    )
    change = survey.weights.codes.change
    is_open = ~survey.weights.codes.is_settled
    assert change[is_open & odd].min() > 2 * change[is_open & ~odd].max()
    rows = vary(survey)["share"]
    assert rows["adjudication pooled"] != pytest.approx(rows["headline"], abs=1e-6)
    settled = vary(read_twice())["share"]
    assert settled["adjudication pooled"] == settled["headline"]


def test_what_nothing_is_inside_of_has_no_row_and_other_frames_are_left_out() -> None:
    survey = survey_of(*sample_of(np.full(40, OUTSIDE), np.zeros(40, int), np.arange(10)))
    members = pd.DataFrame({"layer": ["fine"], "doc_id": ["d000000"], "cluster_id": ["c0"]})
    assert vary_estimates(survey, members, ["f"]).empty
    assert vary_estimates(read_twice(), members, ["g"]).empty


def test_a_frame_of_which_a_part_is_unknown_has_no_clusters_added_up() -> None:
    truth, stratum = np.tile(TRUTH, 5), np.repeat([0, 1], 50)
    sample, population = sample_of(truth, stratum, np.r_[:20, 50:70])
    assert "WRONG: majority of fine clusters" in vary(survey_of(sample, population)).index
    strata = sample.strata.assign(n_population=[50, 51])  # one document is known by its number alone
    assert "WRONG: majority of fine clusters" not in vary(survey_of(replace(sample, strata=strata), population)).index


def test_of_documents_that_were_coded_alike_each_counts() -> None:
    votes = np.stack([np.repeat(column, (9, 30, 4, 1)) for column in ([0, 0, 1, 1], [0, 1, 1, 0], [-1, 0, 1, 1])])
    found = dawid_skene(votes, 2)
    seen = np.stack([votes == label for label in range(2)], axis=2).astype(float)  # document by document, as written
    chance = seen.sum(axis=0) / seen.sum(axis=(0, 2))[:, None]
    for _ in range(ROUNDS_OF_EM):
        prior = chance.mean(axis=0)
        confusion = np.einsum("nt,cnl->ctl", chance, seen) + 0.01
        confusion /= confusion.sum(axis=2, keepdims=True)
        chance = prior * np.exp(np.einsum("cnl,ctl->nt", seen, np.log(confusion)))
        chance /= chance.sum(axis=1, keepdims=True)
    assert found == pytest.approx(chance, abs=1e-9)
