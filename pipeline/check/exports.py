"""Documents handed out to be coded elsewhere: by a model, a batch service, or in a spreadsheet."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.check import prompts
from pipeline.check.progress import is_done, list_numbers
from pipeline.check.session import Session
from pipeline.check.tasks import CODED, Item
from pipeline.errors import SheetError

PARAMETERS = {"temperature": 0, "max_tokens": 600}
FORMATS = ("items", "batch", "sheet")


def waiting_items(session: Session, stratum: str = "", count: int = 0) -> list[Item]:
    """Returns what the coder has not read yet, in the coder's order: a frame or stratum only, the first `count` only.

    Raises:
        SheetError: no document belongs to the stratum.
    """
    numbers = list_numbers(session, stratum)
    if stratum and not numbers:
        known = ", ".join(sorted({item.stratum for item in session.items}))
        raise SheetError(f"there is no stratum {stratum!r}", where="STRATUM", do=f"use a frame or one of: {known}")
    items = [session.items[number] for number in numbers if not is_done(session, session.items[number])]
    return items[:count] if count else items


def write_items(session: Session, path: Path, items: list[Item], *, is_batch: bool, model: str) -> int:
    """Writes one JSON line a document; returns how many.

    Raises:
        SheetError: the task cannot be coded outside the page, a text is missing, or a batch names no model.
    """
    if session.task not in (*CODED, "screening"):
        raise SheetError("only documents can be coded elsewhere", where=session.task, do="use the page")
    if is_batch and not model:
        raise SheetError("a batch service wants to know the model", where="MODEL", do="say which: MODEL=name")
    bare = [item for item in items if not item.text]
    if len(bare) == len(items) and items:
        raise SheetError(
            f"the text of none of the {len(items)} documents is on this machine",
            where=items[0].key,
            do="run make hydrate first",
        )
    rows = _batch_rows(session, items, model) if is_batch else _item_rows(session, items)
    store.write_text(path, "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows))
    return len(items)


def _item_rows(session: Session, items: list[Item]) -> Iterator[dict[str, Any]]:
    instructions, schema = prompts.instructions_of(session), prompts.answer_schema(session)
    for item in items:
        yield {
            "doc_id": item.key,
            "task": session.task,
            "round": session.round,
            "codebook_version": session.codebook_version,
            "text_sha256": item.text_sha256,
            "shown_sha256": item.shown_sha256,
            "shown": len(item.text),
            "title": item.title,
            "text": item.text,
            "instructions": instructions,
            "schema": schema,
        }


def _batch_rows(session: Session, items: list[Item], model: str) -> Iterator[dict[str, Any]]:
    for item in items:
        yield {
            "custom_id": item.key,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": prompts.request_body(session, item, model, PARAMETERS),
        }
