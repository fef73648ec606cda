"""What a coder is shown: the items of each task, in an order of the coder's own, blind to all that could sway."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.check import TASKS as TASKS
from pipeline.check import Task as Task
from pipeline.coding.cells import code_columns
from pipeline.coding.codebook import Codebook
from pipeline.coding.record_view import CLUSTER_COLUMNS, INTRUSION_COLUMNS, KEPT, SCREENING_COLUMNS
from pipeline.coding.sheets import read_csv_rows
from pipeline.errors import SheetError

CODED: frozenset[str] = frozenset(("documents", "extension", "adjudication", "gold", "retest", "practice"))
NAME_COLUMNS = ("cluster_id", "name", "note", *KEPT)
SHOWN_CHARACTERS = 2_600  # what the adjudicator of the first round saw
SCREENED_CHARACTERS = 220  # of the text, besides the title: what the screeners of the second round saw
MEMBER_CHARACTERS = 300
MEMBER_COUNT = 4  # shown beside one intruder


@dataclass(frozen=True)
class Item:
    """One screen: a document, or the members of a cluster.

    `key` is the sheet's key; members are (doc_id, title, text). Not shown: `random_ids`, the members that were drawn
    at random; stratum and frame; `text_sha256` of the whole text in the census; `proposed`, a cluster's name so far.
    """

    key: str
    title: str
    text: str
    url: str
    members: tuple[tuple[str, str, str], ...] = ()
    random_ids: frozenset[str] = frozenset()
    stratum: str = ""
    text_sha256: str = ""
    proposed: str = ""

    @property
    def shown_sha256(self) -> str:
        """Hash of exactly what is on the screen."""
        parts = [self.title, self.text, *(part for member in self.members for part in member)]
        return store.sha256_of_text("\n\n".join(parts))


def columns_for(task: Task, codebook: Codebook) -> tuple[str, ...]:
    """Returns the columns of a task's sheet, the key first."""
    fixed: Mapping[str, tuple[str, ...]] = {
        "clusters": CLUSTER_COLUMNS,
        "names": NAME_COLUMNS,
        "intrusion": INTRUSION_COLUMNS,
        "screening": SCREENING_COLUMNS,
    }
    return fixed.get(task) or ("doc_id", *code_columns(codebook), "note", "unsure", *KEPT)


def sheet_path(handcheck: Path, task: Task, coder: str) -> Path:
    """Returns where a coder's sheet of a task is: first readings of documents in sheets/, other tasks a folder each.

    Practice has a place of its own, from which nothing is ever estimated.

    Raises:
        SheetError: the name would leave the folder.
    """
    if not coder or not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in coder):
        raise SheetError(
            f"{coder!r} cannot name a sheet", where="CODER", do="use letters, digits, hyphens and underscores"
        )
    if task == "practice":
        return handcheck / "practice" / f"{coder}.csv"
    folder = handcheck / "sheets"
    return folder / f"{coder}.csv" if task in {"documents", "extension", "gold"} else folder / task / f"{coder}.csv"


def trial_path(handcheck: Path, task: Task, coder: str) -> Path:
    """Returns where the sheet of somebody who only tries a task is: beside the practice, never in `sheets`."""
    return handcheck / "practice" / "trial" / task / f"{sheet_path(handcheck, task, coder).stem}.csv"


def document_items(
    documents: pd.DataFrame,
    doc_ids: Sequence[str],
    texts: Mapping[str, str],
    strata: Mapping[str, str],
    limit: int = SHOWN_CHARACTERS,
) -> list[Item]:
    """Returns one item a document: title, text where there is one, link. Nothing else leaves the table."""
    return [
        Item(
            doc_id,
            str(row["title"]),
            shorten(texts.get(doc_id, ""), limit),
            str(row["url"] or ""),
            stratum=strata.get(doc_id, ""),
            text_sha256=str(row["text_sha256"] or ""),
        )
        for doc_id, row in ((doc_id, documents.loc[doc_id]) for doc_id in doc_ids)
    ]


def cluster_items(
    folder: Path,
    documents: pd.DataFrame,
    coder: str,
    texts: Mapping[str, str],
    names: Mapping[str, str] = {},
) -> list[Item]:
    """Returns one item a cluster: its random, central and border members, mixed so that none shows which it is."""
    return _group_items(folder / "cluster-members.csv", documents, coder, texts, names)


def intrusion_items(folder: Path, documents: pd.DataFrame, coder: str, texts: Mapping[str, str]) -> list[Item]:
    """Returns one item a cluster: four members and an intruder, mixed."""
    return _group_items(folder / "intrusion.csv", documents, coder, texts, {})


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


def shorten(text: str, limit: int) -> str:
    """Returns the beginning of a text, to the last whole word."""
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"


def _group_items(
    path: Path, documents: pd.DataFrame, coder: str, texts: Mapping[str, str], names: Mapping[str, str]
) -> list[Item]:
    shown: dict[str, dict[str, str]] = {}
    for line, row in read_csv_rows(path, ("cluster_id", "doc_id", "kind")):
        if row["doc_id"] not in documents.index:
            raise SheetError(f"there is no document {row['doc_id']!r}", where=f"{path}:{line}", do="draw the task anew")
        shown.setdefault(row["cluster_id"], {})[row["doc_id"]] = row["kind"]
    items = []
    for cluster_id, kind_of in shown.items():
        mixed = sorted(kind_of, key=lambda doc_id: hashlib.sha256(f"{coder}/{cluster_id}/{doc_id}".encode()).digest())
        facts = [(doc_id, documents.loc[doc_id]) for doc_id in mixed]
        members = tuple(
            (doc_id, str(row["title"]), shorten(texts.get(doc_id, ""), MEMBER_CHARACTERS)) for doc_id, row in facts
        )
        drawn = frozenset(doc_id for doc_id, kind in kind_of.items() if kind == "random")
        items.append(Item(cluster_id, "", "", "", members, drawn, proposed=names.get(cluster_id, "")))
    return items
