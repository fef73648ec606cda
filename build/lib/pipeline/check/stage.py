"""What the commands of the reading room do: load, serve or check, save."""

import contextlib
import logging
import secrets
import threading
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path

from werkzeug.serving import make_server

from pipeline import store
from pipeline.check import imports, tasks
from pipeline.check.page import Desk, make_app
from pipeline.check.session import TRIAL, Session, load_session, lock_sheet
from pipeline.check.tasks import Task
from pipeline.check.texts import fetch_texts
from pipeline.coding import records
from pipeline.config import Config
from pipeline.errors import SheetError
from pipeline.schemas import CLUSTER_MEMBERS, CLUSTERS

log = logging.getLogger(__name__)
HOST = "127.0.0.1"


def run_check(
    config: Config,
    coder: str,
    task: Task = "documents",
    *,
    kind: str = "",
    round_name: str = "",
    port: int = 0,
    no_browser: bool = False,
    correct_kind: bool = False,
) -> int:
    """Serves the page until it is interrupted.

    Args:
        config: of the project.
        coder: names the sheet.
        task: what is read.
        kind: person, language model or trial; empty: the page asks, once for each coder.
        round_name: the round; that of the estimate by default.
        port: 0 takes any free one.
        no_browser: prints the link only.
        correct_kind: a wrong record of the coder's kind is replaced by `kind` in every sheet, and nothing is served.
    """
    if correct_kind:
        return run_correct_kind(config, coder, kind)
    session = load_session(config, task, coder, kind, round_name=round_name)
    trial = tasks.trial_path(session.handcheck, task, coder)

    def try_out() -> Session:
        return load_session(config, task, coder, TRIAL, round_name=round_name)

    def fetch(doc_ids: Sequence[str]) -> Mapping[str, str]:
        return fetch_texts(config, doc_ids)

    desk = Desk(session, fetch, try_out if not session.kind else None)
    token = secrets.token_urlsafe(24)
    with lock_sheet(session.record.path), lock_sheet(trial) if desk.try_out else contextlib.nullcontext():
        server = make_server(HOST, port, make_app(desk, token, ()), threaded=True)
        hosts = [f"{name}:{server.port}" for name in (HOST, "localhost")]
        server.app = make_app(desk, token, hosts)
        link = f"http://{HOST}:{server.port}/?token={token}"
        print(
            f"{len(session.items)} to read; the sheet is {session.record.path}\n{link}\nStop with Ctrl-C.", flush=True
        )
        if not no_browser:
            threading.Timer(0.3, webbrowser.open, (link,)).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def run_correct_kind(config: Config, coder: str, kind: str) -> int:
    """Replaces a wrong record of what a coder is, in every sheet of that coder."""
    handcheck = config.path(config.paths.handcheck)
    paths = [path for path in sorted((handcheck / "sheets").rglob(f"{coder}.csv")) if path.is_file()]
    for path in paths:
        with lock_sheet(path):
            header = path.read_text(encoding="utf-8-sig").split("\n", 1)[0].split(",")
            record = records.open_record(path, tuple(name.strip() for name in header), is_kind_open=True)
            records.correct_kind(record, kind)
    log.info("kind: %s is a %s now, in %d sheets", coder, kind, len(paths))
    return 0


def run_draw(config: Config) -> int:
    """Writes what the cluster tasks of the round show."""
    folder = config.path(config.paths.handcheck, "rounds", config.estimate.round)
    clusters = store.read_table(CLUSTERS, config.processed("clusters"))
    members = store.read_table(CLUSTER_MEMBERS, config.processed("cluster_members"))
    tasks.freeze_draws(folder, clusters, members, config.seed)
    log.info("draw: %d clusters -> %s", len(clusters), folder)
    return 0


def run_import(
    config: Config, file: str, coder: str, task: Task = "documents", *, kind: str = "", round_name: str = ""
) -> int:
    """Takes a file of codes (CSV, JSON lines, a batch service's answers, a packed page's file), all of it or nothing.

    Returns:
        the exit status: 0, or 1 after one line a problem.
    """
    path = _named(file)
    session = load_session(
        config, task, coder, kind or imports.kind_in_file(path), round_name=round_name, needs_texts=False
    )
    with lock_sheet(session.record.path):
        found = imports.import_file(session, path)
    for problem in found.problems:
        print(problem)
    if found.problems:
        print(f"{len(found.problems)} problems; nothing was taken. Mend the lines and import again.")
        return 1
    for notice in (*session.record.notices, *found.notices):
        log.info("import: %s", notice)
    log.info("import: %d documents -> %s", found.count, session.record.path)
    return 0


def run_export(
    config: Config,
    file: str,
    coder: str = "reader",
    task: Task = "documents",
    *,
    round_name: str = "",
    stratum: str = "",
    count: int = 0,
) -> int:
    """Writes documents to be coded elsewhere: a spreadsheet (.csv)."""
    session = load_session(config, task, coder, round_name=round_name)
    written = imports.write_blank(session, _named(file), count or len(session.items))
    log.info("export: %d documents -> %s", written, file)
    return 0


def _named(file: str) -> Path:
    """Returns the file that an option names.

    Raises:
        SheetError: it names none.
    """
    if not file:
        raise SheetError("no file is named", where="FILE", do="say which: FILE=codes.csv")
    return Path(file)
