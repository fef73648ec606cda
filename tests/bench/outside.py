"""How well codes are predicted of documents that others labelled and nobody read: `python -m tests.bench.outside`.

The labels (`external/labels.csv`) were used by no model. What a label says by the crosswalk is compared with the table
`predictions`, for the questions that it decides: the group, whether it is in scope, and definitions that ask for leaves
alone. Kappa and recall at a chance of a half (the group: the likeliest); the expected calibration error in ten bins of
equal width, per frame, over all groups' chances and over the chance of a question. Beside it what the readers say of
labelled documents, which bounds what predictions of their codes can reach, and the predictions against the readers' own
codes, which they did not see. Writes reports/bench/predictions_outside.csv (run `make report` first).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_sample
from pipeline.coding.definitions import bare_codes, is_set_of_leaves, match_definition
from pipeline.coding.outside import UNDECIDED, allow_leaves, decide, read_labels
from pipeline.coding.sample import settle_codes
from pipeline.config import Config, load_config

TABLE = Path("reports/bench/predictions_outside.csv")
BINS = 10
FRAME_MIN_COUNT = 30  # documents, for a row of its own
MEASURES = ["against", "question", "frame", "n", "kappa", "recall", "precision", "share right", "calibration error"]


def measure_calibration(chance: np.ndarray, is_so: np.ndarray) -> float:
    """Returns the expected calibration error: the mean over bins of |mean chance - share|, weighted by their size."""
    bins = np.minimum((chance * BINS).astype(int), BINS - 1)
    table = pd.DataFrame({"bin": bins, "chance": chance, "is_so": is_so.astype(float)}).groupby("bin")
    means = table.mean()
    return float(((means["chance"] - means["is_so"]).abs() * table.size()).sum() / len(chance))


def score_yes_no(question: str, frame: str, chance: np.ndarray, is_so: np.ndarray) -> dict[str, object]:
    """Returns a row of measures of a question with two answers."""
    found = chance >= 0.5
    hits = float((found & is_so).sum())
    return {
        "question": question,
        "frame": frame,
        "n": len(chance),
        "kappa": cohen_kappa_score(is_so, found) if 0 < is_so.sum() < len(is_so) else np.nan,
        "recall": hits / is_so.sum() if is_so.any() else np.nan,
        "precision": hits / found.sum() if found.any() else np.nan,
        "share right": float((found == is_so).mean()),
        "calibration error": measure_calibration(chance, is_so),
    }


def score_group(frame: str, chances: np.ndarray, group: np.ndarray) -> dict[str, object]:
    """Returns a row of measures of the group: its columns are the groups, in their order."""
    found = chances.argmax(axis=1)
    is_so = np.eye(chances.shape[1], dtype=bool)[group]
    return {
        "question": "group",
        "frame": frame,
        "n": len(group),
        "kappa": cohen_kappa_score(group, found),
        "share right": float((group == found).mean()),
        "calibration error": measure_calibration(chances.ravel(), is_so.ravel()),
    }


def load_answers(config: Config) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Returns settled leaf, frame and, for each question, who says what of each document.

    Returns:
        facts: index doc_id; columns frame, group (settled; empty where unread) and outside (group by the labels, empty
            where they leave it open).
        questions: by name; index doc_id; columns chance, reader and outside (1, 0, or -1 where open or unread).
    """
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    settled = settle_codes(read_sample(config, codebook)).set_index("doc_id")
    allowed = allow_leaves(read_labels(handcheck / "external", codebook), codebook)
    wide = pd.read_parquet(config.processed("predictions")).pivot(index="doc_id", columns="query", values="probability")
    letters = np.array([codebook.group_of[leaf] for leaf in codebook.leaves])
    facts = pd.read_parquet(config.processed("documents"), columns=["doc_id", "frame"]).set_index("doc_id")
    facts = facts.loc[wide.index].assign(group=settled["group"].reindex(wide.index).fillna(""), outside="")
    has_group = pd.DataFrame({group: allowed.leaves[:, letters == group].any(axis=1) for group in codebook.groups})
    has_group.index = allowed.labels.index
    plain = has_group[has_group.sum(axis=1) == 1].idxmax(axis=1)
    facts["outside"] = plain.reindex(wide.index).fillna("")
    inside = ~np.isin(letters, list(codebook.outside))
    bare = bare_codes(codebook)
    asked = {"in scope": inside}
    asked.update(
        (f"definition {definition.id}", np.asarray(match_definition(definition, bare), dtype=bool))
        for definition in codebook.definitions
        if is_set_of_leaves(definition)
    )
    leaves = wide[[f"leaf {leaf}" for leaf in codebook.leaves]].to_numpy()
    questions = {}
    for name, is_in in asked.items():
        says = dict(zip(codebook.leaves, is_in, strict=True))
        rows = pd.DataFrame({"chance": leaves @ is_in}, index=wide.index)
        rows["reader"] = settled["leaf"].map(says).astype(float).reindex(wide.index).fillna(UNDECIDED)
        outside = pd.Series(decide(allowed.leaves, is_in), index=allowed.labels.index)
        rows["outside"] = outside.reindex(wide.index).fillna(UNDECIDED)
        questions[name] = rows
    chances = wide[[f"group {group}" for group in codebook.groups]]
    chances.columns = list(codebook.groups)
    questions["group"] = chances
    return facts, questions


def compare(against: str, facts: pd.DataFrame, questions: dict[str, pd.DataFrame]) -> Iterator[dict[str, object]]:
    """Yields the rows of one comparison, for all documents and for each frame with enough of them.

    Args:
        against: "outside labels" (of unread documents), "readers" (predictions that did not see their code), or
            "readers, by outside labels" (what readers say of labelled documents, the bound of what predictions can).
        facts, questions: from `load_answers`.
    """
    is_read = facts["group"] != ""
    for frame in ["all", *sorted(facts["frame"].unique())]:
        is_here = (facts["frame"] == frame) | (frame == "all")
        for name, rows in questions.items():
            if name == "group":
                truth = facts["group"] if against == "readers" else facts["outside"]
                is_known = is_here & (truth != "") & (is_read if against.startswith("readers") else ~is_read)
                if is_known.sum() < FRAME_MIN_COUNT:
                    continue
                columns = list(rows.columns)
                number = truth[is_known].map(columns.index).to_numpy()
                found = rows[is_known].to_numpy()
                if against.endswith("by outside labels"):
                    found = np.eye(len(columns))[facts.loc[is_known, "group"].map(columns.index)]
                yield {"against": against, **score_group(frame, found, number)}
                continue
            truth = rows["reader"] if against == "readers" else rows["outside"]
            is_known = is_here & (truth != UNDECIDED) & (is_read if against.startswith("readers") else ~is_read)
            if is_known.sum() >= FRAME_MIN_COUNT:
                chance = rows["reader" if against.endswith("by outside labels") else "chance"]
                values = score_yes_no(name, frame, chance[is_known].to_numpy(), truth[is_known].to_numpy() == 1)
                yield {"against": against, **values}


def main() -> None:
    """Measures, writes and prints the table."""
    facts, questions = load_answers(load_config(Path("census.toml")))
    kinds = ("outside labels", "readers, by outside labels", "readers")
    table = pd.DataFrame([row for kind in kinds for row in compare(kind, facts, questions)])[MEASURES].round(4)
    store.write_csv(TABLE, table)
    print(table[table["question"].isin(["group", "in scope", "definition strict", "definition broad"])].to_string())


if __name__ == "__main__":
    main()
