"""The documents, as the page's script lists and draws them: the read ones in the page, the rest beside it.

The page has the facts of the documents that were read. `map.js`, which it asks for when the map is wanted or a document
that nobody read, has those of the others, and the places and the meaning of all. Documents are numbered alike in both:
the read ones first, as in the sample, then the others by id.
"""

import base64
from typing import Any

import numpy as np
import pandas as pd

from pipeline.cluster.matching import is_ground
from pipeline.report.content import Content
from pipeline.report.results import has_rows

MAP_STEPS = 65_535  # places on the map are written as whole numbers from 0 to this
MEANING_BYTES = 2_200_000  # what the map spends on vectors, before it is compressed
# What a number of a vector may be, by bits, in root mean squares: the best for a normal one (Max 1960, Quantizing for
# minimum distortion), of 4 bits even steps. Of the ten nearest of 21,805 documents, 9, 7 and 5 are found.
LEVELS = {4: tuple((step - 8) * 2.5 / 7 for step in range(16)), 2: (-1.51, -0.4528, 0.4528, 1.51), 1: (-0.7979, 0.7979)}
LEVEL_SCALE = 32  # levels are whole numbers in the page: so many to a root mean square
SHOWN_AUTHORS = 12  # one paper has 6,848; the page lists the first and counts the rest


def read_payload(content: Content, documents: pd.DataFrame) -> dict[str, Any]:
    """Returns the documents that were read, column by column, with the names their numbers stand for.

    `documents` are those of `list_documents`, here and below.
    """
    return {
        "count": len(documents),
        "has_meaning": meaning_size(content, len(documents))[0] > 0,
        "frames": [{"id": name, "title": frame.title} for name, frame in content.frames.items()],
        "layers": [_layer_payload(layer, content) for layer in content.layers],
        **facts_payload(content, documents.iloc[: len(content.sample.units)]),
    }


def map_payload(content: Content, documents: pd.DataFrame) -> dict[str, Any]:
    """Returns the places and the meaning of all documents, and the facts of those that nobody read."""
    return {
        "steps": MAP_STEPS,
        "x": pack((documents["x"] * MAP_STEPS).round().to_numpy()),
        "y": pack((documents["y"] * MAP_STEPS).round().to_numpy()),
        **meaning_payload(content, documents.index),
        **facts_payload(content, documents.iloc[len(content.sample.units) :]),
    }


def list_documents(content: Content) -> pd.DataFrame:
    """Returns the documents of the frames that were read: those of the sample as it has them, then the others by id."""
    shown = content.documents[content.documents["frame"].isin(list(content.frames))].sort_index()
    units = content.sample.units.index
    return pd.concat([shown.loc[units], shown.drop(index=units)])


def facts_payload(content: Content, documents: pd.DataFrame) -> dict[str, Any]:
    """Returns what is known of some documents, a list or packed numbers for each column."""
    numbers_of = {name: number for number, name in enumerate(content.frames)}
    predicted = predicted_groups(content, documents.index)
    members = []
    for layer in content.layers:
        number_of = {cluster: number for number, cluster in enumerate(_drawn_clusters(layer, content)["cluster_id"])}
        members.append(pack(documents[layer].map(number_of).fillna(len(number_of)).to_numpy()))
    return {
        "frame": pack(documents["frame"].map(numbers_of).to_numpy()),
        "year": pack(documents["published_year"].fillna(0).to_numpy()),
        "members": members,
        **({"predicted": pack(predicted)} if predicted is not None else {}),
        "id": documents.index.tolist(),
        "title": documents["title"].tolist(),
        "authors": [shorten_authors(authors) for authors in documents["authors"]],
        "date": documents["published_date"].fillna("").tolist(),
        "url": [safe_url(url) for url in documents["url"]],
    }


def _drawn_clusters(layer: str, content: Content) -> pd.DataFrame:
    """Returns the clusters that the map has colours for: what lies outside the question is its grey ground."""
    clusters = content.clusters[content.clusters["layer"] == layer]
    return clusters[[not is_ground(cluster_id) for cluster_id in clusters["cluster_id"]]]


def _layer_payload(layer: str, content: Content) -> dict[str, Any]:
    clusters = _drawn_clusters(layer, content)
    names = zip(clusters["name"], clusters["is_unstable"], strict=True)
    return {
        "name": layer,
        "ids": clusters["cluster_id"].tolist(),
        "names": [f"{name} (unstable)" if is_unstable else name for name, is_unstable in names],
    }


def meaning_size(content: Content, count: int) -> tuple[int, int]:
    """Returns how many numbers of each vector the map can have, and in how many bits; none where there are no vectors.

    Few bits of every number find more of the true neighbours than many bits of some.
    """
    if content.vectors is None or not count:
        return 0, 0
    whole = content.vectors.shape[1] // 8 * 8
    for bits in sorted(LEVELS, reverse=True):
        if count * whole * bits // 8 <= MEANING_BYTES:
            return whole, bits
    return min(8 * MEANING_BYTES // count, whole) // 8 * 8, 1


def meaning_payload(content: Content, doc_ids: pd.Index) -> dict[str, Any]:
    """Returns each vector's numbers in few bits, the first in the highest of a byte; nothing where there are none."""
    width, bits = meaning_size(content, len(doc_ids))
    if content.vectors is None or not width:
        return {}
    rows = content.vectors[content.documents.index.get_indexer(doc_ids), :width].astype(np.float32)
    rows = rows * np.sqrt(content.vectors.shape[1])
    levels = np.array(LEVELS[bits])
    own = np.zeros(rows.shape, dtype=np.uint8)
    for edge in (levels[1:] + levels[:-1]) / 2:
        own += rows > edge
    packed = np.zeros((len(rows), width * bits // 8), dtype=np.uint8)
    for place in range(8 // bits):
        packed |= own[:, place :: 8 // bits] << np.uint8(8 - bits * (place + 1))
    vectors = base64.b64encode(packed.tobytes()).decode()
    numbers = np.rint(LEVEL_SCALE * levels).astype(int).tolist()
    return {"meaning": {"width": width, "bits": bits, "levels": numbers, "vectors": vectors}}


def predicted_groups(content: Content, doc_ids: pd.Index) -> np.ndarray | None:
    """Returns the number of the group that each document is called, or else likeliest; int (n,), None without."""
    groups = list(content.codebook.groups)
    if has_rows(content, "calls"):
        called = content.extras["calls"].set_index("doc_id")["group"].reindex(doc_ids)
        return called.map({group: number for number, group in enumerate(groups)}).fillna(len(groups)).to_numpy(int)
    predictions = content.extras.get("predictions")
    if predictions is None:
        return None
    names = [f"group {group}" for group in groups]
    rows = predictions[predictions["query"].isin(names)]
    table = rows.pivot(index="doc_id", columns="query", values="probability").reindex(doc_ids)[names].to_numpy()
    return np.where(np.isnan(table).any(axis=1), len(groups), np.nan_to_num(table).argmax(axis=1))


def pack(numbers: np.ndarray) -> str:
    """Returns whole numbers from 0 to 65535 as base64 of little-endian 16-bit words."""
    return base64.b64encode(np.asarray(numbers).astype("<u2").tobytes()).decode()


def shorten_authors(authors: object) -> str:
    """Returns the first authors, and how many more there are."""
    names = [str(name) for name in authors] if authors is not None else []  # type: ignore[attr-defined]
    more = len(names) - SHOWN_AUTHORS
    return ", ".join(names[:SHOWN_AUTHORS]) + (f" and {more:,} more" if more > 0 else "")


def safe_url(url: object) -> str:
    """Returns a web address, or an empty text for anything a browser might run instead of open."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""
