"""The hand-check page: one item a screen, on this machine only, saved after every key."""

import hmac
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Flask, Response, jsonify, render_template, request
from markdown_it import MarkdownIt

from pipeline.check.tasks import Item, Task
from pipeline.coding.certify import certify
from pipeline.coding.codebook import AXES, Codebook
from pipeline.coding.records import DONE, DRAFT, Record, save_row

TOKEN_HEADER = "X-Census-Token"
POLICY = (
    "default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
CODE_COLUMNS = ("leaf", "leaf2", *AXES, "confidence")


@dataclass(frozen=True)
class Session:
    """One coder at one task.

    Attributes:
        items: in the coder's order.
        others: codes of the readers by item key, shown in adjudication on demand; empty where it is blind.
        codebook_text: the prose, as Markdown.
    """

    task: Task
    coder: str
    kind: str
    items: Sequence[Item]
    record: Record
    codebook: Codebook
    codebook_text: str
    codebook_version: str
    others: Mapping[str, Sequence[Mapping[str, str]]]


def make_app(session: Session, token: str, hosts: Sequence[str]) -> Flask:
    """Returns the application.

    Every request needs the token (in the link for the page, in a header for the rest), a Host that is this machine,
    and, to save, an Origin that is this page: another site open in the same browser can neither read nor write.

    Args:
        session: what is read and by whom.
        token: the secret in the link.
        hosts: allowed Host headers, such as 127.0.0.1:8000.
    """
    app = Flask(__name__, static_folder="static", template_folder="static")
    app.json.sort_keys = False  # type: ignore[attr-defined]  # leaves come in the codebook's order: E2 before E10
    lock = threading.Lock()

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

    @app.get("/")
    def page() -> str:
        return render_template("page.html", task=session.task)

    @app.get("/api/session")
    def describe() -> Response:
        return jsonify(_describe(session))

    @app.get("/api/item/<int:number>")
    def show(number: int) -> Response:
        if not 0 <= number < len(session.items):
            return _answer(404, "there is no such item")
        return jsonify(_show(session, number))

    @app.post("/api/item/<int:number>")
    def save(number: int) -> Response:
        values = request.get_json(silent=True)
        if not 0 <= number < len(session.items) or not isinstance(values, dict):
            return _answer(400, "needs an item and its cells")
        problem = find_problem(session, values)
        if problem:
            return _answer(400, problem)
        with lock:
            row = _save(session, session.items[number], {str(key): str(value) for key, value in values.items()})
        return jsonify(
            {"row": row, "done": _count_done(session), "certified": _certify(session, session.items[number], row)}
        )

    return app


def find_problem(session: Session, values: Mapping[str, object]) -> str:
    """Returns what is wrong with cells that the page sent, or an empty text."""
    allowed = session.codebook
    for column, value in values.items():
        if column not in session.record.columns or column in {session.record.key, "saved_at", "started_at"}:
            return f"there is no column {column!r} to fill"
        if not isinstance(value, str) or len(value) > 4_000:
            return f"{column} is not a short text"
        if value and column in CODE_COLUMNS:
            codes = allowed.leaves if column.startswith("leaf") else allowed.axes[column]
            if value not in codes:
                return f"{column} {value!r} is not in the codebook"
        if column == "state" and value not in {DRAFT, DONE}:
            return f"state {value!r} is not draft or done"
    return ""


def missing_cells(task: Task, row: Mapping[str, str]) -> list[str]:
    """Returns the cells without which a row is not done."""
    needed = {
        "documents": ("leaf", *AXES, "confidence"),
        "adjudication": ("leaf", *AXES, "confidence"),
        "clusters": ("name", "is_one_agenda"),
        "intrusion": ("choice",),
    }[task]
    return [column for column in needed if not row.get(column)]


def _save(session: Session, item: Item, values: dict[str, str]) -> dict[str, str]:
    known = session.record.rows.get(item.key, {})
    if missing_cells(session.task, {**known, **values}):
        values["state"] = DRAFT
    if session.task == "clusters":
        values["shown_ids"] = " ".join(doc_id for doc_id, _, _ in item.members)
    kept = {"codebook_version": session.codebook_version, "coder_kind": session.kind}
    return save_row(session.record, item.key, values, kept)


def _describe(session: Session) -> dict[str, object]:
    states = [session.record.rows.get(item.key, {}).get("state", "") for item in session.items]
    waiting = [number for number, state in enumerate(states) if state != DONE]
    return {
        "task": session.task,
        "coder": session.coder,
        "count": len(session.items),
        "done": len(states) - len(waiting),
        "next": waiting[0] if waiting else max(len(states) - 1, 0),
        "groups": session.codebook.groups,
        "leaves": session.codebook.leaves,
        "axes": {axis: session.codebook.axes[axis] for axis in (*AXES, "confidence")},
        "codebook": MarkdownIt("commonmark", {"html": False}).enable("table").render(session.codebook_text),
    }


def _show(session: Session, number: int) -> dict[str, object]:
    item = session.items[number]
    row = session.record.rows.get(item.key, {})
    return {
        "number": number,
        "title": item.title,
        "text": item.text,
        "url": item.url if item.url.startswith(("https://", "http://")) else "",
        "members": [{"id": doc_id, "title": title, "text": text} for doc_id, title, text in item.members],
        "row": row,
        "others": list(session.others.get(item.key, ())),
        "certified": _certify(session, item, row),
    }


def _certify(session: Session, item: Item, row: Mapping[str, str]) -> str:
    if session.task != "clusters" or not row.get("is_one_agenda"):
        return ""
    off = set(row["off_ids"].split())
    return certify(len(item.random_ids - off), len(item.random_ids))


def _count_done(session: Session) -> int:
    return sum(session.record.rows.get(item.key, {}).get("state") == DONE for item in session.items)


def _answer(status: int, message: str) -> Response:
    response = jsonify({"error": message})
    response.status_code = status
    return response
