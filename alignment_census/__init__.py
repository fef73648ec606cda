"""The alignment census for whoever builds on it: ids, vectors, codes, weights, shares, and what they were made with.

    from alignment_census import load_census

    census = load_census()
    census.documents, census.vectors

What is imported is loaded when it is first used: loading a census needs numpy, pandas and pyarrow only. What needs more
says so, and names the extra that brings it. `help(alignment_census.NAME)` says what each takes, returns and raises.
"""

import importlib
from typing import TYPE_CHECKING, Any

from pipeline import __version__

if TYPE_CHECKING:
    from alignment_census.comparing import compare_censuses
    from alignment_census.estimates import Estimate, estimate_share, load_definitions, measure_agreement
    from alignment_census.loading import Census, CensusError, list_censuses, load_census, verify_census
    from alignment_census.lookups import find_documents, nearest, places, search
    from alignment_census.results import agendas, codes, people, predictions, share, weights
    from alignment_census.texts import canonical_id, extract_text
    from alignment_census.vectors import cluster_vectors, find_neighbours

_HOMES = {
    "loading": ("Census", "CensusError", "list_censuses", "load_census", "verify_census"),
    "results": ("agendas", "codes", "people", "predictions", "share", "weights"),
    "lookups": ("find_documents", "nearest", "places", "search"),
    "estimates": ("Estimate", "estimate_share", "load_definitions", "measure_agreement"),
    "comparing": ("compare_censuses",),
    "texts": ("canonical_id", "extract_text"),
    "vectors": ("cluster_vectors", "find_neighbours"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Census",
    "CensusError",
    "Estimate",
    "__version__",
    "agendas",
    "canonical_id",
    "cluster_vectors",
    "codes",
    "compare_censuses",
    "estimate_share",
    "extract_text",
    "find_documents",
    "find_neighbours",
    "list_censuses",
    "load_census",
    "load_definitions",
    "measure_agreement",
    "nearest",
    "people",
    "places",
    "predictions",
    "search",
    "share",
    "verify_census",
    "weights",
]


def __getattr__(name: str) -> Any:
    """Loads what is asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Returns the public names."""
    return sorted(__all__)
