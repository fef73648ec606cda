"""What a coder is shown: the items of each task, in an order of the coder's own, blind to all that could sway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.coding.order import _hash
from pipeline.coding.records import CLUSTER_COLUMNS, DOCUMENT_COLUMNS, INTRUSION_COLUMNS
from pipeline.coding.sheets import read_csv_rows
from pipeline.errors import SheetError

Task = Literal["documents", "extension", "clusters", "intrusion", "adjudication"]
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "documents": DOCUMENT_COLUMNS,
    "extension": DOCUMENT_COLUMNS,
    "adjudication": DOCUMENT_COLUMNS,
    "clusters": CLUSTER_COLUMNS,
    "intrusion": INTRUSION_COLUMNS,
}
SHOWN_CHARACTERS = 2_600  # what the adjudicator of the first round saw
MEMBER_CHARACTERS = 300
MEMBER_COUNT = 4  # shown beside one intruder


@dataclass(frozen=True)
class Item:
    """One screen: a document, or the members of a cluster.

    `key` is the sheet's key; members are (doc_id, title, text); `random_ids`, which are not shown, are the members
    that were drawn at random.
    """

    key: str
    title: str
    text: str
    url: str
    members: tuple[tuple[str, str, str], ...] = ()
    random_ids: frozenset[str] = frozenset()


def sheet_path(handcheck: Path, task: Task, coder: str) -> Path:
    """Returns where a coder's sheet of a task is: documents, of an extension too, under sheets/, else a folder each.

    Raises:
        SheetError: the name would leave the folder.
    """
    if not coder or not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in coder):
        raise SheetError(
            f"{coder!r} cannot name a sheet", where="CODER", do="use letters, digits, hyphens and underscores"
        )
    folder = handcheck / "sheets"
    return folder / f"{coder}.csv" if task in {"documents", "extension"} else folder / task / f"{coder}.csv"


def document_items(documents: pd.DataFrame, doc_ids: Sequence[str]) -> list[Item]:
    """Returns one item a document: title, text where there is one, link. Nothing else leaves the table."""
    return [
        Item(doc_id, str(row["title"]), _shorten(row["text"], SHOWN_CHARACTERS), str(row["url"] or ""))
        for doc_id, row in ((doc_id, documents.loc[doc_id]) for doc_id in doc_ids)
    ]


def cluster_items(folder: Path, documents: pd.DataFrame, coder: str) -> list[Item]:
    """Returns one item a cluster: its random, central and border members, mixed so that none shows which it is."""
    return _group_items(folder / "cluster-members.csv", documents, coder)


def intrusion_items(folder: Path, documents: pd.DataFrame, coder: str) -> list[Item]:
    """Returns one item a cluster: four members and an intruder, mixed."""
    return _group_items(folder / "intrusion.csv", documents, coder)


def draw_cluster_members(clusters: pd.DataFrame) -> pd.DataFrame:
    """Returns what the clusters task shows: rows cluster_id, doc_id, kind (random, central or border)."""
    rows = []
    for row in clusters.to_dict("records"):
        kind_of: dict[str, str] = {}
        for kind, column in (("random", "random_ids"), ("central", "exemplar_ids"), ("border", "border_ids")):
            for doc_id in row[column]:
                kind_of.setdefault(doc_id, kind)  # a random draw that is also central counts as random
        rows += [{"cluster_id": row["cluster_id"], "doc_id": doc_id, "kind": kind} for doc_id, kind in kind_of.items()]
    return pd.DataFrame(rows)


def draw_intrusion(members: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Returns what the intrusion task shows: rows cluster_id, doc_id, kind (member or intruder).

    Four random members of each cluster, and one document from another cluster of the same layer, which a cluster
    gives in proportion to its size (that is: a random document from outside).
    """
    rows = []
    for layer, part in members.groupby("layer", sort=True):
        for cluster_id in sorted(part["cluster_id"].unique()):
            rng = np.random.default_rng([seed, *f"{layer}/{cluster_id}".encode()])
            inside = np.sort(part.loc[part["cluster_id"] == cluster_id, "doc_id"].to_numpy(dtype=str))
            outside = np.sort(part.loc[part["cluster_id"] != cluster_id, "doc_id"].to_numpy(dtype=str))
            if len(inside) < MEMBER_COUNT or not len(outside):
                continue
            shown = [(doc_id, "member") for doc_id in rng.choice(inside, MEMBER_COUNT, replace=False)]
            shown.append((rng.choice(outside), "intruder"))
            rows += [{"cluster_id": cluster_id, "doc_id": str(doc_id), "kind": kind} for doc_id, kind in shown]
    return pd.DataFrame(rows)


def freeze_draws(folder: Path, clusters: pd.DataFrame, members: pd.DataFrame, seed: int) -> None:
    """Writes what both cluster tasks show into the round's folder, so that a later clustering cannot change it."""
    store.write_csv(folder / "cluster-members.csv", draw_cluster_members(clusters))
    store.write_csv(folder / "intrusion.csv", draw_intrusion(members, seed))


def _group_items(path: Path, documents: pd.DataFrame, coder: str) -> list[Item]:
    shown: dict[str, dict[str, str]] = {}
    for line, row in read_csv_rows(path, ("cluster_id", "doc_id", "kind")):
        if row["doc_id"] not in documents.index:
            raise SheetError(f"there is no document {row['doc_id']!r}", where=f"{path}:{line}", do="draw the task anew")
        shown.setdefault(row["cluster_id"], {})[row["doc_id"]] = row["kind"]
    items = []
    for cluster_id, kind_of in shown.items():
        mixed = sorted(kind_of, key=lambda doc_id: _hash(f"{coder}/{cluster_id}/{doc_id}"))
        facts = [(doc_id, documents.loc[doc_id]) for doc_id in mixed]
        members = tuple((doc_id, str(row["title"]), _shorten(row["text"], MEMBER_CHARACTERS)) for doc_id, row in facts)
        drawn = frozenset(doc_id for doc_id, kind in kind_of.items() if kind == "random")
        items.append(Item(cluster_id, "", "", "", members, drawn))
    return items


def _shorten(text: object, limit: int) -> str:
    if not isinstance(text, str):
        return ""
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"
