"""Names that readers gave to groups of documents: the list of proposals, and the sheets of the reading room."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.coding.record_view import DONE, KINDS
from pipeline.coding.sheets import read_csv_rows
from pipeline.errors import SheetError

log = logging.getLogger(__name__)
LIST = "cluster-names.csv"
TASKS = ("names", "clusters")  # both ask for a name; who was asked for nothing else is heard first


@dataclass(frozen=True)
class SetName:
    """A name that a reader gave a cluster, and what the reader is."""

    name: str
    kind: str


def read_set_names(handcheck: Path) -> dict[str, SetName]:
    """Returns the name of each cluster that a reader has named.

    A person's name wins over a language model's. Among names of one kind `cluster-names.csv` wins over the sheets of
    the task names, and these over those of the task clusters; then the sheet that is first in the alphabet.

    Args:
        handcheck: the folder of the hand check.

    Raises:
        SheetError: a file is malformed, a kind is unknown, or the list names a cluster twice by the same kind.
    """
    found: dict[tuple[str, str], SetName] = {}
    for cluster_id, name in (*_read_list(handcheck / LIST), *_read_sheets(handcheck / "sheets")):
        kept = found.setdefault((cluster_id, name.kind), name)
        if kept.name != name.name and name.kind == KINDS[0]:
            log.warning("two people name %s: %r is kept, %r is not", cluster_id, kept.name, name.name)
    weakest_first = sorted(found.items(), key=lambda item: -KINDS.index(item[1].kind))
    return {cluster_id: name for (cluster_id, _), name in weakest_first}


def _read_list(path: Path) -> Iterator[tuple[str, SetName]]:
    seen = set()
    for line, row in read_csv_rows(path, ("cluster_id", "name", "kind")) if path.exists() else ():
        key = (row["cluster_id"], row["kind"])
        if row["kind"] not in KINDS or not row["name"] or key in seen:
            raise SheetError(
                f"{row['cluster_id']!r} has no name, is named twice, or the kind is not one of {', '.join(KINDS)}",
                where=f"{path}:{line}",
                do="mend the line",
            )
        seen.add(key)
        yield row["cluster_id"], SetName(row["name"], row["kind"])


def _read_sheets(folder: Path) -> Iterator[tuple[str, SetName]]:
    for task in TASKS:
        for path in sorted((folder / task).glob("*.csv")):
            for line, row in read_csv_rows(path, ("cluster_id", "name", "state", "coder_kind")):
                if row["state"] != DONE or not row["name"].strip():
                    continue
                if row["coder_kind"] not in KINDS:
                    raise SheetError(
                        f"coder_kind {row['coder_kind']!r} is not one of {', '.join(KINDS)}",
                        where=f"{path}:{line}",
                        do="say who read",
                    )
                yield row["cluster_id"], SetName(row["name"].strip(), row["coder_kind"])
