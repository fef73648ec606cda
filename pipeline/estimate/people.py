"""Ways of counting output: documents, people, author slots, words, karma."""

import unicodedata
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pandas as pd

TRUNCATION = 0.99  # quantile of its frame at which a heavy-tailed size is cut
Sizes = Callable[[pd.DataFrame], np.ndarray]


def size_by_people(documents: pd.DataFrame) -> np.ndarray:
    """Returns sum over a document's authors of 1 / (their documents): float (n,). Each person weighs one in all.

    Args:
        documents: column authors, lists of names; all documents of one frame.
    """
    return _sum_over_names([_names(authors) for authors in documents["authors"]])


def size_by_merged_people(documents: pd.DataFrame) -> np.ndarray:
    """Does the same, taking names with one surname and one first initial for one person: the other extreme."""
    merged = [list(dict.fromkeys(merge_name(name) for name in _names(authors))) for authors in documents["authors"]]
    return _sum_over_names(merged)


def size_by_slots(documents: pd.DataFrame) -> np.ndarray:
    """Returns the number of names on a document, cut at the frame's 99th percentile: float (n,)."""
    return truncate(np.array([len(_names(authors)) for authors in documents["authors"]], dtype=float))


def size_by_words(documents: pd.DataFrame) -> np.ndarray | None:
    """Returns the words of the text at hand, cut at the frame's 99th percentile; None where any is an opening only."""
    if documents["text_kind"].isin(["opening"]).any():
        return None
    return truncate(documents["word_count"].to_numpy(dtype=float))


def size_by_karma(documents: pd.DataFrame) -> np.ndarray | None:
    """Returns the karma, at least 0 and cut at the frame's 99th percentile; None where a document has none."""
    if documents["karma"].isna().any():
        return None
    return truncate(np.maximum(documents["karma"].to_numpy(dtype=float), 0.0))


# Each way of counting besides documents, with what to know of its interval.
WEIGHTS: dict[str, tuple[Callable[[pd.DataFrame], np.ndarray | None], str]] = {
    "people": (size_by_people, "each name weighs one in the frame"),
    "people_merged": (size_by_merged_people, "names with one surname and first initial taken for one person"),
    "author_slots": (size_by_slots, "cut at the 99th percentile"),
    "words": (
        size_by_words,
        "words at hand, cut at the 99th percentile; drawn by document, so it covers less than stated",
    ),
    "karma": (size_by_karma, "cut at the 99th percentile; drawn by document, so it covers less than stated"),
}


def count_people(documents: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of the table `people`: how many names each frame has, and how far identity is in doubt."""
    rows = []
    for frame, part in documents.groupby("frame", sort=True):
        lists = [_names(authors) for authors in part["authors"]]
        names = [name for authors in lists for name in authors]
        per_name = pd.Series(names, dtype=object).value_counts()
        rows.append(
            {
                "frame": frame,
                "n_population": len(part),
                "n_without_author": sum(not authors for authors in lists),
                "n_author_slots": len(names),
                "n_people": len(per_name),
                "n_people_merged": len({merge_name(name) for name in names}),
                "top_tenth_share": float(per_name.iloc[: max(round(len(per_name) / 10), 1)].sum() / max(len(names), 1)),
                "has_first_author_only": max((len(authors) for authors in lists), default=0) <= 1,
            }
        )
    return pd.DataFrame(rows)


@cache
def merge_name(name: str) -> str:
    """Returns surname and first initial without case and accents; a one-word name, such as a handle, stays whole."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold().replace(".", " ").split()
    if not plain:
        return name
    return plain[0] if len(plain) == 1 else f"{plain[-1]} {plain[0][0]}"


def truncate(sizes: np.ndarray) -> np.ndarray:
    """Returns sizes cut at their 99th percentile (the nearest value from above, so that it is one that occurs)."""
    return np.minimum(sizes, np.quantile(sizes, TRUNCATION, method="higher")) if len(sizes) else sizes


def _names(authors: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name for name in authors if name.strip()))


def _sum_over_names(lists: Sequence[Sequence[str]]) -> np.ndarray:
    counts = pd.Series([name for names in lists for name in names], dtype=object).value_counts().to_dict()
    return np.array([sum(1 / counts[name] for name in sorted(names)) for names in lists], dtype=float)
