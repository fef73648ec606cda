"""Settled codes against outside schemes: the counts by hand, and every disagreement with both sides."""

import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from pipeline.agreement.outside import EVERY_SCHEME, EVERY_SOURCE, list_disagreements, tabulate_outside
from tests.survey_of import CODEBOOK

CODES = pd.DataFrame(
    {"leaf": ["A1", "A1", "E1", "N0", "A1"], "confidence": 3, "coder": "reader-1", "coder_kind": "language model"},
    index=["d1", "d2", "d3", "d4", "d5"],
)
SOURCE = pd.Series({"d1": "x", "d2": "x", "d3": "y", "d4": "y", "d5": "y"})
LABELS = pd.DataFrame(
    [
        ("d1", "s", "one", ("A1",)),
        ("d2", "s", "two", ("E1",)),
        ("d3", "s", "one", ("A1",)),
        ("d4", "s", "three", ("E1", "N0")),
        ("d5", "s", "four", ("A1", "E1")),
        ("d4", "t", "safe", ("A1", "E1")),
        ("d9", "t", "unread", ("A1",)),
    ],
    columns=["doc_id", "label_scheme", "label", "leaves"],
)


def counts(scheme: str, source: str, asked: str) -> list[int]:
    rows = tabulate_outside(LABELS, CODES, SOURCE, CODEBOOK, 0.95).set_index(["scheme", "source", "asked"])
    names = ["n_labelled", "n_decided", "n_both", "n_only_settled", "n_only_label", "n_neither"]
    return rows.loc[(scheme, source, asked), names].astype(int).tolist()


def test_only_labels_that_decide_are_counted_by_source_and_scheme() -> None:
    assert counts("s", EVERY_SOURCE, "definition strict") == [5, 4, 1, 1, 1, 1]  # d5 may count or not
    assert counts("s", "x", "definition strict") == [2, 2, 1, 1, 0, 0]
    assert counts("s", "y", "definition strict") == [3, 2, 0, 0, 1, 1]
    assert counts("t", "y", "definition strict") == [1, 0, 0, 0, 0, 0]
    assert counts("t", "y", "denominator safety") == [1, 1, 0, 0, 1, 0]
    # Together d4 can only be E1: in the denominator, and no allowance for what is outside.
    assert counts(EVERY_SCHEME, "y", "denominator safety") == [3, 3, 2, 0, 1, 0]


def test_one_sidedness_is_mcnemars() -> None:
    rows = tabulate_outside(LABELS, CODES, SOURCE, CODEBOOK, 0.95)
    row = rows[
        (rows["scheme"] == "s") & (rows["source"] == EVERY_SOURCE) & (rows["asked"] == "definition strict")
    ].iloc[0]
    assert row["mcnemar_p"] == pytest.approx(mcnemar([[1, 1], [1, 1]], exact=True).pvalue)
    assert row["agreed_share"] == 0.5 and row["kappa"] == pytest.approx(0.0)


def test_every_disagreement_is_a_row_with_both_sides_and_a_link() -> None:
    facts = pd.DataFrame({"frame": "f", "title": "t", "url": "https://example.org"}, index=CODES.index)
    rows = list_disagreements(LABELS, CODES, facts, SOURCE, CODEBOOK).set_index(["doc_id", "scheme"])
    assert sorted(rows.index) == [("d2", "s"), ("d3", "s"), ("d4", "t")]
    first = rows.loc[("d2", "s")]
    assert first["settled_leaf"] == "A1" and first["label"] == "two" and first["allowed_leaves"] == ["E1"]
    assert first["only_settled"] == ["definition:strict"] and first["only_label"] == []
    assert first["url"] == "https://example.org"
    assert rows.loc[("d4", "t"), "only_label"] == ["definition:broad", "denominator:safety"]


def test_without_labels_of_read_documents_there_is_nothing_to_compare() -> None:
    unread = LABELS[LABELS["doc_id"] == "d9"]
    assert tabulate_outside(unread, CODES, SOURCE, CODEBOOK, 0.95).empty
