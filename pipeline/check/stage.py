"""What the commands of the hand check do: load, serve or check, save."""

import argparse
import contextlib
import fcntl
import logging
import re
import secrets
import threading
import tomllib
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
from werkzeug.serving import make_server

from pipeline import store
from pipeline.check import imports, tasks
from pipeline.check.page import Session, make_app
from pipeline.coding.codebook import AXES, load_codebook
from pipeline.coding.extension import read_extension, wanted_ids
from pipeline.coding.order import order_for, shuffle_batches
from pipeline.coding.precedence import find_page_sheets, settle_by_precedence
from pipeline.coding.records import open_record
from pipeline.coding.rounds import read_sample_ids, read_seed
from pipeline.coding.sheets import read_csv_rows
from pipeline.config import Config
from pipeline.errors import SheetError
from pipeline.schemas import CLUSTER_MEMBERS, CLUSTERS, DOCUMENTS

log = logging.getLogger(__name__)
HOST = "127.0.0.1"


def run(config: Config, **options: object) -> int:
    """Serves the page. The options are those of the stage's declaration."""
    return run_page(config, argparse.Namespace(**options))


def run_page(config: Config, options: argparse.Namespace) -> int:
    """Serves the page until it is interrupted."""
    session = load_session(config, options.task, options.coder, options.kind, show_codes=options.show_codes)
    token = secrets.token_urlsafe(24)
    with lock_sheet(session.record.path):
        server = make_server(HOST, options.port, make_app(session, token, ()), threaded=True)
        hosts = [f"{name}:{server.port}" for name in (HOST, "localhost")]
        server.app = make_app(session, token, hosts)
        link = f"http://{HOST}:{server.port}/?token={token}"
        print(
            f"{len(session.items)} to read; the sheet is {session.record.path}\n{link}\nStop with Ctrl-C.", flush=True
        )
        if not options.no_browser:
            threading.Timer(0.3, webbrowser.open, (link,)).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def run_draw(config: Config, options: argparse.Namespace) -> int:
    """Writes what the cluster tasks of the round show."""
    folder = config.path(config.paths.handcheck, "rounds", config.estimate.round)
    clusters = store.read_table(CLUSTERS, config.processed("clusters"))
    members = store.read_table(CLUSTER_MEMBERS, config.processed("cluster_members"))
    tasks.freeze_draws(folder, clusters, members, config.seed)
    log.info("draw: %d clusters -> %s", len(clusters), folder)
    return 0


def run_blank(config: Config, options: argparse.Namespace) -> int:
    """Writes the coder's next documents as a spreadsheet to fill."""
    session = load_session(config, options.task, options.coder, options.kind)
    count = imports.write_blank(session, options.file, options.count)
    log.info("blank: %d documents -> %s", count, options.file)
    return 0


def run_import(config: Config, options: argparse.Namespace) -> int:
    """Takes a filled spreadsheet, or says line by line what is wrong and takes nothing."""
    session = load_session(config, options.task, options.coder, options.kind)
    with lock_sheet(session.record.path):
        problems, count = imports.import_sheet(session, options.file)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problems; nothing was taken. Mend the lines and import again.")
        return 1
    log.info("import: %d documents -> %s", count, session.record.path)
    return 0


def load_session(config: Config, task: tasks.Task, coder: str, kind: str, *, show_codes: bool = False) -> Session:
    """Reads everything that one coder needs for one task.

    Raises:
        SheetError: the coder's name or sheet, or the round's files, do not fit.
        DataError: the documents are missing.
    """
    handcheck = config.path(config.paths.handcheck)
    folder = handcheck / "rounds" / config.estimate.round
    documents = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "title", "text", "url"))
    documents = documents.set_index("doc_id")
    path = tasks.sheet_path(handcheck, task, coder)
    _refuse_other_kind(folder, path, task)
    items = _list_items(task, folder, handcheck, config, documents, coder)
    arrange = shuffle_batches if task == "extension" else order_for
    order = arrange(coder, list(items), read_seed(folder, config.seed))
    text = (handcheck / "codebook" / "CODEBOOK.md").read_text(encoding="utf-8")
    version = re.search(r"Codebook (v[\d.]+)", text)
    return Session(
        "documents" if task == "extension" else task,
        coder,
        kind,
        [items[key] for key in order],
        open_record(path, tasks.COLUMNS[task]),
        load_codebook(handcheck / "codebook" / "codebook.toml"),
        text,
        version.group(1) if version else "",
        _read_others(handcheck, coder, documents.index) if show_codes and task == "adjudication" else {},
    )


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
                "the sheet is open in another page", where=str(path), do="close it, or use another CODER"
            ) from None
        yield


def _list_items(
    task: tasks.Task, folder: Path, handcheck: Path, config: Config, documents: pd.DataFrame, coder: str
) -> dict[str, tasks.Item]:
    if task == "clusters":
        found = tasks.cluster_items(folder, documents, coder)
    elif task == "intrusion":
        found = tasks.intrusion_items(folder, documents, coder)
    else:
        doc_ids, beyond = read_sample_ids(handcheck, config.estimate.round), wanted_ids(read_extension(folder))
        if task == "extension" and not beyond:
            raise SheetError(
                "no document is drawn beyond the round's sample",
                where=str(folder),
                do='draw some: make plan DRAW="FRAME/YEAR DEFINITION"',
            )
        if task == "extension":
            doc_ids = beyond
        elif task == "adjudication":
            rows = read_csv_rows(folder / "adjudication.csv", ("doc_id", "adjudicated"))
            drawn = {row["doc_id"] for _, row in rows if row["adjudicated"] == "True"}
            drawn |= _find_disputed(handcheck, [*doc_ids, *beyond], documents.index)
            doc_ids = [doc_id for doc_id in (*doc_ids, *beyond) if doc_id in drawn]
        unknown = [doc_id for doc_id in doc_ids if doc_id not in documents.index]
        if unknown:
            raise SheetError(f"{unknown[0]} is not in the census", where=str(folder), do="run make corpus")
        found = tasks.document_items(documents, doc_ids)
    return {item.key: item for item in found}


def _find_disputed(handcheck: Path, doc_ids: list[str], known: pd.Index) -> set[str]:
    """Returns the documents that people read and put into different groups, also where another person ruled since."""
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    rounds = sorted((handcheck / "rounds").glob("*/round.toml"))
    listed = {coder["sheet"] for path in rounds for coder in tomllib.loads(path.read_text(encoding="utf-8"))["coders"]}
    sheets = find_page_sheets(handcheck, listed, codebook, known)
    people = [sheet for sheet in sheets if sheet.kind == "person" and sheet.role == "reader"]
    settled = settle_by_precedence(people, doc_ids)
    return set(settled.index[settled["needs_adjudication"]]) if len(settled) else set()


def _refuse_other_kind(folder: Path, path: Path, task: tasks.Task) -> None:
    """A sheet that the round lists is finished: a page must not write over it."""
    about = (folder / "round.toml").read_text(encoding="utf-8") if (folder / "round.toml").exists() else ""
    if task in {"documents", "extension"} and f'sheet = "{path.stem}"' in about and 'kind = "language model"' in about:
        raise SheetError(
            f"{path.stem} is a finished sheet of this round", where=str(path), do="read under a name of your own"
        )


def _read_others(handcheck: Path, coder: str, known: pd.Index) -> Mapping[str, Sequence[Mapping[str, str]]]:
    """Returns the codes of every other documents sheet, without the names."""
    others: dict[str, list[dict[str, str]]] = {}
    for path in sorted((handcheck / "sheets").glob("*.csv")):
        if path.stem in {coder, "adjudicator"}:
            continue
        for _, row in read_csv_rows(path, ("doc_id", "leaf", *AXES, "confidence")):
            if row["doc_id"] in known:
                codes = " ".join(row[column] for column in ("leaf", *AXES, "confidence"))
                others.setdefault(row["doc_id"], []).append({"codes": codes, "note": row.get("note", "")})
    return others
