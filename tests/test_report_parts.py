"""The change of a share is told apart: new documents, new codes, new predictions, and the rest."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.report.compare import compare_shares
from pipeline.report.parts import rename, split_changes

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def codebook(root: Path) -> Codebook:
    return load_codebook(root / "data/raw/handcheck/codebook/codebook.toml")


def codes(*leaves: str, stratum: str = "f/2025", chance: float = 0.5, first: int = 0) -> pd.DataFrame:
    axes = {"leaf2": "", "target": "T3", "mechanism": "M1", "scaling": "S3", "evidence": "E", "confidence": 3}
    ids = [f"d{number}" for number in range(first, first + len(leaves))]
    rows = pd.DataFrame({"doc_id": ids, "leaf": leaves, "group": [leaf[0] for leaf in leaves], **axes})
    return rows.assign(stratum=stratum, inclusion_probability=chance, frame="f", published_date="2025-01-01")


def shares(value: float, frame: str = "f", n_read: int = 4, plain: float | None = None) -> pd.DataFrame:
    rows = {"frame": frame, "year": "", "denominator": "safety", "definition": "strict", "weight": "documents"}
    counts = {"n_population": 2 * n_read, "n_members": 2 * n_read, "n_read": n_read}
    numbers = {"share": value, "share_unpredicted": value if plain is None else plain}
    return pd.DataFrame([{**rows, **numbers, "low": 0.0, "high": 1.0, **counts}])


def split(old: pd.DataFrame, new: pd.DataFrame, codebook: Codebook, change: float = 0.0) -> dict[str, float]:
    both = compare_shares(shares(0.5, n_read=len(old)), shares(0.5 + change, n_read=len(new)))
    row = split_changes(both, old, new, codebook).iloc[0]
    assert row["from_predictions"] == 0
    return {name: round(float(row[name]), 6) for name in ("from_documents", "from_codes", "from_rest")}


def test_new_documents_new_codes_and_the_rest_add_up_to_the_change(codebook: Codebook) -> None:
    old = codes("A1", "A1", "E1", "E1")
    assert split(old, old, codebook, 0.03) == {"from_documents": 0, "from_codes": 0, "from_rest": 0.03}
    recoded = codes("A1", "E1", "E1", "E1")
    assert split(old, recoded, codebook, -0.25) == {"from_documents": 0, "from_codes": -0.25, "from_rest": 0}
    grown = pd.concat([old, codes("E1", "E1", "E1", "E1", stratum="f/2026", first=4)])
    assert split(old, grown, codebook, -0.25) == {"from_documents": -0.25, "from_codes": 0, "from_rest": 0}


def test_what_predictions_move_on_the_same_codes_is_told_apart_from_the_rest(codebook: Codebook) -> None:
    """Unrelated documents arrived: nothing was read anew, yet 3 points moved, 2 of them by predictions."""
    old = codes("A1", "A1", "E1", "E1")
    both = compare_shares(shares(0.50, plain=0.49), shares(0.53, plain=0.50))
    row = split_changes(both, old, old, codebook).iloc[0]
    parts = row[["from_documents", "from_codes", "from_predictions", "from_rest"]].astype(float).round(9).tolist()
    assert parts == [0, 0, 0.02, 0.01]
    early = shares(0.50).drop(columns=["share_unpredicted", "n_members"])  # a version that did not say
    row = split_changes(compare_shares(early, shares(0.53)), old, old, codebook).iloc[0]
    assert pd.isna(row["from_predictions"]) and row["from_rest"] == pytest.approx(0.03)


def test_parts_are_left_open_where_a_frame_was_read_through_others(codebook: Codebook) -> None:
    old = codes("A1", "A1", "E1", "E1")
    row = split_changes(compare_shares(shares(0.5, n_read=9), shares(0.5, n_read=9)), old, old, codebook).iloc[0]
    assert pd.isna(row["from_documents"]) and pd.isna(row["from_codes"])


def test_a_frame_that_was_renamed_is_compared_under_its_new_name(codebook: Codebook) -> None:
    both = compare_shares(rename(shares(0.5, "old"), {"old": "f"}), shares(0.5))
    assert both["frame"].tolist() == ["f"]


def test_codes_of_a_codebook_without_an_axis_are_compared_by_what_they_stand_for(shipped: Path) -> None:
    codebook = load_codebook(shipped / "data/raw/handcheck/codebook/codebook.toml")
    old = codes("A1", "A1", "E1", "N0")
    assert "purpose" not in old and "purpose" in codebook.assumed
    told = split(old, old.assign(purpose=["P2", "P2", "P2", "P0"]), codebook, 0.0)
    assert told == {"from_documents": 0, "from_codes": 0, "from_rest": 0}
    changed = split(old, old.assign(purpose=["P2", "P2", "P0", "P0"]), codebook, 1 / 3)
    assert changed["from_codes"] == pytest.approx(1 / 3)  # E1 is outside now: two of two
