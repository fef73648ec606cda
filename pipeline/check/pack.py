"""An invited reader's file: items, codebook and keys in one HTML page that needs no network and no installation."""

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment

from pipeline import store
from pipeline.check.describe import describe_task, show_item
from pipeline.check.session import Session
from pipeline.check.tasks import CODED, Item
from pipeline.errors import SheetError

STATIC = resources.files("pipeline.check") / "static"
SCRIPTS = ("offline.js", "steps.js", "page.js")  # the page itself, over another source


def write_pack(session: Session, path: Path, items: Sequence[Item]) -> int:
    """Writes the page for some documents; returns how many. What it saves is taken back by `import`.

    Raises:
        SheetError: the task is not one of reading documents, or nothing is left to read.
    """
    if session.task not in (*CODED, "screening"):
        raise SheetError("only documents can be read in a file", where=session.task, do="use the page")
    if not items:
        raise SheetError("nothing is left to read", where=session.coder, do="choose another CODER, ROUND or STRATUM")
    place = {item.key: number for number, item in enumerate(session.items)}
    shown = [
        {
            **show_item(session, place[item.key]),
            "key": item.key,
            "row": {},
            "has_others": False,
            "text_sha256": item.text_sha256,
            "shown_sha256": item.shown_sha256,
        }
        for item in items
    ]
    about = {**describe_task(session), "count": len(items), "done": 0}
    identity = store.sha256_of_text(json.dumps([session.coder, session.task, [item["shown_sha256"] for item in shown]]))
    data = json.dumps(
        {"id": identity[:16], "key": session.record.key, "session": about, "items": shown}, ensure_ascii=True
    )
    template = Environment(autoescape=False).from_string(_read("pack.html"))
    page = template.render(
        coder=session.coder,
        task=session.task,
        css=_read("page.css"),
        body=_read("body.html"),
        data=data.replace("<", "\\u003c"),  # no text can end the script that holds it
        script="\n".join(_read(name) for name in SCRIPTS).replace("</", "<\\/"),
    )
    store.write_text(path, page)
    return len(items)


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
