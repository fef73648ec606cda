"""The layers that another encoder would give: made once, stored with the census, and compared with the clusters.

The vectors of a second encoder are large and nobody needs them twice; which documents they put together is small, and a
fact. `python -m pipeline second-encoder IDS VECTORS --encoder NAME --weights-sha256 HEX` cuts the same layers with the
same settings from its vectors and adds them to the census, with its manifest and checksums.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.cluster.layers import CUT_COUNT, build_graph, choose_partition, dissolve_small
from pipeline.cluster.neighbours import find_neighbours
from pipeline.cluster.stability import best_jaccard
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.release import census
from pipeline.release.manifest import add_table
from pipeline.schemas import CENSUS_DOCUMENTS, SECOND_MEMBERS

log = logging.getLogger(__name__)
NAME = f"{SECOND_MEMBERS.name}.parquet"


def read_second(config: Config) -> pd.DataFrame:
    """Returns the stored layers of the first release that has them, of the sources or of `[embed] reuse`; else none."""
    for folder in list_releases(config):
        if (folder / NAME).exists():
            return store.read_table(SECOND_MEMBERS, folder / NAME)
    return SECOND_MEMBERS.arrow_schema.empty_table().to_pandas()


def list_releases(config: Config) -> list[Path]:
    """Returns the folders of the censuses that the configuration names."""
    entries = {name: entry for name, entry in config.sources.items() if entry["kind"] == "census"}
    folders = [census.release_folder(entry, config.root, f"[sources.{name}]") for name, entry in entries.items()]
    return folders + [config.path(folder) for folder in config.embed.reuse]


def compare_second(cluster_ids: pd.Series, second: pd.DataFrame, layer: str) -> pd.Series:
    """Returns the overlap of each cluster with its best match in the second encoder's layer; missing where none is.

    Documents that came after the second encoder was run are left out on both sides.

    Args:
        cluster_ids: cluster_id by doc_id.
        second: rows of `second_members`.
        layer: which layer of it.
    """
    names = sorted(set(cluster_ids))
    other = second[second["layer"] == layer].set_index("doc_id")["cluster_number"]
    both = cluster_ids.index.intersection(other.index)
    if not len(both):
        return pd.Series(np.nan, index=names)
    codes = pd.Categorical(cluster_ids[both], categories=names).codes.astype(np.int64)
    found = best_jaccard(codes, other[both].to_numpy(dtype=np.int64))
    scores = pd.Series(np.round(np.pad(found, (0, len(names) - len(found))), 3), index=names)
    return scores.where(scores.index.isin(cluster_ids[both]))


def cut_second(
    config: Config, doc_ids: list[str], vectors: np.ndarray, encoder: str, revision: str, cut_count: int
) -> pd.DataFrame:
    """Returns the rows of `second_members`: every layer, cut as the clusters were when they were born.

    Args:
        config: layers, settings and seed.
        doc_ids: sorted.
        vectors: float16 (n, n_dims), unit rows, in that order.
        encoder, revision: name of the encoder and SHA-256 of its weights.
        cut_count: seeds, of which the most typical cut is taken.
    """
    graph = build_graph(*find_neighbours(vectors, config.cluster.neighbour_count))
    parts = []
    for layer in config.cluster.layers:
        membership, _ = choose_partition(graph, layer.resolution, range(config.seed, config.seed + cut_count))
        membership = dissolve_small(graph, membership, config.cluster.min_size)
        parts.append(pd.DataFrame({"layer": layer.name, "doc_id": doc_ids, "cluster_number": membership}))
    return pd.concat(parts, ignore_index=True).assign(encoder=encoder, encoder_revision=revision)


def load_vectors(ids_path: Path, vectors_path: Path, wanted: list[str]) -> np.ndarray:
    """Returns the vectors in the order of `wanted`: float16 (n, n_dims), unit rows.

    Raises:
        DataError: a document has no vector, or a vector has not unit length.
    """
    doc_ids, vectors = np.load(ids_path).astype(str), np.load(vectors_path)
    place = pd.Index(doc_ids).get_indexer(wanted)
    if len(doc_ids) != len(vectors) or (place < 0).any():
        raise DataError("does not hold one vector for each document of the census", where=str(vectors_path))
    found = vectors[place].astype(np.float16)
    if not np.all(np.abs(np.linalg.norm(found.astype(np.float32), axis=1) - 1) < 2e-3):
        raise DataError("has vectors that are not of unit length", where=str(vectors_path), do="normalise them")
    return found


def run(config: Config, ids: str, vectors: str, encoder: str, weights_sha256: str) -> None:
    """Cuts the layers from another encoder's vectors and adds them to the shipped census.

    Args:
        config: names the census.
        ids, vectors: NumPy files of doc_id and of the vectors, row for row.
        encoder: name of the other encoder.
        weights_sha256: SHA-256 of its weights.

    Raises:
        DataError: the census is missing, or the vectors do not fit it.
    """
    folder = list_releases(config)[0]
    doc_ids = store.read_arrow(CENSUS_DOCUMENTS, folder / "documents.parquet", ("doc_id",))
    wanted = sorted(doc_ids.column("doc_id").to_pylist())
    found = load_vectors(Path(ids), Path(vectors), wanted)
    rows = cut_second(config, wanted, found, encoder, weights_sha256, CUT_COUNT)
    add_table(folder, SECOND_MEMBERS, rows)
    counts = ", ".join(f"{int(part.max()) + 1} {layer}" for layer, part in rows.groupby("layer")["cluster_number"])
    log.info("second: %d documents by %s -> %s clusters, in %s", len(wanted), encoder, counts, folder / NAME)
