"""What an agenda looks like from outside: its neighbours, the agendas it shares documents with, its people."""

from collections import Counter

import numpy as np
import pandas as pd

from pipeline.coding.agenda_list import AgendaList

NEIGHBOUR_COUNT = 3
PEOPLE_COUNT = 8
EXEMPLAR_COUNT = 8
LEAST_WORKS = 2  # who wrote one document is no one who works on the agenda


def profile_agendas(
    listed: AgendaList, documents: pd.DataFrame, vectors: np.ndarray, chances: np.ndarray, is_assigned: np.ndarray
) -> pd.DataFrame:
    """Returns the rows of the table `agenda_list`, without growth.

    Args:
        listed: the agendas.
        documents: columns doc_id, persons (who wrote each), published_year; n rows.
        vectors: float16 (n, n_dims), unit rows.
        chances: float (n, n_agendas).
        is_assigned: bool (n, n_agendas).
    """
    near, shared = _rank_by_vectors(vectors, is_assigned), _rank_by_members(is_assigned)
    rows = []
    for place, agenda in enumerate(listed.agendas):
        mine = np.flatnonzero(is_assigned[:, place])
        members = documents.iloc[mine]
        people = count_people(members["persons"])
        surest = mine[np.argsort(-chances[mine, place], kind="stable")[:EXEMPLAR_COUNT]]
        years = members["published_year"].dropna()
        rows.append(
            {
                "agenda": agenda.id,
                "name": agenda.name,
                "says": agenda.says,
                "leaves": list(agenda.leaves),
                "document_count": len(members),
                "first_year": int(years.min()) if len(years) else None,
                "neighbours": [listed.ids[other] for other in near[place]],
                "shared": [listed.ids[other] for other in shared[place]],
                "people": [name for name, _ in people],
                "people_counts": [count for _, count in people],
                "exemplar_ids": documents["doc_id"].iloc[surest].to_list(),
            }
        )
    return pd.DataFrame(rows)


def count_people(persons: pd.Series) -> list[tuple[str, int]]:
    """Returns who wrote most documents, of several alike the first in the alphabet, with their documents."""
    counts = Counter(name for names in persons for name in dict.fromkeys(names))
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(name, count) for name, count in ranked if count >= LEAST_WORKS][:PEOPLE_COUNT]


def _rank_by_vectors(vectors: np.ndarray, is_assigned: np.ndarray) -> list[list[int]]:
    """Returns the nearest other agendas by the cosine of mean vectors, the mean of all documents taken away."""
    exact = vectors.astype(np.float64)
    count = is_assigned.sum(axis=0)
    means = is_assigned.T.astype(np.float64) @ exact / np.maximum(count, 1)[:, None] - exact.mean(axis=0)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    cosine = (means @ means.T).round(6)
    cosine[:, count == 0] = -1.0
    return [_first(cosine[place], place, cosine[place] > -1.0) if count[place] else [] for place in range(len(cosine))]


def _rank_by_members(is_assigned: np.ndarray) -> list[list[int]]:
    together = is_assigned.T.astype(np.float64) @ is_assigned.astype(np.float64)  # whole numbers, and faster so
    return [_first(together[place], place, together[place] > 0) for place in range(len(together))]


def _first(score: np.ndarray, own: int, is_able: np.ndarray) -> list[int]:
    order = np.argsort(-score, kind="stable")
    return [int(other) for other in order if other != own and is_able[other]][:NEIGHBOUR_COUNT]
