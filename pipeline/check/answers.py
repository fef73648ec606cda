"""What a model was asked and answered, kept beside the codes: one line an answer, accepted or not, never a key.

`answers/<task>/<coder>.jsonl` has all but the texts (which belong to their authors): model, parameters, hash of the
instructions and of the document as shown, the answer whole, what it took. The instructions lie beside it, once for each
hash. `<coder>.prompts.jsonl`, which git ignores, has every prompt word by word.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.check.session import Session

ACCEPTED, REJECTED = "accepted", "rejected"


def answers_path(session: Session) -> Path:
    """Returns where the answers of a coder at a task are kept."""
    return session.handcheck / "answers" / session.task / f"{session.coder}.jsonl"


def keep_instructions(session: Session, instructions: str) -> str:
    """Writes the instructions down, once; returns their hash."""
    digest = store.sha256_of_text(instructions)
    path = answers_path(session).with_name(f"{session.coder}-{digest[:12]}.md")
    if not path.exists():
        store.write_text(path, instructions)
    return digest


def append_answer(session: Session, line: Mapping[str, Any], prompt: str) -> None:
    """Appends one answer and its prompt, and returns when both are on disk."""
    path = answers_path(session)
    _append(path.with_name(f"{session.coder}.prompts.jsonl"), {"doc_id": line["doc_id"], "prompt": prompt})
    _append(path, line)


def read_accepted(session: Session, model: str, instructions_sha256: str) -> dict[str, dict[str, str]]:
    """Returns the accepted answers of a model under some instructions, by document and hash of what was shown.

    A line that a kill cut off is passed over: its document is asked for again.
    """
    found: dict[str, dict[str, str]] = {}
    path = answers_path(session)
    for line in path.read_text(encoding="utf-8").split("\n") if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row["outcome"] == ACCEPTED and row["asked_model"] == model and row["instructions"] == instructions_sha256:
            found[f"{row['doc_id']} {row['shown_sha256']}"] = row["cells"]
    return found


def _append(path: Path, row: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a kill cut the last line off; the next must begin on a line of its own
                file.write(b"\n")
        file.write(json.dumps(row, ensure_ascii=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
