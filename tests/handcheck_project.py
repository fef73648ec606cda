"""A small invented project in which the hand check can run: forty documents, one round, four groups."""

import shutil
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.schemas import DOCUMENTS

DOCUMENT_COUNT = 40


def make_project(folder: Path, root: Path, sample_count: int = 30) -> Path:
    """Writes the project and returns its configuration file; its sample is the first documents."""
    count = max(DOCUMENT_COUNT, sample_count)
    shutil.copy(root / "census.toml", folder / "census.toml")
    shutil.copytree(root / "data/raw/handcheck/codebook", folder / "data/raw/handcheck/codebook")
    ids = [f"lw:{number:017d}" for number in range(count)]
    documents = pd.DataFrame(
        {
            "doc_id": ids,
            "source": "lesswrong",
            "frame": "lesswrong-ai-partial",
            "url": [f"https://example.org/{number}" for number in range(count)],
            "title": [f"Invented title {number}" for number in range(count)],
            "authors": [["SECRET AUTHOR"]] * count,
            "published_date": "1999-12-31",
            "published_year": 1999,
            "tags": [["SECRETTAG"]] * count,
            "karma": 987654.0,
            "karma_read_date": None,
            "text_kind": "full",
            "word_count": 5,
            "character_count": 30,
            "text_sha256": [f"{number:064x}" for number in range(count)],
            "text": [f"Invented text {number} <b>with</b> marks & signs." for number in range(count)],
        }
    )
    store.write_table(DOCUMENTS, documents, folder / "data/processed/documents.parquet")
    rounds = folder / "data/raw/handcheck/rounds/2026-11"
    rounds.mkdir(parents=True)
    sample = pd.DataFrame(
        {"doc_id": ids[:sample_count], "stratum": "lesswrong-ai-partial", "inclusion_probability": 0.75}
    )
    store.write_csv(rounds / "sample.csv", sample)
    phase2 = sample[["doc_id"]].assign(phase2_stratum="agree", phase2_probability=1.0, adjudicated=False)
    phase2.loc[:4, "adjudicated"] = True
    store.write_csv(rounds / "adjudication.csv", phase2)
    groups = [(f"fine-{number:02d}", ids[10 * number : 10 * number + 10]) for number in range(4)]
    kinds = ["random"] * 6 + ["central"] * 2 + ["border"] * 2
    shown = [(name, doc_id, kind) for name, inside in groups for doc_id, kind in zip(inside, kinds, strict=True)]
    store.write_csv(rounds / "cluster-members.csv", pd.DataFrame(shown, columns=["cluster_id", "doc_id", "kind"]))
    sets = [
        (name, doc_id, kind)
        for number, (name, inside) in enumerate(groups)
        for doc_id, kind in [*((doc_id, "member") for doc_id in inside[:4]), (ids[(10 * number + 15) % 40], "intruder")]
    ]
    store.write_csv(rounds / "intrusion.csv", pd.DataFrame(sets, columns=["cluster_id", "doc_id", "kind"]))
    return folder / "census.toml"
