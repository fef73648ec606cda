"""Loading a census, wherever it is: an installed package of data, a checkout, or a folder."""

from pathlib import Path

import pandas as pd

from pipeline.errors import PipelineError as CensusError
from pipeline.release import found
from pipeline.release import load as release
from pipeline.release.load import Census
from pipeline.release.manifest import read_manifest

__all__ = ["Census", "CensusError", "list_censuses", "load_census", "verify_census"]


def load_census(
    place: str | Path | None = None, *, memory_map: bool = True, is_full_check: bool = False, digest: str = ""
) -> Census:
    """Loads a census: one table of documents, and their vectors, row for row.

    Every file that is read has the SHA-256 that the manifest of the census says, or there is an error. Nothing is asked
    of the network.

    Args:
        place: the folder of a census, or the version of one that is installed, such as "2026.07". By default the
            newest in `CENSUS_DATA` (a folder of censuses, or of one), where that is set; else the newest of those in
            the installed package `alignment-census-data` and in the checkout that this program runs from.
        memory_map: keep the float32 matrix in a file beside the census and map it, so that the next loading is
            immediate and several processes share the memory. Where nothing can be written, and for installed
            packages, the matrix is in memory.
        is_full_check: hash the vectors again, even where size and times of the file are those noted last time.
        digest: the SHA-256 of its `SHA256SUMS`, as a report or a paper prints it: then the manifest is checked too.

    Returns:
        `documents`, one row a document in doc_id order; `vectors`, float32 (n_documents, n_dims), unit rows, row for
        row the documents'; `manifest`; `folder`; and `table(name)` for every other table.

    Raises:
        CensusError: there is no census, a file of it is missing or damaged, or it has another digest.

    Source: `data/raw/census/<version>/` of the repository, made by `make dataset` and `make release`.

    Example:
        >>> census = load_census()
        >>> len(census.documents) == len(census.vectors)
        True
        >>> census.vectors.dtype, census.vectors.shape[1]
        (dtype('float32'), 384)
    """
    return release.load_census(
        found.resolve(place),
        memory_map=memory_map and not found.is_installed(place),
        is_full_check=is_full_check,
        digest=digest,
    )


def list_censuses() -> pd.DataFrame:
    """Returns the censuses that `load_census` finds by version, the newest last.

    Returns:
        columns version, document_count (documents), place ("CENSUS_DATA", "package" or "checkout") and folder; no rows
        where there is none.

    Raises:
        CensusError: the manifest of one is damaged.

    Source: the places that `load_census` names.

    Example:
        >>> list_censuses().columns.tolist()
        ['version', 'document_count', 'place', 'folder']
    """
    rows = [
        (version, read_manifest(folder)["document_count"], place, str(folder))
        for version, (place, folder) in sorted(found.find_all().items())
    ]
    return pd.DataFrame(rows, columns=["version", "document_count", "place", "folder"])


def verify_census(place: str | Path | None = None) -> str:
    """Recomputes every hash, key, foreign key and count of a census. Needs the extra `pipeline`.

    Args:
        place: as for `load_census`.

    Returns:
        its digest: the SHA-256 of its `SHA256SUMS`, 64 hexadecimal digits; cite it.

    Raises:
        CensusError: something does not hold; or the extra is missing.

    Source: the census's own `manifest.json` and `SHA256SUMS`.

    Example:
        >>> len(verify_census())
        64
    """
    from alignment_census.needs import needing  # noqa: PLC0415

    folder = found.resolve(place)
    with needing("pipeline", "verify_census"):
        from pipeline.dataset.verify import verify_release  # noqa: PLC0415
    from pipeline.release.manifest import release_digest  # noqa: PLC0415

    verify_release(folder)
    return release_digest(folder)
