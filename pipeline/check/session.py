"""One coder at one task: what is to be read, in which order, and the record that keys go into."""

import contextlib
import fcntl
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.check import tasks
from pipeline.check.listing import list_items, list_ruled, read_others
from pipeline.check.study import Study, load_study, required_columns
from pipeline.check.tasks import Item, Task
from pipeline.coding.cells import clean_cells, find_cell_problem
from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.kinds import find_kind
from pipeline.coding.order import order_for, shuffle_batches
from pipeline.coding.record_view import DONE, DRAFT, Context, Record
from pipeline.coding.records import journal_path, open_record, save_row, say_kind
from pipeline.coding.rounds import listed_coders, read_seed, shown_round
from pipeline.config import Config
from pipeline.errors import SheetError

TRIAL = "trial"  # the answer of somebody who only looks: nothing of it is ever counted
SCREENS = {"yes": "may be in scope", "edge": "at the edge", "none": "out of scope"}


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
    items = list_items(config, task, name, folder, coder, codebook, study, record, needs_texts=needs_texts)
    arrange = shuffle_batches if task == "extension" else order_for
    order = arrange(f"{coder}/{task}" if task == "retest" else coder, list(items), read_seed(folder, config.seed))
    if task == "adjudication":
        ruled = list_ruled(handcheck, coder)
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
        read_others(handcheck, coder, codebook, set(items)) if task == "adjudication" else {},
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


def _refuse_finished(handcheck: Path, path: Path, task: Task) -> None:
    """A language model's sheet that the round lists and no journal stands behind was finished elsewhere: it stays."""
    is_ours = journal_path(path).exists() or not path.exists()
    if task not in {"documents", "extension"} or is_ours:
        return
    if any(one.sheet == path.stem and one.kind == "language model" for one in listed_coders(handcheck)):
        raise SheetError(
            f"{path.stem} is a finished sheet of this round", where=str(path), do="read under a name of your own"
        )
