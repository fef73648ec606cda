"""Can a reader tell by the names alone which document is of which cluster? `python -m tests.bench.naming`.

Each trial shows five names of one layer and twenty titles, four of each cluster, mixed; the reader gives each title a
name. Titles that the namer may have seen (the exemplars, random and border members that the table lists) are left out,
and so is the cluster outside the question. It prints the trials; with `--answers FILE` (columns trial and letters: the
twenty letters) it scores them and writes reports/bench/naming.csv (of another layer than the fine one:
naming_LAYER.csv): per cluster, how many of its titles were given to it. Chance is one in five. `--census` takes the
clusters of another folder, and its names.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store

TABLE = Path("reports/bench/naming.csv")
LETTERS = "ABCDE"
TITLES = 4  # of each cluster
SEED = 20261128  # of this test; one with another seed shows where each cluster's titles stand, and must not be known


def draw(clusters: pd.DataFrame, members: pd.DataFrame, titles: pd.Series, layer: str, seed: int) -> pd.DataFrame:
    """Returns the titles of every trial in the order shown: columns trial, letter, cluster_id, name, doc_id, title."""
    rng = np.random.default_rng(seed)
    part = clusters[(clusters["layer"] == layer) & ~clusters["cluster_id"].str.endswith("-ground")]
    part = part.iloc[rng.permutation(len(part))]
    rows = []
    for trial in range(len(part) // len(LETTERS)):
        five = part.iloc[trial * len(LETTERS) : (trial + 1) * len(LETTERS)]
        shown = []
        for letter, cluster in zip(LETTERS, five.to_dict("records"), strict=True):
            seen = {*cluster["exemplar_ids"], *cluster["random_ids"], *cluster["border_ids"]}
            inside = members[(members["layer"] == layer) & (members["cluster_id"] == cluster["cluster_id"])]["doc_id"]
            free = sorted(set(inside) - seen)
            for doc_id in rng.choice(free, TITLES, replace=False):
                facts = {"cluster_id": cluster["cluster_id"], "name": cluster["name"], "doc_id": doc_id}
                shown.append({"trial": trial, "letter": letter, **facts, "title": titles[doc_id]})
        rows += [shown[place] for place in rng.permutation(len(shown))]
    return pd.DataFrame(rows)


def main() -> None:
    """Prints the trials, or scores the answers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--census", type=Path, default=Path("data/raw/census/2026.11"))
    parser.add_argument("--layer", default="fine")
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    titles = pd.read_parquet("data/processed/documents.parquet").set_index("doc_id")["title"]
    tables = [pd.read_parquet(options.census / f"{name}.parquet") for name in ("clusters", "cluster_members")]
    shown = draw(tables[0], tables[1], titles, options.layer, options.seed)
    if not options.answers:
        for trial, part in shown.groupby("trial"):
            names = part.drop_duplicates("letter").set_index("letter")["name"].sort_index()
            print(f"--- trial {trial}: " + "; ".join(f"{letter} {name}" for letter, name in names.items()))
            for number, title in enumerate(part["title"], 1):
                print(f"{number:2d} {title[:90]}")
        return
    given = pd.read_csv(options.answers, dtype=str).set_index("trial")["letters"]
    shown["given"] = [letter for trial in sorted(shown["trial"].unique()) for letter in given[str(trial)]]
    shown["is_right"] = shown["given"] == shown["letter"]
    rows = shown.groupby(["cluster_id", "name"])["is_right"].agg(n_right="sum", n_shown="size").reset_index()
    path = TABLE if options.layer == "fine" else TABLE.with_stem(f"{TABLE.stem}_{options.layer}")
    store.write_csv(path, rows)
    print(rows.sort_values("n_right").to_string(index=False))
    print(f"{shown['is_right'].mean():.3f} of {len(shown)} titles, {(rows['n_right'] >= 3).sum()} of {len(rows)} names")


if __name__ == "__main__":
    main()
