"""What changed between two census versions: a page made from their tables alone."""

from pathlib import Path

import pandas as pd

from pipeline.errors import DataError

SHARE_KEY = ["frame", "year", "denominator", "definition", "weight"]


def find_last_version(reports: Path, version: str) -> str | None:
    """Returns the newest version before `version` that has a table of shares, or None."""
    versions = sorted(path.parent.parent.name for path in reports.glob("*/tables/shares.csv"))
    earlier = [name for name in versions if name < version and not name.startswith(".")]
    return earlier[-1] if earlier else None


def compare_shares(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Returns the shares that both versions have, side by side.

    Columns: the key, and share, low, high, n_population, n_members, n_read and share_unpredicted of each, with `_old`
    and `_new`; `change_share`; `is_apart`, whether the two intervals do not overlap. Early versions do not say all.
    """
    columns = [*SHARE_KEY, "share", "low", "high", "n_population", "n_members", "n_read", "share_unpredicted"]
    old = old.assign(n_members=old.get("n_members", old["n_population"]))
    both = old.reindex(columns=columns).merge(new[columns], on=SHARE_KEY, suffixes=("_old", "_new"))
    both["change_share"] = both["share_new"] - both["share_old"]
    both["is_apart"] = (both["high_old"] < both["low_new"]) | (both["high_new"] < both["low_old"])
    return both.sort_values(SHARE_KEY, ignore_index=True)


def compare_documents(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Returns the size of each frame in both versions; 0 where a version does not have it."""
    columns = ["frame", "n_population", "n_read"]
    both = old[columns].merge(new[columns], on="frame", how="outer", suffixes=("_old", "_new"))
    return both.fillna(0).sort_values("frame", ignore_index=True)


def compare_codes(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Returns the documents that both versions read and settled differently: doc_id, title, leaf_old, leaf_new."""
    both = old[["doc_id", "leaf"]].merge(new[["doc_id", "title", "leaf"]], on="doc_id", suffixes=("_old", "_new"))
    return both[both["leaf_old"] != both["leaf_new"]].sort_values("doc_id", ignore_index=True)


def read_version(folder: Path, name: str) -> pd.DataFrame:
    """Reads a table of a published version.

    Raises:
        DataError: the file is missing or is not CSV.
    """
    path = folder / "tables" / f"{name}.csv"
    try:
        return pd.read_csv(path, dtype={"year": str}, keep_default_na=True).fillna(
            {"year": ""} if name == "shares" else {}
        )
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot be read ({error})", where=str(path), do="restore the old report from git, or remove its folder"
        ) from None
