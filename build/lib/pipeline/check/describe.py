"""A task as data for the page, served or packed: which decisions there are, with which codes and keys."""

from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt

from pipeline.check.session import SCREENS, Session
from pipeline.check.study import asked_axes, folded_axes, required_columns
from pipeline.check.tasks import CODED, Item
from pipeline.coding.codebook import Codebook

LEAF_KEYS = "1234567890qwertyuiop"  # the tenth leaf of a group is on 0, then q and w
TITLES = {
    "documents": "Reading",
    "extension": "Reading beyond the round",
    "adjudication": "Adjudication",
    "gold": "Gold",
    "screening": "Screening",
    "retest": "Reading again",
    "clusters": "Groups",
    "names": "Names of groups",
    "intrusion": "Intruders",
    "practice": "Practice: nothing here is counted",
}
Step = dict[str, Any]


def describe_task(session: Session) -> dict[str, Any]:
    """Returns what the page needs once: the decisions in order, the codebook, and what follows from what."""
    return {
        "task": session.task,
        "title": TITLES[session.task],
        "coder": session.coder,
        "kind": session.kind,
        "round": session.round,
        "steps": _steps(session),
        "folded": [_axis_step(session.codebook, axis) for axis in folded_axes(session.study, session.codebook)]
        if session.task in CODED
        else [],
        "required": list(required_columns(session.task, session.study, session.codebook)),
        "leaves": [[code, meaning, hint_of(session, code)] for code, meaning in session.codebook.leaves.items()],
        "group_of": {leaf: leaf[0] for leaf in session.codebook.leaves},
        "follows": {
            group: {axis: code for axis, code in codes.items() if axis in session.codebook.axes}
            for group, codes in session.study.follows.items()
        },
        "second_leaf_after": session.study.second_leaf_after,
        "codebook": render_codebook(session.codebook_text),
        "codebook_version": session.codebook_version,
    }


def show_item(session: Session, number: int) -> dict[str, Any]:
    """Returns one item with the coder's cells; nothing that could sway."""
    item = session.items[number]
    return {
        "number": number,
        "title": item.title,
        "text": item.text,
        "url": item.url if item.url.startswith(("https://", "http://")) else "",
        "members": [{"id": doc_id, "title": title, "text": text} for doc_id, title, text in item.members],
        "proposed": item.proposed,
        "row": session.record.rows.get(item.key, {}),
        "has_others": bool(session.others.get(item.key)),
    }


def explain_answer(session: Session, item: Item) -> dict[str, Any] | None:
    """Returns, in practice and after the coder's answer, what was expected and why."""
    row = session.record.rows.get(item.key, {})
    if session.task != "practice" or not row.get("leaf"):
        return None
    expected = session.study.practice[int(item.key.split(":")[1]) - 1]
    codes = {axis: code for axis, code in expected.codes.items() if axis in session.codebook.axes}
    return {
        "is_right": row["leaf"] in (expected.leaf, *expected.also),
        "leaf": expected.leaf,
        "also": list(expected.also),
        "codes": codes,
        "why": expected.why,
    }


def render_codebook(text: str) -> str:
    """Returns the prose as HTML; HTML inside it is shown, not run."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").render(text)


def hint_of(session: Session, leaf: str) -> str:
    """Returns what the codebook's table says of a leaf: what counts here, and what goes elsewhere."""
    for line in session.codebook_text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 4 and cells[0].strip("* ") == leaf:
            counts, elsewhere = (cell.replace("*", "") for cell in cells[2:])
            return ". ".join(part for part in (counts, f"Not here: {elsewhere}" if elsewhere else "") if part)
    return ""


def _steps(session: Session) -> list[Step]:
    if session.task == "clusters":
        answers = {"yes": "one agenda", "no": "not one agenda", "unsure": "cannot tell"}
        return [
            {"name": "name", "title": "What would you call it?", "kind": "text"},
            _choice("is_one_agenda", "Is it one agenda?", answers, "ynu"),
        ]
    if session.task == "names":
        return [{"name": "name", "title": "Its name: keep it, or type a better one", "kind": "text"}]
    if session.task == "intrusion":
        return [{"name": "choice", "title": "Which one does not belong?", "kind": "member"}]
    if session.task == "screening":
        return [_choice("screen", "Could this be in scope?", SCREENS, "yen")]
    codebook = session.codebook
    asked = asked_axes(session.study, codebook)
    before = [axis for axis in asked if axis != "confidence"]
    leaf = [
        _choice("group", "Which group?", codebook.groups, [code[0].lower() for code in codebook.groups]),
        {"name": "leaf", "title": "Which leaf?", "kind": "leaf", "keys": LEAF_KEYS},
    ]
    return [
        *(_axis_step(codebook, axis) for axis in before),
        *leaf,
        _axis_step(codebook, "confidence"),
    ]


def _axis_step(codebook: Codebook, axis: str) -> Step:
    codes = dict(sorted(codebook.axes[axis].items(), reverse=True))
    if not any(code[-1].isdigit() for code in codes):
        codes = codebook.axes[axis]
    keys = [code[-1] if code[-1].isdigit() else code[0].lower() for code in codes]
    title = "How sure are you?" if axis == "confidence" else f"{axis.capitalize()}?"
    return _choice(axis, title, codes, keys)


def _choice(name: str, title: str, codes: Mapping[str, str], keys: Sequence[str]) -> Step:
    rows = [[code, meaning, key] for (code, meaning), key in zip(codes.items(), keys, strict=True)]
    if len({key for _, _, key in rows}) < len(rows):  # two codes with one initial: count instead
        rows = [[code, meaning, key] for (code, meaning, _), key in zip(rows, LEAF_KEYS, strict=False)]
    return {"name": name, "title": title, "kind": "choice", "codes": rows}
