"""Where the censuses are: a folder that the environment names, an installed package of data, the checkout."""

import importlib.util
import os
import re
from pathlib import Path

from pipeline.errors import DataError
from pipeline.release.manifest import MANIFEST_NAME

VARIABLE = "CENSUS_DATA"
_VERSION = re.compile(r"\d+(\.\d+)+")
PACKAGE = "alignment_census_data"  # of the wheel alignment-census-data: one folder a version
CHECKOUT = Path(__file__).resolve().parents[2] / "data" / "raw" / "census"
HOW = (
    "install the data (pip install alignment-census-data), name the folder of a census, "
    f"or set {VARIABLE} to a folder of censuses"
)


def find_all() -> dict[str, tuple[str, Path]]:
    """Returns place and folder of each census by version; of one version at several places, the first stands."""
    found: dict[str, tuple[str, Path]] = {}
    for place, home in _list_homes():
        candidates = [home] if (home / MANIFEST_NAME).is_file() else sorted(home.glob("*"))
        for folder in candidates:
            if (folder / MANIFEST_NAME).is_file():
                found.setdefault(folder.name.removeprefix("census-"), (place, folder))
    return found


def resolve(place: str | Path | None) -> Path:
    """Returns the folder that a path, a version or nothing (the newest) stands for.

    Raises:
        DataError: there is no such census.
    """
    if place is not None and (Path(place).is_dir() or not _VERSION.fullmatch(str(place))):
        return Path(place)
    known = find_all()
    if place is None:
        if not known:
            raise DataError("there is no census here", where=f"{PACKAGE}, {VARIABLE}, {CHECKOUT}", do=HOW)
        named = {version: entry for version, entry in known.items() if entry[0] == VARIABLE}
        return max((named or known).items())[1][1]  # whoever names a folder means what is in it
    if str(place) in known:
        return known[str(place)][1]
    have = f"there are {', '.join(sorted(known))}; " if known else ""
    raise DataError("is neither a folder nor a version that is here", where=str(place), do=have + HOW)


def is_installed(place: str | Path | None) -> bool:
    """Whether a census lies inside an installed package, beside which nothing is to be written."""
    homes = [home for name, home in _list_homes() if name == "package"]
    return any(resolve(place).resolve().is_relative_to(home.resolve()) for home in homes)


def _list_homes() -> list[tuple[str, Path]]:
    named = os.environ.get(VARIABLE, "").strip()
    homes = [(VARIABLE, Path(named))] if named else []
    package = importlib.util.find_spec(PACKAGE)
    homes += [("package", Path(place)) for place in (package.submodule_search_locations or [])] if package else []
    return [*homes, ("checkout", CHECKOUT)]
