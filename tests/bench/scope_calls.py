"""At which recall are single documents called in scope? `python -m tests.bench.scope_calls` (after `make estimate`).

The labels that others published (`external/labels.csv`), of documents that nobody read, fall into two halves by their
id. The recall that `[estimate] scope_recall` asks of each frame's threshold is the least of those tried with which the
first half reaches .92; what calls are worth is measured on the second. Beside calls stand the likeliest group and a
chance of a half, as predictions were used before. Writes reports/bench/scope_calls.csv.
"""

import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from pipeline import store
from pipeline.coding.outside import UNDECIDED
from pipeline.config import load_config
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.scope_calls import tabulate_calls
from tests.bench.outside import FRAME_MIN_COUNT, load_answers

TABLE = Path("reports/bench/scope_calls.csv")
TRIED = (0.9, 0.95, 0.97, 0.98, 0.985, 0.99)
HALVES = ("chosen on", "not used")


def score(
    called: pd.Series, group: pd.Series, says: pd.Series, truth: pd.Series, rows: pd.Series
) -> dict[str, float | int]:
    """Returns what calls of some documents are worth: of scope, and of the group.

    Args:
        called: whether each document is called in scope, or at its edge.
        group: what it is called.
        says: 1, 0 or -1: whether the labels put it in scope.
        truth: the group by the labels, empty where they leave it open.
        rows: which documents count.
    """
    known, grouped = rows & (says != UNDECIDED), rows & (truth != "")
    is_in = says == 1
    return {
        "n": int(known.sum()),
        "in scope: recall": float(called[known & is_in].mean()),
        "in scope: precision": float(is_in[known & called].mean()),
        "in scope: kappa": float(cohen_kappa_score(is_in[known], called[known])),
        "n group": int(grouped.sum()),
        "group: kappa": float(cohen_kappa_score(truth[grouped], group[grouped])) if grouped.any() else np.nan,
    }


def main() -> None:
    """Measures, writes and prints the table."""
    config = load_config(Path("census.toml"))
    facts, questions = load_answers(config)
    codebook, sample, population = load_inputs(config)
    scope, chances = questions["in scope"], questions["group"]
    unread = facts["group"] == ""
    half = pd.Series([zlib.crc32(f"half/{doc_id}".encode()) % 2 for doc_id in facts.index], index=facts.index)
    places = {name: unread & (half == number) for number, name in enumerate(HALVES)} | {"all": unread}
    for frame in sorted(facts["frame"].unique()):
        rows = unread & (facts["frame"] == frame)
        if (rows & (scope["outside"] != UNDECIDED)).sum() >= FRAME_MIN_COUNT:
            places[f"all, {frame}"] = rows
    ways = {"likeliest group, chance of a half": (scope["chance"] >= 0.5, chances.idxmax(axis=1))}
    for recall in TRIED:
        calls = tabulate_calls(population, sample, codebook, recall, config.estimate.level)["calls"]
        calls = calls.set_index("doc_id").loc[facts.index]
        ways[f"calls, recall {recall:g}"] = (calls["scope"] != "out", calls["group"])
    rows = [
        {"way": way, "documents": name, **score(called, group, scope["outside"], facts["outside"], here)}
        for way, (called, group) in ways.items()
        for name, here in places.items()
    ]
    table = pd.DataFrame(rows).round(4)
    store.write_csv(TABLE, table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
