"""Looking up documents: by id, by address, by likeness, by a sentence."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from alignment_census.loading import Census, CensusError, load_census
from alignment_census.needs import needing
from alignment_census.texts import canonical_id
from pipeline.release.nearest import find_nearest
from pipeline.text.identifiers import canonicalise_url

__all__ = ["find_documents", "nearest", "places", "search"]

CACHE = Path("~/.cache/alignment-census/encoders")  # converted models: a conversion takes seconds


def find_documents(names: str | Iterable[str], *, census: Census | None = None) -> pd.DataFrame:
    """Returns the documents that ids or addresses name, in their order: the way to join papers of your own.

    Args:
        names: ids ("arxiv:2502.17424", bare arXiv ids with or without a version, "lw:<post>", "doi:<doi>") or
            addresses, in any spelling that `canonical_id` knows.
        census: from `load_census`; the newest by default.

    Returns:
        the columns of `documents`, one row a name, index 0 to n_names - 1; and `name`, what was asked for. Where the
        census does not have it, `doc_id` and all else is missing.

    Raises:
        CensusError: there is no census.

    Source: `documents.parquet`; a work that stands at several places is found at each (`works.parquet`).

    Example:
        >>> rows = find_documents(["2502.17424v3", "https://arxiv.org/abs/0000.00000"])
        >>> rows["doc_id"].isna().tolist()
        [False, True]
    """
    census = census or load_census()
    asked = [names] if isinstance(names, str) else [str(name) for name in names]
    documents = census.documents.set_index("doc_id", drop=False)
    if "works.parquet" in census.manifest["files"]:
        works = census.table("works")
        kept = works[works["work_id"].isin(documents.index)].set_index("doc_id")["work_id"]
    else:
        kept = pd.Series(dtype=str)
    addresses: dict[str, str] = {}
    if any("://" in name for name in asked):
        known = census.documents.dropna(subset=["url"])
        addresses = dict(zip(known["url"].map(canonicalise_url), known["doc_id"], strict=True))

    def find(name: str) -> str | None:
        is_address = "://" in name
        doc_id = canonical_id(name)
        if doc_id in documents.index:
            return doc_id
        return kept.get(doc_id) or (addresses.get(canonicalise_url(name)) if is_address else None)

    rows = documents.reindex([find(name) for name in asked]).reset_index(drop=True)
    return rows.assign(name=asked)


def nearest(query: str | np.ndarray, count: int = 10, *, census: Census | None = None) -> pd.DataFrame:
    """Returns the documents nearest to a document or a vector, exactly: every document is compared.

    Args:
        query: a document's id or address, or a vector (n_dims,) of unit length from the encoder that the manifest
            names.
        count: how many documents; a document that is asked about is not among them.
        census: from `load_census`; the newest by default.

    Returns:
        the columns of `documents` and `cosine_score` (-1 to 1), most similar first; equal ones by doc_id.

    Raises:
        CensusError: there is no such document, the vector has another shape, or the count is not positive.

    Source: `embeddings.parquet`: vectors of title and beginning, stored as float16.

    Example:
        >>> found = nearest("arxiv:2502.17424", 3)
        >>> len(found), bool(found["cosine_score"].is_monotonic_decreasing)
        (3, True)
    """
    census = census or load_census()
    if count < 1:
        raise CensusError(f"cannot find {count} documents", where="nearest", do="ask for one or more")
    if isinstance(query, str):
        doc_id = find_documents(query, census=census)["doc_id"].iloc[0]
        if pd.isna(doc_id):
            raise CensusError(
                "no document has this id or address", where=query, do="give an id such as arxiv:2502.17424"
            )
        row = int(np.flatnonzero(census.documents["doc_id"].to_numpy() == doc_id)[0])
        found = find_nearest(census, census.vectors[row], count + 1)
        return found[found["doc_id"] != doc_id].head(count).reset_index(drop=True)
    vector = np.asarray(query, dtype=np.float64)
    if vector.shape != census.vectors.shape[1:] or not np.isfinite(vector).all() or not vector.any():
        raise CensusError(
            f"a vector of the shape {vector.shape} is no document's",
            where="nearest",
            do=f"give {census.vectors.shape[1]} finite numbers, from the encoder {census.manifest['encoder']['name']}",
        )
    return find_nearest(census, vector / np.linalg.norm(vector), count).reset_index(drop=True)


def search(sentence: str, count: int = 10, *, census: Census | None = None) -> pd.DataFrame:
    """Returns the documents nearest to a sentence. Needs the extra `encode`, which brings the encoder and its weights.

    Args:
        sentence: what to look for, in words.
        count: how many documents.
        census: from `load_census`; the newest by default.

    Returns:
        as `nearest`.

    Raises:
        CensusError: the sentence is empty, the extra is missing, or its weights are not those that the census names.

    Source: `embeddings.parquet`, and the encoder that made it, checked by the SHA-256 of its weights.

    Example:
        >>> "scheming" in " ".join(search("scheming models", 5)["title"]).lower()  # doctest: +ENCODER
        True
    """
    census = census or load_census()
    if not sentence.strip():
        raise CensusError("the query is empty", where="search", do="say what to look for, in words")
    with needing("encode", "search"):
        from pipeline.embed.encoder import load_encoder  # noqa: PLC0415
        from pipeline.settings import Embed  # noqa: PLC0415

        made_with = census.manifest["encoder"]
        settings = Embed(
            model=made_with["name"],
            weights_sha256=made_with["weights_sha256"],
            dimension_count=census.vectors.shape[1],
            max_tokens=made_with["max_tokens"],
        )
        encoder = load_encoder(settings, CACHE.expanduser())
    return nearest(np.asarray(encoder([sentence])[0], dtype=np.float64), count, census=census)


def places(name: str, *, census: Census | None = None) -> pd.DataFrame:
    """Returns every place where one work stands: paper, linkpost, blog.

    Args:
        name: the id or the address of any of them.
        census: from `load_census`; the newest by default.

    Returns:
        rows of the table `works`, the one that represents the work first: `doc_id`, `work_id`, `frame`, `url`,
        `first_published_date` (of the work, as text), and `reason`, how it was found to be the same work.

    Raises:
        CensusError: no document has this id or address, or the census has no works.

    Source: `works.parquet`, made by the stage `corpus`.

    Example:
        >>> places("https://arxiv.org/abs/2502.17424")["work_id"].nunique()
        1
    """
    census = census or load_census()
    works = census.table("works")
    is_address = "://" in name
    wanted = canonical_id(name)
    is_named = works["doc_id"] == wanted
    if is_address and not is_named.any():
        is_named = works["url"].fillna("").map(canonicalise_url) == canonicalise_url(name)
    if not is_named.any():
        raise CensusError(
            "no document has this id or address", where=name, do="give an id such as arxiv:2502.17424, or its address"
        )
    rows = works[works["work_id"].isin(works.loc[is_named, "work_id"])]
    is_other = rows["doc_id"] != rows["work_id"]
    return (
        rows.assign(is_other=is_other)
        .sort_values(["work_id", "is_other", "frame", "doc_id"])
        .drop(columns="is_other")
        .reset_index(drop=True)
    )
