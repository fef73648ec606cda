"""The reading room's page: one decision at a time, on this machine only, saved before it says so."""

import hmac
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask import Flask, Response, jsonify, render_template, request

from pipeline.check import progress, tasks
from pipeline.check.describe import describe_task, explain_answer, show_item
from pipeline.check.session import TRIAL, Session, find_problem_of_cell, save_cells
from pipeline.check.tasks import Item
from pipeline.coding.certify import certify
from pipeline.coding.journal import utc_now
from pipeline.coding.record_view import DONE, DRAFT, KINDS
from pipeline.coding.records import say_kind, undo
from pipeline.errors import PipelineError

TOKEN_HEADER = "X-Census-Token"
SEEN_HEADER = "X-Census-Seen"  # the time of the row's last change that a tab knew of
POLICY = (
    "default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
FREE_COLUMNS = ("note", "name", "off_ids")
CELL_LIMIT = 4_000  # characters
FETCHED_AT_ONCE = 10  # documents whose texts one question to a site brings
Fetch = Callable[[Sequence[str]], Mapping[str, str]]


@dataclass
class Desk:
    """What the page serves; choosing `trial` puts another session in its place.

    Attributes:
        fetch: asks sites for texts; None where the network is not wanted.
        try_out: returns the same task in the place where nothing counts.
    """

    session: Session
    fetch: Fetch | None = None
    try_out: Callable[[], Session] | None = None


def make_app(desk: Desk | Session, token: str, hosts: Sequence[str]) -> Flask:
    """Returns the application.

    Every request needs the token (in the link for the page, in a header for the rest), a Host that is this machine,
    and, to save, an Origin that is this page: another site open in the same browser can neither read nor write.

    Args:
        desk: what is read and by whom.
        token: the secret in the link.
        hosts: allowed Host headers, such as 127.0.0.1:8000.
    """
    desk = desk if isinstance(desk, Desk) else Desk(desk)
    app = Flask(__name__, static_folder="static", template_folder="static")
    app.json.sort_keys = False  # type: ignore[attr-defined]  # leaves come in the codebook's order: E2 before E10
    _guard(app, token, hosts)
    _add_reading(app, desk)
    _add_writing(app, desk)
    return app


def find_problem(session: Session, values: Mapping[str, object]) -> str:
    """Returns what is wrong with cells that the page sent, or an empty text."""
    mine = {session.record.key, "saved_at", "started_at", "coder_kind", "codebook_version", "text_sha256", "shown_ids"}
    for column, value in values.items():
        if column not in session.record.columns or column in mine:
            return f"there is no column {column!r} to fill"
        if not isinstance(value, str) or len(value) > CELL_LIMIT:
            return f"{column} is not a short text"
        if column == "state" and value not in {DRAFT, DONE}:
            return f"state {value!r} is not draft or done"
        problem = find_problem_of_cell(session.codebook, column, value) if column not in FREE_COLUMNS else ""
        if problem:
            return problem
    return ""


def _guard(app: Flask, token: str, hosts: Sequence[str]) -> None:
    @app.before_request
    def refuse_strangers() -> Response | None:
        given = request.headers.get(TOKEN_HEADER) or request.args.get("token", "")
        is_ours = request.host in hosts and request.headers.get("Origin", f"http://{request.host}") in {
            f"http://{host}" for host in hosts
        }
        if is_ours and (request.endpoint == "static" or hmac.compare_digest(given.encode(), token.encode())):
            return None
        return _answer(403, "not from here, or without the token of the link")

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.errorhandler(PipelineError)
    def explain(error: PipelineError) -> Response:
        return _answer(409, str(error))

    @app.errorhandler(Exception)
    def admit(error: Exception) -> Response:
        status = getattr(error, "code", 500)
        if status == 500:
            app.logger.exception("the page met an error of its own")
        return _answer(status, f"the page met an error ({type(error).__name__}); nothing was saved by this key")


def _add_reading(app: Flask, desk: Desk) -> None:
    @app.get("/")
    def page() -> str:
        return render_template("page.html", task=desk.session.task)

    @app.get("/api/session")
    def describe() -> Response:
        session = desk.session
        notices, session.record.notices = session.record.notices, []
        return jsonify(
            {
                **describe_task(session),
                **progress.summarise(session),
                "filters": progress.list_filters(session.items),
                "notices": notices,
                "can_fetch": desk.fetch is not None,
                "can_try": desk.try_out is not None,
            }
        )

    @app.get("/api/numbers")
    def numbers() -> Response:
        stratum = request.args.get("stratum", "")
        found = progress.list_numbers(desk.session, stratum)
        return jsonify({"numbers": found, **progress.summarise(desk.session, stratum)})

    @app.get("/api/item/<int:number>")
    def show(number: int) -> Response:
        session = desk.session
        if not 0 <= number < len(session.items):
            return _answer(404, "there is no such item")
        item = session.items[number]
        extra = {"certified": _certify(session, item), "answer": explain_answer(session, item)}
        return jsonify({**show_item(session, number), **extra})

    @app.get("/api/history")
    def history() -> Response:
        return jsonify(progress.list_history(desk.session))

    @app.get("/api/agreement")
    def agreement() -> Response:
        return jsonify(progress.compare_with_others(desk.session))


def _add_writing(app: Flask, desk: Desk) -> None:
    lock = threading.Lock()

    @app.post("/api/item/<int:number>")
    def save(number: int) -> Response:
        session, values = desk.session, request.get_json(silent=True)
        if not 0 <= number < len(session.items) or not isinstance(values, dict):
            return _answer(400, "needs an item and its cells")
        problem = find_problem(session, values)
        if problem:
            return _answer(400, problem)
        item = session.items[number]
        with lock:
            clash = _find_clash(session, item, values, request.headers.get(SEEN_HEADER))
            if clash:
                row = session.record.rows[item.key]
                return jsonify({"error": clash, "row": row}), 409  # type: ignore[return-value]
            row = save_cells(session, item, {str(key): str(value) for key, value in values.items()})
        return _saved(desk, item, row)

    @app.post("/api/undo")
    def take_back() -> Response:
        with lock:
            key = undo(desk.session.record)
        place = {item.key: number for number, item in enumerate(desk.session.items)}
        if key not in place:
            return _answer(409, "there is nothing to undo")
        return jsonify({"number": place[key]})

    @app.post("/api/kind")
    def say() -> Response:
        kind = (request.get_json(silent=True) or {}).get("kind")
        with lock:
            if kind == TRIAL and desk.try_out:
                desk.session, desk.try_out = desk.try_out(), None
            elif kind in KINDS:
                say_kind(desk.session.record, kind)
            else:
                return _answer(400, "say person or language model")
        return jsonify({"kind": desk.session.kind})

    @app.post("/api/item/<int:number>/others")
    def others(number: int) -> Response:
        session = desk.session
        if not 0 <= number < len(session.items) or session.task != "adjudication":
            return _answer(404, "there is no such item")
        item = session.items[number]
        with lock:
            if not session.record.rows.get(item.key, {}).get("saw_codes"):
                save_cells(session, item, {"saw_codes": utc_now()})
        told = [{"codes": other["codes"], "note": other["note"]} for other in session.others.get(item.key, ())]
        return jsonify({"others": told, "row": session.record.rows[item.key]})

    @app.post("/api/item/<int:number>/fetch")
    def fetch(number: int) -> Response:
        session = desk.session
        if not 0 <= number < len(session.items) or desk.fetch is None:
            return _answer(404, "texts cannot be fetched here")
        waiting = [place for place in range(number, len(session.items)) if _lacks_text(session.items[place])]
        wanted = [session.items[place].key for place in waiting[:FETCHED_AT_ONCE]]
        texts = desk.fetch(wanted)
        limit = tasks.SCREENED_CHARACTERS if session.task == "screening" else tasks.SHOWN_CHARACTERS
        with lock:
            for place in waiting[:FETCHED_AT_ONCE]:
                item = session.items[place]
                if item.key in texts:
                    facts = {**item.__dict__, "text": tasks.shorten(texts[item.key], limit)}
                    session.items[place] = Item(**facts)
        if session.items[number].key not in texts:
            return _answer(409, "the site gave no text for this document; open the link, or go on with the next")
        return jsonify(show_item(session, number))


def _saved(desk: Desk, item: Item, row: Mapping[str, str]) -> Response:
    session = desk.session
    notices, session.record.notices = session.record.notices, []
    return jsonify(
        {
            "row": row,
            **progress.summarise(session),
            "certified": _certify(session, item),
            "answer": explain_answer(session, item),
            "notices": notices,
        }
    )


def _find_clash(session: Session, item: Item, values: Mapping[str, object], seen: str | None) -> str:
    """Returns what is wrong if another tab changed one of these cells after this tab had shown them."""
    if seen is None:
        return ""
    fresh = [event for event in session.record.journal.events if event.document == item.key and event.time > seen]
    theirs = {column: value for event in fresh for column, value in event.cells.items()}
    for column, value in values.items():
        if column != "state" and column in theirs and theirs[column] != value:
            return f"another tab made {column} {theirs[column] or 'empty'} meanwhile; press again to change it"
    return ""


def _lacks_text(item: Item) -> bool:
    return not item.text and not item.members


def _certify(session: Session, item: Item) -> str:
    row = session.record.rows.get(item.key, {})
    if session.task != "clusters" or not row.get("is_one_agenda"):
        return ""
    off = set(row.get("off_ids", "").split())
    return certify(len(item.random_ids - off), len(item.random_ids))


def _answer(status: int, message: str) -> Response:
    response = jsonify({"error": message})
    response.status_code = status
    return response
