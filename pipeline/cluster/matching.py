"""Clusters that stay the same clusters: new documents join, and a new cut is matched to the last one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.cluster.neighbours import FindKnown, find_known
from pipeline.config import Config
from pipeline.release import census
from pipeline.schemas import CLUSTER_CHANGES, CLUSTER_MEMBERS, CLUSTERS, LAYOUT, embeddings_table

BLOCK_ROWS = 8_192  # new documents whose votes are counted at once
GROUND = -1  # number of what is not cut: documents outside the question, one cluster a layer
GROUND_NAME = "ground"  # ends the id of that cluster
HEIR_SHARE = 0.5  # an id passes on where more than half of the smaller of the two clusters is shared


@dataclass(frozen=True)
class Reference:
    """The last published clustering: tables as in `schemas`, empty where there is none.

    Attributes:
        clusters, members, layout, changes: the tables.
        texts: hash of the text of each document that it was made of, by doc_id; empty where the release does not say,
            or was made by another encoder.
    """

    clusters: pd.DataFrame
    members: pd.DataFrame
    layout: pd.DataFrame
    changes: pd.DataFrame
    texts: pd.Series = field(default_factory=lambda: pd.Series(dtype=str))

    def has_layer(self, layer: str, resolution: float, neighbour_count: int, space: str = "vectors") -> bool:
        """Whether it holds a layer that was cut with these settings."""
        found = self.clusters[self.clusters["layer"] == layer]
        return bool(
            len(found)
            and (found["resolution"] == resolution).all()
            and (found["neighbour_count"] == neighbour_count).all()
            and self.space_of(layer) == space
        )

    def space_of(self, layer: str) -> str:
        """Returns the space that a layer was cut in: the stored vectors, where a release of before does not say."""
        found = self.clusters[self.clusters["layer"] == layer]
        known = found["space"].dropna() if "space" in found else pd.Series(dtype=str)
        return str(known.iloc[0]) if len(known) else "vectors"

    def members_of(self, layer: str) -> pd.Series:
        """Returns cluster_id by doc_id."""
        return self.members[self.members["layer"] == layer].set_index("doc_id")["cluster_id"]

    def clusters_of(self, layer: str) -> pd.DataFrame:
        """Returns the rows of `clusters` of a layer, by cluster_id."""
        return self.clusters[self.clusters["layer"] == layer].set_index("cluster_id")

    def count_news(self, texts: pd.Series) -> int:
        """Returns how many documents are new, have another text, or are gone since; `texts` is hash by doc_id."""
        n_kept = int((self.texts.reindex(texts.index) == texts).sum())
        return len(texts) - n_kept + len(self.texts.index.difference(texts.index))

    def names_of(self, layer: str) -> dict[str, str]:
        """Returns the names that terms gave, by cluster_id."""
        found = self.clusters[self.clusters["layer"] == layer]
        return dict(zip(found["cluster_id"], found["terms_name"], strict=True))


def read_reference(config: Config) -> Reference:
    """Reads the clustering of the first census that ships one.

    Raises:
        DataError: a file of it is missing or damaged.
    """
    tables = (CLUSTERS, CLUSTER_MEMBERS, LAYOUT, CLUSTER_CHANGES)
    for name, entry in config.sources.items():
        if entry["kind"] == "census":
            folder = census.release_folder(entry, config.root, f"[sources.{name}]")
            if (folder / "clusters.parquet").exists():
                paths = (census.checked(folder / f"{table.name}.parquet") for table in tables)
                clusters, members, layout, changes = map(store.read_table, tables, paths)
                return Reference(clusters, members, layout, changes, _read_texts(config, folder))
    return Reference(*(table.arrow_schema.empty_table().to_pandas() for table in tables))


def _read_texts(config: Config, folder: Path) -> pd.Series:
    path = folder / "embeddings.parquet"
    if not path.exists():
        return pd.Series(dtype=str)
    columns = ("doc_id", "text_sha256", "encoder_revision")
    rows = store.read_table(embeddings_table(config.embed.dimension_count), path, columns)
    rows = rows[rows["encoder_revision"] == config.embed.weights_sha256]
    return rows.set_index("doc_id")["text_sha256"]


def join_clusters(
    vectors: np.ndarray, cluster_ids: pd.Series, neighbour_count: int, find: FindKnown = find_known
) -> pd.Series:
    """Gives every document without a cluster the cluster that its nearest clustered documents are in.

    The vote counts each neighbour by its similarity; of two clusters with as many votes the first id wins. New
    documents do not vote for one another, so that neither their order nor their number matters.

    Args:
        vectors: float16 (n, n_dims), unit rows, in the order of `cluster_ids`.
        cluster_ids: by doc_id, missing for new documents; at least one is not.
        neighbour_count: voters.
        find: looks for them.

    Returns:
        `cluster_ids` without gaps; those that were there are untouched.
    """
    is_new = cluster_ids.isna().to_numpy()
    old = pd.Categorical(cluster_ids[~is_new])
    neighbours, similarities = find(vectors, ~is_new, neighbour_count)
    chosen = np.empty(len(neighbours), dtype=np.int64)
    for first in range(0, len(neighbours), BLOCK_ROWS):
        part = slice(first, first + BLOCK_ROWS)
        votes = np.zeros((len(neighbours[part]), len(old.categories)))
        voters = np.arange(len(votes))[:, None]
        np.add.at(votes, (voters, old.codes[neighbours[part]]), np.maximum(similarities[part], 0.0))
        chosen[part] = votes.round(9).argmax(axis=1)  # categories come in order of id, and argmax takes the first
    found = cluster_ids.copy()
    found[is_new] = old.categories[chosen]
    return found


def is_ground(cluster_id: str) -> bool:
    """Whether a cluster is what lies outside the question."""
    return cluster_id.endswith(f"-{GROUND_NAME}")


def match_clusters(old: pd.Series, new: pd.Series, layer: str, known: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Carries ids over from the last clustering to a new cut and lists what became of each cluster.

    Heirs are found by the assignment that shares the most documents in all (Kuhn 1955). An heir keeps the id if
    more than half of the smaller of the two is shared. Ids are never given out twice.

    Args:
        old: cluster_id by doc_id of the last clustering; may be empty.
        new: cluster number by doc_id, 0 for the largest, `GROUND` for what is outside the question.
        layer: its name, which begins every id.
        known: rows of `cluster_changes` so far, whose ids are taken.

    Returns:
        cluster_id by doc_id, and the new rows of `cluster_changes`.
    """
    shared = pd.crosstab(old.reindex(new.index), new) if len(old) else pd.DataFrame()
    old_sizes, new_sizes = old.value_counts(), new.value_counts()
    ground_id = f"{layer}-{GROUND_NAME}"
    heir_of = _find_heirs(shared.drop(index=ground_id, columns=GROUND, errors="ignore"), old_sizes, new_sizes)
    if GROUND in new_sizes and ground_id in old_sizes:
        heir_of[GROUND] = ground_id
    taken = [int(name.rpartition("-")[2]) for name in {*old.unique(), *known["cluster_id"]} - {ground_id}]
    free = max(taken, default=-1) + 1
    ids: dict[int, str] = {}
    for number in sorted(new.unique()):
        if number == GROUND:
            ids[number] = ground_id
        elif number in heir_of:
            ids[number] = heir_of[number]
        else:
            ids[number], free = f"{layer}-{free:02d}", free + 1
    step = int(known["step"].max()) + 1 if len(known) else 0
    changes = _list_changes(shared, old_sizes, new_sizes, heir_of, ids)
    return new.map(ids), changes.assign(layer=layer, step=step)


def _find_heirs(shared: pd.DataFrame, old_sizes: pd.Series, new_sizes: pd.Series) -> dict[int, str]:
    if shared.empty:
        return {}
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  for the report, which asks for names alone

    rows, columns = linear_sum_assignment(-shared.to_numpy())
    heirs: dict[int, str] = {}
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        old_id, number = str(shared.index[row]), int(shared.columns[column])
        if shared.iat[row, column] > HEIR_SHARE * min(old_sizes[old_id], new_sizes[number]):
            heirs[number] = old_id
    return heirs


def _list_changes(
    shared: pd.DataFrame,
    old_sizes: pd.Series,
    new_sizes: pd.Series,
    heir_of: Mapping[int, str],
    ids: Mapping[int, str],
) -> pd.DataFrame:
    """Lists kept and dead ids, and what was born, split off, or merged into another."""
    rows = []

    def add(change: str, cluster_id: str, other_id: str | None, count: Any, shared_count: Any) -> None:
        rows.append(
            {
                "change": change,
                "cluster_id": cluster_id,
                "other_id": other_id,
                "document_count": int(count),
                "shared_count": int(shared_count),
            }
        )

    for number, cluster_id in ids.items():
        size = new_sizes[number]
        if number in heir_of:
            add("kept", cluster_id, None, size, shared.at[cluster_id, number] if number in shared else 0)
            continue
        origin = shared[number] if number in shared else pd.Series(dtype=int)
        if number != GROUND and len(origin) and origin.max() > size / 2:
            add("split", cluster_id, str(origin.idxmax()), size, origin.max())
        else:
            add("born", cluster_id, None, size, origin.max() if len(origin) else 0)
    for old_id in sorted(set(old_sizes.index) - set(heir_of.values())):
        gone = shared.loc[old_id] if old_id in shared.index else pd.Series(dtype=int)
        if len(gone) and gone.max() > old_sizes[old_id] / 2:
            add("merged", old_id, ids[int(str(gone.idxmax()))], old_sizes[old_id], gone.max())
        else:
            add("died", old_id, None, old_sizes[old_id], gone.max() if len(gone) else 0)
    return pd.DataFrame(rows)
