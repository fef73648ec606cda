"""Can a reader tell which of five titles is not of the cluster? After `make report`: python -m tests.bench.intrusion.

Each trial shows four random members of a cluster and one document of another cluster of the same layer (the task
`intrusion` of the hand check, drawn anew from the clusters of today; the cluster outside the question is left out),
mixed, by their titles alone. It prints the trials; with `--answers FILE` (columns layer, trial, choice: the number of
the title) it scores them and writes reports/bench/intrusion.csv. Chance is one in five (Chang et al. 2009).
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from pipeline import store
from pipeline.check.tasks import draw_intrusion

TABLE = Path("reports/bench/intrusion.csv")
SEED = 20261127
SHOWN = 110  # characters of a title


def draw(members: pd.DataFrame, titles: pd.Series) -> pd.DataFrame:
    """Returns what is shown, in order: columns layer, trial, number, cluster_id, doc_id, is_intruder, title."""
    inside = members[~members["cluster_id"].str.endswith("-ground")]
    drawn = draw_intrusion(inside, SEED)
    layer = inside.drop_duplicates("cluster_id").set_index("cluster_id")["layer"]
    drawn = drawn.assign(layer=drawn["cluster_id"].map(layer), is_intruder=drawn["kind"] == "intruder")
    rng = np.random.default_rng(SEED)
    drawn = drawn.iloc[rng.permutation(len(drawn))]
    trial = {cluster: place for place, cluster in enumerate(drawn["cluster_id"].unique(), 1)}
    drawn = drawn.assign(trial=drawn["cluster_id"].map(trial), title=drawn["doc_id"].map(titles))
    drawn = drawn.sort_values(["layer", "trial"], kind="stable")
    return drawn.assign(number=drawn.groupby("trial").cumcount() + 1)


def score(shown: pd.DataFrame, answers: pd.DataFrame, level: float) -> pd.DataFrame:
    """Returns how many intruders of each layer were found, with Clopper and Pearson's interval."""
    told = answers.merge(shown, left_on=["layer", "trial", "choice"], right_on=["layer", "trial", "number"], how="left")
    rows = []
    for layer, part in told.groupby("layer"):
        found, test = int(part["is_intruder"].sum()), binomtest(int(part["is_intruder"].sum()), len(part))
        ends = test.proportion_ci(level)
        rows.append(
            {"layer": layer, "n_shown": len(part), "n_found": found, "found_share": round(found / len(part), 4)}
        )
        rows[-1].update({"low": round(ends.low, 4), "high": round(ends.high, 4)})
    return pd.DataFrame(rows)


def main() -> None:
    """Prints the trials, or scores the answers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--census", type=Path, default=Path("data/raw/census/2026.11"))
    parser.add_argument("--answers", type=Path)
    options = parser.parse_args()
    titles = pd.read_parquet("data/processed/documents.parquet").set_index("doc_id")["title"]
    shown = draw(pd.read_parquet(options.census / "cluster_members.parquet"), titles)
    if options.answers:
        found = score(shown, pd.read_csv(options.answers), 0.95)
        store.write_csv(TABLE, found)
        print(found.to_string())
        return
    for (layer, trial), part in shown.groupby(["layer", "trial"]):
        print(f"--- {layer} {trial}")
        for number, title in zip(part["number"], part["title"], strict=True):
            print(f"{number} {str(title)[:SHOWN]}")


if __name__ == "__main__":
    main()
