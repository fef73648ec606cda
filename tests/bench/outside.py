"""Our codes beside published expert labels, by a written crosswalk: `python -m tests.bench.outside`.

Needs the folder of real samples ($ALIGNMENT_SHARED) for the labels, and the tables of the estimate stage. Writes
reports/bench/outside.csv: per published label, how the read documents that carry it were coded, and what the
classifier expects of all documents that carry it. The labelled documents are no random sample of anything.
"""

import os
from pathlib import Path

import pandas as pd

from pipeline.estimate.intervals import wilson_interval
from pipeline.store import write_csv

# Published label -> the groups of our codebook in which a document carrying it should be found.
CROSSWALK = {
    ("taisafety-bib:type", "TechSafety"): "ABCDE",
    ("taisafety-bib:type", "MetaSafety"): "EM",
    ("taisafety-bib:type", "NotSafety"): "NM",
    ("alignment-newsletter:category", "Agent foundations"): "A",
    ("alignment-newsletter:category", "Iterated amplification"): "AB",
    ("alignment-newsletter:category", "Interpretability"): "DN",
    ("alignment-newsletter:category", "Learning human intent"): "CN",
    ("alignment-newsletter:category", "Adversarial examples"): "EN",
    ("alignment-newsletter:category", "AI governance"): "EM",
    ("alignment-newsletter:category", "Forecasting"): "EM",
}


def main() -> None:
    """Compares and writes the table."""
    shared = Path(os.environ.get("ALIGNMENT_SHARED", "../shared"))
    labels = pd.read_parquet(shared / "corpus/external_labels.parquet", columns=["id", "label_scheme", "label"])
    codes = pd.read_parquet("data/processed/codes.parquet").set_index("doc_id")["group"]
    chances = pd.read_parquet("data/processed/predictions.parquet")
    groups = chances[chances["query"].str.startswith("group ")].pivot(
        index="doc_id", columns="query", values="probability"
    )
    rows = []
    for (scheme, label), letters in CROSSWALK.items():
        ids = pd.Index(labels.loc[(labels["label_scheme"] == scheme) & (labels["label"] == label), "id"].unique())
        read, known = ids.intersection(codes.index), ids.intersection(groups.index)
        agreed = int(codes[read].isin(list(letters)).sum())
        low, high = wilson_interval(agreed / max(len(read), 1), max(len(read), 1), 0.95)
        rows.append(
            {
                "scheme": scheme,
                "label": label,
                "expected_groups": " ".join(letters),
                "n_read": len(read),
                "agreed_share": agreed / len(read) if len(read) else None,
                "low": float(low) if len(read) else None,
                "high": float(high) if len(read) else None,
                "n_predicted": len(known),
                "predicted_share": float(groups.loc[known, [f"group {x}" for x in letters]].sum(axis=1).mean()),
            }
        )
    table = pd.DataFrame(rows)
    write_csv(Path("reports/bench/outside.csv"), table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
