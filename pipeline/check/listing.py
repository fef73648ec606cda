"""What is to be read at a task: its items, and what the readers said of them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.check import tasks
from pipeline.check.study import Study
from pipeline.check.tasks import Item, Task
from pipeline.check.texts import find_texts
from pipeline.coding.cells import code_columns
from pipeline.coding.codebook import Codebook
from pipeline.coding.design import list_drawn
from pipeline.coding.extension import read_extension, wanted_ids
from pipeline.coding.group_names import read_set_names
from pipeline.coding.precedence import find_page_sheets, settle_by_precedence
from pipeline.coding.record_view import DRAFT, Record
from pipeline.coding.rounds import list_coders, listed_coders
from pipeline.coding.sheets import read_csv_rows
from pipeline.config import Config
from pipeline.errors import DataError, SheetError
from pipeline.schemas import DOCUMENTS

RETEST_COUNT = 50  # documents read a second time to see how far a reader agrees with itself


def list_items(
    config: Config,
    task: Task,
    name: str,
    folder: Path,
    coder: str,
    codebook: Codebook,
    study: Study,
    record: Record,
    *,
    needs_texts: bool,
) -> dict[str, Item]:
    """Returns the items of a task by their keys, in no order; without `needs_texts` also what is not here."""
    if task == "practice":
        return {
            f"practice:{number:02d}": Item(f"practice:{number:02d}", item.title, item.text, "")
            for number, item in enumerate(study.practice, start=1)
        }
    documents = _read_documents(config, needs_texts=needs_texts)
    if task in {"clusters", "names", "intrusion"}:
        file = "intrusion.csv" if task == "intrusion" else "cluster-members.csv"
        shown = [row["doc_id"] for _, row in read_csv_rows(folder / file, ("cluster_id", "doc_id"))]
        texts = find_texts(config, documents, dict.fromkeys(shown)) if needs_texts else {}
        if task == "intrusion":
            found = tasks.intrusion_items(folder, documents, coder, texts)
        else:
            set_names = read_set_names(folder.parent.parent) if task == "names" else {}
            names = {cluster_id: one.name for cluster_id, one in set_names.items()}
            found = tasks.cluster_items(folder, documents, coder, texts, names)
        return {item.key: item for item in found}
    strata = _read_strata(folder)
    doc_ids = _list_documents(config, task, folder, codebook, record, strata, documents.index)
    unknown = [doc_id for doc_id in doc_ids if doc_id not in documents.index]
    if unknown and needs_texts:
        raise SheetError(f"{unknown[0]} is not in the census", where=str(folder), do="run make corpus")
    limit = tasks.SCREENED_CHARACTERS if task == "screening" else tasks.SHOWN_CHARACTERS
    there = [doc_id for doc_id in doc_ids if doc_id in documents.index]
    texts = find_texts(config, documents, there) if needs_texts else {}
    items = {item.key: item for item in tasks.document_items(documents, there, texts, strata, limit)}
    return items | {doc_id: Item(doc_id, "", "", "", stratum=strata.get(doc_id, "")) for doc_id in unknown}


def _list_documents(
    config: Config,
    task: Task,
    folder: Path,
    codebook: Codebook,
    record: Record,
    strata: Mapping[str, str],
    known: pd.Index,
) -> list[str]:
    """Returns the documents of a task, in no order that matters but for an extension."""
    handcheck = config.path(config.paths.handcheck)
    if task == "screening":
        return list(strata)
    if task == "retest":
        path = tasks.sheet_path(handcheck, "documents", record.coder)
        read = read_csv_rows(path, ("doc_id", "leaf")) if path.exists() else []
        done = [row["doc_id"] for _, row in read if row["leaf"] and row.get("state") != DRAFT]
        if not done:
            raise SheetError(f"{record.coder} has read nothing yet", where=str(path), do="read some documents first")
        return [doc_id for doc_id in done if doc_id in known][:RETEST_COUNT]
    if task == "gold":
        rows = read_csv_rows(folder / "gold.csv", ("doc_id",)) if (folder / "gold.csv").exists() else []
        if not rows:
            raise SheetError(
                "no document is drawn for gold", where=str(folder / "gold.csv"), do="draw some: make gold N=125"
            )
        return [row["doc_id"] for _, row in rows]
    beyond = wanted_ids(read_extension(folder))
    if task == "extension":
        if not beyond:
            raise SheetError(
                "no document is drawn beyond the round's sample",
                where=str(folder),
                do='draw some: make plan DRAW="FRAME/YEAR DEFINITION"',
            )
        return beyond
    to_read = _read_ids(folder)
    if task == "adjudication":
        drawn = set(list_drawn(folder))
        drawn |= _find_disputed(handcheck, [*to_read, *beyond], codebook, known)
        return [doc_id for doc_id in dict.fromkeys((*to_read, *sorted(drawn), *beyond)) if doc_id in drawn]
    return to_read


def _read_documents(config: Config, *, needs_texts: bool) -> pd.DataFrame:
    columns = ("doc_id", "title", "text", "url", "text_sha256")
    try:
        documents = store.read_table(DOCUMENTS, config.processed("documents"), columns)
    except DataError:
        if needs_texts:
            raise
        documents = pd.DataFrame(columns=list(columns))
    return documents.set_index("doc_id")


def _read_strata(folder: Path) -> dict[str, str]:
    return {row["doc_id"]: row["stratum"] for _, row in read_csv_rows(folder / "sample.csv", ("doc_id", "stratum"))}


def _read_ids(folder: Path) -> list[str]:
    """Returns the documents of a round that are to be read: all, unless a screening left some out."""
    rows = read_csv_rows(folder / "sample.csv", ("doc_id",))
    return [row["doc_id"] for _, row in rows if row.get("is_read", "True") == "True"]


def _find_disputed(handcheck: Path, doc_ids: list[str], codebook: Codebook, known: pd.Index) -> set[str]:
    """Returns the documents that people read and put into different groups, also where another person ruled since."""
    sheets = find_page_sheets(handcheck, list_coders(handcheck), codebook, known)
    people = [sheet for sheet in sheets if sheet.kind == "person" and sheet.role == "reader"]
    settled = settle_by_precedence(people, doc_ids)
    return set(settled.index[settled["needs_adjudication"]]) if len(settled) else set()


def list_ruled(handcheck: Path, coder: str) -> set[str]:
    """Returns the documents that an adjudicator other than the coder has ruled on."""
    listed = [
        handcheck / "sheets" / f"{one.sheet}.csv" for one in listed_coders(handcheck) if one.role == "adjudicator"
    ]
    paths = [*listed, *sorted((handcheck / "sheets" / "adjudication").glob("*.csv"))]
    others = [path for path in paths if path.stem != coder and path.exists()]
    rows = [row for path in others for _, row in read_csv_rows(path, ("doc_id", "leaf"))]
    return {row["doc_id"] for row in rows if row["leaf"] and row.get("state") != DRAFT}


def read_others(handcheck: Path, coder: str, codebook: Codebook, wanted: set[str]) -> dict[str, list[dict[str, str]]]:
    """Returns the codes of every reader of the documents, without the names."""
    others: dict[str, list[dict[str, str]]] = {}
    rulings = {one.sheet for one in listed_coders(handcheck) if one.role == "adjudicator"}
    for path in sorted((handcheck / "sheets").glob("*.csv")):
        if path.stem in {coder, *rulings}:
            continue
        for _, row in read_csv_rows(path, ("doc_id", "leaf")):
            if row["doc_id"] in wanted and row["leaf"] and row.get("state") != DRAFT:
                codes = " ".join(row.get(column, "") for column in code_columns(codebook) if column != "leaf2")
                told = {"codes": " ".join(codes.split()), "leaf": row["leaf"], "note": row.get("note", "")}
                others.setdefault(row["doc_id"], []).append(told)
    return others
