"""Do clusters hang on the order of the input, or on 5% of it? After `make report`: python -m tests.bench.cluster_order.

On the real census: the rows of documents, vectors and terms in another order, where the last clustering stands and cut
anew; and the census with a random 5% that the last clustering does not know: how many of the old documents keep their
cluster, and how many of the new ones join that which they have in the whole. Writes reports/bench/cluster_order.csv.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline import schemas, store
from pipeline.cluster.assign import cluster_documents
from pipeline.cluster.inputs import Inputs, load_inputs
from pipeline.config import Config, load_config

TABLE = Path("reports/bench/cluster_order.csv")
SHUFFLED = ("documents", "embeddings", "terms")
SEED, DRAWS, NEW = 4, 3, 0.05
Tables = Mapping[str, pd.DataFrame]


def cut(config: Config, inputs: Inputs, *, is_anew: bool = False) -> Tables:
    """Returns the tables of the stage, sorted by their keys."""
    config = replace(config, cluster=replace(config.cluster, recluster=is_anew))
    made = cluster_documents(config, inputs)
    return {table.name: rows.sort_values(list(table.key)).reset_index(drop=True) for table, rows in made}


def shuffle(config: Config, folder: Path) -> Config:
    """Returns the configuration of a copy of the tables whose rows stand in another order."""
    rng = np.random.default_rng(SEED)
    for path in config.path(config.paths.processed).glob("*.parquet"):
        if path.stem not in SHUFFLED:
            (folder / path.name).symlink_to(path.resolve())
            continue
        table = pq.read_table(path)
        pq.write_table(table.take(rng.permutation(len(table))), folder / path.name)
    return replace(config, paths=replace(config.paths, processed=str(folder)))


def compare(way: str, one: Tables, other: Tables) -> list[dict[str, object]]:
    """Returns, for every table, which columns differ."""
    rows = []
    for name in sorted(one):
        left, right = one[name], other[name]
        apart = "rows" if len(left) != len(right) else " ".join(c for c in left if not left[c].equals(right[c]))
        rows.append({"way": way, "table": name, "differs": apart or "nothing"})
    return rows


def join_new(config: Config, inputs: Inputs, whole: pd.DataFrame, seed: int) -> list[dict[str, object]]:
    """Returns what becomes of old and new documents where a random 5% of the old ones is new to the last clustering."""
    ids = inputs.documents.index
    new = pd.Index(np.random.default_rng(seed).choice(ids, round(len(ids) * NEW / (1 + NEW)), replace=False))
    known = {}
    for name in (field.name for field in fields(inputs.reference)):
        part = getattr(inputs.reference, name)
        if isinstance(part, pd.DataFrame) and "doc_id" in part:
            part = part[~part["doc_id"].isin(new)]
        known[name] = part[~part.index.isin(new)] if isinstance(part, pd.Series) else part
    last = replace(inputs.reference, **known)
    grown = cut(config, replace(inputs, reference=last))[schemas.CLUSTER_MEMBERS.name]
    both = whole.merge(grown, on=["layer", "doc_id"], suffixes=("", "_grown"))
    both["is_same"], both["is_new"] = both["cluster_id"] == both["cluster_id_grown"], both["doc_id"].isin(new)
    shares = both.groupby(["layer", "is_new"])["is_same"].mean()
    return [
        {
            "way": f"5% more, draw {seed}, {layer}",
            "old_kept": shares[layer, False],
            "new_as_in_whole": shares[layer, True],
        }
        for layer in sorted(set(both["layer"]))
    ]


def main() -> None:
    """Measures, writes and prints the table."""
    config = load_config(Path("census.toml"))
    inputs = load_inputs(config)
    stands = cut(config, inputs)
    with tempfile.TemporaryDirectory() as folder:
        other = shuffle(config, Path(folder))
        mixed = load_inputs(other)
        rows = compare("shuffled, the last clustering stands", stands, cut(other, mixed))
        rows += compare("shuffled, cut anew", cut(config, inputs, is_anew=True), cut(other, mixed, is_anew=True))
    for seed in range(DRAWS):
        rows += join_new(config, inputs, stands[schemas.CLUSTER_MEMBERS.name], seed)
    found = pd.DataFrame(rows).round(4)
    store.write_csv(TABLE, found)
    print(found.to_string())


if __name__ == "__main__":
    main()
