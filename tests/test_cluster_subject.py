"""Clusters of the subject: form is taken out, scope decides what is cut, and the rest is one ground."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.cluster.inputs import load_inputs
from pipeline.cluster.matching import GROUND, is_ground, match_clusters
from pipeline.cluster.names import drop_form
from pipeline.cluster.stability import probe_source
from pipeline.cluster.subject import find_forms, find_themes, keep_subject, predict_leaves, take_out_form
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_sample
from pipeline.coding.sample import settle_codes
from pipeline.config import Config, load_config
from pipeline.errors import DataError
from pipeline.schemas import CLUSTER_CHANGES
from pipeline.text.word_counts import WordCounts

NO_CHANGES = CLUSTER_CHANGES.arrow_schema.empty_table().to_pandas()


def styled(count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of two topics and two sources, which differ along a direction that has nothing to do with the topic."""
    rng = np.random.default_rng(1)
    topics, sources = rng.integers(0, 2, count), np.where(rng.random(count) < 0.5, "arxiv", "forum")
    features = rng.normal(0, 0.3, (count, 20))
    features[:, 0] += 2.0 * topics
    features[:, 1] += 1.5 * (sources == "arxiv")
    return features, topics, sources


def test_a_probe_cannot_tell_sources_once_their_directions_are_taken_out_and_topics_stay() -> None:
    features, topics, sources = styled()
    plain = take_out_form(features, topics, sources, [])
    is_paper = sources == "arxiv"
    assert (probe_source(features, is_paper, 1) or 0) > 0.95
    assert (probe_source(plain, is_paper, 1) or 1) < 0.6
    assert (probe_source(plain, topics == 1, 1) or 0) > 0.95


def test_a_kind_of_page_is_taken_out_across_topics_and_a_rare_one_is_not() -> None:
    features, topics, _ = styled()
    is_form = np.arange(len(features)) % 10 == 0
    features[is_form, 2] += 3
    one_source = np.full(len(features), "forum")
    plain = take_out_form(features, topics, one_source, [is_form])
    assert abs(plain[is_form].mean(axis=0) - plain[~is_form].mean(axis=0)).max() < 0.3
    few = is_form & (np.arange(len(features)) < 100)
    assert np.array_equal(take_out_form(features, topics, one_source, [few]), features)


def test_forms_are_known_by_title_or_by_a_notice_and_their_words_are_dropped() -> None:
    words = WordCounts(
        np.array([0, 1, 2, 2], np.int32),
        np.array([0, 1, 2, 3], np.int32),
        np.ones(4, np.int16),
        ["axrp", "theory scholars", "debate", "ml alignment"],
    )
    titles = pd.Series(["AXRP Episode 6 - Debate", "Debate, in parts", "Alignment Newsletter #23"])
    podcast, newsletter, programme = find_forms(titles, words)
    assert (podcast.tolist(), newsletter.tolist()) == ([True, False, False], [False, False, True])
    assert programme.tolist() == [False, True, False]
    kept = drop_form(words)
    assert [kept.vocabulary[column] for column in kept.columns] == ["debate"] and kept.rows.tolist() == [2]


def test_a_documents_own_code_does_not_move_its_own_chances() -> None:
    rng = np.random.default_rng(2)
    features, fold = rng.normal(size=(60, 5)), np.arange(60) % 3
    one_hot = np.eye(3)[rng.integers(0, 3, 40)]
    first = predict_leaves(features, np.arange(40), one_hot, fold)
    changed = one_hot.copy()
    changed[7] = np.roll(changed[7], 1)
    second = predict_leaves(features, np.arange(40), changed, fold)
    assert np.array_equal(first[fold == fold[7]], second[fold == fold[7]])
    assert not np.array_equal(first, second) and np.allclose(first.sum(axis=1), 1, atol=1e-3)


def test_documents_without_words_have_no_themes() -> None:
    words = WordCounts(
        *(np.array(values, kind) for values, kind in (([0, 1], np.int32), ([0, 1], np.int32), ([1, 2], np.int16))),
        ["one", "two"],
    )
    themes = find_themes(words, 3, 1)
    assert themes.shape == (3, 1) and np.abs(themes[2]).sum() == 0


def test_what_is_outside_is_one_ground_with_an_id_of_its_own() -> None:
    ids = [f"d{number}" for number in range(8)]
    old = pd.Series(["fine-00"] * 3 + ["fine-01"] * 3 + ["fine-02"] * 2, index=ids)
    new = pd.Series([0, 0, 0, 1, 1, 1, GROUND, GROUND], index=ids)
    found, changes = match_clusters(old, new, "fine", NO_CHANGES)
    assert found.tolist() == ["fine-00"] * 3 + ["fine-01"] * 3 + ["fine-ground"] * 2 and is_ground(found["d7"])
    became = {(row.cluster_id, row.change, row.other_id) for row in changes.fillna("").itertuples()}
    assert ("fine-02", "merged", "fine-ground") in became and ("fine-ground", "born", "") in became
    again, changes = match_clusters(found, pd.Series([1, 1, 1, 0, 0, 0, GROUND, GROUND], index=ids), "fine", changes)
    assert again.equals(found) and set(changes["change"]) == {"kept"}


def subject_config(built: Path, **changes: object) -> Config:
    config = load_config(built / "census.toml")
    return dataclasses.replace(config, cluster=dataclasses.replace(config.cluster, space="subject", **changes))  # type: ignore[arg-type]


@pytest.mark.whole
def test_read_documents_are_kept_by_their_code_and_the_space_repeats_itself(built: Path) -> None:
    config = subject_config(built)
    inputs = load_inputs(config)
    (first, inside), (second, _) = keep_subject(config, inputs), keep_subject(config, inputs)
    assert np.array_equal(first.vectors, second.vectors) and len(first.documents) == inside.sum() < len(inside)
    norms = np.linalg.norm(first.vectors.astype(np.float64), axis=1)
    assert np.abs(norms - 1).max() < 5e-3
    codebook = load_codebook(config.path(config.paths.handcheck) / "codebook" / "codebook.toml")
    groups = settle_codes(read_sample(config, codebook)).set_index("doc_id")["group"]
    kept = pd.Series(inside, index=inputs.documents.index)[groups.index]
    is_outside = groups.isin(codebook.outside)
    assert kept[~is_outside].all() and not kept[is_outside].any()
    assert len(first.words.vocabulary) == len(set(first.words.columns.tolist()))


@pytest.mark.whole
def test_too_few_in_scope_is_one_clear_line(built: Path) -> None:
    config = subject_config(built, min_scope_chance=2.0, neighbour_count=5_000)
    with pytest.raises(DataError, match="min_scope_chance"):
        keep_subject(config, load_inputs(config))
