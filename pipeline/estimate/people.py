"""Ways of counting output: documents, people, author slots, words, karma."""

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pandas as pd

from pipeline.errors import DataError

TRUNCATION = 0.99  # quantile of its frame at which a heavy-tailed size is cut
Sizes = Callable[[pd.DataFrame], np.ndarray]


def name_people(documents: pd.DataFrame, authorship: pd.DataFrame) -> pd.DataFrame:
    """Returns documents with columns names and persons: who wrote each, one person across handles and spellings.

    Args:
        documents: column doc_id.
        authorship: the table of that name, which has a row for each of them.

    Raises:
        DataError: it lacks a document.
    """
    places = pd.Index(authorship["doc_id"], dtype=object).get_indexer(documents["doc_id"].astype(object))
    missing = documents.loc[places < 0, "doc_id"]
    if len(missing):
        raise DataError(
            f"has no row for {missing.iloc[0]} and {len(missing) - 1} other documents",
            where="the table authorship",
            do="run the stage persons again",
        )
    return documents.assign(**{name: authorship[name].to_numpy()[places] for name in ("names", "persons")})


def size_by_people(documents: pd.DataFrame) -> np.ndarray:
    """Returns sum over a document's authors of 1 / (their documents): float (n,). Each person weighs one in all.

    Args:
        documents: column persons, lists; all documents of one frame. One that names nobody counts for nothing.
    """
    return _sum_over_people([list(people) for people in documents["persons"]])


def size_by_merged_people(documents: pd.DataFrame) -> np.ndarray:
    """Does the same, taking people with one surname and one first initial for one person: the other extreme."""
    merged = [list(dict.fromkeys(map(merge_name, people))) for people in documents["persons"]]
    return _sum_over_people(merged)


def size_by_slots(documents: pd.DataFrame) -> np.ndarray:
    """Returns the number of authors of a document, cut at the frame's 99th percentile: float (n,)."""
    return truncate(documents["persons"].str.len().to_numpy(dtype=float))


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
    "people": (size_by_people, "each person weighs one in the frame, and a document that names nobody nothing"),
    "people_merged": (size_by_merged_people, "people with one surname and first initial taken for one person"),
    "author_slots": (size_by_slots, "cut at the 99th percentile"),
    "words": (
        size_by_words,
        "words at hand, cut at the 99th percentile; drawn by document, so it covers less than stated",
    ),
    "karma": (size_by_karma, "cut at the 99th percentile; drawn by document, so it covers less than stated"),
}


def count_people(documents: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of the table `people`: how many people each frame names, and how far identity is in doubt.

    Args:
        documents: columns frame, names and persons (`name_people`).
    """
    rows = []
    for frame, part in documents.groupby("frame", sort=True):
        persons = [person for people in part["persons"] for person in people]
        per_person = pd.Series(persons, dtype=object).value_counts()
        rows.append(
            {
                "frame": frame,
                "n_population": len(part),
                "n_without_author": int((part["persons"].str.len() == 0).sum()),
                "n_author_slots": len(persons),
                "n_names": len({name for names in part["names"] for name in names}),
                "n_people": len(per_person),
                "n_people_merged": len({merge_name(person) for person in per_person.index}),
                "top_tenth_share": _share_of_busiest(per_person),
                "has_first_author_only": bool((part["persons"].str.len() <= 1).all()),
            }
        )
    return pd.DataFrame(rows)


def _share_of_busiest(per_person: pd.Series) -> float:
    """Returns the part of all author slots that the most frequent tenth of the people hold."""
    return float(per_person.iloc[: max(round(len(per_person) / 10), 1)].sum() / max(per_person.sum(), 1))


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


def _sum_over_people(lists: Sequence[Sequence[str]]) -> np.ndarray:
    counts = Counter(name for names in lists for name in names)
    part = {name: 1 / count for name, count in counts.items()}
    return np.array([math.fsum(part[name] for name in names) for names in lists], dtype=float)
