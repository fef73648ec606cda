"""One coder at one task: what is to be read, in which order, and the record that keys go into."""

import contextlib
import fcntl
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.check import tasks
from pipeline.check.study import Study, load_study, required_columns
from pipeline.check.tasks import Item, Task
from pipeline.check.texts import find_texts
from pipeline.coding.cells import clean_cells, code_columns, find_cell_problem
from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.design import list_drawn
from pipeline.coding.extension import read_extension, wanted_ids
from pipeline.coding.group_names import read_set_names
from pipeline.coding.kinds import find_kind
from pipeline.coding.order import order_for, shuffle_batches
from pipeline.coding.precedence import find_page_sheets, settle_by_precedence
from pipeline.coding.records import DONE, DRAFT, Context, Record, journal_path, open_record, save_row, say_kind
from pipeline.coding.rounds import list_coders, listed_coders, read_seed, shown_round
from pipeline.coding.sheets import read_csv_rows
from pipeline.config import Config
from pipeline.errors import DataError, SheetError
from pipeline.schemas import DOCUMENTS

TRIAL = "trial"  # the answer of somebody who only looks: nothing of it is ever counted
SCREENS = {"yes": "may be in scope", "edge": "at the edge", "none": "out of scope"}
RETEST_COUNT = 50  # documents read a second time to see how far a reader agrees with itself


@dataclass(frozen=True)
class Session:
    """One coder at one task.

    Attributes:
        items: in the coder's order.
        others: codes of the readers by item key, for adjudication, shown on demand only.
        handcheck: where sheets and rounds are.
    """

    task: Task
    coder: str
    items: list[Item]
    record: Record
    codebook: Codebook
    codebook_text: str
    codebook_version: str
    study: Study
    handcheck: Path
    round: str
    others: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What the coder is: person, language model, or nothing while nobody has said."""
        return self.record.kind


def load_session(
    config: Config, task: Task, coder: str, kind: str = "", *, round_name: str = "", needs_texts: bool = True
) -> Session:
    """Reads everything that one coder needs for one task.

    Args:
        config: of the project.
        task: one of `tasks.TASKS`.
        coder: names the sheet.
        kind: person, language model, or `trial`; empty where it is known or will be asked.
        round_name: the round to read; that of the estimate by default.
        needs_texts: False where ids are enough, as for an import: documents outside the census are taken then.

    Raises:
        SheetError: the coder's name, kind or sheet, or the round's files, do not fit.
        DataError: the documents are missing.
    """
    handcheck = config.path(config.paths.handcheck)
    name = round_name or ("" if task == "practice" else shown_round(handcheck, config.estimate))
    folder = handcheck / "rounds" / name
    if not folder.is_dir():
        known = ", ".join(path.name for path in sorted(folder.parent.glob("*/"))) or "none"
        raise SheetError(f"there is no round {name!r}", where="ROUND", do=f"use one of: {known}")
    path = tasks.sheet_path(handcheck, task, coder)
    known_kind = find_kind(handcheck, coder)
    if kind == TRIAL and task != "practice":
        path = tasks.trial_path(handcheck, task, coder)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    study = load_study(handcheck / "codebook", codebook)
    _refuse_finished(handcheck, path, task)
    record = open_record(
        path, tasks.columns_for(task, codebook), lambda column, value: find_problem_of_cell(codebook, column, value)
    )
    if task == "practice" or kind == TRIAL:
        say_kind(record, record.kind or "person")
    elif kind or known_kind:
        _agree_on_kind(record, kind, known_kind, handcheck)
    items = _list_items(config, task, name, folder, coder, codebook, study, record, needs_texts=needs_texts)
    arrange = shuffle_batches if task == "extension" else order_for
    order = arrange(f"{coder}/{task}" if task == "retest" else coder, list(items), read_seed(folder, config.seed))
    if task == "adjudication":
        ruled = _list_ruled(handcheck, coder)
        order.sort(key=lambda doc_id: doc_id in ruled)  # what nobody has ruled on comes first
    text = (handcheck / "codebook" / "CODEBOOK.md").read_text(encoding="utf-8")
    version = re.search(r"Codebook (v[\d.]+)", text)
    return Session(
        task,
        coder,
        list(items.values()) if task == "practice" else [items[key] for key in order],
        record,
        codebook,
        text,
        version.group(1) if version else "",
        study,
        handcheck,
        name,
        _read_others(handcheck, coder, codebook, set(items)) if task == "adjudication" else {},
    )


def find_problem_of_cell(codebook: Codebook, column: str, value: str) -> str:
    """Returns what is wrong with a cell of any task, or nothing."""
    if column == "is_one_agenda" and value not in {"", "yes", "no", "unsure"}:
        return f"is_one_agenda {value[:40]!r} is not yes, no or unsure"
    if column == "screen" and value not in {"", *SCREENS}:
        return f"screen {value[:40]!r} is not one of {', '.join(SCREENS)}"
    return find_cell_problem(codebook, column, value)


def missing_cells(session: Session, row: Mapping[str, str]) -> list[str]:
    """Returns the cells without which a row is not done."""
    return [column for column in required_columns(session.task, session.study, session.codebook) if not row.get(column)]


def context_of(session: Session, item: Item, *, by: str = "key", model: str = "") -> Context:
    """Returns what is known when a cell of an item is filled."""
    shown = (item.shown_sha256, str(len(item.text))) if item.title else ("", "")
    return Context(session.codebook_version, item.text_sha256, *shown, model, by)


def save_cells(session: Session, item: Item, cells: Mapping[str, str]) -> dict[str, str]:
    """Saves what one key did to one item; a row that lacks a cell, or the quotation of a ruling, is a draft.

    Raises:
        SheetError: it could not be saved, or a ruling that overturns an agreement quotes nothing.
    """
    values = clean_cells(session.codebook, cells) if session.task in tasks.CODED else dict(cells)
    known = session.record.rows.get(item.key, {})
    after = {**known, **values}
    if missing_cells(session, after):
        if known.get("state", DRAFT) != DRAFT or "state" in values:
            values["state"] = DRAFT
    elif values.get("state") == DONE:
        problem = find_missing_quote(session, item, after)
        if problem:
            raise SheetError(problem, where=item.key, do="quote them in the note")
    if session.task == "clusters":
        values["shown_ids"] = " ".join(doc_id for doc_id, _, _ in item.members)
    changed = {column: value for column, value in values.items() if value != known.get(column, "")}
    if not changed:
        return known
    return save_row(session.record, item.key, changed, context_of(session, item))


def find_missing_quote(session: Session, item: Item, row: Mapping[str, str]) -> str:
    """Returns what is wrong with a ruling that leaves the leaf on which all readers agree without quoting the text."""
    leaves = {other["leaf"] for other in session.others.get(item.key, ())}
    if session.task != "adjudication" or len(session.others.get(item.key, ())) < 2 or len(leaves) != 1:
        return ""
    note = row.get("note", "")
    if row.get("leaf") in leaves or (quotes(note, f"{item.title} {item.text}") if item.text else note):
        return ""  # without the text at hand no quotation can be checked, only asked for
    return f"all readers say {leaves.pop()}; who leaves that quotes the words of the text that decide"


def quotes(note: str, text: str, word_count: int = 3) -> bool:
    """Says whether a note holds some words of the text, one after another."""
    words, told = (re.findall(r"\w+", part.casefold()) for part in (note, text))
    runs = {tuple(told[place : place + word_count]) for place in range(len(told) - word_count + 1)}
    if not text.strip() or len(told) < word_count:
        return bool(note.strip())
    return any(tuple(words[place : place + word_count]) in runs for place in range(len(words) - word_count + 1))


@contextlib.contextmanager
def lock_sheet(path: Path) -> Iterator[None]:
    """Holds a coder's sheet, so that a second page of the same coder cannot overwrite it.

    Raises:
        SheetError: it is held already.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / f".{path.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SheetError(
                "the sheet is open in another page",
                where=str(path),
                do="open its link in a second tab instead, close it, or use another CODER",
            ) from None
        yield


def _agree_on_kind(record: Record, kind: str, known: str, handcheck: Path) -> None:
    if kind and known and kind != known:
        raise SheetError(
            f"{record.coder} is a {known}, not a {kind}",
            where=str(handcheck),
            do="use a CODER of its own; if the record is wrong: make check KIND=… CHECK=--correct-kind",
        )
    if record.kind != (kind or known):
        say_kind(record, kind or known)


def _list_items(
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


def _list_ruled(handcheck: Path, coder: str) -> set[str]:
    """Returns the documents that an adjudicator other than the coder has ruled on."""
    listed = [
        handcheck / "sheets" / f"{one.sheet}.csv" for one in listed_coders(handcheck) if one.role == "adjudicator"
    ]
    paths = [*listed, *sorted((handcheck / "sheets" / "adjudication").glob("*.csv"))]
    others = [path for path in paths if path.stem != coder and path.exists()]
    rows = [row for path in others for _, row in read_csv_rows(path, ("doc_id", "leaf"))]
    return {row["doc_id"] for row in rows if row["leaf"] and row.get("state") != DRAFT}


def _refuse_finished(handcheck: Path, path: Path, task: Task) -> None:
    """A language model's sheet that the round lists and no journal stands behind was finished elsewhere: it stays."""
    is_ours = journal_path(path).exists() or not path.exists()
    if task not in {"documents", "extension"} or is_ours:
        return
    if any(one.sheet == path.stem and one.kind == "language model" for one in listed_coders(handcheck)):
        raise SheetError(
            f"{path.stem} is a finished sheet of this round", where=str(path), do="read under a name of your own"
        )


def _read_others(handcheck: Path, coder: str, codebook: Codebook, wanted: set[str]) -> dict[str, list[dict[str, str]]]:
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
