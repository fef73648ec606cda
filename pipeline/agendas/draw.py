"""Command `agenda-draw`: documents assigned to each agenda, drawn at random to be read, so that its precision is known.

The draw is frozen as a file of its own; what is read of it goes into a sheet under `sheets/agendas/`, as all reading.
"""

import hashlib
import json
import logging
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.coding.agenda_list import FILE, AgendaList, load_agendas
from pipeline.coding.codebook import load_codebook
from pipeline.config import Config
from pipeline.errors import DataError, SheetError
from pipeline.schemas import AGENDA_MEMBERS, DOCUMENTS

log = logging.getLogger(__name__)
DRAWS = "agenda-draws"
COLUMNS = ("agenda", "doc_id", "chance", "n_assigned", "agendas_version")


def run(config: Config, name: str = "", count: int = 2, file: str = "") -> None:
    """Draws `count` unread documents assigned to each agenda, freezes the draw, and writes the items to be read.

    Raises:
        DataError: the draw has no name or exists, or nothing can be drawn.
    """
    if not name.replace("-", "").isalnum() or count < 1:
        raise DataError(
            "a draw needs a name and a count", where="agenda-draw", do="agenda-draw --name 2027-01 --count 2"
        )
    handcheck = config.path(config.paths.handcheck)
    path = handcheck / DRAWS / f"{name}.csv"
    if path.exists():
        raise DataError("the draw exists, and a draw is never changed", where=str(path), do="give another name")
    listed = load_agendas(handcheck / FILE, load_codebook(handcheck / "codebook" / "codebook.toml"))
    members = store.read_table(AGENDA_MEMBERS, config.processed("agenda_members"))
    drawn = draw_documents(members, listed, count, config.seed)
    if not len(drawn):
        raise DataError("no agenda has an unread document assigned", where=str(path), do="run make agendas")
    path.parent.mkdir(parents=True, exist_ok=True)
    store.write_csv(path, drawn)
    items = Path(file or f"agendas-{name}.jsonl")
    documents = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "title", "url", "text"))
    store.write_text(items, list_items(documents, drawn["doc_id"]))
    log.info("agenda-draw: %d documents of %d agendas -> %s, %s", len(drawn), drawn["agenda"].nunique(), path, items)


def draw_documents(members: pd.DataFrame, listed: AgendaList, count: int, seed: int) -> pd.DataFrame:
    """Returns the draw, by permanent random numbers: a later, larger one holds an earlier one of the same documents."""
    parts = []
    able = members[members["is_assigned"].astype(bool) & ~members["is_read"].astype(bool)]
    for agenda in listed.ids:
        mine = able[able["agenda"] == agenda]
        order = mine["doc_id"].map(lambda doc_id, name=agenda: _random_number(f"{seed}/{name}/{doc_id}"))
        chosen = mine.assign(order=order).sort_values("order").head(count)
        parts.append(chosen.assign(n_assigned=len(mine), agendas_version=listed.version)[list(COLUMNS)])
    return pd.concat(parts, ignore_index=True)


def list_items(documents: pd.DataFrame, doc_ids: pd.Series) -> str:
    """Returns one line of JSON for each document, in the order of its id, without what it was drawn for."""
    chosen = documents[documents["doc_id"].isin(doc_ids)].sort_values("doc_id")
    rows = chosen.astype(object).where(chosen.notna(), "").to_dict("records")
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def score_draws(handcheck: Path, listed: AgendaList, sheets: pd.DataFrame) -> pd.DataFrame:
    """Returns how many documents of every draw were read, and how many of these are of their agenda, by agenda.

    Seeds are left out: they are of their agenda by choice.

    Raises:
        SheetError: a draw names an unknown agenda or lacks a column.
    """
    read = dict(sheets["agendas"])
    seeds = {(agenda.id, seed) for agenda in listed.agendas for seed in agenda.seeds}
    drawn, right = (dict.fromkeys(listed.ids, 0) for _ in range(2))
    for path in sorted((handcheck / DRAWS).glob("*.csv")):
        rows = pd.read_csv(path)
        missing = [column for column in COLUMNS if column not in rows]
        unknown = [] if missing else sorted(set(rows["agenda"]) - set(listed.ids))
        if missing or unknown:
            what = f"lacks the column {missing[0]}" if missing else f"there is no agenda {unknown[0]!r}"
            raise SheetError(what, where=str(path), do="restore the file: a draw is never changed")
        for row in rows[rows["agendas_version"] == listed.version].to_dict("records"):
            agenda, doc_id = str(row["agenda"]), str(row["doc_id"])
            if doc_id in read and (agenda, doc_id) not in seeds:
                drawn[agenda] += 1
                right[agenda] += agenda in read[doc_id]
    return pd.DataFrame({"n_drawn": drawn, "n_right": right}, index=list(listed.ids))


def _random_number(key: str) -> float:
    return int(hashlib.sha256(key.encode()).hexdigest()[:16], 16) / 2**64
