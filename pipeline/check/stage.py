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
from pipeline.check import exports, imports, tasks
from pipeline.check.page import Desk, make_app
from pipeline.check.session import TRIAL, Session, load_session, lock_sheet
from pipeline.check.tasks import Task
from pipeline.check.texts import fetch_texts
from pipeline.coding import records
from pipeline.coding.record_view import KINDS
from pipeline.coding.rounds import listed_coders, shown_round
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

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line a key, with the link's secret in it, helps nobody
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
    """Replaces a wrong record of what a coder is, in every sheet of that coder.

    Raises:
        SheetError: the kind is none, the coder has no sheet, or a round lists the coder as something else.
    """
    handcheck = config.path(config.paths.handcheck)
    if kind not in KINDS:
        raise SheetError(f"{kind or 'nothing'!r} is no kind of reader", where="KIND", do="person or language model")
    if any(one.sheet == coder and one.kind != kind for one in listed_coders(handcheck)):
        raise SheetError(
            f"a drawn round lists {coder} as another kind",
            where=str(handcheck / "rounds"),
            do="it is finished: leave it",
        )
    paths = [path for path in sorted((handcheck / "sheets").rglob(f"{coder}.csv")) if path.is_file()]
    if not paths:
        raise SheetError(f"{coder} has no sheet", where=str(handcheck / "sheets"), do="name who has read something")
    for path in paths:
        with lock_sheet(path):
            header = path.read_text(encoding="utf-8-sig").split("\n", 1)[0].split(",")
            record = records.open_record(path, tuple(name.strip() for name in header), is_kind_open=True)
            records.correct_kind(record, kind)
    log.info("kind: %s is a %s now, in %d sheet%s", coder, kind, len(paths), "" if len(paths) == 1 else "s")
    return 0


def run_draw(config: Config) -> int:
    """Writes what the cluster tasks of the round show."""
    handcheck = config.path(config.paths.handcheck)
    folder = handcheck / "rounds" / shown_round(handcheck, config.estimate)
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
    format: str = "",  # noqa: A002  the option's name
    model: str = "",
) -> int:
    """Writes documents to be coded elsewhere: JSON lines for a model, a batch service's requests, or a spreadsheet."""
    path = _named(file)
    session = load_session(config, task, coder, round_name=round_name)
    items = exports.waiting_items(session, stratum, count)
    if (format or ("sheet" if path.suffix == ".csv" else "items")) == "sheet":
        imports.write_blank(session, path, items)
    else:
        exports.write_items(session, path, items, is_batch=format == "batch", model=model)
    bare = sum(not item.text and not item.members for item in items)
    if bare:
        log.warning("export: %d of %d have no text on this machine, only titles; run make hydrate", bare, len(items))
    log.info("export: %d documents -> %s", len(items), path)
    return 0


def run_pack(
    config: Config,
    coder: str,
    file: str = "",
    task: Task = "documents",
    *,
    kind: str = "",
    round_name: str = "",
    stratum: str = "",
    count: int = 50,
) -> int:
    """Writes an invited reader's documents as one HTML file that works offline and saves to a file."""
    from pipeline.check.pack import write_pack  # noqa: PLC0415  needs the templates

    session = load_session(config, task, coder, kind, round_name=round_name)
    path = Path(file or f"read-{coder}.html")
    items = exports.waiting_items(session, stratum, count)
    written = write_pack(session, path, items)
    bare = sum(not item.text for item in items)
    if bare:
        log.info("pack: %d of them have no text on this machine; run make hydrate first", bare)
    log.info("pack: %d documents -> %s; take back what comes: make import FILE=… CODER=%s", written, path, coder)
    return 0


def run_read_model(
    config: Config,
    coder: str,
    model_url: str,
    task: Task = "documents",
    *,
    model: str = "",
    round_name: str = "",
    stratum: str = "",
    count: int = 0,
    workers: int = 4,
    timeout: int = 120,
    price_in: str = "0",
    price_out: str = "0",
    max_price: str = "0",
    estimate_only: bool = False,
) -> int:
    """Has a language model read, at any OpenAI-compatible endpoint.

    Returns:
        the exit status: 0, or 3 if some documents have no code after this run.
    """
    from pipeline.check import read_model  # noqa: PLC0415  needs `requests`
    from pipeline.check.endpoint import find_model, open_endpoint  # noqa: PLC0415

    endpoint = open_endpoint(model_url, timeout)
    name = model or find_model(endpoint)
    session = load_session(config, task, coder, "language model", round_name=round_name)
    wording = 2 if task == "retest" else 1  # reading again asks in other words and another order
    prices = [
        _read_price(told, option)
        for told, option in ((price_in, "PRICE_IN"), (price_out, "PRICE_OUT"), (max_price, "MAX_PRICE"))
    ]
    plan = read_model.Plan(name, {**exports.PARAMETERS, "seed": config.seed}, max(1, workers), wording, *prices)
    items = exports.waiting_items(session, stratum, count)
    if estimate_only:
        print(read_model.first_estimate(session, items, plan).describe())
        return 0
    with lock_sheet(session.record.path):
        found = read_model.read_items(session, items, endpoint, plan)
    for doc_id, problem in (found.rejects or {}).items():
        log.info("read-model: %s: rejected: %s", doc_id, problem)
    log.info(
        "read-model: %d documents coded by %s, %d taken from answers at hand, %d rejected, %d not answered; "
        "%d tokens in, %d out -> %s",
        found.coded,
        name,
        found.recovered,
        len(found.rejects or {}),
        found.unanswered,
        found.prompt_tokens,
        found.answer_tokens,
        session.record.path,
    )
    return 3 if found.rejects or found.unanswered else 0


def _read_price(told: str, option: str) -> float:
    try:
        price = float(told)
    except ValueError:
        price = -1
    if not 0 <= price < float("inf"):
        raise SheetError(f"{told!r} is no price", where=option, do="write a number, such as 0.15")
    return price


def _named(file: str) -> Path:
    """Returns the file that an option names.

    Raises:
        SheetError: it names none.
    """
    if not file:
        raise SheetError("no file is named", where="FILE", do="say which: FILE=codes.csv")
    return Path(file)
